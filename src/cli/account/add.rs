use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use clap::Args;

use super::PlanFile;
use super::batch;
use super::edited::{Edited, bring};
use crate::cli::Global;
use crate::cli::error::{CommandError, CommandResult};
use crate::cli::quotas::QuotaFlag;
use crate::cli::subject;
use crate::inventory::identify::{identify, named};
use crate::inventory::{AccountState, Inventory};
use crate::ops::LoadedPlan;
use crate::ops::account::provision::Job;
use crate::plan::edit::{Edit, Entry, edit};
use crate::plan::{Account, AccountKey, Contact, ContactKind, Email, OrgPlan, OuPath, Tags};
use crate::report::Printer;

/// Add an account to the org plan and bring it up until it is ready.
///
/// Ready is: created, in its OU, tagged, its contacts set, its access role answering, every baseline of its
/// OU there in every governed Region, and checked. That account is touched and nothing else, whatever else
/// differs. The plan's file keeps every comment; it is written before AWS is touched, so the same command
/// goes on with what a killed run began.
#[derive(Debug, Args)]
pub(super) struct Add {
    /// The account's name in the org plan, and in AWS.
    #[arg(required_unless_present = "from", conflicts_with = "from")]
    name: Option<AccountKey>,
    /// The OU that it is put into, by its path in the org plan.
    #[arg(long, required_unless_present = "from", conflicts_with = "from")]
    ou: Option<OuPath>,
    /// The root user's address; made from `organization.email` when left out.
    #[arg(long, conflicts_with = "from")]
    email: Option<Email>,
    /// A tag. May be repeated.
    #[arg(long, value_name = "KEY=VALUE", value_parser = tag, conflicts_with = "from")]
    tag: Vec<(String, String)>,
    /// An alternate contact: billing, operations or security. May be repeated.
    #[arg(long, value_name = "KIND=NAME,TITLE,EMAIL,PHONE", value_parser = contact, conflicts_with = "from")]
    contact: Vec<(ContactKind, Contact)>,
    /// Many accounts: a .csv file with the columns name, ou, email and tag:KEY, or a .json file with a list
    /// of objects.
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    #[command(flatten)]
    plan: PlanFile,
    /// Make everything that differs from the org plan, not this account only.
    #[arg(long)]
    with_all: bool,
    /// Show the edit and the changes, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// Go on although stacks that hold data are deleted.
    #[arg(long)]
    delete_data: bool,
    #[command(flatten)]
    quotas: QuotaFlag,
    /// Ask AWS to raise the quotas that the accounts need more of, or tell what became of an earlier request.
    #[arg(long, conflicts_with = "dry_run")]
    raise_quotas: bool,
}

fn tag(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write it as KEY=VALUE".to_owned()),
    }
}

fn contact(text: &str) -> Result<(ContactKind, Contact), String> {
    let shape =
        || "write it as KIND=NAME,TITLE,EMAIL,PHONE with KIND one of billing, operations, security";
    let (kind, rest) = text.split_once('=').ok_or_else(shape)?;
    let kind = match kind {
        "billing" => ContactKind::Billing,
        "operations" => ContactKind::Operations,
        "security" => ContactKind::Security,
        _ => return Err(shape().to_owned()),
    };
    let parts: Vec<&str> = rest.split(',').map(str::trim).collect();
    let [name, title, email, phone] = parts.as_slice() else {
        return Err(shape().to_owned());
    };
    let own = |text: &str| text.to_owned();
    Ok((
        kind,
        Contact {
            name: own(name),
            title: own(title),
            email: own(email),
            phone: own(phone),
        },
    ))
}

pub(super) fn run(verb: &Add, global: &Global, printer: &Printer) -> CommandResult {
    let file = &verb.plan.plan;
    let now = subject::load(file, global, printer)?;
    let before = Edited::read(file)?;
    let entries = entries(verb, &now.plan, &before)?;
    let mut after = before.clone();
    for entry in &entries {
        match now.plan.accounts.get(&entry.key) {
            None => {
                after = edit(&after, &Edit::Add(entry.clone()))
                    .map_err(|error| super::not_edited(&error))?;
            }
            Some(there) => {
                let differing = differences(entry, there);
                if !differing.is_empty() {
                    return Err(CommandError::new(format!(
                        "{} has this account already, otherwise:\n  {}",
                        file.display(),
                        differing.join("\n  ")
                    ))
                    .hint("edit the file and run `orgstrap apply`, or add it as it stands there"));
                }
            }
        }
    }
    let names: Vec<String> = entries.iter().map(|entry| entry.key.to_string()).collect();
    let edited = Edited {
        file,
        before,
        after,
    };
    let job = Job {
        keys: entries.iter().map(|entry| entry.key.clone()).collect(),
        what: match names.as_slice() {
            [one] => format!("Add account {one}"),
            some => format!("Add {} accounts", some.len()),
        },
        again: again(verb, &entries),
        makes_accounts: true,
        with_all: verb.with_all,
        dry_run: verb.dry_run,
        delete_data: verb.delete_data,
        on_quota: verb.quotas.option(),
        raise_quotas: verb.raise_quotas,
    };
    let keys = job.keys.clone();
    bring(&edited, job, global, printer, |subject, inventory| {
        not_closed(subject, inventory, &keys)
    })
}

