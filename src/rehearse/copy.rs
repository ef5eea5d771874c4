//! An inventory as a sandbox's world.

use std::collections::{BTreeMap, BTreeSet};

use crate::inventory::{
    AccountFacts, AccountRegion, AccountState, ExistingStack, InstanceStack, Inventory, Observed,
    OrganizationFacts, QuotaKind, Section, StackFacts, StackSetFacts,
};
use crate::plan::{ContactKind, PasswordPolicy, Region};
use crate::sandbox::build::{
    Builder, NewAccount, NewDetector, NewInstance, NewPolicy, NewStack, NewStackSet, NewTrail,
};
use crate::sandbox::{AwsError, Time, World};

/// A world that is as the organization was read, and what of it is not.
#[derive(Debug)]
pub struct Copied {
    pub world: World,
    /// What could not be copied faithfully, a sentence each.
    pub missing: Vec<String>,
}

/// More than anybody has: AWS has raised the quota, and its own number was not read.
const NO_QUOTA: usize = 1_000_000;

/// Service-linked roles that stacks and services expect in an account, where the service is trusted. The
/// inventory has those of the management account only.
const EXPECTED_ROLES: [&str; 2] = ["config.amazonaws.com", "guardduty.amazonaws.com"];

/// Copies what was read. What was not read is left out, and said. Stack sets lie in `home_region`,
/// `access_role` opens member accounts, `seed` decides every id and duration in the world.
///
/// # Errors
/// The inventory holds something that no organization can hold.
pub fn copy(
    inventory: &Inventory,
    home_region: &Region,
    access_role: &str,
    seed: u64,
) -> Result<Copied, AwsError> {
    let management = match &inventory.organization {
        Observed::Known(Some(found)) => &found.management_account,
        _ => &inventory.caller,
    };
    let now = Time(inventory.taken_at.as_millisecond());
    let mut copy = Copy {
        inventory,
        access_role,
        home: home_region.as_str(),
        builder: Builder::new(management.as_str(), now, seed),
        missing: Vec::new(),
    };
    copy.quotas();
    for operation in unread(inventory) {
        copy.missing.push(format!(
            "{operation} could not be read, or not everywhere; the copy lacks the rest"
        ));
    }
    if let Observed::Known(Some(found)) = &inventory.organization {
        copy.organization(found)?;
    }
    copy.stacks();
    copy.kept_buckets()?;
    copy.guardduty()?;
    copy.trails()?;
    copy.recorders()?;
    // Last: what is there is there, whether or not a policy that came later would let it be made.
    if let Observed::Known(Some(found)) = &inventory.organization {
        copy.policies(found);
    }
    copy.builder.reseed(seed);
    Ok(Copied {
        world: copy.builder.build(),
        missing: copy.missing,
    })
}

struct Copy<'a> {
    inventory: &'a Inventory,
    access_role: &'a str,
    /// Where the stack sets lie.
    home: &'a str,
    builder: Builder,
    missing: Vec<String>,
}

/// What was not read, by operation.
fn unread(inventory: &Inventory) -> BTreeSet<&str> {
    Section::of_inventory()
        .flat_map(|kind| inventory.unread(kind))
        .map(|unread| unread.operation.as_str())
        .collect()
}

fn state(state: AccountState) -> &'static str {
    match state {
        AccountState::PendingActivation => "PENDING_ACTIVATION",
        AccountState::Active => "ACTIVE",
        // Nothing is done to an account of an unknown state, as to a suspended one.
        AccountState::Suspended | AccountState::Unknown => "SUSPENDED",
        AccountState::PendingClosure => "PENDING_CLOSURE",
        AccountState::Closed => "CLOSED",
    }
}

fn contact_kind(kind: ContactKind) -> &'static str {
    match kind {
        ContactKind::Billing => "BILLING",
        ContactKind::Operations => "OPERATIONS",
        ContactKind::Security => "SECURITY",
    }
}

