use super::*;

/// `DeleteStackSet`, of one without instances.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeleteStackSet {
    pub name: String,
}

impl ActionKind for DeleteStackSet {
    fn info(&self) -> Info<'_> {
        Info {
            exprs: Vec::new(),
            seconds: 5,
            group: Some(ConcurrencyGroup::StackSet(self.name.clone())),
            adds: Adds::Nothing,
            // What a person asked for by `remove` is named there.
            risk: Risk::None,
            shown: Shown::AtOnce,
        }
    }
}
