//! `orgstrap drift --deep`: what only CloudFormation's drift detection finds.

use std::path::{Path, PathBuf};

use orgstrap::sandbox::{Call, World, table};
use serde_json::{Value, json};

use crate::support::{orgstrap, root};

const HOME: &str = "eu-west-1";

/// A plan with a baseline of one's own: an event rule in every account.
fn plan(folder: &Path) -> PathBuf {
    let startup = std::fs::read_to_string(root().join("examples/startup.toml")).expect("it reads");
    let file = folder.join("org.toml");
    std::fs::write(
        &file,
        format!("{startup}\n[baseline.ours]\nfolder = \"ours\"\n"),
    )
    .expect("it writes");
    let ours = folder.join("ours");
    std::fs::create_dir(&ours).expect("a folder");
    std::fs::write(
        ours.join("baseline.toml"),
        r#"
name = "ours"
summary = "A rule that watches root."

[[stack-set]]
name = "root-watch"
description = "A rule that watches root."
template = "rule.yaml"
regions = "home"
management_too = false
retain_on_removal = false
"#,
    )
    .expect("it writes");
    std::fs::write(
        ours.join("rule.yaml"),
        r#"
Resources:
  Rule:
    Type: AWS::Events::Rule
    Properties:
      Name: root-watch
      State: ENABLED
      EventPattern: {detail: {userIdentity: {type: [Root]}}}
"#,
    )
    .expect("it writes");
    file
}

struct Broken {
    world: World,
}

impl Broken {
    fn id(&self, name: &str) -> String {
        let mut accounts = self.world.accounts.iter();
        let found = accounts.find(|(_, account)| account.name == name);
        found.expect("the account is there").0.clone()
    }

    fn call(&mut self, account: &str, service: &str, operation: &str, input: Value) -> Value {
        let id = self.id(account);
        let principal = orgstrap::sandbox::permissions::past_policies(&id);
        let call = Call::internal(&id, HOME, &principal, self.world.now, input);
        table::invoke(&mut self.world, service, operation, &call)
            .unwrap_or_else(|error| panic!("{service}:{operation}: {error}"))
    }
}

