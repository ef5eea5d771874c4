//! orgstrap as a library in a simulated world: what `apply --sandbox` does, without a process and without output.

use std::path::Path;
use std::sync::{Arc, Mutex};

use orgstrap::aws::{Aws, Caller, Options, Pace};
use orgstrap::baseline::{self, Wanted};
use orgstrap::change::Bindings;
use orgstrap::diff::{DiffOptions, diff};
use orgstrap::drift;
use orgstrap::event::Event;
use orgstrap::execute::{self, AwsEffects, Stop, Summary, lock};
use orgstrap::graph::{ChangeGraph, graph};

use orgstrap::inventory::Inventory;
use orgstrap::observe::{observe, probe};
use orgstrap::plan::{self, OrgPlan};
use orgstrap::sandbox::{self, Connection, World};

/// A plan with what its baselines come to.
pub(crate) struct Subject {
    pub plan: OrgPlan,
    pub wanted: Wanted,
}

/// What became of one run.
pub(crate) struct Run {
    pub world: World,
    /// How the changes ended, or why there were none made.
    pub ended: Result<Summary, String>,
    /// How many answers orgstrap took for throttles.
    pub throttled: u64,
}

impl Run {
    /// Whether anything was to be done.
    pub(crate) fn changed(&self) -> bool {
        !matches!(&self.ended, Ok(summary) if *summary == Summary::default())
    }
}

impl Subject {
    /// A plan of the examples.
    pub(crate) fn example(name: &str) -> Subject {
        let path = format!("{}/examples/{name}.toml", env!("CARGO_MANIFEST_DIR"));
        let loaded = plan::read(Path::new(&path)).expect("a sound plan");
        Subject::of(loaded.plan)
    }

    /// A plan from its text, which names no files.
    pub(crate) fn of_text(text: String) -> Subject {
        let loaded = plan::read_text("org.toml", text, Path::new("")).expect("a sound plan");
        Subject::of(loaded.plan)
    }

    pub(crate) fn of(plan: OrgPlan) -> Subject {
        let wanted = baseline::expand(&plan).expect("its baselines");
        Subject { plan, wanted }
    }

    fn options(&self, world: &World) -> Options {
        let organization = &self.plan.organization;
        Options {
            profile: None,
            home_region: organization.home_region.clone(),
            access_role: organization.access_role.clone(),
            pace: Pace::default(),
            pace_overrides: self.plan.pace.clone(),
            run: run_id(world),
            seed: 1,
        }
    }
}

/// As the command line's: another one for each state of the world.
fn run_id(world: &World) -> String {
    format!("{:08x}", world.seq)
}

/// A world in which the plan's management account is in no organization.
pub(crate) fn empty_world(subject: &Subject) -> World {
    World::empty(subject.plan.organization.management_account.as_str(), 1)
}

/// Runs `work` against a world, in virtual time; gives the world back as it then is.
fn inside<T>(
    subject: &Subject,
    world: World,
    connection: &Arc<Connection>,
    work: impl AsyncFnOnce(&Aws, &str) -> T,
) -> (World, Option<T>) {
    let options = subject.options(&world);
    let run = options.run.clone();
    let world = Arc::new(Mutex::new(world));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let result = runtime.block_on(async {
        let config = sandbox::in_process_over(Arc::clone(&world), Arc::clone(connection));
        let aws = Aws::over(config, options);
        tokio::select! {
            biased;
            result = work(&aws, &run) => Some(result),
            _ = connection.killed() => None,
        }
    });
    drop(runtime);
    let world = Arc::try_unwrap(world).expect("nobody else holds the world");
    (world.into_inner().expect("no panic"), result)
}

async fn compare(
    aws: &Aws,
    subject: &Subject,
    whole: bool,
) -> Result<(ChangeGraph, Bindings), String> {
    let inventory = observe(aws, &subject.plan, &subject.wanted, &Caller::quiet())
        .await
        .map_err(|error| error.to_string())?;
    let options = DiffOptions {
        create_organization: true,
        prune: false,
    };
    let found = diff(&subject.plan, &subject.wanted, &inventory, &options);
    if !found.problems.is_empty() || whole && !found.blocked.is_empty() {
        return Err(format!("{:?} {:?}", found.problems, found.blocked));
    }
    let graph = graph(found.changes).map_err(|error| error.to_string())?;
    Ok((graph, found.bindings))
}

