//! The controls' layer: what the baselines expect of the services, compared with what these say.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::expected::{find, holds, shown};
use super::{Finding, FindingPlace, Findings, Fix, Kind, Severity};
use crate::baseline::control::{ControlFix, Expected, Places, ResourceRef};
use crate::baseline::{Known, Wanted, WantedControl, render};
use crate::change::{Act, Address, Change, FieldChange, Place, Text, Verb};
use crate::diff::Diff;
use crate::inventory::{
    AccountRegion, AccountState, Answers, Facts, Inventory, Probe, Question, Seen, identify,
};
use crate::plan::{AccountId, AccountKey, OrgPlan};

/// One control in one place: what is asked, and what is expected.
#[derive(Debug, Clone)]
pub struct Check<'a> {
    id: &'a str,
    control: &'a WantedControl,
    place: Place,
    at: FindingPlace,
    question: Question,
    expected: BTreeMap<String, Value>,
    /// The resource as its template says, where the control names one.
    resource: Option<Map<String, Value>>,
    /// The full name of the stack that makes it.
    stack: Option<String>,
    /// Why the expected values could not be told.
    unclear: Option<String>,
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
    let ids = match inventory.accounts.known() {
        Some(accounts) => identify::identify(plan, accounts).accounts,
        None => BTreeMap::new(),
    };
    let view = View {
        plan,
        wanted,
        inventory,
        diff,
        ids,
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

/// Adds what the answers come to, and gives the changes that put it back.
pub fn judge_controls(
    found: &mut Findings,
    wanted: &Wanted,
    checks: &[Check<'_>],
    answers: &Answers,
) -> Vec<Change> {
    for finding in &mut found.findings {
        if let Some(control) = wanted.controls.get(&finding.control)
            && control.probe == Probe::Comparison
        {
            finding.references.clone_from(&control.references);
            finding.severity = control.severity;
        }
    }
    let results: Vec<(&Check<'_>, Outcome)> = checks
        .iter()
        .map(|check| (check, check.outcome(answers.get(&check.question))))
        .collect();
    let bad: BTreeSet<(&str, &Place)> = results
        .iter()
        .filter(|(_, outcome)| !matches!(outcome, Outcome::Holds))
        .map(|(check, _)| (check.id, &check.place))
        .collect();
    // That a thing is not there is told by the control that expects it to be.
    let expects_it = |check: &&Check<'_>| check.expected.contains_key("exists");
    let told: BTreeSet<&Question> = checks
        .iter()
        .filter(expects_it)
        .map(|check| &check.question)
        .collect();
    let mut changes: BTreeMap<Address, Change> = BTreeMap::new();
    let mut unanswered: BTreeSet<&Question> = BTreeSet::new();
    for (check, outcome) in &results {
        *found.checked.entry(check.id.to_owned()).or_default() += 1;
        let gone = match outcome {
            Outcome::Differs(_, facts) => facts.get("exists") == Some(&json!(false)),
            _ => false,
        };
        let elsewhere = gone && !expects_it(&check) && told.contains(&check.question);
        if elsewhere || check.explained(wanted, &bad) {
            continue;
        }
        match outcome {
            Outcome::Holds => {}
            // One answer that could not be had is one thing to say, however many rest on it.
            Outcome::Unread(why) => {
                if unanswered.insert(&check.question) {
                    found.findings.push(check.unread(why));
                }
            }
            Outcome::Differs(fields, facts) => {
                let change = check.change(fields, facts, wanted, &bad);
                found
                    .findings
                    .push(check.finding(fields, change.as_ref().map(|c| &c.address)));
                if let Some(change) = change {
                    changes
                        .entry(change.address.clone())
                        .and_modify(|there| there.fields.extend(change.fields.iter().cloned()))
                        .or_insert(change);
                }
            }
        }
    }
    found.sort();
    changes.into_values().collect()
}

/// What a check came to.
enum Outcome {
    Holds,
    Differs(Vec<FieldChange>, Facts),
    Unread(String),
}

struct View<'a, 'w> {
    plan: &'a OrgPlan,
    wanted: &'w Wanted,
    inventory: &'a Inventory,
    diff: &'a Diff,
    ids: BTreeMap<AccountKey, AccountId>,
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
        let mut expected = control
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
                    for property in &control.properties {
                        let value = properties.get(property).cloned().unwrap_or_default();
                        expected.insert(property.clone(), value);
                    }
                    rendered = Some(properties);
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

    /// Full name, template and parameters of the stack or stack set that makes a resource in a place.
    fn stack(
        &self,
        resource: &ResourceRef,
        place: &Place,
    ) -> Option<(&'w str, &'w str, &'w BTreeMap<String, Text>)> {
        let key = (place.clone(), resource.stack.clone());
        if let Some(stack) = self.wanted.stacks.get(&key) {
            return Some((&stack.full_name, &stack.template, &stack.parameters));
        }
        let set = self.wanted.stack_sets.get(&resource.stack)?;
        Some((&set.full_name, &set.template, &set.parameters))
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
        let (name, template, parameters) = self
            .stack(resource, place)
            .ok_or_else(|| "the plan has no such stack here".to_owned())?;
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
        render(template, &resource.logical_id, &known)
    }
}

impl Check<'_> {
    fn outcome(&self, answer: Option<&Seen<Facts>>) -> Outcome {
        if let Some(why) = &self.unclear {
            return Outcome::Unread(why.clone());
        }
        let facts = match answer {
            Some(Seen::Known(facts)) => facts,
            Some(Seen::Unread(why)) => {
                return Outcome::Unread(format!("{}: {}", why.operation, why.because));
            }
            None => return Outcome::Unread("it was not asked".to_owned()),
        };
        let field = |name: &str, live: &Value, expected: &Value| FieldChange {
            field: name.to_owned(),
            before: Some(shown(live)),
            after: Some(Text::literal(shown(expected))),
        };
        let gone = facts.get("exists") == Some(&json!(false));
        if gone && self.expected.get("exists") != Some(&json!(false)) {
            let fields = vec![field("exists", &json!(false), &json!(true))];
            return Outcome::Differs(fields, facts.clone());
        }
        let fields: Vec<FieldChange> = self
            .expected
            .iter()
            .filter_map(|(name, expected)| {
                let live = find(facts, name).unwrap_or(&Value::Null);
                (!holds(name, expected, live)).then(|| field(name, live, expected))
            })
            .collect();
        if fields.is_empty() {
            Outcome::Holds
        } else {
            Outcome::Differs(fields, facts.clone())
        }
    }

    /// Whether another control's finding is the cause of this one's: in the same place, or of
    /// something that all places share.
    fn explained(&self, wanted: &Wanted, bad: &BTreeSet<(&str, &Place)>) -> bool {
        self.control.needs.iter().any(|need| {
            bad.contains(&(need.as_str(), &self.place))
                || self.shared(need, wanted) && bad.iter().any(|(id, _)| id == need)
        })
    }

    fn shared(&self, need: &str, wanted: &Wanted) -> bool {
        let control = wanted.controls.get(need);
        control.is_some_and(|control| matches!(control.places, Places::These(_)))
    }

    /// What is looked at, in words.
    fn subject(&self) -> String {
        let argument = |name: &str| {
            let found = self.question.arguments.get(name);
            found.map_or("", String::as_str)
        };
        let thing = match self.question.probe {
            Probe::CloudtrailTrail => format!("trail {}", argument("name")),
            Probe::ConfigRecorder => "recorder".to_owned(),
            Probe::ConfigChannel => "delivery channel".to_owned(),
            Probe::ConfigAggregator => format!("aggregator {}", argument("name")),
            Probe::ConfigRule => format!("rule {}", argument("rule")),
            Probe::CloudControl => {
                let kind = argument("type");
                let kind = kind.strip_prefix("AWS::").unwrap_or(kind);
                format!("{kind} {}", argument("identifier"))
            }
            Probe::Comparison => self.id.to_owned(),
        };
        format!("{thing} in {}", self.place)
    }

    fn unread(&self, why: &str) -> Finding {
        Finding {
            kind: Kind::Unread,
            severity: Severity::Medium,
            title: format!("could not be read: {why}"),
            fix: Fix::Nothing,
            ..self.finding(&[], None)
        }
    }

    fn finding(&self, fields: &[FieldChange], change: Option<&Address>) -> Finding {
        let fix = match (change, &self.control.hint) {
            (Some(address), _) => Fix::Change {
                address: address.clone(),
            },
            (None, Some(hint)) => Fix::Person { hint: hint.clone() },
            (None, None) => Fix::Nothing,
        };
        Finding {
            control: self.id.to_owned(),
            kind: Kind::Drift,
            severity: self.control.severity,
            place: self.at.clone(),
            subject: self.subject(),
            title: self.control.title.clone(),
            fields: fields.to_vec(),
            fix,
            references: self.control.references.clone(),
        }
    }

    /// The change that puts it back, if anything but a person can.
    fn change(
        &self,
        fields: &[FieldChange],
        facts: &Facts,
        wanted: &Wanted,
        bad: &BTreeSet<(&str, &Place)>,
    ) -> Option<Change> {
        let act = self.act(facts)?;
        let address_of_this = address(self.id, self.control, &self.place);
        let needs: BTreeSet<Address> = bad
            .iter()
            .filter_map(|(id, place)| Some((*id, *place, wanted.controls.get(*id)?)))
            .filter(|(id, place, other)| self.follows(id, place, other, wanted, bad))
            .map(|(id, place, other)| address(id, other, place))
            .filter(|other| *other != address_of_this)
            .collect();
        Some(Change {
            address: address_of_this,
            verb: Verb::Update,
            reason: self.control.title.clone(),
            fields: fields.to_vec(),
            act,
            needs,
        })
    }

    /// Whether this is put back after another control of the same baseline: what all accounts share
    /// comes before each account's own, a bucket before its policy, a policy before what delivers by
    /// it, a recorder before its channel.
    fn follows(
        &self,
        id: &str,
        place: &Place,
        other: &WantedControl,
        wanted: &Wanted,
        bad: &BTreeSet<(&str, &Place)>,
    ) -> bool {
        use ControlFix::{Person, PutResource, RevertDrift};
        let baseline = |id: &str| id.split('.').next().unwrap_or_default().to_owned();
        if id == self.id || baseline(id) != baseline(self.id) || other.fix == Person {
            return false;
        }
        match (self.shared(id, wanted), self.shared(self.id, wanted)) {
            (true, false) => true,
            (false, true) => false,
            (false, false) => *place == self.place && rank(other.fix) < rank(self.control.fix),
            (true, true) => {
                let same = stack(other) == stack(self.control);
                let policies = bad.iter().any(|(id, _)| {
                    let control = wanted.controls.get(*id);
                    control.is_some_and(|control| {
                        control.fix == PutResource && stack(control) == stack(self.control)
                    })
                });
                match (other.fix, self.control.fix) {
                    (RevertDrift, PutResource) => same,
                    (PutResource, RevertDrift) => !same && !policies,
                    (RevertDrift | PutResource, RevertDrift | PutResource) => false,
                    (before, after) => rank(before) < rank(after),
                }
            }
        }
    }

    fn act(&self, facts: &Facts) -> Option<Act> {
        let account = Text::literal(self.question.at.account.as_str());
        let region = self.place.region().clone();
        let argument = |name: &str| self.question.arguments.get(name).cloned();
        let template = || self.resource.clone().map(Value::Object);
        // Cloud Control does not find a key whose deletion is scheduled. A new one in its place could
        // read nothing that the old one encrypted.
        let key = argument("type").is_some_and(|kind| kind == "AWS::KMS::Key");
        if key && facts.get("exists") == Some(&json!(false)) {
            return None;
        }
        Some(match self.control.fix {
            ControlFix::StartLogging => Act::StartLogging {
                account,
                region,
                trail: argument("name")?,
            },
            ControlFix::StartRecorder => Act::StartRecorder {
                account,
                region,
                recorder: facts.get("name")?.as_str()?.to_owned(),
            },
            ControlFix::PutRecorder => Act::PutRecorder {
                account,
                region,
                settings: template()?,
            },
            ControlFix::PutChannel => Act::PutChannel {
                account,
                region,
                settings: template()?,
            },
            ControlFix::RevertDrift => Act::RevertDrift {
                account,
                region,
                stack: self.stack.clone()?,
            },
            ControlFix::PutResource => Act::PutResource {
                account,
                region,
                resource_type: argument("type")?,
                identifier: argument("identifier")?,
                properties: template()?,
            },
            ControlFix::Person => return None,
        })
    }
}

/// The address of a control's change.
fn address(id: &str, control: &WantedControl, place: &Place) -> Address {
    match (control.fix, &control.resource) {
        (ControlFix::RevertDrift, Some(resource)) => {
            Address::StackDrift(place.clone(), resource.stack.clone())
        }
        _ => Address::Control(id.to_owned(), place.clone()),
    }
}

fn stack(control: &WantedControl) -> Option<&crate::plan::StackName> {
    control.resource.as_ref().map(|resource| &resource.stack)
}

/// What is put back first, where nothing else decides.
fn rank(fix: ControlFix) -> u8 {
    match fix {
        ControlFix::RevertDrift => 0,
        ControlFix::PutResource => 1,
        ControlFix::PutRecorder => 2,
        ControlFix::PutChannel => 3,
        ControlFix::StartLogging | ControlFix::StartRecorder => 4,
        ControlFix::Person => 5,
    }
}
