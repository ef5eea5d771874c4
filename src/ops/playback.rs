//! Holds virtual time back, so that a person can watch a run in the sandbox.
//!
//! Virtual time leaps to the next event as soon as nothing can run. The playback sleeps a little virtual
//! time, frame by frame, and then blocks the only thread until as much real time has passed as should
//! have: nothing else can run meanwhile, so the order of events stays what it was.

use std::time::Duration;

use tokio::time::Instant;

/// How often a screen is drawn in a second of real time.
const FRAMES: u32 = 20;
/// How long a watched run lasts at most, where nobody asked for a speed.
const LONGEST: Duration = Duration::from_secs(8);
/// The least speed where nobody asked for one: a minute in a second.
const LEAST: f64 = 60.0;

/// Virtual time at a multiple of real time.
#[derive(Debug)]
pub struct Playback {
    speed: f64,
    virtual_start: Instant,
    real_start: std::time::Instant,
}

impl Playback {
    /// From now on, `speed` virtual seconds pass in a real one.
    pub fn starting(speed: f64) -> Self {
        Self {
            speed,
            virtual_start: Instant::now(),
            real_start: real_now(),
        }
    }

    /// A speed at which a run of this length can be watched and nobody has to wait for it.
    pub fn watchable(expected: Option<Duration>) -> f64 {
        let expected = expected.unwrap_or_default().as_secs_f64();
        (expected / LONGEST.as_secs_f64()).max(LEAST)
    }

    /// Waits for the next frame.
    pub async fn frame(&self) {
        let step = Duration::from_secs_f64(self.speed / f64::from(FRAMES));
        // Timers are no finer than milliseconds.
        tokio::time::sleep(step.max(Duration::from_millis(1))).await;
        let due = self.virtual_start.elapsed().div_f64(self.speed);
        let passed = real_now().saturating_duration_since(self.real_start);
        block(due.saturating_sub(passed));
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "here virtual time is held against the real one"
)]
fn real_now() -> std::time::Instant {
    std::time::Instant::now()
}

#[expect(
    clippy::disallowed_methods,
    reason = "nothing else may run while virtual time is held back"
)]
fn block(time: Duration) {
    std::thread::sleep(time);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn real_time_passes_with_virtual_time() {
        let playback = Playback::starting(3_600.0);
        let start = real_now();
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(720) {
            playback.frame().await;
        }
        let took = real_now().saturating_duration_since(start);
        assert!(took >= Duration::from_millis(195), "{took:?}");
    }

    #[test]
    fn a_long_run_is_faster_to_watch() {
        let minutes = |minutes: u64| Some(Duration::from_secs(minutes * 60));
        assert_eq!(Playback::watchable(None), 60.0);
        assert_eq!(Playback::watchable(minutes(4)), 60.0);
        assert_eq!(Playback::watchable(minutes(80)), 600.0);
    }
}
