//! The rates at which calls go out: one table.
//!
//! Documented rates are those of the AWS General Reference and the Organizations quotas page.
//! Where AWS documents none, the row is a careful guess marked `adaptive`: halved on a throttle,
//! and slowly raised again while AWS does not complain.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Operation;
use crate::plan::PaceOverride;

/// How the table's rates are scaled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// The table's rates times this; `1.0` is AWS's documented rate.
    Factor(f64),
    /// No pacing: for worlds without rate limits.
    Off,
}

impl Default for Pace {
    fn default() -> Self {
        Pace::Factor(1.0)
    }
}

/// What shares a token bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum BucketName {
    One(Operation),
    Shared(&'static str),
}

/// A bucket's limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limit {
    pub(super) bucket: BucketName,
    /// Time between calls, in whole milliseconds: timers are no finer.
    pub(super) period: Duration,
    /// How many calls AWS allows at once.
    pub(super) burst: u32,
    pub(super) adaptive: bool,
    /// Global services count per account, wherever they are called from.
    pub(super) regional: bool,
}

/// Whether the operations of a row have a bucket each or one together.
#[derive(Clone, Copy)]
enum Bucket {
    Each,
    Together(&'static str),
}
use Bucket::{Each, Together};

/// One row: operations by exact name or by a prefix with `*`, calls in 1,000 seconds, burst.
struct Row {
    service: &'static str,
    operations: &'static [&'static str],
    bucket: Bucket,
    per_1000_s: u32,
    burst: u32,
    adaptive: bool,
}

const fn row(
    service: &'static str,
    operations: &'static [&'static str],
    bucket: Bucket,
    per_1000_s: u32,
    burst: u32,
) -> Row {
    Row {
        service,
        operations,
        bucket,
        per_1000_s,
        burst,
        adaptive: false,
    }
}

const fn guess(
    service: &'static str,
    operations: &'static [&'static str],
    bucket: Bucket,
    per_1000_s: u32,
    burst: u32,
) -> Row {
    Row {
        service,
        operations,
        bucket,
        per_1000_s,
        burst,
        adaptive: true,
    }
}

/// The first row that matches holds.
#[rustfmt::skip]
static TABLE: &[Row] = &[
    // Organizations: per account, every operation its own bucket (quotas page).
    row("organizations", &["CreateAccount", "CreateGovCloudAccount"], Each, 100, 3),
    row("organizations", &["CloseAccount"], Each, 50, 1),
    row("organizations", &["DescribeCreateAccountStatus"], Each, 2_000, 2),
    row("organizations", &["ListCreateAccountStatus"], Each, 5_000, 8),
    row("organizations", &["DescribeAccount"], Each, 20_000, 30),
    row("organizations", &["ListAccounts"], Each, 8_000, 12),
    row("organizations", &["ListChildren"], Each, 6_000, 10),
    row("organizations", &["ListParents", "ListAccountsForParent", "ListOrganizationalUnitsForParent"], Each, 5_000, 8),
    row("organizations", &["ListRoots", "DescribeOrganization", "CreateOrganizationalUnit"], Each, 1_000, 2),
    row("organizations", &["MoveAccount"], Each, 2_000, 3),
    row("organizations", &["CreatePolicy", "UpdatePolicy", "DeletePolicy", "AttachPolicy", "DetachPolicy"], Each, 2_000, 3),
    row("organizations", &["ListPolicies", "ListPoliciesForTarget", "ListTargetsForPolicy"], Each, 5_000, 8),
    row("organizations", &["EnablePolicyType", "DisablePolicyType"], Each, 1_000, 1),
    row("organizations", &["EnableAWSServiceAccess", "DisableAWSServiceAccess", "RegisterDelegatedAdministrator", "DeregisterDelegatedAdministrator"], Each, 1_000, 2),
    row("organizations", &["ListAWSServiceAccessForOrganization"], Each, 1_000, 3),
    row("organizations", &["TagResource", "UntagResource"], Each, 4_000, 6),
    row("organizations", &["ListTagsForResource"], Each, 10_000, 15),
    guess("organizations", &["*"], Each, 2_000, 3),
    // CloudFormation: per account and Region (General Reference).
    row("cloudformation", &["DescribeStacks", "DescribeStackEvents", "ListStacks", "GetTemplate"], Each, 10_000, 10),
    row("cloudformation", &["*"], Together("cloudformation stack sets and writes"), 2_000, 2),
    // CloudTrail (General Reference).
    row("cloudtrail", &["GetTrail*", "DescribeTrails", "ListTrails"], Each, 10_000, 10),
    row("cloudtrail", &["*"], Each, 1_000, 1),
    // STS: the caller's quota per account and Region (IAM quotas).
    row("sts", &["*"], Together("sts"), 600_000, 600),
    // Nothing documented.
    guess("account", &["*"], Each, 5_000, 5),
    guess("tag", &["*"], Each, 5_000, 5),
    guess("cloudcontrol", &["*"], Each, 5_000, 5),
    guess("iam", &["*"], Each, 10_000, 10),
    guess("guardduty", &["*"], Each, 5_000, 5),
    guess("config", &["*"], Each, 4_000, 4),
    guess("ssm", &["*"], Each, 3_000, 3),
    guess("servicequotas", &["*"], Each, 2_000, 3),
];

