//! Which account is which: a test a row of the table in [`crate::inventory::identify`], under its letter; and
//! what a comparison makes of it.

use std::collections::BTreeMap;

use super::samples::*;
use super::simulate::{MANAGEMENT, ROOT, known, member};
use crate::action::Action;
use crate::addr::{Address, KEY_TAG, Target};
use crate::change::Change;
use crate::diff::{ProblemKind, diff};
use crate::inventory::*;
use crate::plan::*;

const A: &str = "222222222222";
const B: &str = "333333333333";

/// A plan with the one account `one`, `one@example.com`.
fn plan_of(edit: impl FnOnce(&mut Account)) -> OrgPlan {
    let mut plan = plan();
    plan.accounts.clear();
    let mut one = account("one", "Sandbox");
    one.email = "one@example.com".parse().unwrap();
    edit(&mut one);
    plan.accounts.insert(key("one"), one);
    plan
}

fn with_id(id: &str) -> OrgPlan {
    plan_of(|one| one.id = Some(id.parse().unwrap()))
}

fn plain() -> OrgPlan {
    plan_of(|_| ())
}

fn and(mut plan: OrgPlan, key_text: &str, email: &str) -> OrgPlan {
    let mut other = account(key_text, "Sandbox");
    other.email = email.parse().unwrap();
    plan.accounts.insert(key(key_text), other);
    plan
}

type Accounts = BTreeMap<AccountId, AccountFacts>;

/// Accounts by id, email and tag, beside the management account.
fn there(all: &[(&str, &str, Option<&str>)]) -> Accounts {
    let mut accounts: Accounts = all
        .iter()
        .map(|(id, email, tag)| {
            let tags = tag.map_or_else(Tags::new, |key| tags(&[(KEY_TAG, key)]));
            let facts = member(id, &format!("n{id}"), email, ROOT, tags);
            (facts.id.clone(), facts)
        })
        .collect();
    let management = member(MANAGEMENT, "top", "top@example.com", ROOT, Tags::new());
    accounts.insert(management.id.clone(), management);
    accounts
}

fn of<'a>(accounts: &'a mut Accounts, id: &str) -> &'a mut AccountFacts {
    accounts.get_mut(&id.parse::<AccountId>().unwrap()).unwrap()
}

fn in_state(mut accounts: Accounts, id: &str, state: AccountState) -> Accounts {
    of(&mut accounts, id).state = state;
    accounts
}

/// The account that `one` is, where nothing is in doubt.
fn is(plan: &OrgPlan, accounts: &Accounts) -> Option<String> {
    let identified = identify(plan, accounts);
    assert_eq!(identified.conflicts, vec![]);
    assert_eq!(identified.undecided, BTreeMap::new());
    let id = identified.accounts.get(&key("one"));
    id.map(ToString::to_string)
}

/// `one` is in conflict, in these words and with this to do, and is no account.
fn conflicts(plan: &OrgPlan, accounts: &Accounts, says: &str, hint: &str) {
    let identified = identify(plan, accounts);
    assert_eq!(identified.accounts.get(&key("one")), None);
    let about: Vec<&Conflict> = identified
        .conflicts
        .iter()
        .filter(|conflict| conflict.keys.contains(&key("one")))
        .collect();
    let [conflict] = about.as_slice() else {
        panic!("{identified:?}");
    };
    assert!(conflict.message.contains(says), "{}", conflict.message);
    assert!(conflict.hint.contains(hint), "{}", conflict.hint);
}

const GONE: [AccountState; 3] = [
    AccountState::Closed,
    AccountState::PendingClosure,
    AccountState::Suspended,
];

#[test]
fn a_an_id_is_the_account_in_whatever_state_and_with_whatever_tag() {
    for state in [
        AccountState::Active,
        AccountState::PendingActivation,
        AccountState::Suspended,
        AccountState::Closed,
    ] {
        let accounts = in_state(there(&[(A, "x@example.com", Some("two"))]), A, state);
        assert_eq!(is(&with_id(A), &accounts).as_deref(), Some(A));
    }
}

#[test]
fn b_an_id_that_is_not_there_is_no_new_account() {
    let accounts = there(&[(A, "one@example.com", Some("one"))]);
    conflicts(&with_id(B), &accounts, "not in the organization", "invite");
}

#[test]
fn c_a_key_that_was_copied_to_another_account_contradicts_the_id() {
    let accounts = there(&[
        (A, "one@example.com", None),
        (B, "x@example.com", Some("one")),
    ]);
    conflicts(&with_id(A), &accounts, "the tag orgstrap:key says it is", B);
    for state in GONE {
        let accounts = in_state(accounts.clone(), B, state);
        assert_eq!(is(&with_id(A), &accounts).as_deref(), Some(A), "{state:?}");
    }
}

