use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::action::{self, Action};
use crate::addr::Expr;
use crate::change::Verb;

fn region(text: &str) -> Address {
    Address::GuardDutyMembers(text.parse().unwrap())
}

fn tag() -> Action {
    Action::Tag(action::Tag {
        resource: Expr::literal("r"),
        set: Default::default(),
        remove: BTreeSet::new(),
    })
}

fn change(address: Address, action: Action, needs: &[Address]) -> Change {
    Change {
        address,
        verb: Verb::Update,
        reason: String::new(),
        fields: vec![],
        action,
        needs: needs.iter().cloned().collect(),
    }
}

fn names() -> [Address; 3] {
    ["aa-a-1", "bb-b-1", "cc-c-1"].map(region)
}

#[test]
fn the_longest_chain_goes_first() {
    let [a, b, c] = names();
    let slow = Action::CreateOrganization(action::CreateOrganization {
        accounts: BTreeMap::new(),
    });
    let changes = vec![
        change(a.clone(), tag(), &[]),
        change(b.clone(), tag(), &[]),
        change(c.clone(), slow, std::slice::from_ref(&b)),
    ];
    let graph = graph(changes).unwrap();
    let order: Vec<&Address> = graph.changes().map(|c| &c.address).collect();
    assert_eq!(order, [&b, &c, &a]);
    assert_eq!(
        [graph.rank(&b), graph.rank(&c), graph.rank(&a)],
        [61, 60, 1]
    );
    assert_eq!(graph.estimate(), 61);
    let path: Vec<&Address> = graph.critical_path().iter().map(|c| &c.address).collect();
    assert_eq!(path, [&b, &c]);
    let needs: Vec<&Address> = graph.needs(&c).map(|c| &c.address).collect();
    let dependents: Vec<&Address> = graph.dependents(&b).map(|c| &c.address).collect();
    assert_eq!((needs, dependents), (vec![&b], vec![&c]));
    assert_eq!((graph.len(), graph.is_empty()), (3, false));
}

#[test]
fn what_a_text_refers_to_is_a_need() {
    let [a, b, _] = names();
    let refers = Action::Tag(action::Tag {
        resource: Expr::reference(b.clone(), crate::addr::Attribute::Id),
        set: Default::default(),
        remove: BTreeSet::new(),
    });
    let graph = graph(vec![
        change(a.clone(), refers, &[]),
        change(b.clone(), tag(), &[]),
    ])
    .unwrap();
    assert_eq!(graph.changes().next().map(|c| &c.address), Some(&b));
    assert_eq!(graph.get(&a).map(|c| &c.address), Some(&a));
}

#[test]
fn needs_that_are_no_changes_are_satisfied() {
    let [a, b, _] = names();
    let graph = graph(vec![change(a.clone(), tag(), &[b])]).unwrap();
    assert_eq!(graph.needs(&a).count(), 0);
}

#[test]
fn a_cycle_is_named() {
    let [a, b, c] = names();
    let changes = vec![
        change(a.clone(), tag(), std::slice::from_ref(&b)),
        change(b.clone(), tag(), std::slice::from_ref(&c)),
        change(c.clone(), tag(), std::slice::from_ref(&b)),
    ];
    let error = graph(changes).unwrap_err();
    assert_eq!(error, GraphError::Cycle(vec![b, c]));
    insta::assert_snapshot!(error, @"these changes wait for each other: guardduty members in bb-b-1 -> guardduty members in cc-c-1 -> guardduty members in bb-b-1");
}

#[test]
fn one_thing_cannot_be_changed_twice() {
    let [a, ..] = names();
    let twice = vec![change(a.clone(), tag(), &[]), change(a.clone(), tag(), &[])];
    assert_eq!(graph(twice), Err(GraphError::Duplicate(a)));
}

#[test]
fn nothing_to_do_is_a_graph_too() {
    let graph = graph(vec![]).unwrap();
    assert!(graph.is_empty());
    assert_eq!((graph.estimate(), graph.critical_path().len()), (0, 0));
}
