//! `drift`: read, judge, show; with `--fix` make the changes that findings name, and look again.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use super::as_made::AsMade;
use super::cached::{self, Reading};
use super::compare::refuse_losses;
use super::error::CommandError;
use super::exit::Exit;
use super::make::{self, Work, give_back, make};
use super::perform::{LockedRun, refuse_while_held};
use super::session::Session;
use super::{Confirm, LoadedPlan, Output};
use crate::addr::{Address, Bindings};
use crate::aws::CallContext;
use crate::change::Change;
use crate::diff::{Diff, Loss, OnQuota, Problem, judge as judge_quotas};
pub use crate::drift::Filter;
use crate::drift::{self, Controls, Findings, Fix, NoSuch, Reason, Severity};
use crate::execute::{Stop, Summary};
use crate::graph::{ChangeGraph, graph};
use crate::inventory::SavedInventory;
use crate::observe::cache::MaxAge;
use crate::observe::{detect_drift, opened_late};
use crate::plan::AccountId;
use crate::report::{Printer, cost, drift as report, plan as preview, words};

/// What shows findings: after the first look, and after the second.
pub type Show<'a> = &'a dyn Fn(&Findings) -> Result<(), CommandError>;

/// What is checked, and how.
pub struct Drift<'a> {
    pub subject: &'a LoadedPlan,
    /// The plan's file, as messages name it.
    pub source: String,
    pub filter: Filter,
    /// The severity from which a finding makes the exit code 2.
    pub fail_on: Severity,
    /// Whether CloudFormation looks too.
    pub deep: bool,
    /// The role by which member accounts are entered, where not by the usual ones.
    pub role: Option<String>,
    /// How old an answer of AWS may be.
    pub max_age: MaxAge,
    /// Whether what was found is put back.
    pub fix: bool,
    /// Whether resources that hold data may be deleted or made anew on the way.
    pub delete_data: bool,
    pub output: Output,
    /// Whether every question was answered beforehand.
    pub yes: bool,
    pub confirm: Confirm<'a>,
    /// Shows what the first look found.
    pub show: Show<'a>,
    /// Shows what is left after a fix.
    pub show_after: Show<'a>,
    /// Writes the files that were asked for, of the last look.
    pub write: &'a dyn Fn(&Check) -> Result<(), CommandError>,
}

/// What came of it.
#[derive(Debug)]
pub struct Drifted {
    pub exit: Exit,
    /// What the last look found.
    pub findings: Findings,
    /// How the fixes ended; nothing at all where none was made.
    pub summary: Summary,
}

/// One check: what was found, and the changes that findings name as their fix.
pub struct Check {
    pub findings: Findings,
    /// The changes that some finding names, whether it was asked for or not.
    pub told: BTreeSet<Address>,
    pub changes: Vec<Change>,
    pub bindings: Bindings,
    /// Accounts that the audit role did not open, and what becomes of that.
    pub without_role: BTreeMap<Reason, Vec<AccountId>>,
    /// That role, and the one by which they were read.
    roles: (Option<String>, String),
    /// What the changes delete or make anew with the data in it.
    pub losses: Vec<Loss>,
    pub reading: Reading,
}

/// The comparison, and what it finds in organization and stacks.
pub fn judge(subject: &LoadedPlan, saved: &SavedInventory) -> (Diff, Findings) {
    let inventory = &saved.inventory;
    let found = subject.diff(inventory);
    let findings = drift::judge(&subject.plan, inventory, &found);
    (found, findings)
}

/// Checks, and puts back where asked to.
pub async fn drift(
    job: &Drift<'_>,
    session: &Session,
    printer: &Printer,
    stop: &Stop,
) -> Result<Drifted, CommandError> {
    let subject = job.subject;
    check_controls(&job.filter, subject)?;
    if job.fix {
        session.guard().await?;
    }
    let mut before = Box::pin(check(job, session, job.max_age, printer)).await?;
    tell_roles(&before, printer);
    (job.show)(&before.findings)?;
    tell_quotas(&before, subject, printer);
    let mut last = false;
    loop {
        match Box::pin(round(before, last, job, session, printer, stop)).await? {
            ControlFlow::Break(drifted) => return Ok(drifted),
            ControlFlow::Continue(after) => (before, last) = (after, true),
        }
    }
}

