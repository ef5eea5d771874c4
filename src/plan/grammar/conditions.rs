//! The Condition element: "IAM JSON policy elements: Condition operators" in the IAM user guide.

use std::net::IpAddr;

use super::json::Value;
use super::{Faults, Spot};
use crate::plan::suggest::nearest;

/// What values an operator compares with.
#[derive(Clone, Copy, PartialEq)]
enum Takes {
    Text,
    Number,
    Date,
    Truth,
    Address,
    Arn,
}

const OPERATORS: [(&str, Takes); 27] = [
    ("StringEquals", Takes::Text),
    ("StringNotEquals", Takes::Text),
    ("StringEqualsIgnoreCase", Takes::Text),
    ("StringNotEqualsIgnoreCase", Takes::Text),
    ("StringLike", Takes::Text),
    ("StringNotLike", Takes::Text),
    ("NumericEquals", Takes::Number),
    ("NumericNotEquals", Takes::Number),
    ("NumericLessThan", Takes::Number),
    ("NumericLessThanEquals", Takes::Number),
    ("NumericGreaterThan", Takes::Number),
    ("NumericGreaterThanEquals", Takes::Number),
    ("DateEquals", Takes::Date),
    ("DateNotEquals", Takes::Date),
    ("DateLessThan", Takes::Date),
    ("DateLessThanEquals", Takes::Date),
    ("DateGreaterThan", Takes::Date),
    ("DateGreaterThanEquals", Takes::Date),
    ("Bool", Takes::Truth),
    ("BinaryEquals", Takes::Text),
    ("IpAddress", Takes::Address),
    ("NotIpAddress", Takes::Address),
    ("ArnEquals", Takes::Arn),
    ("ArnLike", Takes::Arn),
    ("ArnNotEquals", Takes::Arn),
    ("ArnNotLike", Takes::Arn),
    ("Null", Takes::Truth),
];

pub(super) fn check(at: &Spot<'_>, faults: &mut Faults) {
    let Some(operators) = at.node.table() else {
        faults.refuse(
            at.node.start(),
            &at.pointer,
            format!("`Condition` is {}", at.node.what()),
            "write {\"OPERATOR\": {\"KEY\": \"VALUE\"}}, such as {\"ArnNotLike\": {\"aws:PrincipalArn\": \"arn:aws:iam::*:role/admin\"}}",
            "Condition is an object of operators",
        );
        return;
    };
    if operators.is_empty() {
        faults.warn(
            at.node.span.clone(),
            &at.pointer,
            "`Condition` is empty, so the statement always holds",
            "take it out, or write the condition",
        );
    }
    for member in operators {
        let below = at.under(&member.key, &member.node);
        let known = operator(&member.key);
        let takes = known.as_ref().map(|(_, takes)| *takes);
        if let Some((written, _)) = known.filter(|(written, _)| *written != member.key) {
            // A resource control policy of AWS's own samples has `ForAnyValue:Stringlike`.
            faults.warn(
                member.key_span.clone(),
                &below.pointer,
                format!("`{}` is written `{written}` on AWS's pages", member.key),
                format!("write `{written}`"),
            );
        }
        if takes.is_none() {
            faults.refuse(
                member.key_span.clone(),
                &below.pointer,
                format!("`{}` is no condition operator", member.key),
                meant(&member.key),
                "a condition's operator is one of those that IAM has",
            );
            // A key where an operator goes: what is below it is an operator, and no key.
            if split(&member.key).0.is_empty() && member.key.contains(':') {
                continue;
            }
        }
        keys(&below, &member.key, takes, faults);
    }
}

/// An operator as AWS's pages write it, with its prefix and its ending, and what it takes; `None` where there is
/// none. Letters of another case are borne.
fn operator(name: &str) -> Option<(String, Takes)> {
    let (prefix, base) = split(name);
    let bare = base
        .len()
        .checked_sub("IfExists".len())
        .and_then(|at| base.split_at_checked(at))
        .filter(|(_, ending)| ending.eq_ignore_ascii_case("IfExists"));
    let (stem, ending) = match bare {
        Some((stem, _)) => (stem, "IfExists"),
        None => (base, ""),
    };
    let (known, takes) = OPERATORS
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(stem))?;
    // Whether a key is there is no question to ask of one that is.
    let asks_twice = *known == "Null" && !ending.is_empty();
    (!asks_twice).then(|| (format!("{prefix}{known}{ending}"), *takes))
}

/// The prefix of a set operator, and the rest.
fn split(name: &str) -> (&'static str, &str) {
    for prefix in ["ForAllValues:", "ForAnyValue:"] {
        if let Some((start, base)) = name.split_at_checked(prefix.len())
            && start.eq_ignore_ascii_case(prefix)
        {
            return (prefix, base);
        }
    }
    ("", name)
}

fn meant(name: &str) -> String {
    let (prefix, base) = split(name);
    if base == "NullIfExists" {
        return "write `Null`: it asks whether the key exists".to_owned();
    }
    if let Some((start, rest)) = name.split_once(':')
        && prefix.is_empty()
        && let Some(prefix) = nearest(start, ["ForAllValues", "ForAnyValue"])
    {
        return format!("did you mean `{prefix}:{rest}`?");
    }
    let known = OPERATORS.iter().map(|(known, _)| *known);
    let ending = if base.to_ascii_lowercase().ends_with("ifexists") {
        "IfExists"
    } else {
        ""
    };
    let stem = base.get(..base.len() - ending.len()).unwrap_or(base);
    match nearest(stem, known) {
        Some(known) => format!("did you mean `{prefix}{known}{ending}`?"),
        None => "write an operator such as `StringEquals`, `StringNotLike`, `ArnLike`, `Bool` or `Null`; a key stands below it".to_owned(),
    }
}

