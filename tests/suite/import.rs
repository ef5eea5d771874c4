//! Organizations as they are found: each is imported, and the plan that comes of it describes it exactly.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use orgstrap::diff::{DiffOptions, diff};
use orgstrap::drift::{Kind, Severity};
use orgstrap::import::{Choices, Imported, RemarkKind, import, looked_for};
use orgstrap::plan::{self, BaselineChoice, OrgPlan};
use orgstrap::sandbox::build::{
    Builder, NewAccount, NewDetector, NewPolicy, NewStack, NewStackSet,
};
use orgstrap::sandbox::{Connection, Time, World};

use crate::support::inside::{self, LoadedPlan, apply, empty_world, look};
use crate::support::{orgstrap, root};
use crate::trails::TEMPLATE as TRAIL;

const MANAGEMENT: &str = "111111111111";
const ROOT: &str = "r-ab12";
const SCP: &str = "SERVICE_CONTROL_POLICY";

/// An organization in the making.
struct Org {
    builder: Builder,
    accounts: u64,
    policies: usize,
}

impl Org {
    fn new() -> Org {
        let mut builder = Builder::new(MANAGEMENT, Time(1_790_000_000_000), 7);
        builder.account_quota(1_000);
        builder
            .organization("o-exampleorg1", ROOT, true)
            .expect("an organization");
        Org {
            builder,
            accounts: 0,
            policies: 0,
        }
    }

    /// An OU; its id is made of its number.
    fn ou(&mut self, number: usize, name: &str, parent: &str) -> String {
        let id = format!("ou-ab12-{number:08}");
        self.builder.ou(&id, name, parent);
        id
    }

    fn account(&mut self, name: &str, parent: &str) -> String {
        self.account_with(name, parent, "ACTIVE", None)
    }

    fn account_with(
        &mut self,
        name: &str,
        parent: &str,
        state: &str,
        email: Option<&str>,
    ) -> String {
        self.accounts += 1;
        let id = format!("{}", 200_000_000_000 + self.accounts);
        let email = email.map_or_else(|| format!("aws+{id}@example.com"), str::to_owned);
        self.builder.account(&NewAccount {
            id: &id,
            name,
            email: &email,
            parent,
            state,
            created_here: true,
            access_role: "OrganizationAccountAccessRole",
        });
        id
    }

    fn policy(&mut self, kind: &str, name: &str, content: &str, targets: &[&str]) -> String {
        self.policies += 1;
        let id = format!("p-ab{:08}", self.policies);
        self.builder.policy(
            &NewPolicy {
                id: &id,
                name,
                description: "",
                kind,
                content,
            },
            &targets.iter().map(|target| (*target).to_owned()).collect(),
        );
        id
    }

    /// Comes after OUs and accounts, to which AWS attaches its own.
    fn scps(&mut self) {
        self.builder.policy_type(SCP, "ENABLED");
    }

    fn tags(&mut self, id: &str, tags: &[(&str, &str)]) {
        let tags: BTreeMap<String, String> = tags
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        self.builder.tags(id, &tags);
    }
}

fn deny(action: &str) -> String {
    format!(
        r#"{{ "Version" : "2012-10-17", "Statement": {{"Effect":"Deny","Action":"{action}","Resource":"*"}}}}"#
    )
}

fn empty_plan() -> OrgPlan {
    let text = format!(
        "[organization]\nmanagement_account = \"{MANAGEMENT}\"\nhome_region = \"eu-west-1\"\n"
    );
    let loaded = plan::read_text("empty", text, Path::new("")).expect("a plan");
    loaded.plan
}

fn choices() -> Choices {
    Choices {
        home_region: "eu-west-1".parse().ok(),
        ..Choices::default()
    }
}

/// Import, then plan, apply and drift: no change, nothing done, nothing found that is not so.
fn survives(world: World) -> (OrgPlan, Imported) {
    survives_with(world, &choices())
}