#[test]
fn d_an_email_of_another_account_contradicts_the_id() {
    let accounts = there(&[(A, "x@example.com", None), (B, "one@example.com", None)]);
    conflicts(&with_id(A), &accounts, "belongs to", "`id` or `email`");
}

#[test]
fn e_the_management_accounts_id_is_no_entrys() {
    conflicts(
        &with_id(MANAGEMENT),
        &there(&[]),
        "management account",
        "remove the entry",
    );
}

#[test]
fn f_a_key_is_the_account_whatever_its_email() {
    let accounts = there(&[
        (A, "old@example.com", Some("one")),
        (B, "x@example.com", None),
    ]);
    assert_eq!(is(&plain(), &accounts).as_deref(), Some(A));
    let waiting = in_state(accounts, A, AccountState::PendingActivation);
    assert_eq!(is(&plain(), &waiting).as_deref(), Some(A));
}

#[test]
fn g_a_key_that_was_copied_by_hand_is_two_accounts() {
    // Also where one of them has the email, or is another entry's by its own.
    let accounts = there(&[
        (A, "one@example.com", Some("one")),
        (B, "b@example.com", Some("one")),
    ]);
    conflicts(
        &plain(),
        &accounts,
        "both carry the tag",
        "`id` in [account.one]",
    );
    let plan = and(plain(), "two", "b@example.com");
    conflicts(&plan, &accounts, "both carry the tag", "remove the tag");
    assert_eq!(identify(&plan, &accounts).accounts, BTreeMap::new());
}

#[test]
fn h_a_key_and_an_email_of_two_accounts() {
    let accounts = there(&[
        (A, "x@example.com", Some("one")),
        (B, "one@example.com", None),
    ]);
    conflicts(&plain(), &accounts, "by its tag", "correct its `email`");
}

#[test]
fn i_a_key_that_was_copied_to_the_management_account() {
    let mut accounts = there(&[(A, "one@example.com", Some("one"))]);
    known(&mut of(&mut accounts, MANAGEMENT).tags).insert(KEY_TAG.to_owned(), "one".to_owned());
    let to_do = "untag-resource --resource-id 111111111111";
    conflicts(&plain(), &accounts, "the management account", to_do);
    conflicts(&with_id(A), &accounts, "the management account", to_do);
}

#[test]
fn j_the_management_accounts_email_is_no_entrys() {
    let mut accounts = there(&[(A, "x@example.com", None)]);
    of(&mut accounts, MANAGEMENT).email = "One@Example.com".to_owned();
    conflicts(
        &plain(),
        &accounts,
        "is the management account's",
        "another email",
    );
    conflicts(
        &with_id(A),
        &accounts,
        "is the management account's",
        "another email",
    );
    of(&mut accounts, A).tags = Observed::Known(tags(&[(KEY_TAG, "one")]));
    conflicts(
        &plain(),
        &accounts,
        "is the management account's",
        "another email",
    );
}

#[test]
fn k_an_email_is_the_account_in_any_case_and_made_or_invited() {
    let mut accounts = there(&[(A, "One@Example.com", None), (B, "x@example.com", None)]);
    assert_eq!(is(&plain(), &accounts).as_deref(), Some(A));
    of(&mut accounts, A).created_here = false;
    assert_eq!(is(&plain(), &accounts).as_deref(), Some(A));
    of(&mut accounts, A).state = AccountState::Suspended;
    assert_eq!(is(&plain(), &accounts).as_deref(), Some(A));
    assert_eq!(is(&plain(), &there(&[(B, "x@example.com", None)])), None);
}

#[test]
fn l_an_account_that_left_and_came_back_lost_its_tags() {
    let mut accounts = there(&[(A, "one@example.com", Some("one"))]);
    let left = of(&mut accounts, A).clone();
    accounts.remove(&left.id);
    assert_eq!(is(&plain(), &accounts), None);
    conflicts(&with_id(A), &accounts, "not in the organization", "invite");
    let back = AccountFacts {
        created_here: false,
        tags: Observed::Known(Tags::new()),
        ..left
    };
    accounts.insert(back.id.clone(), back);
    assert_eq!(is(&plain(), &accounts).as_deref(), Some(A));
    assert_eq!(is(&with_id(A), &accounts).as_deref(), Some(A));
    // Its email was changed meanwhile, so that only the name is left to ask by.
    of(&mut accounts, A).email = "y@example.com".to_owned();
    of(&mut accounts, A).name = "one".to_owned();
    conflicts(
        &plain(),
        &accounts,
        "of that name",
        "give `id = \"222222222222\"`",
    );
}

#[test]
fn m_a_closed_account_keeps_its_email() {
    for state in [AccountState::Closed, AccountState::PendingClosure] {
        let accounts = in_state(there(&[(A, "one@example.com", None)]), A, state);
        conflicts(
            &plain(),
            &accounts,
            "never lets an email be used again",
            "another email",
        );
    }
}

