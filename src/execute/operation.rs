//! Stack-set operations: waited for, and judged by what every account and Region has afterwards. An
//! operation that SUCCEEDED may hide failures that its tolerance allowed.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudformation::types::{
    ConcurrencyMode, RegionConcurrencyType, StackSetOperation, StackSetOperationPreferences,
    StackSetOperationStatus,
};

use super::effects::{ActionContext, Doing};
use super::stack::hint_for_resource;
use crate::action::DeploymentTargets;
use crate::aws::wait::{Poller, READ_BACK, STACK_SET_OPERATION};
use crate::aws::{AwsError, Calls};
use crate::event::Failure;
use crate::observe::listed_instances;
use crate::plan::Portion;

/// An account and a Region.
pub(super) type Spot = (String, String);

/// Which accounts must have a stack in which Regions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Goal {
    pub(super) accounts: BTreeSet<String>,
    pub(super) regions: BTreeSet<String>,
    /// Targets whose instances are on their way out, by the account that leaves them.
    pub(super) leaving: BTreeMap<String, BTreeSet<String>>,
    /// Where nothing is expected, since nothing was there to work on.
    pub(super) lacking: BTreeSet<Spot>,
}

/// A stack instance as ListStackInstances tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Instance {
    pub(super) account: String,
    pub(super) region: String,
    /// CURRENT, OUTDATED or INOPERABLE.
    pub(super) status: String,
    /// The detailed status, such as SUCCEEDED or SKIPPED_SUSPENDED_ACCOUNT.
    pub(super) detailed: String,
    pub(super) reason: String,
    /// The target through which it came.
    pub(super) ou: String,
    /// The stack's ARN; empty where there is none yet.
    pub(super) stack: String,
}

/// What an import left behind; it may be tried again.
pub(super) const FAILED_IMPORT: &str = "FAILED_IMPORT";

impl Instance {
    /// Whether an operation works on it.
    pub(super) fn is_at_work(&self) -> bool {
        ["PENDING", "RUNNING"].contains(&self.detailed.as_str())
    }

    /// A closed or suspended account: AWS skips it, and so does the judgement.
    fn is_skipped(&self) -> bool {
        self.detailed == "SKIPPED_SUSPENDED_ACCOUNT"
    }

    fn is_good(&self) -> bool {
        self.is_skipped()
            || (self.status == "CURRENT"
                && !["FAILED", "CANCELLED", "INOPERABLE", FAILED_IMPORT]
                    .contains(&self.detailed.as_str())
                && !self.is_at_work())
    }

    pub(super) fn spot(&self) -> Spot {
        (self.account.clone(), self.region.clone())
    }
}

/// What an operation left that is not as it is to be.
pub(super) struct Bad {
    /// How the operation ended.
    pub(super) how: String,
    /// The accounts and Regions, each with why.
    pub(super) places: BTreeMap<Spot, String>,
}

impl Bad {
    pub(super) fn failure(&self, context: String) -> Failure {
        rollout_failed(context, &self.how, &self.places)
    }
}

impl Goal {
    pub(super) fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }

    /// Whether the instance is one of those that count.
    pub(super) fn wants(&self, instance: &Instance) -> bool {
        self.accounts.contains(&instance.account) && self.regions.contains(&instance.region)
    }

    /// Whether an instance that counts is still there through a target that its account has left.
    pub(super) fn is_left_by(&self, instance: &Instance) -> bool {
        self.wants(instance) && self.is_former(instance)
    }

    /// Whether an instance came through a target that its account has left or leaves.
    fn is_former(&self, instance: &Instance) -> bool {
        let targets = self.leaving.get(&instance.account);
        targets.is_some_and(|targets| targets.contains(&instance.ou))
    }

    /// Accounts and Regions without a good instance.
    pub(super) fn missing(&self, there: &[Instance]) -> BTreeSet<Spot> {
        let good: BTreeSet<Spot> = there
            .iter()
            .filter(|instance| instance.is_good() && !self.is_former(instance))
            .map(Instance::spot)
            .collect();
        self.accounts
            .iter()
            .flat_map(|account| {
                self.regions
                    .iter()
                    .map(move |region| (account.clone(), region.clone()))
            })
            .filter(|spot| !good.contains(spot) && !self.lacking.contains(spot))
            .collect()
    }
}

