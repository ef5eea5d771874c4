use std::path::{Path, PathBuf};

use clap::Args;

use super::ages::Ages;
use super::cached::{self, Reading};
use super::error::{CommandError, CommandResult};
use super::exit::Exit;
use super::session::Session;
use super::subject::LoadedPlan;
use super::{Global, Output, compare, files, session, subject};
use crate::drift;
use crate::inventory::{Inventory as Facts, SavedInventory};
use crate::ops::as_made::AsMade;
use crate::plan::OrgPlan;
use crate::report::{Printer, inventory as report};

/// Read what AWS holds, and save it.
///
/// Reads what `drift` reads for this org plan and changes nothing. A saved inventory holds account ids,
/// email addresses and policies: its file is for its owner only.
#[derive(Debug, Args)]
pub(super) struct Inventory {
    /// The org plan.
    #[arg(default_value = "org.toml", value_name = "PLAN")]
    plan: PathBuf,
    /// Save it, for `orgstrap rehearse --from FILE`, `drift --since FILE` and `diff FILE FILE`.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    ages: Ages,
}

pub(super) fn run(verb: &Inventory, global: &Global, printer: &Printer) -> CommandResult {
    let subject = subject::load(&verb.plan, global, printer)?;
    session::reading(&subject.plan, global, printer, async |session| {
        let max_age = verb.ages.max_age();
        let mut reading = cached::read(session, &subject, max_age, printer).await?;
        // What the services say belongs to what is saved; for a look at the numbers it is not asked.
        if verb.out.is_some() || global.output() == Output::Json {
            ask_controls(&mut reading, &subject, session, printer).await?;
        }
        match global.output() {
            Output::Text => printer.data(&report::text(reading.inventory(), &reading.kept)),
            Output::Json => printer.data(&text(&reading.saved)?),
        }
        if let Some(out) = &verb.out {
            save(out, &reading.saved)?;
            printer.say(&format!(
                "Saved to {}; `orgstrap rehearse {} --from {}` rehearses the plan on it.",
                out.display(),
                verb.plan.display(),
                out.display()
            ));
        }
        reading.keep(printer);
        Ok(Exit::Done)
    })
}

/// Asks what the services say for the controls of the plan's baselines: by the settings by which they were made, where
/// `[organization]` was edited and nothing follows yet.
pub(super) async fn ask_controls(
    reading: &mut Reading,
    subject: &LoadedPlan,
    session: &Session,
    printer: &Printer,
) -> Result<(), CommandError> {
    let mut made = AsMade::default();
    let found = subject.diff(reading.inventory());
    let found = made
        .put_all_back(subject, reading, found, (session, printer), |_| {})
        .await?;
    let subject = made.subject(subject);
    let checks = drift::checks(&subject.plan, &subject.desired, reading.inventory(), &found);
    let questions = drift::questions(&checks);
    reading.ask(questions, session, printer).await
}

/// Reads AWS, or the sandbox, all of it now.
pub(super) fn read(
    subject: &LoadedPlan,
    global: &Global,
    printer: &Printer,
) -> Result<Facts, CommandError> {
    let mut found = None;
    session::reading(&subject.plan, global, printer, async |session| {
        found = Some(compare::read(session, subject, printer).await?);
        Ok(Exit::Done)
    })?;
    found.ok_or_else(|| CommandError::new("nothing was read"))
}

fn text(saved: &SavedInventory) -> Result<String, CommandError> {
    saved
        .to_json()
        .map_err(|error| CommandError::caused("could not write the inventory as JSON", &error))
}

/// Saves an inventory.
pub(super) fn save(file: &Path, saved: &SavedInventory) -> Result<(), CommandError> {
    files::write_private(file, &text(saved)?)
}

/// Reads a saved inventory of the plan's organization.
pub(super) fn load(file: &Path, plan: &OrgPlan) -> Result<SavedInventory, CommandError> {
    let saved = load_any(file)?;
    let desired = &plan.organization.management_account;
    if saved.inventory.caller != *desired {
        return Err(CommandError::new(format!(
            "the plan is for the organization of {desired}, but the inventory is that of account {}",
            saved.inventory.caller
        )));
    }
    Ok(saved)
}

/// Reads a saved inventory of whatever organization.
pub(super) fn load_any(file: &Path) -> Result<SavedInventory, CommandError> {
    let context = || format!("could not read the inventory {}", file.display());
    let text = std::fs::read(file).map_err(|error| CommandError::caused(context(), &error))?;
    SavedInventory::from_json(&text).map_err(|error| {
        CommandError::caused(context(), &error)
            .hint("`orgstrap inventory PLAN --out FILE` saves one")
    })
}
