//! Plain stacks in one account and Region: log buckets, the trail, the aggregator.

use std::collections::{BTreeMap, BTreeSet};

use super::BlockedBy;
use super::account::not_asked;
use super::builder::{DiffBuilder, becomes, missing_tags, set, tag_fields};
use super::context::{Context, Standing, marked};
use super::document::same_template;
use super::kept::{self, Kept};
use super::left::is_left_stack;
use super::recorder::{self, Brought, There};
use super::trail::{self, Obstacle};
use super::{loss, lost};
use crate::action::{self, StackDefinition, Successor, TakeIn};
use crate::addr::{AccountRef, Address, Attribute, Bindings, Expr, Place};
use crate::baseline::DesiredStack;
use crate::baseline::data::names_in_the_way;
use crate::baseline::replaced::{singletons_made_anew, uncertain_outputs};
use crate::change::{FieldChange, Verb};
use crate::inventory::{AccountRegion, Observed, StackFacts};
use crate::plan::{AccountId, StackName, Tags};

pub(super) fn compare(ctx: &Context<'_>, found: &mut DiffBuilder) {
    bind_outputs(ctx, &mut found.bindings);
    for (place, name) in in_order(ctx) {
        if let Some(desired) = ctx.desired.stacks.get(&(place.clone(), name.clone())) {
            one(ctx, found, place, name, desired);
        }
    }
    unmanaged(ctx, found);
}

/// Binds all outputs: stacks refer to each other's whatever their order.
pub(super) fn bind_outputs(ctx: &Context<'_>, bindings: &mut Bindings) {
    for ((place, name), desired) in &ctx.desired.stacks {
        if let Ok(Some(facts)) = look_up(ctx, place, desired)
            && state(facts) != State::Failed
        {
            let address = Address::Stack(place.clone(), name.clone());
            for (output, value) in &facts.outputs {
                let attribute = Attribute::Output(output.clone());
                bindings.bind(address.clone(), attribute, value);
            }
            let arn = facts.id.as_str();
            bindings.bind(address, Attribute::Id, arn);
        }
    }
}

/// The stacks, each after those whose outputs it uses: whether these will change decides what is known.
fn in_order<'a>(ctx: &Context<'a>) -> Vec<(&'a Place, &'a StackName)> {
    fn visit<'a>(
        ctx: &Context<'a>,
        key: &'a (Place, StackName),
        seen: &mut BTreeSet<&'a (Place, StackName)>,
        order: &mut Vec<(&'a Place, &'a StackName)>,
    ) {
        if !seen.insert(key) {
            return;
        }
        let desired = ctx.desired.stacks.get(key);
        let values = desired
            .into_iter()
            .flat_map(|desired| desired.parameters.values());
        for (address, _) in values.flat_map(Expr::references) {
            if let Address::Stack(place, name) = address
                && let Some((used, _)) = ctx
                    .desired
                    .stacks
                    .get_key_value(&(place.clone(), name.clone()))
            {
                visit(ctx, used, seen, order);
            }
        }
        order.push((&key.0, &key.1));
    }
    let mut order = Vec::new();
    let mut seen = BTreeSet::new();
    for key in ctx.desired.stacks.keys() {
        visit(ctx, key, &mut seen, &mut order);
    }
    order
}

/// The id of a place's account, where it is there already.
fn account_id(ctx: &Context<'_>, place: &Place) -> Option<AccountId> {
    match &place.account {
        AccountRef::Management => Some(ctx.plan.organization.management_account.clone()),
        AccountRef::Member(key) => match ctx.standing(key) {
            // What lies in an account that is out of use is no one else's, and what it said of itself holds.
            Standing::Present(facts) | Standing::Unusable(facts) => Some(facts.id.clone()),
            _ => None,
        },
    }
}

/// Where a place is, if its account is there already.
pub(super) fn at(ctx: &Context<'_>, place: &Place) -> Option<AccountRegion> {
    Some(AccountRegion {
        account: account_id(ctx, place)?,
        region: place.region().clone(),
    })
}

