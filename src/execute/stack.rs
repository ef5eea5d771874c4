//! Plain stacks: created, updated, waited for.

use aws_sdk_cloudformation::types::{
    Capability, ChangeSetStatus, ChangeSetType, OnFailure, Parameter, ResourceToImport, Stack,
    StackEvent, Tag,
};

use super::effects::{ActionContext, Doing};
use super::hints;
use super::lost;
use super::run::Outputs;
use super::stack_set::numbered;
use crate::action::{self, StackDefinition};
use crate::addr::{Attribute, Expr, OWNERSHIP_TAG};
use crate::aws::wait::{OPENING, PROPAGATION, Poller, STACK};
use crate::aws::{
    AwsError, Calls, is_already, is_busy, is_not_there, opens_later, resource_passes,
};
use crate::event::Failure;
use crate::inventory::AccountRegion;
use crate::plan::Tags;

/// The patience with a stack that fails for what passes by itself.
struct Lag<'a> {
    hand: &'a ActionContext<'a>,
    at: &'a AccountRegion,
    policies: Poller<'a>,
    opening: Poller<'a>,
}

impl<'a> Lag<'a> {
    fn new(hand: &'a ActionContext<'a>, at: &'a AccountRegion) -> Self {
        Self {
            hand,
            at,
            policies: Poller::new(hand.ctx, PROPAGATION),
            opening: Poller::new(hand.ctx, OPENING),
        }
    }

    /// Pauses where it may pass by another attempt; not where it doesn't pass by itself, or patience has ended.
    async fn passes(&mut self, failure: &Failure) -> bool {
        if !resource_passes(&failure.message) {
            return false;
        }
        let aws = &self.hand.shared.aws;
        if opens_later(&failure.message) && aws.is_new_account(&self.at.account) {
            let why =
                "a service is not open yet in the new account: working on the stack once more";
            return aws.bears(&self.at.account, self.opening.next())
                && self.opening.pause(why).await.is_ok();
        }
        let why = "a bucket, a key, a role or trusted access is not known everywhere yet: working on the stack once more";
        self.policies.pause(why).await.is_ok()
    }
}

/// Tags as CloudFormation takes them.
pub(super) fn stack_tags(tags: &Tags) -> Vec<Tag> {
    tags.iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect()
}

/// Capabilities as CloudFormation takes them.
pub(super) fn capabilities<'a>(names: impl IntoIterator<Item = &'a String>) -> Vec<Capability> {
    names
        .into_iter()
        .map(|name| Capability::from(name.as_str()))
        .collect()
}

/// Whether tags say that orgstrap made it.
pub(super) fn is_ours(tags: &[Tag]) -> bool {
    tags.iter()
        .any(|tag| tag.key() == Some(OWNERSHIP_TAG.0) && tag.value() == Some(OWNERSHIP_TAG.1))
}

