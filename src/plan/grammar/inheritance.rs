//! The policy types that accounts inherit setting by setting: their names by [`super::shapes`], their operators by
//! "Inheritance operators" in the Organizations user guide.

use super::json::{Member, Node, Value};
use super::shapes::{self, AI_SERVICES, Keys, Naming, Required, Shape, Takes};
use super::{Faults, Spot, members};
use crate::plan::PolicyType;
use crate::plan::suggest::{list, nearest};

const ASSIGN: &str = "@@assign";
const APPEND: &str = "@@append";
const REMOVE: &str = "@@remove";
/// What child policies may do; stands at any level.
const ALLOWED: &str = "@@operators_allowed_for_child_policies";
const OPERATORS: [&str; 4] = [ASSIGN, APPEND, REMOVE, ALLOWED];

const NO_OTHER_NAMES: &str = "a policy has no other names than those of its syntax page";

/// What [`ALLOWED`] lists.
const FOR_CHILDREN: [&str; 5] = ["@@all", "@@none", ASSIGN, APPEND, REMOVE];

pub(super) fn check(root: &Spot<'_>, faults: &mut Faults) {
    let Some(shape) = shapes::of(faults.kind) else {
        return;
    };
    let Some(members) = members(root, faults) else {
        return;
    };
    if matches!(shape, Shape::Any) {
        if members.is_empty() {
            faults.refuse(
                root.node.span.clone(),
                "",
                "the document is empty",
                "write what the policy is to set",
                "a policy has content",
            );
        } else {
            faults.warn(
                root.node.start(),
                "",
                format!(
                    "a {} is not checked: AWS's user guide does not say what it has",
                    faults.kind.as_str()
                ),
                "AWS checks it when it is created",
            );
        }
    }
    if let Shape::Keys(keys) = shape
        && of_another_type(members, keys, faults)
    {
        return;
    }
    visit(root, shape, "the document", faults);
    if faults.kind == PolicyType::GuarddutyPolicy {
        foundations(root, faults);
    }
}

/// A document of another type is wrong in one way, not in as many as it has names. Says so where it is one.
fn of_another_type(members: &[Member], keys: &Keys, faults: &mut Faults) -> bool {
    let known = || keys.known.iter().map(|(known, _)| *known);
    let own = |member: &&Member| nearest(&member.key, known()).is_some();
    if members.iter().any(|member| own(&member)) {
        return false;
    }
    let iam = |key: &str| matches!(key, "Version" | "Statement");
    let found = members.iter().find_map(|member| {
        let other = shapes::type_of(&member.key)
            .or_else(|| iam(&member.key).then_some(PolicyType::ServiceControlPolicy))?;
        Some((member, other))
    });
    let Some((member, other)) = found else {
        return false;
    };
    let message = format!("the document has no `{}`", member.key);
    let write = format!(
        "this looks like the type {}: write type = \"{}\", or begin with {}",
        other.as_str(),
        other.as_str(),
        list(known())
    );
    faults.refuse(
        member.key_span.clone(),
        &format!("/{}", member.key),
        message,
        write,
        NO_OTHER_NAMES,
    );
    true
}

/// Whether a name is meant as an operator.
fn is_operator(key: &str) -> bool {
    key.starts_with('@')
}

fn visit(at: &Spot<'_>, shape: &'static Shape, name: &str, faults: &mut Faults) {
    let Some(members) = at.node.table() else {
        not_a_table(at, shape, name, faults);
        return;
    };
    match shape {
        Shape::One(takes) => setting(at, members, name, *takes, false, faults),
        Shape::Many(takes) => setting(at, members, name, *takes, true, faults),
        Shape::Keys(keys) => {
            let mut meant = Vec::new();
            for member in members {
                let below = at.under(&member.key, &member.node);
                if is_operator(&member.key) {
                    level(&below, member, name, faults);
                    continue;
                }
                match keys.known.iter().find(|(known, _)| *known == member.key) {
                    Some((_, shape)) => visit(&below, shape, &format!("`{}`", member.key), faults),
                    None => meant.extend(unknown(&below, member, keys, name, faults)),
                }
            }
            required(at, keys, &meant, name, faults);
            nothing(at, members, name, faults);
        }
        Shape::Names(naming, shape) => {
            for member in members {
                let below = at.under(&member.key, &member.node);
                if is_operator(&member.key) {
                    level(&below, member, name, faults);
                    continue;
                }
                naming_fits(&below, member, *naming, name, faults);
                visit(&below, shape, &format!("`{}`", member.key), faults);
                if faults.kind == PolicyType::TagPolicy && at.pointer == "/tags" {
                    case_only(&below, &member.key, faults);
                }
            }
            nothing(at, members, name, faults);
        }
        Shape::Any => {
            for member in members {
                let below = at.under(&member.key, &member.node);
                if !is_operator(&member.key) {
                    any(&below, faults);
                } else if member.key == ALLOWED {
                    children(&below, faults);
                } else if !OPERATORS.contains(&member.key.as_str()) {
                    no_operator(&below, member, faults);
                }
            }
        }
    }
}

