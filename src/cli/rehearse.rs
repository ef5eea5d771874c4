use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use clap::Args;

use super::error::{CommandError, CommandResult};
use super::exit::Exit;
use super::quotas::QuotaFlag;
use super::session::SANDBOX_SEED;
use super::{Global, Output, inventory, session, subject};
use crate::diff::DiffOptions;
use crate::ops::rehearse::Stage;
use crate::rehearse::copy;
use crate::report::Printer;
use crate::report::rehearsal::{self, Rehearsal};
use crate::sandbox::{FaultPlan, World};

/// Try the org plan on a copy of the organization: what would happen, what would fail, how long it takes.
///
/// Copies what AWS holds (or a saved inventory) into the sandbox and applies the plan there, in virtual
/// time. AWS is read and nothing in it is changed; nor is a kept world. Exits 1 when a change would fail, or something
/// could not be read and so was not copied.
#[derive(Debug, Args)]
pub(super) struct Rehearse {
    #[command(flatten)]
    trial: Trial,
}

// No doc comment: clap would show it as the help of the verbs that have these.
#[derive(Debug, Args)]
pub(super) struct Trial {
    /// The org plan.
    #[arg(default_value = "org.toml", value_name = "PLAN")]
    pub(super) plan: PathBuf,
    /// Work on an inventory that `orgstrap inventory --out` saved, without reading AWS.
    #[arg(long, value_name = "INVENTORY")]
    pub(super) from: Option<PathBuf>,
    /// Rehearse what else the org plan no longer names: the deletion of OUs (empty ones) and policies of orgstrap's
    /// own, and that such policies are detached.
    #[arg(long)]
    prune: bool,
    #[command(flatten)]
    quotas: QuotaFlag,
}

pub(super) fn run(verb: &Rehearse, global: &Global, printer: &Printer) -> CommandResult {
    let subject = subject::load(&verb.trial.plan, global, printer)?;
    let (_, rehearsal) = on_a_copy(&verb.trial, &subject, true, global, printer)?;
    let Some(rehearsal) = rehearsal else {
        return Ok(Exit::Done);
    };
    match global.output() {
        Output::Text => printer.data(&rehearsal::text(&rehearsal)),
        Output::Json => printer.data_line(&rehearsal::json(&rehearsal).to_string()),
    }
    let whole = !rehearsal.unread && rehearsal.preview.blocked.is_empty();
    let believed = rehearsal.timeline.failed().next().is_none() && whole;
    Ok(if believed { Exit::Done } else { Exit::Failed })
}

/// A copy of the organization, as it is or as the org plan would make it; and how many of the plan's changes fail.
pub(super) fn made(
    trial: &Trial,
    subject: &subject::LoadedPlan,
    live: bool,
    global: &Global,
    printer: &Printer,
) -> Result<(Arc<Mutex<World>>, usize), CommandError> {
    let (world, rehearsal) = on_a_copy(trial, subject, !live, global, printer)?;
    let failed = rehearsal.map_or(0, |it| it.timeline.failed().count());
    Ok((world, failed))
}

/// Copies the organization into a sandbox, and rehearses the plan there where that is wanted.
fn on_a_copy(
    trial: &Trial,
    subject: &subject::LoadedPlan,
    rehearsed: bool,
    global: &Global,
    printer: &Printer,
) -> Result<(Arc<Mutex<World>>, Option<Rehearsal>), CommandError> {
    let plan = &subject.plan;
    let found = match &trial.from {
        Some(file) => inventory::load(file, plan)?.inventory,
        None => inventory::read(subject, global, printer)?,
    };
    let organization = &plan.organization;
    let copied = copy(
        &found,
        &organization.home_region,
        &organization.access_role,
        SANDBOX_SEED,
    )
    .map_err(|error| CommandError::caused("could not copy the organization", &error))?;
    let notes = copied.world.notes.clone();
    let mut world = copied.world;
    session::late(&mut world, global);
    let world = Arc::new(Mutex::new(world));
    if !rehearsed {
        return Ok((world, None));
    }
    let mut made = None;
    session::in_world(
        plan,
        global,
        &world,
        FaultPlan::default(),
        async |session| {
            let stage = Stage {
                subject,
                found: &found,
                missing: copied.missing,
                notes,
                source: trial.plan.display().to_string(),
                options: DiffOptions {
                    create_organization: false,
                    prune: trial.prune,
                    quotas: trial.quotas.option(),
                },
            };
            made = Some(stage.rehearse(session, printer).await?);
            Ok(Exit::Done)
        },
    )?;
    Ok((world, made))
}
