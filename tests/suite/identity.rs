//! Whose account, whose policy: what verbs refuse to guess, and what they write into the plan. Each through the
//! binary, because file, world and exit code are what people have.

use serde_json::Value;

use crate::support::place::Place;

/// Its accounts with duties are called as no guide calls them, and nothing of the baselines but their stacks says
/// which they are.
const PLAN: &str = r#"
[organization]
management_account = "111111111111"
home_region = "us-east-1"
logging = "keeper"
secops = "watcher"
email = "aws+{account}@example.com"
policies = ["guard"]

[ou.Core]
[ou.Work]

[account.keeper]
ou = "Core"
[account.watcher]
ou = "Core"
[account.shop]
ou = "Work"
tags = { Team = "shop", team = "Shop" }

[policy.guard]
type = "service_control_policy"
file = "guard.json"
"#;

const GUARD: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"organizations:LeaveOrganization","Resource":"*"}]}"#;

/// Without baselines.
fn place() -> Place {
    // With a mark at the beginning of plan and policy, as editors of other systems write it.
    let marked = |text: &str| format!("\u{feff}{text}");
    Place::of(&marked(PLAN), &[("guard.json", &marked(GUARD))])
}

/// Everything that Organizations holds.
fn organization(place: &Place) -> Value {
    let world = serde_json::to_value(place.world()).expect("JSON");
    world["organization"].clone()
}

/// In an account that is in no organization nobody knows its address before; once AWS tells it, nothing else is changed.
#[test]
fn the_management_account_is_nobody_elses_in_a_new_organization_too() {
    let before = PLAN.replace(
        "[account.shop]\n",
        "[account.shop]\nemail = \"Management@example.com\"\n",
    );
    let place = Place::new(&before, &[("guard.json", GUARD)]);
    for _ in 0..2 {
        let message = place.output(&["apply", "org.toml", "--yes", "--create-organization"]);
        assert_eq!(message.code, Some(1), "{}{}", message.data, message.told);
        let all = format!("{}{}", message.data, message.told);
        assert!(all.contains("management"), "{all}");
        assert!(!all.contains("as the plan says"), "{all}");
        let organization = organization(&place);
        assert_eq!(place.world().accounts.len(), 1);
        assert_eq!(
            organization["ous"].as_object().map(|ous| ous.len()),
            Some(0)
        );
    }
    // With an address of its own the same command goes on.
    place.write(PLAN);
    place.run(&["apply", "org.toml", "--yes"], 0);
    place.run(&["plan", "org.toml"], 0);
}

/// A refusal that leaves plan and organization as they are.
fn refuses(place: &Place, arguments: &[&str], says: &[&str]) {
    let (text, before) = (place.text(), organization(place));
    let told = place.refused(arguments);
    for word in says {
        assert!(told.contains(word), "{word} is not in\n{told}");
    }
    assert_eq!(place.text(), text, "{arguments:?}");
    assert_eq!(organization(place), before, "{arguments:?}");
}

fn id_of(place: &Place, name: &str) -> String {
    let world = place.world();
    let mut all = world.accounts.iter();
    let (id, _) = all
        .find(|(_, account)| account.name == name)
        .expect("there");
    id.clone()
}

