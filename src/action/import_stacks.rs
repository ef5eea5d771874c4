use super::*;

/// Stacks of one account brought to the set's template, parameters and tags, and then
/// `ImportStacksToStackSet`; parameters that the import keeps apart are given back to the set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImportStacks {
    pub set: StackSetDefinition,
    pub targets: DeploymentTargets,
    /// ARNs.
    pub stacks: BTreeMap<Region, StackId>,
}

impl ActionKind for ImportStacks {
    fn info(&self) -> Info<'_> {
        Info {
            exprs: {
                let parameters = self.set.parameters.values();
                parameters.chain(self.targets.exprs()).collect()
            },
            // An update of the stacks, the import, and an update of the instances.
            seconds: 240,
            group: Some(ConcurrencyGroup::StackSet(self.set.name.clone())),
            adds: Adds::Nothing,
            risk: Risk::None,
            shown: Shown::Awaited,
        }
    }

    fn targets(&self) -> Option<&DeploymentTargets> {
        Some(&self.targets)
    }
}
