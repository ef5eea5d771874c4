//! What a run came to, gathered from its events: totals while it runs, the end report afterwards.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::change::{Address, Verb};
use crate::event::{Event, Failure};

/// How one change stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Its turn has not come.
    Due,
    Running {
        since: Duration,
        why: Option<String>,
    },
    Done {
        took: Duration,
    },
    Failed {
        took: Duration,
        failure: Failure,
    },
    NotTried {
        because: String,
    },
}

/// The whole run so far. Times are since its start.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// Every change, in run order.
    pub changes: Vec<(Address, Verb, Standing)>,
    place: BTreeMap<Address, usize>,
    pub stopping: bool,
    pub notices: Vec<String>,
}

impl Record {
    /// A run that has not started.
    pub fn new(changes: impl IntoIterator<Item = (Address, Verb)>) -> Self {
        let changes: Vec<_> = changes
            .into_iter()
            .map(|(address, verb)| (address, verb, Standing::Due))
            .collect();
        let place = changes
            .iter()
            .enumerate()
            .map(|(place, (address, _, _))| (address.clone(), place))
            .collect();
        Self {
            changes,
            place,
            ..Self::default()
        }
    }

    /// Takes in an event that came `at` this long after the start.
    pub fn take(&mut self, event: &Event, at: Duration) {
        match event {
            Event::Started { change } => self.set(
                change,
                Standing::Running {
                    since: at,
                    why: None,
                },
            ),
            Event::Waiting { change, why } => {
                let since = match self.standing(change) {
                    Some(Standing::Running { since, .. }) => *since,
                    _ => at,
                };
                self.set(
                    change,
                    Standing::Running {
                        since,
                        why: Some(why.clone()),
                    },
                );
            }
            Event::Done { change, took } => self.set(change, Standing::Done { took: *took }),
            Event::Failed {
                change,
                took,
                failure,
            } => self.set(
                change,
                Standing::Failed {
                    took: *took,
                    failure: failure.clone(),
                },
            ),
            Event::NotTried { change, because } => self.set(
                change,
                Standing::NotTried {
                    because: because.clone(),
                },
            ),
            Event::Stopping => self.stopping = true,
            Event::Notice { text } => self.notices.push(text.clone()),
        }
    }

    fn set(&mut self, address: &Address, standing: Standing) {
        let entry = self
            .place
            .get(address)
            .and_then(|place| self.changes.get_mut(*place));
        if let Some((_, _, current)) = entry {
            *current = standing;
        }
    }

    /// How a change stands; `None` for one that is not of this run.
    pub fn standing(&self, address: &Address) -> Option<&Standing> {
        self.place
            .get(address)
            .and_then(|place| self.changes.get(*place))
            .map(|(_, _, standing)| standing)
    }

    /// What a change does; `None` for one that is not of this run.
    pub fn verb(&self, address: &Address) -> Option<Verb> {
        self.place
            .get(address)
            .and_then(|place| self.changes.get(*place))
            .map(|(_, verb, _)| *verb)
    }

    /// How many changes there are.
    pub fn total(&self) -> usize {
        self.changes.len()
    }

    fn number(&self, of: impl Fn(&Standing) -> bool) -> usize {
        self.changes
            .iter()
            .filter(|(_, _, standing)| of(standing))
            .count()
    }

    /// How many are done.
    pub fn done(&self) -> usize {
        self.number(|standing| matches!(standing, Standing::Done { .. }))
    }

    /// How many failed.
    pub fn failed(&self) -> usize {
        self.number(|standing| matches!(standing, Standing::Failed { .. }))
    }

    /// How many were never tried, those whose turn never came among them.
    pub fn not_tried(&self) -> usize {
        self.number(|standing| matches!(standing, Standing::NotTried { .. } | Standing::Due))
    }

    /// How many have ended, one way or another.
    pub fn ended(&self) -> usize {
        self.number(|standing| !matches!(standing, Standing::Due | Standing::Running { .. }))
    }

    /// How many run.
    pub fn running(&self) -> usize {
        self.number(|standing| matches!(standing, Standing::Running { .. }))
    }
}
