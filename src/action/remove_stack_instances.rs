use super::*;

/// Instances of an account that a set no longer reaches, deleted by `DeleteStackInstances`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RemoveStackInstances {
    pub name: String,
    pub account: Expr,
    /// Whether the stacks stay in the account.
    pub retain: bool,
    /// Whether the account has left the set's OUs by then: auto-deployment takes the instances away, which is
    /// awaited, and only what it leaves is deleted.
    pub left: bool,
}

impl ActionKind for RemoveStackInstances {
    fn info(&self) -> Info<'_> {
        Info {
            exprs: vec![&self.account],
            // Auto-deployment takes some time to notice that an account has moved.
            seconds: 120,
            group: Some(ConcurrencyGroup::StackSet(self.name.clone())),
            adds: Adds::Nothing,
            risk: match self.retain {
                true => Risk::None,
                false => Risk::InstancesRemoved(&self.name, &self.account),
            },
            shown: Shown::Awaited,
        }
    }
}
