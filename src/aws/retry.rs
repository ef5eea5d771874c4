//! How long what is tried again is tried: what it is stands in [`super::messages`].

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::messages::{self, Means, When};
use super::{AwsError, ErrorKind, Operation};

/// A pause before the next attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pause {
    pub(super) wait: Duration,
    /// Why, as the start of a sentence: "throttled by organizations:CreateAccount".
    pub(super) why: String,
    /// Whether it is borne only because the account is new.
    pub(super) new_account: bool,
}

/// How one kind of refusal is waited out.
pub(crate) struct Class {
    name: &'static str,
    /// The start of a sentence that the operation completes.
    why: &'static str,
    /// How long after the first refusal the last attempt may start, in seconds.
    patience_s: u64,
    /// The upper bound of the first pause, doubled each time up to `longest_ms`.
    first_ms: u64,
    longest_ms: u64,
    /// The share of a pause that is certain, in percent; the rest is drawn. 0 is full jitter.
    certain: u64,
}

pub(super) static THROTTLE: Class = Class {
    name: "throttle",
    why: "throttled by",
    patience_s: 600,
    first_ms: 1_000,
    longest_ms: 20_000,
    certain: 0,
};
pub(super) static TRANSIENT: Class = Class {
    name: "transient",
    why: "no proper answer from",
    patience_s: 60,
    first_ms: 500,
    longest_ms: 10_000,
    certain: 0,
};
/// HTTP 500 that AWS did not write: an emulator without the operation, or a broken proxy.
pub(super) static FOREIGN: Class = Class {
    name: "foreign",
    why: "an answer not of AWS's making from",
    patience_s: 1,
    first_ms: 300,
    longest_ms: 600,
    certain: 50,
};
/// Another change of the organization is under way. Terraform and others try about 30 times.
pub(super) static CONCURRENT: Class = Class {
    name: "concurrent modification",
    why: "another change is under way for",
    patience_s: 300,
    first_ms: 1_000,
    longest_ms: 10_000,
    certain: 0,
};
/// A new organization is being finished: AWS says up to an hour.
pub(super) static FINALIZING: Class = Class {
    name: "finalizing",
    why: "AWS is still finishing the new organization, which may take an hour, says",
    patience_s: 3_900,
    first_ms: 15_000,
    longest_ms: 60_000,
    certain: 80,
};
/// AWS makes five accounts at a time, and somebody else's count too.
pub(super) static CREATIONS: Class = Class {
    name: "creations in progress",
    why: "AWS is making as many accounts as it does at a time, says",
    patience_s: 1_800,
    first_ms: 10_000,
    longest_ms: 30_000,
    certain: 70,
};
/// One operation per stack set; another runs.
pub(super) static IN_PROGRESS: Class = Class {
    name: "operation in progress",
    why: "another operation on the stack set is under way for",
    patience_s: 3_600,
    first_ms: 5_000,
    longest_ms: 30_000,
    certain: 50,
};
pub(super) static STALE: Class = Class {
    name: "stale request",
    why: "the stack set has just changed under",
    patience_s: 120,
    first_ms: 2_000,
    longest_ms: 10_000,
    certain: 50,
};
pub(super) static POLICY_CHANGES: Class = Class {
    name: "policy changes in progress",
    why: "policy changes are under way for",
    patience_s: 900,
    first_ms: 3_000,
    longest_ms: 20_000,
    certain: 50,
};
/// A new account's role and services: seen from 30 seconds to 7 minutes.
pub(super) static NEW_ACCOUNT: Class = Class {
    name: "new account",
    why: "the new account is not ready for",
    patience_s: 900,
    first_ms: 5_000,
    longest_ms: 15_000,
    certain: 70,
};
/// Bucket and key policies, and trusted access, take a moment to be seen everywhere.
pub(super) static PROPAGATION: Class = Class {
    name: "propagation",
    why: "a policy set a moment ago is not in force yet for",
    patience_s: 120,
    first_ms: 5_000,
    longest_ms: 15_000,
    certain: 70,
};

