//! What happens while orgstrap works, as data: `execute` tells, `report` shows. Nothing else prints.

use std::time::Duration;

use serde::Serialize;

use crate::addr::Address;

/// One thing that happened.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A change's turn came.
    Started {
        change: Address,
    },
    /// A running change waits: for AWS, for its turn at a rate, for a retry.
    Waiting {
        change: Address,
        why: String,
    },
    Done {
        change: Address,
        took: Duration,
    },
    Failed {
        change: Address,
        took: Duration,
        failure: Failure,
    },
    /// Never started, because something it needs failed or the run was stopped.
    NotTried {
        change: Address,
        reason: String,
    },
    /// The first Ctrl-C came: what runs is finished, nothing new starts.
    Stopping,
    /// The changes are made, and lists that lag behind them are waited for.
    ReadingBack {
        why: String,
    },
    /// Something to know that is not about one change.
    Notice {
        text: String,
    },
}

/// Why a change waits, without when the next try is: what waits have in common.
pub fn essence(why: &str) -> &str {
    why.split(", next try in").next().unwrap_or(why)
}

/// Why a change failed, for the person who reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// What was being done, with account name and id and Region where there are any.
    pub context: String,
    /// What AWS said: code and message; or what orgstrap found.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    pub request_id: Option<String>,
}

/// A change that was made and that AWS does not show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unseen {
    pub address: Address,
    /// The call that does not show it.
    pub operation: &'static str,
    /// How that is known: how long it was looked for, or why it could not be read.
    pub reason: String,
}
