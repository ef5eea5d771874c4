//! Whether a caller may do what it asks: the policies that have a say, and what is known of the request.
//!
//! Service control policies bind the principals of member accounts, root users and sessions of AssumeRoot too, but not
//! service-linked roles; resource control policies bind whoever asks for a resource of a member account, in the services that
//! have them. Neither concerns the management account. Sources: Organizations User Guide, "Service control policies" and
//! "Resource control policies"; IAM User Guide, "AWS global condition context keys" and "Troubleshoot access denied error
//! messages". The decision itself is [`super::authorization`]'s, and what a call is about [`super::resource`]'s to say.
//!
//! What cannot be judged, since it depends on a key that the sandbox does not know, goes through: the log says so, and
//! [`Notes`] keep it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use super::authorization::{
    self, Context, Level, Policies, Policy, Principal, Request, Resource, Verdict,
};
use super::call::{AwsError, Call};
use super::codec::model::{self, Protocol};
use super::iam::Role;
use super::identity_policy::{self, action};
use super::organizations::OrganizationState;
use super::resource::{self, About};
use super::resource_policy::{self, Access};
use super::world::World;

const SCP: &str = "SERVICE_CONTROL_POLICY";
const RCP: &str = "RESOURCE_CONTROL_POLICY";

/// Services of the sandbox whose resources have resource control policies (Organizations User Guide, "Resource control
/// policies", list of services).
const UNDER_RCP: &[&str] = &["s3", "sts", "kms", "events"];

/// Services that have one endpoint, whose Region is this for policies whatever Region a stack or client is in (IAM User
/// Guide, aws:RequestedRegion).
const GLOBAL: &[&str] = &["iam", "organizations", "account"];
const GLOBAL_REGION: &str = "us-east-1";

/// The actor of a stack that was copied from elsewhere, where nobody tells who made it.
pub const UNTOLD: &str = "actor-not-told";

/// Who breaks things in the sandbox past all policies (pokes), or lays out how it begins.
pub fn past_policies(account: &str) -> String {
    format!("arn:aws:iam::{account}:{PAST}")
}

const PAST: &str = "past-all-policies";

/// The principal of a role's name, of `user/NAME`, of `root`, of `assumed-root`, or of an ARN, in an account.
pub fn principal(who: &str, account: &str) -> String {
    match who {
        arn if arn.starts_with("arn:") => match arn.split_once(":role/") {
            // A role asks by a session.
            Some((_, path)) if !authorization::is_service_linked(arn) => {
                let name = path.rsplit('/').next().unwrap_or(path);
                format!("arn:aws:sts::{account}:assumed-role/{name}/session")
            }
            _ => arn.to_owned(),
        },
        "root" => format!("arn:aws:iam::{account}:root"),
        // A session of AssumeRoot.
        "assumed-root" => format!("arn:aws:sts::{account}:assumed-root"),
        user if user.starts_with("user/") => format!("arn:aws:iam::{account}:{user}"),
        role => format!("arn:aws:sts::{account}:assumed-role/{role}/session"),
    }
}

/// What was refused or could not be judged, each said once.
#[derive(Debug, Clone, Default)]
pub struct Notes(Arc<Mutex<Noted>>);

/// What [`Notes`] keep.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Noted {
    /// Who was refused what, by which statement and condition.
    pub refused: BTreeSet<String>,
    /// By what is not known and who asks for it: how many calls went through, and the first of them.
    pub not_judged: BTreeMap<String, (usize, String)>,
}

impl Noted {
    /// What could not be judged, a line each.
    pub fn unsure(&self) -> Vec<String> {
        let told = |(why, (number, first)): (&String, &(usize, String))| {
            let calls = match number {
                1 => "1 call went through".to_owned(),
                number => format!("{number} calls went through"),
            };
            format!("{why}: {calls}, the first {first}")
        };
        self.not_judged.iter().map(told).collect()
    }
}

