//! How AWS or the sandbox is reached: the runtime, the clients, and the world that is kept.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::error::{CommandError, CommandResult};
use super::{Global, PaceChoice};
use crate::aws::{Aws, AwsError, Options, Pace};
use crate::plan::{AccountId, OrgPlan};
use crate::report::Printer;
use crate::sandbox::{Connection, FaultPlan, World};

/// The seed of everything random in a sandbox run, so that equal inputs give equal outputs.
pub(super) const SANDBOX_SEED: u64 = 1;

/// A way to AWS for one command.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) aws: Aws,
    /// The account whose credentials are used: the plan's management account.
    pub(super) management: AccountId,
    /// This run's id: in session names, operation ids and the lock.
    pub(super) run: String,
    pub(super) started: Timestamp,
    pub(super) sandbox: bool,
}

/// Reaches AWS or the sandbox for `plan` and does `work` there. The sandbox's world is saved
/// whatever became of the work.
pub(super) fn with(
    plan: &OrgPlan,
    global: &Global,
    printer: &Printer,
    work: impl AsyncFnOnce(&Session) -> CommandResult,
) -> CommandResult {
    if global.sandbox {
        in_sandbox(plan, global, printer, work)
    } else {
        in_aws(plan, Guard::ThePlans, global, work)
    }
}

/// Whose organization it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Guard {
    /// The one that the plan is for.
    ThePlans,
    /// The same, but nobody asks before [`Session::guard`] does: where all is kept nothing is asked at all.
    BeforeReading,
    /// Anybody's: for reading what has no plan yet.
    Anybodys,
}

fn in_aws(
    plan: &OrgPlan,
    guard: Guard,
    global: &Global,
    work: impl AsyncFnOnce(&Session) -> CommandResult,
) -> CommandResult {
    if global.world.is_some() {
        return Err(CommandError::new("`--world` is the sandbox's world")
            .hint("pass `--sandbox` too, or leave `--world` out"));
    }
    if !global.fault.is_empty() || global.fault_seed.is_some() {
        return Err(
            CommandError::new("`--fault` and `--fault-seed` are for the sandbox")
                .hint("pass `--sandbox` too, or leave them out"),
        );
    }
    let mut random = fastrand::Rng::new();
    let run: String = (0..8).map(|_| random.digit(36)).collect();
    let options = options(plan, global, run.clone(), random.u64(..));
    runtime(false)?.block_on(async {
        let aws = Aws::connect(options).await;
        let session = session(aws, plan, guard, run, now(), false).await?;
        work(&session).await
    })
}

fn in_sandbox(
    plan: &OrgPlan,
    global: &Global,
    printer: &Printer,
    work: impl AsyncFnOnce(&Session) -> CommandResult,
) -> CommandResult {
    let world = world(
        global.world.as_deref(),
        &plan.organization.management_account,
        printer,
    )?;
    let world = Arc::new(Mutex::new(world));
    let result = in_world(plan, global, &world, faults(global), work);
    if let Some(file) = &global.world {
        let world = world.lock().unwrap_or_else(PoisonError::into_inner);
        save_world(&world, file)?;
    }
    result
}

/// The same for what only looks at AWS, perhaps only at what was read before: `work` calls
/// [`Session::guard`] before it reads.
pub(super) fn looking(
    plan: &OrgPlan,
    global: &Global,
    printer: &Printer,
    work: impl AsyncFnOnce(&Session) -> CommandResult,
) -> CommandResult {
    if global.sandbox {
        in_sandbox(plan, global, printer, work)
    } else {
        in_aws(plan, Guard::BeforeReading, global, work)
    }
}

/// [`looking`], while a kept world of the sandbox stays as its file has it.
pub(super) fn reading(
    plan: &OrgPlan,
    global: &Global,
    printer: &Printer,
    work: impl AsyncFnOnce(&Session) -> CommandResult,
) -> CommandResult {
    read_as(plan, Guard::ThePlans, global, printer, work)
}

/// The same for an organization that has no plan yet; what `plan` says of whose it is counts for nothing.
pub(super) fn reading_anybodys(
    plan: &OrgPlan,
    global: &Global,
    printer: &Printer,
    work: impl AsyncFnOnce(&Session) -> CommandResult,
) -> CommandResult {
    read_as(plan, Guard::Anybodys, global, printer, work)
}

fn read_as(
    plan: &OrgPlan,
    guard: Guard,
    global: &Global,
    printer: &Printer,
    work: impl AsyncFnOnce(&Session) -> CommandResult,
) -> CommandResult {
    if !global.sandbox {
        let guard = match guard {
            Guard::ThePlans => Guard::BeforeReading,
            other => other,
        };
        return in_aws(plan, guard, global, work);
    }
    let file = global.world.as_deref().filter(|file| file.exists());
    let world = world(file, &plan.organization.management_account, printer)?;
    let world = Arc::new(Mutex::new(world));
    in_world_as(plan, guard, global, &world, faults(global), work)
}

/// Does `work` in a sandbox's world, in its own time, which is virtual.
pub(super) fn in_world(
    plan: &OrgPlan,
    global: &Global,
    world: &Arc<Mutex<World>>,
    faults: FaultPlan,
    work: impl AsyncFnOnce(&Session) -> CommandResult,
) -> CommandResult {
    in_world_as(plan, Guard::ThePlans, global, world, faults, work)
}

