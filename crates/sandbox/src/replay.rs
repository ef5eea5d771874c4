//! A recording of what somebody asked of AWS and what AWS said, asked of the simulated AWS again: where it answers otherwise
//! is where it is wrong.
//!
//! Ids are AWS's to give, so they differ: the first answer that has one says which of ours stands for it. Time is what AWS
//! takes, so it does too: a world goes forward only where the recorded answer is one that it gives later, and an answer that
//! is recorded again further down was only given sooner.

mod answer;
pub mod ids;
mod names;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::codec::{Request, Response};
use super::front;
use super::sts;
use super::time::Time;
use super::world::World;
use names::Names;

/// The first line of a recording.
#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Head {
    format: String,
    version: u32,
}

impl Head {
    /// That of recordings as they are now.
    pub fn current() -> Head {
        Head {
            format: "orgstrap-recording".to_owned(),
            version: 1,
        }
    }
}

/// How far a world goes forward in search of an answer, in milliseconds: the longest that AWS takes over anything here.
const FURTHEST: i64 = 90 * 60 * 1000;

/// Something that the simulated AWS says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Difference {
    /// The line of the recording, counted from 1.
    pub line: usize,
    /// `service:Operation`.
    pub operation: String,
    pub region: String,
    /// Where in the answer: `status`, `error`, or a path of members.
    pub place: String,
    /// What was recorded, and what the simulated AWS says; `None` where it is not there.
    pub recorded: Option<String>,
    pub simulated: Option<String>,
}

/// What a replay comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Replay {
    pub calls: usize,
    /// Answers that never came, so that nothing is known of them.
    pub lost: usize,
    /// Answers that the simulated AWS gives too, at another time.
    pub at_another_time: usize,
    pub differences: Vec<Difference>,
}

/// Why a file is no recording.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error("its first line does not say that it is a recording of version 1")]
    NoRecording,
    #[error("line {line} cannot be read: {why}")]
    Line { line: usize, why: String },
}

/// One call: a line of a recording.
#[derive(Debug, Serialize, Deserialize)]
pub struct Line {
    /// When it was asked, since the command began, and how long the answer took.
    pub at_millis: u64,
    pub took_millis: u64,
    /// Whose credentials: 0 is whoever began, the others as AssumeRole gave them.
    pub session: usize,
    /// The session that the answer gives.
    pub gives_session: Option<usize>,
    /// Region and service of the signature.
    pub region: String,
    pub service: String,
    pub method: String,
    pub path: String,
    pub query: String,
    /// The headers `x-amz-target` and `content-type`.
    pub target: Option<String>,
    pub content_type: Option<String>,
    /// The text, or how many bytes of something else.
    pub body: Value,
    pub told: Told,
}

/// What came of a call.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Told {
    /// Whether the answer never came.
    #[serde(default)]
    pub lost: bool,
    pub status: Option<u16>,
    /// The header `x-amzn-errortype`.
    pub error: Option<String>,
    /// The body, as of a request.
    pub answer: Option<Value>,
}

impl Told {
    /// Whether it says only that the credentials had become too old, which changes nothing and is a matter of time.
    fn is_of_old_credentials(&self) -> bool {
        let answer = self.answer.as_ref().and_then(Value::as_str);
        let told = [self.error.as_deref(), answer];
        self.status.is_some_and(|status| status >= 400)
            && told
                .into_iter()
                .flatten()
                .any(|text| text.contains("ExpiredToken"))
    }
}

impl Line {
    /// Whether it asks the same as another, so that their answers differ by time alone.
    fn asks_as(&self, other: &Line) -> bool {
        (self.session, &self.region, &self.service, &self.method)
            == (other.session, &other.region, &other.service, &other.method)
            && (&self.path, &self.query, &self.target, &self.body)
                == (&other.path, &other.query, &other.target, &other.body)
    }
}

/// Asks a world, which is as AWS was when the recording began, all that was recorded.
///
/// # Errors
/// The text is no recording.
pub fn replay(text: &str, mut world: World) -> Result<Replay, ReplayError> {
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    if serde_json::from_str(first).ok() != Some(Head::current()) {
        return Err(ReplayError::NoRecording);
    }
    let read = |(at, line): (usize, &str)| {
        let wrong = |error: serde_json::Error| ReplayError::Line {
            line: at + 2,
            why: error.to_string(),
        };
        serde_json::from_str::<Line>(line).map_err(wrong)
    };
    let lines: Vec<Line> = lines.enumerate().map(read).collect::<Result<_, _>>()?;
    // What was recorded was taken at AWS's pace already.
    world.rates.off = true;
    let mut replaying = Replaying {
        names: Names::default(),
        keys: vec![Some((sts::MANAGEMENT_ACCESS_KEY.to_owned(), None))],
        world,
    };
    let mut found = Replay::default();
    for (at, line) in lines.iter().enumerate() {
        found.calls += 1;
        let later = lines
            .iter()
            .skip(at + 1)
            .filter(|later| later.asks_as(line));
        match replaying.ask(line, later) {
            Said::Lost => found.lost += 1,
            Said::Same => {}
            Said::AtAnotherTime => found.at_another_time += 1,
            Said::Otherwise(operation, places) => {
                let differences = places.into_iter().map(|place| Difference {
                    line: at + 2,
                    operation: operation.clone(),
                    region: line.region.clone(),
                    place: place.place,
                    recorded: place.recorded,
                    simulated: place.simulated,
                });
                found.differences.extend(differences);
            }
        }
    }
    Ok(found)
}

