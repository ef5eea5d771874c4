//! Tags: their characters and number, and what `[segregation]` and the OUs' `require` say of them.

use std::collections::{BTreeMap, BTreeSet};

use super::super::at::At;
use super::super::diagnostic::Diagnostic;
use super::super::file::{AllowedTable, SpannedString, TagTable};
use super::super::suggest::{list, nearest, quoted};
use super::super::{AllowedValues, OuPath, Tags};
use super::Context;

/// The most tags that AWS allows on one thing.
pub const MAX_TAGS: usize = 50;
/// How many of them orgstrap puts on an account that it knows by its tag: `orgstrap:key` and
/// `orgstrap:managed`.
const OWN_TAGS: usize = 2;

/// Whether AWS takes a tag.
pub fn tag_fits(key: &str, value: &str) -> bool {
    (1..=128).contains(&key.chars().count())
        && value.chars().count() <= 256
        && key.chars().chain(value.chars()).all(tag_character)
}

/// The tags of something, checked against the rules of Organizations' TagKey and TagValue.
pub(super) fn tags(cx: &Context<'_>, table: &TagTable, of: &str) -> Tags {
    number(cx, table, of, 0);
    each(cx, table)
}

/// The same of an OU or a policy. One that orgstrap makes gets the ownership tag too, which leaves room for one less;
/// one that is there and that orgstrap did not make gets none.
pub(super) fn made_tags(cx: &Context<'_>, table: &TagTable, of: &str) -> Tags {
    if table.len() == MAX_TAGS
        && let Some(key) = table.keys().max_by_key(|key| key.span().start)
    {
        cx.say(cx.warning(key, format!("{of} has {MAX_TAGS} tags")).help(
            "AWS allows no more, and where orgstrap makes it, `orgstrap:managed` comes beside them",
        ));
    }
    tags(cx, table, of)
}

/// The tags of an account. One that the plan names by its id needs no tags of orgstrap's.
pub(super) fn account_tags(cx: &Context<'_>, table: &TagTable, key: &str, by_id: bool) -> Tags {
    let own = if by_id { 0 } else { OWN_TAGS };
    number(cx, table, &format!("account {key}"), own);
    each(cx, table)
}

fn number(cx: &Context<'_>, table: &TagTable, of: &str, own: usize) {
    let most = MAX_TAGS - own;
    if table.len() > most
        && let Some(key) = table.keys().max_by_key(|key| key.span().start)
    {
        let help = match own {
            0 => format!("at most {most}: AWS allows no more"),
            _ => format!(
                "at most {most}: AWS allows {MAX_TAGS} and orgstrap adds `orgstrap:key` and `orgstrap:managed`"
            ),
        };
        cx.say(
            cx.error(key, format!("{of} has {} tags", table.len()))
                .help(help),
        );
    }
}

fn each(cx: &Context<'_>, table: &TagTable) -> Tags {
    let mut folded: BTreeMap<String, &SpannedString> = BTreeMap::new();
    for (key, value) in table {
        tag_key(cx, key);
        let length = value.chars().count();
        if length > 256 {
            cx.say(
                cx.error(value, format!("a tag's value has {length} characters"))
                    .help("at most 256"),
            );
        }
        if let Some(c) = value.chars().find(|c| !tag_character(*c)) {
            cx.say(
                cx.error(value, format!("a tag's value can not hold {}", shown(c)))
                    .help("letters, digits, spaces and _ . : / = + - @"),
            );
        }
        if let Some(other) = folded.insert(key.to_lowercase(), key) {
            let (first, second) = if other.span().start < key.span().start {
                (other, key)
            } else {
                (key, other)
            };
            cx.say(
                cx.warning(
                    second,
                    format!("`{}` and `{}` differ only in case", **first, **second),
                )
                .related(cx.at(first), "the other")
                .help("to Organizations these are two tags; IAM's conditions on tags take them for one"),
            );
        }
    }
    table
        .iter()
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect()
}

fn tag_key(cx: &Context<'_>, key: &SpannedString) {
    let length = key.chars().count();
    let lower = key.to_lowercase();
    if length == 0 {
        cx.say(
            cx.error(key, "a tag's key is empty")
                .help("1 to 128 characters"),
        );
    } else if length > 128 {
        cx.say(
            cx.error(key, format!("a tag's key has {length} characters"))
                .help("at most 128"),
        );
    } else if let Some(c) = key.chars().find(|c| !tag_character(*c)) {
        cx.say(
            cx.error(key, format!("a tag's key can not hold {}", shown(c)))
                .help("letters, digits, spaces and _ . : / = + - @"),
        );
    } else if lower.starts_with("aws:") {
        cx.say(
            cx.error(key, format!("the tag key `{}` is AWS's own", **key))
                .help("keys that begin with `aws:` can not be set: take another"),
        );
    } else if lower.starts_with("orgstrap:") {
        cx.say(
            cx.error(key, format!("the tag key `{}` is orgstrap's own", **key))
                .help("orgstrap knows by such keys what is its own: take another"),
        );
    }
}

fn tag_character(c: char) -> bool {
    // \p{L}, \p{N} and \p{Z}; of the latter every member but line and paragraph separator is usual.
    c.is_alphanumeric() || (c.is_whitespace() && !c.is_control()) || "_.:/=+-@".contains(c)
}

