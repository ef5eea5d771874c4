use super::*;

/// `UpdateStackSet` with template and parameters, targeted at one stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UpdateStackInstances {
    pub set: StackSetDefinition,
    pub targets: DeploymentTargets,
    /// Whether the set stays as it is, and only instances that are behind are brought up to it.
    pub catches_up: bool,
}

impl ActionKind for UpdateStackInstances {
    fn info(&self) -> Info<'_> {
        Info {
            exprs: {
                let parameters = self.set.parameters.values();
                parameters.chain(self.targets.exprs()).collect()
            },
            seconds: 300,
            group: Some(ConcurrencyGroup::StackSet(self.set.name.clone())),
            adds: Adds::Nothing,
            risk: match self.catches_up {
                // They get the template that the set has: what it loses was told with its update.
                true => Risk::None,
                false => Risk::SetUpdated(&self.set),
            },
            shown: Shown::Awaited,
        }
    }

    fn targets(&self) -> Option<&DeploymentTargets> {
        Some(&self.targets)
    }

    fn parts(&mut self) -> Parts<'_> {
        match self.catches_up {
            true => Parts::Targets(&mut self.targets),
            // What changes of the set itself is for all of its accounts.
            false => Parts::Whole,
        }
    }
}
