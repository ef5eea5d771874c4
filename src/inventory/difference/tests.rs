use serde_json::json;

use std::collections::BTreeMap;

use super::super::{Inventory, Observed};
use super::*;
use crate::inventory::{
    AccountFacts, AccountRegion, AccountState, Answer, Facts, InstanceFacts, OrganizationFacts,
    OuFacts, PolicyFacts, Probe, Question, ReadFailure, StackFacts, StackSetFacts,
};
use crate::plan::PolicyType;

fn place(account: &str) -> AccountRegion {
    AccountRegion {
        account: account.parse().expect("an id"),
        region: "eu-west-1".parse().expect("a Region"),
    }
}

fn unread<T>() -> Observed<T> {
    Observed::Unread(ReadFailure {
        operation: "service:Operation".to_owned(),
        reason: "AccessDenied".to_owned(),
    })
}

fn account(id: &str, name: &str, parent: &str) -> AccountFacts {
    AccountFacts {
        id: id.parse().expect("an id"),
        arn: format!("arn:{id}"),
        name: name.to_owned(),
        email: format!("{name}@example.com"),
        state: AccountState::Active,
        created_here: true,
        parent: parent.to_owned(),
        tags: Observed::Known([("team".to_owned(), "blue".to_owned())].into()),
    }
}

