use std::collections::BTreeSet;

use clap::Args;

use super::PlanFile;
use super::edited::Edited;
use crate::action;
use crate::addr::{Address, Expr};
use crate::change::{Change, Verb};
use crate::cli::error::{CommandError, CommandResult};
use crate::cli::exit::Exit;
use crate::cli::make::{self, Work, make};
use crate::cli::perform::{LockedRun, refuse_while_held};
use crate::cli::session::{self, Session};
use crate::cli::subject::{self, LoadedPlan};
use crate::cli::{Global, Output, compare, files, prompt, stop};
use crate::diff::{BlockedBy, DiffOptions, Scoped, diff, scope};
use crate::execute::Stop;
use crate::graph::{ChangeGraph, graph};
use crate::inventory::{AccountFacts, AccountState, Inventory};
use crate::ops::account::provision::moved;
use crate::plan::edit::{Edit, EditError, edit};
use crate::plan::{AccountKey, OrgPlan, OuPath};
use crate::report::account::{close, edit as edited};
use crate::report::{Printer, json, plan as preview};

/// Names of an OU that is where accounts go that are not to be used any more.
const QUARANTINE: [&str; 2] = ["Quarantine", "Suspended"];

/// Close an account for good, and take it out of the org plan.
///
/// The name is to be typed. The logging account, the SecOps account, the management account and delegated
/// administrators are refused. The account is moved to a quarantine OU first, so that AWS takes its baseline
/// stacks away, before the move where a policy of that OU would keep AWS from it; the entry leaves the plan when AWS has
/// closed the account.
#[derive(Debug, Args)]
pub(super) struct Close {
    /// The account, by its name in the org plan.
    name: AccountKey,
    /// The OU of the org plan to which it is moved before; `Quarantine` or `Suspended` where the plan has one.
    #[arg(long, value_name = "OU")]
    quarantine: Option<OuPath>,
    /// The account's name once more, instead of typing it. `--yes` is not enough.
    #[arg(long, value_name = "NAME")]
    confirm: Option<String>,
    #[command(flatten)]
    plan: PlanFile,
    /// Show what would be done, and do nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(verb: &Close, global: &Global, printer: &Printer) -> CommandResult {
    let file = &verb.plan.plan;
    let subject = subject::load(file, global, printer)?;
    if !subject.plan.accounts.contains_key(&verb.name) {
        return Err(super::not_in_plan(&verb.name, file));
    }
    refuse_duties(&verb.name, &subject.plan)?;
    let before = Edited::read(file)?;
    let step = Edit::Remove {
        key: verb.name.clone(),
    };
    let after = edit(&before, &step).map_err(|error| super::not_edited(&error))?;
    subject::load_text(file, &after, global, printer)?;
    let edited = Edited {
        file,
        before,
        after,
    };
    session::with(&subject.plan, global, printer, async |session| {
        let stop = Stop::new();
        let closing = Closing {
            verb,
            edited: &edited,
            subject: &subject,
            session,
            global,
            printer,
            stop: &stop,
        };
        tokio::select! {
            biased;
            result = closing.close() => result,
            () = stop::listen(&stop) => Err(CommandError::new("no longer listening for Ctrl-C")),
        }
    })
}

/// What rests on an account is not closed with it.
fn refuse_duties(key: &AccountKey, plan: &OrgPlan) -> Result<(), CommandError> {
    let organization = &plan.organization;
    let mut duties = Vec::new();
    if organization.logging.as_ref() == Some(key) {
        duties.push("it keeps the organization's logs".to_owned());
    }
    if organization.secops.as_ref() == Some(key) {
        duties.push("it is the SecOps account".to_owned());
    }
    let id = plan
        .accounts
        .get(key)
        .and_then(|planned| planned.id.as_ref());
    if id == Some(&organization.management_account) {
        duties.push("it is the management account".to_owned());
    }
    for (principal, keys) in &plan.delegated_administrators {
        if keys.contains(key) {
            duties.push(format!("it administers {principal}"));
        }
    }
    refused(key, &duties)
}

