//! A descriptor as written: the serde types of `baseline.toml`. Their doc comments are the JSON Schema. What must be
//! given is an `Option` here, so that one value left out does not hide the next mistake.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Deserialize;

use crate::addr::Severity;
use crate::baseline::control::{ControlFix, Scope};
use crate::baseline::option::OptionKind;
use crate::baseline::refs::{NamedAccount, Need, PlaceRef, RegionRef};
use crate::baseline::words::Interpolated;
use crate::inventory::Probe;
use crate::plan::{BaselineKey, Principal, StackName};
use crate::toml_file::parse::TomlFile;
use crate::toml_file::text::Phrase;
use crate::toml_file::value::OptionValue;
use crate::toml_file::{At, SpannedString};

/// A baseline of orgstrap: the stacks, stack sets, settings and controls that a plan asks for by one name.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "orgstrap baseline")]
pub struct DescriptorFile {
    /// The baseline's name.
    #[schemars(required)]
    pub name: Option<At<BaselineKey>>,
    /// One sentence: what it makes.
    #[schemars(required)]
    pub summary: Option<Phrase>,
    /// What it costs, a sentence each.
    #[serde(default)]
    pub costs: Vec<String>,
    /// The name of a role that only reads, where the baseline brings one into every account: `drift` enters by it.
    pub audit_role: Option<At<Interpolated>>,
    /// Service principals that get trusted access.
    #[serde(default)]
    pub trusted_access: BTreeSet<Principal>,
    /// Service principals whose role is ensured in every account.
    #[serde(default)]
    pub service_linked_roles: BTreeSet<Principal>,
    /// Service principals whose role is ensured in the management account only.
    #[serde(default)]
    pub management_service_linked_roles: BTreeSet<Principal>,
    /// Options of the plan's `[baseline.NAME]` table, by lower-case name.
    #[serde(default)]
    pub option: BTreeMap<SpannedString, At<OptionTable>>,
    /// Accounts that administer a service for the organization.
    #[serde(default, rename = "delegated-administrator")]
    pub delegated_administrator: Vec<At<DelegationTable>>,
    /// Stacks in one account each.
    #[serde(default)]
    pub stack: Vec<At<StackTable>>,
    /// Service-managed stack sets, in every account that the plan lets the baseline reach.
    #[serde(default, rename = "stack-set")]
    pub stack_set: Vec<At<StackSetTable>>,
    /// GuardDuty's settings of the organization.
    pub guardduty: Option<At<GuardDutyTable>>,
    /// The baseline makes the organization's trail.
    pub trail: Option<At<TrailTable>>,
    /// Rules that `orgstrap drift` looks at.
    #[serde(default)]
    pub control: Vec<At<ControlTable>>,
}

impl TomlFile for DescriptorFile {}

/// An option of the plan's table.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OptionTable {
    /// The type of its value.
    #[schemars(required)]
    pub r#type: Option<At<OptionKind>>,
    /// What it is for.
    #[schemars(required)]
    pub description: Option<Phrase>,
    /// What holds where the plan says nothing. Without one the plan must say something.
    pub default: Option<At<OptionValue>>,
    /// The only texts that there are.
    pub values: Option<At<Vec<String>>>,
    /// A regular expression for the whole text, or for each of a list.
    pub pattern: Option<SpannedString>,
    /// The least number.
    pub min: Option<At<i64>>,
    /// The greatest number.
    pub max: Option<At<i64>>,
    /// Another integer option that this one has to stay below, where neither is 0 (never).
    pub below: Option<SpannedString>,
}

/// An account that administers a service for the organization.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DelegationTable {
    /// The service principal, such as `config.amazonaws.com`.
    #[schemars(required)]
    pub principal: Option<Principal>,
    /// The account: `{logging}`, `{secops}` or its name in the plan.
    #[schemars(required)]
    pub account: Option<At<NamedAccount>>,
    /// The boolean option without which it is left out.
    pub when: Option<SpannedString>,
    /// The boolean option with which it is left out.
    pub unless: Option<SpannedString>,
}

/// A stack.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StackTable {
    /// Its name, without the plan's prefix.
    #[schemars(required)]
    pub name: Option<At<StackName>>,
    /// The template's file, in the baseline's folder.
    #[schemars(required)]
    pub template: Option<At<Phrase>>,
    /// Where it is: `ACCOUNT/REGION`, such as `{logging}/{home_region}`. ACCOUNT is `{management}`, `{logging}`,
    /// `{secops}` or an account's name in the plan; REGION is `{home_region}`, `{region}` (a stack in every governed
    /// Region) or a governed Region.
    #[schemars(required)]
    pub at: Option<At<PlaceRef>>,
    /// The template's parameters: texts in which `{prefix}`, `{option.NAME}`, `{stack.NAME.OUTPUT}` and the like are
    /// filled in.
    pub parameters: Option<At<Parameters>>,
    /// What must be there first, beyond what the parameters refer to.
    #[serde(default)]
    pub needs: Vec<At<Need>>,
    /// The boolean option without which it is left out.
    pub when: Option<SpannedString>,
    /// The boolean option with which it is left out.
    pub unless: Option<SpannedString>,
    /// The option, of the values `keep`, `adopt` and `replace`, that says what becomes of a recorder of AWS Config that
    /// is there.
    pub existing_recorders: Option<SpannedString>,
}