/// Whether a body of this content type is a form, whose values are percent-encoded.
pub fn is_form(content_type: Option<&str>) -> bool {
    content_type.is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"))
}

/// What the simulated AWS says to a line.
enum Said {
    Lost,
    Same,
    AtAnotherTime,
    /// The operation, and where the answers differ.
    Otherwise(String, Vec<answer::Place>),
}

struct Replaying {
    world: World,
    names: Names,
    /// The access key and the token of each session, where it was given.
    keys: Vec<Option<(String, Option<String>)>>,
}

impl Replaying {
    fn ask<'l>(&mut self, line: &Line, later: impl Iterator<Item = &'l Line>) -> Said {
        if line.told.is_of_old_credentials() {
            return Said::AtAnotherTime;
        }
        let request = self.request(line);
        let operation = front::operation(&request);
        let operation = operation.unwrap_or_else(|| format!("{}:{}", line.service, line.method));
        let before = self.world.clone();
        let response = front::handle(&mut self.world, &request).response;
        if line.told.lost {
            self.take_session(line, &response);
            return Said::Lost;
        }
        let places = match answer::compare(&line.told, &response, &mut self.names) {
            Ok(()) => {
                self.take_session(line, &response);
                return Said::Same;
            }
            Err(places) => places,
        };
        // Perhaps AWS had done by then what it had begun.
        for then in moments(&before) {
            let mut world = before.clone();
            world.advance(then);
            let response = front::handle(&mut world, &request).response;
            if answer::compare(&line.told, &response, &mut self.names).is_ok() {
                self.world = world;
                self.take_session(line, &response);
                return Said::AtAnotherTime;
            }
        }
        // Or it had not yet, and says so further down.
        for later in later {
            if answer::compare(&later.told, &response, &mut self.names).is_ok() {
                return Said::AtAnotherTime;
            }
        }
        self.take_session(line, &response);
        Said::Otherwise(operation, places)
    }

    /// The request of a line, by our ids and credentials.
    fn request(&self, line: &Line) -> Request {
        let (key, token) = match self.keys.get(line.session) {
            Some(Some((key, token))) => (key.as_str(), token.clone()),
            _ => ("unknown", None),
        };
        let scope = format!(
            "{key}/20260101/{}/{}/aws4_request",
            line.region, line.service
        );
        let mut headers = vec![(
            "authorization".to_owned(),
            format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"),
        )];
        let named = [
            ("x-amz-target", line.target.clone()),
            ("content-type", line.content_type.clone()),
            ("x-amz-security-token", token),
        ];
        for (name, value) in named {
            headers.extend(value.map(|value| (name.to_owned(), value)));
        }
        Request {
            method: line.method.clone(),
            path: self.names.in_path(&line.path),
            query: self.names.in_form(&line.query),
            headers,
            body: match &line.body {
                Value::String(body) if is_form(line.content_type.as_deref()) => {
                    self.names.in_form(body).into_bytes()
                }
                Value::String(body) => self.names.ours(body).into_bytes(),
                _ => Vec::new(),
            },
        }
    }

    /// Remembers the credentials that AssumeRole gave.
    fn take_session(&mut self, line: &Line, response: &Response) {
        let Some(number) = line.gives_session else {
            return;
        };
        let body = String::from_utf8_lossy(&response.body);
        let member = |name: &str| {
            let rest = body.split_once(&format!("<{name}>"))?.1;
            Some(rest.split_once('<')?.0.to_owned())
        };
        let given = member("AccessKeyId").map(|key| (key, member("SessionToken")));
        if self.keys.len() <= number {
            self.keys.resize(number + 1, None);
        }
        if let Some(known) = self.keys.get_mut(number) {
            *known = given;
        }
    }
}

/// The moments at which a world may answer otherwise: when what is promised comes due, and what grows with time alone.
fn moments(world: &World) -> impl Iterator<Item = Time> {
    let end = world.now.plus_millis(FURTHEST);
    let mut moments: Vec<Time> = world.due.keys().map(|(at, _)| *at).collect();
    let steps = (0..).map(|step| 1000_i64 << step);
    moments.extend(
        steps
            .take_while(|millis| *millis <= FURTHEST)
            .map(|millis| world.now.plus_millis(millis)),
    );
    moments.sort_unstable();
    moments.dedup();
    moments
        .into_iter()
        .filter(move |at| *at <= end)
        .take(MOMENTS)
}

/// How many moments are tried: a world of some accounts promises a few dozen things.
const MOMENTS: usize = 200;
