//! `[ou."PATH"]`: the tree, its names and what it requires of its accounts.

use std::collections::{BTreeMap, BTreeSet};

use super::super::at::At;
use super::super::file::{OuTable, SpannedString};
use super::super::suggest::{did_you_mean_of_plan, list, nearest, quoted};
use super::super::{AllowedValues, BaselineKey, Ou, OuPath, ous_without};
use super::{Context, Names, tags};

pub(super) fn ous(
    cx: &Context<'_>,
    names: &Names,
    segregation: &BTreeMap<String, AllowedValues>,
) -> BTreeMap<OuPath, Ou> {
    let mut ous = BTreeMap::new();
    for (key, table) in &cx.file.ou {
        let path = cx.name::<OuPath>(key, "a path of an OU");
        if path.as_ref().is_some_and(OuPath::is_root) {
            cx.say(cx.error(key, "the root is not an OU").help(
                "its policies and tags are those of [organization]; accounts in it say ou = \"/\"",
            ));
            continue;
        }
        if let Some(path) = &path {
            tree(cx, names, key, path);
        }
        let require = require(cx, key, table, segregation);
        let renamed_from = path
            .as_ref()
            .and_then(|path| renamed_from(cx, names, path, table));
        let ou = Ou {
            policies: names.policies(cx, &table.policies),
            full_aws_access: table.full_aws_access.as_deref().copied(),
            require,
            tags: tags::made_tags(cx, &table.tags, &format!("OU {}", **key)),
            baselines: baselines(cx, table),
            renamed_from,
        };
        if let Some(path) = path {
            ous.insert(path, ou);
        }
    }
    renamed_once(cx);
    ous
}

/// The parent is there, and the OU lies no deeper than AWS allows.
fn tree(cx: &Context<'_>, names: &Names, key: &SpannedString, path: &OuPath) {
    if path.depth() > OuPath::MAX_DEPTH {
        cx.say(
            cx.error(
                key,
                format!("OU `{path}` lies {} levels deep", path.depth()),
            )
            .help(format!(
                "AWS nests OUs at most {} deep below the root",
                OuPath::MAX_DEPTH
            )),
        );
    }
    if path.segments().first().is_some_and(|name| name == "Root") && path.depth() > 1 {
        cx.say(
            cx.warning(key, "the root is not an OU and is not written in a path")
                .help(format!(
                    "did you mean `{}`?",
                    path.segments().get(1..).unwrap_or_default().join("/")
                )),
        );
    }
    if let Some(parent) = path.parent().map(|parent| parent.to_string())
        && !names.ous.contains(&parent)
    {
        let others = || {
            names
                .ous
                .iter()
                .map(String::as_str)
                .filter(|name| *name != key.as_str())
        };
        let error = cx.error(key, format!("the parent OU `{parent}` is not in this plan"));
        cx.say(match nearest(&parent, others()) {
            Some(meant) => error.help(format!(
                "did you mean [ou.{}]? If not, add [ou.{}]",
                quoted(&format!("{meant}/{}", path.name())),
                quoted(&parent)
            )),
            None => error.help(format!("add a line [ou.{}]", quoted(&parent))),
        });
    }
}

/// The old path has the same parent: AWS can rename an OU but not move it.
fn renamed_from(cx: &Context<'_>, names: &Names, path: &OuPath, table: &OuTable) -> Option<OuPath> {
    let text = table.renamed_from.as_ref()?;
    let old = cx.name::<OuPath>(text, "a path of an OU")?;
    if old == *path {
        cx.say(
            cx.error(text, format!("OU `{path}` can not be renamed from itself"))
                .help("write the path it had before, or take the line out"),
        );
    } else if old.parent() != path.parent() {
        cx.say(
            cx.error(
                text,
                format!("a rename does not move an OU, and `{old}` and `{path}` have different parents"),
            )
            .help("AWS can not move an OU: leave renamed_from out, and a new OU is made and the accounts move there")
            .help("where the parent has a new name too, write the parent's new name here"),
        );
    } else if names.ous.contains(&old.to_string()) {
        cx.say(
            cx.error(
                text,
                format!("`{old}` is an OU of this plan, so nothing was renamed from it"),
            )
            .help("take out this line, or the OU"),
        );
    } else {
        return Some(old);
    }
    None
}

