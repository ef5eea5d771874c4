//! `drift`: read, judge, show; with `--fix` make the changes that findings name, and look again.

use std::collections::{BTreeMap, BTreeSet};

use super::cached::{self, Reading};
use super::compare::refuse_losses;
use super::error::CommandError;
use super::exit::Exit;
use super::make::{self, Work, make};
use super::perform::{Holding, refuse_while_held};
use super::session::Session;
use super::{Confirm, Output, Subject};
use crate::aws::Caller;
use crate::change::{Address, Bindings, Change};
use crate::diff::{Diff, DiffOptions, Loss, Remains, diff};
pub use crate::drift::Filter;
use crate::drift::{self, Controls, Findings, Fix, NoSuch, Severity};
use crate::execute::{Stop, Summary};
use crate::graph::graph;
use crate::inventory::{SavedInventory, identify};
use crate::observe::cache::MaxAge;
use crate::observe::detect_drift;
use crate::plan::AccountId;
use crate::report::{Printer, cost, drift as report, plan as preview, words};

/// What shows findings: after the first look, and after the second.
pub type Show<'a> = &'a dyn Fn(&Findings) -> Result<(), CommandError>;

/// What is checked, and how.
pub struct Drift<'a> {
    pub subject: &'a Subject,
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
    /// Accounts that no stack set reaches where they lie.
    pub not_reached: BTreeSet<AccountId>,
    /// What the changes delete or make anew with the data in it.
    pub losses: Vec<Loss>,
    pub reading: Reading,
}

/// The comparison, and what it finds in organization and stacks.
pub fn judge(subject: &Subject, saved: &SavedInventory) -> (Diff, Findings) {
    let inventory = &saved.inventory;
    let options = DiffOptions::default();
    let found = diff(&subject.plan, &subject.wanted, inventory, &options);
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
    let before = Box::pin(check(job, session, job.max_age, printer)).await?;
    tell_roles(subject, &before.not_reached, session, printer);
    (job.show)(&before.findings)?;
    let changes = match job.fix {
        true => fixes(&before),
        false => Vec::new(),
    };
    if changes.is_empty() {
        if job.fix {
            printer.say("There is nothing that orgstrap can put back.");
        }
        (job.write)(&before)?;
        before.reading.keep(printer);
        return Ok(Drifted {
            exit: exit(&before.findings, job.fail_on),
            findings: before.findings,
            summary: Summary::default(),
        });
    }
    let order = graph(changes)
        .map_err(|error| CommandError::caused("the fixes can have no order", &error))?;
    let ordered: Vec<Change> = order.changes().cloned().collect();
    let number = ordered.len();
    let made: BTreeSet<&Address> = ordered.iter().map(|change| &change.address).collect();
    let losses = before.losses.iter();
    let losses: Vec<Loss> = losses
        .filter(|loss| made.contains(&loss.address))
        .cloned()
        .collect();
    if job.output == Output::Text {
        let preview = preview::Preview {
            source: job.source.clone(),
            management_account: session.management.to_string(),
            costs: cost::costs(&ordered),
            losses: losses.clone(),
            changes: ordered,
            ..preview::Preview::default()
        };
        printer.data(&format!("\n{}", preview::text(&preview)));
    }
    refuse_losses(&losses, job.delete_data)?;
    refuse_while_held(session, !job.yes).await?;
    let question = format!(
        "Make {} in organization {}?",
        words::count(number, "change", "changes"),
        session.management
    );
    if !(job.confirm)(&question)? {
        printer.say("Nothing was changed.");
        return Ok(Drifted {
            exit: Exit::Stopped,
            findings: before.findings,
            summary: Summary::default(),
        });
    }
    let work = Work {
        plan: None,
        graph: order,
        bindings: before.bindings.clone(),
        expected: None,
        speed: None,
        // What is left is told after AWS was read again.
        claim: "",
        left: 0,
        timeline: None,
        next: &|_| Vec::new(),
    };
    let holding = Holding::take(session, stop).await?;
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
    (job.show_after)(&after.findings)?;
    (job.write)(&after)?;
    let exit = match make::exit(&done) {
        Exit::Done => exit(&after.findings, job.fail_on),
        other => other,
    };
    after.reading.keep(printer);
    Ok(Drifted {
        exit,
        findings: after.findings,
        summary: done,
    })
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
    session.aws.enter_by(match &job.role {
        Some(role) => vec![role.clone()],
        None => {
            let access = subject.plan.organization.access_role.clone();
            let audit = subject.wanted.audit_role.clone();
            audit.into_iter().chain([access]).collect()
        }
    });
    let mut reading = Box::pin(cached::read(session, subject, max_age, printer)).await?;
    let (mut found, mut findings) = judge(subject, &reading.saved);
    let usual = max_age == MaxAge::Usual;
    if usual && !reading.kept.is_empty() && !findings.findings.is_empty() {
        reading.read_again(session, subject, printer).await?;
        (found, findings) = judge(subject, &reading.saved);
    }
    let checks = drift::checks(&subject.plan, &subject.wanted, reading.inventory(), &found);
    reading
        .ask(drift::questions(&checks), session, printer)
        .await?;
    if usual {
        let doubtful = drift::in_doubt(&checks, &reading.saved.answers);
        reading.ask_again(doubtful, session, printer).await?;
    }
    let answers = &reading.saved.answers;
    findings.findings.extend(drift::without_audit_role(
        &subject.plan,
        &subject.wanted,
        reading.inventory(),
        &session.aws.fell_back(),
    ));
    let fixes = drift::judge_controls(&mut findings, &subject.wanted, &checks, answers);
    let mut fixes: BTreeMap<Address, Change> = fixes
        .into_iter()
        .map(|change| (change.address.clone(), change))
        .collect();
    if job.deep {
        session.guard().await?;
        let deep = drift::deep(&subject.plan, &subject.wanted, reading.inventory());
        printer.detail("CloudFormation looks for drift…");
        let teller = printer.clone();
        let ctx = Caller::new(0, move |text| teller.detail(&text));
        let answers = detect_drift(&session.aws, deep.questions(), &ctx).await;
        deep.judge(&mut findings, &answers, &mut fixes);
    }
    findings.from_cache.clone_from(&reading.kept);
    let mut changes = found.changes;
    changes.extend(fixes.into_values());
    // What only follows from another comes with it, whichever of the two is asked for.
    let told = findings.only(|finding| finding.cause.is_none());
    let told = named(&told).cloned().collect();
    let accounts = reading.inventory().accounts.known();
    let ids = accounts.map(|all| identify(&subject.plan, all).accounts);
    let not_reached = found
        .left
        .iter()
        .filter_map(|left| match &left.what {
            Remains::NotReached { account } => ids.as_ref()?.get(account).cloned(),
            _ => None,
        })
        .collect();
    Ok(Check {
        told,
        findings: asked_for(&job.filter, &findings)?,
        changes,
        not_reached,
        losses: found.losses,
        bindings: found.bindings,
        reading,
    })
}

