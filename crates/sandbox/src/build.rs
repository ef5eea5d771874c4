//! Builds a world that begins as another organization is: ids, names and contents as given, nothing
//! under way. For rehearsals, which copy an organization that was read elsewhere.
//!
//! Stacks make their resources as the engine makes them, from template and parameters, because nobody
//! lists a stack's resources with all their properties. Where that fails, [`Builder::bare_stack`] keeps
//! the stack without resources.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::{Value, json};

use super::call::{AwsError, Call};
use super::cloudformation::engine::{self, Place, with_stack};
use super::cloudformation::stack::{OnFailure, Source, Stack, parse};
use super::cloudformation::stack_set::{self, AutoDeployment, Instance, StackSet, instance_key};
use super::cloudformation::{access, parameters};
use super::config::Recorder;
use super::guardduty::{self, Destination};
use super::kms::Key;
use super::organizations::{Member, Ou, Policy};
use super::time::Time;
use super::world::{Rng, World};
use super::{cloudtrail, iam, permissions, table};

/// A world that is being built.
#[derive(Debug)]
pub struct Builder {
    world: World,
}

/// An account of the organization.
#[derive(Debug, Clone)]
pub struct NewAccount<'a> {
    pub id: &'a str,
    pub name: &'a str,
    pub email: &'a str,
    /// The root or an OU.
    pub parent: &'a str,
    /// `ACTIVE`, `SUSPENDED`, `CLOSED` and so on.
    pub state: &'a str,
    /// Created in the organization rather than invited.
    pub created_here: bool,
    /// The role by which the management account enters it.
    pub access_role: &'a str,
}

/// A policy of the customer's own.
#[derive(Debug, Clone)]
pub struct NewPolicy<'a> {
    pub id: &'a str,
    pub name: &'a str,
    pub description: &'a str,
    /// `SERVICE_CONTROL_POLICY` and so on.
    pub kind: &'a str,
    pub content: &'a str,
}

/// A stack, whole.
#[derive(Debug, Clone)]
pub struct NewStack {
    pub account: String,
    pub region: String,
    /// The ARN.
    pub id: String,
    pub name: String,
    pub status: String,
    pub template: String,
    pub parameters: BTreeMap<String, String>,
    pub tags: BTreeMap<String, String>,
    /// What it is known to put out; the engine's own outputs stand where this is empty.
    pub outputs: BTreeMap<String, String>,
    pub termination_protection: bool,
}

/// A stack set without its instances.
#[derive(Debug, Clone)]
pub struct NewStackSet {
    pub region: String,
    pub id: String,
    pub name: String,
    pub template: String,
    pub parameters: BTreeMap<String, String>,
    pub capabilities: BTreeSet<String>,
    pub tags: BTreeMap<String, String>,
    pub service_managed: bool,
    /// Enabled, and whether stacks are retained.
    pub auto_deployment: Option<(bool, bool)>,
    /// ARNs of the sets after which auto-deployment comes.
    pub depends_on: BTreeSet<String>,
    pub managed_execution: bool,
    /// Regions by OU or root.
    pub targets: BTreeMap<String, BTreeSet<String>>,
}

/// One instance of a stack set.
#[derive(Debug, Clone)]
pub struct NewInstance {
    /// The Region in which the set lies, and its id.
    pub set: (String, String),
    pub account: String,
    pub region: String,
    /// `CURRENT`, `OUTDATED` or `INOPERABLE`.
    pub status: String,
    pub detailed: Option<String>,
    pub reason: Option<String>,
    pub ou: Option<String>,
    /// The ARN of its stack, where it is known.
    pub stack: Option<String>,
    /// Parameters of its own.
    pub overrides: BTreeMap<String, String>,
}

/// GuardDuty's administrator in one Region and its detector.
#[derive(Debug, Clone)]
pub struct NewDetector {
    pub account: String,
    pub region: String,
    pub id: String,
    pub enabled: bool,
    /// `ALL`, `NEW` or `NONE`.
    pub auto_enable: String,
    pub features: BTreeMap<String, bool>,
    /// Features that an organization policy holds.
    pub held: BTreeSet<String>,
    /// `ALL`, `NEW` or `NONE` by feature.
    pub organization_features: BTreeMap<String, String>,
    /// Whether GuardDuty is on there, by account.
    pub members: BTreeMap<String, bool>,
    /// Bucket, key and status by destination.
    pub destinations: BTreeMap<String, (String, String, String)>,
}

