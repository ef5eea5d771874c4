//! The rules of policies and attachments, one by one.

use std::collections::BTreeSet;

use super::samples::*;
use super::simulate::{MANAGEMENT, known};
use crate::addr::{Address, Target};
use crate::change::Verb;
use crate::diff::{Blocked, BlockedBy, diff};
use crate::inventory::*;
use crate::plan::*;

#[test]
fn a_policy_that_orgstrap_made_goes_only_when_allowed() {
    let mut plan = plan();
    plan.policies.clear();
    for ou in plan.ous.values_mut() {
        ou.policies.clear();
    }
    let kept = diff(&plan, &desired(), &settled(), &KEEP);
    assert_eq!(addresses(&kept), Vec::<String>::new());
    assert!(told(&kept, "policy", "protect").contains("`--prune`"));
    assert!(told(&kept, "attachment", "protect on Workloads/Prod").contains("`--prune`"));
    let pruned = diff(&plan, &desired(), &settled(), &PRUNE);
    let gone = change(&pruned, "policy protect");
    assert_eq!(gone.verb, Verb::Delete);
    assert_eq!(gone.needs.len(), 1);
}

/// A file that was cut short is a plan with fewer guards, and nobody meant it.
#[test]
fn no_guard_is_detached_without_leave() {
    let mut plan = plan();
    plan.ous.get_mut(&path("Workloads/Prod")).unwrap().policies = BTreeSet::new();
    let kept = diff(&plan, &desired(), &settled(), &KEEP);
    assert_eq!(addresses(&kept), Vec::<String>::new());
    assert_eq!(
        told(&kept, "attachment", "protect on Workloads/Prod"),
        "made by orgstrap and not attached in the plan; `--prune` detaches it"
    );
    let pruned = diff(&plan, &desired(), &settled(), &PRUNE);
    assert_eq!(addresses(&pruned), ["policy protect on ou Workloads/Prod"]);
    assert_eq!(pruned.changes[0].verb, Verb::Delete);
}

#[test]
fn what_others_attach_is_left() {
    let mut inventory = settled();
    let sandbox = ou_of(&mut inventory, "Sandbox").id.clone();
    let theirs = PolicyFacts {
        id: "p-theirs".to_owned(),
        arn: String::new(),
        name: "theirs".to_owned(),
        kind: PolicyType::ServiceControlPolicy,
        description: String::new(),
        content: Observed::Known("{}".to_owned()),
        targets: Observed::Known(BTreeSet::from([sandbox])),
        tags: Observed::Known(Tags::new()),
    };
    known(&mut inventory.policies).insert(theirs.id.clone(), theirs);
    let found = diff(&plan(), &desired(), &inventory, &PRUNE);
    assert_eq!(addresses(&found), Vec::<String>::new());
    assert_eq!(
        told(&found, "policy", "theirs"),
        "not made by orgstrap; left alone"
    );
}

/// The plan's policy on an OU of the plan that names another instead is detached, the new one first.
#[test]
fn a_stray_attachment_of_the_plans_policy_is_detached() {
    let mut inventory = settled();
    let sandbox = ou_of(&mut inventory, "Sandbox").id.clone();
    known(&mut policy_of(&mut inventory, "protect").targets).insert(sandbox);
    let mut plan = plan();
    plan.policies.insert(policy("other"), scp("{}"));
    let ou = plan.ous.get_mut(&path("Sandbox")).unwrap();
    ou.policies.insert(policy("other"));
    let found = diff(&plan, &desired(), &inventory, &KEEP);
    let gone = change(&found, "policy protect on ou Sandbox");
    assert_eq!(gone.verb, Verb::Delete);
    let coming = Address::Attachment(policy("other"), Target::Ou(path("Sandbox")));
    assert!(gone.needs.contains(&coming));
}

