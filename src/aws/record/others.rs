//! What another client asked of AWS beside orgstrap, such as somebody who breaks something to see it found: without it the
//! answers that come after would be riddles.

use std::io;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::{Asked, State, scope_of};
use crate::sandbox::replay::Told;

/// A call of another client and its answer, as `orgstrap sandbox record` takes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// When it was asked, since the client began, and how long the answer took.
    pub at_millis: u64,
    pub took_millis: u64,
    /// Of its signature: `KEY/DATE/REGION/SERVICE/aws4_request`.
    pub scope: String,
    pub method: String,
    pub path: String,
    #[serde(default)]
    pub query: String,
    /// The headers `x-amz-target` and `content-type`.
    #[serde(default)]
    pub target: Option<String>,
    #[serde(default)]
    pub content_type: Option<String>,
    #[serde(default)]
    pub body: String,
    /// `None` where the answer never came.
    #[serde(default)]
    pub status: Option<u16>,
    /// The header `x-amzn-errortype`.
    #[serde(default)]
    pub error: Option<String>,
    #[serde(default)]
    pub answer: String,
}

/// A recording to which calls of another client are added. Its first credentials are those of whoever began.
pub struct Others {
    state: State,
}

impl Others {
    /// Goes on with a recording, or begins one.
    ///
    /// # Errors
    /// The file cannot be written, or is there and what belongs to it is not.
    pub fn open(file: &Path) -> io::Result<Others> {
        Ok(Others {
            state: State::open(file)?,
        })
    }

    /// Adds a call, with what tells replaced as in those of orgstrap.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn add(&mut self, call: Call) -> io::Result<()> {
        let (key, region, service) = scope_of(&call.scope);
        let asked = Asked {
            at: Duration::from_millis(call.at_millis),
            key,
            region,
            service,
            method: call.method,
            path: call.path,
            query: call.query,
            target: call.target,
            content_type: call.content_type,
            body: call.body.into_bytes(),
        };
        let told = Told {
            lost: call.status.is_none(),
            status: call.status,
            error: call.error,
            answer: call.status.map(|_| Value::String(call.answer)),
        };
        let took = Duration::from_millis(call.took_millis);
        let line = self.state.line(asked, took, told);
        let number = self.state.asked;
        self.state.asked += 1;
        self.state.waiting.insert(number, Some(line));
        self.state.write()
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::io::Write as _;

    use super::*;

    /// One recording of two clients: ids are replaced by the same, and each session has a number of its own.
    #[test]
    fn calls_of_others_go_on_with_the_same_stand_ins() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("aws.jsonl");
        let assume = Call {
            at_millis: 1,
            took_millis: 2,
            scope: "AKIAREALREALREALREAL/20261128/eu-west-1/sts/aws4_request".into(),
            method: "POST".into(),
            path: "/".into(),
            query: String::new(),
            target: None,
            content_type: Some("application/x-www-form-urlencoded; charset=utf-8".into()),
            body: "Action=AssumeRole&RoleArn=arn%3Aaws%3Aiam%3A%3A210987654321%3Arole%2FX".into(),
            status: Some(200),
            error: None,
            answer: "<AccessKeyId>ASIAGIVENGIVENGIVEN1</AccessKeyId><SecretAccessKey>geheim</SecretAccessKey>".into(),
        };
        let stop = |key: &str| {
            Call {
            scope: format!("{key}/20261128/eu-west-1/config/aws4_request"),
            target: Some("StarlingDoveService.StopConfigurationRecorder".into()),
            content_type: Some("application/x-amz-json-1.1".into()),
            body: r#"{"by":"arn:aws:iam::210987654321:role/X"}"#.into(),
            answer: String::new(),
            ..serde_json::from_str(
                r#"{"at_millis":3,"took_millis":4,"scope":"","method":"POST","path":"/","status":200}"#,
            )
            .expect("a call")
        }
        };
        let mut first = Others::open(&file).expect("opens");
        first.add(assume).expect("written");
        first.add(stop("ASIAGIVENGIVENGIVEN1")).expect("written");
        drop(first);
        // Killed in the middle of a line.
        let mut torn = OpenOptions::new().append(true).open(&file).expect("opens");
        torn.write_all(b"{\"at_millis\":").expect("written");
        let mut second = Others::open(&file).expect("opens");
        second.add(stop("AKIAREALREALREALREAL")).expect("written");
        let text = std::fs::read_to_string(&file).expect("a recording");
        for original in ["210987654321", "REALREAL", "GIVEN", "geheim"] {
            assert!(!text.contains(original), "{original} in {text}");
        }
        let lines: Vec<Value> = text
            .lines()
            .skip(1)
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        let sessions: Vec<_> = lines.iter().map(|line| &line["session"]).collect();
        assert_eq!(sessions, [0, 1, 0]);
        assert_eq!(lines[0]["gives_session"], 1);
        assert!(
            lines[2]["body"]
                .as_str()
                .is_some_and(|body| body.contains("900000000001"))
        );
        assert_eq!(lines[0]["service"], "sts");
        assert_eq!(lines[1]["region"], "eu-west-1");
    }
}