/// A trail of the management account, logging since the world's beginning.
#[derive(Debug, Clone)]
pub struct NewTrail {
    pub region: String,
    pub name: String,
    pub bucket: String,
    pub organization: bool,
    pub multi_region: bool,
}

impl Builder {
    /// A world of one account at one moment. `seed` decides everything random in it.
    pub fn new(management: &str, now: Time, seed: u64) -> Builder {
        let mut world = World::empty(management, seed);
        world.now = now;
        if let Some(account) = world.accounts.get_mut(management) {
            account.created = now;
        }
        Builder { world }
    }

    /// How many accounts there may be; AWS's default otherwise.
    pub fn account_quota(&mut self, accounts: usize) {
        self.world.account_quota = accounts;
    }

    /// Another quota, by its word in [`QUOTAS`](super::service_quotas::QUOTAS).
    pub fn quota(&mut self, word: &str, value: usize) {
        let mut quotas = super::service_quotas::QUOTAS.iter();
        if let Some(quota) = quotas.find(|quota| quota.word == word) {
            quota.set(&mut self.world, value);
        }
    }

    /// Invitations that are open.
    pub fn invitations(&mut self, number: usize) {
        let requested = self.world.now;
        if let Some(organization) = self.world.organization.as_mut() {
            for place in 1..=number {
                let invitation = super::organizations::Invitation {
                    target: format!("invited-{place}@example.com"),
                    requested,
                };
                let id = format!("h-invitation{place}");
                organization.invitations.insert(id, invitation);
            }
        }
    }

    /// Puts the management account into an organization.
    pub fn organization(
        &mut self,
        id: &str,
        root: &str,
        all_features: bool,
    ) -> Result<(), AwsError> {
        let management = self.world.management_account.clone();
        let features = if all_features {
            "ALL"
        } else {
            "CONSOLIDATED_BILLING"
        };
        let input = json!({"FeatureSet": features});
        self.call(
            (&management, "us-east-1"),
            "organizations",
            "CreateOrganization",
            input,
        )?;
        if let Some(organization) = self.world.organization.as_mut() {
            let made = std::mem::replace(&mut organization.root, root.to_owned());
            id.clone_into(&mut organization.id);
            let children = organization.children.remove(&made).unwrap_or_default();
            organization.children.insert(root.to_owned(), children);
            for member in organization.members.values_mut() {
                root.clone_into(&mut member.parent);
            }
            if let Some(attached) = organization.attached.remove(&made) {
                for policy in &attached {
                    if let Some(policy) = organization.policies.get_mut(policy) {
                        policy.targets.remove(&made);
                        policy.targets.insert(root.to_owned());
                    }
                }
                organization.attached.insert(root.to_owned(), attached);
            }
        }
        Ok(())
    }

    fn call(
        &mut self,
        (account, region): (&str, &str),
        service: &str,
        operation: &str,
        input: Value,
    ) -> Result<Value, AwsError> {
        let nobody = permissions::past_policies(account);
        let call = Call::internal(account, region, &nobody, self.world.now, input);
        table::invoke(&mut self.world, service, operation, &call)
    }

    /// A policy type and its status: `ENABLED`, `PENDING_ENABLE` or `PENDING_DISABLE`. Comes after OUs and
    /// accounts: AWS's own policy is attached to all that are there.
    pub fn policy_type(&mut self, kind: &str, status: &str) {
        if let Some(organization) = self.world.organization.as_mut() {
            organization.turn_on(kind);
            organization
                .policy_types
                .insert(kind.to_owned(), status.to_owned());
        }
    }

    /// An OU; its parent may come later.
    pub fn ou(&mut self, id: &str, name: &str, parent: &str) {
        if let Some(organization) = self.world.organization.as_mut() {
            let ou = Ou {
                name: name.to_owned(),
                parent: parent.to_owned(),
            };
            organization.ous.insert(id.to_owned(), ou);
            organization.children.entry(id.to_owned()).or_default();
            let children = organization.children.entry(parent.to_owned()).or_default();
            children.ous.insert(id.to_owned());
        }
    }

