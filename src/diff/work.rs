//! Who works in member accounts, and what they call there: orgstrap by its roles, StackSets, AWS Control Tower, the plan's
//! break-glass role, and the services that deliver into the logging account. Policies bind all of them, but for services and
//! service-linked roles, which only resource control policies name.
//!
//! What is not known of a call before it is made, such as the address that it comes from, is left unknown: the evaluator
//! then says so.

use std::collections::{BTreeMap, BTreeSet};

use super::in_force::InForce;
use crate::addr::{Address, Attribute, Bindings, Expr, Part, Target};
use crate::authorization::{
    Context as Keys, Policies, Principal, Request, Resource, Verdict, authorize,
};
use crate::baseline::handlers::{Asked, Handler, Handlers};
use crate::baseline::{Desired, DesiredStackSet, Known};
use crate::plan::{AccountKey, OrgPlan, PolicyType, Region, StackName, under_rcps};

/// The id of an account that is to be made: no policy can name it yet.
pub(super) const NEW: &str = "000000000000";

/// Services with one endpoint, whose Region is this for policies (IAM User Guide, aws:RequestedRegion).
const GLOBAL: &[&str] = &["iam", "organizations", "account"];
const GLOBAL_REGION: &str = "us-east-1";

/// StackSets' roles have a suffix that nobody knows before.
const STACK_SETS_ROLE: &str = "stacksets-exec-0123456789abcdef0123456789abcdef";
pub(super) const CONTROL_TOWER_ROLE: &str = "AWSControlTowerExecution";

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who {
    /// orgstrap in the management account, which takes roles of members.
    Management,
    /// orgstrap in a member, by one of its roles.
    Orgstrap(String),
    StackSets,
    ControlTower,
    BreakGlass(String),
    /// A service that delivers logs.
    Service(&'static str),
}

impl Who {
    /// For people.
    pub(super) fn told(&self) -> String {
        match self {
            Who::Management => "orgstrap in the management account".to_owned(),
            Who::Orgstrap(role) => format!("orgstrap (role {role})"),
            Who::StackSets => "StackSets (roles stacksets-exec-*)".to_owned(),
            Who::ControlTower => format!("AWS Control Tower (role {CONTROL_TOWER_ROLE})"),
            Who::BreakGlass(role) => format!("the break-glass role {role}"),
            Who::Service(service) => format!("the service {service}"),
        }
    }

    /// The name of its role, as policies write it; none where it has none in the member.
    pub(super) fn role_pattern(&self) -> Option<String> {
        match self {
            Who::Management | Who::Service(_) => None,
            Who::Orgstrap(role) | Who::BreakGlass(role) => Some(role.clone()),
            Who::StackSets => Some("stacksets-exec-*".to_owned()),
            Who::ControlTower => Some(CONTROL_TOWER_ROLE.to_owned()),
        }
    }

    fn role(&self) -> Option<&str> {
        match self {
            Who::Management | Who::Service(_) => None,
            Who::Orgstrap(role) | Who::BreakGlass(role) => Some(role),
            Who::StackSets => Some(STACK_SETS_ROLE),
            Who::ControlTower => Some(CONTROL_TOWER_ROLE),
        }
    }
}

/// One call that somebody makes.
#[derive(Debug, Clone)]
pub(super) struct Work {
    pub(super) who: Who,
    pub(super) action: String,
    resource: Resource,
    pub(super) region: String,
    /// Made by CloudFormation for whoever made the stack.
    handled: bool,
    keys: Vec<(&'static str, String)>,
}

impl Work {
    fn new(who: Who, action: &str, resource: Resource, region: &str) -> Self {
        let service = action.split(':').next().unwrap_or_default();
        let region = match GLOBAL.contains(&service) {
            true => GLOBAL_REGION,
            false => region,
        };
        Work {
            who,
            action: action.to_owned(),
            resource,
            region: region.to_owned(),
            handled: false,
            keys: Vec::new(),
        }
    }

    fn anything(who: Who, action: &str, region: &str) -> Self {
        Work::new(who, action, Resource::Is("*".to_owned()), region)
    }
}

/// Where the calls are made.
#[derive(Debug, Clone)]
pub(super) struct Scene<'a> {
    pub(super) account: &'a str,
    pub(super) management: &'a str,
    /// The organization's id, where there is one.
    pub(super) organization: Option<&'a str>,
    /// The path of what the account lies in, as `aws:PrincipalOrgPaths` has it; `None` where ids of it are not known yet.
    pub(super) path: Option<String>,
}

/// What policies along a chain of targets say of a call.
pub(super) fn judge(in_force: &Levels, scene: &Scene<'_>, work: &Work) -> Verdict {
    let bound = work.who.role().is_some();
    let service = work.action.split(':').next().unwrap_or_default();
    let policies = Policies {
        service_control: bound.then(|| in_force.service.clone()),
        resource_control: under_rcps(service).then(|| in_force.resource.clone()),
        ..Policies::default()
    };
    authorize(&policies, &request(scene, work))
}

/// The levels of a chain.
pub(super) struct Levels {
    service: Vec<crate::authorization::Level>,
    resource: Vec<crate::authorization::Level>,
}

impl Levels {
    /// One service control policy, beside FullAWSAccess.
    #[cfg(test)]
    pub(super) fn only(policy: crate::authorization::Policy) -> Self {
        let full = InForce::full();
        let level = crate::authorization::Level {
            target: "root".to_owned(),
            policies: vec![full, policy],
        };
        Levels {
            service: vec![level],
            resource: Vec::new(),
        }
    }

    pub(super) fn of(in_force: &InForce, chain: &[Target]) -> Self {
        Levels {
            service: in_force.levels(chain, PolicyType::ServiceControlPolicy),
            resource: in_force.levels(chain, PolicyType::ResourceControlPolicy),
        }
    }
}

fn request(scene: &Scene<'_>, work: &Work) -> Request {
    let mut keys = Keys::default();
    let account = scene.account;
    let caller = match &work.who {
        Who::Management => scene.management,
        Who::Orgstrap(_)
        | Who::StackSets
        | Who::ControlTower
        | Who::BreakGlass(_)
        | Who::Service(_) => account,
    };
    let principal = match &work.who {
        Who::Service(service) => {
            keys.set("aws:PrincipalIsAWSService", "true");
            keys.set("aws:PrincipalServiceName", *service);
            keys.set("aws:SourceAccount", scene.management);
            keys.set("aws:PrincipalType", "Service");
            for key in [
                "aws:PrincipalArn",
                "aws:PrincipalAccount",
                "aws:PrincipalOrgID",
                "aws:PrincipalOrgPaths",
                "aws:MultiFactorAuthPresent",
            ] {
                keys.absent(key);
            }
            keys.complete("aws:PrincipalTag/");
            if let Some(id) = scene.organization {
                keys.set("aws:SourceOrgID", id);
            }
            Principal::Service((*service).to_owned())
        }
        who => {
            keys.by_no_service();
            keys.set("aws:PrincipalAccount", caller);
            if let Some(id) = scene.organization {
                keys.set("aws:PrincipalOrgID", id);
            }
            let mut arns = Vec::new();
            if let Some(role) = who.role() {
                let arn = format!("arn:aws:iam::{account}:role/{role}");
                keys.set("aws:PrincipalArn", &arn);
                keys.set("aws:PrincipalType", "AssumedRole");
                keys.absent("aws:AssumedRoot");
                if let Some(path) = &scene.path {
                    keys.set_all("aws:PrincipalOrgPaths", [path.clone()]);
                }
                if matches!(who, Who::BreakGlass(_)) {
                    // Whoever takes it may have a second factor. It comes to things that no policy names, so by no tag.
                    keys.complete("aws:ResourceTag/");
                } else {
                    keys.set("aws:MultiFactorAuthPresent", "false");
                }
                arns.push(arn);
            }
            Principal::Identity {
                arns,
                account: caller.to_owned(),
            }
        }
    };
    // StackSets' own calls come with its role's session; whether they count as made by a service is documented nowhere.
    if work.handled {
        keys.called_via(Some("cloudformation.amazonaws.com"));
    } else if work.who != Who::StackSets {
        keys.called_via(None);
    }
    keys.set("aws:SecureTransport", "true");
    keys.absent("kms:GrantIsForAWSResource");
    keys.set("aws:RequestedRegion", &work.region);
    keys.set("aws:ResourceAccount", account);
    keys.set("s3:ResourceAccount", account);
    if let Some(id) = scene.organization {
        keys.set("aws:ResourceOrgID", id);
    }
    if let Some(path) = &scene.path {
        keys.set_all("aws:ResourceOrgPaths", [path.clone()]);
    }
    for (key, value) in &work.keys {
        keys.set(key, value);
    }
    Request {
        principal,
        action: work.action.clone(),
        resource: work.resource.clone(),
        context: keys,
    }
}

/// The plan's work, with templates read once.
pub(super) struct Everything<'a> {
    plan: &'a OrgPlan,
    desired: &'a Desired,
    bindings: &'a Bindings,
    sets: BTreeMap<&'a StackName, (&'a DesiredStackSet, Handlers)>,
}