/// Puts back what a check found. An update of a stack leaves what it does not touch as it is, and what AWS does because
/// an account moved may come after; so where all went well and something is left that was to be put back, there is
/// another round, unless this is the last: then the check after it is given.
async fn round(
    before: Check,
    last: bool,
    job: &Drift<'_>,
    session: &Session,
    printer: &Printer,
    stop: &Stop,
) -> Result<ControlFlow<Drifted, Check>, CommandError> {
    let subject = job.subject;
    let first = match job.fix {
        true => Fixing::of(before)?,
        false => Fixing::nothing(before),
    };
    if first.changes.is_empty() {
        if job.fix {
            printer.say("There is nothing that orgstrap can put back.");
        }
        (job.write)(&first.check)?;
        let code = exit(&first.check.findings, job.fail_on);
        return Ok(ControlFlow::Break(first.ended(code, printer)));
    }
    refuse_while_held(session, !job.yes).await?;
    first.show(job, session, printer);
    first.refuse_over_quota(subject)?;
    refuse_losses(&first.losses, job.delete_data)?;
    if !(job.confirm)(&first.question(session))? {
        printer.say("Nothing was changed.");
        return Ok(ControlFlow::Break(first.unmade(Exit::Stopped)));
    }
    let holding = LockedRun::take(session, stop).await?;
    let first = match Box::pin(still(first, job, session, printer)).await {
        Ok(Ok(first)) => first,
        Ok(Err(nothing)) => {
            give_back(holding, session, printer).await;
            return Ok(ControlFlow::Break(nothing));
        }
        Err(error) => {
            give_back(holding, session, printer).await;
            return Err(error);
        }
    };
    let before = first.check;
    let work = Work {
        plan: None,
        graph: first.graph,
        bindings: before.bindings,
        expected: None,
        speed: None,
        // What is left is told after AWS was read again.
        claim: "",
        left: 0,
        timeline: None,
        next: &|_| Vec::new(),
    };
    session.aws.enter_by(match &job.role {
        Some(role) => vec![role.clone()],
        None => vec![subject.plan.organization.access_role.clone()],
    });
    let done = Box::pin(make(work, holding, session, job.output, printer, stop)).await;
    let after = Box::pin(check(job, session, MaxAge::NONE, printer)).await?;
    if job.output == Output::Text {
        printer.data_line(&format!(
            "\n{}",
            report::outcome(&before.findings, &after.findings)
        ));
    }
    let all_went_well = matches!(make::exit(&done), Exit::Done);
    if !last && all_went_well && leaves(&before.findings, &after.findings) {
        printer.say("Something of it could be put back only now.");
        return Ok(ControlFlow::Continue(after));
    }
    (job.show_after)(&after.findings)?;
    (job.write)(&after)?;
    let exit = match make::exit(&done) {
        Exit::Done => exit(&after.findings, job.fail_on),
        other => other,
    };
    after.reading.keep(printer);
    Ok(ControlFlow::Break(Drifted {
        exit,
        findings: after.findings,
        summary: done,
    }))
}

/// Whether anything that was to be put back is still to be, by whatever change.
fn leaves(before: &Findings, after: &Findings) -> bool {
    let fixable = |findings: &Findings| -> BTreeSet<(String, String)> {
        let all = findings.findings.iter();
        let fixable = all.filter(|finding| matches!(finding.fix, Fix::Change { .. }));
        fixable
            .map(|finding| (finding.control.clone(), finding.subject.clone()))
            .collect()
    };
    !fixable(before).is_disjoint(&fixable(after))
}

/// A check, and the changes that put back what it found.
struct Fixing {
    check: Check,
    graph: ChangeGraph,
    /// Those of the graph, in its order.
    changes: Vec<Change>,
    /// What they delete or make anew with the data in it.
    losses: Vec<Loss>,
}

impl Fixing {
    fn of(check: Check) -> Result<Self, CommandError> {
        let graph = graph(fixes(&check))
            .map_err(|error| CommandError::caused("the fixes can have no order", &error))?;
        let changes: Vec<Change> = graph.changes().cloned().collect();
        let made: BTreeSet<&Address> = changes.iter().map(|change| &change.address).collect();
        let losses = check.losses.iter();
        let losses = losses.filter(|loss| made.contains(&loss.address));
        Ok(Self {
            losses: losses.cloned().collect(),
            graph,
            changes,
            check,
        })
    }

