//! Config recorders that are there before a baseline brings its own: an account holds one in a Region, so a
//! stack with another would fail. Asked only where such a stack is to be and is not.

use std::collections::{BTreeMap, BTreeSet};

use super::probe::is_customers;
use super::{Reader, seen, side_by_side};
use crate::aws::{AwsError, Operation};
use crate::baseline::makes_recorder;
use crate::change::Place;
use crate::inventory::{
    AccountFacts, AccountRegion, AccountState, Seen, StackFacts, StackSetFacts,
};
use crate::plan::{AccountId, AccountKey};

const DESCRIBE: Operation = Operation("config", "DescribeConfigurationRecorders");

/// The recorders' names by place.
pub(super) async fn read(
    r: &Reader<'_>,
    accounts: &Seen<BTreeMap<AccountId, AccountFacts>>,
    ids: &BTreeMap<AccountKey, AccountId>,
    stack_sets: &Seen<BTreeMap<String, StackSetFacts>>,
    stacks: &BTreeMap<AccountRegion, Seen<BTreeMap<String, StackFacts>>>,
) -> BTreeMap<AccountRegion, Seen<Option<String>>> {
    let places = to_be(r, accounts, ids, stack_sets)
        .into_iter()
        .chain(plain(r, ids, stacks))
        .collect::<BTreeSet<_>>();
    side_by_side(places, |at| async move {
        let name = seen(name(r, &at).await);
        (at, name)
    })
    .await
    .into_iter()
    .collect()
}

/// Accounts in use that are to have an instance of a set and have none.
fn to_be(
    r: &Reader<'_>,
    accounts: &Seen<BTreeMap<AccountId, AccountFacts>>,
    ids: &BTreeMap<AccountKey, AccountId>,
    stack_sets: &Seen<BTreeMap<String, StackSetFacts>>,
) -> BTreeSet<AccountRegion> {
    let mut places = BTreeSet::new();
    let (Some(accounts), Some(sets)) = (accounts.known(), stack_sets.known()) else {
        return places;
    };
    for wanted in r.wanted.stack_sets.values() {
        if !makes_recorder(&wanted.template) {
            continue;
        }
        // Of a set whose instances could not be read nothing is changed, so there is nothing to ask for.
        let instances = match sets.get(&wanted.full_name).map(|set| &set.instances) {
            Some(Seen::Unread(_)) => continue,
            Some(Seen::Known(instances)) => Some(instances),
            None => None,
        };
        for (key, id) in ids {
            let active = accounts
                .get(id)
                .is_some_and(|facts| facts.state == AccountState::Active);
            let planned = r.plan.accounts.get(key);
            let left_out = planned.is_none_or(|planned| wanted.except.contains(&planned.ou));
            if !active || left_out || *id == r.caller {
                continue;
            }
            let missing = wanted.regions.iter().map(|region| AccountRegion {
                account: id.clone(),
                region: region.clone(),
            });
            places.extend(missing.filter(|at| !instances.is_some_and(|all| all.contains_key(at))));
        }
    }
    places
}

/// Places that are to have a plain stack and have none.
fn plain<'r>(
    r: &'r Reader<'_>,
    ids: &'r BTreeMap<AccountKey, AccountId>,
    stacks: &'r BTreeMap<AccountRegion, Seen<BTreeMap<String, StackFacts>>>,
) -> impl Iterator<Item = AccountRegion> + 'r {
    r.wanted.stacks.iter().filter_map(|((place, _), wanted)| {
        if !makes_recorder(&wanted.template) {
            return None;
        }
        let at = match place {
            Place::Management(region) => r.own(region),
            Place::Member(key, region) => AccountRegion {
                account: ids.get(key)?.clone(),
                region: region.clone(),
            },
        };
        let there = stacks.get(&at)?.known()?;
        (!there.contains_key(&wanted.full_name)).then_some(at)
    })
}

async fn name(r: &Reader<'_>, at: &AccountRegion) -> Result<Option<String>, AwsError> {
    let client = r.aws.config(at).await?;
    let answer = r
        .aws
        .call(&r.ctx_in(&at.account), DESCRIBE, at, || {
            client.describe_configuration_recorders().send()
        })
        .await?;
    // One at most.
    Ok(answer
        .configuration_recorders
        .unwrap_or_default()
        .into_iter()
        .filter_map(|recorder| recorder.name)
        .find(|name| is_customers(name)))
}
