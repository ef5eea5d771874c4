//! Account creation: never twice.
//!
//! CreateAccount has no idempotency token, and its statuses carry the account's name but not its
//! email. So the email is looked up in ListAccounts, and the statuses of creations (in progress and
//! succeeded) are matched by name and then by the email of the account they made. What can happen,
//! and why there is one account in the end:
//!
//! | where it breaks | what AWS holds | what the next look finds |
//! | --- | --- | --- |
//! | before the request is sent | nothing | nothing: it is sent |
//! | request lost on its way | nothing, ever after five minutes: a signature is void then | nothing for six minutes, then it is sent once more |
//! | answer lost, or killed before the poll | a creation in progress | the creation by name: it is waited for, and its account's email compared |
//! | killed while polling | the account, or a failed creation | the account by email (the inventory finds it by tag even before); a failure made nothing |
//! | lists lag behind all this | the account, not listed | AWS refuses a second with EMAIL_ALREADY_EXISTS; then the lists are read once more, with patience |
//! | somebody else made it meanwhile | the account | by email, before or after the refusal |
//! | killed before move or tags | the account in the root, tagged at creation | the inventory, by tag: only what is missing is done |
//!
//! A second CreateAccount for the same email is sent in one case only: no answer, and for longer than
//! the first could have been valid neither a creation nor an account was to be seen.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use aws_sdk_organizations::types::{
    AccountState, CreateAccountState, CreateAccountStatus, IamUserAccessToBilling,
};
use tokio::sync::{Mutex, watch};
use tokio::time::Instant;

use super::effects::{ActionContext, Doing};
use super::hints;
use super::run::Outputs;
use super::tag::tags_of;
use crate::action::{ConcurrencyGroup, CreateAccount as NewAccount};
use crate::addr::{Attribute, KEY_TAG};
use crate::aws::wait::{
    ACCOUNT_CREATION, FIRST_HOUR, LOST_CREATION, OTHER_OPERATION, Poller, READ_BACK,
};
use crate::aws::{ErrorKind, account_limit};
use crate::event::Failure;
use crate::inventory::QuotaKind;
use crate::observe::applied_quota;
use crate::plan::Tags;

/// An account as a look finds it.
#[derive(Debug, Clone)]
struct Listed {
    id: String,
    arn: String,
    name: String,
    email: String,
    state: Option<AccountState>,
}

/// What AWS said of accounts and creations at one moment.
#[derive(Debug)]
struct Look {
    at: Instant,
    /// By email, lower-cased: AWS ignores case.
    accounts: BTreeMap<String, Listed>,
    ids: BTreeSet<String>,
    creations: Vec<CreateAccountStatus>,
}

/// What all creations of a run share.
#[derive(Debug, Default)]
pub(super) struct Creations {
    /// The lock makes the look single-flight: who comes second finds the first one's answer.
    last: Mutex<Option<Arc<Look>>>,
    in_flight: std::sync::Mutex<InFlight>,
    /// Set once AWS says that there may be no more accounts: it would say so of every other one too.
    full: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct InFlight {
    /// Creations of this run between their request and their end.
    own: usize,
    /// The ids of this run's creations.
    ids: BTreeSet<String>,
}

/// One of the five places; free again when dropped, also when the run is cut off.
struct Room<'a>(&'a Creations);

impl Drop for Room<'_> {
    fn drop(&mut self) {
        let mut flight = self.0.flight();
        flight.own = flight.own.saturating_sub(1);
    }
}

impl Creations {
    /// Whether AWS has said that there may be no more accounts.
    pub(super) fn is_full(&self) -> bool {
        *self.full.borrow()
    }

    /// Notes that AWS said so.
    fn fill(&self) {
        self.full.send_replace(true);
    }

    /// Ends once AWS has said so.
    async fn filled(&self) {
        // The sender lives as long as this does.
        let _ = self.full.subscribe().wait_for(|full| *full).await;
    }

