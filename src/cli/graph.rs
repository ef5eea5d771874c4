use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::error::{CommandError, CommandResult};
use super::exit::Exit;
use super::{Global, Output, drift, inventory, subject};
use crate::drift::NoSuch;
use crate::inventory::Inventory;
use crate::ops::drift::no_such;
use crate::picture::{self, By};
use crate::plan::OrgPlan;
use crate::report::{Printer, graph as report};

/// Draw the organization: OUs, accounts, duties, policies, findings.
///
/// Draws what the org plan says, offline; `--live` and `--from` draw what AWS holds. Accounts are in their
/// OUs, or with `--by` grouped by the value of a tag.
#[derive(Debug, Args)]
pub(super) struct Graph {
    /// The org plan.
    #[arg(default_value = "org.toml", value_name = "PLAN")]
    plan: PathBuf,
    /// The form of the picture; `text` when left out.
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<Format>,
    /// Group accounts by a tag, such as `data-classification`, instead of their OUs.
    #[arg(long, value_name = "TAG")]
    by: Option<String>,
    /// Draw what AWS holds now.
    #[arg(long, conflicts_with = "from")]
    live: bool,
    /// Draw a saved inventory.
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Draw findings too: those of the check that `drift --out` saved in this file.
    #[arg(long, value_name = "FILE")]
    findings: Option<PathBuf>,
}

/// `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A tree for the terminal.
    Text,
    /// A Mermaid flowchart, for Markdown.
    Mermaid,
    /// Graphviz.
    Dot,
    /// One self-contained image.
    Svg,
}

pub(super) fn run(verb: &Graph, global: &Global, printer: &Printer) -> CommandResult {
    if verb.format.is_some() && global.output() == Output::Json {
        return Err(
            CommandError::new("`--format` is the form of a picture, and JSON is none")
                .hint("`--format` alone, or `--output json` alone"),
        );
    }
    let subject = subject::load(&verb.plan, global, printer)?;
    let findings = verb
        .findings
        .as_deref()
        .map(|file| drift::saved_findings(file, &subject))
        .transpose()?;
    let by = verb.by.clone().map_or(By::Ou, By::Tag);
    let found = match &verb.from {
        Some(file) => Some(inventory::load(file, &subject.plan)?.inventory),
        None if verb.live => Some(inventory::read(&subject, global, printer)?),
        None => None,
    };
    if let By::Tag(key) = &by {
        check_tag(key, &subject.plan, found.as_ref())?;
    }
    let picture = match &found {
        None => picture::of_plan(&subject.plan, &by, findings.as_ref()),
        Some(found) => {
            let unread = found.accounts.unread().or_else(|| found.ous.unread());
            if let Some(why) = unread {
                return Err(CommandError::new(format!(
                    "the organization cannot be drawn: {} was not read: {}",
                    why.operation, why.reason
                )));
            }
            picture::of_inventory(&subject.plan, found, &by, findings.as_ref())
        }
    };
    match (global.output(), verb.format) {
        (Output::Json, _) => printer.data_line(&report::json(&picture).to_string()),
        (_, None | Some(Format::Text)) => printer.data(&report::text(&picture)),
        (_, Some(Format::Mermaid)) => printer.data(&report::mermaid(&picture)),
        (_, Some(Format::Dot)) => printer.data(&report::dot(&picture)),
        (_, Some(Format::Svg)) => printer.data(&report::svg(&picture)),
    }
    Ok(Exit::Done)
}

/// Whether any account has a tag, or may have: by another all accounts are in one group.
fn check_tag(key: &str, plan: &OrgPlan, found: Option<&Inventory>) -> Result<(), CommandError> {
    let planned = plan
        .accounts
        .values()
        .flat_map(|account| account.tags.keys());
    let there = found.into_iter().flat_map(|found| {
        let accounts = found.accounts.known().into_iter().flatten();
        accounts.filter_map(|(_, facts)| facts.tags.known())
    });
    let keys: BTreeSet<&str> = planned
        .chain(plan.segregation.keys())
        .chain(there.flat_map(|tags| tags.keys()))
        .map(String::as_str)
        .collect();
    match keys.contains(key) {
        true => Ok(()),
        false => Err(no_such(NoSuch::among("tag", key, keys))),
    }
}
