//! `protect-baseline` and its parts against an administrator of a member account: every action that AWS lists is judged
//! in `tests/guardrails/judged.txt`, and the policies are held to that.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};

use orgstrap::addr::{Address, Attribute, Bindings};
use orgstrap::authorization::{Verdict, like, statement_matches};
use orgstrap::baseline;
use orgstrap::diff::guards;
use orgstrap::plan::{OrgPlan, read_text};
use orgstrap::sandbox::organizations::{Ou, Policy};
use orgstrap::sandbox::{Call, Connection, Met, World, kms, permissions, poke};
use serde_json::Value;

use crate::support::inside::{self, LoadedPlan};

const ACTIONS: &str = include_str!("../guardrails/actions.txt");
const JUDGED: &str = include_str!("../guardrails/judged.txt");
const RESOURCES: &str = include_str!("../guardrails/resources.txt");

const MANAGEMENT: &str = "111111111111";
const LOGGING: &str = "222222222222";
const SECOPS: &str = "333333333333";
const WORKLOAD: &str = "444444444444";
const ACCOUNTS: [&str; 3] = [WORKLOAD, LOGGING, SECOPS];

fn text(options: &str) -> String {
    format!(
        r#"
[organization]
management_account = "{MANAGEMENT}"
home_region = "eu-west-1"
regions = ["eu-west-1", "us-east-1"]
logging = "log-archive"
secops = "security"
email = "aws+{{account}}@example.com"
policies = ["protect-baseline"]
[ou.Security]
[account.log-archive]
ou = "Security"
[account.security]
ou = "Security"
[policy.protect-baseline]
type = "service_control_policy"
builtin = "protect-baseline"
[baseline.cloudtrail]
[baseline.config]
[baseline.guardduty]
[baseline.roles]
[baseline.ec2-defaults]
{options}"#
    )
}

fn with_analysts() -> String {
    let roles = r#"analyst_roles = ["Analyst", "aws-reserved/sso.amazonaws.com/AWSReservedSSO_Triage_0123"]"#;
    text("").replace(
        "[baseline.guardduty]\n",
        &format!("[baseline.guardduty]\n{roles}\n"),
    )
}

/// The plan with its policies whole.
fn whole(text: String) -> OrgPlan {
    let plan = read_text("org.toml", text, Path::new("")).unwrap().plan;
    let desired = baseline::expand(&plan).unwrap();
    guards::in_force(&plan, &desired, None)
}

/// Statements by the account and the action that they are about.
type About = BTreeMap<(String, String), Arc<Vec<Value>>>;

/// The documents that bind an account.
struct Bound {
    documents: BTreeMap<String, Value>,
    about: Mutex<About>,
}

impl Bound {
    fn of(plan: &OrgPlan) -> Self {
        let mut bindings = Bindings::default();
        for (key, id) in [("log-archive", LOGGING), ("security", SECOPS)] {
            let address = Address::Account(key.parse().unwrap());
            bindings.bind(address, Attribute::Id, id);
        }
        let documents = plan.policies.iter().map(|(key, policy)| {
            let text = guards::content(plan, policy).value(&bindings).unwrap();
            (key.to_string(), serde_json::from_str(&text).unwrap())
        });
        Bound {
            documents: documents.collect(),
            about: Mutex::default(),
        }
    }

    /// The statements in force for an account: those of the root, and its own part.
    fn statements<'a>(&'a self, account: &str) -> Vec<&'a Value> {
        let part = match account {
            LOGGING => Some("protect-baseline-logs"),
            SECOPS => Some("protect-baseline-secops"),
            _ => None,
        };
        let names = [Some("protect-baseline"), part];
        names
            .into_iter()
            .flatten()
            .flat_map(|name| self.documents[name]["Statement"].as_array().unwrap())
            .collect()
    }

    /// The statement that denies, if one does.
    fn denies(
        &self,
        who: &str,
        action: &str,
        resource: &str,
        more: &[(&str, &str)],
    ) -> Option<String> {
        let account = who.split(':').nth(4).unwrap();
        let mut context = vec![("aws:PrincipalArn", who)];
        context.extend(more);
        self.about(account, action)
            .iter()
            .find(|statement| statement_matches(statement, action, resource, &context))
            .map(|statement| statement["Sid"].as_str().unwrap().to_owned())
    }

    /// The statements for an account that are about an action, with that action alone: the same is asked for many
    /// resources and many who ask.
    fn about(&self, account: &str, action: &str) -> Arc<Vec<Value>> {
        let key = (account.to_owned(), action.to_owned());
        if let Some(known) = self.about.lock().unwrap().get(&key) {
            return Arc::clone(known);
        }
        let names = |list: &Value| {
            let patterns = list.as_array().unwrap().iter();
            patterns
                .map(|pattern| pattern.as_str().unwrap().to_lowercase())
                .any(|pattern| like(&pattern, &action.to_lowercase()))
        };
        let mut found = Vec::new();
        for statement in self.statements(account) {
            assert_eq!(statement["Effect"], "Deny");
            match (statement.get("Action"), statement.get("NotAction")) {
                (Some(actions), None) if names(actions) => {
                    let mut one = statement.clone();
                    one["Action"] = Value::from(vec![action]);
                    found.push(one);
                }
                (None, Some(left)) if !names(left) => found.push(statement.clone()),
                (Some(_), None) | (None, Some(_)) => {}
                both => panic!("{both:?}"),
            }
        }
        let found = Arc::new(found);
        let mut about = self.about.lock().unwrap();
        about.insert(key, Arc::clone(&found));
        found
    }
}

