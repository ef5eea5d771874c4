//! AWS behind one door: clients, role sessions, pace, retries and error translation.
//!
//! Every attempt of every call goes through [`Aws::call`]: it waits for its turn, and only then
//! builds, signs and sends, because a request that waits after signing goes stale. The SDK's own
//! retries are off; what is retried, and for how long, is the table in `retry.rs`. Rates are the
//! table in `rates.rs`. This module changes nothing in AWS by itself; `observe` reads and `execute`
//! writes through it.

mod clients;
mod connect;
pub mod described;
mod error;
mod messages;
mod newness;
mod operation;
mod pacer;
mod pages;
mod rates;
pub mod record;
mod retry;
mod sessions;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
pub(crate) mod wait;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard};

use aws_sdk_sts::operation::get_caller_identity::GetCallerIdentityError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::SdkConfig;
use tokio::sync::OnceCell;

pub(crate) use clients::Calls;
pub use clients::{Client, CloudFormation, GuardDuty, Organizations};
pub use connect::{ConnectError, profiles};
pub use error::{AwsError, ErrorKind};
pub(crate) use messages::{
    account_limit, instance_passes, is_already, is_busy, is_member_already, is_no_target,
    is_not_there, management_first, not_begun, not_yet_administrator, not_yet_known, opens_later,
    resource_passes,
};
pub use operation::{CallContext, Operation};
pub use pacer::TURN;
pub use rates::Pace;

use crate::duration;
use crate::inventory::AccountRegion;
use crate::plan::{AccountId, PaceOverride, Region};

/// The Region in which Organizations, IAM, account management and organization-wide tags answer.
pub const GLOBAL_REGION: &str = "us-east-1";

/// What is said of a Region that an account has not turned on, after its name.
pub(crate) const REGION_IS_OFF: &str = "is not turned on";

/// How to reach AWS.
#[derive(Debug, Clone)]
pub struct Options {
    /// The named profile; `None` leaves the choice to the environment.
    pub profile: Option<String>,
    pub home_region: Region,
    /// The role by which member accounts are entered, unless [`Aws::enter_by`] says otherwise.
    pub access_role: String,
    pub pace: Pace,
    /// Rates by `service:Operation` that replace the table's.
    pub pace_overrides: BTreeMap<String, PaceOverride>,
    /// The run's id; sessions are named `orgstrap-<run>`.
    pub run: String,
    /// Seeds the jitter of retries, so that a rehearsal can be repeated exactly.
    pub seed: u64,
}

/// AWS, seen from the management account. A clone is cheap and shares everything.
#[derive(Clone)]
pub struct Aws {
    inner: Arc<Inner>,
}

struct Inner {
    config: SdkConfig,
    options: Options,
    global: Region,
    caller: OnceCell<AccountId>,
    pacer: pacer::Pacer,
    sessions: sessions::Sessions,
    random: Mutex<fastrand::Rng>,
    made: newness::CreationTimes,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    calls: BTreeMap<Operation, u64>,
    throttled: BTreeMap<Operation, u64>,
}

/// Credentials and configuration stay out of debug output.
impl std::fmt::Debug for Aws {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Aws")
            .field("home_region", &self.inner.options.home_region)
            .finish_non_exhaustive()
    }
}

