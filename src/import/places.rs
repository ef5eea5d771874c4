//! Which accounts have the duties in an organization that orgstrap itself made: its stacks say it, by where they
//! lie and by what they were given.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Choices;
use crate::addr::Place;
use crate::baseline::descriptor::Descriptor;
use crate::baseline::option::{OptionSpec, OptionValue};
use crate::baseline::refs::NamedAccount;
use crate::baseline::words::{Interpolated, Piece};
use crate::baseline::{DesiredStack, builtin, names};
use crate::inventory::{AccountState, Inventory, Observed};
use crate::plan::{AccountId, AccountKey, OrgPlan, StackName};
use crate::toml_file::At;

/// What stacks say of one duty: accounts, each with why.
pub(super) type Evidence = BTreeMap<AccountId, String>;

/// What stacks say of both duties, logging first.
pub(super) fn evidence(inventory: &Inventory) -> (Evidence, Evidence) {
    let mut found = Found {
        members: inventory
            .accounts
            .known()
            .into_iter()
            .flatten()
            .filter(|(id, facts)| **id != inventory.caller && facts.state == AccountState::Active)
            .map(|(id, _)| id)
            .collect(),
        logging: Evidence::new(),
        secops: Evidence::new(),
    };
    for descriptor in descriptors() {
        let mut there = false;
        for spec in &descriptor.stacks {
            for (at, stacks) in &inventory.stacks {
                for stack in stacks.known().into_iter().flatten().map(|(_, stack)| stack) {
                    if !is_called(&stack.name, &spec.name) {
                        continue;
                    }
                    there = true;
                    let reason = format!("the stack {} is there", stack.name);
                    match &*spec.account {
                        NamedAccount::Logging => found.logging(&at.account, reason),
                        NamedAccount::SecOps => found.secops(&at.account, reason),
                        NamedAccount::Management | NamedAccount::Key(_) => {
                            found.parameters(
                                &descriptor,
                                &spec.parameters,
                                &stack.parameters,
                                &stack.name,
                            );
                        }
                    }
                }
            }
        }
        let sets = inventory.stack_sets.known().into_iter().flatten();
        for (name, set) in sets {
            let specs = descriptor.stack_sets.iter();
            for spec in specs.filter(|spec| is_called(name, &spec.name)) {
                there = true;
                found.parameters(&descriptor, &spec.parameters, &set.parameters, name);
            }
        }
        if there {
            found.delegates(&descriptor, inventory);
        }
    }
    (found.logging, found.secops)
}

/// Whether orgstrap's stacks or stack sets are there, so that some accounts have the duties, and what was read of
/// them does not say which.
pub fn duties_lie_open(inventory: &Inventory, choices: &Choices) -> bool {
    let sets = inventory.stack_sets.known();
    let mut stacks = inventory.stacks.values().filter_map(Observed::known);
    let there =
        sets.is_some_and(|sets| !sets.is_empty()) || stacks.any(|stacks| !stacks.is_empty());
    let (logging, secops) = evidence(inventory);
    let open = |told: &Option<String>, found: &Evidence| told.is_none() && found.len() != 1;
    there && (open(&choices.logging, &logging) || open(&choices.secops, &secops))
}

/// Every account of a plan as a place of a duty's stacks, for a reading that looks for them.
pub fn everywhere(plan: &OrgPlan) -> BTreeMap<(Place, StackName), DesiredStack> {
    let Ok(name) = "duty".parse::<StackName>() else {
        return BTreeMap::new();
    };
    let home = &plan.organization.home_region;
    let stack = DesiredStack {
        full_name: format!("{}-{name}", plan.organization.prefix),
        template: String::new(),
        parameters: BTreeMap::new(),
        capabilities: BTreeSet::new(),
        tags: BTreeMap::new(),
        existing_recorders: Default::default(),
        needs: BTreeSet::new(),
    };
    let at = |key: &AccountKey| Place::member(key.clone(), home.clone());
    let members = plan.accounts.keys().map(at);
    members
        .chain([Place::management(home.clone())])
        .map(|place| ((place, name.clone()), stack.clone()))
        .collect()
}

