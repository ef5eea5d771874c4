//! What every check of a file needs: its text, what was taken out of it, and where to put what it finds.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

use super::at::At;
use super::diagnostic::{Diagnostic, Location, Source};
use super::parse::Removed;

/// A file under judgement. Every check says what is wrong and goes on.
pub(crate) struct Judge<'a> {
    pub(crate) source: &'a Arc<Source>,
    pub(crate) removed: &'a Removed,
    pub(crate) found: RefCell<Vec<Diagnostic>>,
}

impl<'a> Judge<'a> {
    pub(crate) fn new(source: &'a Arc<Source>, removed: &'a Removed) -> Self {
        Self {
            source,
            removed,
            found: RefCell::default(),
        }
    }

    pub(crate) fn say(&self, diagnostic: Diagnostic) {
        self.found.borrow_mut().push(diagnostic);
    }

    pub(crate) fn location(&self, span: Range<usize>) -> Location {
        Location {
            source: Arc::clone(self.source),
            span,
        }
    }

    pub(crate) fn at<T>(&self, value: &At<T>) -> Location {
        self.location(value.span())
    }

    /// An error at a value; the caller adds help and says it.
    pub(crate) fn error<T>(&self, value: &At<T>, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(message).at(self.at(value))
    }

    /// A warning at a value.
    pub(crate) fn warning<T>(&self, value: &At<T>, message: impl Into<String>) -> Diagnostic {
        Diagnostic::warning(message).at(self.at(value))
    }

    /// A value that must be given in a table; it is not missing if it was there but wrong.
    pub(crate) fn required<'v, T, U>(
        &self,
        table: &At<U>,
        key: &str,
        value: Option<&'v T>,
        example: &str,
    ) -> Option<&'v T> {
        if value.is_none() && !self.removed.was_in(table, key) {
            self.say(
                self.error(table, format!("`{key}` is missing"))
                    .help(format!("add {key} = {example}")),
            );
        }
        value
    }
}
