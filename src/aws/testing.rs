//! Canned answers for tests: unchanged SDK clients over a connector that a closure plays.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::time::TimeSource;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use aws_types::SdkConfig;
use tokio::time::Instant;

use super::{Aws, Options, Pace};

/// A request as a test sees it.
pub(crate) struct Asked {
    /// The operation's name, from the target header, the query's action, or method and path.
    pub(crate) operation: String,
    pub(crate) body: String,
    pub(crate) host: String,
    pub(crate) authorization: String,
}

/// An answer: a status and a body, or no answer at all.
pub(crate) enum Answer {
    Says(u16, String),
    Lost,
}

impl Answer {
    pub(crate) fn json(value: serde_json::Value) -> Self {
        Answer::Says(200, value.to_string())
    }
    pub(crate) fn error(code: &str, message: &str) -> Self {
        let body = serde_json::json!({"__type": code, "message": message});
        Answer::Says(400, body.to_string())
    }
    pub(crate) fn xml_error(status: u16, code: &str, message: &str) -> Self {
        Answer::Says(
            status,
            format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>\
                 <Message>{message}</Message></Error></ErrorResponse>"
            ),
        )
    }
    pub(crate) fn session(key: &str, ends: SystemTime) -> Self {
        let ends = jiff::Timestamp::try_from(ends).unwrap();
        Answer::Says(
            200,
            format!(
                "<AssumeRoleResponse><AssumeRoleResult><Credentials>\
                 <AccessKeyId>{key}</AccessKeyId><SecretAccessKey>very-secret</SecretAccessKey>\
                 <SessionToken>token-of-{key}</SessionToken><Expiration>{ends}</Expiration>\
                 </Credentials></AssumeRoleResult></AssumeRoleResponse>"
            ),
        )
    }
    pub(crate) fn caller(arn: &str) -> Self {
        let account = arn.split(':').nth(4).unwrap_or_default();
        Answer::Says(
            200,
            format!(
                "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>{arn}</Arn>\
                 <UserId>AIDA</UserId><Account>{account}</Account></GetCallerIdentityResult>\
                 </GetCallerIdentityResponse>"
            ),
        )
    }
}

/// Virtual time: the clock of the paused runtime.
#[derive(Debug, Clone)]
pub(crate) struct Clock(Instant);

impl TimeSource for Clock {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000) + self.0.elapsed()
    }
}

type Play = dyn FnMut(&Asked, SystemTime) -> Option<Answer> + Send;

#[derive(Clone)]
struct Connector {
    play: Arc<Mutex<Box<Play>>>,
    clock: Clock,
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connector")
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
        let header = |name: &str| request.headers().get(name).unwrap_or_default().to_owned();
        let operation = match request.headers().get("x-amz-target") {
            Some(target) => target.rsplit('.').next().unwrap_or_default().to_owned(),
            None => match body
                .split('&')
                .find_map(|pair| pair.strip_prefix("Action="))
            {
                Some(action) => action.to_owned(),
                None => {
                    let path = request
                        .uri()
                        .split("amazonaws.com")
                        .nth(1)
                        .unwrap_or_default();
                    let path = path.split('?').next().unwrap_or_default();
                    format!("{} {path}", request.method())
                }
            },
        };
        let host = request
            .uri()
            .split('/')
            .nth(2)
            .unwrap_or_default()
            .to_owned();
        let asked = Asked {
            operation,
            host,
            authorization: header("authorization"),
            body,
        };
        let now = self.clock.now();
        let answer = if asked.operation == "GetCallerIdentity"
            && !asked.authorization.contains("AKIDMEMBER")
        {
            (self.play.lock().unwrap())(&asked, now)
                .unwrap_or_else(|| Answer::caller("arn:aws:iam::111111111111:user/someone"))
        } else {
            (self.play.lock().unwrap())(&asked, now).unwrap_or_else(|| {
                Answer::Says(500, "<!doctype html><html>not implemented</html>".into())
            })
        };
        HttpConnectorFuture::new(async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            match answer {
                Answer::Says(status, body) => Ok(HttpResponse::new(
                    status.try_into().unwrap(),
                    SdkBody::from(body),
                )),
                Answer::Lost => Err(ConnectorError::io("connection reset by peer".into())),
            }
        })
    }
}

/// AWS as `play` plays it; what it does not answer is HTTP 500 with HTML, as an emulator says it.
pub(crate) fn aws(play: impl FnMut(&Asked, SystemTime) -> Option<Answer> + Send + 'static) -> Aws {
    Aws::over(config(play), options())
}

pub(crate) fn options() -> Options {
    Options {
        profile: None,
        home_region: "eu-west-1".parse().unwrap(),
        access_role: "OrganizationAccountAccessRole".into(),
        pace: Pace::default(),
        pace_overrides: Default::default(),
        run: "test run/1".into(),
        seed: 1,
    }
}

pub(crate) fn config(
    play: impl FnMut(&Asked, SystemTime) -> Option<Answer> + Send + 'static,
) -> SdkConfig {
    let connector = Connector {
        play: Arc::new(Mutex::new(Box::new(play))),
        clock: Clock(Instant::now()),
    };
    let clock = connector.clock.clone();
    let credentials = Credentials::new("AKIDMANAGEMENT", "top-secret", None, None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(aws_types::region::Region::from_static("eu-west-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .time_source(clock)
        .http_client(http_client_fn(move |_, _| {
            SharedHttpConnector::new(connector.clone())
        }))
        .build()
}
