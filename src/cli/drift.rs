use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::ages::Ages;
use super::error::{CommandError, CommandResult};
use super::{Form, Global, files, inventory, prompt, session, stop, subject};
use crate::drift::{self, Controls, Findings, Severity};
use crate::execute::Stop;
use crate::ops::LoadedPlan;
use crate::ops::as_made::AsMade;
use crate::ops::drift::{self as ops, Check, Filter, asked_for, check_controls, judge};
use crate::plan::OuPath;
use crate::report::drift_view::{DriftView, OuTree};
use crate::report::{
    Printer, drift as report, drift_html, drift_junit, drift_markdown, drift_sarif,
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
    /// Only accounts in this OU or below, and the OU itself; `/` is the root, and so everything.
    #[arg(long, value_name = "OU")]
    ou: Vec<OuPath>,
    /// Only findings of this severity or above.
    #[arg(long, value_enum, value_name = "SEVERITY")]
    severity: Option<Level>,
    /// The severity from which a finding makes the exit code 2.
    #[arg(long, value_enum, value_name = "SEVERITY", default_value_t = Level::Low)]
    fail_on: Level,
    /// List also the findings that another one explains; they count, in the numbers and for the exit code, in any
    /// case. Reports other than text have them always.
    #[arg(long)]
    all: bool,
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
    /// With `--fix`: go on although resources that hold data are deleted or made anew.
    #[arg(long, requires = "fix")]
    delete_data: bool,
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

pub(super) fn run(verb: &Drift, global: &Global, printer: &Printer) -> CommandResult {
    let subject = subject::load(&verb.plan, global, printer)?;
    if verb.fix && !matches!(global.form(), Form::Text | Form::Json) {
        return Err(
            CommandError::new("`--fix` tells what it does as text or as JSON lines")
                .hint("`--report FILE` writes other reports beside it"),
        );
    }
    let filter = Filter {
        controls: verb.only.clone(),
        accounts: verb.account.clone(),
        ous: verb.ou.clone(),
        severity: verb.severity.map(Level::severity),
    };
    check_controls(&filter, &subject)?;
    // Read before anything else: a wrong file should not cost a check.
    let earlier = verb.since.as_deref();
    let earlier = earlier
        .map(|file| judged(file, &filter, &subject))
        .transpose()?;
    let confirm = |question: &str| prompt::confirm(question, global, printer);
    let show_whole = |found: &Findings| {
        show(found, verb, &subject, global, printer);
        Ok(())
    };
    let show_first = |found: &Findings| match &earlier {
        Some(earlier) => show_since(earlier, found, verb, global, printer),
        None => show_whole(found),
    };
    let write = |check: &Check| write_files(check, verb, &subject, printer);
    let asked = ops::Drift {
        subject: &subject,
        source: verb.plan.display().to_string(),
        filter,
        fail_on: verb.fail_on.severity(),
        deep: verb.deep,
        role: verb.role.clone(),
        max_age: match verb.fix {
            true => verb.ages.or_anew(),
            false => verb.ages.max_age(),
        },
        fix: verb.fix,
        delete_data: verb.delete_data,
        output: global.output(),
        yes: global.yes,
        confirm: &confirm,
        show: &show_first,
        show_after: &show_whole,
        write: &write,
    };
    session::looking(&subject.plan, global, printer, async |session| {
        let stop = Stop::new();
        tokio::select! {
            biased;
            result = ops::drift(&asked, session, printer, &stop) => Ok(result?.exit),
            () = stop::listen(&stop) => Err(CommandError::new("no longer listening for Ctrl-C")),
        }
    })
}

/// What was asked about and was wrong when an inventory was saved.
fn judged(file: &Path, filter: &Filter, subject: &LoadedPlan) -> Result<Findings, CommandError> {
    asked_for(filter, &saved_findings(file, subject)?)
}

/// What was wrong when an inventory was saved.
pub(super) fn saved_findings(file: &Path, subject: &LoadedPlan) -> Result<Findings, CommandError> {
    let saved = inventory::load(file, &subject.plan)?;
    let (mut found, mut findings) = judge(subject, &saved);
    let mut made = AsMade::default();
    while made.put_back(subject, &saved.inventory, &found) {
        (found, findings) = judge(made.subject(subject), &saved);
    }
    let subject = made.subject(subject);
    let checks = drift::checks(&subject.plan, &subject.desired, &saved.inventory, &found);
    if saved.answers.is_empty() && !checks.is_empty() {
        return Err(CommandError::new(format!(
            "the inventory {} does not hold what the controls say",
            file.display()
        ))
        .hint(
            "`orgstrap drift --out FILE` and `orgstrap inventory --out FILE` save one that does",
        ));
    }
    drift::judge_controls(&mut findings, &subject.desired, &checks, &saved.answers);
    drift::tell_unlooked(
        &mut findings,
        &subject.plan,
        &subject.desired,
        &saved.inventory,
        &found,
    );
    made.tell(&subject.plan, &saved.inventory, &mut findings);
    Ok(findings)
}

fn show(
    findings: &Findings,
    verb: &Drift,
    subject: &LoadedPlan,
    global: &Global,
    printer: &Printer,
) {
    printer.data(&rendered(findings, verb, subject, global.form()));
}

/// A report, whole, ending in a line end.
fn rendered(findings: &Findings, verb: &Drift, subject: &LoadedPlan, form: Form) -> String {
    let source = verb.plan.display().to_string();
    let mut controls = Controls::builtin();
    for (name, control) in &subject.desired.controls {
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
        Form::Text | Form::Csv => report::text(findings, &source, verb.all),
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
    subject: &LoadedPlan,
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
