//! Services of which a few calls are needed: a client on the runtime that the SDK's own clients stand on, so that credentials,
//! signing, time-outs, errors, pace, retries and recordings are those of every other call. An operation is what it is sent,
//! what it answers, and its name; the protocol is AWS JSON, and another is another way to write the request.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;

use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::auth::{SigV4OperationSigningConfig, SigningOptions};
use aws_runtime::user_agent::{ApiMetadata, UserAgentInterceptor};
use aws_smithy_runtime::client::orchestrator::operation::Operation as Call;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::auth::{
    AuthSchemeOptionResolverParams, SharedAuthScheme, SharedAuthSchemeOptionResolver,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::Layer;
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::region::SigningRegion;
use aws_types::service_config::ServiceConfigKey;
use aws_types::{SdkConfig, SigningName};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Operation;

/// The tagging of resources.
pub mod tag {
    use serde::{Deserialize, Serialize};

    /// Resources with their tags, page by page.
    #[derive(Debug, Clone, Serialize)]
    #[serde(rename_all = "PascalCase")]
    pub struct GetResources {
        pub resource_type_filters: [&'static str; 1],
        pub resources_per_page: u32,
        #[serde(skip_serializing_if = "Option::is_none")]
        pub pagination_token: Option<String>,
    }

    /// A page of them.
    #[derive(Debug, Deserialize)]
    pub struct Resources {
        #[serde(rename = "ResourceTagMappingList")]
        pub resources: Option<Vec<Tagged>>,
        #[serde(rename = "PaginationToken")]
        pub next: Option<String>,
    }

    /// One of them.
    #[derive(Debug, Deserialize)]
    pub struct Tagged {
        #[serde(rename = "ResourceARN")]
        pub resource_arn: String,
        #[serde(rename = "Tags", default)]
        pub tags: Vec<Tag>,
    }

    /// One of its tags.
    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    pub struct Tag {
        pub key: String,
        pub value: String,
    }

    impl super::Described for GetResources {
        type Answer = Resources;
    }
}

/// An operation: what it is sent. Its module is called as IAM spells the service, and it as AWS spells the operation.
pub trait Described: Serialize + Sized + 'static {
    /// What AWS answers.
    type Answer: DeserializeOwned + fmt::Debug + Send + Sync + 'static;
}

/// What AWS said to such an operation, where that was no.
pub struct Failed<O> {
    metadata: ErrorMetadata,
    of: PhantomData<fn() -> O>,
}

impl<O> fmt::Debug for Failed<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.metadata.fmt(f)
    }
}

impl<O> fmt::Display for Failed<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.metadata.fmt(f)
    }
}

impl<O> std::error::Error for Failed<O> {}

impl<O> ProvideErrorMetadata for Failed<O> {
    fn meta(&self) -> &ErrorMetadata {
        &self.metadata
    }
}

/// A service that speaks AWS JSON 1.1.
#[derive(Debug, Clone)]
pub struct Json {
    pub(super) config: SdkConfig,
    /// Its service id, by which settings name it.
    pub(super) id: &'static str,
    /// What its endpoint begins with, which its signatures name too.
    pub(super) endpoint: &'static str,
    /// What stands before the operation in `X-Amz-Target`.
    pub(super) target: &'static str,
}

impl Json {
    /// Sends a request, once.
    pub fn send<O: Described>(
        &self,
        operation: &O,
    ) -> impl Future<Output = Result<O::Answer, SdkError<Failed<O>, HttpResponse>>> + use<O> {
        let body = serde_json::to_string(operation).map_err(|error| error.to_string());
        let name = Operation::of::<Failed<O>>().1;
        let target = format!("{}.{name}", self.target);
        let mut call = Call::builder()
            .service_name(self.id)
            .operation_name(name)
            .behavior_version(aws_config::BehaviorVersion::latest())
            .endpoint_url(&self.url())
            .no_retry()
            .runtime_plugin(self.signed());
        if let Some(http) = self.config.http_client() {
            call = call.http_client(http);
        }
        if let Some(sleep) = self.config.sleep_impl() {
            call = call.sleep_impl(sleep);
        }
        if let Some(time) = self.config.time_source() {
            call = call.time_source(time);
        }
        if let Some(timeouts) = self.config.timeout_config() {
            call = call.timeout_config(timeouts.clone());
        }
        let call = call
            .with_connection_poisoning()
            .serializer(move |()| request(&target, body.clone()?))
            .deserializer(answer::<O>)
            .build();
        async move { call.invoke(()).await }
    }

