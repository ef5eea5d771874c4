//! Baselines as people use them: the built-in ones expanded for a plan, one's own in a folder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use orgstrap::addr::{Address, Attribute, Expr, Part, Place};
use orgstrap::baseline::{self, BaselineProblem, Descriptors, Desired};
use orgstrap::plan::{
    Account, AccountKey, BaselineChoice, OrgPlan, Organization, Ou, Portion, Rollout, Stage,
};
use orgstrap::sandbox::{Connection, World};
use proptest::prelude::*;
use serde_json::json;

use crate::support::{golden, inside, root};

#[test]
fn the_page_in_docs_is_made_from_the_descriptors() {
    let path = root().join("docs/baselines.md");
    let marks = ("<!-- from the descriptors -->\n\n", "<!-- to here -->\n");
    let page = baseline::reference::markdown().expect("sound descriptors");
    golden::part(&path, marks, &page);
}

fn account(email: &str, ou: &str) -> Account {
    Account {
        id: None,
        renamed_from: None,
        name: "any".into(),
        email: email.parse().unwrap(),
        ou: ou.parse().unwrap(),
        tags: BTreeMap::new(),
        policies: BTreeSet::new(),
        full_aws_access: None,
        contacts: BTreeMap::new(),
        preparation: Default::default(),
        iam_user_access_to_billing: true,
    }
}

/// A plan with the three baselines and two Regions, no account created yet.
fn startup() -> OrgPlan {
    let regions = ["eu-west-1", "us-east-1"].map(|region| region.parse().unwrap());
    let accounts = [
        ("log-archive", "Security"),
        ("security", "Security"),
        ("payments", "Prod"),
    ];
    OrgPlan {
        organization: Organization {
            management_account: "111111111111".parse().unwrap(),
            home_region: "eu-west-1".parse().unwrap(),
            regions: BTreeSet::from(regions),
            logging: "log-archive".parse().ok(),
            secops: "security".parse().ok(),
            access_role: "OrganizationAccountAccessRole".into(),
            prefix: "orgstrap".into(),
            centralized_root_access: false,
            break_glass_role: None,
            leave: Default::default(),
            policies: BTreeSet::new(),
            full_aws_access: None,
            tags: BTreeMap::new(),
        },
        segregation: BTreeMap::new(),
        ous: ["Security", "Prod"]
            .map(|ou| (ou.parse().unwrap(), Ou::default()))
            .into(),
        accounts: accounts
            .map(|(key, ou)| {
                let email = format!("aws+{key}@example.com");
                (key.parse().unwrap(), account(&email, ou))
            })
            .into(),
        policies: BTreeMap::new(),
        baselines: ["cloudtrail", "config", "guardduty"]
            .map(|name| (name.parse().unwrap(), BaselineChoice::default()))
            .into(),
        rollout: Rollout {
            stages: vec![vec![Stage::Rest]],
            max_concurrent: Portion::Percent(100),
            failure_tolerance: Portion::Percent(0),
        },
        trusted_access: BTreeSet::new(),
        delegated_administrators: BTreeMap::new(),
        opt_in_regions: Default::default(),
        pace: BTreeMap::new(),
    }
}

fn choose(plan: &mut OrgPlan, baseline: &str, options: serde_json::Value) {
    let choice = plan.baselines.entry(baseline.parse().unwrap()).or_default();
    choice.options = serde_json::from_value(options).unwrap();
}

