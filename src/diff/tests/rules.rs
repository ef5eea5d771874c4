//! The rules of the organization's part, one by one: what is changed, and what is only told.

use std::collections::BTreeSet;

use super::samples::*;
use super::simulate::{MANAGEMENT, ROOT, empty, known, member};
use crate::action::{self, Action};
use crate::addr::{Address, Attribute, OWNERSHIP_TAG};
use crate::baseline::Desired;
use crate::change::Verb;
use crate::diff::{BlockedBy, Diff, ProblemKind, diff};
use crate::inventory::*;
use crate::plan::*;

#[test]
fn a_satisfied_plan_has_no_changes() {
    let found = compare(&settled());
    assert_eq!(addresses(&found), Vec::<String>::new());
    assert_eq!(found.blocked, vec![]);
    assert_eq!(found.unmanaged, vec![]);
    assert_eq!(found.notices, vec![]);
    assert_eq!(found.problems, vec![]);
}

/// One account, one OU and one policy more change only those.
#[test]
fn what_is_added_to_the_plan_is_all_that_changes() {
    let mut plan = plan();
    plan.ous.insert(path("Workloads/Staging"), Ou::default());
    plan.accounts
        .insert(key("new"), account("new", "Workloads/Staging"));
    plan.policies.insert(policy("regions"), scp("{}"));
    let staging = plan.ous.get_mut(&path("Workloads/Staging")).unwrap();
    staging.policies.insert(policy("regions"));
    let found = diff(&plan, &desired(), &settled(), &KEEP);
    let expected = [
        "ou Workloads/Staging",
        "account new",
        "access to account new",
        "placement of account new",
        "policy regions",
        "policy regions on ou Workloads/Staging",
        "guardduty members in eu-west-1",
        "guardduty members in us-east-1",
        "rollout of config-recorder to account new",
    ];
    assert_eq!(addresses(&found), expected);
    let rollout = change(&found, "rollout of config-recorder to account new");
    let Action::CreateStackInstances(action::CreateStackInstances { targets, .. }) =
        &rollout.action
    else {
        panic!("{rollout:?}")
    };
    assert_eq!(targets.accounts.len(), 1);
    assert_eq!(
        targets.ous,
        vec![super::super::context::ou(&path("Workloads"))]
    );
    assert!(rollout.needs.contains(&Address::Placement(key("new"))));
    assert!(rollout.needs.contains(&Address::Access(key("new"))));
}

/// What people change by hand is shown field by field and put back.
#[test]
fn hand_made_changes_are_shown_field_by_field() {
    let mut inventory = settled();
    let sandbox = ou_of(&mut inventory, "Sandbox").id.clone();
    let prod = ou_of(&mut inventory, "Workloads/Prod").id.clone();
    member_of(&mut inventory, "payments-dev").parent = sandbox;
    let tags = known(&mut member_of(&mut inventory, "payments-prod").tags);
    tags.insert("data".to_owned(), "public".to_owned());
    tags.insert("by-hand".to_owned(), "kept".to_owned());
    known(&mut policy_of(&mut inventory, "protect").targets).remove(&prod);
    let found = compare(&inventory);
    let moved = change(&found, "placement of account payments-dev");
    assert_eq!(moved.verb, Verb::Move);
    assert_eq!(fields(moved), ["ou: Sandbox -> Workloads/Dev"]);
    let tagged = change(&found, "tags of account payments-prod");
    assert_eq!(fields(tagged), ["tag data: public -> restricted"]);
    let Action::Tag(action::Tag { set, remove, .. }) = &tagged.action else {
        panic!("{tagged:?}")
    };
    assert_eq!((set.len(), remove.len()), (1, 0));
    let attached = change(&found, "policy protect on ou Workloads/Prod");
    assert_eq!(fields(attached), ["target: - -> ou Workloads/Prod"]);
    let after = applied(&plan(), &desired(), inventory, found);
    assert_eq!(addresses(&compare(&after)), Vec::<String>::new());
}

#[test]
fn an_account_that_is_not_in_the_plan_is_told_and_left() {
    let mut plan = plan();
    plan.accounts.remove(&key("play"));
    let found = diff(&plan, &desired(), &settled(), &PRUNE);
    assert_eq!(addresses(&found), Vec::<String>::new());
    assert_eq!(
        told(&found, "account", "play"),
        "in Sandbox; left alone, but for the stacks that the stack sets of its OU bring there"
    );
}

