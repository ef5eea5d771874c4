use super::*;

/// `DeleteStack`; its termination protection is switched off for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeleteStack {
    pub account: Expr,
    pub region: Region,
    pub name: String,
}

impl ActionKind for DeleteStack {
    fn info(&self) -> Info<'_> {
        Info {
            exprs: vec![&self.account],
            seconds: 90,
            group: None,
            adds: Adds::Nothing,
            // What a person asked for by `remove` is named there.
            risk: Risk::None,
            shown: Shown::Awaited,
        }
    }
}
