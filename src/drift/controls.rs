//! The controls' layer: what the baselines expect of the services, compared with what these say.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::checks::{Applied, Check, Pending, stack};
use super::deep::anew;
use super::expected::{find, holds, shown};
use super::{Cause, Finding, Findings, Fix, Kind, Severity};
use crate::action::{self, Action};
use crate::addr::{Address, Expr, Place};
use crate::baseline::control::{ControlFix, Places};
use crate::baseline::{Desired, WantedControl};
use crate::change::{Change, FieldChange, Verb};
use crate::inventory::{Answer, Answers, Facts, Observed, Probe, Question};

/// Adds what the answers come to, and gives the changes that put it back.
pub fn judge_controls(
    found: &mut Findings,
    desired: &Desired,
    checks: &[Check<'_>],
    answers: &Answers,
) -> Vec<Change> {
    for finding in &mut found.findings {
        if let Some(control) = desired.controls.get(&finding.control)
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
    let differ: BTreeMap<(&str, &Place), &Check<'_>> = results
        .iter()
        .filter(|(_, outcome)| matches!(outcome, Outcome::Differs(..)))
        .map(|(check, _)| ((check.id, &check.place), *check))
        .collect();
    let bad: BTreeSet<(&str, &Place)> = results
        .iter()
        .filter(|(_, outcome)| !matches!(outcome, Outcome::Holds))
        .map(|(check, _)| (check.id, &check.place))
        .collect();
    // That a thing is not there is told by the control that expects it to be.
    let expects_it = |check: &&Check<'_>| check.expected.contains_key("exists");
    let existence: BTreeMap<&Question, &Check<'_>> = checks
        .iter()
        .filter(expects_it)
        .map(|check| (&check.question, check))
        .collect();
    let mut changes: BTreeMap<Address, Change> = BTreeMap::new();
    let mut unanswered: BTreeMap<&Question, Cause> = BTreeMap::new();
    for (check, outcome) in &results {
        *found.checked.entry(check.id.to_owned()).or_default() += 1;
        match outcome {
            Outcome::Holds => {}
            // One answer that could not be had is one thing to say, however many rest on it.
            Outcome::Unread(why) => {
                let mut finding = check.unread(why);
                let own = finding.as_cause();
                finding.cause = match unanswered.get(&check.question) {
                    Some(first) => Some(first.clone()),
                    None => check
                        .stack_cause(found, Kind::Unread)
                        .map(|(cause, _)| cause),
                };
                unanswered.entry(&check.question).or_insert(own);
                found.findings.push(finding);
            }
            Outcome::Differs(fields, facts) => {
                let gone = facts.get("exists") == Some(&json!(false));
                let by_stack = match check.explained_by_stack(fields, facts) {
                    true => check.stack_cause(found, Kind::Drift),
                    false => None,
                };
                let elsewhere = existence
                    .get(&check.question)
                    .filter(|_| gone && !expects_it(check));
                let by_control = elsewhere
                    .map(|other| other.as_cause())
                    .or_else(|| check.explained(&differ));
                let change = match by_stack {
                    // The stack brings it, or brings it up to date.
                    Some(_) => None,
                    None => check.change(fields, facts, desired, &bad),
                };
                let mut finding = check.finding(fields, change.as_ref().map(|c| &c.address));
                if let Some((cause, fix)) = by_stack {
                    finding.cause = Some(cause);
                    finding.fix = fix;
                } else {
                    finding.cause = by_control;
                    let hint = check.by_hand(facts, desired);
                    if let Some(hint) = hint {
                        finding.fix = Fix::Person { hint };
                    } else if finding.fix == Fix::Nothing && check.is_kept(facts) {
                        // Made anew, the stack takes it in and sets it.
                        let stack = check.stack_cause(found, Kind::Drift);
                        finding.fix = stack.map_or(Fix::Nothing, |(_, fix)| fix);
                    }
                }
                found.findings.push(finding);
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

/// The questions whose answers are not what is expected, or could not be had.
pub fn in_doubt(checks: &[Check<'_>], answers: &Answers) -> BTreeSet<Question> {
    let doubtful = |check: &&Check<'_>| {
        let outcome = check.outcome(answers.get(&check.question));
        !matches!(outcome, Outcome::Holds)
    };
    let doubtful = checks.iter().filter(doubtful);
    doubtful.map(|check| check.question.clone()).collect()
}

/// What a check came to.
enum Outcome {
    Holds,
    Differs(Vec<FieldChange>, Facts),
    Unread(String),
}

impl Check<'_> {
    fn outcome(&self, answer: Option<&Answer>) -> Outcome {
        if let Some(why) = &self.unclear {
            return Outcome::Unread(why.clone());
        }
        let facts = match answer.map(|answer| &answer.facts) {
            Some(Observed::Known(facts)) => facts,
            Some(Observed::Unread(why)) => {
                return Outcome::Unread(format!("{}: {}", why.operation, why.reason));
            }
            None => return Outcome::Unread("it was not asked".to_owned()),
        };
        let field = |name: &str, live: &Value, expected: &Value| FieldChange {
            field: name.to_owned(),
            before: Some(shown(live)),
            after: Some(Expr::literal(shown(expected))),
        };
        let gone = facts.get("exists") == Some(&json!(false));
        if let Some(why) = self.unclear_if_there.as_ref().filter(|_| !gone) {
            return Outcome::Unread(why.clone());
        }
        if gone && self.expected.get("exists") != Some(&json!(false)) {
            let fields = vec![field("exists", &json!(false), &json!(true))];
            return Outcome::Differs(fields, facts.clone());
        }
        let unset = Value::Null;
        let template = self.resource.iter().flat_map(|resource| {
            let properties = self.control.properties.iter();
            properties.map(|name| (name, resource.get(name).unwrap_or(&unset)))
        });
        let fields: Vec<FieldChange> = self
            .expected
            .iter()
            .chain(template)
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

    /// Another control whose finding is the cause of this one's, in the same account and Region. What lies in
    /// another account explains much, and hides nothing here.
    fn explained(&self, differ: &BTreeMap<(&str, &Place), &Check<'_>>) -> Option<Cause> {
        let needs = self.control.needs.iter();
        let mut causes =
            needs.filter_map(|need| differ.get(&(need.as_str(), &self.place)).copied());
        causes.next().map(Check::as_cause)
    }

    /// Whether that the stack is to be made or changed explains all that differs: a thing that is not there because
    /// its stack is not, or that is as the stack sets it now.
    fn explained_by_stack(&self, fields: &[FieldChange], facts: &Facts) -> bool {
        let Some(pending) = &self.pending else {
            return false;
        };
        let gone = facts.get("exists") == Some(&json!(false));
        match &pending.applied {
            Applied::Nothing => gone,
            Applied::As(properties) => {
                !gone
                    && fields.iter().all(|field| {
                        let name = field.field.as_str();
                        let expected = properties.get(name).unwrap_or(&Value::Null);
                        let live = find(facts, name).unwrap_or(&Value::Null);
                        !self.expected.contains_key(name) && holds(name, expected, live)
                    })
            }
            Applied::LeftOut => {
                gone || fields
                    .iter()
                    .all(|field| !self.expected.contains_key(&field.field))
            }
            // What it was told to be is not known, but that it is to be is.
            Applied::Unknown => {
                !gone
                    && fields
                        .iter()
                        .all(|field| !self.expected.contains_key(&field.field))
            }
        }
    }

    /// Whether it is there although its stack is not.
    fn is_kept(&self, facts: &Facts) -> bool {
        let gone = facts.get("exists") == Some(&json!(false));
        let pending = self.pending.as_ref();
        !gone && pending.is_some_and(|pending| matches!(pending.applied, Applied::Nothing))
    }

    /// What a person does where what puts it back is not there either.
    fn by_hand(&self, facts: &Facts, desired: &Desired) -> Option<String> {
        // An unchanged stack set does not bring back what is gone from one of its stacks, or with it.
        let gone = facts.get("exists") == Some(&json!(false));
        if gone && self.control.fix == ControlFix::Person && self.pending.is_none() {
            let set = desired.stack_sets.get(stack(self.control)?)?;
            let at = &self.question.at;
            return Some(anew(&set.full_name, &at.account, &at.region));
        }
        if self.control.fix != ControlFix::RunAutomation
            || facts.get("document") != Some(&json!(false))
        {
            return None;
        }
        let name = stack(self.control)?;
        let document = self.question.arguments.get("document")?;
        let at = &self.question.at;
        let way = match desired.stack_sets.get(name) {
            Some(set) => anew(&set.full_name, &at.account, &at.region),
            None => "delete the stack, and `orgstrap apply` makes it anew".to_owned(),
        };
        Some(format!(
            "the document {document} of stack {name} is gone, so nothing can run; {way}"
        ))
    }

    /// The finding that tells of the stack, in this account and Region, and how that is put right.
    fn stack_cause(&self, found: &Findings, kind: Kind) -> Option<(Cause, Fix)> {
        let pending = self.pending.as_ref()?;
        let told = found.findings.iter().find(|finding| {
            finding.kind == kind
                && finding.covers(&self.at)
                && finding
                    .address
                    .as_ref()
                    .is_some_and(|address| pending.addresses.contains(address))
        });
        told.map(|finding| (finding.as_cause(), finding.fix.clone()))
    }

    fn as_cause(&self) -> Cause {
        Cause {
            control: self.id.to_owned(),
            subject: self.subject(),
        }
    }

    fn shared(&self, need: &str, desired: &Desired) -> bool {
        let control = desired.controls.get(need);
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
            Probe::Automation => format!("automation {}", argument("document")),
            Probe::CloudControl => {
                let kind = argument("type");
                let kind = kind.strip_prefix("AWS::").unwrap_or(kind);
                format!("{kind} {}", argument("identifier"))
            }
            Probe::GuarddutyFilters => "GuardDuty's filters".to_owned(),
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
            accounts: BTreeSet::new(),
            address: None,
            cause: None,
        }
    }

    /// The change that puts it back, if anything but a person can.
    fn change(
        &self,
        fields: &[FieldChange],
        facts: &Facts,
        desired: &Desired,
        bad: &BTreeSet<(&str, &Place)>,
    ) -> Option<Change> {
        let in_doubt = |pending: &Pending| !matches!(pending.applied, Applied::As(_));
        if self.control.fix.needs_resource() && self.pending.as_ref().is_some_and(in_doubt) {
            // Whatever stands there is not the stack's, or may not be: the stack itself comes first.
            return None;
        }
        if self.by_hand(facts, desired).is_some() {
            return None;
        }
        let action = self.action(facts)?;
        let address_of_this = address(self.id, self.control, &self.place);
        let mut needs: BTreeSet<Address> = bad
            .iter()
            .filter_map(|(id, place)| Some((*id, *place, desired.controls.get(*id)?)))
            .filter(|(id, place, other)| self.follows(id, place, other, desired, bad))
            .map(|(id, place, other)| address(id, other, place))
            .filter(|other| *other != address_of_this)
            .collect();
        // CloudFormation does one thing at a time with a stack, and what is put back is what the plan says.
        if self.control.fix.needs_resource()
            && let Some(pending) = &self.pending
        {
            needs.extend(pending.addresses.iter().cloned());
        }
        Some(Change {
            address: address_of_this,
            verb: Verb::Update,
            reason: self.control.title.clone(),
            fields: fields.to_vec(),
            action,
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
        desired: &Desired,
        bad: &BTreeSet<(&str, &Place)>,
    ) -> bool {
        use ControlFix::{Person, PutResource, RevertDrift};
        let baseline = |id: &str| id.split('.').next().unwrap_or_default().to_owned();
        if id == self.id || baseline(id) != baseline(self.id) || other.fix == Person {
            return false;
        }
        match (self.shared(id, desired), self.shared(self.id, desired)) {
            (true, false) => true,
            (false, true) => false,
            (false, false) => *place == self.place && rank(other.fix) < rank(self.control.fix),
            (true, true) => {
                let same = stack(other) == stack(self.control);
                let policies = bad.iter().any(|(id, _)| {
                    let control = desired.controls.get(*id);
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

    fn action(&self, facts: &Facts) -> Option<Action> {
        let account = Expr::literal(self.question.at.account.as_str());
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
            ControlFix::StartLogging => Action::StartLogging(action::StartLogging {
                account,
                region,
                trail: argument("name")?,
            }),
            ControlFix::StartRecorder => Action::StartRecorder(action::StartRecorder {
                account,
                region,
                recorder: facts.get("name")?.as_str()?.to_owned(),
            }),
            ControlFix::PutRecorder => Action::PutRecorder(action::PutRecorder {
                account,
                region,
                settings: template()?,
            }),
            ControlFix::PutChannel => Action::PutChannel(action::PutChannel {
                account,
                region,
                settings: template()?,
            }),
            ControlFix::RevertDrift => Action::RevertDrift(action::RevertDrift {
                account,
                region,
                stack: self.stack.clone()?,
            }),
            ControlFix::PutResource => Action::PutResource(action::PutResource {
                account,
                region,
                resource_type: argument("type")?,
                identifier: argument("identifier")?,
                properties: template()?,
            }),
            ControlFix::RunAutomation => Action::RunAutomation(action::RunAutomation {
                account,
                region,
                document: argument("document")?,
                parameters: automation_parameters(self.resource.as_ref()?),
            }),
            ControlFix::Person => return None,
        })
    }
}

/// The parameters of an association: lists of texts.
fn automation_parameters(association: &Map<String, Value>) -> BTreeMap<String, Vec<String>> {
    let parameters = association.get("Parameters").and_then(Value::as_object);
    let texts = |value: &Value| -> Vec<String> {
        let list = value.as_array().into_iter().flatten();
        list.map(|item| match item {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })
        .collect()
    };
    parameters
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), texts(value)))
        .collect()
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

/// What is put back first, where nothing else decides.
fn rank(fix: ControlFix) -> u8 {
    match fix {
        ControlFix::RevertDrift => 0,
        ControlFix::PutResource => 1,
        ControlFix::PutRecorder => 2,
        ControlFix::PutChannel => 3,
        ControlFix::StartLogging | ControlFix::StartRecorder | ControlFix::RunAutomation => 4,
        ControlFix::Person => 5,
    }
}
