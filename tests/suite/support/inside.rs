//! orgstrap in a simulated world without a process: the operations of the command line, as users run them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use orgstrap::aws::{CallContext, Operation};
use orgstrap::baseline::{self, Desired};
use orgstrap::change::Change;
use orgstrap::diff::removal::Fortune;
use orgstrap::diff::{DiffOptions, OnQuota};
use orgstrap::drift::{Findings, Severity};
use orgstrap::execute::{Stop, Summary, lock};
use orgstrap::graph::ChangeGraph;
use orgstrap::inventory::Inventory;
use orgstrap::observe::cache::MaxAge;
use orgstrap::observe::observe;
use orgstrap::ops::apply::{self, Apply};
use orgstrap::ops::compare::compare;
use orgstrap::ops::drift::{self, Drift, Drifted, Filter};
use orgstrap::ops::error::CommandError;
use orgstrap::ops::exit::Exit;
use orgstrap::ops::perform::LockedRun;
use orgstrap::ops::plan::{self, Plan};
use orgstrap::ops::remove::{self, Remove};
use orgstrap::ops::session::{Guard, InWorld, Reach, Session, in_world};
use orgstrap::ops::{self, Confirm, Output};
use orgstrap::plan::{OrgPlan, read, read_text};
use orgstrap::rehearse::Timeline;
use orgstrap::report::{Printer, Verbosity};
use orgstrap::sandbox::{Connection, Fault, FaultAt, FaultPlan, Met, World};
use tokio::time::Instant;

/// A plan with what its baselines come to.
pub(crate) struct LoadedPlan {
    pub plan: OrgPlan,
    pub desired: Desired,
}

/// What became of one run of `apply`.
pub(crate) struct Run {
    pub world: World,
    /// How the changes ended, or why there were none made.
    pub ended: Result<Summary, String>,
    /// The exit code.
    pub exit: Exit,
    /// What was printed.
    pub text: String,
    /// How many answers orgstrap took for throttles.
    pub throttled: u64,
    /// How often each operation was called.
    pub calls: BTreeMap<Operation, u64>,
}

impl Run {
    /// Whether anything was to be done.
    pub(crate) fn changed(&self) -> bool {
        !matches!(&self.ended, Ok(summary) if *summary == Summary::default())
    }
}

/// What became of one run of `plan`.
pub(crate) struct Planned {
    pub exit: Exit,
    pub changes: Vec<Change>,
    /// What was printed.
    pub text: String,
}

impl LoadedPlan {
    /// A plan of the examples.
    pub(crate) fn example(name: &str) -> LoadedPlan {
        let path = format!("{}/examples/{name}.toml", env!("CARGO_MANIFEST_DIR"));
        let loaded = read(Path::new(&path)).expect("a sound plan");
        LoadedPlan::of(loaded.plan)
    }

    /// A plan from its text, which names no files.
    pub(crate) fn of_text(text: String) -> LoadedPlan {
        let loaded = read_text("org.toml", text, Path::new("")).expect("a sound plan");
        LoadedPlan::of(loaded.plan)
    }

    pub(crate) fn of(plan: OrgPlan) -> LoadedPlan {
        let desired = baseline::expand(&plan).expect("its baselines");
        LoadedPlan { plan, desired }
    }

    /// As operations take it.
    fn given(&self) -> ops::LoadedPlan {
        ops::LoadedPlan::made(self.plan.clone(), self.desired.clone())
    }
}

/// A world in which the plan's management account is in no organization.
pub(crate) fn empty_world(subject: &LoadedPlan) -> World {
    World::empty(subject.plan.organization.management_account.as_str(), 1)
}

/// A world whose quota of accounts is not what is tried.
pub(crate) fn roomy(mut world: World) -> World {
    world.account_quota = 1_000;
    world
}

