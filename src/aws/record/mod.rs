//! A recording: every call of a run and its answer, as they went over the wire, in a file that the sandbox can be checked
//! against (`orgstrap sandbox replay`).
//!
//! A line of JSON a call, in the order in which they were asked. What tells whose organization it is was replaced before it
//! is written ([`mask`]); credentials and signatures are never written.

pub mod mask;
mod others;

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use http_body_util::BodyExt as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::sandbox::replay::{Head, Line, Told, is_form};
use mask::Masks;

pub use others::{Call, Others};

/// An HTTP client that writes down what passes through another.
#[derive(Clone)]
pub struct Recorder {
    inner: SharedHttpClient,
    tape: Arc<Tape>,
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recorder")
    }
}

struct Tape {
    began: Instant,
    state: Mutex<State>,
}

struct State {
    file: File,
    private: PathBuf,
    kept: Kept,
    /// Sessions of this process by access key: 0 is whoever began, the others as AssumeRole gave them.
    sessions: BTreeMap<String, usize>,
    /// Calls whose answers are awaited keep their places in the file.
    waiting: BTreeMap<u64, Option<Line>>,
    asked: u64,
    written: u64,
    /// How much of what is kept is in its file: things replaced, and sessions.
    kept_of: (usize, usize),
    /// The first that went wrong with the file.
    broken: Option<io::Error>,
}

/// What several commands that record into one file have in common. It tells whose organization it is, so it lies in a file
/// of its own, which is not to be given away.
#[derive(Default, Serialize, Deserialize)]
struct Kept {
    masks: Masks,
    /// How many sessions there were.
    sessions: usize,
}

/// The file of what was replaced by what, beside a recording.
pub fn private(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".private");
    name.into()
}

impl Recorder {
    /// A recorder over a client, into a file that only its owner may read. A recording that is there is gone on with.
    ///
    /// # Errors
    /// The file cannot be written, or is there and what belongs to it is not.
    pub fn new(inner: SharedHttpClient, file: &Path) -> io::Result<Recorder> {
        let state = State::open(file)?;
        Ok(Recorder {
            inner,
            tape: Arc::new(Tape {
                began: Instant::now(),
                state: Mutex::new(state),
            }),
        })
    }
}

impl HttpClient for Recorder {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Connector {
            inner: self.inner.http_connector(settings, components),
            tape: self.tape.clone(),
        })
    }
}

struct Connector {
    inner: SharedHttpConnector,
    tape: Arc<Tape>,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        // What is not signed is asked for credentials: of IAM Identity Center, of an instance's metadata, by a web identity.
        if request.headers().get("authorization").is_none() {
            return self.inner.call(request);
        }
        let place = Place {
            tape: self.tape.clone(),
            number: self.tape.asks(),
            asked: Some(Asked::of(&request, self.tape.began)),
            began: Instant::now(),
        };
        let answer = self.inner.call(request);
        HttpConnectorFuture::new(async move {
            let (answer, body) = read(answer.await?).await?;
            let error = answer.headers().get("x-amzn-errortype");
            let told = Told {
                lost: false,
                status: Some(answer.status().as_u16()),
                error: error.map(str::to_owned),
                answer: Some(text(&body)),
            };
            place
                .told(told)
                .map_err(|error| ConnectorError::io(error.into()))?;
            Ok(answer)
        })
    }
}

/// The place of a call in the file. One that is given up, by whoever asked or because the connection broke, is written as one
/// whose answer was lost: the others come after it.
struct Place {
    tape: Arc<Tape>,
    number: u64,
    /// `None` once it is written.
    asked: Option<Asked>,
    began: Instant,
}

