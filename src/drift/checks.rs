//! What the controls ask, and expect, in every place where they can be looked at.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::FindingPlace;
use super::foretold::Foretold;
use crate::addr::{AccountRef, Address, Bindings, Expr, Place};
use crate::baseline::control::{Expected, Places, ResourceRef};
use crate::baseline::{Desired, Known, Rendering, WantedControl};
use crate::diff::{Diff, Remains};
use crate::inventory::{
    AccountRegion, AccountState, Inventory, Observed, Probe, Question, identify,
};
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
    /// The same, of a thing that may be gone with its stack: then nothing is unclear.
    pub(super) unclear_if_there: Option<String>,
    /// That the stack which makes the thing is to be made or changed, where it is.
    pub(super) pending: Option<Pending>,
}

/// A stack that is to be made or changed.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    /// What is to become of it, or keeps it from that.
    pub(super) addresses: BTreeSet<Address>,
    pub(super) applied: Applied,
}

/// What a stack that is to be made or changed says now of a thing.
#[derive(Debug, Clone)]
pub(super) enum Applied {
    /// There is no stack.
    Nothing,
    /// The thing's properties.
    As(Map<String, Value>),
    /// It is behind, or could not be read, so what it says is not known.
    Unknown,
    /// There is none, because something that is not the baseline's stays in its place.
    LeftOut,
}

impl Check<'_> {
    /// The account of the plan that is looked at; `None` for the management account.
    pub fn account(&self) -> Option<&AccountKey> {
        match &self.place.account {
            AccountRef::Management => None,
            AccountRef::Member(key) => Some(key),
        }
    }
}

/// Every control in every place where it can be looked at. Where the stack that makes a thing is to be
/// made or changed, that is a finding of its own; the thing is looked at all the same, and what the stack explains of
/// it is told as explained. Nothing is looked at in an account that is not in use.
pub fn checks<'a>(
    plan: &OrgPlan,
    desired: &'a Desired,
    inventory: &Inventory,
    diff: &Diff,
) -> Vec<Check<'a>> {
    // Where an edited plan points is nothing, and nothing to put back.
    if diff.edits().next().is_some() {
        return Vec::new();
    }
    let ids = match inventory.accounts.known() {
        Some(accounts) => identify::identify(plan, accounts).accounts,
        None => BTreeMap::new(),
    };
    let stacks = desired
        .stacks
        .iter()
        .map(|((_, name), stack)| (name, stack.template.as_str()));
    let sets = desired
        .stack_sets
        .iter()
        .map(|(name, set)| (name, set.template.as_str()));
    let used: BTreeSet<&StackName> = desired.controls.values().filter_map(stack).collect();
    let templates: BTreeMap<&StackName, &str> = stacks
        .chain(sets)
        .filter(|(name, _)| used.contains(name))
        .collect();
    let addresses = diff.changes.iter().map(|change| &change.address);
    let mut touched: BTreeMap<Touched, BTreeSet<Address>> = BTreeMap::new();
    for address in addresses.chain(diff.blocked.iter().map(|blocked| &blocked.address)) {
        if let Some(what) = Touched::by(address) {
            touched.entry(what).or_default().insert(address.clone());
        }
    }
    let management = &plan.organization.management_account;
    let account = |place: &Place| match &place.account {
        AccountRef::Management => Some(management.clone()),
        AccountRef::Member(key) => ids.get(key).cloned(),
    };
    let mut bindings = diff.bindings.clone();
    let foretold = Foretold::bind(desired, inventory, account, &mut bindings);
    let view = View {
        touched,
        bindings,
        foretold,
        plan,
        desired,
        inventory,
        diff,
        ids,
        templates: templates
            .into_iter()
            .map(|(name, template)| (name, Rendering::parse(template)))
            .collect(),
    };
    let controls = desired.controls.iter();
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

/// A stack, or a stack set.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Touched {
    Stack(Place, StackName),
    Set(StackName),
    /// Both, where somebody else's recorder is in the way.
    Recorder(Place),
}