/// How an operation goes through deployment targets.
pub(super) fn preferences_of(targets: &DeploymentTargets) -> StackSetOperationPreferences {
    preferences(targets.max_concurrent, targets.failure_tolerance)
}

/// Regions side by side, and failures that do not slow the rest down: strict tolerance with 0 % would
/// be one account at a time whatever the concurrency.
pub(super) fn preferences(
    max_concurrent: Portion,
    failure_tolerance: Portion,
) -> StackSetOperationPreferences {
    let builder = StackSetOperationPreferences::builder()
        .region_concurrency_type(RegionConcurrencyType::Parallel)
        .concurrency_mode(ConcurrencyMode::SoftFailureTolerance);
    let builder = match max_concurrent {
        Portion::Count(count) => builder.max_concurrent_count(number(count)),
        Portion::Percent(percent) => builder.max_concurrent_percentage(percent.into()),
    };
    match failure_tolerance {
        Portion::Count(count) => builder.failure_tolerance_count(number(count)),
        Portion::Percent(percent) => builder.failure_tolerance_percentage(percent.into()),
    }
    .build()
}

fn number(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// The operation that a call has begun, or that an earlier attempt with the same token has.
pub(super) fn begun(
    answer: Result<Option<String>, AwsError>,
    token: String,
) -> Result<String, AwsError> {
    match answer {
        Ok(operation) => Ok(operation.unwrap_or(token)),
        Err(error) if error.is("OperationIdAlreadyExists") => Ok(token),
        Err(error) => Err(error),
    }
}

impl ActionContext<'_> {
    /// Waits for an operation to end, and then judges it by the goal.
    pub(super) async fn finish_operation(
        &self,
        name: &str,
        operation: &str,
        goal: &Goal,
        context: impl Fn() -> String,
    ) -> Result<(), Failure> {
        match self.end_of(name, operation, goal, &context).await? {
            None => Ok(()),
            Some(bad) => Err(bad.failure(context())),
        }
    }

    /// Waits for an operation to end; what is bad afterwards, if anything is.
    pub(super) async fn end_of(
        &self,
        name: &str,
        operation: &str,
        goal: &Goal,
        context: impl Fn() -> String,
    ) -> Result<Option<Bad>, Failure> {
        let mut wait = Poller::new(self.ctx, STACK_SET_OPERATION);
        let ended = loop {
            let described = self
                .describe_operation(name, operation)
                .await
                .context(&context)?;
            let why = match &described {
                None => "StackSets does not know the operation yet".to_owned(),
                Some(described) => match described.status() {
                    Some(
                        StackSetOperationStatus::Succeeded
                        | StackSetOperationStatus::Failed
                        | StackSetOperationStatus::Stopped,
                    ) => break described.clone(),
                    Some(StackSetOperationStatus::Queued) => {
                        "StackSets has queued the operation behind another".to_owned()
                    }
                    status => format!(
                        "StackSets says {}",
                        status.map_or("nothing of the operation", |status| status.as_str())
                    ),
                },
            };
            wait.pause(why).await.context(&context)?;
        };
        self.judged(name, Some(&ended), goal, context).await
    }

    /// Every account and Region of the goal must have a current stack.
    pub(super) async fn judge(
        &self,
        name: &str,
        operation: Option<&StackSetOperation>,
        goal: &Goal,
        context: impl Fn() -> String,
    ) -> Result<(), Failure> {
        match self.judged(name, operation, goal, &context).await? {
            None => Ok(()),
            Some(bad) => Err(bad.failure(context())),
        }
    }

    async fn judged(
        &self,
        name: &str,
        operation: Option<&StackSetOperation>,
        goal: &Goal,
        context: impl Fn() -> String,
    ) -> Result<Option<Bad>, Failure> {
        let succeeded =
            operation.is_none_or(|op| op.status() == Some(&StackSetOperationStatus::Succeeded));
        let failed_count = operation
            .and_then(|op| op.status_details())
            .map_or(0, |details| {
                details.failed_stack_instances_count().unwrap_or(0)
            });
        // Lists lag behind the operation that has ended: what is not good is looked at again.
        let mut wait = Poller::new(self.ctx, READ_BACK);
        let there = loop {
            let there = self.instances(name).await.context(&context)?;
            if !succeeded || failed_count > 0 || goal.missing(&there).is_empty() {
                break there;
            }
            if wait
                .pause("for StackSets to list every stack as current")
                .await
                .is_err()
            {
                break there;
            }
        };
        let skipped: BTreeSet<&str> = there
            .iter()
            .filter(|instance| goal.wants(instance) && instance.is_skipped())
            .map(|instance| instance.account.as_str())
            .collect();
        if !skipped.is_empty() {
            self.tell(format!(
                "skipped by StackSets because the account is suspended or closed: {}",
                skipped.into_iter().collect::<Vec<_>>().join(", ")
            ));
        }
        let mut bad: BTreeMap<Spot, String> = BTreeMap::new();
        for spot in goal.missing(&there) {
            let why = there
                .iter()
                .find(|instance| instance.spot() == spot)
                .map_or_else(
                    || "no stack".to_owned(),
                    |instance| words(&[&instance.status, &instance.detailed, &instance.reason]),
                );
            bad.insert(spot, why);
        }
        if let Some(operation) = operation
            && (!succeeded || failed_count > 0)
        {
            let id = operation.operation_id().unwrap_or_default();
            for (spot, why) in self.failed_results(name, id).await.context(&context)? {
                bad.insert(spot, why);
            }
        }
        if bad.is_empty() && succeeded {
            return Ok(None);
        }
        let how = match operation {
            Some(operation) => {
                let status = operation.status().map_or("", |status| status.as_str());
                match operation.status_reason() {
                    Some(reason) => format!("the operation ended {status}: {reason}"),
                    None => format!("the operation ended {status}"),
                }
            }
            None => "not every stack is current".to_owned(),
        };
        Ok(Some(Bad { how, places: bad }))
    }

    /// What an operation says of the accounts and Regions where it failed.
    async fn failed_results(
        &self,
        name: &str,
        operation: &str,
    ) -> Result<BTreeMap<Spot, String>, AwsError> {
        let at = self.home();
        let client = self.cloudformation(&at).await?;
        let results = client
            .all(
                |c, token| {
                    c.list_stack_set_operation_results()
                        .stack_set_name(name)
                        .operation_id(operation)
                        .set_next_token(token)
                        .send()
                },
                |page| (page.summaries, page.next_token),
            )
            .await?;
        let mut failed = BTreeMap::new();
        for result in &results {
            let status = result.status().map_or("", |status| status.as_str());
            if !["FAILED", "CANCELLED"].contains(&status) {
                continue;
            }
            let gate = result
                .account_gate_result()
                .and_then(|gate| gate.status_reason());
            let reason = result.status_reason().or(gate).unwrap_or("no reason given");
            failed.insert(
                (
                    result.account().unwrap_or_default().to_owned(),
                    result.region().unwrap_or_default().to_owned(),
                ),
                words(&[status, reason]),
            );
        }
        Ok(failed)
    }

    async fn describe_operation(
        &self,
        name: &str,
        operation: &str,
    ) -> Result<Option<StackSetOperation>, AwsError> {
        let at = self.home();
        let client = self.cloudformation(&at).await?;
        let answer = client
            .call(|c| {
                c.describe_stack_set_operation()
                    .stack_set_name(name)
                    .operation_id(operation)
                    .send()
            })
            .await;
        match answer {
            Ok(answer) => Ok(answer.stack_set_operation),
            Err(error) if error.is("OperationNotFound") => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The action of an operation that is under way. The newest come first, so one page tells.
    pub(super) async fn operation_under_way(&self, name: &str) -> Result<Option<String>, AwsError> {
        let at = self.home();
        let client = self.cloudformation(&at).await?;
        let page = client
            .call(|c| c.list_stack_set_operations().stack_set_name(name).send())
            .await?;
        Ok(page
            .summaries()
            .iter()
            .find(|operation| {
                matches!(
                    operation.status(),
                    Some(
                        StackSetOperationStatus::Running
                            | StackSetOperationStatus::Stopping
                            | StackSetOperationStatus::Queued
                    )
                )
            })
            .map(|operation| {
                operation
                    .action()
                    .map_or("unnamed", |action| action.as_str())
                    .to_owned()
            }))
    }

    /// Every instance of a set.
    pub(super) async fn instances(&self, name: &str) -> Result<Vec<Instance>, AwsError> {
        let at = self.home();
        let client = self.cloudformation(&at).await?;
        let listed = listed_instances(&client, name).await?;
        let instances = listed.iter().map(|summary| Instance {
            account: summary.account().unwrap_or_default().to_owned(),
            region: summary.region().unwrap_or_default().to_owned(),
            status: summary
                .status()
                .map_or("", |status| status.as_str())
                .to_owned(),
            detailed: summary
                .stack_instance_status()
                .and_then(|status| status.detailed_status())
                .map_or("", |status| status.as_str())
                .to_owned(),
            reason: summary.status_reason().unwrap_or_default().to_owned(),
            ou: summary
                .organizational_unit_id()
                .unwrap_or_default()
                .to_owned(),
            stack: summary.stack_id().unwrap_or_default().to_owned(),
        });
        Ok(instances.collect())
    }
}

/// How many accounts and Regions a failure names before it counts the rest.
const NAMED: usize = 10;

fn rollout_failed(context: String, how: &str, bad: &BTreeMap<Spot, String>) -> Failure {
    let mut message = how.to_owned();
    for ((account, region), why) in bad.iter().take(NAMED) {
        message.push_str(&format!("\naccount {account} in {region}: {why}"));
    }
    if bad.len() > NAMED {
        message.push_str(&format!("\nand {} more", bad.len() - NAMED));
    }
    let hint = bad
        .values()
        .find_map(|why| hint_for_resource(why))
        .unwrap_or(
            "fix what the accounts say and run apply again: only what is missing is rolled out",
        );
    Failure {
        context,
        message,
        hint: Some(hint.to_owned()),
        request_id: None,
    }
}

/// What there is of some words, joined.
fn words(words: &[&str]) -> String {
    let there: Vec<&str> = words
        .iter()
        .copied()
        .filter(|word| !word.is_empty())
        .collect();
    there.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(account: &str, status: &str, detailed: &str) -> Instance {
        Instance {
            account: account.to_owned(),
            region: "eu-west-1".to_owned(),
            status: status.to_owned(),
            detailed: detailed.to_owned(),
            reason: String::new(),
            ou: String::new(),
            stack: String::new(),
        }
    }

    #[test]
    fn a_goal_misses_what_is_absent_outdated_failed_or_under_way_and_not_what_is_skipped() {
        let goal = Goal {
            accounts: ["1", "2", "3", "4", "5", "6"].map(str::to_owned).into(),
            regions: ["eu-west-1".to_owned()].into(),
            leaving: BTreeMap::new(),
            lacking: [("7".to_owned(), "eu-west-1".to_owned())].into(),
        };
        let there = [
            instance("1", "CURRENT", "SUCCEEDED"),
            instance("2", "OUTDATED", "FAILED"),
            instance("3", "OUTDATED", "SKIPPED_SUSPENDED_ACCOUNT"),
            instance("4", "CURRENT", "RUNNING"),
            instance("6", "INOPERABLE", "INOPERABLE"),
            instance("7", "OUTDATED", "FAILED"),
        ];
        let missing: Vec<String> = goal
            .missing(&there)
            .into_iter()
            .map(|spot| spot.0)
            .collect();
        assert_eq!(missing, ["2", "4", "5", "6"]);
    }
}
