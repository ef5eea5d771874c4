//! Which account is meant: by its key, its name in AWS, its id or its email.

use std::collections::BTreeMap;

use crate::inventory::{AccountFacts, AccountState, Identified, Inventory, identify};
use crate::ops::error::CommandError;
use crate::plan::{AccountKey, OrgPlan};

/// An account of the plan, of AWS, or of both.
#[derive(Debug, Clone)]
pub struct Found<'a> {
    pub key: Option<AccountKey>,
    pub facts: Option<&'a AccountFacts>,
}

/// Every account of plan and organization, those of the plan first.
pub fn all<'a>(plan: &OrgPlan, inventory: &'a Inventory) -> Vec<Found<'a>> {
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

/// The account of AWS that the plan's `key` is.
///
/// # Errors
/// There is none, or nobody can say which it is.
pub fn in_aws<'a>(
    key: &AccountKey,
    plan: &OrgPlan,
    inventory: &'a Inventory,
) -> Result<&'a AccountFacts, CommandError> {
    one(key.as_str(), plan, inventory)?.facts.ok_or_else(|| {
        CommandError::new(format!(
            "which account of AWS `{key}` is cannot be said, or it is not there; nothing was changed"
        ))
        .hint("`orgstrap plan` says more; an entry without an account is edited or taken out by hand")
    })
}

/// The account that only AWS has and that `as_str` names; one in use goes before those that are not. `None`
/// where no such account is named so.
///
/// # Errors
/// Several are.
pub fn unplanned<'a>(
    word: &str,
    plan: &OrgPlan,
    inventory: &'a Inventory,
) -> Result<Option<&'a AccountFacts>, CommandError> {
    let named: Vec<&AccountFacts> = all(plan, inventory)
        .into_iter()
        .filter(|found| found.key.is_none())
        .filter_map(|found| found.facts)
        .filter(|facts| is_named(facts, word))
        .collect();
    let active = |facts: &&AccountFacts| facts.state == AccountState::Active;
    let in_use: Vec<&AccountFacts> = named.iter().copied().filter(active).collect();
    match (in_use.as_slice(), named.as_slice()) {
        ([one], _) | ([], [one]) => Ok(Some(one)),
        ([], []) => Ok(None),
        ([], some) | (some, _) => Err(several(word, some.iter().copied())),
    }
}

/// The one account that `as_str` names.
///
/// # Errors
/// None is named so, or several are.
pub fn one<'a>(
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
            let facts = found.facts;
            facts.is_some_and(|facts| is_named(facts, word))
        })
        .collect();
    match matching.as_slice() {
        [one] => Ok((*one).clone()),
        [] => Err(CommandError::new(format!(
            "no account `{word}` in the org plan or in AWS"
        ))
        .hint("name it by its key in the plan, its name in AWS, its id or its email; `orgstrap account list` shows them")),
        some => Err(several(word, some.iter().filter_map(|found| found.facts))),
    }
}

/// Whether an account has this id, name in AWS or email.
pub fn is_named(facts: &AccountFacts, word: &str) -> bool {
    facts.id.as_str() == word || facts.name == word || facts.email.eq_ignore_ascii_case(word)
}

fn several<'a>(word: &str, accounts: impl Iterator<Item = &'a AccountFacts>) -> CommandError {
    let ids: Vec<String> = accounts.map(|facts| facts.id.to_string()).collect();
    CommandError::new(format!(
        "several accounts are named `{word}`: {}",
        ids.join(", ")
    ))
    .hint("name it by its id")
}