fn survives_with(world: World, choices: &Choices) -> (OrgPlan, Imported) {
    let plan = empty_plan();
    let desired = looked_for(&plan);
    let (world, found) = look(&LoadedPlan { plan, desired }, world);
    let imported = import(&found, choices).expect("a plan");

    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("org.toml");
    std::fs::write(&path, &imported.plan).expect("writes");
    for (file, text) in &imported.documents {
        let file = folder.path().join(file);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        std::fs::write(file, text).expect("writes");
    }
    let plan = match plan::read(&path) {
        Ok(loaded) => loaded.plan,
        Err(wrong) => panic!("{wrong}\n{}", imported.plan),
    };

    let subject = LoadedPlan::of(plan);
    let run = apply(&subject, world, Connection::default());
    assert!(!run.changed(), "{:?}\n{}", run.ended, imported.plan);

    let (world, again) = look(&subject, run.world);
    let compared = diff(
        &subject.plan,
        &subject.desired,
        &again,
        &DiffOptions::default(),
    );
    assert_eq!(compared.changes, [], "{}", imported.plan);
    assert_eq!(compared.blocked, []);
    assert_eq!(compared.problems, []);
    let (drifted, _) = inside::drift(&subject, world);
    for finding in drifted.findings {
        let harmless = match finding.kind {
            Kind::Unmanaged | Kind::Skipped => finding.severity == Severity::Info,
            _ => finding.title.contains("manages this organization too"),
        };
        assert!(harmless, "{finding:?}");
    }
    // The same organization gives the same plan, whichever plan it was read for.
    assert_eq!(import(&again, choices).expect("a plan"), imported);
    (subject.plan, imported)
}

fn left_out(imported: &Imported) -> Vec<&str> {
    imported
        .remarks
        .iter()
        .filter(|remark| remark.kind == RemarkKind::LeftOut)
        .map(|remark| remark.text.as_str())
        .collect()
}

fn placed(plan: &OrgPlan) -> BTreeMap<String, String> {
    plan.accounts
        .iter()
        .map(|(key, account)| (key.to_string(), account.ou.to_string()))
        .collect()
}

#[test]
fn a_flat_one() {
    let mut org = Org::new();
    for name in ["Log archive", "Security", "Shop", "shop"] {
        org.account(name, ROOT);
    }
    let (plan, imported) = survives(org.builder.build());
    assert!(plan.ous.is_empty());
    assert_eq!(
        placed(&plan).into_iter().collect::<Vec<_>>(),
        [
            ("Security", "/"),
            ("Shop-200000000003", "/"),
            ("log-archive", "/"),
            ("shop-200000000004", "/")
        ]
        .map(|(key, ou)| (key.to_owned(), ou.to_owned()))
    );
    let duty = |key: &Option<plan::AccountKey>| key.as_ref().map(ToString::to_string);
    assert_eq!(
        duty(&plan.organization.logging).as_deref(),
        Some("log-archive")
    );
    assert_eq!(duty(&plan.organization.secops).as_deref(), Some("Security"));
    let guesses = imported
        .remarks
        .iter()
        .filter(|remark| remark.kind == RemarkKind::Guess);
    assert_eq!(guesses.count(), 2, "guesses are said");
}

#[test]
fn one_without_members() {
    let (plan, imported) = survives(Org::new().builder.build());
    assert!(plan.accounts.is_empty());
    assert_eq!(plan.organization.logging, None);
    assert!(imported.plan.contains("`--logging ACCOUNT` names it"));
}

#[test]
fn a_deep_one() {
    let mut org = Org::new();
    let mut parent = ROOT.to_owned();
    for level in 1..=5 {
        parent = org.ou(level, &format!("Level {level}"), &parent);
        org.account(&format!("at-{level}"), &parent);
    }
    let (plan, _) = survives(org.builder.build());
    assert_eq!(plan.ous.len(), 5);
    assert_eq!(
        placed(&plan)["at-5"],
        "Level 1/Level 2/Level 3/Level 4/Level 5"
    );
}

#[test]
fn a_large_one() {
    let mut org = Org::new();
    let ous: Vec<String> = (1..=30)
        .map(|number| org.ou(number, &format!("Unit {number}"), ROOT))
        .collect();
    for number in 0..300 {
        // Three accounts of each name.
        org.account(&format!("Team {}", number / 3), &ous[number % 30]);
    }
    let (plan, _) = survives(org.builder.build());
    assert_eq!((plan.ous.len(), plan.accounts.len()), (30, 300));
}