fn refused(key: &AccountKey, duties: &[String]) -> Result<(), CommandError> {
    if duties.is_empty() {
        return Ok(());
    }
    Err(CommandError::new(format!(
        "account {key} is not closed: {}",
        duties.join("; ")
    ))
    .hint("give the duty to another account first"))
}

/// Whether AWS has closed an account, or is at it.
fn is_closed(facts: &AccountFacts) -> bool {
    matches!(
        facts.state,
        AccountState::Closed | AccountState::PendingClosure
    )
}

struct Closing<'a> {
    verb: &'a Close,
    edited: &'a Edited<'a>,
    subject: &'a LoadedPlan,
    session: &'a Session,
    global: &'a Global,
    printer: &'a Printer,
    stop: &'a Stop,
}

impl Closing<'_> {
    async fn close(&self) -> CommandResult {
        let key = &self.verb.name;
        let inventory = compare::read(self.session, self.subject, self.printer).await?;
        let facts = self.account(&inventory)?;
        self.refuse_what_aws_says(facts, &inventory)?;
        let (changes, scoped) = self.changes(facts, &inventory)?;
        let order = graph(changes)
            .map_err(|error| CommandError::caused("the changes can have no order", &error))?;
        let ordered: Vec<Change> = order.changes().cloned().collect();
        let asks = self.verb.confirm.is_none() && !self.verb.dry_run;
        refuse_while_held(self.session, asks).await?;
        self.show(facts, ordered);
        if self.verb.dry_run {
            self.printer.say("Nothing was changed: `--dry-run`.");
            return Ok(Exit::Done);
        }
        let question = format!("Type the account's name, {key}, to close {}: ", facts.id);
        let confirm = self.verb.confirm.as_deref();
        if !prompt::typed(key.as_str(), &question, confirm, self.printer)? {
            self.printer.say("Nothing was changed.");
            return Ok(Exit::Stopped);
        }
        if !order.is_empty() {
            let holding = LockedRun::take(self.session, self.stop).await?;
            if let Err(error) = self.still(&order, &inventory).await {
                make::give_back(holding, self.session, self.printer).await;
                return Err(error);
            }
            let again = format!("`{}` again goes on from here", self.again());
            let work = Work {
                plan: None,
                graph: order,
                bindings: scoped.diff.bindings,
                expected: None,
                speed: None,
                claim: "",
                left: 0,
                timeline: None,
                next: &|done| match done.is_success() {
                    true => Vec::new(),
                    false => vec![again.clone()],
                },
            };
            let (session, global, printer) = (self.session, self.global, self.printer);
            let done = make(work, holding, session, global.output(), printer, self.stop).await;
            let exit = make::exit(&done);
            if exit != Exit::Done {
                return Ok(exit);
            }
        }
        // Only now: a run that was killed before finds the entry and goes on.
        self.take_out(facts)?;
        match self.global.output() {
            Output::Text => self.printer.data(&close::done_text(key.as_str(), facts)),
            Output::Json => self
                .printer
                .data_line(&close::done_json(key.as_str(), facts).to_string()),
        }
        Ok(Exit::Done)
    }

    /// The account that is meant. One that an earlier run has closed is found by its email too, though AWS
    /// keeps that from every other account.
    fn account<'i>(&self, inventory: &'i Inventory) -> Result<&'i AccountFacts, CommandError> {
        let (key, plan) = (&self.verb.name, &self.subject.plan);
        let found = crate::ops::account::find::in_aws(key, plan, inventory);
        let accounts = inventory.accounts.known().into_iter().flatten();
        let closed = plan.accounts.get(key).and_then(|planned| {
            accounts
                .map(|(_, facts)| facts)
                .find(|facts| is_closed(facts) && facts.has_email(&planned.email))
        });
        found.or_else(|error| closed.ok_or(error))
    }

    /// An error where what was shown is too old to go by, and not so any more.
    async fn still(&self, shown: &ChangeGraph, read: &Inventory) -> Result<(), CommandError> {
        if !make::is_old(read.taken_at, self.session) {
            return Ok(());
        }
        let inventory = compare::read(self.session, self.subject, self.printer).await?;
        let facts = self.account(&inventory)?;
        self.refuse_what_aws_says(facts, &inventory)?;
        let (changes, _) = self.changes(facts, &inventory)?;
        let mut shown: Vec<&Change> = shown.changes().collect();
        shown.sort_by(|a, b| a.address.cmp(&b.address));
        let mut now: Vec<&Change> = changes.iter().collect();
        now.sort_by(|a, b| a.address.cmp(&b.address));
        match now == shown {
            true => Ok(()),
            false => Err(moved()),
        }
    }

    /// Takes the entry out of the plan as its file is now: somebody may have edited it while AWS was at work.
    fn take_out(&self, facts: &AccountFacts) -> Result<(), CommandError> {
        let (key, file) = (&self.verb.name, self.edited.file);
        let told = |message: String| {
            CommandError::new(format!(
                "account {key} ({}) is closed, and its entry is still in {}: {message}",
                facts.id,
                file.display()
            ))
            .hint(format!(
                "take [account.{key}] out by hand, or run `{}` again",
                self.again()
            ))
        };
        let now = Edited::read(file).map_err(|error| told(error.message))?;
        let after = match edit(&now, &Edit::Remove { key: key.clone() }) {
            Ok(after) => after,
            Err(EditError::NoAccount(_)) => return Ok(()),
            Err(error) => return Err(told(error.to_string())),
        };
        files::replace(file, &after).map_err(|error| told(error.message))
    }

    /// The command to run again, without global options.
    fn again(&self) -> String {
        let quarantine = self.verb.quarantine.as_ref();
        let quarantine = quarantine.map_or(String::new(), |ou| {
            format!(" --quarantine {:?}", ou.to_string())
        });
        format!(
            "orgstrap account close {}{quarantine} --plan {}",
            self.verb.name,
            self.edited.file.display()
        )
    }

    /// What the plan need not know.
    fn refuse_what_aws_says(
        &self,
        facts: &AccountFacts,
        inventory: &Inventory,
    ) -> Result<(), CommandError> {
        let key = &self.verb.name;
        let mut duties = Vec::new();
        if facts.id == self.session.management {
            duties.push("it is the management account".to_owned());
        }
        match inventory.delegated_administrators.known() {
            Some(all) => duties.extend(
                all.get(&facts.id)
                    .into_iter()
                    .flatten()
                    .map(|principal| format!("it administers {principal}")),
            ),
            None => {
                return Err(CommandError::new(
                    "which accounts are delegated administrators could not be read; nothing was changed",
                ));
            }
        }
        refused(key, &duties)
    }

    /// The way into the quarantine OU, if there is one, and then the closure; of what an earlier run began only the
    /// end of the closure.
    fn changes(
        &self,
        facts: &AccountFacts,
        inventory: &Inventory,
    ) -> Result<(Vec<Change>, Scoped), CommandError> {
        let key = &self.verb.name;
        let closure = |reason: &str, needs: BTreeSet<Address>| Change {
            address: Address::Closure(key.clone()),
            verb: Verb::Delete,
            reason: reason.to_owned(),
            fields: Vec::new(),
            action: action::CloseAccount {
                account: Expr::literal(facts.id.as_str()),
            }
            .into(),
            needs,
        };
        match facts.state {
            AccountState::Active => {}
            AccountState::Closed => return Ok((Vec::new(), Scoped::default())),
            AccountState::PendingClosure => {
                let rest = closure("AWS is closing it", BTreeSet::new());
                return Ok((vec![rest], Scoped::default()));
            }
            state => {
                return Err(CommandError::new(format!(
                    "account {key} ({}) is {}; AWS closes only active accounts",
                    facts.id,
                    state.as_str()
                )));
            }
        }
        let mut plan = self.subject.plan.clone();
        let quarantine = self.quarantine()?;
        if let (Some(ou), Some(planned)) = (&quarantine, plan.accounts.get_mut(key)) {
            planned.ou = ou.clone();
        }
        let options = DiffOptions::default();
        let found = diff(&plan, &self.subject.desired, inventory, &options);
        if let Some(problem) = found.problems.first() {
            return Err(CommandError::new(problem.message.clone()));
        }
        let keys = BTreeSet::from([key.clone()]);
        let scoped = scope(found, &plan, &self.subject.desired, &keys);
        let mut changes: Vec<Change> = match quarantine {
            Some(_) => scoped
                .diff
                .changes
                .iter()
                .filter(|change| {
                    matches!(
                        change.address,
                        Address::Placement(_) | Address::RolloutFrom(..)
                    )
                })
                .cloned()
                .collect(),
            None => Vec::new(),
        };
        changes.extend(scoped.diff.blocked.iter().filter_map(|blocked| {
            let Address::RolloutFrom(name, _) = &blocked.address else {
                return None;
            };
            let BlockedBy::State { message } = &blocked.reason else {
                return None;
            };
            // What nobody can take away any more ends with the account; the set forgets it.
            Some(Change {
                address: blocked.address.clone(),
                verb: Verb::Delete,
                reason: format!("{message}; they stay in it and end with it"),
                fields: Vec::new(),
                action: action::RemoveStackInstances {
                    name: self.subject.desired.stack_sets.get(name)?.full_name.clone(),
                    account: Expr::literal(facts.id.as_str()),
                    retain: true,
                    left: false,
                }
                .into(),
                needs: BTreeSet::new(),
            })
        }));
        let missing = scoped.missing.iter().find(|missing| {
            matches!((&missing.address, &quarantine), (Address::Ou(path), Some(ou)) if path.contains(ou))
        });
        if let Some(missing) = missing {
            return Err(CommandError::new(format!(
                "{} is not there yet; nothing was changed",
                missing.address
            ))
            .hint("`orgstrap apply` makes it"));
        }
        // The access role need not answer for a move into quarantine.
        let kept: BTreeSet<Address> = changes.iter().map(|c| c.address.clone()).collect();
        for change in &mut changes {
            change.needs.retain(|need| kept.contains(need));
        }
        changes.push(closure("asked for", kept));
        Ok((changes, scoped))
    }

    fn quarantine(&self) -> Result<Option<OuPath>, CommandError> {
        let ous = &self.subject.plan.ous;
        match &self.verb.quarantine {
            Some(ou) if ous.contains_key(ou) => Ok(Some(ou.clone())),
            Some(ou) => Err(CommandError::new(format!("the org plan has no OU `{ou}`"))
                .hint("add its table, with `baselines = []`, and apply")),
            None => Ok(ous
                .keys()
                .find(|path| path.depth() == 1 && QUARANTINE.contains(&path.name()))
                .cloned()),
        }
    }

    fn show(&self, facts: &AccountFacts, changes: Vec<Change>) {
        let file = self.edited.file.display().to_string();
        let view = preview::Preview {
            source: file.clone(),
            management_account: self.session.management.to_string(),
            accounts: vec![self.verb.name.to_string()],
            changes,
            ..preview::Preview::default()
        };
        match self.global.output() {
            Output::Text => {
                let diff = edited::text(&file, &self.edited.before, &self.edited.after);
                self.printer.data(&format!("{diff}\n"));
                self.printer
                    .data(&close::text(self.verb.name.as_str(), facts, &view.changes));
            }
            Output::Json => {
                let mut plan = json::plan(&view);
                if let serde_json::Value::Object(map) = &mut plan {
                    map.insert("event".to_owned(), "plan".into());
                    let (before, after) = (&self.edited.before, &self.edited.after);
                    map.insert("edit".to_owned(), edited::json(before, after));
                }
                self.printer.data_line(&plan.to_string());
            }
        }
    }
}
