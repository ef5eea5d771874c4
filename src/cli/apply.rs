use std::path::{Path, PathBuf};

use clap::Args;

use super::error::{CommandError, CommandResult};
use super::quotas::QuotaFlag;
use super::{Global, prompt, session, stop, subject};
use crate::diff::DiffOptions;
use crate::execute::Stop;
use crate::ops::LoadedPlan;
use crate::ops::apply::{self as ops};
use crate::ops::saved::SavedChanges;
use crate::report::Printer;

/// Make AWS as the org plan says.
///
/// Shows the changes first and asks; then each change starts as soon as what it needs is done.
/// The first Ctrl-C finishes what is in flight, the second stops at once. Run it again at any time:
/// it goes on from what AWS holds.
#[derive(Debug, Args)]
pub(super) struct Apply {
    /// The org plan, or changes saved by `orgstrap plan --out`.
    #[arg(default_value = "org.toml", value_name = "PLAN|CHANGES")]
    file: PathBuf,
    /// Create the organization where the management account is in none.
    #[arg(long)]
    create_organization: bool,
    /// Delete OUs (empty ones) and policies of orgstrap's own that the org plan no longer names, and detach such
    /// policies where it no longer attaches them.
    #[arg(long)]
    prune: bool,
    /// Go on although resources that hold data are deleted or made anew.
    #[arg(long)]
    delete_data: bool,
    #[command(flatten)]
    quotas: QuotaFlag,
    /// Ask AWS to raise the quotas that the org plan needs more of, or tell what became of an earlier request.
    #[arg(long)]
    raise_quotas: bool,
    /// With `--sandbox`: how many seconds pass there in each real one, to watch it. As fast as it goes
    /// when left out, and slow enough to be seen on a terminal.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000), requires = "sandbox")]
    speed: Option<u32>,
}

/// What is applied: a plan, or the changes that were saved.
struct Job {
    subject: LoadedPlan,
    options: DiffOptions,
    saved: Option<SavedChanges>,
}

pub(super) fn run(verb: &Apply, global: &Global, printer: &Printer) -> CommandResult {
    let job = job(verb, global, printer)?;
    let confirm = |question: &str| prompt::confirm(question, global, printer);
    let asked = ops::Apply {
        subject: &job.subject,
        source: verb.file.display().to_string(),
        options: job.options,
        raise_quotas: verb.raise_quotas,
        saved: job.saved.as_ref(),
        delete_data: verb.delete_data,
        speed: verb.speed,
        output: global.output(),
        yes: global.yes,
        confirm: &confirm,
        again: match (&global.world, global.sandbox) {
            (Some(world), true) => Some(format!(" --sandbox --world {}", world.display())),
            (None, true) => None,
            (_, false) => Some(String::new()),
        },
    };
    session::with(&job.subject.plan, global, printer, async |session| {
        let stop = Stop::new();
        tokio::select! {
            biased;
            result = ops::apply(&asked, session, printer, &stop) => Ok(result?.exit),
            () = stop::listen(&stop) => Err(CommandError::new("no longer listening for Ctrl-C")),
        }
    })
}

fn job(verb: &Apply, global: &Global, printer: &Printer) -> Result<Job, CommandError> {
    let Some(saved) = read_saved(&verb.file)? else {
        return Ok(Job {
            subject: subject::load(&verb.file, global, printer)?,
            options: DiffOptions {
                create_organization: verb.create_organization,
                prune: verb.prune,
                quotas: verb.quotas.option(),
            },
            saved: None,
        });
    };
    if verb.prune && !saved.options.prune {
        return Err(
            CommandError::new("`--prune` adds to changes that were saved without it")
                .hint("save them again: `orgstrap plan --prune --out FILE`"),
        );
    }
    Ok(Job {
        subject: LoadedPlan::made(saved.plan.clone(), saved.desired.clone()),
        options: saved.options,
        saved: Some(saved),
    })
}

/// The saved changes of a file; `None` where it looks like a plan. JSON begins with a brace, which
/// TOML never does.
fn read_saved(file: &Path) -> Result<Option<SavedChanges>, CommandError> {
    // What cannot be read is left to the plan's loader, which explains it.
    let Ok(text) = std::fs::read_to_string(file) else {
        return Ok(None);
    };
    if !text.trim_start().starts_with('{') {
        return Ok(None);
    }
    SavedChanges::from_json(&text).map(Some).map_err(|error| {
        CommandError::caused(format!("could not read {}", file.display()), &error)
            .hint("save the changes again, and look at them: `orgstrap plan PLAN --out FILE`")
    })
}
