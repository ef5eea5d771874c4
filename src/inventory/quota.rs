//! Quotas that were read, and what counts against them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Observed;

/// A quota that Service Quotas shows and that AWS raises on request.
///
/// AWS says that codes may change while names do not; one that is no longer known counts as unread, and AWS's
/// documented default holds. Sources: Organizations' user guide ("Quotas and service limits"), the General
/// Reference's page of CloudFormation, and Service Quotas' own lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QuotaKind {
    /// Accounts of an organization.
    Accounts,
    /// Stack sets of one administrator account in a Region.
    StackSets,
    /// Instances of one stack set.
    StackInstances,
}

impl QuotaKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Accounts, Self::StackSets, Self::StackInstances];

    /// The service's code in Service Quotas.
    pub fn service_code(self) -> &'static str {
        match self {
            Self::Accounts => "organizations",
            Self::StackSets | Self::StackInstances => "cloudformation",
        }
    }

    /// The quota's code in Service Quotas.
    pub fn quota_code(self) -> &'static str {
        match self {
            Self::Accounts => "L-29A0C5DF",
            Self::StackSets => "L-EC62D81A",
            Self::StackInstances => "L-C8225BA5",
        }
    }

    /// What it is a number of.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accounts => "accounts in an organization",
            Self::StackSets => "stack sets in an account",
            Self::StackInstances => "instances of a stack set",
        }
    }

    /// What AWS documents as the default.
    pub fn default_value(self) -> usize {
        match self {
            Self::Accounts => 10,
            Self::StackSets => 1_000,
            Self::StackInstances => 100_000,
        }
    }

    /// Whether it lies where Organizations answers rather than in the home Region.
    pub fn is_global(self) -> bool {
        self == Self::Accounts
    }
}

/// The quotas that a plan comes near. Only those that were asked about.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Quotas {
    pub found: BTreeMap<QuotaKind, Observed<QuotaFacts>>,
    /// Open invitations, which count as accounts.
    pub invitations: Option<Observed<usize>>,
}

/// One quota.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QuotaFacts {
    pub value: usize,
    /// Whether AWS raises it on request.
    pub adjustable: bool,
    /// The newest request to raise it that is not decided. Only looked up where the plan needs more.
    #[serde(default)]
    pub request: Option<QuotaRequest>,
}

/// A request to raise a quota.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QuotaRequest {
    pub id: String,
    /// The support case, once AWS has opened one.
    pub case: Option<String>,
    pub desired: usize,
    /// AWS's own word: `PENDING`, `CASE_OPENED`, `APPROVED`, `DENIED` and so on.
    pub status: String,
    pub created: Option<Timestamp>,
}

impl QuotaRequest {
    /// Whether AWS has still to decide.
    pub fn is_open(&self) -> bool {
        matches!(self.status.as_str(), "PENDING" | "CASE_OPENED")
    }

    /// `id 0f1e…, for 43, CASE_OPENED since 2026-01-05, support case 123`.
    pub fn describe(&self) -> String {
        let mut text = format!("{} for {}, {}", self.id, self.desired, self.status);
        if let Some(created) = self.created {
            text.push_str(&format!(", sent {}", created.strftime("%Y-%m-%d")));
        }
        if let Some(case) = &self.case {
            text.push_str(&format!(", support case {case}"));
        }
        text
    }
}
