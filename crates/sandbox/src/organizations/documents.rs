//! What AWS checks of a policy's document when it is saved, told as AWS does: the first thing that is wrong.
//!
//! Read from the Organizations user guide's syntax pages and the IAM user guide's grammar, apart from what the org
//! plan is checked by: the two are witnesses for each other (`tests/suite/policy_documents.rs`).

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

const PATHS: &str = include_str!("paths.txt");

/// Characters that a policy's content may have ("Quotas and service limits for AWS Organizations", July 2026; for
/// upgrade rollouts their syntax page). White space counts.
pub(super) fn longest(kind: &str) -> usize {
    match kind {
        "SERVICE_CONTROL_POLICY" => 10_240,
        "RESOURCE_CONTROL_POLICY" | "UPGRADE_ROLLOUT_POLICY" => 5_120,
        "AISERVICES_OPT_OUT_POLICY" => 2_500,
        _ => 10_000,
    }
}

/// How many policies of a type a target may have (the same page).
pub(super) fn most_attached(kind: &str) -> usize {
    match kind {
        "RESOURCE_CONTROL_POLICY" | "CHATBOT_POLICY" | "AISERVICES_OPT_OUT_POLICY" => 5,
        _ => 10,
    }
}

/// Whether a document meets the requirements of its type.
///
/// # Errors
/// It does not: the first reason.
pub(super) fn check(kind: &str, content: &str) -> Result<(), String> {
    let Unique(document) = serde_json::from_str(content).map_err(|error| error.to_string())?;
    if !document.is_object() {
        return Err("it is not an object".to_owned());
    }
    match kind {
        "SERVICE_CONTROL_POLICY" => language(&document, true),
        "RESOURCE_CONTROL_POLICY" => language(&document, false),
        // No page says more of it.
        "SECURITYHUB_CSPM_POLICY" => {
            if document.as_object().is_some_and(Map::is_empty) {
                return Err("it is empty".to_owned());
            }
            operators_only(&document)
        }
        _ => {
            let rules = Rules::of(kind);
            rules.walk(&document, &mut Vec::new())?;
            if kind == "TAG_POLICY" {
                tag_keys(&document)?;
            }
            if kind == "GUARDDUTY_POLICY" {
                foundations(&document)?;
            }
            Ok(())
        }
    }
}

fn fail<T>(why: impl Into<String>) -> Result<T, String> {
    Err(why.into())
}

/// IAM's policy language, as SCPs (`principals` are out) or RCPs have it.
fn language(document: &Value, scp: bool) -> Result<(), String> {
    let object = document.as_object().into_iter().flatten();
    for (key, value) in object {
        match key.as_str() {
            "Version" | "Statement" => {}
            "Id" if value.is_string() => {}
            _ => return fail(format!("{key} is not known")),
        }
    }
    if document["Version"] != "2012-10-17" {
        return fail("Policy document must be version 2012-10-17");
    }
    let statements = match &document["Statement"] {
        Value::Array(list) if !list.is_empty() => list.as_slice(),
        one @ Value::Object(_) => std::slice::from_ref(one),
        _ => return fail("it has no Statement"),
    };
    let mut sids = BTreeSet::new();
    for each in statements {
        statement(each, scp, &mut sids)?;
    }
    Ok(())
}

