use super::*;

/// Creates the organization with all features. Its answer is the first that tells the management account's address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CreateOrganization {
    /// The accounts that the plan has besides, by address in lower case: none of them may be the management account's.
    #[serde(default)]
    pub accounts: BTreeMap<String, AccountKey>,
}

impl ActionKind for CreateOrganization {
    fn info(&self) -> Info<'_> {
        Info {
            exprs: Vec::new(),
            // The organization may stay in finalization for up to an hour, usually for seconds.
            seconds: 60,
            group: None,
            adds: Adds::Nothing,
            risk: Risk::None,
            shown: Shown::AtOnce,
        }
    }
}
