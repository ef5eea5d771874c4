//! One decoded call, and what it fails with.

#![warn(missing_docs)]

use serde_json::Value;

use super::time::Time;

/// Who calls, from where, and with what.
#[derive(Debug, Clone)]
pub struct Call {
    /// The account of the caller's credentials. The call acts in this account.
    pub account: String,
    /// The caller's ARN: `arn:aws:iam::ID:root`, or an assumed-role ARN.
    pub principal: String,
    /// The Region whose endpoint was called; `us-east-1` for the global services.
    pub region: String,
    /// Virtual time of the call.
    pub now: Time,
    /// The id that the answer carries.
    pub request_id: String,
    /// The input by member names of AWS's service model. Timestamps are seconds since the epoch, blobs are
    /// base64. Already checked against the model: required members are there, unknown ones are not.
    pub input: Value,
    /// The service that calls in the caller's name, such as `cloudformation.amazonaws.com`.
    pub via: Option<&'static str>,
    /// Documents of the session's own policies, where its credentials were taken with some.
    pub session: Option<Vec<String>>,
}

impl Call {
    /// The same caller with another input: for handlers that build on other operations.
    pub fn with_input(&self, input: Value) -> Call {
        Call {
            input,
            ..self.clone()
        }
    }

    /// A call that AWS makes for itself in `account` and `region`, such as CloudFormation creating a
    /// resource. `principal` is the ARN in whose name.
    pub fn internal(account: &str, region: &str, principal: &str, now: Time, input: Value) -> Call {
        Call {
            account: account.to_owned(),
            principal: principal.to_owned(),
            region: region.to_owned(),
            now,
            request_id: String::from("00000000-0000-0000-0000-000000000000"),
            input,
            via: None,
            session: None,
        }
    }

    /// A member of the input, `Null` where it is absent.
    pub fn get(&self, name: &str) -> &Value {
        self.input.get(name).unwrap_or(&Value::Null)
    }

    /// A string member.
    pub fn str(&self, name: &str) -> Option<&str> {
        self.get(name).as_str()
    }

    /// A string member that the model requires; empty if absent all the same (internal calls).
    pub fn text(&self, name: &str) -> &str {
        self.str(name).unwrap_or_default()
    }

    /// A boolean member.
    pub fn bool(&self, name: &str) -> Option<bool> {
        self.get(name).as_bool()
    }

    /// An integer member.
    pub fn int(&self, name: &str) -> Option<i64> {
        self.get(name).as_i64()
    }

    /// A list member; empty where it is absent.
    pub fn list(&self, name: &str) -> &[Value] {
        self.get(name).as_array().map_or(&[], Vec::as_slice)
    }

    /// The strings of a list member.
    pub fn strings(&self, name: &str) -> Vec<String> {
        self.list(name)
            .iter()
            .filter_map(|value| value.as_str().map(str::to_owned))
            .collect()
    }
}

/// An error as AWS answers it.
#[derive(Debug, Clone, PartialEq)]
pub struct AwsError {
    /// The code on the wire, such as `AccessDeniedException`.
    pub code: String,
    /// AWS's words.
    pub message: String,
    /// HTTP status.
    pub status: u16,
    /// Further members of the error shape, such as `Reason`.
    pub fields: Vec<(String, Value)>,
}

impl AwsError {
    /// A client error with status 400.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> AwsError {
        AwsError {
            code: code.into(),
            message: message.into(),
            status: 400,
            fields: Vec::new(),
        }
    }

    /// A further member.
    pub fn field(&self, member: &str) -> Option<&Value> {
        self.fields
            .iter()
            .find(|(name, _)| name == member)
            .map(|(_, value)| value)
    }

    /// The same with another HTTP status.
    pub fn status(mut self, status: u16) -> AwsError {
        self.status = status;
        self
    }

    /// The same with a further member, such as `Reason`.
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> AwsError {
        self.fields.push((member.to_owned(), value.into()));
        self
    }
}

impl std::fmt::Display for AwsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for AwsError {}
