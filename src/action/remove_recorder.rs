use super::*;

/// Stops and deletes a recorder and a delivery channel that are there, so that a stack can bring its own.
/// What Config has recorded stays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RemoveRecorder {
    pub account: Expr,
    pub region: Region,
    /// Their names; a recorder of another name is not touched.
    pub recorder: Option<String>,
    pub channel: Option<String>,
    /// What brings the next one: where that is there by now, the recorder is its own.
    pub successor: Successor,
}

/// The stack set, or the plain stack of the same place, that brings what takes the place of something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "name", rename_all = "kebab-case")]
pub enum Successor {
    StackSet(String),
    Stack(String),
}

impl ActionKind for RemoveRecorder {
    fn info(&self) -> Info<'_> {
        Info {
            exprs: vec![&self.account],
            seconds: 5,
            group: None,
            adds: Adds::Nothing,
            risk: Risk::None,
            shown: Shown::AtOnce,
        }
    }
}
