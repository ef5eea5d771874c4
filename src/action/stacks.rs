//! What several actions on stacks and stack sets share.

use super::*;

/// A plain stack, whole. Termination protection is on afterwards, always.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StackDefinition {
    /// The full name, prefix included.
    pub name: String,
    pub account: Expr,
    pub region: Region,
    pub template: String,
    pub parameters: BTreeMap<String, Expr>,
    pub capabilities: BTreeSet<String>,
    pub tags: Tags,
    /// A stack left by a failed creation (ROLLBACK_COMPLETE) that must go first.
    pub replaces_failed: bool,
    /// What is there already, kept from a stack before, and is taken into this one first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub take_in: Option<TakeIn>,
}

/// A stack set, whole. Service-managed with managed execution, always.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StackSetDefinition {
    /// The full name, prefix included.
    pub name: String,
    pub description: String,
    pub template: String,
    pub parameters: BTreeMap<String, Expr>,
    pub capabilities: BTreeSet<String>,
    pub tags: Tags,
    pub auto_deployment: AutoDeployment,
    /// ARNs of the stack sets after which auto-deployment comes.
    #[serde(default)]
    pub depends_on: Vec<Expr>,
    /// Roles that somebody gave the set: an update that does not name them would take them away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub administration_role: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_role: Option<String>,
}

/// Where one stack-set operation works, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeploymentTargets {
    /// Target OUs, or the root. Empty in an update of a set without instances: the whole set.
    pub ous: Vec<Expr>,
    /// Only these accounts of the OUs (INTERSECTION); empty means all (NONE).
    pub accounts: Vec<Expr>,
    /// All accounts of the OUs but these (DIFFERENCE), where `accounts` is empty.
    #[serde(default)]
    pub except: Vec<Expr>,
    pub regions: BTreeSet<Region>,
    pub max_concurrent: Portion,
    pub failure_tolerance: Portion,
    /// Accounts by id that must have a CURRENT instance in every Region afterwards.
    pub expect: Vec<Expr>,
    /// Those of them that leave targets which they have instances through.
    #[serde(default)]
    pub leaving: Vec<Leaving>,
    /// Where some of them have nothing that this operation could work on: another change makes it after.
    #[serde(default)]
    pub lacking: Vec<Lacking>,
}

/// An account and the Regions in which it has no instance, or one that AWS calls INOPERABLE.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lacking {
    pub account: Expr,
    pub regions: BTreeSet<Region>,
}

/// An account and the targets, by OU id, that do not reach it (any more): an instance that came through one of
/// them is on its way out and does not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaving {
    pub account: Expr,
    pub targets: BTreeSet<String>,
}

/// Resources that an IMPORT change set takes into a stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakeIn {
    /// The stack's template as it is, with these resources and no other change; of a new stack these alone.
    pub template: String,
    pub resources: Vec<TakenIn>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenIn {
    pub logical_id: String,
    /// CloudFormation's type.
    pub kind: String,
    /// The property that names it, and its value.
    pub property: String,
    pub identifier: String,
}

impl StackDefinition {
    pub(super) fn exprs(&self) -> Vec<&Expr> {
        [&self.account]
            .into_iter()
            .chain(self.parameters.values())
            .collect()
    }
}

impl DeploymentTargets {
    pub(super) fn exprs(&self) -> impl Iterator<Item = &Expr> {
        let named = self.ous.iter().chain(&self.accounts).chain(&self.except);
        named.chain(&self.expect)
    }
}
