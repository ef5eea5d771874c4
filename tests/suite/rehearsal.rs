//! Rehearsals of the README's example: what the copy is, and that a rehearsal repeats itself.

use std::path::Path;

use orgstrap::inventory::SavedInventory;
use orgstrap::rehearse::copy;
use serde_json::Value;

use crate::support::place::Place;
use crate::support::{golden, orgstrap, root};

/// Runs the binary in `folder`; its stdout. The exit code must be the one named.
fn run(folder: &Path, exit: i32, arguments: &[&str]) -> String {
    let output = orgstrap()
        .current_dir(folder)
        .args(arguments)
        .output()
        .expect("starts");
    let talk = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {talk}");
    assert!(!talk.contains("ERROR"), "{arguments:?}: {talk}");
    String::from_utf8(output.stdout).expect("text")
}

const WORLD: [&str; 3] = ["--sandbox", "--world", "world.json"];

/// A folder with the startup plan, and a world that is as the plan says.
fn applied() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::copy(
        root().join("examples/startup.toml"),
        folder.path().join("org.toml"),
    )
    .expect("copies");
    let mut arguments = vec!["-q", "apply", "--yes"];
    arguments.extend(WORLD);
    run(folder.path(), 0, &arguments);
    folder
}

fn with_world<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    arguments.iter().copied().chain(WORLD).collect()
}

fn addresses(changes: &Value) -> Vec<String> {
    changes
        .as_array()
        .expect("a list")
        .iter()
        .map(|change| change["address"]["text"].as_str().expect("text").to_owned())
        .collect()
}

/// What is read of the copy is what was read of the original.
#[test]
fn the_copy_reads_as_the_original() {
    let folder = applied();
    let inventory = |world: &str, file: &str| {
        let arguments = [
            "-q",
            "inventory",
            "--sandbox",
            "--world",
            world,
            "--out",
            file,
        ];
        run(folder.path(), 0, &arguments);
        let text = std::fs::read_to_string(folder.path().join(file)).expect("was saved");
        SavedInventory::from_json(text.as_bytes())
            .expect("reads")
            .inventory
    };
    let original = inventory("world.json", "original.json");
    let home = "eu-west-1".parse().expect("a Region");
    let copied = copy(&original, &home, "OrganizationAccountAccessRole", 1).expect("copies");
    assert_eq!(copied.missing, Vec::<String>::new());
    copied
        .world
        .save(&folder.path().join("copy.json"))
        .expect("saves");
    let mut again = inventory("copy.json", "again.json");
    again.taken_at = original.taken_at;
    // Member by member: a whole inventory is no message.
    let (original, again) = (
        serde_json::to_value(original).expect("JSON"),
        serde_json::to_value(again).expect("JSON"),
    );
    for (member, value) in original.as_object().expect("an object") {
        assert_eq!(value, &again[member], "{member}");
    }
}

#[cfg(unix)]
#[test]
fn a_saved_inventory_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = applied();
    run(
        folder.path(),
        0,
        &with_world(&["-q", "inventory", "--out", "saved.json"]),
    );
    let path = folder.path().join("saved.json");
    let mode = std::fs::metadata(&path)
        .expect("is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let document: Value =
        serde_json::from_str(&std::fs::read_to_string(&path).expect("reads")).expect("JSON");
    assert_eq!(document["format"], "orgstrap-inventory");
    assert_eq!(document["version"], 2);
}

#[test]
fn nothing_is_rehearsed_where_all_is_as_the_plan_says() {
    let folder = applied();
    let text = run(
        folder.path(),
        0,
        &with_world(&["-q", "rehearse", "--output", "json"]),
    );
    let document: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(document["changes"], Value::Array(Vec::new()));
    assert_eq!(document["not_copied"], Value::Array(Vec::new()));
}