fn any(at: &Spot<'_>, faults: &mut Faults) {
    if at.node.table().is_some() {
        visit(at, &Shape::Any, "", faults);
    }
}

fn not_a_table(at: &Spot<'_>, shape: &Shape, name: &str, faults: &mut Faults) {
    let raw = at.node.plain().to_string();
    let (write, rule) = match shape {
        Shape::One(_) | Shape::Many(_) => (
            match raw.chars().count() {
                0..=60 => format!("write {{\"@@assign\": {raw}}}"),
                _ => "write {\"@@assign\": …} with it".to_owned(),
            },
            "a setting has its value below an operator; without one it is as in an effective policy, which AWS shows and does not take",
        ),
        Shape::Keys(_) | Shape::Names(..) | Shape::Any => (
            "write an object in braces".to_owned(),
            "what has names below it is an object",
        ),
    };
    faults.refuse(
        at.node.start(),
        &at.pointer,
        format!("{name} is {}", at.node.what()),
        write,
        rule,
    );
}

/// An operator at a level that has names below it.
fn level(at: &Spot<'_>, member: &Member, name: &str, faults: &mut Faults) {
    match member.key.as_str() {
        ALLOWED => children(at, faults),
        ASSIGN | APPEND | REMOVE => faults.refuse(
            member.key_span.clone(),
            &at.pointer,
            format!(
                "`{}` stands at {name}, which has names below it and no value",
                member.key
            ),
            "write it below the setting whose value it is",
            "value-setting operators stand below a setting",
        ),
        _ => no_operator(at, member, faults),
    }
}

fn no_operator(at: &Spot<'_>, member: &Member, faults: &mut Faults) {
    let write = match member.key.as_str() {
        "@@enforced_for" => "write `enforced_for` beside `tag_value`, as a setting of a tag policy: {\"enforced_for\": {\"@@assign\": [\"ec2:instance\"]}}".to_owned(),
        key => match nearest(key, OPERATORS) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("the operators are {}", list(OPERATORS)),
        },
    };
    faults.refuse(
        member.key_span.clone(),
        &at.pointer,
        format!("`{}` is no inheritance operator", member.key),
        write,
        "the operators are @@assign, @@append, @@remove and @@operators_allowed_for_child_policies",
    );
}

/// What child policies may do: a list of operators, `@@all` or `@@none`.
fn children(at: &Spot<'_>, faults: &mut Faults) {
    let rule = "@@operators_allowed_for_child_policies is a list of @@all, @@none or value-setting operators";
    if !matches!(&at.node.value, Value::List(list) if !list.is_empty()) {
        let write = match at.node.text() {
            Some(text) if FOR_CHILDREN.contains(&text) => format!("write [\"{text}\"]"),
            _ => "write [\"@@none\"], [\"@@all\"] or a list of operators".to_owned(),
        };
        faults.refuse(
            at.node.span.clone(),
            &at.pointer,
            format!("`{ALLOWED}` is {}", at.node.what()),
            write,
            rule,
        );
        return;
    }
    for each in at.each() {
        let text = each.node.text();
        if text.is_some_and(|text| FOR_CHILDREN.contains(&text)) {
            continue;
        }
        let write = match text.and_then(|text| nearest(text, FOR_CHILDREN)) {
            Some(meant) => format!("did you mean \"{meant}\"?"),
            None => format!("write one of {}", list(FOR_CHILDREN)),
        };
        faults.refuse(
            each.node.start(),
            &each.pointer,
            format!("`{ALLOWED}` lists {}", each.node.what()),
            write,
            rule,
        );
    }
}

