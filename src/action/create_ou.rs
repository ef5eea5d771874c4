use super::*;

/// `organizations:CreateOrganizationalUnit`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CreateOu {
    pub parent: Expr,
    pub name: String,
    pub tags: Tags,
}

impl ActionKind for CreateOu {
    fn info(&self) -> Info<'_> {
        Info {
            exprs: vec![&self.parent],
            seconds: 2,
            group: None,
            adds: Adds::Ou,
            risk: Risk::None,
            shown: Shown::listed(move |made| {
                let below = made.value(&self.parent).zip(made.id());
                below.map(|(parent, id)| Entry::there(List::Ous(parent), Item::Is(id)))
            }),
        }
    }
}
