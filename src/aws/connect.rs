//! Where the configuration comes from: the user's environment, or a caller's own connector.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::identity::IdentityCache;
use aws_config::profile::{self, ProfileFileCredentialsProvider, ProfileFileLoadError, ProfileSet};
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::shared::IntoShared as _;
use aws_types::SdkConfig;
use aws_types::app_name::AppName;
use aws_types::os_shim_internal::{Env, Fs};
use tokio::sync::OnceCell;

use super::record::Recorder;
use super::{Aws, Counts, GLOBAL_REGION, Inner, Options, pacer, sessions};
use crate::plan::Region;

/// The profile that counts where none is named.
const DEFAULT_PROFILE: &str = "default";

/// Why AWS cannot be reached as asked.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("there is no profile `{name}` in the AWS configuration files")]
    Unknown {
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    #[error("the AWS configuration files cannot be read")]
    Unreadable(#[source] ProfileFileLoadError),
    #[error("calls cannot be recorded into {}", file.display())]
    Recording {
        file: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

fn named(profile: &Option<String>) -> Option<&str> {
    profile.as_deref().filter(|name| !name.is_empty())
}

/// Whether a profile counts before credentials in environment variables, as with the AWS CLI: one that an option names does,
/// one that `AWS_PROFILE` names does not. The SDK knows no such difference.
fn beats_the_environment(name: &str) -> bool {
    let by_variable = Env::real().get("AWS_PROFILE").ok();
    name != DEFAULT_PROFILE && by_variable.as_deref() != Some(name)
}

/// Makes sure that a profile is there. The SDK goes on without one that is not, by whatever other
/// credentials it finds.
async fn find_profile(name: &str) -> Result<(), ConnectError> {
    let files = EnvConfigFiles::default();
    let found = profile::load(&Fs::real(), &Env::real(), &files, None)
        .await
        .map_err(ConnectError::Unreadable)?;
    if found.get_profile(name).is_some() || name == DEFAULT_PROFILE {
        return Ok(());
    }
    Err(ConnectError::Unknown {
        name: name.to_owned(),
        known: known(&found),
    })
}

fn known(found: &ProfileSet) -> Vec<String> {
    let mut known: Vec<String> = found.profiles().map(str::to_owned).collect();
    known.sort();
    known
}

/// The profiles that there are in the AWS configuration files; none where those cannot be read.
pub async fn profiles() -> Vec<String> {
    let files = EnvConfigFiles::default();
    let found = profile::load(&Fs::real(), &Env::real(), &files, None).await;
    found.map_or_else(|_| Vec::new(), |found| known(&found))
}

impl Aws {
    /// Real AWS, or whatever `AWS_ENDPOINT_URL` points to, with the credentials of the environment:
    /// variables, profiles, SSO, web identity, instance roles. Nothing is asked yet: where there are
    /// none, the first call fails. Every call and its answer are written into `recording`, where there is one.
    ///
    /// # Errors
    /// The profile that was asked for is in no configuration file, or those cannot be read; or the recording cannot be
    /// written.
    pub async fn connect(options: Options, recording: Option<&Path>) -> Result<Aws, ConnectError> {
        if let Some(name) = named(&options.profile) {
            find_profile(name).await?;
        }
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let http = match recording {
            None => http,
            Some(file) => Recorder::new(http, file)
                .map_err(|source| ConnectError::Recording {
                    file: file.to_owned(),
                    source,
                })?
                .into_shared(),
        };
        let home = aws_types::region::Region::new(options.home_region.to_string());
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http.clone())
            .identity_cache(IdentityCache::lazy().build())
            .region(home.clone())
            .timeout_config(timeouts());
        if let Ok(name) = AppName::new(concat!("orgstrap-", env!("CARGO_PKG_VERSION"))) {
            loader = loader.app_name(name);
        }
        if options.profile.is_some() {
            // An empty name, as of `AWS_PROFILE=`, is no name; the SDK would look for a profile called "".
            loader = loader.profile_name(named(&options.profile).unwrap_or(DEFAULT_PROFILE));
        }
        if let Some(name) = named(&options.profile).filter(|name| beats_the_environment(name)) {
            let config = ProviderConfig::default()
                .with_http_client(http)
                .with_region(Some(home));
            let provider = ProfileFileCredentialsProvider::builder()
                .configure(&config)
                .profile_name(name)
                .build();
            loader = loader.credentials_provider(provider);
        }
        Ok(Aws::over(loader.load().await, options))
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
                made: super::newness::CreationTimes::default(),
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
