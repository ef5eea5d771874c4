//! Where bars are drawn: stderr, so that what the terminal itself writes there does no harm.
//!
//! indicatif fills every line up to the right edge, so that what comes next begins a line of its own. When Ctrl-C is
//! pressed, that is the `^C` that the terminal echoes: bars that are cleared after it miss a line, and one stays on the
//! screen for ever. Here a line ends with a line break where another follows, the cursor stays behind the last one, and a few
//! columns are left for the echo.

use std::io;
use std::sync::{Mutex, PoisonError};

use console::Term;
use indicatif::{ProgressDrawTarget, TermLike};

/// Columns that no bar uses: `^C`, more than once.
const SPARE: u16 = 6;
/// How often a second bars are drawn at most.
const RATE: u8 = 20;

#[derive(Debug)]
pub(super) struct Screen {
    term: Term,
    at: Mutex<At>,
}

/// How far a drawing is: a line and what fills it up are written by turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Where the first line begins.
    Start,
    /// Behind a line, before what fills it up.
    Written,
    /// Behind a whole line.
    Filled,
}

impl Screen {
    /// stderr, and nothing where that is no terminal.
    pub(super) fn target() -> ProgressDrawTarget {
        let term = Term::buffered_stderr();
        match term.is_term() {
            true => ProgressDrawTarget::term_like_with_hz(Box::new(Screen::over(term)), RATE),
            false => ProgressDrawTarget::hidden(),
        }
    }
}

impl Screen {
    fn over(term: Term) -> Screen {
        Screen {
            term,
            at: Mutex::new(At::Start),
        }
    }

    /// Goes on to `next`; where it was.
    fn go_to(&self, next: At) -> At {
        let mut at = self.at.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut at, next)
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        let (_, columns) = self.term.size();
        columns.saturating_sub(SPARE).max(1)
    }

    fn height(&self) -> u16 {
        self.term.size().0
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.go_to(At::Start);
        self.term.move_cursor_up(n)
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.term.move_cursor_down(n)
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.term.move_cursor_right(n)
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.term.move_cursor_left(n)
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.term.write_line(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        if text == "\r" {
            self.go_to(At::Start);
            return self.term.write_str(text);
        }
        let at = self.go_to(At::Written);
        match at {
            At::Start => {}
            At::Filled => self.term.write_line("")?,
            At::Written => {
                self.go_to(At::Filled);
                return Ok(());
            }
        }
        self.term.write_str(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.go_to(At::Start);
        self.term.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        self.term.flush()
    }
}
