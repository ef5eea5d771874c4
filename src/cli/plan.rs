use std::path::{Path, PathBuf};

use clap::Args;

use super::ages::Ages;
use super::error::{CommandError, CommandResult};
use super::quotas::QuotaFlag;
use super::{Global, files, session, subject};
use crate::diff::DiffOptions;
use crate::ops::plan as ops;
use crate::ops::saved::SavedChanges;
use crate::report::Printer;

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
    /// Plan what else the org plan no longer names: the deletion of OUs (empty ones) and policies of orgstrap's own,
    /// and that such policies are detached.
    #[arg(long)]
    prune: bool,
    #[command(flatten)]
    quotas: QuotaFlag,
    #[command(flatten)]
    ages: Ages,
}

pub(super) fn run(verb: &Plan, global: &Global, printer: &Printer) -> CommandResult {
    let subject = subject::load(&verb.plan, global, printer)?;
    session::looking(&subject.plan, global, printer, async |session| {
        let options = DiffOptions {
            create_organization: verb.create_organization,
            prune: verb.prune,
            quotas: verb.quotas.option(),
        };
        let asked = ops::Plan {
            subject: &subject,
            source: verb.plan.display().to_string(),
            options,
            max_age: verb.ages.max_age(),
            output: global.output(),
        };
        let found = ops::plan(&asked, session, printer).await?;
        if let Some(out) = &verb.out {
            save(out, &subject, options, &found.preview.changes, printer)?;
        }
        Ok(ops::exit(&found))
    })
}

fn save(
    out: &Path,
    subject: &subject::LoadedPlan,
    options: DiffOptions,
    changes: &[crate::change::Change],
    printer: &Printer,
) -> Result<(), CommandError> {
    let saved = SavedChanges::new(
        subject.plan.clone(),
        subject.desired.clone(),
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
