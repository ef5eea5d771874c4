use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use clap::Args;
use tokio::time::Instant;

use super::compare::{Comparison, compare};
use super::error::{CommandError, CommandResult};
use super::exit::Exit;
use super::perform::LockedRun;
use super::quotas::QuotaFlag;
use super::session::{SANDBOX_SEED, Session};
use super::{Global, Output, inventory, session, subject};
use crate::addr::Address;
use crate::diff::{Blocked, DiffOptions, ProblemKind, diff};
use crate::execute::Stop;
use crate::inventory::Inventory;
use crate::rehearse::{Timeline, chain, copy};
use crate::report::rehearsal::{self, Calls, Rehearsal};
use crate::report::{Printer, plan as preview};
use crate::sandbox::permissions::Notes;
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
                unread: false,
                notes,
                source: trial.plan.display().to_string(),
            };
            made = Some(stage.rehearse(trial, session, printer).await?);
            Ok(Exit::Done)
        },
    )?;
    Ok((world, made))
}

struct Stage<'a> {
    subject: &'a subject::LoadedPlan,
    found: &'a Inventory,
    missing: Vec<String>,
    unread: bool,
    notes: Notes,
    source: String,
}

impl Stage<'_> {
    async fn rehearse(
        mut self,
        trial: &Trial,
        session: &Session,
        printer: &Printer,
    ) -> Result<Rehearsal, CommandError> {
        let begun = Instant::now();
        let mut options = DiffOptions {
            create_organization: false,
            prune: trial.prune,
            quotas: trial.quotas.option(),
        };
        let mut found = compare(session, self.subject, &self.source, &options, printer).await?;
        let problems = &found.preview.problems;
        if !problems.is_empty()
            && problems
                .iter()
                .all(|problem| problem.kind == ProblemKind::NoOrganization)
        {
            // A copy costs nothing: an organization is made as it would be when asked for.
            options.create_organization = true;
            found = compare(session, self.subject, &self.source, &options, printer).await?;
        }
        if !found.preview.problems.is_empty() {
            printer.talk(&preview::text(&found.preview));
            return Err(CommandError::new(
                "the problems above stand in the way of everything; nothing was rehearsed",
            ));
        }
        let reading = begun.elapsed();
        self.differences(&options, &found);
        self.perform(found, session, begun, reading).await
    }

    /// The copy must differ from the plan where the organization does, and nowhere else. What does not
    /// is said: the rehearsal is not to be believed there.
    fn differences(&mut self, options: &DiffOptions, copy: &Comparison) {
        let subject = self.subject;
        let real = diff(&subject.plan, &subject.desired, self.found, options);
        self.unread = real.blocked.iter().any(Blocked::is_unread);
        let real: BTreeSet<&Address> = real.changes.iter().map(|change| &change.address).collect();
        let copied: BTreeSet<&Address> = copy
            .preview
            .changes
            .iter()
            .map(|change| &change.address)
            .collect();
        for unread in &copy.preview.unread {
            let seen = format!("{} was not read", unread.operation);
            if !self
                .missing
                .iter()
                .any(|missing| missing.starts_with(&seen))
            {
                self.missing.push(format!(
                    "{} could not be read in the copy: {}",
                    unread.operation, unread.reason
                ));
            }
        }
        for address in copied.difference(&real) {
            self.missing.push(format!(
                "{address} would be changed in the copy only: it is not copied as it is"
            ));
        }
        for address in real.difference(&copied) {
            self.missing.push(format!(
                "{address} is to be changed in AWS and was not rehearsed: the copy has it as the plan says"
            ));
        }
    }

    async fn perform(
        self,
        found: Comparison,
        session: &Session,
        begun: Instant,
        reading: std::time::Duration,
    ) -> Result<Rehearsal, CommandError> {
        let timeline = RefCell::new(Timeline::default());
        let graph = found.graph;
        if !graph.is_empty() {
            let stop = Stop::new();
            let holding = LockedRun::take(session, &stop).await?;
            let start = Instant::now();
            let tell = |event| timeline.borrow_mut().take(event, start.elapsed());
            holding
                .run(graph.clone(), found.bindings, &tell, &stop)
                .await;
            holding
                .release()
                .await
                .map_err(|error| CommandError::caused("the rehearsal's lock", &error))?;
        }
        let timeline = timeline.into_inner();
        let throttled = session.aws.throttled();
        let calls = session
            .aws
            .calls()
            .into_iter()
            .map(|(operation, number)| Calls {
                operation: operation.to_string(),
                number,
                throttled: throttled.get(&operation).copied().unwrap_or_default(),
            })
            .collect();
        let noted = self.notes.noted();
        Ok(Rehearsal {
            chain: chain(&graph, &timeline),
            preview: found.preview,
            timeline,
            reading,
            took: begun.elapsed(),
            calls,
            missing: self.missing,
            unread: self.unread,
            refused: noted.refused.iter().cloned().collect(),
            not_judged: noted.unsure(),
        })
    }
}
