//! Where the configuration comes from: the user's environment, or a caller's own connector.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_types::SdkConfig;
use aws_types::app_name::AppName;
use tokio::sync::OnceCell;

use super::{Aws, Counts, GLOBAL_REGION, Inner, Options, pacer, sessions};
use crate::plan::Region;

impl Aws {
    /// Real AWS, or whatever `AWS_ENDPOINT_URL` points to, with the credentials of the environment:
    /// variables, profiles, SSO, web identity, instance roles. Nothing is asked yet: where there are
    /// none, the first call fails.
    pub async fn connect(options: Options) -> Aws {
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http)
            .identity_cache(IdentityCache::lazy().build())
            .region(aws_types::region::Region::new(
                options.home_region.to_string(),
            ))
            .timeout_config(timeouts());
        if let Ok(name) = AppName::new(concat!("orgstrap-", env!("CARGO_PKG_VERSION"))) {
            loader = loader.app_name(name);
        }
        if let Some(profile) = &options.profile {
            loader = loader.profile_name(profile);
        }
        Aws::over(loader.load().await, options)
    }

    /// AWS over a configuration: any connector, any credentials. Retries are turned off, because
    /// [`Aws::call`] does them.
    pub fn over(config: SdkConfig, options: Options) -> Aws {
        let mut builder = config.to_builder().retry_config(RetryConfig::disabled());
        if config.timeout_config().is_none() {
            builder = builder.timeout_config(timeouts());
        }
        if config.identity_cache().is_none() {
            builder = builder.identity_cache(IdentityCache::lazy().build());
        }
        let global = GLOBAL_REGION
            .parse::<Region>()
            .unwrap_or_else(|_| options.home_region.clone());
        Aws {
            inner: Arc::new(Inner {
                config: builder.build(),
                global,
                caller: OnceCell::new(),
                pacer: pacer::Pacer::new(options.pace, options.pace_overrides.clone()),
                sessions: sessions::Sessions::by(&options.access_role),
                random: Mutex::new(fastrand::Rng::with_seed(options.seed)),
                counts: Mutex::new(Counts {
                    calls: BTreeMap::new(),
                    throttled: BTreeMap::new(),
                }),
                options,
            }),
        }
    }
}

/// How long an answer is waited for.
fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(10))
        .operation_attempt_timeout(Duration::from_secs(60))
        .build()
}
