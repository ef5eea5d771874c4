use super::*;

/// `organizations:DeregisterDelegatedAdministrator`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeregisterDelegatedAdministrator {
    pub principal: Principal,
    pub account: Expr,
}

impl ActionKind for DeregisterDelegatedAdministrator {
    fn info(&self) -> Info<'_> {
        Info {
            exprs: vec![&self.account],
            seconds: 5,
            group: None,
            adds: Adds::Nothing,
            risk: Risk::None,
            shown: Shown::listed(move |made| {
                let id = made.value(&self.account);
                let item = id.map(|id| Item::Administers(id, self.principal.to_string()));
                item.map(|item| Entry::gone(List::DelegatedAdministrators, item))
            }),
        }
    }
}