/// A policy that was there before orgstrap keeps the attachments that people gave it.
#[test]
fn a_stray_attachment_of_somebody_elses_policy_is_told_and_left() {
    for tags in [Observed::Known(Tags::new()), unread()] {
        let mut inventory = settled();
        let sandbox = ou_of(&mut inventory, "Sandbox").id.clone();
        let facts = policy_of(&mut inventory, "protect");
        known(&mut facts.targets).insert(sandbox);
        facts.tags = tags;
        let found = compare(&inventory);
        assert_eq!(addresses(&found), Vec::<String>::new());
        let told = found.unmanaged.iter().find(|u| u.kind == "attachment");
        assert_eq!(told.unwrap().name, "protect on Sandbox");
    }
}

/// A policy that somebody made by hand is not changed because a plan has one of that name: only by a word.
#[test]
fn a_policy_made_by_hand_is_changed_only_by_a_word() {
    let mut inventory = settled();
    let sandbox = ou_of(&mut inventory, "Sandbox").id.clone();
    let facts = policy_of(&mut inventory, "protect");
    facts.tags = Observed::Known(Tags::new());
    facts.content = Observed::Known("{}".to_owned());
    facts.targets = Observed::Known(BTreeSet::from([sandbox.clone()]));
    let found = compare(&inventory);
    assert_eq!(addresses(&found), Vec::<String>::new());
    let blocked = |address: &str| {
        let mut all = found.blocked.iter();
        all.find(|blocked| blocked.address.to_string() == address)
            .unwrap_or_else(|| panic!("{address}: {:?}", found.blocked))
    };
    let BlockedBy::State { message } = &blocked("policy protect").reason else {
        panic!("{:?}", found.blocked);
    };
    assert!(
        message.contains("did not make; its content differs from the plan's"),
        "{message}"
    );
    assert!(
        message.ends_with(&format!("attached to {sandbox}")),
        "{message}"
    );
    let hint = blocked("policy protect").hint.clone().unwrap_or_default();
    assert!(
        hint.contains("`adopt = true` to [policy.protect]"),
        "{hint}"
    );
    // Nor is it put into force where the plan wants something else.
    let attachment = blocked("policy protect on ou Workloads/Prod");
    assert!(matches!(attachment.reason, BlockedBy::Needs { .. }));

    let mut plan = plan();
    plan.policies.get_mut(&policy("protect")).unwrap().adopt = true;
    let adopted = diff(&plan, &desired(), &inventory, &KEEP);
    assert_eq!(
        addresses(&adopted),
        ["policy protect", "policy protect on ou Workloads/Prod"]
    );
    assert_eq!(adopted.blocked, vec![]);
}

/// One that says what the plan says is used as it is; one whose maker is not known is not changed.
#[test]
fn a_policy_made_by_hand_that_says_the_same_is_used() {
    let mut inventory = settled();
    let facts = policy_of(&mut inventory, "protect");
    facts.tags = Observed::Known(Tags::new());
    facts.targets = Observed::Known(BTreeSet::new());
    let found = compare(&inventory);
    assert_eq!(addresses(&found), ["policy protect on ou Workloads/Prod"]);
    let facts = policy_of(&mut inventory, "protect");
    facts.tags = unread();
    facts.content = Observed::Known("{}".to_owned());
    let found = compare(&inventory);
    assert_eq!(addresses(&found), Vec::<String>::new());
    assert!(found.blocked.iter().any(|blocked| blocked.is_unread()));
}

#[test]
fn a_full_target_is_freed_first() {
    let mut inventory = settled();
    let sandbox = ou_of(&mut inventory, "Sandbox").id.clone();
    let like = policy_of(&mut inventory, "protect").clone();
    for number in 0..3 {
        let facts = PolicyFacts {
            id: format!("p-theirs{number}"),
            name: format!("theirs{number}"),
            targets: Observed::Known(BTreeSet::from([sandbox.clone()])),
            tags: Observed::Known(Tags::new()),
            ..like.clone()
        };
        known(&mut inventory.policies).insert(facts.id.clone(), facts);
    }
    known(&mut policy_of(&mut inventory, "protect").targets).insert(sandbox);
    let mut plan = plan();
    plan.policies.insert(policy("other"), scp("{}"));
    let ou = plan.ous.get_mut(&path("Sandbox")).unwrap();
    ou.policies.insert(policy("other"));
    let found = diff(&plan, &desired(), &inventory, &KEEP);
    let coming = change(&found, "policy other on ou Sandbox");
    let going = Address::Attachment(policy("protect"), Target::Ou(path("Sandbox")));
    assert!(coming.needs.contains(&going));
}

