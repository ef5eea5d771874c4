//! What AWS would hold after a change, for tests: pure, and strict where AWS is strict.

use std::collections::{BTreeMap, BTreeSet};

use super::simulate_stacks::leave_targets;
use crate::action::{self, Action};
use crate::addr::{Address, Attribute, Bindings, Expr};
use crate::baseline::Desired;
use crate::change::Change;
use crate::inventory::*;
use crate::plan::{AccountId, OuPath, Region, Tags};

pub(super) const ROOT: &str = "r-root";
pub(super) const MANAGEMENT: &str = "111111111111";

pub(super) struct Simulation {
    pub(super) inventory: Inventory,
    pub(super) bindings: Bindings,
    /// Accounts whose access role was seen to answer, by id.
    pub(super) ready: BTreeSet<AccountId>,
    /// The outputs that anything refers to, by stack.
    pub(super) outputs: BTreeMap<Address, BTreeSet<String>>,
    next: u64,
}

/// What the management account of no organization shows.
pub(super) fn empty() -> Inventory {
    Inventory {
        stacks: super::samples::regions()
            .into_iter()
            .map(|region| {
                let account = MANAGEMENT.parse().unwrap();
                let at = AccountRegion { account, region };
                (at, Observed::Known(BTreeMap::new()))
            })
            .collect(),
        preparation: BTreeMap::from([(MANAGEMENT.parse().unwrap(), nothing_prepared())]),
        root_access: Some(Observed::Known(BTreeSet::new())),
        ..Inventory::nothing(
            MANAGEMENT.parse().unwrap(),
            "2026-11-24T00:00:00Z".parse().unwrap(),
        )
    }
}

/// An account that was asked about everything and given nothing.
pub(super) fn nothing_prepared() -> PreparationFacts {
    PreparationFacts {
        alias: Some(Observed::Known(None)),
        password_policy: Some(Observed::Known(None)),
        regions: Some(Observed::Known(BTreeMap::new())),
    }
}

pub(super) fn known<T>(seen: &mut Observed<T>) -> &mut T {
    match seen {
        Observed::Known(value) => value,
        Observed::Unread(why) => panic!("a change on the strength of what was not read: {why:?}"),
    }
}

fn referenced(desired: &Desired) -> BTreeMap<Address, BTreeSet<String>> {
    let mut outputs: BTreeMap<Address, BTreeSet<String>> = BTreeMap::new();
    let parameters = desired.stacks.values().flat_map(|s| s.parameters.values());
    let sets = desired
        .stack_sets
        .values()
        .flat_map(|s| s.parameters.values());
    let export = desired.guardduty.iter().flat_map(|g| &g.export);
    let texts: Vec<&Expr> = parameters
        .chain(sets)
        .chain(export.flat_map(|e| [&e.bucket_arn, &e.key_arn]))
        .collect();
    for (address, attribute) in texts.iter().flat_map(|text| text.references()) {
        if let Attribute::Output(name) = attribute {
            outputs
                .entry(address.clone())
                .or_default()
                .insert(name.clone());
        }
    }
    outputs
}

impl Simulation {
    pub(super) fn new(inventory: Inventory, bindings: Bindings, desired: &Desired) -> Self {
        Simulation {
            ready: inventory
                .accounts
                .known()
                .into_iter()
                .flat_map(|accounts| accounts.keys().cloned())
                .collect(),
            inventory,
            bindings,
            outputs: referenced(desired),
            next: 1000,
        }
    }

