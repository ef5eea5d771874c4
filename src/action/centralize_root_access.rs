use super::*;

/// Both features of `iam:EnableOrganizationsRoot…`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CentralizeRootAccess {}

impl ActionKind for CentralizeRootAccess {
    fn info(&self) -> Info<'_> {
        Info {
            exprs: Vec::new(),
            seconds: 2,
            group: None,
            adds: Adds::Nothing,
            risk: Risk::None,
            shown: Shown::AtOnce,
        }
    }
}
