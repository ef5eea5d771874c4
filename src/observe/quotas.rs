//! Quotas: read only where the plan is to make something that counts against them.

use aws_sdk_servicequotas::operation::get_aws_default_service_quota::GetAWSDefaultServiceQuotaError;
use aws_sdk_servicequotas::operation::get_service_quota::GetServiceQuotaError;
use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_organizations::types::{ActionType, HandshakeFilter, HandshakeState};

use super::{Reader, seen};
use crate::aws::{Aws, AwsError, CallContext, Operation};
use crate::inventory::{
    AccountRegion, Observed, QuotaFacts, QuotaKind, QuotaRequest, Quotas, StackSetFacts,
};
use crate::plan::{AccountId, AccountKey};

/// What is there, as far as it was read.
pub(super) struct Known<'a> {
    /// Whether there is an organization.
    pub(super) organization: bool,
    pub(super) accounts: Option<usize>,
    pub(super) ids: &'a BTreeMap<AccountKey, AccountId>,
    pub(super) stack_sets: &'a Observed<BTreeMap<String, StackSetFacts>>,
    pub(super) other_stack_sets: &'a BTreeSet<String>,
}

/// How much of a kind there is and how much the plan adds, at the most.
struct Need {
    there: usize,
    added: usize,
}

/// What holds for the account; where AWS has no value of its own for it, AWS's default.
///
/// # Errors
/// What AWS said, or that an answer has no value.
pub(crate) async fn applied_quota(
    aws: &Aws,
    ctx: &CallContext,
    kind: QuotaKind,
    at: &AccountRegion,
) -> Result<QuotaFacts, AwsError> {
    let client = aws.service_quotas(ctx, at).await?;
    let (service, code) = (kind.service_code(), kind.quota_code());
    let applied = client
        .call(|c| {
            c.get_service_quota()
                .service_code(service)
                .quota_code(code)
                .send()
        })
        .await;
    let (operation, quota) = match applied {
        Ok(answer) => (Operation::of::<GetServiceQuotaError>(), answer.quota),
        Err(failed) if failed.is("NoSuchResource") => {
            let answer = client
                .call(|c| {
                    c.get_aws_default_service_quota()
                        .service_code(service)
                        .quota_code(code)
                        .send()
                })
                .await?;
            (
                Operation::of::<GetAWSDefaultServiceQuotaError>(),
                answer.quota,
            )
        }
        Err(failed) => return Err(failed),
    };
    let quota = quota.as_ref();
    let value = quota.and_then(|quota| whole(quota.value?));
    match value {
        Some(value) => Ok(QuotaFacts {
            value,
            adjustable: quota.is_some_and(|quota| quota.adjustable),
            request: None,
        }),
        None => Err(AwsError::unreadable(operation, at, "a quota has no value")),
    }
}