impl Notes {
    /// What was noted so far.
    pub fn noted(&self) -> Noted {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A refusal, told once. The caller is told what AWS tells; this says more.
    fn refused(&self, line: String) {
        if !self.lock().refused.contains(&line) {
            tracing::warn!("refused: {line}");
            self.lock().refused.insert(line);
        }
    }

    /// A call that goes through since nobody can tell, told once for each reason.
    fn not_judged(&self, why: String, call: String) {
        let mut noted = self.lock();
        match noted.not_judged.get_mut(&why) {
            Some((number, _)) => *number += 1,
            None => {
                tracing::info!("{call} {why}; it goes through");
                noted.not_judged.insert(why, (1, call));
            }
        }
    }
}

/// Notes are beside the world, not in it.
impl PartialEq for Notes {
    fn eq(&self, _: &Notes) -> bool {
        true
    }
}

/// Refuses what policies of the organization, a permissions boundary or the session's own do not let the caller do.
pub fn check(world: &World, service: &str, operation: &str, call: &Call) -> Result<(), AwsError> {
    // Who they are may be asked whatever policies say (STS API reference, GetCallerIdentity).
    if (service, operation) == ("sts", "GetCallerIdentity") {
        return Ok(());
    }
    let all = asked(world, service, operation, call);
    check_all(world, service, operation, call, all)
}

/// The same of an operation that the sandbox does not answer. What it is about is known only so far as its input has it in
/// the words of those that are answered.
pub(super) fn check_unanswered(
    world: &World,
    service: &str,
    operation: &str,
    call: &Call,
) -> Result<(), AwsError> {
    let mut all = asked(world, service, operation, call);
    let anything = Resource::Is("*".to_owned());
    for one in all.iter_mut().filter(|one| one.about.resource == anything) {
        one.about = About {
            resource: Resource::Some(String::new()),
            owner: None,
            tags: None,
        };
    }
    check_all(world, service, operation, call, all)
}

fn check_all(
    world: &World,
    service: &str,
    operation: &str,
    call: &Call,
    all: Vec<Asked<'_>>,
) -> Result<(), AwsError> {
    let caller = Caller::of(world, call);
    for one in all {
        let policies = caller.policies(world, one.service, call, &one.about, false);
        if policies == Policies::default() {
            continue;
        }
        let asked = one.request(world, &caller, operation, call);
        decide(world, service, call, &policies, &asked)?;
    }
    Ok(())
}

/// One action that a call needs, and what it is about.
#[derive(Debug, Clone)]
pub struct Asked<'c> {
    pub action: String,
    service: &'c str,
    pub about: About,
    /// The service that the call hands a role to.
    passed_to: Option<&'static str>,
}

impl Asked<'_> {
    fn request(&self, world: &World, caller: &Caller<'_>, operation: &str, call: &Call) -> Request {
        let mut asked = request(
            world,
            caller,
            self.service,
            &self.action,
            operation,
            call,
            &self.about,
        );
        if let Some(to) = self.passed_to {
            asked.context.set("iam:PassedToService", to);
        }
        asked
    }
}

/// What a call needs: its own action on each of its resources, and `iam:PassRole` on each role that it hands to a service
/// (Service Authorization Reference, "Dependent actions").
pub fn asked<'c>(world: &World, service: &'c str, operation: &str, call: &Call) -> Vec<Asked<'c>> {
    let mut all: Vec<Asked<'c>> = resource::of(world, service, operation, call)
        .into_iter()
        .map(|about| Asked {
            action: action_of(service, operation, call),
            service,
            about,
            passed_to: None,
        })
        .collect();
    all.extend(
        resource::passed(service, operation, call)
            .into_iter()
            .map(|(arn, to)| Asked {
                action: "iam:PassRole".to_owned(),
                service: "iam",
                about: resource::role(world, &arn),
                passed_to: Some(to),
            }),
    );
    all
}

/// What an identity's own policies say, by the same rules.
pub(super) fn check_identity(
    world: &World,
    service: &str,
    operation: &str,
    call: &Call,
    further: &[&str],
) -> Result<(), AwsError> {
    let caller = Caller::of(world, call);
    let own = match caller.role {
        Some(role) => identity_policy::of(world, &call.account, role),
        // The role of the session is gone, and with it all that it was allowed.
        None if call.principal.contains(":assumed-role/") => Some(Vec::new()),
        None => None,
    };
    let Some(own) = own else {
        return Ok(());
    };
    let policies = Policies {
        identity: Some(own),
        ..Policies::default()
    };
    for one in asked(world, service, operation, call) {
        let asked = one.request(world, &caller, operation, call);
        decide(world, service, call, &policies, &asked)?;
    }
    for action in further {
        let about = About {
            resource: Resource::Some("arn:aws:".to_owned()),
            owner: Some(call.account.clone()),
            tags: None,
        };
        let asked = request(world, &caller, service, action, operation, call, &about);
        decide(world, service, call, &policies, &asked)?;
    }
    Ok(())
}

