//! Settings of a stack set: managed execution and auto-deployment, changed without touching what its stacks are made of.

use aws_sdk_cloudformation::types::{
    AutoDeployment as SdkAutoDeployment, ManagedExecution, PermissionModels, StackSet,
    StackSetOperationPreferences,
};

use super::effects::{ActionContext, Doing};
use super::lost;
use super::operation::{Goal, begun, preferences};
use super::run::Outputs;
use super::stack_set::{numbered, previous_values};
use crate::action;
use crate::aws::Calls;
use crate::event::Failure;
use crate::plan::Portion;

impl ActionContext<'_> {
    /// UpdateStackSet without a template: managed execution and auto-deployment, each by a request of its own.
    pub(super) async fn update_stack_set_settings(
        &self,
        action: &action::UpdateStackSetSettings,
    ) -> Result<Outputs, Failure> {
        let name = &action.name;
        let managed = action.managed_execution;
        self.await_removals(name, &action.leaving).await?;
        let auto = match action.auto_deployment {
            Some(auto) => Some(self.auto_deployment(auto, &action.depends_on)?),
            None => None,
        };
        self.await_other_operations(name).await?;
        let there = self.existing_set(name).await?;
        if let Some(active) = managed {
            self.set_managed_execution(name, &there, active).await?;
        }
        let now = match managed {
            Some(_) => self.existing_set(name).await?,
            None => there.clone(),
        };
        // A request that names neither must not have changed them; where it has, the next puts them back.
        let kept =
            now.parameters() == there.parameters() && now.description() == there.description();
        if auto.is_none() && kept {
            return Ok(Outputs::new());
        }
        self.set_auto_deployment(name, &there, auto, kept).await
    }

    /// Managed execution by itself: "Cannot update ManagedExecution while updating StackSet Template or Parameters"
    /// (aws-cloudformation/rain#748), so neither is named. AWS's own resource handler sends it so too.
    async fn set_managed_execution(
        &self,
        name: &str,
        there: &StackSet,
        active: bool,
    ) -> Result<(), Failure> {
        let context = || format!("changing the managed execution of stack set {name}");
        let at = self.home();
        let client = self.cloudformation(&at).await.context(context)?;
        for attempt in 1.. {
            let token = self.token(&numbered("managed execution", attempt - 1));
            let updated = client
                .call(|c| {
                    c.update_stack_set()
                        .stack_set_name(name)
                        .use_previous_template(true)
                        .set_capabilities(there.capabilities.clone())
                        .permission_model(PermissionModels::ServiceManaged)
                        .set_administration_role_arn(there.administration_role_arn.clone())
                        .set_execution_role_name(there.execution_role_name.clone())
                        .managed_execution(ManagedExecution::builder().active(active).build())
                        .operation_preferences(at_once())
                        .operation_id(&token)
                        .send()
                })
                .await;
            let operation =
                begun(updated.map(|answer| answer.operation_id), token).context(context)?;
            let ended = self
                .end_of(name, &operation, &Goal::default(), context)
                .await?;
            let Some(bad) = ended else { break };
            if attempt >= lost::TRIES || !self.mend_instances(name, &bad.places).await? {
                return Err(bad.failure(context()));
            }
        }
        Ok(())
    }

    /// Auto-deployment, or only parameters and description as they were. What is not named would fall back to
    /// defaults, so what is there is sent along.
    async fn set_auto_deployment(
        &self,
        name: &str,
        there: &StackSet,
        auto: Option<SdkAutoDeployment>,
        kept: bool,
    ) -> Result<Outputs, Failure> {
        let context = || format!("changing the settings of stack set {name}");
        let at = self.home();
        let client = self.cloudformation(&at).await.context(context)?;
        let parameters = match kept {
            true => previous_values(there.parameters()),
            false => there.parameters().to_vec(),
        };
        // Such an operation visits every stack too: one that somebody deleted makes it fail.
        for attempt in 1.. {
            let token = self.token(&numbered("settings", attempt - 1));
            let updated = client
                .call(|c| {
                    c.update_stack_set()
                        .stack_set_name(name)
                        .use_previous_template(true)
                        .set_parameters(Some(parameters.clone()))
                        .set_capabilities(there.capabilities.clone())
                        .set_description(there.description.clone())
                        .permission_model(PermissionModels::ServiceManaged)
                        .set_administration_role_arn(there.administration_role_arn.clone())
                        .set_execution_role_name(there.execution_role_name.clone())
                        .set_auto_deployment(auto.clone())
                        .operation_preferences(at_once())
                        .operation_id(&token)
                        .send()
                })
                .await;
            let operation = match updated {
                Ok(answer) => answer.operation_id,
                Err(error) if error.is("OperationIdAlreadyExists") => Some(token),
                Err(error) => return Err(error).context(context),
            };
            let Some(operation) = operation else { break };
            let ended = self
                .end_of(name, &operation, &Goal::default(), context)
                .await?;
            let Some(bad) = ended else { break };
            // A staged update comes after a hold, and brings every stack that this left behind.
            let held = auto
                .as_ref()
                .is_some_and(|auto| auto.enabled() == Some(false));
            if held && self.is_held(name).await? {
                self.tell("auto-deployment is off; stacks that the operation did not reach come with the update");
                break;
            }
            if attempt >= lost::TRIES || !self.mend_instances(name, &bad.places).await? {
                return Err(bad.failure(context()));
            }
        }
        Ok(Outputs::new())
    }

    async fn is_held(&self, name: &str) -> Result<bool, Failure> {
        let set = self.existing_set(name).await?;
        Ok(set.auto_deployment().and_then(SdkAutoDeployment::enabled) != Some(true))
    }
}

/// Preferences of an operation that is to change no instance. Should StackSets walk them all the same, it does so side
/// by side: by default it would take one account at a time, Region after Region, for hours.
fn at_once() -> StackSetOperationPreferences {
    preferences(Portion::Percent(100), Portion::Percent(0))
}
