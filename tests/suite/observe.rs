//! Observing a third party's world: what is read, and with how many calls.

use std::collections::BTreeMap;

use orgstrap::aws::{Aws, CallContext, Operation};
use orgstrap::baseline::Desired;
use orgstrap::inventory::{Inventory, Observed};
use orgstrap::observe::observe;
use orgstrap::plan::{
    Account, AllowedValues, OrgPlan, Organization, Ou, OuPath, Policy, PolicyKey, PolicyType,
    Rollout, Stage,
};

use crate::support::clean;
use crate::support::moto::Moto;

const SCP: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"iam:*","Resource":"*"}]}"#;

/// An organization of `top` OUs with `below` OUs in each, `accounts` spread over the lower ones,
/// and a policy on the first OU; in the plan as in the world, so that there is nothing to change.
pub(crate) struct Big {
    pub(crate) plan: OrgPlan,
    /// Accounts by the OU they lie in.
    pub(crate) placed: BTreeMap<OuPath, usize>,
}

impl Big {
    /// Makes it in the world and returns the plan that says the same.
    pub(crate) async fn make(aws: &Aws, top: usize, below: usize, accounts: usize) -> Big {
        let caller = aws.caller().await.expect("a caller");
        let ctx = CallContext::quiet();
        let organizations = aws.organizations(&ctx, &caller);
        organizations
            .call(|c| c.create_organization().feature_set("ALL".into()).send())
            .await
            .expect("an organization");
        let roots = organizations
            .call(|c| c.list_roots().send())
            .await
            .expect("a root");
        let root = roots.roots()[0].id().expect("an id").to_owned();
        let tag = |key: &str, value: &str| {
            aws_sdk_organizations::types::Tag::builder()
                .key(key)
                .value(value)
                .build()
                .expect("a tag")
        };
        let mut plan = empty_plan(aws.caller().await.expect("a caller").as_str());
        let mut lower: Vec<(OuPath, String)> = Vec::new();
        for t in 0..top {
            let path: OuPath = format!("Area{t}").parse().expect("a path");
            let upper = create_ou(aws, &root, path.name()).await;
            plan.ous.insert(path.clone(), Ou::default());
            for b in 0..below {
                let path: OuPath = format!("{path}/Team{b}").parse().expect("a path");
                let id = create_ou(aws, &upper, path.name()).await;
                plan.ous.insert(path.clone(), Ou::default());
                lower.push((path, id));
            }
        }
        // A new root of moto has no type enabled, other than AWS's.
        organizations
            .call(|c| {
                c.enable_policy_type()
                    .root_id(&root)
                    .policy_type("SERVICE_CONTROL_POLICY".into())
                    .send()
            })
            .await
            .expect("the policy type");
        let policy = organizations
            .call(|c| {
                c.create_policy()
                    .name("deny-iam")
                    .description("Denies IAM.")
                    .r#type("SERVICE_CONTROL_POLICY".into())
                    .content(SCP)
                    .tags(tag("orgstrap:managed", "true"))
                    .send()
            })
            .await
            .expect("a policy");
        let policy = policy
            .policy()
            .and_then(|p| p.policy_summary())
            .expect("a summary");
        organizations
            .call(|c| {
                c.attach_policy()
                    .policy_id(policy.id().expect("an id"))
                    .target_id(&lower[0].1)
                    .send()
            })
            .await
            .expect("an attachment");
        let key: PolicyKey = "deny-iam".parse().expect("a key");
        plan.policies.insert(
            key.clone(),
            Policy {
                name: None,
                kind: PolicyType::ServiceControlPolicy,
                description: "Denies IAM.".into(),
                content: SCP.into(),
                tags: BTreeMap::new(),
                renamed_from: None,
                adopt: false,
                builtin: None,
                part: None,
            },
        );
        if let Some(ou) = plan.ous.get_mut(&lower[0].0) {
            ou.policies.insert(key);
        }
        let mut placed = BTreeMap::new();
        for n in 0..accounts {
            let key = format!("acc{n:04}");
            let email = format!("aws+{key}@example.com");
            let made = organizations
                .call(|c| {
                    c.create_account()
                        .account_name(&key)
                        .email(&email)
                        .tags(tag("orgstrap:key", &key))
                        .tags(tag("orgstrap:managed", "true"))
                        .send()
                })
                .await
                .expect("an account");
            let id = made
                .create_account_status()
                .and_then(|status| status.account_id())
                .expect("an account id");
            let (path, ou) = &lower[n % lower.len()];
            organizations
                .call(|c| {
                    c.move_account()
                        .account_id(id)
                        .source_parent_id(&root)
                        .destination_parent_id(ou)
                        .send()
                })
                .await
                .expect("a move");
            *placed.entry(path.clone()).or_default() += 1;
            plan.accounts.insert(
                key.parse().expect("a key"),
                Account {
                    id: None,
                    renamed_from: None,
                    name: key.clone(),
                    email: email.parse().expect("an email"),
                    ou: path.clone(),
                    tags: BTreeMap::new(),
                    policies: Default::default(),
                    full_aws_access: None,
                    contacts: BTreeMap::new(),
                    preparation: Default::default(),
                    iam_user_access_to_billing: true,
                },
            );
        }
        Big { plan, placed }
    }