#[test]
fn n_a_closed_account_with_key_and_email_is_the_account() {
    for state in GONE {
        let accounts = in_state(there(&[(A, "one@example.com", Some("one"))]), A, state);
        assert_eq!(is(&plain(), &accounts).as_deref(), Some(A), "{state:?}");
    }
}

#[test]
fn o_a_closed_account_is_no_answer_for_another_email() {
    for state in GONE {
        let accounts = in_state(there(&[(A, "old@example.com", Some("one"))]), A, state);
        assert_eq!(is(&plain(), &accounts), None, "{state:?}");
        // Nor once the new one is there.
        let mut both = accounts.clone();
        both.extend(there(&[(B, "one@example.com", Some("one"))]));
        assert_eq!(is(&plain(), &both).as_deref(), Some(B), "{state:?}");
    }
}

#[test]
fn p_an_email_of_an_account_that_is_another_entry() {
    let accounts = there(&[(A, "one@example.com", Some("two"))]);
    let plan = and(plain(), "two", "two@example.com");
    conflicts(
        &plan,
        &accounts,
        "account `two` by its tag",
        "use another email",
    );
}

#[test]
fn q_an_email_of_an_account_whose_key_the_plan_has_not() {
    let accounts = there(&[(A, "one@example.com", Some("two"))]);
    conflicts(
        &plain(),
        &accounts,
        "account `two` by its tag",
        "renamed_from = \"two\"",
    );
}

#[test]
fn r_a_former_key_is_looked_for_where_none_carries_the_key() {
    let renamed = plan_of(|one| one.renamed_from = Some(key("two")));
    let former = there(&[(A, "two@example.com", Some("two"))]);
    assert_eq!(is(&renamed, &former).as_deref(), Some(A));
    assert_eq!(
        is(&renamed, &there(&[(A, "one@example.com", Some("two"))])).as_deref(),
        Some(A)
    );
    let both = there(&[
        (A, "x@example.com", Some("two")),
        (B, "y@example.com", Some("one")),
    ]);
    assert_eq!(is(&renamed, &both).as_deref(), Some(B));
    let twice = there(&[
        (A, "x@example.com", Some("two")),
        (B, "y@example.com", Some("two")),
    ]);
    conflicts(
        &renamed,
        &twice,
        "both carry the tag orgstrap:key = two",
        "`id`",
    );
    let other = there(&[
        (A, "x@example.com", Some("two")),
        (B, "one@example.com", None),
    ]);
    conflicts(&renamed, &other, "by its tag orgstrap:key = two", "`id`");
    assert_eq!(is(&renamed, &there(&[])), None);
}

#[test]
fn s_a_name_that_is_taken_is_a_question() {
    let mut accounts = there(&[(A, "x@example.com", None)]);
    of(&mut accounts, A).name = "One".to_owned();
    conflicts(
        &plain(),
        &accounts,
        "of that name",
        "give `id = \"222222222222\"`",
    );
    of(&mut accounts, A).tags = Observed::Known(tags(&[(KEY_TAG, "two")]));
    conflicts(
        &plain(),
        &accounts,
        "of that name",
        "renamed_from = \"two\"",
    );
}

#[test]
fn t_a_name_of_what_is_closed_or_another_entrys_or_the_top_is_free() {
    let mut accounts = there(&[(A, "two@example.com", None)]);
    of(&mut accounts, A).name = "one".to_owned();
    for state in GONE {
        let accounts = in_state(accounts.clone(), A, state);
        assert_eq!(is(&plain(), &accounts), None, "{state:?}");
    }
    assert_eq!(is(&and(plain(), "two", "two@example.com"), &accounts), None);
    let mut accounts = there(&[]);
    of(&mut accounts, MANAGEMENT).name = "one".to_owned();
    assert_eq!(is(&plain(), &accounts), None);
}

#[test]
fn u_unread_tags_are_no_proof_of_absence() {
    let mut accounts = there(&[(A, "x@example.com", None)]);
    of(&mut accounts, A).tags = unread();
    let identified = identify(&plain(), &accounts);
    assert!(identified.undecided.contains_key(&key("one")));
    of(&mut accounts, A).email = "one@example.com".to_owned();
    assert_eq!(is(&plain(), &accounts).as_deref(), Some(A));
}

