//! `orgstrap account add`: one account, and nothing else, as soon as AWS lets it be ready.

use std::path::Path;

use orgstrap::sandbox::lags::Lag;
use orgstrap::sandbox::world::Due;
use orgstrap::sandbox::{World, organizations};
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
    let opens = |region| (world.lags).in_new_account(Lag::NewCloudFormation, id, region);
    let opened = account.created.0 + opens("eu-west-1").max(opens("us-east-1"));
    usable.0.max(opened) - creation.requested.0 + NOTICED_AFTER + operation.ended.expect("ended").0
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

/// An organization of three accounts and the management account, in which AWS allows six.
fn of_six() -> Place {
    let plan = "[organization]\nmanagement_account = \"111111111111\"\nhome_region = \"eu-west-1\"\n\
        logging = \"log-archive\"\nsecops = \"security\"\nemail = \"aws+{account}@example.com\"\n\
        [ou.Work]\n[account.log-archive]\nou = \"Work\"\n[account.security]\nou = \"Work\"\n[account.shop]\nou = \"Work\"\n\
        [baseline.config]\n";
    let table = "name,ou\none,Work\ntwo,Work\nthree,Work\nfour,Work\n";
    let place = Place::of(plan, &[("more.csv", table)]);
    place.run(&["sandbox", "poke", "quota", "accounts", "6"], 0);
    place
}

#[test]
fn accounts_that_a_quota_has_no_room_for_are_told_before_anything_is_written() {
    let place = of_six();
    let start = place.moment();
    let before = place.text();
    let add = ["account", "add", "--from", "more.csv", "--yes"];
    let told = place.refused(&add);
    assert!(
        told.contains("needs 8 accounts and the quota is 6: 4 there, 4 to be made, of which 2 fit"),
        "{told}"
    );
    assert!(told.contains("--raise-quotas"), "{told}");
    assert_eq!(place.text(), before);

    // Asked for once, then told what became of it.
    let raise = [&add[..], &["--raise-quotas"]].concat();
    let out = place.output(&raise);
    assert_eq!(out.code, Some(1));
    assert!(
        out.data
            .contains("Asked AWS to raise the quota of accounts"),
        "{}",
        out.data
    );
    let out = place.output(&raise);
    assert!(out.data.contains("no other was sent"), "{}", out.data);
    assert_eq!(place.world().quotas.requests.len(), 1);
    assert_eq!(place.text(), before);

    // Those that fit are ready, the others are in the plan and told, and the same command goes on.
    let fit = [&add[..], &["--on-quota", "fit"]].concat();
    let out = place.output(&fit);
    assert_eq!(out.code, Some(1), "{}{}", out.data, out.told);
    assert!(
        out.data.contains("All ready in"),
        "{}{}",
        out.data,
        out.told
    );
    assert!(out.told.contains("2 accounts were left out: `orgstrap account add --from more.csv --plan org.toml --on-quota fit --raise-quotas`"), "{}", out.told);
    assert_eq!(members(&place), 6);
    assert!(
        ["one", "two", "three", "four"]
            .iter()
            .all(|name| place.text().contains(&format!("[account.{name}]")))
    );
    let again = place.output(&fit);
    assert_eq!(again.code, Some(1), "{}{}", again.data, again.told);
    assert_eq!(members(&place), 6);
    place.run(
        &["sandbox", "poke", "quota-request", "accounts", "approve"],
        0,
    );
    place.run(&add, 0);
    assert_eq!(members(&place), 8);
    place.run(&["plan"], 0);

    // Told, and tried all the same: AWS takes as many as it will.
    place.go_back(&start);
    let out = place.output(&[&add[..], &["--on-quota", "ignore"]].concat());
    assert_eq!(out.code, Some(1), "{}{}", out.data, out.told);
    assert_eq!(members(&place), 6);
}

fn members(place: &Place) -> usize {
    let organization = place.world().organization.expect("one");
    organization.members.len()
}

/// AWS ends what a killed run began while the next one holds the lock: what is to be done then is shown anew.
#[test]
fn an_account_that_aws_finishes_meanwhile_is_not_made_twice() {
    let place = of_six();
    let start = place.moment();
    let add = ["account", "add", "more", "--ou", "Work", "--yes"];
    // The calls of one run, by their numbers in its session.
    let told = place.output(&[&add[..], &["-vv"]].concat()).told;
    let end = place.text();
    let calls = last_session(&told);
    let number = |name: &str| calls.iter().position(|call| call == name).expect("called") + 1;
    let (lock, create) = (
        number("ssm:PutParameter"),
        number("organizations:CreateAccount"),
    );
    place.go_back(&start);
    let killed = place.output(&[&add[..], &["--fault", &format!("kill@{create}")]].concat());
    assert_eq!(killed.code, Some(1), "{}", killed.told);
    let run = killed.told.split("orgstrap unlock ").nth(1).expect("told");
    let run = run.split_whitespace().next().expect("an id");
    place.run(&["unlock", run], 0);
    let mut world = place.world();
    let ends = world.due.iter().find_map(|((at, _), due)| match due {
        Due::Organizations(organizations::Due::FinishCreation { .. }) => Some(*at),
        _ => None,
    });
    world.advance(ends.expect("under way").plus_secs(-40));
    let file = place.path("world.json");
    world.save(Path::new(&file)).expect("saved");
    // AWS is still at the account when this looks, and done with it when the lock is had.
    let mut shown_anew = 0;
    for call in lock.saturating_sub(2)..=lock + 3 {
        let moment = place.moment();
        let out = place.output(&[&add[..], &["--fault", &format!("slow@{call}")]].concat());
        assert_eq!(out.code, Some(0), "slow@{call}: {}{}", out.data, out.told);
        shown_anew += usize::from(
            out.told
                .contains("AWS has moved since the changes were shown"),
        );
        let world = place.world();
        let named = world
            .accounts
            .values()
            .filter(|account| account.name == "more");
        assert_eq!(named.count(), 1, "slow@{call}");
        assert_eq!(place.text(), end, "slow@{call}");
        place.run(&["plan"], 0);
        place.go_back(&moment);
    }
    assert!(shown_anew >= 1, "never");
}

/// What a run asked AWS in its last session, in order, by `-vv`.
fn last_session(told: &str) -> Vec<String> {
    let mut calls: Vec<String> = Vec::new();
    for line in told.lines() {
        let Some((_, call)) = line.split_once("orgstrap::aws: ") else {
            continue;
        };
        if call == "sts:GetCallerIdentity" {
            calls.clear();
        }
        calls.push(call.split(' ').next().unwrap_or_default().to_owned());
    }
    calls
}