    fn flight(&self) -> std::sync::MutexGuard<'_, InFlight> {
        self.in_flight
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// How old a look may be before a creation: as old as this run. What earlier runs began is to be seen at its start, its
/// lock keeps others away, and AWS refuses an email that somebody took meanwhile. Looking again would cost a page for
/// each twenty accounts, and with a thousand of them take longer than AWS takes to make the next.
const OF_THIS_RUN: Duration = Duration::MAX;
/// Longer than Organizations' lists were ever seen to lag behind a creation.
const LISTED_AFTER: Duration = Duration::from_secs(3_600);
/// The failure reason of a creation that the quota does not allow.
const OVER_QUOTA: &str = "ACCOUNT_LIMIT_EXCEEDED";

/// What came of sending CreateAccount once.
enum Asked {
    Begun(Box<CreateAccountStatus>),
    /// Nobody knows whether it was carried out.
    Lost,
    OverQuota(Failure),
}

/// How a creation ended.
enum Ended {
    Made(Outputs),
    OverQuota(Failure),
}

/// While waiting for one of the five places.
const NEWER: Duration = Duration::from_secs(10);

impl ActionContext<'_> {
    /// CreateAccount, or the account that an earlier, interrupted one has made.
    pub(super) async fn create_account(&self, new: &NewAccount) -> Result<Outputs, Failure> {
        if let Some(found) = self.find_account(new, OF_THIS_RUN).await? {
            return self.adopt(new, &found).await;
        }
        let _room = self.room_for_creation().await?;
        let mut first_hour = Poller::new(self.ctx, FIRST_HOUR);
        loop {
            let refused = match self.ask_for_account(new).await? {
                Ended::Made(made) => return Ok(made),
                Ended::OverQuota(refused) => refused,
            };
            let why = "AWS reports the account limit, as it may in an organization's first hour: trying again";
            if !self.limit_may_pass().await || first_hour.pause(why).await.is_err() {
                self.shared.creations.fill();
                return Err(refused);
            }
        }
    }

    /// Whether the account limit is what AWS may report in an organization's first hour, whatever the quota is.
    async fn limit_may_pass(&self) -> bool {
        let aws = &self.shared.aws;
        if !aws.is_new_organization() {
            return false;
        }
        // Those that are being made count against the quota too.
        let Ok(look) = self.look(Duration::ZERO).await else {
            return false;
        };
        let states = look.creations.iter().map(CreateAccountStatus::state);
        let under_way = states.filter(|state| *state == Some(&CreateAccountState::InProgress));
        let there = look.ids.len() + under_way.count();
        let told = applied_quota(aws, self.ctx, QuotaKind::Accounts, &self.global()).await;
        let quota = told.map_or(QuotaKind::Accounts.default_value(), |facts| facts.value);
        there < quota
    }

    /// CreateAccount, and its end.
    async fn ask_for_account(&self, new: &NewAccount) -> Result<Ended, Failure> {
        for attempt in 1.. {
            match self.request_account(new).await? {
                Asked::Begun(status) => return self.await_creation(new, *status).await,
                Asked::OverQuota(refused) => return Ok(Ended::OverQuota(refused)),
                Asked::Lost if attempt == 1 => {
                    // The answer was lost. Look until the request could no longer be valid.
                    let mut wait = Poller::new(self.ctx, LOST_CREATION);
                    loop {
                        if let Some(found) = self.find_account(new, Duration::ZERO).await? {
                            return self.adopt(new, &found).await.map(Ended::Made);
                        }
                        let why = "the answer to CreateAccount was lost: looking for the account, so that it is not made twice";
                        if wait.pause(why).await.is_err() {
                            break;
                        }
                    }
                    self.tell("no sign of the account after six minutes: asking for it once more");
                }
                Asked::Lost => break,
            }
        }
        Err(self.creation_failed(
            new,
            "AWS gave no answer to CreateAccount, twice",
            Some("run apply again later: it looks for the account first, and does not make a second one".to_owned()),
        ))
    }