/// `new_account`: the call works in an account so new that AWS may not know its role or its subscriptions yet.
fn class(error: &AwsError, new_account: bool) -> Option<&'static Class> {
    let holds = |when: When| match when {
        When::Always => true,
        When::NewAccount => new_account,
    };
    let mut classes = messages::TABLE.iter().filter_map(|row| match row.means {
        Means::Retry(when, class) => (holds(when) && row.is_of(error)).then_some(class),
        Means::AccountLimit
        | Means::Refused
        | Means::NoTarget
        | Means::ResourceAgain
        | Means::InstanceAgain
        | Means::ServiceOpens
        | Means::GateOpens
        | Means::Lasts
        | Means::Already
        | Means::Busy
        | Means::NotThere
        | Means::ManagementFirst
        | Means::NotBegun
        | Means::NotYetAdministrator
        | Means::NotYetKnown => None,
    });
    match classes.next() {
        Some(class) => Some(class),
        // Lost, unreadable, or AWS's own failure.
        None if error.kind == ErrorKind::NoAnswer => Some(&TRANSIENT),
        None => None,
    }
}

/// Whether AWS says that calls come too fast.
pub(super) fn is_throttle(error: &AwsError) -> bool {
    class(error, false).is_some_and(|class| class.name == THROTTLE.name)
}

/// How much longer one call is retried.
pub(super) struct RetryBudget {
    operation: Operation,
    new_account: bool,
    /// By class: when it was first met, and how often.
    met: BTreeMap<&'static str, (Instant, u32)>,
}

impl RetryBudget {
    pub(super) fn new(operation: Operation, new_account: bool) -> Self {
        Self {
            operation,
            new_account,
            met: BTreeMap::new(),
        }
    }

