use super::*;

/// `cloudtrail:StartLogging`, in the trail's home Region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StartLogging {
    pub account: Expr,
    pub region: Region,
    pub trail: String,
}

impl ActionKind for StartLogging {
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
