//! What keeps GuardDuty's findings from being seen, in the account that is asked.

use serde_json::json;

use super::super::guardduty::one_detector;
use super::super::side_by_side;
use super::{Asking, absent, present};
use crate::aws::{AwsError, Calls, GuardDuty};
use crate::inventory::Facts;

/// Whether a list of GuardDuty's works, or is about to.
fn in_use(status: Option<&str>) -> bool {
    matches!(status, Some("ACTIVE" | "ACTIVATING"))
}

/// The names among answers that have one.
fn those_that_are(asked: Vec<Result<Option<String>, AwsError>>) -> Result<Vec<String>, AwsError> {
    let names: Result<Vec<Option<String>>, AwsError> = asked.into_iter().collect();
    Ok(names?.into_iter().flatten().collect())
}

impl Asking<'_> {
    /// What keeps findings from being seen: filters of the account's detector that archive them, and lists of what is trusted.
    pub(super) async fn filters(&self) -> Result<Facts, AwsError> {
        let client = &self.guardduty(self.at).await?;
        let Some(detector) = one_detector(client).await? else {
            return Ok(absent());
        };
        let detector = detector.as_str();
        let (archiving, addresses, entities) = tokio::join!(
            Self::archiving(client, detector),
            Self::address_lists(client, detector),
            Self::entity_lists(client, detector),
        );
        let mut trusted = addresses?;
        trusted.extend(entities?);
        trusted.sort();
        Ok(present([
            ("archiving", json!(archiving?)),
            ("trusted", json!(trusted)),
        ]))
    }

    /// Names of filters that archive.
    async fn archiving(client: &GuardDuty<'_>, detector: &str) -> Result<Vec<String>, AwsError> {
        let names = client
            .all(
                |c, token| {
                    c.list_filters()
                        .detector_id(detector)
                        .max_results(50)
                        .set_next_token(token)
                        .send()
                },
                |page| (page.filter_names, page.next_token),
            )
            .await?;
        let asked = side_by_side(names, |name| async move {
            let filter = client
                .call(|c| {
                    c.get_filter()
                        .detector_id(detector)
                        .filter_name(&name)
                        .send()
                })
                .await?;
            let archives = filter
                .action
                .is_some_and(|action| action.as_str() == "ARCHIVE");
            Ok(archives.then_some(name))
        })
        .await;
        let mut archiving = those_that_are(asked)?;
        archiving.sort();
        Ok(archiving)
    }

    /// Names of lists of trusted addresses that are in use.
    async fn address_lists(
        client: &GuardDuty<'_>,
        detector: &str,
    ) -> Result<Vec<String>, AwsError> {
        let ids = client
            .all(
                |c, token| {
                    c.list_ip_sets()
                        .detector_id(detector)
                        .max_results(50)
                        .set_next_token(token)
                        .send()
                },
                |page| (page.ip_set_ids, page.next_token),
            )
            .await?;
        let asked = side_by_side(ids, |id| async move {
            let list = client
                .call(|c| c.get_ip_set().detector_id(detector).ip_set_id(&id).send())
                .await?;
            let status = list.status.map(|status| status.as_str().to_owned());
            Ok(in_use(status.as_deref()).then(|| list.name.unwrap_or(id)))
        })
        .await;
        those_that_are(asked)
    }

    /// The same of lists of trusted addresses and domain names.
    async fn entity_lists(client: &GuardDuty<'_>, detector: &str) -> Result<Vec<String>, AwsError> {
        let ids = client
            .all(
                |c, token| {
                    c.list_trusted_entity_sets()
                        .detector_id(detector)
                        .max_results(50)
                        .set_next_token(token)
                        .send()
                },
                |page| (page.trusted_entity_set_ids, page.next_token),
            )
            .await?;
        let asked = side_by_side(ids, |id| async move {
            let list = client
                .call(|c| {
                    c.get_trusted_entity_set()
                        .detector_id(detector)
                        .trusted_entity_set_id(&id)
                        .send()
                })
                .await?;
            let status = list.status.map(|status| status.as_str().to_owned());
            Ok(in_use(status.as_deref()).then(|| list.name.unwrap_or(id)))
        })
        .await;
        those_that_are(asked)
    }
}
