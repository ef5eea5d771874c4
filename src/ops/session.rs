//! One run's way to AWS or into a sandbox's world.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::error::CommandError;
use crate::aws::{Aws, AwsError, Options, Pace};
use crate::observe::cache::Cache;
use crate::plan::{AccountId, OrgPlan};
use crate::sandbox::{Connection, World};

/// The seed of everything random in a sandbox run, so that equal inputs give equal outputs.
pub const SANDBOX_SEED: u64 = 1;

/// A way to AWS for one command.
#[derive(Debug)]
pub struct Session {
    pub aws: Aws,
    /// The account whose credentials are used: the plan's management account.
    pub management: AccountId,
    /// This run's id: in session names, operation ids and the lock.
    pub run: String,
    pub started: Timestamp,
    pub sandbox: bool,
    /// The options by which another command reaches the same plan and organization, as messages write them: each
    /// with a space before it.
    pub same_place: String,
    /// What was read a moment ago. None in the sandbox, where a reading costs nothing and a world is as its file says.
    pub cache: Option<Cache>,
}

/// Whose organization it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// The one that the plan is for.
    ThePlans,
    /// The same, but nobody asks before [`Session::guard`] does: where all is kept nothing is asked at all.
    BeforeReading,
    /// Anybody's: for reading what has no plan yet.
    Anybodys,
}

/// How AWS is reached, beside what the plan says.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    /// The profile of the AWS configuration files.
    pub profile: Option<String>,
    /// The rate of calls.
    pub pace: Pace,
    /// See [`Session::same_place`].
    pub same_place: String,
}

impl Reach {
    /// The options of a connection for `plan`.
    pub fn options(&self, plan: &OrgPlan, run: String, seed: u64) -> Options {
        Options {
            profile: self.profile.clone(),
            home_region: plan.organization.home_region.clone(),
            access_role: plan.organization.access_role.clone(),
            pace: self.pace,
            pace_overrides: plan.pace.clone(),
            run,
            seed,
        }
    }
}

impl Session {
    /// A session over a connection.
    pub async fn open(
        aws: Aws,
        plan: &OrgPlan,
        guard: Guard,
        run: String,
        started: Timestamp,
        sandbox: bool,
    ) -> Result<Self, CommandError> {
        let management = match guard {
            Guard::Anybodys => match aws.caller().await {
                Ok(caller) => caller,
                Err(error) => return Err(no_credentials(&error, &aws, sandbox).await),
            },
            Guard::ThePlans | Guard::BeforeReading => plan.organization.management_account.clone(),
        };
        let session = Self {
            aws,
            management,
            run,
            started,
            sandbox,
            same_place: String::new(),
            cache: None,
        };
        if guard == Guard::ThePlans {
            session.guard().await?;
        }
        Ok(session)
    }

    /// The management-account guard: nothing is read, let alone changed, in another organization. AWS is
    /// asked once, however often this is.
    pub async fn guard(&self) -> Result<(), CommandError> {
        let caller = match self.aws.caller().await {
            Ok(caller) => caller,
            Err(error) => return Err(no_credentials(&error, &self.aws, self.sandbox).await),
        };
        let desired = &self.management;
        if caller == *desired {
            return Ok(());
        }
        let whose = if self.sandbox {
            "the world is"
        } else {
            "these credentials are"
        };
        Err(CommandError::new(format!(
            "the plan is for the organization of {desired}, but {whose} those of account {caller}"
        ))
        .hint(if self.sandbox {
            "use another `--world`, or correct `management_account` in the plan"
        } else {
            "choose another `--profile`, or correct `management_account` in the plan"
        }))
    }
}

/// What became of work in a sandbox's world.
#[derive(Debug)]
pub enum InWorld<T> {
    /// It came to its end.
    Ended(Result<T, CommandError>),
    /// A fault killed the run at this call; its lock may be there still.
    Killed { call: u64, run: String },
}

/// Does `work` in a sandbox's world, in its own time, which is virtual.
pub fn in_world<T>(
    plan: &OrgPlan,
    guard: Guard,
    reach: &Reach,
    world: &Arc<Mutex<World>>,
    connection: &Arc<Connection>,
    work: impl AsyncFnOnce(&Session) -> Result<T, CommandError>,
) -> InWorld<T> {
    let (run, started) = {
        let world = world.lock().unwrap_or_else(PoisonError::into_inner);
        let started = Timestamp::from_millisecond(world.now.0).unwrap_or_default();
        (run_id(&world), started)
    };
    let options = reach.options(plan, run.clone(), SANDBOX_SEED);
    let runtime = match runtime(true) {
        Ok(runtime) => runtime,
        Err(error) => return InWorld::Ended(Err(error)),
    };
    runtime.block_on(async {
        let config = crate::sandbox::in_process_over(Arc::clone(world), Arc::clone(connection));
        let aws = Aws::over(config, options);
        // On the heap: a thread of a test has no room for the whole state of a run several times over.
        let mut working = Box::pin(async {
            let mut session = Session::open(aws, plan, guard, run.clone(), started, true).await?;
            session.same_place.clone_from(&reach.same_place);
            Box::pin(work(&session)).await
        });
        tokio::select! {
            biased;
            result = &mut working => InWorld::Ended(result),
            call = connection.killed() => InWorld::Killed { call, run: run.clone() },
        }
    })
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

/// Nobody is signed in, or not well. An empty name of a profile, as of `AWS_PROFILE=`, is no name, and that is said.
async fn no_credentials(error: &AwsError, aws: &Aws, sandbox: bool) -> CommandError {
    let mut hint =
        "sign in first (`aws sso login`, environment variables or `--profile`)".to_owned();
    if !sandbox && error.is("NoCredentials") && aws.profile().is_none_or(str::is_empty) {
        let named = match aws.profile() {
            Some(_) => "AWS_PROFILE or `--profile` is empty, which names no profile",
            None => "no profile was named",
        };
        hint.push_str(&match crate::aws::profiles().await {
            none if none.is_empty() => format!("; {named}, and there are none"),
            some => format!("; {named}: there are {}", some.join(", ")),
        });
    }
    hint.push_str("; `--sandbox` needs no credentials");
    CommandError::caused("could not find out whose credentials these are", error).hint(hint)
}

/// One thread; in the sandbox with virtual time, so that hours pass in moments.
pub fn runtime(paused: bool) -> Result<tokio::runtime::Runtime, CommandError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(paused)
        .build()
        .map_err(|error| CommandError::caused("could not start the runtime", &error))
}
