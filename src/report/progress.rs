//! A run as it happens: bars on a terminal, plain lines in a pipe, JSON lines for programs.
//!
//! Bars are drawn from events and from [`Progress::tick`], which the caller calls from its own
//! runtime: a thread that ticks would let virtual time jump ahead.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::Instant;

use super::plan::{sign, verb_style};
use super::record::Record;
use super::style::{self, paint};
use super::{Printer, Verbosity, json, words};
use crate::change::{Address, Verb};
use crate::event::Event;

/// After how long without a line a plain log says what is being waited for.
const SILENCE: Duration = Duration::from_secs(60);

/// How a run is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Show {
    /// Bars where stderr is a terminal, plain lines where not.
    Text,
    /// Events as JSON lines on stdout.
    Json,
}

/// Shows a run and keeps its record. Single-threaded, like the runtime it serves.
#[derive(Debug)]
pub struct Progress {
    printer: Printer,
    show: Show,
    start: Instant,
    state: RefCell<State>,
}

#[derive(Debug)]
struct State {
    record: Record,
    last_line: Duration,
    total: Option<ProgressBar>,
    bars: BTreeMap<Address, ProgressBar>,
}

impl Progress {
    /// A run of `changes`, in run order, that starts now.
    pub fn start(
        printer: &Printer,
        show: Show,
        changes: impl IntoIterator<Item = (Address, Verb)>,
    ) -> Self {
        let record = Record::new(changes);
        let total = (show == Show::Text && printer.draws_bars()).then(|| {
            let bar = ProgressBar::new(record.total() as u64).with_style(total_style());
            printer.bars().add(bar)
        });
        let progress = Self {
            printer: printer.clone(),
            show,
            start: Instant::now(),
            state: RefCell::new(State {
                record,
                last_line: Duration::ZERO,
                total,
                bars: BTreeMap::new(),
            }),
        };
        progress.tick();
        progress
    }

    /// How long the run has taken so far; virtual time in the sandbox.
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Takes in and shows one event.
    pub fn tell(&self, event: &Event) {
        let at = self.elapsed();
        let mut state = self.state.borrow_mut();
        state.record.take(event, at);
        match self.show {
            Show::Json => {
                let line = json::event(event, at, state.record.ended(), state.record.total());
                self.printer.data_line(&line.to_string());
            }
            Show::Text => {
                let verbose = self.printer.verbosity() > Verbosity::Normal;
                let bars = state.total.is_some();
                let quiet_for = at.saturating_sub(state.last_line);
                if let Some(line) = line(event, &state.record, at) {
                    let wanted = match event {
                        Event::Started { .. } => verbose,
                        Event::Waiting { .. } => verbose || (!bars && quiet_for >= SILENCE),
                        _ => true,
                    };
                    if wanted {
                        self.printer.say(&line);
                        state.last_line = at;
                    }
                }
                self.draw(&mut state, event, at);
            }
        }
    }

    /// Redraws elapsed times. Cheap; nothing where there are no bars.
    pub fn tick(&self) {
        let at = self.elapsed();
        let state = self.state.borrow();
        if let Some(total) = &state.total {
            total.set_message(total_line(&state.record, at));
            total.tick();
        }
        for (address, bar) in &state.bars {
            bar.set_message(running_line(address, &state.record, at));
            bar.tick();
        }
    }

    fn draw(&self, state: &mut State, event: &Event, at: Duration) {
        let Some(total) = &state.total else { return };
        match event {
            Event::Started { change } => {
                let bar = ProgressBar::new_spinner().with_style(running_style());
                let bar = self.printer.bars().insert_before(total, bar);
                bar.set_message(running_line(change, &state.record, at));
                bar.tick();
                state.bars.insert(change.clone(), bar);
            }
            Event::Waiting { change, .. } => {
                if let Some(bar) = state.bars.get(change) {
                    bar.set_message(running_line(change, &state.record, at));
                    bar.tick();
                }
            }
            Event::Done { change, .. }
            | Event::Failed { change, .. }
            | Event::NotTried { change, .. } => {
                if let Some(bar) = state.bars.remove(change) {
                    bar.finish_and_clear();
                }
            }
            Event::Stopping | Event::Notice { .. } => {}
        }
        total.set_position(state.record.ended() as u64);
        total.set_message(total_line(&state.record, at));
        total.tick();
    }

    /// Takes the bars away and gives the record.
    pub fn finish(self) -> (Record, Duration) {
        let took = self.elapsed();
        let state = self.state.into_inner();
        for bar in state.bars.into_values().chain(state.total) {
            bar.finish_and_clear();
        }
        (state.record, took)
    }
}

