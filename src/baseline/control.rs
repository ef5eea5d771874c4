//! Controls: rules that a baseline keeps, beyond what plan and stacks say of themselves. Each names the
//! probe that reads it, what is expected, and how it is put back.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::refs::{NamedAccount, When};
use super::words::Interpolated;
use crate::addr::{Expr, Place, Severity};
use crate::inventory::Probe;
use crate::plan::{Region, StackName};
use crate::toml_file::At;

/// One `[[control]]` of a descriptor.
#[derive(Debug, Clone, PartialEq)]
pub struct ControlSpec {
    /// Begins with the baseline's name: `config.recording`.
    pub id: String,
    /// What is wrong where it does not hold, as a short sentence fragment.
    pub title: String,
    pub scope: Scope,
    /// Who is asked, for scopes that are one account.
    pub account: At<NamedAccount>,
    pub probe: Probe,
    pub arguments: BTreeMap<String, At<Interpolated>>,
    pub expect: BTreeMap<String, ExpectedSpec>,
    /// The stack or stack set, and the resource of its template, that makes what is looked at.
    pub resource: Option<ResourceRef>,
    /// Properties that must be as the template of `resource` sets them.
    pub properties: BTreeSet<String>,
    pub fix: ControlFix,
    /// What a person can do, where only a person can.
    pub hint: Option<String>,
    pub severity: Severity,
    /// Controls whose findings explain this one's: where one is found, this is not told too.
    pub needs: BTreeSet<String>,
    pub references: Vec<String>,
    pub when: Option<When>,
}

/// How often a control is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Once, in the home Region of one account.
    Organization,
    /// In every governed Region of one account.
    Region,
    /// In the home Region of every account.
    Account,
    /// In every governed Region of every account.
    AccountRegion,
}

/// How a control is put back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ControlFix {
    /// `cloudtrail:StartLogging` on the trail that the probe names.
    StartLogging,
    /// `config:StartConfigurationRecorder`.
    StartRecorder,
    /// `config:PutConfigurationRecorder` as the template of the resource says, then started.
    PutRecorder,
    /// `config:PutDeliveryChannel` as the template of the resource says.
    PutChannel,
    /// A change set in REVERT_DRIFT mode on the stack of the resource.
    RevertDrift,
    /// The resource as its template says, through Cloud Control: for types that CloudFormation's own
    /// drift detection leaves out.
    PutResource,
    /// The automation that the probe names, run with the parameters of the association that is the resource.
    RunAutomation,
    /// Only a person can decide.
    Person,
}

impl ControlFix {
    /// Whether it needs to know the resource of a template.
    pub fn needs_resource(self) -> bool {
        matches!(
            self,
            ControlFix::PutRecorder
                | ControlFix::PutChannel
                | ControlFix::RevertDrift
                | ControlFix::PutResource
                | ControlFix::RunAutomation
        )
    }
}

/// A value that a fact is to have, as a descriptor says it.
#[derive(Debug, Clone, PartialEq)]
pub enum ExpectedSpec {
    Text(At<Interpolated>),
    Value(Value),
}

/// A value that a fact is to have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expected {
    Text(Expr),
    Value(Value),
}

/// A resource of a stack's or stack set's template: `STACK/LOGICAL_ID`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ResourceRef {
    pub stack: StackName,
    pub logical_id: String,
}

/// A control with the plan's values filled in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WantedControl {
    pub title: String,
    pub places: Places,
    pub probe: Probe,
    pub arguments: BTreeMap<String, Expr>,
    pub expect: BTreeMap<String, Expected>,
    pub resource: Option<ResourceRef>,
    pub properties: BTreeSet<String>,
    pub fix: ControlFix,
    pub hint: Option<String>,
    pub severity: Severity,
    pub needs: BTreeSet<String>,
    pub references: Vec<String>,
}

/// Where a control is looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Places {
    These(Vec<Place>),
    /// Every account of the plan and the management account, in these Regions.
    EveryAccount(BTreeSet<Region>),
}
