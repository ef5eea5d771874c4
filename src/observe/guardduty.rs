//! GuardDuty's organization settings, Region by Region: who administers it, asked of the
//! management account; the settings themselves, asked of the administrator.

use aws_sdk_guardduty::operation::list_members::ListMembersError;
use aws_sdk_guardduty::operation::list_organization_admin_accounts::ListOrganizationAdminAccountsError;
use std::collections::{BTreeMap, BTreeSet};

use super::preparation::{Prepared, is_off};
use super::{Reader, seen, side_by_side};
use crate::aws::{AwsError, Calls, GuardDuty};
use crate::inventory::{AccountRegion, DetectorFacts, ExportFacts, GuardDutyFacts, Observed};
use crate::plan::{AccountId, Region};

/// GuardDuty's greatest page.
const PAGE: i32 = 50;

/// Facts of every Region where the baselines want GuardDuty.
pub(super) async fn read(
    r: &Reader<'_>,
    in_organization: bool,
    accounts: &BTreeSet<&AccountId>,
    preparation: &Prepared,
) -> BTreeMap<Region, GuardDutyFacts> {
    let regions = r
        .desired
        .guardduty
        .iter()
        .flat_map(|desired| desired.regions.iter());
    side_by_side(regions, |region| async move {
        // It answers in no Region that is yet to be turned on in the management account.
        let is_on = !is_off(preparation, &r.own(region));
        let facts = if in_organization && is_on {
            of_region(r, region, accounts).await
        } else {
            GuardDutyFacts {
                administrator: Observed::Known(None),
                detector: Observed::Known(None),
                elsewhere: BTreeMap::new(),
            }
        };
        (region.clone(), facts)
    })
    .await
    .into_iter()
    .collect()
}

async fn of_region(
    r: &Reader<'_>,
    region: &Region,
    accounts: &BTreeSet<&AccountId>,
) -> GuardDutyFacts {
    let administrator = seen(administrator(r, region).await);
    let detector = match &administrator {
        Observed::Known(None) => Observed::Known(None),
        Observed::Known(Some(account)) => {
            let at = AccountRegion {
                account: account.clone(),
                region: region.clone(),
            };
            seen(detector(r, &at).await)
        }
        Observed::Unread(why) => Observed::Unread(why.clone()),
    };
    let elsewhere = match (&administrator, &detector) {
        (Observed::Known(Some(administrator)), Observed::Known(Some(detector))) => {
            elsewhere(r, region, administrator, detector, accounts).await
        }
        _ => BTreeMap::new(),
    };
    GuardDutyFacts {
        administrator,
        detector,
        elsewhere,
    }
}

/// Who administers the accounts that are no members, if another does. Where nobody is a member yet, all are to
/// become one, and GuardDuty itself tells of those that cannot.
async fn elsewhere(
    r: &Reader<'_>,
    region: &Region,
    administrator: &AccountId,
    detector: &DetectorFacts,
    accounts: &BTreeSet<&AccountId>,
) -> BTreeMap<AccountId, AccountId> {
    let enabled = |status: &String| status.eq_ignore_ascii_case("enabled");
    if !detector.members.values().any(enabled) {
        return BTreeMap::new();
    }
    let others = accounts
        .iter()
        .filter(|id| **id != administrator && !detector.members.get(**id).is_some_and(enabled));
    let asked = side_by_side(others, |id| async move {
        let at = AccountRegion {
            account: (*id).clone(),
            region: region.clone(),
        };
        // Where it cannot be read, GuardDuty refuses the account or takes it.
        let other = administrator_of(r, &at).await.ok().flatten()?;
        Some((at.account, other))
    });
    let found = asked.await.into_iter().flatten();
    found.filter(|(_, other)| other != administrator).collect()
}