    /// An account, which its access role opens. The management account is there already and is only
    /// named and placed.
    pub fn account(&mut self, new: &NewAccount<'_>) {
        let now = self.world.now;
        let management = self.world.management_account.clone();
        if new.id == management {
            // The email that an empty world gave it is free again.
            self.world.emails.retain(|_, id| *id != management);
        }
        match self.world.accounts.get_mut(new.id) {
            Some(account) => {
                new.name.clone_into(&mut account.name);
                new.email.clone_into(&mut account.email);
                let email = new.email.to_lowercase();
                self.world.emails.insert(email, new.id.to_owned());
            }
            None => self.world.add_account(new.id, new.name, new.email),
        }
        let Some(organization) = self.world.organization.as_mut() else {
            return;
        };
        if let Some(member) = organization.members.remove(new.id)
            && let Some(children) = organization.children.get_mut(&member.parent)
        {
            children.accounts.remove(new.id);
        }
        let method = if new.created_here {
            "CREATED"
        } else {
            "INVITED"
        };
        organization.members.insert(
            new.id.to_owned(),
            Member {
                parent: new.parent.to_owned(),
                method: method.to_owned(),
                joined: now,
                state: new.state.to_owned(),
            },
        );
        let children = organization.children.entry(new.parent.to_owned());
        children.or_default().accounts.insert(new.id.to_owned());
        let closed = new.state == "CLOSED";
        if let Some(account) = self.world.accounts.get_mut(new.id)
            && new.id != management
        {
            account.closed = closed.then_some(now);
            let id = format!("AROA{}", self.world.rng.capitals(17));
            let role = iam::access_role(id, &management, now, now);
            account.iam.roles.insert(new.access_role.to_owned(), role);
        }
        iam::ensure_linked_role(&mut self.world, new.id, "organizations.amazonaws.com");
    }

    /// Sees to a service-linked role.
    pub fn linked_role(&mut self, account: &str, service: &str) {
        iam::ensure_linked_role(&mut self.world, account, service);
    }

    /// A policy with what it is attached to.
    pub fn policy(&mut self, new: &NewPolicy<'_>, targets: &BTreeSet<String>) {
        if let Some(organization) = self.world.organization.as_mut() {
            let policy = Policy {
                name: new.name.to_owned(),
                description: new.description.to_owned(),
                kind: new.kind.to_owned(),
                content: new.content.to_owned(),
                aws_managed: false,
                targets: targets.clone(),
            };
            organization.policies.insert(new.id.to_owned(), policy);
            for target in targets {
                let attached = organization.attached.entry(target.clone()).or_default();
                attached.insert(new.id.to_owned());
            }
        }
    }

    /// What FullAWSAccess is attached to, and nothing else.
    pub fn full_aws_access(&mut self, targets: &BTreeSet<String>) {
        if let Some(organization) = self.world.organization.as_mut() {
            organization.full_access_on(targets);
        }
    }

    /// Tags of the root, an OU, an account or a policy.
    pub fn tags(&mut self, id: &str, tags: &BTreeMap<String, String>) {
        if let Some(organization) = self.world.organization.as_mut()
            && !tags.is_empty()
        {
            organization.tags.insert(id.to_owned(), tags.clone());
        }
    }

    /// A service that may act for the organization.
    pub fn trust(&mut self, principal: &str) {
        super::organizations::trust(&mut self.world, principal);
    }

    /// An account that administers a service.
    pub fn delegate(&mut self, account: &str, principal: &str) {
        let now = self.world.now;
        if let Some(organization) = self.world.organization.as_mut() {
            let services = organization.delegated.entry(account.to_owned());
            services.or_default().insert(principal.to_owned(), now);
        }
    }

    /// Lets StackSets act for the organization.
    pub fn stack_sets_access(&mut self) {
        access::grant(&mut self.world);
    }

    /// An alternate contact, by AWS's word for its type.
    pub fn contact(&mut self, account: &str, kind: &str, [name, title, email, phone]: [&str; 4]) {
        if let Some(account) = self.world.accounts.get_mut(account) {
            let contact = json!({
                "AlternateContactType": kind, "Name": name, "Title": title, "EmailAddress": email,
                "PhoneNumber": phone,
            });
            account.settings.contacts.insert(kind.to_owned(), contact);
        }
    }