/// Locks, also after a panic elsewhere: what is behind these locks is counts and queues, whole
/// after every statement.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Aws {
    /// The account whose credentials are used; asked of STS once. Refuses partitions other than `aws`.
    pub async fn caller(&self) -> Result<AccountId, AwsError> {
        self.inner
            .caller
            .get_or_try_init(|| self.ask_caller())
            .await
            .cloned()
    }

    async fn ask_caller(&self) -> Result<AccountId, AwsError> {
        let operation = Operation::of::<GetCallerIdentityError>();
        let client = aws_sdk_sts::Client::new(&self.own_config(self.home_region()));
        let answer = self
            .attempt(&CallContext::quiet(), operation, None, None, || {
                client.get_caller_identity().send()
            })
            .await?;
        let refuse = |message: String| AwsError::refused(operation, "NotSupported", message);
        let arn = answer.arn().unwrap_or_default();
        match arn.split(':').nth(1) {
            Some("aws") => {}
            Some(partition) if !partition.is_empty() => {
                return Err(refuse(format!(
                    "these credentials belong to the partition `{partition}`; this version of \
                     orgstrap works in the partition `aws` only"
                )));
            }
            _ => return Err(refuse("AWS did not say whose credentials these are".into())),
        }
        answer
            .account()
            .unwrap_or_default()
            .parse()
            .map_err(|_| refuse(format!("AWS named no account in `{arn}`")))
    }

    /// The profile of the AWS configuration files that was named, also where its name is empty.
    pub fn profile(&self) -> Option<&str> {
        self.inner.options.profile.as_deref()
    }

    /// The Region from which the organization is governed.
    pub fn home_region(&self) -> &Region {
        &self.inner.options.home_region
    }

    /// The Region in which Organizations, IAM and account management answer.
    pub fn global_region(&self) -> &Region {
        &self.inner.global
    }

    /// How many calls went out by operation, every attempt counted.
    pub fn calls(&self) -> BTreeMap<Operation, u64> {
        lock(&self.inner.counts).calls.clone()
    }

    /// How many attempts AWS throttled, by operation.
    pub fn throttled(&self) -> BTreeMap<Operation, u64> {
        lock(&self.inner.counts).throttled.clone()
    }

    /// [`Client::call`].
    async fn call<T, E, F, Fut>(
        &self,
        ctx: &CallContext,
        operation: Operation,
        at: &AccountRegion,
        send: F,
    ) -> Result<T, AwsError>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let caller = self.caller().await?;
        if at.account != caller {
            self.session(ctx, &at.account).await?;
        }
        let first = self
            .attempt(ctx, operation, Some(at), Some(&at.account), &send)
            .await;
        match first {
            // A session may be ended early, by a changed role or a revocation: ask for another, once.
            Err(failed) if at.account != caller && (failed.is("ExpiredToken")) => {
                self.leave(&at.account).await;
                self.session(ctx, &at.account).await?;
                self.attempt(ctx, operation, Some(at), Some(&at.account), &send)
                    .await
            }
            done => done,
        }
    }

    /// The loop of [`Aws::call`], without the session. `account` is the one that may be new.
    async fn attempt<T, E, F, Fut>(
        &self,
        ctx: &CallContext,
        operation: Operation,
        at: Option<&AccountRegion>,
        account: Option<&AccountId>,
        send: F,
    ) -> Result<T, AwsError>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let mut patience =
            retry::RetryBudget::new(operation, self.is_in_new_account(operation, account));
        let mut region_asked = false;
        loop {
            let turn = self.inner.pacer.turn(ctx, operation, at).await;
            *lock(&self.inner.counts).calls.entry(operation).or_default() += 1;
            match at {
                Some(at) => tracing::debug!("{operation} in {}/{}", at.account, at.region),
                None => tracing::debug!("{operation}"),
            }
            let outcome = send().await;
            let failed = match outcome {
                Ok(value) => {
                    turn.answered(false);
                    return Ok(value);
                }
                Err(failed) => AwsError::translate(operation, at, failed),
            };
            // A Region that is off is no account that is not ready yet, nor are credentials that ended.
            if !std::mem::replace(&mut region_asked, true)
                && let Some(off) = self.region_that_is_off(ctx, &failed).await
            {
                turn.answered(false);
                return Err(AwsError {
                    message: format!("{} ({off})", failed.message),
                    ..failed
                });
            }
            let throttled = retry::is_throttle(&failed);
            turn.answered(throttled);
            if throttled {
                *lock(&self.inner.counts)
                    .throttled
                    .entry(operation)
                    .or_default() += 1;
            }
            let next = patience.next(&failed, &mut lock(&self.inner.random));
            match next {
                Some(pause)
                    if !pause.new_account
                        || account.is_none_or(|account| self.bears(account, pause.wait)) =>
                {
                    (ctx.tell)(format!(
                        "{}, next try in {}",
                        pause.why,
                        duration::about(pause.wait)
                    ));
                    tokio::time::sleep(pause.wait).await;
                }
                _ => return Err(failed),
            }
        }
    }
}
