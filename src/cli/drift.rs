use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::cached::{self, Ages, Reading};
use super::error::{CommandError, CommandResult};
use super::exit::Exit;
use super::make::{Work, make};
use super::perform::Holding;
use super::session::Session;
use super::subject::Subject;
use super::{Form, Global, Output, files, inventory, prompt, session, stop, subject};
use crate::aws::Caller;
use crate::change::{Address, Bindings, Change};
use crate::diff::{Diff, DiffOptions, diff};
use crate::drift::{self, Controls, Finding, Findings, Fix, Severity};
use crate::execute::Stop;
use crate::graph::graph;
use crate::inventory::SavedInventory;
use crate::observe::cache::MaxAge;
use crate::observe::detect_drift;
use crate::plan::OuPath;
use crate::report::drift_view::{DriftView, OuTree};
use crate::report::{
    Printer, cost, drift as report, drift_html, drift_junit, drift_markdown, drift_sarif,
    plan as preview, words,
};

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
    /// Have CloudFormation look too, for drift of every resource that the baselines' stacks made. It takes
    /// minutes, and more with the number of accounts.
    #[arg(long)]
    deep: bool,
    /// Show only what is new or gone since the inventory in this file was saved: by `--out` here, or by
    /// `orgstrap inventory --out`. Both are judged by the org plan as it is now.
    #[arg(long, value_name = "FILE", conflicts_with = "fix")]
    since: Option<PathBuf>,
    /// Save what was read, for a later `--since`.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write a report into a file too; its ending says which: .html, .md, .sarif, .xml (JUnit) or .json.
    /// May be repeated.
    #[arg(long, value_name = "FILE", value_parser = report_file)]
    report: Vec<ReportFile>,
    /// Put back what was found: shows the changes, asks, makes them, and reads again.
    #[arg(long)]
    fix: bool,
    /// The role by which member accounts are entered, also to put things back. Without it a check goes by
    /// the role that only reads, where the plan has the `roles` baseline, and `--fix` by the access role.
    #[arg(long, value_name = "NAME")]
    role: Option<String>,
    #[command(flatten)]
    ages: Ages,
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

/// A file for a report, and the form that its ending asks for.
#[derive(Debug, Clone)]
struct ReportFile {
    path: PathBuf,
    form: Form,
}

fn report_file(text: &str) -> Result<ReportFile, String> {
    let path = PathBuf::from(text);
    let form = match path.extension().and_then(|ending| ending.to_str()) {
        Some("html" | "htm") => Form::Html,
        Some("md") => Form::Markdown,
        Some("sarif") => Form::Sarif,
        Some("xml") => Form::Junit,
        Some("json") => Form::Json,
        Some("txt") => Form::Text,
        _ => return Err("end it with .html, .md, .sarif, .xml, .json or .txt".to_owned()),
    };
    Ok(ReportFile { path, form })
}

/// One check: what was found, and the changes that findings name as their fix.
struct Check {
    findings: Findings,
    /// The changes that some finding names, whether it was asked for or not.
    told: BTreeSet<Address>,
    changes: Vec<Change>,
    bindings: Bindings,
    reading: Reading,
}

pub(super) fn run(verb: &Drift, global: &Global, printer: &Printer) -> CommandResult {
    let subject = subject::load(&verb.plan, global, printer)?;
    if verb.fix && !matches!(global.form(), Form::Text | Form::Json) {
        return Err(
            CommandError::new("`--fix` tells what it does as text or as JSON lines")
                .hint("`--report FILE` writes other reports beside it"),
        );
    }
    // Read before anything else: a wrong file should not cost a check.
    let earlier = verb.since.as_deref();
    let earlier = earlier
        .map(|file| judged(file, verb, &subject))
        .transpose()?;
    session::looking(&subject.plan, global, printer, async |session| {
        let stop = Stop::new();
        tokio::select! {
            biased;
            result = drift(verb, &subject, earlier.as_ref(), session, global, printer, &stop) => result,
            () = stop::listen(&stop) => Err(CommandError::new("no longer listening for Ctrl-C")),
        }
    })
}