/// As IAM's API shows it.
fn password_policy(policy: &PasswordPolicy) -> serde_json::Value {
    let mut shown = serde_json::json!({
        "MinimumPasswordLength": policy.minimum_password_length,
        "RequireSymbols": policy.require_symbols,
        "RequireNumbers": policy.require_numbers,
        "RequireUppercaseCharacters": policy.require_uppercase_characters,
        "RequireLowercaseCharacters": policy.require_lowercase_characters,
        "AllowUsersToChangePassword": policy.allow_users_to_change_password,
        "ExpirePasswords": policy.max_password_age.is_some(),
        "HardExpiry": policy.hard_expiry,
    });
    if let Some(days) = policy.max_password_age {
        shown["MaxPasswordAge"] = days.into();
    }
    if let Some(former) = policy.password_reuse_prevention {
        shown["PasswordReusePrevention"] = former.into();
    }
    shown
}

impl Copy<'_> {
    /// As they were read; where they were not, AWS's default, unless there is more than that already: so that the
    /// copy allows what [`judge`](crate::diff::judge) takes to be allowed.
    fn quotas(&mut self) {
        let inventory = self.inventory;
        let sets = inventory.stack_sets.known();
        let largest = sets
            .into_iter()
            .flat_map(BTreeMap::values)
            .filter_map(|set| Some(set.instances.known()?.len()))
            .max();
        let there = [
            (
                QuotaKind::Accounts,
                "accounts",
                inventory.accounts.known().map_or(0, BTreeMap::len),
            ),
            (
                QuotaKind::StackSets,
                "stack-sets",
                sets.map_or(0, BTreeMap::len) + inventory.other_stack_sets.len(),
            ),
            (
                QuotaKind::StackInstances,
                "stack-instances",
                largest.unwrap_or_default(),
            ),
        ];
        for (kind, word, there) in there {
            let found = inventory.quotas.found.get(&kind);
            let value = match found {
                Some(Observed::Known(facts)) => facts.value,
                _ if there > kind.default_value() => NO_QUOTA,
                _ => kind.default_value(),
            };
            if let Some(Observed::Unread(unread)) = found {
                self.missing.push(format!(
                    "the quota of {word} could not be read ({}: {}); the copy has {}",
                    unread.operation,
                    unread.reason,
                    match value {
                        NO_QUOTA => "none".to_owned(),
                        value => format!("AWS's default, {value}"),
                    }
                ));
            }
            self.builder.quota(word, value);
        }
    }

    fn organization(&mut self, found: &OrganizationFacts) -> Result<(), AwsError> {
        let builder = &mut self.builder;
        builder.organization(&found.id, &found.root_id, found.all_features)?;
        if let Some(tags) = found.root_tags.known() {
            builder.tags(&found.root_id, tags);
        }
        for ou in self.inventory.ous.known().into_iter().flatten() {
            let (id, facts) = ou;
            builder.ou(id, facts.path.name(), &facts.parent);
            if let Some(tags) = facts.tags.known() {
                builder.tags(id, tags);
            }
        }
        self.accounts();
        // Nothing binds what is brought about below; see the end of [`copy`].
        let ous = self.inventory.ous.known().into_iter().flatten();
        let mut everything: BTreeSet<String> = ous.map(|(id, _)| id.clone()).collect();
        everything.insert(found.root_id.clone());
        let accounts = self.known_accounts().into_iter();
        everything.extend(accounts.map(|facts| facts.id.to_string()));
        self.builder.full_aws_access(&everything);
        let invitations = self.inventory.quotas.invitations.as_ref();
        if let Some(number) = invitations.and_then(Observed::known) {
            self.builder.invitations(*number);
        }
        self.services();
        Ok(())
    }

    fn accounts(&mut self) {
        let mut unknown = 0;
        for facts in self.known_accounts() {
            let id = facts.id.as_str();
            self.builder.account(&NewAccount {
                id,
                name: &facts.name,
                email: &facts.email,
                parent: &facts.parent,
                state: state(facts.state),
                created_here: facts.created_here,
                access_role: self.access_role,
            });
            unknown += usize::from(facts.state == AccountState::Unknown);
            if let Some(tags) = facts.tags.known() {
                self.builder.tags(id, tags);
            }
        }
        for (account, contacts) in &self.inventory.contacts {
            for (kind, contact) in contacts.known().into_iter().flatten() {
                let values = [
                    contact.name.as_str(),
                    contact.title.as_str(),
                    contact.email.as_str(),
                    contact.phone.as_str(),
                ];
                let kind = contact_kind(*kind);
                self.builder.contact(account.as_str(), kind, values);
            }
        }
        self.preparation();
        if unknown > 0 {
            self.missing.push(format!(
                "accounts in states that this version does not know ({unknown}) are suspended in the copy"
            ));
        }
    }

    fn preparation(&mut self) {
        for (account, facts) in &self.inventory.preparation {
            let id = account.as_str();
            if let Some(Observed::Known(Some(alias))) = &facts.alias {
                self.builder.alias(id, alias);
            }
            if let Some(Observed::Known(Some(policy))) = &facts.password_policy {
                self.builder.password_policy(id, password_policy(policy));
            }
            if let Some(Observed::Known(regions)) = &facts.regions {
                for (region, status) in regions {
                    self.builder.region(id, region.as_str(), status);
                }
            }
        }
        if let Some(Observed::Known(features)) = &self.inventory.root_access {
            self.builder.root_features(features);
        }
    }

    fn known_accounts(&self) -> Vec<AccountFacts> {
        let accounts = self.inventory.accounts.known().into_iter().flatten();
        accounts.map(|(_, facts)| facts.clone()).collect()
    }

    fn policies(&mut self, found: &OrganizationFacts) {
        for (kind, status) in &found.policy_types {
            self.builder.policy_type(kind.aws_name(), status);
        }
        for (id, facts) in self.inventory.policies.known().into_iter().flatten() {
            let (Some(content), Some(targets)) = (facts.content.known(), facts.targets.known())
            else {
                self.missing.push(format!(
                    "policy {} was not read whole and is not in the copy",
                    facts.name
                ));
                continue;
            };
            let policy = NewPolicy {
                id,
                name: &facts.name,
                description: &facts.description,
                kind: facts.kind.aws_name(),
                content,
            };
            self.builder.policy(&policy, targets);
            if let Some(tags) = facts.tags.known() {
                self.builder.tags(id, tags);
            }
        }
        self.full_aws_access();
    }

    /// AWS attaches FullAWSAccess to everything; where somebody took it away, every call is denied here too.
    fn full_aws_access(&mut self) {
        match &self.inventory.full_aws_access {
            Some(Observed::Known(targets)) => self.builder.full_aws_access(targets),
            Some(Observed::Unread(_)) => self.missing.push(
                "what FullAWSAccess is attached to was not read; in the copy it is attached to everything".to_owned(),
            ),
            None => {}
        }
    }

    fn services(&mut self) {
        let inventory = self.inventory;
        for principal in inventory.trusted_access.known().into_iter().flatten() {
            self.builder.trust(principal.as_str());
        }
        let administrators = inventory.delegated_administrators.known();
        for (account, services) in administrators.into_iter().flatten() {
            for principal in services {
                self.builder.delegate(account.as_str(), principal.as_str());
            }
        }
        if inventory.stack_sets_access.known() == Some(&true) {
            self.builder.stack_sets_access();
        }
        let own = inventory.service_linked_roles.known();
        for service in own.into_iter().flatten() {
            let management = inventory.caller.as_str();
            self.builder.linked_role(management, service.as_str());
        }
        let trusted = inventory.trusted_access.known();
        for service in EXPECTED_ROLES {
            let is = |principal: &&crate::plan::Principal| principal.as_str() == service;
            if !trusted.is_some_and(|trusted| trusted.iter().any(|principal| is(&principal))) {
                continue;
            }
            for facts in self.known_accounts() {
                if facts.state == AccountState::Active && facts.id != inventory.caller {
                    self.builder.linked_role(facts.id.as_str(), service);
                }
            }
        }
    }

    /// Stacks and instances, in rounds: one may need what another makes (a trail its bucket), and nobody
    /// says which. What no round could make is kept without resources.
    fn stacks(&mut self) {
        let mut stacks: Vec<NewStack> = Vec::new();
        for (at, found) in &self.inventory.stacks {
            for facts in found.known().into_iter().flatten() {
                match stack(at.account.as_str(), at.region.as_str(), facts.1) {
                    Some(stack) => stacks.push(stack),
                    None => self.missing.push(format!(
                        "the template of stack {} in {} was not read; the stack is not in the copy",
                        facts.0,
                        String::from(at.clone())
                    )),
                }
            }
        }
        for (id, found) in &self.inventory.existing_stacks {
            let ExistingStack::Apart(Observed::Known(Some(facts))) = found else {
                continue;
            };
            match stack(id.account().as_str(), id.region().as_str(), facts) {
                Some(stack) => stacks.push(stack),
                None => self.missing.push(format!(
                    "the template of stack {} was not read; the stack is not in the copy",
                    id.name()
                )),
            }
        }
        let mut instances = self.stack_sets();
        loop {
            let before = stacks.len() + instances.len();
            let builder = &mut self.builder;
            stacks.retain(|stack| builder.stack(stack).is_err());
            instances.retain(|instance| builder.instance(instance, false).is_err());
            let left = stacks.len() + instances.len();
            if left == 0 || left == before {
                break;
            }
        }
        for stack in stacks {
            let why = self.builder.stack(&stack).err().unwrap_or_default();
            self.builder.bare_stack(&stack);
            self.missing.push(format!(
                "the resources of stack {} in {}/{}: {why}",
                stack.name, stack.account, stack.region
            ));
        }
        // Thousands of instances may lack the same thing: one line a set and reason.
        let mut bare: BTreeMap<(String, String), usize> = BTreeMap::new();
        for instance in instances {
            let why = self
                .builder
                .instance(&instance, false)
                .err()
                .unwrap_or_default();
            let _ = self.builder.instance(&instance, true);
            *bare.entry((instance.set.1.clone(), why)).or_default() += 1;
        }
        for ((set, why), number) in bare {
            let name = set.split(':').next().unwrap_or(&set);
            self.missing.push(format!(
                "the resources of {number} instances of stack set {name}: {why}"
            ));
        }
    }

    /// Copies the sets; returns their instances, which come after the plain stacks.
    fn stack_sets(&mut self) -> Vec<NewInstance> {
        let mut instances = Vec::new();
        let imported = imported(self.inventory);
        for facts in self.inventory.stack_sets.known().into_iter().flatten() {
            let (name, facts) = facts;
            let region = self.home.to_owned();
            let Some(found) = facts.instances.known() else {
                self.missing
                    .push(format!("the instances of stack set {name} were not read"));
                continue;
            };
            let outdated = found.values().any(|instance| instance.status == "OUTDATED");
            if outdated {
                self.missing.push(format!(
                    "outdated instances of stack set {name} have today's template in the copy, for AWS \
                     does not list the one they were made from"
                ));
            }
            if let Err(error) = self.builder.stack_set(stack_set(&region, facts)) {
                self.missing
                    .push(format!("stack set {name}: {}", error.message));
                continue;
            }
            for (at, instance) in found {
                let known = imported.get(&(name.as_str(), at.clone()));
                instances.push(NewInstance {
                    stack: known.and_then(|known| known.stack.clone()),
                    overrides: known
                        .map(|known| known.overrides.clone())
                        .unwrap_or_default(),
                    set: (region.clone(), facts.id.clone()),
                    account: at.account.to_string(),
                    region: at.region.to_string(),
                    status: instance.status.clone(),
                    detailed: instance.detailed_status.clone(),
                    reason: instance.reason.clone(),
                    ou: instance.ou.clone(),
                });
            }
        }
        instances
    }

    fn trails(&mut self) -> Result<(), AwsError> {
        let known = self.inventory.trails.iter().filter_map(Observed::known);
        for trail in known.flat_map(BTreeMap::values) {
            self.builder.trail(&NewTrail {
                region: trail.home_region.to_string(),
                name: trail.name.clone(),
                bucket: trail.bucket.clone(),
                organization: trail.organization,
                multi_region: trail.multi_region,
            })?;
        }
        Ok(())
    }

    fn guardduty(&mut self) -> Result<(), AwsError> {
        for (region, facts) in &self.inventory.guardduty {
            let Some(Some(administrator)) = facts.administrator.known() else {
                continue;
            };
            let region = region.as_str();
            self.builder
                .guardduty_administrator(administrator.as_str(), region)?;
            let Some(Some(detector)) = facts.detector.known() else {
                continue;
            };
            self.builder.detector(&NewDetector {
                account: administrator.to_string(),
                region: region.to_owned(),
                id: detector.id.clone(),
                enabled: detector.enabled,
                auto_enable: detector.auto_enable.clone(),
                features: detector.features.clone(),
                held: detector.held.clone(),
                organization_features: detector.organization_features.clone(),
                members: detector
                    .members
                    .iter()
                    .map(|(id, status)| (id.to_string(), status == "Enabled"))
                    .collect(),
                destinations: detector
                    .exports
                    .iter()
                    .map(|export| {
                        let values = (
                            export.bucket_arn.clone(),
                            export.key_arn.clone(),
                            export.status.clone(),
                        );
                        (export.id.clone(), values)
                    })
                    .collect(),
            })?;
            for (account, by) in &facts.elsewhere {
                self.builder
                    .invited(account.as_str(), region, by.as_str())?;
            }
        }
        Ok(())
    }

    /// Buckets that an earlier stack kept.
    fn kept_buckets(&mut self) -> Result<(), AwsError> {
        for (at, buckets) in &self.inventory.former.buckets {
            for (name, seen) in buckets {
                if let Some(facts) = seen.known() {
                    let key = facts.key.as_deref().filter(|_| facts.key_is_there);
                    let (account, region) = (at.account.as_str(), at.region.as_str());
                    self.builder
                        .bucket(account, region, name, facts.policy, key)?;
                }
            }
        }
        Ok(())
    }

    /// Recorders that stand where a baseline's are to be, and those that a stack has lost.
    fn recorders(&mut self) -> Result<(), AwsError> {
        for (at, seen) in &self.inventory.former.recorders {
            if let Some(facts) = seen.known() {
                let (recorder, channel) = (facts.recorder.is_some(), facts.channel.is_some());
                let (account, region) = (at.account.as_str(), at.region.as_str());
                self.builder
                    .lose_recorder(account, region, recorder, channel)?;
            }
        }
        for (at, seen) in &self.inventory.recorders {
            if let Some(facts) = seen.known().filter(|facts| !facts.is_empty()) {
                self.builder.recorder(
                    at.account.as_str(),
                    at.region.as_str(),
                    facts.recorder.as_deref(),
                    facts.channel.as_deref(),
                )?;
            }
        }
        Ok(())
    }
}

