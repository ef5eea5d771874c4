use super::*;

/// `guardduty:EnableOrganizationAdminAccount` in one Region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EnableGuardDutyAdministrator {
    pub region: Region,
    pub account: Expr,
}

impl ActionKind for EnableGuardDutyAdministrator {
    fn info(&self) -> Info<'_> {
        Info {
            exprs: vec![&self.account],
            seconds: 10,
            group: Some(ConcurrencyGroup::GuardDutyAdministrator),
            adds: Adds::Nothing,
            risk: Risk::None,
            shown: Shown::Awaited,
        }
    }
}