/// What was asked about and was wrong when an inventory was saved.
fn judged(file: &Path, verb: &Drift, subject: &Subject) -> Result<Findings, CommandError> {
    Ok(saved_findings(file, subject)?.only(|finding| asked_for(verb, finding)))
}

/// What was wrong when an inventory was saved.
pub(super) fn saved_findings(file: &Path, subject: &Subject) -> Result<Findings, CommandError> {
    let saved = inventory::load(file, &subject.plan)?;
    let (found, mut findings) = judge(subject, &saved);
    let checks = drift::checks(&subject.plan, &subject.wanted, &saved.inventory, &found);
    if saved.answers.is_empty() && !checks.is_empty() {
        return Err(CommandError::new(format!(
            "the inventory {} does not hold what the controls say",
            file.display()
        ))
        .hint(
            "`orgstrap drift --out FILE` and `orgstrap inventory --out FILE` save one that does",
        ));
    }
    drift::judge_controls(&mut findings, &subject.wanted, &checks, &saved.answers);
    Ok(findings)
}

/// The comparison, and what it finds in organization and stacks.
fn judge(subject: &Subject, saved: &SavedInventory) -> (Diff, Findings) {
    let inventory = &saved.inventory;
    let options = DiffOptions::default();
    let found = diff(&subject.plan, &subject.wanted, inventory, &options);
    let findings = drift::judge(&subject.plan, inventory, &found);
    (found, findings)
}

async fn drift(
    verb: &Drift,
    subject: &Subject,
    earlier: Option<&Findings>,
    session: &Session,
    global: &Global,
    printer: &Printer,
    stop: &Stop,
) -> CommandResult {
    let max_age = match verb.fix {
        true => {
            session.guard().await?;
            verb.ages.or_anew()
        }
        false => verb.ages.max_age(),
    };
    let before = check(verb, subject, session, max_age, global, printer).await?;
    tell_roles(subject, session, printer);
    match earlier {
        Some(earlier) => show_since(earlier, &before.findings, verb, global, printer)?,
        None => show(&before.findings, verb, subject, global, printer),
    }
    let changes = match verb.fix {
        true => fixes(&before),
        false => Vec::new(),
    };
    if changes.is_empty() {
        if verb.fix {
            printer.say("There is nothing that orgstrap can put back.");
        }
        write_files(&before, verb, subject, printer)?;
        before.reading.keep(printer);
        return Ok(exit(&before.findings, verb));
    }
    let order = graph(changes)
        .map_err(|error| CommandError::caused("the fixes can have no order", &error))?;
    let ordered: Vec<Change> = order.changes().cloned().collect();
    let number = ordered.len();
    if global.output() == Output::Text {
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
        // What is left is told after AWS was read again.
        claim: "",
        timeline: None,
        next: &|_| Vec::new(),
    };
    let holding = Holding::take(session, stop).await?;
    session.aws.enter_by(match &verb.role {
        Some(role) => vec![role.clone()],
        None => vec![subject.plan.organization.access_role.clone()],
    });
    let done = make(work, holding, session, global, printer, stop).await;
    let after = check(verb, subject, session, MaxAge::NONE, global, printer).await?;
    if global.output() == Output::Text {
        printer.data_line(&format!(
            "\n{}",
            report::outcome(&before.findings, &after.findings)
        ));
    }
    show(&after.findings, verb, subject, global, printer);
    write_files(&after, verb, subject, printer)?;
    let exit = match super::make::exit(&done) {
        Exit::Done => exit(&after.findings, verb),
        other => other,
    };
    after.reading.keep(printer);
    Ok(exit)
}

