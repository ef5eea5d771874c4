//! The real effects: what a change's action comes to in AWS.
//!
//! Every action may be repeated. Some are so by nature (attaching what is attached is answered with a
//! known error), some look first (an account, a stack), and each says what it waits for.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

use super::account::Creations;
use super::hints;
use super::lock::Lock;
use super::run::{Effects, Outputs};
use super::stop::Stop;
use crate::action::{Action, for_each_action};
use crate::addr::{Bindings, Expr};
use crate::aws::wait::GaveUp;
use crate::aws::{Aws, AwsError, CallContext, Calls, Client, Organizations};
use crate::change::Change;
use crate::duration::about;
use crate::event::{Failure, Unseen};
use crate::inventory::AccountRegion;
use crate::plan::{AccountId, Region};

/// Changes AWS. Clones share everything.
#[derive(Clone)]
pub struct AwsEffects(Arc<Shared>);

pub(super) struct Shared {
    pub(super) aws: Aws,
    pub(super) management: AccountId,
    run: String,
    lock: Option<Lock>,
    pub(super) stop: Stop,
    pub(super) creations: Creations,
    /// Where this run has made an account GuardDuty's administrator.
    guardduty_begun: Mutex<BTreeSet<Region>>,
    /// What is to be said whatever becomes of the change.
    notices: Mutex<Vec<String>>,
}

impl Shared {
    fn begun(&self) -> MutexGuard<'_, BTreeSet<Region>> {
        let begun = self.guardduty_begun.lock();
        begun.unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that this run has made an account GuardDuty's administrator in a Region.
    pub(super) fn guardduty_begun(&self, region: &Region) {
        self.begun().insert(region.clone());
    }

    pub(super) fn has_begun_guardduty(&self, region: &Region) -> bool {
        self.begun().contains(region)
    }
}

impl AwsEffects {
    /// Effects in the organization of `management`, the caller's own account. `run` makes operation
    /// ids and request tokens repeatable. The lock is looked at before every change; where another
    /// run has taken it over, `stop` is asked to finish.
    pub fn new(
        aws: Aws,
        management: AccountId,
        run: impl Into<String>,
        lock: Option<Lock>,
        stop: Stop,
    ) -> Self {
        Self(Arc::new(Shared {
            aws,
            management,
            run: run.into(),
            lock,
            stop,
            creations: Creations::default(),
            guardduty_begun: Mutex::default(),
            notices: Mutex::default(),
        }))
    }
}

impl Effects for AwsEffects {
    fn is_no_use(&self, change: &Change) -> Option<&'static str> {
        let creates = matches!(change.action, Action::CreateAccount(_));
        (creates && self.0.creations.is_full())
            .then_some("AWS refused another account: there are as many as the quota allows")
    }

    async fn read_back(
        &self,
        changes: &[Arc<Change>],
        known: &Bindings,
        ctx: &CallContext,
    ) -> Vec<Unseen> {
        self.0.read_back(changes, known, ctx).await
    }

    fn take_notices(&self) -> Vec<String> {
        let notices = self.0.notices.lock();
        notices.map_or_else(|_| Vec::new(), |mut notices| std::mem::take(&mut *notices))
    }

    async fn perform(
        &self,
        change: &Change,
        known: &Bindings,
        ctx: &CallContext,
    ) -> Result<Outputs, Failure> {
        if let Some(lock) = &self.0.lock
            && let Err(lost) = lock.check(ctx).await
        {
            self.0.stop.finish();
            return Err(lost.failure(&change.address));
        }
        ActionContext {
            shared: &self.0,
            change,
            known,
            ctx,
        }
        .perform()
        .await
    }
}

/// One change in hand.
pub(super) struct ActionContext<'a> {
    pub(super) shared: &'a Shared,
    pub(super) change: &'a Change,
    pub(super) known: &'a Bindings,
    pub(super) ctx: &'a CallContext,
}

impl Calls for ActionContext<'_> {
    fn door(&self) -> (&Aws, &CallContext) {
        (&self.shared.aws, self.ctx)
    }
}

