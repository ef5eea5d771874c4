//! The lock that keeps two runs from interleaving: an SSM parameter in the management account's home
//! Region, written with Overwrite=false.
//!
//! It has no lease that ends by itself: a run that sleeps on a laptop would lose it and go on. A
//! crashed run's lock is taken away by `orgstrap unlock RUN`, by a person who knows that it crashed;
//! should the run live after all, it notices before its next change and stops.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::hints;
use crate::addr::Address;
use crate::aws::{Aws, AwsError, CallContext};
use crate::event::Failure;
use crate::inventory::AccountRegion;

/// The parameter's name.
pub const PARAMETER: &str = "/orgstrap/lock";

/// The lock is read again before a change, but not more often than this.
const FRESH: Duration = Duration::from_secs(5);

/// AWS asks for 30 seconds between the deletion of a parameter and a new one of its name, and may
/// say meanwhile that it exists: so long, and a little more, a lock that nobody holds is waited for.
const SETTLING: Duration = Duration::from_secs(45);
/// How often it is tried meanwhile.
const AGAIN: Duration = Duration::from_secs(5);

/// Who holds the lock: the parameter's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The run's id, which `orgstrap unlock` takes.
    pub run: String,
    /// The ARN of the caller's identity.
    pub who: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    pub started: Timestamp,
}

/// Why the lock could not be had, kept or taken away.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    #[error(
        "another run is changing this organization: run {}, started {} by {}{}",
        .0.run, .0.started, .0.who, on_host(.0)
    )]
    Held(Box<Holder>),
    /// The parameter holds something that orgstrap did not write.
    #[error("the SSM parameter {PARAMETER} does not hold a lock of orgstrap: {0}")]
    Foreign(String),
    /// Gone or another run's, while this run believed to hold it.
    #[error("the lock was taken away from this run{}", by_whom(.0.as_deref()))]
    TakenOver(Option<Box<Holder>>),
    /// `unlock` of a lock that nobody holds.
    #[error("nobody holds the lock")]
    Free,
    #[error(transparent)]
    Aws(#[from] Box<AwsError>),
}

fn on_host(holder: &Holder) -> String {
    match &holder.host {
        Some(host) => format!(" on {host}"),
        None => String::new(),
    }
}

fn by_whom(holder: Option<&Holder>) -> String {
    match holder {
        Some(holder) => format!(" by run {} of {}", holder.run, holder.who),
        None => String::new(),
    }
}

impl From<AwsError> for LockError {
    fn from(error: AwsError) -> Self {
        LockError::Aws(Box::new(error))
    }
}

impl LockError {
    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            LockError::Held(holder) => Some(format!(
                "wait until it ends; if it is certain that it died, `orgstrap unlock {}` takes its lock away",
                holder.run
            )),
            LockError::Foreign(_) => Some(format!(
                "look at the parameter {PARAMETER} and delete it by hand"
            )),
            LockError::TakenOver(_) => Some(
                "somebody ran `orgstrap unlock`; when no other run is at work, run apply again"
                    .to_owned(),
            ),
            LockError::Free => None,
            LockError::Aws(error) => hints::for_error(error),
        }
    }

    /// As the failure of a change.
    pub(super) fn failure(&self, address: &Address) -> Failure {
        Failure {
            context: format!("making sure of the lock before {address}"),
            message: self.to_string(),
            hint: self.hint(),
            request_id: match self {
                LockError::Aws(error) => error.request_id.clone(),
                _ => None,
            },
        }
    }
}

/// A lock that this run holds. Clones are one and the same.
#[derive(Debug, Clone)]
pub struct Lock {
    aws: Aws,
    at: AccountRegion,
    run: String,
    /// When the lock was last seen to be ours; behind a lock of its own, so that changes that start
    /// together look once.
    seen: Arc<Mutex<Instant>>,
}