/// What would be said to a call, and by which of all policies, the identity's own included.
pub fn judge(
    world: &World,
    service: &str,
    operation: &str,
    call: &Call,
) -> Vec<(Request, Verdict)> {
    let caller = Caller::of(world, call);
    let mut judged = Vec::new();
    for one in asked(world, service, operation, call) {
        let policies = caller.policies(world, one.service, call, &one.about, true);
        let asked = one.request(world, &caller, operation, call);
        let verdict = authorization::authorize(&policies, &asked);
        judged.push((asked, verdict));
    }
    judged
}

/// What would be said to an action on a resource of which no more is known than its ARN; `None` for any.
/// `context` gives keys that are not known otherwise.
pub fn simulate(
    world: &World,
    call: &Call,
    action: &str,
    arn: Option<&str>,
    context: &[(String, String)],
) -> (Request, Verdict) {
    let (policies, asked) = question(world, call, action, arn, context);
    let verdict = authorization::authorize(&policies, &asked);
    (asked, verdict)
}

/// The policies that have a say in what [`simulate`] is asked, and the request.
pub fn question(
    world: &World,
    call: &Call,
    action: &str,
    arn: Option<&str>,
    context: &[(String, String)],
) -> (Policies, Request) {
    let caller = Caller::of(world, call);
    let service = action.split(':').next().unwrap_or_default().to_lowercase();
    let about = match arn {
        Some(arn) if service == "iam" && arn.contains(":role/") => resource::role(world, arn),
        Some(arn) => About {
            resource: Resource::Is(arn.to_owned()),
            owner: owner(world, arn, &call.account),
            tags: None,
        },
        None => About {
            resource: Resource::Some(String::new()),
            owner: Some(call.account.clone()),
            tags: None,
        },
    };
    let policies = caller.policies(world, &service, call, &about, true);
    let mut asked = request(world, &caller, &service, action, "", call, &about);
    let mut given: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (key, value) in context {
        given.entry(key).or_default().push(value.clone());
    }
    for (key, values) in given {
        asked.context.set_all(key, values);
    }
    (policies, asked)
}

/// The account that an ARN names, or that has the bucket.
fn owner(world: &World, arn: &str, caller: &str) -> Option<String> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    match parts.as_slice() {
        [_, _, "s3", _, _, path] => {
            let bucket = path.split('/').next().unwrap_or_default();
            let there = world.s3.buckets.get(bucket);
            Some(there.map_or(caller, |bucket| &bucket.account).to_owned())
        }
        [_, _, _, _, account, _] if account.len() == 12 => Some((*account).to_owned()),
        [_, _, _, _, "aws", _] => None,
        _ => Some(caller.to_owned()),
    }
}

/// Whether a service may do something with a resource: by the resource's own policy, and by the resource control policies of
/// the account that it belongs to.
pub fn service_may(world: &World, owner: &str, policy: Option<&str>, access: &Access<'_>) -> bool {
    if !resource_policy::allows(policy, access) {
        return false;
    }
    let Some(organization) = &world.organization else {
        return true;
    };
    let policies = Policies {
        resource_control: levels(organization, RCP, owner),
        ..Policies::default()
    };
    let mut request = access.request();
    let context = &mut request.context;
    context.set("aws:ResourceAccount", owner);
    context.set("aws:ResourceOrgID", &organization.id);
    context.set_all("aws:ResourceOrgPaths", path(organization, owner));
    let source = access.context.iter();
    let mut source = source.filter(|(key, _)| key.eq_ignore_ascii_case("aws:SourceAccount"));
    if let Some((_, account)) = source.next()
        && let Some(path) = path(organization, account)
    {
        context.set("aws:SourceOrgID", &organization.id);
        context.set_all("aws:SourceOrgPaths", [path]);
    }
    let verdict = authorization::authorize(&policies, &request);
    if verdict.refusal(access.action).is_some() {
        let (service, action) = (access.service, access.action);
        let what = format!(
            "{service} calling {action} on {}: {}",
            access.resource,
            verdict.told()
        );
        world.notes.refused(what);
        return false;
    }
    true
}