/// Parameters by name.
pub type Parameters = BTreeMap<SpannedString, At<Interpolated>>;

/// A stack set.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StackSetTable {
    /// Its name, without the plan's prefix.
    #[schemars(required)]
    pub name: Option<At<StackName>>,
    /// What it is for.
    #[schemars(required)]
    pub description: Option<Phrase>,
    /// The template's file, in the baseline's folder.
    #[schemars(required)]
    pub template: Option<At<Phrase>>,
    /// `governed`, `home` or a governed Region.
    #[schemars(required)]
    pub regions: Option<At<RegionRef>>,
    /// Whether the management account, which service-managed stack sets leave out, gets stacks of the same template.
    #[schemars(required)]
    pub management_too: Option<bool>,
    /// Whether accounts that leave keep their stacks.
    #[schemars(required)]
    pub retain_on_removal: Option<bool>,
    /// The template's parameters: texts in which `{prefix}`, `{option.NAME}`, `{stack.NAME.OUTPUT}` and the like are
    /// filled in.
    pub parameters: Option<At<Parameters>>,
    /// What must be there first, beyond what the parameters refer to.
    #[serde(default)]
    pub needs: Vec<At<Need>>,
    /// The boolean option without which it is left out.
    pub when: Option<SpannedString>,
    /// The boolean option with which it is left out.
    pub unless: Option<SpannedString>,
    /// The option, of the values `keep`, `adopt` and `replace`, that says what becomes of recorders of AWS Config that
    /// are there.
    pub existing_recorders: Option<SpannedString>,
}

/// GuardDuty's settings of the organization. The lists are named by option, and their option's `values` are all that
/// GuardDuty knows.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GuardDutyTable {
    /// The account that administers it.
    #[schemars(required)]
    pub administrator: Option<At<NamedAccount>>,
    /// `governed`, `home` or a governed Region.
    #[schemars(required)]
    pub regions: Option<At<RegionRef>>,
    /// The list option with the features that are on.
    #[schemars(required)]
    pub features: Option<SpannedString>,
    /// The list option with the features of detectors alone that are on.
    pub detector_features: Option<SpannedString>,
    /// The list option with the features that are left as they are.
    pub unmanaged_features: Option<SpannedString>,
    /// The text option with the account whose place the administrator takes.
    pub replace_administrator: Option<SpannedString>,
    /// Where findings are exported to.
    pub export: Option<At<ExportTable>>,
}

/// Where findings are exported to.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExportTable {
    /// The bucket's ARN.
    #[schemars(required)]
    pub bucket_arn: Option<At<Interpolated>>,
    /// The KMS key's ARN.
    #[schemars(required)]
    pub key_arn: Option<At<Interpolated>>,
    /// The boolean option without which nothing is exported.
    pub when: Option<SpannedString>,
    /// The boolean option with which nothing is exported.
    pub unless: Option<SpannedString>,
}

/// The organization's trail, of which one is enough.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrailTable {
    /// The trail's name.
    #[schemars(required)]
    pub name: Option<At<Interpolated>>,
    /// The stack that makes it.
    #[schemars(required)]
    pub stack: Option<At<StackName>>,
    /// The boolean option by which a trail of the name that is there is watched instead.
    #[schemars(required)]
    pub adopt: Option<SpannedString>,
    /// The list option with trails that stay beside it.
    #[schemars(required)]
    pub keep: Option<SpannedString>,
    /// The list option with trails that go once it stands.
    #[schemars(required)]
    pub replace: Option<SpannedString>,
}

/// A rule that `orgstrap drift` looks at.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ControlTable {
    /// The baseline's name, a dot, and a name.
    #[schemars(required)]
    pub id: Option<SpannedString>,
    /// What is wrong where it does not hold.
    #[schemars(required)]
    pub title: Option<Phrase>,
    /// How often it is looked at.
    #[schemars(required)]
    pub scope: Option<At<Scope>>,
    /// Who is asked, for the scopes `organization` and `region`; the management account when left out.
    pub account: Option<At<NamedAccount>>,
    /// What reads it.
    #[schemars(required)]
    pub probe: Option<At<Probe>>,
    /// What the probe has to know.
    pub arguments: Option<At<Parameters>>,
    /// What the facts must be, or the properties of the resource. Texts may have placeholders.
    pub expect: Option<At<BTreeMap<SpannedString, At<OptionValue>>>>,
    /// `STACK/LOGICAL_ID` of one of the baseline's stacks or stack sets.
    pub resource: Option<SpannedString>,
    /// The properties that must be as the template of `resource` says.
    pub properties: Option<BTreeSet<String>>,
    /// How it is put back; by a person when left out.
    pub fix: Option<At<ControlFix>>,
    /// What a person can do.
    pub hint: Option<String>,
    /// How bad a finding is.
    #[schemars(required)]
    pub severity: Option<Severity>,
    /// Controls whose findings explain this one's, in the same account and Region.
    #[serde(default)]
    pub needs: Vec<SpannedString>,
    /// Rules of others that ask for it.
    #[serde(default)]
    pub references: Vec<String>,
    /// The boolean option without which it is left out.
    pub when: Option<SpannedString>,
    /// The boolean option with which it is left out.
    pub unless: Option<SpannedString>,
}