fn run(world: &Path, plan: &Path, arguments: &[&str]) -> (Option<i32>, Vec<Value>) {
    let output = orgstrap()
        .arg("drift")
        .arg(plan)
        .args(["--yes", "-q", "--sandbox", "--output", "json", "--world"])
        .arg(world)
        .args(arguments)
        .output()
        .expect("it runs");
    let out = String::from_utf8_lossy(&output.stdout);
    let documents = out
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(|line: &Value| line["format"] == "orgstrap-drift")
        .collect::<Vec<Value>>();
    assert!(
        !documents.is_empty(),
        "{out}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    (output.status.code(), documents)
}

/// Control, kind, account and fields of every finding.
fn told(document: &Value) -> Vec<String> {
    let findings = document["findings"].as_array().expect("a list");
    let mut told: Vec<String> = findings
        .iter()
        .map(|finding| {
            let fields = finding["fields"].as_array().expect("a list");
            let fields: Vec<String> = fields
                .iter()
                .map(|f| format!("{} {}>{}", f["field"], f["before"], f["after"]))
                .collect();
            format!(
                "{} {} {} by {}: {}",
                finding["control"],
                finding["kind"],
                finding["place"]["account"],
                finding["fix"]["by"],
                fields.join(", ")
            )
            .replace('"', "")
        })
        .collect();
    told.sort();
    told
}

#[test]
fn what_stacks_made_is_looked_at_property_by_property() {
    let folder = tempfile::tempdir().expect("a folder");
    let plan = plan(folder.path());
    let file = folder.path().join("world.json");
    let applied = orgstrap()
        .args(["apply", "--yes", "-q", "--sandbox", "--world"])
        .arg(&file)
        .arg(&plan)
        .output()
        .expect("it runs");
    assert!(applied.status.success(), "{applied:?}");
    let mut world = World::load(&file).expect("it loads");
    let then = world.now.plus_secs(86_400);
    world.advance(then);
    world.save(&file).expect("it saves");

    let (exit, found) = run(&file, &plan, &["--deep", "--fail-on", "info"]);
    assert_eq!(
        (exit, told(&found[0])),
        (Some(0), vec![]),
        "a clean organization"
    );
    // The plain stacks, the recorder's instances in five accounts and two Regions, and the rule's in five.
    let stacks = 7 + 10 + 5;
    assert_eq!(found[0]["checked"]["stacks.drift"], stacks);

    let mut broken = Broken { world };
    broken.call(
        "shop-prod",
        "events",
        "DisableRule",
        json!({"Name": "root-watch"}),
    );
    broken.call(
        "shop-dev",
        "events",
        "DeleteRule",
        json!({"Name": "root-watch"}),
    );
    let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
                       "Principal": {"Service": "lambda.amazonaws.com"}}]});
    let roles = broken.call("security", "iam", "ListRoles", json!({}));
    let role = roles["Roles"].as_array().expect("a list").iter();
    let role = role
        .map(|role| role["RoleName"].as_str().expect("a name"))
        .find(|name| name.contains("aggregator"))
        .expect("the aggregator's role")
        .to_owned();
    broken.call(
        "security",
        "iam",
        "UpdateAssumeRolePolicy",
        json!({"RoleName": role, "PolicyDocument": trust.to_string()}),
    );
    // A control tells of this one, with or without `--deep`.
    let mut buckets = broken.world.s3.buckets.iter_mut();
    let bucket = buckets.find(|(name, _)| name.starts_with("orgstrap-config-"));
    let settings = &mut bucket.expect("the bucket").1.settings;
    settings.insert(
        "VersioningConfiguration".into(),
        json!({"Status": "Suspended"}),
    );
    broken.world.save(&file).expect("it saves");

    let bucket = "config.bucket drift log-archive by change: VersioningConfiguration {\\Status\\:\\Suspended\\}>{\\Status\\:\\Enabled\\}";
    let rules = [
        "stacks.drift drift shop-dev by person: exists false>true",
        "stacks.drift drift shop-prod by person: State DISABLED>ENABLED",
    ];
    let role = "stacks.drift drift security by change: \
                AssumeRolePolicyDocument/Statement/0/Principal/Service lambda.amazonaws.com>config.amazonaws.com";
    let (exit, found) = run(&file, &plan, &[]);
    assert_eq!((exit, told(&found[0])), (Some(2), vec![bucket.to_owned()]));
    let (exit, found) = run(&file, &plan, &["--deep", "--fix"]);
    let mut all = vec![bucket, role, rules[0], rules[1]];
    all.sort_unstable();
    assert_eq!(told(&found[0]), all);
    // What is in a stack set's instance is a person's to put back.
    assert_eq!(
        (exit, told(&found[1])),
        (Some(2), rules.map(String::from).to_vec())
    );

    // A suspended account is skipped as everywhere; that somebody deleted a stack is a finding.
    let mut broken = Broken {
        world: World::load(&file).expect("it loads"),
    };
    let prod = broken.id("shop-prod");
    broken.call(
        "management",
        "organizations",
        "CloseAccount",
        json!({"AccountId": prod}),
    );
    let dev = broken.id("shop-dev");
    let region = broken.world.region_mut(&dev, HOME).expect("a Region");
    let stack = region.cloudformation.names.keys();
    let stack = stack.filter(|name| name.contains("root-watch")).cloned();
    let stack = stack.collect::<Vec<String>>().remove(0);
    broken.call(
        "shop-dev",
        "cloudformation",
        "DeleteStack",
        json!({"StackName": stack}),
    );
    let then = broken.world.now.plus_secs(86_400);
    broken.world.advance(then);
    broken.world.save(&file).expect("it saves");
    let (exit, found) = run(&file, &plan, &["--deep", "--only", "stacks"]);
    assert_eq!(
        (exit, told(&found[0])),
        (
            Some(2),
            vec!["stacks.drift drift shop-dev by person: ".to_owned()]
        )
    );
}
