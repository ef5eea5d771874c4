//! The ground on which the rest stands: addresses, the natural keys of everything that can change, and what goes with
//! them. An address is also a change's id; their order is the only order there is where nothing else decides.

mod expr;
mod info;
mod place;
mod severity;
mod tags;
mod visible;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use expr::{Attribute, Bindings, Expr, Part, Unbound};
pub use info::{AddressInfo, Concerns, Drifted, Foundation, Owner, Used};
pub use place::{AccountRef, Place};
pub use severity::Severity;
pub use tags::{KEY_TAG, OWNERSHIP_TAG};
pub use visible::visible;

use crate::plan::{
    AccountKey, ContactKind, OuPath, PolicyKey, PolicyType, Principal, Region, StackName,
};

/// What a change is about. Never an AWS id, except for things that are in AWS and not in the plan.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", content = "name", rename_all = "kebab-case")]
pub enum Address {
    Organization,
    PolicyType(PolicyType),
    StackSetsAccess,
    TrustedAccess(Principal),
    /// A service-linked role in the management account.
    ServiceLinkedRole(Principal),
    Ou(OuPath),
    Account(AccountKey),
    /// An account's name in AWS, where it differs from the plan's.
    AccountName(AccountKey),
    /// The access role answers and the service-linked roles are there.
    Access(AccountKey),
    Placement(AccountKey),
    /// The account closed for good.
    Closure(AccountKey),
    Contact(AccountKey, ContactKind),
    AccountAlias(AccountKey),
    PasswordPolicy(AccountKey),
    /// Regions that an account does not have from the start.
    OptInRegions(AccountRef),
    /// Central management of root users of member accounts.
    RootAccess,
    /// Tags of what existed before.
    Tags(Target),
    PolicyTags(PolicyKey),
    Policy(PolicyKey),
    Attachment(PolicyKey, Target),
    DelegatedAdministrator(Principal, AccountKey),
    /// The administrator of GuardDuty in one Region whose place another takes.
    GuardDutyFormer(Region),
    /// The registration of that administrator with Organizations, once for all Regions.
    GuardDutyRegistration,
    GuardDutyAdministrator(Region),
    GuardDutyOrganization(Region),
    GuardDutyMembers(Region),
    GuardDutyExport(Region),
    /// A recorder and delivery channel of AWS Config that are there where a baseline is to bring its own.
    ExistingRecorder(Place),
    /// A recorder that a stack made and somebody deleted, put back because an update of the stack needs it.
    LostRecorder(Place),
    /// The same of its delivery channel.
    LostChannel(Place),
    Stack(Place, StackName),
    /// A trail of the management account that the baseline did not make, by its home Region and name.
    Trail(Region, String),
    StackSet(StackName),
    /// Auto-deployment held back while a staged update runs.
    RolloutHold(StackName),
    /// One stage of a stack set's rollout, counted from 1: OUs that become targets.
    Rollout(StackName, u16),
    /// Template, parameters or tags brought to one stage's instances.
    RolloutUpdate(StackName, u16),
    /// Instances that one stage's accounts lack although their OUs are targets.
    RolloutRepair(StackName, u16),
    /// A stack set's instances in one account that joins: auto-deployed and awaited, or created.
    RolloutTo(StackName, AccountKey),
    /// A stack set's instances in one account that leaves its OUs: taken away by AWS and awaited, or deleted.
    RolloutFrom(StackName, AccountKey),
    /// Stacks of one account that a stack set takes in.
    StackImport(StackName, AccountKey),
    /// Auto-deployment on again after a staged update.
    RolloutRelease(StackName),
    /// INOPERABLE instances taken out of the set.
    Forget(StackName),
    /// A stack set, by its full name, that gives up an OU as its target because the OU goes.
    StackSetTarget(String, OuPath),
    /// Stacks that are left over, by the name under which they are told.
    LeftStacks(String),
    /// A stack set that is left over, when its stacks are gone.
    LeftStackSet(String),
    /// A target of a stack set that is left over although its OU is gone, by the name under which it is told.
    LeftTarget(String),
    /// A delegation that is left over, by the name under which it is told.
    LeftDelegation(String),
    /// What a control keeps, by the control's id, in one account and Region.
    Control(String, Place),
    /// What drifted of a stack's resources, put back by CloudFormation.
    StackDrift(Place, StackName),
}

