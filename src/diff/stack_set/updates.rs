//! A set that is there brought to what is wanted: its template, parameters and tags, and its settings.

use std::collections::BTreeSet;

use super::{Reach, Set, placements};
use crate::action::{self, Leaving, StackSetDefinition};
use crate::addr::Address;
use crate::change::{FieldChange, Verb};
use crate::diff::builder::{DiffBuilder, becomes, missing_tags, set};
use crate::diff::document::same_template;
use crate::diff::stack::parameters;
use crate::inventory::StackSetFacts;
use crate::plan::{StackName, Tags};

impl Set<'_, '_> {
    /// What an update of template, parameters and tags would change.
    pub(super) fn differences(
        &self,
        found: &DiffBuilder,
        facts: &StackSetFacts,
        tags: &Tags,
    ) -> Vec<FieldChange> {
        let mut fields = Vec::new();
        if !same_template(&facts.template, &self.desired.template) {
            let after = self.desired.template.as_str();
            fields.push(becomes("template", &facts.template, after));
        }
        let desired = &self.desired.parameters;
        fields.extend(parameters(desired, &facts.parameters, &found.lasting()));
        fields.extend(missing_tags(tags, &facts.tags).1);
        if !self.desired.capabilities.is_subset(&facts.capabilities) {
            let list = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>().join(", ");
            let (before, after) = (list(&facts.capabilities), list(&self.desired.capabilities));
            fields.push(becomes("capabilities", before, after));
        }
        fields
    }

    /// Settings that carry no template; auto-deployment only where no hold or release sets it.
    pub(super) fn settings(
        &self,
        found: &mut DiffBuilder,
        facts: &StackSetFacts,
        retain_is_right: bool,
        released_later: bool,
    ) {
        let mut fields = Vec::new();
        let before = self.before_it();
        let lacking: Vec<&StackName> = before
            .filter(|name| {
                let arn = Self::arn(name).value(&found.bindings);
                arn.map_or(true, |arn| !facts.depends_on.contains(&arn))
            })
            .collect();
        let in_order = lacking.is_empty() || released_later;
        if !in_order {
            let names = lacking.iter().map(|name| name.to_string());
            let names = names.collect::<Vec<_>>().join(", ");
            fields.push(set("auto-deployment comes after", names));
        }
        if !facts.managed_execution {
            fields.push(becomes("managed execution", "off", "on"));
        }
        if !retain_is_right {
            let word = |retain: bool| {
                if retain {
                    "keep stacks"
                } else {
                    "delete stacks"
                }
            };
            let desired = self.desired.retain_on_removal;
            fields.push(becomes(
                "accounts that leave",
                word(!desired),
                word(desired),
            ));
        }
        if fields.is_empty() {
            return;
        }
        let action = action::UpdateStackSetSettings {
            name: self.desired.full_name.clone(),
            auto_deployment: (!(retain_is_right && in_order)).then(|| self.auto_deployment(true)),
            depends_on: self.depends_on(facts, &found.bindings),
            leaving: Vec::new(),
            managed_execution: (!facts.managed_execution).then_some(true),
        };
        found
            .change(
                self.address(),
                Verb::Update,
                "differs from the plan",
                fields,
                action,
            )
            .insert(Address::StackSetsAccess);
    }

    pub(super) fn toggle(
        &self,
        found: &mut DiffBuilder,
        facts: &StackSetFacts,
        on: bool,
        leaving: Vec<Leaving>,
        reason: &str,
        needs: &BTreeSet<Address>,
    ) {
        let (address, before, after) = if on {
            (Address::RolloutRelease(self.name.clone()), "off", "on")
        } else {
            (Address::RolloutHold(self.name.clone()), "on", "off")
        };
        let action = action::UpdateStackSetSettings {
            name: self.desired.full_name.clone(),
            auto_deployment: Some(self.auto_deployment(on)),
            depends_on: match on {
                true => self.depends_on(facts, &found.bindings),
                false => Vec::new(),
            },
            leaving,
            managed_execution: None,
        };
        let fields = vec![becomes("auto-deployment", before, after)];
        found
            .change(address, Verb::Update, reason, fields, action)
            .extend(needs.iter().cloned());
    }

    pub(super) fn update_instances(
        &self,
        found: &mut DiffBuilder,
        number: u16,
        reach: &Reach<'_>,
        action: &StackSetDefinition,
        fields: &[FieldChange],
        needs: &BTreeSet<Address>,
    ) -> Address {
        let address = Address::RolloutUpdate(self.name.clone(), number);
        let catches_up = fields.is_empty();
        let (reason, fields) = if catches_up {
            let reason = "instances are outdated: an operation failed or was interrupted";
            (reason, Self::target_fields(reach))
        } else {
            ("differs from the plan", fields.to_vec())
        };
        let action = action::UpdateStackInstances {
            set: action.clone(),
            targets: self.targets(reach),
            catches_up,
        };
        let own = found.change(address.clone(), Verb::Update, reason, fields, action);
        own.extend(needs.iter().cloned());
        own.extend(placements(reach.expect.iter().copied()));
        address
    }
}
