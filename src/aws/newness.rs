//! What is so new that AWS may not have finished it: accounts, the organization, Regions that an account has not on.
//!
//! A new account's role, its services and its Regions open minutes after AWS calls the account ready, each by itself. So
//! patience goes with the account, for every call made in it, and not with one function; and all that is borne in one
//! account together is bounded, or a true refusal would be waited for service by service and Region by Region.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use aws_sdk_account::operation::get_region_opt_status::GetRegionOptStatusError;
use aws_sdk_account::types::RegionOptStatus;
use tokio::time::Instant;

use super::{Aws, AwsError, CallContext, Operation, lock};
use crate::plan::AccountId;

/// How long after its creation an account, or an organization, counts as new: AWS says up to an hour of the latter, and
/// accounts were seen to take up to some ten minutes.
const NEW: Duration = Duration::from_secs(3_600);
/// How old an account is when all of it is open: org-formation and AWS's Deployment Framework wait ten minutes.
const OPEN: Duration = Duration::from_secs(600);
/// How long calls in one new account are retried in all.
pub(super) const BORNE: Duration = Duration::from_secs(900);

#[derive(Default)]
pub(super) struct CreationTimes {
    accounts: Mutex<BTreeMap<AccountId, Account>>,
    organization: Mutex<Option<SystemTime>>,
}

struct Account {
    made: SystemTime,
    /// How long somebody has waited for it, and until when somebody does: calls that wait side by side count once.
    borne: Duration,
    until: Instant,
}

impl Aws {
    /// Notes when AWS made an account. Not for accounts that were invited: what they lack does not come by itself.
    pub fn account_made(&self, account: &AccountId, at: SystemTime) {
        lock(&self.inner.made.accounts)
            .entry(account.clone())
            .or_insert_with(|| Account {
                made: at,
                borne: Duration::ZERO,
                until: Instant::now(),
            });
    }

    /// Notes when the organization was made.
    pub fn organization_made(&self, at: SystemTime) {
        *lock(&self.inner.made.organization) = Some(at);
    }

    /// Whether the organization was made less than an hour ago.
    pub fn is_new_organization(&self) -> bool {
        let made = *lock(&self.inner.made.organization);
        made.is_some_and(|made| self.is_new(made))
    }

    /// Whether AWS made the account less than an hour ago.
    pub(crate) fn is_new_account(&self, account: &AccountId) -> bool {
        let accounts = lock(&self.inner.made.accounts);
        let made = accounts.get(account).map(|account| account.made);
        made.is_some_and(|made| self.is_new(made))
    }

    fn is_new(&self, made: SystemTime) -> bool {
        self.now().duration_since(made).unwrap_or_default() < NEW
    }

    /// Whether a call may be about a new account. Organizations and the account service are called in the management account, of
    /// any account.
    pub(super) fn is_in_new_account(
        &self,
        operation: Operation,
        account: Option<&AccountId>,
    ) -> bool {
        let of_any = ["organizations", "account"].contains(&operation.0);
        match account {
            _ if of_any => {
                let accounts = lock(&self.inner.made.accounts);
                accounts.values().any(|account| self.is_new(account.made))
            }
            Some(account) => self.is_new_account(account),
            None => false,
        }
    }

    /// How long until a new account is so old that all of it is open; `None` of one that is not new, or is that old.
    pub(crate) fn opens_in(&self, account: &AccountId) -> Option<Duration> {
        let made = lock(&self.inner.made.accounts).get(account)?.made;
        let age = self.now().duration_since(made).unwrap_or_default();
        OPEN.checked_sub(age)
    }

    /// Whether a new account is borne for another pause, which then counts.
    pub(crate) fn bears(&self, account: &AccountId, pause: Duration) -> bool {
        let mut accounts = lock(&self.inner.made.accounts);
        let Some(account) = accounts.get_mut(account) else {
            return true;
        };
        let now = Instant::now();
        let more = (now + pause).saturating_duration_since(account.until.max(now));
        if account.borne + more > BORNE {
            return false;
        }
        account.borne += more;
        account.until = account.until.max(now + pause);
        true
    }

    /// What AWS says of a Region of an account that refuses its credentials: `None` where it is on, or nobody can tell.
    pub(super) fn region_that_is_off<'a>(
        &'a self,
        ctx: &'a CallContext,
        error: &'a AwsError,
    ) -> Pin<Box<dyn Future<Output = Option<String>> + Send + 'a>> {
        Box::pin(async move {
            let unknown = ["InvalidClientTokenId", "UnrecognizedClient", "AuthFailure"]
                .iter()
                .any(|code| error.is(code));
            let at = error.at.as_deref()?;
            let asks = Operation::of::<GetRegionOptStatusError>();
            if !unknown || at.region == *self.global_region() || error.operation == asks {
                return None;
            }
            let caller = &self.caller().await.ok()?;
            let client = self.account_management(ctx, caller);
            let other = (at.account != *caller).then(|| at.account.to_string());
            let answer = self
                .attempt(ctx, asks, Some(client.at()), None, || {
                    let client = &client.sdk;
                    client
                        .get_region_opt_status()
                        .region_name(at.region.as_str())
                        .set_account_id(other.clone())
                        .send()
                })
                .await
                .ok()?;
            match answer.region_opt_status? {
                RegionOptStatus::Disabled | RegionOptStatus::Disabling => Some(format!(
                    "{} {} in account {}",
                    at.region,
                    super::REGION_IS_OFF,
                    at.account
                )),
                _ => None,
            }
        })
    }
}