    /// Sends CreateAccount once.
    async fn request_account(&self, new: &NewAccount) -> Result<Asked, Failure> {
        let context = || creating(new);
        let tags = tags_of(&new.tags).context(context)?;
        let client = self.organizations();
        let billing = if new.iam_user_access_to_billing {
            IamUserAccessToBilling::Allow
        } else {
            IamUserAccessToBilling::Deny
        };
        let creations = &self.shared.creations;
        let sent = AtomicBool::new(false);
        let asking = client.call(|c| {
            sent.store(true, Ordering::Relaxed);
            c.create_account()
                .email(new.email.as_str())
                .account_name(&new.name)
                .role_name(&new.access_role)
                .iam_user_access_to_billing(billing.clone())
                .set_tags(Some(tags.clone()))
                .send()
        });
        // Its turn may be minutes away. What was sent is waited for: nobody else knows what came of it.
        let no_use = async {
            creations.filled().await;
            if sent.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
        };
        let asked = tokio::select! {
            biased;
            () = no_use => return Err(self.creation_failed(
                new,
                "not asked for: AWS has just refused another account, for there are as many as the quota allows",
                hints::for_creation(OVER_QUOTA),
            )),
            asked = asking => asked,
        };
        match asked {
            // An answer without a status is as good as none.
            Ok(answer) => {
                if let Some(id) = answer
                    .create_account_status()
                    .and_then(|status| status.id())
                {
                    self.shared.creations.flight().ids.insert(id.to_owned());
                }
                Ok(match answer.create_account_status {
                    Some(status) => Asked::Begun(Box::new(status)),
                    None => Asked::Lost,
                })
            }
            Err(error) if error.kind == ErrorKind::NoAnswer => Ok(Asked::Lost),
            Err(error) if account_limit(&error) => {
                Ok(Asked::OverQuota(hints::failure(context(), &error)))
            }
            Err(error) => Err(error).context(context),
        }
    }

    /// Polls a creation to its end.
    async fn await_creation(
        &self,
        new: &NewAccount,
        status: CreateAccountStatus,
    ) -> Result<Ended, Failure> {
        let status = self.poll_creation(new, status).await?;
        if status.state() == Some(&CreateAccountState::Succeeded) {
            let id = status.account_id().unwrap_or_default();
            return self.made_account(new, id).await.map(Ended::Made);
        }
        let reason = status
            .failure_reason()
            .map_or("without a reason", |reason| reason.as_str());
        // Perhaps our own, made by a run that was killed and not listed until now; or a first request, whose answer was
        // lost, is under way: AWS says of the second that it was submitted already.
        if ["EMAIL_ALREADY_EXISTS", "CONCURRENT_ACCOUNT_MODIFICATION"].contains(&reason) {
            let mut wait = Poller::new(self.ctx, READ_BACK);
            loop {
                if let Some(found) = self.find_account(new, Duration::ZERO).await? {
                    return self.adopt(new, &found).await.map(Ended::Made);
                }
                let why = "AWS knows the email, or the request, already: looking for the account once more";
                if wait.pause(why).await.is_err() {
                    break;
                }
            }
        }
        let failed = self.creation_failed(
            new,
            &format!("AWS could not create the account: {reason}"),
            hints::for_creation(reason),
        );
        match reason {
            OVER_QUOTA => Ok(Ended::OverQuota(failed)),
            _ => Err(failed),
        }
    }

    /// DescribeCreateAccountStatus until the creation has ended.
    async fn poll_creation(
        &self,
        new: &NewAccount,
        mut status: CreateAccountStatus,
    ) -> Result<CreateAccountStatus, Failure> {
        let context = || creating(new);
        let client = self.organizations();
        let mut wait = Poller::new(self.ctx, ACCOUNT_CREATION);
        while !matches!(
            status.state(),
            Some(CreateAccountState::Succeeded | CreateAccountState::Failed)
        ) {
            wait.pause("AWS is creating the account")
                .await
                .context(context)?;
            let id = status.id().unwrap_or_default().to_owned();
            let answer = client
                .call(|c| {
                    c.describe_create_account_status()
                        .create_account_request_id(&id)
                        .send()
                })
                .await;
            match answer {
                Ok(answer) => {
                    if let Some(newer) = answer.create_account_status {
                        status = newer;
                    }
                }
                // Reads lag behind writes.
                Err(error) if error.is("CreateAccountStatusNotFound") => {}
                Err(error) => return Err(error).context(context),
            }
        }
        Ok(status)
    }

