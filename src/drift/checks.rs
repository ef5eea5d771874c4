//! What the controls ask, and expect, in every place where they can be looked at.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::FindingPlace;
use crate::baseline::control::{Expected, Places, ResourceRef};
use crate::baseline::{Known, Rendering, Wanted, WantedControl};
use crate::change::{Address, Place, Text};
use crate::diff::{Diff, Problem, ProblemKind};
use crate::inventory::{AccountRegion, AccountState, Inventory, Probe, Question, Seen, identify};
use crate::plan::{AccountId, AccountKey, OrgPlan, StackName};

/// One control in one place: what is asked, and what is expected.
#[derive(Debug, Clone)]
pub struct Check<'a> {
    pub(super) id: &'a str,
    pub(super) control: &'a WantedControl,
    pub(super) place: Place,
    pub(super) at: FindingPlace,
    pub(super) question: Question,
    pub(super) expected: BTreeMap<String, Value>,
    /// The resource as its template says, where the control names one.
    pub(super) resource: Option<Map<String, Value>>,
    /// The full name of the stack that makes it.
    pub(super) stack: Option<String>,
    /// Why the expected values could not be told.
    pub(super) unclear: Option<String>,
}

impl Check<'_> {
    /// The account of the plan that is looked at; `None` for the management account.
    pub fn account(&self) -> Option<&AccountKey> {
        match &self.place {
            Place::Management(_) => None,
            Place::Member(key, _) => Some(key),
        }
    }
}

