//! Clients of every service orgstrap uses. A client is built when asked for: that costs a tenth of
//! a millisecond, where a kept client per account and service costs 16 KiB.

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_types::SdkConfig;

use super::{Aws, AwsError};
use crate::inventory::AccountRegion;
use crate::plan::Region;

impl Aws {
    /// The caller's own configuration in a Region.
    pub(super) fn own_config(&self, region: &Region) -> SdkConfig {
        self.inner
            .config
            .to_builder()
            .region(aws_types::region::Region::new(region.to_string()))
            .build()
    }

    /// The configuration for a place: the caller's own credentials in the caller's account, a
    /// session of the access role elsewhere.
    async fn config_at(&self, at: &AccountRegion) -> Result<SdkConfig, AwsError> {
        let own = self.own_config(&at.region);
        if at.account == self.caller().await? {
            return Ok(own);
        }
        let sessions = super::sessions::RoleCredentials::new(self, at.account.clone());
        Ok(own
            .to_builder()
            .credentials_provider(SharedCredentialsProvider::new(sessions))
            // The pool caches sessions itself: the SDK's cache would forget all beyond 64.
            .identity_cache(aws_config::identity::IdentityCache::no_cache())
            .build())
    }

    /// Organizations, which answers in us-east-1 with the caller's own credentials.
    pub fn organizations(&self) -> aws_sdk_organizations::Client {
        aws_sdk_organizations::Client::new(&self.own_config(self.global_region()))
    }

    /// Account management (names, contacts, Regions), with the caller's own credentials.
    pub fn account_management(&self) -> aws_sdk_account::Client {
        aws_sdk_account::Client::new(&self.own_config(self.global_region()))
    }

    /// Organization-wide tags, which lie in us-east-1.
    pub fn tagging(&self) -> aws_sdk_resourcegroupstagging::Client {
        aws_sdk_resourcegroupstagging::Client::new(&self.own_config(self.global_region()))
    }
}

macro_rules! regional {
    ($($(#[$doc:meta])* $name:ident: $sdk:ident;)*) => {
        impl Aws {
            $(
                $(#[$doc])*
                pub async fn $name(&self, at: &AccountRegion) -> Result<$sdk::Client, AwsError> {
                    Ok($sdk::Client::new(&self.config_at(at).await?))
                }
            )*
        }
    };
}

regional! {
    /// Cloud Control in an account and Region.
    cloudcontrol: aws_sdk_cloudcontrol;
    /// CloudFormation in an account and Region.
    cloudformation: aws_sdk_cloudformation;
    /// CloudTrail in an account and Region.
    cloudtrail: aws_sdk_cloudtrail;
    /// Config in an account and Region.
    config: aws_sdk_config;
    /// GuardDuty in an account and Region.
    guardduty: aws_sdk_guardduty;
    /// IAM in an account.
    iam: aws_sdk_iam;
    /// Service Quotas in an account and Region.
    service_quotas: aws_sdk_servicequotas;
    /// Systems Manager in an account and Region.
    ssm: aws_sdk_ssm;
    /// STS in an account and Region; use it to probe that a session works there.
    sts: aws_sdk_sts;
}
