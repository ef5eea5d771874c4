//! What nobody saw: settings that a policy holds, features that no plan names, administrators that only one of two
//! services knows, tools that are trusted and govern nothing.

use std::collections::BTreeSet;

use super::samples::*;
use super::simulate::known;
use crate::action::{self, Action};
use crate::addr::Address;
use crate::baseline::Desired;
use crate::diff::{Blocked, BlockedBy, STACK_SETS_ADMINISTRATOR, diff};
use crate::inventory::*;
use crate::plan::*;

fn detector_of(inventory: &mut Inventory) -> &mut DetectorFacts {
    let facts = inventory.guardduty.get_mut(&region("eu-west-1")).unwrap();
    known(&mut facts.detector).as_mut().unwrap()
}

fn policy_of_type(kind: PolicyType) -> Policy {
    Policy { kind, ..scp("{}") }
}

#[test]
fn what_a_policy_holds_is_told_and_never_written() {
    let mut inventory = settled();
    let held = policy_of_type(PolicyType::GuarddutyPolicy);
    let facts = PolicyFacts {
        id: "p-held".to_owned(),
        arn: String::new(),
        name: "no-s3-events".to_owned(),
        kind: held.kind,
        description: String::new(),
        content: Observed::Known("{}".to_owned()),
        targets: Observed::Known(BTreeSet::from(["r-1".to_owned()])),
        tags: Observed::Known(Tags::new()),
    };
    known(&mut inventory.policies).insert(facts.id.clone(), facts);
    let detector = detector_of(&mut inventory);
    detector.features.insert("S3_DATA_EVENTS".to_owned(), false);
    detector.held.insert("S3_DATA_EVENTS".to_owned());
    let found = compare(&inventory);
    assert_eq!(addresses(&found), Vec::<String>::new());
    let left = &found.left[0];
    assert!(
        left.text.contains("S3_DATA_EVENTS is off") && left.reason.contains("\"no-s3-events\""),
        "{left:?}"
    );
    // Nor does another change write it.
    detector_of(&mut inventory).enabled = false;
    let found = compare(&inventory);
    let Action::ConfigureGuardDuty(action::ConfigureGuardDuty {
        features,
        detector_features,
        ..
    }) = &change(&found, "guardduty settings in eu-west-1").action
    else {
        panic!("{found:?}")
    };
    assert_eq!(features.get("S3_DATA_EVENTS"), None);
    assert_eq!(detector_features.get("S3_DATA_EVENTS"), None);
    // A member's is told of that account.
    let mut inventory = settled();
    let member = member_of(&mut inventory, "play").id.clone();
    let detector = detector_of(&mut inventory);
    let features = detector.member_features.entry(member.clone()).or_default();
    features.insert("S3_DATA_EVENTS".to_owned(), false);
    let held = detector.member_held.entry(member.clone()).or_default();
    held.insert("S3_DATA_EVENTS".to_owned());
    let found = compare(&inventory);
    assert_eq!(addresses(&found), Vec::<String>::new());
    assert_eq!(
        found.left[0].name,
        format!("guardduty-feature/eu-west-1/S3_DATA_EVENTS/{member}")
    );
    // What it says as the plan does is nothing to tell.
    let mut inventory = settled();
    detector_of(&mut inventory)
        .held
        .insert("S3_DATA_EVENTS".to_owned());
    assert_eq!(compare(&inventory).left, vec![]);
}

/// A part that could not be read is in the exit code, also where the plan asks for nothing of it.
#[test]
fn a_part_that_could_not_be_read_is_blocked_once() {
    type Blind = fn(&mut Inventory, ReadFailure);
    let parts: [Blind; 4] = [
        |inventory, why| inventory.policies = Observed::Unread(why),
        |inventory, why| inventory.trusted_access = Observed::Unread(why),
        |inventory, why| inventory.delegated_administrators = Observed::Unread(why),
        |inventory, why| inventory.stack_sets = Observed::Unread(why),
    ];
    let mut plan = plan();
    let nothing = Desired::default();
    plan.policies.clear();
    plan.organization.policies.clear();
    for blind in parts {
        let why = ReadFailure {
            operation: "service:List".to_owned(),
            reason: "denied".to_owned(),
        };
        let mut inventory = settled();
        blind(&mut inventory, why.clone());
        for (plan, desired) in [(&plan, &nothing), (&self::plan(), &desired())] {
            let found = diff(plan, desired, &inventory, &KEEP);
            let unread = |blocked: &&Blocked| blocked.reason == BlockedBy::Unread(why.clone());
            let whole = |blocked: &&Blocked| blocked.address == Address::Organization;
            let told = found.blocked.iter().filter(unread);
            assert!(told.clone().count() > 0, "{found:?}");
            assert!(told.clone().count() == 1 || !told.clone().any(|b| whole(&b)));
        }
    }
}