    /// The account of this email, if AWS holds it or is making it: by email among the accounts, by
    /// name and then email among the creations.
    async fn find_account(
        &self,
        new: &NewAccount,
        at_most: Duration,
    ) -> Result<Option<Listed>, Failure> {
        let look = self.look(at_most).await?;
        let desired = new.email.folded();
        let same = |account: &Listed| account.email.to_ascii_lowercase() == desired;
        if let Some(found) = look.accounts.get(&desired) {
            return Ok(Some(found.clone()));
        }
        for status in &look.creations {
            if status.account_name() != Some(&new.name) {
                continue;
            }
            if status.account_id().is_some_and(|id| look.ids.contains(id)) {
                // Listed, and its email is another's.
                continue;
            }
            if status.state() == Some(&CreateAccountState::InProgress) {
                self.tell("a creation of this name is under way: waiting for it first");
            }
            let ended = self.poll_creation(new, status.clone()).await?;
            let Some(id) = ended.account_id() else {
                continue;
            };
            let account = if self.ended_long_ago(&ended) {
                self.describe_if_there(new, id).await?
            } else {
                Some(self.describe_account(new, id).await?)
            };
            if let Some(account) = account.filter(same) {
                return Ok(Some(account));
            }
        }
        Ok(None)
    }

    /// Whether a creation ended so long ago that no list lags behind it any more: an account that is
    /// not shown then has left the organization, or was closed months ago.
    fn ended_long_ago(&self, status: &CreateAccountStatus) -> bool {
        let ended = status
            .completed_timestamp()
            .and_then(|at| SystemTime::try_from(*at).ok());
        ended.is_some_and(|at| {
            let age = self.shared.aws.now().duration_since(at);
            age.is_ok_and(|age| age > LISTED_AFTER)
        })
    }

    async fn describe_account(&self, new: &NewAccount, id: &str) -> Result<Listed, Failure> {
        let mut wait = Poller::new(self.ctx, READ_BACK);
        loop {
            if let Some(account) = self.describe_if_there(new, id).await? {
                return Ok(account);
            }
            wait.pause("AWS does not show the account yet")
                .await
                .context(|| describing(new, id))?;
        }
    }

    async fn describe_if_there(
        &self,
        new: &NewAccount,
        id: &str,
    ) -> Result<Option<Listed>, Failure> {
        let client = self.organizations();
        let answer = client
            .call(|c| c.describe_account().account_id(id).send())
            .await;
        match answer {
            Ok(answer) => Ok(answer.account.map(listed)),
            Err(error) if error.is("AccountNotFound") => Ok(None),
            Err(error) => Err(error).context(|| describing(new, id)),
        }
    }

    /// ListAccounts and ListCreateAccountStatus, or what they said not longer than `at_most` ago.
    async fn look(&self, at_most: Duration) -> Result<Arc<Look>, Failure> {
        let context = || "looking for accounts and their creations".to_owned();
        let mut last = self.shared.creations.last.lock().await;
        if let Some(look) = last.as_ref()
            && !at_most.is_zero()
            && look.at.elapsed() < at_most
        {
            return Ok(Arc::clone(look));
        }
        let at = Instant::now();
        let client = self.organizations();
        // Creations first: one that ends between the two reads is then in the accounts.
        let creations = client
            .all(
                |c, token| {
                    c.list_create_account_status()
                        .states(CreateAccountState::InProgress)
                        .states(CreateAccountState::Succeeded)
                        .set_next_token(token)
                        .send()
                },
                |page| (page.create_account_statuses, page.next_token),
            )
            .await
            .context(context)?;
        let all = client
            .all(
                |c, token| c.list_accounts().set_next_token(token).send(),
                |page| (page.accounts, page.next_token),
            )
            .await
            .context(context)?;
        let (mut accounts, mut ids) = (BTreeMap::new(), BTreeSet::new());
        for account in all.into_iter().map(listed) {
            ids.insert(account.id.clone());
            accounts.insert(account.email.to_ascii_lowercase(), account);
        }
        let look = Arc::new(Look {
            at,
            accounts,
            ids,
            creations,
        });
        *last = Some(Arc::clone(&look));
        Ok(look)
    }

