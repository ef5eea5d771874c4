use super::*;

/// Ensures a service-linked role in the management account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CreateServiceLinkedRole {
    pub service: Principal,
}

impl ActionKind for CreateServiceLinkedRole {
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
