//! The rates at which AWS takes calls: token buckets, as one table.
//!
//! Sources: "L" is the quotas page of Organizations, "GR" the service quotas of the AWS General Reference,
//! "IAM" the quotas page of IAM and STS. Where AWS documents no rate there is none here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::call::{AwsError, Call};
use super::time::Time;
use super::world::World;

/// How full the buckets are, and what was refused.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rates {
    /// Calls are never refused for their number.
    pub off: bool,
    /// When each bucket that was drawn from is full again, in microseconds since the epoch; by bucket,
    /// account and, for regional services, Region. A bucket that is full again may be missing.
    full_at: BTreeMap<String, i64>,
    /// How many calls were refused, by `service:Operation`.
    pub refused: BTreeMap<String, u64>,
}

/// Whether the operations of a row have a bucket each or one together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bucket {
    Each,
    Together(&'static str),
}
use Bucket::{Each, Together};

/// Operations of a service by exact name or with `*` at either end, calls in 1,000 seconds, burst.
struct Row(&'static str, &'static [&'static str], Bucket, i64, i64);

/// The first row that matches holds; an operation without a row has no rate.
#[rustfmt::skip]
static TABLE: &[Row] = &[
    // L: per account; rate, then burst.
    Row("organizations", &["CreateAccount", "CreateGovCloudAccount"], Each, 100, 3),
    Row("organizations", &["CloseAccount"], Each, 50, 1),
    Row("organizations", &["DescribeCreateAccountStatus"], Each, 2_000, 2),
    Row("organizations", &["ListCreateAccountStatus"], Each, 5_000, 8),
    Row("organizations", &["DescribeAccount"], Each, 20_000, 30),
    Row("organizations", &["ListAccounts"], Each, 8_000, 12),
    Row("organizations", &["ListChildren"], Each, 6_000, 10),
    Row("organizations", &["ListParents", "ListAccountsForParent", "ListOrganizationalUnitsForParent"], Each, 5_000, 8),
    Row("organizations", &["ListRoots", "DescribeOrganization", "CreateOrganizationalUnit"], Each, 1_000, 2),
    Row("organizations", &["MoveAccount"], Each, 2_000, 3),
    Row("organizations", &["CreatePolicy", "UpdatePolicy", "DeletePolicy", "AttachPolicy", "DetachPolicy"], Each, 2_000, 3),
    Row("organizations", &["ListPolicies", "ListPoliciesForTarget"], Each, 5_000, 8),
    Row("organizations", &["EnablePolicyType", "DisablePolicyType"], Each, 1_000, 1),
    Row("organizations", &["EnableAWSServiceAccess", "RegisterDelegatedAdministrator"], Each, 1_000, 2),
    Row("organizations", &["ListAWSServiceAccessForOrganization"], Each, 1_000, 3),
    Row("organizations", &["TagResource"], Each, 4_000, 6),
    Row("organizations", &["ListTagsForResource"], Each, 10_000, 15),
    // GR: per account and Region. A burst is not documented: one second's worth.
    Row("cloudformation", &["DescribeStacks", "DescribeStackEvents", "ListStacks", "GetTemplate"], Each, 10_000, 10),
    Row("cloudformation", &["*StackSet*", "*StackInstance*", "CreateStack", "UpdateStack", "DeleteStack", "*ChangeSet*", "*Drift*"],
        Together("stack sets, stack writes, change sets and drift"), 2_000, 2),
    // GR: per account and Region.
    Row("cloudtrail", &["GetTrail*"], Each, 10_000, 10),
    Row("cloudtrail", &["StartLogging", "StopLogging", "PutEventSelectors", "PutInsightSelectors"], Each, 1_000, 1),
    // EC2 developer guide, "Request throttling": per account and Region; the bucket's size, refilled each second.
    Row("ec2", &["Describe*", "Get*"], Together("non-mutating"), 20_000, 100),
    Row("ec2", &["*"], Together("mutating"), 5_000, 50),
    // IAM: per calling account and Region.
    Row("sts", &["*"], Together("sts"), 600_000, 600),
];

fn matches(pattern: &str, name: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(_), Some(_)) => name.contains(pattern.trim_matches('*')),
        (None, Some(prefix)) => name.starts_with(prefix),
        (Some(suffix), None) => name.ends_with(suffix),
        (None, None) => name == pattern,
    }
}

fn row(service: &str, operation: &str) -> Option<&'static Row> {
    TABLE.iter().find(|Row(of, names, ..)| {
        *of == service && names.iter().any(|pattern| matches(pattern, operation))
    })
}

