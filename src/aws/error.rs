//! Errors of AWS calls, for the person who reads them.

use std::error::Error;
use std::fmt;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::Operation;
use crate::inventory::AccountRegion;

/// A call that failed, after every retry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsError {
    pub operation: Operation,
    /// Where it was made; `None` before the caller is known.
    pub at: Option<Box<AccountRegion>>,
    /// AWS's error code, such as `AccessDeniedException`; orgstrap's own word where there is none.
    pub code: String,
    /// What AWS said. Never holds credentials.
    pub message: String,
    pub request_id: Option<String>,
    pub kind: ErrorKind,
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
}

/// What a failure means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// AWS said no: nothing was done.
    Service,
    /// The answer was lost, unreadable, or a failure inside AWS: nobody knows whether it was done.
    NoAnswer,
    /// There are no usable credentials; nothing was sent.
    Credentials,
    /// orgstrap could not or would not send it; nothing was sent.
    Unsent,
}

impl AwsError {
    /// Something that orgstrap refuses by itself.
    pub(crate) fn refused(
        operation: Operation,
        code: &str,
        message: impl Into<String>,
    ) -> AwsError {
        AwsError {
            operation,
            at: None,
            code: code.to_owned(),
            message: message.into(),
            request_id: None,
            kind: ErrorKind::Unsent,
            status: None,
        }
    }

    /// An answer that cannot be right: a field missing, a page token repeated.
    pub(crate) fn unreadable(
        operation: Operation,
        at: &AccountRegion,
        message: impl Into<String>,
    ) -> AwsError {
        AwsError {
            at: Some(Box::new(at.clone())),
            kind: ErrorKind::NoAnswer,
            ..AwsError::refused(operation, "UnreadableAnswer", message)
        }
    }

    /// Whether AWS answered with this code. The suffix `Exception` does not count, nor does the
    /// form `Code.Detail`.
    pub fn is(&self, code: &str) -> bool {
        bare(&self.code) == bare(code)
    }

    /// From the SDK's error.
    pub(super) fn translate<E>(
        operation: Operation,
        at: Option<&AccountRegion>,
        failed: SdkError<E, HttpResponse>,
    ) -> AwsError
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let mut error = AwsError {
            at: at.cloned().map(Box::new),
            ..AwsError::refused(operation, "", "")
        };
        if let Some(answer) = failed.raw_response() {
            error.status = Some(answer.status().as_u16());
            error.request_id = ["x-amzn-requestid", "x-amzn-request-id", "x-amz-request-id"]
                .iter()
                .find_map(|name| answer.headers().get(*name))
                .map(str::to_owned);
        }
        match &failed {
            SdkError::ServiceError(service) => error.service(service.err(), service.raw()),
            SdkError::ResponseError(response) => {
                if !error.foreign(response.raw()) {
                    error.code = "UnreadableAnswer".into();
                    error.message = chain(&failed);
                }
                error.kind = ErrorKind::NoAnswer;
            }
            SdkError::TimeoutError(_) => {
                error.code = "Timeout".into();
                error.message = "no answer in time".into();
                error.kind = ErrorKind::NoAnswer;
            }
            SdkError::DispatchFailure(_) | SdkError::ConstructionFailure(_) => {
                if let Some(known) = find::<AwsError>(&failed) {
                    return known.clone();
                }
                error.not_sent(&failed);
            }
            _ => {
                error.code = "Unknown".into();
                error.message = chain(&failed);
                error.kind = ErrorKind::NoAnswer;
            }
        }
        error.message = presentable(&error.message);
        error
    }

    fn service<E>(&mut self, err: &E, raw: &HttpResponse)
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let status = raw.status().as_u16();
        self.kind = if status >= 500 {
            ErrorKind::NoAnswer
        } else {
            ErrorKind::Service
        };
        match err.code().filter(|code| !code.is_empty()) {
            Some(code) => {
                self.code = code.to_owned();
                self.message = err.message().unwrap_or_default().to_owned();
                if let Some(reason) = reason(raw)
                    && !self.message.contains(&reason)
                {
                    self.message = format!("{reason}: {}", self.message);
                }
            }
            None if self.foreign(raw) => {}
            // Some of the SDK's parsers call a garbled answer an error of the service, also where
            // the status says that all is well.
            None if raw.body().bytes().is_none_or(|body| !body.is_empty()) => {
                self.kind = ErrorKind::NoAnswer;
                self.code = "UnreadableAnswer".into();
                self.message = chain(err);
            }
            None => {
                self.code = format!("HTTP{status}");
                self.message = chain(err);
            }
        }
    }

    /// Recognizes an answer that did not come from AWS's own front end, such as a proxy's page or
    /// an emulator's crash.
    fn foreign(&mut self, raw: &HttpResponse) -> bool {
        let status = raw.status().as_u16();
        let start = raw.body().bytes().unwrap_or_default();
        let start = String::from_utf8_lossy(start.get(..256).unwrap_or(start)).to_lowercase();
        let html = start.contains("<html") || start.contains("<!doctype html");
        if html || (status >= 500 && start.trim().is_empty()) {
            self.code = format!("HTTP{status}");
            self.message = format!("answered HTTP {status} that is not AWS's format");
            true
        } else {
            false
        }
    }

    fn not_sent(&mut self, failed: &(dyn Error + 'static)) {
        if let Some(credentials) = find::<CredentialsError>(failed) {
            self.kind = ErrorKind::Credentials;
            self.code = "NoCredentials".into();
            self.message = match credentials {
                CredentialsError::CredentialsNotLoaded(_) => {
                    "no AWS credentials found: set AWS_PROFILE, or sign in with `aws sso login`"
                        .into()
                }
                other => chain(other),
            };
            return;
        }
        self.message = chain(failed);
        if self.message.contains("ConstructionFailure") || is_construction(failed) {
            self.kind = ErrorKind::Unsent;
            self.code = "NotSent".into();
        } else {
            self.kind = ErrorKind::NoAnswer;
            self.code = "ConnectionLost".into();
        }
    }
}

