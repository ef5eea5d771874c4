//! What a plan's baselines come to: descriptors with the plan's values filled in.

use std::collections::{BTreeMap, BTreeSet};

use super::control::{Expected, ExpectedSpec, Places, ResourceRef, Scope, WantedControl};
use super::descriptor::{AccountRef, Descriptor, Need, RegionRef, When};
use super::option::{Complaint, OptionValue, choose};
use super::reader::did_you_mean;
use super::template::Template;
use super::words::{Piece, Words};
use super::{
    BaselineProblem, ExistingRecorders, GuardDutyExport, Wanted, WantedGuardDuty, WantedStack,
    WantedStackSet, WantedTrail, builtin, folder,
};
use crate::change::{Address, Attribute, Bindings, OWNERSHIP_TAG, Part, Place, Text};
use crate::plan::{AccountKey, BaselineChoice, OrgPlan, Region, StackId, StackName, Tags};

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
pub fn expand(plan: &OrgPlan) -> Result<Wanted, Vec<BaselineProblem>> {
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
        wanted: Wanted::default(),
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
    expansion.no_detectors_beside_guardduty();
    if expansion.problems.is_empty() {
        Ok(expansion.wanted)
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
        source_file: None,
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
            Some(OptionValue::List(items)) => items.iter().filter_map(Words::literal).collect(),
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
            .find(|existing| chosen == Some(existing.word()))
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
    wanted: Wanted,
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

    fn account(&mut self, baseline: &Chosen<'_>, account: &AccountRef) -> Option<Whose> {
        let organization = &self.plan.organization;
        let (key, duty) = match account {
            AccountRef::Management => return Some(Whose::Management),
            AccountRef::Logging => (organization.logging.as_ref(), "logging"),
            AccountRef::SecOps => (organization.secops.as_ref(), "secops"),
            AccountRef::Key(key) => (Some(key), ""),
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
                Some(Whose::Management)
            }
            Some(_) => Some(Whose::Member(key.clone())),
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
    fn member(
        &mut self,
        baseline: &Chosen<'_>,
        account: &AccountRef,
        what: &str,
    ) -> Option<AccountKey> {
        match self.account(baseline, account)? {
            Whose::Member(key) => Some(key),
            Whose::Management => {
                let message = format!("the management account can not be {what}");
                self.problem(baseline, message, None);
                None
            }
        }
    }

    fn account_id(&self, key: &AccountKey) -> Text {
        match self
            .plan
            .accounts
            .get(key)
            .and_then(|account| account.id.as_ref())
        {
            Some(id) => Text::literal(id.as_str()),
            None => Text::reference(Address::Account(key.clone()), Attribute::Id),
        }
    }

    /// Texts of options, checked once filled; ids that are not known yet stand in by their shape.
    fn check_texts(&mut self, baseline: &Chosen<'_>) {
        for (name, value) in &baseline.options {
            let Some(spec) = baseline.descriptor.options.get(name) else {
                continue;
            };
            let items = match value {
                OptionValue::String(words) => std::slice::from_ref(words),
                OptionValue::List(items) => items.as_slice(),
                OptionValue::Integer(_) | OptionValue::Boolean(_) => &[],
            };
            for words in items {
                let text = self.sample(words);
                if let Err(complaint) = spec.check_text(&text) {
                    self.problems
                        .push(about(baseline.name, Some(name.clone()), complaint));
                }
            }
        }
    }

    fn sample(&self, words: &Words) -> String {
        let mut text = String::new();
        for piece in words.pieces() {
            let part = self.plain(piece).unwrap_or_default();
            for part in part.parts() {
                match part {
                    Part::Literal(literal) => text.push_str(literal),
                    Part::Reference(Address::Organization, _) => text.push_str("o-0000000000"),
                    Part::Reference(_, _) => text.push_str("000000000000"),
                }
            }
        }
        text
    }

    /// What a piece comes to that depends on the plan alone.
    fn plain(&self, piece: &Piece) -> Option<Text> {
        let organization = &self.plan.organization;
        Some(match piece {
            Piece::Literal(text) => Text::literal(text),
            Piece::Prefix => Text::literal(&organization.prefix),
            Piece::HomeRegion => Text::literal(organization.home_region.as_str()),
            Piece::Regions => {
                let regions: Vec<&str> = organization.regions.iter().map(Region::as_str).collect();
                Text::literal(regions.join(","))
            }
            Piece::OrganizationId => Text::reference(Address::Organization, Attribute::Id),
            Piece::ManagementId => Text::literal(organization.management_account.as_str()),
            Piece::LoggingId => self.account_id(organization.logging.as_ref()?),
            Piece::SecOpsId => self.account_id(organization.secops.as_ref()?),
            Piece::Region | Piece::Option(_) | Piece::Output { .. } => return None,
        })
    }

    /// A descriptor's text, filled in for a stack in `region`.
    fn fill(&mut self, baseline: &Chosen<'_>, words: &Words, region: Option<&Region>) -> Text {
        let mut parts: Vec<Part> = Vec::new();
        for piece in words.pieces() {
            let text = match piece {
                Piece::Region => region.map(|region| Text::literal(region.as_str())),
                Piece::Option(name) => baseline.options.get(name).map(|value| self.option(value)),
                Piece::Output { stack, output } => self.output(baseline, stack, output, region),
                piece => self.plain(piece),
            };
            parts.extend(text.iter().flat_map(|text| text.parts().iter().cloned()));
        }
        Text::join(parts)
    }

    /// An option's value as a template takes it.
    fn option(&self, value: &OptionValue) -> Text {
        let fill = |words: &Words| -> Vec<Part> {
            words
                .pieces()
                .iter()
                .filter_map(|piece| self.plain(piece))
                .flat_map(|text| text.parts().to_vec())
                .collect()
        };
        match value {
            OptionValue::Integer(number) => Text::literal(number.to_string()),
            OptionValue::Boolean(flag) => Text::literal(flag.to_string()),
            OptionValue::String(words) => Text::join(fill(words)),
            OptionValue::List(items) => {
                let comma = || vec![Part::Literal(",".to_owned())];
                let filled = items.iter().map(fill);
                Text::join(
                    filled
                        .enumerate()
                        .flat_map(|(at, item)| [if at == 0 { Vec::new() } else { comma() }, item])
                        .flatten(),
                )
            }
        }
    }

    /// A stack's output: of the one there is, or of the one in the same Region.
    fn output(
        &mut self,
        baseline: &Chosen<'_>,
        stack: &StackName,
        output: &str,
        region: Option<&Region>,
    ) -> Option<Text> {
        let Some((places, outputs)) = self.places.get(stack) else {
            let (message, suggestion) = if self.left_out.contains(stack) {
                (
                    format!("needs the stack `{stack}`, which an option leaves out"),
                    None,
                )
            } else {
                let names = self.places.keys().map(StackName::as_str);
                let suggestion = did_you_mean(stack.as_str(), names);
                (
                    format!("no baseline of the plan has a stack `{stack}`"),
                    suggestion,
                )
            };
            self.problem(baseline, message, suggestion);
            return None;
        };
        if !outputs.contains(output) {
            let suggestion = did_you_mean(output, outputs.iter().map(String::as_str));
            self.problem(
                baseline,
                format!("the stack `{stack}` has no output `{output}`"),
                suggestion,
            );
            return None;
        }
        let place = match places.as_slice() {
            [place] => Some(place),
            places => places.iter().find(|place| Some(place.region()) == region),
        };
        match place {
            Some(place) => Some(Text::reference(
                Address::Stack(place.clone(), stack.clone()),
                Attribute::Output(output.to_owned()),
            )),
            // No place at all has been reported where the stack is looked up.
            None if places.is_empty() => None,
            None => {
                let message = format!("the stack `{stack}` is in several Regions; which is meant?");
                self.problem(baseline, message, None);
                None
            }
        }
    }

    fn preparations(&mut self, baseline: &Chosen<'_>) {
        let descriptor = &baseline.descriptor;
        if let Some(words) = &descriptor.audit_role {
            let role = self.fill(baseline, words, None);
            match role.value(&Bindings::default()) {
                Ok(role) => self.wanted.audit_role = Some(role),
                Err(_) => {
                    let message = "`audit_role` must be known before anything is made".to_owned();
                    self.problem(baseline, message, None);
                }
            }
        }
        self.wanted
            .trusted_access
            .extend(descriptor.trusted_access.iter().cloned());
        self.wanted
            .service_linked_roles
            .extend(descriptor.service_linked_roles.iter().cloned());
        self.wanted
            .management_service_linked_roles
            .extend(descriptor.management_service_linked_roles.iter().cloned());
        for delegation in &descriptor.delegated_administrators {
            if !baseline.on(delegation.when.as_ref()) {
                continue;
            }
            if let Some(key) =
                self.member(baseline, &delegation.account, "a delegated administrator")
            {
                self.wanted
                    .delegated_administrators
                    .insert((delegation.principal.clone(), key));
            }
        }
    }

    fn stacks(&mut self, baseline: &Chosen<'_>) {
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
                let existing = baseline.existing_recorders(stack.existing_recorders.as_ref());
                self.stack(
                    baseline,
                    place,
                    &stack.name,
                    template,
                    &stack.parameters,
                    &stack.needs,
                    existing,
                );
            }
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of a stack or a stack set"
    )]
    fn stack(
        &mut self,
        baseline: &Chosen<'_>,
        place: Place,
        name: &StackName,
        template: &Template,
        parameters: &BTreeMap<String, Words>,
        needs: &[Need],
        existing_recorders: ExistingRecorders,
    ) {
        let mut needs = self.needs(baseline, needs);
        if let Place::Member(key, _) = &place {
            needs.insert(Address::Access(key.clone()));
        }
        let stack = WantedStack {
            full_name: self.full_name(name),
            template: template.body.clone(),
            parameters: self.parameters(baseline, parameters, Some(place.region())),
            capabilities: template.capabilities(),
            tags: ownership(),
            existing_recorders,
            needs,
        };
        self.wanted.stacks.insert((place, name.clone()), stack);
    }

    fn stack_sets(&mut self, baseline: &Chosen<'_>) {
        for set in &baseline.descriptor.stack_sets {
            if !baseline.on(set.when.as_ref()) {
                if baseline.existing_stacks.contains_key(&set.name) {
                    let message = "an option leaves this stack set out".to_owned();
                    self.about_existing(baseline, &set.name, message);
                }
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
            let wanted = WantedStackSet {
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
                needs,
            };
            self.wanted.stack_sets_access = true;
            self.wanted.stack_sets.insert(set.name.clone(), wanted);
            if set.management_too {
                for region in regions {
                    let place = Place::Management(region);
                    self.stack(
                        baseline,
                        place,
                        &set.name,
                        template,
                        &set.parameters,
                        &set.needs,
                        existing,
                    );
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
        let option = format!("existing_stacks.{set}");
        self.problems
            .push(about(baseline.name, Some(option), (message, None)));
    }

    fn parameters(
        &mut self,
        baseline: &Chosen<'_>,
        parameters: &BTreeMap<String, Words>,
        region: Option<&Region>,
    ) -> BTreeMap<String, Text> {
        parameters
            .iter()
            .map(|(name, words)| (name.clone(), self.fill(baseline, words, region)))
            .collect()
    }

    /// The addresses of a descriptor's needs.
    fn needs(&mut self, baseline: &Chosen<'_>, needs: &[Need]) -> BTreeSet<Address> {
        let mut addresses = BTreeSet::new();
        for need in needs {
            match need {
                Need::TrustedAccess(principal) => {
                    addresses.insert(Address::TrustedAccess(principal.clone()));
                }
                Need::ServiceLinkedRole(principal) => {
                    addresses.insert(Address::ServiceLinkedRole(principal.clone()));
                }
                Need::DelegatedAdministrator(principal) => {
                    let delegates = self.wanted.delegated_administrators.iter();
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
                        self.problem(baseline, message, None);
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
                        self.problem(baseline, message, suggestion);
                    }
                },
                // Which stages there are in the end is the rollout's, one more than it names where
                // it has no `*`; one that is not to be changed holds nobody up.
                Need::StackSet(name) => {
                    let stages = u16::try_from(self.plan.rollout.stages.len()).unwrap_or(u16::MAX);
                    for kind in [
                        Address::Rollout,
                        Address::RolloutUpdate,
                        Address::RolloutRepair,
                    ] {
                        addresses
                            .extend((1..=stages.saturating_add(1)).map(|n| kind(name.clone(), n)));
                    }
                }
            }
        }
        addresses
    }

    fn guardduty(&mut self, baseline: &Chosen<'_>) {
        let Some(spec) = &baseline.descriptor.guardduty else {
            return;
        };
        if self.wanted.guardduty.is_some() {
            let message = "another baseline of the plan has GuardDuty settings too".to_owned();
            self.problem(baseline, message, None);
            return;
        }
        let Some(administrator) =
            self.member(baseline, &spec.administrator, "GuardDuty's administrator")
        else {
            return;
        };
        let unmanaged = baseline.list(spec.unmanaged_features.as_ref());
        let mut settings = |option: Option<&String>| -> BTreeMap<String, bool> {
            let on = baseline.list(option);
            let both: Vec<&str> = on.intersection(&unmanaged).copied().collect();
            if let (Some(option), false) = (option, both.is_empty()) {
                let message = format!("`{}` is both on and unmanaged", both.join("`, `"));
                self.problems
                    .push(about(baseline.name, Some(option.clone()), (message, None)));
            }
            baseline
                .values(option)
                .filter(|feature| !unmanaged.contains(feature))
                .map(|feature| (feature.to_owned(), on.contains(feature)))
                .collect()
        };
        let features = settings(Some(&spec.features));
        let detector_features = settings(spec.detector_features.as_ref());
        let export = spec
            .export
            .as_ref()
            .filter(|export| baseline.on(export.when.as_ref()))
            .map(|export| GuardDutyExport {
                bucket_arn: self.fill(baseline, &export.bucket_arn, None),
                key_arn: self.fill(baseline, &export.key_arn, None),
            });
        let replaced = match spec
            .replace_administrator
            .as_ref()
            .and_then(|option| Some((option, baseline.options.get(option)?)))
        {
            Some((option, OptionValue::String(words))) if words.literal() != Some("") => {
                let id = words.literal().and_then(|text| text.parse().ok());
                if id.is_none() {
                    let complaint = ("must be an account id of 12 digits".to_owned(), None);
                    self.problems
                        .push(about(baseline.name, Some(option.clone()), complaint));
                }
                id
            }
            _ => None,
        };
        self.wanted.guardduty = Some(WantedGuardDuty {
            replaced,
            regions: self.regions(baseline, &spec.region),
            administrator,
            features,
            detector_features,
            export,
        });
    }

    fn trail(&mut self, baseline: &Chosen<'_>) {
        let Some(spec) = &baseline.descriptor.trail else {
            return;
        };
        if self.wanted.trail.is_some() {
            let message = "another baseline of the plan has an organization trail too".to_owned();
            self.problem(baseline, message, None);
            return;
        }
        let named = |option: &String| -> BTreeSet<String> {
            let names = baseline.list(Some(option)).into_iter();
            names.map(str::to_owned).collect()
        };
        let (kept, replaced) = (named(&spec.keep), named(&spec.replace));
        let adopted = baseline
            .options
            .get(&spec.adopt)
            .is_some_and(OptionValue::is_on);
        let name = self.fill(baseline, &spec.name, None);
        let own = name.value(&Bindings::default()).unwrap_or_default();
        let both = kept.intersection(&replaced).cloned();
        let adopted_too = replaced.iter().filter(|one| adopted && **one == own);
        for trail in both.chain(adopted_too.cloned()).collect::<BTreeSet<_>>() {
            let message = format!("the trail `{trail}` is to stay and to be replaced");
            self.problems.push(about(
                baseline.name,
                Some(spec.replace.clone()),
                (message, None),
            ));
        }
        let stack = self
            .places
            .get(&spec.stack)
            .and_then(|(places, _)| places.first())
            .map(|place| (place.clone(), spec.stack.clone()));
        self.wanted.trail = Some(WantedTrail {
            name,
            stack,
            kept,
            replaced,
        });
    }

    /// Every account; where the baseline's stacks leave out OUs, those that they do not leave out.
    fn every_account(&self, baseline: &Chosen<'_>, regions: BTreeSet<Region>) -> Places {
        let except = self.plan.ous_without(baseline.name);
        if except.is_empty() || baseline.descriptor.stack_sets.is_empty() {
            return Places::EveryAccount(regions);
        }
        let management = Some(&self.plan.organization.management_account);
        let members = self.plan.accounts.iter().filter(|(_, planned)| {
            planned.id.as_ref() != management && !except.contains(&planned.ou)
        });
        let places = regions.into_iter().flat_map(|region| {
            let member = |(key, _): (&AccountKey, _)| Place::Member(key.clone(), region.clone());
            let mut places = vec![Place::Management(region.clone())];
            places.extend(members.clone().map(member));
            places
        });
        Places::These(places.collect())
    }

    fn controls(&mut self, baseline: &Chosen<'_>) {
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
            let wanted = WantedControl {
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
            self.wanted.controls.insert(control.id.clone(), wanted);
        }
    }

    /// An account has one detector a Region, and auto-enable makes it: a second creation fails.
    fn no_detectors_beside_guardduty(&mut self) {
        if self.wanted.guardduty.is_none() {
            return;
        }
        for (name, set) in &self.wanted.stack_sets {
            if set.template.contains("AWS::GuardDuty::Detector") {
                let message = format!(
                    "the stack set `{name}` ships detectors, which GuardDuty's auto-enable makes itself"
                );
                self.problems
                    .push(about("guardduty", None, (message, None)));
            }
        }
    }
}

/// An account as places have it.
enum Whose {
    Management,
    Member(AccountKey),
}

impl Whose {
    fn at(&self, region: Region) -> Place {
        match self {
            Whose::Management => Place::Management(region),
            Whose::Member(key) => Place::Member(key.clone(), region),
        }
    }
}

/// The one tag of everything that orgstrap makes.
fn ownership() -> Tags {
    let (key, value) = OWNERSHIP_TAG;
    Tags::from([(key.to_owned(), value.to_owned())])
}
