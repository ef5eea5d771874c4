//! Which account of the organization is which account of the plan.
//!
//! An entry of the plan is looked for by its `id`, else by the tag `orgstrap:key`, else by its email,
//! case-folded; a name that is taken is a question. Two answers that disagree are a [`Conflict`], and a
//! conflict stops a run before anything is changed: guessing would make an account twice or hand one
//! team's account to another, and neither can be taken back.
//!
//! An account is *in use* unless it is closed, being closed or suspended. "Its" is the entry's. One test
//! a row is in `diff/tests/identity_rules.rs`, under the row's letter.
//!
//! | | the entry | the organization | the answer |
//! | --- | --- | --- | --- |
//! | a | gives an `id` | has that account, in whatever state | that account, whatever its tag |
//! | b | gives an `id` | has no such account (it left, or was never here) | conflict |
//! | c | gives an `id` | an account in use, another one, carries its key as tag | conflict |
//! | d | gives an `id` | its email belongs to another account | conflict |
//! | e | gives the management account's `id` | | conflict |
//! | f | gives no `id` | one account in use carries its key | that account, whatever its email |
//! | g | gives no `id` | two accounts in use carry its key: one was copied by hand | conflict |
//! | h | gives no `id` | one carries its key, another has its email | conflict |
//! | i | any | the management account carries its key | conflict |
//! | j | any | the management account has its email | conflict |
//! | k | gives no `id` | an account without tag has its email, created here or invited | that account |
//! | l | gives no `id` | an account that left and came back, its tags lost, has its email | that account |
//! | m | gives no `id` | a closed account without tag has its email | conflict: AWS never lets it be used again |
//! | n | gives no `id` | a closed or suspended account carries its key and has its email | that account |
//! | o | gives no `id` | a closed or suspended account carries its key and has another email | none: a new one is asked for |
//! | p | gives no `id` | the account with its email carries another key of the plan | conflict |
//! | q | gives no `id` | the account with its email carries a key that the plan has not | conflict: a rename? |
//! | r | says `renamed_from` | as f, g and h with the former key, where none carries its key | as there |
//! | s | is found by nothing | an account in use that no entry is has its name | conflict |
//! | t | is found by nothing | closed, suspended or another entry's accounts have its name | none |
//! | u | is found by nothing | tags of some account could not be read | undecided: not taken for absent |
//! | v | is found as the same account as another entry | | conflict |
//!
//! Whether an entry that none of these finds is one whose key was changed by hand is asked where OUs are
//! known, in [`crate::diff`].

use std::collections::{BTreeMap, BTreeSet};

use super::{AccountFacts, AccountState, ReadFailure};
use crate::addr::KEY_TAG;
use crate::plan::{Account, AccountId, AccountKey, OrgPlan};

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
    pub undecided: BTreeMap<AccountKey, ReadFailure>,
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
    let index = Index::of(plan, accounts);
    let mut identified = Identified::default();
    let mut absent = Vec::new();
    for (key, planned) in &plan.accounts {
        match index.look_up(key, planned) {
            Answer::Is(id) => {
                identified.accounts.insert(key.clone(), id);
            }
            Answer::Absent => match &index.unread {
                Some(why) => {
                    identified.undecided.insert(key.clone(), why.clone());
                }
                None => absent.push((key, planned)),
            },
            Answer::Conflict(conflict) => identified.conflicts.push(conflict),
        }
    }
    refuse_double_claims(&mut identified, accounts);
    let namesakes = index.namesakes(&absent, &identified);
    identified.conflicts.extend(namesakes);
    identified
}

/// The key of an account that the plan once named and no longer does, by its tag: of an account in use that
/// is not the management account.
pub fn forgotten<'f>(plan: &OrgPlan, facts: &'f AccountFacts) -> Option<&'f str> {
    let key = key_tag(facts)?;
    let planned = plan.accounts.keys().any(|planned| planned.as_str() == key);
    (!planned && in_use(facts) && facts.id != plan.organization.management_account).then_some(key)
}

enum Answer {
    Is(AccountId),
    Absent,
    Conflict(Conflict),
}

/// The organization's accounts by what they can be found by.
struct Index<'a> {
    plan: &'a OrgPlan,
    accounts: &'a BTreeMap<AccountId, AccountFacts>,
    by_tag: BTreeMap<&'a str, Vec<&'a AccountFacts>>,
    by_email: BTreeMap<String, &'a AccountFacts>,
    /// Why the tags of some account are not known.
    unread: Option<ReadFailure>,
}

impl<'a> Index<'a> {
    fn of(plan: &'a OrgPlan, accounts: &'a BTreeMap<AccountId, AccountFacts>) -> Self {
        let mut by_tag: BTreeMap<&str, Vec<&AccountFacts>> = BTreeMap::new();
        let mut by_email = BTreeMap::new();
        let mut unread = None;
        for facts in accounts.values() {
            by_email.insert(facts.email.to_ascii_lowercase(), facts);
            if let Some(key) = key_tag(facts) {
                by_tag.entry(key).or_default().push(facts);
            }
            if unread.is_none() {
                unread = facts.tags.unread().cloned();
            }
        }
        Index {
            plan,
            accounts,
            by_tag,
            by_email,
            unread,
        }
    }

