use clap::Args;

use super::PlanFile;
use super::edited::{Edited, bring};
use crate::cli::error::{CommandError, CommandResult};
use crate::cli::{Global, inventory, subject};
use crate::diff::OnQuota;
use crate::inventory::{AccountFacts, AccountState, Inventory, Observed};
use crate::ops::account::provision::Job;
use crate::plan::edit::{Edit, Entry, edit};
use crate::plan::{AccountKey, OrgPlan, OuPath, Tags};
use crate::report::Printer;

/// Take an account that AWS has and the org plan has not into the plan, where it is.
///
/// Its entry gets its id, by which orgstrap knows it, email, OU and tags. In AWS it gets what it lacks of its
/// OU's baselines.
#[derive(Debug, Args)]
pub(super) struct Adopt {
    /// The account, by its name in AWS, its id or its email.
    account: String,
    /// Its name in the org plan; its name in AWS when left out.
    #[arg(long = "as", value_name = "NAME")]
    key: Option<AccountKey>,
    #[command(flatten)]
    plan: PlanFile,
    /// Show the edit and the changes, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// Go on although stacks that hold data are deleted.
    #[arg(long)]
    delete_data: bool,
}

pub(super) fn run(verb: &Adopt, global: &Global, printer: &Printer) -> CommandResult {
    let file = &verb.plan.plan;
    let now = subject::load(file, global, printer)?;
    let before = Edited::read(file)?;
    let read = inventory::read(&now, global, printer)?;
    let (key, after) = match crate::ops::account::find::unplanned(&verb.account, &now.plan, &read)?
    {
        Some(facts) => {
            let entry = entry(verb, facts, &now.plan, &read)?;
            let key = entry.key.clone();
            let after =
                edit(&before, &Edit::Add(entry)).map_err(|error| super::not_edited(&error))?;
            (key, after)
        }
        // An earlier run has written it, and was perhaps killed.
        None => (adopted(verb, &now.plan, &read)?, before.clone()),
    };
    let edited = Edited {
        file,
        before,
        after,
    };
    let job = Job {
        what: format!("Adopt account {key}"),
        again: format!(
            "orgstrap account adopt {} --as {key} --plan {}",
            verb.account,
            file.display()
        ),
        keys: [key].into(),
        makes_accounts: false,
        with_all: false,
        dry_run: verb.dry_run,
        delete_data: verb.delete_data,
        on_quota: OnQuota::Stop,
        raise_quotas: false,
    };
    bring(&edited, job, global, printer, |_, _| {
        Ok::<(), CommandError>(())
    })
}

/// The account under the name that it has in the plan already.
fn adopted(
    verb: &Adopt,
    plan: &OrgPlan,
    inventory: &Inventory,
) -> Result<AccountKey, CommandError> {
    // The name that was asked for goes before an account whose key in the plan is the other's name in AWS.
    let desired = verb.key.as_ref().filter(|key| {
        plan.accounts.contains_key(key)
            && crate::ops::account::find::in_aws(key, plan, inventory)
                .is_ok_and(|facts| crate::ops::account::find::is_named(facts, &verb.account))
    });
    if let Some(key) = desired {
        return Ok(key.clone());
    }
    let found = crate::ops::account::find::one(&verb.account, plan, inventory)?;
    match (found.key, found.facts) {
        (Some(key), None) => Err(CommandError::new(format!(
            "the org plan has `{key}`, and which account of AWS that is cannot be said, or it is not there"
        ))
        .hint("`orgstrap plan` says more; another account of AWS is named by its id")),
        (Some(key), _) if verb.key.as_ref().is_some_and(|desired| *desired != key) => {
            Err(CommandError::new(format!(
                "account {} is in the org plan already, as `{key}`",
                verb.account
            ))
            .hint(format!("`orgstrap account rename {key} NEW` renames it")))
        }
        (Some(key), _) => Ok(key),
        (None, _) => Err(CommandError::new(format!("no account `{}` in AWS", verb.account))),
    }
}

/// The entry that describes an account as it is.
fn entry(
    verb: &Adopt,
    facts: &AccountFacts,
    plan: &OrgPlan,
    inventory: &Inventory,
) -> Result<Entry, CommandError> {
    let who = format!("account {} ({})", facts.id, facts.name);
    if facts.id == plan.organization.management_account {
        return Err(CommandError::new(format!(
            "{who} is the management account, which needs no entry"
        )));
    }
    if facts.state != AccountState::Active {
        return Err(CommandError::new(format!(
            "{who} is {}; only active accounts are adopted",
            facts.state.as_str()
        )));
    }
    let key = match &verb.key {
        Some(key) => key.clone(),
        None => facts.name.parse().map_err(|error| {
            CommandError::caused(format!("{who} cannot be named so in the plan"), &error)
                .hint("`--as NAME` gives it a name there")
        })?,
    };
    if plan.accounts.contains_key(&key) {
        return Err(
            CommandError::new(format!("the org plan has another account `{key}` already"))
                .hint("`--as NAME` gives this one another name there"),
        );
    }
    let ou = ou_of(&who, facts, plan, inventory)?;
    let tags = match &facts.tags {
        Observed::Known(tags) => tags
            .iter()
            .filter(|(key, _)| !key.starts_with("orgstrap:") && !key.starts_with("aws:"))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect::<Tags>(),
        Observed::Unread(unread) => {
            return Err(CommandError::new(format!(
                "the tags of {who} could not be read: {}: {}",
                unread.operation, unread.reason
            )));
        }
    };
    let email = facts.email.parse().map_err(|error| {
        CommandError::caused(format!("the email of {who} cannot stand in a plan"), &error)
    })?;
    Ok(Entry {
        id: Some(facts.id.clone()),
        name: (facts.name != key.as_str()).then(|| facts.name.clone()),
        email: Some(email),
        ou,
        tags,
        contacts: Default::default(),
        key,
    })
}

fn ou_of(
    who: &str,
    facts: &AccountFacts,
    plan: &OrgPlan,
    inventory: &Inventory,
) -> Result<OuPath, CommandError> {
    let organization = inventory.organization.known().and_then(Option::as_ref);
    if organization.is_some_and(|organization| organization.root_id == facts.parent) {
        return Ok(OuPath::root());
    }
    let ous = inventory.ous.known();
    let Some(ou) = ous.and_then(|ous| ous.get(&facts.parent)) else {
        return Err(CommandError::new(format!(
            "the OU of {who}, {}, could not be read",
            facts.parent
        )));
    };
    if !plan.ous.contains_key(&ou.path) {
        return Err(CommandError::new(format!(
            "{who} lies in the OU {}, which is not in the org plan",
            ou.path
        ))
        .hint(format!("add [ou.\"{}\"] to the plan first", ou.path)));
    }
    Ok(ou.path.clone())
}