/// The stack as it is; or the place's reading that failed.
pub(super) fn look_up<'a>(
    ctx: &Context<'a>,
    place: &Place,
    desired: &DesiredStack,
) -> Result<Option<&'a StackFacts>, crate::inventory::ReadFailure> {
    let Some(at) = at(ctx, place) else {
        return Ok(None);
    };
    match ctx.inventory.stacks.get(&at) {
        Some(Observed::Known(stacks)) => Ok(stacks.get(&desired.full_name)),
        Some(Observed::Unread(unread)) => Err(unread.clone()),
        None => Err(not_asked("cloudformation:DescribeStacks")),
    }
}

/// What can be done with a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It can be updated.
    Settled,
    /// An operation runs.
    Busy,
    /// Left by a failed creation: it must go before it can come.
    Failed,
    /// Gone, though AWS still lists it.
    Gone,
    /// Stuck: a person must help.
    Stuck,
}

fn state(facts: &StackFacts) -> State {
    match facts.status.as_str() {
        "DELETE_COMPLETE" => State::Gone,
        // A change set was made for a stack that is not there, and nothing came of it.
        "REVIEW_IN_PROGRESS" => State::Failed,
        "CREATE_FAILED" | "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" => State::Failed,
        "DELETE_FAILED" | "UPDATE_ROLLBACK_FAILED" | "UPDATE_FAILED" | "IMPORT_ROLLBACK_FAILED" => {
            State::Stuck
        }
        status if status.ends_with("_IN_PROGRESS") => State::Busy,
        _ => State::Settled,
    }
}

fn one(
    ctx: &Context<'_>,
    found: &mut DiffBuilder,
    place: &Place,
    name: &StackName,
    desired: &DesiredStack,
) {
    let address = Address::Stack(place.clone(), name.clone());
    if let Some(key) = place.account.key() {
        match ctx.standing(key) {
            Standing::Unusable(facts) => {
                let message = format!("account `{key}` ({}) is {}", facts.id, facts.state.as_str());
                found.state(address, message, None);
                return;
            }
            Standing::Open(Some(unread)) => {
                found.unread(address, unread);
                return;
            }
            Standing::Open(None) => {
                found.state(
                    address,
                    format!("which account `{key}` is cannot be said"),
                    None,
                );
                return;
            }
            Standing::Present(_) | Standing::New => {}
        }
    }
    let facts = match look_up(ctx, place, desired) {
        Ok(facts) => facts,
        Err(unread) => {
            found.unread(address, &unread);
            return;
        }
    };
    match facts.map(|facts| (facts, state(facts))) {
        None | Some((_, State::Gone)) => create(ctx, found, address, place, desired, None),
        Some((facts, State::Failed)) => create(ctx, found, address, place, desired, Some(facts)),
        Some((facts, State::Busy)) => finish(ctx, found, address, place, desired, facts),
        Some((facts, State::Stuck)) => {
            // What somebody deleted keeps an update from being rolled back: the next one puts it back first.
            if facts.status == "UPDATE_ROLLBACK_FAILED" {
                update(ctx, found, address.clone(), place, desired, facts);
                if found.changes.contains_key(&address) || found.blocked.contains_key(&address) {
                    return;
                }
            }
            let command = match facts.status.as_str() {
                "UPDATE_ROLLBACK_FAILED" => "continue-update-rollback",
                "UPDATE_FAILED" => "rollback-stack",
                _ => "delete-stack",
            };
            found.state(
                address,
                format!("the stack {} is {}", facts.name, facts.status),
                Some(format!(
                    "in {place}, fix what its events say, then run `aws cloudformation {command} \
                     --stack-name {} --region {}`",
                    facts.name,
                    place.region()
                )),
            );
        }
        Some((facts, State::Settled)) => update(ctx, found, address, place, desired, facts),
    }
}

