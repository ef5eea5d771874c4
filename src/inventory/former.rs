//! What orgstrap made while the plan's `[organization]` table said otherwise: names, Regions and accounts do not
//! follow an edit of the plan, and whoever looks only where the plan points sees none of them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{AccountRegion, Observed, PolicyFacts, PolicyId, RecorderFacts};
use crate::plan::{AccountId, OrgPlan, Region};

/// Only what was asked about: nothing while all is where the plan says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FormerFacts {
    /// Stack sets with orgstrap's tag that are not under the plan's prefix in its home Region, by Region.
    pub stack_sets: BTreeMap<Region, Observed<BTreeSet<String>>>,
    /// Plain stacks with orgstrap's tag where the plan looks for none, by place.
    pub stacks: BTreeMap<AccountRegion, Observed<BTreeSet<String>>>,
    /// Member accounts, and whether the plan's access role opens them. Asked where it seems to be a new one.
    pub access: BTreeMap<AccountId, Observed<()>>,
    /// Buckets that are there, though the stack that is to make them has none of the kind: kept by one before. By name.
    pub buckets: BTreeMap<AccountRegion, BTreeMap<String, Observed<KeptBucket>>>,
    /// What Config has where a stack that made a recorder is to be changed: somebody may have deleted it since.
    pub recorders: BTreeMap<AccountRegion, Observed<RecorderFacts>>,
    /// The role that opens accounts which the plan's does not, where one of those that are usual does.
    pub access_role: Option<String>,
}

/// A bucket that was kept when a stack lost it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptBucket {
    /// Whether it has a policy.
    pub policy: bool,
    /// The key that it encrypts with by default, as it names it, where that is one of KMS.
    pub key: Option<String>,
    /// Whether that key is there to be used.
    pub key_is_there: bool,
}

/// Access roles that policies of the plan exempt as they are in AWS, where they do not exempt the plan's: what the plan
/// called its access role when they were written.
pub fn former_access_roles(
    plan: &OrgPlan,
    policies: &BTreeMap<PolicyId, PolicyFacts>,
) -> BTreeSet<String> {
    let own = &plan.organization.access_role;
    let mut former = BTreeSet::new();
    for facts in policies.values() {
        let planned = plan.policies.iter().find(|(key, planned)| {
            planned.kind == facts.kind && planned.aws_name(key) == facts.name
        });
        let (Some((_, planned)), Some(content)) = (planned, facts.content.known()) else {
            continue;
        };
        let (desired, there) = (roles(&planned.content), roles(content));
        if desired.contains(own.as_str()) && !there.contains(own.as_str()) {
            former.extend(there.difference(&desired).map(|role| (*role).to_owned()));
        }
    }
    former
}

/// The roles of any account that a document exempts: those that its conditions name.
fn roles(document: &str) -> BTreeSet<&str> {
    let lists = document.split("\"aws:PrincipalArn\"").skip(1);
    let lists = lists.filter_map(|rest| rest.split([']', '}']).next());
    lists
        .flat_map(|list| list.split("arn:aws:iam::*:role/").skip(1))
        .filter_map(|rest| rest.split('"').next())
        .filter(|role| !role.contains(['*', '?', '/']))
        .collect()
}
