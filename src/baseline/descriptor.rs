//! Descriptors: a baseline as data. People write their own, so every problem is told at once, at its own place:
//! [`mod@file`] has the serde types, [`check`] makes of them what can be expanded.

mod check;
mod controls;
pub mod file;
mod options;
mod services;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::sync::Arc;

use file::DescriptorFile;

use super::control::ControlSpec;
use super::document::line_span;
use super::option::OptionSpec;
use super::refs::{NamedAccount, Need, RegionRef, When};
use super::template::{MAX_TEMPLATE, Template};
use super::words::Interpolated;
use crate::plan::{BaselineKey, Diagnostic, Location, Principal, Source, StackName};
use crate::toml_file::At;
use crate::toml_file::diagnostic::sort;
use crate::toml_file::parse::parse;

/// A baseline as its descriptor says it.
#[derive(Debug, Clone, PartialEq)]
pub struct Descriptor {
    /// Its text, in which its parts have their places.
    pub source: Arc<Source>,
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
    pub audit_role: Option<At<Interpolated>>,
    pub controls: Vec<ControlSpec>,
    /// Templates by the file name that the descriptor calls them by.
    pub templates: BTreeMap<String, Template>,
}

/// One `[[delegated-administrator]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delegation {
    pub principal: Principal,
    pub account: At<NamedAccount>,
    pub when: Option<When>,
}

/// What a stack and a stack set have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    pub name: StackName,
    pub template: String,
    pub parameters: BTreeMap<String, At<Interpolated>>,
    pub needs: Vec<At<Need>>,
    pub when: Option<When>,
    /// The option that says what becomes of recorders that are there; they are kept where there is none.
    pub existing_recorders: Option<String>,
}

/// One `[[stack]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackSpec {
    pub deployment: Deployment,
    pub account: At<NamedAccount>,
    pub region: At<RegionRef>,
}

/// One `[[stack-set]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackSetSpec {
    pub deployment: Deployment,
    pub description: String,
    pub region: At<RegionRef>,
    /// Whether the management account gets plain stacks from the same template, because
    /// service-managed stack sets leave it out.
    pub management_too: bool,
    /// Whether accounts that leave keep their stacks.
    pub retain_on_removal: bool,
}

impl Deref for StackSpec {
    type Target = Deployment;
    fn deref(&self) -> &Deployment {
        &self.deployment
    }
}

impl Deref for StackSetSpec {
    type Target = Deployment;
    fn deref(&self) -> &Deployment {
        &self.deployment
    }
}

/// The `[guardduty]` table. The lists are named by option, and their option's `values` are all that
/// GuardDuty knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuardDutySpec {
    pub administrator: At<NamedAccount>,
    pub region: At<RegionRef>,
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
    pub name: At<Interpolated>,
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
    pub bucket_arn: At<Interpolated>,
    pub key_arn: At<Interpolated>,
    pub when: Option<When>,
}

impl Descriptor {
    /// Reads a descriptor. `template` gives a template by the file name that the descriptor calls it by, or why it can
    /// not.
    ///
    /// # Errors
    /// Everything that is wrong with the descriptor and its templates, in the order of the file.
    pub fn parse(
        source: &Arc<Source>,
        template: &dyn Fn(&str) -> Result<Source, String>,
    ) -> Result<Self, Vec<Diagnostic>> {
        let mut diagnostics = Vec::new();
        let parsed = parse::<DescriptorFile>(source, &mut diagnostics);
        let descriptor = parsed.file.as_ref().and_then(|file| {
            let templates = templates(file, template);
            check::check(file, source, &parsed.removed, &templates, &mut diagnostics)
        });
        sort(&mut diagnostics, source);
        descriptor
            .filter(|_| diagnostics.is_empty())
            .ok_or(diagnostics)
    }

    /// A place in it.
    pub fn at<T>(&self, value: &At<T>) -> Location {
        Location {
            source: Arc::clone(&self.source),
            span: value.span(),
        }
    }
}

/// Every template that a descriptor names, read once.
fn templates(
    file: &DescriptorFile,
    read: &dyn Fn(&str) -> Result<Source, String>,
) -> check::Templates {
    let stacks = file
        .stack
        .iter()
        .filter_map(|table| table.template.as_ref());
    let sets = file.stack_set.iter();
    let sets = sets.filter_map(|table| table.template.as_ref());
    let names: BTreeSet<&str> = stacks.chain(sets).map(|name| name.as_str()).collect();
    let template = |name: &str| match read(name) {
        Err(reason) => {
            let error = Diagnostic::error(format!("template `{name}` {reason}"));
            Err(Box::new(error))
        }
        Ok(source) => {
            let source = Arc::new(source);
            match Template::parse(&source.text) {
                Ok(template) => Ok((source, template)),
                Err(error) => {
                    let span = line_span(&source.text, error.line);
                    let error = Diagnostic::error(format!("template `{name}`: {error}"));
                    Err(Box::new(error.at(Location { source, span })))
                }
            }
        }
    };
    let names = names.into_iter();
    names
        .map(|name| (name.to_owned(), template(name)))
        .collect()
}

/// The largest descriptor that is read, in bytes.
pub const MAX_DESCRIPTOR: usize = 4 * MAX_TEMPLATE;

#[cfg(test)]
#[path = "descriptor_tests.rs"]
mod tests;