fn role(account: &str, name: &str) -> String {
    format!("arn:aws:iam::{account}:role/{name}")
}

const STACKSETS: &str = "stacksets-exec-0123456789abcdef0123456789abcdef";
const EXEMPT: [&str; 3] = ["OrganizationAccountAccessRole", STACKSETS, "orgstrap-exec"];

/// Those of orgstrap's roles that are bound like everybody.
fn guarded_roles(account: &str) -> Vec<&'static str> {
    let mut names = vec![
        "orgstrap-audit",
        "orgstrap-ec2-defaults-eu-west-1",
        "orgstrap-ec2-defaults-run-eu-west-1",
    ];
    match account {
        LOGGING => names.extend([
            "orgstrap-cloudtrail-reader",
            "orgstrap-config-reader",
            "orgstrap-guardduty-reader",
        ]),
        SECOPS => names.push("orgstrap-config-aggregator"),
        _ => {}
    }
    names
}

const BUCKETS: [&str; 4] = [
    "orgstrap-cloudtrail-222222222222-eu-west-1",
    "orgstrap-cloudtrail-222222222222-eu-west-1-access",
    "orgstrap-config-222222222222-eu-west-1",
    "orgstrap-guardduty-222222222222-eu-west-1",
];

/// What the baselines make in an account, as judged.txt calls it; none where there is no such thing.
fn resources(label: &str, account: &str) -> Vec<String> {
    let stack = |name: &str| {
        format!("arn:aws:cloudformation:eu-west-1:{account}:stack/{name}/0d1c2b3a-4567")
    };
    let logging = account == LOGGING;
    let secops = account == SECOPS;
    match label {
        "-" => vec!["*".to_owned()],
        "exempt-role" => EXEMPT.iter().map(|name| role(account, name)).collect(),
        "guarded-role" => {
            let names = guarded_roles(account);
            names.iter().map(|name| role(account, name)).collect()
        }
        "managed-policy" => [
            "orgstrap-reads",
            "orgstrap-repairs",
            "orgstrap-ec2-defaults-eu-west-1",
            "orgstrap-ec2-defaults-run-eu-west-1",
        ]
        .iter()
        .map(|name| format!("arn:aws:iam::{account}:policy/{name}"))
        .collect(),
        "document" => vec![format!(
            "arn:aws:ssm:eu-west-1:{account}:document/orgstrap-ec2-defaults"
        )],
        "association" => vec![format!(
            "arn:aws:ssm:eu-west-1:{account}:association/0d1c2b3a-4567"
        )],
        "stack" => {
            let sets = ["config-recorder", "ec2-defaults", "roles"];
            let mut stacks: Vec<String> = sets
                .iter()
                .map(|name| stack(&format!("StackSet-orgstrap-{name}-0d1c2b3a-4567")))
                .collect();
            if logging {
                let own = ["cloudtrail-logs", "config-logs", "guardduty-findings"];
                stacks.extend(own.iter().map(|name| stack(&format!("orgstrap-{name}"))));
            }
            if secops {
                stacks.push(stack("orgstrap-config-aggregator"));
            }
            stacks
        }
        "recorder" => vec![format!(
            "arn:aws:config:eu-west-1:{account}:configuration-recorder/default/abc"
        )],
        "detector" => vec![format!(
            "arn:aws:guardduty:eu-west-1:{account}:detector/abc"
        )],
        "trail" => vec![format!(
            "arn:aws:cloudtrail:eu-west-1:{MANAGEMENT}:trail/orgstrap-organization"
        )],
        "bucket" if logging => BUCKETS
            .iter()
            .map(|name| format!("arn:aws:s3:::{name}"))
            .collect(),
        "object" if logging => {
            let key = "AWSLogs/o-1/444444444444/file.json.gz";
            BUCKETS
                .iter()
                .map(|name| format!("arn:aws:s3:::{name}/{key}"))
                .collect()
        }
        "access-point" if logging => vec![
            format!("arn:aws:s3:eu-west-1:{account}:accesspoint/way-in"),
            format!("arn:aws:s3:eu-west-1:{account}:accesspoint/way-in/object/AWSLogs/file"),
            format!("arn:aws:s3::{account}:accesspoint/many.mrap"),
        ],
        "key" if logging => vec![format!("arn:aws:kms:eu-west-1:{account}:key/abc")],
        "alias" if logging => ["cloudtrail", "guardduty"]
            .iter()
            .map(|name| format!("arn:aws:kms:eu-west-1:{account}:alias/orgstrap/{name}"))
            .collect(),
        "aggregator" if secops => vec![format!(
            "arn:aws:config:eu-west-1:{account}:config-aggregator/abc"
        )],
        "publishing" if secops => vec![format!(
            "arn:aws:guardduty:eu-west-1:{account}:detector/abc/publishingDestination/def"
        )],
        "bucket" | "object" | "access-point" | "key" | "alias" | "aggregator" | "publishing" => {
            vec![]
        }
        other => panic!("{other} is no resource of judged.txt"),
    }
}