impl Reader<'_> {
    /// The quotas that the plan comes near.
    pub(super) async fn quotas(&self, known: &Known<'_>) -> Quotas {
        let (accounts, (sets, instances)) =
            tokio::join!(self.accounts_quota(known), self.stack_set_quotas(known));
        let (invitations, accounts) = accounts;
        let found = [
            (QuotaKind::Accounts, accounts),
            (QuotaKind::StackSets, sets),
            (QuotaKind::StackInstances, instances),
        ];
        Quotas {
            found: found
                .into_iter()
                .filter_map(|(kind, quota)| Some((kind, quota?)))
                .collect(),
            invitations,
        }
    }

    async fn accounts_quota(
        &self,
        known: &Known<'_>,
    ) -> (Option<Observed<usize>>, Option<Observed<QuotaFacts>>) {
        let Some(there) = known.accounts else {
            return (None, None);
        };
        let management = &self.plan.organization.management_account;
        let planned = self.plan.accounts.iter();
        let added = planned
            .filter(|(key, account)| {
                !known.ids.contains_key(*key) && account.id.as_ref() != Some(management)
            })
            .count();
        if added == 0 {
            return (None, None);
        }
        let invitations = match known.organization {
            true => Some(seen(self.open_invitations().await)),
            false => None,
        };
        let invited = invitations.as_ref().and_then(Observed::known);
        let need = Need {
            there: there + invited.copied().unwrap_or_default(),
            added,
        };
        let quota = self.quota(QuotaKind::Accounts, &need).await;
        (invitations, Some(quota))
    }

    async fn stack_set_quotas(
        &self,
        known: &Known<'_>,
    ) -> (Option<Observed<QuotaFacts>>, Option<Observed<QuotaFacts>>) {
        let Observed::Known(sets) = known.stack_sets else {
            return (None, None);
        };
        let (mut missing, mut most) = (0, None::<Need>);
        for desired in self.desired.stack_sets.values() {
            let facts = sets.get(&desired.full_name);
            missing += usize::from(facts.is_none());
            let instances = facts.and_then(|facts| facts.instances.known());
            let there = instances.map_or(0, |instances| instances.len());
            let planned = self.plan.accounts.len() * desired.regions.len();
            let added = planned.saturating_sub(there);
            if added > 0
                && most
                    .as_ref()
                    .is_none_or(|most| most.there + most.added < planned)
            {
                most = Some(Need { there, added });
            }
        }
        let sets = async {
            let need = Need {
                there: sets.len() + known.other_stack_sets.len(),
                added: missing,
            };
            match missing {
                0 => None,
                _ => Some(self.quota(QuotaKind::StackSets, &need).await),
            }
        };
        let instances = async {
            match &most {
                Some(need) => Some(self.quota(QuotaKind::StackInstances, need).await),
                None => None,
            }
        };
        tokio::join!(sets, instances)
    }

    async fn quota(&self, kind: QuotaKind, need: &Need) -> Observed<QuotaFacts> {
        let at = match kind.is_global() {
            true => self.global(),
            false => self.home(),
        };
        let mut facts = match applied_quota(self.aws, self.ctx, kind, &at).await {
            Ok(facts) => facts,
            Err(failed) => return seen(Err(failed)),
        };
        if need.there + need.added > facts.value {
            // Only told; whoever asks for more looks again.
            facts.request = open_request(self.aws, self.ctx, kind, &at)
                .await
                .ok()
                .flatten();
        }
        Observed::Known(facts)
    }

    /// How many accounts are asked to join and have not answered.
    async fn open_invitations(&self) -> Result<usize, AwsError> {
        let client = &self.organizations();
        let filter = HandshakeFilter::builder()
            .action_type(ActionType::InviteAccountToOrganization)
            .build();
        let filter = &filter;
        let listed = client
            .all(
                |c, token| {
                    c.list_handshakes_for_organization()
                        .filter(filter.clone())
                        .max_results(20)
                        .set_next_token(token)
                        .send()
                },
                |page| (page.handshakes, page.next_token),
            )
            .await?;
        let open = |state: Option<&HandshakeState>| {
            matches!(
                state,
                Some(HandshakeState::Requested | HandshakeState::Open)
            )
        };
        Ok(listed
            .iter()
            .filter(|handshake| open(handshake.state()))
            .count())
    }
}

/// Quotas of counts are whole numbers that fit.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked before"
)]
fn whole(value: f64) -> Option<usize> {
    (0.0..=9e15).contains(&value).then_some(value as usize)
}

/// The newest request to raise a quota that AWS has not decided.
pub(crate) async fn open_request(
    aws: &crate::aws::Aws,
    ctx: &CallContext,
    kind: QuotaKind,
    at: &AccountRegion,
) -> Result<Option<QuotaRequest>, AwsError> {
    let client = &aws.service_quotas(ctx, at).await?;
    let listed = client
        .all(
            |c, token| {
                c.list_requested_service_quota_change_history_by_quota()
                    .service_code(kind.service_code())
                    .quota_code(kind.quota_code())
                    .max_results(100)
                    .set_next_token(token)
                    .send()
            },
            |page| (page.requested_quotas, page.next_token),
        )
        .await?;
    let requests = listed.into_iter().map(quota_request);
    let open = requests.filter(QuotaRequest::is_open);
    Ok(open.max_by_key(|request| request.created))
}

/// A request as AWS shows it.
pub(crate) fn quota_request(
    shown: aws_sdk_servicequotas::types::RequestedServiceQuotaChange,
) -> QuotaRequest {
    let created = shown
        .created
        .and_then(|at| jiff::Timestamp::from_second(at.secs()).ok());
    QuotaRequest {
        id: shown.id.unwrap_or_default(),
        case: shown.case_id,
        desired: shown.desired_value.and_then(whole).unwrap_or_default(),
        status: shown
            .status
            .map_or_else(String::new, |status| status.as_str().to_owned()),
        created,
    }
}