fn in_world_as(
    plan: &OrgPlan,
    guard: Guard,
    global: &Global,
    world: &Arc<Mutex<World>>,
    faults: FaultPlan,
    work: impl AsyncFnOnce(&Session) -> CommandResult,
) -> CommandResult {
    let (run, started) = {
        let world = world.lock().unwrap_or_else(PoisonError::into_inner);
        let started = Timestamp::from_millisecond(world.now.0).unwrap_or_default();
        (run_id(&world), started)
    };
    let options = options(plan, global, run.clone(), SANDBOX_SEED);
    let connection = Arc::new(Connection::new(faults));
    runtime(true)?.block_on(async {
        let config = crate::sandbox::in_process_over(Arc::clone(world), Arc::clone(&connection));
        let aws = Aws::over(config, options);
        let working = async {
            let session = session(aws, plan, guard, run.clone(), started, true).await?;
            work(&session).await
        };
        tokio::select! {
            biased;
            result = working => result,
            call = connection.killed() => Err(killed(call, &run, global)),
        }
    })
}

fn faults(global: &Global) -> FaultPlan {
    let plan = FaultPlan::at(global.fault.iter().copied());
    match global.fault_seed {
        Some(seed) => plan.with_seed(seed),
        None => plan,
    }
}

/// The world is kept as it was at that moment, the lock included.
fn killed(call: u64, run: &str, global: &Global) -> CommandError {
    let error = CommandError::new(format!("killed at call {call}, as `--fault` asked for"));
    match &global.world {
        Some(file) => error.hint(format!(
            "`orgstrap unlock {run} --plan PLAN --sandbox --world {}` takes its lock away; then run the command again",
            file.display()
        )),
        None => error.hint("with `--world FILE` the world is kept, and the next run goes on from there"),
    }
}

/// The run's id in a sandbox: another one for each state of the world, so that what AWS takes for the
/// same request (operation ids, the lock) is never an earlier run's, and the same one for the same state.
fn run_id(world: &World) -> String {
    let state = format!("{} {}", world.now.0, world.seq);
    let digest = Sha256::digest(state.as_bytes());
    digest
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Opens the world of a file, or makes a new one where there is none yet.
pub(super) fn world(
    file: Option<&Path>,
    management_account: &AccountId,
    printer: &Printer,
) -> Result<World, CommandError> {
    let empty = || World::empty(management_account.as_str(), SANDBOX_SEED);
    match file {
        None => {
            printer.say(
                "Sandbox: a new, empty world that ends with this command; `--world FILE` keeps one.",
            );
            Ok(empty())
        }
        Some(file) if !file.exists() => {
            printer.say(&format!(
                "Sandbox: a new, empty world, kept in {}.",
                file.display()
            ));
            Ok(empty())
        }
        Some(file) => {
            World::load(file).map_err(|error| CommandError::caused("the sandbox", &error))
        }
    }
}

/// Writes the world back.
pub(super) fn save_world(world: &World, file: &Path) -> Result<(), CommandError> {
    world
        .save(file)
        .map_err(|error| CommandError::caused("the sandbox", &error))
}

fn options(plan: &OrgPlan, global: &Global, run: String, seed: u64) -> Options {
    Options {
        profile: global.profile.clone(),
        home_region: plan.organization.home_region.clone(),
        access_role: plan.organization.access_role.clone(),
        pace: match global.pace {
            PaceChoice::Factor(factor) => Pace::Factor(factor),
            PaceChoice::Off => Pace::Off,
        },
        pace_overrides: plan.pace.clone(),
        run,
        seed,
    }
}

async fn session(
    aws: Aws,
    plan: &OrgPlan,
    guard: Guard,
    run: String,
    started: Timestamp,
    sandbox: bool,
) -> Result<Session, CommandError> {
    let management = match guard {
        Guard::Anybodys => aws.caller().await.map_err(|error| no_credentials(&error))?,
        _ => plan.organization.management_account.clone(),
    };
    let session = Session {
        aws,
        management,
        run,
        started,
        sandbox,
    };
    if guard == Guard::ThePlans {
        session.guard().await?;
    }
    Ok(session)
}

impl Session {
    /// The management-account guard: nothing is read, let alone changed, in another organization. AWS is
    /// asked once, however often this is.
    pub(super) async fn guard(&self) -> Result<(), CommandError> {
        let caller = self
            .aws
            .caller()
            .await
            .map_err(|error| no_credentials(&error))?;
        let wanted = &self.management;
        if caller == *wanted {
            return Ok(());
        }
        let whose = if self.sandbox {
            "the world is"
        } else {
            "these credentials are"
        };
        Err(CommandError::new(format!(
            "the plan is for the organization of {wanted}, but {whose} those of account {caller}"
        ))
        .hint(if self.sandbox {
            "use another `--world`, or correct `management_account` in the plan"
        } else {
            "choose another `--profile`, or correct `management_account` in the plan"
        }))
    }
}

fn no_credentials(error: &AwsError) -> CommandError {
    CommandError::caused("could not find out whose credentials these are", error).hint(
        "sign in first (`aws sso login`, environment variables or `--profile`); \
         `--sandbox` needs no credentials",
    )
}

/// One thread; in the sandbox with virtual time, so that hours pass in moments.
pub(super) fn runtime(paused: bool) -> Result<tokio::runtime::Runtime, CommandError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(paused)
        .build()
        .map_err(|error| CommandError::caused("could not start the runtime", &error))
}

/// The command line's one look at the clock: when a run started.
#[expect(
    clippy::disallowed_methods,
    reason = "real runs happen at a real time; the sandbox's take theirs from the world"
)]
fn now() -> Timestamp {
    Timestamp::now()
}
