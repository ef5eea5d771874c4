//! The one way out: data to stdout, talk to stderr, colour only where it is wanted.

use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};

use anstream::adapter::strip_str;
use anstyle::{AnsiColor, Style};
use clap::ValueEnum;
use indicatif::{MultiProgress, ProgressDrawTarget};

use super::screen::Screen;

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    Always,
    Never,
}

/// How much is said on stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Errors and questions only.
    Quiet,
    Normal,
    /// Waits and reasons too.
    Verbose,
}

/// The styles in use, so that the same thing looks the same everywhere.
pub(crate) mod style {
    use super::{AnsiColor, Style};

    pub(crate) const CREATE: Style = AnsiColor::Green.on_default();
    pub(crate) const CHANGE: Style = AnsiColor::Yellow.on_default();
    pub(crate) const DELETE: Style = AnsiColor::Red.on_default();
    pub(crate) const ERROR: Style = AnsiColor::Red.on_default().bold();
    pub(crate) const WARN: Style = AnsiColor::Yellow.on_default().bold();
    pub(crate) const HINT: Style = AnsiColor::Cyan.on_default();
    pub(crate) const DIM: Style = Style::new().dimmed();
    pub(crate) const BOLD: Style = Style::new().bold();

    /// `text` in `style`.
    pub(crate) fn paint(style: Style, text: impl std::fmt::Display) -> String {
        format!("{style}{text}{style:#}")
    }
}

/// Writes to stdout and stderr, beside the progress bars if there are any. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Printer {
    verbosity: Verbosity,
    color_out: bool,
    color_err: bool,
    terminal: bool,
    bars: Arc<MultiProgress>,
    /// Why data did not reach stdout, the first time that it did not.
    lost: Arc<Mutex<Option<std::io::Error>>>,
    /// Where it goes instead of stdout and stderr.
    kept: Option<Kept>,
}

/// What a printer kept instead of writing it out, data and talk in the order in which they came.
#[derive(Debug, Clone, Default)]
pub struct Kept(Arc<Mutex<String>>);

impl Kept {
    /// All of it until now, without colour.
    pub fn text(&self) -> String {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn add(&self, text: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push_str(&strip_str(text).to_string());
    }
}

impl Printer {
    /// A printer that writes nothing, and what it would have written: for programs that run an operation and read
    /// what it says.
    pub fn keeping(verbosity: Verbosity) -> (Self, Kept) {
        let kept = Kept::default();
        let printer = Self {
            verbosity,
            color_out: false,
            color_err: false,
            terminal: false,
            bars: Arc::new(MultiProgress::with_draw_target(ProgressDrawTarget::hidden())),
            lost: Arc::default(),
            kept: Some(kept.clone()),
        };
        (printer, kept)
    }

    /// A printer for this process's stdout and stderr.
    pub fn new(color: Color, verbosity: Verbosity) -> Self {
        let allowed = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        let decide = |terminal: bool| match color {
            Color::Auto => terminal && allowed,
            Color::Always => true,
            Color::Never => false,
        };
        let terminal = std::io::stderr().is_terminal();
        Self {
            verbosity,
            color_out: decide(std::io::stdout().is_terminal()),
            color_err: decide(terminal),
            terminal: terminal && verbosity > Verbosity::Quiet,
            bars: Arc::new(MultiProgress::with_draw_target(Screen::target())),
            lost: Arc::default(),
            kept: None,
        }
    }

    /// Whether bars may be drawn: stderr is a terminal and nobody asked for quiet.
    pub fn draws_bars(&self) -> bool {
        self.terminal
    }

    /// The bars that lines are written above.
    pub(super) fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    /// How much is said.
    pub fn verbosity(&self) -> Verbosity {
        self.verbosity
    }

    /// Data: what the command was asked for. Goes to stdout, quiet or not. What cannot be written is
    /// told at the end of the process, see [`Printer::lost`].
    pub fn data(&self, text: &str) {
        if let Some(kept) = &self.kept {
            return kept.add(text);
        }
        let written = self
            .bars
            .suspend(|| write(&mut std::io::stdout().lock(), text, self.color_out));
        if let Err(error) = written {
            let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
            lost.get_or_insert(error);
        }
    }

    /// Why some data did not reach stdout: the disk is full, for example. A report that is cut off must
    /// not pass for a whole one. A closed pipe is the reader's choice and no error.
    pub fn lost(&self) -> Option<std::io::Error> {
        self.lost
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Data that ends its line, for line-by-line output.
    pub fn data_line(&self, text: &str) {
        self.data(&format!("{text}\n"));
    }

    /// A line of talk on stderr, unless quiet.
    pub fn say(&self, text: &str) {
        if self.verbosity > Verbosity::Quiet {
            self.talk(&format!("{text}\n"));
        }
    }

    /// A line for those who asked for more.
    pub fn detail(&self, text: &str) {
        if self.verbosity > Verbosity::Normal {
            self.talk(&format!("{text}\n"));
        }
    }

    /// Something to know before going on.
    pub fn warn(&self, text: &str) {
        if self.verbosity > Verbosity::Quiet {
            self.talk(&format!(
                "{}: {text}\n",
                style::paint(style::WARN, "warning")
            ));
        }
    }

    /// What to do next.
    pub fn hint(&self, text: &str) {
        self.say(&format!("{}: {text}", style::paint(style::HINT, "hint")));
    }

    /// An error and its hint, quiet or not.
    pub fn error(&self, message: &str, hint: Option<&str>) {
        let mut text = format!("{}: {message}\n", style::paint(style::ERROR, "error"));
        if let Some(hint) = hint {
            text.push_str(&format!(
                "\n{}: {hint}\n",
                style::paint(style::HINT, "hint")
            ));
        }
        self.talk(&text);
    }

    /// A question, left without a line end so that the answer stands beside it.
    pub fn ask(&self, text: &str) {
        self.talk(text);
    }

    /// Text for stderr as it is, quiet or not: rendered diagnostics, log lines.
    pub fn talk(&self, text: &str) {
        if let Some(kept) = &self.kept {
            return kept.add(text);
        }
        // Where stderr cannot be written there is no place left to say so.
        let _ = self
            .bars
            .suspend(|| write(&mut std::io::stderr().lock(), text, self.color_err));
    }
}

fn write(to: &mut impl Write, text: &str, color: bool) -> std::io::Result<()> {
    let written = if color {
        to.write_all(text.as_bytes())
    } else {
        write!(to, "{}", strip_str(text))
    };
    match written.and_then(|()| to.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}
