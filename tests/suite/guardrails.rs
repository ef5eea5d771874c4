//! Policies of an organization, and what they do to orgstrap in it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, OnceLock};

use orgstrap::authorization::{Resource, Verdict};
use orgstrap::rehearse::copy;
use orgstrap::sandbox::codec::{self, Request, model};
use orgstrap::sandbox::identity_policy::action;
use orgstrap::sandbox::rates::Rates;
use orgstrap::sandbox::sts::Credential;
use orgstrap::sandbox::{Call, Connection, World, front, iam, permissions, table};
use serde_json::{Value, json};

use crate::support::inside::{self, LoadedPlan};
use crate::support::root;

const MANAGEMENT: &str = "111111111111";
const REGION: &str = "us-east-1";

/// A world with an organization and nothing else, and its id.
pub(crate) fn organization() -> (World, String) {
    let mut world = World::empty(MANAGEMENT, 1);
    let who = format!("arn:aws:iam::{MANAGEMENT}:user/admin");
    let call = Call::internal(
        MANAGEMENT,
        REGION,
        &who,
        world.now,
        json!({"FeatureSet": "ALL"}),
    );
    let made = table::invoke(&mut world, "organizations", "CreateOrganization", &call);
    let id = made.expect("made")["Organization"]["Id"].clone();
    (world, id.as_str().expect("an id").to_owned())
}

/// A data perimeter in the shape of AWS's published examples: trusted identities, trusted resources, expected networks.
pub(crate) fn perimeter(organization: &str) -> [(&'static str, &'static str, Value); 3] {
    let identities = json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "OnlyOurIdentities", "Effect": "Deny", "Principal": "*",
         "Action": ["s3:*", "sqs:*", "kms:*", "secretsmanager:*", "sts:AssumeRole", "sts:SetContext"], "Resource": "*",
         "Condition": {
            "StringNotEqualsIfExists": {"aws:PrincipalOrgID": organization, "aws:ResourceTag/perimeter-exception": "true"},
            "BoolIfExists": {"aws:PrincipalIsAWSService": "false"}}},
        {"Sid": "NoConfusedDeputies", "Effect": "Deny", "Principal": "*",
         "Action": ["s3:*", "sqs:*", "kms:*", "secretsmanager:*"], "Resource": "*",
         "Condition": {
            "StringNotEqualsIfExists": {"aws:SourceOrgID": organization},
            "Null": {"aws:SourceAccount": "false"},
            "Bool": {"aws:PrincipalIsAWSService": "true"}}},
        {"Sid": "OnlyTls", "Effect": "Deny", "Principal": "*", "Action": ["s3:*", "sqs:*"], "Resource": "*",
         "Condition": {"BoolIfExists": {"aws:SecureTransport": "false"}}}]});
    let resources = json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "OnlyOurResources", "Effect": "Deny",
         "NotAction": ["iam:GetPolicy", "iam:GetPolicyVersion", "iam:AttachRolePolicy", "ssm:GetDocument", "ssm:DescribeDocument", "ssm:StartAutomationExecution"],
         "Resource": "*",
         "Condition": {
            "StringNotEqualsIfExists": {"aws:ResourceOrgID": organization, "aws:PrincipalTag/resource-perimeter-exception": "true"},
            "ForAllValues:StringNotEquals": {"aws:CalledVia": ["dataexchange.amazonaws.com", "servicecatalog.amazonaws.com"]}}}]});
    let networks = json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "OnlyExpectedNetworks", "Effect": "Deny", "NotAction": ["sts:GetCallerIdentity", "es:ES*"], "Resource": "*",
         "Condition": {
            "BoolIfExists": {"aws:PrincipalIsAWSService": "false", "aws:ViaAWSService": "false"},
            "NotIpAddressIfExists": {"aws:SourceIp": ["192.0.2.0/24"]},
            "StringNotEqualsIfExists": {"aws:SourceVpc": ["vpc-0123456789abcdef0"], "aws:PrincipalTag/network-perimeter-exception": "true"},
            "ArnNotLikeIfExists": {"aws:PrincipalArn": ["arn:aws:iam::*:role/aws:ec2-infrastructure"]}}}]});
    [
        ("identity-perimeter", "resource_control_policy", identities),
        ("resource-perimeter", "service_control_policy", resources),
        ("network-perimeter", "service_control_policy", networks),
    ]
}

