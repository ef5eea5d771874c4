//! What is wrong with a file, as data. How it looks on a terminal is the business of
//! [`crate::report::diagnostics`].

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

/// A text that diagnostics point into: the plan itself, or a file that it or a baseline names.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// The path as the person who runs orgstrap would write it.
    pub name: String,
    /// The whole text.
    pub text: String,
}

/// Some bytes of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    pub source: Arc<Source>,
    /// Byte offsets into the source's text.
    pub span: Range<usize>,
}

impl Location {
    /// Line and column of the first byte, both counted from 1; the column counts characters.
    pub fn line_column(&self) -> (usize, usize) {
        line_column(&self.source.text, self.span.start)
    }
}

/// `FILE:LINE:COLUMN`.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.line_column();
        write!(f, "{}:{line}:{column}", self.source.name)
    }
}

/// Line and column of a byte offset, both counted from 1; the column counts characters.
fn line_column(text: &str, offset: usize) -> (usize, usize) {
    let mut end = offset.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let before = text.get(..end).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .map_or(0, |tail| tail.chars().count())
        + 1;
    (line, column)
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file can not be used.
    Error,
    /// The file can be used, but look at this.
    Warning,
}

/// One thing that is wrong with a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagnostic {
    pub severity: Severity,
    /// What is wrong, in one sentence fragment without a full stop.
    pub message: String,
    /// Where; `None` when there is no text to point at, as when the file can not be read.
    pub location: Option<Location>,
    /// A word beside the marked text.
    pub label: Option<String>,
    /// Another place that has to do with it, and what.
    pub related: Option<(Location, String)>,
    /// What to write instead, or what to know.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// An error with a message alone.
    pub fn error(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            message: message.into(),
            location: None,
            label: None,
            related: None,
            help: Vec::new(),
        }
    }

    /// A warning with a message alone.
    pub fn warning(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(message)
        }
    }

    /// Points at a place.
    #[must_use]
    pub fn at(mut self, location: Location) -> Self {
        self.location = Some(location);
        self
    }

    /// Puts a word beside the marked text.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Points at a second place.
    #[must_use]
    pub fn related(mut self, location: Location, label: impl Into<String>) -> Self {
        self.related = Some((location, label.into()));
        self
    }

    /// The same where there is something to say.
    #[must_use]
    pub fn help_if(mut self, help: Option<String>) -> Self {
        self.help.extend(help);
        self
    }

    /// Says what to write instead.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }
}

/// Puts diagnostics in the order of a file; what has no place comes first. In another file that it names counts where it
/// is named.
pub(crate) fn sort(diagnostics: &mut [Diagnostic], source: &Arc<Source>) {
    let place =
        |location: &Location| Arc::ptr_eq(&location.source, source).then_some(location.span.start);
    diagnostics.sort_by_key(|diagnostic| {
        let own = diagnostic.location.as_ref().and_then(place);
        own.or_else(|| place(&diagnostic.related.as_ref()?.0))
    });
}

/// `FILE:LINE:COLUMN: error: MESSAGE (HELP)`, one line; for logs and errors inside errors.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(location) = &self.location {
            write!(f, "{location}: ")?;
        }
        f.write_str(match self.severity {
            Severity::Error => "error: ",
            Severity::Warning => "warning: ",
        })?;
        f.write_str(&self.message)?;
        if !self.help.is_empty() {
            write!(f, " ({})", self.help.join("; "))?;
        }
        Ok(())
    }
}

impl Serialize for Location {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (line, column) = self.line_column();
        let (end_line, end_column) = line_column(&self.source.text, self.span.end);
        let mut out = serializer.serialize_struct("Location", 5)?;
        out.serialize_field("file", &self.source.name)?;
        out.serialize_field("line", &line)?;
        out.serialize_field("column", &column)?;
        out.serialize_field("end_line", &end_line)?;
        out.serialize_field("end_column", &end_column)?;
        out.end()
    }
}

impl Serialize for Diagnostic {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Related<'a> {
            location: &'a Location,
            message: &'a str,
        }
        let related = self
            .related
            .as_ref()
            .map(|(location, message)| Related { location, message });
        let mut out = serializer.serialize_struct("Diagnostic", 6)?;
        out.serialize_field("severity", &self.severity)?;
        out.serialize_field("message", &self.message)?;
        out.serialize_field("location", &self.location)?;
        out.serialize_field("label", &self.label)?;
        out.serialize_field("related", &related)?;
        out.serialize_field("help", &self.help)?;
        out.end()
    }
}

/// A plan that can not be used: everything that is wrong with it, in the order of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Invalid {
    /// At least one error; warnings among them.
    pub diagnostics: Vec<Diagnostic>,
}

/// One line a diagnostic.
impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.diagnostics.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{diagnostic}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Invalid {}
