//! The stacks' layer in depth: what CloudFormation's own drift detection finds in the stacks of the baselines.

use std::collections::{BTreeMap, BTreeSet};

use super::exempt::Exempt;
use super::{Finding, FindingPlace, Findings, Fix, Kind, Severity, rights};
use crate::action;
use crate::addr::{AccountRef, Address, Expr, Place};
use crate::baseline::{Desired, Known};
use crate::change::{Change, FieldChange, Verb};
use crate::diff::foreign_managers;
use crate::inventory::{
    AccountRegion, AccountState, DriftAnswers, DriftQuestions, Inventory, Observed, ReadFailure,
    ResourceDrift, StackDrift, identify,
};
use crate::plan::{AccountId, AccountKey, OrgPlan, Region, StackName};

/// The control under which all of it is told.
pub(super) const CONTROL: &str = "stacks.drift";

/// The control of the role by which an account is entered.
const ACCESS_ROLE: &str = "organization.access-role";

/// The control of roles under names that the built-in policies exempt.
const EXEMPT_ROLE: &str = "organization.exempt-role";

/// What fails where no role opens an account.
const ASSUME: &str = "sts:AssumeRole";

/// A stack's place and full name.
type Key = (AccountRegion, String);

/// The stacks and stack sets of the baselines that are there, in accounts that are in use.
pub struct Deep<'a> {
    plan: &'a OrgPlan,
    desired: &'a Desired,
    inventory: &'a Inventory,
    ids: BTreeMap<AccountKey, AccountId>,
}

/// Prepares to look deep.
pub fn deep<'a>(plan: &'a OrgPlan, desired: &'a Desired, inventory: &'a Inventory) -> Deep<'a> {
    let ids = match inventory.accounts.known() {
        Some(accounts) => identify::identify(plan, accounts).accounts,
        None => BTreeMap::new(),
    };
    Deep {
        plan,
        desired,
        inventory,
        ids,
    }
}

