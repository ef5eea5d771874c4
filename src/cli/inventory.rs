use std::path::{Path, PathBuf};

use clap::Args;

use super::error::{CommandError, CommandResult};
use super::exit::Exit;
use super::{Global, Output, compare, files, session, subject};
use crate::inventory::{Inventory as Facts, SavedInventory};
use crate::report::{Printer, inventory as report};

/// Read what AWS holds, and save it.
///
/// Reads what `plan` reads for this org plan and changes nothing. A saved inventory holds account ids,
/// email addresses and policies: its file is for its owner only.
#[derive(Debug, Args)]
pub(super) struct Inventory {
    /// The org plan.
    #[arg(default_value = "org.toml", value_name = "PLAN")]
    plan: PathBuf,
    /// Save it, for `orgstrap rehearse --from FILE`.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn run(verb: &Inventory, global: &Global, printer: &Printer) -> CommandResult {
    let subject = subject::load(&verb.plan, global, printer)?;
    let found = read(&subject, global, printer)?;
    let saved = SavedInventory::new(found);
    let text = saved
        .to_json()
        .map_err(|error| CommandError::caused("could not write the inventory as JSON", &error))?;
    match global.output() {
        Output::Text => printer.data(&report::text(&saved.inventory)),
        Output::Json => printer.data(&text),
    }
    if let Some(out) = &verb.out {
        files::write_private(out, &text)?;
        printer.say(&format!(
            "Saved to {}; `orgstrap rehearse {} --from {}` rehearses the plan on it.",
            out.display(),
            verb.plan.display(),
            out.display()
        ));
    }
    Ok(Exit::Done)
}

/// Reads AWS, or the sandbox.
pub(super) fn read(
    subject: &subject::Subject,
    global: &Global,
    printer: &Printer,
) -> Result<Facts, CommandError> {
    let mut found = None;
    session::reading(&subject.plan, global, printer, async |session| {
        printer.detail("Reading AWS…");
        found = Some(compare::read(session, subject, printer).await?);
        Ok(Exit::Done)
    })?;
    found.ok_or_else(|| CommandError::new("nothing was read"))
}

/// Reads a saved inventory.
pub(super) fn load(file: &Path) -> Result<Facts, CommandError> {
    let doing = || format!("could not read the inventory {}", file.display());
    let text =
        std::fs::read_to_string(file).map_err(|error| CommandError::caused(doing(), &error))?;
    SavedInventory::from_json(&text)
        .map(|saved| saved.inventory)
        .map_err(|error| {
            CommandError::caused(doing(), &error)
                .hint("`orgstrap inventory PLAN --out FILE` saves one")
        })
}
