use super::*;

/// `config:PutConfigurationRecorder`, in CloudFormation's words, and started where it can be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PutRecorder {
    pub account: Expr,
    pub region: Region,
    pub settings: serde_json::Value,
}

impl ActionKind for PutRecorder {
    fn info(&self) -> Info<'_> {
        Info {
            exprs: vec![&self.account],
            seconds: 2,
            group: None,
            adds: Adds::Nothing,
            risk: Risk::None,
            shown: Shown::AtOnce,
        }
    }
}
