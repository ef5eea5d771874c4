use super::*;

/// Makes accounts members; auto-enable may take a day to reach existing ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AddGuardDutyMembers {
    pub region: Region,
    pub administrator: Expr,
    /// Id and email by account.
    pub members: Vec<GuardDutyMember>,
}

/// A member to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GuardDutyMember {
    pub account: Expr,
    /// A reference to the organization's email for the management account of a new organization.
    pub email: Expr,
}

impl ActionKind for AddGuardDutyMembers {
    fn info(&self) -> Info<'_> {
        Info {
            exprs: {
                let members = self.members.iter();
                let members = members.flat_map(|member| [&member.account, &member.email]);
                [&self.administrator].into_iter().chain(members).collect()
            },
            seconds: 20,
            group: None,
            adds: Adds::Nothing,
            risk: Risk::None,
            shown: Shown::Awaited,
        }
    }

    fn parts(&mut self) -> Parts<'_> {
        Parts::Members(&mut self.members)
    }
}