fn action(
    ctx: &Context<'_>,
    place: &Place,
    desired: &DesiredStack,
    tags: Tags,
    replaces_failed: bool,
) -> StackDefinition {
    StackDefinition {
        name: desired.full_name.clone(),
        account: ctx.account_of(place),
        region: place.region().clone(),
        template: desired.template.clone(),
        parameters: desired.parameters.clone(),
        capabilities: desired.capabilities.clone(),
        tags,
        replaces_failed,
        take_in: None,
    }
}

/// What was kept and is in the way of a stack; what cannot be taken in is told, and is an error.
fn take_in(
    ctx: &Context<'_>,
    found: &mut DiffBuilder,
    address: &Address,
    place: &Place,
    desired: &DesiredStack,
    facts: Option<&StackFacts>,
) -> Result<Option<TakeIn>, ()> {
    let Some(at) = at(ctx, place) else {
        return Ok(None);
    };
    match kept::look(ctx, &found.bindings, &at, desired, facts) {
        Kept::Nothing => Ok(None),
        Kept::TakenIn(take_in) => Ok(Some(take_in)),
        Kept::Unread(unread) => {
            found.unread(address.clone(), unread);
            Err(())
        }
        Kept::InTheWay { message, hint } => {
            found.state(address.clone(), message, Some(hint));
            Err(())
        }
    }
}

/// The fields that say so.
fn taken_in(take_in: Option<&TakeIn>) -> impl Iterator<Item = FieldChange> {
    let resources = take_in.into_iter().flat_map(|take_in| &take_in.resources);
    resources.map(|one| {
        set(
            &format!("takes in {}", one.logical_id),
            one.identifier.as_str(),
        )
    })
}

fn needs(place: &Place, desired: &DesiredStack) -> BTreeSet<Address> {
    let mut needs = desired.needs.clone();
    if let Some(key) = place.account.key() {
        needs.insert(Address::Access(key.clone()));
    }
    needs
}

fn create(
    ctx: &Context<'_>,
    found: &mut DiffBuilder,
    address: Address,
    place: &Place,
    desired: &DesiredStack,
    failed: Option<&StackFacts>,
) {
    match trail::in_the_way(ctx, &found.bindings, &address) {
        None => {}
        Some(Obstacle::Unread(unread)) => return found.unread(address, unread),
        Some(Obstacle::State { message, hint }) => {
            return found.state(address, message, Some(hint));
        }
    }
    let Ok(kept) = take_in(ctx, found, &address, place, desired, failed) else {
        return;
    };
    let mut needs = needs(place, desired);
    let there = at(ctx, place).map_or(There::Nothing, |at| {
        let brought = Brought {
            template: &desired.template,
            parameters: &desired.parameters,
            existing: desired.existing_recorders,
        };
        recorder::look(ctx, found, &brought, place, &at)
    });
    match there {
        There::Nothing => {}
        There::LeftOut => {
            let reason = BlockedBy::Needs {
                address: Address::ExistingRecorder(place.clone()),
            };
            found.block(address, reason, None);
            return;
        }
        There::ToRemove(facts) => {
            let references = desired.parameters.values().flat_map(Expr::references);
            let mut before: BTreeSet<Address> = references.map(|(at, _)| at.clone()).collect();
            before.extend(needs.iter().cloned());
            let successor = Successor::Stack(desired.full_name.clone());
            let removal = recorder::remove(ctx, found, place, facts, &successor, &before);
            found.begins(&removal, [address.clone()]);
            needs.insert(removal);
        }
    }
    let tags = marked(&desired.tags);
    let mut fields = vec![set("name", desired.full_name.as_str())];
    fields.extend(
        desired
            .parameters
            .iter()
            .map(|(key, value)| set(&format!("parameter {key}"), value.clone())),
    );
    fields.extend(tag_fields(&tags));
    fields.push(set("termination protection", "on"));
    fields.extend(taken_in(kept.as_ref()));
    let reason = match failed {
        None if kept.is_some() => "not there; what an earlier one kept is taken in".to_owned(),
        None => "not there".to_owned(),
        Some(facts) => format!(
            "its creation failed ({}); it is removed and made anew",
            facts.status
        ),
    };
    let action = action::CreateStack(StackDefinition {
        take_in: kept,
        ..action(ctx, place, desired, tags, failed.is_some())
    });
    found
        .change(address, Verb::Create, reason, fields, action)
        .extend(needs);
}