/// An account that is closed or suspended is told before its entry is written: it cannot be brought up, and AWS
/// never lets its email be used again.
fn not_closed(
    subject: &LoadedPlan,
    inventory: &Inventory,
    keys: &BTreeSet<AccountKey>,
) -> Result<(), CommandError> {
    let Some(accounts) = inventory.accounts.known() else {
        return Ok(());
    };
    let ids = identify(&subject.plan, accounts).accounts;
    let lines: Vec<String> = keys
        .iter()
        .filter_map(|key| Some((key, accounts.get(ids.get(key)?)?)))
        .filter(|(_, facts)| {
            matches!(
                facts.state,
                AccountState::Closed | AccountState::PendingClosure | AccountState::Suspended
            )
        })
        .map(|(key, facts)| format!("account `{key}` is {}", named(facts)))
        .collect();
    if lines.is_empty() {
        return Ok(());
    }
    Err(
        CommandError::new(format!("{}; nothing was changed", lines.join("; "))).hint(
            "AWS never lets an email be used again: a new account takes another email, such as with `--email`",
        ),
    )
}

fn entries(verb: &Add, plan: &OrgPlan, before: &str) -> Result<Vec<Entry>, CommandError> {
    match (&verb.from, &verb.name, &verb.ou) {
        (Some(from), ..) => {
            let mut batch = batch::read(from)?;
            batch.check(plan, before, &verb.plan.plan)?;
            let placed = batch.sound()?;
            Ok(placed.into_iter().map(|placed| placed.entry).collect())
        }
        (None, Some(name), Some(ou)) => Ok(vec![Entry {
            key: name.clone(),
            id: None,
            name: None,
            email: verb.email.clone(),
            ou: ou.clone(),
            tags: verb.tag.iter().cloned().collect::<Tags>(),
            contacts: verb.contact.iter().cloned().collect::<BTreeMap<_, _>>(),
        }]),
        _ => Err(CommandError::new("name the account and its OU")),
    }
}

fn again(verb: &Add, entries: &[Entry]) -> String {
    let plan = verb.plan.plan.display();
    let what = match (&verb.from, entries) {
        (None, [one]) => format!("{} --ou {:?}", one.key, one.ou.to_string()),
        (from, _) => format!(
            "--from {}",
            from.iter()
                .map(|from| from.display().to_string())
                .collect::<String>()
        ),
    };
    let quotas = verb.quotas.written();
    format!("orgstrap account add {what} --plan {plan}{quotas}")
}

/// What was asked for and is otherwise in the plan. What was not asked for may be as it is.
pub(super) fn differences(entry: &Entry, there: &Account) -> Vec<String> {
    let mut lines = Vec::new();
    let mut differ = |what: &str, asked: String, has: String| {
        if asked != has {
            lines.push(format!(
                "{}: {what} is {has} in the plan, and {asked} was asked for",
                entry.key
            ));
        }
    };
    differ("the OU", entry.ou.to_string(), there.ou.to_string());
    if let Some(email) = &entry.email {
        differ("the email", email.folded(), there.email.folded());
    }
    for (key, value) in &entry.tags {
        let has = there.tags.get(key).map_or("not set", String::as_str);
        differ(&format!("tag {key}"), value.clone(), has.to_owned());
    }
    for (kind, contact) in &entry.contacts {
        let words = |contact: &Contact| format!("{} <{}>", contact.name, contact.email);
        if there.contacts.get(kind) != Some(contact) {
            let has = there.contacts.get(kind).map_or("not set".to_owned(), words);
            let what = format!("the {} contact", kind.as_str());
            differ(&what, words(contact), format!("{has} "));
        }
    }
    lines
}
