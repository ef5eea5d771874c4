//! Tags of the root, OUs, accounts and policies.
//!
//! The tags of accounts come a hundred accounts a page from the tagging service in us-east-1,
//! which knows no OUs and policies and lags a little. So an account that it does not name, or
//! whose tags are not what the plan wants, is asked of Organizations itself.

use std::collections::BTreeMap;

use super::{Door, Reader, seen, side_by_side, unread};
use crate::addr::KEY_TAG;
use crate::aws::AwsError;
use crate::aws::described::tag::GetResources;
use crate::inventory::{AccountFacts, Observed, OuFacts, OuId};
use crate::plan::{AccountId, Tags};

/// The tags of a root, OU, account or policy.
pub(super) async fn of(r: Door<'_>, id: &str) -> Observed<Tags> {
    let client = &r.organizations();
    let listed = client
        .all(
            |c, token| {
                c.list_tags_for_resource()
                    .resource_id(id)
                    .set_next_token(token)
                    .send()
            },
            |page| (page.tags, page.next_token),
        )
        .await;
    seen(listed.map(|tags| tags.into_iter().map(|tag| (tag.key, tag.value)).collect()))
}

/// The tags of all tagged accounts, as the tagging service holds them.
pub(super) async fn of_accounts(r: Door<'_>) -> Result<BTreeMap<AccountId, Tags>, AwsError> {
    let listed = r
        .aws
        .tagging(r.ctx, r.caller)
        .all(
            |c, token| {
                c.send(&GetResources {
                    resource_type_filters: ["organizations:account"],
                    resources_per_page: 100,
                    pagination_token: token,
                })
            },
            |page| (page.resources, page.next),
        )
        .await?;
    Ok(listed
        .into_iter()
        .filter_map(|resource| {
            // arn:aws:organizations::111111111111:account/o-exampleorgid/222222222222
            let id = resource.resource_arn.rsplit('/').next()?.parse().ok()?;
            let tags = resource.tags.into_iter();
            Some((id, tags.map(|tag| (tag.key, tag.value)).collect()))
        })
        .collect())
}

/// Fills in the accounts' tags.
pub(super) async fn tag_accounts(
    r: &Reader<'_>,
    accounts: Observed<BTreeMap<AccountId, AccountFacts>>,
    tagged: Result<BTreeMap<AccountId, Tags>, AwsError>,
) -> Observed<BTreeMap<AccountId, AccountFacts>> {
    let Observed::Known(accounts) = accounts else {
        return accounts;
    };
    let mut tagged = tagged.unwrap_or_else(|failed| {
        (r.ctx.tell)(format!(
            "the tags of accounts are asked one by one, because {}: {}",
            failed.operation,
            unread(&failed).reason
        ));
        BTreeMap::new()
    });
    let accounts = side_by_side(accounts.into_values(), |mut account| {
        let told = tagged
            .remove(&account.id)
            .filter(|told| as_planned(r, &account, told));
        async move {
            account.tags = match told {
                Some(tags) => Observed::Known(tags),
                None => of(r.door(), account.id.as_str()).await,
            };
            (account.id.clone(), account)
        }
    })
    .await;
    Observed::Known(accounts.into_iter().collect())
}

/// Whether the tagging service's answer for an account can be taken as it is: a difference from
/// the plan may be true, or only its lag.
fn as_planned(r: &Reader<'_>, account: &AccountFacts, told: &Tags) -> bool {
    let planned = r.plan.accounts.iter().find(|(key, planned)| {
        planned.id.as_ref() == Some(&account.id)
            || account.has_email(&planned.email)
            || told.get(KEY_TAG).is_some_and(|told| told == key.as_str())
    });
    planned.is_none_or(|(key, planned)| {
        told.get(KEY_TAG).is_some_and(|told| told == key.as_str())
            && planned
                .tags
                .iter()
                .all(|(name, value)| told.get(name) == Some(value))
    })
}

/// Fills in the OUs' tags.
pub(super) async fn tag_ous(
    r: &Reader<'_>,
    ous: Observed<BTreeMap<OuId, OuFacts>>,
) -> Observed<BTreeMap<OuId, OuFacts>> {
    let Observed::Known(ous) = ous else {
        return ous;
    };
    let ous = side_by_side(ous.into_values(), |mut ou| async move {
        ou.tags = of(r.door(), &ou.id).await;
        (ou.id.clone(), ou)
    })
    .await;
    Observed::Known(ous.into_iter().collect())
}