    /// An account's alias.
    pub fn alias(&mut self, account: &str, alias: &str) {
        if let Some(account) = self.world.accounts.get_mut(account) {
            account.iam.alias = Some(alias.to_owned());
        }
    }

    /// An account's password policy, as IAM shows it.
    pub fn password_policy(&mut self, account: &str, policy: Value) {
        if let Some(account) = self.world.accounts.get_mut(account) {
            account.iam.password_policy = Some(policy);
        }
    }

    /// A Region that was turned on in an account, by the account service's word for its status; what is under
    /// way counts as done.
    pub fn region(&mut self, account: &str, region: &str, status: &str) {
        if let Some(account) = self.world.accounts.get_mut(account)
            && matches!(status, "ENABLED" | "ENABLING")
        {
            let regions = &mut account.settings.regions;
            regions.insert(region.to_owned(), "ENABLED".to_owned());
        }
    }

    /// The features of centralized root access that are on.
    pub fn root_features(&mut self, features: &BTreeSet<String>) {
        let management = self.world.management_account.clone();
        if let Some(account) = self.world.accounts.get_mut(&management) {
            account.iam.root_features = features.iter().cloned().collect();
        }
    }

    /// A stack with its resources, made from its template.
    ///
    /// # Errors
    /// Why a resource cannot be made; nothing of the stack is left then.
    pub fn stack(&mut self, new: &NewStack) -> Result<(), String> {
        let template = parse(&new.template).map_err(|error| error.to_string())?;
        let settled = parameters::settle(&template, &new.parameters).map_err(|e| e.to_string())?;
        let source = Source::Text(new.template.clone());
        self.insert(new, source, settled, None);
        self.bring_about(new)
    }

    /// The same without resources: what it puts out is what is known of it.
    pub fn bare_stack(&mut self, new: &NewStack) {
        let source = Source::Text(new.template.clone());
        self.insert(new, source, new.parameters.clone(), None);
        self.finish(new);
    }

    fn insert(
        &mut self,
        new: &NewStack,
        source: Source,
        parameters: BTreeMap<String, String>,
        stack_set: Option<String>,
    ) {
        let now = self.world.now;
        let stack = Stack {
            id: new.id.clone(),
            name: new.name.clone(),
            status: String::from("CREATE_IN_PROGRESS"),
            reason: None,
            created: now,
            updated: None,
            deleted: None,
            source,
            parameters,
            tags: new.tags.clone(),
            capabilities: Vec::new(),
            resources: BTreeMap::new(),
            outputs: Vec::new(),
            events: Vec::new(),
            termination_protection: new.termination_protection,
            on_failure: OnFailure::Rollback,
            pending: None,
            stack_set,
            undo: None,
            // What is laid out was there before any policy; afterwards nobody tells who made it.
            actor: Some(permissions::past_policies(&new.account)),
            drift: None,
        };
        if let Ok(region) = self.world.region_mut(&new.account, &new.region) {
            let state = &mut region.cloudformation;
            state.names.insert(new.name.clone(), new.id.clone());
            state.stacks.insert(new.id.clone(), stack);
        }
    }

    fn bring_about(&mut self, new: &NewStack) -> Result<(), String> {
        let at = Place {
            account: &new.account,
            region: &new.region,
        };
        let made = with_stack(&mut self.world, at, &new.id, |world, stack| {
            engine::create(world, at, stack)
        });
        if let Some(Err(failure)) = made {
            if let Ok(region) = self.world.region_mut(&new.account, &new.region) {
                region.cloudformation.names.remove(&new.name);
                region.cloudformation.stacks.remove(&new.id);
            }
            return Err(format!("{}: {}", failure.logical_id, failure.reason));
        }
        self.finish(new);
        Ok(())
    }

    /// Gives a stack the status and the outputs that it is known to have, and resources the ids that
    /// these outputs tell of.
    fn finish(&mut self, new: &NewStack) {
        let at = Place {
            account: &new.account,
            region: &new.region,
        };
        self.rename(new);
        with_stack(&mut self.world, at, &new.id, |_, stack| {
            new.status.clone_into(&mut stack.status);
            stack.actor = None;
            stack.events.clear();
            for (key, value) in &new.outputs {
                let of_key = |output: &&mut Value| {
                    output.get("OutputKey").and_then(Value::as_str) == Some(key)
                };
                let known = stack.outputs.iter_mut().find(of_key);
                match known.and_then(Value::as_object_mut) {
                    Some(output) => {
                        output.insert(String::from("OutputValue"), value.as_str().into());
                    }
                    None => stack
                        .outputs
                        .push(json!({"OutputKey": key, "OutputValue": value})),
                }
            }
        });
    }

