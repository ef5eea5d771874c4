//! What a plan's baselines come to: descriptors with the plan's values filled in.

mod controls;
mod services;
mod stacks;
mod texts;

use std::collections::{BTreeMap, BTreeSet};

use super::descriptor::{AccountRef as Named, Descriptor, RegionRef, When};
use super::option::{Complaint, OptionValue, choose};
use super::reader::did_you_mean;
use super::words::Interpolated;
use super::{BaselineProblem, Desired, ExistingRecorders, builtin, folder};
use crate::addr::{AccountRef, Address, Attribute, Expr, Place};
use crate::plan::{AccountKey, BaselineChoice, OrgPlan, Region, StackId, StackName};

/// The longest stack name that CloudFormation takes; stack sets take the same.
const MAX_STACK_NAME: usize = 128;

/// What is wrong with one `[baseline.NAME]` table: no such baseline, an own baseline that does not
/// load, options that it does not have or that do not fit. Needs nothing else of the plan.
pub fn check_choice(name: &str, choice: &BaselineChoice) -> Vec<BaselineProblem> {
    let descriptor = match load(name, choice) {
        Ok(descriptor) => descriptor,
        Err(problems) => return problems,
    };
    let complaints = choose(&descriptor.options, &choice.options).err();
    complaints
        .into_iter()
        .flatten()
        .map(|(option, complaint)| about(name, Some(option), complaint))
        .chain(unknown_sets(name, choice, &descriptor))
        .collect()
}

/// Stack sets that are to take stacks in and that the baseline does not have.
fn unknown_sets(
    name: &str,
    choice: &BaselineChoice,
    descriptor: &Descriptor,
) -> Vec<BaselineProblem> {
    let known = || descriptor.stack_sets.iter().map(|set| set.name.as_str());
    choice
        .existing_stacks
        .keys()
        .filter(|set| !known().any(|known| known == set.as_str()))
        .map(|set| {
            let suggestion = did_you_mean(set.as_str(), known()).unwrap_or_else(|| {
                match known().collect::<Vec<_>>().as_slice() {
                    [] => "this baseline has no stack sets".to_owned(),
                    names => format!("its stack sets are {}", names.join(", ")),
                }
            });
            let message = format!("there is no stack set `{set}`");
            let option = format!("existing_stacks.{set}");
            about(name, Some(option), (message, Some(suggestion)))
        })
        .collect()
}

/// Everything that the plan's baselines ask for, or all that is wrong with them.
pub fn expand(plan: &OrgPlan) -> Result<Desired, Vec<BaselineProblem>> {
    let mut problems = Vec::new();
    let mut chosen = Vec::new();
    for (name, choice) in &plan.baselines {
        let loaded = load(name.as_str(), choice).and_then(|descriptor| {
            choose(&descriptor.options, &choice.options)
                .map_err(|complaints| {
                    let about = |(option, why)| about(name.as_str(), Some(option), why);
                    complaints.into_iter().map(about).collect()
                })
                .map(|options| Chosen {
                    name: name.as_str(),
                    descriptor,
                    options,
                    existing_stacks: &choice.existing_stacks,
                })
        });
        match loaded {
            Ok(baseline) => chosen.push(baseline),
            Err(found) => problems.extend(found),
        }
    }
    let mut expansion = Expansion {
        plan,
        desired: Desired::default(),
        places: BTreeMap::new(),
        left_out: BTreeSet::new(),
        problems,
    };
    expansion.index(&chosen);
    for baseline in &chosen {
        expansion.check_texts(baseline);
        expansion.preparations(baseline);
    }
    for baseline in &chosen {
        expansion.stacks(baseline);
        expansion.stack_sets(baseline);
        expansion.guardduty(baseline);
        expansion.trail(baseline);
        expansion.controls(baseline);
    }
    expansion.recorders_before_rules();
    expansion.no_more_than_ten_dependencies(&chosen);
    expansion.no_detectors_beside_guardduty();
    if expansion.problems.is_empty() {
        Ok(expansion.desired)
    } else {
        Err(expansion.problems)
    }
}

/// The descriptor that a plan means.
fn load(name: &str, choice: &BaselineChoice) -> Result<Descriptor, Vec<BaselineProblem>> {
    match &choice.folder {
        Some(path) => folder::load(name, path),
        None => builtin::load(name).unwrap_or_else(|| {
            let suggestion = did_you_mean(name, builtin::names());
            let own = "a baseline of your own has a `folder`";
            let suggestion = suggestion.map_or(own.to_owned(), |text| format!("{text}; {own}"));
            Err(vec![about(
                name,
                None,
                (
                    "there is no such built-in baseline".to_owned(),
                    Some(suggestion),
                ),
            )])
        }),
    }
}

fn about(
    baseline: &str,
    option: Option<String>,
    (message, suggestion): Complaint,
) -> BaselineProblem {
    BaselineProblem {
        baseline: baseline.to_owned(),
        option,
        location: None,
        message,
        suggestion,
    }
}

/// A baseline with the values of its options.
struct Chosen<'p> {
    name: &'p str,
    descriptor: Descriptor,
    options: BTreeMap<String, OptionValue>,
    existing_stacks: &'p BTreeMap<StackName, BTreeSet<StackId>>,
}

