//! Changes: what `diff` finds, `graph` orders and `execute` makes so. Data only.
//!
//! A change is so specific that making it leaves no choice: its [`Action`] holds every value that
//! goes to AWS. What does not exist yet (the id of an account that an earlier change creates) is a
//! reference in a [`Expr`], resolved from [`Bindings`] while executing.

mod address;
pub mod saved;
mod shown;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use address::{Address, Place, Target};
pub use saved::SavedChanges;
pub use shown::{Entry, Item, List, Shown, THERE};
pub use text::{Attribute, Bindings, Expr, Part, Unbound};

use crate::inventory::AutoDeployment;
use crate::plan::{
    AccountId, AccountKey, Contact, ContactKind, Email, PasswordPolicy, PolicyType, Portion,
    Principal, Region, StackId, Tags,
};

/// One difference between plan and inventory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    pub address: Address,
    pub verb: Verb,
    /// Why: a short sentence fragment such as "not in the organization".
    pub reason: String,
    /// What differs, field by field, in display order. For a creation: the values it will have.
    pub fields: Vec<FieldChange>,
    pub act: Action,
    /// What must be done first, where it is to be changed at all. References in the act's texts
    /// are needs too and need not be repeated here.
    pub needs: BTreeSet<Address>,
}

/// What a change does to its address, for display and counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    Create,
    Update,
    Move,
    Delete,
    /// Makes sure of something that leaves no resource of its own, such as a reachable role.
    Ensure,
}

/// One field's values before and after. A `Expr` that still holds references is shown as
/// "known after …".
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FieldChange {
    pub field: String,
    pub before: Option<String>,
    pub after: Option<Expr>,
}

