//! What CloudFormation's drift detection says: which stack sets and stacks are asked, and what differs.
//! `observe` asks; [`crate::drift`] judges.

use std::collections::{BTreeMap, BTreeSet};

use super::{AccountRegion, Seen, Unread};
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
    /// The roles of accounts, each with whom it trusts: its policy's text.
    pub roles: BTreeMap<AccountId, Seen<BTreeMap<String, String>>>,
}

/// What was found in a stack set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SetDrift {
    /// How many instances were looked at.
    pub checked: usize,
    /// Instances that drifted or could not be looked at.
    pub instances: BTreeMap<AccountRegion, StackDrift>,
    /// Why the set could not be told, whole or in part.
    pub unread: Option<Unread>,
}

/// What was found in a stack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StackDrift {
    /// Resources that differ.
    pub resources: Vec<ResourceDrift>,
    /// Why it could not be told, whole or in part.
    pub unread: Option<Unread>,
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