    /// The inventory as an observer of this plan would take it: every place asked about.
    pub(super) fn observed(mut self, regions: &BTreeSet<Region>) -> Inventory {
        let ids: Vec<AccountId> = known(&mut self.inventory.accounts)
            .keys()
            .cloned()
            .collect();
        for account in ids.iter().chain([&self.inventory.caller.clone()]) {
            for region in regions {
                let at = AccountRegion {
                    account: account.clone(),
                    region: region.clone(),
                };
                let stacks = self.inventory.stacks.entry(at);
                stacks.or_insert_with(|| Observed::Known(BTreeMap::new()));
            }
            let contacts = self.inventory.contacts.entry(account.clone());
            contacts.or_insert_with(|| Observed::Known(BTreeMap::new()));
            let preparation = self.inventory.preparation.entry(account.clone());
            preparation.or_insert_with(nothing_prepared);
        }
        for region in regions {
            self.inventory
                .guardduty
                .entry(region.clone())
                .or_insert(GuardDutyFacts {
                    administrator: Observed::Known(None),
                    detector: Observed::Known(None),
                    elsewhere: BTreeMap::new(),
                });
        }
        self.inventory
    }

    pub(super) fn value(&self, text: &Expr) -> String {
        text.value(&self.bindings)
            .expect("a change runs only when what it refers to is known")
    }

    pub(super) fn account_id(&self, text: &Expr) -> AccountId {
        self.value(text).parse().unwrap()
    }

    /// A number that no id has yet.
    fn fresh(&mut self) -> u64 {
        loop {
            self.next += 1;
            let taken = format!("{:06}", self.next);
            let inventory = &self.inventory;
            let accounts = inventory.accounts.known().into_iter().flatten();
            let ous = inventory.ous.known().into_iter().flatten();
            let policies = inventory.policies.known().into_iter().flatten();
            let mut ids = (accounts.map(|(id, _)| id.as_str()))
                .chain(ous.map(|(id, _)| id.as_str()))
                .chain(policies.map(|(id, _)| id.as_str()));
            if !ids.any(|id| id.ends_with(&taken)) {
                return self.next;
            }
        }
    }

    fn trusts(&self, principal: &str) -> bool {
        let trusted = self.inventory.trusted_access.known().unwrap();
        trusted.iter().any(|p| p.as_str() == principal)
    }

    fn prepared(&mut self, account: &Expr) -> &mut PreparationFacts {
        let id = self.account_id(account);
        let all = self.inventory.preparation.entry(id);
        all.or_insert_with(nothing_prepared)
    }

