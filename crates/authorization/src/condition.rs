//! Condition operators.
//!
//! Sources, all of the IAM User Guide: "IAM JSON policy elements: Condition operators" (a negated operator holds where the
//! key is missing, any other does not; `…IfExists`; `Null`), "Set operators for multivalued context keys" (`ForAllValues`
//! holds where the key is missing or empty, `ForAnyValue` does not), "Multiple context keys or values" (values of one key are
//! alternatives, for negated operators none of them may match; everything else must hold together).

use std::cmp::Ordering;
use std::net::IpAddr;

use serde_json::Value;

use super::answer::Answer;
use super::context::{Context, Lookup};
use super::pattern::{self, Filled};
use super::texts;

/// What an operator compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Test {
    Text,
    TextIgnoringCase,
    TextLike,
    Arn,
    /// Number or moment, and the orders that satisfy it.
    Number(&'static [Ordering]),
    Moment(&'static [Ordering]),
    Bool,
    Binary,
    Address,
}

const EQUAL: &[Ordering] = &[Ordering::Equal];
const LESS: &[Ordering] = &[Ordering::Less];
const LESS_EQUAL: &[Ordering] = &[Ordering::Less, Ordering::Equal];
const GREATER: &[Ordering] = &[Ordering::Greater];
const GREATER_EQUAL: &[Ordering] = &[Ordering::Greater, Ordering::Equal];

/// The operators: name, what they compare, and whether they are negated.
const OPERATORS: &[(&str, Test, bool)] = &[
    ("StringEquals", Test::Text, false),
    ("StringNotEquals", Test::Text, true),
    ("StringEqualsIgnoreCase", Test::TextIgnoringCase, false),
    ("StringNotEqualsIgnoreCase", Test::TextIgnoringCase, true),
    ("StringLike", Test::TextLike, false),
    ("StringNotLike", Test::TextLike, true),
    ("NumericEquals", Test::Number(EQUAL), false),
    ("NumericNotEquals", Test::Number(EQUAL), true),
    ("NumericLessThan", Test::Number(LESS), false),
    ("NumericLessThanEquals", Test::Number(LESS_EQUAL), false),
    ("NumericGreaterThan", Test::Number(GREATER), false),
    (
        "NumericGreaterThanEquals",
        Test::Number(GREATER_EQUAL),
        false,
    ),
    ("DateEquals", Test::Moment(EQUAL), false),
    ("DateNotEquals", Test::Moment(EQUAL), true),
    ("DateLessThan", Test::Moment(LESS), false),
    ("DateLessThanEquals", Test::Moment(LESS_EQUAL), false),
    ("DateGreaterThan", Test::Moment(GREATER), false),
    ("DateGreaterThanEquals", Test::Moment(GREATER_EQUAL), false),
    ("Bool", Test::Bool, false),
    ("BinaryEquals", Test::Binary, false),
    ("IpAddress", Test::Address, false),
    ("NotIpAddress", Test::Address, true),
    ("ArnEquals", Test::Arn, false),
    ("ArnLike", Test::Arn, false),
    ("ArnNotEquals", Test::Arn, true),
    ("ArnNotLike", Test::Arn, true),
];

/// How the values of a request are taken together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    Single,
    All,
    Any,
}

/// One line of a condition: an operator, a key, and what it is compared with.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line<'p> {
    pub(super) operator: &'p str,
    pub(super) key: &'p str,
    pub(super) values: &'p Value,
}

/// The lines of a `Condition`; `None` where it has not the form of one.
pub(super) fn lines(condition: Option<&Value>) -> Option<Vec<Line<'_>>> {
    let mut lines = Vec::new();
    let Some(condition) = condition else {
        return Some(lines);
    };
    for (operator, keys) in condition.as_object()? {
        for (key, values) in keys.as_object()? {
            lines.push(Line {
                operator,
                key,
                values,
            });
        }
    }
    Some(lines)
}

