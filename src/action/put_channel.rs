use super::*;

/// `config:PutDeliveryChannel`, in CloudFormation's words; starts a recorder that waited for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PutChannel {
    pub account: Expr,
    pub region: Region,
    pub settings: serde_json::Value,
}

impl ActionKind for PutChannel {
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
