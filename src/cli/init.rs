use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::Global;
use super::error::{CommandError, CommandResult};
use super::exit::Exit;
use crate::plan::{self, AccountId};
use crate::report::{Printer, diagnostics};

/// The Region of a starter plan when `--region` names none.
const DEFAULT_REGION: &str = "eu-west-1";

/// Write a commented starter plan.
#[derive(Debug, Args)]
pub(super) struct Init {
    /// Where to write it; an existing file is left alone.
    #[arg(default_value = "org.toml", value_name = "PLAN")]
    plan: PathBuf,
    /// The 12-digit id of the management account; without it, an example stands there.
    #[arg(long, value_name = "ID")]
    management_account: Option<AccountId>,
}

pub(super) fn run(verb: &Init, global: &Global, printer: &Printer) -> CommandResult {
    let region = match &global.region {
        Some(region) => region.clone(),
        None => DEFAULT_REGION
            .parse()
            .map_err(|error| CommandError::caused("the starter plan", &error))?,
    };
    let text = plan::starter(verb.management_account.as_ref(), &region);
    let name = verb.plan.display().to_string();
    // Only a Region that can not be the home Region makes it unsound.
    if let Err(invalid) = plan::read_text(&name, text.clone(), Path::new("")) {
        printer.talk(&diagnostics::render(&invalid.diagnostics, true));
        return Err(
            CommandError::new(format!("a starter plan for {region} would not be valid"))
                .hint("name another Region with `--region`"),
        );
    }
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&verb.plan)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => {
                CommandError::new(format!("{name} is there already and was left as it is"))
                    .hint("name another file: `orgstrap init FILE`")
            }
            _ => CommandError::caused(format!("could not write {name}"), &error),
        })?;
    printer.say(&format!("Wrote {name}."));
    printer.hint(&format!(
        "put your accounts in, then run `orgstrap validate {name}`"
    ));
    Ok(Exit::Done)
}