impl Line<'_> {
    /// Whether it holds for a request. `variables` says whether the document's version has policy variables.
    pub(super) fn holds(&self, context: &Context, variables: bool) -> Answer {
        let (set, rest) = match self.operator.split_once(':') {
            Some((set, rest)) if set.eq_ignore_ascii_case("ForAllValues") => (Set::All, rest),
            Some((set, rest)) if set.eq_ignore_ascii_case("ForAnyValue") => (Set::Any, rest),
            Some(_) => return Answer::unknown(format!("the operator {}", self.operator)),
            None => (Set::Single, self.operator),
        };
        let given = context.get(self.key);
        let wanted = texts(Some(self.values));
        if rest.eq_ignore_ascii_case("Null") {
            return match given {
                Lookup::Unknown => Answer::unknown(self.key),
                Lookup::Absent => says(&wanted, "true").into(),
                Lookup::Is(_) => says(&wanted, "false").into(),
            };
        }
        let (base, if_exists) = match rest.len().checked_sub("IfExists".len()) {
            Some(at)
                if rest
                    .get(at..)
                    .is_some_and(|end| end.eq_ignore_ascii_case("IfExists")) =>
            {
                (rest.get(..at).unwrap_or(rest), true)
            }
            _ => (rest, false),
        };
        let Some((_, test, negated)) = OPERATORS
            .iter()
            .find(|(name, _, _)| name.eq_ignore_ascii_case(base))
        else {
            return Answer::unknown(format!("the operator {}", self.operator));
        };
        let given = match given {
            Lookup::Unknown => return Answer::unknown(self.key),
            Lookup::Absent => &[],
            Lookup::Is(values) => values,
        };
        let variables = variables.then_some(context);
        let one = |given: &String| {
            let met = Answer::any(wanted.iter().map(|it| test.meets(given, it, variables)));
            match negated {
                true => met.opposite(),
                false => met,
            }
        };
        if given.is_empty() {
            return match set {
                Set::All => Answer::Yes,
                // There is no value that could match: `IfExists` is a matter of one value.
                Set::Any => Answer::No,
                Set::Single => (if_exists || *negated).into(),
            };
        }
        match (set, negated) {
            // An empty text is an empty set.
            (Set::All, _) => Answer::all(given.iter().filter(|it| !it.is_empty()).map(one)),
            (Set::Any, _) | (Set::Single, false) => Answer::any(given.iter().map(one)),
            (Set::Single, true) => Answer::all(given.iter().map(one)),
        }
    }

    /// The line as a person reads it, with what the request has.
    pub(super) fn told(&self, context: &Context) -> String {
        let has = match context.get(self.key) {
            Lookup::Is(values) => format!("the request has {}", values.join(", ")),
            Lookup::Absent => "the request has none".to_owned(),
            Lookup::Unknown => "what the request has is not known".to_owned(),
        };
        format!(
            "{} {} [{}]; {has}",
            self.operator,
            self.key,
            texts(Some(self.values)).join(", ")
        )
    }
}

fn says(wanted: &[String], word: &str) -> bool {
    wanted.iter().any(|it| it.eq_ignore_ascii_case(word))
}

impl Test {
    fn meets(self, given: &str, wanted: &str, variables: Option<&Context>) -> Answer {
        // Variables stand only where texts and ARNs are compared.
        let tokens = match self {
            Test::Text | Test::TextIgnoringCase | Test::TextLike | Test::Arn => {
                match pattern::fill(wanted, variables) {
                    Filled::Is(tokens) => tokens,
                    Filled::Nothing => return Answer::No,
                    Filled::Unknown(key) => return Answer::unknown(key),
                }
            }
            Test::Number(_) | Test::Moment(_) | Test::Bool | Test::Binary | Test::Address => {
                Vec::new()
            }
        };
        let holds = match self {
            Test::Text => pattern::literal(&tokens) == given,
            Test::TextIgnoringCase => {
                pattern::literal(&tokens).to_lowercase() == given.to_lowercase()
            }
            Test::TextLike => pattern::matches(&tokens, given),
            Test::Arn => pattern::arn_matches(&tokens, given),
            Test::Number(orders) => number(given)
                .zip(number(wanted))
                .and_then(|(given, wanted)| given.partial_cmp(&wanted))
                .is_some_and(|order| orders.contains(&order)),
            Test::Moment(orders) => moment(given)
                .zip(moment(wanted))
                .is_some_and(|(given, wanted)| orders.contains(&given.cmp(&wanted))),
            Test::Bool => given.eq_ignore_ascii_case(wanted),
            Test::Binary => given == wanted,
            Test::Address => address_within(given, wanted),
        };
        holds.into()
    }
}

fn number(text: &str) -> Option<f64> {
    let number: f64 = text.trim().parse().ok()?;
    number.is_finite().then_some(number)
}

/// A moment in milliseconds: seconds since the epoch, or one of the forms of ISO 8601 that W3C's note has: a year, a month, a
/// day, or a time of day with its zone.
fn moment(text: &str) -> Option<i64> {
    let text = text.trim();
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if digits && text.len() > 4 {
        return text.parse::<i64>().ok()?.checked_mul(1000);
    }
    let whole = match text.len() {
        4 if digits => format!("{text}-01-01T00:00:00Z"),
        7 => format!("{text}-01T00:00:00Z"),
        10 => format!("{text}T00:00:00Z"),
        _ => text.to_owned(),
    };
    let parsed: jiff::Timestamp = whole.parse().ok()?;
    Some(parsed.as_millisecond())
}

fn address_within(address: &str, range: &str) -> bool {
    let Ok(address) = address.parse::<IpAddr>() else {
        return false;
    };
    let (network, length) = match range.split_once('/') {
        Some((network, length)) => (network, length.parse::<u32>().ok()),
        None => (range, Some(128)),
    };
    let (Ok(network), Some(length)) = (network.parse::<IpAddr>(), length) else {
        return false;
    };
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            let length = match range.contains('/') {
                true => length,
                false => 32,
            };
            let shift = 32_u32.checked_sub(length);
            shift.is_some_and(|shift| {
                let top = |ip: std::net::Ipv4Addr| u64::from(u32::from(ip)) >> shift;
                top(address) == top(network)
            })
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => {
            let shift = 128_u32.checked_sub(length);
            shift.is_some_and(|shift| {
                let top = |ip: std::net::Ipv6Addr| u128::from(ip).checked_shr(shift).unwrap_or(0);
                top(address) == top(network)
            })
        }
        _ => false,
    }
}