fn descriptors() -> impl Iterator<Item = Arc<Descriptor>> {
    names().filter_map(|name| builtin::load(name)?.ok())
}

/// Whether a full name is that of a baseline's stack: its prefix is the one that was looked for.
fn is_called(full: &str, name: &StackName) -> bool {
    full.strip_suffix(name.as_str())
        .is_some_and(|prefix| prefix.ends_with('-'))
}

struct Found<'a> {
    members: BTreeSet<&'a AccountId>,
    logging: Evidence,
    secops: Evidence,
}

impl Found<'_> {
    fn logging(&mut self, id: &AccountId, reason: String) {
        if self.members.contains(id) {
            self.logging.entry(id.clone()).or_insert(reason);
        }
    }

    fn secops(&mut self, id: &AccountId, reason: String) {
        if self.members.contains(id) {
            self.secops.entry(id.clone()).or_insert(reason);
        }
    }

    /// Who administers what a baseline that is there has SecOps administer.
    fn delegates(&mut self, descriptor: &Descriptor, inventory: &Inventory) {
        let administrators = inventory.delegated_administrators.known();
        for (id, services) in administrators.into_iter().flatten() {
            let delegation = descriptor
                .delegated_administrators
                .iter()
                .find(|delegation| {
                    *delegation.account == NamedAccount::SecOps
                        && services.contains(&delegation.principal)
                });
            if let Some(delegation) = delegation {
                self.secops(id, format!("it administers {}", delegation.principal));
            }
        }
    }

    /// What parameters were made of: an account's id, or what a stack of one made.
    fn parameters(
        &mut self,
        descriptor: &Descriptor,
        specs: &BTreeMap<String, At<Interpolated>>,
        values: &BTreeMap<String, String>,
        whose: &str,
    ) {
        for (name, words) in specs {
            let Some(value) = values.get(name) else {
                continue;
            };
            let ids: Vec<AccountId> = self
                .members
                .iter()
                .filter(|id| holds(value, id))
                .map(|id| (*id).clone())
                .collect();
            let [id] = ids.as_slice() else {
                continue;
            };
            let reason = format!("{whose} has the parameter {name} = {value}");
            let (logging, secops) = made_of(descriptor, words);
            match (logging, secops) {
                (true, false) => self.logging(id, reason),
                (false, true) => self.secops(id, reason),
                _ => {}
            }
        }
    }
}

/// Whether a text holds an id that is not part of a longer number.
fn holds(text: &str, id: &AccountId) -> bool {
    text.split(|c: char| !c.is_ascii_digit())
        .any(|number| number == id.as_str())
}

/// Whether words speak of the logging account and of SecOps, themselves or by a stack or an option.
fn made_of(descriptor: &Descriptor, words: &Interpolated) -> (bool, bool) {
    let mut found = (false, false);
    for piece in words.pieces() {
        let of = match piece {
            Piece::LoggingId => (true, false),
            Piece::SecOpsId => (false, true),
            Piece::Output { stack, .. } => {
                let spec = descriptor.stacks.iter().find(|spec| spec.name == *stack);
                match spec.map(|spec| &*spec.account) {
                    Some(NamedAccount::Logging) => (true, false),
                    Some(NamedAccount::SecOps) => (false, true),
                    Some(NamedAccount::Management | NamedAccount::Key(_)) | None => (false, false),
                }
            }
            Piece::Option(name) => {
                let default = descriptor.options.get(name).and_then(default_of);
                default.map_or((false, false), |words| made_of(descriptor, words))
            }
            Piece::Literal(_)
            | Piece::Prefix
            | Piece::HomeRegion
            | Piece::Regions
            | Piece::Region
            | Piece::OrganizationId
            | Piece::Principals(_)
            | Piece::ManagementId => (false, false),
        };
        found = (found.0 || of.0, found.1 || of.1);
    }
    found
}

fn default_of(spec: &OptionSpec) -> Option<&Interpolated> {
    match &spec.default {
        Some(OptionValue::String(words)) => Some(words),
        _ => None,
    }
}
