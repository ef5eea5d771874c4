//! Stack sets: created, changed, rolled out to accounts and Regions.
//!
//! They lie in the management account's home Region. What an operation comes to is judged in
//! [`super::operation`].

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudformation::operation::update_stack_set::builders::UpdateStackSetFluentBuilder;
use aws_sdk_cloudformation::types::{
    AccountFilterType, AutoDeployment as SdkAutoDeployment,
    DeploymentTargets as SdkDeploymentTargets, ManagedExecution, OrganizationStatus, Parameter,
    PermissionModels, StackSet,
};

use super::effects::{ActionContext, Doing};
use super::lost;
use super::operation::{Goal, Instance, begun, preferences_of};
use super::run::Outputs;
use super::stack::{capabilities, is_ours, stack_tags};
use super::targets::targets_of;
use crate::action::{self, DeploymentTargets, Leaving, StackSetDefinition};
use crate::addr::{Address, Attribute, Expr};
use crate::aws::wait::{OTHER_OPERATION, Poller, READ_BACK};
use crate::aws::{AwsError, Calls, is_no_target};
use crate::event::Failure;
use crate::inventory::{AutoDeployment, stack_set_arn};

/// How long auto-deployment may take to show itself after an account has joined a target, in looks
/// of [`OTHER_OPERATION`]: about a minute and a half.
const LOOKS_FOR_AUTO_DEPLOYMENT: u32 = 14;

/// The same for stacks that are to go because their account has left: about ten minutes. How soon
/// StackSets notices a move is documented nowhere.
const LOOKS_FOR_REMOVAL: u32 = 48;

/// How many OUs one operation may name (CreateStackInstances and UpdateStackSet in CloudFormation's
/// API reference, which advises batches).
pub(super) const OUS_PER_OPERATION: usize = 50;