/// Says once when accounts were entered as an administrator because the role that only reads is not there.
fn tell_roles(
    subject: &Subject,
    not_reached: &BTreeSet<AccountId>,
    session: &Session,
    printer: &Printer,
) {
    let all = session.aws.fell_back();
    for (reached, what) in [
        (true, "`orgstrap apply` brings it there."),
        (
            false,
            "No stack set reaches the account where it lies, so nothing brings it there.",
        ),
    ] {
        let there = all.iter().filter(|id| not_reached.contains(*id) != reached);
        tell_role(subject, &there.collect::<Vec<_>>(), what, printer);
    }
}

fn tell_role(subject: &Subject, accounts: &[&AccountId], what: &str, printer: &Printer) {
    if let (Some(audit), Some(first)) = (&subject.wanted.audit_role, accounts.first()) {
        let access = &subject.plan.organization.access_role;
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
pub fn check_controls(filter: &Filter, subject: &Subject) -> Result<(), CommandError> {
    let baselines = subject.wanted.controls.keys();
    filter
        .check_controls(&Controls::builtin(), baselines)
        .map_err(no_such)
}

/// What a filter names is not there.
pub fn no_such(error: NoSuch) -> CommandError {
    CommandError::new(error.to_string()).hint(error.hint)
}

/// A finding hides what could not be told: who mends it looks again anyway.
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
    let mut wanted: BTreeSet<&Address> = named(&check.findings).collect();
    loop {
        let before = wanted.len();
        let mut more: Vec<&Address> = Vec::new();
        for change in &check.changes {
            let needs = change.all_needs();
            if !check.told.contains(&change.address)
                && needs.iter().any(|need| wanted.contains(need))
            {
                more.push(&change.address);
            }
            if wanted.contains(&change.address) {
                let there = check.changes.iter().map(|change| &change.address);
                more.extend(there.filter(|address| needs.contains(address)));
            }
            if let Address::RolloutRelease(set) = &change.address
                && wanted.contains(&Address::RolloutHold(set.clone()))
            {
                more.push(&change.address);
            }
        }
        wanted.extend(more);
        if wanted.len() == before {
            break;
        }
    }
    check
        .changes
        .iter()
        .filter(|change| wanted.contains(&change.address))
        .cloned()
        .collect()
}
