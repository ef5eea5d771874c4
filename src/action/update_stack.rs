use super::*;

/// `cloudformation:UpdateStack`, awaited.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UpdateStack(pub StackDefinition);

impl ActionKind for UpdateStack {
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
