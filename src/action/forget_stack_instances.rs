use super::*;

/// `DeleteStackInstances` with the stacks retained, for instances that AWS calls INOPERABLE.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ForgetStackInstances {
    pub name: String,
    pub targets: DeploymentTargets,
}

impl ActionKind for ForgetStackInstances {
    fn info(&self) -> Info<'_> {
        Info {
            exprs: self.targets.exprs().collect(),
            seconds: 60,
            group: Some(ConcurrencyGroup::StackSet(self.name.clone())),
            adds: Adds::Nothing,
            risk: Risk::None,
            shown: Shown::Awaited,
        }
    }

    fn targets(&self) -> Option<&DeploymentTargets> {
        Some(&self.targets)
    }

    fn parts(&mut self) -> Parts<'_> {
        Parts::Targets(&mut self.targets)
    }
}