    /// `AWS_ENDPOINT_URL`, of this service or of all, or AWS's own.
    fn url(&self) -> String {
        let key = ServiceConfigKey::builder()
            .service_id(self.id)
            .env("AWS_ENDPOINT_URL")
            .profile("endpoint_url")
            .build();
        let own = self.config.service_config().zip(key.ok());
        let own = own.and_then(|(config, key)| config.load_config(key));
        let given = own.or_else(|| self.config.endpoint_url().map(str::to_owned));
        given.unwrap_or_else(|| {
            let region = self.config.region().map_or("", |region| region.as_ref());
            let fips = match self.config.use_fips() {
                Some(true) => "-fips",
                _ => "",
            };
            let domain = match self.config.use_dual_stack() {
                Some(true) => "api.aws",
                _ => "amazonaws.com",
            };
            format!("https://{}{fips}.{region}.{domain}", self.endpoint)
        })
    }

    /// The signature, and who asks.
    fn signed(&self) -> StaticRuntimePlugin {
        let mut layer = Layer::new("signed");
        layer.store_put(SigningName::from_static(self.endpoint));
        if let Some(region) = self.config.region() {
            layer.store_put(SigningRegion::from(region.clone()));
        }
        layer.store_put(SigV4OperationSigningConfig {
            region: None,
            region_set: None,
            name: None,
            signing_options: SigningOptions::default(),
        });
        layer.store_put(AuthSchemeOptionResolverParams::new(()));
        layer.store_put(ApiMetadata::new(self.endpoint, env!("CARGO_PKG_VERSION")));
        if let Some(name) = self.config.app_name() {
            layer.store_put(name.clone());
        }
        let scheme = StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID]);
        let mut components = RuntimeComponentsBuilder::new("signed");
        components
            .set_auth_scheme_option_resolver(Some(SharedAuthSchemeOptionResolver::new(scheme)));
        components.push_auth_scheme(SharedAuthScheme::new(SigV4AuthScheme::new()));
        if let Some(credentials) = self.config.credentials_provider() {
            components.set_identity_resolver(SCHEME_ID, credentials);
        }
        components.set_identity_cache(self.config.identity_cache());
        components.push_interceptor(UserAgentInterceptor::new());
        StaticRuntimePlugin::new()
            .with_config(layer.freeze())
            .with_runtime_components(components)
    }
}

fn request(target: &str, body: String) -> Result<HttpRequest, BoxError> {
    let request = http::Request::builder()
        .method("POST")
        .uri("/")
        .header("content-type", "application/x-amz-json-1.1")
        .header("content-length", body.len())
        .header("x-amz-target", target)
        .body(SdkBody::from(body))?;
    Ok(request.try_into()?)
}

/// The answer, or what AWS said against it.
fn answer<O: Described>(answer: &HttpResponse) -> Result<O::Answer, OrchestratorError<Failed<O>>> {
    #[derive(serde::Deserialize)]
    struct Refusal {
        #[serde(rename = "__type")]
        code: Option<String>,
        #[serde(alias = "Message")]
        message: Option<String>,
    }
    let body = answer.body().bytes().unwrap_or_default();
    if answer.status().is_success() {
        let read = serde_json::from_slice(body);
        return read.map_err(|error| OrchestratorError::response(error.into()));
    }
    let said: Option<Refusal> = serde_json::from_slice(body).ok();
    let code = answer.headers().get("x-amzn-errortype").map(str::to_owned);
    let mut metadata = ErrorMetadata::builder();
    if let Some(code) = code.or_else(|| said.as_ref()?.code.clone()) {
        // `com.amazonaws.kms#NotFoundException:http://...`.
        let code = code.rsplit('#').next().unwrap_or_default();
        metadata = metadata.code(code.split(':').next().unwrap_or_default());
    }
    if let Some(message) = said.and_then(|said| said.message) {
        metadata = metadata.message(message);
    }
    Err(OrchestratorError::operation(Failed {
        metadata: metadata.build(),
        of: PhantomData,
    }))
}

