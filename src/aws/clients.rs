//! Clients of every service orgstrap uses, and the one way in which they call. A client is built when
//! asked for: that costs a tenth of a millisecond, where a kept client per account and service costs 16 KiB.

use std::future::Future;

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::SdkConfig;

use super::{Aws, AwsError, CallContext, Operation};
use crate::inventory::AccountRegion;
use crate::plan::{AccountId, Region};
use crate::services::each_service;

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
    async fn settings_at(&self, at: &AccountRegion) -> Result<SdkConfig, AwsError> {
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
}

/// A service's client where it is called, and for whom: the one way in which AWS is called.
pub struct Client<'a, C> {
    pub(super) sdk: C,
    pub(super) aws: &'a Aws,
    pub(super) ctx: &'a CallContext,
    pub(super) at: AccountRegion,
}

impl<C> Client<'_, C> {
    /// Where it calls.
    pub fn at(&self) -> &AccountRegion {
        &self.at
    }

    /// Makes a call. Every attempt waits for its turn at the operation's rate, makes sure of the
    /// session, and only then builds, signs and sends. Throttles, transient errors and AWS's own
    /// waits are retried with their documented patience; waits are told. The operation's name is
    /// that of the call which is made.
    ///
    /// `send` builds and sends anew: `|c| c.create_ou().name(&name).send()`.
    pub async fn call<T, E, F, Fut>(&self, send: F) -> Result<T, AwsError>
    where
        F: Fn(&C) -> Fut,
        Fut: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let send = || send(&self.sdk);
        self.aws
            .call(self.ctx, Operation::of::<E>(), &self.at, send)
            .await
    }

    /// Makes a call for one part of the answer, without which the answer is unreadable: "no X in the answer".
    pub async fn get<T, P, E, F, Fut>(
        &self,
        send: F,
        part: impl FnOnce(T) -> Option<P>,
        what: &str,
    ) -> Result<P, AwsError>
    where
        F: Fn(&C) -> Fut,
        Fut: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let missing = || self.unreadable::<E>(format!("no {what} in the answer"));
        part(self.call(send).await?).ok_or_else(missing)
    }

    /// An answer that cannot be right; `E` is the type of the operation's error.
    pub fn unreadable<E: ProvideErrorMetadata>(&self, why: impl Into<String>) -> AwsError {
        AwsError::unreadable(Operation::of::<E>(), &self.at, why)
    }
}

/// CloudFormation, called somewhere.
pub type CloudFormation<'a> = Client<'a, aws_sdk_cloudformation::Client>;
/// GuardDuty, called somewhere.
pub type GuardDuty<'a> = Client<'a, aws_sdk_guardduty::Client>;
/// Organizations, called by the caller's own account.
pub type Organizations<'a> = Client<'a, aws_sdk_organizations::Client>;

/// What calls a service: the client of its SDK's crate, or of [`super::described`].
macro_rules! sdk {
    (type json $json:tt) => {
        super::described::Json
    };
    (type $sdk:ident) => {
        $sdk::Client
    };
    (new $config:expr, json($id:literal, $endpoint:literal, $target:literal)) => {
        super::described::Json {
            config: $config,
            id: $id,
            endpoint: $endpoint,
            target: $target,
        }
    };
    (new $config:expr, $sdk:ident) => {
        $sdk::Client::new(&$config)
    };
}

/// The clients of the table of services. What answers for the whole organization is called by the caller's own account.
macro_rules! clients {
    ($($(#[$doc:meta])* $client:ident: $sdk:ident $(($($json:literal),*))?, $name:literal, $scope:ident, $rates:tt, $operations:tt;)*) => {
        impl Aws {
            $(clients!(@$scope $(#[$doc])* $client: $sdk $(($($json),*))?);)*
        }
    };
    (@Organization $(#[$doc:meta])* $client:ident: $($sdk:tt)*) => {
        $(#[$doc])*
        pub fn $client<'a>(&'a self, ctx: &'a CallContext, caller: &AccountId) -> Client<'a, sdk!(type $($sdk)*)> {
            let at = AccountRegion {
                account: caller.clone(),
                region: self.global_region().clone(),
            };
            Client {
                sdk: sdk!(new self.own_config(&at.region), $($sdk)*),
                aws: self,
                ctx,
                at,
            }
        }
    };
    (@$scope:ident $(#[$doc:meta])* $client:ident: $($sdk:tt)*) => {
        $(#[$doc])*
        pub async fn $client<'a>(
            &'a self,
            ctx: &'a CallContext,
            at: &AccountRegion,
        ) -> Result<Client<'a, sdk!(type $($sdk)*)>, AwsError> {
            Ok(Client {
                sdk: sdk!(new self.settings_at(at).await?, $($sdk)*),
                aws: self,
                ctx,
                at: at.clone(),
            })
        }
    };
}
each_service!(clients);

macro_rules! methods {
    ($($(#[$doc:meta])* $client:ident: $sdk:ident $(($($json:literal),*))?, $name:literal, $scope:ident, $rates:tt, $operations:tt;)*) => {
        $(methods!(@$scope $(#[$doc])* $client: $sdk $(($($json),*))?);)*
    };
    (@Organization $($rest:tt)*) => {};
    (@$scope:ident $(#[$doc:meta])* $client:ident: $($sdk:tt)*) => {
        $(#[$doc])*
        #[allow(dead_code, reason = "some services are called by functions of their own only")]
        async fn $client(&self, at: &AccountRegion) -> Result<Client<'_, sdk!(type $($sdk)*)>, AwsError> {
            let (aws, ctx) = self.door();
            aws.$client(ctx, at).await
        }
    };
}

/// Whoever calls AWS: `self.cloudformation(&at).await?` is a client, `.call(|c| c.describe_stacks().send())` a call.
pub(crate) trait Calls {
    /// What is called, and for whom.
    fn door(&self) -> (&Aws, &CallContext);

    each_service!(methods);
}

#[cfg(test)]
mod tests;
