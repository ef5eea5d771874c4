//! The rates at which calls go out, from the table of services.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Operation;
use crate::plan::PaceOverride;
use crate::services::{ANY, Scope, Service};

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

/// The limit of an operation; `None` with pacing off.
pub(super) fn limit(
    operation: Operation,
    pace: Pace,
    overrides: &BTreeMap<String, PaceOverride>,
) -> Option<Limit> {
    let Pace::Factor(factor) = pace else {
        return None;
    };
    let service = Service::named(operation.0);
    let mut rates = service.iter().flat_map(|service| service.rates);
    let row = rates.find(|rate| rate.covers(operation.1)).unwrap_or(&ANY);
    let bucket = row
        .bucket
        .map_or(BucketName::One(operation), BucketName::Shared);
    // An override that names any operation of a shared bucket holds for the bucket.
    let shares = |name: &str| {
        let Some((other, operation)) = name.split_once(':') else {
            return false;
        };
        let mut rates = row
            .bucket
            .and(Service::named(other))
            .into_iter()
            .flat_map(|service| service.rates);
        let other = rates.find(|rate| rate.covers(operation));
        other.is_some_and(|other| std::ptr::eq(other, row))
    };
    let changed = overrides.get(&operation.to_string()).or_else(|| {
        let mut overrides = overrides.iter();
        overrides.find_map(|(name, changed)| shares(name).then_some(changed))
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
        regional: service.is_none_or(|service| service.scope == Scope::Region),
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
