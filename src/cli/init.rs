use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::error::{CommandError, CommandResult};
use super::exit::Exit;
use super::{Global, Output};
use crate::plan::{self, AccountId, Region};
use crate::report::{Printer, json};

/// The home Region of a starter plan when none is named.
const HOME_REGION: &str = "eu-west-1";

/// Write a commented starter plan.
///
/// Works offline. `--region` is the plan's home Region; the account id can be put in later.
#[derive(Debug, Args)]
pub(super) struct Init {
    /// Where to write it; an existing file is left alone.
    #[arg(default_value = "org.toml", value_name = "PLAN")]
    plan: PathBuf,
    /// The management account's id.
    #[arg(long, value_name = "ID")]
    management_account: Option<AccountId>,
}

pub(super) fn run(verb: &Init, global: &Global, printer: &Printer) -> CommandResult {
    let home = match &global.region {
        Some(region) => region.clone(),
        None => HOME_REGION
            .parse::<Region>()
            .map_err(|error| CommandError::caused(HOME_REGION, &error))?,
    };
    let text = plan::starter(verb.management_account.as_ref(), &home);
    write_new(&verb.plan, &text)?;
    let path = verb.plan.display();
    match global.output() {
        Output::Text => printer.data_line(&format!("Wrote {path}.")),
        Output::Json => printer.data_line(
            &serde_json::json!({
                "format": "orgstrap-init",
                "version": json::VERSION,
                "plan": path.to_string(),
                "home_region": home,
                "management_account": verb.management_account,
            })
            .to_string(),
        ),
    }
    if verb.management_account.is_none() {
        printer.hint(&format!(
            "put your management account's id into {path}, then `orgstrap validate {path}`; \
             `orgstrap plan {path} --sandbox` works right away"
        ));
    }
    Ok(Exit::Done)
}

/// Writes a file that is not there yet, whole or not at all.
fn write_new(path: &Path, text: &str) -> Result<(), CommandError> {
    let written = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .and_then(|mut file| {
            let whole = file
                .write_all(text.as_bytes())
                .and_then(|()| file.sync_all());
            // A plan that is cut short would stand in the way of the next try, or be taken for one.
            whole.inspect_err(|_| {
                let _ = std::fs::remove_file(path);
            })
        });
    written.map_err(|error| {
        let wrong = CommandError::caused(format!("could not write {}", path.display()), &error);
        if error.kind() == ErrorKind::AlreadyExists {
            wrong.hint("name another file: `orgstrap init PLAN`; this one is left as it is")
        } else {
            wrong
        }
    })
}