#[test]
fn v_one_account_is_not_two_entries() {
    let plan = and(with_id(A), "two", "x@example.com");
    let by_email = there(&[(A, "x@example.com", None)]);
    conflicts(&plan, &by_email, "`one` and `two`", "each its own");
    let by_key = there(&[(A, "x@example.com", Some("two"))]);
    conflicts(&plan, &by_key, "`one` and `two`", "each its own");
    assert_eq!(identify(&plan, &by_key).accounts, BTreeMap::new());
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

/// The management account is left as it is where an entry has its address.
#[test]
fn nothing_is_done_to_the_management_account() {
    let mut inventory = settled();
    let mut plan = plan();
    let management: AccountId = MANAGEMENT.parse().unwrap();
    let address = known(&mut inventory.accounts)[&management]
        .email
        .to_uppercase();
    plan.accounts.get_mut(&key("play")).unwrap().email = address.parse().unwrap();
    let found = diff(&plan, &desired(), &inventory, &KEEP);
    assert_eq!(found.changes, vec![]);
    let problem = &found.problems[0];
    assert_eq!(problem.kind, ProblemKind::Identity);
    assert!(
        problem.message.contains("management account's"),
        "{}",
        problem.message
    );
}

fn renamed_plan(from: &str, to: &str) -> OrgPlan {
    let mut plan = plan();
    let mut one = plan.accounts.remove(&key(from)).unwrap();
    one.name = to.to_owned();
    one.email = format!("aws+{to}@example.com").parse().unwrap();
    plan.accounts.insert(key(to), one);
    plan
}

/// A key that was renamed by hand is not made a second account before somebody says that it is one.
#[test]
fn a_key_renamed_by_hand_is_a_question() {
    let inventory = settled();
    let mut plan = renamed_plan("play", "toys");
    let found = diff(&plan, &desired(), &inventory, &KEEP);
    assert_eq!(found.changes, vec![]);
    let [problem] = found.problems.as_slice() else {
        panic!("{:?}", found.problems);
    };
    assert!(
        problem.message.contains("no longer has `play`"),
        "{}",
        problem.message
    );
    let hint = problem.hint.as_deref().unwrap_or_default();
    for way in [
        "`renamed_from = \"play\"` to [account.toys]",
        "`orgstrap account rename play toys`",
        "untag-resource",
    ] {
        assert!(hint.contains(way), "{way}: {hint}");
    }
    // Moved as well, it is still like no other.
    plan.accounts.get_mut(&key("toys")).unwrap().ou = path("Workloads/Dev");
    let moved = diff(&plan, &desired(), &inventory, &KEEP);
    assert_eq!(moved.problems.len(), 1);
    // Said, it is the account that it was.
    plan.accounts.get_mut(&key("toys")).unwrap().renamed_from = Some(key("play"));
    let message = diff(&plan, &desired(), &inventory, &KEEP);
    assert_eq!(message.problems, vec![]);
    let made = message
        .changes
        .iter()
        .find(|change| matches!(change.action, Action::CreateAccount(_)));
    assert!(made.is_none(), "{made:?}");
    let tags = Address::Tags(Target::Account(key("toys")));
    assert!(message.changes.iter().any(|change| change.address == tags));
}

/// What is in another OU and tagged otherwise is another account, and so is one that was forgotten.
#[test]
fn a_new_account_beside_one_that_the_plan_left_is_no_question() {
    let mut inventory = settled();
    let mut plan = renamed_plan("play", "toys");
    let toys = plan.accounts.get_mut(&key("toys")).unwrap();
    toys.ou = path("Workloads/Dev");
    toys.tags = tags(&[("team", "toys")]);
    let found = diff(&plan, &desired(), &inventory, &KEEP);
    assert_eq!(found.problems, vec![]);
    let plan = renamed_plan("play", "toys");
    known(&mut member_of(&mut inventory, "play").tags).remove(KEY_TAG);
    let found = diff(&plan, &desired(), &inventory, &KEEP);
    assert_eq!(found.problems, vec![]);
    let made = |change: &&Change| matches!(change.action, Action::CreateAccount(_));
    assert_eq!(found.changes.iter().filter(made).count(), 1);
}

/// A new account that takes the place of one that is closed or suspended says so.
#[test]
fn a_suspended_account_is_told_beside_the_new_one() {
    for state in GONE {
        let mut inventory = settled();
        let play = member_of(&mut inventory, "play");
        play.state = state;
        play.email = "old@example.com".to_owned();
        let found = compare(&inventory);
        assert_eq!(found.problems, vec![]);
        let address = Address::Account(key("play"));
        assert!(found.changes.iter().any(|change| change.address == address));
        assert!(
            found
                .notices
                .iter()
                .any(|notice| notice.text.contains("was `play`"))
        );
    }
}

/// A name that AWS refuses is not tried.
#[test]
fn a_name_that_aws_refuses_is_not_set() {
    let inventory = settled();
    let mut plan = plan();
    plan.accounts.get_mut(&key("play")).unwrap().name = "Größe".to_owned();
    let found = diff(&plan, &desired(), &inventory, &KEEP);
    let address = Address::AccountName(key("play"));
    assert!(found.changes.iter().all(|change| change.address != address));
    assert!(
        found
            .blocked
            .iter()
            .any(|blocked| blocked.address == address)
    );
}
