//! Organizations. Sources of its rules: "M" is AWS's service model and its documentation, "L" the quotas page.

mod accounts;
mod documents;
mod lifecycle;
mod ous;
mod policies;
mod settings;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::call::{AwsError, Call};
use crate::iam;
use crate::lags::{Lag, Lags};
use crate::paging::page;
use crate::table::Row;
use crate::time::Time;
use crate::world::{AccountId, World};

/// The organization.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrganizationState {
    /// `o-…`.
    pub id: String,
    /// `r-…`.
    pub root: String,
    pub management_account: AccountId,
    pub all_features: bool,
    pub created: Time,
    /// Status by policy type: `ENABLED`, `PENDING_ENABLE`, `PENDING_DISABLE`.
    pub policy_types: BTreeMap<String, String>,
    /// OUs by id.
    pub ous: BTreeMap<String, Ou>,
    /// Accounts of the organization, closed ones included while AWS lists them.
    pub members: BTreeMap<AccountId, Member>,
    /// What lies directly in the root and in each OU.
    pub children: BTreeMap<String, Children>,
    /// Policies by id, AWS's own included.
    pub policies: BTreeMap<String, Policy>,
    /// Policy ids by the root, OU or account they are attached to.
    pub attached: BTreeMap<String, BTreeSet<String>>,
    /// Trusted services by principal, with the time access was enabled.
    pub trusted: BTreeMap<String, Time>,
    /// Delegated administrators: account, then service principal, then when.
    pub delegated: BTreeMap<AccountId, BTreeMap<String, Time>>,
    /// Account creations by `car-…` id.
    pub creations: BTreeMap<String, Creation>,
    /// How many of them are in progress.
    pub creating: usize,
    /// Tags of the root, OUs, accounts and policies, by id.
    pub tags: BTreeMap<String, BTreeMap<String, String>>,
    /// The delegation policy.
    pub resource_policy: Option<ResourcePolicy>,
    /// When accounts were closed, for the quota on closures.
    pub closures: Vec<Time>,
    /// Invitations by the handshake's id. Nobody answers them: they run out.
    #[serde(default)]
    pub invitations: BTreeMap<String, Invitation>,
}

/// An account was asked to join.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Invitation {
    /// An account's id or its email.
    pub target: String,
    pub requested: Time,
}

/// How long an invitation is open (L).
const INVITATION_DAYS: i64 = 15;

impl Invitation {
    fn expires(&self) -> Time {
        self.requested.plus_secs(INVITATION_DAYS * 86_400)
    }

    fn is_open(&self, now: Time) -> bool {
        now < self.expires()
    }
}

impl OrganizationState {
    /// How many of the accounts that it may have are taken: closed ones until they are forgotten, those that
    /// are being created, and open invitations (L).
    pub fn taken(&self, now: Time) -> usize {
        let open = self.invitations.values().filter(|it| it.is_open(now));
        self.members.len() + self.creating + open.count()
    }
}

/// An OU.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ou {
    pub name: String,
    pub parent: String,
}

/// An account as a member.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Member {
    pub parent: String,
    /// `CREATED` or `INVITED`.
    pub method: String,
    pub joined: Time,
    /// `PENDING_ACTIVATION`, `ACTIVE`, `SUSPENDED`, `PENDING_CLOSURE` or `CLOSED`.
    pub state: String,
}

/// What lies directly in one parent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Children {
    pub ous: BTreeSet<String>,
    pub accounts: BTreeSet<AccountId>,
}

/// A policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    pub name: String,
    pub description: String,
    /// `SERVICE_CONTROL_POLICY` and so on.
    pub kind: String,
    pub content: String,
    pub aws_managed: bool,
    /// Where it is attached.
    pub targets: BTreeSet<String>,
}

/// The resource policy of the organization.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResourcePolicy {
    pub id: String,
    pub content: String,
}

/// One CreateAccount request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Creation {
    pub account_name: String,
    pub email: String,
    pub role_name: String,
    pub tags: BTreeMap<String, String>,
    /// `IN_PROGRESS`, `SUCCEEDED` or `FAILED`.
    pub state: String,
    pub requested: Time,
    pub completed: Option<Time>,
    pub account: Option<AccountId>,
    pub failure: Option<String>,
    /// The reason with which it will fail.
    #[serde(default)]
    pub doomed: Option<String>,
}

