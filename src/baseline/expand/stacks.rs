//! Stacks and stack sets, with what must be there before them.

use std::collections::{BTreeMap, BTreeSet};

use super::{Chosen, Expansion};
use crate::addr::{Address, Expr, OWNERSHIP_TAG, Place};
use crate::baseline::descriptor::Deployment;
use crate::baseline::refs::Need;
use crate::baseline::scan::needs_recorder;
use crate::baseline::template::Template;
use crate::baseline::words::Interpolated;
use crate::baseline::{About, BaselineProblem, DesiredStack, DesiredStackSet, makes_recorder};
use crate::plan::{Region, StackId, StackName, Tags};
use crate::toml_file::At;
use crate::toml_file::suggest::did_you_mean;

/// How many stack sets one may come after (AutoDeployment in CloudFormation's API reference).
const MAX_DEPENDENCIES: usize = 10;

impl Expansion<'_> {
    pub(super) fn stacks(&mut self, baseline: &Chosen<'_>) {
        for stack in &baseline.descriptor.stacks {
            if !baseline.on(stack.when.as_ref()) {
                continue;
            }
            let Some(template) = baseline.descriptor.templates.get(&stack.template) else {
                continue;
            };
            let places = self
                .places
                .get(&stack.name)
                .map(|(places, _)| places.clone());
            for place in places.unwrap_or_default() {
                self.stack(baseline, place, stack, template);
            }
        }
    }

    fn stack(
        &mut self,
        baseline: &Chosen<'_>,
        place: Place,
        spec: &Deployment,
        template: &Template,
    ) {
        let mut needs = self.needs(baseline, &spec.needs);
        if let Some(key) = place.account.key() {
            needs.insert(Address::Access(key.clone()));
        }
        let stack = DesiredStack {
            full_name: self.full_name(&spec.name),
            template: template.body.clone(),
            parameters: self.parameters(baseline, &spec.parameters, Some(place.region())),
            capabilities: template.capabilities(),
            tags: ownership(),
            existing_recorders: baseline.existing_recorders(spec.existing_recorders.as_ref()),
            needs,
        };
        let name = spec.name.clone();
        self.desired.stacks.insert((place, name), stack);
    }

    pub(super) fn stack_sets(&mut self, baseline: &Chosen<'_>) {
        for set in &baseline.descriptor.stack_sets {
            if !baseline.on(set.when.as_ref()) {
                continue;
            }
            let Some(template) = baseline.descriptor.templates.get(&set.template) else {
                continue;
            };
            let regions = self.regions(baseline, &set.region);
            let existing_stacks = self.existing_stacks(baseline, &set.name, &regions);
            let mut needs = self.needs(baseline, &set.needs);
            needs.insert(Address::StackSetsAccess);
            let existing = baseline.existing_recorders(set.existing_recorders.as_ref());
            let desired = DesiredStackSet {
                full_name: self.full_name(&set.name),
                description: set.description.clone(),
                template: template.body.clone(),
                parameters: self.parameters(baseline, &set.parameters, None),
                capabilities: template.capabilities(),
                tags: ownership(),
                regions: regions.clone(),
                retain_on_removal: set.retain_on_removal,
                except: self.plan.ous_without(baseline.name),
                existing_stacks,
                existing_recorders: existing,
                depends_on: set
                    .needs
                    .iter()
                    .filter_map(|need| match &**need {
                        Need::StackSet(name) => Some(name.clone()),
                        Need::TrustedAccess(_)
                        | Need::ServiceLinkedRole(_)
                        | Need::DelegatedAdministrator(_)
                        | Need::Stack(_) => None,
                    })
                    .collect(),
                needs,
            };
            self.desired.stack_sets_access = true;
            self.desired.stack_sets.insert(set.name.clone(), desired);
            if set.management_too {
                for region in regions {
                    let place = Place::management(region);
                    self.stack(baseline, place, set, template);
                }
            }
        }
    }

    /// The stacks that a set takes in, each of a Region that it reaches.
    fn existing_stacks(
        &mut self,
        baseline: &Chosen<'_>,
        set: &StackName,
        regions: &BTreeSet<Region>,
    ) -> BTreeSet<StackId> {
        let ids = baseline.existing_stacks.get(set).cloned();
        let ids = ids.unwrap_or_default();
        for id in ids.iter().filter(|id| !regions.contains(id.region())) {
            let message = format!(
                "the stack {} is in {}, where this stack set has none",
                id.name(),
                id.region()
            );
            self.about_existing(baseline, set, message);
        }
        ids
    }

    fn about_existing(&mut self, baseline: &Chosen<'_>, set: &StackName, message: String) {
        let about = Some(About::ExistingStacks(set.clone()));
        self.problems
            .push(BaselineProblem::new(baseline.name, about, (message, None)));
    }

    pub(super) fn parameters(
        &mut self,
        baseline: &Chosen<'_>,
        parameters: &BTreeMap<String, At<Interpolated>>,
        region: Option<&Region>,
    ) -> BTreeMap<String, Expr> {
        parameters
            .iter()
            .map(|(name, words)| (name.clone(), self.fill(baseline, words, region)))
            .collect()
    }

    /// The addresses of a descriptor's needs.
    pub(super) fn needs(&mut self, baseline: &Chosen<'_>, needs: &[At<Need>]) -> BTreeSet<Address> {
        let mut addresses = BTreeSet::new();
        for need in needs {
            match &**need {
                Need::TrustedAccess(principal) => {
                    addresses.insert(Address::TrustedAccess(principal.clone()));
                }
                Need::ServiceLinkedRole(principal) => {
                    addresses.insert(Address::ServiceLinkedRole(principal.clone()));
                }
                Need::DelegatedAdministrator(principal) => {
                    let delegates = self.desired.delegated_administrators.iter();
                    let found: Vec<Address> = delegates
                        .filter(|(service, _)| service == principal)
                        .map(|(service, key)| {
                            Address::DelegatedAdministrator(service.clone(), key.clone())
                        })
                        .collect();
                    if found.is_empty() {
                        let message = format!(
                            "needs a delegated administrator for {principal}, and there is none"
                        );
                        self.problem_at(baseline, need, message, None);
                    }
                    addresses.extend(found);
                }
                Need::Stack(name) => match self.places.get(name) {
                    Some((places, _)) => {
                        let stack = |place: &Place| Address::Stack(place.clone(), name.clone());
                        addresses.extend(places.iter().map(stack));
                    }
                    None if self.left_out.contains(name) => {}
                    None => {
                        let names = self.places.keys().map(StackName::as_str);
                        let suggestion = did_you_mean(name.as_str(), names);
                        let message = format!("no baseline of the plan has a stack `{name}`");
                        self.problem_at(baseline, need, message, suggestion);
                    }
                },
                // Which stages there are in the end is the rollout's, one more than it names where
                // it has no `*`; one that is not to be changed holds nobody up.
                Need::StackSet(name) => addresses.extend(self.rollouts(name)),
            }
        }
        addresses
    }

    /// Everything that brings a stack set's stacks to accounts.
    fn rollouts(&self, name: &StackName) -> BTreeSet<Address> {
        let stages = u16::try_from(self.plan.rollout.stages.len()).unwrap_or(u16::MAX);
        let kinds = [
            Address::Rollout,
            Address::RolloutUpdate,
            Address::RolloutRepair,
        ];
        let all = kinds
            .into_iter()
            .flat_map(|kind| (1..=stages.saturating_add(1)).map(move |n| kind(name.clone(), n)));
        all.collect()
    }

    /// Rules of AWS Config come to an account after its recorder, whatever the descriptors say.
    pub(super) fn recorders_before_rules(&mut self) {
        let sets = &self.desired.stack_sets;
        let recorders: Vec<StackName> = sets
            .iter()
            .filter(|(_, set)| makes_recorder(&set.template))
            .map(|(name, _)| name.clone())
            .collect();
        let rollouts: Vec<BTreeSet<Address>> =
            recorders.iter().map(|name| self.rollouts(name)).collect();
        for set in self.desired.stack_sets.values_mut() {
            if needs_recorder(&set.template) && !makes_recorder(&set.template) {
                set.depends_on.extend(recorders.iter().cloned());
                set.needs.extend(rollouts.iter().flatten().cloned());
            }
        }
    }

    /// A stack set may come after ten others (StackSets' quotas: "Maximum dependencies per StackSet").
    pub(super) fn no_more_than_ten_dependencies(&mut self, chosen: &[Chosen<'_>]) {
        for baseline in chosen {
            let sets = baseline.descriptor.stack_sets.iter();
            for name in sets.map(|set| &set.name) {
                let number = self
                    .desired
                    .stack_sets
                    .get(name)
                    .map_or(0, |set| set.depends_on.len());
                if number > MAX_DEPENDENCIES {
                    let message = format!(
                        "the stack set `{name}` comes after {number} others; AWS takes {MAX_DEPENDENCIES}"
                    );
                    self.problem(baseline, message, None);
                }
            }
        }
    }
}

/// The one tag of everything that orgstrap makes.
fn ownership() -> Tags {
    let (key, value) = OWNERSHIP_TAG;
    Tags::from([(key.to_owned(), value.to_owned())])
}