#[test]
fn names_of_ous_that_come_again_or_are_odd() {
    let mut org = Org::new();
    let a = org.ou(1, "Workloads", ROOT);
    let b = org.ou(2, "Sandbox", ROOT);
    for (number, parent) in [(3, &a), (4, &b)] {
        let prod = org.ou(number, "Prod", parent);
        org.account(&format!("in-{number}"), &prod);
    }
    // `R` with `D` below it, and `R/D`, are two.
    let r = org.ou(5, "R", ROOT);
    let below = org.ou(6, "D", &r);
    let slash = org.ou(7, "R/D", ROOT);
    org.account("below", &below);
    org.account("slash", &slash);
    let long = "é".repeat(128);
    for (number, name) in [
        " padded ",
        "back\\slash",
        "研究 \"x\" # ]",
        "a\nb\u{202e}c",
        &long,
    ]
    .into_iter()
    .enumerate()
    {
        let ou = org.ou(10 + number, name, ROOT);
        org.account(&format!("odd-{number}"), &ou);
    }
    let (plan, _) = survives(org.builder.build());
    let places = placed(&plan);
    assert_eq!(places["in-3"], "Workloads/Prod");
    assert_eq!(places["in-4"], "Sandbox/Prod");
    assert_eq!(places["below"], "R/D");
    assert_eq!(places["slash"], r"R\/D");
    assert_eq!(plan.ous.len(), 12);
}

#[test]
fn accounts_in_every_state() {
    let mut org = Org::new();
    let ou = org.ou(1, "Workloads", ROOT);
    org.account("active", &ou);
    let closed = org.account_with("closed", &ou, "CLOSED", None);
    org.account_with("leaving", &ou, "PENDING_CLOSURE", None);
    let suspended = org.account_with("suspended", &ou, "SUSPENDED", None);
    org.account_with("new", &ou, "PENDING_ACTIVATION", None);
    org.scps();
    org.policy(SCP, "guard", &deny("iam:*"), &[&closed, &suspended]);
    let (plan, imported) = survives(org.builder.build());
    let keys: Vec<&str> = plan.accounts.keys().map(|key| key.as_str()).collect();
    assert_eq!(keys, ["active", "new", "suspended"]);
    let left = left_out(&imported).join("\n");
    for text in ["it is closed", "it is being closed", "its attachment to"] {
        assert!(left.contains(text), "{text}: {left}");
    }
}