fn statement<'v>(
    statement: &'v Value,
    scp: bool,
    sids: &mut BTreeSet<&'v str>,
) -> Result<(), String> {
    let Some(elements) = statement.as_object() else {
        return fail("a statement is not an object");
    };
    for (element, value) in elements {
        match element.as_str() {
            "Effect" | "Action" | "Resource" | "NotResource" => {}
            "NotAction" if scp => {}
            "Principal" if !scp => {
                if value != "*" {
                    return fail("Principal must be \"*\"");
                }
            }
            "Condition" => condition(value)?,
            "Sid" => {
                let Some(sid) = value.as_str() else {
                    return fail("Sid must be a string");
                };
                if sid.bytes().any(|byte| !byte.is_ascii_alphanumeric()) {
                    return fail(format!("Statement IDs (SID) must be alpha-numeric: {sid}"));
                }
                if !sid.is_empty() && !sids.insert(sid) {
                    return fail(format!("Statement IDs (SID) must be unique: {sid}"));
                }
            }
            other => return fail(format!("{other} is not supported")),
        }
    }
    match statement["Effect"].as_str() {
        Some("Deny") => {}
        Some("Allow") if scp => {}
        _ => return fail("Effect is not valid"),
    }
    if !scp && !elements.contains_key("Principal") {
        return fail("a statement needs a Principal");
    }
    let one_of =
        |one: &'static str, other: &'static str| match (elements.get(one), elements.get(other)) {
            (Some(value), None) | (None, Some(value)) => Ok(value),
            _ => Err(format!("a statement needs one of {one} and {other}")),
        };
    for action in strings(one_of("Action", "NotAction")?)? {
        let valid = match action.split_once(':') {
            None => scp && action == "*",
            Some((vendor, name)) => {
                let vendors = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
                let names = |c: char| c.is_ascii_alphanumeric() || "-_*?".contains(c);
                (vendor.len() + name.len() > vendor.len())
                    && name.chars().all(names)
                    && ((scp && vendor == "*")
                        || (!vendor.is_empty() && vendor.chars().all(vendors)))
            }
        };
        if !valid {
            return fail(format!("the action {action} is not valid"));
        }
    }
    for resource in strings(one_of("Resource", "NotResource")?)? {
        let parts: Vec<&str> = resource.split(':').collect();
        let valid = match parts.as_slice() {
            ["*"] => true,
            ["arn", partition, vendor, rest @ ..] => {
                !partition.is_empty()
                    && !vendor.is_empty()
                    && (rest.len() >= 3 || resource.ends_with('*'))
            }
            ["arn", one] => one.ends_with('*'),
            _ => false,
        };
        if !valid {
            return fail(format!(
                "Resource {resource} must be in ARN format or \"*\"."
            ));
        }
    }
    Ok(())
}

/// One string or a list of some, none empty.
fn strings(value: &Value) -> Result<Vec<&str>, String> {
    let list = match value {
        Value::Array(list) => list.iter().collect(),
        one => vec![one],
    };
    let strings: Option<Vec<&str>> = list
        .into_iter()
        .map(|value| value.as_str().filter(|text| !text.is_empty()))
        .collect();
    match strings {
        Some(strings) if !strings.is_empty() => Ok(strings),
        _ => fail("a string or a list of strings is needed"),
    }
}

fn condition(value: &Value) -> Result<(), String> {
    let Some(operators) = value.as_object() else {
        return fail("Condition must be an object");
    };
    for (operator, keys) in operators {
        // Names are taken in any case, as IAM does.
        let lower = operator.to_ascii_lowercase();
        let base = ["forallvalues:", "foranyvalue:"]
            .iter()
            .find_map(|prefix| lower.strip_prefix(prefix))
            .unwrap_or(&lower);
        let plain = base.strip_suffix("ifexists").unwrap_or(base);
        let Some(dated) = compares(plain).filter(|_| base == plain || plain != "null") else {
            return fail(format!("Invalid Condition type : {operator}."));
        };
        let Some(keys) = keys.as_object() else {
            return fail(format!("{operator} needs condition keys"));
        };
        for (key, values) in keys {
            match key.split_once(':') {
                Some((vendor, name)) if !vendor.is_empty() && !name.is_empty() => {}
                _ => return fail(format!("Condition key {key} needs a vendor")),
            }
            let values = match values {
                Value::Array(list) => list.as_slice(),
                one => std::slice::from_ref(one),
            };
            for value in values {
                let text = match value {
                    Value::String(text) => text.clone(),
                    Value::Bool(_) | Value::Number(_) => value.to_string(),
                    Value::Null | Value::Array(_) | Value::Object(_) => {
                        return fail(format!("{key} has a value of no kind"));
                    }
                };
                // Other values are parsed when they are compared, and then match nothing.
                let epoch = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
                if dated && !text.contains("${") && !epoch && !is_time(&text) {
                    return fail("The policy failed legacy parsing");
                }
            }
        }
    }
    Ok(())
}