#[test]
fn an_ou_is_removed_only_if_ours_empty_and_allowed() {
    let (owner, yes) = OWNERSHIP_TAG;
    let mut inventory = settled();
    for (id, name, parent, ours) in [
        ("ou-1", "Old", ROOT, true),
        ("ou-2", "Old/Inner", "ou-1", true),
        ("ou-3", "Full", ROOT, true),
        ("ou-4", "Theirs", ROOT, false),
    ] {
        let facts = OuFacts {
            id: id.to_owned(),
            arn: String::new(),
            parent: parent.to_owned(),
            path: path(name),
            tags: Observed::Known(if ours {
                tags(&[(owner, yes)])
            } else {
                Tags::new()
            }),
        };
        known(&mut inventory.ous).insert(id.to_owned(), facts);
    }
    let guest = member(
        "333333333333",
        "guest",
        "g@example.com",
        "ou-3",
        Tags::new(),
    );
    known(&mut inventory.accounts).insert(guest.id.clone(), guest);

    let kept = compare(&inventory);
    assert_eq!(addresses(&kept), Vec::<String>::new());
    assert!(told(&kept, "ou", "Old").contains("`--prune`"));

    let pruned = diff(&plan(), &desired(), &inventory, &PRUNE);
    assert_eq!(addresses(&pruned), ["ou Old", "ou Old/Inner"]);
    let outer = change(&pruned, "ou Old");
    assert_eq!(outer.verb, Verb::Delete);
    assert!(outer.needs.contains(&Address::Ou(path("Old/Inner"))));
    assert!(told(&pruned, "ou", "Full").contains("not empty"));
    assert_eq!(
        told(&pruned, "ou", "Theirs"),
        "not made by orgstrap; left alone"
    );
}

#[test]
fn a_renamed_ou_keeps_its_id_and_its_children() {
    let mut plan = plan();
    for text in ["Workloads", "Workloads/Dev", "Workloads/Prod"] {
        let ou = plan.ous.remove(&path(text)).unwrap();
        let new = text.replace("Workloads", "Products");
        plan.ous.insert(path(&new), ou);
    }
    let top = plan.ous.get_mut(&path("Products")).unwrap();
    top.renamed_from = Some(path("Workloads"));
    for account in plan.accounts.values_mut() {
        let new = account.ou.to_string().replace("Workloads", "Products");
        account.ou = path(&new);
    }
    plan.rollout.stages[1] = vec![Stage::Ou(path("Products/Dev"))];
    let found = diff(&plan, &desired(), &settled(), &PRUNE);
    assert_eq!(addresses(&found), ["ou Products"]);
    assert_eq!(fields(&found.changes[0]), ["name: Workloads -> Products"]);
    assert!(matches!(found.changes[0].action, Action::RenameOu(_)));
}

/// An OU cannot change its parent: a new one, the accounts move, the old one goes when allowed.
#[test]
fn an_ou_under_another_parent_is_made_anew() {
    let mut plan = plan();
    let mut dev = plan.ous.remove(&path("Workloads/Dev")).unwrap();
    dev.renamed_from = Some(path("Workloads/Dev"));
    plan.ous.insert(path("Sandbox/Dev"), dev);
    plan.accounts.get_mut(&key("payments-dev")).unwrap().ou = path("Sandbox/Dev");
    plan.rollout.stages[1] = vec![];
    let found = diff(&plan, &desired(), &settled(), &PRUNE);
    let expected = [
        "ou Sandbox/Dev",
        "ou Workloads/Dev",
        "access to account payments-dev",
        "placement of account payments-dev",
        "rollout of config-recorder to account payments-dev",
        "target Workloads/Dev of stack set orgstrap-config-recorder",
    ];
    assert_eq!(addresses(&found), expected);
    let made = change(&found, "ou Sandbox/Dev");
    assert!(
        made.reason.contains("cannot change its parent"),
        "{}",
        made.reason
    );
    let gone = change(&found, "ou Workloads/Dev");
    assert_eq!(gone.verb, Verb::Delete);
    let emptied = BTreeSet::from([
        Address::Placement(key("payments-dev")),
        // What the OU gave to the account is taken away while AWS still knows the OU.
        Address::RolloutTo("config-recorder".parse().unwrap(), key("payments-dev")),
    ]);
    // So does the stack set give it up as its target.
    let target =
        Address::StackSetTarget("orgstrap-config-recorder".to_owned(), path("Workloads/Dev"));
    assert_eq!(change(&found, &target.to_string()).needs, emptied);
    assert!(gone.needs.is_superset(&emptied) && gone.needs.contains(&target));
    let kept = diff(&plan, &desired(), &settled(), &KEEP);
    assert!(told(&kept, "ou", "Workloads/Dev").contains("`--prune`"));
}

