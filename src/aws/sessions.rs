//! Role sessions: one per member account, shared by everybody, refreshed before it ends. By which role, is
//! tried in an order: a check that finds no role of its own goes by the access role.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_sdk_sts::operation::assume_role::AssumeRoleError;

use super::{Aws, AwsError, CallContext, Inner, Operation, lock};
use crate::inventory::AccountRegion;
use crate::plan::AccountId;

/// The longest session that role chaining allows, and every role's default.
const LENGTH_S: i32 = 3_600;
/// Refreshed when less than this is left: longer than any one call.
const REFRESH_BEFORE: Duration = Duration::from_secs(300);

fn assume() -> Operation {
    Operation::of::<AssumeRoleError>()
}

/// The pool of sessions.
pub(super) struct Sessions {
    slots: Mutex<BTreeMap<AccountId, Arc<Slot>>>,
    roles: Mutex<Roles>,
}

/// The roles by which accounts are entered, the first that opens.
struct Roles {
    names: Vec<String>,
    /// Accounts that the first did not open and a later one did.
    fell_back: BTreeSet<AccountId>,
}

/// One account's session. The lock is held while a session is asked for, so that many callers
/// share one answer.
#[derive(Default)]
struct Slot {
    session: tokio::sync::Mutex<SlotState>,
}

#[derive(Default)]
struct SlotState {
    session: Option<Session>,
    /// What AWS said last, if it was no: those who waited meanwhile take the same answer.
    refusal: Option<AwsError>,
}

#[derive(Clone)]
struct Session {
    credentials: Credentials,
    ends: SystemTime,
}

impl Aws {
    /// Makes sure that there is a session of the access role in a member account.
    pub async fn enter(&self, ctx: &CallContext, account: &AccountId) -> Result<(), AwsError> {
        if *account == self.caller().await? {
            return Ok(());
        }
        self.session(ctx, account).await.map(|_| ())
    }

    /// Whether a role opens a member account. The session that comes of it is not kept.
    pub async fn opens(
        &self,
        ctx: &CallContext,
        account: &AccountId,
        role: &str,
    ) -> Result<(), AwsError> {
        self.assume_role(ctx, account, role, true).await.map(|_| ())
    }

    /// Whether it opens it now, however new the account is.
    pub async fn opens_now(&self, ctx: &CallContext, account: &AccountId, role: &str) -> bool {
        self.assume_role(ctx, account, role, false).await.is_ok()
    }

    /// Forgets a session, so that the next call asks for a new one: a role that was just changed,
    /// or a session that AWS calls expired.
    pub async fn leave(&self, account: &AccountId) {
        let slot = self.inner.sessions.slot(account);
        slot.session.lock().await.session = None;
    }

    /// From now on enters member accounts by the first of these roles that opens. Sessions that there are
    /// already are forgotten.
    pub fn enter_by(&self, names: Vec<String>) {
        let sessions = &self.inner.sessions;
        lock(&sessions.slots).clear();
        *lock(&sessions.roles) = Roles {
            names,
            fell_back: BTreeSet::new(),
        };
    }

    /// The accounts that the first role did not open and a later one did.
    pub fn fell_back(&self) -> BTreeSet<AccountId> {
        lock(&self.inner.sessions.roles).fell_back.clone()
    }

    /// The account's session, from the pool or from STS.
    pub(super) async fn session(
        &self,
        ctx: &CallContext,
        account: &AccountId,
    ) -> Result<Credentials, AwsError> {
        let slot = self.inner.sessions.slot(account);
        let waited = slot.session.try_lock().is_err();
        let mut state = slot.session.lock().await;
        if let Some(session) = &state.session
            && self.now() + REFRESH_BEFORE < session.ends
        {
            return Ok(session.credentials.clone());
        }
        // Whoever waited while AWS said no takes that answer, unless more patient than the asker.
        let new = self.is_new_account(account);
        if let (true, Some(refusal), false) = (waited, &state.refusal, new) {
            return Err(refusal.clone());
        }
        match self.assume(ctx, account).await {
            Ok(session) => {
                let credentials = session.credentials.clone();
                state.session = Some(session);
                state.refusal = None;
                Ok(credentials)
            }
            Err(refusal) => {
                state.refusal = Some(refusal.clone());
                Err(refusal)
            }
        }
    }

