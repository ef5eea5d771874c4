use super::*;

/// `organizations:AttachPolicy`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttachPolicy {
    pub policy: Expr,
    pub target: Expr,
}

impl ActionKind for AttachPolicy {
    fn info(&self) -> Info<'_> {
        Info {
            exprs: vec![&self.policy, &self.target],
            seconds: 1,
            group: None,
            adds: Adds::Attachment(&self.target),
            risk: Risk::None,
            shown: Shown::listed(move |made| {
                let attached = made.value(&self.policy).zip(made.value(&self.target));
                attached.map(|(policy, target)| {
                    Entry::there(List::PolicyTargets(policy), Item::Is(target))
                })
            }),
        }
    }
}