    /// A resource that was made anew has an id of its own (a key, say). Where an output tells the id that
    /// it has elsewhere, it gets that, so that what refers to it from other accounts finds it.
    fn rename(&mut self, new: &NewStack) {
        let Ok(region) = self.world.region_mut(&new.account, &new.region) else {
            return;
        };
        let Some(stack) = region.cloudformation.stacks.get(&new.id) else {
            return;
        };
        let text = |output: &Value, name: &str| {
            let text = output.get(name).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        let mut names: Vec<(String, String)> = Vec::new();
        for output in &stack.outputs {
            let made = text(output, "OutputValue");
            let Some(known) = new.outputs.get(&text(output, "OutputKey")) else {
                continue;
            };
            let own = |whole: &str| {
                whole
                    .rsplit(['/', ':'])
                    .next()
                    .unwrap_or_default()
                    .to_owned()
            };
            let (made, known) = (own(&made), own(known));
            // Short words are no ids, and might stand for something else elsewhere.
            if made != known && made.len() >= 16 {
                names.push((made, known));
            }
        }
        if names.is_empty() {
            return;
        }
        let Ok(mut state) = serde_json::to_string(region) else {
            return;
        };
        for (made, known) in &names {
            state = state.replace(made, known);
        }
        if let Ok(renamed) = serde_json::from_str(&state) {
            *region = renamed;
        }
        let buckets = self.world.s3.buckets.values_mut();
        for bucket in buckets.filter(|bucket| bucket.account == new.account) {
            for (made, known) in &names {
                if let Some(policy) = &mut bucket.policy {
                    *policy = policy.replace(made, known);
                }
                for setting in bucket.settings.values_mut() {
                    let replaced = setting.to_string().replace(made, known);
                    if let Ok(renamed) = serde_json::from_str(&replaced) {
                        *setting = renamed;
                    }
                }
            }
        }
    }

    /// A stack set of the management account.
    pub fn stack_set(&mut self, new: NewStackSet) -> Result<(), AwsError> {
        let (enabled, retain) = new.auto_deployment.unwrap_or_default();
        let set = StackSet {
            id: new.id.clone(),
            name: new.name,
            description: String::new(),
            created: self.world.now,
            deleted: false,
            service_managed: new.service_managed,
            execution_role: String::from("AWSCloudFormationStackSetExecutionRole"),
            templates: BTreeMap::from([(1, new.template)]),
            revision: 1,
            version: 1,
            parameters: new.parameters,
            tags: new.tags,
            capabilities: new.capabilities.into_iter().collect(),
            auto: AutoDeployment {
                enabled,
                retain,
                depends_on: new.depends_on.into_iter().collect(),
            },
            managed_execution: new.managed_execution,
            targets: new.targets,
            instances: BTreeMap::new(),
            operations: BTreeMap::new(),
            history: Vec::new(),
            queue: VecDeque::new(),
        };
        let management = self.world.management_account.clone();
        self.world
            .region_mut(&management, &new.region)?
            .cloudformation
            .stack_sets
            .insert(new.id, set);
        Ok(())
    }

    /// An instance with its stack, made from the set's template. An outdated one differs from the set in a
    /// tag, so that an update has something to do; an inoperable one has no stack.
    ///
    /// # Errors
    /// Why a resource cannot be made. With `bare` the stack is then kept without resources.
    pub fn instance(&mut self, new: &NewInstance, bare: bool) -> Result<(), String> {
        let management = self.world.management_account.clone();
        let (set_region, set_id) = &new.set;
        let set = stack_set::get(&self.world, &management, set_region, set_id)
            .map_err(|error| error.message)?;
        let template = parse(set.template()).map_err(|error| error.to_string())?;
        let mut given = set.parameters.clone();
        given.extend(new.overrides.clone());
        let settled = parameters::settle(&template, &given).map_err(|error| error.to_string())?;
        let current = new.status == "CURRENT";
        let mut tags = set.tags.clone();
        if !current {
            tags.insert(String::from("outdated"), String::from("true"));
        }
        let source = Source::Revision {
            admin: management.clone(),
            region: set_region.clone(),
            set: set_id.clone(),
            revision: set.revision,
        };
        let set_name = set.name.clone();
        let made = format!("StackSet-{set_name}-{}", self.world.rng.uuid());
        let id = new.stack.clone().unwrap_or_else(|| {
            format!(
                "arn:aws:cloudformation:{}:{}:stack/{made}/{}",
                new.region,
                new.account,
                self.world.rng.uuid()
            )
        });
        let stack = NewStack {
            account: new.account.clone(),
            region: new.region.clone(),
            name: id.split('/').nth(1).unwrap_or(&made).to_owned(),
            id,
            status: String::from("CREATE_COMPLETE"),
            template: String::new(),
            parameters: BTreeMap::new(),
            tags,
            outputs: BTreeMap::new(),
            termination_protection: false,
        };
        let has_stack = new.status != "INOPERABLE";
        if has_stack {
            let owner = Some(format!("{management}/{set_id}"));
            self.insert(&stack, source, settled, owner);
            if bare {
                self.finish(&stack);
            } else {
                self.bring_about(&stack)?;
            }
        }
        let instance = Instance {
            account: new.account.clone(),
            region: new.region.clone(),
            ou: new.ou.clone().unwrap_or_default(),
            stack: has_stack.then_some(stack.id),
            status: new.status.clone(),
            detailed: new
                .detailed
                .clone()
                .unwrap_or_else(|| if current { "SUCCEEDED" } else { "FAILED" }.to_owned()),
            reason: new.reason.clone(),
            overrides: new.overrides.clone(),
            // The operation that made it is not known; the set's own id is a UUID as good as any.
            last_operation: set_id.rsplit(':').next().unwrap_or(set_id).to_owned(),
            version: u64::from(current),
            drift: stack_set::not_checked(),
            drift_checked: None,
        };
        let set = stack_set::get_mut(&mut self.world, &management, set_region, set_id)
            .map_err(|error| error.message)?;
        set.instances
            .insert(instance_key(&new.account, &new.region), instance);
        Ok(())
    }

    /// The delegated administrator of GuardDuty in a Region.
    pub fn guardduty_administrator(&mut self, account: &str, region: &str) -> Result<(), AwsError> {
        let management = self.world.management_account.clone();
        let state = &mut self.world.region_mut(&management, region)?.guardduty;
        state.organization_admin = Some(account.to_owned());
        Ok(())
    }

    /// The administrator's detector, and those of its members.
    pub fn detector(&mut self, new: &NewDetector) -> Result<(), AwsError> {
        let now = self.world.now;
        for (account, on) in &new.members {
            if !self.world.accounts.contains_key(account) {
                continue;
            }
            // A stack may have made it already.
            let _ = guardduty::create_for(&mut self.world, account, &new.region, *on);
            let state = &mut self.world.region_mut(account, &new.region)?.guardduty;
            if let Some(detector) = &mut state.detector {
                detector.enabled = *on;
                detector.administrator = Some(new.account.clone());
                detector.features = new
                    .features
                    .iter()
                    .map(|(name, on)| (name.clone(), *on))
                    .collect();
            }
        }
        let _ = guardduty::create_for(&mut self.world, &new.account, &new.region, new.enabled);
        let state = &mut self.world.region_mut(&new.account, &new.region)?.guardduty;
        if let Some(detector) = &mut state.detector {
            new.id.clone_into(&mut detector.id);
            detector.enabled = new.enabled;
            for (name, on) in &new.features {
                // These are always on, and shown whatever is kept of them.
                if !guardduty::is_foundational(name) {
                    detector.features.insert(name.clone(), *on);
                }
            }
            detector.held.clone_from(&new.held);
            detector.members = new.members.keys().map(|id| (id.clone(), now)).collect();
            new.auto_enable
                .clone_into(&mut detector.organization.auto_enable);
            detector.organization.features = new.organization_features.clone();
            detector.destinations = new
                .destinations
                .iter()
                .map(|(id, (bucket, key, status))| {
                    let destination = Destination {
                        bucket_arn: bucket.clone(),
                        key_arn: key.clone(),
                        status: status.clone(),
                        tags: BTreeMap::new(),
                    };
                    (id.clone(), destination)
                })
                .collect();
        }
        Ok(())
    }

    /// A trail, unless a stack has made it already. Nothing is asked of its bucket.
    pub fn trail(&mut self, new: &NewTrail) -> Result<(), AwsError> {
        let now = self.world.now;
        let management = self.world.management_account.clone();
        let state = self.world.region_mut(&management, &new.region)?;
        state
            .cloudtrail
            .trails
            .entry(new.name.clone())
            .or_insert_with(|| cloudtrail::logging_since(now, new));
        Ok(())
    }

    /// A detector that another account administers, by invitation.
    pub fn invited(&mut self, account: &str, region: &str, by: &str) -> Result<(), AwsError> {
        let _ = guardduty::create_for(&mut self.world, account, region, true);
        let state = &mut self.world.region_mut(account, region)?.guardduty;
        if let Some(detector) = &mut state.detector {
            detector.administrator = Some(by.to_owned());
        }
        Ok(())
    }

    /// Takes away what a stack made of a recorder and its channel, and somebody deleted since; keeps what is there.
    ///
    /// # Errors
    /// There is no such account.
    pub fn lose_recorder(
        &mut self,
        account: &str,
        region: &str,
        recorder: bool,
        channel: bool,
    ) -> Result<(), AwsError> {
        let state = &mut self.world.region_mut(account, region)?.config;
        if !recorder {
            state.recorder = None;
        }
        if !channel {
            state.channel = None;
        }
        Ok(())
    }

    /// A bucket that belongs to no stack, with a policy or without, encrypted with a key that is made where it is not there.
    ///
    /// # Errors
    /// The name is taken.
    pub fn bucket(
        &mut self,
        account: &str,
        region: &str,
        name: &str,
        policy: bool,
        key: Option<&str>,
    ) -> Result<(), AwsError> {
        let now = self.world.now;
        let bucket = self.world.s3.create(name, account, region, false, now)?;
        if policy {
            bucket.policy = Some(json!({"Version": "2012-10-17", "Statement": []}).to_string());
        }
        let Some(key) = key else {
            return Ok(());
        };
        bucket.settings.insert(
            "ServerSideEncryptionConfiguration".to_owned(),
            json!({"Rules": [{
                "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key},
                "BucketKeyEnabled": true,
            }]}),
        );
        let id = key.rsplit('/').next().unwrap_or(key).to_owned();
        let keys = &mut self.world.region_mut(account, region)?.kms.keys;
        keys.entry(id).or_insert_with(|| Key {
            description: String::new(),
            policy: String::new(),
            created: now,
            rotation: true,
            enabled: true,
            deletion: None,
            tags: BTreeMap::new(),
        });
        Ok(())
    }

    /// A recorder that records, and a delivery channel, by name. What they record and where to is of no account.
    pub fn recorder(
        &mut self,
        account: &str,
        region: &str,
        recorder: Option<&str>,
        channel: Option<&str>,
    ) -> Result<(), AwsError> {
        let now = self.world.now;
        let state = &mut self.world.region_mut(account, region)?.config;
        state.recorder = recorder.map(|name| Recorder {
            settings: json!({
                "name": name,
                "arn": format!("arn:aws:config:{region}:{account}:configuration-recorder/{name}"),
                "roleARN": format!("arn:aws:iam::{account}:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig"),
                "recordingGroup": {"allSupported": true, "includeGlobalResourceTypes": false},
                "recordingMode": {"recordingFrequency": "CONTINUOUS"},
            }),
            recording: channel.is_some(),
            started: channel.map(|_| now),
            stopped: None,
        });
        state.channel =
            channel.map(|name| json!({"name": name, "s3BucketName": format!("config-{account}")}));
        Ok(())
    }

    /// The world as built. What is in it has been there for long: nothing of it is late.
    pub fn build(mut self) -> World {
        self.world.lags.settle();
        let accounts = self.world.accounts.values_mut();
        for role in accounts.flat_map(|account| account.iam.roles.values_mut()) {
            role.usable_from = role.created;
        }
        self.world
    }

    /// A new source of ids and durations, so that what was built along the way does not decide them.
    pub fn reseed(&mut self, seed: u64) {
        self.world.rng = Rng::new(seed);
    }
}
