use super::*;

/// `iam:UpdateAccountPasswordPolicy`, whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PutPasswordPolicy {
    pub account: Expr,
    pub policy: PasswordPolicy,
}

impl ActionKind for PutPasswordPolicy {
    fn info(&self) -> Info<'_> {
        Info {
            exprs: vec![&self.account],
            seconds: 2,
            group: None,
            adds: Adds::Nothing,
            risk: Risk::None,
            shown: Shown::AtOnce,
        }
    }
}
