//! What tells whose organization a recording is of, replaced by numbered stand-ins of the same form: the same thing by the
//! same one throughout, so that a recording stays whole.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use regex_lite::{Captures, Regex};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::sandbox::replay::ids;

/// What tells of a person beside ids: a user, a session of a role, a role of IAM Identity Center. The first group is what is
/// replaced.
const PEOPLE: &[ids::Id] = &[
    ("user", r":user/((?:[\w+=,.@\-]+/)*[\w+=,.@\-]+)"),
    ("session", r":assumed-role/[\w+=,.@\-]+/([\w+=,.@\-]+)"),
    ("sso-role", r"(AWSReservedSSO_[\w+=,.@\-]+)"),
];

/// What stands for the thing of a kind that was met as the `n`th.
fn stand_in(kind: &str, n: usize) -> String {
    match kind {
        "email" => format!("person-{n}@example.com"),
        "principal" => format!("AROA{n:017}"),
        // Twelve digits at the end would be an account.
        "uuid" => format!("00000000-0000-4000-8000-{n:011x}a"),
        "detector" => format!("{n:032x}"),
        "aggregator" => format!("config-aggregator-{n:08}"),
        "organization" => format!("o-{n:010}"),
        "ou" => format!("ou-0000-{n:08}"),
        "creation" => format!("car-{n:08}"),
        "handshake" => format!("h-{n:08}"),
        "policy" => format!("p-{n:08}"),
        "root" => format!("r-{n:04}"),
        "account" => format!("{:012}", 900_000_000_000_u64 + n as u64),
        other => format!("{other}-{n}"),
    }
}

/// Kinds with their patterns, in the order in which they are replaced: addresses may be names of sessions.
static PATTERNS: LazyLock<Vec<(&'static str, Regex)>> = LazyLock::new(|| {
    let whole = |(name, pattern): &ids::Id| (*name, format!("({pattern})"));
    let people = PEOPLE
        .iter()
        .map(|(name, pattern)| (*name, (*pattern).to_owned()));
    let (email, others) = (ids::IDS.iter().take(1), ids::IDS.iter().skip(1));
    let all = email.map(whole).chain(people).chain(others.map(whole));
    all.filter_map(|(name, pattern)| Some((name, Regex::new(&pattern).ok()?)))
        .collect()
});

/// Sessions that orgstrap names itself say nothing of a person.
const OWN_SESSION: &str = "orgstrap-";

/// An answer in which the name of an account that was invited, as AWS calls the management account too, is the one that the
/// simulated AWS gives its own: names are whoever's, and no form tells them.
pub(super) fn invited(answer: Value) -> Value {
    let Value::String(text) = &answer else {
        return answer;
    };
    if !text.contains("\"INVITED\"") {
        return answer;
    }
    let Ok(mut body) = serde_json::from_str::<Value>(text) else {
        return answer;
    };
    rename_invited(&mut body);
    Value::String(body.to_string())
}

/// The name of the management account of a new world.
const MANAGEMENT: &str = "management";