/// Takes the lock for `run`.
pub async fn acquire(
    aws: &Aws,
    run: &str,
    host: Option<String>,
    started: Timestamp,
) -> Result<Lock, LockError> {
    let ctx = CallContext::quiet();
    let at = place(aws).await?;
    let sts = aws.sts(&ctx, &at).await?;
    let identity = sts.call(|c| c.get_caller_identity().send()).await?;
    let holder = Holder {
        run: run.to_owned(),
        who: identity.arn.unwrap_or_else(|| at.account.to_string()),
        host,
        started,
    };
    let value =
        serde_json::to_string(&holder).map_err(|error| LockError::Foreign(error.to_string()))?;
    let ssm = aws.ssm(&ctx, &at).await?;
    let begun = Instant::now();
    loop {
        let put = ssm
            .call(|c| {
                c.put_parameter()
                    .name(PARAMETER)
                    .description("Held by a run of orgstrap while it changes the organization")
                    .value(&value)
                    .r#type(aws_sdk_ssm::types::ParameterType::String)
                    .overwrite(false)
                    .send()
            })
            .await;
        match put {
            Ok(_) => break,
            Err(error) if error.is("ParameterAlreadyExists") => match read(aws, &at, &ctx).await? {
                // Our own, after an answer that was lost.
                Some(held) if held.run == run => break,
                Some(held) => return Err(LockError::Held(Box::new(held))),
                // Released between the two calls, or a moment ago.
                None if begun.elapsed() < SETTLING => tokio::time::sleep(AGAIN).await,
                None => return Err(error.into()),
            },
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Lock {
        aws: aws.clone(),
        at,
        run: run.to_owned(),
        seen: Arc::new(Mutex::new(Instant::now())),
    })
}

/// Who holds the lock, if anybody.
pub async fn holder(aws: &Aws) -> Result<Option<Holder>, LockError> {
    let at = place(aws).await?;
    read(aws, &at, &CallContext::quiet()).await
}

/// Takes the lock of `run` away; another run's is left alone.
pub async fn unlock(aws: &Aws, run: &str) -> Result<Holder, LockError> {
    let ctx = CallContext::quiet();
    let at = place(aws).await?;
    match read(aws, &at, &ctx).await? {
        None => Err(LockError::Free),
        Some(holder) if holder.run == run => {
            delete(aws, &at, &ctx).await?;
            Ok(holder)
        }
        Some(holder) => Err(LockError::Held(Box::new(holder))),
    }
}

impl Lock {
    /// The run that holds it.
    pub fn run(&self) -> &str {
        &self.run
    }

    /// Makes sure that the lock is still this run's, by a look that is at most seconds old.
    pub(super) async fn check(&self, ctx: &CallContext) -> Result<(), LockError> {
        let mut seen = self.seen.lock().await;
        if seen.elapsed() < FRESH {
            return Ok(());
        }
        let mut found = read(&self.aws, &self.at, ctx).await?;
        if found.is_none() {
            // One look that finds nothing may be a lagging one, and costs the whole run.
            tokio::time::sleep(AGAIN).await;
            found = read(&self.aws, &self.at, ctx).await?;
        }
        match found {
            Some(holder) if holder.run == self.run => {
                *seen = Instant::now();
                Ok(())
            }
            other => Err(LockError::TakenOver(other.map(Box::new))),
        }
    }

    /// Gives the lock back, at the end of a run however it ended. One that was taken over meanwhile
    /// is left alone.
    pub async fn release(self) -> Result<(), LockError> {
        let ctx = CallContext::quiet();
        match read(&self.aws, &self.at, &ctx).await? {
            Some(holder) if holder.run == self.run => {
                delete(&self.aws, &self.at, &ctx).await?;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

async fn place(aws: &Aws) -> Result<AccountRegion, LockError> {
    Ok(AccountRegion {
        account: aws.caller().await?,
        region: aws.home_region().clone(),
    })
}

async fn read(
    aws: &Aws,
    at: &AccountRegion,
    ctx: &CallContext,
) -> Result<Option<Holder>, LockError> {
    let ssm = aws.ssm(ctx, at).await?;
    let answer = ssm.call(|c| c.get_parameter().name(PARAMETER).send()).await;
    match answer {
        Ok(answer) => {
            let value = answer
                .parameter
                .and_then(|parameter| parameter.value)
                .unwrap_or_default();
            serde_json::from_str(&value)
                .map(Some)
                .map_err(|error| LockError::Foreign(error.to_string()))
        }
        Err(error) if error.is("ParameterNotFound") => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn delete(aws: &Aws, at: &AccountRegion, ctx: &CallContext) -> Result<(), LockError> {
    let ssm = aws.ssm(ctx, at).await?;
    let deleted = ssm
        .call(|c| c.delete_parameter().name(PARAMETER).send())
        .await;
    match deleted {
        Ok(_) => Ok(()),
        Err(error) if error.is("ParameterNotFound") => Ok(()),
        Err(error) => Err(error.into()),
    }
}