/// Exactly what `execute` does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Action {
    /// Creates the organization with all features. Its answer is the first that tells the management account's address.
    CreateOrganization {
        /// The accounts that the plan has besides, by address in lower case: none of them may be the management account's.
        #[serde(default)]
        accounts: BTreeMap<String, AccountKey>,
    },
    /// Starts the move from consolidated billing to all features.
    EnableAllFeatures,
    EnablePolicyType {
        policy_type: PolicyType,
    },
    EnableTrustedAccess {
        principal: Principal,
    },
    /// `cloudformation:ActivateOrganizationsAccess`.
    ActivateStackSets,
    /// Ensures a service-linked role in the management account.
    CreateServiceLinkedRole {
        service: Principal,
    },
    RegisterDelegatedAdministrator {
        principal: Principal,
        account: Expr,
    },

    CreateOu {
        parent: Expr,
        name: String,
        tags: Tags,
    },
    RenameOu {
        id: String,
        name: String,
    },
    DeleteOu {
        id: String,
    },

    CreateAccount {
        key: AccountKey,
        name: String,
        email: Email,
        tags: Tags,
        access_role: String,
        iam_user_access_to_billing: bool,
    },
    /// `account:PutAccountName`, from the management account.
    RenameAccount {
        account: Expr,
        name: String,
    },
    /// Waits until the access role can be assumed in every Region named, then ensures the
    /// service-linked roles.
    PrepareAccount {
        account: Expr,
        regions: BTreeSet<Region>,
        service_linked_roles: BTreeSet<Principal>,
    },
    MoveAccount {
        account: Expr,
        to: Expr,
    },
    /// `organizations:CloseAccount`.
    CloseAccount {
        account: Expr,
    },
    /// Sets and removes tags of a root, OU, account or policy.
    Tag {
        resource: Expr,
        set: Tags,
        remove: BTreeSet<String>,
    },
    PutAlternateContact {
        account: Expr,
        contact_kind: ContactKind,
        contact: Contact,
    },
    /// `iam:CreateAccountAlias`, which takes the place of one there is.
    PutAccountAlias {
        account: Expr,
        alias: String,
    },
    /// `iam:UpdateAccountPasswordPolicy`, whole.
    PutPasswordPolicy {
        account: Expr,
        policy: PasswordPolicy,
    },
    /// `account:EnableRegion` for each, awaited.
    EnableRegions {
        account: Expr,
        regions: BTreeSet<Region>,
    },
    /// Both features of `iam:EnableOrganizationsRoot…`.
    CentralizeRootAccess,

    CreatePolicy {
        name: String,
        policy_type: PolicyType,
        description: String,
        content: Expr,
        tags: Tags,
    },
    UpdatePolicy {
        id: String,
        name: String,
        description: String,
        content: Expr,
    },
    DeletePolicy {
        id: String,
        policy_type: PolicyType,
    },
    AttachPolicy {
        policy: Expr,
        target: Expr,
    },
    DetachPolicy {
        policy: Expr,
        target: Expr,
    },

    /// Takes GuardDuty's administration in one Region from an account: its members are let go, then
    /// `guardduty:DisableOrganizationAdminAccount`. GuardDuty stays on in every account, and what it found.
    RemoveGuardDutyAdministrator {
        region: Region,
        account: Expr,
        /// Whether the account can be entered: in one that is closed or suspended nobody can let members go.
        in_use: bool,
    },
    /// `organizations:DeregisterDelegatedAdministrator`.
    DeregisterDelegatedAdministrator {
        principal: Principal,
        account: Expr,
    },
    /// `guardduty:EnableOrganizationAdminAccount` in one Region.
    EnableGuardDutyAdministrator {
        region: Region,
        account: Expr,
    },
    /// The administrator's detector (created where there is none) and the organization's settings.
    /// Every feature GuardDuty knows is named: `true` is on for the detector and for all members.
    ConfigureGuardDuty {
        region: Region,
        account: Expr,
        features: BTreeMap<String, bool>,
        /// Features that only detectors know: for the administrator's detector, not the organization.
        detector_features: BTreeMap<String, bool>,
    },
    /// Makes accounts members; auto-enable may take a day to reach existing ones.
    AddGuardDutyMembers {
        region: Region,
        administrator: Expr,
        /// Id and email by account.
        members: Vec<GuardDutyMember>,
    },
    /// Exports findings and waits until AWS says PUBLISHING.
    ExportGuardDutyFindings {
        region: Region,
        administrator: Expr,
        bucket_arn: Expr,
        key_arn: Expr,
        /// A destination that is there and differs.
        replace: Option<String>,
    },

    CreateStack(StackDefinition),
    UpdateStack(StackDefinition),
    /// `cloudtrail:DeleteTrail`, of the management account's in its home Region; first the successor must log.
    DeleteTrail {
        region: Region,
        arn: String,
        /// Name of the trail in the organization's home Region that takes its place and is there before.
        successor: Option<Expr>,
    },
    CreateStackSet(StackSetDefinition),
    /// Changes settings that carry no template: auto-deployment, managed execution, description.
    UpdateStackSetSettings {
        name: String,
        auto_deployment: Option<AutoDeployment>,
        /// ARNs of the stack sets after which auto-deployment comes. All of them: the list is replaced.
        #[serde(default)]
        depends_on: Vec<Expr>,
        /// Accounts that leave targets: first auto-deployment takes away what they have through these.
        #[serde(default)]
        leaving: Vec<Leaving>,
        managed_execution: Option<bool>,
    },
    /// `UpdateStackSet` with template and parameters, targeted at one stage.
    UpdateStackInstances {
        set: StackSetDefinition,
        wave: DeploymentTargets,
    },
    /// `CreateStackInstances` for what is missing.
    CreateStackInstances {
        name: String,
        wave: DeploymentTargets,
    },
    /// Stacks of one account brought to the set's template, parameters and tags, and then
    /// `ImportStacksToStackSet`; parameters that the import keeps apart are given back to the set.
    ImportStacks {
        set: StackSetDefinition,
        wave: DeploymentTargets,
        /// ARNs.
        stacks: BTreeMap<Region, StackId>,
    },
    /// Instances of an account that a set no longer reaches, deleted by `DeleteStackInstances`.
    RemoveStackInstances {
        name: String,
        account: Expr,
        /// Whether the stacks stay in the account.
        retain: bool,
        /// Whether the account has left the set's OUs by then: auto-deployment takes the instances away, which is
        /// awaited, and only what it leaves is deleted.
        left: bool,
    },
    /// `DeleteStackInstances` of what is left over.
    DeleteStackInstances(InstancesLeft),
    /// `DeleteStackSet`, of one without instances.
    DeleteStackSet {
        name: String,
    },
    /// `DeleteStack`; its termination protection is switched off for it.
    DeleteStack {
        account: Expr,
        region: Region,
        name: String,
    },
    /// `DeleteStackInstances` with the stacks retained, for instances that AWS calls INOPERABLE.
    ForgetStackInstances {
        name: String,
        wave: DeploymentTargets,
    },

    /// `cloudtrail:StartLogging`, in the trail's home Region.
    StartLogging {
        account: Expr,
        region: Region,
        trail: String,
    },
    /// Stops and deletes a recorder and a delivery channel that are there, so that a stack can bring its own.
    /// What Config has recorded stays.
    RemoveRecorder {
        account: Expr,
        region: Region,
        /// Their names; a recorder of another name is not touched.
        recorder: Option<String>,
        channel: Option<String>,
        /// What brings the next one: where that is there by now, the recorder is its own.
        successor: Successor,
    },
    /// `config:StartConfigurationRecorder`.
    StartRecorder {
        account: Expr,
        region: Region,
        recorder: String,
    },
    /// `config:PutConfigurationRecorder`, in CloudFormation's words, and started where it can be.
    PutRecorder {
        account: Expr,
        region: Region,
        settings: serde_json::Value,
    },
    /// `config:PutDeliveryChannel`, in CloudFormation's words; starts a recorder that waited for it.
    PutChannel {
        account: Expr,
        region: Region,
        settings: serde_json::Value,
    },
    /// A change set in REVERT_DRIFT mode, executed: for types that CloudFormation's drift detection knows.
    RevertDrift {
        account: Expr,
        region: Region,
        stack: String,
    },
    /// `ssm:StartAutomationExecution`, awaited.
    RunAutomation {
        account: Expr,
        region: Region,
        document: String,
        parameters: BTreeMap<String, Vec<String>>,
    },
    /// One resource brought to these properties through Cloud Control, or made anew.
    PutResource {
        account: Expr,
        region: Region,
        resource_type: String,
        identifier: String,
        properties: serde_json::Value,
    },
}

