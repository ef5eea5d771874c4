//! What the verbs that change accounts have in common: an edited plan's file and the changes are shown, the question is
//! asked, the file is written, the changes of these accounts are made and these accounts are checked.
//!
//! The file is written before AWS is touched: a run that was killed is gone on with by the same command,
//! which finds the plan edited already.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use super::check::{Checked, check};
use crate::action::Action;
use crate::addr::Address;
use crate::diff::{DiffOptions, OnQuota};
use crate::execute::{Stop, Summary};
use crate::graph::ChangeGraph;
use crate::inventory::Inventory;
use crate::ops::compare::{Beside, Comparison, compare_accounts, compared, read, refuse_losses};
use crate::ops::error::{CommandError, CommandResult};
use crate::ops::exit::Exit;
use crate::ops::make::{self, Work, give_back, make};
use crate::ops::perform::{LockedRun, refuse_while_held};
use crate::ops::session::Session;
use crate::ops::{Confirm, LoadedPlan, Output, quotas};
use crate::plan::AccountKey;
use crate::rehearse::{Chain, Timeline, chain};
use crate::report::account::{edit, ready};
use crate::report::{Printer, json, left, plan as preview, summary, words};

/// An edit of a plan's file.
pub struct Edited<'a> {
    /// The file, as messages name it.
    pub file: String,
    /// As it was read.
    pub before: String,
    /// As it is to be; the same where an earlier run has written it.
    pub after: String,
    /// Writes it, if it is still as it was read.
    pub write: &'a dyn Fn() -> Result<(), CommandError>,
}

impl Edited<'_> {
    fn differs(&self) -> bool {
        self.before != self.after
    }
}

/// What is to be done.
pub struct Job {
    /// The accounts that it is about.
    pub keys: BTreeSet<AccountKey>,
    /// The question's beginning, such as "Add account shop".
    pub what: String,
    /// The command to run again, without global options.
    pub again: String,
    /// Whether accounts that AWS has not are made. What is about an account that is there makes none.
    pub makes_accounts: bool,
    /// Everything that differs, not these accounts only.
    pub with_all: bool,
    pub dry_run: bool,
    /// Whether resources that hold data may be deleted.
    pub delete_data: bool,
    /// What happens where a quota is in the way.
    pub on_quota: OnQuota,
    /// Whether AWS is asked to raise quotas that are.
    pub raise_quotas: bool,
}

/// Accounts that are to become what the plan says, and how the person is reached.
pub struct Provision<'a> {
    /// The plan as edited.
    pub subject: &'a LoadedPlan,
    pub edited: Edited<'a>,
    pub job: Job,
    pub output: Output,
    /// Whether every question was answered beforehand.
    pub yes: bool,
    pub confirm: Confirm<'a>,
    /// The profile by which the management account was entered, for the report's commands.
    pub source_profile: Option<&'a str>,
}

/// Does it, with `before` shown ahead of the changes, and reports on the accounts at the end. `before` is given what AWS
/// holds.
pub async fn provision(
    asked: &Provision<'_>,
    session: &Session,
    printer: &Printer,
    stop: &Stop,
    before: impl Fn(&Inventory) -> Result<(), CommandError>,
) -> CommandResult {
    let run = Run {
        asked,
        job: &asked.job,
        session,
        printer,
        stop,
    };
    run.provision(&before).await
}

struct Run<'a> {
    asked: &'a Provision<'a>,
    job: &'a Job,
    session: &'a Session,
    printer: &'a Printer,
    stop: &'a Stop,
}

