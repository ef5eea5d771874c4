use super::*;

/// `organizations:UpdateOrganizationalUnit`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RenameOu {
    pub id: String,
    pub name: String,
}

impl ActionKind for RenameOu {
    fn info(&self) -> Info<'_> {
        Info {
            exprs: Vec::new(),
            seconds: 2,
            group: None,
            adds: Adds::Nothing,
            risk: Risk::None,
            shown: Shown::listed(move |made| {
                let parent = made.parent();
                parent.map(|it| Entry::of(List::Ous(it), Item::NameOf(self.id.clone()), &self.name))
            }),
        }
    }
}
