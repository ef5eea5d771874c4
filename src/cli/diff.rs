use std::path::{Path, PathBuf};

use clap::Args;

use super::ages::Ages;
use super::cached;
use super::error::{CommandError, CommandResult};
use super::exit::Exit;
use super::{Global, Output, inventory, session, subject};
use crate::inventory::{SavedInventory, difference};
use crate::report::{Printer, difference as report};

/// Compare two saved inventories, or one with what AWS holds: what is new, gone and changed.
///
/// `orgstrap inventory --out FILE` and `orgstrap drift --out FILE` save one. Exits 0 when both are the
/// same, 2 when they differ, and 1 when they do not but something was not read in one of them.
#[derive(Debug, Args)]
pub(super) struct Diff {
    /// The earlier inventory.
    #[arg(value_name = "FILE|live")]
    before: PathBuf,
    /// The later inventory; `live` reads AWS.
    #[arg(value_name = "FILE|live")]
    after: PathBuf,
    /// For `live`: the org plan that says what is read.
    #[arg(long, value_name = "FILE", default_value = "org.toml")]
    plan: PathBuf,
    #[command(flatten)]
    ages: Ages,
}

pub(super) fn run(verb: &Diff, global: &Global, printer: &Printer) -> CommandResult {
    let live = |file: &Path| file.as_os_str() == "live";
    if live(&verb.before) && live(&verb.after) {
        return Err(CommandError::new("both sides are `live`").hint(
            "name a saved inventory on one side; `orgstrap inventory --out FILE` saves one",
        ));
    }
    let side = |file: &Path| match live(file) {
        true => read(verb, global, printer),
        false => inventory::load_any(file),
    };
    let (before, after) = (side(&verb.before)?, side(&verb.after)?);
    if before.inventory.caller != after.inventory.caller {
        return Err(CommandError::new(format!(
            "the inventories are of different organizations: that of {} and that of {}",
            before.inventory.caller, after.inventory.caller
        )));
    }
    let found = difference::compare(&before, &after);
    let times = (before.inventory.taken_at, after.inventory.taken_at);
    let organization = &after.inventory.caller;
    match global.output() {
        Output::Text => printer.data(&report::text(&found, organization, times)),
        Output::Json => {
            printer.data_line(&report::json(&found, organization, times).to_string());
        }
    }
    Ok(
        match (found.differences.is_empty(), found.unclear.is_empty()) {
            (false, _) => Exit::Differs,
            (true, false) => Exit::Failed,
            (true, true) => Exit::Done,
        },
    )
}

fn read(verb: &Diff, global: &Global, printer: &Printer) -> Result<SavedInventory, CommandError> {
    let subject = subject::load(&verb.plan, global, printer)?;
    let mut saved = None;
    session::reading(&subject.plan, global, printer, async |session| {
        let max_age = verb.ages.max_age();
        let mut reading = cached::read(session, &subject, max_age, printer).await?;
        inventory::ask_controls(&mut reading, &subject, session, printer).await?;
        saved = Some(reading.saved.clone());
        reading.keep(printer);
        Ok(Exit::Done)
    })?;
    saved.ok_or_else(|| CommandError::new("nothing was read"))
}
