use super::*;

/// `organizations:DeletePolicy`, of one that is attached nowhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeletePolicy {
    pub id: String,
    pub policy_type: PolicyType,
}

impl ActionKind for DeletePolicy {
    fn info(&self) -> Info<'_> {
        Info {
            exprs: Vec::new(),
            seconds: 1,
            group: None,
            adds: Adds::Nothing,
            risk: Risk::None,
            shown: Shown::listed(move |_| {
                let list = List::Policies(self.policy_type);
                [Entry::gone(list, Item::Is(self.id.clone()))]
            }),
        }
    }
}
