//! What an account is given inside: alias, password policy, opt-in Regions; and centralized root access.

use std::collections::BTreeSet;

use aws_sdk_account::types::RegionOptStatus;

use super::effects::{Doing, Hand};
use super::run::Made;
use super::wait::{READ_BACK, REGION, Wait};
use crate::aws::{AwsError, Operation};
use crate::change::Text;
use crate::event::Failure;
use crate::inventory::AccountRegion;
use crate::plan::{AccountId, PasswordPolicy, Region};

/// How many Regions AWS turns on at a time in one account.
const AT_ONCE: usize = 6;

impl Hand<'_> {
    /// CreateAccountAlias, which overwrites the one there is. One that exists already is the account's own,
    /// made by a request whose answer was lost, or somebody else's: aliases are unique in all of AWS.
    pub(super) async fn put_alias(&self, account: &Text, alias: &str) -> Result<Made, Failure> {
        let at = self.inside(account)?;
        let doing = || format!("giving account {} the alias `{alias}`", at.account);
        let client = self.shared.aws.iam(&at).await.doing(doing)?;
        let created = self
            .iam(&at, "CreateAccountAlias", || {
                client.create_account_alias().account_alias(alias).send()
            })
            .await;
        match created {
            Err(error) if error.is("EntityAlreadyExists") => {
                let listed = self
                    .iam(&at, "ListAccountAliases", || {
                        client.list_account_aliases().send()
                    })
                    .await
                    .doing(doing)?;
                if listed.account_aliases().iter().any(|own| own == alias) {
                    return Ok(Made::new());
                }
                let mut failure = super::hints::failure(doing(), &error);
                failure.hint = Some(
                    "an alias is unique in all of AWS: choose another in the plan's `preparation`"
                        .to_owned(),
                );
                Err(failure)
            }
            created => created.doing(doing).map(|_| Made::new()),
        }
    }

    /// UpdateAccountPasswordPolicy, which sets the whole of it.
    pub(super) async fn put_password_policy(
        &self,
        account: &Text,
        policy: &PasswordPolicy,
    ) -> Result<Made, Failure> {
        let at = self.inside(account)?;
        let doing = || format!("setting the password policy of account {}", at.account);
        let client = self.shared.aws.iam(&at).await.doing(doing)?;
        let number = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
        self.iam(&at, "UpdateAccountPasswordPolicy", || {
            client
                .update_account_password_policy()
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
        .doing(doing)?;
        Ok(Made::new())
    }

    /// EnableRegion for each that is off, six at a time, until all are on.
    pub(super) async fn enable_regions(
        &self,
        account: &Text,
        regions: &BTreeSet<Region>,
    ) -> Result<Made, Failure> {
        let account = self.account(account)?;
        let doing = || {
            let names: Vec<&str> = regions.iter().map(Region::as_str).collect();
            format!("turning on {} in account {account}", names.join(", "))
        };
        let mut wait = Wait::new(self.ctx, REGION);
        loop {
            let mut under_way = Vec::new();
            let mut off = Vec::new();
            for region in regions {
                match self.region_status(&account, region).await.doing(doing)? {
                    Some(RegionOptStatus::Enabled | RegionOptStatus::EnabledByDefault) => {}
                    Some(RegionOptStatus::Disabled) => off.push(region),
                    _ => under_way.push(region.as_str()),
                }
            }
            if off.is_empty() && under_way.is_empty() {
                return Ok(Made::new());
            }
            for region in off {
                if under_way.len() < AT_ONCE {
                    self.enable_region(&account, region).await.doing(doing)?;
                }
                under_way.push(region.as_str());
            }
            wait.pause(format!(
                "AWS is turning on {} in account {account}",
                under_way.join(", ")
            ))
            .await
            .doing(doing)?;
        }
    }

    async fn region_status(
        &self,
        account: &AccountId,
        region: &Region,
    ) -> Result<Option<RegionOptStatus>, AwsError> {
        let client = self.shared.aws.account_management();
        let operation = Operation("account", "GetRegionOptStatus");
        let answer = self
            .shared
            .aws
            .call(self.ctx, operation, &self.global(), || {
                client
                    .get_region_opt_status()
                    .region_name(region.as_str())
                    .set_account_id(self.unless_own(account))
                    .send()
            })
            .await?;
        Ok(answer.region_opt_status)
    }

    /// Asked once; a conflict means that it, or as many others as AWS takes, are under way.
    async fn enable_region(&self, account: &AccountId, region: &Region) -> Result<(), AwsError> {
        let client = self.shared.aws.account_management();
        let operation = Operation("account", "EnableRegion");
        let asked = self
            .shared
            .aws
            .call(self.ctx, operation, &self.global(), || {
                client
                    .enable_region()
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
    pub(super) async fn centralize_root_access(&self) -> Result<Made, Failure> {
        let doing = || "centralizing root access".to_owned();
        let at = self.global();
        let client = self.shared.aws.iam(&at).await.doing(doing)?;
        let mut wait = Wait::new(self.ctx, READ_BACK);
        loop {
            let managed = self
                .iam(&at, "EnableOrganizationsRootCredentialsManagement", || {
                    client
                        .enable_organizations_root_credentials_management()
                        .send()
                })
                .await;
            match managed {
                Err(error) if error.is("ServiceAccessNotEnabled") => {
                    let waited = wait
                        .pause("IAM does not know of its trusted access yet")
                        .await;
                    waited.map_err(|_| super::hints::failure(doing(), &error))?;
                }
                managed => {
                    managed.doing(doing)?;
                    break;
                }
            }
        }
        self.iam(&at, "EnableOrganizationsRootSessions", || {
            client.enable_organizations_root_sessions().send()
        })
        .await
        .doing(doing)?;
        Ok(Made::new())
    }

    fn inside(&self, account: &Text) -> Result<AccountRegion, Failure> {
        Ok(self.place(&self.account(account)?, self.shared.aws.global_region()))
    }
}
