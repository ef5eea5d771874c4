//! What the quotas allow, rule by rule.

use std::collections::BTreeSet;

use super::samples::*;
use super::simulate::{empty, known};
use crate::addr::Address;
use crate::change::Verb;
use crate::diff::{BlockedBy, Diff, DiffOptions, OnQuota, ProblemKind, Raise, diff, judge};
use crate::inventory::{
    AccountState, Inventory, Observed, QuotaFacts, QuotaKind, QuotaRequest, ReadFailure,
};
use crate::plan::{OrgPlan, Policy, PolicyType};

fn options(quotas: OnQuota) -> DiffOptions {
    DiffOptions { quotas, ..CREATE }
}

/// The sample plan and accounts `extra-00` and so on, in the sandbox's OU.
fn larger(extra: usize) -> OrgPlan {
    let mut plan = plan();
    for number in 0..extra {
        let name = format!("extra-{number:02}");
        plan.accounts.insert(key(&name), account(&name, "Sandbox"));
    }
    plan
}

fn with_quota(mut inventory: Inventory, kind: QuotaKind, value: usize) -> Inventory {
    let facts = QuotaFacts {
        value,
        adjustable: true,
        request: None,
    };
    inventory.quotas.found.insert(kind, Observed::Known(facts));
    inventory
}

fn judged(plan: &OrgPlan, inventory: &Inventory, on: OnQuota) -> Diff {
    diff(plan, &desired(), inventory, &options(on))
}

fn problem(found: &Diff) -> (String, String) {
    let [problem] = found.problems.as_slice() else {
        panic!(
            "not one problem: {:?}, blocked: {:?}",
            found.problems,
            found.blocked.first()
        );
    };
    assert_eq!(problem.kind, ProblemKind::Quota);
    assert_eq!(found.changes, vec![]);
    let hint = problem.hint.clone().unwrap_or_default();
    (problem.message.clone(), hint)
}

#[test]
fn what_fits_is_not_mentioned() {
    // Five accounts and the management account.
    let inventory = with_quota(empty(), QuotaKind::Accounts, 6);
    let found = judged(&plan(), &inventory, OnQuota::Stop);
    assert_eq!(found.problems, vec![]);
    assert_eq!(found.raise, vec![]);
    assert_eq!(found, judged(&plan(), &inventory, OnQuota::Unchecked));
}

#[test]
fn too_many_accounts_stop_everything_and_the_request_is_told() {
    let inventory = with_quota(empty(), QuotaKind::Accounts, 10);
    let found = judged(&larger(6), &inventory, OnQuota::Stop);
    let (message, hint) = problem(&found);
    assert_eq!(
        message,
        "the plan needs 12 accounts and the quota is 10: 1 there, 11 to be made, of which 9 fit"
    );
    assert!(
        hint.contains("--service-code organizations --quota-code L-29A0C5DF --desired-value 12 --region us-east-1"),
        "{hint}"
    );
    let raise = Raise {
        quota: QuotaKind::Accounts,
        needed: 12,
        allowed: 10,
    };
    assert_eq!(found.raise, vec![raise]);
}

#[test]
fn closed_and_invited_accounts_count() {
    let mut inventory = with_quota(settled(), QuotaKind::Accounts, 9);
    member_of(&mut inventory, "play").state = AccountState::Closed;
    inventory.quotas.invitations = Some(Observed::Known(2));
    // Six there, two invited; one more fits, two do not.
    assert_eq!(
        judged(&larger(1), &inventory, OnQuota::Stop).problems,
        vec![]
    );
    let (message, _) = problem(&judged(&larger(2), &inventory, OnQuota::Stop));
    assert_eq!(
        message,
        "the plan needs 10 accounts and the quota is 9: 8 there (1 closed, which count until AWS forgets them, 2 invited), 2 to be made, of which 1 fit"
    );
}

