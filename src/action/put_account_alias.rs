use super::*;

/// `iam:CreateAccountAlias`, which takes the place of one there is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PutAccountAlias {
    pub account: Expr,
    pub alias: String,
}

impl ActionKind for PutAccountAlias {
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