fn decide(
    world: &World,
    service: &str,
    call: &Call,
    policies: &Policies,
    request: &Request,
) -> Result<(), AwsError> {
    let verdict = authorization::authorize(policies, request);
    let who = told(&call.principal);
    if let Verdict::NotJudged { .. } = verdict {
        let what = format!("{who} calling {}", request.action);
        world.notes.not_judged(verdict.told(), what);
    }
    match verdict.refusal(&request.action) {
        None => Ok(()),
        Some(why) => {
            let what = format!(
                "{who} calling {} on {}: {}",
                request.action,
                request.resource.told(),
                verdict.told()
            );
            world.notes.refused(what);
            Err(denied(service, call, request, &why))
        }
    }
}

/// A principal without what changes from session to session.
fn told(principal: &str) -> String {
    match principal.split_once(":assumed-role/") {
        Some((before, session)) => {
            let account = before.rsplit(':').next().unwrap_or_default();
            let role = session.split('/').next().unwrap_or_default();
            format!("role {role} of {account}")
        }
        None => principal.to_owned(),
    }
}

fn denied(service: &str, call: &Call, request: &Request, why: &str) -> AwsError {
    let message = format!(
        "User: {} is not authorized to perform: {} on resource: {} {why}",
        call.principal,
        request.action,
        request.resource.told()
    );
    let protocol = model::service(service)
        .and_then(Result::ok)
        .map_or(Protocol::Json, |service| service.protocol);
    match protocol {
        Protocol::Json => AwsError::new("AccessDeniedException", message),
        Protocol::RestJson => AwsError::new("AccessDeniedException", message).status(403),
        Protocol::Query | Protocol::RestXml => AwsError::new("AccessDenied", message).status(403),
        Protocol::Ec2 => AwsError::new("UnauthorizedOperation", message).status(403),
    }
}

/// The action that a call asks for: of versions of objects S3 asks for others than of objects.
fn action_of(service: &str, operation: &str, call: &Call) -> String {
    let of_version = match (service, operation) {
        ("s3", "DeleteObject") => "s3:DeleteObjectVersion",
        ("s3", "DeleteObjectAnnotation") => "s3:DeleteObjectVersionAnnotation",
        ("s3", "DeleteObjectTagging") => "s3:DeleteObjectVersionTagging",
        ("s3", "PutObjectAcl") => "s3:PutObjectVersionAcl",
        ("s3", "PutObjectAnnotation") => "s3:PutObjectVersionAnnotation",
        ("s3", "PutObjectTagging") => "s3:PutObjectVersionTagging",
        _ => return action(service, operation),
    };
    match call.str("VersionId") {
        Some(_) => of_version.to_owned(),
        None => action(service, operation),
    }
}

/// Who calls, as policies see it.
struct Caller<'w> {
    account: &'w str,
    /// `aws:PrincipalArn`; none where it is not told.
    arn: Option<String>,
    session: &'w str,
    role: Option<&'w Role>,
}

impl<'w> Caller<'w> {
    fn of(world: &'w World, call: &'w Call) -> Caller<'w> {
        let account = call.account.as_str();
        let name = call
            .principal
            .split_once(":assumed-role/")
            .map(|(_, session)| session.split('/').next().unwrap_or(session));
        let role = name.and_then(|name| world.account(account)?.iam.roles.get(name));
        let arn = match name {
            _ if call.principal.ends_with(UNTOLD) => None,
            Some(name) => {
                let path = role.map_or("/", |role| role.path.as_str());
                Some(format!("arn:aws:iam::{account}:role{path}{name}"))
            }
            None if call.principal.ends_with(":assumed-root") => {
                Some(format!("arn:aws:iam::{account}:root"))
            }
            None => Some(call.principal.clone()),
        };
        Caller {
            account,
            arn,
            session: &call.principal,
            role,
        }
    }

    fn is_root(&self) -> bool {
        self.arn
            .as_deref()
            .is_some_and(|arn| arn.ends_with(":root"))
    }

    /// The policies that have a say in it.
    fn policies(
        &self,
        world: &World,
        service: &str,
        call: &Call,
        about: &About,
        own: bool,
    ) -> Policies {
        if self.session.ends_with(PAST) {
            return Policies::default();
        }
        let linked = self
            .arn
            .as_deref()
            .is_some_and(authorization::is_service_linked);
        let mut policies = Policies::default();
        if let Some(organization) = &world.organization
            && !linked
        {
            policies.service_control = levels(organization, SCP, self.account);
            if let Some(owner) = &about.owner
                && UNDER_RCP.contains(&service)
            {
                policies.resource_control = levels(organization, RCP, owner);
            }
        }
        if let Some(role) = self.role {
            policies.boundary = role
                .boundary
                .as_ref()
                .and_then(|arn| identity_policy::managed(world, self.account, arn))
                .map(|policy| vec![policy]);
            if own {
                policies.identity = identity_policy::of(world, &call.account, role);
            }
        }
        policies.session = call.session.as_ref().map(|documents| {
            let named = |text: &String| Policy::new("the session's policy", "", text);
            documents.iter().map(named).collect()
        });
        policies
    }
}