    pub(super) fn apply(&mut self, change: &Change) {
        let address = change.address.clone();
        match &change.action {
            Action::CreateOrganization(_) => self.create_organization(),
            Action::EnableAllFeatures(action::EnableAllFeatures {}) => {
                self.organization().all_features = true
            }
            Action::EnablePolicyType(action::EnablePolicyType { policy_type }) => {
                let types = &mut self.organization().policy_types;
                types.insert(*policy_type, "ENABLED".to_owned());
            }
            Action::EnableTrustedAccess(action::EnableTrustedAccess { principal }) => {
                known(&mut self.inventory.trusted_access).insert(principal.clone());
            }
            Action::ActivateStackSets(action::ActivateStackSets {}) => {
                self.inventory.stack_sets_access = Observed::Known(true)
            }
            Action::CreateServiceLinkedRole(action::CreateServiceLinkedRole { service }) => {
                known(&mut self.inventory.service_linked_roles).insert(service.clone());
            }
            Action::RegisterDelegatedAdministrator(action::RegisterDelegatedAdministrator {
                principal,
                account,
            }) => {
                assert!(self.trusts(principal.as_str()), "delegation before trust");
                let id = self.account_id(account);
                let all = known(&mut self.inventory.delegated_administrators);
                all.entry(id).or_default().insert(principal.clone());
            }
            Action::CreateOu(action::CreateOu { parent, name, tags }) => {
                self.create_ou(address, parent, name, tags)
            }
            Action::RenameOu(action::RenameOu { id, name }) => self.rename_ou(id, name),
            Action::DeleteOu(action::DeleteOu { id }) => self.delete_ou(id),
            Action::CreateAccount(action::CreateAccount {
                name, email, tags, ..
            }) => {
                let id: AccountId = format!("2{:011}", self.fresh()).parse().unwrap();
                let accounts = known(&mut self.inventory.accounts);
                assert!(
                    !accounts.values().any(|facts| facts.has_email(email)),
                    "an account is created twice"
                );
                let facts = member(id.as_str(), name, email.as_str(), ROOT, tags.clone());
                self.bind(&address, Attribute::Arn, facts.arn.clone());
                self.bind(&address, Attribute::Id, id.to_string());
                known(&mut self.inventory.accounts).insert(id, facts);
            }
            Action::RenameAccount(action::RenameAccount { account, name }) => {
                assert!(self.trusts("account.amazonaws.com"));
                let id = self.account_id(account);
                self.account(&id).name = name.clone();
            }
            Action::PrepareAccount(action::PrepareAccount { account, .. }) => {
                let id = self.account_id(account);
                assert_ne!(id.as_str(), MANAGEMENT);
                self.ready.insert(id);
            }
            Action::MoveAccount(action::MoveAccount { account, to }) => {
                let (id, to) = (self.account_id(account), self.value(to));
                let ready = self.ready.contains(&id) || id.as_str() == MANAGEMENT;
                assert!(
                    ready,
                    "auto-deployment would fire before the roles are there"
                );
                let from = std::mem::replace(&mut self.account(&id).parent, to.clone());
                assert_ne!(from, to);
                leave_targets(&mut self.inventory, &id, &from, &to);
            }
            Action::Tag(action::Tag {
                resource,
                set,
                remove,
            }) => {
                assert!(remove.is_empty());
                let id = self.value(resource);
                self.tags(&id).extend(set.clone());
            }
            Action::PutAlternateContact(action::PutAlternateContact {
                account,
                contact_kind,
                contact,
            }) => {
                assert!(self.trusts("account.amazonaws.com"));
                let id = self.account_id(account);
                let all = self.inventory.contacts.entry(id);
                let seen = all.or_insert_with(|| Observed::Known(BTreeMap::new()));
                known(seen).insert(*contact_kind, contact.clone());
            }
            Action::PutAccountAlias(action::PutAccountAlias { account, alias }) => {
                let facts = self.prepared(account);
                facts.alias = Some(Observed::Known(Some(alias.clone())));
            }
            Action::PutPasswordPolicy(action::PutPasswordPolicy { account, policy }) => {
                let facts = self.prepared(account);
                facts.password_policy = Some(Observed::Known(Some(*policy)));
            }
            Action::EnableRegions(action::EnableRegions { account, regions }) => {
                assert!(self.trusts("account.amazonaws.com"));
                let on = known(self.prepared(account).regions.as_mut().unwrap());
                on.extend(regions.iter().map(|r| (r.clone(), "ENABLED".to_owned())));
            }
            Action::CentralizeRootAccess(action::CentralizeRootAccess {}) => {
                assert!(self.trusts("iam.amazonaws.com"));
                let features = known(self.inventory.root_access.as_mut().unwrap());
                features.insert("RootCredentialsManagement".to_owned());
                features.insert("RootSessions".to_owned());
            }
            Action::CreatePolicy(_)
            | Action::UpdatePolicy(_)
            | Action::DeletePolicy(_)
            | Action::AttachPolicy(_)
            | Action::DetachPolicy(_) => self.policy(change),
            Action::EnableGuardDutyAdministrator(_)
            | Action::RemoveGuardDutyAdministrator(_)
            | Action::DeregisterDelegatedAdministrator(_)
            | Action::ConfigureGuardDuty(_)
            | Action::AddGuardDutyMembers(_)
            | Action::ExportGuardDutyFindings(_) => self.guardduty(change),
            Action::CreateStack(action::CreateStack(action))
            | Action::UpdateStack(action::UpdateStack(action)) => self.stack(&address, action),
            Action::DeleteTrail(action::DeleteTrail { arn, successor, .. }) => {
                assert!(
                    successor.is_none()
                        || self.inventory.stacks.values().any(|s| s.known().is_some())
                );
                let trails = known(self.inventory.trails.as_mut().unwrap());
                trails.remove(arn).unwrap();
            }
            Action::RemoveRecorder(_) => self.remove_recorder(change),
            Action::CreateStackSet(_)
            | Action::UpdateStackSetSettings(_)
            | Action::UpdateStackInstances(_)
            | Action::CreateStackInstances(_)
            | Action::RemoveStackInstances(_)
            | Action::ImportStacks(_)
            | Action::ForgetStackInstances(_) => self.stack_set(change),
            Action::CloseAccount(_) => panic!("no comparison closes accounts"),
            Action::DeleteStackInstances(left) => self.give_up(&address, left),
            Action::DeleteStackSet(_) | Action::DeleteStack(_) => {
                panic!("no comparison deletes what is left over")
            }
            // What controls put back is no difference of plan and inventory.
            Action::StartLogging(_)
            | Action::StartRecorder(_)
            | Action::PutRecorder(_)
            | Action::PutChannel(_)
            | Action::RevertDrift(_)
            | Action::RunAutomation(_)
            | Action::PutResource(_) => {}
        }
    }

