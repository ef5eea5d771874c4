use super::*;

/// `organizations:CloseAccount`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CloseAccount {
    pub account: Expr,
}

impl ActionKind for CloseAccount {
    fn info(&self) -> Info<'_> {
        Info {
            exprs: vec![&self.account],
            seconds: 120,
            group: Some(ConcurrencyGroup::AccountClosure),
            adds: Adds::Nothing,
            risk: Risk::None,
            shown: Shown::listed(move |made| {
                let id = made.value(&self.account);
                id.map(|id| Entry::gone(List::Accounts, Item::Is(id)))
            }),
        }
    }
}