/// Work that is pending.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Due {
    /// A creation ends.
    FinishCreation { request: String },
    /// A policy type becomes `ENABLED`, or is gone.
    FinishPolicyType { kind: String, enable: bool },
    /// An account goes from `PENDING_CLOSURE` to `CLOSED`.
    FinishClosure { account: AccountId },
    /// A closed account is forgotten, 90 days after.
    ForgetAccount { account: AccountId },
}

/// Runs what has come due.
pub fn run(world: &mut World, due: Due) {
    match due {
        Due::FinishCreation { request } => lifecycle::finish_creation(world, &request),
        Due::FinishPolicyType { kind, enable } => policies::finish_type(world, &kind, enable),
        Due::FinishClosure { account } => lifecycle::finish_closure(world, &account),
        Due::ForgetAccount { account } => lifecycle::forget(world, &account),
    }
}

pub use settings::{deregister, register, trust};

impl OrganizationState {
    /// The ids from `id`'s parent (for an account), or from the OU or root itself, up to the root. Empty for
    /// an unknown id.
    pub fn chain(&self, id: &str) -> Vec<String> {
        let mut chain = Vec::new();
        let mut at = match self.members.get(id) {
            Some(member) => member.parent.clone(),
            None => id.to_owned(),
        };
        loop {
            if at == self.root {
                chain.push(at);
                return chain;
            }
            let Some(ou) = self.ous.get(&at) else {
                return chain;
            };
            let parent = ou.parent.clone();
            chain.push(std::mem::replace(&mut at, parent));
        }
    }

    /// Every account in an OU or the root, those of OUs below it included, in order of id.
    pub fn accounts_under(&self, parent: &str) -> BTreeSet<AccountId> {
        let mut found = BTreeSet::new();
        let mut todo = vec![parent];
        while let Some(at) = todo.pop() {
            if let Some(children) = self.children.get(at) {
                found.extend(children.accounts.iter().cloned());
                todo.extend(children.ous.iter().map(String::as_str));
            }
        }
        found
    }

    /// Whether a service may act for the organization.
    pub fn trusts(&self, principal: &str) -> bool {
        self.trusted.contains_key(principal)
    }

    /// Whether a service may act for the organization, and knows it.
    pub fn is_trusted(&self, lags: &Lags, principal: &str, now: Time) -> bool {
        self.trusts(principal) && !lags.holds(Lag::TrustedAccess, principal, now)
    }

    /// Whether `account` administers the service for the organization.
    pub fn delegates(&self, account: &str, principal: &str) -> bool {
        self.delegated
            .get(account)
            .is_some_and(|services| services.contains_key(principal))
    }

    /// `arn:aws:organizations::MANAGEMENT:KIND/ID`.
    pub fn arn(&self, kind: &str, id: &str) -> String {
        format!(
            "arn:aws:organizations::{}:{kind}/{id}",
            self.management_account
        )
    }

    /// `arn:aws:organizations::MANAGEMENT:KIND/ORGANIZATION/ID`.
    pub fn arn_in(&self, kind: &str, id: &str) -> String {
        self.arn(kind, &format!("{}/{id}", self.id))
    }

    /// Whether this is the root or an OU.
    pub fn is_parent(&self, id: &str) -> bool {
        id == self.root || self.ous.contains_key(id)
    }

    /// The organization path of an account or OU by ids, `o-…/r-…/ou-…/` and so on, with the account's own id
    /// for an account (M:Account.Paths).
    pub fn path(&self, id: &str) -> String {
        let mut path = format!("{}/", self.id);
        for part in self.chain(id).iter().rev() {
            path.push_str(part);
            path.push('/');
        }
        if self.members.contains_key(id) {
            path.push_str(id);
            path.push('/');
        }
        path
    }

    /// Puts an account into the root, with the policies that every new target has.
    fn add_member(&mut self, account: &str, method: &str, joined: Time) {
        let root = self.root.clone();
        self.members.insert(
            account.to_owned(),
            Member {
                parent: root.clone(),
                method: method.to_owned(),
                joined,
                state: String::from("ACTIVE"),
            },
        );
        self.children
            .entry(root)
            .or_default()
            .accounts
            .insert(account.to_owned());
        self.attach_implicit(account);
    }

    /// Whether the account is a member that can be used.
    pub fn is_active(&self, account: &str) -> bool {
        self.members
            .get(account)
            .is_some_and(|member| member.state == "ACTIVE")
    }
}

