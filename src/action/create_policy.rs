use super::*;

/// `organizations:CreatePolicy`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CreatePolicy {
    pub name: String,
    pub policy_type: PolicyType,
    pub description: String,
    pub content: Expr,
    pub tags: Tags,
}

impl ActionKind for CreatePolicy {
    fn info(&self) -> Info<'_> {
        Info {
            exprs: vec![&self.content],
            seconds: 1,
            group: None,
            adds: Adds::Policy(self.policy_type),
            risk: Risk::None,
            shown: Shown::listed(move |made| {
                let list = List::Policies(self.policy_type);
                made.id().map(|id| Entry::there(list, Item::Is(id)))
            }),
        }
    }
}