impl<'a> Everything<'a> {
    pub(super) fn of(plan: &'a OrgPlan, desired: &'a Desired, bindings: &'a Bindings) -> Self {
        let sets = desired.stack_sets.iter();
        let sets = sets.map(|(name, set)| {
            let given = parameters(&set.parameters, bindings);
            (name, (set, Handlers::of(&set.template, &given)))
        });
        Everything {
            plan,
            desired,
            bindings,
            sets: sets.collect(),
        }
    }

    /// All that is called in an account; `tower` says whether Control Tower governs it.
    pub(super) fn inside(&self, key: &AccountKey, account: Option<&str>, tower: bool) -> Vec<Work> {
        let id = account.unwrap_or(NEW);
        let mut all = self.by_orgstrap(key, id);
        all.extend(self.by_stack_sets(key, id));
        if tower {
            all.extend(self.by_control_tower(id));
        }
        if let Some(role) = &self.plan.organization.break_glass_role {
            all.extend(self.in_emergencies(role, id));
        }
        all.extend(self.deliveries(key));
        all
    }

    fn home(&self) -> &str {
        self.plan.organization.home_region.as_str()
    }

    fn by_orgstrap(&self, key: &AccountKey, id: &str) -> Vec<Work> {
        let organization = &self.plan.organization;
        let regions = &organization.regions;
        let access = Who::Orgstrap(organization.access_role.clone());
        let audit = self.desired.audit_role.clone().map(Who::Orgstrap);
        let reads = audit.clone().unwrap_or_else(|| access.clone());
        let mut all = Vec::new();
        for role in [Some(&access), audit.as_ref()].into_iter().flatten() {
            let role = role.role().unwrap_or_default();
            let arn = Resource::Is(format!("arn:aws:iam::{id}:role/{role}"));
            all.push(Work::new(
                Who::Management,
                "sts:AssumeRole",
                arn,
                self.home(),
            ));
        }
        for region in regions {
            let region = region.as_str();
            all.push(Work::anything(
                access.clone(),
                "cloudformation:DescribeStacks",
                region,
            ));
            for action in READS {
                all.push(Work::anything(reads.clone(), action, region));
            }
        }
        for action in READS_OF_IAM {
            all.push(Work::anything(access.clone(), action, GLOBAL_REGION));
        }
        for service in &self.desired.service_linked_roles {
            let begins = format!("arn:aws:iam::{id}:role/aws-service-role/{service}/");
            let mut work = Work::new(
                access.clone(),
                "iam:CreateServiceLinkedRole",
                Resource::Some(begins),
                GLOBAL_REGION,
            );
            work.keys.push(("iam:AWSServiceName", service.to_string()));
            all.push(work);
        }
        let planned = self.plan.accounts.get(key);
        let prepared = planned.map(|planned| &planned.preparation);
        if prepared.is_some_and(|it| it.alias.is_some()) {
            all.push(Work::anything(
                access.clone(),
                "iam:CreateAccountAlias",
                GLOBAL_REGION,
            ));
        }
        if prepared.is_some_and(|it| it.password_policy.is_some()) {
            let action = "iam:UpdateAccountPasswordPolicy";
            all.push(Work::anything(access.clone(), action, GLOBAL_REGION));
        }
        for ((place, _), stack) in &self.desired.stacks {
            if place.account.key() != Some(key) {
                continue;
            }
            let region = &place.region;
            let given = parameters(&stack.parameters, self.bindings);
            let made = Made {
                who: access.clone(),
                id,
                stack: stack.full_name.clone(),
                given: &given,
            };
            let calls = Handlers::of(&stack.template, &given);
            all.extend(made.own(STACK_CALLS, region));
            all.extend(made.own(&["cloudformation:GetTemplate"], region));
            all.extend(made.handled(&calls, region, Handler::Make));
        }
        let guardduty = self.desired.guardduty.as_ref();
        if let Some(guardduty) = guardduty.filter(|it| it.administrator == *key) {
            for region in &guardduty.regions {
                for action in GUARDDUTY {
                    let begins = format!("arn:aws:guardduty:{region}:{id}:detector/");
                    let resource = match *action == "guardduty:CreateDetector" {
                        true => Resource::Is("*".to_owned()),
                        false => Resource::Some(begins),
                    };
                    all.push(Work::new(access.clone(), action, resource, region.as_str()));
                }
            }
        }
        all
    }