    /// The same plan as a file.
    fn text(&self) -> String {
        use std::fmt::Write as _;
        let organization = &self.plan.organization;
        let mut text = format!(
            "[organization]\nmanagement_account = \"{}\"\nhome_region = \"us-east-1\"\nlogging = \"acc0000\"\nsecops = \"acc0001\"\nemail = \"aws+{{account}}@example.com\"\n",
            organization.management_account
        );
        for (path, ou) in &self.plan.ous {
            let policies: Vec<String> = ou.policies.iter().map(ToString::to_string).collect();
            let _ = writeln!(text, "[ou.\"{path}\"]\npolicies = {policies:?}");
        }
        for (key, account) in &self.plan.accounts {
            let _ = writeln!(text, "[account.{key}]\nou = \"{}\"", account.ou);
        }
        let _ = writeln!(
            text,
            "[policy.deny-iam]\ntype = \"service_control_policy\"\nfile = \"deny-iam.json\"\ndescription = \"Denies IAM.\""
        );
        text
    }

    /// The fewest calls that can read this world, tags aside: `docs/calls.md`.
    fn fewest(&self) -> u64 {
        let pages = |items: usize| items.div_ceil(20).max(1) as u64;
        let children = |path: Option<&OuPath>| {
            self.plan
                .ous
                .keys()
                .filter(|ou| ou.parent().as_ref() == path)
                .count()
        };
        let parents: Vec<Option<&OuPath>> = std::iter::once(None)
            .chain(self.plan.ous.keys().map(Some))
            .collect();
        let ous: u64 = parents.iter().map(|parent| pages(children(*parent))).sum();
        // moto tells no paths, so that every parent is asked; the management account is in the root.
        let accounts: u64 = parents
            .iter()
            .map(|parent| {
                pages(parent.map_or(1, |path| self.placed.get(path).copied().unwrap_or(0)))
            })
            .sum();
        // Caller, organization, roots; policies of one type with content and targets of one;
        // trusted access, delegated administrators, StackSets' access, roles, stack sets.
        3 + ous + accounts + (1 + 2) + 5
    }
}

async fn create_ou(aws: &Aws, parent: &str, name: &str) -> String {
    let caller = aws.caller().await.expect("a caller");
    let ctx = CallContext::quiet();
    let organizations = aws.organizations(&ctx, &caller);
    let made = organizations
        .call(|c| {
            c.create_organizational_unit()
                .parent_id(parent)
                .name(name)
                .tags(
                    aws_sdk_organizations::types::Tag::builder()
                        .key("orgstrap:managed")
                        .value("true")
                        .build()
                        .expect("a tag"),
                )
                .send()
        })
        .await
        .expect("an OU");
    made.organizational_unit()
        .and_then(|ou| ou.id())
        .expect("an id")
        .to_owned()
}

/// A plan without accounts, OUs and baselines.
fn empty_plan(management: &str) -> OrgPlan {
    OrgPlan {
        organization: Organization {
            management_account: management.parse().expect("an id"),
            home_region: "us-east-1".parse().expect("a Region"),
            regions: ["us-east-1".parse().expect("a Region")].into(),
            logging: "acc0000".parse().ok(),
            secops: "acc0001".parse().ok(),
            access_role: "OrganizationAccountAccessRole".into(),
            prefix: "orgstrap-".into(),
            centralized_root_access: false,
            break_glass_role: None,
            leave: Default::default(),
            policies: Default::default(),
            full_aws_access: None,
            tags: std::collections::BTreeMap::new(),
        },
        segregation: BTreeMap::<String, AllowedValues>::new(),
        ous: BTreeMap::new(),
        accounts: BTreeMap::new(),
        policies: BTreeMap::new(),
        baselines: BTreeMap::new(),
        rollout: Rollout {
            stages: vec![vec![Stage::Rest]],
            max_concurrent: orgstrap::plan::Portion::Percent(100),
            failure_tolerance: orgstrap::plan::Portion::Percent(0),
        },
        trusted_access: Default::default(),
        delegated_administrators: BTreeMap::new(),
        opt_in_regions: Default::default(),
        pace: BTreeMap::new(),
    }
}