fn rename_invited(value: &mut Value) {
    match value {
        Value::Object(members) => {
            let invited = members.get("JoinedMethod").and_then(Value::as_str) == Some("INVITED");
            for (key, value) in members {
                match (invited, key.as_str()) {
                    (true, "Name") => *value = Value::String(MANAGEMENT.to_owned()),
                    _ => rename_invited(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(rename_invited),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// What was replaced by what so far.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Masks {
    /// By kind, what was met and its number.
    by_kind: BTreeMap<String, BTreeMap<String, usize>>,
}

impl Masks {
    /// How many things were replaced.
    pub fn count(&self) -> usize {
        self.by_kind.values().map(BTreeMap::len).sum()
    }

    /// A text in which everything that tells is replaced.
    pub fn text(&mut self, text: &str) -> String {
        let mut text = text.to_owned();
        for (kind, pattern) in PATTERNS.iter() {
            let known = self.by_kind.entry((*kind).to_owned()).or_default();
            text = pattern
                .replace_all(&text, |found: &Captures<'_>| {
                    let (Some(whole), Some(part)) = (found.get(0), found.get(1)) else {
                        return String::new();
                    };
                    if part.as_str().starts_with(OWN_SESSION) {
                        return whole.as_str().to_owned();
                    }
                    let next = known.len() + 1;
                    let mut numbers = known.values().copied();
                    let number = match numbers.find(|n| stand_in(kind, *n) == part.as_str()) {
                        // It is a stand-in already.
                        Some(number) => number,
                        None => *known.entry(part.as_str().to_owned()).or_insert(next),
                    };
                    let at = part.start() - whole.start();
                    let (before, rest) = whole.as_str().split_at(at);
                    let after = rest.get(part.len()..).unwrap_or_default();
                    format!("{before}{}{after}", stand_in(kind, number))
                })
                .into_owned();
        }
        text
    }

    /// The same in every text of a JSON value, keys included.
    pub fn value(&mut self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(&text)),
            Value::Array(items) => items.into_iter().map(|item| self.value(item)).collect(),
            Value::Object(members) => members
                .into_iter()
                .map(|(key, value)| (self.text(&key), self.value(value)))
                .collect(),
            other => other,
        }
    }

    /// The same in the values of a form or a query string, which are percent-encoded.
    pub fn form(&mut self, form: &[u8]) -> String {
        let mut written = form_urlencoded::Serializer::new(String::new());
        for (name, value) in form_urlencoded::parse(form) {
            written.append_pair(&name, &self.text(&value));
        }
        written.finish()
    }

    /// The same in a path, whose parts may be percent-encoded.
    pub fn encoded(&mut self, path: &str) -> String {
        let parts = path.split('/').map(|part| {
            let plain = percent_decode_str(part).decode_utf8_lossy();
            let masked = self.text(&plain);
            match masked == plain {
                true => part.to_owned(),
                false => utf8_percent_encode(&masked, NON_ALPHANUMERIC).to_string(),
            }
        });
        let parts: Vec<String> = parts.collect();
        parts.join("/")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Masks, PATTERNS, invited, stand_in};

    /// The company's own account is called as the company likes.
    #[test]
    fn the_name_of_the_management_account_is_replaced() {
        let account = |name: &str, joined: &str| json!({"Name": name, "JoinedMethod": joined});
        let answer = |name: &str| {
            let accounts = [account(name, "INVITED"), account("play", "CREATED")];
            json!(json!({ "Accounts": accounts }).to_string())
        };
        assert_eq!(invited(answer("Acme Ltd")), answer("management"));
        for other in [
            json!("<xml/>"),
            json!("not JSON: \"INVITED\""),
            json!({"bytes": 3}),
        ] {
            assert_eq!(invited(other.clone()), other);
        }
    }

    /// The same thing by the same stand-in, in every place and encoding.
    #[test]
    fn what_tells_is_replaced_consistently() {
        let mut masks = Masks::default();
        let first = masks.text(
            "arn:aws:organizations::123456789012:account/o-abcdefghij/210987654321 jane+prod@corp.example.org",
        );
        assert_eq!(
            first,
            "arn:aws:organizations::900000000001:account/o-0000000001/900000000002 person-1@example.com"
        );
        assert_eq!(
            masks.form(
                b"Action=X&Email=jane%2Bprod%40corp.example.org&Bucket=logs-210987654321-eu-west-1"
            ),
            "Action=X&Email=person-1%40example.com&Bucket=logs-900000000002-eu-west-1"
        );
        assert_eq!(
            masks.encoded("/detector/0123456789abcdef0123456789abcdef/admin"),
            "/detector/00000000000000000000000000000001/admin"
        );
        // What was replaced is not replaced again, and what is next to it is.
        assert_eq!(masks.text(&first), first);
        assert_eq!(
            masks.text("123456789012,210987654321,123456789012"),
            "900000000001,900000000002,900000000001"
        );
    }

    /// Else one more kind would be written down as if it were another, or twice.
    #[test]
    fn every_kind_has_a_stand_in_of_its_own_form() {
        for (kind, pattern) in PATTERNS.iter() {
            let (before, name) = match *kind {
                "user" => (":user/", "jane"),
                "session" => (":assumed-role/Admin/", "jane"),
                "sso-role" => ("", "AWSReservedSSO_Admin_0a1b"),
                _ => ("", ""),
            };
            if name.is_empty() {
                let one = stand_in(kind, 1);
                let found = pattern.captures(&one).expect(kind);
                assert_eq!(found.get(1).map(|part| part.as_str()), Some(one.as_str()));
            } else {
                assert!(pattern.is_match(&format!("{before}{name}")), "{kind}");
            }
        }
    }

    #[test]
    fn people_are_replaced_and_our_own_sessions_stay() {
        let mut masks = Masks::default();
        for (real, masked) in [
            (
                "arn:aws:iam::123456789012:user/staff/jane",
                "arn:aws:iam::900000000001:user/user-1",
            ),
            (
                "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Admin_0a1b/jane@corp.example.org",
                "arn:aws:sts::900000000001:assumed-role/sso-role-1/session-1",
            ),
            (
                "arn:aws:sts::123456789012:assumed-role/OrganizationAccountAccessRole/orgstrap-1a2b",
                "arn:aws:sts::900000000001:assumed-role/OrganizationAccountAccessRole/orgstrap-1a2b",
            ),
            ("AROAABCDEFGHIJKLMNOPQ:x", "AROA00000000000000001:x"),
            // No ids: versions, numbers, words.
            (
                "2012-10-17 1700000000000 eu-west-1 cis-v3-0-0",
                "2012-10-17 1700000000000 eu-west-1 cis-v3-0-0",
            ),
        ] {
            assert_eq!(masks.text(real), masked);
        }
    }
}
