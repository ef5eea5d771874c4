//! Stopping: the first request finishes what is in flight, the second stops now.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::Notify;

/// How far stopping has been asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StopLevel {
    Go,
    /// What is in flight is finished, nothing new starts.
    Finish,
    /// What is in flight is dropped. AWS goes on with what it has been asked.
    Now,
}

/// A shared request to stop. Clones are one and the same.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    level: AtomicU8,
    changed: Notify,
}

impl Stop {
    /// Nothing asked for yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks once more: the first time to finish, the second to stop now.
    pub fn ask(&self) -> StopLevel {
        let _ = self
            .0
            .level
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |level| {
                Some(level.saturating_add(1).min(2))
            });
        self.0.changed.notify_waiters();
        self.level()
    }

    /// Asks to finish; changes nothing where more was asked for already.
    pub fn finish(&self) {
        self.0.level.fetch_max(1, Ordering::SeqCst);
        self.0.changed.notify_waiters();
    }

    /// What has been asked for.
    pub fn level(&self) -> StopLevel {
        match self.0.level.load(Ordering::SeqCst) {
            0 => StopLevel::Go,
            1 => StopLevel::Finish,
            _ => StopLevel::Now,
        }
    }

    /// Waits until more than `level` is asked for; forever where there is no more.
    pub async fn beyond(&self, level: StopLevel) -> StopLevel {
        loop {
            let changed = self.0.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.level() > level {
                return self.level();
            }
            changed.await;
        }
    }
}