/// The rows of this service, by file.
pub const OPERATIONS: &[&[Row]] = &[
    OWN,
    accounts::OPERATIONS,
    lifecycle::OPERATIONS,
    ous::OPERATIONS,
    policies::OPERATIONS,
    settings::OPERATIONS,
];

const OWN: &[Row] = &[
    ("organizations", "CreateOrganization", create_organization),
    ("organizations", "DeleteOrganization", delete_organization),
    (
        "organizations",
        "DescribeOrganization",
        describe_organization,
    ),
    ("organizations", "EnableAllFeatures", enable_all_features),
    (
        "organizations",
        "ListHandshakesForOrganization",
        list_handshakes,
    ),
    ("organizations", "ListRoots", list_roots),
];

/// The organization's id, if there is one.
pub fn id(world: &World) -> Option<&str> {
    world.organization.as_ref().map(|it| it.id.as_str())
}

/// The features of centralized root access that are on, for the management account or IAM's delegated administrator (M:iam
/// ListOrganizationsFeatures).
pub(crate) fn root_features(world: &World, call: &Call) -> Result<Vec<String>, AwsError> {
    let organization = world.organization.as_ref().ok_or_else(not_in_use)?;
    let management = &organization.management_account;
    let delegated = organization
        .delegated
        .get(&call.account)
        .is_some_and(|services| services.contains_key("iam.amazonaws.com"));
    if call.account != *management && !delegated {
        return Err(AwsError::new(
            "AccountNotManagementOrDelegatedAdministratorException",
            "The account is neither the management account nor a delegated administrator for IAM",
        ));
    }
    let known = world.account(management);
    Ok(known
        .map(|it| it.iam.root_features.clone())
        .unwrap_or_default())
}

fn not_in_use() -> AwsError {
    AwsError::new(
        "AWSOrganizationsNotInUseException",
        "Your account is not a member of an organization.",
    )
}

fn access_denied() -> AwsError {
    AwsError::new(
        "AccessDeniedException",
        "You don't have permissions to access this resource.",
    )
}

fn constraint(reason: &str, message: &str) -> AwsError {
    AwsError::new("ConstraintViolationException", message).with("Reason", reason)
}

fn invalid(reason: &str, message: &str) -> AwsError {
    AwsError::new("InvalidInputException", message).with("Reason", reason)
}

/// The organization, for an operation that any member may call.
fn any_member<'w>(
    world: &'w mut World,
    call: &Call,
) -> Result<&'w mut OrganizationState, AwsError> {
    let member = |it: &&mut OrganizationState| it.members.contains_key(&call.account);
    world
        .organization
        .as_mut()
        .filter(member)
        .ok_or_else(not_in_use)
}

/// The organization, for a read: the management account or any delegated administrator (M).
fn reader<'w>(world: &'w mut World, call: &Call) -> Result<&'w mut OrganizationState, AwsError> {
    let organization = any_member(world, call)?;
    let allowed = organization.management_account == call.account
        || organization.delegated.contains_key(&call.account);
    if allowed {
        Ok(organization)
    } else {
        Err(access_denied())
    }
}

/// The organization, for an operation of the management account alone (M). What a delegation policy may
/// allow others is not simulated.
fn manager<'w>(world: &'w mut World, call: &Call) -> Result<&'w mut OrganizationState, AwsError> {
    let organization = any_member(world, call)?;
    if organization.management_account == call.account {
        Ok(organization)
    } else {
        Err(access_denied())
    }
}

fn create_organization(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let there = world.organization.as_ref();
    if there.is_some_and(|it| it.members.contains_key(&call.account)) {
        return Err(AwsError::new(
            "AlreadyInOrganizationException",
            "The AWS account is already a member of an organization.",
        ));
    }
    if there.is_some() {
        // A second organization in one world is beyond the sandbox.
        return Err(access_denied());
    }
    let all_features = call.str("FeatureSet") != Some("CONSOLIDATED_BILLING");
    let root = format!("r-{}", world.rng.base36(4));
    let mut organization = OrganizationState {
        id: format!("o-{}", world.rng.base36(10)),
        root: root.clone(),
        management_account: call.account.clone(),
        all_features,
        created: call.now,
        policy_types: BTreeMap::new(),
        ous: BTreeMap::new(),
        members: BTreeMap::new(),
        children: BTreeMap::from([(root.clone(), Children::default())]),
        policies: policies::aws_managed(),
        attached: BTreeMap::new(),
        trusted: BTreeMap::new(),
        delegated: BTreeMap::new(),
        creations: BTreeMap::new(),
        creating: 0,
        tags: BTreeMap::new(),
        resource_policy: None,
        closures: Vec::new(),
        invitations: BTreeMap::new(),
    };
    organization.add_member(&call.account, "INVITED", call.now);
    if all_features {
        // SCPs are on from the start (M:CreateOrganization).
        organization.turn_on("SERVICE_CONTROL_POLICY");
    }
    world.organization = Some(organization);
    iam::ensure_linked_role(world, &call.account, "organizations.amazonaws.com");
    world.lags.begin(Lag::AccountLimit, "", call.now);
    world.lags.begin(Lag::Finalizing, "", call.now);
    describe_organization(world, call)
}