impl Place {
    fn told(mut self, told: Told) -> io::Result<()> {
        match self.asked.take() {
            Some(asked) => self
                .tape
                .answers(self.number, asked, self.began.elapsed(), told),
            None => Ok(()),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(asked) = self.asked.take() {
            let told = Told {
                lost: true,
                ..Told::default()
            };
            // What is wrong with the file fails the next call.
            let _ = self
                .tape
                .answers(self.number, asked, self.began.elapsed(), told);
        }
    }
}

/// What of a request is written down. Of its headers only those that say what is asked.
struct Asked {
    /// Since the command began.
    at: Duration,
    key: String,
    region: String,
    service: String,
    method: String,
    path: String,
    query: String,
    target: Option<String>,
    content_type: Option<String>,
    body: Vec<u8>,
}

impl Asked {
    fn of(request: &HttpRequest, began: Instant) -> Asked {
        let header = |name: &str| request.headers().get(name).map(str::to_owned);
        let scope = header("authorization").unwrap_or_default();
        let scope = scope.split("Credential=").nth(1).unwrap_or_default();
        let scope = scope.split([',', ' ']).next().unwrap_or_default();
        let (key, region, service) = scope_of(scope);
        let uri: http::Uri = request.uri().parse().unwrap_or_default();
        Asked {
            at: began.elapsed(),
            key,
            region,
            service,
            method: request.method().to_owned(),
            path: uri.path().to_owned(),
            query: uri.query().unwrap_or_default().to_owned(),
            target: header("x-amz-target"),
            content_type: header("content-type"),
            body: request.body().bytes().unwrap_or_default().to_vec(),
        }
    }
}

/// Access key, Region and service of a signature's scope, KEY/DATE/REGION/SERVICE/aws4_request.
fn scope_of(scope: &str) -> (String, String, String) {
    let mut parts = scope.split('/').map(str::to_owned);
    let key = parts.next().unwrap_or_default();
    let region = parts.nth(1).unwrap_or_default();
    (key, region, parts.next().unwrap_or_default())
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// How much of a recording is whole lines: the last one may have been cut off, with the run that wrote it.
fn whole(recording: &[u8]) -> u64 {
    let end = recording.iter().rposition(|byte| *byte == b'\n');
    end.map_or(0, |end| end as u64 + 1)
}

/// A body as it can be written into JSON.
fn text(body: &[u8]) -> Value {
    match std::str::from_utf8(body) {
        Ok(text) => Value::String(text.to_owned()),
        Err(_) => json!({ "bytes": body.len() }),
    }
}

/// An answer with its whole body.
async fn read(answer: HttpResponse) -> Result<(HttpResponse, Vec<u8>), ConnectorError> {
    let status = answer.status();
    let headers = answer.headers().clone();
    let body = answer.into_body().collect().await;
    let body = body.map_err(ConnectorError::io)?;
    let body = body.to_bytes().to_vec();
    let mut whole = HttpResponse::new(status, SdkBody::from(body.clone()));
    *whole.headers_mut() = headers;
    Ok((whole, body))
}

impl Tape {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call is asked: its place in the file.
    fn asks(&self) -> u64 {
        let mut state = self.state();
        let number = state.asked;
        state.asked += 1;
        state.waiting.insert(number, None);
        number
    }

    /// It is answered: written as soon as all before it are. A recording that has gaps is none, so a file that cannot be
    /// written fails the call.
    fn answers(&self, number: u64, asked: Asked, took: Duration, told: Told) -> io::Result<()> {
        let mut state = self.state();
        let line = state.line(asked, took, told);
        state.waiting.insert(number, Some(line));
        state.write()
    }
}

impl State {
    /// A recording that only its owner may read. One that is there is gone on with.
    fn open(path: &Path) -> io::Result<State> {
        let private = private(path);
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)?;
        let whole = whole(&fs::read(path)?);
        file.set_len(whole)?;
        let kept = if whole == 0 {
            writeln!(file, "{}", serde_json::to_string(&Head::current())?)?;
            Kept::default()
        } else {
            serde_json::from_slice(&fs::read(&private)?)?
        };
        Ok(State {
            file,
            private,
            kept,
            sessions: BTreeMap::new(),
            waiting: BTreeMap::new(),
            asked: 0,
            written: 0,
            kept_of: (0, 0),
            broken: None,
        })
    }

    fn line(&mut self, asked: Asked, took: Duration, mut told: Told) -> Line {
        let session = self.session(&asked.key);
        let gives = (asked.service == "sts")
            .then(|| credentials(told.answer.as_mut()))
            .flatten();
        let gives = gives.map(|key| self.session(&key));
        let masks = &mut self.kept.masks;
        let body = match is_form(asked.content_type.as_deref()) {
            true => Value::String(masks.form(&asked.body)),
            false => masks.value(text(&asked.body)),
        };
        told.answer = told.answer.map(|answer| masks.value(mask::invited(answer)));
        Line {
            at_millis: millis(asked.at),
            took_millis: millis(took),
            session,
            gives_session: gives,
            region: asked.region,
            service: asked.service,
            method: asked.method,
            path: masks.encoded(&asked.path),
            query: masks.form(asked.query.as_bytes()),
            target: asked.target,
            content_type: asked.content_type,
            body,
            told,
        }
    }

    /// The number of an access key. The first of a process is that of whoever began.
    fn session(&mut self, key: &str) -> usize {
        if let Some(session) = self.sessions.get(key) {
            return *session;
        }
        let session = match self.sessions.is_empty() {
            true => 0,
            false => self.kept.sessions.max(1),
        };
        self.kept.sessions = self.kept.sessions.max(session + 1);
        self.sessions.insert(key.to_owned(), session);
        session
    }

    /// Keeps what was replaced by what, where that is more than before.
    fn keep(&mut self) -> io::Result<()> {
        let kept_of = (self.kept.masks.count(), self.kept.sessions);
        if kept_of == self.kept_of {
            return Ok(());
        }
        // Whole or not at all: a run that is killed leaves a recording that can be gone on with.
        let new = self.private.with_extension("private-new");
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)?;
        file.write_all(&serde_json::to_vec(&self.kept)?)?;
        fs::rename(new, &self.private)?;
        self.kept_of = kept_of;
        Ok(())
    }