/// A run that was killed leaves its operation to AWS. The next one waits for it, and then brings about what is
/// still missing, whatever the operation made of the stack.
fn finish(
    ctx: &Context<'_>,
    found: &mut DiffBuilder,
    address: Address,
    place: &Place,
    desired: &DesiredStack,
    facts: &StackFacts,
) {
    // What comes of it is not known yet.
    for output in facts.outputs.keys() {
        let attribute = Attribute::Output(output.clone());
        found.changing.insert((address.clone(), attribute));
    }
    let reason = format!(
        "an operation is under way ({}); it is waited for first",
        facts.status
    );
    let tags = merged(marked(&desired.tags), &facts.tags);
    let action = action::CreateStack(action(ctx, place, desired, tags, false));
    found
        .change(address, Verb::Ensure, reason, Vec::new(), action)
        .extend(needs(place, desired));
}

fn update(
    ctx: &Context<'_>,
    found: &mut DiffBuilder,
    address: Address,
    place: &Place,
    desired: &DesiredStack,
    facts: &StackFacts,
) {
    let template = match &facts.template {
        Observed::Known(template) => template,
        Observed::Unread(unread) => {
            found.unread(address, unread);
            return;
        }
    };
    let tags = marked(&desired.tags);
    let mut fields = Vec::new();
    if !same_template(template, &desired.template) {
        fields.push(becomes("template", template, desired.template.as_str()));
    }
    let known = found.lasting();
    fields.extend(parameters(&desired.parameters, &facts.parameters, &known));
    let next = desired.parameters.iter();
    let next = next.map(|(name, value)| (name.clone(), value.value(&known).ok()));
    let (before, after) = (
        (template.as_str(), &facts.parameters),
        (desired.template.as_str(), &next.collect()),
    );
    if let Some((message, hint)) = cannot_make_anew(before, after) {
        found.state(address, message, Some(hint));
        return;
    }
    let uncertain = uncertain_outputs(before, after);
    for output in uncertain {
        let attribute = Attribute::Output(output);
        found.changing.insert((address.clone(), attribute));
    }
    fields.extend(missing_tags(&tags, &facts.tags).1);
    if !facts.termination_protection {
        fields.push(becomes("termination protection", "off", "on"));
    }
    if fields.is_empty() || found.too_many_tags(&address, &tags, &facts.tags) {
        return;
    }
    let Ok(kept) = take_in(ctx, found, &address, place, desired, Some(facts)) else {
        return;
    };
    fields.extend(taken_in(kept.as_ref()));
    let at = at(ctx, place);
    let lost = at.map_or_else(BTreeSet::new, |at| {
        lost::put_back(
            ctx,
            found,
            place,
            &at,
            &desired.template,
            &desired.parameters,
        )
    });
    let action = action::UpdateStack(StackDefinition {
        take_in: kept,
        ..action(ctx, place, desired, merged(tags, &facts.tags), false)
    });
    found
        .change(
            address,
            Verb::Update,
            "differs from the plan",
            fields,
            action,
        )
        .extend(needs(place, desired).into_iter().chain(lost));
}

