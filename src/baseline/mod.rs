//! Baselines: bundles of service preparations, stacks and stack sets that a plan asks for.
//!
//! A baseline is data: a descriptor under `baselines/` and templates under `stacksets/`, embedded
//! in the binary, or a folder of the user's own beside the plan. [`Wanted`] is what the chosen
//! baselines come to for one plan. Pure, but for reading a user's own folder.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::change::{Place, Text};
use crate::plan::{AccountKey, Principal, Region, StackName, Tags};

/// Everything that a plan's baselines ask for, with the plan's values filled in.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Wanted {
    pub trusted_access: BTreeSet<Principal>,
    /// Whether StackSets need access to the organization.
    pub stack_sets_access: bool,
    /// Service-linked roles in every account, the management account included.
    pub service_linked_roles: BTreeSet<Principal>,
    /// Services and the member accounts that are to administer them, GuardDuty not among them.
    pub delegated_administrators: BTreeSet<(Principal, AccountKey)>,
    pub stacks: BTreeMap<(Place, StackName), WantedStack>,
    pub stack_sets: BTreeMap<StackName, WantedStackSet>,
    pub guardduty: Option<WantedGuardDuty>,
}

/// A plain stack in one account and Region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WantedStack {
    /// The full name, prefix included.
    pub full_name: String,
    pub template: String,
    pub parameters: BTreeMap<String, Text>,
    pub capabilities: BTreeSet<String>,
    pub tags: Tags,
    /// What else must be there first, beyond what the parameters refer to.
    pub needs: BTreeSet<crate::change::Address>,
}

/// A service-managed stack set over the plan's OUs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WantedStackSet {
    /// The full name, prefix included.
    pub full_name: String,
    pub description: String,
    pub template: String,
    pub parameters: BTreeMap<String, Text>,
    pub capabilities: BTreeSet<String>,
    pub tags: Tags,
    pub regions: BTreeSet<Region>,
    /// Whether accounts that leave keep their stacks.
    pub retain_on_removal: bool,
    pub needs: BTreeSet<crate::change::Address>,
}

/// GuardDuty's organization settings, the same in every governed Region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WantedGuardDuty {
    pub regions: BTreeSet<Region>,
    pub administrator: AccountKey,
    /// Every feature GuardDuty knows, on or off.
    pub features: BTreeMap<String, bool>,
    /// Bucket and key ARNs for exported findings.
    pub export: Option<GuardDutyExport>,
}

/// Where findings are exported to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GuardDutyExport {
    pub bucket_arn: Text,
    pub key_arn: Text,
}