/// Lets a call pass at the rate of its operation, or refuses it as its service does.
pub fn gate(
    world: &mut World,
    service: &str,
    operation: &str,
    call: &Call,
) -> Result<(), AwsError> {
    if world.rates.off {
        return Ok(());
    }
    let Some(Row(_, _, bucket, per_1000_s, burst)) = row(service, operation) else {
        return Ok(());
    };
    let name = match bucket {
        Each => operation,
        Together(name) => name,
    };
    // Organizations has one endpoint, wherever it is called from.
    let region = if service == "organizations" {
        ""
    } else {
        call.region.as_str()
    };
    let key = format!("{service} {} {region} {name}", call.account);
    let now = micros(world.now);
    let period = 1_000_000_000 / per_1000_s;
    let rates = &mut world.rates;
    let full_at = rates.full_at.get(&key).copied().unwrap_or(now).max(now);
    if full_at - now > period * (burst - 1) {
        *rates
            .refused
            .entry(format!("{service}:{operation}"))
            .or_default() += 1;
        return Err(refusal(service));
    }
    rates.full_at.insert(key, full_at + period);
    Ok(())
}

fn micros(time: Time) -> i64 {
    time.0.saturating_mul(1000)
}

/// What a service answers to one call too many: its model's error shape, or the common error of its protocol.
pub fn refusal(service: &str) -> AwsError {
    match service {
        "organizations" => AwsError::new(
            "TooManyRequestsException",
            "You have sent too many requests in too short a period of time. The quota helps protect against \
             denial-of-service attacks. Try again later.",
        ),
        "account" => AwsError::new("TooManyRequestsException", "Rate exceeded").status(429),
        "cloudformation" | "sts" | "iam" | "sns" => AwsError::new("Throttling", "Rate exceeded"),
        "ec2" => AwsError::new("RequestLimitExceeded", "Request limit exceeded.").status(503),
        "s3" => AwsError::new("SlowDown", "Please reduce your request rate.").status(503),
        _ => AwsError::new("ThrottlingException", "Rate exceeded"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn pass(
        world: &mut World,
        service: &str,
        operation: &str,
        account: &str,
        region: &str,
    ) -> bool {
        let call = Call::internal(account, region, "arn", world.now, Value::Null);
        gate(world, service, operation, &call).is_ok()
    }

    /// How many of `tries` calls made at once pass.
    fn burst(world: &mut World, service: &str, operation: &str, tries: usize) -> usize {
        (0..tries)
            .filter(|_| pass(world, service, operation, "111111111111", "us-east-1"))
            .count()
    }

    /// The quotas page: CreateAccount 0.1 a second with a burst of 3.
    #[test]
    fn a_bucket_empties_and_fills_at_the_documented_rate() {
        let mut world = World::empty("111111111111", 1);
        assert_eq!(burst(&mut world, "organizations", "CreateAccount", 9), 3);
        assert_eq!(world.rates.refused["organizations:CreateAccount"], 6);
        world.advance(Time::START.plus_millis(9_999));
        assert_eq!(burst(&mut world, "organizations", "CreateAccount", 9), 0);
        world.advance(Time::START.plus_millis(10_000));
        assert_eq!(burst(&mut world, "organizations", "CreateAccount", 9), 1);
        world.advance(Time::START.plus_secs(3_600));
        assert_eq!(burst(&mut world, "organizations", "CreateAccount", 9), 3);
    }

    /// The General Reference: stack-set calls, stack writes, change sets and drift 2 a second together,
    /// DescribeStacks 10 a second, per account and Region.
    #[test]
    fn stack_set_calls_share_a_bucket_per_account_and_region() {
        let mut world = World::empty("111111111111", 1);
        let home = ("111111111111", "us-east-1");
        let mut pass = |operation, (account, region)| {
            super::tests::pass(&mut world, "cloudformation", operation, account, region)
        };
        assert!(pass("CreateStackSet", home));
        assert!(pass("ListStackInstances", home));
        assert!(!pass("CreateStack", home));
        assert!(!pass("DetectStackSetDrift", home));
        assert!(pass("CreateStack", ("111111111111", "eu-west-1")));
        assert!(pass("CreateStack", ("222222222222", "us-east-1")));
        for _ in 0..10 {
            assert!(pass("DescribeStacks", home));
        }
        assert!(!pass("DescribeStacks", home));
    }

    #[test]
    fn what_aws_documents_no_rate_for_has_none() {
        let mut world = World::empty("111111111111", 1);
        assert_eq!(
            burst(&mut world, "config", "PutConfigurationRecorder", 500),
            500
        );
        assert_eq!(burst(&mut world, "guardduty", "CreateMembers", 500), 500);
        assert!(world.rates.refused.is_empty());
    }

    #[test]
    fn every_row_names_an_operation_of_the_sandbox() {
        for Row(service, names, ..) in TABLE {
            for name in *names {
                let known = crate::table::rows()
                    .any(|(of, operation, _)| of == service && matches(name, operation));
                // Not simulated; the rows are documented all the same.
                let beyond = ["CreateGovCloudAccount", "*ChangeSet*", "*Drift*"].contains(name);
                assert!(known || beyond, "{service}:{name}");
            }
        }
    }
}
