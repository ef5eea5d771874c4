use super::*;

/// Sets and removes tags of a root, OU, account or policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tag {
    pub resource: Expr,
    pub set: Tags,
    pub remove: BTreeSet<String>,
}

impl ActionKind for Tag {
    fn info(&self) -> Info<'_> {
        Info {
            exprs: vec![&self.resource],
            seconds: 1,
            group: None,
            adds: Adds::Nothing,
            risk: Risk::None,
            shown: Shown::listed(move |made| {
                let Some(id) = made.value(&self.resource) else {
                    return Vec::new();
                };
                let list = match id.bytes().all(|byte| byte.is_ascii_digit()) {
                    true => List::AccountTags,
                    false => List::Tags(id.clone()),
                };
                let tag = |key: &String| Item::Tag(id.clone(), key.clone());
                let set = self
                    .set
                    .iter()
                    .map(|(key, value)| Entry::of(list.clone(), tag(key), value));
                let removed = self
                    .remove
                    .iter()
                    .map(|key| Entry::gone(list.clone(), tag(key)));
                set.chain(removed).collect()
            }),
        }
    }
}