macro_rules! performed {
    ($($perform:ident: $name:ident,)*) => {
        impl ActionContext<'_> {
            async fn perform(&self) -> Result<Outputs, Failure> {
                match &self.change.action {
                    $(Action::$name(action) => self.$perform(action).await,)*
                }
            }
        }
    };
}
for_each_action!(performed);

impl ActionContext<'_> {
    /// Says what was done besides, for everybody to read.
    pub(super) fn note(&self, what: String) {
        if let Ok(mut notices) = self.shared.notices.lock() {
            notices.push(what);
        }
    }

    /// Tells what is being waited for, or found.
    pub(super) fn tell(&self, what: impl Into<String>) {
        (self.ctx.tell)(what.into());
    }

    /// The text with its references filled in.
    pub(super) fn text(&self, text: &Expr) -> Result<String, Failure> {
        text.value(self.known)
            .map_err(|unbound| self.fails(unbound.to_string(), Some(REPORT)))
    }

    /// The text as an account id.
    pub(super) fn account(&self, text: &Expr) -> Result<AccountId, Failure> {
        let id = self.text(text)?;
        id.parse()
            .map_err(|wrong| self.fails(format!("`{id}` is no account id: {wrong}"), Some(REPORT)))
    }

    /// The management account in the Region where Organizations and IAM answer.
    pub(super) fn global(&self) -> AccountRegion {
        self.place(&self.shared.management, self.shared.aws.global_region())
    }

    /// The management account in the home Region, where stack sets lie.
    pub(super) fn home(&self) -> AccountRegion {
        self.place(&self.shared.management, self.shared.aws.home_region())
    }

    /// An account and a Region.
    pub(super) fn place(&self, account: &AccountId, region: &Region) -> AccountRegion {
        AccountRegion {
            account: account.clone(),
            region: region.clone(),
        }
    }

    /// Organizations, called from the management account.
    pub(super) fn organizations(&self) -> Organizations<'_> {
        self.shared
            .aws
            .organizations(self.ctx, &self.shared.management)
    }

    /// Account management, called from the management account.
    pub(super) fn account_management(&self) -> Client<'_, aws_sdk_account::Client> {
        self.shared
            .aws
            .account_management(self.ctx, &self.shared.management)
    }

    /// A token that is the same whenever this run repeats this change, and another for any other:
    /// letters, digits and `-`, as stack tokens and operation ids must be.
    pub(super) fn token(&self, part: &str) -> String {
        let mut hash = Sha256::new();
        for text in [
            self.shared.run.as_str(),
            &self.change.address.to_string(),
            part,
        ] {
            hash.update(text.as_bytes());
            hash.update([0]);
        }
        let mut token = "orgstrap-".to_owned();
        for byte in hash.finalize().iter().take(16) {
            let _ = write!(token, "{byte:02x}");
        }
        token
    }

    /// The change fails with what orgstrap found.
    pub(super) fn fails(&self, message: impl Into<String>, hint: Option<&str>) -> Failure {
        Failure {
            context: self.change.address.to_string(),
            message: message.into(),
            hint: hint.map(str::to_owned),
            request_id: None,
        }
    }
}

/// Hint for what must not happen.
pub(super) const REPORT: &str = "this is an error in orgstrap; please report it";

/// Turns an error into a failure by saying what was being done.
pub(super) trait Doing<T> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T, Failure>;
}

impl<T> Doing<T> for Result<T, AwsError> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|error| hints::failure(what(), &error))
    }
}

/// The SDK's builders refuse a request that lacks a required field.
impl<T> Doing<T> for Result<T, aws_smithy_types::error::operation::BuildError> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|error| Failure {
            context: what(),
            message: error.to_string(),
            hint: Some(REPORT.to_owned()),
            request_id: None,
        })
    }
}

impl<T> Doing<T> for Result<T, GaveUp> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|gave_up| Failure {
            context: what(),
            message: format!("still not finished after {}", about(gave_up.after)),
            hint: Some("AWS may finish it yet; run apply again, it goes on from there".to_owned()),
            request_id: None,
        })
    }
}
