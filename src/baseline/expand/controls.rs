//! Controls, and where each is looked at.

use std::collections::BTreeSet;

use super::{Chosen, Expansion};
use crate::addr::Place;
use crate::baseline::WantedControl;
use crate::baseline::control::{Expected, ExpectedSpec, Places, ResourceRef, Scope};
use crate::plan::{AccountKey, Region};

impl Expansion<'_> {
    /// Every account; where the baseline's stacks leave out OUs, those that they do not leave out.
    pub(super) fn every_account(&self, baseline: &Chosen<'_>, regions: BTreeSet<Region>) -> Places {
        let except = self.plan.ous_without(baseline.name);
        if except.is_empty() || baseline.descriptor.stack_sets.is_empty() {
            return Places::EveryAccount(regions);
        }
        let management = Some(&self.plan.organization.management_account);
        let members = self.plan.accounts.iter().filter(|(_, planned)| {
            planned.id.as_ref() != management && !except.contains(&planned.ou)
        });
        let places = regions.into_iter().flat_map(|region| {
            let member = |(key, _): (&AccountKey, _)| Place::member(key.clone(), region.clone());
            let mut places = vec![Place::management(region.clone())];
            places.extend(members.clone().map(member));
            places
        });
        Places::These(places.collect())
    }

    pub(super) fn controls(&mut self, baseline: &Chosen<'_>) {
        for control in &baseline.descriptor.controls {
            let left_out = |resource: &ResourceRef| self.left_out.contains(&resource.stack);
            let resource = control.resource.clone().filter(|one| !left_out(one));
            // With its stack goes what would be compared with it.
            let compares = control.fix.needs_resource() || !control.properties.is_empty();
            let lost = compares && resource != control.resource;
            if lost || !baseline.on(control.when.as_ref()) {
                continue;
            }
            let organization = &self.plan.organization;
            let home = BTreeSet::from([organization.home_region.clone()]);
            let governed = organization.regions.clone();
            let (regions, everywhere) = match control.scope {
                Scope::Organization => (home, false),
                Scope::Region => (governed, false),
                Scope::Account => (home, true),
                Scope::AccountRegion => (governed, true),
            };
            let places = if everywhere {
                self.every_account(baseline, regions)
            } else {
                let Some(account) = self.account(baseline, &control.account) else {
                    continue;
                };
                Places::These(
                    regions
                        .into_iter()
                        .map(|region| account.at(region))
                        .collect(),
                )
            };
            let arguments = self.parameters(baseline, &control.arguments, None);
            let expect = control
                .expect
                .iter()
                .map(|(fact, expected)| {
                    let expected = match expected {
                        ExpectedSpec::Text(words) => {
                            Expected::Text(self.fill(baseline, words, None))
                        }
                        ExpectedSpec::Value(value) => Expected::Value(value.clone()),
                    };
                    (fact.clone(), expected)
                })
                .collect();
            let desired = WantedControl {
                title: control.title.clone(),
                places,
                probe: control.probe,
                arguments,
                expect,
                resource,
                properties: control.properties.clone(),
                fix: control.fix,
                hint: control.hint.clone(),
                severity: control.severity,
                needs: control.needs.clone(),
                references: control.references.clone(),
            };
            self.desired.controls.insert(control.id.clone(), desired);
        }
    }
}
