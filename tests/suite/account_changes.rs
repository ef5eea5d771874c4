//! `orgstrap account rename`, `close`, `move` and `adopt`: what they refuse, and what is so when they are killed.

use orgstrap::sandbox::World;
use serde_json::Value;

use crate::support::likeness::{differences, likeness};
use crate::support::place::Place;

const PLAN: &str = r#"
[organization]
management_account = "111111111111"
home_region = "us-east-1"
logging = "log-archive"
secops = "security"
email = "aws+{account}@example.com"
[ou.Security]
[ou.Workloads]
[ou."Workloads/Dev"]
[ou.Quarantine]
baselines = []

[account.log-archive]
ou = "Security"
[account.security]
ou = "Security"
# The shop's own account.
[account.shop]
ou = "Workloads" # for now
[account.blog]
ou = "Workloads"

[baseline.config]
"#;

/// What a run asked AWS, in order, by `-vv`: the calls of each of its ways to AWS, which are counted anew.
fn calls(told: &str) -> Vec<Vec<String>> {
    let mut sessions: Vec<Vec<String>> = Vec::new();
    for line in told.lines() {
        let Some((_, call)) = line.split_once("orgstrap::aws: ") else {
            continue;
        };
        // The first question of each is whose the credentials are.
        if call == "sts:GetCallerIdentity" {
            sessions.push(Vec::new());
        }
        let name = call.split(' ').next().unwrap_or_default();
        sessions.last_mut().expect("begun").push(name.to_owned());
    }
    sessions
}

/// The calls at which a command is killed, counted from 1 in the last session and not met in those before: those
/// that change AWS, the one after the lock, and the ends. With `ORGSTRAP_FAULTS=all` all.
fn moments(sessions: &[Vec<String>]) -> Vec<(usize, String)> {
    let changes = |call: &String| {
        let name = call.split(':').next_back().unwrap_or_default();
        !["Get", "List", "Describe", "Assume"]
            .iter()
            .any(|read| name.starts_with(read))
    };
    let all = std::env::var("ORGSTRAP_FAULTS").is_ok_and(|faults| faults == "all");
    let (calls, before) = sessions.split_last().expect("one");
    let met = before.iter().map(Vec::len).max().unwrap_or_default();
    let lock = calls.iter().position(changes).expect("a change");
    assert!(met <= lock, "{met} {lock}");
    (met..calls.len())
        .filter(|&at| {
            // The file is written once the lock is had.
            let written = at == lock + 1;
            all || at == met || written || at + 1 == calls.len() || changes(&calls[at])
        })
        .map(|at| (at + 1, calls[at].clone()))
        .collect()
}

