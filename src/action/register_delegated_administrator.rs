use super::*;

/// `organizations:RegisterDelegatedAdministrator`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RegisterDelegatedAdministrator {
    pub principal: Principal,
    pub account: Expr,
}

impl ActionKind for RegisterDelegatedAdministrator {
    fn info(&self) -> Info<'_> {
        Info {
            exprs: vec![&self.account],
            seconds: 5,
            group: None,
            adds: Adds::Administrator(&self.principal),
            risk: Risk::None,
            shown: Shown::listed(move |made| {
                let id = made.value(&self.account);
                let item = id.map(|id| Item::Administers(id, self.principal.to_string()));
                item.map(|item| Entry::there(List::DelegatedAdministrators, item))
            }),
        }
    }
}
