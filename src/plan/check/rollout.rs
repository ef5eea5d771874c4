//! `[rollout]`: stages of OUs that are there, each once, and shares that are shares.

use std::collections::BTreeMap;

use super::super::at::At;
use super::super::file::{PortionTable, RolloutTable, SpannedString};
use super::super::{OuPath, Portion, Rollout, Stage};
use super::{Context, Names};

pub(super) fn rollout(cx: &Context<'_>, names: &Names) -> Rollout {
    let table = cx.file.rollout.as_deref();
    Rollout {
        stages: table.map_or_else(|| vec![vec![Stage::Rest]], |table| stages(cx, names, table)),
        max_concurrent: table
            .and_then(|table| table.max_concurrent.as_ref())
            .and_then(|portion| self::portion(cx, portion, 1))
            .unwrap_or(Portion::Percent(100)),
        failure_tolerance: table
            .and_then(|table| table.failure_tolerance.as_ref())
            .and_then(|portion| self::portion(cx, portion, 0))
            .unwrap_or(Portion::Percent(0)),
    }
}

fn stages(cx: &Context<'_>, names: &Names, table: &RolloutTable) -> Vec<Vec<Stage>> {
    let mut stages = Vec::new();
    let mut seen: BTreeMap<OuPath, (usize, &SpannedString)> = BTreeMap::new();
    let mut rest: Option<&SpannedString> = None;
    for (index, entries) in table
        .stages
        .iter()
        .flat_map(|stages| stages.iter())
        .enumerate()
    {
        if entries.is_empty() {
            cx.say(
                cx.error(entries, format!("stage {} is empty", index + 1))
                    .help("name an OU, or \"*\" for the OUs that no other stage names"),
            );
        }
        let mut stage = Vec::new();
        for text in entries.iter() {
            if **text == "*" {
                match rest {
                    Some(first) => cx.say(
                        cx.error(text, "\"*\" stands in two places")
                            .related(cx.at(first), "first here")
                            .help("it is the OUs that no stage names, so once is enough"),
                    ),
                    None => {
                        rest = Some(text);
                        stage.push(Stage::Rest);
                    }
                }
                continue;
            }
            let Some(path) = names.ou(cx, text) else {
                continue;
            };
            if let Some((_, first)) = seen.get(&path) {
                cx.say(
                    cx.error(text, format!("OU `{path}` is in the rollout twice"))
                        .related(cx.at(*first), "first here"),
                );
                continue;
            }
            // An OU stands for those below it, so below an OU of this or an earlier stage there
            // is nothing left; above one there is.
            let above = seen.iter().find(|(other, _)| other.contains(&path));
            if let Some((other, (stage, first))) = above {
                cx.say(
                    cx.error(
                        text,
                        format!("OU `{path}` gets its baselines with `{other}` in stage {stage} already"),
                    )
                    .related(cx.at(*first), "here")
                    .help("an OU stands for those below it: name the lower one in an earlier stage, or leave it out"),
                );
                continue;
            }
            seen.insert(path.clone(), (index + 1, text));
            stage.push(Stage::Ou(path));
        }
        stages.push(stage);
    }
    if rest.is_none() {
        stages.push(vec![Stage::Rest]);
    }
    stages
}

/// A count, or a share in percent.
fn portion(cx: &Context<'_>, portion: &At<PortionTable>, least: u32) -> Option<Portion> {
    let parsed = match &**portion {
        PortionTable::Count(count) => u32::try_from(*count).ok().map(Portion::Count),
        PortionTable::Share(text) => text
            .strip_suffix('%')
            .filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))
            .and_then(|digits| digits.parse::<u8>().ok())
            .filter(|percent| *percent <= 100)
            .map(Portion::Percent),
    };
    let Some(parsed) = parsed else {
        let shown = match &**portion {
            PortionTable::Count(count) => count.to_string(),
            PortionTable::Share(text) => text.clone(),
        };
        let help = match &**portion {
            PortionTable::Share(text) if text.parse::<u32>().is_ok() => {
                format!("a share ends in %: \"{text}%\"; a count is written without quotes: {text}")
            }
            _ => "write a share such as \"100%\", or a count such as 5".to_owned(),
        };
        cx.say(
            cx.error(portion, format!("`{shown}` is neither a count nor a share"))
                .help(help),
        );
        return None;
    };
    let value = match parsed {
        Portion::Count(count) => count,
        Portion::Percent(percent) => u32::from(percent),
    };
    if value < least {
        cx.say(
            cx.error(
                portion,
                "with none at a time nothing would ever be rolled out",
            )
            .help("the least is 1, or \"1%\""),
        );
        return None;
    }
    Some(parsed)
}