/// The fixed texts below are valid templates; if indicatif ever thinks otherwise, a plain bar does.
fn total_style() -> ProgressStyle {
    ProgressStyle::with_template("  {bar:24.cyan/dim} {pos}/{len}  {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn running_style() -> ProgressStyle {
    ProgressStyle::with_template("  {spinner:.cyan} {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn total_line(record: &Record, at: Duration) -> String {
    let mut parts = vec![format!("{} running", record.running())];
    if record.failed() > 0 {
        parts.push(paint(style::ERROR, format!("{} failed", record.failed())));
    }
    parts.push(words::duration(at));
    if record.stopping {
        parts.push(paint(
            style::WARN,
            "finishing what is in flight; Ctrl-C again stops at once",
        ));
    }
    parts.join("  ")
}

fn running_line(address: &Address, record: &Record, at: Duration) -> String {
    use super::record::Standing;
    match record.standing(address) {
        Some(Standing::Running { since, why }) => {
            let elapsed = words::duration(at.saturating_sub(*since));
            match why {
                Some(why) => format!("{address}  {elapsed}  {}", paint(style::DIM, why)),
                None => format!("{address}  {elapsed}"),
            }
        }
        _ => address.to_string(),
    }
}

/// The plain line of an event, or `None` where the bars or the end report say it.
fn line(event: &Event, record: &Record, at: Duration) -> Option<String> {
    let total = record.total();
    let width = total.to_string().len();
    let counter = format!("[{:>width$}/{total}]", record.ended());
    let named = |address: &Address| match record.verb(address) {
        Some(verb) => paint(verb_style(verb), format!("{} {address}", sign(verb))),
        None => address.to_string(),
    };
    match event {
        Event::Started { change } => Some(format!("{counter} {}  started", named(change))),
        Event::Waiting { change, why } => Some(format!(
            "{counter} {}  {}",
            named(change),
            paint(
                style::DIM,
                format!("waiting after {}: {why}", words::duration(at))
            )
        )),
        Event::Done { change, took } => Some(format!(
            "{counter} {}  {}",
            named(change),
            paint(style::DIM, format!("done in {}", words::duration(*took)))
        )),
        Event::Failed {
            change,
            took,
            failure,
        } => Some(format!(
            "{counter} {}  {} after {}: {}",
            named(change),
            paint(style::ERROR, "failed"),
            words::duration(*took),
            failure.said
        )),
        // One failure may leave hundreds of these; the end report groups them.
        Event::NotTried { .. } => None,
        Event::Stopping => Some(paint(
            style::WARN,
            "Stopping: what is in flight is finished, nothing new starts. Ctrl-C again stops at once.",
        )),
        Event::Notice { text } => Some(format!("{} {text}", paint(style::HINT, "note:"))),
    }
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;

    use super::*;
    use crate::event::Failure;

    fn account(key: &str) -> Address {
        Address::Account(key.parse().expect("a key"))
    }

    #[test]
    fn every_plain_line() {
        let security = account("security");
        let logs = account("log-archive");
        let ou = Address::Ou("Security".parse().expect("a path"));
        let events = [
            Event::Started { change: ou.clone() },
            Event::Done {
                change: ou.clone(),
                took: Duration::from_millis(1100),
            },
            Event::Started {
                change: security.clone(),
            },
            Event::Waiting {
                change: security.clone(),
                why: "AWS is creating it".to_owned(),
            },
            Event::Failed {
                change: security.clone(),
                took: Duration::from_secs(185),
                failure: Failure {
                    doing: "creating account security".to_owned(),
                    said: "EMAIL_ALREADY_EXISTS".to_owned(),
                    hint: None,
                    request_id: None,
                },
            },
            Event::Stopping,
            Event::NotTried {
                change: logs.clone(),
                because: "the run was stopped".to_owned(),
            },
            Event::Notice {
                text: "the lock was held by run a1".to_owned(),
            },
        ];
        let mut record = Record::new([
            (ou, Verb::Create),
            (security, Verb::Create),
            (logs, Verb::Create),
        ]);
        let mut lines = String::new();
        for (second, event) in events.iter().enumerate() {
            let at = Duration::from_secs(second as u64 * 10);
            record.take(event, at);
            if let Some(line) = line(event, &record, at) {
                lines.push_str(&strip_str(&line).to_string());
                lines.push('\n');
            }
        }
        insta::assert_snapshot!(lines, @r"
        [0/3] + ou Security  started
        [1/3] + ou Security  done in 1.1 s
        [1/3] + account security  started
        [1/3] + account security  waiting after 30 s: AWS is creating it
        [2/3] + account security  failed after 3 min 5 s: EMAIL_ALREADY_EXISTS
        Stopping: what is in flight is finished, nothing new starts. Ctrl-C again stops at once.
        note: the lock was held by run a1
        ");
        assert_eq!(
            (
                record.done(),
                record.failed(),
                record.not_tried(),
                record.running()
            ),
            (1, 1, 1, 0)
        );
    }

    #[test]
    fn a_running_line_tells_how_long_and_why() {
        let security = account("security");
        let mut record = Record::new([(security.clone(), Verb::Create)]);
        let started = Event::Started {
            change: security.clone(),
        };
        record.take(&started, Duration::from_secs(5));
        let waiting = Event::Waiting {
            change: security.clone(),
            why: "AWS is creating it".to_owned(),
        };
        record.take(&waiting, Duration::from_secs(6));
        let line = running_line(&security, &record, Duration::from_secs(75));
        assert_eq!(
            strip_str(&line).to_string(),
            "account security  1 min 10 s  AWS is creating it"
        );
    }
}