/// Whether a condition operator compares dates; none where there is no such operator.
fn compares(operator: &str) -> Option<bool> {
    let equal = ["equals", "notequals"];
    let order = [
        "lessthan",
        "lessthanequals",
        "greaterthan",
        "greaterthanequals",
    ];
    let like = ["like", "notlike"];
    let case = ["equalsignorecase", "notequalsignorecase"];
    let families: [(&str, &[&[&str]]); 4] = [
        ("string", &[&equal, &like, &case]),
        ("numeric", &[&equal, &order]),
        ("date", &[&equal, &order]),
        ("arn", &[&equal, &like]),
    ];
    for (family, endings) in families {
        if let Some(rest) = operator.strip_prefix(family) {
            let known = endings.iter().any(|endings| endings.contains(&rest));
            return known.then_some(family == "date");
        }
    }
    let others = ["binaryequals", "bool", "null", "ipaddress", "notipaddress"];
    others.contains(&operator).then_some(false)
}

/// ISO 8601 from years and months on.
fn is_time(text: &str) -> bool {
    let (date, time) = match text.find(['T', 't']) {
        Some(at) => (text.get(..at).unwrap_or_default(), text.get(at + 1..)),
        None => (text, None),
    };
    let fields: Vec<Option<u32>> = date
        .split('-')
        .map(|field| {
            let digits = !field.is_empty() && field.bytes().all(|byte| byte.is_ascii_digit());
            field.parse().ok().filter(|_| digits)
        })
        .collect();
    let dated = date.find('-') == Some(4)
        && match fields.as_slice() {
            [Some(_), Some(month)] => (1..=12).contains(month),
            [Some(_), Some(month), Some(day)] => (1..=12).contains(month) && (1..=31).contains(day),
            _ => false,
        };
    let timed = time.is_none_or(|time| {
        time.as_bytes().first().is_some_and(u8::is_ascii_digit)
            && time
                .chars()
                .all(|c| c.is_ascii_digit() || ":.+-Zz".contains(c))
    });
    dated && timed
}

const ASSIGN: &str = "@@assign";
const CHILDREN: &str = "@@operators_allowed_for_child_policies";

/// Nothing but that operators are known ones.
fn operators_only(value: &Value) -> Result<(), String> {
    for (key, below) in value.as_object().into_iter().flatten() {
        match key.as_str() {
            CHILDREN => children(below)?,
            ASSIGN | "@@append" | "@@remove" => {}
            operator if operator.starts_with('@') => {
                return fail(format!("{operator} is no operator"));
            }
            _ => operators_only(below)?,
        }
    }
    Ok(())
}

fn children(value: &Value) -> Result<(), String> {
    let known = ["@@all", "@@none", ASSIGN, "@@append", "@@remove"];
    match value.as_array() {
        Some(list) if !list.is_empty() => {
            for each in list {
                if !each.as_str().is_some_and(|text| known.contains(&text)) {
                    return fail(format!("{each} is no operator"));
                }
            }
            Ok(())
        }
        _ => fail(format!("{CHILDREN} must be a list")),
    }
}

/// The lines of one type.
struct Rules {
    kind: String,
    settings: Vec<(Vec<&'static str>, Vec<&'static str>)>,
    required: Vec<Vec<&'static str>>,
    one_of: Vec<(Vec<&'static str>, Vec<&'static str>)>,
    regions: Vec<Vec<&'static str>>,
    open: Vec<Vec<&'static str>>,
}

impl Rules {
    fn of(kind: &str) -> Self {
        let path = |text: &'static str| -> Vec<&'static str> { text.split('/').collect() };
        let mut rules = Self {
            kind: kind.to_owned(),
            settings: Vec::new(),
            required: Vec::new(),
            one_of: Vec::new(),
            regions: Vec::new(),
            open: Vec::new(),
        };
        let mut here = false;
        for line in PATHS.lines() {
            if let Some(name) = line.strip_prefix('[') {
                here = name.strip_suffix(']') == Some(kind);
                continue;
            }
            if !here || line.is_empty() || line.starts_with('#') {
                continue;
            }
            let words: Vec<&'static str> = line.split(' ').collect();
            match words.as_slice() {
                ["!", at] => rules.required.push(path(at)),
                ["&", at] => rules.regions.push(path(at)),
                ["+", at] => rules.open.push(path(at)),
                ["?", at, names @ ..] => rules.one_of.push((path(at), names.to_vec())),
                [at, "=", takes @ ..] => rules.settings.push((path(at), takes.to_vec())),
                _ => {}
            }
        }
        rules
    }