fn told(problems: &[BaselineProblem]) -> String {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

/// The same of a baseline in a folder, which is nowhere in particular.
fn told_in(folder: &Path, problems: &[BaselineProblem]) -> String {
    told(problems).replace(&format!("{}", folder.display()), "FOLDER")
}

/// `Desired` without the text of the templates.
fn shown(desired: &Desired) -> String {
    let mut desired = desired.clone();
    let name = |template: &mut String| {
        let description = template.lines().nth(2).unwrap_or_default().trim();
        *template = format!("[{description}]");
    };
    desired
        .stacks
        .values_mut()
        .for_each(|stack| name(&mut stack.template));
    desired
        .stack_sets
        .values_mut()
        .for_each(|set| name(&mut set.template));
    let text = |text: &Expr| -> String {
        text.parts()
            .iter()
            .map(|part| match part {
                Part::Literal(text) => text.clone(),
                Part::Reference(address, attribute) => format!("<{attribute} of {address}>"),
            })
            .collect()
    };
    let mut lines = vec![
        format!("trusted access: {:#?}", strings(&desired.trusted_access)),
        format!("stack sets access: {}", desired.stack_sets_access),
        format!(
            "service-linked roles: {:?}",
            strings(&desired.service_linked_roles)
        ),
        format!(
            "in the management account: {:?}",
            strings(&desired.management_service_linked_roles)
        ),
    ];
    for (principal, key) in &desired.delegated_administrators {
        lines.push(format!("delegated administrator: {principal} {key}"));
    }
    for ((place, name), stack) in &desired.stacks {
        lines.push(format!(
            "\nstack {name} in {place}: {} {}",
            stack.full_name, stack.template
        ));
        lines.push(format!(
            "  capabilities {:?}, tags {:?}",
            stack.capabilities, stack.tags
        ));
        for (key, value) in &stack.parameters {
            lines.push(format!("  {key} = {}", text(value)));
        }
        lines.extend(stack.needs.iter().map(|need| format!("  needs {need}")));
    }
    for (name, set) in &desired.stack_sets {
        lines.push(format!(
            "\nstack set {name}: {} {}",
            set.full_name, set.template
        ));
        lines.push(format!("  {}", set.description));
        lines.push(format!(
            "  capabilities {:?}, tags {:?}, regions {:?}, retain {}",
            set.capabilities,
            set.tags,
            strings(&set.regions),
            set.retain_on_removal
        ));
        for (key, value) in &set.parameters {
            lines.push(format!("  {key} = {}", text(value)));
        }
        lines.extend(set.needs.iter().map(|need| format!("  needs {need}")));
    }
    if let Some(guardduty) = &desired.guardduty {
        lines.push(format!(
            "\nguardduty: {} in {:?}",
            guardduty.administrator,
            strings(&guardduty.regions)
        ));
        lines.push(format!("  features {:#?}", guardduty.features));
        lines.push(format!(
            "  detector features {:?}",
            guardduty.detector_features
        ));
        if let Some(export) = &guardduty.export {
            lines.push(format!("  bucket {}", text(&export.bucket_arn)));
            lines.push(format!("  key {}", text(&export.key_arn)));
        }
    }
    lines.join("\n")
}

fn strings<T: ToString>(items: &BTreeSet<T>) -> Vec<String> {
    items.iter().map(ToString::to_string).collect()
}

#[test]
fn the_three_baselines_for_an_empty_organization() {
    let desired = baseline::expand(&startup()).unwrap();
    insta::assert_snapshot!(shown(&desired));
}

/// The example's own choices over the defaults; the rest is as for any plan.
#[test]
fn the_startup_example_has_what_its_comments_promise() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/startup.toml");
    let plan = orgstrap::plan::load(&path).unwrap();
    let desired = baseline::expand(&plan).unwrap();
    let usual = baseline::expand(&startup()).unwrap();
    let names = |desired: &Desired| -> BTreeSet<(String, String)> {
        let stacks = desired.stacks.keys();
        stacks
            .map(|(place, name)| (place.to_string(), name.to_string()))
            .collect()
    };
    assert_eq!(names(&desired), names(&usual));
    assert_eq!(desired.stack_sets, usual.stack_sets);
    let guardduty = desired.guardduty.unwrap();
    let on: Vec<&String> = guardduty
        .features
        .iter()
        .filter_map(|(feature, on)| on.then_some(feature))
        .collect();
    assert_eq!(on, ["S3_DATA_EVENTS"]);
}