    pub(super) fn bind(&mut self, address: &Address, attribute: Attribute, value: String) {
        self.bindings.bind(address.clone(), attribute, value);
    }

    fn organization(&mut self) -> &mut OrganizationFacts {
        known(&mut self.inventory.organization).as_mut().unwrap()
    }

    fn account(&mut self, id: &AccountId) -> &mut AccountFacts {
        known(&mut self.inventory.accounts).get_mut(id).unwrap()
    }

    fn create_organization(&mut self) {
        let organization = OrganizationFacts {
            id: "o-org".to_owned(),
            arn: "arn:aws:organizations::111111111111:organization/o-org".to_owned(),
            root_id: ROOT.to_owned(),
            management_account: MANAGEMENT.parse().unwrap(),
            all_features: true,
            policy_types: BTreeMap::new(),
            root_tags: Observed::Known(Tags::new()),
        };
        let at = Address::Organization;
        self.bind(&at, Attribute::Id, organization.id.clone());
        self.bind(&at, Attribute::Arn, organization.arn.clone());
        self.bind(&at, Attribute::RootId, ROOT.to_owned());
        self.bind(&at, Attribute::Email, "root@example.com".to_owned());
        let facts = member(
            MANAGEMENT,
            "management",
            "root@example.com",
            ROOT,
            Tags::new(),
        );
        known(&mut self.inventory.accounts).insert(facts.id.clone(), facts);
        self.inventory.organization = Observed::Known(Some(organization));
    }

    fn create_ou(&mut self, address: Address, parent: &Expr, name: &str, tags: &Tags) {
        let parent = self.value(parent);
        let id = format!("ou-{:06}", self.fresh());
        let ous = known(&mut self.inventory.ous);
        let twin = ous
            .values()
            .any(|o| o.parent == parent && o.path.name() == name);
        assert!(!twin, "an OU of this name is there");
        let path = match ous.get(&parent) {
            Some(above) => format!("{}/{name}", above.path),
            None => name.to_owned(),
        };
        let facts = OuFacts {
            id: id.clone(),
            arn: format!("arn:{id}"),
            parent,
            path: path.parse().unwrap(),
            tags: Observed::Known(tags.clone()),
        };
        ous.insert(id.clone(), facts);
        self.bind(&address, Attribute::Arn, format!("arn:{id}"));
        self.bind(&address, Attribute::Id, id);
    }

    fn rename_ou(&mut self, id: &str, name: &str) {
        let ous = known(&mut self.inventory.ous);
        let old: OuPath = ous.get(id).unwrap().path.clone();
        let depth = old.depth();
        for facts in ous.values_mut().filter(|facts| old.contains(&facts.path)) {
            let mut segments = facts.path.segments().to_vec();
            segments[depth - 1] = name.to_owned();
            facts.path = OuPath::from_segments(segments).unwrap();
        }
    }

    fn delete_ou(&mut self, id: &str) {
        let accounts = self.inventory.accounts.known().unwrap();
        assert!(
            !accounts.values().any(|a| a.parent == id),
            "OU has accounts"
        );
        let ous = known(&mut self.inventory.ous);
        assert!(!ous.values().any(|ou| ou.parent == id), "OU has OUs");
        for facts in self.inventory.stack_sets.known().unwrap().values() {
            assert!(!facts.targets.contains(id), "OU is a target");
        }
        ous.remove(id).unwrap();
        for facts in known(&mut self.inventory.policies).values_mut() {
            known(&mut facts.targets).remove(id);
        }
    }