fn shown(c: char) -> String {
    if c.is_control() {
        format!("the control character {}", c.escape_unicode())
    } else {
        format!("`{c}`")
    }
}

/// `[segregation]`.
pub(super) fn segregation(cx: &Context<'_>) -> BTreeMap<String, AllowedValues> {
    let mut segregation = BTreeMap::new();
    for (key, allowed) in &cx.file.segregation {
        tag_key(cx, key);
        let allowed = match &**allowed {
            AllowedTable::Word(word) if word == "any" => AllowedValues::Any,
            AllowedTable::Word(word) => {
                cx.say(
                    cx.error(allowed, format!("`{word}` is neither \"any\" nor a list"))
                        .help(format!(
                            "write \"any\", or the values in brackets: [{word:?}]"
                        )),
                );
                AllowedValues::Any
            }
            AllowedTable::OneOf(values) => {
                if values.is_empty() {
                    cx.say(
                        cx.error(allowed, format!("the tag `{}` could have no value", **key))
                            .help("write \"any\", or the values that it may have"),
                    );
                }
                for value in cx.distinct(values) {
                    if let Some(c) = value.chars().find(|c| !tag_character(*c)) {
                        cx.say(
                            cx.error(value, format!("a tag's value can not hold {}", shown(c)))
                                .help("letters, digits, spaces and _ . : / = + - @"),
                        );
                    }
                }
                AllowedValues::OneOf(values.iter().map(|value| value.to_string()).collect())
            }
        };
        segregation.insert(key.to_string(), allowed);
    }
    segregation
}

/// A value that `[segregation]` does not list.
pub(super) fn not_allowed(
    cx: &Context<'_>,
    key: &str,
    value: &SpannedString,
    allowed: &BTreeSet<String>,
) -> Diagnostic {
    let values = || allowed.iter().map(String::as_str);
    let mut error = cx
        .error(value, format!("`{}` is not a value of `{key}`", **value))
        .help(match nearest(value, values()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("it may be {}", list(values())),
        });
    if let Some((_, at)) = cx.file.segregation.get_key_value(key) {
        error = error.related(cx.at(at), "what [segregation] allows");
    }
    error
}

/// Every account's tags against `[segregation]` and what its OUs require.
pub(super) fn accounts_fit(cx: &Context<'_>, segregation: &BTreeMap<String, AllowedValues>) {
    for (name, account) in &cx.file.account {
        for (key, value) in &account.tags {
            match segregation.get(key.as_str()) {
                Some(AllowedValues::OneOf(allowed)) if !allowed.contains(value.as_str()) => {
                    cx.say(not_allowed(cx, key, value, allowed));
                }
                Some(_) => {}
                None => {
                    // A key that is nearly one of them is a slip that nothing else would catch.
                    if let Some(meant) = nearest(key, segregation.keys().map(String::as_str)) {
                        cx.say(
                            cx.warning(
                                key,
                                format!("`{}` is not a tag of [segregation], but nearly", **key),
                            )
                            .help(format!("did you mean `{meant}`?")),
                        );
                    }
                }
            }
        }
        let mut path = account.ou.as_ref().and_then(|ou| ou.parse::<OuPath>().ok());
        let mut judged = BTreeSet::new();
        while let Some(ou) = path {
            if let Some((ou_name, table)) = cx.file.ou.get_key_value(ou.to_string().as_str()) {
                for (key, desired) in &table.require {
                    // The nearest OU has the last word; what it may say is checked with the OUs.
                    if segregation.contains_key(key.as_str()) && judged.insert(key.as_str()) {
                        meets(cx, name, &account.tags, ou_name, key, desired);
                    }
                }
            }
            path = ou.parent();
        }
    }
}

fn meets(
    cx: &Context<'_>,
    account: &SpannedString,
    tags: &TagTable,
    ou: &SpannedString,
    key: &SpannedString,
    desired: &At<Vec<SpannedString>>,
) {
    let values = list(desired.iter().map(|value| value.as_str()));
    match tags.get(key.as_str()) {
        Some(value) if desired.iter().any(|other| **other == **value) => {}
        // A value that [segregation] does not list has its own message.
        Some(value) if !listed(cx, key, value) => {}
        Some(value) => cx.say(
            cx.error(
                value,
                format!(
                    "account `{}` is in OU `{}`, which takes no account with {} = `{}`",
                    **account, **ou, **key, **value
                ),
            )
            .related(cx.at(desired), format!("only {values} here")),
        ),
        None if cx.removed.covers(&["account", account, "tags"])
            || cx.removed.covers(&["account", account, "tags", key]) => {}
        None => {
            let example = desired.first().map_or("", |value| value.as_str());
            cx.say(
                cx.error(
                    account,
                    format!(
                        "account `{}` has no tag `{}`, which OU `{}` requires",
                        **account, **key, **ou
                    ),
                )
                .related(cx.at(desired), format!("only {values} here"))
                .help(if tags.is_empty() {
                    format!("add tags = {{ {} = {example:?} }}", quoted(key))
                } else {
                    format!("add {} = {example:?} to its tags", quoted(key))
                }),
            );
        }
    }
}

fn listed(cx: &Context<'_>, key: &str, value: &str) -> bool {
    match cx.file.segregation.get(key).map(|allowed| &**allowed) {
        Some(AllowedTable::OneOf(values)) => values.iter().any(|other| **other == value),
        _ => true,
    }
}
