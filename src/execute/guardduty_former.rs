//! GuardDuty's administration taken from the account that has it, in the order of the GuardDuty user guide,
//! "Changing the delegated GuardDuty administrator account": auto-enable off, members disassociated and deleted,
//! the administrator disabled in each Region, and at the end deregistered with Organizations, without which
//! another cannot be named.
//!
//! GuardDuty stays on in every account that was a member: "GuardDuty remains enabled for the account in the current
//! Region", with its protection plans, and what it found stays in the account for its 90 days. The account that
//! administered keeps its own detector and loses the others' findings.

use aws_sdk_guardduty::types::{
    AdminStatus, AutoEnableMembers, OrgFeature, OrgFeatureStatus, OrganizationFeatureConfiguration,
};

use super::effects::{ActionContext, Doing};
use super::guardduty::{MEMBERS_A_CALL, administrators};
use super::hints;
use super::run::Outputs;
use crate::action;
use crate::aws::wait::{GUARDDUTY, Poller};
use crate::aws::{AwsError, Calls};
use crate::event::Failure;
use crate::inventory::AccountRegion;
use crate::plan::AccountId;

/// What to do where GuardDuty keeps an administrator that nobody can enter.
const OUT_OF_USE: &str = "the account is closed or suspended, so nobody can let its members go in it; ask AWS Support to take \
                          GuardDuty's administration from it, or to reopen it, then run apply again";

