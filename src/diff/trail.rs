//! Trails that were there before the baseline's. One organization trail is enough and a second one costs, so
//! none is made beside another without a word of the plan's: which is watched instead, which stays, which goes.

use std::collections::{BTreeMap, BTreeSet};

use super::BlockedBy;
use super::builder::DiffBuilder;
use super::context::Context;
use super::foreign_managers;
use crate::action::{self, Action};
use crate::addr::{Address, Attribute, Bindings, Expr};
use crate::baseline::WantedTrail;
use crate::change::Verb;
use crate::inventory::{Observed, ReadFailure, TrailFacts};
use crate::plan::Region;

/// How many trails AWS lets an account have in a Region, copies of other Regions' included.
const MOST: usize = 5;

/// Why a stack that is not there cannot be made now.
pub(super) enum Obstacle<'c> {
    Unread(&'c ReadFailure),
    State { message: String, hint: String },
}

/// What stands in the way of the stack that makes the organization trail.
pub(super) fn in_the_way<'c>(
    ctx: &Context<'c>,
    bindings: &Bindings,
    stack: &Address,
) -> Option<Obstacle<'c>> {
    let desired = ctx.desired.trail.as_ref()?;
    if desired.address().as_ref() != Some(stack) {
        return None;
    }
    let trails = match ctx.inventory.trails.as_ref()? {
        Observed::Known(trails) => trails,
        Observed::Unread(unread) => return Some(Obstacle::Unread(unread)),
    };
    let home = &ctx.plan.organization.home_region;
    let own = desired.name.value(bindings).unwrap_or_default();
    let taken = |trail: &TrailFacts| trail.name == own && trail.home_region == *home;
    let in_the_way: Vec<&TrailFacts> = trails
        .values()
        .filter(|trail| !desired.replaced.contains(&trail.name))
        .filter(|trail| taken(trail) || trail.organization && !desired.kept.contains(&trail.name))
        .collect();
    if let Some(first) = in_the_way.first() {
        let message = in_the_way.iter().map(|trail| told(trail));
        return Some(Obstacle::State {
            message: message.collect::<Vec<_>>().join("; "),
            hint: choices(first, home, taken(first)),
        });
    }
    let goes_first = |trail: &&TrailFacts| taken(trail) && desired.replaced.contains(&trail.name);
    let stay = trails.len() - trails.values().filter(goes_first).count();
    (stay >= MOST).then(|| {
        let names: BTreeSet<&str> = trails.values().map(|trail| trail.name.as_str()).collect();
        Obstacle::State {
            message: format!(
                "the management account has {stay} trails in {home} already, and AWS lets it have {MOST}: {}",
                names.into_iter().collect::<Vec<_>>().join(", ")
            ),
            hint: "delete one of them, or adopt the organization trail that is there (`adopt_trail`)"
                .to_owned(),
        }
    })
}

fn told(trail: &TrailFacts) -> String {
    let TrailFacts {
        name,
        home_region,
        bucket,
        ..
    } = trail;
    if trail.organization {
        format!(
            "the organization trail `{name}` (home Region {home_region}, bucket {bucket}) is there already, and \
             every event of a second one costs"
        )
    } else {
        format!(
            "the trail `{name}` (bucket {bucket}) is there already and has the name in {home_region}"
        )
    }
}

/// What a person can write, and what comes of it.
fn choices(trail: &TrailFacts, home: &Region, taken: bool) -> String {
    let name = &trail.name;
    let mut choices = Vec::new();
    if trail.organization && trail.home_region == *home {
        choices.push(format!(
            "`trail_name = \"{name}\"` with `adopt_trail = true` to watch it as it is"
        ));
    }
    let gap = if taken {
        ", with nothing logged for a moment in between"
    } else {
        ""
    };
    choices.push(format!(
        "`replace_trails = [\"{name}\"]` to have the baseline's take its place{gap}"
    ));
    choices.push(if taken {
        "another `trail_name` to have both".to_owned()
    } else {
        format!("`keep_trails = [\"{name}\"]` to pay for both")
    });
    format!("in [baseline.cloudtrail] write {}", choices.join(", or "))
}

/// The trail that is watched instead, and those that go.
pub(super) fn compare(ctx: &Context<'_>, found: &mut DiffBuilder) {
    let (Some(desired), Some(trails)) = (&ctx.desired.trail, &ctx.inventory.trails) else {
        return;
    };
    let home = &ctx.plan.organization.home_region;
    let own = desired.name.value(&found.bindings).unwrap_or_default();
    hold_back(ctx, found, desired);
    match trails {
        Observed::Known(trails) => {
            if desired.stack.is_none() {
                adopted(ctx, found, &own, trails);
            }
            for (arn, trail) in trails {
                if desired.replaced.contains(&trail.name) {
                    replace(ctx, found, desired, &own, arn, trail);
                }
            }
        }
        Observed::Unread(unread) => {
            let watched = desired.stack.is_none().then_some(&own);
            for name in desired.replaced.iter().chain(watched) {
                found.unread(Address::Trail(home.clone(), name.clone()), unread);
            }
        }
    }
}