/// The detector that an account has in a Region: there is one, or none.
pub(super) async fn one_detector(client: &GuardDuty<'_>) -> Result<Option<String>, AwsError> {
    client
        .find(
            |c, token| c.list_detectors().set_next_token(token).send(),
            |page| (page.detector_ids, page.next_token),
            Some,
        )
        .await
}

/// The account that administers an account's detector.
async fn administrator_of(
    r: &Reader<'_>,
    at: &AccountRegion,
) -> Result<Option<AccountId>, AwsError> {
    let client = &r.guardduty(at).await?;
    let Some(id) = one_detector(client).await? else {
        return Ok(None);
    };
    let answer = client
        .call(|c| c.get_administrator_account().detector_id(&id).send())
        .await?;
    Ok(answer
        .administrator
        .and_then(|administrator| administrator.account_id?.parse().ok()))
}

async fn administrator(r: &Reader<'_>, region: &Region) -> Result<Option<AccountId>, AwsError> {
    let at = &r.own(region);
    let client = &r.guardduty(at).await?;
    let listed = client
        .all(
            |c, token| {
                c.list_organization_admin_accounts()
                    .max_results(PAGE)
                    .set_next_token(token)
                    .send()
            },
            |page| (page.admin_accounts, page.next_token),
        )
        .await?;
    // One that is being taken away still stands in the list.
    listed
        .iter()
        .find(|administrator| {
            administrator
                .admin_status()
                .is_none_or(|status| status.as_str() == "ENABLED")
        })
        .map(|administrator| {
            administrator
                .admin_account_id()
                .unwrap_or_default()
                .parse()
                .map_err(|_| {
                    client.unreadable::<ListOrganizationAdminAccountsError>(
                        "the administrator has no readable id",
                    )
                })
        })
        .transpose()
}

async fn detector(r: &Reader<'_>, at: &AccountRegion) -> Result<Option<DetectorFacts>, AwsError> {
    let client = &r.guardduty(at).await?;
    let Some(id) = one_detector(client).await? else {
        return Ok(None);
    };
    let detector = client.call(|c| c.get_detector().detector_id(&id).send());
    let (detector, settings, members, exports) = tokio::join!(
        detector,
        settings(client, &id),
        members(client, &id),
        exports(client, &id),
    );
    let (detector, (auto_enable, organization_features)) = (detector?, settings?);
    let members = members?;
    let (member_features, member_held) = member_features(client, &id, &members).await?;
    Ok(Some(DetectorFacts {
        enabled: detector
            .status()
            .is_some_and(|status| status.as_str() == "ENABLED"),
        auto_enable,
        features: detector
            .features()
            .iter()
            .filter_map(|feature| {
                let on = feature.status()?.as_str() == "ENABLED";
                Some((feature.name()?.as_str().to_owned(), on))
            })
            .collect(),
        held: detector
            .features()
            .iter()
            .filter(|feature| feature.managed_by().is_some())
            .filter_map(|feature| Some(feature.name()?.as_str().to_owned()))
            .collect(),
        organization_features,
        members,
        member_features,
        member_held,
        exports: exports?,
        id,
    }))
}

/// `AutoEnableOrganizationMembers`, and the settings of the features.
async fn settings(
    client: &GuardDuty<'_>,
    id: &str,
) -> Result<(String, BTreeMap<String, String>), AwsError> {
    let answers = client
        .all(
            |c, token| {
                c.describe_organization_configuration()
                    .detector_id(id)
                    .max_results(PAGE)
                    .set_next_token(token)
                    .send()
            },
            |page| {
                let next = page.next_token.clone();
                (Some(vec![page]), next)
            },
        )
        .await?;
    let auto_enable = answers
        .iter()
        .find_map(|page| page.auto_enable_organization_members())
        .map_or("NONE", |auto| auto.as_str())
        .to_owned();
    let features = answers
        .iter()
        .flat_map(|page| page.features())
        .filter_map(|feature| {
            let auto = feature.auto_enable()?.as_str().to_owned();
            Some((feature.name()?.as_str().to_owned(), auto))
        })
        .collect();
    Ok((auto_enable, features))
}