#[test]
fn a_changed_email_is_told_and_never_a_new_account() {
    let mut plan = plan();
    let account = plan.accounts.get_mut(&key("play")).unwrap();
    account.email = "other@example.com".parse().unwrap();
    let found = diff(&plan, &desired(), &settled(), &KEEP);
    assert_eq!(addresses(&found), Vec::<String>::new());
    let [left] = found.left.as_slice() else {
        panic!("{:?}", found.left)
    };
    assert_eq!(
        (left.name.as_str(), left.is_removable()),
        ("email/play", false)
    );
    assert!(left.text.contains("aws+play@example.com"), "{left:?}");
    assert!(left.reason.contains("other@example.com"), "{left:?}");
}

#[test]
fn settings_are_never_revoked() {
    let mut inventory = settled();
    known(&mut inventory.trusted_access).insert(principal("ram"));
    let log = member_of(&mut inventory, "log-archive").id.clone();
    let all = known(&mut inventory.delegated_administrators);
    all.insert(log.clone(), BTreeSet::from([principal("ssm")]));
    let found = diff(&plan(), &desired(), &inventory, &PRUNE);
    assert_eq!(addresses(&found), Vec::<String>::new());
    assert!(told(&found, "trusted access", "ram.amazonaws.com").contains("never revoked"));
    let name = "log-archive for ssm.amazonaws.com";
    assert!(told(&found, "delegated administrator", name).contains("never revoked"));
}

#[test]
fn guardduty_features_stay_on_and_are_told() {
    let mut inventory = settled();
    let facts = inventory.guardduty.get_mut(&region("eu-west-1")).unwrap();
    let detector = known(&mut facts.detector).as_mut().unwrap();
    detector.features.insert("EKS_AUDIT_LOGS".to_owned(), true);
    detector
        .organization_features
        .insert("EKS_AUDIT_LOGS".to_owned(), "NEW".to_owned());
    let found = compare(&inventory);
    assert_eq!(addresses(&found), Vec::<String>::new());
    assert!(
        found.left[0].text.contains("EKS_AUDIT_LOGS"),
        "{:?}",
        found.left
    );
    // Nor does another change turn it off on the way.
    let facts = inventory.guardduty.get_mut(&region("eu-west-1")).unwrap();
    known(&mut facts.detector).as_mut().unwrap().enabled = false;
    let found = compare(&inventory);
    let Action::ConfigureGuardDuty(action::ConfigureGuardDuty {
        features,
        detector_features,
        ..
    }) = &change(&found, "guardduty settings in eu-west-1").action
    else {
        panic!("{found:?}")
    };
    assert_eq!(features.get("EKS_AUDIT_LOGS"), None);
    assert_eq!(detector_features.get("EKS_AUDIT_LOGS"), Some(&true));
}

#[test]
fn another_guardduty_administrator_is_a_problem() {
    let found = compare(&administered_by_another());
    assert_eq!(found.problems.len(), 1);
    assert_eq!(found.problems[0].kind, ProblemKind::Taken);
    assert_eq!(found.changes, vec![]);
}