/// The stack set, or the plain stack of the same place, that brings what takes the place of something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "name", rename_all = "kebab-case")]
pub enum Successor {
    StackSet(String),
    Stack(String),
}

/// A member to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GuardDutyMember {
    pub account: Expr,
    /// A reference to the organization's email for the management account of a new organization.
    pub email: Expr,
}

/// A plain stack, whole. Termination protection is on afterwards, always.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StackDefinition {
    /// The full name, prefix included.
    pub name: String,
    pub account: Expr,
    pub region: Region,
    pub template: String,
    pub parameters: BTreeMap<String, Expr>,
    pub capabilities: BTreeSet<String>,
    pub tags: Tags,
    /// A stack left by a failed creation (ROLLBACK_COMPLETE) that must go first.
    pub replaces_failed: bool,
    /// What is there already, kept from a stack before, and is taken into this one first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub take_in: Option<TakeIn>,
}

/// A stack set, whole. Service-managed with managed execution, always.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StackSetDefinition {
    /// The full name, prefix included.
    pub name: String,
    pub description: String,
    pub template: String,
    pub parameters: BTreeMap<String, Expr>,
    pub capabilities: BTreeSet<String>,
    pub tags: Tags,
    pub auto_deployment: AutoDeployment,
    /// ARNs of the stack sets after which auto-deployment comes.
    #[serde(default)]
    pub depends_on: Vec<Expr>,
    /// Roles that somebody gave the set: an update that does not name them would take them away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub administration_role: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_role: Option<String>,
}

/// Instances of a stack set that are left over, by AWS's ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstancesLeft {
    /// The full name of the set.
    pub set: String,
    /// Its name without the prefix, as the plan calls it.
    #[serde(default)]
    pub short: String,
    /// Targets, by OU id, through which they came.
    pub targets: BTreeSet<String>,
    /// Only these accounts of the targets; all of them, and the targets with them, where there are none.
    pub accounts: BTreeSet<AccountId>,
    pub regions: BTreeSet<Region>,
    /// Whether these are all Regions of the set, so that the targets are none any more.
    #[serde(default)]
    pub everywhere: bool,
    /// Whether the stacks stay in the accounts.
    pub retain: bool,
    /// Whether the targets' OUs are gone, so that AWS may refuse to take them away: then they stay, which is told.
    #[serde(default)]
    pub gone: bool,
    pub max_concurrent: Portion,
    pub failure_tolerance: Portion,
}

/// Where one stack-set operation works, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeploymentTargets {
    /// Target OUs, or the root. Empty in an update of a set without instances: the whole set.
    pub ous: Vec<Expr>,
    /// Only these accounts of the OUs (INTERSECTION); empty means all (NONE).
    pub accounts: Vec<Expr>,
    /// All accounts of the OUs but these (DIFFERENCE), where `accounts` is empty.
    #[serde(default)]
    pub except: Vec<Expr>,
    pub regions: BTreeSet<Region>,
    pub max_concurrent: Portion,
    pub failure_tolerance: Portion,
    /// Accounts by id that must have a CURRENT instance in every Region afterwards.
    pub expect: Vec<Expr>,
    /// Those of them that leave targets which they have instances through.
    #[serde(default)]
    pub leaving: Vec<Leaving>,
    /// Where some of them have nothing that this operation could work on: another change makes it after.
    #[serde(default)]
    pub lacking: Vec<Lacking>,
}

/// An account and the Regions in which it has no instance, or one that AWS calls INOPERABLE.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lacking {
    pub account: Expr,
    pub regions: BTreeSet<Region>,
}

/// An account and the targets, by OU id, that do not reach it (any more): an instance that came through one of
/// them is on its way out and does not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaving {
    pub account: Expr,
    pub targets: BTreeSet<String>,
}

