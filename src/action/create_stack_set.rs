use super::*;

/// `cloudformation:CreateStackSet`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CreateStackSet(pub StackSetDefinition);

impl ActionKind for CreateStackSet {
    fn info(&self) -> Info<'_> {
        Info {
            exprs: {
                let parameters = self.0.parameters.values();
                parameters.chain(&self.0.depends_on).collect()
            },
            seconds: 5,
            group: Some(ConcurrencyGroup::StackSet(self.0.name.clone())),
            adds: Adds::StackSet,
            risk: Risk::None,
            shown: Shown::AtOnce,
        }
    }
}