    fn is_management(&self, facts: &AccountFacts) -> bool {
        facts.id == self.plan.organization.management_account
    }

    /// The accounts in use that carry a key.
    fn tagged(&self, key: &str) -> Vec<&'a AccountFacts> {
        let tagged = self.by_tag.get(key).into_iter().flatten().copied();
        tagged.filter(|facts| in_use(facts)).collect()
    }

    fn look_up(&self, key: &AccountKey, planned: &Account) -> Answer {
        let entry = Entry { key, planned };
        let tagged = self.tagged(key.as_str());
        let by_email = self.by_email.get(&planned.email.folded()).copied();
        if let Some(facts) = tagged.iter().find(|facts| self.is_management(facts)) {
            return entry.conflict(
                &[facts],
                format!(
                    "the management account {} carries the tag {KEY_TAG} = {key}, and is no account of the plan",
                    named(facts)
                ),
                format!("remove the tag from it: `{}`", untag(facts)),
            );
        }
        if let Some(facts) = by_email.filter(|facts| self.is_management(facts)) {
            return entry.conflict(
                &[facts],
                format!(
                    "the email {} of account `{key}` is the management account's, {}, which is no \
                     account of the plan",
                    planned.email,
                    named(facts)
                ),
                format!("use another email in [account.{key}]"),
            );
        }
        match &planned.id {
            Some(id) => self.by_id(&entry, id, &tagged, by_email),
            None => self.by_tag_or_email(&entry, tagged, by_email),
        }
    }

    fn by_id(
        &self,
        entry: &Entry<'_>,
        id: &AccountId,
        tagged: &[&AccountFacts],
        by_email: Option<&AccountFacts>,
    ) -> Answer {
        let key = entry.key;
        let Some(facts) = self.accounts.get(id) else {
            return entry.conflict(
                &[],
                format!("account `{key}` has the id {id}, which is not in the organization"),
                format!(
                    "invite {id} into the organization, or remove `id` from \
                     [account.{key}] to have a new account made"
                ),
            );
        };
        if self.is_management(facts) {
            return entry.conflict(
                &[facts],
                format!("account `{key}` has the id {id}, which is the management account's"),
                format!("correct `id` in [account.{key}], or remove the entry: the management account needs none"),
            );
        }
        if let Some(other) = tagged.iter().find(|other| &other.id != id) {
            return entry.conflict(
                &[facts, other],
                format!(
                    "account `{key}` has the id {id} in the plan, but the tag {KEY_TAG} \
                     says it is {}",
                    named(other)
                ),
                format!(
                    "correct `id` in [account.{key}], or remove the tag from the other: `{}`",
                    untag(other)
                ),
            );
        }
        if let Some(other) = by_email.filter(|other| &other.id != id) {
            return entry.conflict(
                &[facts, other],
                format!(
                    "account `{key}` has the id {id} in the plan, but its email {} belongs \
                     to {}",
                    entry.planned.email,
                    named(other)
                ),
                format!("correct `id` or `email` in [account.{key}]"),
            );
        }
        Answer::Is(id.clone())
    }

    fn by_tag_or_email(
        &self,
        entry: &Entry<'_>,
        mut tagged: Vec<&'a AccountFacts>,
        by_email: Option<&AccountFacts>,
    ) -> Answer {
        let (key, planned) = (entry.key, entry.planned);
        let mut carried = key;
        if let Some(former) = planned.renamed_from.as_ref().filter(|_| tagged.is_empty()) {
            carried = former;
            tagged = self.tagged(former.as_str());
            tagged.retain(|facts| !self.is_management(facts));
        }
        if let [first, second, ..] = tagged.as_slice() {
            return entry.conflict(
                &tagged,
                format!(
                    "{} and {} both carry the tag {KEY_TAG} = {carried}",
                    named(first),
                    named(second)
                ),
                format!("remove the tag from one, or give `id` in [account.{key}]"),
            );
        }
        match (tagged.first(), by_email) {
            (Some(tagged), Some(other)) if tagged.id != other.id => entry.conflict(
                &[tagged, other],
                format!(
                    "account `{key}` is {} by its tag {KEY_TAG} = {carried}, but its email {} belongs to {}",
                    named(tagged),
                    planned.email,
                    named(other)
                ),
                format!("give `id` in [account.{key}], or correct its `email`"),
            ),
            (Some(tagged), _) => Answer::Is(tagged.id.clone()),
            (None, Some(other)) => self.of_email(entry, other),
            (None, None) => Answer::Absent,
        }
    }

    /// The entry's email is an account's that does not carry its key, or is no longer in use.
    fn of_email(&self, entry: &Entry<'_>, other: &AccountFacts) -> Answer {
        let (key, email) = (entry.key, &entry.planned.email);
        let gone = matches!(
            other.state,
            AccountState::Closed | AccountState::PendingClosure
        );
        match key_tag(other) {
            Some(theirs) if theirs == key.as_str() => Answer::Is(other.id.clone()),
            Some(theirs) => {
                let planned = self.plan.accounts.keys().any(|k| k.as_str() == theirs);
                let hint = if planned || gone {
                    format!("use another email in [account.{key}]")
                } else {
                    format!(
                        "if it was renamed in the plan, add `renamed_from = \"{theirs}\"` to \
                         [account.{key}]; else use another email"
                    )
                };
                entry.conflict(
                    &[other],
                    format!(
                        "the email {email} of account `{key}` belongs to {}, which is account \
                         `{theirs}` by its tag {KEY_TAG}",
                        named(other)
                    ),
                    hint,
                )
            }
            None if gone => entry.conflict(
                &[other],
                format!(
                    "the email {email} of account `{key}` is held by {}; AWS never lets an \
                     email be used again",
                    named(other)
                ),
                format!("use another email in [account.{key}]"),
            ),
            None => Answer::Is(other.id.clone()),
        }
    }

    /// Accounts in use that are no entry's and have the name of an entry that is not there: perhaps it was
    /// forgotten to say that they are the same.
    fn namesakes(
        &self,
        absent: &[(&AccountKey, &Account)],
        identified: &Identified,
    ) -> Vec<Conflict> {
        if absent.is_empty() {
            return Vec::new();
        }
        let claimed = identified.keys();
        let mut free: BTreeMap<String, &AccountFacts> = BTreeMap::new();
        for facts in self.accounts.values().rev() {
            let disputed = identified
                .conflicts
                .iter()
                .any(|conflict| conflict.accounts.contains(&facts.id));
            if in_use(facts)
                && !self.is_management(facts)
                && !claimed.contains_key(&facts.id)
                && !disputed
            {
                free.insert(facts.name.to_lowercase(), facts);
            }
        }
        let question = |key: &AccountKey, planned: &Account| {
            let facts = free.get(&planned.name.to_lowercase())?;
            let same = match forgotten(self.plan, facts) {
                Some(former) => format!("add `renamed_from = \"{former}\"` to [account.{key}]"),
                None => format!("give `id = \"{}\"` in [account.{key}]", facts.id),
            };
            Some(Conflict {
                keys: BTreeSet::from([key.clone()]),
                accounts: BTreeSet::from([facts.id.clone()]),
                message: format!(
                    "account `{key}` is to be made with the email {}, and the organization has an \
                     account of that name already: {} with the email {}",
                    planned.email,
                    named(facts),
                    facts.email
                ),
                hint: format!(
                    "if it is the same, {same}; else give the new one another `name` in [account.{key}]"
                ),
            })
        };
        absent
            .iter()
            .filter_map(|(key, planned)| question(key, planned))
            .collect()
    }
}

