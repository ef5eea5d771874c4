//! Config recorders and delivery channels that are there before a baseline brings its own: an account holds one
//! of each in a Region, so a stack with others would fail. Asked only where such a stack is to be and is not.

use std::collections::{BTreeMap, BTreeSet};

use super::preparation::{Prepared, is_off};
use super::{Reader, seen, side_by_side, stack_sets};
use crate::addr::AccountRef;
use crate::aws::{AwsError, Calls};
use crate::baseline::{DesiredStackSet, makes_recorder};
use crate::inventory::{
    AccountFacts, AccountRegion, AccountState, Observed, OuFacts, OuId, RecorderFacts, StackFacts,
    StackSetFacts, is_customers_recorder,
};
use crate::plan::{Account, AccountId, AccountKey};

/// What is read before, by which the places are chosen.
pub(super) struct Known<'k> {
    pub(super) accounts: &'k Observed<BTreeMap<AccountId, AccountFacts>>,
    pub(super) ous: &'k Observed<BTreeMap<OuId, OuFacts>>,
    pub(super) ids: &'k BTreeMap<AccountKey, AccountId>,
    pub(super) stack_sets: &'k Observed<BTreeMap<String, StackSetFacts>>,
    pub(super) stacks: &'k BTreeMap<AccountRegion, Observed<BTreeMap<String, StackFacts>>>,
    pub(super) preparation: &'k Prepared,
}

/// The names by place.
pub(super) async fn read(
    r: &Reader<'_>,
    known: Known<'_>,
) -> BTreeMap<AccountRegion, Observed<RecorderFacts>> {
    let mut places = known.to_be(r);
    places.extend(known.plain(r));
    places.retain(|at| !is_off(known.preparation, at) && !known.is_turned_on(r, at));
    side_by_side(places, |at| async move {
        let facts = seen(facts(r, &at).await);
        (at, facts)
    })
    .await
    .into_iter()
    .collect()
}

impl Known<'_> {
    /// Accounts in use that are to have an instance of a set and have none.
    fn to_be(&self, r: &Reader<'_>) -> BTreeSet<AccountRegion> {
        let mut places = BTreeSet::new();
        let (Some(accounts), Some(sets)) = (self.accounts.known(), self.stack_sets.known()) else {
            return places;
        };
        let keys: BTreeMap<&AccountId, &AccountKey> =
            self.ids.iter().map(|(key, id)| (id, key)).collect();
        for desired in r.desired.stack_sets.values() {
            if !makes_recorder(&desired.template) {
                continue;
            }
            let set = sets.get(&desired.full_name);
            let Ok(instances) = stack_sets::instances_of(sets, &desired.full_name) else {
                continue;
            };
            for (id, facts) in accounts {
                if facts.state != AccountState::Active || *id == r.caller {
                    continue;
                }
                let reached = match keys.get(id).and_then(|key| r.plan.accounts.get(*key)) {
                    Some(planned) => {
                        r.plan.ous.contains_key(&planned.ou)
                            && !desired.except.contains(&planned.ou)
                    }
                    None => self.reaches_stranger(r, desired, set, facts),
                };
                if !reached {
                    continue;
                }
                let missing = desired.regions.iter().map(|region| AccountRegion {
                    account: id.clone(),
                    region: region.clone(),
                });
                places.extend(
                    missing.filter(|at| !instances.is_some_and(|all| all.contains_key(at))),
                );
            }
        }
        places
    }

    /// Whether a set's first rollout, which names whole OUs, will reach an account that the plan does not name.
    /// Once its OU is a target nothing more is done for it.
    fn reaches_stranger(
        &self,
        r: &Reader<'_>,
        desired: &DesiredStackSet,
        set: Option<&StackSetFacts>,
        facts: &AccountFacts,
    ) -> bool {
        let Some(ous) = self.ous.known() else {
            return false;
        };
        let above = std::iter::successors(ous.get(&facts.parent), |ou| ous.get(&ou.parent))
            .collect::<Vec<_>>();
        let targeted = above
            .iter()
            .any(|ou| set.is_some_and(|set| set.targets.contains(&ou.id)));
        let planned = above.iter().find(|ou| r.plan.ous.contains_key(&ou.path));
        !targeted && planned.is_some_and(|ou| !desired.except.contains(&ou.path))
    }

    /// Places that are to have a plain stack and have none, or one whose creation was rolled back.
    fn plain(&self, r: &Reader<'_>) -> BTreeSet<AccountRegion> {
        let desired = r.desired.stacks.iter();
        desired
            .filter(|(_, desired)| makes_recorder(&desired.template))
            .filter_map(|((place, _), desired)| {
                let at = match &place.account {
                    AccountRef::Management => r.own(&place.region),
                    AccountRef::Member(key) => AccountRegion {
                        account: self.ids.get(key)?.clone(),
                        region: place.region.clone(),
                    },
                };
                let there = self.stacks.get(&at)?.known()?.get(&desired.full_name);
                there.is_none_or(StackFacts::is_rolled_back).then_some(at)
            })
            .collect()
    }

    /// Whether the plan turns on a Region of an account whose Regions cannot be read before the account service is
    /// trusted: what is there cannot be read either.
    fn is_turned_on(&self, r: &Reader<'_>, at: &AccountRegion) -> bool {
        let facts = self.preparation.get(&at.account);
        let unasked = facts.is_some_and(|facts| facts.regions.is_none());
        let key = self.ids.iter().find(|(_, id)| **id == at.account);
        let planned = key.and_then(|(key, _)| r.plan.accounts.get(key));
        let turned_on = |planned: &Account| planned.preparation.opt_in_regions.contains(&at.region);
        unasked && at.account != r.caller && planned.is_some_and(turned_on)
    }
}

pub(super) async fn facts(r: &Reader<'_>, at: &AccountRegion) -> Result<RecorderFacts, AwsError> {
    let client = r.config(at).await?;
    let (recorders, channels) = tokio::join!(
        client.call(|c| c.describe_configuration_recorders().send()),
        client.call(|c| c.describe_delivery_channels().send()),
    );
    // One of each at most.
    Ok(RecorderFacts {
        recorder: recorders?
            .configuration_recorders
            .unwrap_or_default()
            .into_iter()
            .filter_map(|recorder| recorder.name)
            .find(|name| is_customers_recorder(name)),
        channel: channels?
            .delivery_channels
            .unwrap_or_default()
            .into_iter()
            .find_map(|channel| channel.name),
    })
}
