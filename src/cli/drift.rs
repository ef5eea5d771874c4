use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::error::{CommandError, CommandResult};
use super::exit::Exit;
use super::make::{Work, make};
use super::perform::Holding;
use super::session::Session;
use super::subject::Subject;
use super::{Global, Output, compare, prompt, session, stop, subject};
use crate::aws::Caller;
use crate::change::{Address, Bindings, Change};
use crate::diff::{DiffOptions, diff};
use crate::drift::{self, Finding, Findings, Fix, Severity};
use crate::execute::Stop;
use crate::graph::graph;
use crate::observe::probe;
use crate::plan::OuPath;
use crate::report::{Printer, cost, drift as report, plan as preview, words};

/// Find what is not as the org plan and its baselines keep it, and put it back with `--fix`.
///
/// Reads organization, stacks and the services themselves, and changes nothing without `--fix`.
/// Exits 0 when all is well, 2 when there is a finding at or above `--fail-on`, and 1 when there is
/// none but something could not be read: a check that could not look is not clean.
#[derive(Debug, Args)]
pub(super) struct Drift {
    /// The org plan.
    #[arg(default_value = "org.toml", value_name = "PLAN")]
    plan: PathBuf,
    /// Only these controls, by the start of their name, such as `config` or `cloudtrail.logging`.
    #[arg(long, value_name = "CONTROL")]
    only: Vec<String>,
    /// Only these accounts, by name or id.
    #[arg(long, value_name = "ACCOUNT")]
    account: Vec<String>,
    /// Only accounts in this OU or below, and the OU itself.
    #[arg(long, value_name = "OU")]
    ou: Vec<OuPath>,
    /// Only findings of this severity or above.
    #[arg(long, value_enum, value_name = "SEVERITY")]
    severity: Option<Level>,
    /// The severity from which a finding makes the exit code 2.
    #[arg(long, value_enum, value_name = "SEVERITY", default_value_t = Level::Low)]
    fail_on: Level,
    /// Put back what was found: shows the changes, asks, makes them, and reads again.
    #[arg(long)]
    fix: bool,
}

/// A severity, as an argument.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Level {
    Info,
    Low,
    Medium,
    High,
    Critical,
}

impl Level {
    fn severity(self) -> Severity {
        match self {
            Level::Info => Severity::Info,
            Level::Low => Severity::Low,
            Level::Medium => Severity::Medium,
            Level::High => Severity::High,
            Level::Critical => Severity::Critical,
        }
    }
}

/// One check: what was found, and the changes that findings name as their fix.
struct Check {
    findings: Findings,
    /// The changes that some finding names, whether it was asked for or not.
    told: BTreeSet<Address>,
    changes: Vec<Change>,
    bindings: Bindings,
}

pub(super) fn run(verb: &Drift, global: &Global, printer: &Printer) -> CommandResult {
    let subject = subject::load(&verb.plan, global, printer)?;
    session::with(&subject.plan, global, printer, async |session| {
        let stop = Stop::new();
        tokio::select! {
            biased;
            result = drift(verb, &subject, session, global, printer, &stop) => result,
            () = stop::listen(&stop) => Err(CommandError::new("no longer listening for Ctrl-C")),
        }
    })
}

