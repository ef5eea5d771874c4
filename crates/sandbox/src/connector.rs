//! The sandbox as an HTTP client of the AWS SDK: unchanged clients, no socket, virtual time.

#![warn(missing_docs)]

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_async::time::TimeSource;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::RetryConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use http_body_util::BodyExt as _;
use tokio::time::Instant;

use super::codec::{Request, Response};
use super::fault::{Connection, Outcome};
use super::sts;
use super::time::Time;
use super::world::World;

/// Virtual time that goes with the tokio runtime's clock, from a start given.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Time,
    since: Instant,
    /// How many virtual milliseconds pass in one of the runtime's.
    speed: f64,
}

impl Clock {
    /// A clock that shows `start` now.
    pub fn starting(start: Time, speed: f64) -> Clock {
        Clock {
            start,
            since: Instant::now(),
            speed,
        }
    }

    /// The virtual time.
    pub fn now(&self) -> Time {
        let elapsed = self.since.elapsed().as_millis() as f64 * self.speed;
        self.start.plus_millis(elapsed as i64)
    }

    /// How long the runtime must sleep for this much virtual time.
    pub fn real(&self, millis: i64) -> Duration {
        let millis = u64::try_from(millis).unwrap_or(0);
        if self.speed == 1.0 {
            Duration::from_millis(millis)
        } else {
            Duration::from_secs_f64(millis as f64 / 1000.0 / self.speed.max(1e-6))
        }
    }
}

impl TimeSource for Clock {
    fn now(&self) -> SystemTime {
        let millis = u64::try_from(Clock::now(self).0).unwrap_or(0);
        UNIX_EPOCH + Duration::from_millis(millis)
    }
}

/// A world that a panic elsewhere must not make unreachable.
pub(super) fn lock(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A configuration whose clients talk to this world, with the credentials of its management account.
///
/// Call it inside the runtime that will make the calls. Virtual time is the runtime's: with a paused,
/// current-thread runtime hours pass in seconds, the same way every time. Retries are off, the SDK's clock is
/// virtual, and endpoints are the real ones, which the connector never contacts.
pub fn in_process(world: Arc<Mutex<World>>) -> SdkConfig {
    in_process_over(world, Arc::default())
}

/// [`in_process`] over a connection of the caller's own, with its faults.
pub fn in_process_over(world: Arc<Mutex<World>>, connection: Arc<Connection>) -> SdkConfig {
    let clock = Clock::starting(lock(&world).now, 1.0);
    let credentials = Credentials::new(
        sts::MANAGEMENT_ACCESS_KEY,
        sts::MANAGEMENT_SECRET_KEY,
        None,
        None,
        "sandbox",
    );
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(Connector {
            world,
            connection,
            clock,
        })
        .time_source(clock)
        .sleep_impl(TokioSleep::new())
        .retry_config(RetryConfig::disabled())
        .build()
}

#[derive(Clone)]
struct Connector {
    world: Arc<Mutex<World>>,
    connection: Arc<Connection>,
    clock: Clock,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

impl HttpClient for Connector {
    fn http_connector(
        &self,
        _settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let this = self.clone();
        HttpConnectorFuture::new(async move {
            // The body is drained before anything sleeps: otherwise the SDK takes the upload for stalled.
            let request = read(request).await?;
            let outcome = {
                let mut world = lock(&this.world);
                world.advance(this.clock.now());
                this.connection.handle(&mut world, &request)
            };
            match outcome {
                Outcome::Answered(answer) => {
                    tokio::time::sleep(this.clock.real(answer.latency_millis)).await;
                    write(answer.response)
                }
                Outcome::Lost(millis) => {
                    tokio::time::sleep(this.clock.real(millis)).await;
                    let broken = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
                    Err(ConnectorError::io(broken.into()))
                }
                Outcome::Killed => std::future::pending().await,
            }
        })
    }
}

async fn read(request: HttpRequest) -> Result<Request, ConnectorError> {
    let other =
        |error: Box<dyn std::error::Error + Send + Sync>| ConnectorError::other(error, None);
    let method = request.method().to_owned();
    let uri: http::Uri = request
        .uri()
        .parse()
        .map_err(|error: http::uri::InvalidUri| other(error.into()))?;
    let mut headers: Vec<(String, String)> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    if let Some(host) = uri.authority()
        && !headers.iter().any(|(name, _)| name == "host")
    {
        headers.push(("host".to_owned(), host.as_str().to_owned()));
    }
    let body = request.into_body().collect().await.map_err(other)?;
    Ok(Request {
        method,
        path: uri.path().to_owned(),
        query: uri.query().unwrap_or_default().to_owned(),
        headers,
        body: body.to_bytes().to_vec(),
    })
}

fn write(response: Response) -> Result<HttpResponse, ConnectorError> {
    let status = response
        .status
        .try_into()
        .map_err(|error| ConnectorError::other(Box::new(error), None))?;
    let mut written = HttpResponse::new(status, SdkBody::from(response.body));
    for (name, value) in response.headers {
        written
            .headers_mut()
            .try_append(name, value)
            .map_err(|error| ConnectorError::other(Box::new(error), None))?;
    }
    Ok(written)
}