/// Why an update would fail because it makes something anew beside itself, of which an account holds one in a Region or whose
/// name is taken by itself, and what to do. CloudFormation makes the new one before it removes the old one.
pub(super) fn cannot_make_anew(
    before: (&str, &BTreeMap<String, String>),
    after: (&str, &BTreeMap<String, Option<String>>),
) -> Option<(String, String)> {
    let anew = singletons_made_anew(before, after);
    let names = names_in_the_way((before.0, &loss::values(before.1)), after);
    let first = anew.first().or(names.first().map(|(first, _)| first))?;
    let changed: Vec<String> = after
        .1
        .iter()
        .filter_map(|(name, value)| {
            let (have, value) = (before.1.get(name)?, value.as_ref()?);
            let differs = have != value && have != "****";
            differs.then(|| format!("{name} from `{have}` to `{value}`"))
        })
        .collect();
    let reason = match changed.as_slice() {
        [] => "the template names it otherwise".to_owned(),
        changed => format!("this changes {}", changed.join(", ")),
    };
    if anew.is_empty() {
        let names: Vec<String> = names
            .iter()
            .map(|(resource, property)| format!("{resource} for its {property}"))
            .collect();
        let message = format!(
            "{reason}, and so CloudFormation would make anew under the same name {}; the old one has the name until the new one \
             is made, so it refuses",
            names.join(" and ")
        );
        let hint = format!("give it the former value again, or {first} another name with it");
        return Some((message, hint));
    }
    let message = format!(
        "{reason}, and so CloudFormation would make {} anew; an account holds one in a Region, and the old one is \
         there until the new one is made, so AWS refuses it",
        anew.join(" and ")
    );
    let hint = format!(
        "give it the former value again; {first} gets another name only where the stacks are removed first: without \
         the baseline, then with it again"
    );
    Some((message, hint))
}

/// The wanted tags beside those that are there under other keys: an update replaces the whole list.
pub(super) fn merged(mut desired: Tags, have: &Tags) -> Tags {
    for (key, value) in have.iter().filter(|(key, _)| !key.starts_with("aws:")) {
        desired.entry(key.clone()).or_insert_with(|| value.clone());
    }
    desired
}

/// The parameters that differ. One that refers to what is not known yet differs; one that AWS does
/// not show (NoEcho) does not.
pub(super) fn parameters(
    desired: &BTreeMap<String, Expr>,
    have: &BTreeMap<String, String>,
    bindings: &Bindings,
) -> Vec<FieldChange> {
    let mut fields = Vec::new();
    for (key, value) in desired {
        let before = have.get(key);
        let same = match (value.value(bindings), before) {
            (_, Some(hidden)) if hidden == "****" => true,
            (Ok(value), Some(before)) => &value == before,
            _ => false,
        };
        if !same {
            fields.push(FieldChange {
                field: format!("parameter {key}"),
                before: before.cloned(),
                after: Some(value.resolved(bindings)),
            });
        }
    }
    fields
}

/// Stacks under the prefix that no baseline of the plan asks for, and that are somebody else's.
fn unmanaged(ctx: &Context<'_>, found: &mut DiffBuilder) {
    for (at, facts) in not_asked_for(ctx) {
        if !is_left_stack(facts) {
            found.unmanaged(
                "stack",
                &facts.id,
                format!("{} in {}/{}", facts.name, at.account, at.region),
                "no baseline of the plan asks for it, and orgstrap did not make it; left alone",
            );
        }
    }
}

/// Stacks under the prefix that no baseline of the plan asks for, with their places.
pub(super) fn not_asked_for<'c>(ctx: &Context<'c>) -> Vec<(&'c AccountRegion, &'c StackFacts)> {
    let desired: BTreeSet<(AccountRegion, &str)> = ctx
        .desired
        .stacks
        .iter()
        .filter_map(|((place, _), desired)| {
            let at = AccountRegion {
                account: account_id(ctx, place)?,
                region: place.region().clone(),
            };
            Some((at, desired.full_name.as_str()))
        })
        .collect();
    let mut others = Vec::new();
    for (at, stacks) in &ctx.inventory.stacks {
        for facts in stacks.known().into_iter().flat_map(BTreeMap::values) {
            // The stack of a stack set's instance is that set's own business.
            let of_a_set = facts.name.starts_with("StackSet-");
            let asked = desired.contains(&(at.clone(), facts.name.as_str()));
            if !asked && !of_a_set && state(facts) != State::Gone {
                others.push((at, facts));
            }
        }
    }
    others
}
