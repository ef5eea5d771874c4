use super::*;

/// Changes settings that carry no template: auto-deployment, managed execution, description.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UpdateStackSetSettings {
    pub name: String,
    pub auto_deployment: Option<AutoDeployment>,
    /// ARNs of the stack sets after which auto-deployment comes. All of them: the list is replaced.
    #[serde(default)]
    pub depends_on: Vec<Expr>,
    /// Accounts that leave targets: first auto-deployment takes away what they have through these.
    #[serde(default)]
    pub leaving: Vec<Leaving>,
    pub managed_execution: Option<bool>,
}

impl ActionKind for UpdateStackSetSettings {
    fn info(&self) -> Info<'_> {
        Info {
            exprs: {
                let leaving = self.leaving.iter().map(|one| &one.account);
                self.depends_on.iter().chain(leaving).collect()
            },
            seconds: 30,
            group: Some(ConcurrencyGroup::StackSet(self.name.clone())),
            adds: Adds::Nothing,
            risk: Risk::None,
            shown: Shown::AtOnce,
        }
    }
}