impl ActionContext<'_> {
    /// Parameters as CloudFormation takes them, references filled in.
    pub(super) fn parameters<'a>(
        &self,
        parameters: impl IntoIterator<Item = (&'a String, &'a Expr)>,
    ) -> Result<Vec<Parameter>, Failure> {
        parameters
            .into_iter()
            .map(|(key, value)| {
                Ok(Parameter::builder()
                    .parameter_key(key)
                    .parameter_value(self.text(value)?)
                    .build())
            })
            .collect()
    }

    /// CreateStack and its end. A stack that is there is finished or taken if it is ours; one that
    /// a failed creation left is deleted first.
    pub(super) async fn create_stack(
        &self,
        action::CreateStack(stack): &action::CreateStack,
    ) -> Result<Outputs, Failure> {
        let at = self.place(&self.account(&stack.account)?, &stack.region);
        match self.settled(&at, stack).await? {
            None => {}
            Some(there) if failed_creation(&there) => {
                self.remove_failed(&at, stack, &there).await?;
            }
            Some(there) if stack.take_in.is_some() && is_ours(there.tags()) => {
                // Its import was begun by a run before.
                let there = self.take_in(&at, stack).await?.unwrap_or(there);
                return self.update_settled(&at, stack, &there).await;
            }
            Some(there) if is_ours(there.tags()) => {
                self.tell("the stack is there already: bringing it up to date");
                return self.update_settled(&at, stack, &there).await;
            }
            Some(_) => {
                return Err(self.fails(
                    format!(
                        "a stack `{}` that orgstrap did not make is there",
                        stack.name
                    ),
                    Some("delete or rename it, or choose another prefix in the plan"),
                ));
            }
        }
        if let Some(there) = self.take_in(&at, stack).await? {
            return self.update_settled(&at, stack, &there).await;
        }
        let mut lag = Lag::new(self, &at);
        let mut attempt = 0;
        loop {
            attempt += 1;
            match self.try_to_create(&at, stack, attempt).await {
                Err(failure) => {
                    if !lag.passes(&failure).await {
                        return Err(failure);
                    }
                    if let Some(there) = self.settled(&at, stack).await?
                        && failed_creation(&there)
                    {
                        self.remove_failed(&at, stack, &there).await?;
                    }
                }
                done => return done,
            }
        }
    }

    async fn try_to_create(
        &self,
        at: &AccountRegion,
        stack: &StackDefinition,
        attempt: u32,
    ) -> Result<Outputs, Failure> {
        let context = || context("creating", stack, at);
        let parameters = self.parameters(&stack.parameters)?;
        let client = self.cloudformation(at).await.context(context)?;
        let token = self.token(&format!("create {attempt}"));
        let created = client
            .call(|c| {
                c.create_stack()
                    .stack_name(&stack.name)
                    .template_body(&stack.template)
                    .set_parameters(Some(parameters.clone()))
                    .set_capabilities(Some(capabilities(&stack.capabilities)))
                    .set_tags(Some(stack_tags(&stack.tags)))
                    .on_failure(OnFailure::Rollback)
                    .enable_termination_protection(true)
                    .client_request_token(&token)
                    .send()
            })
            .await;
        match created {
            Ok(_) => {}
            // The answer to an earlier attempt was lost.
            Err(error) if error.is("AlreadyExists") || error.is("TokenAlreadyExists") => {}
            Err(error) => return Err(error).context(context),
        }
        self.finish_stack(at, stack, "CREATE_COMPLETE", context)
            .await
    }

    /// UpdateStack and its end.
    pub(super) async fn update_stack(
        &self,
        action::UpdateStack(stack): &action::UpdateStack,
    ) -> Result<Outputs, Failure> {
        let at = self.place(&self.account(&stack.account)?, &stack.region);
        match self.settled(&at, stack).await? {
            Some(there) => {
                let there = self.take_in(&at, stack).await?.unwrap_or(there);
                self.update_settled(&at, stack, &there).await
            }
            None => Err(Failure {
                context: context("updating", stack, &at),
                message: "the stack is gone".to_owned(),
                hint: Some("run plan again: it makes it anew".to_owned()),
                request_id: None,
            }),
        }
    }

    /// Takes in what is there already, by a change set of the type IMPORT. The stack afterwards, where anything was to
    /// be taken in.
    async fn take_in(
        &self,
        at: &AccountRegion,
        stack: &StackDefinition,
    ) -> Result<Option<Stack>, Failure> {
        let Some(desired) = &stack.take_in else {
            return Ok(None);
        };
        let context = || context("taking what is there into", stack, at);
        let client = self.cloudformation(at).await.context(context)?;
        let there = self
            .describe_stack(at, &stack.name)
            .await
            .context(context)?;
        // A run before may have done it: AWS refuses to take in what is in a stack.
        if there.is_some() {
            let listed = client
                .call(|c| c.describe_stack_resources().stack_name(&stack.name).send())
                .await
                .context(context)?;
            let has = |id: &str| {
                let mut resources = listed.stack_resources().iter();
                resources.any(|resource| resource.logical_resource_id() == Some(id))
            };
            if desired.resources.iter().all(|one| has(&one.logical_id)) {
                return Ok(there);
            }
        }
        let parameters = match &there {
            // Nothing else of the stack may change with an import.
            Some(there) => there
                .parameters()
                .iter()
                .map(|parameter| {
                    Parameter::builder()
                        .set_parameter_key(parameter.parameter_key.clone())
                        .use_previous_value(true)
                        .build()
                })
                .collect(),
            None => self.parameters(&stack.parameters)?,
        };
        let resources: Vec<ResourceToImport> = desired
            .resources
            .iter()
            .map(|one| {
                ResourceToImport::builder()
                    .resource_type(&one.kind)
                    .logical_resource_id(&one.logical_id)
                    .resource_identifier(&one.property, &one.identifier)
                    .build()
            })
            .collect();
        let tags = match &there {
            Some(there) => there.tags().to_vec(),
            None => stack_tags(&stack.tags),
        };
        let name = self.token("import");
        let made = client
            .call(|c| {
                c.create_change_set()
                    .stack_name(&stack.name)
                    .change_set_name(&name)
                    .change_set_type(ChangeSetType::Import)
                    .template_body(&desired.template)
                    .set_parameters(Some(parameters.clone()))
                    .set_capabilities(Some(capabilities(&stack.capabilities)))
                    .set_resources_to_import(Some(resources.clone()))
                    .set_tags(Some(tags.clone()))
                    .send()
            })
            .await;
        match made {
            // An attempt whose answer was lost has made it.
            Err(error) if error.is("AlreadyExists") => {}
            made => {
                made.context(context)?;
            }
        }
        self.execute_change_set(at, &stack.name, &name, context)
            .await?;
        let there = self
            .finished_stack(at, &stack.name, "IMPORT_COMPLETE", context)
            .await?;
        let names: Vec<&str> = desired
            .resources
            .iter()
            .map(|one| one.logical_id.as_str())
            .collect();
        self.tell(format!("took in {}", names.join(", ")));
        Ok(Some(there))
    }

    /// Waits until a change set is made, and executes it.
    pub(super) async fn execute_change_set(
        &self,
        at: &AccountRegion,
        stack: &str,
        name: &str,
        context: impl Fn() -> String,
    ) -> Result<(), Failure> {
        let client = self.cloudformation(at).await.context(&context)?;
        let mut wait = Poller::new(self.ctx, STACK);
        loop {
            let set = client
                .call(|c| {
                    c.describe_change_set()
                        .stack_name(stack)
                        .change_set_name(name)
                        .send()
                })
                .await
                .context(&context)?;
            match set.status() {
                Some(ChangeSetStatus::CreateComplete) => break,
                Some(ChangeSetStatus::Failed) => {
                    return Err(Failure {
                        context: context(),
                        message: set.status_reason().unwrap_or("no reason given").to_owned(),
                        hint: Some(format!(
                            "look at what drifted: aws cloudformation detect-stack-drift --stack-name {stack} --region {}",
                            at.region
                        )),
                        request_id: None,
                    });
                }
                _ => wait
                    .pause("CloudFormation makes the change set")
                    .await
                    .context(&context)?,
            }
        }
        client
            .call(|c| {
                c.execute_change_set()
                    .stack_name(stack)
                    .change_set_name(name)
                    .send()
            })
            .await
            .context(&context)?;
        Ok(())
    }

    /// Updates it; where that fails because somebody deleted what is to be changed, that is put back and the update
    /// tried again.
    async fn update_settled(
        &self,
        at: &AccountRegion,
        stack: &StackDefinition,
        there: &Stack,
    ) -> Result<Outputs, Failure> {
        let fixed;
        let there = match status(there) {
            "UPDATE_ROLLBACK_FAILED" if self.mend_stack(at, &stack.name).await? => {
                let context = || context("updating", stack, at);
                fixed = self.settled_stack(at, &stack.name, context).await?;
                fixed.as_ref().unwrap_or(there)
            }
            _ => there,
        };
        let mut lag = Lag::new(self, at);
        for attempt in 1.. {
            let failure = match self.try_to_update(at, stack, there, attempt).await {
                Err(failure) if attempt < lost::TRIES => failure,
                done => return done,
            };
            if lag.passes(&failure).await {
                self.settled(at, stack).await?;
                continue;
            }
            if !self.mend_stack(at, &stack.name).await? {
                return Err(failure);
            }
        }
        Ok(Outputs::new())
    }

    async fn try_to_update(
        &self,
        at: &AccountRegion,
        stack: &StackDefinition,
        there: &Stack,
        attempt: usize,
    ) -> Result<Outputs, Failure> {
        let context = || context("updating", stack, at);
        let client = self.cloudformation(at).await.context(context)?;
        if status(there) == "UPDATE_ROLLBACK_FAILED" {
            return Err(Failure {
                context: context(),
                message:
                    "an earlier update failed and could not be rolled back (UPDATE_ROLLBACK_FAILED)"
                        .to_owned(),
                hint: Some(format!(
                    "fix what blocks it, then: aws cloudformation continue-update-rollback --stack-name {} --region {}",
                    stack.name, at.region
                )),
                request_id: None,
            });
        }
        if there.enable_termination_protection() != Some(true) {
            client
                .call(|c| {
                    c.update_termination_protection()
                        .stack_name(&stack.name)
                        .enable_termination_protection(true)
                        .send()
                })
                .await
                .context(context)?;
        }
        let parameters = self.parameters(&stack.parameters)?;
        let token = self.token(&numbered("update", attempt - 1));
        let updated = client
            .call(|c| {
                c.update_stack()
                    .stack_name(&stack.name)
                    .template_body(&stack.template)
                    .set_parameters(Some(parameters.clone()))
                    .set_capabilities(Some(capabilities(&stack.capabilities)))
                    .set_tags(Some(stack_tags(&stack.tags)))
                    .client_request_token(&token)
                    .send()
            })
            .await;
        match updated {
            Ok(_) => {}
            Err(error) if is_already(&error) => return Ok(self.bind_stack(there)),
            Err(error) if error.is("TokenAlreadyExists") => {}
            // The update of an attempt whose answer was lost is under way.
            Err(error) if is_busy(&error) => {}
            Err(error) => return Err(error).context(context),
        }
        self.finish_stack(at, stack, "UPDATE_COMPLETE", context)
            .await
    }

    /// Waits for the operation under way and says how it ended. After a creation that was taken over
    /// both words of success count.
    async fn finish_stack(
        &self,
        at: &AccountRegion,
        stack: &StackDefinition,
        success: &str,
        context: impl Fn() -> String,
    ) -> Result<Outputs, Failure> {
        let there = self
            .finished_stack(at, &stack.name, success, context)
            .await?;
        Ok(self.bind_stack(&there))
    }

    /// The same of a stack by its name or id: the stack, where the operation ended well.
    pub(super) async fn finished_stack(
        &self,
        at: &AccountRegion,
        name: &str,
        success: &str,
        context: impl Fn() -> String,
    ) -> Result<Stack, Failure> {
        let mut wait = Poller::new(self.ctx, STACK);
        loop {
            let there = self.describe_stack(at, name).await.context(&context)?;
            match there {
                // A new stack may not be listed at once.
                None => {
                    wait.pause("CloudFormation does not list the stack yet")
                        .await
                        .context(&context)?;
                }
                Some(there) if in_progress(&there) => {
                    wait.pause(format!("CloudFormation says {}", status(&there)))
                        .await
                        .context(&context)?;
                }
                Some(there)
                    if [success, "CREATE_COMPLETE", "UPDATE_COMPLETE"]
                        .contains(&status(&there)) =>
                {
                    return Ok(there);
                }
                Some(there) => return Err(self.stack_failed(at, &there, context()).await),
            }
        }
    }

    /// The stack once nothing works on it; `None` where there is none.
    async fn settled(
        &self,
        at: &AccountRegion,
        stack: &StackDefinition,
    ) -> Result<Option<Stack>, Failure> {
        self.settled_stack(at, &stack.name, || context("looking at", stack, at))
            .await
    }

    /// The same of a stack by its name or id.
    pub(super) async fn settled_stack(
        &self,
        at: &AccountRegion,
        name: &str,
        context: impl Fn() -> String,
    ) -> Result<Option<Stack>, Failure> {
        let mut wait = Poller::new(self.ctx, STACK);
        loop {
            match self.describe_stack(at, name).await.context(&context)? {
                Some(there) if status(&there) == "DELETE_COMPLETE" => return Ok(None),
                Some(there) if in_progress(&there) => {
                    wait.pause(format!(
                        "for what is under way: CloudFormation says {}",
                        status(&there)
                    ))
                    .await
                    .context(&context)?;
                }
                there => return Ok(there),
            }
        }
    }

    pub(super) async fn describe_stack(
        &self,
        at: &AccountRegion,
        name: &str,
    ) -> Result<Option<Stack>, AwsError> {
        let client = self.cloudformation(at).await?;
        let answer = client
            .call(|c| c.describe_stacks().stack_name(name).send())
            .await;
        match answer {
            Ok(answer) => Ok(answer.stacks.unwrap_or_default().into_iter().next()),
            Err(error) if is_not_there(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Deletes what a failed creation left, and says what it leaves behind in turn: a bucket that is
    /// kept makes the next creation fail by its name.
    async fn remove_failed(
        &self,
        at: &AccountRegion,
        stack: &StackDefinition,
        there: &Stack,
    ) -> Result<(), Failure> {
        let context = || context("deleting the failed creation of", stack, at);
        if !stack.replaces_failed {
            self.tell("an earlier creation of the stack failed: deleting what it left");
        }
        // One that only a change set was made for has no tags, and nothing in it.
        if !is_ours(there.tags()) && status(there) != "REVIEW_IN_PROGRESS" {
            return Err(self.fails(
                format!(
                    "a failed stack `{}` that orgstrap did not make is there",
                    stack.name
                ),
                Some("delete it, or choose another prefix in the plan"),
            ));
        }
        let client = self.cloudformation(at).await.context(context)?;
        client
            .call(|c| {
                c.update_termination_protection()
                    .stack_name(&stack.name)
                    .enable_termination_protection(false)
                    .send()
            })
            .await
            .context(context)?;
        // By id: the name alone would not be found any more once it is deleted.
        let id = there.stack_id().unwrap_or(&stack.name);
        client
            .call(|c| c.delete_stack().stack_name(id).send())
            .await
            .context(context)?;
        let mut wait = Poller::new(self.ctx, STACK);
        loop {
            let now = self.describe_stack(at, id).await.context(context)?;
            match now {
                None => break,
                Some(now) if status(&now) == "DELETE_COMPLETE" => break,
                Some(now) if status(&now) == "DELETE_FAILED" => {
                    return Err(self.stack_failed(at, &now, context()).await);
                }
                Some(now) => {
                    wait.pause(format!("CloudFormation says {}", status(&now)))
                        .await
                        .context(context)?;
                }
            }
        }
        let kept: Vec<String> = self
            .stack_events(at, id)
            .await
            .unwrap_or_default()
            .iter()
            .filter(|event| {
                event
                    .resource_status()
                    .is_some_and(|status| status.as_str() == "DELETE_SKIPPED")
            })
            .filter_map(|event| event.physical_resource_id().map(str::to_owned))
            .collect();
        if !kept.is_empty() {
            self.tell(format!(
                "kept from the failed creation: {}",
                kept.join(", ")
            ));
        }
        Ok(())
    }

    /// The failure of a stack, with the first resource that failed.
    pub(super) async fn stack_failed(
        &self,
        at: &AccountRegion,
        stack: &Stack,
        context: String,
    ) -> Failure {
        let name = stack.stack_id().or(stack.stack_name()).unwrap_or_default();
        let events = self.stack_events(at, name).await.unwrap_or_default();
        let message = match first_failure(&events) {
            Some(first) => format!("{}: {first}", status(stack)),
            None => format!(
                "{}: {}",
                status(stack),
                stack.stack_status_reason().unwrap_or("no reason given")
            ),
        };
        let hint = hint_for_resource(&message).unwrap_or(
            "fix what it names and run apply again; a stack that failed to be created is deleted and made anew",
        );
        Failure {
            context,
            message,
            hint: Some(hint.to_owned()),
            request_id: None,
        }
    }

    /// The events of a stack, newest first, up to the start of its last operation.
    pub(super) async fn stack_events(
        &self,
        at: &AccountRegion,
        name: &str,
    ) -> Result<Vec<StackEvent>, AwsError> {
        let client = self.cloudformation(at).await?;
        let mut events: Vec<StackEvent> = Vec::new();
        client
            .find(
                |c, token| {
                    c.describe_stack_events()
                        .stack_name(name)
                        .set_next_token(token)
                        .send()
                },
                |page| (page.stack_events, page.next_token),
                |event| {
                    let of_stack = event.physical_resource_id() == event.stack_id();
                    let starts = event.resource_status().is_some_and(|status| {
                        [
                            "CREATE_IN_PROGRESS",
                            "UPDATE_IN_PROGRESS",
                            "DELETE_IN_PROGRESS",
                        ]
                        .contains(&status.as_str())
                    });
                    events.push(event);
                    (of_stack && starts).then_some(())
                },
            )
            .await?;
        Ok(events)
    }

    fn bind_stack(&self, stack: &Stack) -> Outputs {
        let address = &self.change.address;
        let id = stack
            .stack_id()
            .map(|id| (address.clone(), Attribute::Id, id.to_owned()));
        let outputs = stack.outputs().iter().filter_map(|output| {
            let name = Attribute::Output(output.output_key()?.to_owned());
            Some((address.clone(), name, output.output_value()?.to_owned()))
        });
        id.into_iter().chain(outputs).collect()
    }
}

fn context(what: &str, stack: &StackDefinition, at: &AccountRegion) -> String {
    format!(
        "{what} stack {} in account {}, {}",
        stack.name, at.account, at.region
    )
}

pub(super) fn status(stack: &Stack) -> &str {
    stack.stack_status().map_or("", |status| status.as_str())
}

fn in_progress(stack: &Stack) -> bool {
    status(stack).ends_with("_IN_PROGRESS") && status(stack) != "REVIEW_IN_PROGRESS"
}

/// A stack that can only be deleted.
fn failed_creation(stack: &Stack) -> bool {
    [
        "ROLLBACK_COMPLETE",
        "ROLLBACK_FAILED",
        "CREATE_FAILED",
        "DELETE_FAILED",
        "REVIEW_IN_PROGRESS",
    ]
    .contains(&status(stack))
}

/// The first resource that failed by itself; the others were cancelled because of it. Events come
/// newest first.
fn first_failure(events: &[StackEvent]) -> Option<String> {
    events
        .iter()
        .rev()
        .filter(|event| {
            event
                .resource_status()
                .is_some_and(|status| status.as_str().ends_with("_FAILED"))
        })
        .find(|event| {
            let reason = event.resource_status_reason().unwrap_or_default();
            !reason.to_ascii_lowercase().contains("cancelled")
        })
        .map(|event| {
            format!(
                "{} ({}): {}",
                event.logical_resource_id().unwrap_or_default(),
                event.resource_type().unwrap_or_default(),
                event.resource_status_reason().unwrap_or("no reason given")
            )
        })
}

/// What usually helps, by what a resource's failure says.
pub(super) fn hint_for_resource(reason: &str) -> Option<&'static str> {
    hints::BY_RESOURCE
        .iter()
        .find(|(fragment, _)| reason.contains(fragment))
        .map(|(_, hint)| *hint)
}