/// The baselines of an OU, each one of the plan's.
fn baselines(cx: &Context<'_>, table: &OuTable) -> Option<BTreeSet<BaselineKey>> {
    let list = table.baselines.as_ref()?;
    let known = || cx.file.baseline.keys().map(|key| key.as_str());
    let mut baselines = BTreeSet::new();
    for text in cx.distinct(list) {
        if !cx.file.baseline.contains_key(text.as_str()) {
            if !cx.removed.covers(&["baseline", text]) {
                cx.say(
                    cx.error(text, format!("no baseline `{}` in this plan", **text))
                        .help(did_you_mean_of_plan(text, "baselines", known())),
                );
            }
            continue;
        }
        baselines.extend(cx.name::<BaselineKey>(text, "a name of a baseline"));
    }
    Some(baselines)
}

/// A stack set reaches all of an OU or nothing of it, so an account lies in no OU of which a part goes
/// without what the account is to have.
pub(super) fn all_or_nothing(cx: &Context<'_>, ous: &BTreeMap<OuPath, Ou>) {
    for baseline in cx.file.baseline.keys() {
        let without = ous_without(ous, baseline);
        for (key, table) in &cx.file.account {
            let Some(text) = &table.ou else { continue };
            let Ok(path) = text.parse::<OuPath>() else {
                continue;
            };
            // No stack set has the root as a target.
            if path.is_root() {
                continue;
            }
            let part = without.iter().find(|other| path.contains(other));
            let Some(part) = part.filter(|_| !without.contains(&path)) else {
                continue;
            };
            cx.say(
                cx.error(
                    text,
                    format!(
                        "account `{}` lies directly in `{path}`, and `{part}` below it goes without the baseline `{}`",
                        **key, **baseline
                    ),
                )
                .help("AWS deploys to an OU with all below it: put the account into an OU of its own")
                .help(format!("or put `{}` beside `{path}`, not below it", part.name())),
            );
        }
    }
}

/// No two OUs come from the same one.
fn renamed_once(cx: &Context<'_>) {
    let mut seen: BTreeMap<&str, &SpannedString> = BTreeMap::new();
    for table in cx.file.ou.values() {
        let Some(text) = &table.renamed_from else {
            continue;
        };
        if let Some(first) = seen.insert(text, text) {
            let (first, second) = if first.span().start < text.span().start {
                (first, text)
            } else {
                (text, first)
            };
            cx.say(
                cx.error(second, format!("two OUs are renamed from `{}`", **text))
                    .related(cx.at(first), "first here"),
            );
        }
    }
}

/// What an OU requires: keys and values of `[segregation]`, and nothing that an OU above rules out.
fn require(
    cx: &Context<'_>,
    ou: &SpannedString,
    table: &OuTable,
    segregation: &BTreeMap<String, AllowedValues>,
) -> BTreeMap<String, BTreeSet<String>> {
    let mut require = BTreeMap::new();
    for (key, values) in &table.require {
        if !segregation.contains_key(key.as_str()) {
            if !cx.removed.covers(&["segregation", key]) {
                cx.say(
                    cx.error(key, format!("`{}` is not a tag of [segregation]", **key))
                        .help(did_you_mean_of_plan(
                            key,
                            "segregation tags",
                            segregation.keys().map(String::as_str),
                        )),
                );
            }
            continue;
        }
        if values.is_empty() {
            cx.say(
                cx.error(
                    &At::new(values.span(), ()),
                    "no account could meet this: the list is empty",
                )
                .help("name the values that accounts in this OU may have, or take the line out"),
            );
        }
        for value in cx.distinct(values) {
            if let Some(AllowedValues::OneOf(allowed)) = segregation.get(key.as_str())
                && !allowed.contains(value.as_str())
            {
                cx.say(tags::not_allowed(cx, key, value, allowed));
            } else if let Some((above, desired)) = above(cx, ou, key)
                && !desired.iter().any(|other| **other == **value)
            {
                cx.say(
                    cx.error(
                        value,
                        format!(
                            "`{}` is ruled out by what OU `{}` requires",
                            **value, **above
                        ),
                    )
                    .related(
                        cx.at(desired),
                        format!(
                            "only {} here",
                            list(desired.iter().map(|text| text.as_str()))
                        ),
                    ),
                );
            }
        }
        require.insert(
            key.to_string(),
            values.iter().map(|value| value.to_string()).collect(),
        );
    }
    require
}

/// The nearest OU above that requires something of `key`.
fn above<'a>(
    cx: &Context<'a>,
    ou: &str,
    key: &str,
) -> Option<(&'a SpannedString, &'a At<Vec<SpannedString>>)> {
    let mut path = ou.parse::<OuPath>().ok()?.parent();
    while let Some(parent) = path {
        if let Some((name, table)) = cx.file.ou.get_key_value(parent.to_string().as_str())
            && let Some(values) = table.require.get(key)
        {
            return Some((name, values));
        }
        path = parent.parent();
    }
    None
}