/// An organization with two OUs, two accounts, a policy, a stack set, a stack and a control's answer.
fn saved() -> SavedInventory {
    let ou = |id: &str, path: &str| OuFacts {
        id: id.to_owned(),
        arn: format!("arn:{id}"),
        parent: "r-1".to_owned(),
        path: path.parse().expect("a path"),
        tags: Observed::Known(Default::default()),
    };
    let accounts = [
        account("222222222222", "log", "ou-1"),
        account("333333333333", "shop", "ou-2"),
    ];
    let policy = PolicyFacts {
        id: "p-1".to_owned(),
        arn: "arn:p-1".to_owned(),
        name: "deny".to_owned(),
        kind: PolicyType::ServiceControlPolicy,
        description: String::new(),
        content: Observed::Known(r#"{"Version":"2012-10-17"}"#.to_owned()),
        targets: Observed::Known(["r-1".to_owned(), "ou-2".to_owned()].into()),
        tags: Observed::Known(Default::default()),
    };
    let instance = InstanceFacts {
        status: "CURRENT".to_owned(),
        detailed_status: Some("SUCCEEDED".to_owned()),
        reason: None,
        ou: Some("ou-2".to_owned()),
    };
    let set = StackSetFacts {
        name: "orgstrap-recorder".to_owned(),
        id: "set-1".to_owned(),
        template: "a: 1\n".to_owned(),
        parameters: BTreeMap::new(),
        capabilities: BTreeSet::new(),
        tags: Default::default(),
        service_managed: true,
        administration_role: None,
        execution_role: None,
        auto_deployment: None,
        depends_on: BTreeSet::new(),
        managed_execution: true,
        targets: ["ou-2".to_owned()].into(),
        instances: Observed::Known([(place("333333333333"), instance)].into()),
    };
    let stack = StackFacts {
        name: "orgstrap-bucket".to_owned(),
        id: "stack-1".to_owned(),
        status: "CREATE_COMPLETE".to_owned(),
        template: Observed::Known("b: 1\n".to_owned()),
        parameters: BTreeMap::new(),
        outputs: BTreeMap::new(),
        tags: Default::default(),
        termination_protection: true,
    };
    let mut saved = SavedInventory::new(Inventory {
        organization: Observed::Known(Some(OrganizationFacts {
            id: "o-1".to_owned(),
            arn: "arn:o-1".to_owned(),
            root_id: "r-1".to_owned(),
            management_account: "111111111111".parse().expect("an id"),
            all_features: true,
            policy_types: [(PolicyType::ServiceControlPolicy, "ENABLED".to_owned())].into(),
            root_tags: Observed::Known(Default::default()),
        })),
        accounts: Observed::Known(
            accounts
                .into_iter()
                .map(|account| (account.id.clone(), account))
                .collect(),
        ),
        ous: Observed::Known(
            [ou("ou-1", "Security"), ou("ou-2", "Workloads")]
                .into_iter()
                .map(|ou| (ou.id.clone(), ou))
                .collect(),
        ),
        policies: Observed::Known([("p-1".to_owned(), policy)].into()),
        trusted_access: Observed::Known(
            ["config.amazonaws.com".parse().expect("a service")].into(),
        ),
        stack_sets_access: Observed::Known(true),
        stack_sets: Observed::Known([(set.name.clone(), set)].into()),
        stacks: [(
            place("222222222222"),
            Observed::Known([(stack.name.clone(), stack)].into()),
        )]
        .into(),
        ..Inventory::nothing(
            "111111111111".parse().expect("an id"),
            "2026-05-04T06:00:00Z".parse().expect("a time"),
        )
    });
    saved.answers = answers(true);
    saved
}

fn answers(recording: bool) -> crate::inventory::Answers {
    let question = Question {
        probe: Probe::ConfigRecorder,
        arguments: BTreeMap::new(),
        at: place("333333333333"),
    };
    let answer = Answer {
        read_at: "2026-05-04T06:00:00Z".parse().expect("a time"),
        facts: Observed::Known(Facts::from([("recording".to_owned(), json!(recording))])),
    };
    [(question, answer)].into()
}

/// Section, sign and name, then each field, of everything that differs after `change`.
fn after(change: impl FnOnce(&mut SavedInventory)) -> Vec<String> {
    let before = saved();
    let mut later = before.clone();
    change(&mut later);
    told(&compare(&before, &later))
}

fn told(found: &Differences) -> Vec<String> {
    let value = |value: &Option<String>| value.clone().unwrap_or("-".to_owned());
    let mut lines = Vec::new();
    for one in &found.differences {
        let sign = match one.what {
            What::New => '+',
            What::Gone => '-',
            What::Changed => '~',
        };
        lines.push(format!("{} {sign} {}", one.kind.as_str(), one.name));
        if one.what == What::Changed {
            lines.extend(one.fields.iter().map(|field| {
                let (before, after) = (value(&field.before), value(&field.after));
                format!("{}: {before} > {after}", field.field)
            }));
        }
    }
    let unclear = found.unclear.iter().map(|one| {
        let name = one.name.as_deref().unwrap_or("all");
        format!("{} ? {name}: {}", one.kind.as_str(), one.reason)
    });
    lines.extend(unclear);
    lines
}

fn known<T>(seen: &mut Observed<T>) -> &mut T {
    match seen {
        Observed::Known(known) => known,
        Observed::Unread(why) => panic!("not read: {why:?}"),
    }
}

#[test]
fn the_same_has_no_difference_whenever_it_was_read() {
    let nothing: Vec<String> = Vec::new();
    assert_eq!(
        after(|later| {
            let then = "2026-05-05T06:00:00Z".parse().expect("a time");
            later.inventory.taken_at = then;
            for answer in later.answers.values_mut() {
                answer.read_at = then;
            }
        }),
        nothing
    );
}

#[test]
fn what_is_renamed_or_moved_has_changed() {
    let lines = after(|later| {
        let accounts = known(&mut later.inventory.accounts);
        let shop = accounts
            .get_mut(&"333333333333".parse().expect("an id"))
            .expect("is there");
        shop.name = "store".to_owned();
        shop.parent = "ou-1".to_owned();
        shop.tags = Observed::Known([("owner".to_owned(), "ann".to_owned())].into());
    });
    assert!(
        lines.starts_with(
            &[
                "accounts ~ store (333333333333)",
                "name: shop > store",
                "parent: Workloads > Security",
                "tags.owner: - > ann",
                "tags.team: blue > -",
            ]
            .map(str::to_owned)
        ),
        "{lines:#?}"
    );
}

#[test]
fn an_ou_that_is_renamed_changes_itself_and_no_account() {
    assert_eq!(
        after(|later| {
            let ous = known(&mut later.inventory.ous);
            ous.get_mut("ou-1").expect("is there").path = "Core".parse().expect("a path");
        }),
        ["OUs ~ Core", "path: Security > Core"]
    );
}

#[test]
fn what_is_new_and_gone_is_told_once() {
    assert_eq!(
        after(|later| {
            let inventory = &mut later.inventory;
            let accounts = known(&mut inventory.accounts);
            let new = account("444444444444", "new", "r-1");
            accounts.insert(new.id.clone(), new);
            accounts.remove(&"333333333333".parse().expect("an id"));
            known(&mut inventory.trusted_access).clear();
            known(&mut inventory.policies).clear();
        }),
        [
            "accounts + new (444444444444)",
            "accounts - shop (333333333333)",
            "policies - deny",
            "trusted access - config.amazonaws.com",
            // Told by their account's name, which is gone.
        ]
        .map(str::to_owned)
        .into_iter()
        .collect::<Vec<_>>()
    );
}

#[test]
fn policies_sets_instances_stacks_and_controls_are_compared_field_by_field() {
    let lines = after(|later| {
        let inventory = &mut later.inventory;
        let policies = known(&mut inventory.policies);
        let policy = policies.get_mut("p-1").expect("is there");
        policy.targets = Observed::Known(["ou-1".to_owned()].into());
        let sets = known(&mut inventory.stack_sets);
        let set = sets.get_mut("orgstrap-recorder").expect("is there");
        set.template = "a: 2\n".to_owned();
        for instance in known(&mut set.instances).values_mut() {
            instance.status = "OUTDATED".to_owned();
        }
        for stacks in inventory.stacks.values_mut() {
            for stack in known(stacks).values_mut() {
                stack.termination_protection = false;
            }
        }
        later.answers = answers(false);
    });
    assert_eq!(
        lines,
        [
            "policies ~ deny",
            "targets: Workloads, root > Security",
            "stack sets ~ orgstrap-recorder",
            "template: a: 1\n > a: 2\n",
            "stack sets ~ orgstrap-recorder in shop (333333333333)/eu-west-1",
            "status: CURRENT > OUTDATED",
            "stacks ~ orgstrap-bucket in log (222222222222)/eu-west-1",
            "termination_protection: true > false",
            "controls ~ config-recorder in shop (333333333333)/eu-west-1",
            "recording: true > false",
        ]
    );
}

#[test]
fn what_was_not_read_is_neither_gone_nor_changed() {
    let lines = after(|later| {
        let inventory = &mut later.inventory;
        inventory.ous = unread();
        known(&mut inventory.policies)
            .get_mut("p-1")
            .expect("is there")
            .content = unread();
        for stacks in inventory.stacks.values_mut() {
            *stacks = unread();
        }
        for answer in later.answers.values_mut() {
            answer.facts = unread();
        }
    });
    let about = |line: &String| line.contains(" + ") || line.contains(" - ");
    assert!(!lines.iter().any(about), "{lines:#?}");
    for unclear in [
        "OUs ? all: was not read: service:Operation: AccessDenied",
        "policies ? deny: content was not read: AccessDenied",
        "controls ? config-recorder in shop (333333333333)/eu-west-1: was not read: AccessDenied",
    ] {
        assert!(lines.iter().any(|line| line == unclear), "{lines:#?}");
    }
    assert!(
        lines.iter().any(|line| line.starts_with("stacks ? ")),
        "{lines:#?}"
    );
}

#[test]
fn what_was_asked_about_on_one_side_only_is_not_new() {
    let lines = after(|later| {
        later.inventory.stacks.clear();
        later.answers.clear();
    });
    assert_eq!(
        lines,
        [
            "stacks ? orgstrap-bucket in log (222222222222)/eu-west-1: was asked about in one of the two only",
            "controls ? config-recorder in shop (333333333333)/eu-west-1: was asked about in one of the two only",
        ]
    );
}