#[test]
fn an_open_request_is_told_instead_of_another() {
    let mut inventory = with_quota(empty(), QuotaKind::Accounts, 10);
    let mut open = |desired| {
        let quota = inventory.quotas.found.get_mut(&QuotaKind::Accounts);
        let Some(Observed::Known(facts)) = quota else {
            panic!("it was put there");
        };
        facts.request = Some(QuotaRequest {
            id: "r1".to_owned(),
            case: Some("77".to_owned()),
            desired,
            status: "CASE_OPENED".to_owned(),
            created: None,
        });
        problem(&judged(&larger(6), &inventory, OnQuota::Stop)).1
    };
    let enough = open(12);
    assert!(
        enough.contains("r1 for 12, CASE_OPENED, support case 77"),
        "{enough}"
    );
    assert!(
        !enough.contains("request-service-quota-increase"),
        "{enough}"
    );
    let less = open(11);
    assert!(less.contains("not enough (r1 for 11"), "{less}");
    assert!(less.contains("--desired-value 12"), "{less}");
}

#[test]
fn what_could_not_be_read_has_awss_default_and_that_is_said() {
    let denied = ReadFailure {
        operation: "servicequotas:GetServiceQuota".to_owned(),
        reason: "AccessDeniedException".to_owned(),
    };
    let unread = |mut inventory: Inventory| {
        let found = &mut inventory.quotas.found;
        found.insert(QuotaKind::Accounts, Observed::Unread(denied.clone()));
        inventory
    };
    let (message, _) = problem(&judged(&larger(6), &unread(empty()), OnQuota::Stop));
    assert!(
        message.contains("AWS's default: it could not be read (servicequotas:GetServiceQuota"),
        "{message}"
    );
    // As good as full: it goes on, and is said.
    let near = judged(&larger(4), &unread(empty()), OnQuota::Stop);
    assert_eq!(near.problems, vec![]);
    assert!(
        near.notices
            .iter()
            .any(|notice| notice.text.contains("AWS's default is 10"))
    );
    // Far from it nothing is said.
    let far = judged(&plan(), &unread(empty()), OnQuota::Stop);
    assert_eq!(far, judged(&plan(), &unread(empty()), OnQuota::Unchecked));
    // More than the default is there: AWS has raised it.
    let there = satisfied(&larger(10), &desired());
    let raised = judged(&larger(12), &unread(there), OnQuota::Stop);
    assert_eq!(raised.problems, vec![]);
    assert_eq!(
        raised
            .changes
            .iter()
            .filter(|c| matches!(c.address, Address::Account(_)))
            .count(),
        2
    );
    assert!(
        raised
            .notices
            .iter()
            .any(|notice| notice.text.contains("more than AWS's default of 10"))
    );
}

#[test]
fn what_fits_is_made_and_accounts_with_duties_first() {
    let inventory = with_quota(empty(), QuotaKind::Accounts, 4);
    let plan = larger(3);
    let found = judged(&plan, &inventory, OnQuota::Fit);
    assert_eq!(found.problems, vec![]);
    let made: Vec<String> = found
        .changes
        .iter()
        .filter(|change| change.verb == Verb::Create)
        .filter_map(|change| match &change.address {
            Address::Account(key) => Some(key.to_string()),
            _ => None,
        })
        .collect();
    // Three fit: the two with duties, and the first of the others.
    assert_eq!(made, ["extra-00", "log-archive", "security"]);
    let left: BTreeSet<String> = found
        .blocked
        .iter()
        .filter(|blocked| matches!(blocked.reason, BlockedBy::Quota { .. }))
        .map(|blocked| blocked.address.to_string())
        .collect();
    assert_eq!(left.len(), 5);
    assert!(left.contains("account payments-prod"), "{left:?}");
    // Nothing of those that are left out is touched, and the rest is what the smaller plan comes to.
    let mut smaller = plan.clone();
    smaller
        .accounts
        .retain(|key, _| made.contains(&key.to_string()));
    let alone = judged(&smaller, &inventory, OnQuota::Stop);
    assert_eq!(found.changes, alone.changes);
    // Not even the duties: everything rests on them.
    let none = with_quota(empty(), QuotaKind::Accounts, 2);
    problem(&judged(&plan, &none, OnQuota::Fit));
}