impl Deep<'_> {
    /// What CloudFormation is to look at. What is missing, or could not be read, is a finding already.
    pub fn questions(&self) -> DriftQuestions {
        let there = self.inventory.stack_sets.known();
        let sets = self.desired.stack_sets.values().filter(|set| {
            let facts = there.and_then(|sets| sets.get(&set.full_name));
            let instances = facts.and_then(|facts| facts.instances.known());
            instances.is_some_and(|instances| !instances.is_empty())
        });
        DriftQuestions {
            admin: AccountRegion {
                account: self.plan.organization.management_account.clone(),
                region: self.plan.organization.home_region.clone(),
            },
            stack_sets: sets.map(|set| set.full_name.clone()).collect(),
            stacks: self
                .stacks()
                .into_iter()
                .map(|(key, _)| key)
                .collect::<BTreeSet<_>>(),
            roles: self
                .members()
                .map(|(_, id)| id)
                .chain([&self.plan.organization.management_account])
                .map(|id| AccountRegion {
                    account: id.clone(),
                    region: self.plan.organization.home_region.clone(),
                })
                .collect(),
        }
    }

    /// The plan's member accounts that are in use.
    fn members(&self) -> impl Iterator<Item = (&AccountKey, &AccountId)> {
        let management = &self.plan.organization.management_account;
        let ids = self.ids.iter();
        ids.filter(move |(_, id)| *id != management && self.in_use(id))
    }

    /// The access role of every account: no stack makes it, so only the account itself tells that it is gone, and
    /// where the audit role is there nobody asks for it.
    fn access_roles(&self, found: &mut Findings, answers: &DriftAnswers) -> usize {
        let organization = &self.plan.organization;
        let role = &organization.access_role;
        let mut checked = 0;
        for (key, id) in self.members() {
            let Some(roles) = answers.roles.get(id) else {
                continue;
            };
            checked += 1;
            let subject = format!("role {role} in {key}");
            let place = FindingPlace {
                region: None,
                ..self.finding_place(&AccountRegion {
                    account: id.clone(),
                    region: organization.home_region.clone(),
                })
            };
            let title = match roles {
                Observed::Known(roles) => match roles.roles.get(role) {
                    None => format!("there is no role {role}"),
                    Some(facts)
                        if !facts
                            .trusts
                            .contains(organization.management_account.as_str()) =>
                    {
                        format!("the role {role} does not trust the management account")
                    }
                    Some(_) => continue,
                },
                Observed::Unread(why) if why.operation == ASSUME => {
                    format!("the account cannot be entered: {}", why.reason)
                }
                Observed::Unread(why) => {
                    found.findings.push(Finding {
                        control: ACCESS_ROLE.to_owned(),
                        ..unread(place, subject, why)
                    });
                    continue;
                }
            };
            found.findings.push(Finding {
                control: ACCESS_ROLE.to_owned(),
                kind: Kind::Drift,
                severity: Severity::High,
                place,
                subject,
                title,
                fields: Vec::new(),
                fix: Fix::Person {
                    hint: format!(
                        "orgstrap enters account {id} by it to change anything: a stack set from the management account makes \
                         it again, as docs/existing.md says; where `protect-baseline` is in force nobody in the account may"
                    ),
                },
                references: Vec::new(),
                accounts: BTreeSet::new(),
                address: None,
                cause: None,
            });
        }
        checked
    }

    /// Roles of exempt names that neither orgstrap nor StackSets nor Control Tower made, where policies exempt any.
    fn strangers(&self, found: &mut Findings, answers: &DriftAnswers) -> usize {
        let organization = &self.plan.organization;
        if self
            .plan
            .policies
            .values()
            .all(|policy| policy.builtin.is_none())
        {
            return 0;
        }
        let governed = foreign_managers::governed(self.inventory);
        let exempt = Exempt {
            management: &organization.management_account,
            access_role: &organization.access_role,
            prefix: &organization.prefix,
            repairs: self
                .desired
                .stack_sets
                .keys()
                .any(|name| name.as_str() == "roles"),
            control_tower: governed
                .values()
                .any(|tool| *tool == foreign_managers::CONTROL_TOWER),
        };
        let mut checked = 0;
        for (key, id) in self.members() {
            let Some(Observed::Known(roles)) = answers.roles.get(id) else {
                continue;
            };
            checked += 1;
            for (role, why) in exempt.strangers(&roles.roles) {
                found.findings.push(Finding {
                    control: EXEMPT_ROLE.to_owned(),
                    kind: Kind::Drift,
                    severity: Severity::Critical,
                    place: FindingPlace {
                        region: None,
                        ..self.finding_place(&AccountRegion {
                            account: id.clone(),
                            region: organization.home_region.clone(),
                        })
                    },
                    subject: format!("role {role} in {key}"),
                    title: format!(
                        "policies of orgstrap exempt a role of this name, and somebody else made or changed it: {why}"
                    ),
                    fields: Vec::new(),
                    fix: Fix::Person {
                        hint: format!(
                            "see in CloudTrail who made it, and what it did; then delete it, or have it trust account {} alone: by the access role, as nobody else in the account may",
                            organization.management_account
                        ),
                    },
                    references: Vec::new(),
                    accounts: BTreeSet::new(),
                    address: None,
                    cause: None,
                });
            }
        }
        checked
    }

    /// Roles of orgstrap's stacks with rights that the stacks do not give them.
    fn rights(&self, found: &mut Findings, answers: &DriftAnswers) -> usize {
        let mut stacks: BTreeMap<&AccountId, Vec<rights::Stack<'_>>> = BTreeMap::new();
        let mut add = |at: &AccountRegion, stack| {
            if let Some((id, _)) = answers.roles.get_key_value(&at.account) {
                stacks.entry(id).or_default().push(stack);
            }
        };
        for ((at, full_name), (_, name)) in self.stacks() {
            let there = self.inventory.stacks.get(&at).and_then(Observed::known);
            let Some(facts) = there.and_then(|stacks| stacks.get(&full_name)) else {
                continue;
            };
            // A template that could not be read is told.
            if let Observed::Known(template) = &facts.template {
                let stack = rights::Stack {
                    told: name.to_string(),
                    name: full_name.clone(),
                    template,
                    known: Known {
                        account: at.account.to_string(),
                        region: at.region.to_string(),
                        parameters: facts.parameters.clone(),
                        outputs: facts.outputs.clone(),
                        resources: BTreeMap::new(),
                    },
                };
                add(&at, stack);
            }
        }
        let sets = self.inventory.stack_sets.known();
        for (name, set) in &self.desired.stack_sets {
            let facts = sets.and_then(|sets| sets.get(&set.full_name));
            let Some(instances) = facts.and_then(|facts| facts.instances.known()) else {
                continue;
            };
            let (Some(facts), true) = (facts, set.template.contains("AWS::IAM::")) else {
                continue;
            };
            // What is behind its set is told as such, and nobody says what it is made of.
            let current = instances.iter().filter(|(_, it)| it.status == "CURRENT");
            for (at, _) in current {
                let stack = rights::Stack {
                    told: name.to_string(),
                    name: format!("StackSet-{}-", set.full_name),
                    template: &facts.template,
                    known: Known {
                        account: at.account.to_string(),
                        region: at.region.to_string(),
                        parameters: facts.parameters.clone(),
                        ..Known::default()
                    },
                };
                add(at, stack);
            }
        }
        let mut checked = 0;
        let mut renderings = rights::Renderings::new();
        for (id, roles) in &answers.roles {
            let place = FindingPlace {
                region: None,
                ..self.finding_place(&AccountRegion {
                    account: id.clone(),
                    region: self.plan.organization.home_region.clone(),
                })
            };
            let key = place.account.clone().unwrap_or_else(|| id.to_string());
            let roles = match roles {
                Observed::Known(roles) => roles,
                // Of members it is told with the access role.
                Observed::Unread(why) if *id == self.plan.organization.management_account => {
                    found.findings.push(Finding {
                        control: rights::CONTROL.to_owned(),
                        ..unread(place, format!("roles in {key}"), why)
                    });
                    continue;
                }
                Observed::Unread(_) => continue,
            };
            let account = rights::Account {
                key,
                place,
                roles,
                stacks: stacks.remove(id).unwrap_or_default(),
            };
            let (findings, roles) = rights::judge(&account, &mut renderings);
            found.findings.extend(findings);
            checked += roles;
        }
        checked
    }

    /// Plain stacks that are there, with the place and name that the plan gives them.
    fn stacks(&self) -> Vec<(Key, (&Place, &StackName))> {
        let stacks = self.desired.stacks.iter();
        stacks
            .filter_map(|((place, name), stack)| {
                let at = AccountRegion {
                    account: self.account(place)?,
                    region: place.region().clone(),
                };
                let there = self.inventory.stacks.get(&at).and_then(Observed::known)?;
                let facts = there.get(&stack.full_name)?;
                // While something is under way it cannot be looked at; that it is so is told elsewhere.
                (!facts.status.ends_with("_IN_PROGRESS"))
                    .then(|| ((at, stack.full_name.clone()), (place, name)))
            })
            .collect()
    }

    /// The id of a place's account, where it is in use.
    fn account(&self, place: &Place) -> Option<AccountId> {
        let id = match &place.account {
            AccountRef::Management => &self.plan.organization.management_account,
            AccountRef::Member(key) => self.ids.get(key)?,
        };
        self.in_use(id).then(|| id.clone())
    }

    fn in_use(&self, id: &AccountId) -> bool {
        let accounts = self.inventory.accounts.known();
        accounts
            .and_then(|accounts| accounts.get(id))
            .is_some_and(|facts| facts.state == AccountState::Active)
    }

    /// Adds what was found, and gives the changes that put it back. What a control tells of already is not told
    /// twice: neither the same resource, nor the same change.
    pub fn judge(
        &self,
        found: &mut Findings,
        answers: &DriftAnswers,
        changes: &mut BTreeMap<Address, Change>,
    ) {
        let told = self.told(found);
        let mut findings = Vec::new();
        let mut checked = 0;
        for (key, (place, name)) in self.stacks() {
            let Some(drift) = answers.stacks.get(&key) else {
                continue;
            };
            checked += 1;
            let (at, full_name) = &key;
            let spot = Spot {
                name,
                full_name,
                at,
                place: self.finding_place(at),
                subject: place.to_string(),
            };
            let address = Address::StackDrift(place.clone(), name.clone());
            for finding in spot.findings(drift, &told, Some(&address)) {
                if finding.kind == Kind::Drift {
                    let change = changes.entry(address.clone()).or_insert_with(|| Change {
                        address: address.clone(),
                        verb: Verb::Update,
                        reason: finding.title.clone(),
                        fields: Vec::new(),
                        action: action::RevertDrift {
                            account: Expr::literal(at.account.as_str()),
                            region: at.region.clone(),
                            stack: full_name.clone(),
                        }
                        .into(),
                        needs: BTreeSet::new(),
                    });
                    change.fields.extend(finding.fields.iter().cloned());
                }
                findings.push(finding);
            }
        }
        for (name, set) in &self.desired.stack_sets {
            let Some(drift) = answers.stack_sets.get(&set.full_name) else {
                continue;
            };
            checked += drift.checked;
            if let Some(why) = &drift.unread {
                findings.push(unread(
                    FindingPlace::default(),
                    format!("drift of stack set {name}"),
                    why,
                ));
            }
            for (at, drift) in &drift.instances {
                // A suspended or closed account is told of once, as skipped.
                if !self.in_use(&at.account) {
                    continue;
                }
                let place = self.finding_place(at);
                let account = place.account.as_deref().unwrap_or(at.account.as_str());
                let spot = Spot {
                    subject: format!("{account}/{}", at.region),
                    name,
                    full_name: &set.full_name,
                    at,
                    place,
                };
                findings.extend(spot.findings(drift, &told, None));
            }
        }
        found.checked.insert(CONTROL.to_owned(), checked);
        let roles = self.access_roles(found, answers);
        found.checked.insert(ACCESS_ROLE.to_owned(), roles);
        let strangers = self.strangers(found, answers);
        found.checked.insert(EXEMPT_ROLE.to_owned(), strangers);
        let rights = self.rights(found, answers);
        found.checked.insert(rights::CONTROL.to_owned(), rights);
        found.findings.extend(findings);
        found.sort();
    }

    /// Resources that a control's finding is about, by account, Region, stack and logical id.
    fn told(&self, found: &Findings) -> BTreeSet<(AccountRegion, StackName, String)> {
        let told = found.findings.iter().filter_map(|finding| {
            let resource = self
                .desired
                .controls
                .get(&finding.control)?
                .resource
                .as_ref()?;
            let at = AccountRegion {
                account: finding.place.account_id.clone()?,
                region: finding.place.region.clone()?,
            };
            Some((at, resource.stack.clone(), resource.logical_id.clone()))
        });
        told.collect()
    }

    fn finding_place(&self, at: &AccountRegion) -> FindingPlace {
        let planned = self.ids.iter().find(|(_, id)| **id == at.account);
        let name = planned.map(|(key, _)| key.to_string()).or_else(|| {
            let facts = self.inventory.accounts.known()?.get(&at.account)?;
            Some(facts.name.clone())
        });
        FindingPlace {
            account: name,
            account_id: Some(at.account.clone()),
            region: Some(at.region.clone()),
            ou: planned
                .and_then(|(key, _)| self.plan.accounts.get(key))
                .map(|planned| planned.ou.to_string()),
        }
    }
}

