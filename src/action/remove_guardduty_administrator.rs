use super::*;

/// Takes GuardDuty's administration in one Region from an account: its members are let go, then
/// `guardduty:DisableOrganizationAdminAccount`. GuardDuty stays on in every account, and what it found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RemoveGuardDutyAdministrator {
    pub region: Region,
    pub account: Expr,
    /// Whether the account can be entered: in one that is closed or suspended nobody can let members go.
    pub in_use: bool,
}

impl ActionKind for RemoveGuardDutyAdministrator {
    fn info(&self) -> Info<'_> {
        Info {
            exprs: vec![&self.account],
            // Its members are let go first, fifty a call.
            seconds: 20,
            group: None,
            adds: Adds::Nothing,
            risk: Risk::None,
            shown: Shown::AtOnce,
        }
    }
}