impl Change {
    /// Every address that must be done first: the explicit needs and what the texts refer to.
    pub fn all_needs(&self) -> BTreeSet<Address> {
        let mut needs = self.needs.clone();
        self.act.visit_texts(&mut |text| {
            needs.extend(text.references().map(|(address, _)| address.clone()));
        });
        needs.remove(&self.address);
        needs
    }
}

impl Action {
    /// Calls `visit` for every text of the act.
    pub fn visit_texts<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        match self {
            Action::CreateOrganization { .. }
            | Action::EnablePolicyType { .. }
            | Action::CentralizeRootAccess
            | Action::EnableTrustedAccess { .. }
            | Action::ActivateStackSets
            | Action::CreateServiceLinkedRole { .. }
            | Action::RenameOu { .. }
            | Action::DeleteOu { .. }
            | Action::CreateAccount { .. }
            | Action::DeletePolicy { .. }
            | Action::DeleteStackInstances(_)
            | Action::DeleteStackSet { .. }
            | Action::EnableAllFeatures => {}
            Action::CreatePolicy { content, .. } | Action::UpdatePolicy { content, .. } => {
                visit(content)
            }
            Action::UpdateStackSetSettings {
                depends_on,
                leaving,
                ..
            } => {
                depends_on.iter().for_each(&mut *visit);
                leaving.iter().map(|one| &one.account).for_each(visit);
            }
            Action::RegisterDelegatedAdministrator { account, .. }
            | Action::DeregisterDelegatedAdministrator { account, .. }
            | Action::RemoveGuardDutyAdministrator { account, .. }
            | Action::RemoveRecorder { account, .. }
            | Action::RenameAccount { account, .. }
            | Action::PrepareAccount { account, .. }
            | Action::CloseAccount { account }
            | Action::DeleteStack { account, .. }
            | Action::RemoveStackInstances { account, .. }
            | Action::PutAlternateContact { account, .. }
            | Action::PutAccountAlias { account, .. }
            | Action::PutPasswordPolicy { account, .. }
            | Action::EnableRegions { account, .. }
            | Action::EnableGuardDutyAdministrator { account, .. }
            | Action::ConfigureGuardDuty { account, .. }
            | Action::StartLogging { account, .. }
            | Action::StartRecorder { account, .. }
            | Action::PutRecorder { account, .. }
            | Action::PutChannel { account, .. }
            | Action::RevertDrift { account, .. }
            | Action::RunAutomation { account, .. }
            | Action::PutResource { account, .. } => visit(account),
            Action::CreateOu { parent, .. } => visit(parent),
            Action::MoveAccount { account, to } => {
                visit(account);
                visit(to);
            }
            Action::Tag { resource, .. } => visit(resource),
            Action::DeleteTrail { successor, .. } => successor.iter().for_each(visit),
            Action::AttachPolicy { policy, target } | Action::DetachPolicy { policy, target } => {
                visit(policy);
                visit(target);
            }
            Action::AddGuardDutyMembers {
                administrator,
                members,
                ..
            } => {
                visit(administrator);
                for member in members {
                    visit(&member.account);
                    visit(&member.email);
                }
            }
            Action::ExportGuardDutyFindings {
                administrator,
                bucket_arn,
                key_arn,
                ..
            } => {
                visit(administrator);
                visit(bucket_arn);
                visit(key_arn);
            }
            Action::CreateStack(stack) | Action::UpdateStack(stack) => {
                visit(&stack.account);
                stack.parameters.values().for_each(&mut *visit);
            }
            Action::CreateStackSet(set) => {
                set.parameters.values().for_each(&mut *visit);
                set.depends_on.iter().for_each(visit);
            }
            Action::UpdateStackInstances { set, wave } | Action::ImportStacks { set, wave, .. } => {
                set.parameters.values().for_each(&mut *visit);
                wave.visit_texts(visit);
            }
            Action::CreateStackInstances { wave, .. }
            | Action::ForgetStackInstances { wave, .. } => {
                wave.visit_texts(visit);
            }
        }
    }
}

impl DeploymentTargets {
    fn visit_texts<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        self.ous
            .iter()
            .chain(&self.accounts)
            .chain(&self.except)
            .chain(&self.expect)
            .for_each(visit);
    }
}

/// Resources that an IMPORT change set takes into a stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakeIn {
    /// The stack's template as it is, with these resources and no other change; of a new stack these alone.
    pub template: String,
    pub resources: Vec<TakenIn>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenIn {
    pub logical_id: String,
    /// CloudFormation's type.
    pub kind: String,
    /// The property that names it, and its value.
    pub property: String,
    pub identifier: String,
}

/// The constant tag that marks what orgstrap made. No version, hash or run id: stack-set tags
/// reach every resource, and a value that changes would touch them all.
pub const OWNERSHIP_TAG: (&str, &str) = ("orgstrap:managed", "true");

/// The tag that names an account's key in the plan.
pub const KEY_TAG: &str = "orgstrap:key";