/// Reads and judges. Nobody is told of a finding on the word of what was read minutes ago, because it may
/// have been put back since: where the usual ages count, what looks wrong is read again.
async fn check(
    verb: &Drift,
    subject: &Subject,
    session: &Session,
    max_age: MaxAge,
    global: &Global,
    printer: &Printer,
) -> Result<Check, CommandError> {
    session.aws.enter_by(match &verb.role {
        Some(role) => vec![role.clone()],
        None => {
            let access = subject.plan.organization.access_role.clone();
            let audit = subject.wanted.audit_role.clone();
            audit.into_iter().chain([access]).collect()
        }
    });
    let mut reading = cached::read(session, subject, max_age, global, printer).await?;
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
    let fixes = drift::judge_controls(&mut findings, &subject.wanted, &checks, answers);
    let mut fixes: BTreeMap<Address, Change> = fixes
        .into_iter()
        .map(|change| (change.address.clone(), change))
        .collect();
    if verb.deep {
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
    let told = named(&findings).cloned().collect();
    Ok(Check {
        told,
        findings: findings.only(|finding| asked_for(verb, finding)),
        changes,
        bindings: found.bindings,
        reading,
    })
}

/// Says once when accounts were entered as an administrator because the role that only reads is not there.
fn tell_roles(subject: &Subject, session: &Session, printer: &Printer) {
    let accounts = session.aws.fell_back();
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
            "No role {audit} opens account {first}{more}: read by {access}. `orgstrap apply` brings it there."
        ));
    }
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

fn show(findings: &Findings, verb: &Drift, subject: &Subject, global: &Global, printer: &Printer) {
    printer.data(&rendered(findings, verb, subject, global.form()));
}

/// A report, whole, ending in a line end.
fn rendered(findings: &Findings, verb: &Drift, subject: &Subject, form: Form) -> String {
    let source = verb.plan.display().to_string();
    let mut controls = Controls::builtin();
    for (name, control) in &subject.wanted.controls {
        controls.add(
            name,
            &control.title,
            control.hint.as_deref().unwrap_or_default(),
        );
    }
    let tree = OuTree::of(&subject.plan);
    let view = DriftView {
        findings,
        plan_file: &source,
        controls: &controls,
        tree: &tree,
        fail_on: verb.fail_on.severity(),
    };
    let mut text = match form {
        // Nobody comes here with `csv`, which is for lists.
        Form::Text | Form::Csv => report::text(findings, &source),
        Form::Json => report::json(findings, &source).to_string(),
        Form::Sarif => drift_sarif::render(&view),
        Form::Junit => drift_junit::render(&view),
        Form::Markdown => drift_markdown::render(&view),
        Form::Html => drift_html::render(&view),
    };
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// What is new and what is gone.
fn show_since(
    earlier: &Findings,
    now: &Findings,
    verb: &Drift,
    global: &Global,
    printer: &Printer,
) -> Result<(), CommandError> {
    let since = drift::since(earlier, now);
    match global.form() {
        Form::Text => printer.data(&report::since_text(&since, earlier, now)),
        Form::Json => {
            let source = verb.plan.display().to_string();
            printer.data_line(&report::since_json(&since, earlier, now, &source).to_string());
        }
        _ => {
            return Err(
                CommandError::new("`--since` tells what changed as text or as JSON")
                    .hint("`--report FILE` writes other reports of the whole check"),
            );
        }
    }
    Ok(())
}

/// Writes the files that were asked for.
fn write_files(
    check: &Check,
    verb: &Drift,
    subject: &Subject,
    printer: &Printer,
) -> Result<(), CommandError> {
    for file in &verb.report {
        let text = rendered(&check.findings, verb, subject, file.form);
        files::write_private(&file.path, &text)?;
        printer.say(&format!("Wrote {}.", file.path.display()));
    }
    if let Some(out) = &verb.out {
        inventory::save(out, &check.reading.saved)?;
        let file = out.display();
        printer.say(&format!(
            "Saved what was read to {file}; `orgstrap drift --since {file}` tells what has changed since."
        ));
    }
    Ok(())
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
