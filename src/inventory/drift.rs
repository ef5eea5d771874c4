//! What CloudFormation's drift detection says: which stack sets and stacks are asked, and what differs.
//! `observe` asks; [`crate::drift`] judges.

use std::collections::{BTreeMap, BTreeSet};

use super::{AccountRegion, Observed, ReadFailure};
use crate::plan::AccountId;

/// What is to be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriftQuestions {
    /// Where stack sets are administered.
    pub admin: AccountRegion,
    /// Their full names.
    pub stack_sets: BTreeSet<String>,
    /// Plain stacks by place and full name.
    pub stacks: BTreeSet<(AccountRegion, String)>,
    /// Accounts whose roles are read, where IAM answers.
    pub roles: BTreeSet<AccountRegion>,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DriftAnswers {
    pub stack_sets: BTreeMap<String, SetDrift>,
    pub stacks: BTreeMap<(AccountRegion, String), StackDrift>,
    /// The roles of accounts.
    pub roles: BTreeMap<AccountId, Observed<AccountRoles>>,
}

/// The roles of an account, and the policies of its own that it may give them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountRoles {
    /// By name.
    pub roles: BTreeMap<String, RoleFacts>,
    /// By ARN.
    pub policies: BTreeMap<String, ManagedPolicyFacts>,
}

/// A role. Documents are as IAM writes them, percent-encoded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoleFacts {
    /// The document that says whom it trusts.
    pub trusts: String,
    /// ARNs of the managed policies that are attached to it.
    pub attached: BTreeSet<String>,
    /// Documents of its inline policies, by name.
    pub inline: BTreeMap<String, String>,
    /// The ARN of its permissions boundary.
    pub boundary: Option<String>,
}

/// A managed policy that is the account's own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ManagedPolicyFacts {
    /// The version in force, such as `v1`.
    pub default: String,
    /// The document of each version, that one included.
    pub versions: BTreeMap<String, String>,
}

impl ManagedPolicyFacts {
    /// The document in force.
    pub fn document(&self) -> Option<&str> {
        self.versions.get(&self.default).map(String::as_str)
    }
}

/// What was found in a stack set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SetDrift {
    /// How many instances were looked at.
    pub checked: usize,
    /// Instances that drifted or could not be looked at.
    pub instances: BTreeMap<AccountRegion, StackDrift>,
    /// Why the set could not be told, whole or in part.
    pub unread: Option<ReadFailure>,
}

/// What was found in a stack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StackDrift {
    /// Resources that differ.
    pub resources: Vec<ResourceDrift>,
    /// Why it could not be told, whole or in part.
    pub unread: Option<ReadFailure>,
}

/// A resource that is not as its stack's template and parameters set it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceDrift {
    pub logical_id: String,
    /// Such as `AWS::S3::Bucket`.
    pub kind: String,
    pub physical_id: String,
    /// Whether it is gone; nothing is said of its properties then.
    pub deleted: bool,
    pub properties: Vec<PropertyDrift>,
}

/// A property that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropertyDrift {
    /// Such as `/BucketEncryption/ServerSideEncryptionConfiguration/0`.
    pub path: String,
    /// `None` where the template has no such thing.
    pub expected: Option<String>,
    /// `None` where it was removed.
    pub actual: Option<String>,
}
