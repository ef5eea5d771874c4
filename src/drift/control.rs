//! The controls that need no descriptor: those of the organization and of stacks, one a kind of thing.

use super::Severity;
use crate::action::Action;
use crate::addr::Address;
use crate::change::{Change, Verb};
use crate::diff::{STACK_SETS_ADMINISTRATOR, Unmanaged};
use crate::plan::FULL_AWS_ACCESS;

/// FullAWSAccess where it is missing, or attached beside an allow list: every call is denied, or none.
pub(super) const FULL_ACCESS: (&str, Severity) =
    ("organization.full-aws-access", Severity::Critical);

/// Whether an address is about FullAWSAccess.
pub(super) fn is_full_access(address: &Address) -> bool {
    matches!(address, Address::Attachment(key, _) if key.as_str() == FULL_AWS_ACCESS)
}

/// Control and severity of a change that `apply` would make; `None` for a step that only prepares
/// others.
pub fn of_address(change: &Change) -> Option<(&'static str, Severity)> {
    let missing = change.verb == Verb::Create;
    Some(match &change.address {
        Address::Organization => ("organization.organization", Severity::Critical),
        Address::PolicyType(_) => ("organization.policy-type", Severity::High),
        Address::StackSetsAccess => ("stacks.access", Severity::High),
        Address::TrustedAccess(_) => ("organization.trusted-access", Severity::High),
        Address::ServiceLinkedRole(_) => ("organization.service-linked-role", Severity::Medium),
        Address::Ou(_) if missing => ("organization.ou", Severity::Medium),
        Address::Ou(_) => ("organization.ou", Severity::Low),
        Address::Account(_) => ("organization.account", Severity::High),
        Address::AccountName(_) => ("organization.account-name", Severity::Low),
        Address::Placement(_) => ("organization.placement", Severity::High),
        Address::Contact(..) => ("organization.contact", Severity::Low),
        Address::AccountAlias(_) => ("organization.account-alias", Severity::Low),
        Address::PasswordPolicy(_) => ("organization.password-policy", Severity::Medium),
        Address::OptInRegions(_) => ("organization.opt-in-regions", Severity::Medium),
        Address::RootAccess => ("organization.root-access", Severity::High),
        Address::Tags(_) | Address::PolicyTags(_) => ("organization.tags", Severity::Low),
        Address::Policy(_) => ("organization.policy", Severity::High),
        address if is_full_access(address) => FULL_ACCESS,
        Address::Attachment(..) => ("organization.attachment", Severity::High),
        Address::DelegatedAdministrator(..) => {
            ("organization.delegated-administrator", Severity::High)
        }
        Address::GuardDutyFormer(_) | Address::GuardDutyRegistration => {
            ("guardduty.former-administrator", Severity::Medium)
        }
        Address::GuardDutyAdministrator(_) => ("guardduty.administrator", Severity::High),
        Address::GuardDutyOrganization(_) => ("guardduty.settings", Severity::High),
        Address::GuardDutyMembers(_) => ("guardduty.members", Severity::High),
        Address::GuardDutyExport(_) => ("guardduty.export", Severity::Medium),
        Address::ExistingRecorder(_) => ("stacks.existing-recorder", Severity::Medium),
        Address::LostRecorder(_) | Address::LostChannel(_) => {
            ("stacks.lost-recorder", Severity::High)
        }
        Address::Stack(..) if missing => ("stacks.missing", Severity::High),
        Address::Stack(..) => ("stacks.stack", Severity::Medium),
        Address::Trail(..) => ("cloudtrail.trails", Severity::Medium),
        Address::StackSet(_) if missing => ("stacks.missing", Severity::High),
        Address::StackSet(_) => ("stacks.stack-set", Severity::Medium),
        Address::Rollout(..)
        | Address::RolloutRepair(..)
        | Address::RolloutTo(..)
        | Address::StackImport(..) => ("stacks.instances-missing", Severity::High),
        Address::RolloutFrom(..) => ("stacks.instances-left", Severity::Low),
        // A target goes with its OU, which is told.
        Address::Closure(_)
        | Address::StackSetTarget(..)
        | Address::LeftStacks(_)
        | Address::LeftTarget(_)
        | Address::LeftDelegation(_)
        | Address::LeftStackSet(_) => return None,
        Address::RolloutUpdate(..) => ("stacks.instances-outdated", Severity::Medium),
        Address::RolloutRelease(_) => ("stacks.auto-deployment", Severity::Medium),
        Address::Forget(_) => ("stacks.instances-inoperable", Severity::High),
        // Controls are judged by themselves.
        Address::Control(..) | Address::StackDrift(..) => return None,
        // A hold is the first half of an update, and reaching an account is not a thing to keep.
        Address::RolloutHold(_) => return None,
        Address::Access(_) if matches!(change.action, Action::PrepareAccount(_)) => return None,
        Address::Access(_) => ("organization.access", Severity::Medium),
    })
}

/// Control and severity of what the plan does not name.
pub fn of_unmanaged(unmanaged: &Unmanaged) -> (String, Severity) {
    let severity = match unmanaged.kind {
        // Nobody's account is nobody's to watch.
        "account" => Severity::Medium,
        // As good as an administrator of every account.
        STACK_SETS_ADMINISTRATOR => Severity::High,
        _ => Severity::Info,
    };
    let kind = unmanaged.kind.replace(' ', "-");
    (format!("organization.unmanaged-{kind}"), severity)
}

/// The kinds of what the plan does not name, as controls are called by them: `organization.unmanaged-policy`.
pub const UNMANAGED: [&str; 11] = [
    "account",
    "attachment",
    "config-recorder",
    "delegated-administrator",
    "ou",
    "policy",
    "stack",
    "stack-instances",
    "stack-set",
    "stack-set-target",
    "trusted-access",
];