/// Every control in every place where it can be looked at. Where the stack that makes a thing is to be
/// made or changed, that is a finding of its own, and the thing is not looked at; nor is anything in an
/// account that is not in use.
pub fn checks<'a>(
    plan: &OrgPlan,
    wanted: &'a Wanted,
    inventory: &Inventory,
    diff: &Diff,
) -> Vec<Check<'a>> {
    // Where an edited plan points is nothing, and nothing to put back.
    let edited = |problem: &Problem| problem.kind == ProblemKind::Edited;
    if diff.problems.iter().any(edited) {
        return Vec::new();
    }
    let ids = match inventory.accounts.known() {
        Some(accounts) => identify::identify(plan, accounts).accounts,
        None => BTreeMap::new(),
    };
    let stacks = wanted
        .stacks
        .iter()
        .map(|((_, name), stack)| (name, stack.template.as_str()));
    let sets = wanted
        .stack_sets
        .iter()
        .map(|(name, set)| (name, set.template.as_str()));
    let used: BTreeSet<&StackName> = wanted.controls.values().filter_map(stack).collect();
    let templates: BTreeMap<&StackName, &str> = stacks
        .chain(sets)
        .filter(|(name, _)| used.contains(name))
        .collect();
    let view = View {
        plan,
        wanted,
        inventory,
        diff,
        ids,
        templates: templates
            .into_iter()
            .map(|(name, template)| (name, Rendering::parse(template)))
            .collect(),
    };
    let controls = wanted.controls.iter();
    controls
        .filter(|(_, control)| control.probe != Probe::Comparison)
        .flat_map(|(id, control)| {
            let places = view.places(control);
            places
                .into_iter()
                .filter_map(|place| view.check(id, control, place))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// What is to be asked, each question once.
pub fn questions(checks: &[Check<'_>]) -> BTreeSet<Question> {
    checks.iter().map(|check| check.question.clone()).collect()
}

struct View<'a, 'w> {
    plan: &'a OrgPlan,
    wanted: &'w Wanted,
    inventory: &'a Inventory,
    diff: &'a Diff,
    ids: BTreeMap<AccountKey, AccountId>,
    /// Of the stacks that controls name.
    templates: BTreeMap<&'w StackName, Result<Rendering, String>>,
}

impl<'w> View<'_, 'w> {
    fn places(&self, control: &WantedControl) -> Vec<Place> {
        let regions = match &control.places {
            Places::These(places) => return places.clone(),
            Places::EveryAccount(regions) => regions,
        };
        let management = &self.plan.organization.management_account;
        let members = self
            .plan
            .accounts
            .keys()
            .filter(|key| self.ids.get(*key).is_some_and(|id| id != management));
        regions
            .iter()
            .flat_map(|region| {
                let members = members
                    .clone()
                    .map(|key| Place::Member(key.clone(), region.clone()));
                std::iter::once(Place::Management(region.clone())).chain(members)
            })
            .collect()
    }

    /// The id of a place's account, where it is in use.
    fn account(&self, place: &Place) -> Option<AccountId> {
        let id = match place {
            Place::Management(_) => self.plan.organization.management_account.clone(),
            Place::Member(key, _) => self.ids.get(key)?.clone(),
        };
        let facts = self.inventory.accounts.known()?.get(&id)?;
        (facts.state == AccountState::Active).then_some(id)
    }

    fn check(&self, id: &'w str, control: &'w WantedControl, place: Place) -> Option<Check<'w>> {
        let account = self.account(&place)?;
        let at = AccountRegion {
            account: account.clone(),
            region: place.region().clone(),
        };
        if let Some(resource) = &control.resource
            && !self.settled(resource, &place, &at)
        {
            return None;
        }
        let bindings = &self.diff.bindings;
        let arguments = control
            .arguments
            .iter()
            .map(|(name, text)| Some((name.clone(), text.value(bindings).ok()?)))
            .collect::<Option<BTreeMap<String, String>>>()?;
        let expected = control
            .expect
            .iter()
            .map(|(fact, expected)| {
                let value = match expected {
                    Expected::Text(text) => json!(text.value(bindings).ok()?),
                    Expected::Value(value) => value.clone(),
                };
                Some((fact.clone(), value))
            })
            .collect::<Option<BTreeMap<String, Value>>>()?;
        let mut unclear = None;
        let mut rendered = None;
        if let Some(resource) = &control.resource {
            match self.rendered(resource, &place, &at) {
                Ok(Some(properties)) => {
                    // Kept only where it is looked at again: there is one for every account and Region.
                    let needed = !control.properties.is_empty() || control.fix.needs_resource();
                    rendered = needed.then_some(properties);
                }
                // The template's own condition leaves it out.
                Ok(None) => return None,
                Err(why) => {
                    unclear = Some(format!(
                        "what the template of {} says: {why}",
                        resource.stack
                    ));
                }
            }
        }
        Some(Check {
            id,
            control,
            at: self.finding_place(&place, account),
            place: place.clone(),
            question: Question {
                probe: control.probe,
                arguments,
                at,
            },
            expected,
            resource: rendered,
            // Stacks of a stack set are the set's to change.
            stack: control
                .resource
                .as_ref()
                .and_then(|resource| self.wanted.stacks.get(&(place, resource.stack.clone())))
                .map(|stack| stack.full_name.clone()),
            unclear,
        })
    }

    fn finding_place(&self, place: &Place, account: AccountId) -> FindingPlace {
        let planned = match place {
            Place::Member(key, _) => Some(key),
            Place::Management(_) => None,
        };
        let facts = self.inventory.accounts.known();
        let name = facts
            .and_then(|facts| facts.get(&account))
            .map(|facts| facts.name.clone());
        FindingPlace {
            account: planned.map(ToString::to_string).or(name),
            account_id: Some(account),
            region: Some(place.region().clone()),
            ou: planned
                .and_then(|key| self.plan.accounts.get(key))
                .map(|planned| planned.ou.to_string()),
        }
    }

    /// Full name and parameters of the stack or stack set that makes a resource in a place.
    fn stack(
        &self,
        resource: &ResourceRef,
        place: &Place,
    ) -> Option<(&'w str, &'w BTreeMap<String, Text>)> {
        let key = (place.clone(), resource.stack.clone());
        if let Some(stack) = self.wanted.stacks.get(&key) {
            return Some((&stack.full_name, &stack.parameters));
        }
        let set = self.wanted.stack_sets.get(&resource.stack)?;
        Some((&set.full_name, &set.parameters))
    }

    /// Whether the stack that makes a resource is there and as it should be.
    fn settled(&self, resource: &ResourceRef, place: &Place, at: &AccountRegion) -> bool {
        let name = &resource.stack;
        let plain = self
            .wanted
            .stacks
            .contains_key(&(place.clone(), name.clone()));
        let touched = |address: &Address| match address {
            Address::Stack(there, stack) => there == place && stack == name,
            Address::StackSet(set) | Address::RolloutHold(set) | Address::RolloutUpdate(set, _) => {
                !plain && set == name
            }
            _ => false,
        };
        if self
            .diff
            .changes
            .iter()
            .any(|change| touched(&change.address))
            || self
                .diff
                .blocked
                .iter()
                .any(|blocked| touched(&blocked.address))
        {
            return false;
        }
        if plain {
            return true;
        }
        let Some(set) = self.wanted.stack_sets.get(name) else {
            return false;
        };
        self.inventory
            .stack_sets
            .known()
            .and_then(|sets| sets.get(&set.full_name))
            .and_then(|facts| facts.instances.known())
            .and_then(|instances| instances.get(at))
            .is_some_and(|instance| instance.status == "CURRENT")
    }

    fn rendered(
        &self,
        resource: &ResourceRef,
        place: &Place,
        at: &AccountRegion,
    ) -> Result<Option<Map<String, Value>>, String> {
        let absent = || "the plan has no such stack here".to_owned();
        let (name, parameters) = self.stack(resource, place).ok_or_else(absent)?;
        let template = self.templates.get(&resource.stack).ok_or_else(absent)?;
        let template = template.as_ref().map_err(Clone::clone)?;
        let bindings = &self.diff.bindings;
        let facts = self
            .inventory
            .stacks
            .get(at)
            .and_then(Seen::known)
            .and_then(|stacks| stacks.get(name));
        let known = Known {
            account: at.account.to_string(),
            region: at.region.to_string(),
            parameters: parameters
                .iter()
                .filter_map(|(name, text)| Some((name.clone(), text.value(bindings).ok()?)))
                .collect(),
            outputs: facts.map(|facts| facts.outputs.clone()).unwrap_or_default(),
        };
        template.properties(&resource.logical_id, &known)
    }
}

/// The stack or stack set that makes what a control looks at.
pub(super) fn stack(control: &WantedControl) -> Option<&StackName> {
    control.resource.as_ref().map(|resource| &resource.stack)
}
