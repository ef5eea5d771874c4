use std::path::PathBuf;

use clap::Args;

use super::error::CommandResult;
use super::exit::Exit;
use super::{Global, Output, subject};
use crate::report::{Printer, words};

/// Check the org plan offline, without credentials, and show every error at once.
#[derive(Debug, Args)]
pub(super) struct Validate {
    /// The org plan.
    #[arg(default_value = "org.toml", value_name = "PLAN")]
    plan: PathBuf,
}

pub(super) fn run(verb: &Validate, global: &Global, printer: &Printer) -> CommandResult {
    let checked = match global.output() {
        Output::Text => subject::load(&verb.plan, global, printer),
        Output::Json => return subject::check_json(&verb.plan, printer),
    };
    let plan = checked?.plan;
    printer.data_line(&format!(
        "{} is valid: {}, {}, {}, {} in {}.",
        verb.plan.display(),
        words::count(plan.accounts.len(), "account", "accounts"),
        words::count(plan.ous.len(), "OU", "OUs"),
        words::count(plan.policies.len(), "policy", "policies"),
        words::count(plan.baselines.len(), "baseline", "baselines"),
        words::count(plan.organization.regions.len(), "Region", "Regions"),
    ));
    Ok(Exit::Done)
}