    fn by_stack_sets(&self, key: &AccountKey, id: &str) -> Vec<Work> {
        let Some(planned) = self.plan.accounts.get(key) else {
            return Vec::new();
        };
        let mut all = Vec::new();
        for (set, calls) in self.sets.values() {
            if set.except.contains(&planned.ou) {
                continue;
            }
            let given = parameters(&set.parameters, self.bindings);
            let made = Made::by_set(set, id, &given);
            for region in &set.regions {
                all.extend(made.own(STACK_CALLS, region));
                all.extend(made.handled(calls, region, Handler::Make));
            }
        }
        all
    }

    /// What Control Tower sets up in an account that it governs (Control Tower User Guide, "How AWS Control Tower works with
    /// roles" and "Resources in member accounts").
    fn by_control_tower(&self, id: &str) -> Vec<Work> {
        let mut all = Vec::new();
        for region in &self.plan.organization.regions {
            let region = region.as_str();
            let own = |action: &str, arn: String| {
                Work::new(Who::ControlTower, action, Resource::Some(arn), region)
            };
            let stack =
                format!("arn:aws:cloudformation:{region}:{id}:stack/StackSet-AWSControlTower");
            for action in STACK_CALLS {
                all.push(own(action, stack.clone()));
            }
            let role = format!("arn:aws:iam::{id}:role/aws-controltower-");
            all.push(own("iam:CreateRole", role));
            let rule = format!("arn:aws:events:{region}:{id}:rule/aws-controltower-");
            all.push(own("events:PutRule", rule));
            let function = format!("arn:aws:lambda:{region}:{id}:function:aws-controltower-");
            all.push(own("lambda:CreateFunction", function));
            let topic = format!("arn:aws:sns:{region}:{id}:aws-controltower-");
            all.push(own("sns:CreateTopic", topic));
            let recorder =
                format!("arn:aws:config:{region}:{id}:configuration-recorder/aws-controltower-");
            all.push(own("config:PutConfigurationRecorder", recorder));
            let channel = "config:PutDeliveryChannel";
            all.push(Work::anything(Who::ControlTower, channel, region));
        }
        all
    }

