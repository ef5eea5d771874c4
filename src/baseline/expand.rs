//! What a plan's baselines come to: descriptors with the plan's values filled in.

mod controls;
mod services;
mod stacks;
mod texts;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::descriptor::Descriptor;
use super::option::{Complaint, OptionValue, choose};
use super::refs::{NamedAccount, RegionRef, When};
use super::words::Interpolated;
use super::{About, BaselineProblem, Descriptors, Desired, ExistingRecorders};
use crate::addr::{AccountRef, Address, Attribute, Expr, Place};
use crate::plan::{AccountKey, BaselineChoice, OrgPlan, Region, StackId, StackName};
use crate::toml_file::At;
use crate::toml_file::suggest::did_you_mean;

/// The longest stack name that CloudFormation takes; stack sets take the same.
const MAX_STACK_NAME: usize = 128;

impl Descriptors {
    /// What is wrong with one `[baseline.NAME]` table: no such baseline, an own one that does not load, options and stack
    /// sets that it does not have or that do not fit. Needs nothing else of the plan.
    pub fn check(&mut self, name: &str, choice: &BaselineChoice) -> Vec<BaselineProblem> {
        let loaded = self.load(name, choice);
        let chosen = loaded.and_then(|descriptor| Chosen::of(name, choice, descriptor));
        chosen.err().unwrap_or_default()
    }

    /// Everything that the plan's baselines ask for. Descriptors that were not read before are read now.
    ///
    /// # Errors
    /// All that is wrong with the baselines or the plan's choice of them.
    pub fn expand(&mut self, plan: &OrgPlan) -> Result<Desired, Vec<BaselineProblem>> {
        let mut problems = Vec::new();
        let mut chosen = Vec::new();
        for (name, choice) in &plan.baselines {
            let name = name.as_str();
            let loaded = self.load(name, choice);
            let loaded = loaded.and_then(|descriptor| Chosen::of(name, choice, descriptor));
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
}

fn about_option(baseline: &str, option: String, complaint: Complaint) -> BaselineProblem {
    BaselineProblem::new(baseline, Some(About::Option(option)), complaint)
}

/// A baseline with the values of its options.
struct Chosen<'p> {
    name: &'p str,
    /// Whether it is the user's own.
    is_own: bool,
    descriptor: Arc<Descriptor>,
    options: BTreeMap<String, OptionValue>,
    existing_stacks: &'p BTreeMap<StackName, BTreeSet<StackId>>,
}

impl<'p> Chosen<'p> {
    /// A baseline as the plan has it, or all that is wrong with that.
    fn of(
        name: &'p str,
        choice: &'p BaselineChoice,
        descriptor: Arc<Descriptor>,
    ) -> Result<Self, Vec<BaselineProblem>> {
        let mut problems = Vec::new();
        let options = choose(&descriptor.options, &choice.options).unwrap_or_else(|complaints| {
            let told = |(option, complaint)| about_option(name, option, complaint);
            problems.extend(complaints.into_iter().map(told));
            BTreeMap::new()
        });
        let chosen = Self {
            name,
            is_own: choice.folder.is_some(),
            descriptor,
            options,
            existing_stacks: &choice.existing_stacks,
        };
        let options_hold = problems.is_empty();
        for set in choice.existing_stacks.keys() {
            let complaint = chosen.set_complaint(set, options_hold);
            let about = || Some(About::ExistingStacks(set.clone()));
            problems.extend(complaint.map(|it| BaselineProblem::new(name, about(), it)));
        }
        match problems.is_empty() {
            true => Ok(chosen),
            false => Err(problems),
        }
    }

    /// What keeps a stack set from taking stacks in: that there is none.
    fn set_complaint(&self, set: &StackName, options_hold: bool) -> Option<Complaint> {
        let known = || self.descriptor.stack_sets.iter();
        match known().find(|known| known.name == *set) {
            Some(known) if options_hold && !self.on(known.when.as_ref()) => {
                Some(("an option leaves this stack set out".to_owned(), None))
            }
            Some(_) => None,
            None => {
                let names = known().map(|set| set.name.as_str());
                let help = did_you_mean(set.as_str(), names)
                    .unwrap_or_else(|| "this baseline has no stack sets".to_owned());
                Some((format!("there is no stack set `{set}`"), Some(help)))
            }
        }
    }

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
        let complaint = (message, suggestion);
        self.problems
            .push(BaselineProblem::new(baseline.name, None, complaint));
    }

    /// The same of a part of the descriptor, at its place there. A built-in one is not the user's to fix.
    fn problem_at<T>(
        &mut self,
        baseline: &Chosen<'_>,
        part: &At<T>,
        message: String,
        suggestion: Option<String>,
    ) {
        let mut problem = BaselineProblem::new(baseline.name, None, (message, suggestion));
        if baseline.is_own {
            problem.diagnostic.location = Some(baseline.descriptor.at(part));
        }
        self.problems.push(problem);
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

    fn regions(&mut self, baseline: &Chosen<'_>, region: &At<RegionRef>) -> BTreeSet<Region> {
        let organization = &self.plan.organization;
        match &**region {
            RegionRef::Home => BTreeSet::from([organization.home_region.clone()]),
            RegionRef::Governed => organization.regions.clone(),
            RegionRef::Named(named) if organization.regions.contains(named) => {
                BTreeSet::from([named.clone()])
            }
            RegionRef::Named(named) => {
                let message = format!("{named} is not a governed Region");
                self.problem_at(
                    baseline,
                    region,
                    message,
                    Some("add it to the plan's `regions`".to_owned()),
                );
                BTreeSet::new()
            }
        }
    }

    fn account(&mut self, baseline: &Chosen<'_>, account: &At<NamedAccount>) -> Option<AccountRef> {
        let organization = &self.plan.organization;
        let (key, duty) = match &**account {
            NamedAccount::Management => return Some(AccountRef::Management),
            NamedAccount::Logging => (organization.logging.as_ref(), "logging"),
            NamedAccount::SecOps => (organization.secops.as_ref(), "secops"),
            NamedAccount::Key(key) => (Some(key), ""),
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
            Some(_) => Some(AccountRef::Member(key.clone())),
            None => {
                let keys = self.plan.accounts.keys().map(AccountKey::as_str);
                let suggestion = did_you_mean(key.as_str(), keys);
                let message = format!("the plan has no account `{key}`");
                self.problem_at(baseline, account, message, suggestion);
                None
            }
        }
    }

    /// A member account, for what the management account can not be.
    fn member(
        &mut self,
        baseline: &Chosen<'_>,
        account: &At<NamedAccount>,
        what: &str,
    ) -> Option<AccountKey> {
        match self.account(baseline, account)? {
            AccountRef::Member(key) => Some(key),
            AccountRef::Management => {
                let message = format!("the management account can not be {what}");
                self.problem_at(baseline, account, message, None);
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