/// An entry of the plan that is looked for.
struct Entry<'a> {
    key: &'a AccountKey,
    planned: &'a Account,
}

impl Entry<'_> {
    fn conflict(&self, found: &[&AccountFacts], message: String, hint: String) -> Answer {
        Answer::Conflict(Conflict {
            keys: BTreeSet::from([self.key.clone()]),
            accounts: found.iter().map(|facts| facts.id.clone()).collect(),
            message,
            hint,
        })
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

/// The key that an account carries as its tag.
fn key_tag(facts: &AccountFacts) -> Option<&str> {
    let tags = facts.tags.known()?;
    tags.get(KEY_TAG).map(String::as_str)
}

/// Whether an account counts for what it is tagged as. Closed accounts keep email and tags for 90 days;
/// suspended ones as long as they are there.
fn in_use(facts: &AccountFacts) -> bool {
    match facts.state {
        AccountState::Closed | AccountState::PendingClosure | AccountState::Suspended => false,
        AccountState::Active | AccountState::PendingActivation | AccountState::Unknown => true,
    }
}

/// `"Payments" (222222222222, closed)`.
pub fn named(facts: &AccountFacts) -> String {
    match facts.state {
        AccountState::Active => format!("\"{}\" ({})", facts.name, facts.id),
        state => format!("\"{}\" ({}, {})", facts.name, facts.id, state.as_str()),
    }
}

/// Accounts that are closed or suspended and carry the key of an entry: each was the entry's once.
pub fn former<'f>(
    accounts: impl Iterator<Item = &'f AccountFacts>,
    key: &AccountKey,
) -> Vec<&'f AccountFacts> {
    let carries = |facts: &&AccountFacts| key_tag(facts) == Some(key.as_str()) && !in_use(facts);
    accounts.filter(carries).collect()
}

/// The AWS CLI's command by which orgstrap no longer knows an account.
pub fn untag(facts: &AccountFacts) -> String {
    format!(
        "aws organizations untag-resource --resource-id {} --tag-keys {KEY_TAG}",
        facts.id
    )
}