/// What a policy is attached to, or what carries tags.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", content = "name", rename_all = "kebab-case")]
pub enum Target {
    Root,
    Ou(OuPath),
    Account(AccountKey),
    /// Something in AWS that the plan does not name, by id.
    Unmanaged(String),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Root => f.write_str("root"),
            Target::Ou(path) => write!(f, "ou {path}"),
            Target::Account(key) => write!(f, "account {key}"),
            Target::Unmanaged(id) => f.write_str(id),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Organization => f.write_str("organization"),
            Address::PolicyType(kind) => write!(f, "policy type {}", kind.aws_name()),
            Address::StackSetsAccess => f.write_str("trusted access for StackSets"),
            Address::TrustedAccess(principal) => write!(f, "trusted access {principal}"),
            Address::ServiceLinkedRole(principal) => write!(f, "service-linked role {principal}"),
            Address::Ou(path) => write!(f, "ou {path}"),
            Address::Account(key) => write!(f, "account {key}"),
            Address::AccountName(key) => write!(f, "name of account {key}"),
            Address::Access(key) => write!(f, "access to account {key}"),
            Address::Placement(key) => write!(f, "placement of account {key}"),
            Address::Closure(key) => write!(f, "closure of account {key}"),
            Address::Contact(key, kind) => {
                write!(f, "{} contact of account {key}", kind.as_str())
            }
            Address::AccountAlias(key) => write!(f, "alias of account {key}"),
            Address::PasswordPolicy(key) => write!(f, "password policy of account {key}"),
            Address::OptInRegions(AccountRef::Member(key)) => {
                write!(f, "opt-in Regions of account {key}")
            }
            Address::OptInRegions(AccountRef::Management) => {
                f.write_str("opt-in Regions of the management account")
            }
            Address::RootAccess => f.write_str("centralized root access"),
            Address::Tags(target) => write!(f, "tags of {target}"),
            Address::PolicyTags(key) => write!(f, "tags of policy {key}"),
            Address::Policy(key) => write!(f, "policy {key}"),
            Address::Attachment(key, target) => write!(f, "policy {key} on {target}"),
            Address::DelegatedAdministrator(principal, key) => {
                write!(f, "delegated administrator {key} for {principal}")
            }
            Address::GuardDutyFormer(region) => {
                write!(f, "former guardduty administrator in {region}")
            }
            Address::GuardDutyRegistration => {
                f.write_str("registration of the former guardduty administrator")
            }
            Address::GuardDutyAdministrator(region) => {
                write!(f, "guardduty administrator in {region}")
            }
            Address::GuardDutyOrganization(region) => {
                write!(f, "guardduty settings in {region}")
            }
            Address::GuardDutyMembers(region) => write!(f, "guardduty members in {region}"),
            Address::GuardDutyExport(region) => write!(f, "guardduty export in {region}"),
            Address::ExistingRecorder(place) => write!(f, "existing recorder in {place}"),
            Address::LostRecorder(place) => write!(f, "lost recorder in {place}"),
            Address::LostChannel(place) => write!(f, "lost delivery channel in {place}"),
            Address::Stack(place, name) => write!(f, "stack {name} in {place}"),
            Address::Trail(region, name) => write!(f, "trail {} in {region}", visible(name)),
            Address::StackSet(name) => write!(f, "stack set {name}"),
            Address::RolloutHold(name) => write!(f, "auto-deployment hold of {name}"),
            Address::Rollout(name, stage) => write!(f, "rollout of {name}, stage {stage}"),
            Address::RolloutUpdate(name, stage) => write!(f, "update of {name}, stage {stage}"),
            Address::RolloutRepair(name, stage) => {
                write!(f, "missing instances of {name}, stage {stage}")
            }
            Address::RolloutTo(name, key) => write!(f, "rollout of {name} to account {key}"),
            Address::RolloutFrom(name, key) => {
                write!(f, "removal of {name} from account {key}")
            }
            Address::StackImport(name, key) => {
                write!(f, "import into {name} from account {key}")
            }
            Address::RolloutRelease(name) => write!(f, "auto-deployment release of {name}"),
            Address::Forget(name) => write!(f, "inoperable instances of {name}"),
            Address::StackSetTarget(set, path) => {
                write!(f, "target {path} of stack set {}", visible(set))
            }
            Address::LeftDelegation(name) => {
                write!(f, "delegation left over: {}", visible(name))
            }
            Address::LeftTarget(name) => write!(f, "target left over: {}", visible(name)),
            Address::LeftStacks(name) => write!(f, "stacks left over: {}", visible(name)),
            Address::LeftStackSet(name) => write!(f, "stack set left over: {}", visible(name)),
            Address::Control(id, place) => write!(f, "control {id} in {place}"),
            Address::StackDrift(place, name) => write!(f, "drift of stack {name} in {place}"),
        }
    }
}