/// What is attached from the root to an account, where it is a member that such policies bind.
pub fn levels(organization: &OrganizationState, kind: &str, account: &str) -> Option<Vec<Level>> {
    let governed = organization.members.contains_key(account)
        && account != organization.management_account
        && organization.policy_types.get(kind).map(String::as_str) == Some("ENABLED");
    if !governed {
        return None;
    }
    let mut targets = organization.chain(account);
    targets.reverse();
    targets.push(account.to_owned());
    let level = |target: String| {
        let attached = organization.attached.get(&target).into_iter().flatten();
        let policies = attached
            .filter_map(|id| Some((id, organization.policies.get(id)?)))
            .filter(|(_, policy)| policy.kind == kind)
            .map(|(id, policy)| {
                let word = kind.to_lowercase();
                let arn = match policy.aws_managed {
                    true => format!("arn:aws:organizations::aws:policy/{word}/{id}"),
                    false => organization.arn_in("policy", &format!("{word}/{id}")),
                };
                Policy::new(&policy.name, arn, &policy.content)
            })
            .collect();
        Level { target, policies }
    };
    Some(targets.into_iter().map(level).collect())
}

/// Organizations' path of what an account lies in, as condition keys have it.
fn path(organization: &OrganizationState, account: &str) -> Option<String> {
    organization.members.get(account)?;
    let mut path = format!("{}/", organization.id);
    for part in organization.chain(account).iter().rev() {
        path.push_str(part);
        path.push('/');
    }
    Some(path)
}

fn request(
    world: &World,
    caller: &Caller<'_>,
    service: &str,
    action: &str,
    operation: &str,
    call: &Call,
    about: &About,
) -> Request {
    let mut context = Context::default();
    who(world, caller, call, &mut context);
    what(world, service, call, about, &mut context);
    keys_of_service(service, operation, call, &mut context);
    let arns = [caller.arn.clone(), Some(caller.session.to_owned())];
    Request {
        principal: Principal::Identity {
            arns: arns.into_iter().flatten().collect(),
            account: caller.account.to_owned(),
        },
        action: action.to_owned(),
        resource: about.resource.clone(),
        context,
    }
}

