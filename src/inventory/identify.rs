//! Which account of the organization is which account of the plan.
//!
//! An account matches by `id` where the plan gives one, else by its `orgstrap:key` tag, else by
//! its email, case-folded. Two answers that disagree, and a name that is already taken, are
//! [`Conflict`]s: guessing would create an account twice, which nothing can take back.

use std::collections::{BTreeMap, BTreeSet};

use super::{AccountFacts, AccountState, Unread};
use crate::change::KEY_TAG;
use crate::plan::{AccountId, AccountKey, OrgPlan};

/// The answer to which account is which.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct Identified {
    /// The plan's accounts that are in the organization, whatever their state.
    pub accounts: BTreeMap<AccountKey, AccountId>,
    /// What stops a run: nobody but the user can say which account is meant.
    pub conflicts: Vec<Conflict>,
    /// Accounts that match nothing, while tags that could name them could not be read: they must
    /// not be taken for absent.
    pub undecided: BTreeMap<AccountKey, Unread>,
}

/// Accounts of the plan and of the organization that cannot be matched with certainty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    pub keys: BTreeSet<AccountKey>,
    pub accounts: BTreeSet<AccountId>,
    /// What disagrees, as a sentence.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

impl Identified {
    /// Whether a conflict or an unread tag leaves open which account `key` is.
    pub fn is_open(&self, key: &AccountKey) -> bool {
        self.undecided.contains_key(key) || self.conflicts.iter().any(|c| c.keys.contains(key))
    }

    /// The plan's key of each identified account.
    pub fn keys(&self) -> BTreeMap<&AccountId, &AccountKey> {
        self.accounts.iter().map(|(key, id)| (id, key)).collect()
    }
}

/// Matches the plan's accounts with those of the organization.
pub fn identify(plan: &OrgPlan, accounts: &BTreeMap<AccountId, AccountFacts>) -> Identified {
    let index = Index::of(accounts);
    let mut identified = Identified::default();
    for key in plan.accounts.keys() {
        match index.look_up(plan, key) {
            Answer::Is(id) => {
                identified.accounts.insert(key.clone(), id);
            }
            Answer::Absent => {
                if let Some(why) = &index.unread {
                    identified.undecided.insert(key.clone(), why.clone());
                }
            }
            Answer::Conflict(conflict) => identified.conflicts.push(conflict),
        }
    }
    refuse_double_claims(&mut identified, accounts);
    identified
}

enum Answer {
    Is(AccountId),
    Absent,
    Conflict(Conflict),
}

/// The organization's accounts by what they can be found by.
struct Index<'a> {
    accounts: &'a BTreeMap<AccountId, AccountFacts>,
    by_tag: BTreeMap<&'a str, Vec<&'a AccountFacts>>,
    by_email: BTreeMap<String, &'a AccountFacts>,
    /// Why the tags of some usable account are not known.
    unread: Option<Unread>,
}

impl<'a> Index<'a> {
    fn of(accounts: &'a BTreeMap<AccountId, AccountFacts>) -> Self {
        let mut by_tag: BTreeMap<&str, Vec<&AccountFacts>> = BTreeMap::new();
        let mut by_email = BTreeMap::new();
        let mut unread = None;
        for facts in accounts.values() {
            by_email.insert(facts.email.to_ascii_lowercase(), facts);
            if let Some(key) = facts.tags.known().and_then(|tags| tags.get(KEY_TAG)) {
                by_tag.entry(key).or_default().push(facts);
            }
            if unread.is_none() {
                unread = facts.tags.unread().cloned();
            }
        }
        Index {
            accounts,
            by_tag,
            by_email,
            unread,
        }
    }

