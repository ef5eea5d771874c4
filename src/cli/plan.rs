use std::path::{Path, PathBuf};

use clap::Args;

use super::cached::{self, Ages};
use super::compare::compared;
use super::error::{CommandError, CommandResult};
use super::exit::Exit;
use super::{Global, Output, files, session, subject};
use crate::change::SavedChanges;
use crate::diff::{DiffOptions, ProblemKind};
use crate::report::{Printer, json, plan as preview};

/// Show what `apply` would change, field by field, in the order it would run.
///
/// Reads AWS and changes nothing. Exits 0 when AWS is as the org plan says, 2 when it differs.
#[derive(Debug, Args)]
pub(super) struct Plan {
    /// The org plan.
    #[arg(default_value = "org.toml", value_name = "PLAN")]
    plan: PathBuf,
    /// Save exactly these changes, for `orgstrap apply FILE`.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Plan the organization too, where the management account is in none.
    #[arg(long)]
    create_organization: bool,
    /// Plan the deletion of OUs and policies of orgstrap's own that the org plan no longer names.
    #[arg(long)]
    prune: bool,
    #[command(flatten)]
    ages: Ages,
}

pub(super) fn run(verb: &Plan, global: &Global, printer: &Printer) -> CommandResult {
    let subject = subject::load(&verb.plan, global, printer)?;
    session::looking(&subject.plan, global, printer, async |session| {
        let options = DiffOptions {
            create_organization: verb.create_organization,
            prune: verb.prune,
        };
        let source = verb.plan.display().to_string();
        let max_age = verb.ages.max_age();
        let reading = cached::read(session, &subject, max_age, global, printer).await?;
        let of = |options: &DiffOptions| {
            compared(session, &subject, &source, options, reading.inventory())
        };
        let mut found = of(&options)?;
        // A plan changes nothing, so it need not stop at a missing organization: it shows what would
        // be made of it.
        if !found.preview.problems.is_empty()
            && found
                .preview
                .problems
                .iter()
                .all(|problem| problem.kind == ProblemKind::NoOrganization)
        {
            let options = DiffOptions {
                create_organization: true,
                ..options
            };
            found = of(&options)?;
            printer.say(
                "There is no organization yet; `apply` creates it when asked with `--create-organization`.",
            );
        }
        found.preview.from_cache.clone_from(&reading.kept);
        reading.keep(printer);
        match global.output() {
            Output::Text => printer.data(&preview::text(&found.preview)),
            Output::Json => printer.data_line(&json::plan(&found.preview).to_string()),
        }
        if !found.preview.problems.is_empty() {
            return Err(CommandError::new(
                "the problems above stand in the way of everything; nothing was compared further",
            ));
        }
        if let Some(out) = &verb.out {
            save(out, &subject, options, &found.preview.changes, printer)?;
        }
        Ok(if !found.preview.changes.is_empty() {
            Exit::Differs
        } else {
            found.exit()
        })
    })
}

fn save(
    out: &Path,
    subject: &subject::Subject,
    options: DiffOptions,
    changes: &[crate::change::Change],
    printer: &Printer,
) -> Result<(), CommandError> {
    let saved = SavedChanges::new(
        subject.plan.clone(),
        subject.wanted.clone(),
        options,
        changes.to_vec(),
    );
    let text = saved
        .to_json()
        .map_err(|error| CommandError::caused("could not write the changes as JSON", &error))?;
    files::write_private(out, &text)?;
    printer.say(&format!(
        "Saved these changes to {}; `orgstrap apply {}` makes exactly them.",
        out.display(),
        out.display()
    ));
    Ok(())
}