#[test]
fn a_renamed_policy_keeps_its_id() {
    let mut plan = plan();
    let mut policy_before = plan.policies.remove(&policy("protect")).unwrap();
    policy_before.renamed_from = Some(policy("protect"));
    plan.policies.insert(policy("guard"), policy_before);
    let prod = plan.ous.get_mut(&path("Workloads/Prod")).unwrap();
    prod.policies = BTreeSet::from([policy("guard")]);
    let found = diff(&plan, &desired(), &settled(), &PRUNE);
    assert_eq!(addresses(&found), ["policy guard"]);
    assert_eq!(fields(&found.changes[0]), ["name: protect -> guard"]);
}

/// AWS's own way of writing a document is no change; another meaning is.
#[test]
fn policies_are_compared_by_meaning() {
    let mut inventory = settled();
    let same = r#"{ "Statement": { "Resource": ["*"], "Effect": "Deny",
        "Action": ["Organizations:leaveOrganization", "organizations:LeaveOrganization"] },
        "Version": "2012-10-17" }"#;
    policy_of(&mut inventory, "protect").content = Observed::Known(same.to_owned());
    assert_eq!(addresses(&compare(&inventory)), Vec::<String>::new());
    let other = DENY.replace("\"*\"", "\"arn:aws:iam::1:root\"");
    policy_of(&mut inventory, "protect").content = Observed::Known(other.clone());
    let found = compare(&inventory);
    assert_eq!(addresses(&found), ["policy protect"]);
    assert_eq!(
        fields(&found.changes[0]),
        [format!("content: {other} -> {DENY}")]
    );
    // In a tag policy a list is not its single element.
    let same = super::super::document::same_policy;
    let (list, single) = (r#"{"a":{"@@assign":["x"]}}"#, r#"{"a":{"@@assign":"x"}}"#);
    assert!(!same(PolicyType::TagPolicy, list, single));
    assert!(same(
        PolicyType::TagPolicy,
        r#"{"a":1,"b":2}"#,
        r#"{"b":2,"a":1}"#
    ));
}

/// FullAWSAccess where it is attached: to everything but `without`.
fn full_access(inventory: &mut Inventory, without: &str) {
    let mut all: BTreeSet<String> = BTreeSet::new();
    let organization = inventory.organization.known().unwrap().as_ref().unwrap();
    all.insert(organization.root_id.clone());
    all.extend(inventory.ous.known().unwrap().keys().cloned());
    let accounts = inventory.accounts.known().unwrap();
    all.extend(accounts.keys().map(ToString::to_string));
    assert!(all.remove(without), "{without}");
    inventory.full_aws_access = Some(Observed::Known(all));
}

