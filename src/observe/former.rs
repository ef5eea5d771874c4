//! What orgstrap made while the plan's `[organization]` said otherwise. Looked for only where something of the plan's is
//! missing: then it may be that it was never made, was deleted, or lies where an earlier plan wanted it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Reader, probe, recorders, seen, side_by_side, stack_sets, stacks, unread};
use crate::addr::{AccountRef, Place};
use crate::aws::AwsError;
use crate::baseline::{StackNames, makes_recorder};
use crate::diff::{buckets_to_be, recorders_touched};
use crate::inventory::{
    AccountFacts, AccountRegion, AccountState, Facts, FormerFacts, GuardDutyFacts, Inventory,
    KeptBucket, Observed, PolicyFacts, PolicyId, RecorderFacts, StackFacts, StackSetFacts,
    former_access_roles,
};
use crate::plan::{AccountId, AccountKey, Principal, Region, regions};

/// What is read before.
pub(super) struct Known<'k> {
    pub(super) accounts: &'k Observed<BTreeMap<AccountId, AccountFacts>>,
    pub(super) ids: &'k BTreeMap<AccountKey, AccountId>,
    pub(super) policies: &'k Observed<BTreeMap<PolicyId, PolicyFacts>>,
    pub(super) trusted_access: &'k Observed<BTreeSet<Principal>>,
    pub(super) administrators: &'k Observed<BTreeMap<AccountId, BTreeSet<Principal>>>,
    pub(super) stack_sets: &'k Observed<BTreeMap<String, StackSetFacts>>,
    pub(super) other_stack_sets: &'k BTreeSet<String>,
    pub(super) stacks: &'k BTreeMap<AccountRegion, Observed<BTreeMap<String, StackFacts>>>,
    pub(super) guardduty: &'k BTreeMap<Region, GuardDutyFacts>,
}

/// Roles that open accounts as AWS makes them: Organizations' own default, and Control Tower's.
const USUAL_ROLES: [&str; 2] = ["OrganizationAccountAccessRole", "AWSControlTowerExecution"];

pub(super) async fn read(r: &Reader<'_>, known: Known<'_>) -> FormerFacts {
    let names = StackNames::of(r.desired);
    let mut former = FormerFacts::default();
    let own_names = |all: &mut dyn Iterator<Item = &String>| -> BTreeSet<String> {
        let split = all.filter(|name| names.split(name).is_some());
        split.cloned().collect()
    };
    let candidates = own_names(&mut known.other_stack_sets.iter());
    if !candidates.is_empty() {
        let at = r.home();
        let marked = stack_sets::marked(r, &at, candidates).await;
        former.stack_sets.insert(at.region, seen(marked));
    }
    let (regions, places) = (known.regions(r), known.places(r));
    let sets = side_by_side(regions.iter(), |region| async {
        let at = r.own(region);
        let found = match stack_sets::names(r, &at).await {
            Ok(all) => {
                let all = own_names(&mut all.iter());
                stack_sets::marked(r, &at, all).await
            }
            Err(error) => Err(error),
        };
        (at.region, seen(found))
    });
    let found = side_by_side(places, |at| {
        let names = &names;
        async move {
            let found = stacks::marked(r, &at, names).await;
            (at, seen(found))
        }
    });
    let (sets, found) = tokio::join!(sets, found);
    let anything =
        |found: &Observed<BTreeSet<String>>| found.known().is_none_or(|names| !names.is_empty());
    let sets = sets.into_iter().filter(|(_, found)| anything(found));
    former.stack_sets.extend(sets);
    let found = found.into_iter().filter(|(_, found)| anything(found));
    former.stacks.extend(found);
    known.access(r, &mut former).await;
    former
}