    /// A session by the first role that opens. Only the last one is waited for where the account is new: the
    /// others come to it later.
    async fn assume(&self, ctx: &CallContext, account: &AccountId) -> Result<Session, AwsError> {
        let names = lock(&self.inner.sessions.roles).names.clone();
        let Some((last, earlier)) = names.split_last() else {
            return Err(AwsError::refused(assume(), "NoRole", "no role to enter by"));
        };
        let mut refused: Option<AwsError> = None;
        for role in earlier {
            match self.assume_role(ctx, account, role, false).await {
                Err(error) if error.is("AccessDenied") => {
                    refused.get_or_insert(error);
                }
                done => return done,
            }
        }
        match (self.assume_role(ctx, account, last, true).await, refused) {
            (Ok(session), Some(_)) => {
                lock(&self.inner.sessions.roles)
                    .fell_back
                    .insert(account.clone());
                Ok(session)
            }
            // Who may not take the last role sees why the one that was meant did not do.
            (Err(error), Some(first)) if error.is("AccessDenied") => Err(AwsError {
                message: format!("{}; and then: {}", first.message, error.message),
                ..error
            }),
            (done, _) => done,
        }
    }

    async fn assume_role(
        &self,
        ctx: &CallContext,
        account: &AccountId,
        role: &str,
        patient: bool,
    ) -> Result<Session, AwsError> {
        let at = AccountRegion {
            account: self.caller().await?,
            region: self.home_region().clone(),
        };
        // The regional endpoint: tokens of the global one are refused in opt-in Regions.
        let client = aws_sdk_sts::Client::new(&self.own_config(&at.region));
        let arn = format!("arn:aws:iam::{account}:role/{role}");
        let name = session_name(&self.inner.options.run);
        let answer = self
            .attempt(ctx, assume(), Some(&at), patient.then_some(account), || {
                client
                    .assume_role()
                    .role_arn(&arn)
                    .role_session_name(&name)
                    .duration_seconds(LENGTH_S)
                    .send()
            })
            .await?;
        let unreadable = |why| AwsError::unreadable(assume(), &at, why);
        let given = answer
            .credentials()
            .ok_or_else(|| unreadable("no credentials in the answer"))?;
        let ends = SystemTime::try_from(*given.expiration())
            .map_err(|_| unreadable("the session's end is unreadable"))?;
        Ok(Session {
            credentials: Credentials::new(
                given.access_key_id(),
                given.secret_access_key(),
                Some(given.session_token().to_owned()),
                Some(ends),
                "orgstrap",
            ),
            ends,
        })
    }

    /// The clock that the SDK signs by, which is virtual in the sandbox.
    pub(crate) fn now(&self) -> SystemTime {
        self.inner.config.time_source().unwrap_or_default().now()
    }
}

/// `orgstrap-<run>` in the alphabet and length that STS takes.
fn session_name(run: &str) -> String {
    let name: String = format!("orgstrap-{run}")
        .chars()
        .map(|c| match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '+' | '=' | ',' | '.' | '@' | '-' => c,
            _ => '-',
        })
        .take(64)
        .collect();
    name
}

impl Sessions {
    /// An empty pool that enters by one role.
    pub(super) fn by(role: &str) -> Self {
        Self {
            slots: Mutex::default(),
            roles: Mutex::new(Roles {
                names: vec![role.to_owned()],
                fell_back: BTreeSet::new(),
            }),
        }
    }

    fn slot(&self, account: &AccountId) -> Arc<Slot> {
        lock(&self.slots)
            .entry(account.clone())
            .or_default()
            .clone()
    }
}

/// Gives a member account's clients their credentials, from the pool each time.
pub(super) struct RoleCredentials {
    aws: Weak<Inner>,
    account: AccountId,
}

impl RoleCredentials {
    pub(super) fn new(aws: &Aws, account: AccountId) -> Self {
        Self {
            aws: Arc::downgrade(&aws.inner),
            account,
        }
    }
}

impl ProvideCredentials for RoleCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async move {
            let Some(inner) = self.aws.upgrade() else {
                return Err(CredentialsError::not_loaded("the run has ended"));
            };
            Aws { inner }
                .session(&CallContext::quiet(), &self.account)
                .await
                .map_err(CredentialsError::provider_error)
        })
    }
}

impl fmt::Debug for RoleCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoleCredentials")
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session { .. }")
    }
}