/// What any other service gets.
static ANY: Row = guess("", &["*"], Each, 2_000, 3);

impl Row {
    fn covers(&self, operation: Operation) -> bool {
        self.service == operation.0
            && self
                .operations
                .iter()
                .any(|name| match name.strip_suffix('*') {
                    Some(prefix) => operation.1.starts_with(prefix),
                    None => *name == operation.1,
                })
    }
}

/// The limit of an operation; `None` with pacing off.
pub(super) fn limit(
    operation: Operation,
    pace: Pace,
    overrides: &BTreeMap<String, PaceOverride>,
) -> Option<Limit> {
    let Pace::Factor(factor) = pace else {
        return None;
    };
    let row = TABLE
        .iter()
        .find(|row| row.covers(operation))
        .unwrap_or(&ANY);
    let bucket = match row.bucket {
        Each => BucketName::One(operation),
        Together(name) => BucketName::Shared(name),
    };
    // An override that names any operation of a shared bucket holds for the bucket.
    let changed = overrides
        .get(&operation.to_string())
        .or_else(|| match row.bucket {
            Each => None,
            Together(_) => overrides.iter().find_map(|(name, changed)| {
                let (service, operation) = name.split_once(':')?;
                let shares = TABLE
                    .iter()
                    .find(|other| {
                        other.service == service
                            && other.operations.iter().any(|pattern| {
                                match pattern.strip_suffix('*') {
                                    Some(prefix) => operation.starts_with(prefix),
                                    None => *pattern == operation,
                                }
                            })
                    })
                    .is_some_and(|other| std::ptr::eq(other, row));
                shares.then_some(changed)
            }),
        });
    let (rate, burst, adaptive) = match changed {
        Some(changed) => (changed.rate, changed.burst, false),
        None => (f64::from(row.per_1000_s) / 1_000.0, row.burst, row.adaptive),
    };
    let rate = rate * factor;
    let ms = if rate > 0.0 && rate.is_finite() {
        (1_000.0 / rate).ceil().clamp(1.0, 86_400_000.0)
    } else {
        1_000.0
    };
    Some(Limit {
        bucket,
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 1 ms and a day"
        )]
        period: Duration::from_millis(ms as u64),
        burst: burst.max(1),
        adaptive,
        regional: !matches!(row.service, "organizations" | "account" | "tag" | "iam"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(operation: Operation) -> Limit {
        limit(operation, Pace::default(), &BTreeMap::new()).unwrap()
    }

    #[test]
    fn documented_rates_are_in_the_table() {
        let create = of(Operation("organizations", "CreateAccount"));
        assert_eq!((create.period, create.burst), (Duration::from_secs(10), 3));
        let list = of(Operation("organizations", "ListAccounts"));
        assert_eq!((list.period, list.burst), (Duration::from_millis(125), 12));
        assert!(!list.adaptive && !list.regional);
    }

    #[test]
    fn stack_set_calls_and_stack_writes_share_one_bucket() {
        let set = of(Operation("cloudformation", "CreateStackInstances"));
        let stack = of(Operation("cloudformation", "CreateStack"));
        let read = of(Operation("cloudformation", "DescribeStacks"));
        assert_eq!(set, stack);
        assert_eq!(set.period, Duration::from_millis(500));
        assert_ne!(set.bucket, read.bucket);
    }

    #[test]
    fn an_override_of_one_operation_changes_its_whole_bucket() {
        let overrides = BTreeMap::from([(
            "cloudformation:UpdateStackSet".to_owned(),
            PaceOverride {
                rate: 4.0,
                burst: 6,
            },
        )]);
        let limit = |name| {
            limit(
                Operation("cloudformation", name),
                Pace::default(),
                &overrides,
            )
        };
        let stack = limit("CreateStack").unwrap();
        assert_eq!((stack.period, stack.burst), (Duration::from_millis(250), 6));
        let read = limit("DescribeStacks").unwrap();
        assert_eq!(read.period, Duration::from_millis(100));
    }

    #[test]
    fn what_is_not_documented_adapts() {
        assert!(of(Operation("guardduty", "ListMembers")).adaptive);
        assert!(of(Operation("organizations", "DescribePolicy")).adaptive);
        assert!(of(Operation("somethingnew", "DoIt")).adaptive);
    }

    #[test]
    fn the_factor_scales_and_off_removes() {
        let operation = Operation("organizations", "CreateAccount");
        let half = limit(operation, Pace::Factor(0.5), &BTreeMap::new()).unwrap();
        assert_eq!(half.period, Duration::from_secs(20));
        assert!(limit(operation, Pace::Off, &BTreeMap::new()).is_none());
    }
}
