use super::*;

/// `organizations:DetachPolicy`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DetachPolicy {
    pub policy: Expr,
    pub target: Expr,
}

impl ActionKind for DetachPolicy {
    fn info(&self) -> Info<'_> {
        Info {
            exprs: vec![&self.policy, &self.target],
            seconds: 1,
            group: None,
            adds: Adds::Detachment(&self.target),
            risk: Risk::None,
            shown: Shown::listed(move |made| {
                let detached = made.value(&self.policy).zip(made.value(&self.target));
                detached.map(|(policy, target)| {
                    Entry::gone(List::PolicyTargets(policy), Item::Is(target))
                })
            }),
        }
    }
}