#[test]
fn what_nobody_but_a_person_can_say_stops_before_anything_is_changed() {
    let place = place();
    place.run(&["plan", "org.toml"], 0);
    let settled = place.moment();

    // The management account's address: as an edit of the plan, and as a command.
    let text = place.text();
    place.write(&text.replace(
        "[account.shop]\n",
        "[account.shop]\nemail = \"Management@example.com\"\n",
    ));
    let taken = "is the management account's";
    refuses(&place, &["apply", "org.toml", "--yes"], &[taken]);
    let drift = place.output(&["drift", "org.toml"]);
    assert_ne!(drift.code, Some(0), "{}", drift.data);
    assert!(drift.data.contains(taken), "{}{}", drift.data, drift.told);
    place.go_back(&settled);
    let add = ["account", "add", "payments", "--ou", "Work", "--yes"];
    let with_email = [&add[..], &["--email", "management@example.com"]].concat();
    refuses(&place, &with_email, &[taken]);

    // A key that was renamed by hand, and what the message says to do.
    let shop = id_of(&place, "shop");
    let renamed = text.replace("[account.shop]\n", "[account.store]\n");
    place.write(&renamed);
    let message = ["is it one that was renamed?", "renamed_from = \"shop\""];
    refuses(&place, &["apply", "org.toml", "--yes"], &message);
    assert_eq!(place.output(&["plan", "org.toml"]).code, Some(1));
    place.write(&renamed.replace(
        "[account.store]\n",
        "[account.store]\nrenamed_from = \"shop\"\nemail = \"aws+shop@example.com\"\n",
    ));
    place.run(&["apply", "org.toml", "--yes"], 0);
    place.run(&["plan", "org.toml"], 0);
    assert_eq!(id_of(&place, "store"), shop);
    assert_eq!(place.world().accounts.len(), 4);
    place.go_back(&settled);

    // A name that an account has which nobody told the plan of.
    place.run(
        &[
            "sandbox",
            "poke",
            "create-account",
            "payments",
            "p@example.com",
        ],
        0,
    );
    place.run(&["sandbox", "poke", "wait", "10"], 0);
    refuses(&place, &add, &["of that name already", "give `id = \""]);
}

#[test]
fn an_account_that_was_closed_is_not_the_new_one() {
    let place = place();
    let shop = id_of(&place, "shop");
    place.run(
        &["account", "close", "shop", "--confirm", "shop", "--yes"],
        0,
    );
    let add = ["account", "add", "shop", "--ou", "Work", "--yes"];
    // Under the same address there can be none.
    refuses(&place, &add, &["another email"]);
    let other = [&add[..], &["--email", "shop2@example.com"]].concat();
    place.run(&other, 0);
    place.run(&["plan", "org.toml"], 0);
    let world = place.world();
    let named = |name: &str| world.accounts.values().filter(|a| a.name == name).count();
    assert_eq!(named("shop"), 2);
    assert!(world.accounts.contains_key(&shop));
    // An import gives the key to the one that is in use.
    let import = ["import", "--region", "us-east-1", "--out", "imported.toml"];
    place.run(&import, 0);
}

#[test]
fn what_a_verb_writes_is_checked_before_it_is_written() {
    let place = place();
    let rename = |name| {
        [
            "account", "rename", "shop", "store", "--name", name, "--yes",
        ]
    };
    for name in ["Größe", "a<b", ""] {
        refuses(&place, &rename(name), &["AWS does not take"]);
    }
    // All kinds of mistake at once, those that only the plan knows too.
    let table = "name,ou,tag:team,tag:team,email\n\
        ok,Work,a,a,\n\
        two words,Wrok,,,\n\
        far,Nowhere,,,\n\
        twin,Work,,,aws+ok@example.com\n\
        long,Work,,,nobody\n\
        shop,Core,,,\n\
        ok,Work,,,\n\
        short,Work\n";
    std::fs::write(place.path("many.CSV"), format!("\u{feff}{table}")).expect("writes");
    let add = ["account", "add", "--from", "many.CSV", "--yes"];
    refuses(
        &place,
        &add,
        &[
            "many.CSV:1: the column `tag:team` is there twice",
            "many.CSV:3: name `two words`",
            "many.CSV:3: there is no OU `Wrok` in this plan",
            "many.CSV:4: there is no OU `Nowhere` in this plan",
            "many.CSV:5: two accounts have the email `aws+ok@example.com` (first here: many.CSV:2",
            "many.CSV:6: email `nobody`",
            "many.CSV:7: shop: the OU is Work in the plan, and Core was asked for",
            "many.CSV:8: account `ok` is named twice, first in line 2",
            "many.CSV:9: has 2 fields, and the header has 5",
        ],
    );
    let list = "\u{feff}[{\"name\": \"lab\", \"ou\": \"Work\"}]";
    std::fs::write(place.path("many.json"), list).expect("writes");
    place.run(&["account", "add", "--from", "many.json", "--yes"], 0);
    assert!(place.text().starts_with("\u{feff}"), "the mark stays");
    place.run(&["plan", "org.toml"], 0);

    // Tag keys that differ in case are two, and filters know both and nothing else.
    let listed = |filter: &[&str]| place.run(&[&["account", "list"][..], filter].concat(), 0);
    assert!(listed(&["--tag", "Team=shop"]).contains("shop"));
    assert!(listed(&["--tag", "team=Shop"]).contains("shop"));
    assert!(listed(&["--state", "pending_closure"]).contains("No account"));
    for (filter, says) in [
        (["--state", "activ"], "did you mean `active`?"),
        (["--ou", "Wrok"], "did you mean `Work`?"),
        (["--tag", "Taem"], "did you mean `Team`?"),
        (["--tag", "Team=shp"], "did you mean `shop`?"),
    ] {
        refuses(
            &place,
            &[&["account", "list"][..], &filter].concat(),
            &[says],
        );
    }
}