#[test]
fn ids_that_the_plan_gives_are_filled_in() {
    let mut plan = startup();
    let key: AccountKey = "log-archive".parse().unwrap();
    plan.accounts.get_mut(&key).unwrap().id = Some("222222222222".parse().unwrap());
    let desired = baseline::expand(&plan).unwrap();
    let place = Place::member(key, "eu-west-1".parse().unwrap());
    let stack = &desired.stacks[&(place, "cloudtrail-logs".parse().unwrap())];
    assert_eq!(
        stack.parameters["BucketName"],
        Expr::literal("orgstrap-cloudtrail-222222222222-eu-west-1")
    );
}

#[test]
fn options_reach_templates_and_switch_parts_on_and_off() {
    let mut plan = startup();
    choose(
        &mut plan,
        "cloudtrail",
        json!({"delegated_administrator": true, "insights": true, "trail_name": "audit", "object_lock_days": 30}),
    );
    choose(
        &mut plan,
        "config",
        json!({"excluded_resource_types": ["AWS::EC2::Volume", "AWS::EC2::NetworkInterface"], "recording_frequency": "DAILY"}),
    );
    choose(
        &mut plan,
        "guardduty",
        json!({"export": false, "features": ["S3_DATA_EVENTS"], "unmanaged_features": ["AI_PROTECTION", "AI_ANALYST"]}),
    );
    let desired = baseline::expand(&plan).unwrap();
    let delegates = &desired.delegated_administrators;
    assert!(delegates.contains(&(
        "cloudtrail.amazonaws.com".parse().unwrap(),
        "security".parse().unwrap()
    )));
    let trail = desired
        .stacks
        .iter()
        .find(|((_, name), _)| name.as_str() == "cloudtrail-trail")
        .unwrap()
        .1;
    assert_eq!(trail.parameters["Insights"], Expr::literal("true"));
    assert_eq!(trail.parameters["TrailName"], Expr::literal("audit"));
    let recorder = &desired.stack_sets[&"config-recorder".parse().unwrap()];
    assert_eq!(
        recorder.parameters["ExcludedResourceTypes"],
        Expr::literal("AWS::EC2::Volume,AWS::EC2::NetworkInterface")
    );
    assert!(
        !desired
            .stacks
            .keys()
            .any(|(_, name)| name.as_str() == "guardduty-findings")
    );
    let guardduty = desired.guardduty.unwrap();
    assert_eq!(guardduty.export, None);
    assert_eq!(guardduty.features.get("S3_DATA_EVENTS"), Some(&true));
    assert_eq!(guardduty.features.get("RUNTIME_MONITORING"), Some(&false));
    assert_eq!(guardduty.features.get("AI_PROTECTION"), None);
    assert!(guardduty.detector_features.is_empty());
}

/// GuardDuty delivers under another name in Regions that accounts must turn on, and only in these
/// (Amazon GuardDuty User Guide, Exporting generated findings).
#[test]
fn the_governed_regions_decide_under_which_names_guardduty_delivers() {
    let names = |regions: &[&str], chosen: Option<serde_json::Value>| {
        let mut plan = startup();
        plan.organization.regions = regions.iter().map(|name| name.parse().unwrap()).collect();
        if let Some(chosen) = chosen {
            choose(
                &mut plan,
                "guardduty",
                json!({"service_principals": chosen}),
            );
        }
        let desired = baseline::expand(&plan).unwrap();
        let mut stacks = desired.stacks.into_iter();
        let findings = stacks.find(|((_, name), _)| name.as_str() == "guardduty-findings");
        findings.unwrap().1.parameters["ServicePrincipals"].to_string()
    };
    let home = startup().organization.home_region;
    let always = [home.as_str(), "us-east-1", "ap-northeast-3"];
    assert_eq!(names(&always, None), "guardduty.amazonaws.com");
    let some = [home.as_str(), "me-south-1", "us-east-1", "ca-west-1"];
    assert_eq!(
        names(&some, None),
        "guardduty.amazonaws.com,guardduty.ca-west-1.amazonaws.com,guardduty.me-south-1.amazonaws.com"
    );
    // Beside names of one's own.
    let more = json!([
        "{principals.guardduty}",
        "guardduty.il-central-1.amazonaws.com"
    ]);
    assert_eq!(
        names(&["me-south-1"], Some(more)),
        "guardduty.amazonaws.com,guardduty.me-south-1.amazonaws.com,guardduty.il-central-1.amazonaws.com"
    );
}