async fn make(aws: &Aws, subject: &Subject, run: &str, whole: bool) -> Result<Summary, String> {
    let (graph, bindings) = compare(aws, subject, whole).await?;
    if graph.changes().next().is_none() {
        return Ok(Summary::default());
    }
    let stop = Stop::new();
    let lock = lock::acquire(aws, run, None, jiff::Timestamp::UNIX_EPOCH)
        .await
        .map_err(|error| error.to_string())?;
    let management = subject.plan.organization.management_account.clone();
    let effects = AwsEffects::new(
        aws.clone(),
        management,
        run,
        Some(lock.clone()),
        stop.clone(),
    );
    let tell = |_: Event| {};
    let summary = execute::execute(graph, bindings, &effects, &tell, &stop).await;
    lock.release().await.map_err(|error| error.to_string())?;
    Ok(summary)
}

/// `orgstrap apply` of a plan that can be applied whole.
pub(crate) fn apply(subject: &Subject, world: World, connection: Connection) -> Run {
    run(subject, world, connection, true)
}

/// `orgstrap apply`, also where something stays as it is because it cannot be changed.
pub(crate) fn apply_what_can_be(subject: &Subject, world: World, connection: Connection) -> Run {
    run(subject, world, connection, false)
}

fn run(subject: &Subject, world: World, connection: Connection, whole: bool) -> Run {
    let connection = Arc::new(connection);
    let (world, result) = inside(subject, world, &connection, async |aws, run| {
        let ended = make(aws, subject, run, whole).await;
        (ended, aws.throttled().values().sum())
    });
    let (ended, throttled) = result.unwrap_or((Err("killed".to_owned()), 0));
    Run {
        world,
        ended,
        throttled,
    }
}

/// Everything that `orgstrap drift` asks AWS.
pub(crate) fn check(subject: &Subject, world: World, connection: Connection) {
    let (_, result) = inside(subject, world, &Arc::new(connection), async |aws, _| {
        aws.enter_by(subject.wanted.audit_role.clone().into_iter().collect());
        let (plan, wanted) = (&subject.plan, &subject.wanted);
        let inventory = observe(aws, plan, wanted, &Caller::quiet())
            .await
            .expect("readable");
        let found = diff(plan, wanted, &inventory, &DiffOptions::default());
        let checks = drift::checks(plan, wanted, &inventory, &found);
        probe(aws, drift::questions(&checks), &Caller::quiet()).await;
    });
    result.expect("nobody kills this");
}

/// What `orgstrap drift` finds.
pub(crate) fn drift(subject: &Subject, world: World) -> (drift::Findings, World) {
    let (world, result) = inside(subject, world, &Arc::default(), async |aws, _| {
        let (plan, wanted) = (&subject.plan, &subject.wanted);
        let inventory = observe(aws, plan, wanted, &Caller::quiet())
            .await
            .expect("readable");
        let found = diff(plan, wanted, &inventory, &DiffOptions::default());
        let mut findings = drift::judge(plan, &inventory, &found);
        let checks = drift::checks(plan, wanted, &inventory, &found);
        let answers = probe(aws, drift::questions(&checks), &Caller::quiet()).await;
        drift::judge_controls(&mut findings, wanted, &checks, &answers);
        findings
    });
    (result.expect("nobody kills this"), world)
}

/// `orgstrap unlock`, of whatever run was killed.
pub(crate) fn unlock(subject: &Subject, world: World) -> World {
    let (world, result) = inside(subject, world, &Arc::default(), async |aws, _| {
        if let Some(holder) = lock::holder(aws).await.expect("readable") {
            lock::unlock(aws, &holder.run).await.expect("unlocked");
        }
    });
    result.expect("nobody kills this");
    world
}

/// What is read of a world for a plan.
pub(crate) fn look(subject: &Subject, world: World) -> (World, Inventory) {
    let (world, result) = inside(subject, world, &Arc::default(), async |aws, _| {
        observe(aws, &subject.plan, &subject.wanted, &Caller::quiet())
            .await
            .expect("readable")
    });
    (world, result.expect("nobody kills this"))
}