#[test]
fn a_policy_made_by_hand_is_adopted_by_a_word() {
    let place = place();
    // Without its tag it is anybody's.
    let mut world = place.world();
    let organization = world.organization.as_mut().expect("there");
    let all = organization.policies.iter();
    let (id, before) = all
        .map(|(id, policy)| (id.clone(), policy.content.clone()))
        .find(|(_, content)| content.contains("LeaveOrganization"))
        .expect("there");
    organization.tags.remove(&id);
    world.save(&place.path("world.json")).expect("writes");
    let content = |place: &Place| {
        let organization = place.world().organization.expect("there");
        organization.policies[&id].content.clone()
    };
    place.run(&["plan", "org.toml"], 0);
    let other = GUARD.replace("organizations:LeaveOrganization", "iam:CreateUser");
    std::fs::write(place.path("guard.json"), other).expect("writes");
    let message = place.output(&["apply", "org.toml", "--yes"]);
    let all = format!("{}{}", message.data, message.told);
    assert!(all.contains("`adopt = true` to [policy.guard]"), "{all}");
    assert_eq!(content(&place), before);
    place.write(&format!("{}adopt = true\n", place.text()));
    place.run(&["apply", "org.toml", "--yes"], 0);
    assert!(content(&place).contains("iam:CreateUser"));
    place.run(&["plan", "org.toml"], 0);
    // It is imported with that word.
    let import = ["import", "--region", "us-east-1", "--out", "imported.toml"];
    place.run(&import, 0);
    place.run(&["plan", "imported.toml"], 0);
    let text = std::fs::read_to_string(place.path("imported.toml")).expect("reads");
    assert_eq!(text.matches("adopt = true").count(), 1, "{text}");
}

/// No name says which accounts have the duties: the stacks do, by their parameters or, where these were chosen
/// by hand, by where they lie.
#[test]
fn an_organization_that_orgstrap_made_says_who_has_the_duties() {
    let baselines = "\n[baseline.cloudtrail]\nbucket_name = \"acme-trail\"\n\
        [baseline.config]\nbucket_name = \"acme-config\"\n[baseline.roles]\n";
    let place = Place::of(&format!("{PLAN}{baselines}"), &[("guard.json", GUARD)]);
    let import = ["import", "--region", "us-east-1", "--out", "imported.toml"];
    let out = place.output(&import);
    let text = std::fs::read_to_string(place.path("imported.toml"));
    let text = text.unwrap_or_else(|_| panic!("{}{}", out.data, out.told));
    assert!(text.contains("logging = \"keeper\""), "{text}");
    assert!(text.contains("secops = \"watcher\""), "{text}");
    assert!(text.contains("[baseline.config]"), "{text}");
    assert_eq!(out.code, Some(0), "{}{}", out.data, out.told);
}

