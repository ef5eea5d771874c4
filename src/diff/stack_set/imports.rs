//! Stacks that were there, which the plan names for a stack set to take in: which are imported, and
//! why others are left as they are.

use std::collections::{BTreeMap, BTreeSet};

use super::{Reach, Set, instances};
use crate::action;
use crate::addr::Address;
use crate::baseline::template::lost_resources;
use crate::change::{FieldChange, Verb};
use crate::diff::account::{not_asked, prepare};
use crate::diff::builder::{self, DiffBuilder, becomes};
use crate::diff::context::{Standing, marked};
use crate::diff::document::same_template;
use crate::diff::recorder;
use crate::diff::stack::parameters;
use crate::inventory::{AccountRegion, ExistingStack, InstanceFacts, Observed, StackFacts};
use crate::plan::{AccountKey, Region, StackId};

/// What the plan's named stacks of one set come to.
#[derive(Default)]
pub(super) struct Imports<'c> {
    /// By stage and account.
    ready: BTreeMap<u16, BTreeMap<&'c AccountKey, Import>>,
    /// Where nothing is made: stacks are taken in, or are not and that is told.
    places: BTreeMap<&'c AccountKey, BTreeSet<Region>>,
    ids: BTreeSet<AccountRegion>,
}

/// The stacks of one account that are taken in.
#[derive(Default)]
struct Import {
    stacks: BTreeMap<Region, StackId>,
    fields: Vec<FieldChange>,
    /// Whether every one is an instance already and only keeps parameters of its own.
    only_parameters: bool,
}

/// One stack that the plan names.
enum Named {
    /// It is an instance, and all is well.
    Done,
    Ready(Vec<FieldChange>),
    /// It is an instance with parameters of its own, or an import is under way.
    Unfinished(Vec<FieldChange>),
    Held(String, &'static str),
}

impl<'c> Imports<'c> {
    /// Judges the stacks; what is not taken in is told. `joining` are accounts on their way into the set's
    /// OUs.
    pub(super) fn of(
        set: &Set<'_, 'c>,
        found: &mut DiffBuilder,
        have: Option<&BTreeMap<AccountRegion, InstanceFacts>>,
        joining: impl Fn(&AccountKey) -> bool,
    ) -> Self {
        let mut imports = Imports::default();
        for id in &set.desired.existing_stacks {
            let Some((key, number)) = whose(set, found, id) else {
                continue;
            };
            let address = Address::StackImport(set.name.clone(), key.clone());
            let at = AccountRegion {
                account: id.account().clone(),
                region: id.region().clone(),
            };
            let instance = have.and_then(|have| have.get(&at));
            let seen = set.ctx.inventory.existing_stacks.get(id);
            if let Some(why) = seen.and_then(ExistingStack::unread) {
                found.unread(address, why);
                imports.leave_out(key, at);
                continue;
            }
            let named = match seen {
                Some(ExistingStack::Apart(Observed::Known(facts))) => match instance {
                    Some(instance) if !instance.failed_import() => Named::Done,
                    _ if joining(key) => Named::Held(
                        format!(
                            "account `{key}` moves into the OUs of this stack set, whose auto-deployment makes a \
                             stack of its own beside {}",
                            id.name()
                        ),
                        "delete the stack before the account moves, or leave the new OU without the baseline until then",
                    ),
                    _ => stack(set, found, id, &at, facts.as_ref()),
                },
                Some(ExistingStack::Instance(Observed::Known(facts))) => {
                    if facts
                        .stack
                        .as_ref()
                        .is_some_and(|stack| *stack != id.to_string())
                    {
                        left(
                            found,
                            address.clone(),
                            id,
                            format!(
                                "account `{key}` has another stack of {} in {}, and {}",
                                set.desired.full_name,
                                id.region(),
                                id.name()
                            ),
                            "delete that stack, or take it out of `existing_stacks`",
                        );
                        Named::Done
                    } else if instance.is_some_and(InstanceFacts::is_at_work) {
                        Named::Unfinished(Vec::new())
                    } else if facts.overrides.is_empty() {
                        Named::Done
                    } else {
                        let own = facts.overrides.iter();
                        let field = |(name, value): (&String, &String)| FieldChange {
                            field: format!("own parameter {name} in {}", id.region()),
                            before: Some(value.clone()),
                            after: None,
                        };
                        Named::Unfinished(own.map(field).collect())
                    }
                }
                _ if instance.is_some() => Named::Done,
                _ => {
                    found.unread(address.clone(), &not_asked("cloudformation:DescribeStacks"));
                    imports.leave_out(key, at);
                    continue;
                }
            };
            let (fields, whole) = match named {
                Named::Done => continue,
                Named::Held(message, hint) => {
                    found.state(address, message, Some(hint.to_owned()));
                    imports.leave_out(key, at);
                    continue;
                }
                Named::Ready(fields) => (fields, true),
                Named::Unfinished(fields) => (fields, false),
            };
            let stage = imports.ready.entry(number).or_default();
            let import = stage.entry(key).or_insert_with(|| Import {
                only_parameters: true,
                ..Import::default()
            });
            import.only_parameters &= !whole;
            import.stacks.insert(id.region().clone(), id.clone());
            import.fields.extend(fields);
            imports.leave_out(key, at);
        }
        imports
    }

