//! Each poke changes the world in exactly its place, and says so.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Poke, PokeError, all};
use crate::cloudformation::fixtures::{
    self, HOME, LOGGING, MANAGEMENT, OTHER, OU_PROD, OU_WORK, ROOT, SECOPS, workload,
};
use crate::cloudtrail::Trail;
use crate::config::{ConfigState, Recorder};
use crate::guardduty;
use crate::iam::Role;
use crate::organizations::Policy;
use crate::s3::Bucket;
use crate::service_quotas::Request;
use crate::world::World;

const TRAIL: &str = "orgstrap-trail";
const BUCKET: &str = "orgstrap-logs-o-abcdefghij";
const STACK: &str = "orgstrap-parameter";
const SET: &str = "orgstrap-parameters";

/// A template with one parameter of CloudFormation and one resource that shows it.
const TEMPLATE: &str = r#"{"Parameters": {"Level": {"Type": "String"}},
    "Resources": {"Shown": {"Type": "AWS::SSM::Parameter",
        "Properties": {"Name": "/shown/level", "Type": "String", "Value": {"Ref": "Level"}}}}}"#;

/// An organization in which everything can go wrong.
fn world() -> World {
    let mut world = fixtures::world(2);
    let now = world.now;
    for (id, name) in [
        (LOGGING.to_owned(), "log-archive"),
        (SECOPS.to_owned(), "security"),
        (workload(0), "payments"),
        (workload(1), "shop"),
    ] {
        world.accounts.get_mut(&id).unwrap().name = name.to_owned();
        let role: Role = serde_json::from_value(json!({
            "id": "AROA", "path": "/", "trust": "{}", "created": 0, "usable_from": 0,
            "attached": ["arn:aws:iam::aws:policy/AdministratorAccess"],
        }))
        .unwrap();
        let roles = &mut world.accounts.get_mut(&id).unwrap().iam.roles;
        roles.insert("OrganizationAccountAccessRole".to_owned(), role);
        let policy = serde_json::from_value(json!({
            "name": "reads", "id": "ANPA", "path": "/", "created": 0,
            "document": r#"{"Version":"2012-10-17","Statement":[]}"#,
        }))
        .unwrap();
        let policies = &mut world.accounts.get_mut(&id).unwrap().iam.policies;
        policies.insert(format!("arn:aws:iam::{id}:policy/reads"), policy);
    }
    let organization = world.organization.as_mut().unwrap();
    organization.policy_types =
        BTreeMap::from([("SERVICE_CONTROL_POLICY".to_owned(), "ENABLED".to_owned())]);
    let statement =
        |sid: &str| json!({"Sid": sid, "Effect": "Deny", "Action": "s3:*", "Resource": "*"});
    let document =
        json!({"Version": "2012-10-17", "Statement": [statement("One"), statement("Two")]});
    let all = json!({"Version": "2012-10-17",
                     "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]});
    for (id, name, at) in [
        ("p-FullAWSAccess", "FullAWSAccess", Some(ROOT)),
        ("p-guard", "guard", Some(OU_PROD)),
        ("p-spare", "spare", None),
    ] {
        organization.policies.insert(
            id.to_owned(),
            Policy {
                name: name.to_owned(),
                description: String::new(),
                kind: "SERVICE_CONTROL_POLICY".to_owned(),
                content: match id {
                    "p-FullAWSAccess" => all.to_string(),
                    _ => document.to_string(),
                },
                aws_managed: id == "p-FullAWSAccess",
                targets: at.into_iter().map(str::to_owned).collect(),
            },
        );
    }
    // A target keeps one policy of a type at least.
    let ous = organization.ous.keys().chain(organization.members.keys());
    let targets: Vec<String> = ous.cloned().chain([ROOT.to_owned()]).collect();
    for target in targets {
        let mut attached = BTreeSet::from(["p-FullAWSAccess".to_owned()]);
        if target == OU_PROD {
            attached.insert("p-guard".to_owned());
        }
        organization.attached.insert(target, attached);
    }
    organization.tags.insert(
        workload(0),
        BTreeMap::from([("team".to_owned(), "a".to_owned())]),
    );
    let settings = json!({
        "S3BucketName": BUCKET, "IsMultiRegionTrail": true, "LogFileValidationEnabled": true,
        "IsOrganizationTrail": true, "IncludeGlobalServiceEvents": true,
    });
    world
        .region_mut(MANAGEMENT, HOME)
        .unwrap()
        .cloudtrail
        .trails
        .insert(
            TRAIL.to_owned(),
            Trail {
                settings: settings.as_object().unwrap().clone(),
                logging: true,
                started: Some(now),
                stopped: None,
                event_selectors: None,
                advanced_event_selectors: None,
                insight_selectors: None,
                tags: BTreeMap::new(),
            },
        );
    world.quotas.requests.push(Request {
        id: "a1".to_owned(),
        case: "1".to_owned(),
        code: "L-EC62D81A".to_owned(),
        region: HOME.to_owned(),
        desired: 1_500.0,
        requester: "{}".to_owned(),
        created: now,
        decided: None,
    });
    // All that CloudTrail tests for is allowed; the second statement is one too many.
    let allow = json!({"Effect": "Allow", "Principal": "*", "Action": "s3:*",
        "Resource": [format!("arn:aws:s3:::{BUCKET}"), format!("arn:aws:s3:::{BUCKET}/*")]});
    world.s3.buckets.insert(
        BUCKET.to_owned(),
        Bucket {
            account: LOGGING.to_owned(),
            region: HOME.to_owned(),
            created: now,
            object_lock: false,
            policy: Some(json!({"Version": "2012-10-17", "Statement": [allow, allow]}).to_string()),
            settings: BTreeMap::from([
                (
                    "ServerSideEncryptionConfiguration".to_owned(),
                    json!({"Rules": []}),
                ),
                (
                    "VersioningConfiguration".to_owned(),
                    json!({"Status": "Enabled"}),
                ),
                ("PublicAccessBlockConfiguration".to_owned(), json!({})),
            ]),
            tags: BTreeMap::new(),
        },
    );
    let role = format!(
        "arn:aws:iam::{}:role/OrganizationAccountAccessRole",
        workload(0)
    );
    world.region_mut(&workload(0), HOME).unwrap().config = ConfigState {
        recorder: Some(Recorder {
            settings: json!({"name": "default", "roleARN": role, "recordingGroup": {"allSupported": true}}),
            recording: true,
            started: Some(now),
            stopped: None,
        }),
        channel: Some(json!({"name": "default", "s3BucketName": BUCKET})),
        rules: BTreeMap::new(),
        aggregators: BTreeMap::new(),
    };
    world
        .region_mut(SECOPS, HOME)
        .unwrap()
        .config
        .aggregators
        .insert(
            "all".to_owned(),
            json!({"ConfigurationAggregatorName": "all"}),
        );
    world
        .region_mut(MANAGEMENT, HOME)
        .unwrap()
        .guardduty
        .organization_admin = Some(SECOPS.to_owned());
    for account in [SECOPS.to_owned(), workload(0)] {
        guardduty::create_for(&mut world, &account, HOME, true).unwrap();
    }
    let detector = |world: &mut World, account: &str| {
        let state = &mut world.region_mut(account, HOME).unwrap().guardduty;
        state.detector.take().unwrap()
    };
    let mut admin = detector(&mut world, SECOPS);
    admin.members.insert(workload(0), now);
    admin.organization.auto_enable = "ALL".to_owned();
    admin.destinations.insert(
        "d1".to_owned(),
        guardduty::Destination {
            bucket_arn: format!("arn:aws:s3:::{BUCKET}"),
            key_arn: String::new(),
            status: "PUBLISHING".to_owned(),
            tags: BTreeMap::new(),
        },
    );
    world.region_mut(SECOPS, HOME).unwrap().guardduty.detector = Some(admin);
    let mut member = detector(&mut world, &workload(0));
    member.administrator = Some(SECOPS.to_owned());
    world
        .region_mut(&workload(0), HOME)
        .unwrap()
        .guardduty
        .detector = Some(member);
    with_stacks(&mut world);
    world.lags.settle();
    world
}

/// A protected stack in the logging account, and a stack set in Workloads and two Regions.
fn with_stacks(world: &mut World) {
    let level = fixtures::parameters(&[("Level", "low")]);
    fixtures::call(
        world,
        LOGGING,
        HOME,
        "cloudformation",
        "CreateStack",
        json!({"StackName": STACK, "TemplateBody": TEMPLATE, "Parameters": level,
            "EnableTerminationProtection": true}),
    )
    .unwrap();
    fixtures::sets(world, "ActivateOrganizationsAccess", json!({})).unwrap();
    fixtures::sets(
        world,
        "CreateStackSet",
        json!({"StackSetName": SET, "TemplateBody": TEMPLATE, "Parameters": level,
            "PermissionModel": "SERVICE_MANAGED",
            "AutoDeployment": {"Enabled": true, "RetainStacksOnAccountRemoval": false}}),
    )
    .unwrap();
    fixtures::sets(
        world,
        "CreateStackInstances",
        json!({"StackSetName": SET, "Regions": [HOME, OTHER],
            "DeploymentTargets": {"OrganizationalUnitIds": [OU_WORK]},
            "OperationPreferences": {"RegionConcurrencyType": "PARALLEL", "MaxConcurrentCount": 10,
                "ConcurrencyMode": "SOFT_FAILURE_TOLERANCE"}}),
    )
    .unwrap();
    fixtures::wait(world, 900);
    assert_eq!(world.due.len(), 0, "nothing is under way: {:?}", world.due);
}

fn run(world: &mut World, words: &[&str]) -> Result<String, PokeError> {
    let (name, arguments) = words.split_first().unwrap();
    let arguments: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
    Poke::named(name)?.run(world, &arguments)
}

/// Where two worlds differ, as JSON pointers; what passing time alone changes is left out.
fn differences(before: &World, after: &World) -> Vec<String> {
    fn walk(path: &str, a: &Value, b: &Value, found: &mut Vec<String>) {
        if a == b {
            return;
        }
        let (Value::Object(a), Value::Object(b)) = (a, b) else {
            found.push(path.to_owned());
            return;
        };
        let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
        for key in keys {
            let (a, b) = (a.get(key), b.get(key));
            let null = Value::Null;
            walk(
                &format!("{path}/{key}"),
                a.unwrap_or(&null),
                b.unwrap_or(&null),
                found,
            );
        }
    }
    let mut found = Vec::new();
    let (before, after) = (json!(before), json!(after));
    walk("", &before, &after, &mut found);
    found.retain(|path| !["/now", "/rng/state", "/seq"].contains(&path.as_str()));
    found
}

/// Every poke with arguments that work, and the places that it may change. `*` stands for anything.
fn cases() -> Vec<(Vec<String>, Vec<String>)> {
    let payments = workload(0);
    let case = |words: &str, places: &[&str]| {
        (
            words.split(' ').map(str::to_owned).collect(),
            places
                .iter()
                .map(|place| place.replace("PAYMENTS", &payments))
                .collect(),
        )
    };
    let organization = |rest: &str| format!("/organization/{rest}");
    let children = format!("/organization/children/{OU_PROD}/accounts");
    let root = format!("/organization/children/{ROOT}/accounts");
    let config = format!("/accounts/{payments}/regions/{HOME}/config");
    let trail = format!("/accounts/{MANAGEMENT}/regions/{HOME}/cloudtrail/trails/{TRAIL}");
    let bucket = format!("/s3/buckets/{BUCKET}");
    let detector = format!("/accounts/{SECOPS}/regions/{HOME}/guardduty/detector");
    let sets = format!("/accounts/{MANAGEMENT}/regions/{HOME}/cloudformation/stack_sets");
    let logging = format!("/accounts/{LOGGING}/regions/{HOME}");
    vec![
        case(
            "move-account payments root",
            &[
                &organization("members/PAYMENTS/parent"),
                &children,
                &root,
                // Stack sets will notice.
                "/due",
            ],
        ),
        case(
            "invite-account friend@example.com",
            &[&organization("invitations/*")],
        ),
        case("quota accounts 50", &["/account_quota"]),
        case(
            "quota-request stack-sets approve",
            &["/quotas/stack_sets", "/quotas/requests*"],
        ),
        case(
            "create-account stray stray@example.com",
            &[
                "/accounts/*",
                "/emails/stray@example.com",
                "/organization/*",
                "/due",
            ],
        ),
        case(
            "suspend-account payments",
            &[&organization("members/PAYMENTS/state")],
        ),
        case(
            "close-account payments",
            &[
                &organization("members/PAYMENTS/state"),
                &organization("closures"),
                "/accounts/PAYMENTS/closed",
                "/due",
            ],
        ),
        case(
            "create-ou Workloads/Attic",
            &[
                &organization("ous/*"),
                &organization("children/*"),
                // AWS attaches its own policy to every new OU.
                &organization("attached/*"),
                &organization("policies/p-FullAWSAccess/targets"),
            ],
        ),
        case(
            "rename-ou Workloads/Prod Live",
            &[&format!("/organization/ous/{OU_PROD}/name")],
        ),
        case(
            "tag payments team b",
            &[&organization("tags/PAYMENTS/team")],
        ),
        case("untag payments team", &[&organization("tags/PAYMENTS*")]),
        case(
            "attach-policy spare Workloads/Prod",
            &[
                &format!("/organization/attached/{OU_PROD}"),
                &organization("policies/p-spare/targets"),
            ],
        ),
        case(
            "detach-policy guard Workloads/Prod",
            &[
                &format!("/organization/attached/{OU_PROD}"),
                &organization("policies/p-guard/targets"),
            ],
        ),
        case(
            "edit-policy guard",
            &[&organization("policies/p-guard/content")],
        ),
        case(
            "disable-trusted-access cloudtrail.amazonaws.com",
            &[&organization("trusted/cloudtrail.amazonaws.com")],
        ),
        case(
            "deregister-administrator security config.amazonaws.com",
            &[&format!("/organization/delegated/{SECOPS}")],
        ),
        case(
            "delete-role payments",
            &["/accounts/PAYMENTS/iam/roles/OrganizationAccountAccessRole"],
        ),
        case(
            "distrust-role payments",
            &["/accounts/PAYMENTS/iam/roles/OrganizationAccountAccessRole*"],
        ),
        case(
            "attach-role-policy payments OrganizationAccountAccessRole arn:aws:iam::aws:policy/ReadOnlyAccess",
            &["/accounts/PAYMENTS/iam/roles/OrganizationAccountAccessRole*"],
        ),
        case(
            "put-role-policy payments OrganizationAccountAccessRole",
            &["/accounts/PAYMENTS/iam/roles/OrganizationAccountAccessRole*"],
        ),
        case(
            "bind-role payments OrganizationAccountAccessRole",
            &["/accounts/PAYMENTS/iam/roles/OrganizationAccountAccessRole*"],
        ),
        case(
            "add-policy-version payments reads",
            &["/accounts/PAYMENTS/iam/policies/*"],
        ),
        case(
            "register-administrator payments config.amazonaws.com",
            &[&organization("*")],
        ),
        case(
            "disable-policy-type SERVICE_CONTROL_POLICY",
            &[&organization("policy_types*"), &organization("*")],
        ),
        case(
            "override-recorder payments",
            &[&format!("{config}/recorder*")],
        ),
        case(
            "guardduty-feature-on RUNTIME_MONITORING",
            &[&format!("{detector}/*")],
        ),
        case(
            "guardduty-held S3_DATA_EVENTS off",
            &[&format!("{detector}/*")],
        ),
        case(
            "stop-trail",
            &[&format!("{trail}/logging"), &format!("{trail}/stopped")],
        ),
        case("delete-trail", &[&trail]),
        case(
            "edit-trail no-validation",
            &[&format!("{trail}/settings/LogFileValidationEnabled")],
        ),
        case(
            &format!("edit-bucket-policy {BUCKET}"),
            &[&format!("{bucket}/policy")],
        ),
        case(
            "bucket-encryption-off logs",
            &[&format!(
                "{bucket}/settings/ServerSideEncryptionConfiguration"
            )],
        ),
        case(
            "bucket-versioning-off logs",
            &[&format!("{bucket}/settings/VersioningConfiguration/Status")],
        ),
        case(
            "bucket-public-access-block-off logs",
            &[&format!("{bucket}/settings/PublicAccessBlockConfiguration")],
        ),
        case(
            "stop-recorder payments",
            &[
                &format!("{config}/recorder/recording"),
                &format!("{config}/recorder/stopped"),
            ],
        ),
        case(
            "edit-recorder payments",
            &[&format!("{config}/recorder/settings/*")],
        ),
        case("finalize-organization 50", &["/quirks/finalizing_until"]),
        case("empty-pages on", &["/quirks/empty_pages"]),
        case(
            &format!("open-ssh payments {HOME}"),
            &[&config.replace("/config", "/ec2/groups")],
        ),
        case("delete-recorder payments", &[&format!("{config}/recorder")]),
        case(
            "delete-channel payments",
            &[
                &format!("{config}/channel"),
                &format!("{config}/recorder/recording"),
                &format!("{config}/recorder/stopped"),
            ],
        ),
        case(
            "delete-aggregator security",
            &[&format!(
                "/accounts/{SECOPS}/regions/{HOME}/config/aggregators/all"
            )],
        ),
        case(
            "disable-guardduty payments",
            &[&format!(
                "/accounts/PAYMENTS/regions/{HOME}/guardduty/detector/enabled"
            )],
        ),
        case(
            "guardduty-auto-enable-none",
            &[
                &format!("{detector}/organization/auto_enable"),
                // GuardDuty applies its settings in a while.
                "/due",
            ],
        ),
        case(
            "guardduty-feature-off S3_DATA_EVENTS",
            &[
                &format!("{detector}/features/S3_DATA_EVENTS"),
                &format!("{detector}/updated"),
            ],
        ),
        case(
            "remove-member payments",
            &[&format!(
                "/accounts/PAYMENTS/regions/{HOME}/guardduty/detector/administrator"
            )],
        ),
        case(
            "delete-destination",
            &[&format!("{detector}/destinations/d1")],
        ),
        case(
            "delete-stack parameter",
            &[
                &format!("{logging}/cloudformation/*"),
                &format!("{logging}/ssm/parameters//shown/level"),
            ],
        ),
        case(
            "edit-stack parameter Level high",
            &[
                &format!("{logging}/cloudformation/stacks/*"),
                &format!("{logging}/ssm/parameters//shown/level/*"),
            ],
        ),
        case(
            &format!("delete-stack-instance parameters payments {OTHER}"),
            &[
                &format!("{sets}/*"),
                &format!("/accounts/PAYMENTS/regions/{OTHER}/*"),
            ],
        ),
        case(
            "edit-stack-set parameters Level high",
            &[
                &format!("{sets}/*"),
                "/accounts/4*/cloudformation/stacks/*",
                "/accounts/4*/ssm/parameters//shown/level/*",
            ],
        ),
        case(
            &format!("edit-template parameters payments {HOME}"),
            &[
                &format!("{sets}/*"),
                &format!("/accounts/PAYMENTS/regions/{HOME}/cloudformation/stacks/*"),
            ],
        ),
        case("wait 15", &[]),
    ]
}

fn matches(pattern: &str, path: &str) -> bool {
    match pattern.split_once('*') {
        None => path == pattern,
        Some((start, rest)) => path.strip_prefix(start).is_some_and(|left| {
            rest.is_empty()
                || (0..=left.len())
                    .filter(|at| left.is_char_boundary(*at))
                    .any(|at| matches(rest, &left[at..]))
        }),
    }
}

#[test]
fn every_poke_changes_exactly_its_place() {
    let before = world();
    for (words, places) in cases() {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut after = before.clone();
        let did = run(&mut after, &words).unwrap_or_else(|error| panic!("{words:?}: {error}"));
        assert!(!did.is_empty());
        let found = differences(&before, &after);
        for path in &found {
            assert!(
                places.iter().any(|place| matches(place, path)),
                "{words:?} changed {path}"
            );
        }
        for place in &places {
            assert!(
                found.iter().any(|path| matches(place, path)),
                "{words:?} did not change {place}, only {found:#?}"
            );
        }
    }
}

#[test]
fn every_poke_of_the_table_is_tried() {
    let tried: BTreeSet<String> = cases()
        .into_iter()
        .map(|(words, _)| words[0].clone())
        .collect();
    let there: BTreeSet<String> = all().map(|poke| poke.name.to_owned()).collect();
    assert_eq!(tried, there);
}

#[test]
fn what_was_poked_is_as_a_person_would_find_it() {
    let mut world = world();
    run(&mut world, &["stop-trail"]).unwrap();
    let status = fixtures::call(
        &mut world,
        MANAGEMENT,
        HOME,
        "cloudtrail",
        "GetTrailStatus",
        json!({"Name": TRAIL}),
    );
    assert_eq!(status.unwrap()["IsLogging"], json!(false));

    run(&mut world, &["edit-trail", "single-region"]).unwrap();
    let trail = fixtures::call(
        &mut world,
        MANAGEMENT,
        HOME,
        "cloudtrail",
        "GetTrail",
        json!({"Name": TRAIL}),
    );
    assert_eq!(trail.unwrap()["Trail"]["IsMultiRegionTrail"], json!(false));

    // Auto-deployment takes the stacks of an account that leaves the targets.
    run(&mut world, &["move-account", "payments", "Security"]).unwrap();
    run(&mut world, &["wait", "30"]).unwrap();
    let left = fixtures::sets(
        &mut world,
        "ListStackInstances",
        json!({"StackSetName": SET}),
    )
    .unwrap();
    let accounts: Vec<&str> = left["Summaries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|instance| instance["Account"].as_str().unwrap())
        .collect();
    assert_eq!(accounts, [workload(1), workload(1)]);

    run(&mut world, &["edit-template", SET, "shop", HOME]).unwrap();
    let after = fixtures::sets(
        &mut world,
        "ListStackInstances",
        json!({"StackSetName": SET}),
    )
    .unwrap();
    let status = |region: &str| {
        let all = after["Summaries"].as_array().unwrap();
        let one = all.iter().find(|it| it["Region"] == region).unwrap();
        one["Status"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        (status(HOME).as_str(), status(OTHER).as_str()),
        ("CURRENT", "OUTDATED")
    );
}

/// Whoever mistypes is told what there is.
#[test]
fn mistakes_are_explained() {
    let mut world = world();
    let before = world.clone();
    let mut wrong = |words: &str| {
        let words: Vec<&str> = words.split(' ').collect();
        let error = run(&mut world, &words).unwrap_err();
        format!("{error} | {}", error.hint.as_deref().unwrap_or_default())
    };
    assert_eq!(
        wrong("move-acount payments root"),
        "`move-acount` is no poke | did you mean `move-account`?"
    );
    assert_eq!(
        wrong("move-account payments"),
        "move-account got 1 argument | write `move-account ACCOUNT OU`"
    );
    assert_eq!(
        wrong("move-account paymints root"),
        "there is no account `paymints` in this world | did you mean `payments`?"
    );
    assert_eq!(
        wrong("move-account payments Workloads/Prd"),
        "there is no OU `Workloads/Prd` in this world | did you mean `Workloads/Prod`?"
    );
    assert_eq!(
        wrong("detach-policy gaurd Workloads/Prod"),
        "there is no policy `gaurd` in this world | did you mean `guard`?"
    );
    assert_eq!(
        wrong("edit-trail singel-region"),
        "`singel-region` is no way to edit a trail | did you mean `single-region`?"
    );
    assert_eq!(
        wrong("stop-recorder payments us-east-1"),
        "there is no recorder in `us-east-1` | there is one in eu-west-1; did you mean that?"
    );
    assert!(
        wrong("move-account payments Workloads/Prod").starts_with("AWS refuses it: Duplicate"),
        "AWS's own words are passed on"
    );
    assert!(
        wrong("delete-stack-instance parameters payments").contains("got 2 arguments"),
        "arguments are counted"
    );
    assert_eq!(world, before, "a refused poke leaves no trace");
}

#[test]
fn an_empty_world_says_what_is_missing() {
    let mut world = World::empty(MANAGEMENT, 1);
    for (words, expected) in [
        (&["stop-trail"][..], "there is no trail in this world"),
        (
            &["tag", "root", "a", "b"],
            "there is no organization in this world yet",
        ),
        (
            &["delete-stack", "x"],
            "there is no stack `x` in this world",
        ),
    ] {
        assert_eq!(run(&mut world, words).unwrap_err().message, expected);
    }
}
