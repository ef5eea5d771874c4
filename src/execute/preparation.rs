//! What an account is given inside: alias, password policy, opt-in Regions; and centralized root access.

use aws_sdk_account::types::RegionOptStatus;

use super::effects::{ActionContext, Doing};
use super::run::Outputs;
use crate::action;
use crate::addr::Expr;
use crate::aws::wait::{Poller, READ_BACK, REGION};
use crate::aws::{AwsError, Calls};
use crate::event::Failure;
use crate::inventory::AccountRegion;
use crate::plan::{AccountId, Region};

/// How many Regions AWS turns on at a time in one account.
const AT_ONCE: usize = 6;

impl ActionContext<'_> {
    /// CreateAccountAlias, which overwrites the one there is. One that exists already is the account's own,
    /// made by a request whose answer was lost, or somebody else's: aliases are unique in all of AWS.
    pub(super) async fn put_account_alias(
        &self,
        action: &action::PutAccountAlias,
    ) -> Result<Outputs, Failure> {
        let action::PutAccountAlias { account, alias } = action;
        let at = self.inside(account)?;
        let context = || format!("giving account {} the alias `{alias}`", at.account);
        let client = self.iam(&at).await.context(context)?;
        let created = client
            .call(|c| c.create_account_alias().account_alias(alias).send())
            .await;
        match created {
            Err(error) if error.is("EntityAlreadyExists") => {
                let listed = client
                    .call(|c| c.list_account_aliases().send())
                    .await
                    .context(context)?;
                if listed.account_aliases().iter().any(|own| own == alias) {
                    return Ok(Outputs::new());
                }
                let mut failure = super::hints::failure(context(), &error);
                failure.hint = Some(
                    "an alias is unique in all of AWS: choose another in the plan's `preparation`"
                        .to_owned(),
                );
                Err(failure)
            }
            created => created.context(context).map(|_| Outputs::new()),
        }
    }

    /// UpdateAccountPasswordPolicy, which sets the whole of it.
    pub(super) async fn put_password_policy(
        &self,
        action: &action::PutPasswordPolicy,
    ) -> Result<Outputs, Failure> {
        let action::PutPasswordPolicy { account, policy } = action;
        let at = self.inside(account)?;
        let context = || format!("setting the password policy of account {}", at.account);
        let client = self.iam(&at).await.context(context)?;
        let number = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
        client
            .call(|c| {
                c.update_account_password_policy()
                    .minimum_password_length(number(policy.minimum_password_length))
                    .require_symbols(policy.require_symbols)
                    .require_numbers(policy.require_numbers)
                    .require_uppercase_characters(policy.require_uppercase_characters)
                    .require_lowercase_characters(policy.require_lowercase_characters)
                    .allow_users_to_change_password(policy.allow_users_to_change_password)
                    .set_max_password_age(policy.max_password_age.map(number))
                    .set_password_reuse_prevention(policy.password_reuse_prevention.map(number))
                    .hard_expiry(policy.hard_expiry)
                    .send()
            })
            .await
            .context(context)?;
        Ok(Outputs::new())
    }

    /// EnableRegion for each that is off, six at a time, until all are on.
    pub(super) async fn enable_regions(
        &self,
        action: &action::EnableRegions,
    ) -> Result<Outputs, Failure> {
        let action::EnableRegions { account, regions } = action;
        let account = self.account(account)?;
        let context = || {
            let names: Vec<&str> = regions.iter().map(Region::as_str).collect();
            format!("turning on {} in account {account}", names.join(", "))
        };
        let mut wait = Poller::new(self.ctx, REGION);
        loop {
            let mut under_way = Vec::new();
            let mut off = Vec::new();
            for region in regions {
                match self
                    .region_status(&account, region)
                    .await
                    .context(context)?
                {
                    Some(RegionOptStatus::Enabled | RegionOptStatus::EnabledByDefault) => {}
                    Some(RegionOptStatus::Disabled) => off.push(region),
                    _ => under_way.push(region.as_str()),
                }
            }
            if off.is_empty() && under_way.is_empty() {
                return Ok(Outputs::new());
            }
            for region in off {
                if under_way.len() < AT_ONCE {
                    self.enable_region(&account, region)
                        .await
                        .context(context)?;
                }
                under_way.push(region.as_str());
            }
            wait.pause(format!(
                "AWS is turning on {} in account {account}",
                under_way.join(", ")
            ))
            .await
            .context(context)?;
        }
    }

    async fn region_status(
        &self,
        account: &AccountId,
        region: &Region,
    ) -> Result<Option<RegionOptStatus>, AwsError> {
        let client = self.account_management();
        let answer = client
            .call(|c| {
                c.get_region_opt_status()
                    .region_name(region.as_str())
                    .set_account_id(self.unless_own(account))
                    .send()
            })
            .await?;
        Ok(answer.region_opt_status)
    }

    /// Asked once; a conflict means that it, or as many others as AWS takes, are under way.
    async fn enable_region(&self, account: &AccountId, region: &Region) -> Result<(), AwsError> {
        let client = self.account_management();
        let asked = client
            .call(|c| {
                c.enable_region()
                    .region_name(region.as_str())
                    .set_account_id(self.unless_own(account))
                    .send()
            })
            .await;
        match asked {
            Ok(_) => Ok(()),
            Err(error) if error.is("Conflict") => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Both features; turning on what is on changes nothing. IAM learns of its trusted access a moment
    /// after Organizations does.
    pub(super) async fn centralize_root_access(
        &self,
        _: &action::CentralizeRootAccess,
    ) -> Result<Outputs, Failure> {
        let context = || "centralizing root access".to_owned();
        let at = self.global();
        let client = self.iam(&at).await.context(context)?;
        let mut wait = Poller::new(self.ctx, READ_BACK);
        loop {
            let managed = client
                .call(|c| c.enable_organizations_root_credentials_management().send())
                .await;
            match managed {
                Err(error) if error.is("ServiceAccessNotEnabled") => {
                    let waited = wait
                        .pause("IAM does not know of its trusted access yet")
                        .await;
                    waited.map_err(|_| super::hints::failure(context(), &error))?;
                }
                managed => {
                    managed.context(context)?;
                    break;
                }
            }
        }
        client
            .call(|c| c.enable_organizations_root_sessions().send())
            .await
            .context(context)?;
        Ok(Outputs::new())
    }

    fn inside(&self, account: &Expr) -> Result<AccountRegion, Failure> {
        Ok(self.place(&self.account(account)?, self.shared.aws.global_region()))
    }
}
