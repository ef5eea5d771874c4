//! Durations in sentences.

use std::time::Duration;

/// To the precision that a person cares for: `0.4 s`, `12 s`, `3 min 5 s`, `2 h 10 min`.
pub fn exact(took: Duration) -> String {
    let seconds = took.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", took.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        60..3600 if seconds.is_multiple_of(60) => format!("{} min", seconds / 60),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => hours(seconds),
    }
}

/// Roughly, as of a wait: `400 ms`, `45 s`, `10 min`, `2 h 5 min`.
pub fn about(wait: Duration) -> String {
    let ms = wait.as_millis();
    let seconds = wait.as_secs();
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..120_000 => format!("{} s", (ms + 500) / 1_000),
        120_000..3_600_000 => format!("{} min", seconds / 60),
        _ => hours(seconds),
    }
}

fn hours(seconds: u64) -> String {
    match (seconds / 3600, seconds / 60 % 60) {
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_keep_two_units_at_most() {
        let text = |millis| exact(Duration::from_millis(millis));
        assert_eq!(text(0), "0.0 s");
        assert_eq!(text(420), "0.4 s");
        assert_eq!(text(59_999), "59 s");
        assert_eq!(text(60_000), "1 min");
        assert_eq!(text(185_000), "3 min 5 s");
        assert_eq!(text(7_800_000), "2 h 10 min");
        assert_eq!(text(7_200_000), "2 h");
    }

    #[test]
    fn waits_are_told_roughly() {
        let text = |millis| about(Duration::from_millis(millis));
        assert_eq!(text(400), "400 ms");
        assert_eq!(text(7_600), "8 s");
        assert_eq!(text(90_000), "90 s");
        assert_eq!(text(303_000), "5 min");
        assert_eq!(text(7_500_000), "2 h 5 min");
    }
}