/// Equal inputs, equal bytes; and the world that is rehearsed on stays as it is.
#[test]
fn the_same_rehearsal_twice_gives_the_same_bytes() {
    let folder = applied();
    for poke in [
        &["move-account", "shop-prod", "Sandbox"][..],
        &["detach-policy", "approved-regions", "Workloads"],
        &["delete-stack", "config-aggregator"],
        &[
            "delete-stack-instance",
            "config-recorder",
            "playground",
            "us-east-1",
        ],
        &["guardduty-auto-enable-none", "us-east-1"],
        &["delete-destination", "us-east-1"],
    ] {
        let mut arguments = vec!["-q", "sandbox", "poke", "--world", "world.json"];
        arguments.extend(poke);
        run(folder.path(), 0, &arguments);
    }
    let world = || std::fs::read(folder.path().join("world.json")).expect("reads");
    let before = world();
    let rehearse = with_world(&["-q", "rehearse", "--output", "json"]);
    let first = run(folder.path(), 0, &rehearse);
    assert_eq!(first, run(folder.path(), 0, &rehearse));
    assert_eq!(before, world(), "a rehearsal changes nothing");

    run(
        folder.path(),
        0,
        &with_world(&["-q", "inventory", "--out", "saved.json"]),
    );
    let from = ["-q", "rehearse", "--from", "saved.json", "--output", "json"];
    let saved = run(folder.path(), 0, &from);
    assert_eq!(saved, run(folder.path(), 0, &from));

    // What is rehearsed is what plan shows, and what apply then does.
    let document: Value = serde_json::from_str(&first).expect("JSON");
    let rehearsed = addresses(&document["changes"]);
    let planned = run(
        folder.path(),
        2,
        &with_world(&["-q", "plan", "--output", "json"]),
    );
    let planned: Value = serde_json::from_str(&planned).expect("JSON");
    assert_eq!(rehearsed, addresses(&planned["changes"]));
    assert!(rehearsed.len() >= 5, "{rehearsed:?}");
    let applied = run(
        folder.path(),
        0,
        &with_world(&["-q", "apply", "--yes", "--output", "json"]),
    );
    let done = applied
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
        .filter(|event| event["event"] == "done")
        .count();
    assert_eq!(done, rehearsed.len());
    assert_eq!(document["failed"], Value::Array(Vec::new()));
    assert_eq!(document["not_copied"], Value::Array(Vec::new()));
}

/// Somebody has attached as many policies to an OU as AWS lets: the plan's own no longer fits there.
#[test]
fn a_change_that_would_fail_is_told_before_it_is_tried() {
    let folder = applied();
    let file = folder.path().join("world.json");
    let mut world: Value =
        serde_json::from_slice(&std::fs::read(&file).expect("reads")).expect("JSON");
    let organization = &mut world["world"]["organization"];
    let ou = organization["ous"]
        .as_object()
        .expect("OUs")
        .iter()
        .find(|(_, ou)| ou["name"] == "Sandbox")
        .map(|(id, _)| id.clone())
        .expect("the OU");
    // FullAWSAccess is there too, and ten are the most (Organizations quotas, since May 2026; five before).
    for number in 0..9 {
        let id = format!("p-byhand000{number}");
        organization["policies"][&id] = serde_json::json!({
            "name": format!("by-hand-{number}"),
            "description": "",
            "kind": "SERVICE_CONTROL_POLICY",
            "content": "{\"Version\":\"2012-10-17\",\"Statement\":[]}",
            "aws_managed": false,
            "targets": [ou],
        });
        let attached = organization["attached"][&ou].as_array_mut();
        attached.expect("a list").push(Value::String(id));
    }
    std::fs::write(&file, world.to_string()).expect("writes");
    let plan = folder.path().join("org.toml");
    let text = std::fs::read_to_string(&plan).expect("reads");
    let one_more = "[ou.Sandbox]\npolicies = [\"approved-regions\"]\n";
    let text = text.replace("[ou.Sandbox]\n", one_more);
    std::fs::write(&plan, text + "\n[ou.Later]\n").expect("writes");

    // That the quota does not allow it is seen before: nothing is rehearsed, unless it is to be.
    assert_eq!(run(folder.path(), 1, &with_world(&["-q", "rehearse"])), "");
    let all = ["-q", "rehearse", "--on-quota", "ignore"];
    let mut arguments = with_world(&all);
    arguments.extend(["--output", "json"]);
    let text = run(folder.path(), 1, &arguments);
    let document: Value = serde_json::from_str(&text).expect("JSON");
    let failed = document["failed"].as_array().expect("a list");
    assert_eq!(failed.len(), 1, "{failed:?}");
    let told = failed[0].to_string();
    for part in [
        "approved-regions",
        "Sandbox",
        "MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED",
    ] {
        assert!(told.contains(part), "no {part} in {told}");
    }
    // What does not need it goes on.
    let changes = addresses(&document["changes"]);
    assert!(changes.contains(&"ou Later".to_owned()), "{changes:?}");
    let text = run(folder.path(), 1, &with_world(&all));
    assert!(
        text.contains("MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED"),
        "{text}"
    );
}

