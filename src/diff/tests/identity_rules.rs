//! Which account is which: by id, else by tag, else by email; and when nobody can say.

use std::collections::BTreeMap;

use super::samples::*;
use super::simulate::{ROOT, known, member};
use crate::change::KEY_TAG;
use crate::diff::ProblemKind;
use crate::inventory::*;
use crate::plan::*;

fn one_account(id: Option<&str>, email: &str) -> OrgPlan {
    let mut plan = plan();
    plan.accounts.clear();
    let mut one = account("one", "Sandbox");
    one.id = id.map(|id| id.parse().unwrap());
    one.email = email.parse().unwrap();
    plan.accounts.insert(key("one"), one);
    plan
}

fn there(all: &[(&str, &str, Option<&str>)]) -> BTreeMap<AccountId, AccountFacts> {
    all.iter()
        .map(|(id, email, tag)| {
            let tags = tag.map_or_else(Tags::new, |key| tags(&[(KEY_TAG, key)]));
            let facts = member(id, "n", email, ROOT, tags);
            (facts.id.clone(), facts)
        })
        .collect()
}

#[test]
fn accounts_match_by_id_then_tag_then_email() {
    let (a, b) = ("222222222222", "333333333333");
    let is = |plan: &OrgPlan, accounts: &BTreeMap<AccountId, AccountFacts>| {
        let identified = identify(plan, accounts);
        assert_eq!(identified.conflicts, vec![]);
        identified
            .accounts
            .get(&key("one"))
            .map(ToString::to_string)
    };
    let by_email = there(&[(a, "One@Example.com", None)]);
    assert_eq!(
        is(&one_account(None, "one@example.com"), &by_email),
        Some(a.to_owned())
    );
    let by_tag = there(&[
        (a, "old@example.com", Some("one")),
        (b, "x@example.com", None),
    ]);
    assert_eq!(
        is(&one_account(None, "one@example.com"), &by_tag),
        Some(a.to_owned())
    );
    assert_eq!(
        is(&one_account(Some(a), "new@example.com"), &by_tag),
        Some(a.to_owned())
    );
    assert_eq!(
        is(
            &one_account(None, "one@example.com"),
            &there(&[(b, "x@example.com", None)])
        ),
        None
    );
}

#[test]
fn answers_that_disagree_are_conflicts() {
    let (a, b) = ("222222222222", "333333333333");
    let tag_and_email = there(&[
        (a, "x@example.com", Some("one")),
        (b, "one@example.com", None),
    ]);
    let twice = there(&[
        (a, "x@example.com", Some("one")),
        (b, "y@example.com", Some("one")),
    ]);
    let others = there(&[(a, "one@example.com", Some("two"))]);
    let mut closed = there(&[(a, "one@example.com", None)]);
    for facts in closed.values_mut() {
        facts.state = AccountState::Closed;
    }
    for (plan, accounts, says) in [
        (
            one_account(None, "one@example.com"),
            &tag_and_email,
            "by its tag",
        ),
        (
            one_account(Some(b), "one@example.com"),
            &tag_and_email,
            "the tag orgstrap:key",
        ),
        (
            one_account(Some(a), "one@example.com"),
            &tag_and_email,
            "belongs to",
        ),
        (
            one_account(None, "one@example.com"),
            &twice,
            "both carry the tag",
        ),
        (
            one_account(None, "one@example.com"),
            &others,
            "account `two`",
        ),
        (one_account(None, "one@example.com"), &closed, "held by"),
        (
            one_account(Some("999999999999"), "one@example.com"),
            &twice,
            "not in the organization",
        ),
    ] {
        let identified = identify(&plan, accounts);
        assert_eq!(identified.accounts, BTreeMap::new());
        assert_eq!(identified.conflicts.len(), 1);
        let message = &identified.conflicts[0].message;
        assert!(message.contains(says), "{message}");
    }
    let mut double = one_account(Some(a), "q@example.com");
    let mut two = account("two", "Sandbox");
    two.email = "x@example.com".parse().unwrap();
    double.accounts.insert(key("two"), two);
    let identified = identify(&double, &there(&[(a, "x@example.com", None)]));
    assert_eq!(identified.accounts, BTreeMap::new());
    assert!(identified.conflicts[0].message.contains("`one` and `two`"));
}

/// A conflict stops everything before anything is changed.
#[test]
fn a_conflict_is_a_problem() {
    let mut inventory = settled();
    known(&mut member_of(&mut inventory, "play").tags)
        .insert(KEY_TAG.to_owned(), "security".to_owned());
    let found = compare(&inventory);
    assert!(
        found
            .problems
            .iter()
            .any(|p| p.kind == ProblemKind::Identity)
    );
    assert_eq!(found.changes, vec![]);
}

#[test]
fn unread_tags_are_no_proof_of_absence() {
    let mut accounts = there(&[("222222222222", "x@example.com", None)]);
    for facts in accounts.values_mut() {
        facts.tags = unread();
    }
    let identified = identify(&one_account(None, "one@example.com"), &accounts);
    assert!(identified.undecided.contains_key(&key("one")));
}