#[test]
fn features_that_the_baseline_does_not_know_are_told() {
    let mut inventory = settled();
    let detector = detector_of(&mut inventory);
    for foundational in ["CLOUD_TRAIL", "DNS_LOGS", "FLOW_LOGS"] {
        detector.features.insert(foundational.to_owned(), true);
    }
    assert_eq!(compare(&inventory).left, vec![]);
    let detector = detector_of(&mut inventory);
    detector
        .features
        .insert("EKS_RUNTIME_MONITORING".to_owned(), true);
    let members = &mut detector.organization_features;
    members.insert("QUANTUM_MONITORING".to_owned(), "NEW".to_owned());
    let found = compare(&inventory);
    assert_eq!(addresses(&found), Vec::<String>::new());
    for feature in ["EKS_RUNTIME_MONITORING", "QUANTUM_MONITORING"] {
        assert!(
            found.left.iter().any(|left| left.text.contains(feature)),
            "{:?}",
            found.left
        );
    }
    // But for those that the plan leaves alone.
    let mut desired = desired();
    let guardduty = desired.guardduty.as_mut().unwrap();
    guardduty.unmanaged_features = ["EKS_RUNTIME_MONITORING", "QUANTUM_MONITORING"]
        .map(str::to_owned)
        .into();
    assert_eq!(diff(&plan(), &desired, &inventory, &KEEP).left, vec![]);
}

#[test]
fn an_administrator_that_organizations_does_not_know_is_registered_again() {
    let mut inventory = settled();
    let registered = known(&mut inventory.delegated_administrators);
    for services in registered.values_mut() {
        services.remove(&principal("guardduty"));
    }
    let found = compare(&inventory);
    let address = Address::DelegatedAdministrator(principal("guardduty"), key("security"));
    assert_eq!(addresses(&found), [address.to_string()]);
}

#[test]
fn a_strange_administrator_of_stack_sets_is_more_than_another_delegation() {
    for account in ["log-archive", "security"] {
        let mut inventory = settled();
        let id = member_of(&mut inventory, account).id.clone();
        let service = principal("member.org.stacksets.cloudformation");
        let registered = known(&mut inventory.delegated_administrators);
        registered.entry(id).or_default().insert(service.clone());
        let found = compare(&inventory);
        let name = format!("{account} for {service}");
        assert!(told(&found, STACK_SETS_ADMINISTRATOR, &name).contains("every account"));
        // One that the plan names is no stranger.
        let mut plan = plan();
        plan.delegated_administrators
            .insert(service, BTreeSet::from([key(account)]));
        let found = diff(&plan, &desired(), &inventory, &KEEP);
        assert!(
            found
                .unmanaged
                .iter()
                .all(|one| one.kind != STACK_SETS_ADMINISTRATOR)
        );
    }
}

#[test]
fn control_tower_that_is_only_trusted_governs_nothing() {
    let mut inventory = settled();
    known(&mut inventory.trusted_access).insert(principal("controltower"));
    let found = compare(&inventory);
    assert_eq!(found.notices, vec![]);
    let note = told(&found, "trusted access", "controltower.amazonaws.com");
    assert!(note.contains("governs no OU"), "{note}");
    // With its stack sets it is in charge.
    let sets = &mut inventory.other_stack_sets;
    sets.insert("AWSControlTowerBP-BASELINE-CLOUDTRAIL".to_owned());
    let found = compare(&inventory);
    assert!(
        found.notices[0].text.contains("AWS Control Tower manages"),
        "{:?}",
        found.notices
    );
    let note = told(&found, "trusted access", "controltower.amazonaws.com");
    assert!(!note.contains("governs no OU"), "{note}");
}

/// Trusted access, administrator and role come before the type, and the type before its policies.
#[test]
fn policies_that_hold_a_services_settings_wait_for_it() {
    let mut plan = plan();
    let inspector = policy("scan-all");
    plan.policies.insert(
        inspector.clone(),
        policy_of_type(PolicyType::InspectorPolicy),
    );
    plan.organization.policies.insert(inspector);
    let found = diff(&plan, &desired(), &settled(), &KEEP);
    let address = Address::PolicyType(PolicyType::InspectorPolicy);
    let blocked = found
        .blocked
        .iter()
        .find(|blocked| blocked.address == address);
    let hint = blocked.unwrap().hint.clone().unwrap();
    assert!(
        hint.contains("\"inspector2.amazonaws.com\" = [\"security\"]"),
        "{hint}"
    );

    plan.delegated_administrators
        .insert(principal("inspector2"), BTreeSet::from([key("security")]));
    let found = diff(&plan, &desired(), &settled(), &KEEP);
    assert_eq!(found.blocked, vec![]);
    let needs = &change(&found, &address.to_string()).needs;
    for need in [
        Address::TrustedAccess(principal("inspector2")),
        Address::ServiceLinkedRole(principal("inspector2")),
        Address::DelegatedAdministrator(principal("inspector2"), key("security")),
    ] {
        assert!(needs.contains(&need), "{need} is not in {needs:?}");
    }
    assert!(
        change(&found, "policy scan-all on root")
            .needs
            .contains(&address)
    );

    // GuardDuty's administrator is the baseline's, in every Region.
    let mut plan = super::samples::plan();
    let all = policy("watch-all");
    plan.policies
        .insert(all.clone(), policy_of_type(PolicyType::GuarddutyPolicy));
    plan.organization.policies.insert(all);
    let found = diff(&plan, &desired(), &super::simulate::empty(), &CREATE);
    let needs = &change(
        &found,
        &Address::PolicyType(PolicyType::GuarddutyPolicy).to_string(),
    )
    .needs;
    assert!(needs.contains(&Address::GuardDutyAdministrator(region("us-east-1"))));
}