/// A name that the syntax does not have; gives the one that was meant.
fn unknown(
    at: &Spot<'_>,
    member: &Member,
    keys: &Keys,
    name: &str,
    faults: &mut Faults,
) -> Option<&'static str> {
    let known = keys.known.iter().map(|(known, _)| *known);
    let meant = nearest(&member.key, known.clone());
    let write = match meant {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("{name} has {}", list(known)),
    };
    if keys.open {
        faults.warn(
            member.key_span.clone(),
            &at.pointer,
            format!("orgstrap does not know `{}` of {name}", member.key),
            format!("{write}; AWS adds to these, and checks them when the policy is created"),
        );
        return None;
    }
    faults.refuse(
        member.key_span.clone(),
        &at.pointer,
        format!("{name} has no `{}`", member.key),
        write,
        NO_OTHER_NAMES,
    );
    meant
}

fn required(at: &Spot<'_>, keys: &Keys, meant: &[&str], name: &str, faults: &mut Faults) {
    let has = |key: &&str| at.node.get(key).is_some() || meant.contains(key);
    match keys.required {
        Required::None => {}
        Required::All(all) => {
            for key in all.iter().filter(|key| !has(key)) {
                faults.refuse(
                    at.node.start(),
                    &at.pointer,
                    format!("{name} has no `{key}`"),
                    format!("add \"{key}\": {{…}}"),
                    "the syntax page says that it must be present",
                );
            }
        }
        Required::One(some) => {
            if !some.iter().any(has) {
                faults.refuse(
                    at.node.start(),
                    &at.pointer,
                    format!("{name} has none of {}", list(some.iter().copied())),
                    "add one of them",
                    "the syntax page says that one of them is required",
                );
            }
        }
        Required::Regions => regions(at, meant, name, faults),
    }
}

/// Both lists of Regions are required, though they can be empty; but a child policy that only adds to what it
/// inherits or takes from it may leave one out, as an example of AWS's page does.
fn regions(at: &Spot<'_>, meant: &[&str], name: &str, faults: &mut Faults) {
    let both = ["enable_in_regions", "disable_in_regions"];
    let members = at.node.table().unwrap_or_default();
    let there: Vec<&Node> = both.iter().filter_map(|key| at.node.get(key)).collect();
    let amends = match there.as_slice() {
        [] => members
            .iter()
            .any(|member| !is_operator(&member.key) && member.node.table().is_some()),
        lists => lists.iter().all(|list| list.get(ASSIGN).is_none()),
    };
    if amends {
        return;
    }
    for key in both {
        if at.node.get(key).is_none() && !meant.contains(&key) {
            faults.refuse(
                at.node.start(),
                &at.pointer,
                format!("{name} has no `{key}`"),
                format!("add \"{key}\": {{\"@@assign\": []}}"),
                "enable_in_regions and disable_in_regions are both required, though they can be empty",
            );
        }
    }
}

/// A level that sets nothing.
fn nothing(at: &Spot<'_>, members: &[Member], name: &str, faults: &mut Faults) {
    if !members.is_empty() || at.pointer.is_empty() {
        return;
    }
    if faults.kind == PolicyType::GuarddutyPolicy && at.pointer == "/guardduty/enablement" {
        faults.refuse(
            at.node.span.clone(),
            &at.pointer,
            "`enablement` is empty",
            "add `default`, or a Region such as `eu-west-1`",
            "enablement must contain at least one block",
        );
    } else {
        faults.warn(
            at.node.span.clone(),
            &at.pointer,
            format!("{name} is empty, so it sets nothing"),
            "write what it is to set, or take it out",
        );
    }
}