    fn nothing(check: Check) -> Self {
        Self {
            graph: ChangeGraph::default(),
            changes: Vec::new(),
            losses: Vec::new(),
            check,
        }
    }

    fn show(&self, job: &Drift<'_>, session: &Session, printer: &Printer) {
        if job.output != Output::Text {
            return;
        }
        let preview = preview::Preview {
            source: job.source.clone(),
            management_account: session.management.to_string(),
            costs: cost::costs(&self.changes),
            losses: self.losses.clone(),
            changes: self.changes.clone(),
            ..preview::Preview::default()
        };
        printer.data(&format!("\n{}", preview::text(&preview)));
    }

    fn question(&self, session: &Session) -> String {
        format!(
            "Make {} in organization {}?",
            words::count(self.changes.len(), "change", "changes"),
            session.management
        )
    }

    /// An error where a quota leaves no room for the fixes.
    fn refuse_over_quota(&self, subject: &LoadedPlan) -> Result<(), CommandError> {
        let problems = over_quota(&self.changes, &self.check, subject);
        let Some(first) = problems.first() else {
            return Ok(());
        };
        let message: Vec<&str> = problems.iter().map(|it| it.message.as_str()).collect();
        let wrong = CommandError::new(format!("{}; nothing was changed", message.join("; ")));
        Err(match &first.hint {
            Some(_) => wrong.hint(
                "`orgstrap apply` makes what fits with `--on-quota fit`, and asks AWS for more with `--raise-quotas`; `--only`, `--account` and `--ou` put back the rest",
            ),
            None => wrong,
        })
    }

    /// How it ends where nothing is made.
    fn unmade(self, exit: Exit) -> Drifted {
        Drifted {
            exit,
            findings: self.check.findings,
            summary: Summary::default(),
        }
    }

    /// The same, where what was read is kept for the next look.
    fn ended(self, exit: Exit, printer: &Printer) -> Drifted {
        self.check.reading.keep(printer);
        Drifted {
            exit,
            findings: self.check.findings,
            summary: Summary::default(),
        }
    }
}

/// The quotas that leave no room for changes.
fn over_quota(changes: &[Change], check: &Check, subject: &LoadedPlan) -> Vec<Problem> {
    let found = Diff {
        changes: changes.to_vec(),
        bindings: check.bindings.clone(),
        ..Diff::default()
    };
    let inventory = check.reading.inventory();
    judge_quotas(found, &subject.plan, inventory, OnQuota::Stop).problems
}

/// Says where what is missing is more than a quota allows: it is no drift, and nobody can put it back before AWS
/// has raised the quota.
fn tell_quotas(check: &Check, subject: &LoadedPlan, printer: &Printer) {
    let told = check.changes.iter();
    let told = told.filter(|change| check.told.contains(&change.address));
    let told: Vec<Change> = told.cloned().collect();
    for problem in over_quota(&told, check, subject) {
        printer.warn(&problem.message);
        if let Some(hint) = &problem.hint {
            printer.hint(hint);
        }
    }
}

/// The fixes that hold under the lock, as `apply` looks again: somebody may have changed something since the check, or
/// put it back. Where the fixes are other ones, what was found is shown anew and the question is asked anew: `Err` where
/// the answer is no, or where nothing is left to be put back.
async fn still(
    mut first: Fixing,
    job: &Drift<'_>,
    session: &Session,
    printer: &Printer,
) -> Result<Result<Fixing, Drifted>, CommandError> {
    for _ in 0..make::LOOKS {
        if !make::is_old(first.check.reading.inventory().taken_at, session) {
            return Ok(Ok(first));
        }
        let check = Box::pin(check(job, session, MaxAge::NONE, printer)).await?;
        let again = Fixing::of(check)?;
        if again.changes == first.changes {
            return Ok(Ok(again));
        }
        printer.say("AWS has moved since the changes were shown. This is what is found now:");
        (job.show_after)(&again.check.findings)?;
        if again.changes.is_empty() {
            printer.say("There is nothing left that orgstrap can put back.");
            (job.write)(&again.check)?;
            let code = exit(&again.check.findings, job.fail_on);
            return Ok(Err(again.ended(code, printer)));
        }
        again.show(job, session, printer);
        again.refuse_over_quota(job.subject)?;
        refuse_losses(&again.losses, job.delete_data)?;
        if job.yes {
            return Ok(Ok(again));
        }
        if !(job.confirm)(&again.question(session))? {
            printer.say("Nothing was changed.");
            return Ok(Err(again.unmade(Exit::Stopped)));
        }
        first = again;
    }
    Err(
        CommandError::new("AWS moved each time after the changes were shown; nothing was changed")
            .hint("somebody else changes the organization: run this again when they are done")
            .exit(Exit::Moved),
    )
}

