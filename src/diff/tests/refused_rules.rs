//! What policies would refuse, told before they are attached; and what keeps StackSets from taking stacks away.

use std::collections::BTreeSet;

use super::samples::*;
use super::simulate::known;
use crate::addr::Bindings;
use crate::authorization::{Policy as Document, Verdict};
use crate::baseline::Desired;
use crate::diff::work::{Levels, Scene, deletions, judge};
use crate::diff::{Diff, diff};
use crate::inventory::*;
use crate::plan::*;

const TEMPLATE: &str = "\
Resources:
  Role: {Type: AWS::IAM::Role, Properties: {RoleName: orgstrap-audit}}
  Recorder: {Type: AWS::Config::ConfigurationRecorder}
";

/// The sample with a set that makes a role and a recorder in every account, a break-glass role and a Control Tower that
/// governs nothing.
fn sample() -> (OrgPlan, Desired) {
    let mut desired = desired();
    for set in desired.stack_sets.values_mut() {
        set.template = TEMPLATE.to_owned();
    }
    let mut plan = plan();
    plan.organization.break_glass_role = Some("emergency/BreakGlass".to_owned());
    (plan, desired)
}

fn document(statements: &str) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#)
}

fn rcp(content: &str) -> Policy {
    let mut policy = scp(content);
    policy.kind = PolicyType::ResourceControlPolicy;
    policy
}

fn lines(found: &Diff) -> Vec<String> {
    let warnings = found.warnings.iter();
    warnings
        .map(|it| format!("{}: {}", it.address, it.text))
        .collect()
}

/// The warnings where a policy is attached to the root of an organization that is as the plan says otherwise.
fn on_the_root(statements: &str) -> Vec<String> {
    with_policy("root", scp(&document(statements)))
}

fn with_policy(at: &str, attached: Policy) -> Vec<String> {
    let (mut plan, desired) = sample();
    let inventory = satisfied(&plan, &desired);
    plan.policies.insert(policy("new"), attached);
    attach(&mut plan, at, "new");
    lines(&diff(&plan, &desired, &inventory, &KEEP))
}

fn attach(plan: &mut OrgPlan, at: &str, name: &str) {
    let policies = match at {
        "root" => &mut plan.organization.policies,
        at => &mut plan.ous.get_mut(&path(at)).unwrap().policies,
    };
    policies.insert(policy(name));
}

#[track_caller]
fn says(warnings: &[String], all: &[&str]) {
    let found = warnings
        .iter()
        .any(|line| all.iter().all(|part| line.contains(part)));
    assert!(found, "{all:?} is not in {warnings:#?}");
}

#[test]
fn what_nobody_here_is_refused_is_not_warned_of() {
    for statements in [
        r#"{"Effect":"Deny","Action":["organizations:LeaveOrganization","account:CloseAccount"],"Resource":"*"}"#,
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:root"}}}"#,
        r#"{"Effect":"Deny","Action":"iam:*","Resource":"arn:aws:iam::*:role/Admin-*"}"#,
        r#"{"Effect":"Deny","Action":"iam:CreateUser","Resource":"*"}"#,
        r#"{"Effect":"Deny","Action":"s3:*","Resource":"arn:aws:s3:::finance-*"}"#,
        // AWS's example of a list of Regions, with the home Region and us-east-1 in it.
        r#"{"Sid":"DenyAllOutsideEU","Effect":"Deny","NotAction":["a4b:*","iam:*","organizations:*","route53:*","sts:*","support:*"],"Resource":"*","Condition":{"StringNotEquals":{"aws:RequestedRegion":["eu-west-1","us-east-1"]},"ArnNotLike":{"aws:PrincipalARN":["arn:aws:iam::*:role/Role1AllowedToBypassThisSCP"]}}}"#,
        // AWS's data perimeter, resources.
        r#"{"Sid":"EnforceResourcePerimeterAWSResources","Effect":"Deny","NotAction":["iam:GetPolicy","ssm:GetDocument"],"Resource":"*","Condition":{"StringNotEqualsIfExists":{"aws:ResourceOrgID":"o-org","aws:PrincipalTag/resource-perimeter-exception":"true"},"ForAllValues:StringNotEquals":{"aws:CalledVia":["dataexchange.amazonaws.com"]}}}"#,
        // Everything, with all who work here exempt.
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"ArnNotLike":{"aws:PrincipalArn":["arn:aws:iam::*:role/OrganizationAccountAccessRole","arn:aws:iam::*:role/stacksets-exec-*","arn:aws:iam::*:role/emergency/BreakGlass"]}}}"#,
    ] {
        assert_eq!(
            on_the_root(statements),
            Vec::<String>::new(),
            "{statements}"
        );
    }
}