/// What is known of instances that were imported, by set and place.
fn imported(inventory: &Inventory) -> BTreeMap<(&str, AccountRegion), &InstanceStack> {
    let mut known = BTreeMap::new();
    for (id, found) in &inventory.existing_stacks {
        if let ExistingStack::Instance(Observed::Known(facts)) = found {
            let at = AccountRegion {
                account: id.account().clone(),
                region: id.region().clone(),
            };
            known.insert((facts.stack_set.as_str(), at), facts);
        }
    }
    known
}

fn stack(account: &str, region: &str, facts: &StackFacts) -> Option<NewStack> {
    Some(NewStack {
        account: account.to_owned(),
        region: region.to_owned(),
        id: facts.id.clone(),
        name: facts.name.clone(),
        status: facts.status.clone(),
        template: facts.template.known()?.clone(),
        parameters: facts.parameters.clone(),
        tags: facts.tags.clone(),
        outputs: facts.outputs.clone(),
        termination_protection: facts.termination_protection,
    })
}

fn stack_set(region: &str, facts: &StackSetFacts) -> NewStackSet {
    // Which Regions auto-deployment fills is not told; those of the instances it is.
    let regions: BTreeSet<String> = facts
        .instances
        .known()
        .into_iter()
        .flatten()
        .map(|(at, _)| at.region.to_string())
        .collect();
    NewStackSet {
        region: region.to_owned(),
        id: facts.id.clone(),
        name: facts.name.clone(),
        template: facts.template.clone(),
        parameters: facts.parameters.clone(),
        capabilities: facts.capabilities.clone(),
        tags: facts.tags.clone(),
        service_managed: facts.service_managed,
        auto_deployment: facts
            .auto_deployment
            .map(|auto| (auto.enabled, auto.retain_on_removal)),
        depends_on: facts.depends_on.clone(),
        managed_execution: facts.managed_execution,
        targets: facts
            .targets
            .iter()
            .map(|ou| (ou.clone(), regions.clone()))
            .collect(),
    }
}
