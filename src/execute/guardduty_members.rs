//! GuardDuty's members: accounts of the organization that the administrator watches.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_guardduty::types::{AccountDetail, OrgFeatureStatus};

use super::effects::{ActionContext, Doing};
use super::guardduty::MEMBERS_A_CALL;
use super::run::Outputs;
use crate::action::{self};
use crate::aws::wait::{GUARDDUTY, Poller, READ_BACK};
use crate::aws::{AwsError, Calls, is_member_already, management_first};
use crate::event::Failure;
use crate::inventory::AccountRegion;
use crate::plan::{AccountId, Region};

impl ActionContext<'_> {
    /// CreateMembers, and then what AWS says of each.
    pub(super) async fn add_guardduty_members(
        &self,
        action: &action::AddGuardDutyMembers,
    ) -> Result<Outputs, Failure> {
        let action::AddGuardDutyMembers {
            region,
            administrator,
            members,
        } = action;
        let administrator = self.account(administrator)?;
        let at = self.place(&administrator, region);
        let context = || {
            format!(
                "making {} accounts GuardDuty members in {region}",
                members.len()
            )
        };
        let mut details = Vec::new();
        for member in members {
            let detail = AccountDetail::builder()
                .account_id(self.text(&member.account)?)
                .email(self.text(&member.email)?)
                .build();
            details.push(detail);
        }
        let detector = self.existing_detector(&at).await?;
        let mut left = details.clone();
        let mut asked: BTreeSet<String> = BTreeSet::new();
        let mut management_is_on = false;
        let mut late = Poller::new(self.ctx, READ_BACK);
        loop {
            let mut refused: BTreeMap<String, String> = BTreeMap::new();
            for batch in left.chunks(MEMBERS_A_CALL) {
                refused.extend(self.create_members(&at, &detector, batch, context).await?);
            }
            let unasked: Vec<&String> = refused
                .keys()
                .filter(|id| asked.insert((*id).clone()))
                .collect();
            for (id, other) in self
                .administered_elsewhere(unasked, &administrator, region)
                .await
            {
                self.tell(format!(
                    "account {id} is a member of account {other} in GuardDuty by invitation: it stays so, and is left out"
                ));
                refused.remove(&id);
                details.retain(|detail| detail.account_id() != Some(id.as_str()));
            }
            // Members that it has already are what is wanted.
            refused.retain(|_, result| !is_member_already(result));
            if refused.is_empty() {
                break;
            }
            let management = self.shared.management.as_str();
            let first = refused
                .get(management)
                .is_some_and(|why| management_first(why));
            if first && !management_is_on {
                self.enable_in_management(&at, &detector).await?;
                management_is_on = true;
            } else {
                // Accounts made a moment ago are not known to GuardDuty at once.
                late.pause(format!(
                    "GuardDuty refused {} accounts: trying again",
                    refused.len()
                ))
                .await
                .map_err(|_| self.members_failed(context(), &refused))?;
            }
            left.retain(|detail| {
                detail
                    .account_id()
                    .is_some_and(|id| refused.contains_key(id))
            });
        }
        let desired: BTreeSet<String> = details
            .iter()
            .filter_map(|detail| detail.account_id().map(str::to_owned))
            .collect();
        let mut wait = Poller::new(self.ctx, GUARDDUTY);
        loop {
            let states = self
                .guardduty_members(&at, &detector)
                .await
                .context(context)?;
            let open: BTreeMap<String, String> = desired
                .iter()
                .map(|id| (id, states.get(id).map_or("not a member", String::as_str)))
                .filter(|(_, state)| !state.eq_ignore_ascii_case("enabled"))
                .map(|(id, state)| (id.clone(), state.to_owned()))
                .collect();
            if open.is_empty() {
                return Ok(Outputs::new());
            }
            wait.pause(format!("for GuardDuty to enable {} members", open.len()))
                .await
                .map_err(|_| self.members_failed(context(), &open))?;
        }
    }

    /// Every account that an administrator has, or had, as a member, with its state.
    pub(super) async fn guardduty_members(
        &self,
        at: &AccountRegion,
        detector: &str,
    ) -> Result<BTreeMap<String, String>, AwsError> {
        let client = self.guardduty(at).await?;
        let members = client
            .all(
                |c, token| {
                    c.list_members()
                        .detector_id(detector)
                        .only_associated("false")
                        .set_next_token(token)
                        .send()
                },
                |page| (page.members, page.next_token),
            )
            .await?;
        let states = members.into_iter().filter_map(|member| {
            let state = member.relationship_status.unwrap_or_default();
            Some((member.account_id?, state))
        });
        Ok(states.collect())
    }

    /// CreateMembers for one batch; the accounts that were refused, with AWS's words.
    async fn create_members(
        &self,
        at: &AccountRegion,
        detector: &str,
        batch: &[AccountDetail],
        context: impl Fn() -> String + Copy,
    ) -> Result<BTreeMap<String, String>, Failure> {
        let client = self.guardduty(at).await.context(context)?;
        let mut not_yet = self.not_yet();
        let answer = loop {
            let made = client
                .call(|c| {
                    c.create_members()
                        .detector_id(detector)
                        .set_account_details(Some(batch.to_vec()))
                        .send()
                })
                .await;
            match made {
                Ok(answer) => break answer,
                Err(error) => not_yet.pause(error, context).await?,
            }
        };
        Ok(answer
            .unprocessed_accounts()
            .iter()
            .map(|account| {
                let id = account.account_id().unwrap_or_default();
                (
                    id.to_owned(),
                    account.result().unwrap_or_default().to_owned(),
                )
            })
            .collect())
    }

    /// Which of some accounts another account than the administrator administers, and which. AWS refuses them
    /// until they have left that one.
    async fn administered_elsewhere(
        &self,
        accounts: Vec<&String>,
        administrator: &AccountId,
        region: &Region,
    ) -> Vec<(String, AccountId)> {
        let mut found = Vec::new();
        for id in accounts {
            let Ok(account) = id.parse::<AccountId>() else {
                continue;
            };
            // What cannot be told is left to AWS's own words.
            if let Ok(Some(other)) = self.administrator_of(&self.place(&account, region)).await
                && other != *administrator
            {
                found.push((id.clone(), other));
            }
        }
        found
    }

    async fn administrator_of(&self, at: &AccountRegion) -> Result<Option<AccountId>, AwsError> {
        let Some(detector) = self.detector(at).await? else {
            return Ok(None);
        };
        let client = self.guardduty(at).await?;
        let answer = client
            .call(|c| c.get_administrator_account().detector_id(&detector).send())
            .await?;
        let id = answer.administrator.and_then(|found| found.account_id);
        Ok(id.and_then(|id| id.parse().ok()))
    }

    /// Turns GuardDuty on in the management account, with what the organization's settings turn on
    /// in members: a new detector would turn on every feature that is not named.
    async fn enable_in_management(
        &self,
        administrator: &AccountRegion,
        detector: &str,
    ) -> Result<(), Failure> {
        let at = self.place(&self.shared.management, &administrator.region);
        let context = || {
            format!(
                "turning GuardDuty on in the management account, {}",
                at.region
            )
        };
        self.tell("the management account must turn GuardDuty on itself before it can be a member");
        let client = self.guardduty(administrator).await.context(context)?;
        let settings = client
            .call(|c| {
                c.describe_organization_configuration()
                    .detector_id(detector)
                    .send()
            })
            .await
            .context(context)?;
        let features: BTreeMap<String, bool> = settings
            .features()
            .iter()
            .filter_map(|feature| {
                let on = feature.auto_enable()? != &OrgFeatureStatus::None;
                Some((feature.name()?.as_str().to_owned(), on))
            })
            .collect();
        if self.detector(&at).await.context(context)?.is_none() {
            let own = self.create_detector(&at).await?;
            self.set_detector(&at, &own, &features).await?;
        }
        Ok(())
    }

    fn members_failed(&self, context: String, states: &BTreeMap<String, String>) -> Failure {
        let list: Vec<String> = states
            .iter()
            .map(|(id, state)| format!("account {id}: {state}"))
            .collect();
        Failure {
            context,
            message: list.join("; "),
            hint: Some("an account with a GuardDuty of its own, or another administrator, must leave that one first; a suspended account cannot be a member".to_owned()),
            request_id: None,
        }
    }
}