/// The reason that Organizations gives beside the message of ConstraintViolation, InvalidInput and
/// other errors: what the message means, in a word that does not change.
fn reason(raw: &HttpResponse) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Body {
        #[serde(rename = "Reason")]
        reason: String,
    }
    let body: Body = serde_json::from_slice(raw.body().bytes()?).ok()?;
    let word = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    (!body.reason.is_empty() && body.reason.chars().all(word)).then_some(body.reason)
}

fn is_construction(failed: &(dyn Error + 'static)) -> bool {
    failed.to_string().contains("failed to construct request")
}

fn bare(code: &str) -> &str {
    let code = code.split('.').next().unwrap_or(code);
    code.strip_suffix("Exception").unwrap_or(code)
}

/// The first error of a type among `error` and its sources.
fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// An error and its sources in one line, repetitions left out.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let more = source.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        next = source.source();
    }
    text
}

/// Takes out of a message what helps nobody or must not be shown: AWS's encoded authorization
/// blobs, and the canonical request that a signature error repeats, which holds the session token.
fn presentable(message: &str) -> String {
    let mut text = message.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some(at) = text.find("The Canonical String for this request") {
        text.truncate(at);
    }
    const ENCODED: &str = "Encoded authorization failure message:";
    if let Some(at) = text.find(ENCODED) {
        let rest = text.split_off(at);
        let rest = rest.strip_prefix(ENCODED).unwrap_or_default().trim_start();
        let after = rest.split_once(' ').map_or("", |(_, after)| after);
        text.push_str("(encoded authorization failure message left out)");
        if !after.is_empty() {
            text.push(' ');
            text.push_str(after);
        }
    }
    const LONGEST: usize = 1_000;
    let text = text.trim();
    match text.char_indices().nth(LONGEST) {
        Some((cut, _)) => format!("{}…", text.get(..cut).unwrap_or(text)),
        None => text.to_owned(),
    }
}

/// "organizations:CreateAccount in 111111111111/us-east-1: CODE: message".
impl fmt::Display for AwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.operation)?;
        if let Some(at) = &self.at {
            write!(f, " in {}/{}", at.account, at.region)?;
        }
        write!(f, ": {}", self.code)?;
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        Ok(())
    }
}

impl Error for AwsError {}