    fn look_up(&self, plan: &OrgPlan, key: &AccountKey) -> Answer {
        let Some(account) = plan.accounts.get(key) else {
            return Answer::Absent;
        };
        let tagged = self.by_tag.get(key.as_str()).map_or(&[][..], Vec::as_slice);
        let by_email = self.by_email.get(&account.email.folded()).copied();
        let conflict = |found: &[&AccountFacts], message: String, hint: String| {
            Answer::Conflict(Conflict {
                keys: BTreeSet::from([key.clone()]),
                accounts: found.iter().map(|facts| facts.id.clone()).collect(),
                message,
                hint,
            })
        };

        if let Some(id) = &account.id {
            let Some(facts) = self.accounts.get(id) else {
                return conflict(
                    &[],
                    format!("account `{key}` has the id {id}, which is not in the organization"),
                    format!(
                        "invite {id} into the organization, or remove `id` from \
                         [account.{key}] to have a new account made"
                    ),
                );
            };
            // The tag of a closed account is history: the plan says which one is meant now.
            let rivals: Vec<&AccountFacts> = tagged
                .iter()
                .copied()
                .filter(|other| &other.id != id && usable(other))
                .collect();
            if let Some(other) = rivals.first() {
                return conflict(
                    &[facts, other],
                    format!(
                        "account `{key}` has the id {id} in the plan, but the tag {KEY_TAG} \
                         says it is {}",
                        named(other)
                    ),
                    format!("correct `id` in [account.{key}], or remove the tag from the other"),
                );
            }
            if let Some(other) = by_email.filter(|other| &other.id != id) {
                return conflict(
                    &[facts, other],
                    format!(
                        "account `{key}` has the id {id} in the plan, but its email {} belongs \
                         to {}",
                        account.email,
                        named(other)
                    ),
                    format!("correct `id` or `email` in [account.{key}]"),
                );
            }
            return Answer::Is(id.clone());
        }

        // An account that is closed no longer counts where a usable one carries the same key.
        let living: Vec<&AccountFacts> = tagged.iter().copied().filter(|f| usable(f)).collect();
        let candidates = if living.is_empty() { tagged } else { &living };
        if let [first, second, ..] = candidates {
            return conflict(
                candidates,
                format!(
                    "{} and {} both carry the tag {KEY_TAG} = {key}",
                    named(first),
                    named(second)
                ),
                format!("remove the tag from one, or give `id` in [account.{key}]"),
            );
        }
        match (candidates.first(), by_email) {
            (Some(tagged), Some(other)) if tagged.id != other.id => conflict(
                &[tagged, other],
                format!(
                    "account `{key}` is {} by its tag {KEY_TAG}, but its email {} belongs to {}",
                    named(tagged),
                    account.email,
                    named(other)
                ),
                format!("give `id` in [account.{key}], or correct its `email`"),
            ),
            (Some(tagged), _) => Answer::Is(tagged.id.clone()),
            (None, Some(other)) => {
                let key_there = other.tags.known().and_then(|tags| tags.get(KEY_TAG));
                if let Some(theirs) = key_there {
                    conflict(
                        &[other],
                        format!(
                            "the email {} of account `{key}` belongs to {}, which is account \
                             `{theirs}` by its tag {KEY_TAG}",
                            account.email,
                            named(other)
                        ),
                        format!(
                            "if it was renamed in the plan, give `id = \"{}\"` in \
                             [account.{key}]; else use another email",
                            other.id
                        ),
                    )
                } else if !usable(other) {
                    conflict(
                        &[other],
                        format!(
                            "the email {} of account `{key}` is held by {}; AWS never lets an \
                             email be used again",
                            account.email,
                            named(other)
                        ),
                        format!("use another email in [account.{key}]"),
                    )
                } else {
                    Answer::Is(other.id.clone())
                }
            }
            (None, None) => Answer::Absent,
        }
    }
}

/// One account under two keys: neither is taken for certain.
fn refuse_double_claims(identified: &mut Identified, accounts: &BTreeMap<AccountId, AccountFacts>) {
    let mut claims: BTreeMap<AccountId, BTreeSet<AccountKey>> = BTreeMap::new();
    for (key, id) in &identified.accounts {
        claims.entry(id.clone()).or_default().insert(key.clone());
    }
    for (id, keys) in claims.into_iter().filter(|(_, keys)| keys.len() > 1) {
        let list: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
        let who = accounts.get(&id).map_or_else(|| id.to_string(), named);
        identified.accounts.retain(|key, _| !keys.contains(key));
        identified.conflicts.push(Conflict {
            message: format!(
                "the accounts {} of the plan are all {who}",
                list.join(" and ")
            ),
            hint: "keep one of them, or give each its own `id` and `email`".to_owned(),
            accounts: BTreeSet::from([id]),
            keys,
        });
    }
}

/// Whether an account is not closed or about to be: those keep their email and tags for 90 days.
fn usable(facts: &AccountFacts) -> bool {
    !matches!(
        facts.state,
        AccountState::Closed | AccountState::PendingClosure
    )
}

/// `"Payments" (222222222222, closed)`.
fn named(facts: &AccountFacts) -> String {
    match facts.state {
        AccountState::Active => format!("\"{}\" ({})", facts.name, facts.id),
        state => format!("\"{}\" ({}, {})", facts.name, facts.id, state.word()),
    }
}