/// The rows of the table in `full_access.rs`, on an OU: what the plan says, whether FullAWSAccess is attached,
/// whether another policy that allows is.
#[test]
fn full_aws_access_is_put_back_told_or_left() {
    const ADDRESS: &str = "policy FullAWSAccess on ou Workloads/Prod";
    let allow = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#;
    for (message, attached, allowed, changes, blocked) in [
        (None, true, false, false, false),
        (None, true, true, false, false),
        (None, false, false, true, false),
        (None, false, true, false, true),
        (Some(true), false, false, true, false),
        (Some(true), false, true, true, false),
        (Some(true), true, false, false, false),
        (Some(false), true, false, false, true),
        (Some(false), true, true, false, true),
        (Some(false), false, false, false, false),
        (Some(false), false, true, false, false),
    ] {
        let mut plan = plan();
        plan.ous
            .get_mut(&path("Workloads/Prod"))
            .unwrap()
            .full_aws_access = message;
        if allowed {
            plan.policies.insert(policy("protect"), scp(allow));
        }
        let mut inventory = satisfied(&plan, &desired());
        let ou = ou_of(&mut inventory, "Workloads/Prod").id.clone();
        let other = ou_of(&mut inventory, "Sandbox").id.clone();
        full_access(&mut inventory, if attached { &other } else { &ou });
        plan.ous.get_mut(&path("Sandbox")).unwrap().full_aws_access = attached.then_some(false);
        let found = diff(&plan, &desired(), &inventory, &KEEP);
        let row = format!("{message:?} {attached} {allowed}");
        let changed: &[&str] = if changes { &[ADDRESS] } else { &[] };
        assert_eq!(addresses(&found), changed, "{row}");
        let told: Vec<String> = found
            .blocked
            .iter()
            .map(|b| b.address.to_string())
            .collect();
        let expected: &[&str] = if blocked { &[ADDRESS] } else { &[] };
        assert_eq!(told, expected, "{row}");
    }
}

/// What a run makes has FullAWSAccess from AWS when it ends, so an allow list on it does nothing yet.
#[test]
fn an_allow_list_on_what_is_new_is_told_before() {
    let mut plan = plan();
    plan.ous
        .entry(path("Quarantine"))
        .or_default()
        .full_aws_access = Some(false);
    let mut lab = account("lab", "Sandbox");
    lab.full_aws_access = Some(false);
    plan.accounts.insert(key("lab"), lab);
    let told = |inventory: &Inventory| -> Vec<String> {
        let found = diff(&plan, &desired(), inventory, &CREATE);
        let blocked = found.blocked.iter();
        let addresses = blocked.map(|blocked| blocked.address.to_string());
        addresses
            .filter(|address| address.contains("FullAWSAccess"))
            .collect()
    };
    let both = [
        "policy FullAWSAccess on ou Quarantine",
        "policy FullAWSAccess on account lab",
    ];
    let mut inventory = settled();
    full_access(&mut inventory, MANAGEMENT);
    assert_eq!(told(&inventory), both);
    // In an organization that is made in the same run, and where the policy type is turned on by it.
    inventory.full_aws_access = None;
    assert_eq!(told(&inventory), both);
    let nothing = Inventory::nothing(MANAGEMENT.parse().unwrap(), inventory.taken_at);
    assert_eq!(told(&nothing), both);
}

/// What is done inside an account waits until calls are allowed there; what is done elsewhere does not.
#[test]
fn work_in_an_account_waits_for_full_aws_access() {
    let mut inventory = settled();
    let sandbox = ou_of(&mut inventory, "Sandbox").id.clone();
    full_access(&mut inventory, &sandbox);
    let mut plan = plan();
    plan.accounts.insert(key("lab"), account("lab", "Sandbox"));
    plan.accounts
        .insert(key("shop"), account("shop", "Workloads/Prod"));
    let found = diff(&plan, &desired(), &inventory, &KEEP);
    let policy = Address::Attachment(policy("FullAWSAccess"), Target::Ou(path("Sandbox")));
    assert!(
        change(&found, "access to account lab")
            .needs
            .contains(&policy)
    );
    assert!(
        !change(&found, "access to account shop")
            .needs
            .contains(&policy)
    );
}

/// Where it could not be read nothing is changed, and it is told; the management account is bound by no SCP.
#[test]
fn full_aws_access_that_was_not_read_changes_nothing() {
    let mut inventory = settled();
    inventory.full_aws_access = Some(unread());
    let found = compare(&inventory);
    assert_eq!(addresses(&found), Vec::<String>::new());
    assert!(found.blocked.iter().all(Blocked::is_unread));
    assert!(found.blocked.len() > plan().ous.len());
    full_access(&mut inventory, MANAGEMENT);
    let found = compare(&inventory);
    assert_eq!((addresses(&found), found.blocked), (Vec::new(), Vec::new()));
}
