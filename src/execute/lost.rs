//! Resources that somebody deleted from under a stack. An update that touches one fails, and so would every update after
//! it; so what is gone is put back as the stack has it, and the update is tried again.
//!
//! What has a name of its own comes back under it through Cloud Control, with the properties that the stack's template
//! gives it. For the rest, such as what AWS numbers, a plain stack has a drift-aware change set, and an instance of a
//! stack set is deleted and made anew where nothing in it holds data. Where it does a person decides.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudformation::types::{
    AccountFilterType, DeploymentTargets as SdkDeploymentTargets, Stack, StackResourceSummary,
    TemplateStage,
};
use serde_json::{Map, Value, json};

use super::effects::{ActionContext, Doing};
use super::operation::{Goal, Instance, Spot, begun};
use super::stack::status;
use crate::aws::{Calls, not_begun};
use crate::baseline::data::{Values, lost_with_stack, resources};
use crate::baseline::identity::{ATTACHES, again, identifier};
use crate::baseline::{Known, Rendering};
use crate::event::Failure;
use crate::inventory::AccountRegion;
use crate::plan::Region;

/// How often an update is tried again after something was put back: each time at least one thing was.
pub(super) const TRIES: usize = 12;

/// One resource of a stack that is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gone {
    pub(super) logical_id: String,
    pub(super) kind: String,
    physical_id: String,
    /// Whether CloudFormation could not change it, and so could not change it back either.
    failed: bool,
}

impl Gone {
    fn shown(&self) -> String {
        format!("{} ({}, {})", self.logical_id, self.kind, self.physical_id)
    }
}

/// What came of looking for what is gone.
#[derive(Debug, Default)]
pub(super) struct Fixed {
    put_back: Vec<Gone>,
    /// What is gone still.
    left: Vec<Gone>,
}

/// Whether a reason says that something is not there.
fn says_gone(reason: &str) -> bool {
    let reason = reason.to_ascii_lowercase();
    let words = [
        "notfound",
        "nosuch",
        "not found",
        "does not exist",
        "doesn't exist",
        "cannot be found",
        "could not be found",
    ];
    words.iter().any(|word| reason.contains(word))
}

/// A stack's template, and what fills it in.
struct Template {
    template: String,
    rendering: Rendering,
    known: Known,
    tags: Vec<(String, String)>,
}

impl Template {
    fn properties(&self, logical_id: &str) -> Option<Map<String, Value>> {
        self.rendering
            .properties(logical_id, &self.known)
            .ok()
            .flatten()
    }

    fn values(&self) -> Values {
        let all = self.known.parameters.iter();
        all.map(|(name, value)| (name.clone(), Some(value.clone())))
            .collect()
    }
}