/// Each Region's administrator goes first, then its registration, which AWS wants gone before it takes another.
#[test]
fn an_administrator_is_replaced_where_the_plan_names_it() {
    let mut inventory = settled();
    let log = member_of(&mut inventory, "log-archive").id.clone();
    for facts in inventory.guardduty.values_mut() {
        facts.administrator = Observed::Known(Some(log.clone()));
    }
    let registered = known(&mut inventory.delegated_administrators);
    registered.insert(log.clone(), BTreeSet::from([principal("guardduty")]));
    let mut desired = desired();
    let guardduty = desired.guardduty.as_mut().unwrap();
    guardduty.replaced = Some(log);
    let found = diff(&plan(), &desired, &inventory, &KEEP);
    assert_eq!(found.problems, vec![]);
    for at in ["eu-west-1", "us-east-1"] {
        let former = Address::GuardDutyFormer(region(at));
        let next = change(&found, &format!("guardduty administrator in {at}"));
        assert!(
            next.needs.contains(&former) && next.needs.contains(&Address::GuardDutyRegistration)
        );
        let registration = change(&found, &Address::GuardDutyRegistration.to_string());
        assert!(registration.needs.contains(&former));
    }
    // Killed after the first Regions, only what is left is done; the registration is never forgotten.
    let mut halfway = inventory.clone();
    for facts in halfway.guardduty.values_mut() {
        facts.administrator = Observed::Known(None);
    }
    let rest = diff(&plan(), &desired, &halfway, &KEEP);
    change(&rest, &Address::GuardDutyRegistration.to_string());
    assert!(!addresses(&rest).contains(&"former guardduty administrator in eu-west-1".to_owned()));
    let registered_with_another = inventory.clone();
    let after = applied(&plan(), &desired, inventory, found);
    let again = diff(&plan(), &desired, &after, &KEEP);
    assert_eq!(addresses(&again), Vec::<String>::new());

    // Nobody can let members go in an account that is closed, so that is not begun.
    let in_use = |inventory: &Inventory| {
        let found = diff(&plan(), &desired, inventory, &KEEP);
        let former = change(&found, "former guardduty administrator in eu-west-1");
        match &former.action {
            Action::RemoveGuardDutyAdministrator(action::RemoveGuardDutyAdministrator {
                in_use,
                ..
            }) => (*in_use, former.reason.clone()),
            other => panic!("{other:?}"),
        }
    };
    assert!(in_use(&registered_with_another).0);
    let mut closed = registered_with_another;
    member_of(&mut closed, "log-archive").state = AccountState::Closed;
    let (open, reason) = in_use(&closed);
    assert!(
        !open && reason.contains("the account is closed"),
        "{reason}"
    );

    // The word is for that account alone.
    let guardduty = desired.guardduty.as_mut().unwrap();
    guardduty.replaced = Some("999999999999".parse().unwrap());
    let found = diff(&plan(), &desired, &administered_by_another(), &KEEP);
    assert_eq!(found.problems[0].kind, ProblemKind::Taken);
    assert!(
        found.problems[0]
            .hint
            .as_ref()
            .unwrap()
            .contains("replace_administrator")
    );
}

/// GuardDuty is administered by the logging account.
fn administered_by_another() -> Inventory {
    let mut inventory = settled();
    let log = member_of(&mut inventory, "log-archive").id.clone();
    let facts = inventory.guardduty.get_mut(&region("us-east-1")).unwrap();
    facts.administrator = Observed::Known(Some(log));
    inventory
}

/// Control Tower's policy on an OU.
fn guardrail(inventory: &mut Inventory, at: &str) {
    let governed = ou_of(inventory, at).id.clone();
    let rail = PolicyFacts {
        id: "p-rail".to_owned(),
        arn: String::new(),
        name: "aws-guardrails-AbCdEf".to_owned(),
        kind: PolicyType::ServiceControlPolicy,
        description: String::new(),
        content: Observed::Known("{}".to_owned()),
        targets: Observed::Known(BTreeSet::from([governed])),
        tags: Observed::Known(Tags::new()),
    };
    known(&mut inventory.policies).insert(rail.id.clone(), rail);
    known(&mut inventory.trusted_access).insert(principal("controltower"));
}

/// The OUs, by their addresses, that rollouts of stack sets name.
fn rolled_out(found: &Diff) -> String {
    let rollouts = found
        .changes
        .iter()
        .filter_map(|change| match &change.action {
            Action::CreateStackInstances(action::CreateStackInstances { targets, .. })
            | Action::UpdateStackInstances(action::UpdateStackInstances { targets, .. }) => {
                Some(format!("{:?}", targets.ous))
            }
            _ => None,
        });
    rollouts.collect()
}

/// A stack set reaches whole OUs, so those of Control Tower are no targets, and one that holds such
/// an OU is none either.
#[test]
fn stack_sets_do_not_reach_what_control_tower_governs() {
    let mut inventory = settled();
    known(&mut inventory.stack_sets).clear();
    assert!(rolled_out(&compare(&inventory)).contains("Sandbox"));
    guardrail(&mut inventory, "Sandbox");
    let found = compare(&inventory);
    let ous = rolled_out(&found);
    assert!(
        ous.contains("Workloads") && !ous.contains("Sandbox"),
        "{ous}"
    );

    let mut inventory = settled();
    known(&mut inventory.stack_sets).clear();
    guardrail(&mut inventory, "Workloads/Prod");
    let mut plan = plan();
    plan.rollout.stages.clear();
    let found = diff(&plan, &desired(), &inventory, &PRUNE);
    assert_eq!(rolled_out(&found), "");
    let blocked: Vec<String> = found
        .blocked
        .iter()
        .map(|b| b.address.to_string())
        .collect();
    assert!(
        blocked.contains(&"stack set config-recorder".to_owned()),
        "{blocked:?}"
    );
}

