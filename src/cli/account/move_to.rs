use clap::Args;

use super::PlanFile;
use super::edited::{Edited, bring};
use crate::cli::error::{CommandError, CommandResult};
use crate::cli::{Global, Output, subject};
use crate::diff::OnQuota;
use crate::diff::{Fate, fates};
use crate::inventory::{Inventory, identify};
use crate::ops::LoadedPlan;
use crate::ops::account::provision::Job;
use crate::plan::edit::{Edit, edit};
use crate::plan::{AccountKey, OuPath};
use crate::report::Printer;
use crate::report::account::fate;

/// Move an account to another OU, in the org plan and in AWS, with its baselines.
///
/// Shows which stacks AWS will delete and create, waits for both, creates what is missing, and checks the
/// account. Nothing else is changed.
#[derive(Debug, Args)]
pub(super) struct Move {
    /// The account, by its name in the org plan.
    name: AccountKey,
    /// The OU that it is put into, by its path in the org plan.
    #[arg(long, value_name = "OU")]
    to: OuPath,
    /// Go on although stacks that hold data are deleted.
    #[arg(long)]
    delete_data: bool,
    #[command(flatten)]
    plan: PlanFile,
    /// Show the edit and the changes, and do nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(verb: &Move, global: &Global, printer: &Printer) -> CommandResult {
    let file = &verb.plan.plan;
    let now = subject::load(file, global, printer)?;
    let Some(planned) = now.plan.accounts.get(&verb.name) else {
        return Err(super::not_in_plan(&verb.name, file));
    };
    let before = Edited::read(file)?;
    let after = match planned.ou == verb.to {
        true => before.clone(),
        false => {
            let step = Edit::Move {
                key: verb.name.clone(),
                ou: verb.to.clone(),
            };
            edit(&before, &step).map_err(|error| super::not_edited(&error))?
        }
    };
    let edited = Edited {
        file,
        before,
        after,
    };
    let job = Job {
        keys: [verb.name.clone()].into(),
        what: format!("Move account {} to {}", verb.name, verb.to),
        again: format!(
            "orgstrap account move {} --to {:?}{} --plan {}",
            verb.name,
            verb.to.to_string(),
            if verb.delete_data {
                " --delete-data"
            } else {
                ""
            },
            file.display()
        ),
        makes_accounts: false,
        with_all: false,
        dry_run: verb.dry_run,
        delete_data: verb.delete_data,
        on_quota: OnQuota::Stop,
        raise_quotas: false,
    };
    bring(&edited, job, global, printer, |subject, inventory| {
        stacks(verb, (subject, inventory), global, printer)
    })
}

/// Shows what becomes of its stacks; an error where data would go with them and nobody said so.
fn stacks(
    verb: &Move,
    (subject, inventory): (&LoadedPlan, &Inventory),
    global: &Global,
    printer: &Printer,
) -> Result<(), CommandError> {
    let plan = &subject.plan;
    let accounts = inventory.accounts.known();
    let Some(id) = accounts.and_then(|all| identify(plan, all).accounts.remove(&verb.name)) else {
        return Ok(());
    };
    let fates = fates(plan, &subject.desired, inventory, &verb.name, &id);
    match global.output() {
        Output::Text => printer.data(&fate::text(&fates)),
        Output::Json => printer.data_line(&fate::json(&fates).to_string()),
    }
    let lost: Vec<&Fate> = fates.iter().filter(|fate| !fate.data.is_empty()).collect();
    if lost.is_empty() || verb.delete_data {
        return Ok(());
    }
    let lines: Vec<String> = lost
        .iter()
        .map(|fate| {
            format!("  {}: {}", fate.set, {
                let data: Vec<String> = fate.data.iter().map(ToString::to_string).collect();
                data.join(", ")
            })
        })
        .collect();
    Err(CommandError::new(format!(
        "the move deletes stacks that hold data in account {}; nothing was changed:\n{}",
        verb.name,
        lines.join("\n")
    ))
    .hint("save the data first, then `--delete-data`; or let the baseline keep the stacks of accounts that leave (`retain_on_removal`)"))
}
