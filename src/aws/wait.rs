//! Waiting for AWS to finish something: one table of intervals, a patience, and a reason told
//! whenever it changes.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::CallContext;

/// How often to look and how long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PollSchedule {
    /// Intervals in seconds with the age in seconds from which they hold, oldest last. Never empty
    /// in practice; without entries it looks every five seconds.
    pub(crate) intervals: &'static [(u64, u64)],
    /// Seconds after which to give up.
    pub(crate) limit: u64,
}

impl PollSchedule {
    fn interval(&self, age: Duration) -> Duration {
        let seconds = self
            .intervals
            .iter()
            .rev()
            .find(|(from, _)| age >= Duration::from_secs(*from))
            .or(self.intervals.first())
            .map_or(5, |(_, every)| *every);
        Duration::from_secs(seconds)
    }
}

/// An account's creation: DescribeCreateAccountStatus has 2 calls a second for all creations, and
/// Terraform's users waited for up to 10 minutes.
pub(crate) const ACCOUNT_CREATION: PollSchedule = PollSchedule {
    intervals: &[(0, 5), (10, 10)],
    limit: 30 * 60,
};
/// An account's closure: a few minutes, and AWS says nothing of how long.
pub(crate) const ACCOUNT_CLOSURE: PollSchedule = PollSchedule {
    intervals: &[(0, 5), (30, 15)],
    limit: 30 * 60,
};
/// After a lost answer: six minutes, because a request is void five minutes after it was signed.
pub(crate) const LOST_CREATION: PollSchedule = PollSchedule {
    intervals: &[(0, 2), (10, 5), (60, 15)],
    limit: 6 * 60,
};
/// Until reads show what a write has done (Organizations is eventually consistent).
pub(crate) const READ_BACK: PollSchedule = PollSchedule {
    intervals: &[(0, 1), (5, 3), (30, 10)],
    limit: 2 * 60,
};
/// Until the lists that the next `plan` reads show everything that a run has changed.
pub(crate) const SHOWN: PollSchedule = PollSchedule {
    intervals: &[(0, 1), (5, 3), (30, 10)],
    limit: 5 * 60,
};
/// What GuardDuty says of accounts and organizations that it does not know: in an organization's first hour longer, as
/// the Landing Zone Accelerator tries for some five minutes.
pub(crate) const NEW_ORGANIZATION: PollSchedule = PollSchedule {
    intervals: &[(0, 1), (5, 3), (30, 10), (120, 20)],
    limit: 10 * 60,
};
/// The account limit that AWS reports in an organization's first hour.
pub(crate) const FIRST_HOUR: PollSchedule = PollSchedule {
    intervals: &[(0, 15), (60, 30), (300, 60)],
    limit: 65 * 60,
};
/// The rounds in which a stack set's instances are tried again.
pub(crate) const ROUND: PollSchedule = PollSchedule {
    intervals: &[(0, 30), (30, 60)],
    limit: 12 * 60 * 60,
};
/// Before a destination is verified again, and until the verification counts.
pub(crate) const VERIFY: PollSchedule = PollSchedule {
    intervals: &[(0, 60)],
    limit: 60 * 60,
};
/// GuardDuty's own detector in the account that has just become its administrator.
pub(crate) const OWN_DETECTOR: PollSchedule = PollSchedule {
    intervals: &[(0, 2), (10, 5)],
    limit: 2 * 60,
};
/// A policy type that is being enabled.
pub(crate) const POLICY_TYPE: PollSchedule = PollSchedule {
    intervals: &[(0, 2), (10, 5)],
    limit: 10 * 60,
};
/// A Region that is being turned on: minutes for most, hours for some (account:EnableRegion).
pub(crate) const REGION: PollSchedule = PollSchedule {
    intervals: &[(0, 15), (120, 30), (1_200, 60)],
    limit: 6 * 60 * 60,
};
/// A stack. The Config recorder was seen to stay in progress for 45 minutes.
pub(crate) const STACK: PollSchedule = PollSchedule {
    intervals: &[(0, 3), (30, 5), (180, 15)],
    limit: 90 * 60,
};
/// Until policies that a stack's resources need are seen everywhere, told by stacks that failed.
pub(crate) const PROPAGATION: PollSchedule = PollSchedule {
    intervals: &[(0, 30), (60, 60)],
    limit: 5 * 60,
};
/// The same where a service is not open yet in a new account.
pub(crate) const OPENING: PollSchedule = PollSchedule {
    intervals: &[(0, 30), (60, 60)],
    limit: 15 * 60,
};
/// A stack-set operation, which may reach thousands of instances.
pub(crate) const STACK_SET_OPERATION: PollSchedule = PollSchedule {
    intervals: &[(0, 5), (60, 10), (300, 30)],
    limit: 12 * 60 * 60,
};
/// Other operations of the same stack set, and auto-deployment to an account that joined.
pub(crate) const OTHER_OPERATION: PollSchedule = PollSchedule {
    intervals: &[(0, 5), (60, 15), (600, 30)],
    limit: 2 * 60 * 60,
};
/// GuardDuty's delegation, detectors and publishing destinations.
pub(crate) const GUARDDUTY: PollSchedule = PollSchedule {
    intervals: &[(0, 3), (15, 5), (60, 15)],
    limit: 15 * 60,
};

