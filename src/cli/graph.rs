use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::error::{CommandError, CommandResult};
use super::exit::Exit;
use super::{Global, drift, inventory, subject};
use crate::picture::{self, By};
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
    /// The form of the picture.
    #[arg(long, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    format: Format,
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
    let picture = match &found {
        None => picture::of_plan(&subject.plan, &by, findings.as_ref()),
        Some(found) => {
            let unread = found.accounts.unread().or_else(|| found.ous.unread());
            if let Some(why) = unread {
                return Err(CommandError::new(format!(
                    "the organization cannot be drawn: {} was not read: {}",
                    why.operation, why.because
                )));
            }
            picture::of_inventory(&subject.plan, found, &by, findings.as_ref())
        }
    };
    printer.data(&match verb.format {
        Format::Text => report::text(&picture),
        Format::Mermaid => report::mermaid(&picture),
        Format::Dot => report::dot(&picture),
        Format::Svg => report::svg(&picture),
    });
    Ok(Exit::Done)
}