fn naming_fits(at: &Spot<'_>, member: &Member, naming: Naming, name: &str, faults: &mut Faults) {
    let key = member.key.as_str();
    let (fits, write) = match naming {
        Naming::Free => (!key.is_empty(), "write a name".to_owned()),
        Naming::Region => (
            is_region(key),
            "write a Region such as `eu-west-1`".to_owned(),
        ),
        Naming::DefaultOrRegion => (
            key == "default" || is_region(key),
            "write `default`, or a Region such as `eu-west-1`".to_owned(),
        ),
        Naming::Numbered(prefix, most) => (
            key.strip_prefix(prefix).is_some_and(|number| {
                !number.starts_with('0')
                    && number
                        .parse::<u32>()
                        .is_ok_and(|number| (1..=most).contains(&number))
            }),
            format!("write `{prefix}1` to `{prefix}{most}`"),
        ),
        Naming::AiService => {
            if !AI_SERVICES.contains(&key) {
                let help = match nearest(key, AI_SERVICES) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => "the services are in \"AI services opt-out policy syntax\" of the Organizations user guide".to_owned(),
                };
                faults.warn(
                    member.key_span.clone(),
                    &at.pointer,
                    format!("orgstrap knows no AI service `{key}`"),
                    help,
                );
            }
            return;
        }
    };
    if !fits {
        faults.refuse(
            member.key_span.clone(),
            &at.pointer,
            format!("{name} has no `{key}`"),
            write,
            "names are those that the syntax page says",
        );
    }
}

/// A tag's policy key and its `tag_key` are the same but for case.
fn case_only(at: &Spot<'_>, key: &str, faults: &mut Faults) {
    let assigned = at.node.get("tag_key").and_then(|node| node.get(ASSIGN));
    if let Some(node) = assigned
        && let Some(text) = node.text()
        && text.to_lowercase() != key.to_lowercase()
    {
        faults.refuse(
            node.span.clone(),
            &format!("{}/tag_key/{ASSIGN}", at.pointer),
            format!("`tag_key` of `{key}` is \"{text}\""),
            format!("write \"{key}\", in the case that tags are to have, or rename `{key}`"),
            "the value for the tag key must match the policy key, except for the case",
        );
    }
}

/// A setting: its value, below operators.
fn setting(
    at: &Spot<'_>,
    members: &[Member],
    name: &str,
    takes: Takes,
    many: bool,
    faults: &mut Faults,
) {
    let operators_apart = faults.kind == PolicyType::AiservicesOptOutPolicy;
    if members.is_empty() {
        faults.refuse(
            at.node.span.clone(),
            &at.pointer,
            format!("{name} is an empty object"),
            "write {\"@@assign\": …} with its value",
            "a setting has its value below an operator",
        );
    }
    for member in members {
        let below = at.under(&member.key, &member.node);
        match member.key.as_str() {
            ASSIGN => assigned(&below, name, takes, many, faults),
            APPEND | REMOVE if operators_apart => faults.refuse(
                member.key_span.clone(),
                &below.pointer,
                format!("`{}` stands in an AI services opt-out policy", member.key),
                "write `@@assign`",
                "you can't use @@append and @@remove in AI services opt-out policies",
            ),
            APPEND | REMOVE if many => assigned(&below, name, takes, true, faults),
            APPEND | REMOVE => faults.refuse(
                member.key_span.clone(),
                &below.pointer,
                format!("`{}` stands at {name}, which has one value", member.key),
                "write `@@assign`",
                "@@append and @@remove go with multi-valued settings only",
            ),
            ALLOWED => children(&below, faults),
            // So it stands in an example of "Inheritance examples", where it does nothing.
            "enforced_for" if faults.kind == PolicyType::TagPolicy && many => faults.warn(
                member.key_span.clone(),
                &below.pointer,
                format!("`enforced_for` stands within {name}, where it does nothing"),
                "move it out, beside `tag_value`",
            ),
            key if is_operator(key) => no_operator(&below, member, faults),
            key => faults.refuse(
                member.key_span.clone(),
                &below.pointer,
                format!("{name} has no `{key}`"),
                match nearest(key, OPERATORS) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("{name} is a setting: below it stand {}", list(OPERATORS)),
                },
                "below a setting stand operators only",
            ),
        }
    }
}

/// The value below an operator.
fn assigned(at: &Spot<'_>, name: &str, takes: Takes, many: bool, faults: &mut Faults) {
    let is_list = matches!(at.node.value, Value::List(_));
    if many != is_list {
        let (write, rule) = if many {
            let raw = at.node.plain().to_string();
            let write = match at.node.text() {
                Some(_) => format!("write [{raw}]"),
                None => "write a list of texts".to_owned(),
            };
            (write, "the values of a multi-valued setting are a list")
        } else {
            (
                "write the value alone".to_owned(),
                "the setting has one value",
            )
        };
        faults.refuse(
            at.node.start(),
            &at.pointer,
            format!("{name} is assigned {}", at.node.what()),
            write,
            rule,
        );
        return;
    }
    for each in at.each() {
        value(&each, name, takes, many, faults);
    }
}