/// Control Tower's OUs are told and left alone, whatever the plan says of them.
#[test]
fn what_control_tower_governs_is_left() {
    let mut inventory = settled();
    guardrail(&mut inventory, "Sandbox");
    let mut plan = plan();
    plan.accounts.get_mut(&key("play")).unwrap().ou = path("Security");
    plan.accounts
        .insert(key("extra"), account("extra", "Sandbox"));
    let found = diff(&plan, &desired(), &inventory, &PRUNE);
    assert!(
        found.notices[0].text.contains("AWS Control Tower"),
        "{:?}",
        found.notices
    );
    let blocked: Vec<String> = found
        .blocked
        .iter()
        .map(|b| b.address.to_string())
        .collect();
    assert!(
        blocked.contains(&"placement of account play".to_owned()),
        "{blocked:?}"
    );
    assert!(blocked.contains(&"account extra".to_owned()), "{blocked:?}");
    let touched = |text: &String| text.contains("play") || text.contains("extra");
    assert!(
        !addresses(&found).iter().any(touched),
        "{:?}",
        addresses(&found)
    );
    assert!(told(&found, "policy", "aws-guardrails-AbCdEf").contains("AWS Control Tower"));
}

#[test]
fn closed_and_suspended_accounts_are_told_and_left() {
    for state in [
        AccountState::Suspended,
        AccountState::Closed,
        AccountState::PendingActivation,
    ] {
        let mut inventory = settled();
        let account = member_of(&mut inventory, "payments-prod");
        account.state = state;
        account.parent = ROOT.to_owned();
        account.name = "by hand".to_owned();
        known(&mut account.tags).remove("data");
        let found = compare(&inventory);
        assert_eq!(addresses(&found), Vec::<String>::new());
        assert!(
            found.notices[0].text.contains(state.as_str()),
            "{:?}",
            found.notices
        );
    }
}

#[test]
fn only_the_plans_own_organization_is_worked_in() {
    let mut stranger = settled();
    stranger.caller = "222222222222".parse().unwrap();
    let mut other = settled();
    let organization = known(&mut other.organization).as_mut().unwrap();
    organization.management_account = "222222222222".parse().unwrap();
    for inventory in [stranger, other] {
        let found = compare(&inventory);
        assert_eq!(found.problems[0].kind, ProblemKind::WrongAccount);
        assert!(found.problems[0].message.contains(MANAGEMENT));
        assert_eq!(found.changes, vec![]);
    }
    let none = compare(&empty());
    assert_eq!(none.problems[0].kind, ProblemKind::NoOrganization);
    let mut blind = settled();
    blind.organization = unread();
    assert_eq!(compare(&blind).problems[0].kind, ProblemKind::Unreadable);
}

#[test]
fn consolidated_billing_asks_for_consent() {
    let mut inventory = settled();
    known(&mut inventory.organization)
        .as_mut()
        .unwrap()
        .all_features = false;
    let found = compare(&inventory);
    assert_eq!(addresses(&found), ["organization"]);
    assert_eq!(
        found.changes[0].action,
        Action::EnableAllFeatures(action::EnableAllFeatures {})
    );
    assert!(found.changes[0].reason.contains("consent"));
}

/// What could not be read blocks what rests on it, and that blocks what waits for it.
#[test]
fn what_was_not_read_blocks_what_depends_on_it() {
    let mut inventory = settled();
    inventory.trusted_access = unread();
    let mut plan = plan();
    plan.delegated_administrators
        .insert(principal("ssm"), BTreeSet::from([key("security")]));
    let found = diff(&plan, &desired(), &inventory, &KEEP);
    assert_eq!(addresses(&found), Vec::<String>::new());
    let delegation = Address::DelegatedAdministrator(principal("ssm"), key("security"));
    let why = found
        .blocked
        .iter()
        .find(|b| b.address == delegation)
        .unwrap();
    let needs = BlockedBy::Needs {
        address: Address::TrustedAccess(principal("ssm")),
    };
    assert_eq!(why.reason, needs);
}

