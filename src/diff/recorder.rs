//! Config recorders that stand in the way of a baseline's: an account holds one in a Region, and a stack that
//! makes another fails. One of the baseline's own name is taken over by the stack.

use std::collections::BTreeMap;

use super::context::Context;
use crate::baseline::{WantedStackSet, makes_recorder};
use crate::change::{Bindings, Text};
use crate::inventory::{AccountRegion, Seen};
use crate::plan::AccountKey;

/// The parameter by which a template names its recorder, so that one of that name is taken over.
const PARAMETER: &str = "RecorderName";

/// The recorder of another name at a place where a stack of this template is to be.
pub(super) fn in_the_way<'c>(
    ctx: &Context<'c>,
    template: &str,
    parameters: &BTreeMap<String, Text>,
    bindings: &Bindings,
    at: &AccountRegion,
) -> Option<&'c str> {
    if !makes_recorder(template) {
        return None;
    }
    let wanted = parameters.get(PARAMETER)?.value(bindings).ok()?;
    match ctx.inventory.recorders.get(at)? {
        Seen::Known(Some(name)) if *name != wanted => Some(name),
        // What could not be read is told with all that could not; the stack's own failure tells the rest.
        _ => None,
    }
}

/// The accounts in which a recorder stands in the way of a set's instances, with Regions and names.
pub(super) fn of_set<'c>(
    ctx: &Context<'c>,
    wanted: &WantedStackSet,
    bindings: &Bindings,
) -> BTreeMap<AccountKey, Vec<(&'c AccountRegion, &'c str)>> {
    let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for at in ctx.inventory.recorders.keys() {
        let Some(key) = ctx.keys.get(&at.account) else {
            continue;
        };
        if !wanted.regions.contains(&at.region) {
            continue;
        }
        let name = in_the_way(ctx, &wanted.template, &wanted.parameters, bindings, at);
        if let Some(name) = name {
            found.entry(key.clone()).or_default().push((at, name));
        }
    }
    found
}

/// What is said of some, and what to do about the first.
pub(super) fn told<'n>(
    places: impl IntoIterator<Item = (String, &'n AccountRegion, &'n str)>,
) -> (String, Option<String>) {
    let mut said = Vec::new();
    let mut hint = None;
    for (account, at, name) in places {
        said.push(format!(
            "account {account} ({}) has the Config recorder `{name}` in {}",
            at.account, at.region
        ));
        hint.get_or_insert_with(|| {
            format!(
                "in that account run `aws configservice delete-configuration-recorder \
                 --configuration-recorder-name {name} --region {}`, after its delivery channel; or, where all \
                 accounts call theirs so, let the baseline take it over: `recorder_name = \"{name}\"`",
                at.region
            )
        });
    }
    let said = format!(
        "{}; an account holds one recorder in a Region, so a stack with another would fail",
        said.join("; ")
    );
    (said, hint)
}
