use super::*;

/// `cloudformation:CreateStack`, awaited.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CreateStack(pub StackDefinition);

impl ActionKind for CreateStack {
    fn info(&self) -> Info<'_> {
        Info {
            exprs: self.0.exprs(),
            seconds: 120,
            group: None,
            adds: Adds::Nothing,
            risk: Risk::StackUpdated(&self.0),
            shown: Shown::Awaited,
        }
    }
}