#[test]
fn stack_sets_of_others() {
    let mut org = Org::new();
    let ou = org.ou(1, "Workloads", ROOT);
    org.account("shop", &ou);
    org.builder.stack_sets_access();
    // Names as Control Tower, Customizations for AWS Control Tower and people give them.
    for (name, service_managed) in [
        ("AWSControlTowerBP-BASELINE-CONFIG", false),
        ("AWSControlTowerExecutionRole", true),
        ("CustomControlTower-network", false),
        ("network-baseline", true),
        ("our-roles", false),
    ] {
        org.builder
            .stack_set(NewStackSet {
                region: "eu-west-1".to_owned(),
                id: format!("{name}:00000000-0000-4000-8000-000000000000"),
                name: name.to_owned(),
                template: "Resources: {Topic: {Type: 'AWS::SNS::Topic'}}".to_owned(),
                parameters: BTreeMap::new(),
                capabilities: BTreeSet::new(),
                tags: BTreeMap::new(),
                service_managed,
                auto_deployment: service_managed.then_some((true, false)),
                depends_on: BTreeSet::new(),
                managed_execution: false,
                targets: BTreeMap::new(),
            })
            .expect("a stack set");
    }
    org.account("log-archive", ROOT);
    org.account("security", ROOT);
    org.scps();
    let world = org.builder.build();
    let (mut plan, imported) = survives(world.clone());
    assert!(plan.baselines.is_empty());
    let notes: Vec<&str> = imported
        .remarks
        .iter()
        .filter(|remark| remark.kind == RemarkKind::OtherTool)
        .map(|remark| remark.text.as_str())
        .collect();
    let theirs = "stack sets in eu-west-1 that are not orgstrap's are left alone: \
        AWSControlTowerBP-BASELINE-CONFIG (AWS Control Tower), AWSControlTowerExecutionRole (AWS Control Tower), \
        CustomControlTower-network (Customizations for AWS Control Tower), network-baseline, our-roles";
    for note in [
        "AWS Control Tower manages this organization too",
        "Customizations for AWS Control Tower manages this organization too",
        theirs,
    ] {
        assert!(
            notes.iter().any(|one| one.starts_with(note)),
            "no {note} in {notes:?}"
        );
    }
    assert_eq!(notes.len(), 3);

    // A baseline of ours beside them, and theirs are as they were.
    let sets = |world: &World| {
        let home = &world.accounts[MANAGEMENT].regions["eu-west-1"];
        let all = home.cloudformation.stack_sets.values();
        let (own, others): (Vec<_>, Vec<_>) = all
            .cloned()
            .partition(|set| set.name.starts_with("orgstrap-"));
        (own.len(), others)
    };
    plan.organization.logging = Some("log-archive".parse().expect("a key"));
    plan.organization.secops = Some("security".parse().expect("a key"));
    plan.baselines
        .insert("config".parse().expect("a name"), BaselineChoice::default());
    let run = apply(&LoadedPlan::of(plan), world.clone(), Connection::default());
    let summary = run.ended.expect("applied");
    assert!(summary.is_success(), "{:?}", summary.failed);
    let (before, after) = (sets(&world), sets(&run.world));
    assert_eq!((before.0, after.0, before.1.len()), (0, 1, 5));
    assert_eq!(before.1, after.1);
}

const RECORDER: &str = "
Resources:
  Bucket:
    Type: AWS::S3::Bucket
    Properties: {BucketName: config-200000000001}
  Policy:
    Type: AWS::S3::BucketPolicy
    Properties:
      Bucket: !Ref Bucket
      PolicyDocument:
        Version: '2012-10-17'
        Statement:
          - Effect: Allow
            Principal: {Service: config.amazonaws.com}
            Action: ['s3:GetBucketAcl', 's3:ListBucket', 's3:PutObject']
            Resource: ['arn:aws:s3:::config-200000000001', 'arn:aws:s3:::config-200000000001/*']
  Channel:
    Type: AWS::Config::DeliveryChannel
    DependsOn: Policy
    Properties: {Name: default, S3BucketName: !Ref Bucket}
  Recorder:
    Type: AWS::Config::ConfigurationRecorder
    Properties:
      Name: default
      RoleARN: arn:aws:iam::200000000001:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig
      RecordingGroup: {AllSupported: true}
";