/// Where nothing says it, the baselines are left out and told, and the plan can be used.
#[test]
fn an_organization_that_says_no_duties_is_imported_without_baselines() {
    let place = Place::of(
        &format!("{PLAN}\n[baseline.ec2-defaults]\n"),
        &[("guard.json", GUARD)],
    );
    let out = place.output(&["import", "--region", "us-east-1", "--out", "imported.toml"]);
    let all = format!("{}{}", out.data, out.told);
    assert_ne!(out.code, Some(1), "{all}");
    assert!(
        all.contains("left out: the baseline `ec2-defaults`"),
        "{all}"
    );
    place.run(&["validate", "imported.toml"], 0);
}

/// Editors of other systems put a mark before the text: it is no part of a plan, a descriptor or a template.
#[test]
fn a_byte_order_mark_is_no_part_of_any_file() {
    let plan = format!("{PLAN}[baseline.ours]\nfolder = \"ours\"\n");
    let descriptor = "name = \"ours\"\nsummary = \"Topics.\"\n\
        [[stack-set]]\nname = \"topics\"\ndescription = \"A topic.\"\ntemplate = \"topic.yaml\"\nregions = \"home\"\n\
        management_too = false\nretain_on_removal = false\n\
        [[stack]]\nname = \"topic\"\ntemplate = \"topic.json\"\nat = \"{management}/{home_region}\"\n";
    let yaml = "Resources:\n  Topic:\n    Type: AWS::SNS::Topic\n";
    let json = r#"{"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}"#;
    let wide = |text: &str| -> Vec<u8> {
        let units = format!("\u{feff}{text}");
        units.encode_utf16().flat_map(u16::to_le_bytes).collect()
    };
    let expanded = |write: &dyn Fn(&str) -> Vec<u8>| {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("ours")).expect("made");
        for (name, text) in [
            ("org.toml", plan.as_str()),
            ("guard.json", GUARD),
            ("ours/baseline.toml", descriptor),
            ("ours/topic.yaml", yaml),
            ("ours/topic.json", json),
        ] {
            std::fs::write(folder.path().join(name), write(text)).expect("written");
        }
        let loaded = orgstrap::plan::read(&folder.path().join("org.toml"));
        let loaded = loaded.unwrap_or_else(|wrong| panic!("{:?}", wrong.diagnostics));
        let desired = orgstrap::baseline::expand(&loaded.plan);
        (loaded.plan.policies, desired.expect("sound"))
    };
    let plain = expanded(&|text| text.as_bytes().to_vec());
    assert_eq!(plain.1.stack_sets.len(), 1);
    assert_eq!(plain.1.stacks.len(), 1);
    assert_eq!(
        plain,
        expanded(&|text| format!("\u{feff}{text}").into_bytes())
    );
    assert_eq!(plain, expanded(&wide));
}

/// What an import cannot write down, because it is in no template of ours, is told with the exit code that `plan` will have.
#[test]
fn an_import_tells_of_baselines_that_it_does_not_know() {
    let plan = format!("{PLAN}[baseline.ours]\nfolder = \"ours\"\n");
    let descriptor = "name = \"ours\"\nsummary = \"Topics.\"\n\
        [[stack-set]]\nname = \"topics\"\ndescription = \"A topic.\"\ntemplate = \"topic.yaml\"\nregions = \"home\"\n\
        management_too = false\nretain_on_removal = false\n";
    let template = "Resources:\n  Topic:\n    Type: AWS::SNS::Topic\n";
    let place = Place::of(
        &plan,
        &[
            ("guard.json", GUARD),
            ("ours/baseline.toml", descriptor),
            ("ours/topic.yaml", template),
        ],
    );
    let message = place.output(&["import", "--out", "imported.toml", "--region", "us-east-1"]);
    assert_eq!(message.code, Some(2), "{}{}", message.data, message.told);
    assert!(message.data.contains("topics"), "{}", message.data);
    assert!(!message.data.contains("has no changes"), "{}", message.data);
    assert_eq!(place.output(&["plan", "imported.toml"]).code, Some(2));
}
