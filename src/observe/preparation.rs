//! What accounts were given inside: one question an account and setting, and only where the plan names it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Reader, seen, side_by_side};
use crate::aws::{AwsError, Calls};
use crate::inventory::{AccountFacts, AccountRegion, AccountState, Observed, PreparationFacts};
use crate::plan::{AccountId, AccountKey, PasswordPolicy, Preparation, Region};

/// By account.
pub(super) type Prepared = BTreeMap<AccountId, PreparationFacts>;

/// Whether an account is yet to be given a Region, as far as its Regions were read.
pub(super) fn is_off(preparation: &Prepared, at: &AccountRegion) -> bool {
    let facts = preparation.get(&at.account);
    facts.is_some_and(|facts| facts.is_off(&at.region))
}

/// The settings of every account in use for which the plan names some. Where the account service is not `trusted`
/// yet, it does not tell of the Regions of others.
pub(super) async fn read(
    r: &Reader<'_>,
    accounts: &Observed<BTreeMap<AccountId, AccountFacts>>,
    ids: &BTreeMap<AccountKey, AccountId>,
    trusted: bool,
) -> BTreeMap<AccountId, PreparationFacts> {
    let active = |id: &AccountId| {
        let facts = accounts.known().and_then(|accounts| accounts.get(id));
        facts.is_some_and(|facts| facts.state == AccountState::Active)
    };
    let asked = ids
        .iter()
        .filter(|(_, id)| active(id))
        .filter_map(|(key, id)| Some((id, &r.plan.accounts.get(key)?.preparation)))
        .filter(|(_, planned)| **planned != Preparation::default());
    let members = side_by_side(asked, |(id, planned)| async move {
        let alias = async {
            match &planned.alias {
                Some(_) => Some(seen(alias(r, id).await)),
                None => None,
            }
        };
        let password_policy = async {
            match &planned.password_policy {
                Some(_) => Some(seen(password_policy(r, id).await)),
                None => None,
            }
        };
        let regions = async {
            match planned.opt_in_regions.is_empty() || !(trusted || *id == r.caller) {
                false => Some(seen(regions(r, id).await)),
                true => None,
            }
        };
        let (alias, password_policy, regions) = tokio::join!(alias, password_policy, regions);
        let facts = PreparationFacts {
            alias,
            password_policy,
            regions,
        };
        (id.clone(), facts)
    });
    let (members, management) = tokio::join!(members, of_management(r));
    management.into_iter().chain(members).collect()
}

/// The Regions of the management account, where the plan names some for all accounts.
pub(super) async fn of_management(r: &Reader<'_>) -> BTreeMap<AccountId, PreparationFacts> {
    if r.plan.opt_in_regions.is_empty() {
        return BTreeMap::new();
    }
    let facts = PreparationFacts {
        regions: Some(seen(regions(r, &r.caller).await)),
        ..PreparationFacts::default()
    };
    BTreeMap::from([(r.caller.clone(), facts)])
}

/// Which features of centralized root access are on.
pub(super) async fn root_access(r: &Reader<'_>) -> Option<Observed<BTreeSet<String>>> {
    if !r.plan.organization.centralized_root_access {
        return None;
    }
    Some(seen(features(r).await))
}

fn inside(r: &Reader<'_>, account: &AccountId) -> AccountRegion {
    AccountRegion {
        account: account.clone(),
        region: r.aws.global_region().clone(),
    }
}

async fn alias(r: &Reader<'_>, account: &AccountId) -> Result<Option<String>, AwsError> {
    let at = &inside(r, account);
    let client = r.iam(at).await?;
    let answer = client.call(|c| c.list_account_aliases().send()).await?;
    // An account has one at most.
    Ok(answer.account_aliases.into_iter().next())
}

async fn password_policy(
    r: &Reader<'_>,
    account: &AccountId,
) -> Result<Option<PasswordPolicy>, AwsError> {
    let at = &inside(r, account);
    let client = r.iam(at).await?;
    let answer = client
        .call(|c| c.get_account_password_policy().send())
        .await;
    let policy = match answer {
        Ok(answer) => answer.password_policy,
        Err(failed) if failed.is("NoSuchEntity") => return Ok(None),
        Err(failed) => return Err(failed),
    };
    let positive = |value: Option<i32>| {
        value
            .and_then(|value| u32::try_from(value).ok())
            .filter(|value| *value > 0)
    };
    Ok(policy.map(|policy| PasswordPolicy {
        minimum_password_length: positive(policy.minimum_password_length)
            .unwrap_or(PasswordPolicy::default().minimum_password_length),
        require_symbols: policy.require_symbols,
        require_numbers: policy.require_numbers,
        require_uppercase_characters: policy.require_uppercase_characters,
        require_lowercase_characters: policy.require_lowercase_characters,
        allow_users_to_change_password: policy.allow_users_to_change_password,
        max_password_age: positive(policy.max_password_age),
        password_reuse_prevention: positive(policy.password_reuse_prevention),
        hard_expiry: policy.hard_expiry.unwrap_or(false),
    }))
}

async fn regions(
    r: &Reader<'_>,
    account: &AccountId,
) -> Result<BTreeMap<Region, String>, AwsError> {
    let client = &r.aws.account_management(r.ctx, &r.caller);
    // The management account must not name itself.
    let named = &(*account != r.caller).then(|| account.to_string());
    let listed = client
        .all(
            |c, token| {
                c.list_regions()
                    .max_results(50)
                    .set_account_id(named.clone())
                    .set_next_token(token)
                    .send()
            },
            |page| (page.regions, page.next_token),
        )
        .await?;
    Ok(listed
        .into_iter()
        .filter_map(|region| {
            let status = region.region_opt_status()?.as_str().to_owned();
            Some((region.region_name()?.parse().ok()?, status))
        })
        .collect())
}

async fn features(r: &Reader<'_>) -> Result<BTreeSet<String>, AwsError> {
    let at = &r.global();
    let client = r.iam(at).await?;
    let answer = client
        .call(|c| c.list_organizations_features().send())
        .await;
    match answer {
        Ok(answer) => Ok(answer
            .enabled_features()
            .iter()
            .map(|feature| feature.as_str().to_owned())
            .collect()),
        // Nothing can be on without trusted access.
        Err(failed) if failed.is("ServiceAccessNotEnabled") => Ok(BTreeSet::new()),
        Err(failed) => Err(failed),
    }
}