/// The buckets that are there where stacks are to make some of the name.
pub(super) async fn buckets(
    r: &Reader<'_>,
    inventory: &Inventory,
) -> BTreeMap<AccountRegion, BTreeMap<String, Observed<KeptBucket>>> {
    let places = buckets_to_be(r.plan, r.desired, inventory);
    let asked = places
        .iter()
        .flat_map(|(at, names)| names.iter().map(move |name| (at, name)));
    let answers = side_by_side(asked, |(at, name)| async move {
        (at, name, bucket(r, at, name).await)
    })
    .await;
    let mut found: BTreeMap<AccountRegion, BTreeMap<String, Observed<KeptBucket>>> =
        BTreeMap::new();
    for (at, name, answer) in answers {
        let answer = match answer {
            Ok(None) => continue,
            Ok(Some(bucket)) => Observed::Known(bucket),
            Err(error) => Observed::Unread(unread(&error)),
        };
        let there = found.entry(at.clone()).or_default();
        there.insert(name.clone(), answer);
    }
    found
}

/// What Config has where an update needs that a recorder is there still.
pub(super) async fn recorders(
    r: &Reader<'_>,
    inventory: &Inventory,
) -> BTreeMap<AccountRegion, Observed<RecorderFacts>> {
    let places = recorders_touched(r.plan, r.desired, inventory);
    let sets = r.desired.stack_sets.values();
    let sets = sets.map(|set| (&set.full_name, &set.template));
    let stacks = r.desired.stacks.values();
    let stacks = stacks.map(|stack| (&stack.full_name, &stack.template));
    let makers: BTreeSet<&str> = sets
        .chain(stacks)
        .filter(|(_, template)| makes_recorder(template))
        .map(|(name, _)| name.as_str())
        .collect();
    let makers = &makers;
    let found = side_by_side(places, |at| async move {
        let facts = recorder_of_stack(r, &at, makers).await;
        (at, facts)
    });
    let found = found.await.into_iter();
    found
        .filter_map(|(at, facts)| Some((at, seen(facts.transpose()?))))
        .collect()
}

/// What Config has in a place; `None` where something is missing and no stack stands that could have made it: one
/// whose creation failed never did, and makes it with its next try.
async fn recorder_of_stack(
    r: &Reader<'_>,
    at: &AccountRegion,
    makers: &BTreeSet<&str>,
) -> Result<Option<RecorderFacts>, AwsError> {
    let facts = recorders::facts(r, at).await?;
    let whole = facts.recorder.is_some() && facts.channel.is_some();
    let is_theirs = whole || stacks::any_stands(r, at, makers).await?;
    Ok(is_theirs.then_some(facts))
}

async fn bucket(
    r: &Reader<'_>,
    at: &AccountRegion,
    name: &str,
) -> Result<Option<KeptBucket>, AwsError> {
    let ctx = r.ctx;
    let bucket = probe::resource(r.aws, ctx, at, "AWS::S3::Bucket", name).await?;
    let is_there = |facts: &Facts| facts.get("exists") == Some(&json!(true));
    if !is_there(&bucket) {
        return Ok(None);
    }
    let policy = probe::resource(r.aws, ctx, at, "AWS::S3::BucketPolicy", name).await?;
    let encryption = bucket.get("BucketEncryption");
    let key = encryption
        .and_then(|encryption| {
            encryption.pointer(
                "/ServerSideEncryptionConfiguration/0/ServerSideEncryptionByDefault/KMSMasterKeyID",
            )
        })
        .and_then(Value::as_str);
    let key_is_there = match key {
        Some(key) => is_there(&probe::resource(r.aws, ctx, at, "AWS::KMS::Key", key).await?),
        None => false,
    };
    Ok(Some(KeptBucket {
        policy: is_there(&policy),
        key: key.map(str::to_owned),
        key_is_there,
    }))
}

