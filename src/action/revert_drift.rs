use super::*;

/// A change set in REVERT_DRIFT mode, executed: for types that CloudFormation's drift detection knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RevertDrift {
    pub account: Expr,
    pub region: Region,
    pub stack: String,
}

impl ActionKind for RevertDrift {
    fn info(&self) -> Info<'_> {
        Info {
            exprs: vec![&self.account],
            // A change set is made, described until it is ready, and executed.
            seconds: 90,
            group: None,
            adds: Adds::Nothing,
            risk: Risk::None,
            shown: Shown::Awaited,
        }
    }
}
