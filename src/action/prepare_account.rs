use super::*;

/// Waits until the access role can be assumed in every Region named, then ensures the
/// service-linked roles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PrepareAccount {
    pub account: Expr,
    pub regions: BTreeSet<Region>,
    pub service_linked_roles: BTreeSet<Principal>,
}

impl ActionKind for PrepareAccount {
    fn info(&self) -> Info<'_> {
        Info {
            exprs: vec![&self.account],
            seconds: 90,
            group: None,
            adds: Adds::Nothing,
            risk: Risk::None,
            shown: Shown::Awaited,
        }
    }
}