/// CloudFormation's drift detection of a stack: "up to several minutes" (API reference).
pub(crate) const DETECTION: PollSchedule = PollSchedule {
    intervals: &[(0, 5), (30, 10), (300, 30)],
    limit: 30 * 60,
};
/// Of a stack set, which may have thousands of instances.
pub(crate) const SET_DETECTION: PollSchedule = PollSchedule {
    limit: 6 * 60 * 60,
    ..DETECTION
};
/// Until AWS knows an operation that it has begun.
pub(crate) const UNKNOWN_OPERATION: PollSchedule = PollSchedule {
    limit: 2 * 60,
    ..DETECTION
};
/// An automation that a check finds under way, as where a stack was just made.
pub(crate) const AUTOMATION: PollSchedule = PollSchedule {
    intervals: &[(0, 5)],
    limit: 60,
};
/// A role that was just made: changes of IAM are not always visible at once (IAM User Guide, Troubleshoot IAM).
pub(crate) const NEW_ROLE: PollSchedule = PollSchedule {
    intervals: &[(0, 5), (5, 10), (15, 25)],
    limit: 40,
};

/// Waited as long as patience allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GaveUp {
    pub(crate) after: Duration,
}

/// One wait, from its first look on.
pub(crate) struct Poller<'a> {
    ctx: &'a CallContext,
    patience: PollSchedule,
    since: Instant,
    told: Option<String>,
}

impl<'a> Poller<'a> {
    /// Starts the clock.
    pub(crate) fn new(ctx: &'a CallContext, patience: PollSchedule) -> Self {
        Self {
            ctx,
            patience,
            since: Instant::now(),
            told: None,
        }
    }

    /// Sleeps until the next look; `why` is told when it is not what was told last.
    pub(crate) async fn pause(&mut self, why: impl Into<String>) -> Result<(), GaveUp> {
        let why = why.into();
        self.patient()?;
        if self.told.as_ref() != Some(&why) {
            (self.ctx.tell)(why.clone());
            self.told = Some(why);
        }
        self.quietly().await
    }

    /// The same, and nobody is told.
    pub(crate) async fn quietly(&self) -> Result<(), GaveUp> {
        self.patient()?;
        sleep(self.next()).await;
        Ok(())
    }

    fn patient(&self) -> Result<(), GaveUp> {
        let after = self.since.elapsed();
        match after < Duration::from_secs(self.patience.limit) {
            true => Ok(()),
            false => Err(GaveUp { after }),
        }
    }

    /// How long the next pause is.
    pub(crate) fn next(&self) -> Duration {
        self.patience.interval(self.since.elapsed())
    }
}
