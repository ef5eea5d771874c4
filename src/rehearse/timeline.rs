//! When each change of a run started, waited and ended.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::addr::Address;
use crate::event::{Event, Failure};

/// One change's part of a run. Times are since the run's start.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    pub started: Duration,
    pub ended: Duration,
    /// What it waited for, from when.
    pub waits: Vec<(Duration, String)>,
    pub failure: Option<Failure>,
}

/// A run as it was.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Timeline {
    /// Changes that ended.
    pub spans: BTreeMap<Address, Span>,
    /// Changes that were never tried, and why.
    pub not_tried: Vec<(Address, String)>,
    pub notices: Vec<String>,
    running: BTreeMap<Address, Span>,
}

impl Timeline {
    /// Takes in an event that came `at` this long after the start.
    pub fn take(&mut self, event: Event, at: Duration) {
        match event {
            Event::Started { change } => {
                let span = Span {
                    started: at,
                    ended: at,
                    waits: Vec::new(),
                    failure: None,
                };
                self.running.insert(change, span);
            }
            Event::Waiting { change, why } => {
                if let Some(span) = self.running.get_mut(&change) {
                    span.waits.push((at, why));
                }
            }
            Event::Done { change, .. } => self.end(change, at, None),
            Event::Failed {
                change, failure, ..
            } => self.end(change, at, Some(failure)),
            Event::NotTried { change, reason } => self.not_tried.push((change, reason)),
            Event::Notice { text } => self.notices.push(text),
            Event::Stopping | Event::ReadingBack { .. } => {}
        }
    }

    fn end(&mut self, change: Address, at: Duration, failure: Option<Failure>) {
        if let Some(mut span) = self.running.remove(&change) {
            span.ended = at;
            span.failure = failure;
            self.spans.insert(change, span);
        }
    }

    /// When the last change ended.
    pub fn length(&self) -> Duration {
        let ends = self.spans.values().map(|span| span.ended);
        ends.max().unwrap_or_default()
    }

    /// Changes that failed, by address.
    pub fn failed(&self) -> impl Iterator<Item = (&Address, &Failure)> {
        self.spans
            .iter()
            .filter_map(|(address, span)| Some((address, span.failure.as_ref()?)))
    }
}