    /// Where nothing is made, by account.
    pub(super) fn places(&self) -> impl Iterator<Item = (&'c AccountKey, &BTreeSet<Region>)> {
        self.places.iter().map(|(key, regions)| (*key, regions))
    }

    /// Whether a place is one of them.
    pub(super) fn has(&self, at: &AccountRegion) -> bool {
        self.ids.contains(at)
    }

    /// The stages in which stacks are taken in.
    pub(super) fn stages(&self) -> impl Iterator<Item = u16> {
        self.ready.keys().copied()
    }

    /// Adds the imports of one stage, after `needs`.
    pub(super) fn add(
        &self,
        set: &Set<'_, 'c>,
        found: &mut DiffBuilder,
        number: u16,
        needs: &[Address],
    ) {
        for (key, import) in self.ready.get(&number).into_iter().flatten() {
            import.add(set, found, key, needs);
        }
    }

    fn leave_out(&mut self, key: &'c AccountKey, at: AccountRegion) {
        let regions = self.places.entry(key).or_default();
        regions.insert(at.region.clone());
        self.ids.insert(at);
    }
}

impl Import {
    fn add(&self, set: &Set<'_, '_>, found: &mut DiffBuilder, key: &AccountKey, needs: &[Address]) {
        let address = Address::StackImport(set.name.clone(), key.clone());
        let planned = set.ctx.plan.accounts.get(key);
        let targets = set.stages.by_number.values();
        let above = targets
            .flat_map(|stage| &stage.ous)
            .find(|path| planned.is_some_and(|planned| path.contains(&planned.ou)));
        let reach = Reach {
            ous: above.into_iter().collect(),
            only: vec![key],
            except: vec![],
            regions: self.stacks.keys().cloned().collect(),
            expect: vec![key],
            leaving: BTreeMap::new(),
            lacking: BTreeMap::new(),
        };
        prepare(set.ctx, found, key, "a stack of it is to be imported");
        let (verb, reason) = if self.only_parameters {
            let reason = "the import left it parameters of its own";
            (Verb::Update, reason)
        } else {
            (Verb::Create, "a stack that the plan names for it is there")
        };
        let action = action::ImportStacks {
            set: set.action(marked(&set.desired.tags)),
            targets: set.targets(&reach),
            stacks: self.stacks.clone(),
        };
        let own = found.change(address, verb, reason, self.fields.clone(), action);
        own.extend(set.base_needs());
        own.extend(needs.iter().cloned());
        own.insert(Address::Access(key.clone()));
        own.insert(Address::Placement(key.clone()));
    }
}

/// The account of the plan that a stack is in, and the stage in which the set reaches it.
fn whose<'c>(
    set: &Set<'_, 'c>,
    found: &mut DiffBuilder,
    id: &StackId,
) -> Option<(&'c AccountKey, u16)> {
    let ctx = set.ctx;
    let key = ctx.keys.get(id.account());
    let Some((key, planned)) = key.and_then(|key| ctx.plan.accounts.get_key_value(key)) else {
        // Where accounts could not be read or told apart, that is told already.
        if ctx.accounts.is_ok() && ctx.identified.undecided.is_empty() {
            left(
                found,
                set.address(),
                id,
                format!(
                    "the stack {} is in account {}, which is not in the plan",
                    id.name(),
                    id.account()
                ),
                "take it out of `existing_stacks`, or the account into the plan",
            );
        }
        return None;
    };
    if !matches!(ctx.standing(key), Standing::Present(_)) {
        return None;
    }
    let number = set.stages.of_ou.get(&planned.ou).copied();
    match number {
        Some(number) if instances::expected(ctx, key) => Some((key, number)),
        _ => {
            left(
                found,
                Address::StackImport(set.name.clone(), key.clone()),
                id,
                format!(
                    "the stack {} is in account `{key}` in {}, which the stack set {} does not reach",
                    id.name(),
                    planned.ou,
                    set.desired.full_name
                ),
                "take it out of `existing_stacks`",
            );
            None
        }
    }
}

