use super::*;

/// `organizations:UpdatePolicy`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UpdatePolicy {
    pub id: String,
    pub name: String,
    pub description: String,
    pub content: Expr,
}

impl ActionKind for UpdatePolicy {
    fn info(&self) -> Info<'_> {
        Info {
            exprs: vec![&self.content],
            seconds: 1,
            group: None,
            adds: Adds::Nothing,
            risk: Risk::None,
            shown: Shown::AtOnce,
        }
    }
}