#[test]
fn a_name_and_contacts_need_trust_in_the_account_service() {
    let mut plan = plan();
    let account = plan.accounts.get_mut(&key("play")).unwrap();
    account.name = "Playground".to_owned();
    let contact = Contact {
        name: "Ops".to_owned(),
        title: "Duty".to_owned(),
        email: "ops@example.com".to_owned(),
        phone: "+1".to_owned(),
    };
    account.contacts.insert(ContactKind::Security, contact);
    let found = diff(&plan, &desired(), &settled(), &KEEP);
    let expected = [
        "trusted access account.amazonaws.com",
        "name of account play",
        "security contact of account play",
    ];
    assert_eq!(addresses(&found), expected);
    let trust = Address::TrustedAccess(principal("account"));
    assert!(found.changes[1].needs.contains(&trust));
    assert!(found.changes[2].needs.contains(&trust));
}

/// Auto-deployment to a Region that is off fails, so the Region is turned on before the account is moved
/// into an OU that stack sets reach, and while its role is waited for nowhere else.
#[test]
fn an_opt_in_region_is_on_before_a_new_account_is_placed() {
    let mut plan = plan();
    let region = region("eu-central-2");
    let mut new = account("late", "Workloads/Prod");
    new.preparation.opt_in_regions = BTreeSet::from([region.clone()]);
    new.preparation.alias = Some("acme-late".to_owned());
    plan.accounts.insert(key("late"), new);
    let found = diff(&plan, &desired(), &settled(), &KEEP);
    assert_eq!(found.blocked, vec![]);
    let needs = |address: &Address| {
        let change = found.changes.iter().find(|c| c.address == *address);
        change.unwrap_or_else(|| panic!("no {address}")).all_needs()
    };
    let regions = Address::OptInRegions(crate::addr::AccountRef::Member(key("late")));
    let access = Address::Access(key("late"));
    assert!(needs(&regions).contains(&Address::Account(key("late"))));
    assert!(needs(&regions).contains(&Address::TrustedAccess(principal("account"))));
    assert!(needs(&access).contains(&regions));
    assert!(needs(&Address::Placement(key("late"))).contains(&access));
    assert!(needs(&Address::AccountAlias(key("late"))).contains(&access));
}

#[test]
fn preparation_is_compared_field_by_field_and_only_where_it_was_read() {
    let mut plan = plan();
    let planned = plan.accounts.get_mut(&key("play")).unwrap();
    let policy = PasswordPolicy {
        minimum_password_length: 14,
        max_password_age: Some(90),
        ..PasswordPolicy::default()
    };
    planned.preparation = Preparation {
        alias: Some("acme-play".to_owned()),
        password_policy: Some(policy),
        opt_in_regions: BTreeSet::new(),
    };
    let mut inventory = settled();
    let id = id_of(&inventory, "play");
    // Nobody asked: nothing is changed on the strength of that.
    inventory.preparation.remove(&id);
    let found = diff(&plan, &desired(), &inventory, &KEEP);
    assert_eq!(addresses(&found), [""; 0]);
    assert_eq!(found.blocked.len(), 2);

    let facts = PreparationFacts {
        alias: Some(Observed::Known(Some("old".to_owned()))),
        password_policy: Some(Observed::Known(Some(PasswordPolicy {
            minimum_password_length: 8,
            ..policy
        }))),
        regions: None,
    };
    inventory.preparation.insert(id.clone(), facts);
    let found = diff(&plan, &desired(), &inventory, &KEEP);
    let expected = ["alias of account play", "password policy of account play"];
    assert_eq!(addresses(&found), expected);
    let fields = |at: usize| {
        let fields = found.changes[at].fields.iter();
        fields
            .map(|field| (field.field.as_str(), field.before.as_deref()))
            .collect::<Vec<_>>()
    };
    assert_eq!(fields(0), [("alias", Some("old"))]);
    assert_eq!(fields(1), [("minimum length", Some("8"))]);

    let same = PreparationFacts {
        alias: Some(Observed::Known(Some("acme-play".to_owned()))),
        password_policy: Some(Observed::Known(Some(policy))),
        regions: None,
    };
    inventory.preparation.insert(id, same);
    let found = diff(&plan, &desired(), &inventory, &KEEP);
    assert_eq!((found.changes, found.blocked), (vec![], vec![]));
}