    /// What people come for in an emergency, on things that no policy names.
    fn in_emergencies(&self, role: &str, id: &str) -> Vec<Work> {
        let mut all = Vec::new();
        let who = Who::BreakGlass(role.to_owned());
        for region in &self.plan.organization.regions {
            let region = region.as_str();
            for (action, arn) in EMERGENCY {
                let arn = arn.replace("{region}", region).replace("{account}", id);
                all.push(Work::new(who.clone(), action, Resource::Is(arn), region));
            }
        }
        all
    }

    /// Services put logs into the logging account's buckets. Service control policies do not bind them.
    fn deliveries(&self, key: &AccountKey) -> Vec<Work> {
        let mut all = Vec::new();
        for ((place, name), stack) in &self.desired.stacks {
            let service = match name.as_str() {
                "cloudtrail-logs" => "cloudtrail.amazonaws.com",
                "config-logs" => "config.amazonaws.com",
                "guardduty-findings" => "guardduty.amazonaws.com",
                _ => continue,
            };
            let (Some(account), Some(bucket)) =
                (place.account.key(), stack.parameters.get("BucketName"))
            else {
                continue;
            };
            let region = &place.region;
            if account != key {
                continue;
            }
            let bucket = format!("arn:aws:s3:::{}", filled(bucket, self.bindings));
            let who = || Who::Service(service);
            let objects = Resource::Some(format!("{bucket}/"));
            all.push(Work::new(who(), "s3:PutObject", objects, region.as_str()));
            let acl = Resource::Is(bucket);
            all.push(Work::new(who(), "s3:GetBucketAcl", acl, region.as_str()));
        }
        all
    }
}