/// Reads and judges. Nobody is told of a finding on the word of what was read minutes ago, because it may
/// have been put back since: where the usual ages count, what looks wrong is read again.
pub async fn check(
    job: &Drift<'_>,
    session: &Session,
    max_age: MaxAge,
    printer: &Printer,
) -> Result<Check, CommandError> {
    let subject = job.subject;
    enter(job, subject, session);
    let mut reading = Box::pin(cached::read(session, subject, max_age, printer)).await?;
    let (mut found, mut findings) = judge(subject, &reading.saved);
    let usual = max_age == MaxAge::Usual;
    if usual && !reading.kept.is_empty() && !findings.findings.is_empty() {
        reading.read_again(session, subject, printer).await?;
        (found, findings) = judge(subject, &reading.saved);
    }
    let mut made = AsMade::default();
    let enter = |former: &LoadedPlan| enter(job, former, session);
    let found = made
        .put_all_back(subject, &mut reading, found, (session, printer), enter)
        .await?;
    let subject = made.subject(subject);
    if made.is_edited() {
        findings = drift::judge(&subject.plan, reading.inventory(), &found);
    }
    let checks = drift::checks(&subject.plan, &subject.desired, reading.inventory(), &found);
    reading
        .ask(drift::questions(&checks), session, printer)
        .await?;
    if usual {
        let doubtful = drift::in_doubt(&checks, &reading.saved.answers);
        reading.ask_again(doubtful, session, printer).await?;
    }
    let answers = &reading.saved.answers;
    let mut fell_back = session.aws.fell_back();
    let mut gone = drift::without_audit_role(
        &subject.plan,
        &subject.desired,
        reading.inventory(),
        &fell_back,
    );
    if let (Some(role), false) = (&subject.desired.audit_role, gone.is_empty()) {
        let accounts = gone.iter().filter_map(|it| it.place.account_id.clone());
        let teller = printer.clone();
        let ctx = CallContext::new(0, move |text| teller.detail(&text));
        let opened = opened_late(&session.aws, role, accounts.collect(), &ctx).await;
        let shut = |id: &AccountId| !opened.contains(id);
        gone.retain(|finding| finding.place.account_id.as_ref().is_none_or(shut));
        fell_back.retain(shut);
    }
    let without_role = drift::reasons(
        &subject.plan,
        reading.inventory(),
        &found,
        &gone,
        &fell_back,
        made.is_edited(),
    );
    findings.findings.extend(gone);
    let fixes = drift::judge_controls(&mut findings, &subject.desired, &checks, answers);
    let mut fixes: BTreeMap<Address, Change> = fixes
        .into_iter()
        .map(|change| (change.address.clone(), change))
        .collect();
    drift::tell_unlooked(
        &mut findings,
        &subject.plan,
        &subject.desired,
        reading.inventory(),
        &found,
    );
    if job.deep {
        session.guard().await?;
        let deep = drift::deep(&subject.plan, &subject.desired, reading.inventory());
        printer.detail("CloudFormation looks for drift…");
        let teller = printer.clone();
        let ctx = CallContext::new(0, move |text| teller.detail(&text));
        let answers = detect_drift(&session.aws, deep.questions(), &ctx).await;
        deep.judge(&mut findings, &answers, &mut fixes);
    }
    findings.from_cache.clone_from(&reading.kept);
    made.tell(&subject.plan, reading.inventory(), &mut findings);
    let mut changes = found.changes;
    changes.extend(fixes.into_values());
    if made.is_edited() {
        changes.clear();
    }
    // What only follows from another comes with it, whichever of the two is asked for.
    let told = findings.only(|finding| finding.cause.is_none());
    let told = named(&told).cloned().collect();
    Ok(Check {
        told,
        findings: asked_for(&job.filter, &findings)?,
        changes,
        without_role,
        roles: (
            subject.desired.audit_role.clone(),
            subject.plan.organization.access_role.clone(),
        ),
        losses: found.losses,
        bindings: found.bindings,
        reading,
    })
}