#[test]
fn what_is_wrong_with_options_is_all_said() {
    let mut plan = startup();
    choose(
        &mut plan,
        "cloudtrail",
        json!({
            "trail_nam": "x",
            "insights": "yes",
            "expire_after_days": -1,
            "bucket_name": "Upper",
            "object_lock_mode": "compliance",
            "key_alias": "{option.trail_name}",
        }),
    );
    choose(
        &mut plan,
        "config",
        json!({"bucket_name": "{prefix}-{home_regio}"}),
    );
    choose(
        &mut plan,
        "guardduty",
        json!({"features": "S3_DATA_EVENTS", "detector_features": ["AI_ANALYSTS"]}),
    );
    plan.baselines
        .insert("guardduy".parse().unwrap(), BaselineChoice::default());
    insta::assert_snapshot!(told(&baseline::expand(&plan).unwrap_err()));
    // The same are told without the rest of the plan, one baseline at a time.
    let alone: Vec<BaselineProblem> = plan
        .baselines
        .iter()
        .flat_map(|(name, choice)| Descriptors::default().check(name.as_str(), choice))
        .collect();
    assert_eq!(told(&alone), told(&baseline::expand(&plan).unwrap_err()));
}

#[test]
fn a_name_too_long_once_it_is_filled_is_found() {
    let mut plan = startup();
    plan.organization.prefix = "a-very-long-prefix-for-everything-made".into();
    insta::assert_snapshot!(told(&baseline::expand(&plan).unwrap_err()));
}

/// A baseline of one's own: files, no Rust.
fn own(folder: &Path, descriptor: &str) -> OrgPlan {
    std::fs::write(folder.join("baseline.toml"), descriptor).unwrap();
    std::fs::write(
        folder.join("alarm.yaml"),
        "Parameters:\n  Topic: {Type: String}\n  Email: {Type: String, Default: ''}\nResources:\n  T:\n    Type: AWS::SNS::Topic\n    Properties: {TopicName: !Ref Topic}\nOutputs:\n  TopicArn: {Value: !Ref T}\n",
    )
    .unwrap();
    let mut plan = startup();
    plan.baselines.insert(
        "alarms".parse().unwrap(),
        BaselineChoice {
            folder: Some(folder.to_owned()),
            options: BTreeMap::from([("topic".to_owned(), json!("alarms-{home_region}"))]),
            existing_stacks: BTreeMap::new(),
        },
    );
    plan
}