fn keys(at: &Spot<'_>, operator: &str, takes: Option<Takes>, faults: &mut Faults) {
    let Some(keys) = at.node.table() else {
        faults.refuse(
            at.node.start(),
            &at.pointer,
            format!("`{operator}` has {}", at.node.what()),
            format!("write {{\"{operator}\": {{\"KEY\": \"VALUE\"}}}}"),
            "below an operator is an object of condition keys",
        );
        return;
    };
    if keys.is_empty() {
        faults.warn(
            at.node.span.clone(),
            &at.pointer,
            format!("`{operator}` compares nothing, so it always holds"),
            "take it out, or name a condition key",
        );
    }
    for member in keys {
        let below = at.under(&member.key, &member.node);
        let named = member
            .key
            .split_once(':')
            .is_some_and(|(service, name)| !service.is_empty() && !name.is_empty());
        if !named {
            faults.refuse(
                member.key_span.clone(),
                &below.pointer,
                format!("the condition key `{}` names no service", member.key),
                format!(
                    "write a prefix, such as `aws:{}`",
                    member.key.trim_matches(':')
                ),
                "a condition key is a prefix, a colon and a name",
            );
        }
        values(&below, operator, takes, faults);
    }
}

fn values(at: &Spot<'_>, operator: &str, takes: Option<Takes>, faults: &mut Faults) {
    if matches!(&at.node.value, Value::List(list) if list.is_empty()) {
        faults.warn(
            at.node.span.clone(),
            &at.pointer,
            format!("`{operator}` has no values to compare with"),
            "write one or more values, or take the key out",
        );
    }
    for each in at.each() {
        let text = match &each.node.value {
            Value::Text(text) => text.clone(),
            Value::Bool(value) => value.to_string(),
            Value::Number(text) => text.clone(),
            Value::Null | Value::List(_) | Value::Table(_) => {
                faults.refuse(
                    each.node.start(),
                    &each.pointer,
                    format!("a value of `{operator}` is {}", each.node.what()),
                    "write text in quotes, or a list of texts",
                    "a condition's value is a string, a number or a boolean, or a list of them",
                );
                continue;
            }
        };
        let Some(takes) = takes else {
            continue;
        };
        // What a variable becomes is known when the call is made.
        if text.contains("${") {
            continue;
        }
        let (fits, write) = match takes {
            Takes::Text => (true, ""),
            Takes::Number => (
                text.trim().parse::<f64>().is_ok_and(f64::is_finite),
                "write a number, such as \"3600\"",
            ),
            Takes::Date => (
                is_date(&text),
                "write a time such as \"2026-12-31T00:00:00Z\"",
            ),
            Takes::Truth => (
                text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false"),
                "write \"true\" or \"false\"",
            ),
            Takes::Address => (
                is_range(&text),
                "write an address or a range, such as \"203.0.113.0/24\"",
            ),
            Takes::Arn => {
                if !text.starts_with("arn:") && !text.contains('*') {
                    faults.warn(
                        each.node.span.clone(),
                        &each.pointer,
                        format!(
                            "`{operator}` compares ARNs, and \"{text}\" is none: it never matches"
                        ),
                        "write an ARN, such as \"arn:aws:iam::*:role/admin\"",
                    );
                }
                (true, "")
            }
        };
        if fits {
            continue;
        }
        let message = format!("`{operator}` can not compare with {}", each.node.what());
        // IAM parses dates when a policy is saved, and other values when it compares.
        if takes == Takes::Date {
            faults.refuse(
                each.node.span.clone(),
                &each.pointer,
                message,
                write,
                "a date is in ISO 8601, or seconds since 1970",
            );
        } else {
            faults.warn(
                each.node.span.clone(),
                &each.pointer,
                format!("{message}, and AWS takes it all the same"),
                write,
            );
        }
    }
}

/// A date by ISO 8601 from the year on, or seconds since 1970.
fn is_date(text: &str) -> bool {
    if text.chars().all(|c| c.is_ascii_digit()) {
        return !text.is_empty();
    }
    let mut parts = text.splitn(2, ['T', 't']);
    let date: Vec<&str> = parts.next().unwrap_or_default().split('-').collect();
    let number = |text: &str, from: u32, to: u32| {
        text.chars().all(|c| c.is_ascii_digit())
            && text
                .parse()
                .is_ok_and(|number: u32| (from..=to).contains(&number))
    };
    let day = match date.as_slice() {
        [year, month] => year.len() == 4 && number(year, 0, 9999) && number(month, 1, 12),
        [year, month, day] => {
            year.len() == 4 && number(year, 0, 9999) && number(month, 1, 12) && number(day, 1, 31)
        }
        _ => false,
    };
    let time = parts.next().is_none_or(|time| {
        time.chars()
            .all(|c| c.is_ascii_digit() || matches!(c, ':' | '.' | '+' | '-' | 'Z' | 'z'))
            && time.starts_with(|c: char| c.is_ascii_digit())
    });
    day && time
}

/// An address, or a range in CIDR notation.
fn is_range(text: &str) -> bool {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let Ok(address) = address.parse::<IpAddr>() else {
        return false;
    };
    let most = if address.is_ipv4() { 32 } else { 128 };
    length.is_none_or(|length| length.parse::<u8>().is_ok_and(|length| length <= most))
}