/// A stack that somebody makes.
struct Made<'a> {
    who: Who,
    id: &'a str,
    /// Its name, or what that begins with.
    stack: String,
    given: &'a BTreeMap<String, Option<String>>,
}

impl<'a> Made<'a> {
    /// One that StackSets makes; its name ends in an id that nobody knows before.
    fn by_set(
        set: &DesiredStackSet,
        id: &'a str,
        given: &'a BTreeMap<String, Option<String>>,
    ) -> Self {
        Made {
            who: Who::StackSets,
            id,
            stack: format!("StackSet-{}-", set.full_name),
            given,
        }
    }

    fn own(&self, actions: &[&str], region: &Region) -> Vec<Work> {
        let (id, stack) = (self.id, &self.stack);
        let begins = format!("arn:aws:cloudformation:{region}:{id}:stack/{stack}");
        let one = |action: &&str| {
            let resource = Resource::Some(begins.clone());
            Work::new(self.who.clone(), action, resource, region.as_str())
        };
        actions.iter().map(one).collect()
    }

    fn handled(&self, handlers: &Handlers, region: &Region, handler: Handler) -> Vec<Work> {
        let given = self.given.iter();
        let known = Known {
            account: self.id.to_owned(),
            region: region.to_string(),
            parameters: given
                .filter_map(|(name, value)| Some((name.clone(), value.clone()?)))
                .collect(),
            ..Known::default()
        };
        let calls = handlers.calls(&known, &self.stack, handler).into_iter();
        let one = |(action, asked): (&str, Asked)| {
            let resource = match asked {
                Asked::Is(arn) => Resource::Is(arn),
                Asked::Begins(arn) => Resource::Some(arn),
            };
            let work = Work::new(self.who.clone(), action, resource, region.as_str());
            Work {
                handled: true,
                ..work
            }
        };
        calls.map(one).collect()
    }
}

/// What StackSets calls in an account to take a set's stacks away again.
pub(super) fn deletions(set: &DesiredStackSet, id: &str, bindings: &Bindings) -> Vec<Work> {
    let given = parameters(&set.parameters, bindings);
    let made = Made::by_set(set, id, &given);
    let calls = Handlers::of(&set.template, &given);
    let mut all = Vec::new();
    for region in &set.regions {
        all.extend(made.own(&["cloudformation:DeleteStack"], region));
        all.extend(made.handled(&calls, region, Handler::Delete));
    }
    all
}