    /// Waits for one of the five places. The schedule keeps this run to five; creations that an
    /// earlier run or somebody else began count too.
    async fn room_for_creation(&self) -> Result<Room<'_>, Failure> {
        let creations = &self.shared.creations;
        let width = ConcurrencyGroup::AccountCreation.width();
        let mut wait = Poller::new(self.ctx, OTHER_OPERATION);
        let mut at_most = OF_THIS_RUN;
        loop {
            let look = self.look(at_most).await?;
            {
                let mut flight = creations.flight();
                let others = look
                    .creations
                    .iter()
                    .filter(|status| status.state() == Some(&CreateAccountState::InProgress))
                    .filter(|status| !status.id().is_some_and(|id| flight.ids.contains(id)))
                    .count();
                if flight.own + others < width {
                    flight.own += 1;
                    return Ok(Room(creations));
                }
            }
            at_most = NEWER;
            wait.pause("AWS creates five accounts at a time, and others are before this one")
                .await
                .context(|| self.change.address.to_string())?;
        }
    }

    /// An account of the email was there: taken if it can be used and is nobody else's.
    async fn adopt(&self, new: &NewAccount, found: &Listed) -> Result<Outputs, Failure> {
        let context = || format!("taking over account {} ({})", found.id, found.name);
        if found.id == self.shared.management.as_str() {
            return Err(self.creation_failed(
                new,
                &format!(
                    "the address belongs to the management account, {}",
                    found.id
                ),
                Some(format!("use another email in [account.{}]", new.key)),
            ));
        }
        if matches!(
            found.state,
            Some(AccountState::Suspended | AccountState::PendingClosure | AccountState::Closed)
        ) {
            let state = found
                .state
                .as_ref()
                .map_or("closed", |state| state.as_str());
            return Err(self.creation_failed(
                new,
                &format!(
                    "the address belongs to account {} ({}), which is {state}",
                    found.id, found.name
                ),
                Some("AWS never gives the address of a closed account free; write another into the plan, or have the account reinstated".to_owned()),
            ));
        }
        let tags = self.read_tags(&found.id).await.context(context)?;
        if let Some(key) = tags.get(KEY_TAG)
            && key != new.key.as_str()
        {
            return Err(self.creation_failed(
                new,
                &format!(
                    "the address belongs to account {}, which is tagged {KEY_TAG}={key}",
                    found.id
                ),
                Some(
                    "two entries of the plan want the same account; fix the address or the tag"
                        .to_owned(),
                ),
            ));
        }
        self.tell(format!(
            "account {} of this address is there already: taken over",
            found.id
        ));
        let missing: Tags = new
            .tags
            .iter()
            .filter(|(key, value)| tags.get(*key) != Some(*value))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        self.set_tags(&found.id, &missing).await.context(context)?;
        Ok(self.bind_account(found))
    }

    async fn made_account(&self, new: &NewAccount, id: &str) -> Result<Outputs, Failure> {
        if let Ok(id) = id.parse() {
            let aws = &self.shared.aws;
            aws.account_made(&id, aws.now());
        }
        let account = self.describe_account(new, id).await?;
        Ok(self.bind_account(&account))
    }

    fn bind_account(&self, account: &Listed) -> Outputs {
        let address = &self.change.address;
        vec![
            (address.clone(), Attribute::Id, account.id.clone()),
            (address.clone(), Attribute::Arn, account.arn.clone()),
        ]
    }

    fn creation_failed(&self, new: &NewAccount, message: &str, hint: Option<String>) -> Failure {
        Failure {
            context: creating(new),
            message: message.to_owned(),
            hint,
            request_id: None,
        }
    }
}

fn describing(new: &NewAccount, id: &str) -> String {
    format!("reading account {id}, which may be `{}`", new.key)
}

fn creating(new: &NewAccount) -> String {
    format!("creating account {} ({}, {})", new.key, new.name, new.email)
}

fn listed(account: aws_sdk_organizations::types::Account) -> Listed {
    Listed {
        id: account.id.unwrap_or_default(),
        arn: account.arn.unwrap_or_default(),
        name: account.name.unwrap_or_default(),
        email: account.email.unwrap_or_default(),
        state: account.state,
    }
}
