//! The controls that need no descriptor: those of the organization and of stacks, one a kind of thing.

use super::Severity;
use crate::action::Action;
use crate::addr::{Address, Drifted};
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
    if is_full_access(&change.address) {
        return Some(FULL_ACCESS);
    }
    // Reaching an account is not a thing to keep.
    if matches!(change.action, Action::PrepareAccount(_)) {
        return None;
    }
    match change.address.info().drifted {
        Drifted::As { missing, .. } if change.verb == Verb::Create => Some(missing),
        Drifted::As { control, .. } => Some(control),
        Drifted::Silent => None,
    }
}

/// Control and severity of what the plan does not name.
pub fn of_unmanaged(unmanaged: &Unmanaged) -> (String, Severity) {
    let severity = match unmanaged.kind {
        // No plan names it, so nothing watches it.
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