/// Kills a command at its calls and runs it again as whoever sees that would: after `orgstrap unlock` where the
/// lock is held. Each time the same plan and the same world are there in the end. `between` looks at what a kill
/// leaves.
fn killed(place: &Place, command: &[&str], between: impl Fn(&str, &World)) {
    let start = place.moment();
    let told = place.output(&[command, &["-vv"]].concat());
    assert_eq!(told.code, Some(0), "{}{}", told.data, told.told);
    let moments = moments(&calls(&told.told));
    let (text, end) = (place.text(), likeness(&place.world()));
    let mut locked = 0;
    let mut wrong = Vec::new();
    let last = moments.last().map(|(call, _)| *call);
    for (call, name) in moments {
        place.go_back(&start);
        let case = format!("killed at {call} ({name})");
        let fault = format!("kill@{call}");
        let out = place.output(&[command, &["--fault", &fault]].concat());
        if out.code == Some(0) {
            // Sessions that two calls wait for are told twice: there are fewer calls by one or two.
            assert!(last.is_some_and(|last| call + 2 > last), "{case}");
            continue;
        }
        assert_eq!(out.code, Some(1), "{case}: {}{}", out.data, out.told);
        between(&place.text(), &place.world());
        let unlock = || {
            let run = out.told.split("orgstrap unlock ").nth(1);
            let run = run.and_then(|rest| rest.split(' ').next());
            ["unlock", run.expect("told"), "--plan", "org.toml"]
        };
        let mut again = place.output(command);
        if again.code == Some(4) {
            locked += 1;
            assert!(
                again.told.contains(&unlock()[..2].join(" ")),
                "{}",
                again.told
            );
            place.run(&unlock(), 0);
            again = place.output(command);
        } else if holds(&place.world()) {
            // There was nothing left that needs the lock.
            place.run(&unlock(), 0);
        }
        if again.code != Some(0) {
            wrong.push(format!("{case}: {}{}", again.data, again.told));
            continue;
        }
        if place.text() != text {
            wrong.push(format!("{case}: another plan:\n{}", place.text()));
        }
        let like = likeness(&place.world());
        if like != end {
            wrong.push(format!("{case}:\n{}", differences(&end, &like)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(locked >= 2, "{locked}");
}

/// Whether a run holds the lock.
fn holds(world: &World) -> bool {
    let management = &world.accounts[&world.management_account];
    let lock = "/orgstrap/lock";
    let mut regions = management.regions.values();
    regions.any(|region| region.ssm.parameters.contains_key(lock))
}

/// The state of the account of an email, by Organizations.
fn state_of(email: &str, world: &World) -> Option<String> {
    let organization = world.organization.as_ref()?;
    let (id, _) = world
        .accounts
        .iter()
        .find(|(_, account)| account.email == email)?;
    Some(organization.members.get(id)?.state.clone())
}

/// How many closures AWS has begun.
fn closures(world: &World) -> usize {
    let organization = world.organization.as_ref();
    organization.expect("there").closures.len()
}

#[test]
fn a_renamed_account_is_the_same_one_whatever_crashes() {
    let place = Place::of(&PLAN.replace("[baseline.config]", ""), &[]);
    let before = place.text();
    let accounts = place.world().accounts.len();
    let rename = ["account", "rename", "shop", "store", "--yes"];
    killed(&place, &rename, |text, world| {
        assert_eq!(world.accounts.len(), accounts);
        // The plan has it under one name.
        let names = ["[account.shop]", "[account.store]"];
        assert_eq!(names.iter().filter(|name| text.contains(*name)).count(), 1);
        let renamed = text.contains("[account.store]");
        assert_eq!(text != before, renamed);
        // AWS has the new name only where the plan has.
        let mut all = world.accounts.values();
        assert!(renamed || !all.any(|account| account.name == "store"));
    });
    let id = place
        .world()
        .accounts
        .iter()
        .find(|(_, account)| account.email == "aws+shop@example.com")
        .map(|(id, account)| (id.clone(), account.name.clone()));
    let (id, name) = id.expect("there");
    assert_eq!(name, "store");
    let entry = format!(
        "# The shop's own account.\n[account.store]\nou = \"Workloads\" # for now\nid = \"{id}\"\nemail = \"aws+shop@example.com\"\n"
    );
    let old = "# The shop's own account.\n[account.shop]\nou = \"Workloads\" # for now\n";
    assert_eq!(place.text(), before.replace(old, &entry));
    place.run(&["plan"], 0);

    // Another name in AWS, asked for by a second command.
    place.run(&[&rename[..], &["--name", "The Store"]].concat(), 0);
    assert_eq!(place.world().accounts[&id].name, "The Store");
    place.run(&["plan"], 0);
}

/// What rests on a duty goes by the account's id, not by its name.
#[test]
fn an_account_with_a_duty_is_renamed_and_nothing_else() {
    let place = Place::of(PLAN, &[]);
    let rename = ["account", "rename", "log-archive", "logs", "--yes"];
    let events = place.events(&rename);
    let addresses: Vec<&str> = events[0]["changes"]
        .as_array()
        .expect("changes")
        .iter()
        .filter_map(|change| change["address"]["text"].as_str())
        .collect();
    assert_eq!(
        addresses,
        [
            "trusted access account.amazonaws.com",
            "name of account logs",
            "tags of account logs"
        ]
    );
    assert!(place.text().contains("logging = \"logs\""));
    place.run(&["plan"], 0);
}

#[test]
fn a_closed_account_leaves_the_plan_once_whatever_crashes() {
    let place = Place::of(PLAN, &[]);
    // It is known by its email alone, which AWS keeps from every other account once it is closed.
    place.run(&["sandbox", "poke", "untag", "shop", "orgstrap:key"], 0);
    let before = place.text();
    let close = ["account", "close", "shop", "--confirm", "shop"];
    killed(&place, &close, |text, world| {
        // While it is not closed its entry stays, by which the command finds it again.
        let state = state_of("aws+shop@example.com", world).expect("listed");
        assert_eq!(text, before, "{state}");
        assert_eq!(closures(world), usize::from(state != "ACTIVE"));
    });
    let world = place.world();
    assert_eq!(closures(&world), 1);
    let state = state_of("aws+shop@example.com", &world);
    assert_eq!(state.as_deref(), Some("CLOSED"));
    assert_eq!(
        place.text(),
        before.replace(
            "# The shop's own account.\n[account.shop]\nou = \"Workloads\" # for now\n",
            ""
        )
    );
    place.run(&["plan"], 0);
    // Once more: the plan has it no more.
    assert!(place.refused(&close).contains("has no account `shop`"));
}

/// A lock that is long in coming: what was shown is read again before the account is closed.
#[test]
fn a_closure_is_looked_at_again_when_it_waited() {
    let place = Place::of(PLAN, &[]);
    let close = ["account", "close", "shop", "--confirm", "shop"];
    let start = place.moment();
    let told = place.output(&[&close[..], &["-vv"]].concat()).told;
    let reads = |told: &str| {
        let all = calls(told).concat();
        let of = |name: &str| all.iter().filter(|call| *call == name).count();
        of("organizations:ListRoots")
    };
    let lock = calls(&told)
        .concat()
        .iter()
        .position(|call| call == "ssm:PutParameter");
    let fault = format!("slow@{}", lock.expect("the lock") + 1);
    place.go_back(&start);
    let slow = place.output(&[&close[..], &["-vv", "--fault", &fault]].concat());
    assert_eq!(slow.code, Some(0), "{}", slow.told);
    assert_eq!(reads(&slow.told), reads(&told) + 1);
}

/// A stack set whose stacks hold data, which nothing keeps.
const FILES: [(&str, &str); 2] = [
    (
        "files/baseline.toml",
        r#"
name = "files"
summary = "A bucket in every account."

[[stack-set]]
name = "files"
description = "A bucket."
template = "files.yaml"
regions = "home"
management_too = false
retain_on_removal = false
"#,
    ),
    (
        "files/files.yaml",
        r"
Resources:
  Files:
    Type: AWS::S3::Bucket
  Kept:
    Type: AWS::S3::Bucket
    DeletionPolicy: Retain
",
    ),
];

fn with_files() -> Place {
    let plan = PLAN.replace("[baseline.config]", "[baseline.files]\nfolder = \"files\"");
    Place::of(&plan, &FILES)
}

/// How many buckets an account has.
fn buckets(email: &str, world: &World) -> usize {
    let owned = world.s3.buckets.values().filter(|bucket| {
        let owner = world.accounts.get(&bucket.account);
        owner.is_some_and(|owner| owner.email == email)
    });
    owned.count()
}

#[test]
fn a_move_that_deletes_data_wants_to_be_told_so() {
    let place = with_files();
    let (text, world) = (place.text(), likeness(&place.world()));
    assert_eq!(buckets("aws+shop@example.com", &place.world()), 2);
    let to = ["account", "move", "shop", "--to", "Quarantine", "--yes"];
    let unchanged = |place: &Place| {
        assert_eq!(place.text(), text);
        let now = likeness(&place.world());
        assert_eq!(now, world, "{}", differences(&world, &now));
    };

    let told = place.refused(&to);
    assert!(told.contains("nothing was changed"), "{told}");
    assert!(told.contains("files: Files (AWS::S3::Bucket)\n"), "{told}");
    assert!(!told.contains("Kept"), "{told}");
    assert!(told.contains("--delete-data"), "{told}");
    unchanged(&place);
    // As data.
    let out = place.output(&[&to[..], &["--output", "json"]].concat());
    assert_eq!(out.code, Some(1));
    let lines: Vec<Value> = out
        .data
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let stacks = lines.iter().find(|line| line["event"] == "stacks");
    assert_eq!(
        stacks.expect("stacks")["stacks"][0]["data"],
        serde_json::json!(["Files (AWS::S3::Bucket)"])
    );
    unchanged(&place);
    place.run(&[&to[..], &["--delete-data", "--dry-run"]].concat(), 0);
    unchanged(&place);

    // By an edit of the plan.
    let edited = text.replace("[account.shop]", "[account.shop] # moves");
    let place_of = |ou: &str| {
        let mut lines: Vec<String> = edited.lines().map(str::to_owned).collect();
        let at = lines
            .iter()
            .position(|line| line.starts_with("[account.shop]"));
        let at = at.expect("the account");
        let line = lines[at..]
            .iter()
            .position(|line| line.starts_with("ou = "));
        lines[at + line.expect("its OU")] = format!("ou = {ou:?}");
        lines.join("\n") + "\n"
    };
    std::fs::write(place.path("moved.toml"), place_of("Quarantine")).expect("writes");
    for verb in ["plan", "rehearse"] {
        let out = place.output(&[verb, "moved.toml", "--output", "json"]);
        let document: Value = serde_json::from_str(&out.data).expect("JSON");
        let lost = &document["losses"];
        assert_eq!(lost.as_array().map(Vec::len), Some(1), "{verb}: {lost}");
        assert_eq!(lost[0]["address"]["text"], "placement of account shop");
        let resources = serde_json::json!([
            {"resource": "Files", "type": "AWS::S3::Bucket", "how": {"by": "with-its-stack"}}
        ]);
        assert_eq!(lost[0]["resources"], resources, "{verb}");
        let text = place.output(&[verb, "moved.toml"]).data;
        assert!(text.contains("Files (AWS::S3::Bucket)"), "{verb}: {text}");
    }
    let told = place.refused(&["apply", "moved.toml", "--yes"]);
    assert!(told.contains("Files (AWS::S3::Bucket)\n"), "{told}");
    unchanged(&place);

    // Below the same target nothing goes.
    let within = ["account", "move", "shop", "--to", "Workloads/Dev"];
    place.run(&[&within[..], &["--dry-run"]].concat(), 0);

    place.run(&[&to[..], &["--delete-data"]].concat(), 0);
    assert_eq!(buckets("aws+shop@example.com", &place.world()), 1);
    assert_eq!(buckets("aws+blog@example.com", &place.world()), 2);
    assert!(place.text().contains("ou = \"Quarantine\" # for now"));
    place.run(&["plan"], 0);
}

/// Accounts come from `add` and `apply`. What is about an account that is not there stops, and says so.
#[test]
fn nothing_but_add_makes_an_account() {
    let place = Place::of(PLAN, &[]);
    let text = place.text().replace(
        "[baseline.config]",
        "[account.later]\nou = \"Workloads\"\n\n[baseline.config]",
    );
    place.write(&text);
    let accounts = place.world().accounts.len();
    for command in [
        &["account", "adopt", "later", "--yes"][..],
        &["account", "rename", "later", "soon", "--yes"],
        &["account", "rename", "earlier", "later", "--yes"],
        &["account", "move", "later", "--to", "Security", "--yes"],
        &["account", "close", "later", "--confirm", "later"],
    ] {
        let told = place.refused(command);
        assert!(
            told.contains("later` is")
                || told.contains("account later is not in AWS")
                || told.contains("not there"),
            "{told}"
        );
        assert_eq!(place.text(), text);
        assert_eq!(place.world().accounts.len(), accounts);
    }
}

/// An account that only AWS has is meant before one of the plan, though both are named alike.
#[test]
fn adopt_takes_the_account_that_the_plan_has_not() {
    let place = Place::of(PLAN, &[]);
    for (name, email) in [
        ("shop", "other@example.com"),
        ("twin", "a@example.com"),
        ("twin", "b@example.com"),
    ] {
        place.run(&["sandbox", "poke", "create-account", name, email], 0);
    }
    let told = place.refused(&["account", "adopt", "shop", "--yes"]);
    assert!(
        told.contains("has another account `shop` already"),
        "{told}"
    );
    let told = place.refused(&["account", "adopt", "twin", "--yes"]);
    assert!(
        told.contains("several accounts are named `twin`: "),
        "{told}"
    );
    let adopt = ["account", "adopt", "shop", "--as", "shop-two", "--yes"];
    // It lies in the root, where no stack set reaches it: adopted, and not ready.
    let told = place.run(&adopt, 2);
    assert!(
        told.contains("stacks.not-reached: account shop-two"),
        "{told}"
    );
    let text = place.text();
    assert!(text.contains("[account.shop-two]\nou = \"/\"\n"), "{text}");
    assert!(text.contains("email = \"other@example.com\""), "{text}");
    // Again: it is the one that was adopted, and not the plan's.
    let again = place.run(&adopt, 2);
    assert!(
        again.contains("account shop-two is as org.toml says"),
        "{again}"
    );
    assert_eq!(place.text(), text);
}

#[test]
fn an_adopted_account_is_whole_whatever_crashes() {
    let place = Place::of(PLAN, &[]);
    place.run(
        &[
            "sandbox",
            "poke",
            "create-account",
            "legacy",
            "legacy@example.com",
        ],
        0,
    );
    place.run(
        &["sandbox", "poke", "move-account", "legacy", "Workloads"],
        0,
    );
    place.run(&["sandbox", "poke", "wait", "10"], 0);
    let before = place.text();
    let accounts = place.world().accounts.len();
    killed(
        &place,
        &["account", "adopt", "legacy", "--yes"],
        |text, world| {
            assert_eq!(world.accounts.len(), accounts);
            assert!(text == before || text.matches("[account.legacy]").count() == 1);
        },
    );
    let world = place.world();
    let legacy = world
        .accounts
        .values()
        .find(|account| account.name == "legacy");
    let recorder = &legacy.expect("there").regions["us-east-1"].config.recorder;
    assert!(recorder.is_some());
    place.run(&["plan"], 0);
}

/// `csv` is a form of one command; the others say so.
#[test]
fn only_account_list_writes_csv() {
    let place = Place::of(&PLAN.replace("[baseline.config]", ""), &[]);
    let table = place.run(
        &["account", "list", "--state", "active", "--output", "csv"],
        0,
    );
    let mut rows = csv::Reader::from_reader(table.as_bytes());
    let keys: Vec<String> = rows
        .records()
        .map(|row| row.expect("a row")[0].to_owned())
        .collect();
    assert_eq!(keys, ["blog", "log-archive", "security", "shop", ""]);
    for command in [
        &["plan"][..],
        &["drift"],
        &["account", "show", "shop"],
        &["graph"],
    ] {
        let told = place.refused(&[command, &["--output", "csv"]].concat());
        assert!(
            told.contains("`csv` is for `orgstrap account list`"),
            "{told}"
        );
    }
    let told = place.refused(&["account", "list", "--output", "sarif"]);
    assert!(
        told.contains("the reports are of `orgstrap drift`"),
        "{told}"
    );
}

/// What an earlier check found is shown with its time, beside what one finds now.
#[test]
fn an_account_is_shown_with_what_an_earlier_check_found() {
    let place = Place::of(PLAN, &[]);
    place.run(&["sandbox", "poke", "stop-recorder", "shop"], 0);
    place.run(&["drift", "--out", "check.json"], 2);
    place.run(&["drift", "--fix", "--yes"], 0);
    let of = |account: &str| {
        let command = ["account", "show", account, "--findings", "check.json"];
        (place.run(&command, 0), place.events(&command).remove(0))
    };
    let (text, data) = of("shop");
    let saved: Value =
        serde_json::from_str(&std::fs::read_to_string(place.path("check.json")).expect("reads"))
            .expect("JSON");
    let taken = saved["inventory"]["taken_at"].as_str().expect("a time");
    assert_eq!(data["saved"]["taken_at"], taken);
    let (day, time) = (&taken[..10], &taken[11..19]);
    assert!(
        text.contains(&format!("Checked now\n  nothing found\n\nChecked {day} {time} UTC\n  high config.recording in us-east-1: ")),
        "{text}"
    );
    assert_eq!(data["findings"], serde_json::json!([]));
    let controls: Vec<&str> = data["saved"]["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .filter_map(|finding| finding["control"].as_str())
        .collect();
    assert_eq!(controls, ["config.recording"]);
    let (_, other) = of("blog");
    assert_eq!(other["saved"]["findings"], serde_json::json!([]));
    // A file without what the services said is none of a check.
    std::fs::write(place.path("check.json"), "{}").expect("writes");
    place.refused(&["account", "show", "shop", "--findings", "check.json"]);
}

/// An edit of `[organization]` that nothing follows hides nothing of an account that is shown, nor from what is saved.
#[test]
fn an_account_is_shown_by_the_settings_by_which_it_was_made() {
    let place = Place::of(PLAN, &[]);
    place.run(&["sandbox", "poke", "stop-recorder", "shop"], 0);
    place.write(&PLAN.replace("secops =", "prefix = \"acme\"\nsecops ="));
    let data = place.events(&["account", "show", "shop"]).remove(0);
    let controls: Vec<&str> = data["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .filter_map(|finding| finding["control"].as_str())
        .collect();
    assert!(controls.contains(&"config.recording"), "{controls:?}");
    assert!(
        controls.contains(&"organization.comparable"),
        "{controls:?}"
    );
    place.run(&["inventory", "--out", "inventory.json"], 0);
    let saved = std::fs::read_to_string(place.path("inventory.json")).expect("reads");
    let saved: Value = serde_json::from_str(&saved).expect("JSON");
    let answers = saved["answers"].as_array().expect("answers");
    let recorder = answers
        .iter()
        .any(|answer| answer.to_string().contains("config-recorder"));
    assert!(recorder, "{answers:?}");
}

/// An account with an outdated instance is not ready, though only an update of the whole stack set fixes it.
#[test]
fn an_account_behind_its_stack_set_is_not_ready() {
    let place = Place::of(PLAN, &[]);
    let edit = [
        "sandbox",
        "poke",
        "edit-template",
        "config-recorder",
        "blog",
        "us-east-1",
    ];
    place.run(&edit, 0);
    let text = place.run(
        &["account", "move", "shop", "--to", "Workloads", "--yes"],
        2,
    );
    assert!(text.contains("Account shop is not ready."), "{text}");
    let update = "\n  update of config-recorder, stage 1: differs from the plan\n";
    assert!(text.contains(update), "{text}");
    // One that comes now gets the template that the set has, which is not the plan's.
    let add = ["account", "add", "wiki", "--ou", "Workloads", "--yes"];
    let text = place.run(&add, 2);
    assert!(text.contains("Account wiki is not ready."), "{text}");
    place.run(&["apply", "--yes"], 0);
    place.run(
        &["account", "move", "shop", "--to", "Workloads", "--yes"],
        0,
    );
}

/// A quarantine OU in which nobody may do anything, StackSets' role neither.
const DENY_ALL: &str = r#"
[policy.deny-all]
type = "service_control_policy"
content = '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}'
"#;

fn with_deny_all() -> Place {
    let quarantine = "[ou.Quarantine]\nbaselines = []\npolicies = [\"deny-all\"]";
    let plan = PLAN.replace("[ou.Quarantine]\nbaselines = []", quarantine);
    Place::of(&format!("{plan}{DENY_ALL}"), &[])
}

/// The instances of a stack set that an account has.
fn instances(world: &World, account: &str) -> usize {
    let management = world.region("111111111111", "us-east-1").expect("there");
    let sets = management.cloudformation.stack_sets.values();
    let instances = sets.flat_map(|set| set.instances.values());
    instances.filter(|one| one.account == account).count()
}

#[test]
fn a_quarantine_that_denies_everything_is_foreseen() {
    let place = with_deny_all();
    let shop = place
        .world()
        .accounts
        .iter()
        .find(|(_, account)| account.name == "shop")
        .map(|(id, _)| id.clone())
        .expect("there");
    let start = place.moment();
    let close = ["account", "close", "shop", "--confirm", "shop"];
    let out = place.output(&close);
    assert_eq!(out.code, Some(0), "{}{}", out.data, out.told);
    let foreseen = "removal of config-recorder from account shop: the account leaves the set's OUs; before, because the \
                    policy deny-all on Quarantine would keep StackSets from it afterwards";
    assert!(out.data.contains(foreseen), "{}", out.data);
    assert_eq!(instances(&place.world(), &shop), 0);
    place.run(&["plan"], 0);

    // One that lies there already can only be forgotten, and its stacks end with it.
    place.go_back(&start);
    place.run(
        &["sandbox", "poke", "move-account", "shop", "Quarantine"],
        0,
    );
    place.run(&["sandbox", "poke", "wait", "30"], 0);
    let moved = place
        .text()
        .replace("ou = \"Workloads\" # for now", "ou = \"Quarantine\"");
    place.write(&moved);
    let denied = "the policy deny-all on Quarantine keeps StackSets";
    for (verb, code) in [
        (&["plan"][..], 2),
        (&["apply", "--yes"], 1),
        (&["drift"], 2),
        (&["drift", "--fix", "--yes"], 2),
    ] {
        let out = place.output(verb);
        assert_eq!(out.code, Some(code), "{verb:?}: {}{}", out.data, out.told);
        assert!(out.data.contains(denied), "{verb:?}: {}", out.data);
    }
    // With something else to be made, the last line says that not all of it is so.
    let lying = place.moment();
    place.run(&["sandbox", "poke", "untag", "blog", "orgstrap:key"], 0);
    let out = place.output(&["apply", "--yes"]);
    assert_eq!(out.code, Some(1), "{}{}", out.data, out.told);
    assert!(
        out.data.contains("1 of what the plan asks for not"),
        "{}",
        out.data
    );
    // What the plan says is to stay is nobody's task.
    let leave = "[organization]\nleave = [\"config-recorder/Quarantine\"]";
    let left = place.text().replace("[organization]", leave);
    place.write(&left);
    let out = place.output(&["plan"]);
    assert_eq!(out.code, Some(0), "{}", out.data);
    place.go_back(&lying);
    let out = place.output(&close);
    assert_eq!(out.code, Some(0), "{}{}", out.data, out.told);
    assert!(
        out.data.contains("they stay in it and end with it"),
        "{}",
        out.data
    );
    assert_eq!(instances(&place.world(), &shop), 0);
    place.run(&["plan"], 0);
}

/// Not only one that denies everything: what the handlers of a user's own resources call to delete them is known.
#[test]
fn a_quarantine_that_keeps_a_bucket_from_being_deleted_is_foreseen() {
    let quarantine = "[ou.Quarantine]\nbaselines = []\npolicies = [\"keep-objects\"]";
    let plan = PLAN.replace("[ou.Quarantine]\nbaselines = []", quarantine);
    let policy = r#"
[policy.keep-objects]
type = "service_control_policy"
content = '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:Delete*","Resource":"*"}]}'
[baseline.own]
folder = "own"
"#;
    let own = "name = \"own\"\nsummary = \"A bucket.\"\n[[stack-set]]\nname = \"own\"\ndescription = \"A bucket.\"\n\
               template = \"bucket.yaml\"\nregions = \"governed\"\nmanagement_too = false\nretain_on_removal = false\n";
    let bucket = "Resources:\n  Bucket:\n    Type: AWS::S3::Bucket\n    Properties:\n      \
                  BucketName: !Sub \"acme-${AWS::AccountId}-${AWS::Region}\"\n";
    let place = Place::of(
        &format!("{plan}{policy}"),
        &[("own/baseline.toml", own), ("own/bucket.yaml", bucket)],
    );
    let close = ["account", "close", "shop", "--confirm", "shop"];
    let out = place.output(&close);
    assert_eq!(out.code, Some(0), "{}{}", out.data, out.told);
    let foreseen = "removal of own from account shop: the account leaves the set's OUs; before, because the policy \
                    keep-objects on Quarantine would keep StackSets from it afterwards";
    assert!(out.data.contains(foreseen), "{}", out.data);
    // What the policy allows goes with the move.
    assert!(
        out.data.contains(
            "removal of config-recorder from account shop: the account leaves the set's OUs\n"
        ),
        "{}",
        out.data
    );
}

/// The same of a move by an edit of the plan.
#[test]
fn a_move_into_a_denied_ou_takes_the_stacks_away_before() {
    let place = with_deny_all();
    let moved = place
        .text()
        .replace("ou = \"Workloads\" # for now", "ou = \"Quarantine\"");
    place.write(&moved);
    place.run(&["apply", "org.toml", "--yes"], 0);
    place.run(&["plan"], 0);
    place.run(&["drift"], 0);
}