#[test]
fn a_quota_can_be_ignored() {
    let inventory = with_quota(empty(), QuotaKind::Accounts, 4);
    let found = judged(&plan(), &inventory, OnQuota::Ignore);
    assert_eq!(found.problems, vec![]);
    assert_eq!(
        found.changes,
        judged(&plan(), &inventory, OnQuota::Unchecked).changes
    );
    assert!(
        found
            .notices
            .iter()
            .any(|notice| notice.text.contains("needs 6 accounts"))
    );
}

#[test]
fn stack_sets_and_their_instances_count() {
    let sets = with_quota(empty(), QuotaKind::StackSets, 0);
    let (message, hint) = problem(&judged(&plan(), &sets, OnQuota::Stop));
    assert!(
        message.starts_with("the plan needs 1 stack sets in the home Region and the quota is 0"),
        "{message}"
    );
    assert!(
        hint.contains("--service-code cloudformation --quota-code L-EC62D81A --desired-value 1`"),
        "{hint}"
    );
    // Others' stack sets count too.
    let mut others = with_quota(empty(), QuotaKind::StackSets, 1);
    others.other_stack_sets.insert("somebody's".to_owned());
    problem(&judged(&plan(), &others, OnQuota::Stop));
    let fits = judged(&plan(), &others, OnQuota::Fit);
    assert_eq!(fits.problems, vec![]);
    assert!(
        fits.changes
            .iter()
            .all(|change| !matches!(change.address, Address::StackSet(_) | Address::Rollout(..)))
    );
    assert!(
        fits.changes
            .iter()
            .any(|change| matches!(change.address, Address::Account(_)))
    );

    // Five accounts in two Regions.
    let ten = with_quota(empty(), QuotaKind::StackInstances, 10);
    assert_eq!(judged(&plan(), &ten, OnQuota::Stop).problems, vec![]);
    let nine = with_quota(empty(), QuotaKind::StackInstances, 9);
    let (message, _) = problem(&judged(&plan(), &nine, OnQuota::Stop));
    assert!(
        message.contains(
            "needs 10 instances of stack set orgstrap-config-recorder and the quota is 9"
        ),
        "{message}"
    );
    // What is there counts once.
    let mut there = with_quota(settled(), QuotaKind::StackInstances, 10);
    set_of(&mut there);
    assert_eq!(judged(&plan(), &there, OnQuota::Stop).problems, vec![]);
}

#[test]
fn attachments_made_by_hand_count() {
    let mut inventory = settled();
    let target = ou_of(&mut inventory, "Workloads/Prod").id.clone();
    let ours = policy_of(&mut inventory, "protect").clone();
    let policies = known(&mut inventory.policies);
    // With AWS's own and the plan's there are ten, all that AWS takes.
    for number in 0..8 {
        let mut by_hand = ours.clone();
        by_hand.id = format!("p-byhand{number}");
        by_hand.name = format!("by-hand-{number}");
        by_hand.targets = Observed::Known(BTreeSet::from([target.clone()]));
        policies.insert(by_hand.id.clone(), by_hand);
    }
    let mut plan = plan();
    assert_eq!(judged(&plan, &inventory, OnQuota::Stop).problems, vec![]);
    plan.policies.insert(policy("second"), scp(DENY));
    let prod = plan.ous.get_mut(&path("Workloads/Prod")).unwrap();
    prod.policies.insert(policy("second"));
    let (message, hint) = problem(&judged(&plan, &inventory, OnQuota::Stop));
    assert!(
        message.contains(&format!(
            "needs 11 policies of type service_control_policy on {target}"
        )),
        "{message}"
    );
    assert!(!hint.contains("--raise-quotas"), "{hint}");
}

