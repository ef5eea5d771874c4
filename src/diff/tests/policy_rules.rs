//! The rules of policies and attachments, one by one.

use std::collections::BTreeSet;

use super::samples::*;
use super::simulate::known;
use crate::change::{Address, Target, Verb};
use crate::diff::diff;
use crate::inventory::*;
use crate::plan::*;

#[test]
fn a_policy_that_orgstrap_made_goes_only_when_allowed() {
    let mut plan = plan();
    plan.policies.clear();
    for ou in plan.ous.values_mut() {
        ou.policies.clear();
    }
    let kept = diff(&plan, &wanted(), &settled(), &KEEP);
    assert_eq!(addresses(&kept), ["policy protect on ou Workloads/Prod"]);
    assert_eq!(kept.changes[0].verb, Verb::Delete);
    assert!(told(&kept, "policy", "protect").contains("`--prune`"));
    let pruned = diff(&plan, &wanted(), &settled(), &PRUNE);
    let gone = change(&pruned, "policy protect");
    assert_eq!(gone.verb, Verb::Delete);
    assert_eq!(gone.needs.len(), 1);
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
        content: Seen::Known("{}".to_owned()),
        targets: Seen::Known(BTreeSet::from([sandbox])),
        tags: Seen::Known(Tags::new()),
    };
    known(&mut inventory.policies).insert(theirs.id.clone(), theirs);
    let found = diff(&plan(), &wanted(), &inventory, &PRUNE);
    assert_eq!(addresses(&found), Vec::<String>::new());
    assert_eq!(
        told(&found, "policy", "theirs"),
        "not made by orgstrap; left alone"
    );
}

/// The plan's policy on an OU of the plan that does not name it is detached, new ones first.
#[test]
fn a_stray_attachment_of_the_plans_policy_is_detached() {
    let mut inventory = settled();
    let sandbox = ou_of(&mut inventory, "Sandbox").id.clone();
    known(&mut policy_of(&mut inventory, "protect").targets).insert(sandbox);
    let mut plan = plan();
    plan.policies.insert(policy("other"), scp("{}"));
    let ou = plan.ous.get_mut(&path("Sandbox")).unwrap();
    ou.policies.insert(policy("other"));
    let found = diff(&plan, &wanted(), &inventory, &KEEP);
    let gone = change(&found, "policy protect on ou Sandbox");
    assert_eq!(gone.verb, Verb::Delete);
    let coming = Address::Attachment(policy("other"), Target::Ou(path("Sandbox")));
    assert!(gone.needs.contains(&coming));
}

/// A policy that was there before orgstrap keeps the attachments that people gave it.
#[test]
fn a_stray_attachment_of_somebody_elses_policy_is_told_and_left() {
    for tags in [Seen::Known(Tags::new()), unread()] {
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

#[test]
fn a_full_target_is_freed_first() {
    let mut inventory = settled();
    let sandbox = ou_of(&mut inventory, "Sandbox").id.clone();
    let like = policy_of(&mut inventory, "protect").clone();
    for number in 0..3 {
        let facts = PolicyFacts {
            id: format!("p-theirs{number}"),
            name: format!("theirs{number}"),
            targets: Seen::Known(BTreeSet::from([sandbox.clone()])),
            tags: Seen::Known(Tags::new()),
            ..like.clone()
        };
        known(&mut inventory.policies).insert(facts.id.clone(), facts);
    }
    known(&mut policy_of(&mut inventory, "protect").targets).insert(sandbox);
    let mut plan = plan();
    plan.policies.insert(policy("other"), scp("{}"));
    let ou = plan.ous.get_mut(&path("Sandbox")).unwrap();
    ou.policies.insert(policy("other"));
    let found = diff(&plan, &wanted(), &inventory, &KEEP);
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
    let found = diff(&plan, &wanted(), &settled(), &PRUNE);
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
    policy_of(&mut inventory, "protect").content = Seen::Known(same.to_owned());
    assert_eq!(addresses(&compare(&inventory)), Vec::<String>::new());
    let other = DENY.replace("\"*\"", "\"arn:aws:iam::1:root\"");
    policy_of(&mut inventory, "protect").content = Seen::Known(other.clone());
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