#[test]
fn recorders_and_detectors_that_were_there() {
    let mut org = Org::new();
    let security = org.account("security", ROOT);
    for principal in ["config.amazonaws.com", "guardduty.amazonaws.com"] {
        org.builder.trust(principal);
        org.builder.delegate(&security, principal);
        org.builder.linked_role(&security, principal);
    }
    org.builder
        .stack(&NewStack {
            account: security.clone(),
            region: "eu-west-1".to_owned(),
            id: format!("arn:aws:cloudformation:eu-west-1:{security}:stack/recorder/1"),
            name: "recorder".to_owned(),
            status: "CREATE_COMPLETE".to_owned(),
            template: RECORDER.to_owned(),
            parameters: BTreeMap::new(),
            tags: BTreeMap::new(),
            outputs: BTreeMap::new(),
            termination_protection: false,
        })
        .expect("a recorder");
    let (shop, office) = (org.account("shop", ROOT), org.account("office", ROOT));
    org.builder
        .guardduty_administrator(&security, "eu-west-1")
        .expect("an administrator");
    org.builder
        .detector(&NewDetector {
            held: Default::default(),
            account: security.clone(),
            region: "eu-west-1".to_owned(),
            id: "0123456789abcdef0123456789abcdef".to_owned(),
            enabled: true,
            auto_enable: "NEW".to_owned(),
            features: BTreeMap::new(),
            organization_features: BTreeMap::new(),
            members: [(shop.clone(), true)].into(),
            destinations: BTreeMap::new(),
        })
        .expect("a detector");
    // Watched from outside of the organization, and recorded under names of its own.
    org.builder
        .invited(&office, "eu-west-1", "999999999999")
        .expect("a detector");
    org.builder
        .recorder(&office, "eu-west-1", Some("Our recorder"), Some("aws-cfg"))
        .expect("a recorder");
    org.builder
        .recorder(&shop, "us-east-1", Some("forgotten"), None)
        .expect("a recorder");
    let world = org.builder.build();
    let (plan, imported) = survives(world.clone());
    let services: Vec<String> = plan
        .delegated_administrators
        .keys()
        .map(ToString::to_string)
        .collect();
    assert_eq!(services, ["config.amazonaws.com"]);
    assert_eq!(plan.trusted_access.len(), 2);
    // What it administers tells what it is for.
    assert_eq!(
        plan.organization.secops.map(|key| key.to_string()),
        Some("security".to_owned())
    );
    assert!(imported.plan.contains("because it administers config"));
    let told = left_out(&imported).join("\n");
    let administrator = format!("account {security} as delegated administrator of guardduty");
    assert!(told.contains(&administrator), "{told}");
}

/// The Config baseline comes to an account that has a recorder already: its stack would fail, so that is said
/// before; by its name the recorder is taken over.
#[test]
fn a_recorder_that_was_there_is_told_of_before_a_stack_fails() {
    let mut org = Org::new();
    let core = org.ou(1, "Core", ROOT);
    let work = org.ou(2, "Work", ROOT);
    org.account("log-archive", &core);
    org.account("security", &core);
    let shop = org.account("shop", &work);
    org.scps();
    org.builder.linked_role(&shop, "config.amazonaws.com");
    org.builder
        .stack(&NewStack {
            account: shop.clone(),
            region: "eu-west-1".to_owned(),
            id: format!("arn:aws:cloudformation:eu-west-1:{shop}:stack/recorder/1"),
            name: "recorder".to_owned(),
            status: "CREATE_COMPLETE".to_owned(),
            template: RECORDER
                .replace("200000000001", &shop)
                .replace("Name: default", "Name: mine"),
            parameters: BTreeMap::new(),
            tags: BTreeMap::new(),
            outputs: BTreeMap::new(),
            termination_protection: false,
        })
        .expect("a recorder");
    let world = org.builder.build();
    let (plan, _) = survives(world.clone());
    let with_config = |options: &[(&str, &str)]| {
        let mut plan = plan.clone();
        let choice = BaselineChoice {
            folder: None,
            existing_stacks: BTreeMap::new(),
            options: options
                .iter()
                .map(|(option, value)| (option.to_string(), (*value).into()))
                .collect(),
        };
        plan.organization.logging = Some("log-archive".parse().expect("a key"));
        plan.organization.secops = Some("security".parse().expect("a key"));
        plan.baselines
            .insert("config".parse().expect("a name"), choice);
        LoadedPlan::of(plan)
    };

    let subject = with_config(&[]);
    let (world, found) = look(&subject, world);
    let compared = diff(
        &subject.plan,
        &subject.desired,
        &found,
        &DiffOptions::default(),
    );
    let [blocked] = compared.blocked.as_slice() else {
        panic!("{:?}", compared.blocked);
    };
    let told = format!("{:?}", blocked.reason);
    for part in ["`shop`", &shop, "the Config recorder `mine`", "eu-west-1"] {
        assert!(told.contains(part), "no {part} in {told}");
    }
    let hint = blocked.hint.as_deref().unwrap_or_default();
    assert!(hint.contains("delete-configuration-recorder"), "{hint}");

    let adopted = [("recorder_name", "mine"), ("existing_recorders", "adopt")];
    let subject = with_config(&adopted);
    let run = apply(&subject, world, Connection::default());
    let summary = run.ended.expect("applied");
    assert!(summary.is_success(), "{:?}", summary.failed);
    let again = apply(&subject, run.world, Connection::default());
    assert!(!again.changed(), "{:?}", again.ended);
}