fn delete_organization(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let organization = manager(world, call)?;
    if organization.members.len() > 1 || !organization.ous.is_empty() {
        return Err(AwsError::new(
            "OrganizationNotEmptyException",
            "To delete an organization, first remove all member accounts and OUs.",
        ));
    }
    world.organization = None;
    Ok(Value::Null)
}

fn describe_organization(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let organization = any_member(world, call)?;
    let management = organization.management_account.clone();
    let mut shown = json!({
        "Id": organization.id,
        "Arn": organization.arn("organization", &organization.id),
        "FeatureSet": if organization.all_features { "ALL" } else { "CONSOLIDATED_BILLING" },
        "MasterAccountId": management,
        "MasterAccountArn": organization.arn_in("account", &management),
        // Deprecated: it says ENABLED for SCPs whatever the root's state is (M:Organization).
        "AvailablePolicyTypes": [{"Type": "SERVICE_CONTROL_POLICY", "Status": "ENABLED"}],
    });
    if let Some(account) = world.account(&management) {
        shown["MasterAccountEmail"] = Value::from(account.email.as_str());
    }
    Ok(json!({"Organization": shown}))
}

fn enable_all_features(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let handshake = world.rng.base36(10);
    let organization = manager(world, call)?;
    if organization.all_features {
        return Err(AwsError::new(
            "HandshakeConstraintViolationException",
            "All features are already enabled in this organization.",
        )
        .with("Reason", "ORGANIZATION_ALREADY_HAS_ALL_FEATURES"));
    }
    // Accounts that were created here need not consent (M:EnableAllFeatures), and there are no others.
    organization.all_features = true;
    let id = format!("h-{handshake}");
    Ok(json!({"Handshake": {
        "Id": id,
        "Arn": organization.arn_in("handshake", &format!("enable_all_features/{id}")),
        "State": "ACCEPTED",
        "Action": "ENABLE_ALL_FEATURES",
        "RequestedTimestamp": call.now.json(),
        "ExpirationTimestamp": call.now.plus_secs(90 * 86_400).json(),
    }}))
}

fn list_handshakes(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let organization = manager(world, call)?;
    let filter = call.get("Filter");
    let kind = filter["ActionType"].as_str();
    let shown: Vec<Value> = organization
        .invitations
        .iter()
        .filter(|_| kind.is_none_or(|kind| kind == "INVITE"))
        .filter(|_| filter["ParentHandshakeId"].is_null())
        .map(|(id, invitation)| {
            let by_email = invitation.target.contains('@');
            json!({
                "Id": id,
                "Arn": organization.arn_in("handshake", &format!("invite/{id}")),
                "Parties": [
                    {"Id": organization.id.trim_start_matches("o-"), "Type": "ORGANIZATION"},
                    {"Id": invitation.target, "Type": if by_email { "EMAIL" } else { "ACCOUNT" }},
                ],
                "State": if invitation.is_open(call.now) { "OPEN" } else { "EXPIRED" },
                "RequestedTimestamp": invitation.requested.json(),
                "ExpirationTimestamp": invitation.expires().json(),
                "Action": "INVITE",
            })
        })
        .collect();
    page(call, "Handshakes", shown, "MaxResults", 20)
}

fn list_roots(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let organization = reader(world, call)?;
    let types: Vec<Value> = organization
        .policy_types
        .iter()
        .map(|(kind, status)| json!({"Type": kind, "Status": status}))
        .collect();
    Ok(json!({"Roots": [{
        "Id": organization.root,
        "Arn": organization.arn_in("root", &organization.root),
        "Name": "Root",
        "PolicyTypes": types,
    }]}))
}