/// By which roles accounts are entered to look.
fn enter(job: &Drift<'_>, subject: &LoadedPlan, session: &Session) {
    session.aws.enter_by(match &job.role {
        Some(role) => vec![role.clone()],
        None => {
            let access = subject.plan.organization.access_role.clone();
            let audit = subject.desired.audit_role.clone();
            audit.into_iter().chain([access]).collect()
        }
    });
}

/// Says once when accounts were entered as an administrator because the role that only reads is not there.
fn tell_roles(check: &Check, printer: &Printer) {
    for (reason, accounts) in &check.without_role {
        let there: Vec<&AccountId> = accounts.iter().collect();
        tell_role(&check.roles, &there, reason.told(), printer);
    }
}

fn tell_role(
    (audit, access): &(Option<String>, String),
    accounts: &[&AccountId],
    what: &str,
    printer: &Printer,
) {
    if let (Some(audit), Some(first)) = (audit, accounts.first()) {
        let more = match accounts.len() - 1 {
            0 => String::new(),
            more => format!(
                " and {}",
                words::count(more, "other account", "other accounts")
            ),
        };
        printer.say(&format!(
            "No role {audit} opens account {first}{more}: read by {access}. {what}"
        ));
    }
}

/// What is asked for of a check. A filter that names what is not there is a mistake: nothing found would look like
/// nothing wrong.
pub fn asked_for(filter: &Filter, found: &Findings) -> Result<Findings, CommandError> {
    filter.check_places(found).map_err(no_such)?;
    Ok(found.only(|finding| filter.keeps(finding, found)))
}

/// Whether every control that is asked for exists, which is known before anything is read.
pub fn check_controls(filter: &Filter, subject: &LoadedPlan) -> Result<(), CommandError> {
    let baselines = subject.desired.controls.keys();
    filter
        .check_controls(&Controls::builtin(), baselines)
        .map_err(no_such)
}

/// What a filter names is not there.
pub fn no_such(error: NoSuch) -> CommandError {
    CommandError::new(error.to_string()).hint(error.hint)
}

/// A finding hides what could not be told: who fixes it looks again anyway.
pub fn exit(findings: &Findings, fail_on: Severity) -> Exit {
    if findings.any_at(fail_on) {
        Exit::Differs
    } else if findings.any_unread() {
        Exit::Failed
    } else {
        Exit::Done
    }
}

/// The changes that findings name as their fix.
fn named(findings: &Findings) -> impl Iterator<Item = &Address> {
    findings
        .findings
        .iter()
        .filter_map(|finding| match &finding.fix {
            Fix::Change { address } => Some(address),
            _ => None,
        })
}

/// The changes that the findings name, with everything that these must wait for and what follows
/// from them without being a finding of its own. A staged update holds auto-deployment back before
/// it and lets it go after it, so those go together.
fn fixes(check: &Check) -> Vec<Change> {
    let mut desired: BTreeSet<&Address> = named(&check.findings).collect();
    loop {
        let before = desired.len();
        let mut more: Vec<&Address> = Vec::new();
        for change in &check.changes {
            let needs = change.all_needs();
            if !check.told.contains(&change.address)
                && needs.iter().any(|need| desired.contains(need))
            {
                more.push(&change.address);
            }
            if desired.contains(&change.address) {
                let there = check.changes.iter().map(|change| &change.address);
                more.extend(there.filter(|address| needs.contains(address)));
            }
            if let Address::RolloutRelease(set) = &change.address
                && desired.contains(&Address::RolloutHold(set.clone()))
            {
                more.push(&change.address);
            }
        }
        desired.extend(more);
        if desired.len() == before {
            break;
        }
    }
    check
        .changes
        .iter()
        .filter(|change| desired.contains(&change.address))
        .cloned()
        .collect()
}
