//! `orgstrap account add`: one account, and nothing else, as soon as AWS lets it be ready.

use orgstrap::sandbox::World;
use serde_json::{Value, json};

use crate::support::normal::normal;
use crate::support::place::Place;
use crate::support::root;

const ADD: [&str; 10] = [
    "account",
    "add",
    "shop-blog",
    "--ou",
    "Workloads/Dev",
    "--tag",
    "data-classification=internal",
    "--tag",
    "business-unit=shop",
    "--yes",
];

/// What is not one account's: clocks, numbers and AWS's diaries.
fn plain(world: &World, id: &str) -> Value {
    let mut account = serde_json::to_value(world.account(id).expect("there")).expect("JSON");
    let regions = account["regions"].as_object_mut().expect("Regions");
    for region in regions.values_mut() {
        // The log of calls, which are read too.
        region["cloudtrail"]["events"] = Value::Null;
    }
    account
}

#[test]
fn an_account_is_added_and_nothing_else_is_touched() {
    let place = Place::startup();
    // Differences that are none of this account's.
    let text = place
        .text()
        .replace(
            "tags = { data-classification = \"restricted\", business-unit = \"shop\" }",
            "tags = { data-classification = \"restricted\", business-unit = \"other\" }",
        )
        .replace("[ou.Sandbox]", "[ou.Lab]\n\n[ou.Sandbox]")
        + "\n[account.later]\nou = \"Sandbox\"\ntags = { data-classification = \"public\" }\n";
    std::fs::write(place.plan(), &text).expect("writes");
    let before = place.world();

    let events = place.events(&ADD);
    let ready = events.last().expect("a last line");
    assert_eq!(ready["event"], "ready");
    assert_eq!(ready["ready"], true, "{ready}");
    let account = events
        .iter()
        .find(|event| event["event"] == "account")
        .expect("the account");
    let id = account["id"].as_str().expect("an id");
    assert_eq!(
        account["sign_in_role"],
        format!("arn:aws:iam::{id}:role/OrganizationAccountAccessRole")
    );
    assert_eq!(account["findings"], json!([]));

    // The file has the new entry, whole, behind the last account, and is otherwise as it was.
    let entry = "\n[account.shop-blog]\nou = \"Workloads/Dev\"\ntags = { business-unit = \"shop\", data-classification = \"internal\" }\n";
    assert_eq!(place.text(), text + entry);

    let after = place.world();
    let new: Vec<&String> = after
        .accounts
        .keys()
        .filter(|id| !before.accounts.contains_key(*id))
        .collect();
    assert_eq!(new, [id]);
    let organization = |world: &World| {
        let state = serde_json::to_value(world.organization.as_ref().expect("one"));
        let mut state = state.expect("JSON");
        state["creations"] = Value::Null;
        forget(&mut state, id);
        state
    };
    same(
        &organization(&before),
        &organization(&after),
        "organization",
    );
    for (other, account) in &before.accounts {
        if *other == before.management_account {
            continue;
        }
        let (then, mut now) = (plain(&before, other), plain(&after, other));
        if account.name == "security" {
            // GuardDuty keeps its members in the administrator's account.
            for region in now["regions"]
                .as_object_mut()
                .expect("Regions")
                .values_mut()
            {
                forget(&mut region["guardduty"], id);
            }
        }
        same(&then, &now, &account.name);
    }
    let management = |world: &World| {
        let account = world.account(&world.management_account).expect("there");
        let mut value = serde_json::to_value(account).expect("JSON");
        for region in value["regions"]
            .as_object_mut()
            .expect("Regions")
            .values_mut()
        {
            region["cloudtrail"]["events"] = Value::Null;
            // The lock came and went.
            region["ssm"] = Value::Null;
            for set in region["cloudformation"]["stack_sets"]
                .as_object_mut()
                .into_iter()
                .flat_map(|sets| sets.values_mut())
            {
                set["operations"] = Value::Null;
                set["history"] = Value::Null;
                forget(set, id);
            }
        }
        value
    };
    same(&management(&before), &management(&after), "management");

    // Again: it is there.
    let again = place.events(&ADD);
    assert_eq!(again.last().expect("a last line")["ready"], true);
    assert_eq!(place.world().accounts.len(), after.accounts.len());
}