/// Runs `work` against a world, in virtual time; gives the world back as it then is, and what was printed.
fn inside<T>(
    subject: &LoadedPlan,
    world: World,
    connection: Connection,
    work: impl AsyncFnOnce(&Session, &Printer) -> Result<T, CommandError>,
) -> (World, InWorld<T>, String) {
    let (printer, kept) = Printer::keeping(Verbosity::Normal);
    let world = Arc::new(Mutex::new(world));
    let connection = Arc::new(connection);
    let work = async |session: &Session| work(session, &printer).await;
    let result = in_world(
        &subject.plan,
        Guard::ThePlans,
        &Reach::default(),
        &world,
        &connection,
        work,
    );
    let world = Arc::try_unwrap(world).expect("nobody else holds the world");
    (world.into_inner().expect("no panic"), result, kept.text())
}

/// The same, where nobody kills it and nothing is wrong.
fn surely<T>(
    subject: &LoadedPlan,
    world: World,
    work: impl AsyncFnOnce(&Session, &Printer) -> Result<T, CommandError>,
) -> (World, T, String) {
    match inside(subject, world, Connection::default(), work) {
        (world, InWorld::Ended(Ok(result)), text) => (world, result, text),
        (_, ended, text) => panic!(
            "{}\n{text}",
            match ended {
                InWorld::Ended(Err(error)) => error.message,
                _ => "killed".to_owned(),
            }
        ),
    }
}

/// As the command line has it when nothing is said.
fn checked() -> DiffOptions {
    DiffOptions {
        quotas: OnQuota::Stop,
        ..DiffOptions::default()
    }
}

fn yes(_: &str) -> Result<bool, CommandError> {
    Ok(true)
}

/// `orgstrap apply --yes` of a plan that can be applied whole: what is blocked is an error.
pub(crate) fn apply(subject: &LoadedPlan, world: World, connection: Connection) -> Run {
    run(subject, world, connection, true, &|_| {})
}

/// An organization as the plan says, `seconds` later, when what AWS does by itself has come due.
pub(crate) fn applied(subject: &LoadedPlan, seconds: i64) -> World {
    let run = apply(subject, empty_world(subject), Connection::default());
    assert!(run.ended.expect("applied").is_success(), "{}", run.text);
    let mut world = run.world;
    let then = world.now.plus_secs(seconds);
    while world.advance(then) {}
    world
}

/// `orgstrap apply --yes`, also where something stays as it is because it cannot be changed.
pub(crate) fn apply_what_can_be(subject: &LoadedPlan, world: World, connection: Connection) -> Run {
    run(subject, world, connection, false, &|_| {})
}