/// A stack in its place.
struct Spot<'a> {
    name: &'a StackName,
    full_name: &'a str,
    at: &'a AccountRegion,
    place: FindingPlace,
    /// The place in words.
    subject: String,
}

impl Spot<'_> {
    fn findings(
        &self,
        drift: &StackDrift,
        told: &BTreeSet<(AccountRegion, StackName, String)>,
        address: Option<&Address>,
    ) -> Vec<Finding> {
        let resources = drift.resources.iter().filter(|resource| {
            let id = resource.logical_id.clone();
            !told.contains(&(self.at.clone(), self.name.clone(), id))
        });
        let mut findings: Vec<Finding> = resources
            .map(|resource| self.finding(resource, address))
            .collect();
        if let Some(why) = &drift.unread {
            let subject = format!("drift of stack {} in {}", self.name, self.subject);
            let mut finding = unread(self.place.clone(), subject, why);
            // Of a set that looked at its other instances: the set says CURRENT of a stack that is gone.
            if address.is_none() && says_gone(&why.reason) {
                finding.kind = Kind::Drift;
                finding.severity = Severity::High;
                finding.title = format!(
                    "the stack was deleted, and stack set {} still counts it",
                    self.name
                );
                finding.fix = Fix::Person {
                    hint: anew(self.full_name, &self.at.account, &self.at.region),
                };
            }
            findings.push(finding);
        }
        findings
    }

    fn finding(&self, resource: &ResourceDrift, address: Option<&Address>) -> Finding {
        let kind = resource.kind.strip_prefix("AWS::");
        let kind = kind.unwrap_or(&resource.kind);
        let fields = if resource.deleted {
            vec![FieldChange {
                field: "exists".to_owned(),
                before: Some("false".to_owned()),
                after: Some(Expr::literal("true")),
            }]
        } else {
            let properties = resource.properties.iter();
            properties
                .map(|property| FieldChange {
                    field: property.path.trim_start_matches('/').to_owned(),
                    before: property.actual.clone(),
                    after: property.expected.clone().map(Expr::literal),
                })
                .collect()
        };
        let title = if resource.deleted {
            format!("{} of stack {} was deleted", resource.logical_id, self.name)
        } else {
            format!(
                "{} is not as stack {} sets it",
                resource.logical_id, self.name
            )
        };
        Finding {
            control: CONTROL.to_owned(),
            kind: Kind::Drift,
            severity: Severity::Medium,
            place: self.place.clone(),
            subject: format!("{kind} {} in {}", resource.physical_id, self.subject),
            title,
            fields,
            fix: match address {
                Some(address) => Fix::Change {
                    address: address.clone(),
                },
                None => Fix::Person {
                    hint: self.hint(resource),
                },
            },
            references: Vec::new(),
            accounts: BTreeSet::new(),
            address: None,
            cause: None,
        }
    }

    /// For an instance of a stack set, whose stack is not orgstrap's to change. AWS does not say what a change set in
    /// REVERT_DRIFT mode does to such a stack.
    fn hint(&self, resource: &ResourceDrift) -> String {
        if resource.deleted {
            format!(
                "an unchanged stack set repairs nothing: delete this instance of {} with `aws cloudformation delete-stack-instances` and run `orgstrap apply`, which makes it anew",
                self.full_name
            )
        } else {
            format!(
                "set it back in account {}, {}: an unchanged stack set repairs nothing; `orgstrap drift --deep` tells whether it is as {} sets it",
                self.at.account, self.at.region, self.full_name
            )
        }
    }
}

/// How an instance of a stack set is made anew, whose stack or resources are gone.
pub(super) fn anew(full_name: &str, account: &AccountId, region: &Region) -> String {
    format!(
        "an unchanged stack set repairs nothing: take the instance out, then `orgstrap apply` makes it anew: aws \
         cloudformation delete-stack-instances --stack-set-name {full_name} --regions {region} --no-retain-stacks \
         --deployment-targets OrganizationalUnitIds=OU,Accounts={account},AccountFilterType=INTERSECTION"
    )
}

/// Whether a reason is that there is no such stack.
fn says_gone(reason: &str) -> bool {
    let reason = reason.to_lowercase();
    ["does not exist", "was deleted", "delete_complete"]
        .iter()
        .any(|word| reason.contains(word))
}

fn unread(place: FindingPlace, subject: String, why: &ReadFailure) -> Finding {
    Finding {
        control: CONTROL.to_owned(),
        kind: Kind::Unread,
        severity: Severity::Medium,
        place,
        subject,
        title: format!("could not be read: {}: {}", why.operation, why.reason),
        fields: Vec::new(),
        fix: Fix::Nothing,
        references: Vec::new(),
        accounts: BTreeSet::new(),
        address: None,
        cause: None,
    }
}