/// The startup example, with the perimeter on its root where one is wanted.
fn plan(perimeter: &[(&str, &str, Value)]) -> LoadedPlan {
    let text = std::fs::read_to_string(root().join("examples/startup.toml")).expect("reads");
    with_perimeter(text, perimeter)
}

fn with_perimeter(text: String, perimeter: &[(&str, &str, Value)]) -> LoadedPlan {
    let names: String = perimeter
        .iter()
        .map(|(name, _, _)| format!(", \"{name}\""))
        .collect();
    let mut text = text.replacen(
        r#"policies = ["protect-baseline"]"#,
        &format!(r#"policies = ["protect-baseline"{names}]"#),
        1,
    );
    for (name, kind, document) in perimeter {
        text.push_str(&format!(
            "\n[policy.{name}]\ntype = \"{kind}\"\ncontent = '{document}'\n"
        ));
    }
    LoadedPlan::of_text(text)
}

/// The startup example applied under the perimeter, and the organization's id.
fn guarded() -> (World, String, LoadedPlan) {
    static APPLIED: OnceLock<(World, String)> = OnceLock::new();
    let (world, id) = APPLIED.get_or_init(|| {
        let (world, id) = organization();
        let subject = plan(&perimeter(&id));
        let run = inside::apply(&subject, world, Connection::default());
        let summary = run.ended.expect("applied");
        assert!(summary.is_success(), "{:?}", summary.failed);
        (run.world, id)
    });
    (world.clone(), id.clone(), plan(&perimeter(id)))
}

fn id(world: &World, name: &str) -> String {
    let mut accounts = world.accounts.iter();
    let found = accounts.find(|(_, account)| account.name == name);
    found.expect("the account is there").0.clone()
}

/// AWS's own data perimeter stops nothing of what orgstrap does, no more than it does in AWS.
#[test]
fn under_a_data_perimeter_everything_goes_on() {
    let (world, _, subject) = guarded();
    let (planned, world) = inside::plan(&subject, world);
    assert!(planned.changes.is_empty(), "{}", planned.text);
    let (findings, world) = inside::drift(&subject, world);
    let found: Vec<&str> = findings
        .findings
        .iter()
        .map(|it| it.title.as_str())
        .collect();
    assert!(found.is_empty(), "{found:?}");
    let noted = world.notes.noted();
    assert!(noted.refused.is_empty(), "{:?}", noted.refused);
    // What depends on the address that a call comes from is said to.
    let unsure = noted.unsure();
    let told = |line: &String| {
        line.contains("aws:SourceIp") && line.contains("OnlyExpectedNetworks of network-perimeter")
    };
    assert!(unsure.iter().all(told) && !unsure.is_empty(), "{unsure:?}");
}

/// `plan` foretells nothing of a perimeter that AWS would not do: what hangs on the address is said, and not guessed.
#[test]
fn a_data_perimeter_is_not_warned_of_but_for_the_address() {
    let (world, id) = organization();
    let (planned, _) = inside::plan(&plan(&perimeter(&id)), world);
    let warned: Vec<&str> = planned
        .text
        .lines()
        .skip_while(|line| !line.contains("policies would refuse"))
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter(|line| !line.trim_start().starts_with("hint:"))
        .collect();
    assert!(!warned.is_empty(), "{}", planned.text);
    for line in &warned {
        assert!(
            line.contains("could not be judged without")
                && line.contains("aws:SourceIp")
                && line.contains("OnlyExpectedNetworks of policy network-perimeter"),
            "{line}"
        );
    }
}

/// orgstrap's own policies refuse nobody of those, the break-glass role neither.
#[test]
fn the_built_in_policies_are_not_warned_of() {
    let text = std::fs::read_to_string(root().join("examples/startup.toml")).expect("reads");
    let text = text
        .replacen(
            "\nemail = ",
            "\nbreak_glass_role = \"emergency/BreakGlass\"\nemail = ",
            1,
        )
        .replacen(
            r#"policies = ["protect-baseline"]"#,
            r#"policies = ["protect-baseline", "approved-regions", "deny-root", "deny-leave"]"#,
            1,
        );
    let own = |name: &str| {
        format!("\n[policy.{name}]\ntype = \"service_control_policy\"\nbuiltin = \"{name}\"\n")
    };
    let text = text + &own("deny-root") + &own("deny-leave");
    assert!(text.contains("break_glass_role") && text.contains("\"deny-root\", \"deny-leave\"]"));
    let subject = LoadedPlan::of_text(text);
    let (planned, _) = inside::plan(&subject, inside::empty_world(&subject));
    assert!(planned.text.contains("deny-root"), "{}", planned.text);
    assert!(
        !planned.text.contains("policies would refuse"),
        "{}",
        planned.text
    );
}

/// A rehearsal under the perimeter: the copy is as the organization is, and a new account goes through as without it.
#[test]
fn a_rehearsal_under_a_data_perimeter_is_as_without_it() {
    let (world, id, subject) = guarded();
    let (_, read) = inside::look(&subject, world);
    let organization = &subject.plan.organization;
    let copied = copy(
        &read,
        &organization.home_region,
        &organization.access_role,
        1,
    );
    let copied = copied.expect("a copy");
    assert_eq!(copied.missing, Vec::<String>::new());
    let (planned, world) = inside::plan(&subject, copied.world);
    assert!(planned.changes.is_empty(), "{}", planned.text);
    let mut text = std::fs::read_to_string(root().join("examples/startup.toml")).expect("reads");
    text.push_str("\n[account.lab]\nou = \"Sandbox\"\ntags = { data-classification = \"public\", business-unit = \"platform\" }\n");
    let more = with_perimeter(text, &perimeter(&id));
    let run = inside::apply(&more, world, Connection::default());
    let summary = run.ended.expect("applied");
    assert!(summary.is_success(), "{:?}", summary.failed);
    let noted = run.world.notes.noted();
    assert!(noted.refused.is_empty(), "{:?}", noted.refused);
    let unsure = noted.unsure();
    assert!(
        unsure.iter().all(|line| line.contains("aws:SourceIp")),
        "{unsure:?}"
    );
}

/// What `plan` asks the evaluator about is all that is called in accounts: where nothing else is allowed everything is
/// made, and checked, as elsewhere.
#[test]
fn what_is_asked_for_warnings_is_all_that_is_called_in_accounts() {
    let subject = LoadedPlan::example("startup");
    let known = orgstrap::diff::work::actions(&subject.plan, &subject.desired);
    let all: Vec<&String> = known.iter().collect();
    let only = json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "Nothing", "Effect": "Deny", "NotAction": all, "Resource": "*"}]});
    let subject = plan(&[("only", "service_control_policy", only)]);
    let run = inside::apply(
        &subject,
        inside::empty_world(&subject),
        Connection::default(),
    );
    let summary = run.ended.expect("applied");
    let refused = run.world.notes.noted().refused;
    assert!(refused.is_empty(), "{refused:#?}");
    assert!(summary.is_success(), "{:?}", summary.failed);
    let (findings, world) = inside::drift(&subject, run.world);
    let found: Vec<&str> = findings
        .findings
        .iter()
        .map(|it| it.title.as_str())
        .collect();
    let refused = world.notes.noted().refused;
    assert!(
        found.is_empty() && refused.is_empty(),
        "{found:?} {refused:#?}"
    );
}

