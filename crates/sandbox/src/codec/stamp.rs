//! Timestamps on the wire. Inside they are seconds since the epoch.

use serde_json::Value;

/// The forms a timestamp takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Epoch,
    Iso8601,
    Rfc822,
}

impl Form {
    /// The form a model names, else the protocol's own.
    pub(super) fn named(name: Option<&str>, default: Form) -> Form {
        match name {
            Some("iso8601") => Form::Iso8601,
            Some("unixTimestamp") => Form::Epoch,
            Some("rfc822") => Form::Rfc822,
            _ => default,
        }
    }
}

/// Milliseconds of an inside timestamp.
fn millis(value: &Value) -> Option<i64> {
    match value.as_i64() {
        Some(seconds) => Some(seconds.saturating_mul(1000)),
        None => value
            .as_f64()
            .map(|seconds| (seconds * 1000.0).round() as i64),
    }
}

/// Writes an inside timestamp.
pub(super) fn write(value: &Value, form: Form) -> Value {
    let Some(millis) = millis(value) else {
        return value.clone();
    };
    let Ok(moment) = jiff::Timestamp::from_millisecond(millis) else {
        return value.clone();
    };
    match form {
        Form::Epoch => value.clone(),
        Form::Iso8601 => Value::from(format!("{moment:.3}")),
        Form::Rfc822 => Value::from(moment.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()),
    }
}

/// Reads a timestamp of any form into the inside one.
pub(super) fn read(value: &Value) -> Result<Value, String> {
    let text = match value {
        Value::Number(_) => return Ok(value.clone()),
        Value::String(text) => text,
        other => return Err(format!("{other} is no timestamp")),
    };
    if let Ok(seconds) = text.parse::<i64>() {
        return Ok(Value::from(seconds));
    }
    if let Ok(seconds) = text.parse::<f64>() {
        return Ok(Value::from(seconds));
    }
    let moment = text
        .parse::<jiff::Timestamp>()
        .or_else(|_| jiff::fmt::rfc2822::parse(text).map(|zoned| zoned.timestamp()))
        .map_err(|_| format!("{text:?} is no timestamp"))?;
    let millis = moment.as_millisecond();
    Ok(if millis % 1000 == 0 {
        Value::from(millis / 1000)
    } else {
        Value::from(millis as f64 / 1000.0)
    })
}
