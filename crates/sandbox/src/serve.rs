//! The sandbox on a loopback port, for the AWS CLI, boto3 and any other client.

#![warn(missing_docs)]

use std::convert::Infallible;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::codec;
use super::connector::{Clock, lock};
use super::file::{WorldFile, WorldFileError};
use super::front;
use super::time::Time;
use super::world::World;

/// How [`serve`] runs.
#[derive(Debug)]
pub struct ServeOptions {
    /// Virtual seconds that pass in a real one. Waits of the simulated AWS shrink accordingly.
    pub speed: f64,
    /// Where the world is kept: written soon after it changes, and at the end.
    pub world_file: Option<WorldFile>,
}

/// How long a change may wait to be written.
const SAVE_EVERY: Duration = Duration::from_millis(500);
/// How long open connections have to end once the server stops.
const GRACE: Duration = Duration::from_millis(500);

/// Serves a world until `stop` completes, then saves it.
///
/// Bind the listener yourself (port 0 for a free one) and tell its address to whoever should know; nothing is
/// printed here. Virtual time starts at the world's or the real time, whichever is later, so that clients which
/// compare expiry dates with their own clock are content.
///
/// # Errors
/// The world file could not be written.
pub async fn serve(
    world: Arc<Mutex<World>>,
    listener: TcpListener,
    mut options: ServeOptions,
    stop: impl Future<Output = ()>,
) -> Result<(), WorldFileError> {
    let start = lock(&world).now.max(wall_clock());
    let server = Server {
        clock: Clock::starting(start, options.speed),
        changed: Arc::new(AtomicBool::new(false)),
        world,
    };
    let mut connections = JoinSet::new();
    let mut saving = tokio::time::interval(SAVE_EVERY);
    tokio::pin!(stop);
    loop {
        tokio::select! {
            biased;
            () = &mut stop => break,
            _ = saving.tick() => server.save(&mut options)?,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let server = server.clone();
                    connections.spawn(async move {
                        let service = service_fn(|request| server.clone().answer(request));
                        let connection = hyper::server::conn::http1::Builder::new()
                            .serve_connection(TokioIo::new(stream), service);
                        if let Err(error) = connection.await {
                            tracing::debug!("a connection ended: {error}");
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!("a connection was not accepted: {error}");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
        }
    }
    drop(listener);
    let ended = async { while connections.join_next().await.is_some() {} };
    // Idle keep-alive connections never end by themselves.
    let _ = tokio::time::timeout(GRACE, ended).await;
    connections.shutdown().await;
    lock(&server.world).advance(server.clock.now());
    server.changed.store(true, Ordering::Relaxed);
    server.save(&mut options)
}

/// The world outside, by which clients judge whether a session has expired.
#[expect(
    clippy::disallowed_methods,
    reason = "served clients live in real time"
)]
fn wall_clock() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Time(since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }))
}

#[derive(Clone)]
struct Server {
    world: Arc<Mutex<World>>,
    clock: Clock,
    changed: Arc<AtomicBool>,
}

impl Server {
    fn save(&self, options: &mut ServeOptions) -> Result<(), WorldFileError> {
        let Some(file) = &mut options.world_file else {
            return Ok(());
        };
        if self.changed.swap(false, Ordering::Relaxed) {
            file.save(&lock(&self.world))?;
        }
        Ok(())
    }

    async fn answer(
        self,
        request: hyper::Request<Incoming>,
    ) -> Result<hyper::Response<Full<Bytes>>, Infallible> {
        let (parts, body) = request.into_parts();
        let Ok(body) = body.collect().await else {
            return Ok(plain(400, "The request body did not arrive whole."));
        };
        let request = codec::Request {
            method: parts.method.as_str().to_owned(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: parts
                .headers
                .iter()
                .map(|(name, value)| {
                    let value = String::from_utf8_lossy(value.as_bytes());
                    (name.as_str().to_owned(), value.into_owned())
                })
                .collect(),
            body: body.to_bytes().to_vec(),
        };
        let answer = {
            let mut world = lock(&self.world);
            let ran = world.advance(self.clock.now());
            let answer = front::handle(&mut world, &request);
            if ran || answer.changed {
                self.changed.store(true, Ordering::Relaxed);
            }
            answer
        };
        tokio::time::sleep(self.clock.real(answer.latency_millis)).await;
        let mut response = hyper::Response::builder().status(answer.response.status);
        for (name, value) in answer.response.headers {
            response = response.header(name, value);
        }
        Ok(response
            .body(Full::new(Bytes::from(answer.response.body)))
            .unwrap_or_else(|_| plain(500, "The answer could not be written.")))
    }
}

fn plain(status: u16, text: &'static str) -> hyper::Response<Full<Bytes>> {
    let mut response = hyper::Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    if let Ok(status) = hyper::StatusCode::from_u16(status) {
        *response.status_mut() = status;
    }
    response
}
