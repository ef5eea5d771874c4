//! What is left over, taken away: instances of stack sets, stack sets, stacks.

use std::collections::BTreeSet;

use aws_sdk_cloudformation::types::{AccountFilterType, DeploymentTargets as SdkDeploymentTargets};

use super::effects::{ActionContext, Doing};
use super::operation::{Goal, Instance, begun, preferences};
use super::run::Outputs;
use super::stack::is_ours;
use super::stack_set::{OUS_PER_OPERATION, numbered};
use crate::action::{self, DeleteStackInstances};
use crate::aws::wait::{Poller, READ_BACK, STACK};
use crate::aws::{Calls, is_no_target};
use crate::event::Failure;

impl ActionContext<'_> {
    /// DeleteStackInstances, and its end. What is gone already is well.
    pub(super) async fn delete_stack_instances(
        &self,
        left: &DeleteStackInstances,
    ) -> Result<Outputs, Failure> {
        let name = &left.set;
        let context = || format!("taking stacks of {name} away");
        if self.describe_set(name).await.context(context)?.is_none() {
            return Ok(Outputs::new());
        }
        self.await_other_operations(name).await?;
        let there = self.instances(name).await.context(context)?;
        let concerned = there.iter().any(|instance| left.wants(instance));
        // A target without any stack is a target still; accounts alone are not.
        if !concerned && !left.accounts.is_empty() {
            return Ok(Outputs::new());
        }
        let at = self.home();
        let client = self.cloudformation(&at).await.context(context)?;
        let targets: Vec<String> = left.targets.iter().cloned().collect();
        let regions: Vec<String> = left.regions.iter().map(ToString::to_string).collect();
        let accounts: Vec<String> = left.accounts.iter().map(ToString::to_string).collect();
        let filter = match accounts.is_empty() {
            true => AccountFilterType::None,
            false => AccountFilterType::Intersection,
        };
        for (batch, ous) in targets.chunks(OUS_PER_OPERATION).enumerate() {
            let targets = SdkDeploymentTargets::builder()
                .set_organizational_unit_ids(Some(ous.to_vec()))
                .set_accounts((!accounts.is_empty()).then(|| accounts.clone()))
                .account_filter_type(filter.clone())
                .build();
            let token = self.token(&numbered("delete", batch));
            let deleted = client
                .call(|c| {
                    c.delete_stack_instances()
                        .stack_set_name(name)
                        .deployment_targets(targets.clone())
                        .set_regions(Some(regions.clone()))
                        .operation_preferences(preferences(
                            left.max_concurrent,
                            left.failure_tolerance,
                        ))
                        .retain_stacks(left.retain)
                        .operation_id(&token)
                        .send()
                })
                .await;
            let operation = match begun(deleted.map(|answer| answer.operation_id), token) {
                Ok(operation) => operation,
                // Nothing is there any more, and what nothing is in is no target.
                Err(error)
                    if error.is("StackInstanceNotFound")
                        || error.is("StackSetNotFound")
                        || is_no_target(&error) =>
                {
                    continue;
                }
                // What StackSets makes of a target that Organizations has no more is documented nowhere.
                Err(error) if left.gone && error.is("ValidationError") => {
                    self.note(format!(
                        "AWS takes no target away whose OU is gone ({}): it stays with the stack set, and reaches nobody",
                        error.message
                    ));
                    continue;
                }
                Err(error) => return Err(error).context(context),
            };
            self.finish_operation(name, &operation, &Goal::default(), context)
                .await?;
        }
        if left.retain {
            let kept = there.iter().filter(|instance| left.wants(instance));
            let kept: BTreeSet<&str> = kept
                .map(|instance| instance.stack.as_str())
                .filter(|stack| !stack.is_empty())
                .collect();
            if !kept.is_empty() {
                let kept: Vec<String> = kept.into_iter().map(|id| format!("{id:?}")).collect();
                self.note(format!(
                    "stacks that {name} let go of stay in their accounts; should the plan ask for them again, have them taken \
                     in: `{} = [{}]` under [baseline.NAME.existing_stacks], NAME being the baseline that {name} belongs to",
                    left.short,
                    kept.join(", ")
                ));
            }
        }
        // Lists lag behind the operation that has ended.
        let mut wait = Poller::new(self.ctx, READ_BACK);
        loop {
            let there = self.instances(name).await.context(context)?;
            let still: BTreeSet<String> = there
                .iter()
                .filter(|instance| left.wants(instance))
                .map(|instance| format!("account {} in {}", instance.account, instance.region))
                .collect();
            if still.is_empty() {
                return Ok(Outputs::new());
            }
            if wait
                .pause("for StackSets to forget the stacks")
                .await
                .is_err()
            {
                let still: Vec<String> = still.into_iter().collect();
                return Err(self.fails(
                    format!(
                        "the stack set {name} still has stacks: {}",
                        still.join(", ")
                    ),
                    Some("see what its operation says in the console, and run the command again"),
                ));
            }
        }
    }

    /// DeleteStackSet. One that is gone is well.
    pub(super) async fn delete_stack_set(
        &self,
        action: &action::DeleteStackSet,
    ) -> Result<Outputs, Failure> {
        let action::DeleteStackSet { name } = action;
        let context = || format!("deleting stack set {name}");
        let Some(there) = self.describe_set(name).await.context(context)? else {
            return Ok(Outputs::new());
        };
        if !is_ours(there.tags()) {
            return Err(self.fails(
                format!("orgstrap did not make the stack set {name}, or its tag is gone"),
                Some("delete it by hand if it is to go"),
            ));
        }
        self.await_other_operations(name).await?;
        let at = self.home();
        let client = self.cloudformation(&at).await.context(context)?;
        let deleted = client
            .call(|c| c.delete_stack_set().stack_set_name(name).send())
            .await;
        match deleted {
            Ok(_) => Ok(Outputs::new()),
            Err(error) if error.is("StackSetNotFound") => Ok(Outputs::new()),
            Err(error) => Err(error).context(context),
        }
    }

    /// DeleteStack and its end; termination protection is switched off for it. What its template keeps stays.
    pub(super) async fn delete_stack(
        &self,
        action: &action::DeleteStack,
    ) -> Result<Outputs, Failure> {
        let action::DeleteStack {
            account,
            region,
            name,
        } = action;
        let at = self.place(&self.account(account)?, region);
        let context = || format!("deleting stack {name} in account {}, {region}", at.account);
        let Some(there) = self.settled_stack(&at, name, context).await? else {
            return Ok(Outputs::new());
        };
        if !is_ours(there.tags()) {
            return Err(self.fails(
                format!("orgstrap did not make the stack {name}, or its tag is gone"),
                Some("delete it by hand if it is to go"),
            ));
        }
        let client = self.cloudformation(&at).await.context(context)?;
        if there.enable_termination_protection() != Some(false) {
            client
                .call(|c| {
                    c.update_termination_protection()
                        .stack_name(name)
                        .enable_termination_protection(false)
                        .send()
                })
                .await
                .context(context)?;
        }
        // By id: the name alone would not be found any more once it is deleted.
        let id = there.stack_id().unwrap_or(name);
        let token = self.token("delete");
        let deleted = client
            .call(|c| {
                c.delete_stack()
                    .stack_name(id)
                    .client_request_token(&token)
                    .send()
            })
            .await;
        match deleted {
            Ok(_) => {}
            Err(error) if error.is("TokenAlreadyExists") => {}
            Err(error) => return Err(error).context(context),
        }
        let mut wait = Poller::new(self.ctx, STACK);
        loop {
            let now = self.describe_stack(&at, id).await.context(context)?;
            let status = now.as_ref().and_then(|now| now.stack_status());
            match (now.as_ref(), status.map(|status| status.as_str())) {
                (None, _) | (_, Some("DELETE_COMPLETE")) => return Ok(Outputs::new()),
                (Some(now), Some("DELETE_FAILED")) => {
                    return Err(self.stack_failed(&at, now, context()).await);
                }
                (_, status) => {
                    wait.pause(format!(
                        "CloudFormation says {}",
                        status.unwrap_or_default()
                    ))
                    .await
                    .context(context)?;
                }
            }
        }
    }
}

impl DeleteStackInstances {
    /// Whether it is about an instance.
    fn wants(&self, instance: &Instance) -> bool {
        let account = match self.accounts.is_empty() {
            true => self.targets.contains(&instance.ou),
            false => {
                let mut accounts = self.accounts.iter();
                accounts.any(|account| account.as_str() == instance.account)
            }
        };
        let mut regions = self.regions.iter();
        account && regions.any(|region| region.as_str() == instance.region)
    }
}