/// How many policies there may be of a type, and on one target (Organizations' quotas page: 10,000 service control
/// policies, 1,000 of every other type; on a target 10, and 5 resource control, chat and AI opt-out policies).
#[test]
fn policies_have_quotas_by_type() {
    let by_type = |kind: PolicyType, number: usize| {
        let planned = Policy { kind, ..scp(DENY) };
        (0..number)
            .map(|number| (policy(&format!("more-{number:05}")), planned.clone()))
            .collect::<Vec<_>>()
    };
    for kind in PolicyType::ALL {
        let most = match kind {
            PolicyType::ServiceControlPolicy => 10_000,
            _ => 1_000,
        };
        let on_target = match kind {
            PolicyType::ResourceControlPolicy
            | PolicyType::ChatbotPolicy
            | PolicyType::AiservicesOptOutPolicy => 5,
            _ => 10,
        };
        let word = kind.as_str();
        // One is there: the plan's own service control policy, or one of the type that somebody made.
        let mut inventory = settled();
        if kind != PolicyType::ServiceControlPolicy {
            let mut other = policy_of(&mut inventory, "protect").clone();
            other.id = "p-other".to_owned();
            other.name = "other".to_owned();
            other.kind = kind;
            other.targets = Observed::Known(BTreeSet::new());
            known(&mut inventory.policies).insert(other.id.clone(), other);
        }
        let mut fits = plan();
        fits.policies.extend(by_type(kind, 1));
        let waits = judged(&fits, &inventory, OnQuota::Stop).blocked;
        if waits
            .iter()
            .any(|it| it.address == Address::PolicyType(kind))
        {
            // Nothing is made before its service has an administrator.
            continue;
        }
        fits.policies.extend(by_type(kind, most - 1));
        assert_eq!(
            judged(&fits, &inventory, OnQuota::Stop).problems,
            vec![],
            "{word}"
        );
        fits.policies.extend(by_type(kind, most));
        let (message, _) = problem(&judged(&fits, &inventory, OnQuota::Stop));
        assert!(
            message.contains(&format!(
                "needs {} policies of type {word} and the quota is {most}",
                most + 1
            )),
            "{message}"
        );
        // AWS's own takes one of the places.
        let own = usize::from(kind.implicit_policy().is_some());
        let mut fits = plan();
        let more = by_type(kind, on_target + 1 - own);
        let sandbox = path("Sandbox");
        let (last, first) = more.split_last().expect("some");
        fits.policies.extend(more.clone());
        let ou = fits.ous.get_mut(&sandbox).expect("there");
        ou.policies = first.iter().map(|(key, _)| key.clone()).collect();
        assert_eq!(
            judged(&fits, &inventory, OnQuota::Stop).problems,
            vec![],
            "{word}"
        );
        let ou = fits.ous.get_mut(&sandbox).expect("there");
        ou.policies.insert(last.0.clone());
        let (message, _) = problem(&judged(&fits, &inventory, OnQuota::Stop));
        assert!(
            message.contains(&format!(
                "needs {} policies of type {word} on ",
                on_target + 1
            )),
            "{message}"
        );
    }
}

#[test]
fn ous_and_administrators_have_documented_quotas() {
    let mut many = plan();
    for number in 0..2_000 {
        many.ous
            .insert(path(&format!("Unit {number:04}")), Default::default());
    }
    let (message, _) = problem(&judged(&many, &empty(), OnQuota::Stop));
    assert!(
        message.contains("needs 2005 OUs and the quota is 2000 (AWS's default"),
        "{message}"
    );

    let mut inventory = settled();
    let administrators = known(&mut inventory.delegated_administrators);
    for id in ["333333333301", "333333333302"] {
        administrators.insert(id.parse().unwrap(), BTreeSet::from([principal("config")]));
    }
    let mut more = plan();
    more.delegated_administrators
        .insert(principal("config"), BTreeSet::from([key("play")]));
    let (message, _) = problem(&judged(&more, &inventory, OnQuota::Stop));
    assert!(
        message.contains(
            "needs 4 delegated administrators of config.amazonaws.com and the quota is 3"
        ),
        "{message}"
    );
}

#[test]
fn a_part_of_a_comparison_is_judged_by_itself() {
    let inventory = with_quota(settled(), QuotaKind::Accounts, 7);
    // Two more are planned and one fits: it may be brought up alone.
    let plan = larger(2);
    let found = judged(&plan, &inventory, OnQuota::Unchecked);
    let one = BTreeSet::from([key("extra-01")]);
    let scoped = crate::diff::scope(found, &plan, &desired(), &one);
    let alone = judge(scoped.diff, &plan, &inventory, OnQuota::Stop);
    assert_eq!(alone.problems, vec![]);
    assert!(!alone.changes.is_empty());
}
