use super::*;

/// `cloudformation:ActivateOrganizationsAccess`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActivateStackSets {}

impl ActionKind for ActivateStackSets {
    fn info(&self) -> Info<'_> {
        Info {
            exprs: Vec::new(),
            seconds: 5,
            group: None,
            adds: Adds::Nothing,
            risk: Risk::None,
            shown: Shown::Awaited,
        }
    }
}