/// An organization with a trail, and accounts of these names.
fn with_a_trail(accounts: &[&str]) -> World {
    let mut org = Org::new();
    for name in accounts {
        org.account(name, ROOT);
    }
    org.builder.trust("cloudtrail.amazonaws.com");
    org.builder
        .linked_role(MANAGEMENT, "cloudtrail.amazonaws.com");
    org.builder
        .stack(&NewStack {
            account: MANAGEMENT.to_owned(),
            region: "eu-west-1".to_owned(),
            id: format!("arn:aws:cloudformation:eu-west-1:{MANAGEMENT}:stack/trail/1"),
            name: "trail".to_owned(),
            status: "CREATE_COMPLETE".to_owned(),
            template: TRAIL.to_owned(),
            parameters: [
                ("TrailName", "company"),
                ("Bucket", "logs-of-company"),
                ("Organization", "o-exampleorg1"),
                ("AllAccounts", "true"),
            ]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
            tags: BTreeMap::new(),
            outputs: BTreeMap::new(),
            termination_protection: false,
        })
        .expect("a trail");
    org.builder.build()
}

#[test]
fn an_organization_trail_that_was_there() {
    let (plan, imported) = survives(with_a_trail(&["log-archive", "security"]));
    let cloudtrail = plan.baselines.iter().next().expect("a baseline");
    assert_eq!(cloudtrail.0.as_str(), "cloudtrail");
    assert_eq!(cloudtrail.1.options["trail_name"], "company");
    assert!(
        imported
            .plan
            .contains("# adopted: the organization trail `company`")
    );
}

#[test]
fn policies_by_the_hundred() {
    let mut org = Org::new();
    let ou = org.ou(1, "Workloads", ROOT);
    let shop = org.account("shop", &ou);
    org.scps();
    org.builder.policy_type("TAG_POLICY", "ENABLED");
    for number in 0..250 {
        let targets: &[&str] = match number {
            0 => &[ROOT, &ou, &shop, MANAGEMENT],
            _ => &[],
        };
        let content = deny(&format!("iam:Do{number}"));
        org.policy(SCP, &format!("Deny {number}"), &content, targets);
    }
    let tag_policy = r#"{"tags":{"cost":{"tag_key":{"@@assign":"cost"}}}}"#;
    org.policy("TAG_POLICY", "Deny 1", tag_policy, &[&ou]);
    // Of the size that AWS takes since May 2026.
    let long: Vec<String> = (0..300)
        .map(|n| format!("\"ec2:Describe{n:04}Things\""))
        .collect();
    let long = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Deny","Action":[{}],"Resource":"*"}}]}}"#,
        long.join(",")
    );
    assert!(long.len() > 7_500 && long.len() < 10_240);
    let large = org.policy(SCP, "large", &long, &[&shop]);
    let mut odd = Vec::new();
    for name in [
        "../../etc/passwd",
        "a\tb",
        "名前",
        "deny 2",
        "DENY_2",
        "con",
    ] {
        odd.push(org.policy(SCP, name, &deny("s3:*"), &[&shop]));
    }
    let world = org.builder.build();
    let (plan, imported) = survives(world);
    assert_eq!(plan.policies.len(), 250 + 1 + 1 + odd.len());
    // Letter by letter what AWS holds, in a file of its own each, however names differ in case.
    assert_eq!(imported.documents.len(), plan.policies.len());
    assert_eq!(imported.documents["policies/large.json"], long, "{large}");
    assert_eq!(imported.documents["policies/deny-0.json"], deny("iam:Do0"));
    let folded: BTreeSet<String> = imported
        .documents
        .keys()
        .map(|file| file.to_lowercase())
        .collect();
    assert_eq!(folded.len(), imported.documents.len());
    for file in imported.documents.keys() {
        let name = file.strip_prefix("policies/").expect("in its folder");
        assert!(
            !name.contains(['/', '\\']) && !name.starts_with('.'),
            "{file}"
        );
    }
    assert!(
        left_out(&imported)
            .join("\n")
            .contains("its attachment to the management account")
    );
}