impl Touched {
    /// What an address makes or changes, in whole or in part.
    fn by(address: &Address) -> Option<Self> {
        match address {
            Address::Stack(place, name) => Some(Touched::Stack(place.clone(), name.clone())),
            Address::StackSet(name)
            | Address::RolloutHold(name)
            | Address::Rollout(name, _)
            | Address::RolloutUpdate(name, _)
            | Address::RolloutRepair(name, _)
            | Address::RolloutTo(name, _)
            | Address::RolloutFrom(name, _)
            | Address::StackImport(name, _)
            | Address::Forget(name) => Some(Touched::Set(name.clone())),
            Address::ExistingRecorder(place) => Some(Touched::Recorder(place.clone())),
            _ => None,
        }
    }
}

struct View<'a, 'w> {
    /// The stacks and stack sets that are to be made or changed, with what is to become of them.
    touched: BTreeMap<Touched, BTreeSet<Address>>,
    plan: &'a OrgPlan,
    desired: &'w Desired,
    inventory: &'a Inventory,
    diff: &'a Diff,
    ids: BTreeMap<AccountKey, AccountId>,
    /// What is known, and what follows from it for stacks that are not there.
    bindings: Bindings,
    foretold: Foretold,
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
            .filter(|key| self.ids.get(*key).is_some_and(|id| id != management))
            .filter(|key| control.resource.is_none() || !self.goes_without(key));
        regions
            .iter()
            .flat_map(|region| {
                let members = members
                    .clone()
                    .map(|key| Place::member(key.clone(), region.clone()));
                std::iter::once(Place::management(region.clone())).chain(members)
            })
            .collect()
    }

    /// Whether the plan says that an account is to be without the stacks of stack sets, which do not reach it.
    fn goes_without(&self, key: &AccountKey) -> bool {
        self.diff.left.iter().any(|left| {
            let of_this = matches!(&left.what, Remains::NotReached { account } if account == key);
            of_this && left.acknowledged
        })
    }

    /// The id of a place's account, where it is in use.
    fn account(&self, place: &Place) -> Option<AccountId> {
        let id = match &place.account {
            AccountRef::Management => self.plan.organization.management_account.clone(),
            AccountRef::Member(key) => self.ids.get(key)?.clone(),
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
        let pending = match &control.resource {
            Some(resource) => self.pending(resource, &place, &at),
            None => None,
        };
        let pending = pending.map(|pending| self.left_out(pending, &place));
        let bindings = &self.bindings;
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
        let mut unclear_if_there = None;
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
                Err(why) => match &pending {
                    // What the plan asks for rests on what is not there; what the stack says now is known.
                    Some(Pending {
                        applied: Applied::As(properties),
                        ..
                    }) => rendered = Some(properties.clone()),
                    // Told by the stack's own finding: there is none, or it could not be read. What a plain stack kept
                    // is there all the same.
                    Some(pending) => {
                        let plain = (place.clone(), resource.stack.clone());
                        if matches!(pending.applied, Applied::Nothing)
                            && !control.properties.is_empty()
                            && self.desired.stacks.contains_key(&plain)
                        {
                            unclear_if_there = Some(format!(
                                "its stack {} is gone, and what it is to be cannot be told: {why}",
                                resource.stack
                            ));
                        }
                    }
                    None => {
                        unclear = Some(format!(
                            "what the template of {} says: {why}",
                            resource.stack
                        ));
                    }
                },
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
                .and_then(|resource| self.desired.stacks.get(&(place, resource.stack.clone())))
                .map(|stack| stack.full_name.clone()),
            unclear,
            unclear_if_there,
            pending,
        })
    }

    fn finding_place(&self, place: &Place, account: AccountId) -> FindingPlace {
        let planned = match &place.account {
            AccountRef::Member(key) => Some(key),
            AccountRef::Management => None,
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
    ) -> Option<(&'w str, &'w BTreeMap<String, Expr>)> {
        let key = (place.clone(), resource.stack.clone());
        if let Some(stack) = self.desired.stacks.get(&key) {
            return Some((&stack.full_name, &stack.parameters));
        }
        let set = self.desired.stack_sets.get(&resource.stack)?;
        Some((&set.full_name, &set.parameters))
    }

    /// What is to become of the stack that makes a resource, where it is not as it should be.
    fn pending(
        &self,
        resource: &ResourceRef,
        place: &Place,
        at: &AccountRegion,
    ) -> Option<Pending> {
        let name = &resource.stack;
        if let Some(stack) = self.desired.stacks.get(&(place.clone(), name.clone())) {
            let what = Touched::Stack(place.clone(), name.clone());
            let addresses = self.touched.get(&what)?.clone();
            let stacks = self.inventory.stacks.get(at);
            let applied = match stacks.map(Observed::known) {
                Some(Some(stacks)) => match stacks.get(&stack.full_name) {
                    Some(facts) => match facts.template.known() {
                        Some(template) => {
                            applied(template, &facts.parameters, &facts.outputs, resource, at)
                        }
                        None => Applied::Unknown,
                    },
                    None => Applied::Nothing,
                },
                Some(None) => Applied::Unknown,
                None => Applied::Nothing,
            };
            return Some(Pending { addresses, applied });
        }
        let addresses = || {
            let what = Touched::Set(name.clone());
            self.touched.get(&what).cloned().unwrap_or_default()
        };
        let set = self.desired.stack_sets.get(name);
        let sets = self.inventory.stack_sets.known();
        let facts = set.and_then(|set| sets?.get(&set.full_name));
        let Some(facts) = facts else {
            return Some(Pending {
                addresses: addresses(),
                applied: match self.inventory.stack_sets.known() {
                    Some(_) => Applied::Nothing,
                    None => Applied::Unknown,
                },
            });
        };
        let instance = facts.instances.known().map(|instances| instances.get(at));
        let current = matches!(instance, Some(Some(instance)) if instance.status == "CURRENT");
        let addresses = addresses();
        // What is to become of other accounts' instances leaves this one as it is.
        let of_all = addresses.iter().any(|address| {
            matches!(
                address,
                Address::StackSet(_) | Address::RolloutHold(_) | Address::RolloutUpdate(..)
            )
        });
        if current && !of_all {
            return None;
        }
        let nothing = BTreeMap::new();
        let applied = match instance {
            Some(Some(_)) if current => {
                applied(&facts.template, &facts.parameters, &nothing, resource, at)
            }
            Some(None) => Applied::Nothing,
            // AWS is at it, as after a move: there is no stack at times.
            Some(Some(instance)) if instance.is_at_work() => Applied::Nothing,
            _ => Applied::Unknown,
        };
        Some(Pending { addresses, applied })
    }

    /// The same, where the stack is left out for what stays in its place.
    fn left_out(&self, pending: Pending, place: &Place) -> Pending {
        let stays = self.touched.get(&Touched::Recorder(place.clone()));
        match (stays, &pending.applied) {
            (Some(addresses), Applied::Nothing) => Pending {
                addresses: &pending.addresses | addresses,
                applied: Applied::LeftOut,
            },
            _ => pending,
        }
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
        let bindings = &self.bindings;
        let kept = (place.clone(), resource.stack.clone());
        let facts = self
            .inventory
            .stacks
            .get(at)
            .and_then(Observed::known)
            .and_then(|stacks| stacks.get(name));
        let known = Known {
            account: at.account.to_string(),
            region: at.region.to_string(),
            parameters: parameters
                .iter()
                .filter_map(|(name, text)| Some((name.clone(), text.value(bindings).ok()?)))
                .collect(),
            outputs: facts.map(|facts| facts.outputs.clone()).unwrap_or_default(),
            resources: self
                .foretold
                .resources
                .get(&kept)
                .cloned()
                .unwrap_or_default(),
        };
        template.properties(&resource.logical_id, &known)
    }
}

/// The stack or stack set that makes what a control looks at.
pub(super) fn stack(control: &WantedControl) -> Option<&StackName> {
    control.resource.as_ref().map(|resource| &resource.stack)
}

/// What a stack says of a resource as it is.
fn applied(
    template: &str,
    parameters: &BTreeMap<String, String>,
    outputs: &BTreeMap<String, String>,
    resource: &ResourceRef,
    at: &AccountRegion,
) -> Applied {
    let known = Known {
        account: at.account.to_string(),
        region: at.region.to_string(),
        parameters: parameters.clone(),
        outputs: outputs.clone(),
        resources: BTreeMap::new(),
    };
    let properties = Rendering::parse(template)
        .and_then(|template| template.properties(&resource.logical_id, &known));
    match properties {
        Ok(Some(properties)) => Applied::As(properties),
        // The stack has no such resource yet.
        Ok(None) => Applied::Nothing,
        Err(_) => Applied::Unknown,
    }
}