impl Chosen<'_> {
    /// Whether what hangs on a boolean option is there.
    fn on(&self, when: Option<&When>) -> bool {
        when.is_none_or(|when| {
            let option = self.options.get(&when.option);
            option.is_some_and(OptionValue::is_on) == when.on
        })
    }

    /// The items of a list option.
    fn list(&self, option: Option<&String>) -> BTreeSet<&str> {
        match option.and_then(|option| self.options.get(option)) {
            Some(OptionValue::List(items)) => {
                items.iter().filter_map(Interpolated::literal).collect()
            }
            _ => BTreeSet::new(),
        }
    }

    /// What an option says of recorders that are there.
    fn existing_recorders(&self, option: Option<&String>) -> ExistingRecorders {
        let chosen = match option.and_then(|option| self.options.get(option)) {
            Some(OptionValue::String(words)) => words.literal(),
            _ => None,
        };
        ExistingRecorders::ALL
            .into_iter()
            .find(|existing| chosen == Some(existing.as_str()))
            .unwrap_or_default()
    }

    /// All values that a list option can have.
    fn values(&self, option: Option<&String>) -> impl Iterator<Item = &str> {
        option
            .and_then(|option| self.descriptor.options.get(option))
            .into_iter()
            .flat_map(|spec| spec.values.iter().map(String::as_str))
    }
}

struct Expansion<'p> {
    plan: &'p OrgPlan,
    desired: Desired,
    /// Where each stack is, and what it tells.
    places: BTreeMap<StackName, (Vec<Place>, BTreeSet<String>)>,
    /// Stacks that an option leaves out.
    left_out: BTreeSet<StackName>,
    problems: Vec<BaselineProblem>,
}

impl Expansion<'_> {
    fn problem(&mut self, baseline: &Chosen<'_>, message: String, suggestion: Option<String>) {
        self.problems
            .push(about(baseline.name, None, (message, suggestion)));
    }

    /// Finds where every stack is, so that baselines can refer to each other's.
    fn index(&mut self, chosen: &[Chosen<'_>]) {
        let mut owners: BTreeMap<StackName, &str> = BTreeMap::new();
        for baseline in chosen {
            let stacks = baseline.descriptor.stacks.iter().map(|stack| &stack.name);
            let sets = baseline.descriptor.stack_sets.iter().map(|set| &set.name);
            for name in stacks.chain(sets) {
                let full = self.full_name(name);
                if full.len() > MAX_STACK_NAME {
                    let message = format!(
                        "the stack name `{full}` is longer than {MAX_STACK_NAME} characters"
                    );
                    self.problem(baseline, message, None);
                }
                if let Some(other) = owners.insert(name.clone(), baseline.name) {
                    let message =
                        format!("the baseline `{other}` has a stack or stack set `{name}` too");
                    self.problem(baseline, message, Some("rename one of them".to_owned()));
                }
            }
            for stack in &baseline.descriptor.stacks {
                if !baseline.on(stack.when.as_ref()) {
                    self.left_out.insert(stack.name.clone());
                    continue;
                }
                let Some(template) = baseline.descriptor.templates.get(&stack.template) else {
                    continue;
                };
                let regions = self.regions(baseline, &stack.region);
                let places = match self.account(baseline, &stack.account) {
                    Some(account) => regions
                        .into_iter()
                        .map(|region| account.at(region))
                        .collect(),
                    None => Vec::new(),
                };
                self.places
                    .insert(stack.name.clone(), (places, template.outputs.clone()));
            }
        }
    }

    fn full_name(&self, name: &StackName) -> String {
        format!("{}-{name}", self.plan.organization.prefix)
    }

    fn regions(&mut self, baseline: &Chosen<'_>, region: &RegionRef) -> BTreeSet<Region> {
        let organization = &self.plan.organization;
        match region {
            RegionRef::Home => BTreeSet::from([organization.home_region.clone()]),
            RegionRef::Governed => organization.regions.clone(),
            RegionRef::Named(region) if organization.regions.contains(region) => {
                BTreeSet::from([region.clone()])
            }
            RegionRef::Named(region) => {
                let message = format!("{region} is not a governed Region");
                self.problem(
                    baseline,
                    message,
                    Some("add it to the plan's `regions`".to_owned()),
                );
                BTreeSet::new()
            }
        }
    }

    fn account(&mut self, baseline: &Chosen<'_>, account: &Named) -> Option<AccountRef> {
        let organization = &self.plan.organization;
        let (key, duty) = match account {
            Named::Management => return Some(AccountRef::Management),
            Named::Logging => (organization.logging.as_ref(), "logging"),
            Named::SecOps => (organization.secops.as_ref(), "secops"),
            Named::Key(key) => (Some(key), ""),
        };
        let Some(key) = key else {
            let message = format!("the plan names no account as `{duty}`");
            self.problem(
                baseline,
                message,
                Some(format!("add `{duty}` to [organization]")),
            );
            return None;
        };
        match self.plan.accounts.get(key) {
            Some(account) if account.id.as_ref() == Some(&organization.management_account) => {
                Some(AccountRef::Management)
            }
            Some(_) => Some(AccountRef::Member(key.clone())),
            None => {
                let keys = self.plan.accounts.keys().map(AccountKey::as_str);
                let suggestion = did_you_mean(key.as_str(), keys);
                self.problem(
                    baseline,
                    format!("the plan has no account `{key}`"),
                    suggestion,
                );
                None
            }
        }
    }

    /// A member account, for what the management account can not be.
    fn member(&mut self, baseline: &Chosen<'_>, account: &Named, what: &str) -> Option<AccountKey> {
        match self.account(baseline, account)? {
            AccountRef::Member(key) => Some(key),
            AccountRef::Management => {
                let message = format!("the management account can not be {what}");
                self.problem(baseline, message, None);
                None
            }
        }
    }

    fn account_id(&self, key: &AccountKey) -> Expr {
        match self
            .plan
            .accounts
            .get(key)
            .and_then(|account| account.id.as_ref())
        {
            Some(id) => Expr::literal(id.as_str()),
            None => Expr::reference(Address::Account(key.clone()), Attribute::Id),
        }
    }
}
