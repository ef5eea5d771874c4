//! The command line: one file a verb, each thin.
//!
//! A verb's arguments are a struct whose doc comments are the help text, beside the function that
//! runs it. What every verb shares is in [`Global`]; how AWS or the sandbox is reached is in
//! `session`; everything that prints is [`crate::report`]'s.

mod account;
mod ages;
mod apply;
mod completions;
mod diff;
mod drift;
mod files;
mod graph;
mod import;
mod init;
mod inventory;
mod logging;
mod man;
mod plan;
mod prompt;
mod quotas;
mod reference;
mod rehearse;
mod remove;
mod sandbox;
mod schema;
mod session;
mod simulate;
mod stop;
mod subject;
mod unlock;
mod validate;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

pub use crate::ops::exit;
use crate::ops::{Output, cached, compare, error, make, perform};
use crate::report::{Color, Printer, Verbosity};
use error::{CommandError, CommandResult};
use exit::Exit;
pub use reference::reference;

/// Brings up and keeps a multi-account AWS organization from one org plan.
#[derive(Debug, Parser)]
#[command(
    name = "orgstrap",
    version,
    propagate_version = true,
    arg_required_else_help = true
)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Verb,
}

/// Options of every verb.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Work in the embedded sandbox instead of AWS: no credentials, no network, virtual time.
    #[arg(long, global = true)]
    pub(crate) sandbox: bool,
    /// The sandbox's world: read if the file exists, written at the end. Without it, a new empty one.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) world: Option<PathBuf>,
    /// In the sandbox, lets a fault happen at a call, such as `lost-after@17`. May be repeated.
    #[arg(long, global = true, value_name = "FAULT@CALL", hide_short_help = true)]
    pub(crate) fault: Vec<crate::sandbox::FaultAt>,
    /// In the sandbox, lets faults happen to about one call in twenty, drawn from this number.
    #[arg(long, global = true, value_name = "SEED", hide_short_help = true)]
    pub(crate) fault_seed: Option<u64>,
    /// Writes down every call to AWS and its answer, for `orgstrap sandbox replay`: ids, emails and users replaced, no
    /// credentials. What was replaced by what is in FILE.private, by which further commands go on with the same recording.
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    pub(crate) record: Option<PathBuf>,
    /// In the sandbox, how late AWS shows or allows what it says is done: `none`, `usual`, `worst`, or a number to draw
    /// from. A world keeps it; a new one has `usual`.
    #[arg(
        long,
        global = true,
        value_name = "none|usual|worst|SEED",
        hide_short_help = true
    )]
    pub(crate) lags: Option<crate::sandbox::lags::Mode>,
    /// How results are written to stdout. `csv` is for `account list`; the others but `text` and `json` are
    /// reports of `drift`.
    #[arg(long, global = true, value_enum, default_value_t = Form::Text, value_name = "FORM")]
    output: Form,
    /// Answer yes to the question whether to go on.
    #[arg(long, short = 'y', global = true)]
    pub(crate) yes: bool,
    /// The org plan of the verb, for commands that messages name; `None` where the verb has none.
    #[arg(skip)]
    pub(crate) plan: Option<PathBuf>,
    /// The profile of the AWS configuration files to use.
    #[arg(long, global = true, env = "AWS_PROFILE", hide_env_values = true)]
    pub(crate) profile: Option<String>,
    /// The home Region: `init` writes it; elsewhere it must agree with the org plan.
    #[arg(long, global = true, value_name = "REGION")]
    pub(crate) region: Option<crate::plan::Region>,
    /// Scales the rate of calls (0.5 is half as fast), or `off` for no pacing.
    #[arg(long, global = true, value_name = "FACTOR|off", default_value = "1", value_parser = parse_pace)]
    pub(crate) pace: PaceChoice,
    /// Says more on stderr: -v what is done, -vv every call, -vvv the wire.
    #[arg(long, short = 'v', global = true, action = clap::ArgAction::Count, conflicts_with = "quiet")]
    pub(crate) verbose: u8,
    /// Says nothing on stderr but errors and questions.
    #[arg(long, short = 'q', global = true)]
    pub(crate) quiet: bool,
    /// When to colour. NO_COLOR is honoured.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub(crate) color: Color,
}

/// `--output`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// For people.
    Text,
    /// For programs: one JSON document, or JSON lines for what takes time.
    Json,
    /// For spreadsheets: comma-separated values, with a header.
    Csv,
    /// For code scanning: SARIF 2.1.0.
    Sarif,
    /// For test reports of pipelines.
    Junit,
    /// For comments on pull requests.
    Markdown,
    /// One self-contained page.
    Html,
}

impl Global {
    /// How results are written. Reports are asked for by [`Global::form`]; what is said beside
    /// them is for people.
    pub(crate) fn output(&self) -> Output {
        match self.output {
            Form::Json => Output::Json,
            _ => Output::Text,
        }
    }

    /// The form of a report.
    pub(crate) fn form(&self) -> Form {
        self.output
    }
}

/// `--pace`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum PaceChoice {
    /// Times the documented rates.
    Factor(f64),
    Off,
}

fn parse_pace(text: &str) -> Result<PaceChoice, String> {
    if text == "off" {
        return Ok(PaceChoice::Off);
    }
    match text.parse::<f64>() {
        Ok(factor) if factor.is_finite() && (0.01..=100.0).contains(&factor) => {
            Ok(PaceChoice::Factor(factor))
        }
        _ => Err("write a number from 0.01 to 100, or `off`".to_owned()),
    }
}