#[test]
fn what_somebody_is_refused_is_warned_of() {
    let all = on_the_root(r#"{"Sid":"Nothing","Effect":"Deny","Action":"*","Resource":"*"}"#);
    assert_eq!(all.len(), 1, "{all:#?}");
    says(
        &all,
        &[
            "policy new on root: statement Nothing of policy new on the root would refuse, in accounts log-archive",
            "and 2 more accounts",
            "orgstrap (role OrganizationAccountAccessRole)",
            "StackSets (roles stacksets-exec-*)",
            "the break-glass role emergency/BreakGlass",
        ],
    );
    let roles = on_the_root(
        r#"{"Effect":"Deny","Action":"iam:CreateRole","Resource":"*","Condition":{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/OrganizationAccountAccessRole"}}}"#,
    );
    assert_eq!(roles.len(), 1, "{roles:#?}");
    says(
        &roles,
        &[
            "statement 1 of policy new",
            "StackSets (roles stacksets-exec-*): iam:CreateRole",
        ],
    );
    // A Region that the plan governs is not among those that are approved.
    let regions = on_the_root(
        r#"{"Sid":"Regions","Effect":"Deny","NotAction":["iam:*","sts:*","organizations:*"],"Resource":"*","Condition":{"StringNotEquals":{"aws:RequestedRegion":["eu-west-1"]}}}"#,
    );
    says(
        &regions,
        &[
            "statement Regions",
            "StackSets",
            "cloudformation:CreateStack",
            "in us-east-1",
        ],
    );
    assert!(!regions[0].contains("eu-west-1"), "{regions:#?}");
    // IAM's calls go to us-east-1, whatever Region a stack is in.
    let global = on_the_root(
        r#"{"Effect":"Deny","Action":"iam:*","Resource":"*","Condition":{"StringNotEquals":{"aws:RequestedRegion":"eu-west-1"}}}"#,
    );
    says(
        &global,
        &["StackSets (roles stacksets-exec-*): iam:AttachRolePolicy"],
    );
}

/// The break-glass role is asked for what it is there for, and only where the plan names it.
#[test]
fn the_break_glass_role_must_get_in() {
    let statement = r#"{"Sid":"Locks","Effect":"Deny","Action":["iam:UpdateAssumeRolePolicy","kms:PutKeyPolicy"],"Resource":"*","Condition":{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/stacksets-exec-*"}}}"#;
    let found = on_the_root(statement);
    assert_eq!(found.len(), 1, "{found:#?}");
    says(
        &found,
        &[
            "the break-glass role emergency/BreakGlass: iam:UpdateAssumeRolePolicy, kms:PutKeyPolicy",
        ],
    );
    let (mut plan, desired) = sample();
    plan.organization.break_glass_role = None;
    let inventory = satisfied(&plan, &desired);
    plan.policies
        .insert(policy("new"), scp(&document(statement)));
    attach(&mut plan, "root", "new");
    assert_eq!(diff(&plan, &desired, &inventory, &KEEP).warnings, vec![]);
}

#[test]
fn what_cannot_be_judged_is_said_and_not_guessed() {
    let found = on_the_root(
        r#"{"Sid":"Network","Effect":"Deny","Action":"*","Resource":"*","Condition":{"NotIpAddressIfExists":{"aws:SourceIp":"192.0.2.0/24"},"BoolIfExists":{"aws:ViaAWSService":"false"}}}"#,
    );
    assert_eq!(found.len(), 1, "{found:#?}");
    says(
        &found,
        &[
            "could not be judged without",
            "aws:SourceIp",
            "whether statement Network of policy new on the root",
        ],
    );
}

/// A policy that is there already and refuses somebody is nobody's news; one that changes is.
#[test]
fn only_what_is_new_is_told() {
    let (mut plan, desired) = sample();
    let deny = document(r#"{"Effect":"Deny","Action":"config:*","Resource":"*"}"#);
    plan.policies.insert(policy("new"), scp(&deny));
    attach(&mut plan, "Sandbox", "new");
    let inventory = satisfied(&plan, &desired);
    assert_eq!(diff(&plan, &desired, &inventory, &KEEP).warnings, vec![]);
    let more = document(r#"{"Effect":"Deny","Action":["config:*","iam:*"],"Resource":"*"}"#);
    plan.policies.insert(policy("new"), scp(&more));
    let found = lines(&diff(&plan, &desired, &inventory, &KEEP));
    says(
        &found,
        &[
            "policy new: statement 1 of policy new on OU Sandbox",
            "account play",
            "iam:CreateRole",
        ],
    );
    assert!(!found[0].contains("config:"), "{found:#?}");
}

/// An account that moves under a policy, or is made under one, is refused what others there are.
#[test]
fn a_move_into_an_ou_is_a_new_attachment() {
    let (mut plan, desired) = sample();
    let deny = document(r#"{"Sid":"Closed","Effect":"Deny","Action":"*","Resource":"*"}"#);
    plan.policies.insert(policy("closed"), scp(&deny));
    plan.ous.insert(path("Quarantine"), Ou::default());
    attach(&mut plan, "Quarantine", "closed");
    let inventory = satisfied(&plan, &desired);
    assert_eq!(diff(&plan, &desired, &inventory, &KEEP).warnings, vec![]);
    plan.accounts.get_mut(&key("play")).unwrap().ou = path("Quarantine");
    let found = lines(&diff(&plan, &desired, &inventory, &KEEP));
    says(
        &found,
        &[
            "account play",
            "statement Closed of policy closed on OU Quarantine",
            "StackSets",
        ],
    );
    let mut plan = plan;
    plan.accounts.get_mut(&key("play")).unwrap().ou = path("Sandbox");
    plan.accounts
        .insert(key("fresh"), account("fresh", "Quarantine"));
    let found = lines(&diff(&plan, &desired, &inventory, &KEEP));
    says(
        &found,
        &[
            "fresh",
            "statement Closed of policy closed on OU Quarantine",
        ],
    );
}

/// An allow list without what StackSets need, as soon as the plan says that FullAWSAccess is to go.
#[test]
fn an_allow_list_must_allow_what_is_done_there() {
    let storage = r#"{"Effect":"Allow","Action":"s3:*","Resource":"*"}"#;
    let beside = with_policy("Sandbox", scp(&document(storage)));
    assert_eq!(beside, Vec::<String>::new());
    let (mut plan, desired) = sample();
    let mut inventory = satisfied(&plan, &desired);
    inventory.full_aws_access = None;
    plan.policies
        .insert(policy("list"), scp(&document(storage)));
    attach(&mut plan, "Sandbox", "list");
    let ou = plan.ous.get_mut(&path("Sandbox")).unwrap();
    ou.full_aws_access = Some(false);
    let found = lines(&diff(&plan, &desired, &inventory, &KEEP));
    says(
        &found,
        &[
            "no service control policy on OU Sandbox would allow, in account play,",
            "cloudformation:CreateStack",
        ],
    );
    let whole = r#"{"Effect":"Allow","Action":["s3:*","cloudformation:*","iam:*","sts:*","config:*","cloudtrail:*","guardduty:*","ec2:*","kms:*"],"Resource":"*"}"#;
    plan.policies.insert(policy("list"), scp(&document(whole)));
    assert_eq!(
        lines(&diff(&plan, &desired, &inventory, &KEEP)),
        Vec::<String>::new()
    );
}

/// Resource control policies bind the management account's people and services where they come to a member's resources.
#[test]
fn resource_control_policies_are_asked_too() {
    let open = r#"{"Sid":"Roles","Effect":"Deny","Principal":"*","Action":"sts:AssumeRole","Resource":"*","Condition":{"StringNotEqualsIfExists":{"aws:PrincipalOrgID":"o-other"},"BoolIfExists":{"aws:PrincipalIsAWSService":"false"}}}"#;
    let found = with_policy("root", rcp(&document(open)));
    says(
        &found,
        &[
            "statement Roles",
            "orgstrap in the management account: sts:AssumeRole",
        ],
    );
    let own = open.replace("o-other", "o-org");
    assert_eq!(
        with_policy("root", rcp(&document(&own))),
        Vec::<String>::new()
    );
}

/// Accounts that are alike are judged once; one that a policy names by its id is judged by itself.
#[test]
fn an_account_that_a_policy_names_is_told_by_itself() {
    let (mut plan, desired) = sample();
    let inventory = satisfied(&plan, &desired);
    let id = id_of(&inventory, "payments-dev");
    let statement = format!(
        r#"{{"Effect":"Deny","Action":"cloudformation:*","Resource":"*","Condition":{{"StringEquals":{{"aws:PrincipalAccount":"{id}"}}}}}}"#
    );
    plan.policies
        .insert(policy("new"), scp(&document(&statement)));
    attach(&mut plan, "root", "new");
    let found = lines(&diff(&plan, &desired, &inventory, &KEEP));
    assert_eq!(found.len(), 1, "{found:#?}");
    says(&found, &["in account payments-dev,"]);
}

/// Control Tower's role is asked for only where Control Tower governs.
#[test]
fn control_tower_is_asked_for_where_it_governs() {
    let (mut plan, desired) = sample();
    let mut inventory = satisfied(&plan, &desired);
    let statement = r#"{"Sid":"Functions","Effect":"Deny","Action":"lambda:*","Resource":"*"}"#;
    plan.policies
        .insert(policy("new"), scp(&document(statement)));
    attach(&mut plan, "root", "new");
    assert_eq!(diff(&plan, &desired, &inventory, &KEEP).warnings, vec![]);
    let sandbox = ou_of(&mut inventory, "Sandbox").id.clone();
    let theirs = PolicyFacts {
        id: "p-tower".to_owned(),
        arn: String::new(),
        name: "aws-guardrails-abcdef".to_owned(),
        kind: PolicyType::ServiceControlPolicy,
        description: String::new(),
        content: Observed::Known(document("")),
        targets: Observed::Known(BTreeSet::from([sandbox])),
        tags: Observed::Known(Tags::new()),
    };
    known(&mut inventory.policies).insert(theirs.id.clone(), theirs);
    let found = lines(&diff(&plan, &desired, &inventory, &KEEP));
    assert_eq!(found.len(), 1, "{found:#?}");
    says(
        &found,
        &[
            "in account play, AWS Control Tower (role AWSControlTowerExecution): lambda:CreateFunction",
        ],
    );
}

const RECORDER: &str = "Resources:\n  Recorder: {Type: AWS::Config::ConfigurationRecorder}\n";

fn denied(statement: &str) -> bool {
    let levels = Levels::only(Document::new("p", "", &document(statement)));
    let scene = Scene {
        account: "222222222222",
        management: "111111111111",
        organization: Some("o-org"),
        path: None,
    };
    let mut set = recorder();
    set.template = RECORDER.to_owned();
    let work = deletions(&set, "222222222222", &Bindings::default());
    assert!(!work.is_empty());
    work.iter()
        .any(|work| matches!(judge(&levels, &scene, work), Verdict::Denied(_)))
}

#[test]
fn what_binds_stack_sets_is_seen() {
    for (statement, expected) in [
        (r#"{"Effect":"Deny","Action":"*","Resource":"*"}"#, true),
        (
            r#"{"Effect":"Deny","Action":["s3:*","config:Delete*"],"Resource":"*"}"#,
            true,
        ),
        (
            r#"{"Effect":"Deny","NotAction":["iam:*","sts:*"],"Resource":"*"}"#,
            true,
        ),
        (
            r#"{"Effect":"Deny","NotAction":["config:*","cloudformation:*"],"Resource":"*"}"#,
            false,
        ),
        (
            r#"{"Effect":"Deny","Action":"ec2:*","Resource":"*"}"#,
            false,
        ),
        (r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#, false),
        (
            r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"ArnNotLike":{"aws:PrincipalARN":["arn:aws:iam::*:role/Admin","arn:aws:iam::*:role/stacksets-exec-*"]}}}"#,
            false,
        ),
        (
            r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"ArnNotLikeIfExists":{"aws:PrincipalArn":"arn:aws:iam::*:role/Admin"}}}"#,
            true,
        ),
        (
            r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:root"}}}"#,
            false,
        ),
        (
            r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringNotEquals":{"aws:RequestedRegion":["eu-west-1","us-east-1"]}}}"#,
            false,
        ),
        // A set's Regions are known.
        (
            r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringNotEquals":{"aws:RequestedRegion":"eu-west-1"}}}"#,
            true,
        ),
    ] {
        assert_eq!(denied(statement), expected, "{statement}");
    }
}
