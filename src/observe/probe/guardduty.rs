//! What keeps GuardDuty's findings from being seen, in the account that is asked.

use serde_json::json;

use super::super::{pages, side_by_side};
use super::{Asking, absent, present};
use crate::aws::{AwsError, Operation};
use crate::inventory::Facts;

const DETECTORS: Operation = Operation("guardduty", "ListDetectors");
const FILTERS: Operation = Operation("guardduty", "ListFilters");
const FILTER: Operation = Operation("guardduty", "GetFilter");
const ADDRESS_LISTS: Operation = Operation("guardduty", "ListIPSets");
const ADDRESS_LIST: Operation = Operation("guardduty", "GetIPSet");
const ENTITY_LISTS: Operation = Operation("guardduty", "ListTrustedEntitySets");
const ENTITY_LIST: Operation = Operation("guardduty", "GetTrustedEntitySet");

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
        let client = &self.aws.guardduty(self.at).await?;
        let listed = self
            .aws
            .call(self.ctx, DETECTORS, self.at, || {
                client.list_detectors().send()
            })
            .await?;
        let Some(detector) = listed.detector_ids.unwrap_or_default().into_iter().next() else {
            return Ok(absent());
        };
        let detector = detector.as_str();
        let (archiving, addresses, entities) = tokio::join!(
            self.archiving(client, detector),
            self.address_lists(client, detector),
            self.entity_lists(client, detector),
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
    async fn archiving(
        &self,
        client: &aws_sdk_guardduty::Client,
        detector: &str,
    ) -> Result<Vec<String>, AwsError> {
        let names = pages::all(FILTERS, self.at, |token| async move {
            let page = self
                .aws
                .call(self.ctx, FILTERS, self.at, || {
                    client
                        .list_filters()
                        .detector_id(detector)
                        .max_results(50)
                        .set_next_token(token.clone())
                        .send()
                })
                .await?;
            Ok((page.filter_names.unwrap_or_default(), page.next_token))
        })
        .await?;
        let asked = side_by_side(names, |name| async move {
            let filter = self
                .aws
                .call(self.ctx, FILTER, self.at, || {
                    client
                        .get_filter()
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
        &self,
        client: &aws_sdk_guardduty::Client,
        detector: &str,
    ) -> Result<Vec<String>, AwsError> {
        let ids = pages::all(ADDRESS_LISTS, self.at, |token| async move {
            let page = self
                .aws
                .call(self.ctx, ADDRESS_LISTS, self.at, || {
                    client
                        .list_ip_sets()
                        .detector_id(detector)
                        .max_results(50)
                        .set_next_token(token.clone())
                        .send()
                })
                .await?;
            Ok((page.ip_set_ids.unwrap_or_default(), page.next_token))
        })
        .await?;
        let asked = side_by_side(ids, |id| async move {
            let list = self
                .aws
                .call(self.ctx, ADDRESS_LIST, self.at, || {
                    client
                        .get_ip_set()
                        .detector_id(detector)
                        .ip_set_id(&id)
                        .send()
                })
                .await?;
            let status = list.status.map(|status| status.as_str().to_owned());
            Ok(in_use(status.as_deref()).then(|| list.name.unwrap_or(id)))
        })
        .await;
        those_that_are(asked)
    }

    /// The same of lists of trusted addresses and domain names.
    async fn entity_lists(
        &self,
        client: &aws_sdk_guardduty::Client,
        detector: &str,
    ) -> Result<Vec<String>, AwsError> {
        let ids = pages::all(ENTITY_LISTS, self.at, |token| async move {
            let page = self
                .aws
                .call(self.ctx, ENTITY_LISTS, self.at, || {
                    client
                        .list_trusted_entity_sets()
                        .detector_id(detector)
                        .max_results(50)
                        .set_next_token(token.clone())
                        .send()
                })
                .await?;
            Ok((
                page.trusted_entity_set_ids.unwrap_or_default(),
                page.next_token,
            ))
        })
        .await?;
        let asked = side_by_side(ids, |id| async move {
            let list = self
                .aws
                .call(self.ctx, ENTITY_LIST, self.at, || {
                    client
                        .get_trusted_entity_set()
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
