use super::*;

/// `CreateStackInstances` for what is missing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CreateStackInstances {
    pub name: String,
    pub targets: DeploymentTargets,
}

impl ActionKind for CreateStackInstances {
    fn info(&self) -> Info<'_> {
        Info {
            exprs: self.targets.exprs().collect(),
            seconds: 300,
            group: Some(ConcurrencyGroup::StackSet(self.name.clone())),
            adds: Adds::Instances(&self.name, &self.targets),
            risk: Risk::None,
            shown: Shown::listed(move |made| {
                // Only a stage of the rollout makes OUs targets; the others name accounts in such as are.
                let new = matches!(made.address, Address::Rollout(..));
                let ous: BTreeSet<String> = self
                    .targets
                    .ous
                    .iter()
                    .filter(|_| new)
                    .filter_map(|ou| made.value(ou))
                    .collect();
                let list = List::StackSetTargets(self.name.clone());
                ous.into_iter()
                    .map(move |ou| Entry::there(list.clone(), Item::Is(ou)))
            }),
        }
    }

    fn targets(&self) -> Option<&DeploymentTargets> {
        Some(&self.targets)
    }

    fn parts(&mut self) -> Parts<'_> {
        Parts::Targets(&mut self.targets)
    }
}