/// Parameters with what is known of them; an account that is to be made has the id that no account has.
fn parameters(
    given: &BTreeMap<String, Expr>,
    bindings: &Bindings,
) -> BTreeMap<String, Option<String>> {
    let given = given.iter();
    given
        .map(|(name, text)| (name.clone(), Some(filled(text, bindings))))
        .collect()
}

fn filled(text: &Expr, bindings: &Bindings) -> String {
    let resolved = text.resolved(bindings);
    let parts = resolved.parts().iter().map(|part| match part {
        Part::Literal(text) => text.as_str(),
        Part::Reference(Address::Account(_), Attribute::Id) => NEW,
        Part::Reference(..) => "not-known-yet",
    });
    parts.collect()
}

/// What is called of a stack itself.
const STACK_CALLS: &[&str] = &[
    "cloudformation:CreateStack",
    "cloudformation:DeleteStack",
    "cloudformation:DescribeStacks",
    "cloudformation:UpdateStack",
];

/// What a check reads in an account.
const READS: &[&str] = &[
    "cloudformation:DescribeStacks",
    "cloudformation:GetResource",
    "cloudtrail:DescribeTrails",
    "config:DescribeConfigurationAggregatorSourcesStatus",
    "config:DescribeConfigurationAggregators",
    "config:DescribeConfigurationRecorderStatus",
    "config:DescribeConfigurationRecorders",
    "config:DescribeDeliveryChannelStatus",
    "config:DescribeDeliveryChannels",
    "guardduty:ListDetectors",
];

const READS_OF_IAM: &[&str] = &["iam:GetRole", "iam:ListRoles"];

/// What is called where GuardDuty is administered.
const GUARDDUTY: &[&str] = &[
    "guardduty:CreateDetector",
    "guardduty:CreateMembers",
    "guardduty:CreatePublishingDestination",
    "guardduty:DescribeOrganizationConfiguration",
    "guardduty:DescribePublishingDestination",
    "guardduty:GetDetector",
    "guardduty:GetMemberDetectors",
    "guardduty:GetIPSet",
    "guardduty:GetTrustedEntitySet",
    "guardduty:ListFilters",
    "guardduty:ListIPSets",
    "guardduty:ListTrustedEntitySets",
    "guardduty:ListMembers",
    "guardduty:ListPublishingDestinations",
    "guardduty:UpdateDetector",
    "guardduty:UpdateMemberDetectors",
    "guardduty:UpdateOrganizationConfiguration",
];

/// What a break-glass role is there for: to see what happens, and to undo what locks people out or lets others in (AWS
/// Well-Architected, SEC03-BP03 "Establish emergency access process").
const EMERGENCY: &[(&str, &str)] = &[
    ("cloudtrail:LookupEvents", "*"),
    ("ec2:DescribeInstances", "*"),
    (
        "ec2:StopInstances",
        "arn:aws:ec2:{region}:{account}:instance/i-0123456789abcdef0",
    ),
    (
        "iam:DeleteAccessKey",
        "arn:aws:iam::{account}:user/any-user",
    ),
    ("iam:ListRoles", "*"),
    ("iam:PutRolePolicy", "arn:aws:iam::{account}:role/any-role"),
    (
        "iam:UpdateAssumeRolePolicy",
        "arn:aws:iam::{account}:role/any-role",
    ),
    (
        "kms:PutKeyPolicy",
        "arn:aws:kms:{region}:{account}:key/any-key",
    ),
    ("s3:DeleteBucketPolicy", "arn:aws:s3:::any-bucket"),
    ("sts:AssumeRole", "arn:aws:iam::{account}:role/any-role"),
];

/// Every action that the work of a plan takes in its accounts.
pub fn actions(plan: &OrgPlan, desired: &Desired) -> BTreeSet<String> {
    let bindings = Bindings::default();
    let everything = Everything::of(plan, desired, &bindings);
    let keys = plan.accounts.keys();
    let all = keys.flat_map(|key| everything.inside(key, None, false));
    all.filter(|work| work.who.role().is_some())
        .map(|work| work.action)
        .collect()
}