impl ActionContext<'_> {
    /// Puts back what is gone of a plain stack whose update failed; whether the update may be tried again.
    pub(super) async fn mend_stack(&self, at: &AccountRegion, name: &str) -> Result<bool, Failure> {
        let context = || {
            format!(
                "looking for what is gone of stack {name} in account {}",
                at.account
            )
        };
        let Some(stack) = self.settled_stack(at, name, context).await? else {
            return Ok(false);
        };
        let fixed = self.fix(at, &stack).await?;
        let keys: Vec<&Gone> = fixed
            .left
            .iter()
            .filter(|gone| gone.kind == "AWS::KMS::Key")
            .collect();
        if let Some(key) = keys.first() {
            return Err(self.fails(
                format!(
                    "the key {} of stack {name} is gone or about to be deleted, and another one could not read what \
                     it encrypted",
                    key.physical_id
                ),
                Some(&format!(
                    "in account {}: `aws kms cancel-key-deletion --key-id {key} --region {region}`, then `aws kms \
                     enable-key --key-id {key} --region {region}`; then run apply again",
                    at.account,
                    key = key.physical_id,
                    region = at.region
                )),
            ));
        }
        if !fixed.left.is_empty() {
            self.revert_drift_in(at, name).await?;
            let names: Vec<String> = fixed.left.iter().map(Gone::shown).collect();
            self.note(format!(
                "account {}, {}: of stack {name} was gone, and CloudFormation made it anew: {}",
                at.account,
                at.region,
                names.join(", ")
            ));
        }
        Ok(!fixed.put_back.is_empty() || !fixed.left.is_empty())
    }

    /// The same in the accounts and Regions where the update of a stack set's instances failed.
    pub(super) async fn mend_instances(
        &self,
        set: &str,
        failed: &BTreeMap<Spot, String>,
    ) -> Result<bool, Failure> {
        let context = || format!("looking for what is gone of the stacks of {set}");
        let there = self.instances(set).await.context(context)?;
        let mut fixed = false;
        for (spot, why) in failed {
            // Nothing was tried there.
            if not_begun(why) {
                continue;
            }
            let Some(instance) = there.iter().find(|instance| instance.spot() == *spot) else {
                continue;
            };
            let (Ok(account), Ok(region)) = (spot.0.parse(), spot.1.parse::<Region>()) else {
                continue;
            };
            let at = self.place(&account, &region);
            // Where the account cannot be entered the failure itself is what there is to tell.
            let Ok(stack) = self.describe_stack(&at, &instance.stack).await else {
                continue;
            };
            let is_there = |stack: &Stack| status(stack) != "DELETE_COMPLETE";
            let Some(stack) = stack.filter(is_there) else {
                if !instance.stack.is_empty() {
                    self.renew(set, instance, true).await?;
                    self.note(format!(
                        "account {}, {}: somebody deleted the stack of {set}; StackSets made it anew",
                        spot.0, spot.1
                    ));
                    fixed = true;
                }
                continue;
            };
            let of_it = self.fix(&at, &stack).await?;
            fixed |= !of_it.put_back.is_empty();
            if !of_it.left.is_empty() {
                self.make_anew(set, instance, &at, &stack, &of_it.left)
                    .await?;
                fixed = true;
            }
        }
        Ok(fixed)
    }

    /// Looks at every resource of a stack and puts back what is gone.
    async fn fix(&self, at: &AccountRegion, stack: &Stack) -> Result<Fixed, Failure> {
        let id = stack.stack_id().unwrap_or_default();
        let context = || format!("putting back what is gone of stack {id}");
        let listed = self.resources_of(at, id, context).await?;
        let Some(made) = self.made(at, stack, &listed, context).await? else {
            return Ok(Fixed::default());
        };
        let events = self.stack_events(at, id).await.context(context)?;
        let failed: BTreeSet<&str> = events
            .iter()
            .filter(|event| {
                let status = event.resource_status();
                status.is_some_and(|status| status.as_str().ends_with("_FAILED"))
                    && event.resource_status_reason().is_some_and(says_gone)
            })
            .filter_map(|event| event.logical_resource_id())
            .collect();
        let mut gone = Vec::new();
        for resource in &listed {
            let one = Gone {
                logical_id: resource
                    .logical_resource_id()
                    .unwrap_or_default()
                    .to_owned(),
                kind: resource.resource_type().unwrap_or_default().to_owned(),
                physical_id: resource
                    .physical_resource_id()
                    .unwrap_or_default()
                    .to_owned(),
                failed: resource
                    .resource_status()
                    .is_some_and(|status| status.as_str() == "UPDATE_FAILED"),
            };
            let told = failed.contains(one.logical_id.as_str());
            if !one.physical_id.is_empty() && self.is_gone(at, &made, &one, told, context).await? {
                gone.push(one);
            }
        }
        if gone.is_empty() {
            return Ok(Fixed::default());
        }
        let fixed = self.put_back(at, &made, gone).await;
        self.attach(at, &made, &listed, &fixed.put_back, context)
            .await?;
        if !fixed.put_back.is_empty() {
            let names: Vec<String> = fixed.put_back.iter().map(Gone::shown).collect();
            self.note(format!(
                "account {}, {}: put back what somebody deleted of stack {}: {}",
                at.account,
                at.region,
                stack.stack_name().unwrap_or(id),
                names.join(", ")
            ));
        }
        if status(stack) == "UPDATE_ROLLBACK_FAILED" {
            self.continue_rollback(at, id, &fixed.left, context).await?;
        }
        Ok(fixed)
    }

    async fn resources_of(
        &self,
        at: &AccountRegion,
        stack: &str,
        context: impl Fn() -> String + Copy,
    ) -> Result<Vec<StackResourceSummary>, Failure> {
        let client = self.cloudformation(at).await.context(context)?;
        let mut all = client
            .all(
                |c, token| {
                    c.list_stack_resources()
                        .stack_name(stack)
                        .set_next_token(token)
                        .send()
                },
                |page| (page.stack_resource_summaries, page.next_token),
            )
            .await
            .context(context)?;
        all.retain(|resource| {
            let status = resource.resource_status().map(|status| status.as_str());
            status != Some("DELETE_COMPLETE")
        });
        Ok(all)
    }

    /// The template as the stack has it; `None` where it is beyond what is read here.
    async fn made(
        &self,
        at: &AccountRegion,
        stack: &Stack,
        listed: &[StackResourceSummary],
        context: impl Fn() -> String + Copy,
    ) -> Result<Option<Template>, Failure> {
        let client = self.cloudformation(at).await.context(context)?;
        let template = client
            .call(|c| {
                c.get_template()
                    .stack_name(stack.stack_id().unwrap_or_default())
                    .template_stage(TemplateStage::Original)
                    .send()
            })
            .await
            .context(context)?
            .template_body
            .unwrap_or_default();
        let Ok(rendering) = Rendering::parse(&template) else {
            return Ok(None);
        };
        let parameters = stack.parameters().iter().filter_map(|one| {
            let value = one.resolved_value().or(one.parameter_value())?;
            Some((one.parameter_key()?.to_owned(), value.to_owned()))
        });
        let outputs = stack
            .outputs()
            .iter()
            .filter_map(|one| Some((one.output_key()?.to_owned(), one.output_value()?.to_owned())));
        let physical = listed.iter().filter_map(|one| {
            let id = one.logical_resource_id()?;
            Some((id.to_owned(), one.physical_resource_id()?.to_owned()))
        });
        let tags = stack
            .tags()
            .iter()
            .filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned())));
        Ok(Some(Template {
            template,
            rendering,
            known: Known {
                account: at.account.to_string(),
                region: at.region.to_string(),
                parameters: parameters.collect(),
                outputs: outputs.collect(),
                resources: physical.collect(),
            },
            tags: tags.collect(),
        }))
    }

    /// Whether a resource is gone: Cloud Control says so, or, of a type that it is not asked for, CloudFormation did.
    async fn is_gone(
        &self,
        at: &AccountRegion,
        made: &Template,
        one: &Gone,
        told: bool,
        context: impl Fn() -> String + Copy,
    ) -> Result<bool, Failure> {
        let properties = made.properties(&one.logical_id);
        let place = (made.known.account.as_str(), made.known.region.as_str());
        let Some(id) = identifier(&one.kind, &one.physical_id, properties.as_ref(), place) else {
            return Ok(told);
        };
        let client = self.cloudcontrol(at).await.context(context)?;
        let found = client
            .call(|c| c.get_resource().type_name(&one.kind).identifier(&id).send())
            .await;
        Ok(match found {
            Ok(_) => false,
            Err(error) if error.is("ResourceNotFound") => true,
            // It does not know the type, or fails itself.
            Err(_) => told,
        })
    }

    /// Puts back what comes back as the same, in as many rounds as one waits for another.
    async fn put_back(&self, at: &AccountRegion, made: &Template, gone: Vec<Gone>) -> Fixed {
        let mut fixed = Fixed::default();
        let mut waiting = gone;
        for round in 0.. {
            let mut next = Vec::new();
            let before = fixed.put_back.len();
            for one in waiting {
                let properties = made.properties(&one.logical_id);
                let state = properties.and_then(|properties| {
                    again(&one.kind, &one.physical_id, &properties, &made.tags)
                });
                match state {
                    None => fixed.left.push(one),
                    Some(state) => match self.create_again(at, &one, state, round).await {
                        Ok(()) => fixed.put_back.push(one),
                        Err(failure) => {
                            self.tell(format!("{}: {}", one.shown(), failure.message));
                            next.push(one);
                        }
                    },
                }
            }
            if next.is_empty() || fixed.put_back.len() == before {
                fixed.left.extend(next);
                break;
            }
            waiting = next;
        }
        fixed
    }

    async fn create_again(
        &self,
        at: &AccountRegion,
        one: &Gone,
        state: Map<String, Value>,
        round: usize,
    ) -> Result<(), Failure> {
        let context = || format!("putting back {} in account {}", one.shown(), at.account);
        let client = self.cloudcontrol(at).await.context(context)?;
        let state = Value::Object(state).to_string();
        let token = self.token(&format!(
            "again {round} {} {} {}",
            at.account, at.region, one.logical_id
        ));
        let event = client
            .call(|c| {
                c.create_resource()
                    .type_name(&one.kind)
                    .desired_state(&state)
                    .client_token(&token)
                    .send()
            })
            .await
            .context(context)?
            .progress_event;
        self.await_resource(at, event, context).await?;
        Ok(())
    }

    /// Has what is there hand itself again to what was put back: a policy that is attached to a role, for one.
    async fn attach(
        &self,
        at: &AccountRegion,
        made: &Template,
        listed: &[StackResourceSummary],
        put_back: &[Gone],
        context: impl Fn() -> String + Copy,
    ) -> Result<(), Failure> {
        let names: BTreeSet<&str> = put_back
            .iter()
            .map(|one| one.physical_id.as_str())
            .collect();
        for resource in listed {
            let (Some(logical_id), Some(kind), Some(physical_id)) = (
                resource.logical_resource_id(),
                resource.resource_type(),
                resource.physical_resource_id(),
            ) else {
                continue;
            };
            let Some((_, property)) = ATTACHES.iter().find(|(known, _)| *known == kind) else {
                continue;
            };
            if names.contains(physical_id) {
                continue;
            }
            let value = made
                .properties(logical_id)
                .and_then(|mut properties| properties.remove(*property));
            let lists = value.as_ref().and_then(Value::as_array);
            let named = lists.is_some_and(|list| {
                let mut list = list.iter().filter_map(Value::as_str);
                list.any(|one| names.contains(one))
            });
            if !named {
                continue;
            }
            let patch = json!([{ "op": "add", "path": format!("/{property}"), "value": value }]);
            let patch = patch.to_string();
            let client = self.cloudcontrol(at).await.context(context)?;
            let token = self.token(&format!("attach {} {} {logical_id}", at.account, at.region));
            let event = client
                .call(|c| {
                    c.update_resource()
                        .type_name(kind)
                        .identifier(physical_id)
                        .patch_document(&patch)
                        .client_token(&token)
                        .send()
                })
                .await
                .context(context)?
                .progress_event;
            self.await_resource(at, event, context).await?;
        }
        Ok(())
    }

    /// Ends a rollback that failed because of what was gone. What is gone still is left out of it, for the next update
    /// to bring.
    async fn continue_rollback(
        &self,
        at: &AccountRegion,
        stack: &str,
        left: &[Gone],
        context: impl Fn() -> String + Copy,
    ) -> Result<(), Failure> {
        let client = self.cloudformation(at).await.context(context)?;
        let skip: Vec<String> = left
            .iter()
            .filter(|gone| gone.failed)
            .map(|gone| gone.logical_id.clone())
            .collect();
        client
            .call(|c| {
                c.continue_update_rollback()
                    .stack_name(stack)
                    .set_resources_to_skip((!skip.is_empty()).then(|| skip.clone()))
                    .send()
            })
            .await
            .context(context)?;
        match self.settled_stack(at, stack, context).await? {
            Some(now) if status(&now) == "UPDATE_ROLLBACK_FAILED" => {
                Err(self.stack_failed(at, &now, context()).await)
            }
            _ => Ok(()),
        }
    }

    /// Deletes one instance and has StackSets make it anew, where nothing in it holds data or would stay in the way.
    async fn make_anew(
        &self,
        set: &str,
        instance: &Instance,
        at: &AccountRegion,
        stack: &Stack,
        left: &[Gone],
    ) -> Result<(), Failure> {
        let (account, region) = (&instance.account, &instance.region);
        let context = || format!("making the stack of {set} anew in account {account}, {region}");
        let listed: Vec<StackResourceSummary> = Vec::new();
        let Some(made) = self.made(at, stack, &listed, context).await? else {
            return Ok(());
        };
        let names: Vec<String> = left.iter().map(Gone::shown).collect();
        let names = names.join(", ");
        let values = made.values();
        let data = lost_with_stack(&made.template, &values);
        let kept = resources(&made.template, &values);
        let kept = kept.iter().filter(|one| one.kept);
        let held: Vec<String> = data
            .iter()
            .map(ToString::to_string)
            .chain(kept.map(ToString::to_string))
            .collect();
        if !held.is_empty() {
            return Err(self.fails(
                format!(
                    "somebody deleted {names} of the stack of {set} in account {account}, {region}, which nothing puts \
                     back as it was; the stack is not made anew, because it holds data: {}",
                    held.join(", ")
                ),
                Some(&format!(
                    "save the data, then `aws cloudformation delete-stack-instances --stack-set-name {set} \
                     --deployment-targets OrganizationalUnitIds={ou},Accounts={account},AccountFilterType=INTERSECTION \
                     --regions {region} --no-retain-stacks`, and run apply again: it makes the stack anew",
                    ou = instance.ou
                )),
            ));
        }
        self.renew(set, instance, false).await?;
        self.note(format!(
            "account {account}, {region}: the stack of {set} was deleted and made anew, because {names} was gone and \
             nothing puts it back as it was"
        ));
        Ok(())
    }

    /// Takes one instance out of its set and has StackSets make it again; of one whose stack is gone there is nothing to
    /// delete, and StackSets takes it out only if the stack is to be kept.
    async fn renew(&self, set: &str, instance: &Instance, retain: bool) -> Result<(), Failure> {
        let (account, region) = (&instance.account, &instance.region);
        let context = || format!("making the stack of {set} anew in account {account}, {region}");
        let home = self.home();
        let client = self.cloudformation(&home).await.context(context)?;
        let targets = SdkDeploymentTargets::builder()
            .organizational_unit_ids(&instance.ou)
            .accounts(account)
            .account_filter_type(AccountFilterType::Intersection)
            .build();
        let token = self.token(&format!("away {account} {region}"));
        let deleted = client
            .call(|c| {
                c.delete_stack_instances()
                    .stack_set_name(set)
                    .deployment_targets(targets.clone())
                    .regions(region)
                    .retain_stacks(retain)
                    .operation_id(&token)
                    .send()
            })
            .await;
        let operation = begun(deleted.map(|answer| answer.operation_id), token).context(context)?;
        self.finish_operation(set, &operation, &Goal::default(), context)
            .await?;
        let token = self.token(&format!("anew {account} {region}"));
        let created = client
            .call(|c| {
                c.create_stack_instances()
                    .stack_set_name(set)
                    .deployment_targets(targets.clone())
                    .regions(region)
                    .operation_id(&token)
                    .send()
            })
            .await;
        let operation = begun(created.map(|answer| answer.operation_id), token).context(context)?;
        let goal = Goal {
            accounts: BTreeSet::from([account.clone()]),
            regions: BTreeSet::from([region.clone()]),
            ..Goal::default()
        };
        self.finish_operation(set, &operation, &goal, context).await
    }
}
