//! Config recorders and delivery channels that are there where a baseline is to bring its own: an account holds one
//! of each in a Region, and a stack that makes others fails. The baseline says what becomes of them: they stay and
//! the stack is left out there, they are left to the stack if they are called as it calls its own, or they are
//! removed first.

use std::collections::{BTreeMap, BTreeSet};

use super::builder::DiffBuilder;
use super::context::{Context, Standing};
use super::foreign_managers::owner_of_stack;
use crate::action::{self, Successor};
use crate::addr::{AccountRef, Address, Expr, Place};
use crate::baseline::{ExistingRecorders, makes_recorder};
use crate::change::{FieldChange, Verb};
use crate::inventory::{AccountRegion, Observed, RecorderFacts};
use crate::plan::{AccountId, AccountKey, OuPath, Region};

/// The parameter by which a template names its recorder and its channel.
const PARAMETER: &str = "RecorderName";

/// What a stack brings.
pub(super) struct Brought<'a> {
    pub(super) template: &'a str,
    pub(super) parameters: &'a BTreeMap<String, Expr>,
    pub(super) existing: ExistingRecorders,
}

/// What is there at a place where the stack is to be.
pub(super) enum There<'c> {
    /// Nothing that the stack does not come to terms with.
    Nothing,
    /// Something that stays, or nobody knows: told already, and no stack is made here.
    LeftOut,
    /// What is to be removed before.
    ToRemove(&'c RecorderFacts),
}

/// Looks at one place, and tells of what stays there.
pub(super) fn look<'c>(
    ctx: &Context<'c>,
    found: &mut DiffBuilder,
    brought: &Brought<'_>,
    place: &Place,
    at: &AccountRegion,
) -> There<'c> {
    if !makes_recorder(brought.template) {
        return There::Nothing;
    }
    let address = Address::ExistingRecorder(place.clone());
    let facts = match ctx.inventory.recorders.get(at) {
        None => return There::Nothing,
        Some(Observed::Known(facts)) if facts.is_empty() => return There::Nothing,
        Some(Observed::Known(facts)) => facts,
        Some(Observed::Unread(unread)) => {
            found.unread(address, unread);
            return There::LeftOut;
        }
    };
    let parameter = brought.parameters.get(PARAMETER);
    let own = parameter.and_then(|name| name.value(&found.bindings).ok());
    let of_its_name = |name: &Option<String>| name.is_none() || *name == own;
    let named = of_its_name(&facts.recorder) && of_its_name(&facts.channel);
    let owner = owner(ctx, facts, at);
    match (brought.existing, owner) {
        (ExistingRecorders::Replace, None) => There::ToRemove(facts),
        (ExistingRecorders::Adopt, _) if named => There::Nothing,
        (_, owner) => {
            let (said, hint) = told(place, at, facts, own.filter(|_| named), owner);
            found.state(address, said, Some(hint));
            There::LeftOut
        }
    }
}

/// The name of a recorder or channel there that is not the stack's: an update of the stack would make another
/// beside it, and fail.
pub(super) fn other_name<'c>(
    ctx: &Context<'c>,
    found: &DiffBuilder,
    brought: &Brought<'_>,
    at: &AccountRegion,
) -> Option<&'c str> {
    if !makes_recorder(brought.template) {
        return None;
    }
    let own = brought.parameters.get(PARAMETER)?;
    let own = own.value(&found.bindings).ok()?;
    let facts = ctx.inventory.recorders.get(at)?.known()?;
    let names = [&facts.recorder, &facts.channel];
    let mut names = names.into_iter().filter_map(Option::as_deref);
    names.find(|name| *name != own)
}

