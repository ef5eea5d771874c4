use clap::Args;

use super::PlanFile;
use super::edited::{Edited, bring};
use crate::cli::error::{CommandError, CommandResult};
use crate::cli::{Global, inventory, subject};
use crate::diff::OnQuota;
use crate::ops::account::provision::Job;
use crate::plan::AccountKey;
use crate::plan::check::is_account_name;
use crate::plan::edit::{Edit, Field, edit};
use crate::report::Printer;

/// Rename an account, in the org plan and in AWS.
///
/// Its entry and everything that names it in the plan take the new name; in AWS its name and the tag by
/// which orgstrap knows it. Id and email are written into the entry, so that it stays the same account
/// whatever becomes of the tag.
#[derive(Debug, Args)]
pub(super) struct Rename {
    /// The account, by its name in the org plan.
    old: AccountKey,
    /// The name that it gets in the org plan.
    new: AccountKey,
    /// Its name in AWS, where that is to be another one. A `name` that the entry has stays when left out.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    plan: PlanFile,
    /// Show the edit and the changes, and do nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(verb: &Rename, global: &Global, printer: &Printer) -> CommandResult {
    let file = &verb.plan.plan;
    // The plan may have any name that an account has already, and AWS takes not all of them anew.
    if let Some(name) = verb.name.as_ref().filter(|name| !is_account_name(name)) {
        return Err(CommandError::new(format!(
            "AWS does not take {name:?} as an account's name; nothing was changed"
        ))
        .hint("a name has 1 to 50 printable ASCII characters, without < and >"));
    }
    let now = subject::load(file, global, printer)?;
    let before = Edited::read(file)?;
    let mut after = before.clone();
    let mut steps = Vec::new();
    let set = |field, value: &str| Edit::Set {
        key: verb.new.clone(),
        field,
        value: value.to_owned(),
    };
    if now.plan.accounts.contains_key(&verb.old) {
        let read = inventory::read(&now, global, printer)?;
        let facts = crate::ops::account::find::in_aws(&verb.old, &now.plan, &read)?;
        steps.push(Edit::Rename {
            from: verb.old.clone(),
            to: verb.new.clone(),
        });
        steps.push(set(Field::Email, &facts.email));
        steps.push(set(Field::Id, facts.id.as_str()));
    } else if !now.plan.accounts.contains_key(&verb.new) {
        // Where it has the new name, an earlier run has written it, and was perhaps killed.
        return Err(super::not_in_plan(&verb.old, file));
    }
    steps.extend(verb.name.as_ref().map(|name| set(Field::Name, name)));
    for step in steps {
        after = edit(&after, &step).map_err(|error| super::not_edited(&error))?;
    }
    let edited = Edited {
        file,
        before,
        after,
    };
    let job = Job {
        keys: [verb.new.clone()].into(),
        what: format!("Rename account {} to {}", verb.old, verb.new),
        again: format!(
            "orgstrap account rename {} {} --plan {}",
            verb.old,
            verb.new,
            file.display()
        ),
        makes_accounts: false,
        with_all: false,
        dry_run: verb.dry_run,
        delete_data: false,
        on_quota: OnQuota::Stop,
        raise_quotas: false,
    };
    bring(&edited, job, global, printer, |_, _| {
        Ok::<(), CommandError>(())
    })
}
