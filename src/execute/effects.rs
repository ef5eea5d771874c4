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
use super::run::{Effects, Made};
use super::stop::Stop;
use super::wait::{GaveUp, words};
use crate::aws::{Aws, AwsError, Caller, Operation};
use crate::change::{Act, Bindings, Change, Text};
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
        let creates = matches!(change.act, Act::CreateAccount { .. });
        (creates && self.0.creations.is_full())
            .then_some("AWS refused another account: there are as many as the quota allows")
    }

    async fn read_back(
        &self,
        changes: &[Arc<Change>],
        known: &Bindings,
        ctx: &Caller,
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
        ctx: &Caller,
    ) -> Result<Made, Failure> {
        if let Some(lock) = &self.0.lock
            && let Err(lost) = lock.check(ctx).await
        {
            self.0.stop.finish();
            return Err(lost.failure(&change.address));
        }
        Hand {
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
pub(super) struct Hand<'a> {
    pub(super) shared: &'a Shared,
    pub(super) change: &'a Change,
    pub(super) known: &'a Bindings,
    pub(super) ctx: &'a Caller,
}

impl Hand<'_> {
    async fn perform(&self) -> Result<Made, Failure> {
        match &self.change.act {
            Act::CreateOrganization { accounts } => self.create_organization(accounts).await,
            Act::EnableAllFeatures => self.enable_all_features().await,
            Act::EnablePolicyType { policy_type } => self.enable_policy_type(*policy_type).await,
            Act::EnableTrustedAccess { principal } => self.enable_trusted_access(principal).await,
            Act::ActivateStackSets => self.activate_stack_sets().await,
            Act::CreateServiceLinkedRole { service } => {
                let management = self.shared.management.clone();
                self.ensure_service_linked_role(&management, service, self.ctx)
                    .await?;
                Ok(Made::new())
            }
            Act::RegisterDelegatedAdministrator { principal, account } => {
                self.register_delegated_administrator(principal, account)
                    .await
            }
            Act::CreateOu { parent, name, tags } => self.create_ou(parent, name, tags).await,
            Act::RenameOu { id, name } => self.rename_ou(id, name).await,
            Act::DeleteOu { id } => self.delete_ou(id).await,
            Act::CreateAccount {
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
            Act::RenameAccount { account, name } => self.rename_account(account, name).await,
            Act::PrepareAccount {
                account,
                regions,
                service_linked_roles,
            } => {
                self.prepare_account(account, regions, service_linked_roles)
                    .await
            }
            Act::MoveAccount { account, to } => self.move_account(account, to).await,
            Act::Tag {
                resource,
                set,
                remove,
            } => self.tag(resource, set, remove).await,
            Act::PutAlternateContact {
                account,
                contact_kind,
                contact,
            } => self.put_contact(account, *contact_kind, contact).await,
            Act::PutAccountAlias { account, alias } => self.put_alias(account, alias).await,
            Act::PutPasswordPolicy { account, policy } => {
                self.put_password_policy(account, policy).await
            }
            Act::EnableRegions { account, regions } => self.enable_regions(account, regions).await,
            Act::CentralizeRootAccess => self.centralize_root_access().await,
            Act::CreatePolicy {
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
            Act::UpdatePolicy {
                id,
                name,
                description,
                content,
            } => {
                let content = self.text(content)?;
                self.update_policy(id, name, description, &content).await
            }
            Act::DeletePolicy { id, .. } => self.delete_policy(id).await,
            Act::AttachPolicy { policy, target } => self.attach_policy(policy, target).await,
            Act::DetachPolicy { policy, target } => self.detach_policy(policy, target).await,
            Act::RemoveGuardDutyAdministrator {
                region,
                account,
                in_use,
            } => {
                self.remove_guardduty_administrator(region, account, *in_use)
                    .await
            }
            Act::DeregisterDelegatedAdministrator { principal, account } => {
                self.deregister_delegated_administrator(principal, account)
                    .await
            }
            Act::EnableGuardDutyAdministrator { region, account } => {
                self.enable_guardduty_administrator(region, account).await
            }
            Act::ConfigureGuardDuty {
                region,
                account,
                features,
                detector_features,
            } => {
                self.configure_guardduty(region, account, features, detector_features)
                    .await
            }
            Act::AddGuardDutyMembers {
                region,
                administrator,
                members,
            } => {
                self.add_guardduty_members(region, administrator, members)
                    .await
            }
            Act::ExportGuardDutyFindings {
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
            Act::CreateStack(stack) => self.create_stack(stack).await,
            Act::UpdateStack(stack) => self.update_stack(stack).await,
            Act::DeleteTrail {
                region,
                arn,
                successor,
            } => self.delete_trail(region, arn, successor.as_ref()).await,
            Act::CreateStackSet(set) => self.create_stack_set(set).await,
            Act::UpdateStackSetSettings {
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
            Act::UpdateStackInstances { set, wave } => self.update_instances(set, wave).await,
            Act::ImportStacks { set, wave, stacks } => self.import_stacks(set, wave, stacks).await,
            Act::CreateStackInstances { name, wave } => self.create_instances(name, wave).await,
            Act::RemoveStackInstances {
                name,
                account,
                retain,
                left,
            } => self.remove_instances(name, account, *retain, *left).await,
            Act::DeleteStackInstances(left) => self.delete_instances(left).await,
            Act::DeleteStackSet { name } => self.delete_stack_set(name).await,
            Act::DeleteStack {
                account,
                region,
                name,
            } => self.delete_stack(account, region, name).await,
            Act::CloseAccount { account } => self.close_account(account).await,
            Act::ForgetStackInstances { name, wave } => self.forget_instances(name, wave).await,
            Act::StartLogging {
                account,
                region,
                trail,
            } => self.start_logging(account, region, trail).await,
            Act::RemoveRecorder {
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
            Act::StartRecorder {
                account,
                region,
                recorder,
            } => self.start_recorder(account, region, recorder).await,
            Act::PutRecorder {
                account,
                region,
                settings,
            } => self.put_recorder(account, region, settings).await,
            Act::PutChannel {
                account,
                region,
                settings,
            } => self.put_channel(account, region, settings).await,
            Act::RevertDrift {
                account,
                region,
                stack,
            } => self.revert_drift(account, region, stack).await,
            Act::RunAutomation {
                account,
                region,
                document,
                parameters,
            } => {
                self.run_automation(account, region, document, parameters)
                    .await
            }
            Act::PutResource {
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
    pub(super) fn text(&self, text: &Text) -> Result<String, Failure> {
        text.value(self.known)
            .map_err(|unbound| self.fails(unbound.to_string(), Some(REPORT)))
    }

    /// The text as an account id.
    pub(super) fn account(&self, text: &Text) -> Result<AccountId, Failure> {
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
    pub(super) fn fails(&self, said: impl Into<String>, hint: Option<&str>) -> Failure {
        Failure {
            doing: self.change.address.to_string(),
            said: said.into(),
            hint: hint.map(str::to_owned),
            request_id: None,
        }
    }
}

/// Hint for what must not happen.
pub(super) const REPORT: &str = "this is an error in orgstrap; please report it";

/// Turns an error into a failure by saying what was being done.
pub(super) trait Doing<T> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, Failure>;
}

impl<T> Doing<T> for Result<T, AwsError> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|error| hints::failure(what(), &error))
    }
}

/// The SDK's builders refuse a request that lacks a required field.
impl<T> Doing<T> for Result<T, aws_smithy_types::error::operation::BuildError> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|error| Failure {
            doing: what(),
            said: error.to_string(),
            hint: Some(REPORT.to_owned()),
            request_id: None,
        })
    }
}

impl<T> Doing<T> for Result<T, GaveUp> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|gave_up| Failure {
            doing: what(),
            said: format!("still not finished after {}", words(gave_up.after)),
            hint: Some("AWS may finish it yet; run apply again, it goes on from there".to_owned()),
            request_id: None,
        })
    }
}