/// The tool whose recorder it is, by its name or by the OU that the account lies in.
fn owner(ctx: &Context<'_>, facts: &RecorderFacts, at: &AccountRegion) -> Option<&'static str> {
    let names = [&facts.recorder, &facts.channel];
    let by_name = names
        .into_iter()
        .flatten()
        .find_map(|name| owner_of_stack(name));
    let parent = ctx
        .account_facts(&at.account)
        .map(|facts| facts.parent.as_str());
    by_name.or_else(|| ctx.governed.get(parent?).copied())
}

/// `the Config recorder `a` and the delivery channel `b``.
fn named(facts: &RecorderFacts) -> String {
    let name = |what: &str, name: &Option<String>| {
        let name = name.as_deref()?;
        Some(format!("the {what} `{name}`"))
    };
    [
        name("Config recorder", &facts.recorder),
        name("delivery channel", &facts.channel),
    ]
    .into_iter()
    .flatten()
    .collect::<Vec<_>>()
    .join(" and ")
}

/// What is said of a place where something stays, and what to do about it.
fn told(
    place: &Place,
    at: &AccountRegion,
    facts: &RecorderFacts,
    own: Option<String>,
    owner: Option<&str>,
) -> (String, String) {
    let account = match &place.account {
        AccountRef::Management => "the management account".to_owned(),
        AccountRef::Member(key) => format!("account `{key}`"),
    };
    let said = format!(
        "{account} ({}) has {} in {}; an account holds one of each in a Region, so the baseline's stack is \
         left out there",
        at.account,
        named(facts),
        at.region
    );
    let hint = match owner {
        Some(tool) => format!(
            "it is {tool}'s, which orgstrap leaves alone; `baselines` in `[ou.\"PATH\"]` leaves the account's \
             OU without the baseline"
        ),
        None => {
            let adopt = match own {
                Some(name) => format!(
                    ", and \"adopt\" leaves those of the name `{name}` to its stack to take over"
                ),
                None => String::new(),
            };
            let commands = [
                (
                    "stop-configuration-recorder --configuration-recorder-name",
                    &facts.recorder,
                ),
                (
                    "delete-delivery-channel --delivery-channel-name",
                    &facts.channel,
                ),
                (
                    "delete-configuration-recorder --configuration-recorder-name",
                    &facts.recorder,
                ),
            ];
            let commands: Vec<String> = commands
                .iter()
                .filter_map(|(command, name)| {
                    let name = name.as_deref()?;
                    Some(format!(
                        "`aws configservice {command} {name} --region {}`",
                        at.region
                    ))
                })
                .collect();
            let import = match &place.account {
                AccountRef::Member(_) => {
                    "; if a stack made them, the stack set can take that in: `existing_stacks`"
                }
                AccountRef::Management => "",
            };
            format!(
                "`existing_recorders` in the baseline's table decides for all accounts: \"replace\" removes them \
                 before{adopt}{import}; for this one alone run in it {}",
                commands.join(", then ")
            )
        }
    };
    (said, hint)
}

/// The change that removes what is there; gives its address.
pub(super) fn remove(
    ctx: &Context<'_>,
    found: &mut DiffBuilder,
    place: &Place,
    facts: &RecorderFacts,
    successor: &Successor,
    needs: &BTreeSet<Address>,
) -> Address {
    let address = Address::ExistingRecorder(place.clone());
    let gone = |field: &str, name: &Option<String>| {
        name.as_ref().map(|name| FieldChange {
            field: field.to_owned(),
            before: Some(name.clone()),
            after: None,
        })
    };
    let fields = [
        gone("recorder", &facts.recorder),
        gone("delivery channel", &facts.channel),
    ];
    let action = action::RemoveRecorder {
        account: ctx.account_of(place),
        region: place.region().clone(),
        recorder: facts.recorder.clone(),
        channel: facts.channel.clone(),
        successor: successor.clone(),
    };
    let reason = "the baseline brings its own; what was recorded stays in AWS Config";
    let fields = fields.into_iter().flatten().collect();
    found
        .change(address.clone(), Verb::Delete, reason, fields, action)
        .extend(needs.iter().cloned());
    address
}

/// What is met where a stack set has no instances yet.
#[derive(Default)]
pub(super) struct Met<'c> {
    /// The Regions in which nothing is made, by account.
    pub(super) left_out: BTreeMap<&'c AccountKey, BTreeSet<Region>>,
    /// What is to be removed, by account and Region.
    to_remove: BTreeMap<&'c AccountKey, BTreeMap<&'c Region, &'c RecorderFacts>>,
    /// Accounts that the plan does not name and that operations on whole OUs leave out, with the OU of the plan
    /// that they lie in.
    strangers: BTreeMap<&'c AccountId, OuPath>,
}