    /// The pause before the next attempt; `None` where it is no use, or not allowed: an operation
    /// that is not repeatable is not sent again after a lost answer.
    pub(super) fn next(&mut self, error: &AwsError, random: &mut fastrand::Rng) -> Option<Pause> {
        if error.kind == ErrorKind::NoAnswer && !self.operation.repeatable() {
            return None;
        }
        let class = class(error, self.new_account)?;
        let now = Instant::now();
        let (since, times) = self.met.entry(class.name).or_insert((now, 0));
        let bound = class
            .first_ms
            .saturating_mul(1 << (*times).min(20))
            .min(class.longest_ms);
        *times += 1;
        let certain = bound * class.certain / 100;
        let wait = Duration::from_millis(random.u64(certain..=bound).max(50));
        let last = *since + Duration::from_secs(class.patience_s);
        let new_account = class.name == NEW_ACCOUNT.name;
        (now + wait <= last).then(|| Pause {
            wait,
            why: match new_account {
                true => format!("{} {} ({})", class.why, self.operation, error.code),
                false => format!("{} {}", class.why, self.operation),
            },
            new_account,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(operation: Operation, code: &str, message: &str) -> AwsError {
        AwsError {
            kind: ErrorKind::Service,
            status: Some(400),
            ..AwsError::refused(operation, code, message)
        }
    }

    /// The class by name; "-" for an error that is final.
    fn named(service: &'static str, operation: &'static str, code: &str, message: &str) -> String {
        let error = refusal(Operation(service, operation), code, message);
        let name = |new| class(&error, new).map_or("-", |class| class.name);
        match (name(false), name(true)) {
            (old, new) if old == new => old.to_owned(),
            (old, new) => format!("{old}; new: {new}"),
        }
    }

    #[test]
    fn codes_have_their_classes() {
        let expected = [
            (
                "organizations",
                "CreateOrganizationalUnit",
                "ConcurrentModificationException",
                "",
                "concurrent modification",
            ),
            (
                "organizations",
                "CreateAccount",
                "FinalizingOrganizationException",
                "",
                "finalizing",
            ),
            (
                "organizations",
                "AttachPolicy",
                "PolicyChangesInProgressException",
                "",
                "policy changes in progress",
            ),
            (
                "organizations",
                "ListAccounts",
                "TooManyRequestsException",
                "",
                "throttle",
            ),
            (
                "organizations",
                "CreateAccount",
                "ConstraintViolationException",
                "You have exceeded the allowed number of AWS accounts.",
                "-",
            ),
            // The reason as the model words it: accounts that can be in progress at a time.
            (
                "organizations",
                "CreateAccount",
                "ConstraintViolationException",
                "ACCOUNT_CREATION_RATE_LIMIT_EXCEEDED: You have too many in progress.",
                "creations in progress",
            ),
            (
                "cloudformation",
                "UpdateStackSet",
                "OperationInProgressException",
                "",
                "operation in progress",
            ),
            (
                "cloudformation",
                "UpdateStackSet",
                "StaleRequestException",
                "",
                "stale request",
            ),
            (
                "cloudformation",
                "DescribeStacks",
                "Throttling",
                "Rate exceeded",
                "throttle",
            ),
            // A true quota, whatever the SDK thinks of the name.
            (
                "cloudformation",
                "CreateStackSet",
                "LimitExceededException",
                "",
                "-",
            ),
            (
                "sts",
                "AssumeRole",
                "AccessDenied",
                "",
                "-; new: new account",
            ),
            (
                "sts",
                "GetCallerIdentity",
                "InvalidClientTokenId",
                "",
                "-; new: new account",
            ),
            (
                "guardduty",
                "CreateDetector",
                "OptInRequired",
                "",
                "-; new: new account",
            ),
            (
                "sts",
                "GetCallerIdentity",
                "RegionDisabledException",
                "",
                "-; new: new account",
            ),
            (
                "cloudtrail",
                "CreateTrail",
                "InsufficientS3BucketPolicyException",
                "",
                "propagation",
            ),
            (
                "config",
                "PutDeliveryChannel",
                "InsufficientDeliveryPolicyException",
                "",
                "propagation",
            ),
            (
                "guardduty",
                "CreateDetector",
                "BadRequestException",
                "The request is rejected.",
                "-",
            ),
            ("iam", "GetRole", "AccessDenied", "", "-"),
        ];
        for (service, operation, code, message, class) in expected {
            assert_eq!(
                named(service, operation, code, message),
                class,
                "{service}:{operation} {code}"
            );
        }
    }

    /// How long a call bears the same error for ever, in seconds of virtual time.
    async fn borne(error: &AwsError, new_account: bool) -> u64 {
        let mut random = fastrand::Rng::with_seed(7);
        let mut patience = RetryBudget::new(error.operation, new_account);
        let start = Instant::now();
        while let Some(pause) = patience.next(error, &mut random) {
            tokio::time::sleep(pause.wait).await;
        }
        start.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn patience_is_as_documented() {
        let organizations = Operation("organizations", "CreateOrganizationalUnit");
        // AWS says up to an hour.
        let finalizing = refusal(organizations, "FinalizingOrganizationException", "");
        assert!((3_600..=3_900).contains(&borne(&finalizing, false).await));
        let assume = Operation("sts", "AssumeRole");
        let lag = refusal(assume, "AccessDenied", "");
        assert!(borne(&lag, true).await >= 600);
        assert_eq!(borne(&lag, false).await, 0);
        // An emulator without the operation is not begged.
        let foreign = AwsError {
            kind: ErrorKind::NoAnswer,
            ..refusal(
                organizations,
                "HTTP500",
                "answered HTTP 500 that is not AWS's format",
            )
        };
        assert!(borne(&foreign, false).await <= 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_answer_is_asked_again_only_where_that_is_safe() {
        let lost = |operation| AwsError {
            kind: ErrorKind::NoAnswer,
            ..refusal(operation, "ConnectionLost", "")
        };
        let create = Operation("organizations", "CreateAccount");
        assert_eq!(borne(&lost(create), false).await, 0);
        assert!(borne(&lost(Operation("organizations", "MoveAccount")), false).await > 30);
        // A throttle is an answer: nothing was done.
        let throttled = refusal(create, "TooManyRequestsException", "");
        assert!(borne(&throttled, false).await > 300);
    }

    #[tokio::test(start_paused = true)]
    async fn equal_seeds_draw_equal_pauses() {
        let error = refusal(Operation("iam", "GetRole"), "Throttling", "");
        let pauses = |seed| {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut patience = RetryBudget::new(error.operation, false);
            let error = &error;
            (0..10)
                .map(|_| patience.next(error, &mut random).unwrap().wait)
                .collect::<Vec<_>>()
        };
        assert_eq!(pauses(3), pauses(3));
        assert_ne!(pauses(3), pauses(4));
    }
}