fn value(at: &Spot<'_>, name: &str, takes: Takes, many: bool, faults: &mut Faults) {
    let text = match &at.node.value {
        Value::Text(text) => Some(text.as_str()),
        Value::Number(text) => Some(text.as_str()).filter(|_| matches!(takes, Takes::Whole(..))),
        Value::Bool(true) => Some("true").filter(|_| matches!(takes, Takes::Truth)),
        Value::Bool(false) => Some("false").filter(|_| matches!(takes, Takes::Truth)),
        Value::Null | Value::List(_) | Value::Table(_) => None,
    };
    let (fits, write) = match takes {
        Takes::Text => (text.is_some(), "write text in quotes".to_owned()),
        Takes::Of(known) => {
            let write = match text.and_then(|text| nearest(text, known.iter().copied())) {
                Some(meant) => format!("did you mean \"{meant}\"?"),
                None => format!("write one of {}", list(known.iter().copied())),
            };
            (text.is_some_and(|text| known.contains(&text)), write)
        }
        Takes::Whole(least, most) => (
            text.is_some_and(|text| {
                text.parse::<i64>()
                    .is_ok_and(|number| (least..=most).contains(&number))
            }),
            format!("write a whole number from {least} to {most}, such as \"{}\"", least.max(1)),
        ),
        Takes::Truth => (
            text.is_some_and(|text| matches!(text, "true" | "false")),
            "write \"true\" or \"false\"".to_owned(),
        ),
        Takes::Regions => (
            text.is_some_and(|text| text == "ALL_SUPPORTED" || is_region(text)),
            "write a Region such as \"eu-west-1\", or \"ALL_SUPPORTED\"".to_owned(),
        ),
        Takes::ResourceTypes => (
            text.is_some_and(|text| {
                text.split_once(':').is_some_and(|(service, kind)| {
                    !service.is_empty() && !kind.is_empty() && !service.contains('*')
                })
            }),
            "write a service and a resource type, such as \"ec2:instance\" or \"ec2:ALL_SUPPORTED\""
                .to_owned(),
        ),
        Takes::TagValues => (
            text.is_some_and(|text| text.matches('*').count() <= 1),
            "a tag value has at most one wildcard, such as \"300*\"".to_owned(),
        ),
    };
    if !fits {
        let what = if many { "lists" } else { "is assigned" };
        faults.refuse(
            at.node.start(),
            &at.pointer,
            format!("{name} {what} {}", at.node.what()),
            write,
            "the values are those that the syntax page says, in this case of letters",
        );
    }
}

/// How the code of a Region looks, such as `eu-west-1`.
fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let Some((number, words)) = parts.split_last() else {
        return false;
    };
    let word = |part: &&str| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase());
    words.len() >= 2
        && words.first().is_some_and(|area| area.len() == 2)
        && words.iter().all(word)
        && (1..=2).contains(&number.len())
        && number.chars().all(|c| c.is_ascii_digit())
}

/// In a block of a GuardDuty policy nothing is enabled without foundational threat detection.
fn foundations(root: &Spot<'_>, faults: &mut Faults) {
    let blocks = root
        .node
        .get("guardduty")
        .and_then(|node| node.get("enablement"))
        .and_then(Node::table);
    for block in blocks.unwrap_or_default() {
        let enabled = |feature: &Node| {
            feature
                .get("status")
                .and_then(|status| status.get(ASSIGN))
                .and_then(Node::text)
                == Some("enabled")
        };
        let features = block.node.table().unwrap_or_default();
        let founded = features
            .iter()
            .any(|feature| feature.key == "foundational" && enabled(&feature.node));
        let first = features
            .iter()
            .find(|feature| feature.key != "foundational" && enabled(&feature.node));
        if let (false, Some(first)) = (founded, first) {
            faults.refuse(
                first.key_span.clone(),
                &format!("/guardduty/enablement/{}/{}", block.key, first.key),
                format!(
                    "`{}` enables `{}` and not `foundational`",
                    block.key, first.key
                ),
                "add \"foundational\": {\"status\": {\"@@assign\": \"enabled\"}}",
                "within any block, foundational must be enabled if any other feature is",
            );
        }
    }
}