async fn inventory(aws: &Aws, plan: &OrgPlan) -> Inventory {
    observe(aws, plan, &Desired::default(), &CallContext::quiet())
        .await
        .expect("a caller")
}

#[tokio::test]
async fn an_organization_in_moto_is_read_whole() {
    let moto = Moto::start();
    let aws = moto.aws();
    let big = Big::make(&aws, 2, 2, 45).await;
    let seen = inventory(&moto.aws(), &big.plan).await;

    let organization = seen
        .organization
        .known()
        .and_then(Option::as_ref)
        .expect("one");
    assert!(organization.all_features);
    assert_eq!(organization.management_account, seen.caller);
    let ous = seen.ous.known().expect("OUs");
    let paths: Vec<String> = ous.values().map(|ou| ou.path.to_string()).collect();
    assert_eq!(paths.len(), 6);
    let accounts = seen.accounts.known().expect("accounts");
    assert_eq!(accounts.len(), 46);
    let matched = orgstrap::inventory::identify::identify(&big.plan, accounts);
    assert!(matched.conflicts.is_empty() && matched.undecided.is_empty());
    for (key, planned) in &big.plan.accounts {
        let account = &accounts[&matched.accounts[key]];
        assert_eq!(ous[&account.parent].path, planned.ou, "{key}");
        let tags = account.tags.known().expect("tags");
        assert_eq!(tags.get("orgstrap:key"), Some(&key.to_string()));
    }
    let policies = seen.policies.known().expect("policies");
    let policy = policies.values().next().expect("a policy");
    assert_eq!((policies.len(), policy.name.as_str()), (1, "deny-iam"));
    assert_eq!(policy.content, Observed::Known(SCP.to_owned()));
    assert_eq!(policy.targets.known().map(|targets| targets.len()), Some(1));

    // What moto lacks is said, and spoils nothing else.
    let lacking = seen
        .stack_sets_access
        .unread()
        .expect("moto does not have it");
    assert_eq!(
        lacking.operation,
        "cloudformation:DescribeOrganizationsAccess"
    );
    assert!(
        lacking
            .reason
            .contains("answered HTTP 500 that is not AWS's format")
    );
}

#[tokio::test]
async fn an_account_in_no_organization_is_no_failure() {
    let moto = Moto::start();
    let seen = inventory(&moto.aws(), &empty_plan("123456789012")).await;
    assert_eq!(seen.organization, Observed::Known(None));
    assert_eq!(seen.accounts, Observed::Known(BTreeMap::new()));
}

/// Runs `orgstrap plan` on the plan's file: its exit code, its output and the most memory it took, in KiB.
fn planned(big: &Big, moto: &Moto) -> (i64, String, i64) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("org.toml"), big.text()).expect("writes");
    std::fs::write(folder.path().join("deny-iam.json"), SCP).expect("writes");
    let measure = "import json, resource, subprocess, sys\n\
        done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)\n\
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss\n\
        print(json.dumps([done.returncode, done.stdout, peak]))";
    let python = std::env::var("ORGSTRAP_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let output = clean(std::process::Command::new(python))
        .args(["-c", measure, env!("CARGO_BIN_EXE_orgstrap")])
        .args(["-q", "plan", "org.toml", "--pace", "off"])
        .env("AWS_ENDPOINT_URL", moto.url())
        .current_dir(folder.path())
        .output()
        .expect("python3 starts");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// 1,000 accounts in 30 OUs, as the plan says: calls are few, their number is the formula's, and
/// memory is small.
#[tokio::test]
async fn a_thousand_accounts_take_few_calls() {
    let moto = Moto::start();
    let big = Big::make(&moto.aws(), 6, 4, 1_000).await;
    let aws = moto.aws();
    let seen = inventory(&aws, &big.plan).await;
    assert_eq!(seen.accounts.known().map(BTreeMap::len), Some(1_001));

    let calls = aws.calls();
    let tags = |name| calls.get(&name).copied().unwrap_or_default();
    let one_by_one = tags(Operation("organizations", "ListTagsForResource"));
    let at_once = tags(Operation("tag", "GetResources"));
    // The root, 30 OUs, the policy, and the accounts, because moto's tagging service names none.
    assert_eq!((one_by_one, at_once), (1 + 30 + 1 + 1_001, 1));
    let others: u64 = calls.values().sum::<u64>() - one_by_one - at_once;
    let fewest = big.fewest();
    assert!(
        others * 10 <= fewest * 12,
        "{others} calls where {fewest} would do: {calls:?}"
    );

    let (exit, printed, kib) = planned(&big, &moto);
    assert!(exit == 0 && printed.starts_with("No changes"), "{printed}");
    assert!(kib < 100 * 1024, "{kib} KiB");
}