#[test]
fn a_fourth_baseline_needs_no_rust() {
    let folder = tempfile::tempdir().unwrap();
    let plan = own(
        folder.path(),
        r#"
name = "alarms"
summary = "A topic in every Region, told of the trail's bucket."
trusted_access = ["health.amazonaws.com"]

[option.topic]
type = "string"
description = "Name of the topic."

[option.everywhere]
type = "boolean"
default = true
description = "Whether members get one too."

[[stack]]
name = "alarms"
template = "alarm.yaml"
at = "{management}/{region}"
needs = [{ stack-set = "config-recorder" }, { stack = "cloudtrail-trail" }]
[stack.parameters]
Topic = "{option.topic}-{region}"
Email = "{stack.cloudtrail-logs.BucketName}"

[[stack]]
name = "alarms-payments"
template = "alarm.yaml"
at = "payments/us-east-1"
parameters = { Topic = "{stack.alarms.TopicArn}" }

[[stack-set]]
name = "alarms-members"
description = "A topic in every Region."
template = "alarm.yaml"
regions = "governed"
management_too = false
retain_on_removal = true
when = "everywhere"
parameters = { Topic = "{prefix}-{regions}" }
"#,
    );
    let desired = baseline::expand(&plan).unwrap();
    assert_eq!(
        Descriptors::default().check("alarms", &plan.baselines[&"alarms".parse().unwrap()]),
        []
    );
    let region = |name: &str| name.parse().unwrap();
    let alarms = |name: &str| (Place::management(region(name)), "alarms".parse().unwrap());
    let stack = &desired.stacks[&alarms("us-east-1")];
    assert_eq!(stack.full_name, "orgstrap-alarms");
    assert_eq!(
        stack.parameters["Topic"],
        Expr::literal("alarms-eu-west-1-us-east-1")
    );
    let trail = (
        Place::management(region("eu-west-1")),
        "cloudtrail-trail".parse().unwrap(),
    );
    assert!(stack.needs.contains(&Address::Stack(trail.0, trail.1)));
    assert!(
        stack
            .needs
            .contains(&Address::Rollout("config-recorder".parse().unwrap(), 1))
    );
    // An output of a stack that is in many Regions is that of the same Region.
    let payments = (
        Place::member("payments".parse().unwrap(), region("us-east-1")),
        "alarms-payments".parse().unwrap(),
    );
    let (place, name) = alarms("us-east-1");
    assert_eq!(
        desired.stacks[&payments].parameters["Topic"],
        Expr::reference(
            Address::Stack(place, name),
            Attribute::Output("TopicArn".into())
        )
    );
    assert!(
        desired.stacks[&payments]
            .needs
            .contains(&Address::Access("payments".parse().unwrap()))
    );
    let set = &desired.stack_sets[&"alarms-members".parse().unwrap()];
    assert_eq!(
        set.parameters["Topic"],
        Expr::literal("orgstrap-eu-west-1,us-east-1")
    );
    assert!(set.retain_on_removal);
    assert!(
        desired
            .trusted_access
            .contains(&"health.amazonaws.com".parse().unwrap())
    );
}

/// Auto-deployment knows nothing of the order in which orgstrap rolls out.
#[test]
fn stack_sets_come_after_those_that_they_need_also_by_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let set = |name: &str, template: &str, more: &str| {
        format!(
            "[[stack-set]]\nname = \"{name}\"\ndescription = \"d\"\ntemplate = \"{template}\"\nregions = \"governed\"\nmanagement_too = false\nretain_on_removal = false\n{more}\n"
        )
    };
    let descriptor = [
        "name = \"alarms\"\nsummary = \"s\"\n[option.topic]\ntype = \"string\"\ndescription = \"d\"\n".to_owned(),
        set("topics", "alarm.yaml", "parameters = { Topic = \"{option.topic}\" }"),
        set(
            "alarms",
            "alarm.yaml",
            "parameters = { Topic = \"x\" }\nneeds = [{ stack-set = \"topics\" }]",
        ),
        set("rules", "rules.yaml", ""),
    ];
    let plan = own(folder.path(), &descriptor.concat());
    std::fs::write(
        folder.path().join("rules.yaml"),
        "Resources:\n  R:\n    Type: AWS::Config::ConfigRule\n    Properties: {Source: {Owner: AWS, SourceIdentifier: S3_BUCKET_LEVEL_PUBLIC_ACCESS_PROHIBITED}}\n",
    )
    .unwrap();
    let desired = baseline::expand(&plan).unwrap();
    let after = |name: &str| strings(&desired.stack_sets[&name.parse().unwrap()].depends_on);
    assert_eq!(after("topics"), [""; 0]);
    assert_eq!(after("alarms"), ["topics"]);
    // A rule of AWS Config fails in an account without a recorder, whatever the descriptor says.
    assert_eq!(after("rules"), ["config-recorder"]);
    let rules = &desired.stack_sets[&"rules".parse().unwrap()];
    let recorded = Address::Rollout("config-recorder".parse().unwrap(), 1);
    assert!(rules.needs.contains(&recorded));
}

