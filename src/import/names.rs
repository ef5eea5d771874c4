//! Names that a plan can use for things whose own names it cannot: keys of accounts, files of policies.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::addr::KEY_TAG;
use crate::inventory::AccountFacts;
use crate::plan::{AccountId, AccountKey};

/// The keys of accounts, each once.
pub(super) struct Keys {
    keys: BTreeMap<AccountId, AccountKey>,
}

impl Keys {
    /// What orgstrap called an account once, its tag tells; else the account's name as far as it goes. Accounts
    /// whose names come to the same all have their id in it, so that none depends on the others' order.
    pub(super) fn of<'a>(accounts: impl Iterator<Item = &'a AccountFacts>) -> Self {
        let accounts: Vec<&AccountFacts> = accounts.collect();
        let mut tagged: BTreeMap<AccountKey, Vec<&AccountFacts>> = BTreeMap::new();
        for facts in &accounts {
            let tag = facts.tags.known().and_then(|tags| tags.get(KEY_TAG));
            if let Some(key) = tag.and_then(|tag| tag.parse::<AccountKey>().ok()) {
                tagged.entry(key).or_default().push(facts);
            }
        }
        let mut keys = BTreeMap::new();
        let mut taken: BTreeSet<String> = BTreeSet::new();
        for (key, whose) in &tagged {
            taken.insert(key.as_str().to_lowercase());
            if let [only] = whose.as_slice() {
                keys.insert(only.id.clone(), key.clone());
            }
        }
        let mut desired: BTreeMap<String, usize> = BTreeMap::new();
        for facts in &accounts {
            *desired.entry(slug(facts).to_lowercase()).or_default() += 1;
        }
        for facts in &accounts {
            if keys.contains_key(&facts.id) {
                continue;
            }
            let plain = slug(facts);
            let folded = plain.to_lowercase();
            let alone = desired.get(&folded).copied() == Some(1) && !taken.contains(&folded);
            let key = if alone {
                plain
            } else {
                let start: String = plain.chars().take(37).collect();
                format!("{}-{}", start.trim_end_matches(['-', '_']), facts.id)
            };
            taken.insert(key.to_lowercase());
            if let Ok(key) = key.parse() {
                keys.insert(facts.id.clone(), key);
            }
        }
        Keys { keys }
    }

    /// The key of one of these accounts.
    pub(super) fn take(&mut self, facts: &AccountFacts) -> Option<AccountKey> {
        self.keys.remove(&facts.id)
    }
}

/// An account's name in the alphabet of keys; its id where nothing of it is left.
fn slug(facts: &AccountFacts) -> String {
    if facts.name.parse::<AccountKey>().is_ok() {
        return facts.name.clone();
    }
    match words(&facts.name, 50) {
        empty if empty.is_empty() => format!("account-{}", facts.id),
        slug => slug,
    }
}

/// Lower-case words of ASCII letters and digits, joined by `-`.
fn words(text: &str, most: usize) -> String {
    let mut slug = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(most);
    slug.trim_end_matches('-').to_owned()
}

/// Files for policies: safe on every system, told apart without case.
#[derive(Default)]
pub(super) struct Files {
    taken: BTreeSet<String>,
}

impl Files {
    /// The path of a policy's document beside the plan.
    pub(super) fn take(&mut self, name: &str, id: &str) -> String {
        let plain = match words(name, 100) {
            empty if empty.is_empty() => words(id, 100),
            slug => slug,
        };
        // Windows knows these as devices, whatever their ending.
        let device = matches!(plain.as_str(), "con" | "prn" | "aux" | "nul")
            || (plain.len() == 4 && (plain.starts_with("com") || plain.starts_with("lpt")));
        let mut slug = match device {
            true => format!("{plain}-policy"),
            false => plain.clone(),
        };
        let mut number = 1;
        while !self.taken.insert(slug.clone()) {
            number += 1;
            slug = format!("{plain}-{number}");
        }
        format!("policies/{slug}.json")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_safe_and_told_apart_without_case() {
        let mut files = Files::default();
        for (name, file) in [
            ("Deny All", "policies/deny-all.json"),
            ("deny_all", "policies/deny-all-2.json"),
            ("../../etc/passwd", "policies/etc-passwd.json"),
            ("研究", "policies/p-abcd1234.json"),
            ("CON", "policies/con-policy.json"),
        ] {
            assert_eq!(files.take(name, "p-abcd1234"), file, "{name}");
        }
    }
}
