//! The `[baseline]` tables. Their options are judged by the baselines themselves.

use std::collections::BTreeMap;
use std::ops::Range;

use super::super::file::{BaselineTable, SpannedString};
use super::super::{About, BaselineChoice, BaselineKey};
use super::Context;
use crate::toml_file::At;

pub(super) fn baselines(cx: &Context<'_>) -> BTreeMap<BaselineKey, BaselineChoice> {
    let mut baselines = BTreeMap::new();
    let tables = &cx.file.baseline;
    for (name, table) in tables {
        let key = cx.name::<BaselineKey>(name, "a name for a baseline");
        if let Some(folder) = &table.folder
            && let Some(Err(reason)) = cx.documents.folders.get(folder.as_str())
        {
            cx.say(cx.error(
                folder,
                format!("the baseline in `{}` can not be used: {reason}", **folder),
            ));
        }
        let problems = cx.documents.baselines.get(name.as_str());
        for problem in problems.into_iter().flatten().filter(|_| key.is_some()) {
            let place = |about: Option<&About>| place(tables, name, about);
            cx.say(
                problem
                    .clone()
                    .told(|about| place(about).map(|span| cx.location(span))),
            );
        }
        if let (Some(key), Some(choice)) = (key, cx.documents.choice(table)) {
            baselines.insert(key, choice);
        }
    }
    baselines
}

/// Where a plan says what is said of its choice of a baseline: the key in its table, or the table's header.
pub(in crate::plan) fn place(
    tables: &BTreeMap<SpannedString, At<BaselineTable>>,
    baseline: &str,
    about: Option<&About>,
) -> Option<Range<usize>> {
    let (name, table) = tables.get_key_value(baseline)?;
    let key = match about {
        Some(About::Option(option)) => table.options.get_key_value(option.as_str()).map(|it| it.0),
        Some(About::ExistingStacks(set)) => {
            let sets = &table.existing_stacks;
            sets.get_key_value(set.as_str()).map(|it| it.0)
        }
        None => None,
    };
    Some(key.unwrap_or(name).span())
}