#[test]
fn baselines_that_do_not_come_together_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let plan = own(
        folder.path(),
        r#"
name = "alarms"
summary = "Wrong in what only the plan can tell."
[option.topic]
type = "string"
description = "Name of the topic."
[[delegated-administrator]]
principal = "config.amazonaws.com"
account = "{management}"
[[stack]]
name = "config-logs"
template = "alarm.yaml"
at = "{logging}/eu-south-2"
parameters = { Topic = "{stack.cloudtrail-log.BucketName}" }
[[stack]]
name = "a"
template = "alarm.yaml"
at = "payment/{home_region}"
parameters = { Topic = "x" }
[[stack]]
name = "b"
template = "alarm.yaml"
at = "payments/{home_region}"
needs = [{ delegated-administrator = "macie.amazonaws.com" }, { stack = "c" }]
parameters = { Topic = "{stack.cloudtrail-logs.Bucket}" }
[[stack]]
name = "c"
template = "alarm.yaml"
at = "payments/{region}"
parameters = { Topic = "x" }
[[stack]]
name = "d"
template = "alarm.yaml"
at = "payments/{home_region}"
parameters = { Topic = "{stack.c.TopicArn}", Email = "{stack.b.TopicArn}" }
[[stack-set]]
name = "e"
description = "Can not tell which."
template = "alarm.yaml"
regions = "governed"
management_too = false
retain_on_removal = false
parameters = { Topic = "{stack.c.TopicArn}" }
[guardduty]
administrator = "{secops}"
regions = "governed"
features = "list"
[option.list]
type = "list"
default = []
description = "Features."
"#,
    );
    insta::assert_snapshot!(told_in(
        folder.path(),
        &baseline::expand(&plan).unwrap_err()
    ));
}

#[test]
fn a_folder_that_holds_no_baseline_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let choice = BaselineChoice {
        folder: Some(folder.path().join("none")),
        options: BTreeMap::new(),
        existing_stacks: BTreeMap::new(),
    };
    let problems = Descriptors::default().check("own", &choice);
    assert_eq!(problems.len(), 1);
    let text = told(&problems);
    assert!(
        text.contains("none/baseline.toml` can not be read"),
        "{text}"
    );
}

/// A plan's descriptors are read with it, and whoever works with it works with these.
#[test]
fn a_descriptor_is_read_once_and_handed_on() {
    let folder = tempfile::tempdir().unwrap();
    own(
        folder.path(),
        "name = \"alarms\"\nsummary = \"s\"\n[option.on]\ntype = \"boolean\"\ndefault = false\ndescription = \"d\"\n\
         [option.topic]\ntype = \"string\"\ndescription = \"d\"\n\
         [[stack-set]]\nname = \"topics\"\ndescription = \"d\"\ntemplate = \"alarm.yaml\"\nregions = \"governed\"\n\
         management_too = false\nretain_on_removal = false\nwhen = \"on\"\nparameters = { Topic = \"{option.topic}\" }\n",
    );
    let text = |more: &str| {
        format!(
            "[organization]\nmanagement_account = \"111111111111\"\nhome_region = \"eu-west-1\"\nlogging = \"log-archive\"\n\
             secops = \"security\"\nemail = \"aws+{{account}}@example.com\"\n[ou.Work]\n[account.log-archive]\nou = \"Work\"\n\
             [account.security]\nou = \"Work\"\n[baseline.alarms]\nfolder = \".\"\ntopic = \"t\"\n{more}"
        )
    };
    let read = |descriptors: &mut Descriptors, more: &str| {
        descriptors.read_plan_text("org.toml", text(more), folder.path())
    };
    let mut descriptors = Descriptors::default();
    let mut loaded = read(&mut descriptors, "on = true\n").unwrap();
    // Entries of stack sets that are not there, or left out, are told at once, each where it is.
    let entry = |set: &str, id: u8| {
        format!(
            "{set} = [\"arn:aws:cloudformation:eu-west-1:222222222222:stack/a{id}/00000000-0000-0000-0000-00000000000{id}\"]\n"
        )
    };
    let entries = format!(
        "[baseline.alarms.existing_stacks]\n{}{}",
        entry("topics", 1),
        entry("topic", 2)
    );
    let invalid = read(&mut Descriptors::default(), &entries).unwrap_err();
    let header = text("").lines().count();
    let told: Vec<String> = invalid
        .diagnostics
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        told,
        [
            format!(
                "org.toml:{}:1: error: baseline `alarms`: an option leaves this stack set out",
                header + 2
            ),
            format!(
                "org.toml:{}:1: error: baseline `alarms`: there is no stack set `topic` (did you mean `topics`?)",
                header + 3
            ),
        ]
    );
    folder.close().unwrap();
    let desired = descriptors.expand(&loaded.plan).unwrap();
    assert_eq!(desired.stack_sets.len(), 1);
    // One that is wrong only for this plan is told in the plan too, at the option that it is about.
    loaded.plan.organization.prefix = "p".repeat(125);
    let problems = descriptors.expand(&loaded.plan).unwrap_err();
    let told = loaded.located(problems[0].clone()).to_string();
    assert!(
        told.starts_with("org.toml:12:11: error: baseline `alarms`: the stack name"),
        "{told}"
    );
}