    fn walk(&self, value: &Value, at: &mut Vec<String>) -> Result<(), String> {
        let place = format!("/{}", at.join("/"));
        let Some(object) = value.as_object() else {
            return fail(format!("{} must be an object", place));
        };
        let setting = self.settings.iter().find(|(path, _)| fits(path, at));
        if let Some((_, takes)) = setting {
            return self.setting(object, takes, &place);
        }
        for path in &self.required {
            if let Some((last, above)) = path.split_last()
                && fits(above, at)
                && !object.contains_key(*last)
            {
                return fail(format!("{} needs {last}", place));
            }
        }
        for (path, names) in &self.one_of {
            if fits(path, at) && !names.iter().any(|name| object.contains_key(*name)) {
                return fail(format!("{} needs one of {}", place, names.join(", ")));
            }
        }
        if self.regions.iter().any(|path| fits(path, at)) {
            both_lists(object).map_err(|missing| format!("{place} needs {missing}"))?;
        }
        if self.kind == "GUARDDUTY_POLICY" && object.is_empty() && at.len() == 2 {
            return fail("enablement must contain at least one block");
        }
        for (key, below) in object {
            if key == CHILDREN {
                children(below)?;
                continue;
            }
            if key.starts_with('@') {
                return fail(format!("{key} is no operator of {}", place));
            }
            at.push(key.clone());
            let known = self.settings.iter().any(|(path, _)| begins(path, at));
            if known {
                self.walk(below, at)?;
            } else {
                let parent = at.get(..at.len() - 1).unwrap_or_default();
                if !self.open.iter().any(|path| fits(path, parent)) {
                    return fail(format!("/{} is not known", at.join("/")));
                }
            }
            at.pop();
        }
        Ok(())
    }

    fn setting(
        &self,
        object: &Map<String, Value>,
        takes: &[&str],
        place: &str,
    ) -> Result<(), String> {
        let (kind, words) = takes.split_first().unwrap_or((&"one", &[]));
        let many = !["one", "int", "bool"].contains(kind);
        if object.is_empty() {
            return fail(format!("{place} has no value"));
        }
        for (operator, value) in object {
            let multi = ["@@append", "@@remove"].contains(&operator.as_str());
            if operator == CHILDREN {
                children(value)?;
                continue;
            }
            // Stands so in an example of the user guide's, to no effect.
            if operator == "enforced_for" && many && self.kind == "TAG_POLICY" {
                continue;
            }
            let allowed =
                operator == ASSIGN || (multi && many && self.kind != "AISERVICES_OPT_OUT_POLICY");
            if !allowed {
                return fail(format!("{place} does not take {operator}"));
            }
            let values = match value {
                Value::Array(list) if many => list.as_slice(),
                Value::Array(_) => return fail(format!("{place} has one value")),
                _ if many => return fail(format!("{place} has a list of values")),
                one => std::slice::from_ref(one),
            };
            for value in values {
                if !suits(kind, words, value) {
                    return fail(format!("{place} does not take {value}"));
                }
            }
        }
        Ok(())
    }
}

/// Whether a value is of a setting's kind.
fn suits(kind: &str, words: &[&str], value: &Value) -> bool {
    let text = value.as_str();
    match kind {
        "int" => {
            let bound = |index: usize| words.get(index).and_then(|word| word.parse::<i64>().ok());
            let number = match value {
                Value::Number(number) => number.as_i64(),
                _ => text.and_then(|text| text.parse().ok()),
            };
            number.is_some_and(|number| {
                bound(0).is_some_and(|least| least <= number)
                    && bound(1).is_some_and(|most| number <= most)
            })
        }
        "bool" => value.is_boolean() || matches!(text, Some("true" | "false")),
        "regions" => text.is_some_and(|text| text == "ALL_SUPPORTED" || region(text)),
        "types" => text
            .and_then(|text| text.split_once(':'))
            .is_some_and(|(service, kind)| {
                !service.is_empty() && !service.contains('*') && !kind.is_empty()
            }),
        "wildcard" => text.is_some_and(|text| text.bytes().filter(|b| *b == b'*').count() < 2),
        _ => text.is_some_and(|text| words.is_empty() || words.contains(&text)),
    }
}

