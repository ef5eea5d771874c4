use super::*;

/// `organizations:CreateAccount`, awaited.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CreateAccount {
    pub key: AccountKey,
    pub name: String,
    pub email: Email,
    pub tags: Tags,
    pub access_role: String,
    pub iam_user_access_to_billing: bool,
}

impl ActionKind for CreateAccount {
    fn info(&self) -> Info<'_> {
        Info {
            exprs: Vec::new(),
            seconds: 240,
            group: Some(ConcurrencyGroup::AccountCreation),
            adds: Adds::Account,
            risk: Risk::None,
            shown: Shown::listed(move |made| {
                made.id()
                    .map(|id| Entry::there(List::Accounts, Item::Is(id)))
            }),
        }
    }
}