/// What judged.txt calls the resource types of AWS's list that the baselines make something of.
fn labels(action: &str, types: &str) -> BTreeSet<&'static str> {
    let service = action.split(':').next().unwrap();
    let mut labels = BTreeSet::new();
    for kind in types.split(',') {
        let found: &[&str] = match (service, kind) {
            ("s3", "bucket") => &["bucket"],
            ("s3", "object") => &["object"],
            ("s3", "accesspoint" | "accesspointobject" | "multiregionaccesspoint") => {
                &["access-point"]
            }
            ("kms", "key") => &["key"],
            ("kms", "alias") => &["alias"],
            ("cloudtrail", "trail") => &["trail"],
            ("config", "ConfigurationRecorder") => &["recorder"],
            ("config", "ConfigurationAggregator") => &["aggregator"],
            ("guardduty", "detector") => &["detector"],
            ("guardduty", "publishingDestination") => &["publishing"],
            ("cloudformation", "stack") => &["stack"],
            ("iam" | "sts", "role") => &["exempt-role", "guarded-role"],
            ("ssm", "iam-role") => &["exempt-role"],
            ("iam", "policy") => &["managed-policy"],
            ("ssm", "document") => &["document"],
            ("ssm", "association") => &["association"],
            _ => &[],
        };
        labels.extend(found);
    }
    if labels.is_empty() {
        labels.insert("-");
    }
    labels
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
}

