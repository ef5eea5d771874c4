use super::*;

/// `DeleteStackInstances` of instances that are left over, by AWS's ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteStackInstances {
    /// The full name of the set.
    pub set: String,
    /// Its name without the prefix, as the plan calls it.
    #[serde(default)]
    pub short: String,
    /// Targets, by OU id, through which they came.
    pub targets: BTreeSet<String>,
    /// Only these accounts of the targets; all of them, and the targets with them, where there are none.
    pub accounts: BTreeSet<AccountId>,
    pub regions: BTreeSet<Region>,
    /// Whether these are all Regions of the set, so that the targets are none any more.
    #[serde(default)]
    pub everywhere: bool,
    /// Whether the stacks stay in the accounts.
    pub retain: bool,
    /// Whether the targets' OUs are gone, so that AWS may refuse to take them away: then they stay, which is told.
    #[serde(default)]
    pub gone: bool,
    pub max_concurrent: Portion,
    pub failure_tolerance: Portion,
}

impl ActionKind for DeleteStackInstances {
    fn info(&self) -> Info<'_> {
        Info {
            exprs: Vec::new(),
            seconds: 180,
            group: Some(ConcurrencyGroup::StackSet(self.set.clone())),
            adds: Adds::Nothing,
            // What a person asked for by `remove` is named there; a target that goes with its OU has nothing in it.
            risk: Risk::None,
            shown: Shown::listed(move |_| {
                // AWS may keep a target whose OU is gone; of single accounts, or Regions, the target stays.
                let given_up = self.accounts.is_empty() && self.everywhere && !self.gone;
                let list = List::StackSetTargets(self.set.clone());
                let ous = self.targets.iter().filter(move |_| given_up);
                ous.map(move |ou| Entry::gone(list.clone(), Item::Is(ou.clone())))
            }),
        }
    }
}
