use super::*;

/// `account:PutAccountName`, from the management account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RenameAccount {
    pub account: Expr,
    pub name: String,
}

impl ActionKind for RenameAccount {
    fn info(&self) -> Info<'_> {
        Info {
            exprs: vec![&self.account],
            seconds: 2,
            group: None,
            adds: Adds::Nothing,
            risk: Risk::None,
            shown: Shown::listed(move |made| {
                let id = made.value(&self.account);
                id.map(|id| Entry::of(List::Accounts, Item::NameOf(id), &self.name))
            }),
        }
    }
}
