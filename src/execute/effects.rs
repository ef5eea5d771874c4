//! The real effects: what a change's act comes to in AWS.
//!
//! Every act may be repeated. Some are so by nature (attaching what is attached is answered with a
//! known error), some look first (an account, a stack), and each says what it waits for.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use sha2::{Digest, Sha256};

use super::account::Creations;
use super::hints;
use super::lock::Lock;
use super::run::{Effects, Outputs};
use super::stop::Stop;
use super::wait::{GaveUp, words};
use crate::aws::{Aws, AwsError, CallContext, Operation};
use crate::change::{Action, Bindings, Change, Expr};
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
        let creates = matches!(change.act, Action::CreateAccount { .. });
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

impl ActionContext<'_> {
    async fn perform(&self) -> Result<Outputs, Failure> {
        match &self.change.act {
            Action::CreateOrganization { accounts } => self.create_organization(accounts).await,
            Action::EnableAllFeatures => self.enable_all_features().await,
            Action::EnablePolicyType { policy_type } => self.enable_policy_type(*policy_type).await,
            Action::EnableTrustedAccess { principal } => {
                self.enable_trusted_access(principal).await
            }
            Action::ActivateStackSets => self.activate_stack_sets().await,
            Action::CreateServiceLinkedRole { service } => {
                let management = self.shared.management.clone();
                self.ensure_service_linked_role(&management, service, self.ctx)
                    .await?;
                Ok(Outputs::new())
            }
            Action::RegisterDelegatedAdministrator { principal, account } => {
                self.register_delegated_administrator(principal, account)
                    .await
            }
            Action::CreateOu { parent, name, tags } => self.create_ou(parent, name, tags).await,
            Action::RenameOu { id, name } => self.rename_ou(id, name).await,
            Action::DeleteOu { id } => self.delete_ou(id).await,
            Action::CreateAccount {
                key,
                name,
                email,
                tags,
                access_role,
                iam_user_access_to_billing,
            } => {
                self.create_account(&super::account::NewAccount {
                    key,
                    name,
                    email,
                    tags,
                    access_role,
                    billing: *iam_user_access_to_billing,
                })
                .await
            }
            Action::RenameAccount { account, name } => self.rename_account(account, name).await,
            Action::PrepareAccount {
                account,
                regions,
                service_linked_roles,
            } => {
                self.prepare_account(account, regions, service_linked_roles)
                    .await
            }
            Action::MoveAccount { account, to } => self.move_account(account, to).await,
            Action::Tag {
                resource,
                set,
                remove,
            } => self.tag(resource, set, remove).await,
            Action::PutAlternateContact {
                account,
                contact_kind,
                contact,
            } => self.put_contact(account, *contact_kind, contact).await,
            Action::PutAccountAlias { account, alias } => self.put_alias(account, alias).await,
            Action::PutPasswordPolicy { account, policy } => {
                self.put_password_policy(account, policy).await
            }
            Action::EnableRegions { account, regions } => {
                self.enable_regions(account, regions).await
            }
            Action::CentralizeRootAccess => self.centralize_root_access().await,
            Action::CreatePolicy {
                name,
                policy_type,
                description,
                content,
                tags,
            } => {
                let content = self.text(content)?;
                self.create_policy(name, *policy_type, description, &content, tags)
                    .await
            }
            Action::UpdatePolicy {
                id,
                name,
                description,
                content,
            } => {
                let content = self.text(content)?;
                self.update_policy(id, name, description, &content).await
            }
            Action::DeletePolicy { id, .. } => self.delete_policy(id).await,
            Action::AttachPolicy { policy, target } => self.attach_policy(policy, target).await,
            Action::DetachPolicy { policy, target } => self.detach_policy(policy, target).await,
            Action::RemoveGuardDutyAdministrator {
                region,
                account,
                in_use,
            } => {
                self.remove_guardduty_administrator(region, account, *in_use)
                    .await
            }
            Action::DeregisterDelegatedAdministrator { principal, account } => {
                self.deregister_delegated_administrator(principal, account)
                    .await
            }
            Action::EnableGuardDutyAdministrator { region, account } => {
                self.enable_guardduty_administrator(region, account).await
            }
            Action::ConfigureGuardDuty {
                region,
                account,
                features,
                detector_features,
            } => {
                self.configure_guardduty(region, account, features, detector_features)
                    .await
            }
            Action::AddGuardDutyMembers {
                region,
                administrator,
                members,
            } => {
                self.add_guardduty_members(region, administrator, members)
                    .await
            }
            Action::ExportGuardDutyFindings {
                region,
                administrator,
                bucket_arn,
                key_arn,
                replace,
            } => {
                self.export_guardduty_findings(
                    region,
                    administrator,
                    bucket_arn,
                    key_arn,
                    replace.as_deref(),
                )
                .await
            }
            Action::CreateStack(stack) => self.create_stack(stack).await,
            Action::UpdateStack(stack) => self.update_stack(stack).await,
            Action::DeleteTrail {
                region,
                arn,
                successor,
            } => self.delete_trail(region, arn, successor.as_ref()).await,
            Action::CreateStackSet(set) => self.create_stack_set(set).await,
            Action::UpdateStackSetSettings {
                name,
                auto_deployment,
                depends_on,
                leaving,
                managed_execution,
            } => {
                self.await_removals(name, leaving).await?;
                let auto = auto_deployment.map(|auto| (auto, depends_on.as_slice()));
                self.update_stack_set_settings(name, auto, *managed_execution)
                    .await
            }
            Action::UpdateStackInstances { set, wave } => self.update_instances(set, wave).await,
            Action::ImportStacks { set, wave, stacks } => {
                self.import_stacks(set, wave, stacks).await
            }
            Action::CreateStackInstances { name, wave } => self.create_instances(name, wave).await,
            Action::RemoveStackInstances {
                name,
                account,
                retain,
                left,
            } => self.remove_instances(name, account, *retain, *left).await,
            Action::DeleteStackInstances(left) => self.delete_instances(left).await,
            Action::DeleteStackSet { name } => self.delete_stack_set(name).await,
            Action::DeleteStack {
                account,
                region,
                name,
            } => self.delete_stack(account, region, name).await,
            Action::CloseAccount { account } => self.close_account(account).await,
            Action::ForgetStackInstances { name, wave } => self.forget_instances(name, wave).await,
            Action::StartLogging {
                account,
                region,
                trail,
            } => self.start_logging(account, region, trail).await,
            Action::RemoveRecorder {
                account,
                region,
                recorder,
                channel,
                successor,
            } => {
                self.remove_recorder(
                    account,
                    region,
                    recorder.as_deref(),
                    channel.as_deref(),
                    successor,
                )
                .await
            }
            Action::StartRecorder {
                account,
                region,
                recorder,
            } => self.start_recorder(account, region, recorder).await,
            Action::PutRecorder {
                account,
                region,
                settings,
            } => self.put_recorder(account, region, settings).await,
            Action::PutChannel {
                account,
                region,
                settings,
            } => self.put_channel(account, region, settings).await,
            Action::RevertDrift {
                account,
                region,
                stack,
            } => self.revert_drift(account, region, stack).await,
            Action::RunAutomation {
                account,
                region,
                document,
                parameters,
            } => {
                self.run_automation(account, region, document, parameters)
                    .await
            }
            Action::PutResource {
                account,
                region,
                resource_type,
                identifier,
                properties,
            } => {
                self.put_resource(account, region, resource_type, identifier, properties)
                    .await
            }
        }
    }

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

    /// A call to Organizations.
    pub(super) async fn organizations<T, E, F, Fut>(
        &self,
        operation: &'static str,
        send: F,
    ) -> Result<T, AwsError>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let operation = Operation("organizations", operation);
        let at = self.global();
        self.shared.aws.call(self.ctx, operation, &at, send).await
    }

    /// A call to IAM in an account.
    pub(super) async fn iam<T, E, F, Fut>(
        &self,
        at: &AccountRegion,
        operation: &'static str,
        send: F,
    ) -> Result<T, AwsError>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let operation = Operation("iam", operation);
        self.shared.aws.call(self.ctx, operation, at, send).await
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
            message: format!("still not finished after {}", words(gave_up.after)),
            hint: Some("AWS may finish it yet; run apply again, it goes on from there".to_owned()),
            request_id: None,
        })
    }
}
