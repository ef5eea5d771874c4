//! Organizations.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::sandbox::table::Row;
use crate::sandbox::time::Time;
use crate::sandbox::world::{AccountId, World};

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
    /// Tags of the root, OUs, accounts and policies, by id.
    pub tags: BTreeMap<String, BTreeMap<String, String>>,
    /// The delegation policy.
    pub resource_policy: Option<ResourcePolicy>,
    /// When accounts were closed, for the quota on closures.
    pub closures: Vec<Time>,
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
pub fn run(_world: &mut World, _due: Due) {}

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

    /// Whether `account` administers the service for the organization.
    pub fn delegates(&self, account: &str, principal: &str) -> bool {
        self.delegated
            .get(account)
            .is_some_and(|services| services.contains_key(principal))
    }

    /// Whether the account is a member that can be used.
    pub fn is_active(&self, account: &str) -> bool {
        self.members
            .get(account)
            .is_some_and(|member| member.state == "ACTIVE")
    }
}

/// The rows of this service.
pub const OPERATIONS: &[Row] = &[];