/// Without its access role an account's stacks cannot be read: no verb calls that a success.
#[test]
fn what_could_not_be_read_is_no_success() {
    let folder = applied();
    let poke = ["-q", "sandbox", "poke", "--world", "world.json"];
    let poke: Vec<&str> = poke
        .into_iter()
        .chain(["delete-role", "security"])
        .collect();
    run(folder.path(), 0, &poke);
    for verb in [&["plan"][..], &["apply", "--yes"], &["rehearse"]] {
        let text = run(folder.path(), 1, &with_world(verb));
        assert!(
            text.contains("not read") || text.contains("not be read"),
            "{verb:?}: {text}"
        );
    }
}

/// From nothing: the whole example, with AWS's limit on creations as what holds it back once there are
/// more accounts than are created at a time.
#[test]
fn many_new_accounts_are_held_back_by_the_creations_at_a_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut plan = std::fs::read_to_string(root().join("examples/startup.toml")).expect("reads");
    for number in 0..30 {
        plan.push_str(&format!(
            "\n[account.team-{number:02}]\nou = \"Workloads/Prod\"\n\
             tags = {{ data-classification = \"restricted\", business-unit = \"shop\" }}\n"
        ));
    }
    std::fs::write(folder.path().join("org.toml"), plan).expect("writes");
    // An empty world, whose quota of accounts AWS would have raised by then.
    run(folder.path(), 1, &with_world(&["-q", "plan"]));
    let poke = ["-q", "sandbox", "poke", "--world", "world.json"];
    let poke: Vec<&str> = poke
        .into_iter()
        .chain(["quota", "accounts", "50"])
        .collect();
    run(folder.path(), 0, &poke);
    let text = run(
        folder.path(),
        0,
        &with_world(&["-q", "rehearse", "--output", "json"]),
    );
    let document: Value = serde_json::from_str(&text).expect("JSON");
    let quota = document["quota"]["what"].as_str().unwrap_or_default();
    assert_eq!(quota, "AWS creates 5 accounts at a time in an organization");
    // Each link begins when the one before it has ended.
    let chain = document["chain"].as_array().expect("a chain");
    assert_eq!(chain[0]["address"]["text"], "organization");
    for pair in chain.windows(2) {
        assert_eq!(pair[1]["after"], pair[0]["address"]);
        assert!(pair[1]["start_seconds"].as_f64() >= pair[0]["end_seconds"].as_f64());
    }
    let throttled = document["calls"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|calls| calls["throttled"] != 0)
        .count();
    assert_eq!(throttled, 0, "{}", document["calls"]);
    let created = document["calls"]
        .as_array()
        .expect("a list")
        .iter()
        .find(|calls| calls["operation"] == "organizations:CreateAccount")
        .expect("was called");
    assert_eq!(created["number"], 35);
}

/// The table of pokes in the documents is what `--list` says.
#[test]
fn the_documents_list_every_poke() {
    let path = root().join("docs/sandbox.md");
    let mut table = String::from("| poke | what it does |\n| --- | --- |\n");
    for poke in orgstrap::sandbox::poke::all() {
        table.push_str(&format!("| `{}` | {} |\n", poke.usage(), poke.help));
    }
    let marks = (
        "<!-- pokes: made by the program -->\n",
        "<!-- end of pokes -->",
    );
    golden::part(&path, marks, &table);
}