/// `orgstrap apply --yes` with other options.
pub(crate) fn apply_with(
    subject: &LoadedPlan,
    world: World,
    options: &dyn Fn(&mut Apply<'_>),
) -> Run {
    run(subject, world, Connection::default(), false, options)
}

/// `orgstrap apply` over a connection, with somebody who is asked, or `--yes`.
pub(crate) fn apply_over(
    subject: &LoadedPlan,
    world: World,
    connection: Connection,
    confirm: Option<Confirm<'_>>,
) -> Run {
    asked(subject, world, connection, false, &|_| {}, confirm)
}

/// `orgstrap apply --yes --delete-data`.
pub(crate) fn apply_and_delete(subject: &LoadedPlan, world: World) -> Run {
    apply_with(subject, world, &|job| job.delete_data = true)
}

fn run(
    subject: &LoadedPlan,
    world: World,
    connection: Connection,
    whole: bool,
    options: &dyn Fn(&mut Apply<'_>),
) -> Run {
    asked(subject, world, connection, whole, options, None)
}

fn asked(
    subject: &LoadedPlan,
    world: World,
    connection: Connection,
    whole: bool,
    options: &dyn Fn(&mut Apply<'_>),
    confirm: Option<Confirm<'_>>,
) -> Run {
    let mut throttled = 0;
    let mut calls = BTreeMap::new();
    let (world, result, text) = inside(subject, world, connection, async |session, printer| {
        let given = subject.given();
        let mut job = Apply {
            subject: &given,
            source: "org.toml".to_owned(),
            options: checked(),
            raise_quotas: false,
            saved: None,
            delete_data: false,
            speed: None,
            output: Output::Text,
            yes: confirm.is_none(),
            confirm: confirm.unwrap_or(&yes),
            again: None,
        };
        options(&mut job);
        let applied = apply::apply(&job, session, printer, &Stop::new()).await;
        throttled = session.aws.throttled().values().sum();
        calls = session.aws.calls();
        applied
    });
    let (ended, exit) = match result {
        InWorld::Ended(Ok(applied)) => match applied.blocked.is_empty() || !whole {
            true => (Ok(applied.summary), applied.exit),
            false => (Err(format!("{:?}", applied.blocked)), applied.exit),
        },
        InWorld::Ended(Err(error)) => (Err(format!("{text}{}", error.message)), error.exit),
        InWorld::Killed { .. } => (Err("killed".to_owned()), Exit::Failed),
    };
    Run {
        world,
        ended,
        exit,
        text,
        throttled,
        calls,
    }
}

/// What became of the changes of one apply, and when.
pub(crate) struct Timed {
    pub world: World,
    pub graph: ChangeGraph,
    pub timeline: Timeline,
    pub summary: Summary,
}

/// Makes all that is to be changed, and keeps when each change ran.
pub(crate) fn timed(subject: &LoadedPlan, world: World) -> Timed {
    let (world, (graph, timeline, summary), _) =
        surely(subject, world, async |session, printer| {
            let given = subject.given();
            let options = DiffOptions {
                create_organization: true,
                ..checked()
            };
            let found = compare(session, &given, "org.toml", &options, printer).await?;
            let problems = &found.preview.problems;
            assert!(problems.is_empty(), "{problems:?}");
            let timeline = RefCell::new(Timeline::default());
            let start = Instant::now();
            let tell = |event| timeline.borrow_mut().take(event, start.elapsed());
            let stop = Stop::new();
            let holding = LockedRun::take(session, &stop).await?;
            let graph = found.graph;
            let run = holding.run(graph.clone(), found.bindings, &tell, &stop);
            let summary = run.await;
            holding.release().await.expect("its lock");
            Ok((graph, timeline.into_inner(), summary))
        });
    Timed {
        world,
        graph,
        timeline,
        summary,
    }
}

/// `orgstrap plan`.
pub(crate) fn plan(subject: &LoadedPlan, world: World) -> (Planned, World) {
    let (world, found, text) = surely(subject, world, async |session, printer| {
        let job = Plan {
            subject: &subject.given(),
            source: "org.toml".to_owned(),
            options: checked(),
            max_age: MaxAge::NONE,
            output: Output::Text,
        };
        plan::plan(&job, session, printer).await
    });
    let planned = Planned {
        exit: plan::exit(&found),
        changes: found.preview.changes,
        text,
    };
    (planned, world)
}

async fn drifted(
    subject: &LoadedPlan,
    filter: &Filter,
    fix: bool,
    deep: bool,
    session: &Session,
    printer: &Printer,
) -> Result<Drifted, CommandError> {
    let given = subject.given();
    let job = job(&given, filter, fix, deep);
    drift::drift(&job, session, printer, &Stop::new()).await
}

/// As the command line has it with `--yes`.
fn job<'a>(given: &'a ops::LoadedPlan, filter: &Filter, fix: bool, deep: bool) -> Drift<'a> {
    Drift {
        subject: given,
        source: "org.toml".to_owned(),
        filter: filter.clone(),
        fail_on: Severity::Low,
        deep,
        role: None,
        max_age: MaxAge::NONE,
        fix,
        delete_data: false,
        output: Output::Text,
        yes: true,
        confirm: &yes,
        show: &|_| Ok(()),
        show_after: &|_| Ok(()),
        write: &|_| Ok(()),
    }
}

/// What became of one run of `drift --fix`.
pub(crate) struct Fixed {
    pub world: World,
    /// How it ended, or why it was refused.
    pub ended: Result<Drifted, String>,
    pub exit: Exit,
    /// What was printed.
    pub text: String,
}

/// `orgstrap drift --fix` over a connection, with somebody who is asked, or `--yes`.
pub(crate) fn fix_over(
    subject: &LoadedPlan,
    world: World,
    connection: Connection,
    confirm: Option<Confirm<'_>>,
) -> Fixed {
    let (world, result, text) = inside(subject, world, connection, async |session, printer| {
        let given = subject.given();
        let mut job = job(&given, &Filter::default(), true, false);
        job.yes = confirm.is_none();
        job.confirm = confirm.unwrap_or(&yes);
        drift::drift(&job, session, printer, &Stop::new()).await
    });
    let (ended, exit) = match result {
        InWorld::Ended(Ok(drifted)) => {
            let exit = drifted.exit;
            (Ok(drifted), exit)
        }
        InWorld::Ended(Err(error)) => (Err(error.message), error.exit),
        InWorld::Killed { .. } => (Err("killed".to_owned()), Exit::Failed),
    };
    Fixed {
        world,
        ended,
        exit,
        text,
    }
}

/// Everything that `orgstrap drift` asks AWS.
pub(crate) fn check(subject: &LoadedPlan, world: World, connection: Connection) {
    let (_, result, text) = inside(subject, world, connection, async |session, printer| {
        drifted(subject, &Filter::default(), false, false, session, printer).await
    });
    assert!(matches!(result, InWorld::Ended(Ok(_))), "{text}");
}

/// What `orgstrap drift` finds.
pub(crate) fn drift(subject: &LoadedPlan, world: World) -> (Findings, World) {
    let (drifted, world) = look_for_drift(subject, world);
    (drifted.findings, world)
}

/// What `orgstrap drift --deep` finds.
pub(crate) fn drift_deep(subject: &LoadedPlan, world: World) -> (Findings, World) {
    let (world, drifted, _) = surely(subject, world, async |session, printer| {
        drifted(subject, &Filter::default(), false, true, session, printer).await
    });
    (drifted.findings, world)
}

/// `orgstrap drift`, with its exit code.
pub(crate) fn look_for_drift(subject: &LoadedPlan, world: World) -> (Drifted, World) {
    let (world, drifted, _) = surely(subject, world, async |session, printer| {
        drifted(subject, &Filter::default(), false, false, session, printer).await
    });
    (drifted, world)
}

/// The same, with what was told.
pub(crate) fn look_and_tell(subject: &LoadedPlan, world: World) -> (Drifted, World, String) {
    let (world, drifted, text) = surely(subject, world, async |session, printer| {
        drifted(subject, &Filter::default(), false, false, session, printer).await
    });
    (drifted, world, text)
}

/// The call by which `run` takes the lock.
pub(crate) fn lock_call(run: impl FnOnce(Connection)) -> u64 {
    let at = Arc::new(Mutex::new(None));
    let seen = Arc::clone(&at);
    run(Connection::default().watched(move |met: &Met, _: &World| {
        if met.operation == "ssm:PutParameter" {
            seen.lock().expect("no panic").get_or_insert(met.call);
        }
    }));
    let call = *at.lock().expect("no panic");
    call.expect("the lock was taken")
}

/// A world in which a run of `apply` died that holds the lock.
pub(crate) fn held(subject: &LoadedPlan, world: World) -> World {
    let call = lock_call(|connection| {
        let run = apply(subject, world.clone(), connection);
        assert_eq!(run.exit, Exit::Done, "{}", run.text);
    });
    let kill = FaultAt {
        fault: Fault::Kill,
        call,
    };
    let killed = apply(subject, world, Connection::new(FaultPlan::at([kill])));
    assert!(!unlocked(&killed.world));
    killed.world
}

/// Whether nobody holds the lock.
pub(crate) fn unlocked(world: &World) -> bool {
    let management = &world.accounts[&world.management_account];
    let mut regions = management.regions.values();
    !regions.any(|region| region.ssm.parameters.contains_key("/orgstrap/lock"))
}

/// `orgstrap drift --fix --yes`.
pub(crate) fn fix(subject: &LoadedPlan, world: World) -> (Drifted, World) {
    let (world, drifted, _) = surely(subject, world, async |session, printer| {
        drifted(subject, &Filter::default(), true, false, session, printer).await
    });
    (drifted, world)
}

/// `orgstrap drift` with filters, and with `--fix --yes` where asked to; the message where it is a mistake.
pub(crate) fn drift_of(
    subject: &LoadedPlan,
    world: World,
    filter: &Filter,
    fix: bool,
) -> (Result<Drifted, String>, World) {
    let connection = Connection::default();
    let (world, result, _) = inside(subject, world, connection, async |session, printer| {
        drifted(subject, filter, fix, false, session, printer).await
    });
    let result = match result {
        InWorld::Ended(Ok(drifted)) => Ok(drifted),
        InWorld::Ended(Err(error)) => Err(format!(
            "{}; {}",
            error.message,
            error.hint.unwrap_or_default()
        )),
        InWorld::Killed { .. } => Err("killed".to_owned()),
    };
    (result, world)
}

/// What became of one run of `remove`.
pub(crate) struct Taken {
    pub world: World,
    /// How it ended: `None` where it was killed.
    pub exit: Option<Exit>,
    /// What was printed, and why it was refused.
    pub text: String,
}

/// All that is left taken away, which succeeds.
pub(crate) fn taken(subject: &LoadedPlan, world: World, fortune: Fortune) -> World {
    let taken = remove(subject, world, Connection::default(), &[], Some(fortune));
    assert_eq!(taken.exit, Some(Exit::Done), "{}", taken.text);
    taken.world
}

/// `orgstrap remove --yes`.
pub(crate) fn remove(
    subject: &LoadedPlan,
    world: World,
    connection: Connection,
    only: &[&str],
    fortune: Option<Fortune>,
) -> Taken {
    let (world, result, text) = inside(subject, world, connection, async |session, printer| {
        let job = Remove {
            subject: &subject.given(),
            source: "org.toml".to_owned(),
            only: only.iter().map(|word| (*word).to_owned()).collect(),
            fortune,
            delete_data: false,
            output: Output::Text,
            yes: true,
            confirm: &yes,
            again: None,
        };
        remove::remove(&job, session, printer, &Stop::new()).await
    });
    let (exit, text) = match result {
        InWorld::Ended(Ok(removed)) => (Some(removed.exit), text),
        InWorld::Ended(Err(error)) => (Some(error.exit), format!("{text}{}", error.message)),
        InWorld::Killed { .. } => (None, text),
    };
    Taken { world, exit, text }
}

/// `orgstrap unlock`, of whatever run was killed.
pub(crate) fn unlock(subject: &LoadedPlan, world: World) -> World {
    let (world, ..) = surely(subject, world, async |session, _| {
        if let Some(holder) = lock::holder(&session.aws).await.expect("readable") {
            lock::unlock(&session.aws, &holder.run)
                .await
                .expect("unlocked");
        }
        Ok(())
    });
    world
}

/// What is read of a world for a plan.
pub(crate) fn look(subject: &LoadedPlan, world: World) -> (World, Inventory) {
    let (world, found, _) = surely(subject, world, async |session, _| {
        let found = observe(
            &session.aws,
            &subject.plan,
            &subject.desired,
            &CallContext::quiet(),
        )
        .await;
        Ok(found.expect("readable"))
    });
    (world, found)
}
