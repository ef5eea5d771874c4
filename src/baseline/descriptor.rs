//! Descriptors: a baseline as data. Parsed strictly, since people write their own: every problem is
//! reported, each with its line.

mod control;
mod options;
mod parser;
mod services;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use parser::Parser;

use super::BaselineProblem;
use super::control::ControlSpec;
use super::option::OptionSpec;
use super::template::{MAX_TEMPLATE, Template};
use super::words::Interpolated;
use crate::plan::{AccountKey, BaselineKey, Principal, Region, StackName};

/// A baseline as its descriptor says it.
#[derive(Debug, Clone, PartialEq)]
pub struct Descriptor {
    pub name: BaselineKey,
    /// One sentence: what it makes.
    pub summary: String,
    /// What it costs, a sentence each.
    pub costs: Vec<String>,
    pub options: BTreeMap<String, OptionSpec>,
    pub trusted_access: BTreeSet<Principal>,
    /// In every account.
    pub service_linked_roles: BTreeSet<Principal>,
    /// In the management account only.
    pub management_service_linked_roles: BTreeSet<Principal>,
    pub delegated_administrators: Vec<Delegation>,
    pub stacks: Vec<StackSpec>,
    pub stack_sets: Vec<StackSetSpec>,
    pub guardduty: Option<GuardDutySpec>,
    pub trail: Option<TrailSpec>,
    /// The role that only reads, where the baseline brings one into every account.
    pub audit_role: Option<Interpolated>,
    pub controls: Vec<ControlSpec>,
    /// Templates by the file name that the descriptor calls them by.
    pub templates: BTreeMap<String, Template>,
}

/// One `[[delegated-administrator]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delegation {
    pub principal: Principal,
    pub account: AccountRef,
    pub when: Option<When>,
}

/// One `[[stack]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackSpec {
    pub name: StackName,
    pub template: String,
    pub account: AccountRef,
    pub region: RegionRef,
    pub parameters: BTreeMap<String, Interpolated>,
    pub needs: Vec<Need>,
    pub when: Option<When>,
    /// The option that says what becomes of recorders that are there; they are kept where there is none.
    pub existing_recorders: Option<String>,
}

/// One `[[stack-set]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackSetSpec {
    pub name: StackName,
    pub description: String,
    pub template: String,
    pub region: RegionRef,
    /// Whether the management account gets plain stacks from the same template, because
    /// service-managed stack sets leave it out.
    pub management_too: bool,
    /// Whether accounts that leave keep their stacks.
    pub retain_on_removal: bool,
    pub parameters: BTreeMap<String, Interpolated>,
    pub needs: Vec<Need>,
    pub when: Option<When>,
    /// As of a stack.
    pub existing_recorders: Option<String>,
}

/// The `[guardduty]` table. The lists are named by option, and their option's `values` are all that
/// GuardDuty knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuardDutySpec {
    pub administrator: AccountRef,
    pub region: RegionRef,
    pub features: String,
    pub detector_features: Option<String>,
    pub unmanaged_features: Option<String>,
    /// The option that names the administrator whose place is taken.
    pub replace_administrator: Option<String>,
    pub export: Option<ExportSpec>,
}

/// The `[trail]` table: the baseline makes an organization trail, of which one is enough. All but the name
/// are named by option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrailSpec {
    pub name: Interpolated,
    /// The stack that makes it.
    pub stack: StackName,
    /// Whether a trail of the name that is there is watched instead.
    pub adopt: String,
    /// Trails that stay beside it.
    pub keep: String,
    /// Trails that go once it stands.
    pub replace: String,
}

/// The `[guardduty.export]` table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportSpec {
    pub bucket_arn: Interpolated,
    pub key_arn: Interpolated,
    pub when: Option<When>,
}

/// A boolean option, and what it must be for something to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct When {
    pub option: String,
    pub on: bool,
}

/// An account, by its duty or by its key in the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountRef {
    Management,
    Logging,
    SecOps,
    Key(AccountKey),
}

/// A Region or all governed ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegionRef {
    Home,
    Governed,
    Named(Region),
}

/// What must be there first, beyond what parameters refer to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    TrustedAccess(Principal),
    DelegatedAdministrator(Principal),
    ServiceLinkedRole(Principal),
    Stack(StackName),
    StackSet(StackName),
}

impl Descriptor {
    /// Parses a descriptor. `template` gives the text of a template by file name, or why it can not.
    pub fn parse(
        baseline: &str,
        file: &Path,
        source: &str,
        template: &dyn Fn(&str) -> Result<String, String>,
    ) -> Result<Self, Vec<BaselineProblem>> {
        Parser::new(baseline, file, source, template).parse()
    }
}

/// The largest descriptor that is read, in bytes.
pub const MAX_DESCRIPTOR: usize = 4 * MAX_TEMPLATE;

#[cfg(test)]
#[path = "descriptor_tests.rs"]
mod tests;