#[test]
fn names_tags_and_emails_of_every_kind() {
    let mut org = Org::new();
    let ou = org.ou(1, "Größe", ROOT);
    let names = [
        "Payments (prod)",
        "payments  PROD",
        "Payments-Prod",
        "!!!",
        "-x-",
        "prod = \"yes\" # no",
    ];
    let mut ids = Vec::new();
    for name in names {
        ids.push(org.account(name, &ou));
    }
    for email in [
        "Mixed.Case+Tag@Example.COM",
        "\"quoted\"@example.com",
        "o'brien@example.com",
        "jürgen@example.com",
    ] {
        ids.push(org.account_with("x", &ou, "ACTIVE", Some(email)));
    }
    org.tags(
        &ids[0],
        &[
            ("Kostenstelle", "Größe 3/4"),
            ("部門", "研究 開発"),
            ("a.b:c/d", ""),
            ("Owner", "X"),
            ("owner", "x"),
        ],
    );
    org.tags(ROOT, &[("owner", "Team X @ Y")]);
    org.tags(&ou, &[("purpose", "tests + more")]);
    let many: Vec<(String, String)> = (0..50)
        .map(|n| (format!("key{n:02}"), "v".to_owned()))
        .collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    org.tags(&ids[1], &many);
    let (plan, imported) = survives(org.builder.build());
    assert_eq!(plan.accounts.len(), ids.len());
    let by_id = |id: &str| {
        plan.accounts
            .values()
            .find(|account| account.id.as_ref().is_some_and(|own| own.as_str() == id))
            .expect("in the plan")
    };
    for (id, name) in ids.iter().zip(names) {
        assert_eq!(by_id(id).name, name);
    }
    assert_eq!(by_id(&ids[0]).tags["部門"], "研究 開発");
    // orgstrap adds none to an account that the plan names by its id, and to Organizations keys that differ in
    // case are two.
    assert_eq!(by_id(&ids[1]).tags.len(), 50);
    assert_eq!(by_id(&ids[0]).tags["Owner"], "X");
    assert_eq!(by_id(&ids[0]).tags["owner"], "x");
    let dropped = left_out(&imported);
    assert!(
        dropped.iter().all(|text| !text.contains("tag")),
        "{dropped:?}"
    );
}

/// As Control Tower leaves it: its guardrails on its OUs, its trusted access, its accounts.
#[test]
fn control_tower() {
    let mut org = Org::new();
    let security = org.ou(1, "Security", ROOT);
    let custom = org.ou(2, "Custom", ROOT);
    let own = org.ou(3, "Not enrolled", ROOT);
    org.account("Log Archive", &security);
    let audit = org.account("Audit", &security);
    org.account("shop", &custom);
    org.account("old", &own);
    org.scps();
    org.policy(
        SCP,
        "aws-guardrails-AbCdEf",
        &deny("config:*"),
        &[&security, &custom],
    );
    // A policy of the customer's own, on an OU that Control Tower governs, is attached already.
    org.policy(SCP, "our-own", &deny("iam:*"), &[&custom, &own]);
    for principal in [
        "controltower.amazonaws.com",
        "config.amazonaws.com",
        "member.org.stacksets.cloudformation.amazonaws.com",
    ] {
        org.builder.trust(principal);
    }
    org.builder.delegate(&audit, "config.amazonaws.com");
    let (plan, imported) = survives(org.builder.build());
    let policies: Vec<String> = plan.policies.keys().map(ToString::to_string).collect();
    assert_eq!(policies, ["our-own"]);
    assert!(
        imported
            .plan
            .contains("AWS Control Tower manages this organization too")
    );
    assert_eq!(
        plan.organization
            .secops
            .map(|key| key.to_string())
            .as_deref(),
        Some("Audit")
    );
}

