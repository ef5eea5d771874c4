use super::*;

/// `account:PutAlternateContact`, from the management account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PutAlternateContact {
    pub account: Expr,
    pub contact_kind: ContactKind,
    pub contact: Contact,
}

impl ActionKind for PutAlternateContact {
    fn info(&self) -> Info<'_> {
        Info {
            exprs: vec![&self.account],
            seconds: 2,
            group: None,
            adds: Adds::Nothing,
            risk: Risk::None,
            shown: Shown::Awaited,
        }
    }
}
