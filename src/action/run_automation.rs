use super::*;

/// `ssm:StartAutomationExecution`, awaited.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunAutomation {
    pub account: Expr,
    pub region: Region,
    pub document: String,
    pub parameters: BTreeMap<String, Vec<String>>,
}

impl ActionKind for RunAutomation {
    fn info(&self) -> Info<'_> {
        Info {
            exprs: vec![&self.account],
            // Polled until its script has run.
            seconds: 20,
            group: None,
            adds: Adds::Nothing,
            risk: Risk::None,
            shown: Shown::Awaited,
        }
    }
}
