//! Which account is meant: by its key, its name in AWS, its id or its email.

use std::collections::BTreeMap;

use crate::cli::error::CommandError;
use crate::inventory::{AccountFacts, Identified, Inventory, identify};
use crate::plan::{AccountKey, OrgPlan};

/// An account of the plan, of AWS, or of both.
#[derive(Debug, Clone)]
pub(super) struct Found<'a> {
    pub(super) key: Option<AccountKey>,
    pub(super) facts: Option<&'a AccountFacts>,
}

/// Every account of plan and organization, those of the plan first.
pub(super) fn all<'a>(plan: &OrgPlan, inventory: &'a Inventory) -> Vec<Found<'a>> {
    let accounts = inventory.accounts.known();
    let identified = accounts.map_or_else(Identified::default, |all| identify(plan, all));
    let facts_of = |key: &AccountKey| accounts?.get(identified.accounts.get(key)?);
    let mut found: Vec<Found<'a>> = plan
        .accounts
        .keys()
        .map(|key| Found {
            facts: facts_of(key),
            key: Some(key.clone()),
        })
        .collect();
    let keys = identified.keys();
    let mut others: Vec<&AccountFacts> = accounts
        .into_iter()
        .flat_map(BTreeMap::values)
        .filter(|facts| !keys.contains_key(&facts.id))
        .collect();
    others.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    found.extend(others.into_iter().map(|facts| Found {
        key: None,
        facts: Some(facts),
    }));
    found
}

/// The one account that `word` names.
///
/// # Errors
/// None is named so, or several are.
pub(super) fn one<'a>(
    word: &str,
    plan: &OrgPlan,
    inventory: &'a Inventory,
) -> Result<Found<'a>, CommandError> {
    let all = all(plan, inventory);
    // A key of the plan goes before a name that somebody gave an account in AWS.
    let by_key = all.iter().find(|found| {
        let key = found.key.as_ref();
        key.is_some_and(|key| key.as_str() == word)
    });
    if let Some(found) = by_key {
        return Ok(found.clone());
    }
    let matching: Vec<&Found<'_>> = all
        .iter()
        .filter(|found| {
            found.facts.is_some_and(|facts| {
                facts.id.as_str() == word
                    || facts.name == word
                    || facts.email.eq_ignore_ascii_case(word)
            })
        })
        .collect();
    match matching.as_slice() {
        [one] => Ok((*one).clone()),
        [] => Err(CommandError::new(format!(
            "no account `{word}` in the org plan or in AWS"
        ))
        .hint("name it by its key in the plan, its name in AWS, its id or its email; `orgstrap account list` shows them")),
        some => {
            let ids: Vec<String> = some
                .iter()
                .filter_map(|found| Some(found.facts?.id.to_string()))
                .collect();
            Err(CommandError::new(format!(
                "several accounts are named `{word}`: {}",
                ids.join(", ")
            ))
            .hint("name it by its id"))
        }
    }
}
