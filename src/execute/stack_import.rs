//! Stacks that were there, taken into a stack set (ImportStacksToStackSet).
//!
//! Whether AWS wants a stack's template to be the set's is documented nowhere, and the values that its
//! parameters have stay apart from the set's ever after. So the stack is brought to the set's template,
//! parameters and tags first, by the account's own CloudFormation; then it is imported; then parameters
//! that the import kept apart are given back to the set, and that is looked at again.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudformation::types::StackInstance;

use super::effects::{ActionContext, Doing};
use super::operation::{FAILED_IMPORT, Goal, Instance, begun, preferences_of};
use super::run::Outputs;
use super::stack::{capabilities, stack_tags};
use super::stack_set::numbered;
use crate::action::{self, DeploymentTargets, StackSetDefinition};
use crate::aws::wait::{Poller, READ_BACK};
use crate::aws::{AwsError, Calls, is_already, is_busy};
use crate::baseline::template::lost_resources;
use crate::event::Failure;
use crate::plan::{Region, StackId};

/// How many stacks one call may name (ImportStacksToStackSet in CloudFormation's API reference).
const STACKS_PER_IMPORT: usize = 10;

impl ActionContext<'_> {
    /// Takes one account's stacks into a set, each Region's where the set has none there.
    pub(super) async fn import_stacks(
        &self,
        action: &action::ImportStacks,
    ) -> Result<Outputs, Failure> {
        let action::ImportStacks {
            set,
            targets,
            stacks,
        } = action;
        let context = || format!("importing stacks into {}", set.name);
        let goal = self.goal(targets)?;
        self.await_other_operations(&set.name).await?;
        let there = self.instances(&set.name).await.context(context)?;
        let lacking: Vec<&StackId> = stacks
            .values()
            .filter(|id| !there.iter().any(|instance| is_of(instance, id)))
            .collect();
        for id in &lacking {
            self.fit_for_import(set, id).await?;
        }
        for (batch, ids) in lacking.chunks(STACKS_PER_IMPORT).enumerate() {
            self.import_batch(set, targets, ids, batch).await?;
        }
        if lacking.is_empty() {
            self.tell("every stack is in the stack set already");
        }
        self.settle_instances(set, targets, stacks, &goal).await?;
        Ok(Outputs::new())
    }

    /// UpdateStack in the account, so that the stack is as the set would have made it. A stack that would lose
    /// resources by it is left alone: it may have changed since the plan was made.
    async fn fit_for_import(&self, set: &StackSetDefinition, id: &StackId) -> Result<(), Failure> {
        let at = self.place(id.account(), id.region());
        let context = || {
            format!(
                "bringing stack {} in account {}, {} to the template of {}",
                id.name(),
                at.account,
                at.region,
                set.name
            )
        };
        let fails = |message: String, hint: &str| Failure {
            context: context(),
            message,
            hint: Some(hint.to_owned()),
            request_id: None,
        };
        let name = id.to_string();
        if self.settled_stack(&at, &name, context).await?.is_none() {
            return Err(fails(
                "the stack is gone".to_owned(),
                "take it out of `existing_stacks` in the plan: the stack set makes one of its own",
            ));
        }
        let client = self.cloudformation(&at).await.context(context)?;
        let template = client
            .call(|c| c.get_template().stack_name(&name).send())
            .await
            .context(context)?;
        let lost = lost_resources(template.template_body().unwrap_or_default(), &set.template)
            .map_err(|why| fails(format!("its template cannot be read: {why}"), LEAVE_OUT))?;
        if !lost.is_empty() {
            return Err(fails(
                format!(
                    "it has what the stack set's template lacks, and would lose it: {}",
                    lost.join(", ")
                ),
                LEAVE_OUT,
            ));
        }
        let parameters = self.parameters(&set.parameters)?;
        let token = self.token(&format!("fit {}", id.region()));
        let updated = client
            .call(|c| {
                c.update_stack()
                    .stack_name(&name)
                    .template_body(&set.template)
                    .set_parameters(Some(parameters.clone()))
                    .set_capabilities(Some(capabilities(&set.capabilities)))
                    .set_tags(Some(stack_tags(&set.tags)))
                    .client_request_token(&token)
                    .send()
            })
            .await;
        match updated {
            Ok(_) => {}
            Err(error) if is_already(&error) => return Ok(()),
            Err(error) if error.is("TokenAlreadyExists") => {}
            // The update of an attempt whose answer was lost is under way.
            Err(error) if is_busy(&error) => {}
            Err(error) => return Err(error).context(context),
        }
        self.finished_stack(&at, &name, "UPDATE_COMPLETE", context)
            .await
            .map(drop)
    }

    async fn import_batch(
        &self,
        set: &StackSetDefinition,
        targets: &DeploymentTargets,
        ids: &[&StackId],
        batch: usize,
    ) -> Result<(), Failure> {
        let context = || format!("importing stacks into {}", set.name);
        let at = self.home();
        let client = self.cloudformation(&at).await.context(context)?;
        let arns: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let ous = targets
            .ous
            .iter()
            .map(|ou| self.text(ou))
            .collect::<Result<Vec<String>, Failure>>()?;
        let token = self.token(&numbered("import", batch));
        let imported = client
            .call(|c| {
                c.import_stacks_to_stack_set()
                    .stack_set_name(&set.name)
                    .set_stack_ids(Some(arns.clone()))
                    .set_organizational_unit_ids(Some(ous.clone()))
                    .operation_preferences(preferences_of(targets))
                    .operation_id(&token)
                    .send()
            })
            .await;
        let operation =
            begun(imported.map(|answer| answer.operation_id), token).context(context)?;
        // Whether every instance is as it should be is judged once they have been settled.
        self.finish_operation(&set.name, &operation, &Goal::default(), context)
            .await
    }

    /// Every stack must be an instance that is current and has no parameters of its own: those would not
    /// follow the set's updates.
    async fn settle_instances(
        &self,
        set: &StackSetDefinition,
        targets: &DeploymentTargets,
        stacks: &BTreeMap<Region, StackId>,
        goal: &Goal,
    ) -> Result<(), Failure> {
        let context = || format!("bringing imported stacks to {}", set.name);
        let mut unsettled = BTreeSet::new();
        for id in stacks.values() {
            let instance = self.imported_instance(set, id).await?;
            let current = instance
                .status()
                .is_some_and(|status| status.as_str() == "CURRENT");
            if !current || !instance.parameter_overrides().is_empty() {
                unsettled.insert(id);
            }
        }
        if !unsettled.is_empty() {
            let at = self.home();
            let client = self.cloudformation(&at).await.context(context)?;
            let regions: Vec<String> = unsettled.iter().map(|id| id.region().to_string()).collect();
            for (batch, chunk) in self.batches(targets)?.iter().enumerate() {
                let token = self.token(&numbered("settle", batch));
                // A parameter that the list leaves out goes back to the set's value; no list at all would
                // leave every one as it is.
                let updated = client
                    .call(|c| {
                        c.update_stack_instances()
                            .stack_set_name(&set.name)
                            .deployment_targets(chunk.clone())
                            .set_regions(Some(regions.clone()))
                            .set_parameter_overrides(Some(Vec::new()))
                            .operation_preferences(preferences_of(targets))
                            .operation_id(&token)
                            .send()
                    })
                    .await;
                let operation =
                    begun(updated.map(|answer| answer.operation_id), token).context(context)?;
                self.finish_operation(&set.name, &operation, goal, context)
                    .await?;
            }
        }
        for id in unsettled {
            let left = self.imported_instance(set, id).await?;
            let own: Vec<&str> = left
                .parameter_overrides()
                .iter()
                .filter_map(|parameter| parameter.parameter_key())
                .collect();
            if !own.is_empty() {
                return Err(self.fails(
                    format!(
                        "the stack {} in {} keeps parameters of its own, which updates of the stack set will \
                         not change: {}",
                        id.name(),
                        id.region(),
                        own.join(", ")
                    ),
                    Some(
                        "in the CloudFormation console choose the stack set, Actions, Override StackSet \
                         parameters, and set them to the StackSet value",
                    ),
                ));
            }
        }
        self.judge(&set.name, None, goal, context).await
    }

    /// The instance that a stack has become. What was imported a moment ago may not be told at once.
    async fn imported_instance(
        &self,
        set: &StackSetDefinition,
        id: &StackId,
    ) -> Result<StackInstance, Failure> {
        let context = || {
            format!(
                "looking at the imported stack {} of {}",
                id.name(),
                set.name
            )
        };
        let mut wait = Poller::new(self.ctx, READ_BACK);
        loop {
            match self.describe_instance(set, id).await.context(context)? {
                Some(instance) => {
                    let stack = instance.stack_id().unwrap_or_default();
                    if stack == id.to_string() {
                        return Ok(instance);
                    }
                    return Err(self.fails(
                        format!(
                            "in account {}, {} the stack set has {stack} and not {id}",
                            id.account(),
                            id.region()
                        ),
                        Some("take the stack out of `existing_stacks` in the plan, or delete the other one"),
                    ));
                }
                None => wait
                    .pause("for StackSets to list the imported stack")
                    .await
                    .context(context)?,
            }
        }
    }

    async fn describe_instance(
        &self,
        set: &StackSetDefinition,
        id: &StackId,
    ) -> Result<Option<StackInstance>, AwsError> {
        let at = self.home();
        let client = self.cloudformation(&at).await?;
        let answer = client
            .call(|c| {
                c.describe_stack_instance()
                    .stack_set_name(&set.name)
                    .stack_instance_account(id.account().as_str())
                    .stack_instance_region(id.region().as_str())
                    .send()
            })
            .await;
        match answer {
            Ok(answer) => Ok(answer.stack_instance),
            Err(error) if error.is("StackInstanceNotFound") => Ok(None),
            Err(error) => Err(error),
        }
    }
}

const LEAVE_OUT: &str = "leave the stack out of `existing_stacks` in the plan, or fix its template";

/// Whether a set's instance is where a stack is to be imported. What a failed import left does not count.
fn is_of(instance: &Instance, id: &StackId) -> bool {
    instance.account == id.account().as_str()
        && instance.region == id.region().as_str()
        && instance.detailed != FAILED_IMPORT
}
