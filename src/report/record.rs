//! What a run came to, gathered from its events: totals while it runs, the end report afterwards.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::addr::Address;
use crate::change::Verb;
use crate::event::{Event, Failure, essence};

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
        reason: String,
    },
}

/// The whole run so far. Times are since its start.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// Every change, in run order.
    pub changes: Vec<(Address, Verb, Standing)>,
    place: BTreeMap<Address, usize>,
    /// Places of those that run, the longest-running first.
    running: Vec<usize>,
    counts: Counts,
    pub stopping: bool,
    /// Which lists are waited for after the last change.
    pub reading_back: Option<String>,
    pub notices: Vec<String>,
    /// What each change that waits waits for, since when.
    waiting: BTreeMap<usize, (String, Duration)>,
    /// How long the changes waited for each thing, by their places.
    waited: BTreeMap<String, BTreeMap<usize, Duration>>,
}

/// One thing that changes waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waited {
    pub why: String,
    /// How long the change waited that waited longest.
    pub longest: Duration,
    /// How many changes waited for it.
    pub changes: usize,
}

/// How many changes stand how: counted as they change, for a run has thousands and is asked at every event.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    done: usize,
    failed: usize,
    not_tried: usize,
    running: usize,
}

impl Counts {
    fn of(&mut self, standing: &Standing) -> Option<&mut usize> {
        match standing {
            Standing::Due => None,
            Standing::Running { .. } => Some(&mut self.running),
            Standing::Done { .. } => Some(&mut self.done),
            Standing::Failed { .. } => Some(&mut self.failed),
            Standing::NotTried { .. } => Some(&mut self.not_tried),
        }
    }
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
        self.note_wait(event, at);
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
            Event::NotTried { change, reason } => self.set(
                change,
                Standing::NotTried {
                    reason: reason.clone(),
                },
            ),
            Event::Stopping => self.stopping = true,
            Event::ReadingBack { why } => self.reading_back = Some(why.clone()),
            Event::Notice { text } => self.notices.push(text.clone()),
        }
    }

    /// A wait ends with another one, or with its change.
    fn note_wait(&mut self, event: &Event, at: Duration) {
        let (change, next) = match event {
            Event::Waiting { change, why } => (change, Some(essence(why).to_owned())),
            Event::Done { change, .. } | Event::Failed { change, .. } => (change, None),
            Event::Started { .. }
            | Event::NotTried { .. }
            | Event::Stopping
            | Event::ReadingBack { .. }
            | Event::Notice { .. } => return,
        };
        let Some(place) = self.place.get(change).copied() else {
            return;
        };
        let before = match next {
            Some(why) => self.waiting.insert(place, (why, at)),
            None => self.waiting.remove(&place),
        };
        if let Some((why, since)) = before {
            let waits = self.waited.entry(why).or_default();
            *waits.entry(place).or_default() += at.saturating_sub(since);
        }
    }

    /// What changes waited for `least` or longer, longest first.
    pub fn waited(&self, least: Duration) -> Vec<Waited> {
        let mut waited: Vec<Waited> = self
            .waited
            .iter()
            .filter_map(|(why, changes)| {
                let longest = changes.values().max().copied()?;
                (longest >= least).then(|| Waited {
                    why: why.clone(),
                    longest,
                    changes: changes.len(),
                })
            })
            .collect();
        waited.sort_by(|a, b| b.longest.cmp(&a.longest).then_with(|| a.why.cmp(&b.why)));
        waited
    }

    fn set(&mut self, address: &Address, standing: Standing) {
        let Some(place) = self.place.get(address).copied() else {
            return;
        };
        let Some((_, _, current)) = self.changes.get_mut(place) else {
            return;
        };
        if let Some(count) = self.counts.of(current) {
            *count = count.saturating_sub(1);
        }
        if let Some(count) = self.counts.of(&standing) {
            *count += 1;
        }
        let ran = matches!(current, Standing::Running { .. });
        let runs = matches!(standing, Standing::Running { .. });
        *current = standing;
        if runs && !ran {
            self.running.push(place);
        } else if ran && !runs {
            self.running.retain(|other| *other != place);
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

    /// How many are done.
    pub fn done(&self) -> usize {
        self.counts.done
    }

    /// How many failed.
    pub fn failed(&self) -> usize {
        self.counts.failed
    }

    /// How many were never tried, those whose turn never came among them.
    pub fn not_tried(&self) -> usize {
        let begun = self.counts.done + self.counts.failed + self.counts.running;
        self.total().saturating_sub(begun)
    }

    /// How many were made, or failed. What is not tried does not count: of a run that is stopped, or whose
    /// first change fails, nobody should read that all of it has happened.
    pub fn ended(&self) -> usize {
        self.counts.done + self.counts.failed
    }

    /// How many run.
    pub fn running(&self) -> usize {
        self.counts.running
    }

    /// Those that run, the longest-running first.
    pub fn in_flight(&self) -> impl Iterator<Item = &(Address, Verb, Standing)> {
        self.running
            .iter()
            .filter_map(|place| self.changes.get(*place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_added_up_by_what_they_have_in_common() {
        let account = |key: &str| Address::Account(key.parse().expect("a key"));
        let (one, two) = (account("one"), account("two"));
        let mut record = Record::new([(one.clone(), Verb::Create), (two.clone(), Verb::Create)]);
        let wait = |record: &mut Record, change: &Address, at: u64, why: &str| {
            let event = Event::Waiting {
                change: change.clone(),
                why: why.to_owned(),
            };
            record.take(&event, Duration::from_secs(at));
        };
        let done = |record: &mut Record, change: &Address, at: u64| {
            let event = Event::Done {
                change: change.clone(),
                took: Duration::ZERO,
            };
            record.take(&event, Duration::from_secs(at));
        };
        wait(&mut record, &one, 0, "not ready, next try in 3 s");
        wait(&mut record, &two, 1, "not ready, next try in 4 s");
        wait(&mut record, &one, 5, "not ready, next try in 9 s");
        wait(&mut record, &one, 20, "a policy is not in force");
        done(&mut record, &one, 22);
        done(&mut record, &two, 9);
        let waited = |why: &str, longest, changes| Waited {
            why: why.to_owned(),
            longest: Duration::from_secs(longest),
            changes,
        };
        assert_eq!(
            record.waited(Duration::from_secs(1)),
            [
                waited("not ready", 20, 2),
                waited("a policy is not in force", 2, 1)
            ]
        );
        assert_eq!(
            record.waited(Duration::from_secs(10)),
            [waited("not ready", 20, 2)]
        );
    }
}