/// Keys of the principal and of the way that a request comes.
fn who(world: &World, caller: &Caller<'_>, call: &Call, context: &mut Context) {
    let organization = world
        .organization
        .as_ref()
        .filter(|it| it.members.contains_key(caller.account));
    if let Some(arn) = &caller.arn {
        context.set("aws:PrincipalArn", arn);
        let kind = match (caller.is_root(), arn.contains(":role/")) {
            (true, _) => "Account",
            (false, true) => "AssumedRole",
            (false, false) => "User",
        };
        context.set("aws:PrincipalType", kind);
        match arn.split_once(":user/") {
            Some((_, path)) => {
                context.set("aws:username", path.rsplit('/').next().unwrap_or(path));
                // Keys of users carry no second factor.
                context.absent("aws:MultiFactorAuthPresent");
                context.absent("aws:TokenIssueTime");
            }
            None => {
                context.absent("aws:username");
                context.set("aws:MultiFactorAuthPresent", "false");
            }
        }
        context.absent("aws:MultiFactorAuthAge");
        match call.principal.ends_with(":assumed-root") {
            true => context.set("aws:AssumedRoot", "true"),
            false => context.absent("aws:AssumedRoot"),
        }
        let tags = caller.role.map(|role| &role.tags);
        for (key, value) in tags.into_iter().flatten() {
            context.set(&format!("aws:PrincipalTag/{key}"), value);
        }
        context.complete("aws:PrincipalTag/");
    }
    let known = world
        .credentials
        .values()
        .find(|known| known.principal == call.principal);
    match (known, caller.role) {
        (Some(known), _) => context.set("aws:userid", &known.user_id),
        (None, Some(role)) => {
            let session = call.principal.rsplit('/').next().unwrap_or_default();
            context.set("aws:userid", format!("{}:{session}", role.id));
        }
        (None, None) if caller.is_root() => context.set("aws:userid", caller.account),
        (None, None) => {}
    }
    context.set("aws:PrincipalAccount", caller.account);
    match organization {
        Some(organization) => {
            context.set("aws:PrincipalOrgID", &organization.id);
            let paths = path(organization, caller.account);
            context.set_all("aws:PrincipalOrgPaths", paths);
        }
        None => {
            context.absent("aws:PrincipalOrgID");
            context.absent("aws:PrincipalOrgPaths");
        }
    }
    context.by_no_service();
    for key in [
        "aws:SourceIdentity",
        "aws:FederatedProvider",
        "aws:referer",
        "aws:ChatbotSourceArn",
        "aws:Ec2InstanceSourceVpc",
        "aws:Ec2InstanceSourcePrivateIPv4",
        // Nothing in the sandbox goes through an endpoint of a VPC.
        "aws:SourceVpc",
        "aws:SourceVpcArn",
        "aws:SourceVpce",
        "aws:VpcSourceIp",
        "aws:VpceAccount",
        "aws:VpceOrgID",
        "aws:VpceOrgPaths",
    ] {
        context.absent(key);
    }
    context.set("aws:SecureTransport", "true");
    context.set("aws:CurrentTime", call.now.iso8601());
    context.set("aws:EpochTime", (call.now.0 / 1000).to_string());
    context.called_via(call.via);
    // Where a service calls for somebody the address is the service's own.
    if let (None, Some(address)) = (call.via, &world.source_ip) {
        context.set("aws:SourceIp", address);
    }
}

/// Keys of the resource and of what the request brings.
fn what(world: &World, service: &str, call: &Call, about: &About, context: &mut Context) {
    let region = match GLOBAL.contains(&service) {
        true => GLOBAL_REGION,
        false => &call.region,
    };
    context.set("aws:RequestedRegion", region);
    if let Some(owner) = &about.owner {
        context.set("aws:ResourceAccount", owner);
        if service == "s3" {
            context.set("s3:ResourceAccount", owner);
        }
        let organization = world.organization.as_ref();
        let path = organization.and_then(|it| path(it, owner));
        match (organization, path) {
            (Some(organization), Some(path)) => {
                context.set("aws:ResourceOrgID", &organization.id);
                context.set_all("aws:ResourceOrgPaths", [path]);
            }
            _ => {
                context.absent("aws:ResourceOrgID");
                context.absent("aws:ResourceOrgPaths");
            }
        }
    }
    if let Some(tags) = &about.tags {
        for beginning in ["aws:ResourceTag/", &format!("{service}:ResourceTag/")] {
            for (key, value) in tags {
                context.set(&format!("{beginning}{key}"), value);
            }
            context.complete(beginning);
        }
    }
    let tags = request_tags(call);
    for (key, value) in &tags {
        if let Some(value) = value {
            context.set(&format!("aws:RequestTag/{key}"), value);
        }
    }
    context.complete("aws:RequestTag/");
    context.set_all("aws:TagKeys", tags.into_keys());
}

