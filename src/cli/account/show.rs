use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;

use super::PlanFile;
use crate::cli::ages::Ages;
use crate::cli::cached;
use crate::cli::error::CommandResult;
use crate::cli::exit::Exit;
use crate::cli::{Global, Output, drift, session, subject};
use crate::ops::account::find;
use crate::report::Printer;
use crate::report::account::show;
use crate::report::age;

/// Show everything that is known of an account, and check it.
///
/// Where it lies, the policies in force there, the state of its baselines in each Region, its contacts, and
/// what a check finds, now or earlier.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// The account: its name in the org plan or in AWS, its id or its email.
    account: String,
    /// Read only; ask nothing of the account itself.
    #[arg(long)]
    no_check: bool,
    /// Show too what an earlier check found: the one that `drift --out` saved in this file.
    #[arg(long, value_name = "FILE")]
    findings: Option<PathBuf>,
    #[command(flatten)]
    plan: PlanFile,
    #[command(flatten)]
    ages: Ages,
}

pub(super) fn run(verb: &Show, global: &Global, printer: &Printer) -> CommandResult {
    let subject = subject::load(&verb.plan.plan, global, printer)?;
    let saved = verb.findings.as_deref();
    let saved = saved
        .map(|file| drift::saved_findings(file, &subject))
        .transpose()?;
    session::reading(&subject.plan, global, printer, async |session| {
        let max_age = verb.ages.max_age();
        let reading = cached::read(session, &subject, max_age, printer).await?;
        let read = reading.inventory();
        let found = find::one(&verb.account, &subject.plan, read)?;
        let checked = match (&found.key, found.facts) {
            (Some(key), Some(_)) if !verb.no_check => {
                let keys = BTreeSet::from([key.clone()]);
                Some(
                    crate::ops::account::check::judged(&subject, read, &keys, session, printer)
                        .await?,
                )
            }
            _ => None,
        };
        let view = show::Show {
            plan: &subject.plan,
            desired: &subject.desired,
            inventory: read,
            key: found.key.as_ref(),
            facts: found.facts,
            findings: checked.as_ref().map(|checked| &checked.0),
            left: checked.as_ref().map_or(&[], |checked| &checked.1),
            saved: saved.as_ref(),
        };
        match global.output() {
            Output::Text => printer.data(&show::text(&view)),
            Output::Json => printer.data_line(&show::json(&view).to_string()),
        }
        if let Some(line) = age::line(read.taken_at, &reading.kept) {
            printer.say(&line);
        }
        reading.keep(printer);
        Ok(Exit::Done)
    })
}