impl Known<'_> {
    /// Whether baselines were brought up here before: a first one has nothing that could lie elsewhere.
    fn brought_before(&self, r: &Reader<'_>) -> bool {
        let trusted = self.trusted_access.known();
        let asked = &r.desired.trusted_access;
        trusted.is_some_and(|trusted| !trusted.is_disjoint(asked))
            || self.stack_sets.known().is_some_and(|sets| !sets.is_empty())
            || !self.other_stack_sets.is_empty()
    }

    /// The accounts and full names of what the plan wants in its home Region only, and is not there.
    fn missing<'r>(&self, r: &Reader<'r>) -> Vec<(Option<AccountId>, &'r Place)> {
        let home = &r.plan.organization.home_region;
        let only_at_home = |name| {
            let mut places = r.desired.stacks.keys().filter(|(_, other)| other == name);
            places.all(|(place, _)| place.region() == home)
        };
        let mut missing = Vec::new();
        for ((place, name), desired) in &r.desired.stacks {
            let account = match &place.account {
                AccountRef::Management => Some(r.caller.clone()),
                AccountRef::Member(key) => self.ids.get(key).cloned(),
            };
            let there = account.as_ref().is_some_and(|account| {
                let at = AccountRegion {
                    account: account.clone(),
                    region: place.region().clone(),
                };
                // What could not be read is not missing.
                self.stacks.get(&at).is_some_and(|stacks| {
                    stacks
                        .known()
                        .is_none_or(|stacks| stacks.contains_key(&desired.full_name))
                })
            });
            if !there && only_at_home(name) {
                missing.push((account, place));
            }
        }
        missing
    }

    /// The Regions that may have been the home Region.
    fn regions(&self, r: &Reader<'_>) -> BTreeSet<Region> {
        let sets = self.stack_sets.known();
        let lacks = r
            .desired
            .stack_sets
            .values()
            .any(|desired| sets.is_some_and(|sets| !sets.contains_key(&desired.full_name)));
        if !self.brought_before(r) || (!lacks && self.missing(r).is_empty()) {
            return BTreeSet::new();
        }
        let organization = &r.plan.organization;
        let open = regions::KNOWN.iter().filter(|region| !region.opt_in);
        let open = open.filter_map(|region| region.name.parse().ok());
        open.chain(organization.regions.iter().cloned())
            .filter(|region| *region != organization.home_region)
            .collect()
    }

    /// Where stacks of the plan may lie instead: in Regions that may have been the home Region, and in accounts that
    /// may have had a duty before.
    fn places(&self, r: &Reader<'_>) -> BTreeSet<AccountRegion> {
        let mut places = BTreeSet::new();
        let missing = self.missing(r);
        if !self.brought_before(r) {
            return places;
        }
        let regions = self.regions(r);
        let candidates = self.candidates(r);
        for (account, place) in missing {
            let home = place.region().clone();
            for account in account.into_iter().chain([r.caller.clone()]) {
                places.extend(regions.iter().map(|region| AccountRegion {
                    account: account.clone(),
                    region: region.clone(),
                }));
            }
            if place.account.key().is_some() {
                places.extend(candidates.iter().map(|account| AccountRegion {
                    account: account.clone(),
                    region: home.clone(),
                }));
            }
        }
        // An account that had a duty keeps its registration, and whatever is in it.
        let administrators = self.administrators.known().into_iter().flatten();
        for (account, services) in administrators {
            let duty = |service| {
                let mut desired = r.desired.delegated_administrators.iter();
                desired.any(|(principal, _)| principal == service)
            };
            if services.iter().any(duty) {
                places.insert(AccountRegion {
                    account: account.clone(),
                    region: r.plan.organization.home_region.clone(),
                });
            }
        }
        // What was read already is told by itself.
        places.retain(|at| !self.stacks.contains_key(at));
        places
    }

    /// Accounts that may have had a duty: those whose ids stand in what is there, or all of the plan's where none does.
    fn candidates(&self, r: &Reader<'_>) -> BTreeSet<AccountId> {
        let mut texts: Vec<&str> = Vec::new();
        let sets = self.stack_sets.known().into_iter().flatten();
        for (_, set) in sets {
            texts.extend(set.parameters.values().map(String::as_str));
        }
        for stacks in self.stacks.values() {
            for facts in stacks.known().into_iter().flat_map(BTreeMap::values) {
                texts.extend(facts.parameters.values().map(String::as_str));
            }
        }
        for facts in self.guardduty.values() {
            let detector = facts.detector.known().and_then(Option::as_ref);
            for export in detector.into_iter().flat_map(|detector| &detector.exports) {
                texts.extend([export.bucket_arn.as_str(), export.key_arn.as_str()]);
            }
        }
        let mut named: BTreeSet<AccountId> = texts.into_iter().flat_map(account_ids).collect();
        named.extend(
            self.administrators
                .known()
                .into_iter()
                .flatten()
                .map(|(id, _)| id.clone()),
        );
        named.remove(&r.caller);
        let active = |id: &AccountId| {
            let facts = self.accounts.known().and_then(|accounts| accounts.get(id));
            facts.is_some_and(|facts| facts.state == AccountState::Active)
        };
        if named.is_empty() {
            named.extend(self.ids.values().cloned());
        }
        named.retain(|id| active(id) && *id != r.caller);
        named
    }

    /// Whether the access role opens accounts, where it seems to be a new one.
    async fn access(&self, r: &Reader<'_>, former: &mut FormerFacts) {
        let role = &r.plan.organization.access_role;
        let Some(accounts) = self.accounts.known() else {
            return;
        };
        let policies = self.policies.known();
        let exempt = policies.map(|policies| former_access_roles(r.plan, policies));
        let renamed = exempt.is_some_and(|roles| !roles.is_empty());
        let refused = |stacks: &Observed<BTreeMap<String, StackFacts>>| {
            let why = stacks.unread();
            why.is_some_and(|why| {
                why.operation == "sts:AssumeRole" && why.reason.contains("AccessDenied")
            })
        };
        let locked = self.stacks.iter().filter(|(_, stacks)| refused(stacks));
        let locked: BTreeSet<&AccountId> = locked.map(|(at, _)| &at.account).collect();
        let asked: BTreeSet<&AccountId> = match renamed {
            true => {
                let members = accounts
                    .values()
                    .filter(|facts| facts.state == AccountState::Active && facts.id != r.caller);
                members.map(|facts| &facts.id).collect()
            }
            false => locked,
        };
        let answers = side_by_side(asked, |account| async move {
            let opened = r.aws.opens(r.ctx, account, role).await;
            let opened = match opened {
                Ok(()) => Observed::Known(()),
                Err(error) => Observed::Unread(unread(&error)),
            };
            (account.clone(), opened)
        })
        .await;
        former.access.extend(answers);
        let closed = former
            .access
            .iter()
            .find(|(_, opened)| opened.known().is_none());
        let Some((account, _)) = closed else {
            return;
        };
        for usual in USUAL_ROLES.into_iter().filter(|usual| usual != role) {
            if r.aws.opens(r.ctx, account, usual).await.is_ok() {
                former.access_role = Some(usual.to_owned());
                return;
            }
        }
    }
}

/// The account ids in a text, such as the name of a bucket or the ARN of a key.
fn account_ids(text: &str) -> impl Iterator<Item = AccountId> {
    let parts = text.split(|c: char| !c.is_ascii_digit());
    parts.filter_map(|digits| digits.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_ids_stand_in_names_and_arns() {
        let ids = |text| -> Vec<String> { account_ids(text).map(|id| id.to_string()).collect() };
        assert_eq!(
            ids("orgstrap-config-222222222222-eu-west-1"),
            ["222222222222"]
        );
        assert_eq!(
            ids("arn:aws:kms:eu-west-1:333333333333:key/12345678-1234-1234-1234-123456789012"),
            ["333333333333", "123456789012"]
        );
        assert_eq!(ids("logs-2024"), Vec::<String>::new());
    }
}