#[cfg(test)]
mod tests {
    use super::tag::{GetResources, Resources};
    use crate::aws::testing::{Answer, aws};
    use crate::aws::{AwsError, CallContext, ErrorKind};

    /// Asks for the tags of accounts.
    async fn ask(
        mut play: impl FnMut(&str, &str) -> Option<Answer> + Send + 'static,
    ) -> (Result<Resources, AwsError>, u64) {
        let aws = aws(move |asked, _| {
            let ours = asked.operation == "GetResources";
            assert!(
                !ours || asked.host.starts_with("tagging.us-east-1."),
                "{}",
                asked.host
            );
            let signed = asked
                .authorization
                .contains("/us-east-1/tagging/aws4_request");
            assert!(!ours || signed, "{}", asked.authorization);
            ours.then(|| play(&asked.body, &asked.authorization))
                .flatten()
        });
        let ctx = CallContext::quiet();
        let caller = aws.caller().await.unwrap();
        let client = aws.tagging(&ctx, &caller);
        let answer = client
            .call(|c| {
                c.send(&GetResources {
                    resource_type_filters: ["organizations:account"],
                    resources_per_page: 100,
                    pagination_token: None,
                })
            })
            .await;
        let calls = aws.calls();
        let made = calls.iter().find(|(operation, _)| operation.0 == "tag");
        let made = made.map(|(operation, calls)| {
            assert_eq!(operation.to_string(), "tag:GetResources");
            *calls
        });
        (answer, made.unwrap_or_default())
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_asked_is_signed_and_what_is_answered_is_read() {
        let (answer, calls) = ask(|body, _| {
            let sent: serde_json::Value = serde_json::from_str(body).unwrap();
            let asks = serde_json::json!({
                "ResourceTypeFilters": ["organizations:account"],
                "ResourcesPerPage": 100,
            });
            assert_eq!(sent, asks);
            Some(Answer::json(serde_json::json!({
                "PaginationToken": "",
                "ResourceTagMappingList": [{"ResourceARN": "arn", "Tags": [{"Key": "k", "Value": "v"}]}],
            })))
        })
        .await;
        let answer = answer.unwrap();
        assert_eq!(answer.next.as_deref(), Some(""));
        let resources = answer.resources.unwrap();
        assert_eq!(
            (
                resources[0].resource_arn.as_str(),
                resources[0].tags[0].value.as_str()
            ),
            ("arn", "v")
        );
        assert_eq!(calls, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn throttles_are_waited_out_and_refusals_told_as_of_any_other_call() {
        let mut left = 2;
        let (answer, calls) = ask(move |_, _| {
            left -= 1;
            Some(match left {
                0 => Answer::error("com.amazonaws.tagging#AccessDeniedException", "not yours"),
                _ => Answer::error("ThrottlingException", "slow down"),
            })
        })
        .await;
        assert_eq!(calls, 2);
        assert_eq!(
            answer.unwrap_err().to_string(),
            "tag:GetResources in 111111111111/us-east-1: AccessDeniedException: not yours"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_lost_or_cannot_be_read_is_no_answer() {
        let (lost, calls) = ask(|_, _| Some(Answer::Lost)).await;
        assert_eq!(lost.unwrap_err().code, "ConnectionLost");
        assert!(calls > 1);
        let (unreadable, _) = ask(|_, _| Some(Answer::Says(200, "{".to_owned()))).await;
        let unreadable = unreadable.unwrap_err();
        assert_eq!(unreadable.code, "UnreadableAnswer");
        assert_eq!(unreadable.kind, ErrorKind::NoAnswer);
        let (foreign, _) = ask(|_, _| None).await;
        assert_eq!(foreign.unwrap_err().code, "HTTP500");
    }
}