impl ActionContext<'_> {
    /// ActivateOrganizationsAccess: enabling trusted access through Organizations would not do.
    pub(super) async fn activate_stack_sets(
        &self,
        _: &action::ActivateStackSets,
    ) -> Result<Outputs, Failure> {
        let context = || "giving StackSets access to the organization".to_owned();
        let at = self.home();
        let client = self.cloudformation(&at).await.context(context)?;
        let mut asked = false;
        let mut wait = Poller::new(self.ctx, READ_BACK);
        loop {
            let described = client
                .call(|c| c.describe_organizations_access().send())
                .await
                .context(context)?;
            match described.status() {
                Some(OrganizationStatus::Enabled) => return Ok(Outputs::new()),
                Some(OrganizationStatus::DisabledPermanently) => {
                    return Err(self.fails(
                        "AWS says that StackSets' access to the organization is disabled permanently",
                        Some("the organization was left or deleted meanwhile; AWS Support can say more"),
                    ));
                }
                _ => {}
            }
            if !asked {
                client
                    .call(|c| c.activate_organizations_access().send())
                    .await
                    .context(context)?;
                asked = true;
                continue;
            }
            wait.pause("AWS is giving StackSets access to the organization")
                .await
                .context(context)?;
        }
    }

    /// CreateStackSet. One of the name that is there is taken if orgstrap made it.
    pub(super) async fn create_stack_set(
        &self,
        action::CreateStackSet(set): &action::CreateStackSet,
    ) -> Result<Outputs, Failure> {
        let context = || format!("creating stack set {}", set.name);
        let at = self.home();
        let client = self.cloudformation(&at).await.context(context)?;
        let parameters = self.parameters(&set.parameters)?;
        let auto = self.auto_deployment(set.auto_deployment, &set.depends_on)?;
        let token = self.token("create");
        let created = client
            .call(|c| {
                c.create_stack_set()
                    .stack_set_name(&set.name)
                    .description(&set.description)
                    .template_body(&set.template)
                    .set_parameters(Some(parameters.clone()))
                    .set_capabilities(Some(capabilities(&set.capabilities)))
                    .set_tags(Some(stack_tags(&set.tags)))
                    .permission_model(PermissionModels::ServiceManaged)
                    .auto_deployment(auto.clone())
                    .managed_execution(ManagedExecution::builder().active(true).build())
                    .client_request_token(&token)
                    .send()
            })
            .await;
        let id = match created {
            Ok(answer) => answer.stack_set_id.unwrap_or_default(),
            Err(error) if error.is("NameAlreadyExists") || error.is("CreatedButModified") => {
                match self.describe_set(&set.name).await.context(context)? {
                    Some(there) if is_ours(there.tags()) => there.stack_set_id.unwrap_or_default(),
                    Some(_) => {
                        return Err(self.fails(
                            format!(
                                "a stack set `{}` that orgstrap did not make is there",
                                set.name
                            ),
                            Some("delete or rename it, or choose another prefix in the plan"),
                        ));
                    }
                    None => return Err(error).context(context),
                }
            }
            Err(error) => return Err(error).context(context),
        };
        let address = &self.change.address;
        let arn = stack_set_arn(&at, &id);
        Ok(vec![
            (address.clone(), Attribute::Id, id),
            (address.clone(), Attribute::Arn, arn),
        ])
    }

    /// Auto-deployment as CloudFormation takes it.
    pub(super) fn auto_deployment(
        &self,
        auto: AutoDeployment,
        depends_on: &[Expr],
    ) -> Result<SdkAutoDeployment, Failure> {
        let builder = SdkAutoDeployment::builder().enabled(auto.enabled);
        // AWS refuses the retention flag where auto-deployment is off, and where it is off nothing comes after
        // anything.
        if !auto.enabled {
            return Ok(builder.build());
        }
        let arns = depends_on.iter().map(|arn| self.text(arn));
        let arns = arns.collect::<Result<Vec<String>, Failure>>()?;
        Ok(builder
            .retain_stacks_on_account_removal(auto.retain_on_removal)
            .set_depends_on((!arns.is_empty()).then_some(arns))
            .build())
    }

    /// UpdateStackSet with template and parameters, targeted at one stage. AutoDeployment may not be
    /// sent together with targets.
    pub(super) async fn update_stack_instances(
        &self,
        action: &action::UpdateStackInstances,
    ) -> Result<Outputs, Failure> {
        let action::UpdateStackInstances { set, targets, .. } = action;
        let context = || format!("updating the stacks of {}", set.name);
        let at = self.home();
        self.await_other_operations(&set.name).await?;
        let client = self.cloudformation(&at).await.context(context)?;
        let parameters = self.parameters(&set.parameters)?;
        let goal = self.goal(targets)?;
        // Neither targets nor Regions mean the whole set; empty ones are refused.
        let whole = targets.ous.is_empty();
        let batches = if whole {
            vec![None]
        } else {
            let batches = self.batches(targets)?;
            let batches = self.through_targets(&set.name, batches, &goal).await?;
            batches.into_iter().map(Some).collect()
        };
        let in_regions = (!whole).then(|| regions(targets));
        for (batch, chunk) in batches.iter().enumerate() {
            let goal = after(batch, batches.len(), &goal);
            // What somebody deleted from under a stack makes its update fail: it is put back, and those that are behind
            // are updated again.
            for attempt in 1.. {
                let token = match attempt {
                    1 => self.token(&numbered("update", batch)),
                    more => self.token(&format!("{} again {more}", numbered("update", batch))),
                };
                let updated = client
                    .call(|c| {
                        update(c, set, targets, &token)
                            .template_body(&set.template)
                            .set_parameters(Some(parameters.clone()))
                            .set_deployment_targets(chunk.clone())
                            .set_regions(in_regions.clone())
                            .send()
                    })
                    .await;
                let operation =
                    begun(updated.map(|answer| answer.operation_id), token).context(context)?;
                let ended = self.end_of(&set.name, &operation, &goal, context).await?;
                let Some(bad) = ended else { break };
                let ous = match chunk {
                    Some(chunk) => chunk.organizational_unit_ids().to_vec(),
                    None => self.targets(&set.name).await?.into_iter().collect(),
                };
                let part = format!("update {batch} attempt {attempt}");
                // The template is in the set by now; naming it once more would call every other instance OUTDATED.
                let previous = previous_values(&parameters);
                let send =
                    async |chunk: SdkDeploymentTargets, in_regions: Vec<String>, token: String| {
                        let updated = client
                            .call(|c| {
                                update(c, set, targets, &token)
                                    .use_previous_template(true)
                                    .set_parameters(Some(previous.clone()))
                                    .deployment_targets(chunk.clone())
                                    .set_regions(Some(in_regions.clone()))
                                    .send()
                            })
                            .await;
                        updated.map(|answer| answer.operation_id)
                    };
                let again = self
                    .again(&set.name, &part, bad, &ous, &goal, &send)
                    .await?;
                let Some(bad) = again else { break };
                if attempt >= lost::TRIES || !self.mend_instances(&set.name, &bad.places).await? {
                    return Err(bad.failure(context()));
                }
            }
        }
        Ok(Outputs::new())
    }

    /// CreateStackInstances for what is missing.
    ///
    /// An account that joined by a move may get its stacks from auto-deployment, by itself: that is
    /// looked for and waited out first, and only what is missing then is created.
    pub(super) async fn create_stack_instances(
        &self,
        action: &action::CreateStackInstances,
    ) -> Result<Outputs, Failure> {
        let action::CreateStackInstances { name, targets } = action;
        let context = || format!("rolling out {name}");
        let goal = self.goal(targets)?;
        self.await_other_operations(name).await?;
        // Whole OUs are no targets yet, so auto-deployment does not reach them; it may yet take away what
        // accounts had elsewhere.
        let joins = !targets.accounts.is_empty();
        if joins || !goal.leaving.is_empty() {
            self.await_auto_deployment(name, &goal, joins).await?;
        }
        let mut batches = self.batches(targets)?;
        let set = self.existing_set(name).await?;
        let there = self.instances(name).await.context(context)?;
        let reached = targets_of(&set, &there);
        let mut ous = batches
            .iter()
            .flat_map(|batch| batch.organizational_unit_ids());
        let are_targets = ous.all(|ou| reached.contains(ou));
        let missing = goal.missing(&there);
        // An OU becomes a target by an operation on it, also where all that lies in it has its stacks.
        if !goal.is_empty() && missing.is_empty() && (joins || are_targets) {
            self.tell("every stack is there already");
            self.judge(name, None, &goal, context).await?;
            return Ok(Outputs::new());
        }
        // Where OUs are to become targets they are named whole. Else only those accounts and Regions where
        // something is missing.
        let mut wanted_regions = regions(targets);
        let some_there = there.iter().any(|instance| goal.wants(instance));
        if some_there && (joins || are_targets) {
            let accounts: BTreeSet<String> =
                missing.iter().map(|(account, _)| account.clone()).collect();
            let in_regions: BTreeSet<String> =
                missing.iter().map(|(_, region)| region.clone()).collect();
            for chunk in &mut batches {
                chunk.accounts = Some(accounts.iter().cloned().collect());
                chunk.account_filter_type = Some(AccountFilterType::Intersection);
            }
            wanted_regions = in_regions.into_iter().collect();
        }
        let at = self.home();
        let client = self.cloudformation(&at).await.context(context)?;
        let send = async |chunk: SdkDeploymentTargets, in_regions: Vec<String>, token: String| {
            let created = client
                .call(|c| {
                    c.create_stack_instances()
                        .stack_set_name(name)
                        .deployment_targets(chunk.clone())
                        .set_regions(Some(in_regions.clone()))
                        .operation_preferences(preferences_of(targets))
                        .operation_id(&token)
                        .send()
                })
                .await;
            created.map(|answer| answer.operation_id)
        };
        for (batch, chunk) in batches.iter().enumerate() {
            let part = numbered("create", batch);
            let token = self.token(&part);
            let sent = send(chunk.clone(), wanted_regions.clone(), token.clone()).await;
            let operation = begun(sent, token).context(context)?;
            let goal = after(batch, batches.len(), &goal);
            let Some(bad) = self.end_of(name, &operation, &goal, context).await? else {
                continue;
            };
            let ous = chunk.organizational_unit_ids();
            if let Some(bad) = self.again(name, &part, bad, ous, &goal, &send).await? {
                return Err(bad.failure(context()));
            }
        }
        Ok(Outputs::new())
    }

    /// DeleteStackInstances with the stacks retained: the set forgets what it cannot work on.
    pub(super) async fn forget_stack_instances(
        &self,
        action: &action::ForgetStackInstances,
    ) -> Result<Outputs, Failure> {
        let action::ForgetStackInstances { name, targets } = action;
        let context = || format!("taking inoperable stacks out of {name}");
        self.await_other_operations(name).await?;
        let at = self.home();
        let client = self.cloudformation(&at).await.context(context)?;
        let batches = self.batches(targets)?;
        let batches = self
            .through_targets(name, batches, &self.goal(targets)?)
            .await?;
        for (batch, chunk) in batches.iter().enumerate() {
            let token = self.token(&numbered("forget", batch));
            let deleted = client
                .call(|c| {
                    c.delete_stack_instances()
                        .stack_set_name(name)
                        .deployment_targets(chunk.clone())
                        .set_regions(Some(regions(targets)))
                        .operation_preferences(preferences_of(targets))
                        .retain_stacks(true)
                        .operation_id(&token)
                        .send()
                })
                .await;
            let operation = match begun(deleted.map(|answer| answer.operation_id), token) {
                Ok(operation) => operation,
                Err(error) if error.is("StackInstanceNotFound") || is_no_target(&error) => continue,
                Err(error) => return Err(error).context(context),
            };
            self.finish_operation(name, &operation, &Goal::default(), context)
                .await?;
        }
        Ok(Outputs::new())
    }

    /// Waits until auto-deployment has taken away the stacks of an account that left every target, and
    /// deletes what it leaves; of an account that has yet to leave, all.
    pub(super) async fn remove_stack_instances(
        &self,
        action: &action::RemoveStackInstances,
    ) -> Result<Outputs, Failure> {
        let name = &action.name;
        let account = self.text(&action.account)?;
        let context = || format!("taking the stacks of {name} away from account {account}");
        let set = self.existing_set(name).await?;
        let auto = set.auto_deployment();
        let enabled = action.left && auto.is_some_and(|auto| auto.enabled() == Some(true));
        let mut wait = Poller::new(self.ctx, OTHER_OPERATION);
        let mut quiet = 0;
        let left = loop {
            let there = self.instances(name).await.context(context)?;
            let left: Vec<_> = there
                .into_iter()
                .filter(|instance| instance.account == account)
                .collect();
            if left.is_empty() {
                return Ok(Outputs::new());
            }
            let at_work = left.iter().any(|instance| instance.is_at_work())
                || self
                    .operation_under_way(name)
                    .await
                    .context(context)?
                    .is_some();
            quiet = if at_work { 0 } else { quiet + 1 };
            // AWS has tried, and does not try again.
            let given_up = left.iter().all(|instance| instance.status == "INOPERABLE");
            if !at_work && (!enabled || given_up || quiet > LOOKS_FOR_REMOVAL) {
                break left;
            }
            let why = match enabled {
                true => "for auto-deployment to take the stacks away",
                false => "for what works on the stack set",
            };
            wait.pause(why).await.context(context)?;
        };
        let left: Vec<&Instance> = left.iter().collect();
        self.delete_former(name, &left, action.retain).await?;
        Ok(Outputs::new())
    }

    /// DeleteStackInstances of what auto-deployment was to take away, and a look that it is gone.
    async fn delete_former(
        &self,
        name: &str,
        left: &[&Instance],
        retain: bool,
    ) -> Result<(), Failure> {
        let accounts: BTreeSet<&String> = left.iter().map(|instance| &instance.account).collect();
        let named = accounts.iter().map(|id| id.as_str()).collect::<Vec<_>>();
        let named = named.join(", ");
        let context = || format!("taking the stacks of {name} away from account {named}");
        let at = self.home();
        let client = self.cloudformation(&at).await.context(context)?;
        let ous: BTreeSet<&String> = left.iter().map(|instance| &instance.ou).collect();
        let regions: BTreeSet<&String> = left.iter().map(|instance| &instance.region).collect();
        let root = Expr::reference(Address::Organization, Attribute::RootId);
        // An account that has left an OU is not found through it, but through the root.
        let through = [ous.into_iter().cloned().collect(), vec![self.text(&root)?]];
        let still = |instance: &Instance| {
            let same = |left: &&Instance| left.spot() == instance.spot() && left.ou == instance.ou;
            left.iter().any(same)
        };
        for (attempt, ous) in through.into_iter().enumerate() {
            let targets = SdkDeploymentTargets::builder()
                .set_organizational_unit_ids(Some(ous))
                .set_accounts(Some(accounts.iter().copied().cloned().collect()))
                .account_filter_type(AccountFilterType::Intersection)
                .build();
            let token = self.token(&numbered("remove", attempt));
            let deleted = client
                .call(|c| {
                    c.delete_stack_instances()
                        .stack_set_name(name)
                        .deployment_targets(targets.clone())
                        .set_regions(Some(regions.iter().copied().cloned().collect()))
                        .retain_stacks(retain)
                        .operation_id(&token)
                        .send()
                })
                .await;
            match begun(deleted.map(|answer| answer.operation_id), token) {
                Ok(operation) => {
                    self.finish_operation(name, &operation, &Goal::default(), context)
                        .await?;
                }
                Err(error) if error.is("StackInstanceNotFound") => {}
                // The root is no target of the set, and StackSets refuses it by name.
                Err(error) if is_no_target(&error) => {}
                Err(error) => return Err(error).context(context),
            }
            let there = self.instances(name).await.context(context)?;
            if !there.iter().any(still) {
                return Ok(());
            }
        }
        Err(self.fails(
            format!("the stack set {name} still has the stacks of the former OU in account {named}"),
            Some("auto-deployment did not take them away when the account left; delete them from the stack set in the console"),
        ))
    }

    /// Waits until auto-deployment has taken away what accounts had through targets that they left, and, where they
    /// join a target, has given them their stacks; or until nothing shows that it is at work. What it was to take away
    /// and did not is then deleted here: else it would be deleted later, whatever was made meanwhile.
    async fn await_auto_deployment(
        &self,
        name: &str,
        goal: &Goal,
        joins: bool,
    ) -> Result<(), Failure> {
        let context = || format!("waiting for auto-deployment of {name}");
        let set = self.existing_set(name).await?;
        let auto = set.auto_deployment();
        if auto.is_none_or(|auto| auto.enabled() != Some(true)) {
            return Ok(());
        }
        let retain = auto.is_some_and(|auto| auto.retain_stacks_on_account_removal() == Some(true));
        let mut wait = Poller::new(self.ctx, OTHER_OPERATION);
        let mut quiet = 0;
        loop {
            let there = self.instances(name).await.context(context)?;
            let left: Vec<&Instance> = there.iter().filter(|i| goal.is_left_by(i)).collect();
            if left.is_empty() && (!joins || goal.missing(&there).is_empty()) {
                return Ok(());
            }
            let at_work = there
                .iter()
                .any(|instance| goal.wants(instance) && instance.is_at_work())
                || self
                    .operation_under_way(name)
                    .await
                    .context(context)?
                    .is_some();
            if at_work {
                quiet = 0;
            } else {
                quiet += 1;
                if left.is_empty() && quiet > LOOKS_FOR_AUTO_DEPLOYMENT {
                    return Ok(());
                }
                // To create what AWS is yet to delete would be a race.
                if !left.is_empty() && quiet > LOOKS_FOR_REMOVAL {
                    return self.delete_former(name, &left, retain).await;
                }
            }
            let why = match left.is_empty() {
                true => "for auto-deployment to reach the account",
                false => "for auto-deployment to take away the stacks of the former OU",
            };
            wait.pause(why).await.context(context)?;
        }
    }

    /// Waits until auto-deployment has taken away what accounts had through targets that they left.
    pub(super) async fn await_removals(&self, name: &str, all: &[Leaving]) -> Result<(), Failure> {
        if all.is_empty() {
            return Ok(());
        }
        let context = || format!("looking at the stacks of {name}");
        let leaving = self.leaving(all)?;
        let there = self.instances(name).await.context(context)?;
        let goal = Goal {
            accounts: leaving.keys().cloned().collect(),
            regions: there.into_iter().map(|instance| instance.region).collect(),
            leaving,
            ..Goal::default()
        };
        self.await_auto_deployment(name, &goal, false).await
    }

    /// Waits until no other operation works on the set: auto-deployment, a person, an earlier run.
    pub(super) async fn await_other_operations(&self, name: &str) -> Result<(), Failure> {
        let context = || format!("waiting for other operations on {name}");
        let mut wait = Poller::new(self.ctx, OTHER_OPERATION);
        while let Some(action) = self.operation_under_way(name).await.context(context)? {
            wait.pause(format!(
                "another operation ({action}) on the stack set is under way"
            ))
            .await
            .context(context)?;
        }
        Ok(())
    }

    pub(super) async fn describe_set(&self, name: &str) -> Result<Option<StackSet>, AwsError> {
        let at = self.home();
        let client = self.cloudformation(&at).await?;
        let answer = client
            .call(|c| c.describe_stack_set().stack_set_name(name).send())
            .await;
        match answer {
            Ok(answer) => Ok(answer.stack_set),
            Err(error) if error.is("StackSetNotFound") => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn existing_set(&self, name: &str) -> Result<StackSet, Failure> {
        self.describe_set(name)
            .await
            .context(|| format!("reading stack set {name}"))?
            .ok_or_else(|| {
                self.fails(
                    format!("the stack set {name} is gone"),
                    Some("run plan again: it makes it anew"),
                )
            })
    }

    /// What deployment targets come to, as many OUs at a time as one operation may name. An account that is
    /// in none of a batch's OUs is not touched by it, so each batch may name all accounts.
    pub(super) fn batches(
        &self,
        targets: &DeploymentTargets,
    ) -> Result<Vec<SdkDeploymentTargets>, Failure> {
        let texts = |texts: &[crate::addr::Expr]| {
            texts
                .iter()
                .map(|text| self.text(text))
                .collect::<Result<Vec<String>, Failure>>()
        };
        // UNION is the API's default and refused for creations: say what is meant.
        let (filter, accounts) = match (targets.accounts.as_slice(), targets.except.as_slice()) {
            ([], []) => (AccountFilterType::None, Vec::new()),
            ([], except) => (AccountFilterType::Difference, texts(except)?),
            (only, _) => (AccountFilterType::Intersection, texts(only)?),
        };
        let ous = texts(&targets.ous)?;
        let batches = ous.chunks(OUS_PER_OPERATION).map(|ous| {
            SdkDeploymentTargets::builder()
                .set_organizational_unit_ids(Some(ous.to_vec()))
                .set_accounts((!accounts.is_empty()).then(|| accounts.clone()))
                .account_filter_type(filter.clone())
                .build()
        });
        Ok(batches.collect())
    }

    /// The targets that accounts leave, by the accounts' ids.
    fn leaving(&self, all: &[Leaving]) -> Result<BTreeMap<String, BTreeSet<String>>, Failure> {
        all.iter()
            .map(|one| Ok((self.text(&one.account)?, one.targets.clone())))
            .collect()
    }

    pub(super) fn goal(&self, targets: &DeploymentTargets) -> Result<Goal, Failure> {
        let accounts = targets
            .expect
            .iter()
            .map(|account| self.text(account))
            .collect::<Result<BTreeSet<String>, Failure>>()?;
        let regions = targets.regions.iter().map(ToString::to_string).collect();
        let mut lacking = BTreeSet::new();
        for one in &targets.lacking {
            let account = self.text(&one.account)?;
            let regions = one.regions.iter();
            lacking.extend(regions.map(|region| (account.clone(), region.to_string())));
        }
        Ok(Goal {
            accounts,
            regions,
            leaving: self.leaving(&targets.leaving)?,
            lacking,
        })
    }
}

/// Parameters as they are in the set.
pub(super) fn previous_values(parameters: &[Parameter]) -> Vec<Parameter> {
    parameters
        .iter()
        .map(|parameter| {
            Parameter::builder()
                .set_parameter_key(parameter.parameter_key.clone())
                .use_previous_value(true)
                .build()
        })
        .collect()
}

/// The part of an operation's token that tells batches apart.
pub(super) fn numbered(part: &str, batch: usize) -> String {
    match batch {
        0 => part.to_owned(),
        more => format!("{part} {}", more + 1),
    }
}

/// What must be there after a batch: all of the targets after the last, and before that only what the
/// operation itself says.
fn after(batch: usize, of: usize, goal: &Goal) -> Cow<'_, Goal> {
    if batch + 1 == of {
        Cow::Borrowed(goal)
    } else {
        Cow::Owned(Goal::default())
    }
}

/// What every update of a set says of it: what is left out of the request would be taken away.
fn update(
    client: &aws_sdk_cloudformation::Client,
    set: &StackSetDefinition,
    targets: &DeploymentTargets,
    token: &str,
) -> UpdateStackSetFluentBuilder {
    client
        .update_stack_set()
        .stack_set_name(&set.name)
        .description(&set.description)
        .set_capabilities(Some(capabilities(&set.capabilities)))
        .set_tags(Some(stack_tags(&set.tags)))
        .permission_model(PermissionModels::ServiceManaged)
        .set_administration_role_arn(set.administration_role.clone())
        .set_execution_role_name(set.execution_role.clone())
        .operation_preferences(preferences_of(targets))
        .operation_id(token)
}

fn regions(targets: &DeploymentTargets) -> Vec<String> {
    targets.regions.iter().map(ToString::to_string).collect()
}