/// Tags that a request sets, and keys of those that it takes away.
fn request_tags(call: &Call) -> BTreeMap<String, Option<String>> {
    let mut tags = BTreeMap::new();
    for member in ["Tags", "TagsList", "tags"] {
        match call.get(member) {
            Value::Array(list) => {
                for tag in list {
                    let text = |names: [&str; 2]| {
                        let found = names.iter().find_map(|name| tag.get(*name));
                        found.and_then(Value::as_str).map(str::to_owned)
                    };
                    if let Some(key) = text(["Key", "TagKey"]) {
                        tags.insert(key, Some(text(["Value", "TagValue"]).unwrap_or_default()));
                    }
                }
            }
            Value::Object(map) => tags.extend(
                map.iter()
                    .map(|(key, value)| (key.clone(), value.as_str().map(str::to_owned))),
            ),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    for key in call.strings("TagKeys") {
        tags.insert(key, None);
    }
    tags
}

/// Keys of single services, as far as the sandbox's calls carry them.
fn keys_of_service(service: &str, operation: &str, call: &Call, context: &mut Context) {
    let mut given = |key: &str, member: &str| match call.get(member) {
        Value::Null => context.absent(key),
        Value::String(text) => context.set(key, text),
        other => context.set(key, other.to_string()),
    };
    // Without the call's input nothing is known of what it carries.
    if operation.is_empty() {
        return;
    }
    match service {
        "iam" => {
            given("iam:PolicyARN", "PolicyArn");
            given("iam:PermissionsBoundary", "PermissionsBoundary");
            given("iam:AWSServiceName", "AWSServiceName");
            context.absent("iam:PassedToService");
            context.absent("iam:AssociatedResourceArn");
        }
        "sts" => {
            given("sts:ExternalId", "ExternalId");
            given("sts:RoleSessionName", "RoleSessionName");
            given("sts:SourceIdentity", "SourceIdentity");
            given("sts:DurationSeconds", "DurationSeconds");
            context.absent("sts:TransitiveTagKeys");
            let task = call.get("TaskPolicyArn").get("arn").and_then(Value::as_str);
            context.set_all("sts:TaskPolicyArn", task.map(str::to_owned));
        }
        "cloudformation" => {
            given("cloudformation:TemplateUrl", "TemplateURL");
            given("cloudformation:RoleArn", "RoleARN");
            given("cloudformation:ChangeSetName", "ChangeSetName");
            given("cloudformation:StackPolicyUrl", "StackPolicyURL");
            let types = call.strings("ResourceTypes");
            context.set_all("cloudformation:ResourceTypes", types);
            context.set_all("cloudformation:TargetRegion", call.strings("Regions"));
        }
        "s3" => {
            given("s3:x-amz-acl", "ACL");
            given("s3:prefix", "Prefix");
            given("s3:delimiter", "Delimiter");
            given("s3:max-keys", "MaxKeys");
            given("s3:VersionId", "VersionId");
            given("s3:x-amz-server-side-encryption", "ServerSideEncryption");
            given(
                "s3:x-amz-server-side-encryption-aws-kms-key-id",
                "SSEKMSKeyId",
            );
            given("s3:x-amz-object-ownership", "ObjectOwnership");
            context.set("s3:signatureversion", "AWS4-HMAC-SHA256");
            context.set("s3:authType", "REST-HEADER");
            for key in [
                "s3:x-amz-grant-read",
                "s3:x-amz-grant-write",
                "s3:x-amz-grant-read-acp",
                "s3:x-amz-grant-write-acp",
                "s3:x-amz-grant-full-control",
                "s3:x-amz-copy-source",
                "s3:DataAccessPointArn",
                "s3:DataAccessPointAccount",
                "s3:AccessPointNetworkOrigin",
            ] {
                context.absent(key);
            }
        }
        "kms" => {
            given(
                "kms:BypassPolicyLockoutSafetyCheck",
                "BypassPolicyLockoutSafetyCheck",
            );
            given(
                "kms:ScheduleKeyDeletionPendingWindowInDays",
                "PendingWindowInDays",
            );
            context.set("kms:CallerAccount", &call.account);
            context.absent("kms:GrantIsForAWSResource");
            if call.via.is_none() {
                context.absent("kms:ViaService");
            }
            context.complete("kms:EncryptionContext:");
        }
        "account" => {
            given("account:TargetRegion", "RegionName");
            given("account:AlternateContactTypes", "AlternateContactType");
        }
        "organizations" => {
            given("organizations:ServicePrincipal", "ServicePrincipal");
        }
        "events" => {
            let targets = call.list("Targets").iter();
            let arns = targets.filter_map(|target| target.get("Arn")?.as_str().map(str::to_owned));
            context.set_all("events:TargetArn", arns);
        }
        "ssm" => given("ssm:Overwrite", "Overwrite"),
        _ => {}
    }
}
