use super::*;

/// `organizations:DeleteOrganizationalUnit`, of one that is empty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeleteOu {
    pub id: String,
}

impl ActionKind for DeleteOu {
    fn info(&self) -> Info<'_> {
        Info {
            exprs: Vec::new(),
            seconds: 2,
            group: None,
            adds: Adds::Nothing,
            risk: Risk::None,
            shown: Shown::listed(move |made| {
                let parent = made.parent();
                parent.map(|it| Entry::gone(List::Ous(it), Item::Is(self.id.clone())))
            }),
        }
    }
}
