//! How AWS or the sandbox is reached: the runtime, the clients, and the world that is kept.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use super::error::{CommandError, CommandResult};
use super::exit::Exit;
use super::{Global, PaceChoice, ages};
use crate::aws::{Aws, ConnectError, Pace};
use crate::ops::session::{self as ops, Guard, InWorld, Reach};
pub(super) use crate::ops::session::{SANDBOX_SEED, Session, runtime};
use crate::plan::{AccountId, OrgPlan, nearest};
use crate::report::Printer;
use crate::sandbox::{Connection, FaultPlan, World, WorldFile, WorldFileError};

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
        only_the_sandbox_is_late(global)?;
        in_aws(plan, Guard::ThePlans, global, work)
    }
}

/// A rehearsal reads AWS and then works in the sandbox, whose lags it takes; nothing else has both.
fn only_the_sandbox_is_late(global: &Global) -> Result<(), CommandError> {
    match global.lags {
        None => Ok(()),
        Some(_) => Err(
            CommandError::new("`--lags` is for the sandbox and for `rehearse`")
                .hint("pass `--sandbox` too, or leave it out"),
        ),
    }
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
    let options = reach(global).options(plan, run.clone(), random.u64(..));
    runtime(false)?.block_on(async {
        let aws = Aws::connect(options, global.record.as_deref())
            .await
            .map_err(|error| not_reached(&error))?;
        let mut session = Session::open(aws, plan, guard, run, now(), false).await?;
        session.same_place = same_place(global);
        session.cache = ages::cache(&session.management, global);
        work(&session).await
    })
}

fn in_sandbox(
    plan: &OrgPlan,
    global: &Global,
    printer: &Printer,
    work: impl AsyncFnOnce(&Session) -> CommandResult,
) -> CommandResult {
    if global.record.is_some() {
        return Err(CommandError::new("`--record` is for AWS").hint(
            "what the sandbox answers needs no recording; leave `--record` or `--sandbox` out",
        ));
    }
    let (file, world) = world(global, &plan.organization.management_account, printer)?;
    let world = Arc::new(Mutex::new(world));
    let result = in_world(plan, global, &world, faults(global), work);
    if let Some(mut file) = file {
        let world = world.lock().unwrap_or_else(PoisonError::into_inner);
        file.save(&world).map_err(|error| world_file(&error))?;
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
        only_the_sandbox_is_late(global)?;
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
    let world = match global.world.as_deref().filter(|file| file.exists()) {
        Some(file) => {
            let mut world = World::load(file).map_err(|error| world_file(&error))?;
            late(&mut world, global);
            world
        }
        None => new_world(global, &plan.organization.management_account, printer),
    };
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
    let connection = Arc::new(Connection::new(faults));
    match ops::in_world(plan, guard, &reach(global), world, &connection, work) {
        InWorld::Ended(result) => result,
        InWorld::Killed { call, run } => Err(killed(call, &run, global)),
    }
}

fn not_reached(error: &ConnectError) -> CommandError {
    let wrong = CommandError::caused("could not sign in", error);
    let (name, known) = match error {
        ConnectError::Unknown { name, known } => (name, known),
        ConnectError::Unreadable(_) => return wrong,
        ConnectError::Recording { file, source } => {
            return CommandError::caused(
                format!("could not record into {}", file.display()),
                source,
            )
            .hint("nothing was asked of AWS; a recording is gone on with where FILE.private lies beside it");
        }
    };
    let all = format!("there are: {}", known.join(", "));
    let like = nearest(name, known.iter().map(String::as_str));
    wrong.hint(match like {
        _ if known.is_empty() => {
            "there are no profiles at all; `aws configure sso` makes one, and without `--profile` and AWS_PROFILE credentials are taken from the environment".to_owned()
        }
        Some(like) => {
            format!("did you mean `{like}`? {all}; `--profile` or AWS_PROFILE names one")
        }
        None => format!("{all}; `--profile` or AWS_PROFILE names one"),
    })
}

/// The options by which another command reaches what this one does.
fn same_place(global: &Global) -> String {
    let mut options = match global.sandbox {
        true => " --sandbox".to_owned(),
        false => String::new(),
    };
    let plan = global.plan.as_deref().map(Path::display);
    let world = global.world.as_deref().map(Path::display);
    let profile = global.profile.clone().filter(|_| !global.sandbox);
    for (name, value) in [
        ("--plan", plan.map(|plan| plan.to_string())),
        ("--profile", profile),
        ("--world", world.map(|file| file.to_string())),
    ] {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            options.push_str(&format!(" {name} {value}"));
        }
    }
    options
}

fn reach(global: &Global) -> Reach {
    Reach {
        same_place: same_place(global),
        profile: global.profile.clone(),
        pace: match global.pace {
            PaceChoice::Factor(factor) => Pace::Factor(factor),
            PaceChoice::Off => Pace::Off,
        },
    }
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
        Some(_) => error.hint(format!(
            "`orgstrap unlock {run}{}` takes its lock away; then run the command again",
            same_place(global)
        )),
        None => {
            error.hint("with `--world FILE` the world is kept, and the next run goes on from there")
        }
    }
}

/// Opens the world of a file for this process alone, or makes a new one where there is none yet.
pub(super) fn world(
    global: &Global,
    management_account: &AccountId,
    printer: &Printer,
) -> Result<(Option<WorldFile>, World), CommandError> {
    let Some(path) = &global.world else {
        return Ok((None, new_world(global, management_account, printer)));
    };
    if let Some((file, mut world)) = WorldFile::open(path).map_err(|error| world_file(&error))? {
        late(&mut world, global);
        return Ok((Some(file), world));
    }
    let empty = empty_world(global, management_account);
    let file = WorldFile::create(path, &empty).map_err(|error| world_file(&error))?;
    printer.say(&format!(
        "Sandbox: a new, empty world, kept in {}.",
        path.display()
    ));
    Ok((Some(file), empty))
}

/// A new world that nobody keeps.
pub(super) fn new_world(
    global: &Global,
    management_account: &AccountId,
    printer: &Printer,
) -> World {
    printer
        .say("Sandbox: a new, empty world that ends with this command; `--world FILE` keeps one.");
    empty_world(global, management_account)
}

fn empty_world(global: &Global, management_account: &AccountId) -> World {
    let mut world = World::empty(management_account.as_str(), SANDBOX_SEED);
    late(&mut world, global);
    world
}

/// Lets a world be as late as `--lags` says, where it says something.
pub(super) fn late(world: &mut World, global: &Global) {
    if let Some(mode) = global.lags {
        world.lags.mode = mode;
    }
}

/// What is wrong with a world file.
pub(super) fn world_file(error: &WorldFileError) -> CommandError {
    let wrong = CommandError::caused("the sandbox", error);
    match error {
        WorldFileError::InUse { .. } => wrong
            .hint("wait until it ends, or give this one a copy of the file")
            .exit(Exit::Locked),
        _ => wrong,
    }
}

/// The command line's one look at the clock: when a run started.
#[expect(
    clippy::disallowed_methods,
    reason = "real runs happen at a real time; the sandbox's take theirs from the world"
)]
fn now() -> Timestamp {
    Timestamp::now()
}