/// An OU from which somebody took FullAWSAccess away: every call there is denied that no other policy allows.
const DENIED: &str = r#"
[organization]
management_account = "111111111111"
home_region = "eu-west-1"
regions = ["eu-west-1", "us-east-1"]
logging = "log-archive"
secops = "security"
email = "aws+{account}@example.com"
[ou.Security]
[ou.Sandbox]
policies = ["guard"]
[account.log-archive]
ou = "Security"
[account.security]
ou = "Security"
[account.playground]
ou = "Sandbox"
[baseline.config]
[policy.guard]
type = "service_control_policy"
content = '{"Version":"2012-10-17","Statement":[{"Effect":"EFFECT","Action":"s3:*","Resource":"*"}]}'
"#;

/// The plan with one account more, and FullAWSAccess taken away.
fn denied(effect: &str) -> Place {
    let plan = DENIED.replace("EFFECT", effect);
    let place = Place::of(&plan, &[]);
    place.run(
        &[
            "sandbox",
            "poke",
            "detach-policy",
            "FullAWSAccess",
            "Sandbox",
        ],
        0,
    );
    place.write(&format!("{plan}[account.lab]\nou = \"Sandbox\"\n"));
    place
}

fn failed(lines: &str, event: &str) -> Vec<(String, String)> {
    let mut failed: Vec<(String, String)> = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
        .flat_map(|line| match event {
            "rehearsal" => line["failed"].as_array().cloned().unwrap_or_default(),
            _ if line["event"] == event => vec![line],
            _ => Vec::new(),
        })
        .map(|one| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let change = match &one["change"]["text"] {
                Value::Null => &one["address"]["text"],
                address => address,
            };
            (text(change), text(&one["failure"]["hint"]))
        })
        .collect();
    failed.sort();
    failed
}

#[test]
fn a_new_account_where_nothing_is_allowed_fails_in_the_rehearsal_as_it_does_then() {
    // Another policy allows in its place, and nobody said what is meant: nothing is opened.
    let place = denied("Allow");
    let rehearsed = place.output(&["rehearse", "--output", "json"]);
    assert_eq!(
        rehearsed.code,
        Some(1),
        "{}{}",
        rehearsed.data,
        rehearsed.told
    );
    let document: Value = serde_json::from_str(&rehearsed.data).expect("JSON");
    // The account that is there has what it got before.
    assert_eq!(
        document["not_copied"],
        Value::Array(Vec::new()),
        "{document}"
    );
    let foretold = failed(&rehearsed.data, "rehearsal");
    let applied = place.output(&["apply", "--yes", "--output", "json"]);
    assert_eq!(applied.code, Some(1), "{}{}", applied.data, applied.told);
    let then = failed(&applied.data, "failed");
    assert_eq!(foretold, then, "{}", rehearsed.data);
    let [(change, hint)] = then.as_slice() else {
        panic!("{then:?}");
    };
    assert_eq!(change, "rollout of config-recorder to account lab");
    assert!(
        hint.contains("FullAWSAccess is not attached") && hint.contains("full_aws_access = true"),
        "{hint}"
    );

    // Nothing allows in its place: it is put back in the same run, before the account needs it.
    let place = denied("Deny");
    let rehearsed = place.output(&["rehearse", "--output", "json"]);
    assert_eq!(
        rehearsed.code,
        Some(0),
        "{}{}",
        rehearsed.data,
        rehearsed.told
    );
    let document: Value = serde_json::from_str(&rehearsed.data).expect("JSON");
    assert_eq!(
        document["not_copied"],
        Value::Array(Vec::new()),
        "{document}"
    );
    assert!(
        addresses(&document["changes"]).contains(&"policy FullAWSAccess on ou Sandbox".to_owned())
    );
    place.run(&["apply", "--yes"], 0);
    place.run(&["drift"], 0);
}