    fn tags(&mut self, id: &str) -> &mut Tags {
        if id.starts_with("ou-") {
            known(&mut known(&mut self.inventory.ous).get_mut(id).unwrap().tags)
        } else if id.starts_with("p-") {
            known(
                &mut known(&mut self.inventory.policies)
                    .get_mut(id)
                    .unwrap()
                    .tags,
            )
        } else {
            let id = id.parse().unwrap();
            known(&mut self.account(&id).tags)
        }
    }

    fn policy(&mut self, change: &Change) {
        match &change.action {
            Action::CreatePolicy(action::CreatePolicy {
                name,
                policy_type,
                description,
                content,
                tags,
            }) => {
                let id = format!("p-{:06}", self.fresh());
                let message = self.value(content);
                let types = &self.organization().policy_types;
                assert_eq!(types.get(policy_type).map(String::as_str), Some("ENABLED"));
                let facts = PolicyFacts {
                    id: id.clone(),
                    arn: format!("arn:{id}"),
                    name: name.clone(),
                    kind: *policy_type,
                    description: description.clone(),
                    content: Observed::Known(message),
                    targets: Observed::Known(BTreeSet::new()),
                    tags: Observed::Known(tags.clone()),
                };
                known(&mut self.inventory.policies).insert(id.clone(), facts);
                self.bind(&change.address, Attribute::Id, id);
            }
            Action::UpdatePolicy(action::UpdatePolicy {
                id,
                name,
                description,
                content,
            }) => {
                let content = self.value(content);
                let facts = known(&mut self.inventory.policies).get_mut(id).unwrap();
                facts.name = name.clone();
                facts.description = description.clone();
                facts.content = Observed::Known(content);
            }
            Action::DeletePolicy(action::DeletePolicy { id, .. }) => {
                let facts = known(&mut self.inventory.policies).remove(id).unwrap();
                // Deleting detaches; only from OUs that go with it is that left to it.
                let targets = facts.targets.known().unwrap();
                assert!(
                    targets.iter().all(|id| id.starts_with("ou-")),
                    "policy in use"
                );
            }
            Action::AttachPolicy(action::AttachPolicy { policy, target }) => {
                let (policy, target) = (self.value(policy), self.value(target));
                let facts = known(&mut self.inventory.policies)
                    .get_mut(&policy)
                    .unwrap();
                assert!(known(&mut facts.targets).insert(target));
            }
            Action::DetachPolicy(action::DetachPolicy { policy, target }) => {
                let (policy, target) = (self.value(policy), self.value(target));
                let facts = known(&mut self.inventory.policies)
                    .get_mut(&policy)
                    .unwrap();
                assert!(known(&mut facts.targets).remove(&target));
            }
            other => panic!("{other:?}"),
        }
    }