#[test]
fn root_access_waits_for_trust_in_iam() {
    let mut plan = plan();
    plan.organization.centralized_root_access = true;
    let mut inventory = settled();
    let one = BTreeSet::from(["RootSessions".to_owned()]);
    inventory.root_access = Some(Observed::Known(one));
    let found = diff(&plan, &desired(), &inventory, &KEEP);
    let expected = [
        "trusted access iam.amazonaws.com",
        "centralized root access",
    ];
    assert_eq!(addresses(&found), expected);
    let change = found.changes.last().unwrap();
    assert!(
        change
            .needs
            .contains(&Address::TrustedAccess(principal("iam")))
    );
    assert_eq!(change.fields.len(), 1);
    assert_eq!(change.fields[0].field, "RootCredentialsManagement");
}

/// A new organization, its parts in the order that AWS forces.
#[test]
fn an_empty_account_becomes_an_organization_in_order() {
    let found = diff(&plan(), &desired(), &empty(), &CREATE);
    assert_eq!(found.blocked, vec![]);
    let graph = crate::graph::graph(found.changes).unwrap();
    let order: Vec<String> = graph.changes().map(|c| c.address.to_string()).collect();
    let place = |text: &str| {
        let at = order.iter().position(|one| one == text);
        at.unwrap_or_else(|| panic!("no `{text}` in {order:?}"))
    };
    for pair in [
        ["organization", "account security"],
        ["account security", "access to account security"],
        [
            "access to account security",
            "placement of account security",
        ],
        [
            "placement of account security",
            "delegated administrator security for config.amazonaws.com",
        ],
        [
            "trusted access config.amazonaws.com",
            "delegated administrator security for config.amazonaws.com",
        ],
        [
            "access to account log-archive",
            "stack config-bucket in log-archive/eu-west-1",
        ],
        [
            "stack config-bucket in log-archive/eu-west-1",
            "stack trail in management/eu-west-1",
        ],
        [
            "stack config-bucket in log-archive/eu-west-1",
            "stack set config-recorder",
        ],
        ["trusted access for StackSets", "stack set config-recorder"],
        [
            "placement of account play",
            "rollout of config-recorder, stage 1",
        ],
        [
            "rollout of config-recorder, stage 1",
            "rollout of config-recorder, stage 2",
        ],
        [
            "rollout of config-recorder, stage 2",
            "rollout of config-recorder, stage 3",
        ],
        [
            "rollout of config-recorder, stage 3",
            "policy protect on ou Workloads/Prod",
        ],
        [
            "guardduty administrator in us-east-1",
            "guardduty settings in us-east-1",
        ],
        [
            "guardduty settings in us-east-1",
            "guardduty members in us-east-1",
        ],
        [
            "guardduty settings in us-east-1",
            "guardduty export in us-east-1",
        ],
    ] {
        assert!(place(pair[0]) < place(pair[1]), "{pair:?} in {order:?}");
    }
    // The management account is a member too, under an email that is not known yet.
    let Action::AddGuardDutyMembers(action::AddGuardDutyMembers { members, .. }) = &graph
        .get(&Address::GuardDutyMembers(region("eu-west-1")))
        .unwrap()
        .action
    else {
        panic!("no members")
    };
    let references: Vec<_> = members.iter().flat_map(|m| m.email.references()).collect();
    assert_eq!(
        references,
        vec![(&Address::Organization, &Attribute::Email)]
    );
    assert_eq!(members.len(), 5);
}

#[test]
fn an_existing_account_is_adopted_by_its_email() {
    let mut inventory = settled();
    known(&mut member_of(&mut inventory, "play").tags).clear();
    let found = compare(&inventory);
    assert_eq!(addresses(&found), ["tags of account play"]);
    // Only the key: orgstrap does not claim to have made what it adopts.
    assert_eq!(fields(&found.changes[0]), ["tag orgstrap:key: - -> play"]);
}

#[test]
fn nothing_wanted_is_nothing_to_do() {
    let mut plan = plan();
    plan.ous.clear();
    plan.accounts.clear();
    plan.policies.clear();
    let found = diff(&plan, &Desired::default(), &settled(), &KEEP);
    assert_eq!(
        addresses(&found),
        ["policy protect on ou Workloads/Prod"; 0]
    );
    let left: Vec<&str> = found.left.iter().map(|left| left.name.as_str()).collect();
    assert!(left.contains(&"config-recorder"), "{left:?}");
}