/// Where two values differ is said, for they are long.
fn same(one: &Value, other: &Value, path: &str) {
    match (one, other) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: Vec<&String> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let (a, b) = (a.get(key), b.get(key));
                let null = Value::Null;
                same(
                    a.unwrap_or(&null),
                    b.unwrap_or(&null),
                    &format!("{path}.{key}"),
                );
            }
        }
        (a, b) => assert_eq!(a, b, "{path}"),
    }
}

/// Takes out everything kept under an account's id, however deep.
fn forget(value: &mut Value, id: &str) {
    match value {
        Value::Object(map) => {
            map.retain(|key, _| !key.contains(id));
            map.values_mut().for_each(|value| forget(value, id));
        }
        Value::Array(list) => {
            list.retain(|value| value.as_str() != Some(id));
            list.iter_mut().for_each(|value| forget(value, id));
        }
        _ => {}
    }
}

/// AWS's own time, one thing after another: the creation, until the role can be assumed, until StackSets
/// notices the move, and the operation that follows. In milliseconds.
fn imposed(world: &World, id: &str) -> i64 {
    let organization = world.organization.as_ref().expect("one");
    let creation = organization
        .creations
        .values()
        .find(|creation| creation.account.as_deref() == Some(id))
        .expect("its creation");
    let account = world.account(id).expect("there");
    let usable = account.iam.roles[&creation.role_name].usable_from;
    let management = world.account(&world.management_account).expect("there");
    let operation = management
        .regions
        .values()
        .flat_map(|region| region.cloudformation.stack_sets.values())
        .flat_map(|set| set.operations.values())
        .filter(|operation| operation.created >= usable)
        .max_by_key(|operation| operation.created)
        .expect("auto-deployment");
    const NOTICED_AFTER: i64 = 20_000;
    usable.0 - creation.requested.0 + NOTICED_AFTER + operation.ended.expect("ended").0
        - operation.created.0
}

#[test]
fn an_account_is_ready_within_a_tenth_of_what_aws_imposes() {
    let place = Place::startup();
    let events = place.events(&ADD);
    let id = events
        .iter()
        .find(|event| event["event"] == "account")
        .and_then(|event| event["id"].as_str())
        .expect("an id");
    let ready = events.last().expect("a last line");
    let took = (ready["took_seconds"].as_f64().expect("a time") * 1000.0) as i64;
    let imposed = imposed(&place.world(), id);
    // What AWS takes is drawn. A short wait ends between two looks as a long one does, and the status of a creation is asked
    // every ten seconds.
    const LOOK: i64 = 10_000;
    assert!(
        took * 10 <= (imposed + LOOK) * 11,
        "ready after {took} ms; AWS imposes {imposed} ms"
    );
    // The report tells the chain: its links follow one another from the start to the end.
    let chain = ready["chain"].as_array().expect("a chain");
    let texts: Vec<&str> = chain
        .iter()
        .filter_map(|link| link["address"]["text"].as_str())
        .collect();
    assert_eq!(
        texts,
        [
            "account shop-blog",
            "access to account shop-blog",
            "placement of account shop-blog",
            "rollout of config-recorder to account shop-blog"
        ]
    );
}

/// What docs/accounts.md shows is what the scenario prints.
#[test]
fn the_page_shows_what_is_printed() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).expect("reads");
    let steps = read("tests/scenarios/accounts/steps.txt");
    let page = read("docs/accounts.md");
    let blocks: Vec<&str> = page
        .split("```text\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert!(blocks.len() >= 4, "{}", blocks.len());
    for block in blocks {
        assert!(steps.contains(&normal(block)), "{block}");
    }
}