/// Whether a place is the path's.
fn fits(path: &[&str], at: &[String]) -> bool {
    path.len() == at.len() && begins(path, at)
}

/// Whether a place is on the path's way.
fn begins(path: &[&str], at: &[String]) -> bool {
    path.len() >= at.len() && path.iter().zip(at).all(|(part, name)| named(part, name))
}

fn named(part: &str, name: &str) -> bool {
    match part {
        "*" => !name.is_empty(),
        "@" => region(name),
        "%" => name == "default" || region(name),
        _ => match part.split_once('#') {
            None => part == name,
            Some((start, most)) => {
                let number = name.strip_prefix(start).unwrap_or_default();
                let most: u32 = most.parse().unwrap_or_default();
                (1..=most).any(|each| each.to_string() == number)
            }
        },
    }
}

/// Such as `eu-west-1` or `us-gov-east-1`.
fn region(text: &str) -> bool {
    let Some((words, number)) = text.rsplit_once('-') else {
        return false;
    };
    let lower = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
    let mut parts = words.split('-');
    let area = parts.next().unwrap_or_default();
    let digits = !number.is_empty() && number.len() <= 2;
    digits
        && number.bytes().all(|b| b.is_ascii_digit())
        && area.len() == 2
        && lower(area)
        && words.contains('-')
        && parts.all(lower)
}

/// The list of Regions that is missing, if one is: a policy that assigns has both.
fn both_lists(object: &Map<String, Value>) -> Result<(), &'static str> {
    let (enable, disable) = ("enable_in_regions", "disable_in_regions");
    let amends = |list: &Value| list.get(ASSIGN).is_none();
    match (object.get(enable), object.get(disable)) {
        (Some(_), Some(_)) => Ok(()),
        (Some(list), None) if amends(list) => Ok(()),
        (None, Some(list)) if amends(list) => Ok(()),
        (Some(_), None) => Err(disable),
        (None, Some(_)) => Err(enable),
        (None, None) => {
            let below = object
                .iter()
                .any(|(key, value)| !key.starts_with('@') && value.is_object());
            if below { Ok(()) } else { Err(enable) }
        }
    }
}

/// A tag's policy key and its tag key are the same but for case.
fn tag_keys(document: &Value) -> Result<(), String> {
    for (key, tag) in document["tags"].as_object().into_iter().flatten() {
        if let Some(text) = tag["tag_key"][ASSIGN].as_str()
            && text.to_lowercase() != key.to_lowercase()
        {
            return fail(format!("tag_key {text} does not match {key}"));
        }
    }
    Ok(())
}

/// In a block nothing is enabled without foundational threat detection.
fn foundations(document: &Value) -> Result<(), String> {
    let blocks = document["guardduty"]["enablement"].as_object();
    for (name, block) in blocks.into_iter().flatten() {
        let enabled = |feature: &Value| feature["status"][ASSIGN] == "enabled";
        let any = block
            .as_object()
            .into_iter()
            .flatten()
            .any(|(key, feature)| key != "foundational" && enabled(feature));
        if any && !enabled(&block["foundational"]) {
            return fail(format!("foundational must be enabled in {name}"));
        }
    }
    Ok(())
}

/// JSON whose objects have no name twice.
struct Unique(Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reading;
        impl<'de> Visitor<'de> for Reading {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            fn visit_unit<E>(self) -> Result<Value, E> {
                Ok(Value::Null)
            }

            fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
                Ok(Value::Bool(value))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
                Ok(Value::Number(value.into()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
                Ok(Value::Number(value.into()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
                Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
            }

            fn visit_str<E>(self, value: &str) -> Result<Value, E> {
                Ok(Value::String(value.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
                let mut values = Vec::new();
                while let Some(Unique(value)) = list.next_element()? {
                    values.push(value);
                }
                Ok(Value::Array(values))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
                let mut object = Map::new();
                while let Some((key, Unique(value))) = map.next_entry::<String, Unique>()? {
                    if object.insert(key.clone(), value).is_some() {
                        return Err(de::Error::custom(format!("Duplicate key {key}")));
                    }
                }
                Ok(Value::Object(object))
            }
        }
        deserializer.deserialize_any(Reading).map(Unique)
    }
}
