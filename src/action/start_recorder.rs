use super::*;

/// `config:StartConfigurationRecorder`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StartRecorder {
    pub account: Expr,
    pub region: Region,
    pub recorder: String,
}

impl ActionKind for StartRecorder {
    fn info(&self) -> Info<'_> {
        Info {
            exprs: vec![&self.account],
            seconds: 1,
            group: None,
            adds: Adds::Nothing,
            risk: Risk::None,
            shown: Shown::AtOnce,
        }
    }
}
