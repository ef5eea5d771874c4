use super::*;

/// `organizations:MoveAccount`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MoveAccount {
    pub account: Expr,
    pub to: Expr,
}

impl ActionKind for MoveAccount {
    fn info(&self) -> Info<'_> {
        Info {
            exprs: vec![&self.account, &self.to],
            seconds: 2,
            group: None,
            adds: Adds::Nothing,
            risk: Risk::Moved,
            shown: Shown::listed(move |made| {
                let (id, ou) = (made.value(&self.account), made.value(&self.to));
                let moved = id.zip(ou);
                moved.map(|(id, ou)| Entry::of(List::Accounts, Item::PlaceOf(id), ou))
            }),
        }
    }
}