/// While the trail's stack waits for a word of the plan's, so does what is made for it alone: its bucket and key
/// would stay, and cost, if the trail never came.
fn hold_back(ctx: &Context<'_>, found: &mut DiffBuilder, desired: &WantedTrail) {
    let (Some(key), Some(stack)) = (&desired.stack, desired.address()) else {
        return;
    };
    let Some(trail) = ctx.desired.stacks.get(key) else {
        return;
    };
    if !found.blocked.contains_key(&stack) {
        return;
    }
    let references = trail.parameters.values().flat_map(Expr::references);
    let made_for_it: BTreeSet<&Address> = references.map(|(address, _)| address).collect();
    for address in made_for_it {
        let created = found
            .changes
            .get(address)
            .is_some_and(|change| matches!(change.action, Action::CreateStack(_)));
        let shared = ctx.desired.stacks.iter().any(|(other, desired)| {
            let mut texts = desired.parameters.values().flat_map(Expr::references);
            other != key && texts.any(|(referred, _)| referred == address)
        });
        if created && !shared {
            let reason = BlockedBy::Needs {
                address: stack.clone(),
            };
            found.block(address.clone(), reason, None);
        }
    }
}

fn adopted(
    ctx: &Context<'_>,
    found: &mut DiffBuilder,
    own: &str,
    trails: &BTreeMap<String, TrailFacts>,
) {
    let home = &ctx.plan.organization.home_region;
    let address = Address::Trail(home.clone(), own.to_owned());
    let ours = ctx
        .inventory
        .stacks
        .iter()
        .filter(|(at, _)| at.account == ctx.inventory.caller && at.region == *home)
        .filter_map(|(_, stacks)| stacks.known())
        .flat_map(BTreeMap::values)
        .find(|stack| {
            let template = stack.template.known();
            template.is_some_and(|text| text.contains("AWS::CloudTrail::Trail"))
                && stack.parameters.values().any(|value| value == own)
        });
    if let Some(stack) = ours {
        let message = format!("the trail `{own}` is made by the stack {}", stack.name);
        let hint = "take `adopt_trail` away: the baseline keeps this trail itself";
        found.state(address, message, Some(hint.to_owned()));
        return;
    }
    let there = |trail: &&TrailFacts| trail.name == own && trail.home_region == *home;
    if trails
        .values()
        .any(|trail| there(&trail) && trail.organization)
    {
        return;
    }
    let others: Vec<String> = trails
        .values()
        .filter(|trail| trail.organization)
        .map(|trail| format!("`{}` with home Region {}", trail.name, trail.home_region))
        .collect();
    let hint = match others.is_empty() {
        true => "take `adopt_trail` away, and the baseline makes one".to_owned(),
        false => format!("there is {}", others.join(", ")),
    };
    let message = match trails.values().any(|trail| there(&trail)) {
        true => format!("the trail `{own}` is no organization trail: it logs one account"),
        false => format!("the management account has no trail `{own}` with home Region {home}"),
    };
    found.state(
        address,
        format!("{message}, so there is none to adopt"),
        Some(hint),
    );
}

/// A trail goes when the baseline's logs. One of the same name goes before, but not before all else that the
/// baseline's needs is there: the less time without a trail.
fn replace(
    ctx: &Context<'_>,
    found: &mut DiffBuilder,
    desired: &WantedTrail,
    own: &str,
    arn: &str,
    trail: &TrailFacts,
) {
    let home = &ctx.plan.organization.home_region;
    let address = Address::Trail(trail.home_region.clone(), trail.name.clone());
    let stack = desired.address();
    let same = trail.name == own && trail.home_region == *home;
    if let Some(stack) = &stack
        && same
        && found.bindings.get(stack, &Attribute::Id).is_some()
    {
        // The baseline's own: what it took the place of is gone.
        return;
    }
    if let Some(tool) = foreign_managers::owner_of_stack(&trail.name) {
        let message = format!("the trail `{}` belongs to {tool}", trail.name);
        let hint = format!("turn it off in the settings of {tool}, or name it in `keep_trails`");
        found.state(address, message, Some(hint));
        return;
    }
    let mut needs = BTreeSet::new();
    if same && let Some(stack) = &stack {
        match found.changes.get_mut(stack) {
            Some(change) => {
                needs = change.all_needs();
                change.needs.insert(address.clone());
                found.begins(&address, [stack.clone()]);
            }
            // Nothing would come in its place.
            None => {
                needs.insert(stack.clone());
            }
        }
    } else {
        needs.extend(stack);
    }
    let reason = if same {
        "the baseline's trail of the same name takes its place; nothing is logged in between"
    } else {
        "the baseline's trail takes its place, once that logs"
    };
    let action = action::DeleteTrail {
        region: trail.home_region.clone(),
        arn: arn.to_owned(),
        successor: (!same).then(|| desired.name.clone()),
    };
    found
        .change(address, Verb::Delete, reason, Vec::new(), action)
        .extend(needs);
}
