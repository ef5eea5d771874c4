//! Virtual time: whole milliseconds since the Unix epoch.

#![warn(missing_docs)]

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A moment of virtual time, in milliseconds since the Unix epoch.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Time(pub i64);

impl Time {
    /// Where an empty world begins: 2026-01-05T09:00:00Z, a Monday.
    pub const START: Time = Time(1_767_603_600_000);

    /// This moment and `millis` more.
    pub fn plus_millis(self, millis: i64) -> Time {
        Time(self.0.saturating_add(millis))
    }

    /// This moment and `seconds` more.
    pub fn plus_secs(self, seconds: i64) -> Time {
        self.plus_millis(seconds.saturating_mul(1000))
    }

    /// The form handlers use in inputs and outputs: seconds since the epoch with a fraction. The codec
    /// turns it into whatever the protocol wants.
    pub fn json(self) -> Value {
        if self.0 % 1000 == 0 {
            Value::from(self.0 / 1000)
        } else {
            Value::from(self.0 as f64 / 1000.0)
        }
    }

    /// `2026-01-05T09:00:00.000Z`.
    pub fn iso8601(self) -> String {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(moment) => format!("{moment:.3}"),
            Err(_) => String::from("1970-01-01T00:00:00.000Z"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_is_a_monday_morning() {
        assert_eq!(Time::START.iso8601(), "2026-01-05T09:00:00.000Z");
        assert_eq!(
            Time::START.plus_millis(1500).json().to_string(),
            "1767603601.5"
        );
    }
}