/// Everything that a text or a need may point at: what is wanted, or what the plan makes.
fn exists(plan: &OrgPlan, desired: &Desired, address: &Address) -> bool {
    match address {
        Address::Organization => true,
        Address::Account(key) | Address::Access(key) => plan.accounts.contains_key(key),
        Address::StackSetsAccess => desired.stack_sets_access,
        Address::TrustedAccess(principal) => desired.trusted_access.contains(principal),
        Address::ServiceLinkedRole(principal) => {
            desired.service_linked_roles.contains(principal)
                || desired.management_service_linked_roles.contains(principal)
        }
        Address::DelegatedAdministrator(principal, key) => desired
            .delegated_administrators
            .contains(&(principal.clone(), key.clone())),
        Address::Stack(place, name) => desired.stacks.contains_key(&(place.clone(), name.clone())),
        Address::Rollout(name, stage) => {
            desired.stack_sets.contains_key(name)
                && usize::from(*stage) <= plan.rollout.stages.len()
        }
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn expansion_is_deterministic_and_points_at_what_there_is(
        chosen in proptest::sample::subsequence(vec!["cloudtrail", "config", "guardduty"], 0..=3),
        regions in proptest::sample::subsequence(vec!["eu-central-1", "ap-southeast-2", "us-west-2"], 0..=3),
        known in any::<bool>(),
        secops_logs in any::<bool>(),
        export in any::<bool>(),
        delegate in any::<bool>(),
        features in proptest::sample::subsequence(vec!["S3_DATA_EVENTS", "RUNTIME_MONITORING", "AI_PROTECTION"], 0..=3),
    ) {
        let mut plan = startup();
        plan.baselines.retain(|name, _| chosen.contains(&name.as_str()));
        plan.organization.regions.extend(regions.iter().map(|region| region.parse().unwrap()));
        if known {
            for (number, account) in plan.accounts.values_mut().enumerate() {
                account.id = Some(format!("{:012}", number + 2).parse().unwrap());
            }
        }
        if secops_logs {
            plan.organization.logging = plan.organization.secops.clone();
        }
        if chosen.contains(&"guardduty") {
            choose(&mut plan, "guardduty", json!({"export": export, "features": features}));
        }
        if chosen.contains(&"cloudtrail") {
            choose(&mut plan, "cloudtrail", json!({"delegated_administrator": delegate}));
        }
        let desired = baseline::expand(&plan).unwrap();
        prop_assert_eq!(&desired, &baseline::expand(&plan).unwrap());

        let mut texts: Vec<&Expr> = Vec::new();
        let mut needs: Vec<&Address> = Vec::new();
        for stack in desired.stacks.values() {
            texts.extend(stack.parameters.values());
            needs.extend(&stack.needs);
            prop_assert_eq!(stack.tags.get("orgstrap:managed").map(String::as_str), Some("true"));
        }
        for set in desired.stack_sets.values() {
            texts.extend(set.parameters.values());
            needs.extend(&set.needs);
            prop_assert_eq!(&set.regions, &plan.organization.regions);
            prop_assert_eq!(set.tags.get("orgstrap:managed").map(String::as_str), Some("true"));
        }
        if let Some(guardduty) = &desired.guardduty {
            prop_assert_eq!(guardduty.export.is_some(), export);
            prop_assert_eq!(guardduty.features.len(), 7);
            prop_assert_eq!(guardduty.features.values().filter(|on| **on).count(), features.len());
            texts.extend(guardduty.export.iter().flat_map(|e| [&e.bucket_arn, &e.key_arn]));
        }
        needs.extend(texts.iter().flat_map(|text| text.references().map(|(address, _)| address)));
        for address in needs {
            prop_assert!(exists(&plan, &desired, address), "{}", address);
        }
        for ((place, _), stack) in &desired.stacks {
            // What the stack set of the same name ships, the management account gets too.
            prop_assert!(plan.organization.regions.contains(place.region()));
            prop_assert!(stack.full_name.starts_with("orgstrap-"));
        }
    }
}

/// IAM's types are recorded in the home Region only. What is excluded anyway is named once: AWS refuses a list that has
/// something twice.
#[test]
fn types_that_are_excluded_anyway_are_named_once() {
    let plan = |excluded: &str| {
        inside::LoadedPlan::of_text(format!(
            "[organization]\nmanagement_account = \"111111111111\"\nhome_region = \"eu-west-1\"\n\
             regions = [\"eu-west-1\", \"us-east-1\"]\nlogging = \"log-archive\"\nsecops = \"security\"\n\
             email = \"aws+{{account}}@example.com\"\n[ou.Work]\n[account.log-archive]\nou = \"Work\"\n\
             [account.security]\nou = \"Work\"\n[baseline.config]\nexcluded_resource_types = [{excluded}]\n"
        ))
    };
    let iam = [
        "AWS::IAM::User",
        "AWS::IAM::Group",
        "AWS::IAM::Role",
        "AWS::IAM::Policy",
    ];
    let excluded = |world: &World, region: &str| -> BTreeSet<String> {
        let at = world
            .region(&world.management_account, region)
            .expect("there");
        let recorder = at.config.recorder.as_ref().expect("recorded");
        let types =
            &recorder.settings["recordingGroup"]["exclusionByResourceTypes"]["resourceTypes"];
        let types: Vec<String> = serde_json::from_value(types.clone()).expect("a list");
        let distinct: BTreeSet<String> = types.iter().cloned().collect();
        assert_eq!(types.len(), distinct.len(), "{types:?}");
        distinct
    };
    let first = plan("\"AWS::IAM::Role\", \"AWS::IAM::Policy\", \"AWS::EC2::NetworkInterface\"");
    let mut world = inside::empty_world(&first);
    for (subject, own) in [
        (
            &first,
            &[
                "AWS::EC2::NetworkInterface",
                "AWS::IAM::Policy",
                "AWS::IAM::Role",
            ][..],
        ),
        (&plan("\"AWS::IAM::User\""), &["AWS::IAM::User"]),
        (
            &plan(
                "\"AWS::IAM::Policy\", \"AWS::IAM::Role\", \"AWS::IAM::Group\", \"AWS::IAM::User\"",
            ),
            &iam,
        ),
        (&plan("\"AWS::EC2::Volume\""), &["AWS::EC2::Volume"]),
    ] {
        let run = inside::apply(subject, world, Connection::default());
        assert!(
            run.ended.is_ok_and(|summary| summary.is_success()),
            "{}",
            run.text
        );
        let own: BTreeSet<String> = own.iter().map(|kind| (*kind).to_owned()).collect();
        assert_eq!(excluded(&run.world, "eu-west-1"), own);
        let all: BTreeSet<String> = own.into_iter().chain(iam.map(str::to_owned)).collect();
        assert_eq!(excluded(&run.world, "us-east-1"), all);
        let (found, there) = inside::drift(subject, run.world);
        assert_eq!(found.findings, vec![]);
        world = there;
    }
}