impl ActionContext<'_> {
    /// One Region. What an earlier run did of it is not done again.
    pub(super) async fn remove_guardduty_administrator(
        &self,
        action: &action::RemoveGuardDutyAdministrator,
    ) -> Result<Outputs, Failure> {
        let action::RemoveGuardDutyAdministrator {
            region,
            account,
            in_use,
        } = action;
        let in_use = *in_use;
        let account = self.account(account)?;
        let context =
            || format!("taking GuardDuty's administration from account {account} in {region}");
        let own = self.place(&self.shared.management, region);
        match self.guardduty_administrator(&own).await.context(context)? {
            Some((there, _)) if there != account => {
                return Err(self.fails(
                    format!("account {there} administers GuardDuty in {region} by now"),
                    Some("somebody has changed it since it was read; run plan again"),
                ));
            }
            Some((_, true)) => {
                // Where nobody can work in the account, GuardDuty lets its members go with it.
                if in_use {
                    self.let_members_go(&self.place(&account, region), context)
                        .await?;
                }
                let client = self.guardduty(&own).await.context(context)?;
                let disabled = client
                    .call(|c| {
                        c.disable_organization_admin_account()
                            .admin_account_id(account.as_str())
                            .send()
                    })
                    .await;
                // Nearly every refusal is a BadRequestException: what AWS lists afterwards decides.
                if let Err(error) = disabled
                    && matches!(
                        self.guardduty_administrator(&own).await.context(context)?,
                        Some((_, true))
                    )
                {
                    let mut failure = hints::failure(context(), &error);
                    if !in_use {
                        failure.hint = Some(OUT_OF_USE.to_owned());
                    }
                    return Err(failure);
                }
            }
            Some((_, false)) | None => {}
        }
        let mut wait = Poller::new(self.ctx, GUARDDUTY);
        while self
            .guardduty_administrator(&own)
            .await
            .context(context)?
            .is_some()
        {
            wait.pause("GuardDuty is letting its administrator go")
                .await
                .context(context)?;
        }
        Ok(Outputs::new())
    }

    /// The administrator that the management account sees in a Region, and whether it is one in full.
    async fn guardduty_administrator(
        &self,
        own: &AccountRegion,
    ) -> Result<Option<(AccountId, bool)>, AwsError> {
        let client = self.guardduty(own).await?;
        let admins = administrators(&client).await?;
        Ok(admins.iter().find_map(|admin| {
            let id = admin.admin_account_id()?.parse().ok()?;
            Some((
                id,
                admin.admin_status() != Some(&AdminStatus::DisableInProgress),
            ))
        }))
    }

    /// DisassociateMembers and DeleteMembers, for all that ListMembers tells. With auto-enable ALL AWS refuses to
    /// disassociate, so that is turned off first.
    async fn let_members_go(
        &self,
        at: &AccountRegion,
        context: impl Fn() -> String + Copy,
    ) -> Result<(), Failure> {
        let Some(detector) = self.detector(at).await.context(context)? else {
            return Ok(());
        };
        let client = self.guardduty(at).await.context(context)?;
        let settings = client
            .call(|c| {
                c.describe_organization_configuration()
                    .detector_id(&detector)
                    .send()
            })
            .await
            .context(context)?;
        let features: Vec<OrganizationFeatureConfiguration> = settings
            .features()
            .iter()
            .filter(|feature| feature.auto_enable() == Some(&OrgFeatureStatus::All))
            .filter_map(|feature| Some(feature.name()?.as_str().to_owned()))
            .map(|name| {
                OrganizationFeatureConfiguration::builder()
                    .name(OrgFeature::from(name.as_str()))
                    .auto_enable(OrgFeatureStatus::None)
                    .build()
            })
            .collect();
        let members_too = settings.auto_enable_organization_members();
        if members_too != Some(&AutoEnableMembers::None) || !features.is_empty() {
            client
                .call(|c| {
                    c.update_organization_configuration()
                        .detector_id(&detector)
                        .auto_enable_organization_members(AutoEnableMembers::None)
                        .set_features((!features.is_empty()).then(|| features.clone()))
                        .send()
                })
                .await
                .context(context)?;
        }
        let members: Vec<String> = self
            .guardduty_members(at, &detector)
            .await
            .context(context)?
            .into_keys()
            .collect();
        for batch in members.chunks(MEMBERS_A_CALL) {
            client
                .call(|c| {
                    c.disassociate_members()
                        .detector_id(&detector)
                        .set_account_ids(Some(batch.to_vec()))
                        .send()
                })
                .await
                .context(context)?;
            client
                .call(|c| {
                    c.delete_members()
                        .detector_id(&detector)
                        .set_account_ids(Some(batch.to_vec()))
                        .send()
                })
                .await
                .context(context)?;
        }
        // Accounts that could not be processed are only listed in the answers: what is left tells.
        let mut wait = Poller::new(self.ctx, GUARDDUTY);
        loop {
            let left = self
                .guardduty_members(at, &detector)
                .await
                .context(context)?;
            if left.is_empty() {
                return Ok(());
            }
            wait.pause(format!("for GuardDuty to let {} members go", left.len()))
                .await
                .map_err(|_| {
                    let left: Vec<String> = left.into_keys().collect();
                    self.fails(
                        format!(
                            "GuardDuty keeps these members of account {}: {}",
                            at.account,
                            left.join(", ")
                        ),
                        Some("disassociate and delete them in that account's GuardDuty console, then run apply again"),
                    )
                })?;
        }
    }

    /// DeregisterDelegatedAdministrator; what is not registered is left so.
    pub(super) async fn deregister_delegated_administrator(
        &self,
        action: &action::DeregisterDelegatedAdministrator,
    ) -> Result<Outputs, Failure> {
        let action::DeregisterDelegatedAdministrator { principal, account } = action;
        let account = self.account(account)?;
        let client = self.organizations();
        let deregistered = client
            .call(|c| {
                c.deregister_delegated_administrator()
                    .account_id(account.as_str())
                    .service_principal(principal.as_str())
                    .send()
            })
            .await;
        match deregistered {
            Err(error) if error.is("AccountNotRegistered") => Ok(Outputs::new()),
            deregistered => deregistered
                .context(|| {
                    format!("deregistering account {account} as administrator of {principal}")
                })
                .map(|_| Outputs::new()),
        }
    }
}