#[derive(Debug, Subcommand)]
enum Verb {
    Init(init::Init),
    Validate(validate::Validate),
    Schema(schema::Schema),
    Plan(plan::Plan),
    Apply(apply::Apply),
    Rehearse(rehearse::Rehearse),
    Simulate(simulate::Simulate),
    Inventory(inventory::Inventory),
    Diff(diff::Diff),
    Import(import::Import),
    Graph(graph::Graph),
    Drift(drift::Drift),
    Account(account::Account),
    Remove(remove::Remove),
    Unlock(unlock::Unlock),
    Sandbox(sandbox::Sandbox),
    #[command(hide = true)]
    Completions(completions::Completions),
    #[command(hide = true)]
    Man(man::Man),
}

impl Verb {
    /// Whether its results can be written in this form.
    fn takes(&self, form: Form) -> Result<(), CommandError> {
        let (taken, whose) = match form {
            Form::Text | Form::Json => return Ok(()),
            Form::Csv => (
                matches!(self, Verb::Account(verb) if verb.is_list()),
                "`csv` is for `orgstrap account list`",
            ),
            Form::Sarif | Form::Junit | Form::Markdown | Form::Html => (
                matches!(self, Verb::Drift(_)),
                "the reports are of `orgstrap drift`",
            ),
        };
        match taken {
            true => Ok(()),
            false => Err(CommandError::new("this command has no such output")
                .hint(format!("`--output text` or `--output json`; {whose}"))),
        }
    }

    fn run(&self, global: &Global, printer: &Printer) -> CommandResult {
        self.takes(global.form())?;
        match self {
            Verb::Init(verb) => init::run(verb, global, printer),
            Verb::Validate(verb) => validate::run(verb, global, printer),
            Verb::Schema(verb) => schema::run(verb, printer),
            Verb::Plan(verb) => plan::run(verb, global, printer),
            Verb::Apply(verb) => apply::run(verb, global, printer),
            Verb::Rehearse(verb) => rehearse::run(verb, global, printer),
            Verb::Simulate(verb) => simulate::run(verb, global, printer),
            Verb::Inventory(verb) => inventory::run(verb, global, printer),
            Verb::Diff(verb) => diff::run(verb, global, printer),
            Verb::Import(verb) => import::run(verb, global, printer),
            Verb::Graph(verb) => graph::run(verb, global, printer),
            Verb::Drift(verb) => drift::run(verb, global, printer),
            Verb::Remove(verb) => remove::run(verb, global, printer),
            Verb::Account(verb) => account::run(verb, global, printer),
            Verb::Unlock(verb) => unlock::run(verb, global, printer),
            Verb::Sandbox(verb) => sandbox::run(verb, global, printer),
            Verb::Completions(verb) => completions::run(verb, printer),
            Verb::Man(verb) => man::run(verb, printer),
        }
    }
}

/// The clap command with the exit codes in its help: for parsing, completions, man pages and docs.
pub fn command() -> clap::Command {
    Cli::command().after_help(format!(
        "Exit codes:\n{}\nThe org plan is `org.toml` in the current folder when left out.",
        Exit::table()
    ))
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let matches = match command().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return usage(&error),
    };
    let mut cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    cli.global.plan = plan_file(&matches);
    let verbosity = match (cli.global.quiet, cli.global.verbose) {
        (true, _) => Verbosity::Quiet,
        (false, 0) => Verbosity::Normal,
        (false, _) => Verbosity::Verbose,
    };
    let printer = Printer::new(cli.global.color, verbosity);
    logging::start(cli.global.verbose, &printer);
    let mut exit = match cli.verb.run(&cli.global, &printer) {
        Ok(exit) => exit,
        Err(error) => {
            printer.error(&error.message, error.hint.as_deref());
            error.exit
        }
    };
    if let Some(error) = printer.lost() {
        printer.error(
            &format!("not everything could be written to stdout: {error}"),
            Some("what is there is cut off; run it again with another place for its output"),
        );
        exit = Exit::Failed;
    }
    exit.into()
}

/// The org plan that the command line names, unless it is the one that counts when none is named.
fn plan_file(matches: &clap::ArgMatches) -> Option<PathBuf> {
    let mut verb = matches;
    while let Some((_, below)) = verb.subcommand() {
        verb = below;
    }
    let plan = verb.try_get_one::<PathBuf>("plan").ok().flatten();
    // `apply` takes saved changes too, which say nothing of where their plan is.
    let applied = || {
        let file = verb.try_get_one::<PathBuf>("file").ok().flatten()?;
        let is_plan = file.extension().is_some_and(|ending| ending == "toml");
        is_plan.then_some(file)
    };
    plan.or_else(applied)
        .filter(|plan| plan.as_path() != std::path::Path::new("org.toml"))
        .cloned()
}

/// Help and version are data and exit 0; a wrong argument exits 1, for 2 means a difference.
fn usage(error: &clap::Error) -> ExitCode {
    match error.print() {
        Err(failed) if failed.kind() != std::io::ErrorKind::BrokenPipe => Exit::Failed,
        _ if error.use_stderr() => Exit::Failed,
        _ => Exit::Done,
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn pace_is_a_factor_or_off() {
        assert_eq!(parse_pace("off"), Ok(PaceChoice::Off));
        assert_eq!(parse_pace("0.5"), Ok(PaceChoice::Factor(0.5)));
        for wrong in ["0", "-1", "fast", "nan", "inf", "1e9"] {
            assert!(parse_pace(wrong).is_err(), "{wrong}");
        }
    }
}