async fn members(
    client: &GuardDuty<'_>,
    id: &str,
) -> Result<BTreeMap<AccountId, String>, AwsError> {
    let listed = client
        .all(
            |c, token| {
                c.list_members()
                    .detector_id(id)
                    // Those that have left or were never accepted are to be seen too.
                    .only_associated("false")
                    .max_results(PAGE)
                    .set_next_token(token)
                    .send()
            },
            |page| (page.members, page.next_token),
        )
        .await?;
    listed
        .iter()
        .map(|member| {
            let account = member
                .account_id()
                .unwrap_or_default()
                .parse()
                .map_err(|_| {
                    client.unreadable::<ListMembersError>("a member has no readable account id")
                })?;
            let status = member.relationship_status().unwrap_or_default();
            Ok((account, status.to_owned()))
        })
        .collect()
}

/// By member, the features that are on or off, and those that an organization policy holds.
type MemberFeatures = (
    BTreeMap<AccountId, BTreeMap<String, bool>>,
    BTreeMap<AccountId, BTreeSet<String>>,
);

/// What is on in the members that are enabled: 50 of them a call.
async fn member_features(
    client: &GuardDuty<'_>,
    id: &str,
    members: &BTreeMap<AccountId, String>,
) -> Result<MemberFeatures, AwsError> {
    let enabled = members
        .iter()
        .filter(|(_, status)| status.eq_ignore_ascii_case("enabled"));
    let enabled: Vec<String> = enabled.map(|(id, _)| id.to_string()).collect();
    let batches = enabled.chunks(PAGE as usize);
    let answers = side_by_side(batches, |batch| async move {
        client
            .call(|c| {
                c.get_member_detectors()
                    .detector_id(id)
                    .set_account_ids(Some(batch.to_vec()))
                    .send()
            })
            .await
    })
    .await;
    let mut found = MemberFeatures::default();
    for answer in answers {
        for member in answer?.member_data_source_configurations() {
            let Some(Ok(account)) = member.account_id().map(str::parse::<AccountId>) else {
                continue;
            };
            let (features, held) = &mut found;
            for feature in member.features() {
                let (Some(name), Some(status)) = (feature.name(), feature.status()) else {
                    continue;
                };
                let all = features.entry(account.clone()).or_default();
                all.insert(name.as_str().to_owned(), status.as_str() == "ENABLED");
                if feature.managed_by().is_some() {
                    let held = held.entry(account.clone()).or_default();
                    held.insert(name.as_str().to_owned());
                }
            }
        }
    }
    Ok(found)
}

async fn exports(client: &GuardDuty<'_>, id: &str) -> Result<Vec<ExportFacts>, AwsError> {
    let listed = client
        .all(
            |c, token| {
                c.list_publishing_destinations()
                    .detector_id(id)
                    .max_results(PAGE)
                    .set_next_token(token)
                    .send()
            },
            |page| (page.destinations, page.next_token),
        )
        .await?;
    let destinations = listed
        .into_iter()
        .filter_map(|export| export.destination_id);
    side_by_side(destinations, |destination| async move {
        let asked = &destination;
        let answer = client
            .call(|c| {
                c.describe_publishing_destination()
                    .detector_id(id)
                    .destination_id(asked)
                    .send()
            })
            .await?;
        let properties = answer.destination_properties();
        Ok(ExportFacts {
            bucket_arn: properties
                .and_then(|p| p.destination_arn())
                .unwrap_or_default()
                .to_owned(),
            key_arn: properties
                .and_then(|p| p.kms_key_arn())
                .unwrap_or_default()
                .to_owned(),
            status: answer
                .status()
                .map_or("", |status| status.as_str())
                .to_owned(),
            id: destination,
        })
    })
    .await
    .into_iter()
    .collect()
}