/// A stack of `existing_stacks` that is not taken in.
fn left(found: &mut DiffBuilder, address: Address, id: &StackId, text: String, hint: &str) {
    let name = format!(
        "existing-stack/{}/{}/{}",
        id.account(),
        id.region(),
        id.name()
    );
    found.by_hand(
        address,
        name,
        Some(id.account()),
        text,
        "the stack is left as it is",
        hint.to_owned(),
    );
}

/// A stack that is no instance yet.
fn stack(
    set: &Set<'_, '_>,
    found: &DiffBuilder,
    id: &StackId,
    at: &AccountRegion,
    facts: Option<&StackFacts>,
) -> Named {
    const LEAVE_OUT: &str =
        "take it out of `existing_stacks`, and the stack set makes a stack of its own";
    let Some(facts) = facts else {
        let message = format!("the stack {} is gone", id.name());
        return Named::Held(message, LEAVE_OUT);
    };
    let template = facts.template.known().map_or("", String::as_str);
    let name = id.name();
    let stuck = matches!(
        facts.status.as_str(),
        "CREATE_FAILED"
            | "ROLLBACK_COMPLETE"
            | "ROLLBACK_FAILED"
            | "DELETE_FAILED"
            | "DELETE_IN_PROGRESS"
            | "UPDATE_ROLLBACK_FAILED"
            | "UPDATE_FAILED"
            | "IMPORT_ROLLBACK_FAILED"
            | "REVIEW_IN_PROGRESS"
    );
    if stuck {
        return Named::Held(
            format!("the stack {name} is {}", facts.status),
            "fix what its events say, or delete it and take it out of `existing_stacks`",
        );
    }
    let hidden: Vec<&str> = facts
        .parameters
        .iter()
        .filter(|(_, value)| *value == "****")
        .map(|(name, _)| name.as_str())
        .collect();
    if !hidden.is_empty() {
        return Named::Held(
            format!(
                "the stack {name} has parameters with NoEcho ({}), and AWS imports no such stack",
                hidden.join(", ")
            ),
            "take NoEcho out of its template, or take it out of `existing_stacks`",
        );
    }
    match lost_resources(template, &set.desired.template) {
        Err(why) => {
            return Named::Held(
                format!("the template of the stack {name} cannot be read: {why}"),
                LEAVE_OUT,
            );
        }
        Ok(lost) if !lost.is_empty() => {
            return Named::Held(
                format!(
                    "the stack {name} has what the stack set's template lacks, and would lose it: {}",
                    lost.join(", ")
                ),
                "give these a DeletionPolicy of Retain and take them out of the stack, or leave the stack out \
                 of `existing_stacks`",
            );
        }
        Ok(_) => {}
    }
    if let Some(other) = recorder::other_name(set.ctx, found, &set.brought(), at) {
        return Named::Held(
            format!(
                "account {} has `{other}` in {} and the stack set's recorder and delivery channel have another \
                 name; an account holds one of each in a Region, so an update of the stack {name} would fail",
                id.account(),
                id.region()
            ),
            "where all accounts call theirs so, let the baseline call its own so: `recorder_name`; else take it out \
             of `existing_stacks`",
        );
    }
    let region = id.region();
    let mut fields = vec![builder::set(&format!("stack in {region}"), name)];
    if !same_template(template, &set.desired.template) {
        let after = set.desired.template.as_str();
        fields.push(becomes(&format!("template in {region}"), template, after));
    }
    let differ = parameters(&set.desired.parameters, &facts.parameters, &found.lasting());
    fields.extend(differ.into_iter().map(|field| FieldChange {
        field: format!("{} in {region}", field.field),
        ..field
    }));
    let tags = marked(&set.desired.tags);
    let own = facts.tags.iter();
    let lost = own.filter(|(key, _)| !tags.contains_key(*key) && !key.starts_with("aws:"));
    fields.extend(lost.map(|(key, value)| FieldChange {
        field: format!("tag {key} in {region}"),
        before: Some(value.clone()),
        after: None,
    }));
    Named::Ready(fields)
}
