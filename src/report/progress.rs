//! A run as it happens: bars on a terminal, plain lines in a pipe, JSON lines for programs.
//!
//! Bars are drawn from events and from [`Progress::tick`], which the caller calls from its own
//! runtime: a thread that ticks would let virtual time jump ahead.

use std::cell::RefCell;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::Instant;

use super::plan::{sign, verb_style};
use super::record::{Record, Standing};
use super::style::{self, paint};
use super::{Printer, Verbosity, json, words};
use crate::addr::Address;
use crate::change::Verb;
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
    /// The lines of changes that run, above the total.
    rows: Vec<ProgressBar>,
}

/// How many of the changes that run have a line: a screen has no more, and no eye either.
const ROWS: usize = 8;

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
                rows: Vec::new(),
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
                    let desired = match event {
                        Event::Started { .. } => verbose,
                        Event::Waiting { .. } => verbose || (!bars && quiet_for >= SILENCE),
                        _ => true,
                    };
                    if desired {
                        self.printer.say(&line);
                        state.last_line = at;
                    }
                }
                self.draw(&mut state, at);
            }
        }
    }

    /// Redraws elapsed times. Cheap; nothing where there are no bars.
    pub fn tick(&self) {
        let at = self.elapsed();
        self.draw(&mut self.state.borrow_mut(), at);
    }

    /// One line for each change that runs, as far as there are lines, and the total below them.
    fn draw(&self, state: &mut State, at: Duration) {
        let Some(total) = &state.total else { return };
        let lines = rows(&state.record, at, ROWS);
        while state.rows.len() < lines.len() {
            let row = ProgressBar::new_spinner().with_style(row_style());
            state
                .rows
                .push(self.printer.bars().insert_before(total, row));
        }
        while state.rows.len() > lines.len() {
            if let Some(row) = state.rows.pop() {
                row.finish_and_clear();
                self.printer.bars().remove(&row);
            }
        }
        for (row, line) in state.rows.iter().zip(lines) {
            row.set_message(line);
            row.tick();
        }
        total.set_position(state.record.ended() as u64);
        total.set_message(total_line(&state.record, at));
        total.tick();
    }

    /// Takes the bars away and gives the record.
    pub fn finish(self) -> (Record, Duration) {
        let took = self.elapsed();
        let state = self.state.into_inner();
        for bar in state.rows.into_iter().chain(state.total) {
            bar.finish_and_clear();
        }
        (state.record, took)
    }
}

/// The fixed texts below are valid templates; if indicatif ever thinks otherwise, a plain bar does.
fn total_style() -> ProgressStyle {
    ProgressStyle::with_template("\n  {bar:32.green/black.bright} {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━━─")
}

fn row_style() -> ProgressStyle {
    ProgressStyle::with_template("  {spinner:.cyan} {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
        .tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ ")
}

fn total_line(record: &Record, at: Duration) -> String {
    let mut parts = vec![
        paint(
            style::BOLD,
            format!("{} of {} done", record.done(), record.total()),
        ),
        format!("{} running", record.running()),
    ];
    if record.failed() > 0 {
        parts.push(paint(style::ERROR, format!("{} failed", record.failed())));
    }
    parts.push(words::duration(at));
    if let Some(why) = &record.reading_back {
        parts.push(why.clone());
    }
    if record.stopping {
        parts.push(paint(style::WARN, "stopping; Ctrl-C again stops at once"));
    }
    parts.join(&paint(style::DIM, "  ·  "))
}

/// A name that is too long, with its end cut off.
fn cut(name: &str, width: usize) -> String {
    if name.chars().count() <= width {
        return name.to_owned();
    }
    let kept = name.chars().take(width.saturating_sub(1));
    kept.chain(['…']).collect()
}

/// The changes that run, the longest-running first: what, how long, and what it waits for.
fn rows(record: &Record, at: Duration, most: usize) -> Vec<String> {
    // Columns of fixed widths: a screen draws its lines one by one, and they must not dance.
    const NAME: usize = 48;
    const TIME: usize = 11;
    let running = record.in_flight().count();
    // One line of the few says how many have none.
    let shown = if running > most {
        most.saturating_sub(1)
    } else {
        running
    };
    let cells: Vec<(String, String, String)> = record
        .in_flight()
        .take(shown)
        .filter_map(|(address, _, standing)| match standing {
            Standing::Running { since, why } => Some((
                address.to_string(),
                words::duration(at.saturating_sub(*since)),
                why.clone().unwrap_or_default(),
            )),
            _ => None,
        })
        .collect();
    let mut rows: Vec<String> = cells
        .iter()
        .map(|(name, time, why)| {
            let row = format!("{:NAME$}{time:>TIME$}", cut(name, NAME));
            if why.is_empty() {
                row
            } else {
                format!("{row}  {}", paint(style::DIM, why))
            }
        })
        .collect();
    if running > shown {
        rows.push(paint(style::DIM, format!("and {} more", running - shown)));
    }
    rows
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
            failure.message
        )),
        Event::ReadingBack { why } => Some(format!(
            "{counter} {}",
            paint(
                style::DIM,
                format!("waiting after {}: {why}", words::duration(at))
            )
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
                    context: "creating account security".to_owned(),
                    message: "EMAIL_ALREADY_EXISTS".to_owned(),
                    hint: None,
                    request_id: None,
                },
            },
            Event::Stopping,
            Event::ReadingBack {
                why: "for organizations:ListAccounts to show account:security".to_owned(),
            },
            Event::NotTried {
                change: logs.clone(),
                reason: "the run was stopped".to_owned(),
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
        [2/3] waiting after 1 min: for organizations:ListAccounts to show account:security
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
    fn running_lines_tell_how_long_and_why() {
        let keys = ["security", "log-archive", "payments-prod"];
        let mut record = Record::new(keys.map(|key| (account(key), Verb::Create)));
        for (second, key) in keys.into_iter().enumerate() {
            let change = account(key);
            let at = Duration::from_secs(second as u64 * 30);
            record.take(&Event::Started { change }, at);
        }
        let waiting = Event::Waiting {
            change: account("security"),
            why: "AWS is creating the account".to_owned(),
        };
        record.take(&waiting, Duration::from_secs(61));
        let text = |most| {
            let rows = rows(&record, Duration::from_secs(75), most);
            strip_str(&rows.join("\n")).to_string()
        };
        insta::assert_snapshot!(text(8), @r"
        account security                                 1 min 15 s  AWS is creating the account
        account log-archive                                    45 s
        account payments-prod                                  15 s
        ");
        insta::assert_snapshot!(text(2), @r"
        account security                                 1 min 15 s  AWS is creating the account
        and 2 more
        ");
        let total = total_line(&record, Duration::from_secs(75));
        insta::assert_snapshot!(strip_str(&total).to_string(), @"0 of 3 done  ·  3 running  ·  1 min 15 s");
        record.take(
            &Event::Done {
                change: account("security"),
                took: Duration::from_secs(76),
            },
            Duration::from_secs(76),
        );
        assert_eq!(
            (record.running(), record.ended(), record.not_tried()),
            (2, 1, 0)
        );
    }
}