impl Run<'_> {
    async fn provision(
        &self,
        before: &impl Fn(&Inventory) -> Result<(), CommandError>,
    ) -> CommandResult {
        let begun = Instant::now();
        let (mut found, beside) = self.compare().await?;
        if self.job.raise_quotas {
            let (output, confirm) = (self.asked.output, self.asked.confirm);
            quotas::raise_for(&mut found, self.session, output, confirm, self.printer).await?;
        }
        if !found.preview.problems.is_empty() {
            self.printer.talk(&preview::text(&found.preview));
            return Err(CommandError::new("nothing was changed"));
        }
        self.refuse_creations(&found)?;
        let number = found.preview.changes.len();
        let asks = number > 0 && !self.asked.yes && !self.job.dry_run;
        refuse_while_held(self.session, asks).await?;
        self.show(&found, &beside);
        before(&beside.inventory)?;
        if !beside.missing.is_empty() {
            return Err(self.foundation_missing(&beside));
        }
        if self.job.dry_run {
            self.printer.say("Nothing was changed: `--dry-run`.");
            return Ok(Exit::Done);
        }
        refuse_losses(&found.preview.losses, self.job.delete_data)?;
        let reading = begun.elapsed();
        if (number > 0 || self.asked.edited.differs()) && !self.confirmed(number)? {
            self.printer.say("Nothing was changed.");
            return Ok(Exit::Stopped);
        }
        let begun = Instant::now();
        let mut over = over_quota(&found);
        let mut chain = Chain::default();
        if number == 0 {
            (self.asked.edited.write)()?;
        } else {
            let holding = LockedRun::take(self.session, self.stop).await?;
            let found = match self.still(found).await {
                Ok(found) => (self.asked.edited.write)().map(|()| found),
                Err(error) => Err(error),
            };
            let found = match found {
                Ok(found) => found,
                Err(error) => {
                    give_back(holding, self.session, self.printer).await;
                    return Err(error);
                }
            };
            over = over_quota(&found);
            let (done, longest) = self.make(found, holding).await;
            let exit = make::exit(&done);
            if exit != Exit::Done {
                return Ok(exit);
            }
            chain = longest;
        }
        // Those for which there is no room are not looked at: why they are not there was said.
        let keys: BTreeSet<AccountKey> = self.job.keys.difference(&over).cloned().collect();
        let checked = check(self.asked.subject, &keys, self.session, self.printer).await?;
        let sound = checked.findings.findings.is_empty() && checked.left.is_empty();
        self.report(&checked, &chain, &keys, reading + begun.elapsed());
        if !over.is_empty() {
            self.printer.say(&format!(
                "{} left out: `{} --raise-quotas` asks AWS for more, and the same command goes on once there is room.",
                words::count(over.len(), "account was", "accounts were"),
                self.job.again,
            ));
        }
        Ok(match (sound, over.is_empty()) {
            (true, true) => Exit::Done,
            (true, false) => Exit::Failed,
            (false, _) => Exit::Differs,
        })
    }

    async fn compare(&self) -> Result<(Comparison, Beside), CommandError> {
        let (session, subject, printer) = (self.session, self.asked.subject, self.printer);
        let source = self.asked.edited.file.clone();
        if self.job.with_all {
            let options = DiffOptions {
                quotas: self.job.on_quota,
                ..DiffOptions::default()
            };
            let inventory = read(session, subject, printer).await?;
            let found = compared(session, subject, &source, &options, &inventory)?;
            let beside = Beside {
                missing: Vec::new(),
                others: 0,
                inventory,
            };
            return Ok((found, beside));
        }
        let (keys, on_quota) = (&self.job.keys, self.job.on_quota);
        compare_accounts(session, subject, &source, keys, on_quota, printer).await
    }

    /// An account is made by being asked for, never on the way to something else.
    fn refuse_creations(&self, found: &Comparison) -> Result<(), CommandError> {
        let mut changes = found.preview.changes.iter();
        let creation = changes.find(|change| matches!(change.action, Action::CreateAccount(_)));
        match creation {
            Some(creation) if !self.job.makes_accounts => Err(CommandError::new(format!(
                "{} is not in AWS; nothing was changed",
                creation.address
            ))
            .hint("`orgstrap account add` makes it; an entry that is not to be made yet is edited in the file")),
            _ => Ok(()),
        }
    }

    fn show(&self, found: &Comparison, beside: &Beside) {
        let edited = &self.asked.edited;
        let file = edited.file.clone();
        let output = self.asked.output;
        match output {
            Output::Text => {
                if edited.differs() {
                    let diff = edit::text(&file, &edited.before, &edited.after);
                    self.printer.data(&format!("{diff}\n"));
                }
                self.printer.data(&preview::text(&found.preview));
            }
            Output::Json => {
                let mut plan = json::plan(&found.preview);
                if let serde_json::Value::Object(map) = &mut plan {
                    map.insert("event".to_owned(), "plan".into());
                    map.insert("edit".to_owned(), edit::json(&edited.before, &edited.after));
                }
                self.printer.data_line(&plan.to_string());
            }
        }
        if beside.others > 0 && output == Output::Text {
            self.printer.say(&format!(
                "{} besides, of other accounts or of the organization, {} not made: `--with-all` makes all, `orgstrap plan {file}` shows them.",
                words::count(beside.others, "change", "changes"),
                if beside.others == 1 { "is" } else { "are" },
            ));
        }
    }

    fn foundation_missing(&self, beside: &Beside) -> CommandError {
        let file = &self.asked.edited.file;
        let lines: Vec<String> = beside
            .missing
            .iter()
            .map(|missing| format!("  {}: {}", missing.address, missing.reason))
            .collect();
        CommandError::new(format!(
            "this rests on what is not there yet; nothing was changed:\n{}",
            lines.join("\n")
        ))
        .hint(format!(
            "`orgstrap apply {file}` brings it up for the whole organization, or `--with-all` together with this"
        ))
    }

    fn confirmed(&self, number: usize) -> Result<bool, CommandError> {
        let job = self.job;
        let file = &self.asked.edited.file;
        let organization = &self.session.management;
        let write = match self.asked.edited.differs() {
            true => format!("{}: write {file}", job.what),
            false => job.what.clone(),
        };
        let question = match number {
            0 => format!("{write}?"),
            _ => format!(
                "{write}{} make {} in organization {organization}?",
                if self.asked.edited.differs() {
                    " and"
                } else {
                    ":"
                },
                words::count(number, "change", "changes"),
            ),
        };
        (self.asked.confirm)(&question)
    }

    /// The comparison anew under the lock: another run, or the question's time, may lie between. Where AWS has moved, as
    /// it does while it ends what a killed run began, the changes are shown and asked for anew.
    async fn still(&self, found: Comparison) -> Result<Comparison, CommandError> {
        if !make::is_old(found.taken_at, self.session) {
            return Ok(found);
        }
        let (again, beside) = self.compare().await?;
        if again.preview.changes == found.preview.changes && again.preview.problems.is_empty() {
            return Ok(again);
        }
        if !again.preview.problems.is_empty() {
            return Err(moved());
        }
        self.refuse_creations(&again)?;
        if !beside.missing.is_empty() {
            return Err(self.foundation_missing(&beside));
        }
        self.printer
            .say("AWS has moved since the changes were shown. This is what they are now:");
        self.show(&again, &beside);
        refuse_losses(&again.preview.losses, self.job.delete_data)?;
        match self.confirmed(again.preview.changes.len())? {
            true => Ok(again),
            false => Err(CommandError::new("nothing was changed").exit(Exit::Stopped)),
        }
    }

    /// The report of the accounts. `took` is how long reading took, and everything from the first change to the end of the
    /// check.
    fn report(
        &self,
        checked: &Checked,
        chain: &Chain,
        keys: &BTreeSet<AccountKey>,
        took: Duration,
    ) {
        let plan = &self.asked.subject.plan;
        let accounts = ready::accounts(plan, keys, &checked.inventory, &checked.bindings);
        let view = ready::Ready {
            accounts,
            findings: &checked.findings,
            left: &checked.left,
            chain,
            took,
            sandbox: self.session.sandbox,
            source_profile: self.asked.source_profile,
            region: plan.organization.home_region.as_str(),
        };
        match self.asked.output {
            Output::Text => self.printer.data(&format!("\n{}", ready::text(&view))),
            Output::Json => {
                for line in ready::json(&view) {
                    self.printer.data_line(&line.to_string());
                }
            }
        }
    }

    async fn make(&self, found: Comparison, holding: LockedRun) -> (Summary, Chain) {
        let graph: ChangeGraph = found.graph.clone();
        let timeline = RefCell::new(Timeline::default());
        let again = format!("`{}` again goes on from here", self.job.again);
        let as_planned = summary::as_planned(&found.preview.unmanaged);
        let work = Work {
            plan: None,
            graph: found.graph,
            bindings: found.bindings,
            expected: found.preview.expected,
            speed: None,
            claim: match self.job.with_all && left::open(&found.preview.left).next().is_none() {
                true => &as_planned,
                false => "",
            },
            left: found.preview.blocked.len(),
            timeline: Some(&timeline),
            next: &|done| match done.is_success() {
                true => Vec::new(),
                false => vec![again.clone()],
            },
        };
        let (session, printer) = (self.session, self.printer);
        let done = make(
            work,
            holding,
            session,
            self.asked.output,
            printer,
            self.stop,
        )
        .await;
        (done, chain(&graph, &timeline.into_inner()))
    }
}

/// The accounts that a quota leaves no room for.
fn over_quota(found: &Comparison) -> BTreeSet<AccountKey> {
    let blocked = found.preview.blocked.iter();
    let over = blocked.filter(|blocked| blocked.is_over_quota());
    over.filter_map(|blocked| match &blocked.address {
        Address::Account(key) => Some(key.clone()),
        _ => None,
    })
    .collect()
}

/// AWS is not any more as it was when the changes were shown.
pub fn moved() -> CommandError {
    CommandError::new("AWS moved since the changes were shown; nothing was changed")
        .hint("run the command again and look at the changes anew")
        .exit(Exit::Moved)
}
