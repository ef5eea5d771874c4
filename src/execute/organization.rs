//! The organization itself: created, all features, policy types, trusted access, service-linked
//! roles, delegated administrators.

use aws_sdk_organizations::types::{
    ActionType, HandshakeFilter, HandshakeState, Organization, OrganizationFeatureSet,
    PolicyType as SdkPolicyType, PolicyTypeStatus, Root,
};

use super::effects::{ActionContext, Doing};
use super::run::Outputs;
use crate::action;
use crate::addr::{Address, Attribute};
use crate::aws::wait::{POLICY_TYPE, Poller, READ_BACK};
use crate::aws::{AwsError, CallContext, Calls, is_already};
use crate::event::Failure;
use crate::plan::{AccountId, Principal};

impl ActionContext<'_> {
    /// CreateOrganization with all features. Where there is one already (an answer was lost, or a
    /// killed run made it) it is taken if it is this account's own. Everything else waits for it, so nothing more is changed
    /// where an account of the plan turns out to have the management account's address.
    pub(super) async fn create_organization(
        &self,
        action: &action::CreateOrganization,
    ) -> Result<Outputs, Failure> {
        let action::CreateOrganization { accounts } = action;
        let context = || "creating the organization".to_owned();
        let client = self.organizations();
        let created = client
            .call(|c| {
                c.create_organization()
                    .feature_set(OrganizationFeatureSet::All)
                    .send()
            })
            .await;
        let organization = match created {
            Ok(answer) => match answer.organization {
                Some(organization) => organization,
                None => self.describe_organization().await.context(context)?,
            },
            Err(error) if error.is("AlreadyInOrganization") => {
                self.describe_organization().await.context(context)?
            }
            Err(error) => return Err(error).context(context),
        };
        let master = organization.master_account_id().unwrap_or_default();
        if master != self.shared.management.as_str() {
            return Err(self.fails(
                format!("this account belongs to the organization of account {master}"),
                Some("an account is in one organization only; leave that one, or use its management account"),
            ));
        }
        self.shared.aws.organization_made(self.shared.aws.now());
        let email = organization.master_account_email().unwrap_or_default();
        if let Some(key) = accounts.get(&email.to_ascii_lowercase()) {
            return Err(self.fails(
                format!(
                    "the organization is there, and account `{key}` has the address of its management account, {email}; nothing \
                     else was changed"
                ),
                Some(&format!("use another email in [account.{key}], and run the command again")),
            ));
        }
        let root = self.root().await?;
        let of = |attribute, value: &Option<String>| {
            value
                .as_ref()
                .map(|value| (Address::Organization, attribute, value.clone()))
        };
        Ok([
            of(Attribute::Id, &organization.id),
            of(Attribute::Arn, &organization.arn),
            of(Attribute::RootId, &root.id),
            of(Attribute::Email, &organization.master_account_email),
        ]
        .into_iter()
        .flatten()
        .collect())
    }

    /// Starts the way to all features, and ends it where nobody has to be asked. Created accounts
    /// agree by themselves; each invited one must accept a handshake within 90 days, and then the
    /// management account's own acceptance makes it so.
    pub(super) async fn enable_all_features(
        &self,
        _: &action::EnableAllFeatures,
    ) -> Result<Outputs, Failure> {
        let context = || "enabling all features".to_owned();
        if self.has_all_features().await.context(context)? {
            return Ok(Outputs::new());
        }
        let client = self.organizations();
        let begun = client.call(|c| c.enable_all_features().send()).await;
        let (mut handshake, refused) = match begun {
            Ok(answer) => (answer.handshake.and_then(|handshake| handshake.id), None),
            // Begun before, by hand or by an earlier run, or for one of AWS's other reasons.
            Err(error) if error.is("HandshakeConstraintViolation") => (None, Some(error)),
            Err(error) => return Err(error).context(context),
        };
        if handshake.is_none() {
            handshake = self.open_feature_handshake().await.context(context)?;
        }
        let Some(id) = handshake else {
            if self.has_all_features().await.context(context)? {
                return Ok(Outputs::new());
            }
            if let Some(refused) = refused {
                return Err(refused).context(context);
            }
            return Err(self.fails(
                "AWS neither has all features on nor a request for them open",
                Some("look at Settings in the AWS Organizations console"),
            ));
        };
        let accepted = client
            .call(|c| c.accept_handshake().handshake_id(&id).send())
            .await;
        if let Err(error) = accepted
            && !error.is("HandshakeAlreadyInState")
        {
            return Err(Failure {
                message: format!("requested, and waiting for invited accounts to agree ({error})"),
                hint: Some(
                    "every invited account must accept the request within 90 days (Organizations console, Invitations); then run apply again"
                        .to_owned(),
                ),
                ..self.fails("", None)
            });
        }
        let mut wait = Poller::new(self.ctx, READ_BACK);
        while !self.has_all_features().await.context(context)? {
            wait.pause("AWS is turning all features on")
                .await
                .context(context)?;
        }
        Ok(Outputs::new())
    }

    async fn open_feature_handshake(&self) -> Result<Option<String>, AwsError> {
        let client = self.organizations();
        let filter = HandshakeFilter::builder()
            .action_type(ActionType::EnableAllFeatures)
            .build();
        let open = client
            .find(
                |c, token| {
                    c.list_handshakes_for_organization()
                        .filter(filter.clone())
                        .set_next_token(token)
                        .send()
                },
                |page| (page.handshakes, page.next_token),
                |handshake| {
                    let open = matches!(
                        handshake.state(),
                        Some(HandshakeState::Requested | HandshakeState::Open)
                    );
                    open.then_some(handshake.id)
                },
            )
            .await?;
        Ok(open.flatten())
    }

    async fn has_all_features(&self) -> Result<bool, AwsError> {
        let organization = self.describe_organization().await?;
        Ok(organization.feature_set() == Some(&OrganizationFeatureSet::All))
    }

    async fn describe_organization(&self) -> Result<Organization, AwsError> {
        let client = self.organizations();
        client
            .get(
                |c| c.describe_organization().send(),
                |answer| answer.organization,
                "organization",
            )
            .await
    }

    /// The root, waited for: a new organization's may not be listed at once.
    async fn root(&self) -> Result<Root, Failure> {
        let context = || "reading the organization's root".to_owned();
        let client = self.organizations();
        let mut wait = Poller::new(self.ctx, READ_BACK);
        loop {
            let root = client
                .find(
                    |c, token| c.list_roots().set_next_token(token).send(),
                    |page| (page.roots, page.next_token),
                    Some,
                )
                .await
                .context(context)?;
            if let Some(root) = root {
                return Ok(root);
            }
            wait.pause("AWS does not list the organization's root yet")
                .await
                .context(context)?;
        }
    }

    /// EnablePolicyType, which AWS finishes later.
    pub(super) async fn enable_policy_type(
        &self,
        action: &action::EnablePolicyType,
    ) -> Result<Outputs, Failure> {
        let kind = action.policy_type;
        let context = || format!("enabling policy type {}", kind.aws_name());
        let client = self.organizations();
        let desired = SdkPolicyType::from(kind.aws_name());
        let mut asked = false;
        let mut wait = Poller::new(self.ctx, POLICY_TYPE);
        loop {
            let root = self.root().await?;
            let status = root
                .policy_types()
                .iter()
                .find(|summary| summary.r#type() == Some(&desired))
                .and_then(|summary| summary.status());
            match status {
                Some(PolicyTypeStatus::Enabled) => return Ok(Outputs::new()),
                Some(PolicyTypeStatus::PendingEnable) => {}
                _ if asked => {}
                _ => {
                    let id = root.id().unwrap_or_default();
                    let enabled = client
                        .call(|c| {
                            c.enable_policy_type()
                                .root_id(id)
                                .policy_type(desired.clone())
                                .send()
                        })
                        .await;
                    match enabled {
                        Ok(_) => {}
                        Err(error) if error.is("PolicyTypeAlreadyEnabled") => {}
                        Err(error) => return Err(error).context(context),
                    }
                    asked = true;
                    continue;
                }
            }
            wait.pause("AWS is enabling the policy type")
                .await
                .context(context)?;
        }
    }

    /// EnableAWSServiceAccess; enabling again changes nothing.
    pub(super) async fn enable_trusted_access(
        &self,
        action: &action::EnableTrustedAccess,
    ) -> Result<Outputs, Failure> {
        let action::EnableTrustedAccess { principal } = action;
        let client = self.organizations();
        client
            .call(|c| {
                c.enable_aws_service_access()
                    .service_principal(principal.as_str())
                    .send()
            })
            .await
            .context(|| format!("enabling trusted access for {principal}"))?;
        Ok(Outputs::new())
    }

    /// A service-linked role of the management account.
    pub(super) async fn create_service_linked_role(
        &self,
        action: &action::CreateServiceLinkedRole,
    ) -> Result<Outputs, Failure> {
        let management = &self.shared.management;
        self.ensure_service_linked_role(management, &action.service, self.ctx)
            .await?;
        Ok(Outputs::new())
    }

    /// iam:CreateServiceLinkedRole in an account, where the role is not there.
    pub(super) async fn ensure_service_linked_role(
        &self,
        account: &AccountId,
        service: &Principal,
        ctx: &CallContext,
    ) -> Result<(), Failure> {
        let context =
            || format!("ensuring the service-linked role of {service} in account {account}");
        let at = self.place(account, self.shared.aws.global_region());
        let aws = &self.shared.aws;
        let client = aws.iam(ctx, &at).await.context(context)?;
        let path = format!("/aws-service-role/{service}/");
        let is_there = async || {
            let role = client
                .find(
                    |c, marker| {
                        let roles = c.list_roles().path_prefix(&path);
                        roles.set_marker(marker).send()
                    },
                    |page| (Some(page.roles), page.marker.filter(|_| page.is_truncated)),
                    Some,
                )
                .await
                .context(context)?;
            Ok::<bool, Failure>(role.is_some())
        };
        if is_there().await? {
            return Ok(());
        }
        let created = client
            .call(|c| {
                c.create_service_linked_role()
                    .aws_service_name(service.as_str())
                    .send()
            })
            .await;
        match created {
            Ok(_) => {}
            Err(error) if is_already(&error) => return Ok(()),
            Err(error) => return Err(error).context(context),
        }
        // Services may not see it for some seconds more, which no call tells: what they say then is borne where they
        // say it, so that nothing waits here that need not.
        let mut wait = Poller::new(self.ctx, READ_BACK);
        while !is_there().await? {
            wait.pause("for IAM to list the service-linked role")
                .await
                .context(context)?;
        }
        Ok(())
    }

    /// Makes a member account the administrator of a service. CloudTrail has its own call, which
    /// also makes the service-linked roles it needs.
    pub(super) async fn register_delegated_administrator(
        &self,
        action: &action::RegisterDelegatedAdministrator,
    ) -> Result<Outputs, Failure> {
        let action::RegisterDelegatedAdministrator { principal, account } = action;
        let account = self.account(account)?;
        let context = || format!("making account {account} the administrator of {principal}");
        let registered = if principal.as_str() == "cloudtrail.amazonaws.com" {
            let at = self.home();
            let client = self.cloudtrail(&at).await.context(context)?;
            client
                .call(|c| {
                    c.register_organization_delegated_admin()
                        .member_account_id(account.as_str())
                        .send()
                })
                .await
                .map(|_| ())
        } else {
            let client = self.organizations();
            client
                .call(|c| {
                    c.register_delegated_administrator()
                        .account_id(account.as_str())
                        .service_principal(principal.as_str())
                        .send()
                })
                .await
                .map(|_| ())
        };
        match registered {
            Ok(()) => Ok(Outputs::new()),
            Err(error)
                if (error.is("AccountAlreadyRegistered") || error.is("AccountRegistered"))
                    && self
                        .is_delegated(&account, principal)
                        .await
                        .context(context)? =>
            {
                Ok(Outputs::new())
            }
            Err(error) => Err(error).context(context),
        }
    }

    async fn is_delegated(
        &self,
        account: &AccountId,
        principal: &Principal,
    ) -> Result<bool, AwsError> {
        let client = self.organizations();
        let found = client
            .find(
                |c, token| {
                    c.list_delegated_services_for_account()
                        .account_id(account.as_str())
                        .set_next_token(token)
                        .send()
                },
                |page| (page.delegated_services, page.next_token),
                |service| (service.service_principal() == Some(principal.as_str())).then_some(()),
            )
            .await;
        match found {
            Ok(found) => Ok(found.is_some()),
            Err(error) if error.is("AccountNotRegistered") => Ok(false),
            Err(error) => Err(error),
        }
    }
}