    fn guardduty(&mut self, change: &Change) {
        match &change.action {
            Action::RemoveGuardDutyAdministrator(action::RemoveGuardDutyAdministrator {
                region,
                account,
                ..
            }) => {
                let id = self.account_id(account);
                let facts = self.inventory.guardduty.get_mut(region).unwrap();
                assert_eq!(facts.administrator, Observed::Known(Some(id)));
                facts.administrator = Observed::Known(None);
                facts.detector = Observed::Known(None);
            }
            Action::DeregisterDelegatedAdministrator(
                action::DeregisterDelegatedAdministrator { principal, account },
            ) => {
                let id = self.account_id(account);
                let administers = |facts: &GuardDutyFacts| {
                    facts.administrator == Observed::Known(Some(id.clone()))
                };
                assert!(!self.inventory.guardduty.values().any(administers));
                let all = known(&mut self.inventory.delegated_administrators);
                assert!(all.get_mut(&id).unwrap().remove(principal));
            }
            Action::EnableGuardDutyAdministrator(action::EnableGuardDutyAdministrator {
                region,
                account,
            }) => {
                let id = self.account_id(account);
                let all = self.inventory.delegated_administrators.known().unwrap();
                let service = "guardduty.amazonaws.com".parse().unwrap();
                assert!(
                    !all.iter()
                        .any(|(other, p)| *other != id && p.contains(&service))
                );
                // GuardDuty registers it with Organizations.
                let all = known(&mut self.inventory.delegated_administrators);
                all.entry(id.clone()).or_default().insert(service);
                let facts = self.inventory.guardduty.get_mut(region);
                match facts {
                    Some(facts) => facts.administrator = Observed::Known(Some(id)),
                    None => {
                        let facts = GuardDutyFacts {
                            administrator: Observed::Known(Some(id)),
                            detector: Observed::Known(None),
                            elsewhere: BTreeMap::new(),
                        };
                        self.inventory.guardduty.insert(region.clone(), facts);
                    }
                }
            }
            Action::ConfigureGuardDuty(action::ConfigureGuardDuty {
                region,
                account,
                features,
                detector_features,
            }) => {
                let id = self.account_id(account);
                let facts = self.inventory.guardduty.get_mut(region).unwrap();
                assert_eq!(facts.administrator, Observed::Known(Some(id)));
                let detector = known(&mut facts.detector).get_or_insert_with(|| DetectorFacts {
                    held: BTreeSet::new(),
                    id: "d".to_owned(),
                    enabled: true,
                    auto_enable: "NONE".to_owned(),
                    features: BTreeMap::new(),
                    organization_features: BTreeMap::new(),
                    members: BTreeMap::new(),
                    member_features: BTreeMap::new(),
                    member_held: BTreeMap::new(),
                    exports: vec![],
                });
                detector.enabled = true;
                detector.auto_enable = "ALL".to_owned();
                for (feature, on) in features {
                    let word = if *on { "ALL" } else { "NONE" };
                    let organization = &mut detector.organization_features;
                    organization.insert(feature.clone(), word.to_owned());
                }
                let both = features.iter().chain(detector_features);
                detector
                    .features
                    .extend(both.map(|(f, on)| (f.clone(), *on)));
            }
            Action::AddGuardDutyMembers(action::AddGuardDutyMembers {
                region, members, ..
            }) => {
                let ids: Vec<AccountId> = members
                    .iter()
                    .map(|member| {
                        assert!(self.value(&member.email).contains('@'));
                        self.account_id(&member.account)
                    })
                    .collect();
                let detector = self.detector(region);
                detector
                    .members
                    .extend(ids.into_iter().map(|id| (id, "Enabled".to_owned())));
            }
            Action::ExportGuardDutyFindings(action::ExportGuardDutyFindings {
                region,
                bucket_arn,
                key_arn,
                ..
            }) => {
                let export = ExportFacts {
                    id: "e".to_owned(),
                    bucket_arn: self.value(bucket_arn),
                    key_arn: self.value(key_arn),
                    status: "PUBLISHING".to_owned(),
                };
                self.detector(region).exports = vec![export];
            }
            other => panic!("{other:?}"),
        }
    }

    fn detector(&mut self, region: &Region) -> &mut DetectorFacts {
        let facts = self.inventory.guardduty.get_mut(region).unwrap();
        known(&mut facts.detector).as_mut().unwrap()
    }
}

pub(super) fn current() -> InstanceFacts {
    InstanceFacts {
        status: "CURRENT".to_owned(),
        detailed_status: Some("SUCCEEDED".to_owned()),
        reason: None,
        ou: None,
    }
}

pub(super) fn member(id: &str, name: &str, email: &str, parent: &str, tags: Tags) -> AccountFacts {
    AccountFacts {
        id: id.parse().unwrap(),
        arn: format!("arn:{id}"),
        name: name.to_owned(),
        email: email.to_owned(),
        state: AccountState::Active,
        created_here: true,
        parent: parent.to_owned(),
        tags: Observed::Known(tags),
    }
}