/// The three baselines as they are: from nothing to all there, and then nothing to do.
#[test]
fn the_built_in_baselines_converge() {
    let mut plan = plan();
    for name in ["cloudtrail", "config", "guardduty"] {
        let choice = BaselineChoice::default();
        plan.baselines.insert(name.parse().unwrap(), choice);
    }
    let desired = crate::baseline::expand(&plan).unwrap();
    let found = diff(&plan, &desired, &empty(), &CREATE);
    assert_eq!(found.blocked, vec![]);
    let after = applied(&plan, &desired, empty(), found);
    let again = diff(&plan, &desired, &after, &KEEP);
    assert_eq!(addresses(&again), Vec::<String>::new());
    assert_eq!(again.blocked, vec![]);
    assert_eq!(again.notices, vec![]);
    assert_eq!(again.unmanaged, vec![]);
}

/// With what people put there a thing would have more tags than AWS allows: it is told with the names, and nothing is
/// tried that fails.
#[test]
fn more_tags_than_aws_allows_are_foreseen() {
    fn fill(tags: &mut Tags, to: usize) {
        let names = (0..).map(|number| format!("by-hand-{number:02}"));
        for name in names.take(to.saturating_sub(tags.len())) {
            tags.insert(name, "x".to_owned());
        }
        assert_eq!(tags.len(), to);
    }
    let mut plan = plan();
    let one = tags(&[("team", "shop")]);
    plan.accounts.get_mut(&key("play")).unwrap().tags = one.clone();
    plan.ous.get_mut(&path("Sandbox")).unwrap().tags = one.clone();
    plan.policies.get_mut(&policy("protect")).unwrap().tags = one.clone();
    let filled = |to: usize| {
        let mut inventory = settled();
        fill(known(&mut member_of(&mut inventory, "play").tags), to);
        fill(known(&mut ou_of(&mut inventory, "Sandbox").tags), to);
        fill(known(&mut policy_of(&mut inventory, "protect").tags), to);
        inventory
    };
    let found = diff(&plan, &desired(), &filled(49), &KEEP);
    assert_eq!(found.blocked, vec![]);
    assert_eq!(found.changes.len(), 3, "{:?}", addresses(&found));
    let found = diff(&plan, &desired(), &filled(50), &KEEP);
    assert_eq!(addresses(&found), Vec::<String>::new());
    assert_eq!(found.blocked.len(), 3);
    for blocked in &found.blocked {
        let BlockedBy::State { message } = &blocked.reason else {
            panic!("{blocked:?}");
        };
        let expected = "it would have 51 tags, and AWS allows 50: 1 to be added (team) beside 50 there, of which the plan does not name";
        assert!(message.starts_with(expected), "{message}");
        assert!(message.contains("by-hand-00"), "{message}");
    }

    // What orgstrap makes gets its own tag too.
    let mut fifty = Tags::new();
    fill(&mut fifty, 50);
    let new = path("New");
    plan = super::samples::plan();
    plan.ous.insert(
        new.clone(),
        Ou {
            tags: fifty.clone(),
            ..Ou::default()
        },
    );
    plan.policies.insert(
        policy("new"),
        Policy {
            tags: fifty,
            ..scp("{}")
        },
    );
    plan.accounts.insert(key("new"), account("new", "New"));
    let found = diff(&plan, &desired(), &settled(), &KEEP);
    let blocked: Vec<String> = found
        .blocked
        .iter()
        .map(|it| it.address.to_string())
        .collect();
    assert!(blocked.contains(&"ou New".to_owned()), "{blocked:?}");
    assert!(blocked.contains(&"policy new".to_owned()), "{blocked:?}");
    // An account that could not be placed is not made.
    assert_eq!(addresses(&found), Vec::<String>::new());

    // A set or a stack that somebody tagged, and that lacks the ownership tag.
    let mut inventory = settled();
    let set = set_of(&mut inventory);
    set.tags.remove(OWNERSHIP_TAG.0);
    fill(&mut set.tags, 50);
    let found = compare(&inventory);
    assert_eq!(addresses(&found), Vec::<String>::new());
    let blocked: Vec<String> = found
        .blocked
        .iter()
        .map(|it| it.address.to_string())
        .collect();
    assert_eq!(blocked, ["stack set config-recorder"]);
}
