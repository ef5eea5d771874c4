use super::*;

/// One resource brought to these properties through Cloud Control, or made anew.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PutResource {
    pub account: Expr,
    pub region: Region,
    pub resource_type: String,
    pub identifier: String,
    pub properties: serde_json::Value,
}

impl ActionKind for PutResource {
    fn info(&self) -> Info<'_> {
        Info {
            exprs: vec![&self.account],
            // Polled until Cloud Control is done.
            seconds: 15,
            group: None,
            adds: Adds::Nothing,
            risk: Risk::None,
            shown: Shown::Awaited,
        }
    }
}