async fn drift(
    verb: &Drift,
    subject: &Subject,
    session: &Session,
    global: &Global,
    printer: &Printer,
    stop: &Stop,
) -> CommandResult {
    let before = check(verb, subject, session, printer).await?;
    show(&before.findings, verb, global, printer);
    if !verb.fix {
        return Ok(exit(&before.findings, verb));
    }
    let changes = fixes(&before);
    if changes.is_empty() {
        printer.say("There is nothing that orgstrap can put back.");
        return Ok(exit(&before.findings, verb));
    }
    let order = graph(changes)
        .map_err(|error| CommandError::caused("the fixes can have no order", &error))?;
    let ordered: Vec<Change> = order.changes().cloned().collect();
    let number = ordered.len();
    if global.output == Output::Text {
        let preview = preview::Preview {
            source: verb.plan.display().to_string(),
            management_account: session.management.to_string(),
            costs: cost::costs(&ordered),
            changes: ordered,
            ..preview::Preview::default()
        };
        printer.data(&format!("\n{}", preview::text(&preview)));
    }
    let question = format!(
        "Make {} in organization {}?",
        words::count(number, "change", "changes"),
        session.management
    );
    if !prompt::confirm(&question, global, printer)? {
        printer.say("Nothing was changed.");
        return Ok(Exit::Stopped);
    }
    let work = Work {
        plan: None,
        graph: order,
        bindings: before.bindings.clone(),
        expected: None,
        speed: None,
        next: &|_| Vec::new(),
    };
    let holding = Holding::take(session, stop).await?;
    let done = make(work, holding, session, global, printer, stop).await;
    let after = check(verb, subject, session, printer).await?;
    if global.output == Output::Text {
        printer.data_line(&format!(
            "\n{}",
            report::outcome(&before.findings, &after.findings)
        ));
    }
    show(&after.findings, verb, global, printer);
    Ok(match super::make::exit(&done) {
        Exit::Done => exit(&after.findings, verb),
        other => other,
    })
}

/// Reads and judges.
async fn check(
    verb: &Drift,
    subject: &Subject,
    session: &Session,
    printer: &Printer,
) -> Result<Check, CommandError> {
    printer.detail("Reading AWS…");
    let inventory = compare::read(session, subject, printer).await?;
    let found = diff(
        &subject.plan,
        &subject.wanted,
        &inventory,
        &DiffOptions::default(),
    );
    let mut findings = drift::judge(&subject.plan, &inventory, &found);
    let checks = drift::checks(&subject.plan, &subject.wanted, &inventory, &found);
    let teller = printer.clone();
    let ctx = Caller::new(0, move |text| teller.detail(&text));
    let answers = probe(&session.aws, drift::questions(&checks), &ctx).await;
    let fixes = drift::judge_controls(&mut findings, &subject.wanted, &checks, &answers);
    let mut changes = found.changes;
    changes.extend(fixes);
    let told = named(&findings).cloned().collect();
    Ok(Check {
        told,
        findings: findings.only(|finding| asked_for(verb, finding)),
        changes,
        bindings: found.bindings,
    })
}

/// Whether a finding is among those that were asked for.
fn asked_for(verb: &Drift, finding: &Finding) -> bool {
    let place = &finding.place;
    let control = verb.only.is_empty()
        || verb
            .only
            .iter()
            .any(|start| finding.control.starts_with(start.as_str()));
    let account = verb.account.is_empty()
        || verb.account.iter().any(|wanted| {
            place.account.as_ref() == Some(wanted)
                || place
                    .account_id
                    .as_ref()
                    .is_some_and(|id| id.as_str() == wanted)
        });
    let ou = verb.ou.is_empty()
        || verb.ou.iter().any(|wanted| {
            let wanted = wanted.to_string();
            place.ou.as_ref().is_some_and(|path| {
                *path == wanted
                    || path
                        .strip_prefix(&wanted)
                        .is_some_and(|rest| rest.starts_with('/'))
            })
        });
    let severe = verb
        .severity
        .is_none_or(|least| finding.severity >= least.severity());
    control && account && ou && severe
}

fn show(findings: &Findings, verb: &Drift, global: &Global, printer: &Printer) {
    let source = verb.plan.display().to_string();
    match global.output {
        Output::Text => printer.data(&report::text(findings, &source)),
        Output::Json => printer.data_line(&report::json(findings, &source).to_string()),
    }
}

/// A finding hides what could not be told: who mends it looks again anyway.
fn exit(findings: &Findings, verb: &Drift) -> Exit {
    if findings.any_at(verb.fail_on.severity()) {
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