    fn write(&mut self) -> io::Result<()> {
        while let Some(Some(line)) = self.waiting.get(&self.written) {
            // First what was replaced by what, so that no number stands for two things after a kill in between.
            let written = serde_json::to_string(line)
                .map_err(io::Error::from)
                .and_then(|line| self.keep().map(|()| line + "\n"))
                .and_then(|line| self.file.write_all(line.as_bytes()));
            self.waiting.remove(&self.written);
            self.written += 1;
            if let (Err(error), None) = (written, &self.broken) {
                self.broken = Some(error);
            }
        }
        match &self.broken {
            Some(error) => Err(io::Error::new(error.kind(), error.to_string())),
            None => Ok(()),
        }
    }
}

/// Takes the credentials out of an answer of STS; the access key that it gave.
fn credentials(answer: Option<&mut Value>) -> Option<String> {
    let Some(Value::String(body)) = answer else {
        return None;
    };
    let mut key = None;
    for member in ["AccessKeyId", "SecretAccessKey", "SessionToken"] {
        let (open, close) = (format!("<{member}>"), format!("</{member}>"));
        let (Some(from), Some(to)) = (body.find(&open), body.find(&close)) else {
            continue;
        };
        let inside = from + open.len()..to;
        if let ("AccessKeyId", Some(value)) = (member, body.get(inside.clone())) {
            key = Some(value.to_owned());
        }
        if inside.start <= inside.end {
            body.replace_range(inside, "-");
        }
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Says(&'static str);

    impl HttpConnector for Says {
        fn call(&self, _request: HttpRequest) -> HttpConnectorFuture {
            let status = 200.try_into().expect("a status");
            HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from(self.0))))
        }
    }

    fn asked(uri: &str, authorization: Option<&str>) -> HttpRequest {
        let mut request = HttpRequest::empty();
        request.set_uri(uri).expect("a URI");
        if let Some(value) = authorization {
            let value = value.to_owned();
            request.headers_mut().insert("authorization", value);
        }
        request
    }

    /// Neither those that STS gives nor those of other sources; and only the owner reads the file.
    #[tokio::test]
    async fn no_credential_is_written() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("aws.jsonl");
        let client = aws_smithy_runtime_api::client::http::http_client_fn(|_, _| {
            SharedHttpConnector::new(Says(""))
        });
        let recorder = Recorder::new(client, &file).expect("a recorder");
        let signed = "AWS4-HMAC-SHA256 Credential=AKIAREAL/20260101/us-east-1/sts/aws4_request, Signature=5e1f";
        let sts = "<Credentials><AccessKeyId>ASIAREAL</AccessKeyId><SecretAccessKey>s3cret</SecretAccessKey>\
                   <SessionToken>t0ken</SessionToken></Credentials>";
        let portal = r#"{"roleCredentials":{"accessKeyId":"ASIAREAL","secretAccessKey":"s3cret","sessionToken":"t0ken"}}"#;
        for (answer, authorization) in [(sts, Some(signed)), (portal, None)] {
            let connector = Connector {
                inner: SharedHttpConnector::new(Says(answer)),
                tape: recorder.tape.clone(),
            };
            let request = asked("https://sts.us-east-1.amazonaws.com/", authorization);
            let given = connector.call(request).await.expect("an answer");
            // Whoever asked gets them.
            let given = given.body().bytes().expect("a body").to_vec();
            assert_eq!(given, answer.as_bytes());
        }
        for path in [&file, &private(&file)] {
            let text = fs::read_to_string(path).expect("reads");
            for secret in ["AKIAREAL", "ASIAREAL", "s3cret", "t0ken", "5e1f"] {
                assert!(!text.contains(secret), "{secret}: {text}");
            }
            let mode = fs::metadata(path).expect("is there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        // One that is given up keeps its place, and what comes after it is written.
        let connector = Connector {
            inner: SharedHttpConnector::new(Says("")),
            tape: recorder.tape.clone(),
        };
        let uri = "https://sts.us-east-1.amazonaws.com/";
        drop(connector.call(asked(uri, Some(signed))));
        connector
            .call(asked(uri, Some(signed)))
            .await
            .expect("an answer");
        let text = fs::read_to_string(&file).expect("reads");
        let lost = text.lines().map(|line| line.contains("\"lost\":true"));
        assert_eq!(lost.collect::<Vec<_>>(), [false, false, true, false]);
        // A first line that says what it is, and the calls that were signed.
        assert_eq!(text.lines().count(), 4);
    }
}