/// AWS's actions: name, whether it writes, and its resource types.
fn actions() -> Vec<(&'static str, bool, &'static str)> {
    lines(ACTIONS)
        .map(|line| {
            let [name, level, types] = line.split(' ').collect::<Vec<_>>()[..] else {
                panic!("{line}");
            };
            (name, level == "write", types)
        })
        .collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Judged {
    Denied,
    InSecOps,
    Allowed,
}

/// judged.txt: by action and resource.
fn judged() -> BTreeMap<(&'static str, &'static str), Judged> {
    let mut judged = BTreeMap::new();
    for line in lines(JUDGED) {
        let mut words = line.splitn(3, ' ');
        let (action, label) = (words.next().unwrap(), words.next().unwrap());
        let message = words.next().unwrap();
        let verdict = match message.split_once(": ") {
            None if message == "denied" => Judged::Denied,
            Some(("secops", why)) if !why.is_empty() => Judged::InSecOps,
            Some(("allowed", why)) if !why.is_empty() => Judged::Allowed,
            _ => panic!("no verdict with its reason: {line}"),
        };
        assert!(
            judged.insert((action, label), verdict).is_none(),
            "twice: {line}"
        );
    }
    judged
}

#[test]
fn every_action_that_writes_is_judged_and_none_that_is_not() {
    let judged: BTreeSet<_> = judged().into_keys().collect();
    let mut listed = BTreeSet::new();
    for (action, writes, types) in actions() {
        if writes {
            listed.extend(
                labels(action, types)
                    .into_iter()
                    .map(|label| (action, label)),
            );
        }
    }
    let missing: Vec<_> = listed.difference(&judged).collect();
    let gone: Vec<_> = judged.difference(&listed).collect();
    assert!(
        missing.is_empty(),
        "not judged in tests/guardrails/judged.txt: {missing:?}"
    );
    assert!(gone.is_empty(), "judged, and not in AWS's list: {gone:?}");
}

/// Whoever holds an account, and the roles of orgstrap that are not exempt, are denied what the table says and nothing
/// else; those that are exempt are denied nothing.
#[test]
fn administrators_are_denied_what_the_table_says_and_orgstrap_nothing() {
    let bound = Bound::of(&whole(text("")));
    let mut wrong = Vec::new();
    for ((action, label), judged) in judged() {
        for account in ACCOUNTS {
            let expected = match judged {
                Judged::Denied => true,
                Judged::InSecOps => account == SECOPS,
                Judged::Allowed => false,
            };
            let mut everybody = vec![
                role(account, "Administrator"),
                // An exempt role has its full name and no path.
                role(account, "service/orgstrap-exec"),
                role(account, "orgstrap-executor"),
                role(account, "orgstrap-drill"),
                role(account, "AWSControlTowerExecution"),
                format!("arn:aws:iam::{account}:user/orgstrap-exec"),
                format!("arn:aws:iam::{account}:root"),
            ];
            everybody.extend(
                guarded_roles(account)
                    .iter()
                    .map(|name| role(account, name)),
            );
            for resource in resources(label, account) {
                let more: &[(&str, &str)] = match label {
                    "key" => &[("aws:ResourceTag/orgstrap:managed", "true")],
                    _ => &[],
                };
                for who in &everybody {
                    let denied = bound.denies(who, action, &resource, more);
                    if denied.is_some() != expected {
                        wrong.push(format!("{who} {action} on {resource}: {denied:?}"));
                    }
                }
                for name in EXEMPT {
                    let who = role(account, name);
                    if let Some(denied) = bound.denies(&who, action, &resource, more) {
                        wrong.push(format!("{who} {action} on {resource}: {denied}"));
                    }
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// A wildcard may match only what somebody has judged, or a new action would be denied, or let through, unseen.
#[test]
fn a_wildcard_matches_only_actions_that_are_judged() {
    let bound = Bound::of(&whole(with_analysts()));
    let judged: BTreeSet<&str> = judged().into_keys().map(|(action, _)| action).collect();
    let mut wrong = Vec::new();
    for (name, document) in &bound.documents {
        for statement in document["Statement"].as_array().unwrap() {
            for pattern in statement["Action"].as_array().into_iter().flatten() {
                let pattern = pattern.as_str().unwrap();
                let matched: Vec<_> = actions()
                    .into_iter()
                    .filter(|(action, ..)| like(&pattern.to_lowercase(), &action.to_lowercase()))
                    .collect();
                assert!(!matched.is_empty(), "{name}: AWS has no action {pattern}");
                for (action, writes, _) in matched {
                    if !writes || !judged.contains(action) {
                        wrong.push(format!("{name}: {pattern} matches {action}"));
                    }
                }
            }
            let Some(left) = statement["NotAction"].as_array() else {
                continue;
            };
            for (action, writes, _) in actions() {
                let matched = left.iter().any(|pattern| {
                    like(
                        &pattern.as_str().unwrap().to_lowercase(),
                        &action.to_lowercase(),
                    )
                });
                if action.starts_with("s3:") && matched && writes {
                    wrong.push(format!("{name}: {action} writes and is left out"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The actions by which analysts work are theirs where the plan names them, and their roles are kept like the others.
#[test]
fn analysts_that_are_named_triage_and_nobody_else() {
    let bound = Bound::of(&whole(with_analysts()));
    let free = Bound::of(&whole(text("")));
    let administrator = role(SECOPS, "Administrator");
    let analysts = [
        role(SECOPS, "Analyst"),
        role(
            SECOPS,
            "aws-reserved/sso.amazonaws.com/AWSReservedSSO_Triage_0123",
        ),
    ];
    for action in [
        "guardduty:ArchiveFindings",
        "guardduty:CreateFilter",
        "guardduty:UpdateFilter",
        "guardduty:DeleteFilter",
        "guardduty:CreateIPSet",
        "guardduty:UpdateIPSet",
        "guardduty:CreateTrustedEntitySet",
        "guardduty:CreateThreatIntelSet",
        "guardduty:DeleteThreatEntitySet",
    ] {
        let denied = bound.denies(&administrator, action, "*", &[]);
        assert_eq!(denied.as_deref(), Some("TriageByAnalysts"), "{action}");
        assert_eq!(
            free.denies(&administrator, action, "*", &[]),
            None,
            "{action}"
        );
        for who in &analysts {
            assert_eq!(bound.denies(who, action, "*", &[]), None, "{who} {action}");
        }
    }
    for who in &analysts {
        // They triage, and change no setting.
        let settings = bound.denies(who, "guardduty:UpdateOrganizationConfiguration", "*", &[]);
        assert_eq!(settings.as_deref(), Some("KeepSettings"));
        for action in [
            "iam:UpdateAssumeRolePolicy",
            "iam:CreateRole",
            "iam:PutRolePolicy",
        ] {
            let kept = bound.denies(&administrator, action, who, &[]);
            assert_eq!(kept.as_deref(), Some("KeepWhatSecOpsNeeds"), "{action}");
        }
    }
}

/// What the company has under the same prefix is its own.
#[test]
fn what_else_begins_with_the_prefix_is_nobodys_business() {
    let bound = Bound::of(&whole(text("")));
    for account in ACCOUNTS {
        let administrator = role(account, "Administrator");
        for (action, resource) in [
            ("s3:PutObject", "arn:aws:s3:::orgstrap-data/file".to_owned()),
            ("s3:DeleteBucket", "arn:aws:s3:::orgstrap-data".to_owned()),
            ("iam:CreateRole", role(account, "orgstrap-shop")),
            ("iam:PassRole", role(account, "orgstrap-shop")),
            (
                "iam:CreatePolicy",
                format!("arn:aws:iam::{account}:policy/orgstrap-shop"),
            ),
            (
                "cloudformation:CreateStack",
                format!("arn:aws:cloudformation:eu-west-1:{account}:stack/orgstrap-nightly/*"),
            ),
            (
                "ssm:UpdateDocument",
                format!("arn:aws:ssm:eu-west-1:{account}:document/orgstrap-shop"),
            ),
            (
                "kms:ScheduleKeyDeletion",
                format!("arn:aws:kms:eu-west-1:{account}:key/own"),
            ),
        ] {
            let denied = bound.denies(&administrator, action, &resource, &[]);
            assert_eq!(denied, None, "{action} on {resource}");
        }
    }
}

/// Logs go on being written. Service control policies do not bind AWS's services; they do bind the role of an instance.
#[test]
fn an_instance_writes_its_sessions_into_a_bucket_of_the_same_prefix() {
    let bound = Bound::of(&whole(text("")));
    for account in ACCOUNTS {
        let instance = role(account, "orgstrap-session-manager");
        let object = "arn:aws:s3:::orgstrap-data/sessions/i-0123.log";
        for action in ["s3:PutObject", "s3:GetEncryptionConfiguration"] {
            assert_eq!(bound.denies(&instance, action, object, &[]), None);
        }
        let log = format!("arn:aws:logs:eu-west-1:{account}:log-group:sessions:log-stream:i-0123");
        assert_eq!(
            bound.denies(&instance, "logs:PutLogEvents", &log, &[]),
            None
        );
        let key = format!("arn:aws:kms:eu-west-1:{account}:key/sessions");
        assert_eq!(bound.denies(&instance, "kms:Decrypt", &key, &[]), None);
    }
}

/// EBS, RDS and others use a key by a grant that they ask for themselves.
#[test]
fn a_grant_for_a_resource_of_aws_is_no_way_out() {
    let bound = Bound::of(&whole(text("")));
    let administrator = role(LOGGING, "Administrator");
    let key = format!("arn:aws:kms:eu-west-1:{LOGGING}:key/abc");
    let ours = ("aws:ResourceTag/orgstrap:managed", "true");
    let ask = |aws: &str| {
        let context = [ours, ("kms:GrantIsForAWSResource", aws)];
        bound.denies(&administrator, "kms:CreateGrant", &key, &context)
    };
    assert_eq!(ask("false").as_deref(), Some("KeepKeys"));
    assert_eq!(ask("true"), None);
}

/// A new resource in a template fails here until it is judged.
#[test]
fn every_resource_of_the_templates_is_judged() {
    let message: BTreeSet<String> = lines(RESOURCES)
        .map(|line| {
            let [resource, kind, label] = line.split(' ').collect::<Vec<_>>()[..] else {
                panic!("{line}");
            };
            assert!(
                ACCOUNTS
                    .iter()
                    .any(|account| !resources(label, account).is_empty())
            );
            format!("{resource} {kind}")
        })
        .collect();
    let mut there = BTreeSet::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("stacksets");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let (_, resources) = text.split_once("\nResources:\n").unwrap();
        let mut id = "";
        for line in resources.lines() {
            let named = line
                .strip_prefix("  ")
                .and_then(|line| line.strip_suffix(':'));
            if let Some(named) = named.filter(|named| named.chars().all(char::is_alphanumeric)) {
                id = named;
            }
            if let Some(kind) = line.strip_prefix("    Type: AWS::") {
                there.insert(format!("{name}/{id} AWS::{kind}"));
            }
        }
    }
    assert_eq!(there, message);
}

/// AWS took 5,120 characters before May 2026, and not every organization takes more.
#[test]
fn every_part_fits_with_the_longest_names() {
    let long = |length: usize, end: &str| format!("{}{end}", "n".repeat(length - end.len()));
    let options = text("")
        .replace(
            "[organization]\n",
            &format!("[organization]\naccess_role = \"{}\"\nprefix = \"{}\"\n", long(64, "a"), long(20, "p")),
        )
        .replace(
            "[baseline.cloudtrail]\n",
            &format!(
                "[baseline.cloudtrail]\nbucket_name = \"{}\"\nreader_role = \"{}\"\nkey_alias = \"{}\"\n",
                long(56, "t"),
                long(64, "t"),
                long(250, "t")
            ),
        )
        .replace(
            "[baseline.config]\n",
            &format!(
                "[baseline.config]\nbucket_name = \"{}\"\nreader_role = \"{}\"\naggregator_role = \"{}\"\n",
                long(63, "c"),
                long(64, "c"),
                long(64, "g")
            ),
        )
        .replace(
            "[baseline.guardduty]\n",
            &format!(
                "[baseline.guardduty]\nbucket_name = \"{}\"\nreader_role = \"{}\"\nkey_alias = \"{}\"\nanalyst_roles = [\"{}\", \"{}\"]\n",
                long(63, "d"),
                long(64, "d"),
                long(250, "d"),
                long(64, "x"),
                long(64, "y")
            ),
        )
        .replace(
            "[baseline.ec2-defaults]\n",
            &format!(
                "[baseline.ec2-defaults]\nrole_name = \"{}\"\ndocument_name = \"{}\"\n",
                long(44, "e"),
                long(128, "e")
            ),
        );
    let plan = whole(options);
    assert_eq!(plan.policies.len(), 3);
    for (key, policy) in &plan.policies {
        let size = policy.content.chars().count();
        assert!(size <= 5_120, "{key} has {size}");
    }
    for account in plan.accounts.values() {
        assert_eq!(account.policies.len(), 1);
    }
}

/// The statements of every service control policy that binds an account as the world is.
fn in_force(world: &World, account: &str) -> Vec<Value> {
    let organization = world.organization.as_ref().unwrap();
    let mut targets = vec![account.to_owned(), organization.root.clone()];
    let mut at = organization.members[account].parent.clone();
    while let Some(ou) = organization.ous.get(&at) {
        targets.push(at);
        at = ou.parent.clone();
    }
    let attached = targets
        .iter()
        .filter_map(|target| organization.attached.get(target));
    attached
        .flatten()
        .filter_map(|id| organization.policies.get(id))
        .filter(|policy| policy.kind == "SERVICE_CONTROL_POLICY" && !policy.aws_managed)
        .flat_map(|policy| {
            let document: Value = serde_json::from_str(&policy.content).unwrap();
            document["Statement"].as_array().cloned().unwrap()
        })
        .collect()
}

fn denied_in(
    world: &World,
    who: &str,
    action: &str,
    resource: &str,
    more: &[(&str, &str)],
) -> bool {
    denial(world, who, action, resource, more).is_some()
}

/// The statement that denies in a world.
fn denial(
    world: &World,
    who: &str,
    action: &str,
    resource: &str,
    more: &[(&str, &str)],
) -> Option<Value> {
    let account = who.split(':').nth(4).unwrap();
    let mut context = vec![("aws:PrincipalArn", who)];
    context.extend(more);
    in_force(world, account).into_iter().find(|statement| {
        assert_eq!(statement["Effect"], "Deny");
        statement_matches(statement, action, resource, &context)
    })
}

fn id_of(world: &World, name: &str) -> String {
    let accounts = world.accounts.iter();
    let mut named = accounts.filter(|(_, account)| account.name == name);
    named.next().unwrap().0.clone()
}

/// What the policy of before kept, asked of a world.
fn unprotected(world: &World) -> Vec<String> {
    let (logging, secops) = (id_of(world, "log-archive"), id_of(world, "security"));
    let cases = [
        (
            &logging,
            "s3:DeleteObjectVersion",
            format!("arn:aws:s3:::orgstrap-cloudtrail-{logging}-eu-west-1/AWSLogs/x"),
        ),
        (
            &logging,
            "s3:PutBucketPolicy",
            format!("arn:aws:s3:::orgstrap-config-{logging}-eu-west-1"),
        ),
        (
            &logging,
            "s3:DeleteBucket",
            format!("arn:aws:s3:::orgstrap-guardduty-{logging}-eu-west-1"),
        ),
        (
            &logging,
            "kms:ScheduleKeyDeletion",
            format!("arn:aws:kms:eu-west-1:{logging}:key/abc"),
        ),
        (
            &logging,
            "cloudformation:DeleteStack",
            format!("arn:aws:cloudformation:eu-west-1:{logging}:stack/orgstrap-config-logs/1"),
        ),
        (
            &logging,
            "iam:UpdateAssumeRolePolicy",
            role(&logging, "orgstrap-cloudtrail-reader"),
        ),
        (&secops, "guardduty:DeleteMembers", "*".to_owned()),
        (
            &secops,
            "guardduty:DeletePublishingDestination",
            "*".to_owned(),
        ),
        (
            &secops,
            "iam:PutRolePolicy",
            role(&secops, "orgstrap-config-aggregator"),
        ),
        (
            &secops,
            "iam:UpdateAssumeRolePolicy",
            role(&secops, "OrganizationAccountAccessRole"),
        ),
        (&secops, "config:StopConfigurationRecorder", "*".to_owned()),
    ];
    let ours = [("aws:ResourceTag/orgstrap:managed", "true")];
    cases
        .iter()
        .filter(|(account, action, resource)| {
            !denied_in(
                world,
                &role(account, "Administrator"),
                action,
                resource,
                &ours,
            )
        })
        .map(|(_, action, resource)| format!("{action} on {resource}"))
        .collect()
}

fn small() -> LoadedPlan {
    LoadedPlan::of_text(text("").replace("[baseline.roles]\n[baseline.ec2-defaults]\n", ""))
}

fn made() -> World {
    let subject = small();
    let world = inside::empty_world(&subject);
    let run = inside::apply(&subject, world, Connection::default());
    assert!(run.ended.expect("applied").is_success());
    run.world
}

/// An organization as the version before left it: one policy that says all, and no parts.
fn of_before(mut world: World) -> World {
    let organization = world.organization.as_mut().unwrap();
    let parts: Vec<String> = organization
        .policies
        .iter()
        .filter(|(_, policy)| policy.name.starts_with("protect-baseline-"))
        .map(|(id, _)| id.clone())
        .collect();
    assert_eq!(parts.len(), 2);
    for id in &parts {
        organization.policies.remove(id);
        organization.tags.remove(id);
        for attached in organization.attached.values_mut() {
            attached.remove(id);
        }
    }
    for policy in organization.policies.values_mut() {
        if policy.name == "protect-baseline" {
            policy.content = include_str!("../guardrails/former.json").trim().to_owned();
        }
    }
    world
}

/// After every single call of the upgrade what was protected still is, and parts are in force before the one policy of before
/// becomes less.
#[test]
fn an_upgrade_leaves_no_moment_unprotected() {
    let subject = small();
    let world = of_before(made());
    assert_eq!(unprotected(&world), Vec::<String>::new());
    let calls = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&calls);
    let connection = Connection::default().watched(move |met: &Met, world: &World| {
        let open = unprotected(world);
        assert!(
            open.is_empty(),
            "after call {} ({}): {open:?}",
            met.call,
            met.operation
        );
        if met.operation.ends_with("Policy") && !met.operation.contains("Describe") {
            seen.lock().unwrap().push(met.operation.to_string());
        }
    });
    let run = inside::apply(&subject, world, connection);
    assert!(run.ended.expect("applied").is_success());
    let calls = calls.lock().unwrap();
    let changing = |name: &str| {
        let name = format!("organizations:{name}");
        calls
            .iter()
            .enumerate()
            .filter(move |(_, call)| **call == name)
            .map(|(at, _)| at)
    };
    assert_eq!(changing("AttachPolicy").count(), 2, "{calls:?}");
    assert!(
        changing("AttachPolicy").max() < changing("UpdatePolicy").min(),
        "{calls:?}"
    );
    let again = inside::apply(&subject, run.world, Connection::default());
    assert!(!again.changed(), "{}", again.text);
}

/// Control Tower's role works in the OU that Control Tower governs, and is nobody anywhere else.
#[test]
fn control_towers_role_works_in_its_own_ou_and_nowhere_else() {
    let subject = small();
    let mut world = made();
    let organization = world.organization.as_mut().unwrap();
    organization.trusted.insert(
        "controltower.amazonaws.com".to_owned(),
        organization.created,
    );
    let (root, id) = (organization.root.clone(), organization.id.clone());
    let ou = format!("ou-{}-tower000", root.trim_start_matches("r-"));
    let name = "Landed".to_owned();
    organization.ous.insert(
        ou.clone(),
        Ou {
            name,
            parent: root.clone(),
        },
    );
    organization
        .children
        .entry(root.clone())
        .or_default()
        .ous
        .insert(ou.clone());
    organization.children.insert(ou.clone(), Default::default());
    organization.policies.insert(
        "p-tower00000".to_owned(),
        Policy {
            name: "aws-guardrails-AbCdEf".to_owned(),
            description: String::new(),
            kind: "SERVICE_CONTROL_POLICY".to_owned(),
            content: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"ec2:RunInstances","Resource":"*","Condition":{"StringEquals":{"aws:RequestedRegion":"xx"}}}]}"#.to_owned(),
            aws_managed: false,
            targets: [ou.clone()].into(),
        },
    );
    organization.attached.insert(
        ou.clone(),
        ["p-FullAWSAccess".to_owned(), "p-tower00000".to_owned()].into(),
    );
    if let Some(full) = organization.policies.get_mut("p-FullAWSAccess") {
        full.targets.insert(ou.clone());
    }
    let run = inside::apply_what_can_be(&subject, world, Connection::default());
    assert!(run.ended.expect("applied").is_success(), "{}", run.text);
    let world = run.world;
    let secops = id_of(&world, "security");
    let who = role(&secops, "AWSControlTowerExecution");
    let inside = format!("{id}/{root}/{ou}/");
    let outside = format!("{id}/{root}/ou-other/");
    for action in [
        "config:PutConfigurationRecorder",
        "iam:CreateRole",
        "cloudformation:CreateStack",
    ] {
        let resource = match action {
            "iam:CreateRole" => who.as_str(),
            _ => "*",
        };
        let at = |path: &str| {
            denial(
                &world,
                &who,
                action,
                resource,
                &[("aws:PrincipalOrgPaths", path)],
            )
        };
        assert_eq!(at(&inside), None, "{action}");
        assert!(at(&outside).is_some(), "{action}");
    }
    // The one statement with the wildcard of all actions binds that role alone, and outside its OUs alone.
    let everything: Vec<Value> = in_force(&world, &secops)
        .into_iter()
        .filter(|statement| {
            let actions = statement["Action"].as_array().cloned();
            let actions = actions.unwrap_or_else(|| vec![statement["Action"].clone()]);
            actions.contains(&Value::from("*"))
        })
        .collect();
    assert!(!everything.is_empty());
    for statement in &everything {
        assert_eq!(statement["Sid"], "ControlTowerElsewhere");
        let paths = serde_json::json!([format!("{id}/{root}/{ou}/*")]);
        assert_eq!(
            statement["Condition"],
            serde_json::json!({
                "ArnLike": {"aws:PrincipalArn": ["arn:aws:iam::*:role/AWSControlTowerExecution"]},
                "ForAllValues:StringNotLike": {"aws:PrincipalOrgPaths": paths},
            })
        );
    }
    for (action, ..) in actions() {
        for (who, path, expected) in [
            ("AWSControlTowerExecution", &outside, true),
            ("AWSControlTowerExecution", &inside, false),
            ("Administrator", &outside, false),
            ("AWSControlTowerExecutions", &outside, false),
            ("service/AWSControlTowerExecution", &outside, false),
        ] {
            let who = role(&secops, who);
            let context = [
                ("aws:PrincipalArn", who.as_str()),
                ("aws:PrincipalOrgPaths", path.as_str()),
            ];
            let denied = everything
                .iter()
                .any(|statement| statement_matches(statement, action, "*", &context));
            assert_eq!(denied, expected, "{who} at {path}: {action}");
        }
    }
    // Nobody but an exempt role makes one of the name.
    let administrator = role(&secops, "Administrator");
    let path = [("aws:PrincipalOrgPaths", inside.as_str())];
    assert!(denied_in(
        &world,
        &administrator,
        "iam:CreateRole",
        &who,
        &path
    ));
    assert!(denied_in(
        &world,
        &administrator,
        "sts:AssumeRole",
        &who,
        &path
    ));
}

/// Five service control policies on a target are what every organization takes: the sixth is not attached, and all are named.
#[test]
fn a_full_target_is_told_with_what_fills_it() {
    let subject = small();
    let mut world = of_before(made());
    let logging = id_of(&world, "log-archive");
    let organization = world.organization.as_mut().unwrap();
    for number in 0..4 {
        let id = format!("p-filler0000{number:02}");
        organization.policies.insert(
            id.clone(),
            Policy {
                name: format!("theirs-{number}"),
                description: String::new(),
                kind: "SERVICE_CONTROL_POLICY".to_owned(),
                content: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"ec2:RunInstances","Resource":"*"}]}"#.to_owned(),
                aws_managed: false,
                targets: [logging.clone()].into(),
            },
        );
        organization
            .attached
            .entry(logging.clone())
            .or_default()
            .insert(id);
    }
    let run = inside::apply_what_can_be(&subject, world, Connection::default());
    let why = run.text;
    for name in [
        "FullAWSAccess",
        "theirs-0",
        "theirs-3",
        "protect-baseline-logs (to be attached)",
    ] {
        assert!(why.contains(name), "{why}");
    }
    assert_eq!(unprotected(&run.world), Vec::<String>::new());
}

/// A part cannot be attached to an account that is suspended: that is told, and the policy of before stays whole.
#[test]
fn a_part_whose_account_is_suspended_is_told_and_nothing_is_given_up_for_it() {
    let subject = small();
    let mut world = of_before(made());
    let before = document(&world, "protect-baseline");
    let poke = poke::Poke::named("suspend-account").unwrap();
    poke.run(&mut world, &["log-archive".to_owned()]).unwrap();
    let run = inside::apply_what_can_be(&subject, world, Connection::default());
    let id = id_of(&run.world, "log-archive");
    let told = format!("account `log-archive` ({id}) is suspended");
    let part = run
        .text
        .lines()
        .find(|line| line.contains("protect-baseline-logs") && line.contains("log-archive"));
    assert!(part.is_some() && run.text.contains(&told), "{}", run.text);
    assert_eq!(document(&run.world, "protect-baseline"), before);
}

fn document(world: &World, name: &str) -> String {
    let organization = world.organization.as_ref().unwrap();
    let mut policies = organization.policies.values();
    let found = policies.find(|policy| policy.name == name);
    found.unwrap().content.clone()
}

/// What an attacker does in the services, as the calls that do it: for the administrator and for the root user of an account,
/// each is refused by the statement that is there for it. `SELF` is the account, `KEY` the trail's key.
#[test]
fn each_way_is_refused_by_its_statement_to_administrators_and_root_users() {
    let subject = LoadedPlan::of_text(text(""));
    let run = inside::apply(
        &subject,
        inside::empty_world(&subject),
        Connection::default(),
    );
    assert!(run.ended.expect("applied").is_success());
    let world = run.world;
    let names = ["log-archive", "security"];
    let ways: Vec<(&str, &str, &str, &str, &str)> = include_str!("../guardrails/ways.txt")
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| {
            let mut words = line.splitn(4, ' ');
            let (place, sid) = (words.next().unwrap(), words.next().unwrap());
            let (service, operation) = words.next().unwrap().split_once(':').unwrap();
            (place, sid, service, operation, words.next().unwrap())
        })
        .collect();
    let mut wrong = Vec::new();
    for (place, sid, service, operation, input) in &ways {
        for name in names
            .iter()
            .filter(|name| *place == "every" || place == *name)
        {
            let account = id_of(&world, name);
            let (_, _, key, _) = {
                let logs = id_of(&world, "log-archive");
                kms::find(&world, &logs, "eu-west-1", "alias/orgstrap/cloudtrail").unwrap()
            };
            let input = input.replace("SELF", &account).replace("KEY", &key);
            let input: Value = serde_json::from_str(&input).expect(&input);
            for who in [
                "Administrator",
                "root",
                "assumed-root",
                "user/administrator",
            ] {
                let principal = permissions::principal(who, &account);
                let call =
                    Call::internal(&account, "eu-west-1", &principal, world.now, input.clone());
                let message = permissions::judge(&world, service, operation, &call);
                let denied = message.iter().any(|(_, verdict)| {
                    matches!(verdict, Verdict::Denied(_)) && verdict.told().contains(sid)
                });
                if !denied {
                    wrong.push(format!(
                        "{who} of {name}: {service}:{operation} {input}: {message:?}"
                    ));
                }
            }
            // Who is exempt does the same.
            let principal = permissions::principal("OrganizationAccountAccessRole", &account);
            let call = Call::internal(&account, "eu-west-1", &principal, world.now, input);
            if let Err(error) = permissions::check(&world, service, operation, &call) {
                wrong.push(format!("the access role of {name}: {operation}: {error}"));
            }
        }
    }
    assert!(ways.len() > 90, "{}", ways.len());
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