/// A stack of somebody's that hands a role on needs the right to pass it, also where a policy of the organization takes it.
#[test]
fn a_call_that_hands_a_role_on_needs_to_pass_it() {
    let (mut world, _, _) = guarded();
    // Clones of a world share what is noted of it.
    world.notes = permissions::Notes::default();
    let shop = id(&world, "shop-prod");
    let deny = json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "NoPassing", "Effect": "Deny", "Action": "iam:PassRole", "Resource": "*",
         "Condition": {"StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}}}]});
    let organization = world.organization.as_mut().expect("is there");
    let policy = policy_named(organization, "network-perimeter");
    let policy = organization.policies.get_mut(&policy);
    policy.expect("is there").content = deny.to_string();
    let ask = |role: Option<&str>| {
        let who = format!("arn:aws:sts::{shop}:assumed-role/worker/session");
        let input = json!({"StackName": "s", "TemplateBody": "{}", "RoleARN": role});
        let call = Call::internal(&shop, REGION, &who, world.now, input);
        permissions::check(&world, "cloudformation", "CreateStack", &call)
    };
    assert!(ask(None).is_ok());
    let refused = ask(Some(&format!("arn:aws:iam::{shop}:role/deployer"))).expect_err("refused");
    assert!(
        refused
            .message
            .contains("iam:PassRole on resource: arn:aws:iam::"),
        "{refused:?}"
    );
}

fn policy_named(
    organization: &orgstrap::sandbox::organizations::OrganizationState,
    name: &str,
) -> String {
    let mut policies = organization.policies.iter();
    let found = policies.find(|(_, policy)| policy.name == name);
    found.expect("is there").0.clone()
}

/// The perimeter holds all the same.
#[test]
fn a_data_perimeter_keeps_strangers_out_and_data_in() {
    let (mut world, _, _) = guarded();
    let shop = id(&world, "shop-prod");
    world.add_account("999999999999", "stranger", "stranger@example.com");
    let now = world.now;
    for (bucket, account) in [("theirs", "999999999999"), ("ours", shop.as_str())] {
        world
            .s3
            .create(bucket, account, REGION, false, now)
            .expect("made");
    }
    let ask = |world: &World, account: &str, bucket: &str| {
        let who = format!("arn:aws:sts::{account}:assumed-role/worker/session");
        let call = Call::internal(
            account,
            REGION,
            &who,
            world.now,
            json!({"Bucket": bucket, "Key": "x"}),
        );
        let judged = permissions::judge(world, "s3", "GetObject", &call);
        judged
            .into_iter()
            .map(|(_, verdict)| verdict)
            .next()
            .expect("judged")
    };
    for (account, bucket, statement) in [
        ("999999999999", "ours", "statement OnlyOurIdentities"),
        (shop.as_str(), "theirs", "statement OnlyOurResources"),
    ] {
        let verdict = ask(&world, account, bucket);
        let Verdict::Denied(place) = &verdict else {
            panic!("{account} {bucket}: {}", verdict.told());
        };
        assert_eq!(place.statement, statement);
    }
    // Whether it comes from where it should is known once its address is.
    assert!(matches!(
        ask(&world, &shop, "ours"),
        Verdict::NotJudged { .. }
    ));
    world.source_ip = Some("192.0.2.7".to_owned());
    assert_eq!(ask(&world, &shop, "ours"), Verdict::Allowed);
    world.source_ip = Some("198.51.100.7".to_owned());
    let verdict = ask(&world, &shop, "ours");
    assert!(
        matches!(&verdict, Verdict::Denied(place) if place.policy == "network-perimeter"),
        "{}",
        verdict.told()
    );
}

/// A call that the startup example made: what came, and in whose account.
struct Asked {
    request: Request,
    account: String,
}

/// The startup example applied, and every call of it, one of each operation, account, Region and input.
fn startup() -> (World, Vec<Asked>) {
    let seen: Arc<Mutex<Vec<Asked>>> = Arc::default();
    let list = Arc::clone(&seen);
    let connection = Connection::default().watched(move |met, world| {
        let account = key(&met.request).and_then(|key| world.credentials.get(&key));
        if let Some(account) = account.map(|known| known.account.clone()) {
            let request = met.request.clone();
            list.lock().expect("whole").push(Asked { request, account });
        }
    });
    let subject = LoadedPlan::example("startup");
    let run = inside::apply(&subject, inside::empty_world(&subject), connection);
    let summary = run.ended.expect("applied");
    assert!(summary.is_success(), "{:?}", summary.failed);
    let mut known = BTreeSet::new();
    let mut calls = std::mem::take(&mut *seen.lock().expect("whole"));
    calls.retain(|asked| {
        let (service, region) = scope(&asked.request);
        let request = &asked.request;
        let what = (
            request.method.clone(),
            request.path.clone(),
            request.query.clone(),
        );
        known.insert((
            service,
            region,
            asked.account.clone(),
            what,
            request.body.clone(),
            request.header("x-amz-target").map(str::to_owned),
        ))
    });
    (run.world, calls)
}

fn credential(request: &Request) -> Option<Vec<String>> {
    let header = request.header("authorization")?;
    let scope = header
        .split("Credential=")
        .nth(1)?
        .split([',', ' '])
        .next()?;
    Some(scope.split('/').map(str::to_owned).collect())
}

fn key(request: &Request) -> Option<String> {
    credential(request)?.into_iter().next()
}

/// The service's signing name and the Region of a request.
fn scope(request: &Request) -> (String, String) {
    let parts = credential(request).expect("signed");
    (parts[3].clone(), parts[2].clone())
}

/// `simulate`, that knows an action and a resource, says what the sandbox then does.
#[test]
fn simulate_says_what_the_sandbox_does() {
    let (mut world, calls) = startup();
    let exec = "stacksets-exec-00000000000000000000000000000000";
    let principals = [
        "OrganizationAccountAccessRole",
        exec,
        "Developer",
        "root",
        "AWSServiceRoleForConfig",
    ];
    let accounts: Vec<String> = world.accounts.keys().cloned().collect();
    for account in &accounts {
        let now = world.now;
        let roles = &mut world.account_mut(account).expect("is there").iam.roles;
        for name in ["OrganizationAccountAccessRole", exec, "Developer"] {
            let role = iam::access_role(format!("AROA{name}"), MANAGEMENT, now, now);
            roles.entry(name.to_owned()).or_insert(role);
        }
    }
    let (mut asked, mut refused, mut unsure) = (0, 0, BTreeSet::new());
    let mut wrong = Vec::new();
    let mut judged = BTreeSet::new();
    for call in &calls {
        let (signing, region) = scope(&call.request);
        let Some(Ok(service)) = model::by_signing_name(&signing) else {
            panic!("{signing}");
        };
        let operation = codec::operation(service, &call.request).expect("known");
        let input = codec::decode(service, operation, &call.request).expect("decodes");
        for who in principals {
            let principal = permissions::principal(who, &call.account);
            let real = Call::internal(&call.account, &region, &principal, world.now, input.clone());
            let needs = permissions::asked(&world, service.name, &operation.name, &real);
            let resources: Vec<String> = needs
                .iter()
                .map(|it| format!("{:?}", it.about.resource))
                .collect();
            // What differs only in what policies do not see is tried once.
            if !judged.insert((
                who,
                operation.name.clone(),
                call.account.clone(),
                region.clone(),
                resources,
            )) {
                continue;
            }
            asked += 1;
            let blank = Call::internal(&call.account, &region, &principal, world.now, Value::Null);
            let action = action(service.name, &operation.name);
            let verdicts: Vec<Verdict> = needs
                .iter()
                .map(|need| {
                    let arn = match &need.about.resource {
                        Resource::Is(arn) => Some(arn.as_str()),
                        Resource::Some(_) => None,
                    };
                    permissions::simulate(&world, &blank, &need.action, arn, &[]).1
                })
                .collect();
            let denied = verdicts.iter().any(|it| it.refusal(&action).is_some());
            let open = verdicts
                .iter()
                .any(|it| matches!(it, Verdict::NotJudged { .. }));
            let answer = send(&world, &call.request, &call.account, &principal);
            refused += usize::from(answer);
            match (denied, open) {
                (false, true) => {
                    unsure.insert(format!("{action}: {}", verdicts[0].told()));
                }
                _ if denied == answer => {}
                _ => wrong.push(format!(
                    "{who} {action} in {region}: simulate {denied}, sandbox {answer}: {}",
                    verdicts[0].told()
                )),
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {asked}: {}",
        wrong.len(),
        wrong.join("\n")
    );
    // Most calls are the management account's, which no policy binds: of 545 asked, 20 were refused when this was written.
    assert!(asked > 500 && refused >= 15, "{asked} {refused}");
    // Only what hangs on a tag of a key or a resource that AWS names.
    assert!(unsure.len() < 12, "{unsure:#?}");
}

/// Sends a call as somebody else; whether a policy refuses it.
fn send(world: &World, request: &Request, account: &str, principal: &str) -> bool {
    let mut world = world.clone();
    world.rates = Rates::default();
    let credential = Credential {
        account: account.to_owned(),
        principal: principal.to_owned(),
        user_id: "AROATEST:session".to_owned(),
        expires: None,
        token: None,
        session: None,
    };
    world
        .credentials
        .insert("ASIATESTTESTTESTTEST".to_owned(), credential);
    let mut request = request.clone();
    let own = key(&request).expect("signed");
    request
        .headers
        .retain(|(name, _)| name != "x-amz-security-token");
    for (name, value) in &mut request.headers {
        if name == "authorization" {
            *value = value.replace(&own, "ASIATESTTESTTESTTEST");
        }
    }
    let answer = front::handle(&mut world, &request);
    let body = String::from_utf8_lossy(&answer.response.body).into_owned();
    answer.response.status >= 400
        && body.contains("is not authorized to perform")
        && body.contains("polic")
}