impl<'c> Met<'c> {
    /// Looks at places of the accounts that are to have instances, and at those of accounts not in the plan.
    pub(super) fn at(
        ctx: &Context<'c>,
        found: &mut DiffBuilder,
        brought: &Brought<'_>,
        places: impl Iterator<Item = &'c AccountRegion>,
        to_have: impl Fn(&AccountKey) -> bool,
    ) -> Self {
        let mut met = Met::default();
        if !makes_recorder(brought.template) {
            return met;
        }
        for at in places {
            let named = ctx.keys.get(&at.account);
            let Some((key, _)) = named.and_then(|key| ctx.plan.accounts.get_key_value(key)) else {
                met.stranger(ctx, found, at);
                continue;
            };
            if !to_have(key) {
                continue;
            }
            let place = Place::member(key.clone(), at.region.clone());
            match look(ctx, found, brought, &place, at) {
                There::Nothing => {}
                There::LeftOut => {
                    let regions = met.left_out.entry(key).or_default();
                    regions.insert(at.region.clone());
                }
                There::ToRemove(facts) => {
                    let regions = met.to_remove.entry(key).or_default();
                    regions.insert(&at.region, facts);
                }
            }
        }
        met
    }

    fn stranger(&mut self, ctx: &Context<'c>, found: &mut DiffBuilder, at: &'c AccountRegion) {
        let Some(Observed::Known(facts)) = ctx.inventory.recorders.get(at) else {
            return;
        };
        let account = ctx.account_facts(&at.account);
        let paths = ctx.ous.as_ref().ok().map(|ous| &ous.paths);
        let path = account.and_then(|account| paths?.get(account.parent.as_str()));
        let above = std::iter::successors(path.cloned(), OuPath::parent);
        let ou = above
            .into_iter()
            .find(|path| ctx.plan.ous.contains_key(path));
        if let (false, Some(account), Some(ou)) = (facts.is_empty(), account, ou) {
            self.strangers.insert(&at.account, ou);
            found.unmanaged(
                "config recorder",
                String::from(at.clone()),
                format!("{} in {}/{}", named(facts), account.name, at.region),
                "the account is not in the plan; it is left out of the baseline's rollout",
            );
        }
    }

    /// The accounts where something was met that an operation on these OUs would reach, whatever stage is theirs:
    /// those below, and those that are yet to move away.
    pub(super) fn passing(&self, ctx: &Context<'_>, ous: &[&OuPath]) -> Vec<&'c AccountKey> {
        let lies_in = |key: &AccountKey| {
            let Standing::Present(facts) = ctx.standing(key) else {
                return false;
            };
            let paths = ctx.ous.as_ref().ok().map(|ous| &ous.paths);
            let path = paths.and_then(|paths| paths.get(facts.parent.as_str()));
            path.is_some_and(|path| ous.iter().any(|ou| ou.contains(path)))
        };
        let met: BTreeSet<&'c AccountKey> = self
            .left_out
            .keys()
            .chain(self.to_remove.keys())
            .copied()
            .collect();
        met.into_iter().filter(|key| lies_in(key)).collect()
    }

    /// Those that are not in the plan and lie in these OUs.
    pub(super) fn strangers_in(&self, ous: &[&OuPath]) -> impl Iterator<Item = &'c AccountId> {
        self.strangers
            .iter()
            .filter(|(_, path)| ous.iter().any(|ou| ou.contains(path)))
            .map(|(id, _)| *id)
    }

    /// Removes what is to be removed in some Regions of an account; gives the changes that do.
    pub(super) fn remove(
        &self,
        ctx: &Context<'_>,
        found: &mut DiffBuilder,
        key: &AccountKey,
        regions: &BTreeSet<Region>,
        successor: &Successor,
        needs: &BTreeSet<Address>,
    ) -> BTreeSet<Address> {
        let there = self.to_remove.get(key).into_iter().flatten();
        there
            .filter(|(region, _)| regions.contains(region))
            .map(|(region, facts)| {
                let place = Place::member(key.clone(), (*region).clone());
                remove(ctx, found, &place, facts, successor, needs)
            })
            .collect()
    }
}
