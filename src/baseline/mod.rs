//! Baselines: bundles of service preparations, stacks and stack sets that a plan asks for.
//!
//! A baseline is data: a descriptor under `baselines/` and templates under `stacksets/`, embedded
//! in the binary, or a folder of the user's own beside the plan. [`Desired`] is what the chosen
//! baselines come to for one plan. Pure, but for reading a user's own folder.

pub mod builtin;
pub mod control;
pub mod data;
pub mod descriptor;
mod document;
mod expand;
pub mod folder;
pub mod handlers;
pub mod identity;
mod kept;
mod load;
mod naming;
pub mod option;
pub mod reference;
pub mod refs;
mod render;
pub mod replaced;
mod rights;
mod scan;
pub mod template;
pub mod words;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use builtin::names;
pub use control::WantedControl;
pub use kept::NamedBucket;
pub use load::Descriptors;
pub use naming::StackNames;
pub use render::{Known, Rendering};
pub use rights::{MadeRights, MadeRole, Named};
pub use scan::makes_recorder;

use crate::addr::{Address, Expr, Place};
pub use crate::plan::{About, BaselineProblem};
use crate::plan::{
    AccountId, AccountKey, OrgPlan, OuPath, Principal, Region, StackId, StackName, Tags,
};

/// Everything that a plan's baselines ask for, with the plan's values filled in.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Desired {
    pub trusted_access: BTreeSet<Principal>,
    /// Whether StackSets need access to the organization.
    pub stack_sets_access: bool,
    /// Service-linked roles in every account, the management account included.
    pub service_linked_roles: BTreeSet<Principal>,
    /// Service-linked roles in the management account only.
    pub management_service_linked_roles: BTreeSet<Principal>,
    /// Services and the member accounts that are to administer them, GuardDuty not among them.
    pub delegated_administrators: BTreeSet<(Principal, AccountKey)>,
    /// JSON has only text for keys, so a list of entries in a saved change file.
    #[serde(with = "entries")]
    pub stacks: BTreeMap<(Place, StackName), DesiredStack>,
    pub stack_sets: BTreeMap<StackName, DesiredStackSet>,
    pub guardduty: Option<WantedGuardDuty>,
    #[serde(default)]
    pub trail: Option<WantedTrail>,
    /// The role that only reads, by which a check enters the accounts that have it.
    #[serde(default)]
    pub audit_role: Option<String>,
    /// What is looked at in the services themselves, by control id.
    #[serde(default)]
    pub controls: BTreeMap<String, WantedControl>,
}

/// What becomes of a recorder and a delivery channel of AWS Config that are there where a stack is to bring its
/// own. An account holds one of each in a Region.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExistingRecorders {
    /// They stay, and the stack is not made there.
    #[default]
    Keep,
    /// Those of the names that the stack gives its own are left to it; others stay.
    Adopt,
    /// They are removed before the stack is made.
    Replace,
}

impl ExistingRecorders {
    /// Every answer.
    pub const ALL: [Self; 3] = [Self::Keep, Self::Adopt, Self::Replace];

    /// The word for it in a plan.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Adopt => "adopt",
            Self::Replace => "replace",
        }
    }
}

/// A plain stack in one account and Region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DesiredStack {
    /// The full name, prefix included.
    pub full_name: String,
    pub template: String,
    pub parameters: BTreeMap<String, Expr>,
    pub capabilities: BTreeSet<String>,
    pub tags: Tags,
    #[serde(default)]
    pub existing_recorders: ExistingRecorders,
    /// What else must be there first, beyond what the parameters refer to.
    pub needs: BTreeSet<Address>,
}

/// A service-managed stack set over the plan's OUs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DesiredStackSet {
    /// The full name, prefix included.
    pub full_name: String,
    pub description: String,
    pub template: String,
    pub parameters: BTreeMap<String, Expr>,
    pub capabilities: BTreeSet<String>,
    pub tags: Tags,
    pub regions: BTreeSet<Region>,
    /// Whether accounts that leave keep their stacks.
    pub retain_on_removal: bool,
    /// The OUs of the plan whose accounts are to have none of it, those below them named too.
    #[serde(default)]
    pub except: BTreeSet<OuPath>,
    /// Stacks that are there and are to become its instances.
    #[serde(default)]
    pub existing_stacks: BTreeSet<StackId>,
    #[serde(default)]
    pub existing_recorders: ExistingRecorders,
    /// Stack sets whose stacks an account must have before those of this one.
    #[serde(default)]
    pub depends_on: BTreeSet<StackName>,
    pub needs: BTreeSet<Address>,
}

/// GuardDuty's organization settings, the same in every governed Region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WantedGuardDuty {
    pub regions: BTreeSet<Region>,
    pub administrator: AccountKey,
    /// Every feature GuardDuty knows for detectors and for organizations, on or off. GuardDuty turns
    /// on what a new detector's creation does not name.
    pub features: BTreeMap<String, bool>,
    /// Features that only detectors know: set on the administrator's, never in the organization's
    /// settings, which would refuse them.
    pub detector_features: BTreeMap<String, bool>,
    /// Features that are never mentioned, on or off.
    #[serde(default)]
    pub unmanaged_features: BTreeSet<String>,
    /// Bucket and key ARNs for exported findings.
    pub export: Option<GuardDutyExport>,
    /// The account whose place the administrator takes where it administers GuardDuty now.
    #[serde(default)]
    pub replaced: Option<AccountId>,
}

/// The organization's trail, and what is to become of those that were there before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WantedTrail {
    pub name: Expr,
    /// The stack that makes it, in the management account's home Region; `None` where a trail of that name is
    /// there and is watched as it is.
    pub stack: Option<(Place, StackName)>,
    /// Names of trails that stay beside it.
    pub kept: BTreeSet<String>,
    /// Names of trails that go once it stands.
    pub replaced: BTreeSet<String>,
}

impl WantedTrail {
    /// The address of the stack that makes it.
    pub fn address(&self) -> Option<Address> {
        let (place, name) = self.stack.as_ref()?;
        Some(Address::Stack(place.clone(), name.clone()))
    }
}

/// Where findings are exported to: one bucket and key for all Regions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GuardDutyExport {
    pub bucket_arn: Expr,
    pub key_arn: Expr,
}

/// Everything that a plan's baselines ask for, their descriptors read anew.
///
/// # Errors
/// All that is wrong with the baselines or the plan's choice of them.
pub fn expand(plan: &OrgPlan) -> Result<Desired, Vec<BaselineProblem>> {
    Descriptors::default().expand(plan)
}

/// The JSON Schema of a baseline's descriptor, with a line end.
pub fn schema() -> String {
    crate::toml_file::schema::schema::<descriptor::file::DescriptorFile>()
}

/// Maps with composite keys as lists of entries.
mod entries {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<K: Serialize, V: Serialize, S: Serializer>(
        map: &BTreeMap<K, V>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_seq(map)
    }

    pub(super) fn deserialize<'de, K, V, D>(from: D) -> Result<BTreeMap<K, V>, D::Error>
    where
        K: Deserialize<'de> + Ord,
        V: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        Ok(Vec::<(K, V)>::deserialize(from)?.into_iter().collect())
    }
}