#[test]
fn landing_zone_accelerator() {
    let mut org = Org::new();
    let infrastructure = org.ou(1, "Infrastructure", ROOT);
    let network = org.account("Network", &infrastructure);
    org.account("LogArchive", &infrastructure);
    org.scps();
    org.policy(
        SCP,
        "AWSAccelerator-Guardrails-1",
        &deny("iam:*"),
        &[&infrastructure],
    );
    org.tags(&network, &[("Accel-Key", "AWSAccelerator")]);
    let (plan, imported) = survives(org.builder.build());
    assert!(plan.policies.is_empty());
    assert!(imported.plan.contains("Landing Zone Accelerator manages"));
}

#[test]
fn an_account_that_was_invited() {
    let mut org = Org::new();
    let ou = org.ou(1, "Acquired", ROOT);
    org.builder.account(&NewAccount {
        id: "300000000001",
        name: "bought",
        email: "root@bought.example",
        parent: &ou,
        state: "ACTIVE",
        created_here: false,
        access_role: "something-else",
    });
    let world = org.builder.build();
    let (plan, _) = survives(world.clone());
    assert_eq!(placed(&plan)["bought"], "Acquired");

    // The command tries the role that AWS would have made, and says what to do.
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("world.json");
    world.save(&file).expect("saves");
    let output = orgstrap()
        .current_dir(folder.path())
        .args([
            "-q",
            "import",
            "--sandbox",
            "--region",
            "eu-west-1",
            "--world",
        ])
        .arg(&file)
        .output()
        .expect("starts");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        told.contains("no access: account `bought` (300000000001) was invited")
            && told.contains("docs/access-role.yaml"),
        "{told}"
    );
}

/// Baselines that orgstrap brought are found again.
#[test]
fn one_with_baselines() {
    let folder = tempfile::tempdir().expect("a folder");
    let example = std::fs::read_to_string(root().join("examples/startup.toml")).expect("reads");
    let options = "recording_frequency = \"DAILY\"\n\
                   excluded_resource_types = [\"AWS::EC2::NetworkInterface\"]\n\
                   expire_after_days = 400";
    let example = example.replace(
        "[baseline.config]",
        &format!("[baseline.config]\n{options}"),
    );
    let asked = folder.path().join("asked.toml");
    std::fs::write(&asked, example).expect("writes");
    let subject = LoadedPlan::of(plan::read(&asked).expect("a sound plan").plan);
    let applied = apply(&subject, empty_world(&subject), Connection::default());
    assert!(applied.ended.is_ok(), "{:?}", applied.ended);
    let file = folder.path().join("world.json");
    applied.world.save(&file).expect("saves");
    let output = orgstrap()
        .current_dir(folder.path())
        .args([
            "-q",
            "--output",
            "json",
            "import",
            "--sandbox",
            "--region",
            "eu-west-1",
        ])
        .args(["--governed-region", "us-east-1", "--world"])
        .arg(&file)
        .output()
        .expect("starts");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(told["differences"], serde_json::json!([]));
    let written = std::fs::read_to_string(folder.path().join("org.toml")).expect("a plan");
    for name in ["cloudtrail", "config", "guardduty"] {
        assert!(written.contains(&format!("[baseline.{name}]")), "{written}");
    }
    assert_eq!(written.matches("[baseline.").count(), 3, "{written}");
    // What the example asks for beyond the defaults is read off what it made.
    for option in options.lines().chain(["features = [\"S3_DATA_EVENTS\"]"]) {
        assert!(written.contains(option), "no {option} in {written}");
    }
}

/// What orgstrap's tags once said is what accounts are called again.
#[test]
fn one_that_orgstrap_made_before() {
    let mut org = Org::new();
    let one = org.account("Payments production", ROOT);
    let other = org.account("payments", ROOT);
    org.tags(
        &one,
        &[("orgstrap:key", "payments"), ("orgstrap:managed", "true")],
    );
    let (plan, _) = survives(org.builder.build());
    let keys: BTreeMap<String, String> = plan
        .accounts
        .iter()
        .map(|(key, account)| {
            (
                key.to_string(),
                account.id.as_ref().expect("an id").to_string(),
            )
        })
        .collect();
    assert_eq!(keys["payments"], one);
    assert_eq!(keys[&format!("payments-{other}")], other);
}
