//! Where everything stands in a plan's text: tables, keys and values with their bytes.
//!
//! An edit replaces a few bytes and leaves all others as they are, so that nothing a person wrote is
//! lost, however they wrote it. A tree that is printed anew could not promise that.

use std::collections::BTreeSet;
use std::ops::Range;

use toml_parser::parser::{Event, EventKind, parse_document};
use toml_parser::{ErrorSink, ParseError, Raw, Source};

/// A plan's text, taken apart.
#[derive(Debug)]
pub(super) struct Layout {
    /// Every key where it is written, also where a header repeats it.
    pub(super) keys: Vec<Key>,
    /// Every `[header]` and `key = value`, those of inline tables too, in the order of the text.
    pub(super) statements: Vec<Statement>,
    /// Every text that is a value or an element of a list.
    pub(super) texts: Vec<Text>,
    /// Where comments begin.
    pub(super) comments: BTreeSet<usize>,
}

/// One key.
#[derive(Debug)]
pub(super) struct Key {
    /// From the top: `["account", "shop"]` for `shop` in `[account.shop.tags]`.
    pub(super) path: Vec<String>,
    pub(super) span: Range<usize>,
}

/// A header, or a key with its value.
#[derive(Debug)]
pub(super) struct Statement {
    /// From the top.
    pub(super) path: Vec<String>,
    pub(super) form: Form,
    /// From the header's bracket or the first key to the closing bracket or the end of the value.
    pub(super) span: Range<usize>,
    /// The last key of its own.
    pub(super) key: Range<usize>,
    /// The value; empty for a header.
    pub(super) value: Range<usize>,
}

/// How a statement is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Header,
    /// On a line of its own.
    Line,
    /// In an inline table.
    Inline,
}

/// A text with where it belongs.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) path: Vec<String>,
    pub(super) span: Range<usize>,
    pub(super) value: String,
}

impl Layout {
    /// Takes a text apart; `None` for what is no TOML.
    pub(super) fn of(text: &str) -> Option<Self> {
        let source = Source::new(text);
        let tokens = source.lex().into_vec();
        let mut errors = Failed(false);
        let mut events = Vec::new();
        parse_document(&tokens, &mut |event: Event| events.push(event), &mut errors);
        let mut reader = Reader {
            source,
            layout: Layout {
                keys: Vec::new(),
                statements: Vec::new(),
                texts: Vec::new(),
                comments: BTreeSet::new(),
            },
            table: Vec::new(),
            open: Vec::new(),
            header: None,
            errors,
        };
        for event in events {
            reader.take(event);
        }
        (!reader.errors.0).then_some(reader.layout)
    }

    /// The statement at a path.
    pub(super) fn at(&self, path: &[&str]) -> Option<&Statement> {
        self.statements.iter().find(|s| s.path == path)
    }
}

impl Statement {
    /// Whether it says something of what is at `path`.
    pub(super) fn is_within(&self, path: &[&str]) -> bool {
        self.path.len() >= path.len() && self.path.iter().zip(path).all(|(a, b)| a == b)
    }
}

struct Failed(bool);

impl ErrorSink for Failed {
    fn report_error(&mut self, _: ParseError) {
        self.0 = true;
    }
}

/// The statement that is being read: its keys so far, and where it was entered.
struct Open {
    place: usize,
    /// How many brackets are open in its value.
    brackets: usize,
}

struct Reader<'t> {
    source: Source<'t>,
    layout: Layout,
    /// The path of the header above.
    table: Vec<String>,
    /// The statements around what is read now, the innermost last.
    open: Vec<Open>,
    /// Where a header that is being read began.
    header: Option<usize>,
    errors: Failed,
}

impl Reader<'_> {
    fn take(&mut self, event: Event) {
        let (kind, span) = (event.kind(), event.span().start()..event.span().end());
        match kind {
            EventKind::StdTableOpen | EventKind::ArrayTableOpen => {
                self.open.clear();
                self.table.clear();
                self.header = Some(self.layout.statements.len());
                self.statement(Vec::new(), Form::Header, span);
            }
            EventKind::StdTableClose | EventKind::ArrayTableClose => {
                if let Some(place) = self.header.take()
                    && let Some(statement) = self.layout.statements.get_mut(place)
                {
                    statement.span.end = span.end;
                    statement.value = span.end..span.end;
                    self.table = statement.path.clone();
                }
            }
            EventKind::SimpleKey => self.key(event, span),
            EventKind::InlineTableOpen | EventKind::ArrayOpen => {
                self.value_begins(span.start);
                if let Some(open) = self.open.last_mut() {
                    open.brackets += 1;
                }
            }
            EventKind::InlineTableClose | EventKind::ArrayClose => {
                // The statements of the inline table end with it.
                while self.open.last().is_some_and(|open| open.brackets == 0) && self.open.len() > 1
                {
                    self.open.pop();
                }
                if let Some(open) = self.open.last_mut() {
                    open.brackets = open.brackets.saturating_sub(1);
                }
                self.value_ends(span.end);
            }
            EventKind::Scalar => self.scalar(event, span),
            EventKind::ValueSep => {
                if self.open.len() > 1 && self.open.last().is_some_and(|open| open.brackets == 0) {
                    self.open.pop();
                }
            }
            EventKind::Error => self.errors.0 = true,
            EventKind::KeySep
            | EventKind::KeyValSep
            | EventKind::Whitespace
            | EventKind::Newline => {}
            EventKind::Comment => {
                self.layout.comments.insert(span.start);
            }
        }
    }

    fn statement(&mut self, path: Vec<String>, form: Form, span: Range<usize>) {
        self.layout.statements.push(Statement {
            path,
            form,
            key: span.clone(),
            value: span.end..span.end,
            span,
        });
    }

    fn key(&mut self, event: Event, span: Range<usize>) {
        let name = self.decoded(event, true);
        if let Some(place) = self.header {
            self.add_key(place, name, span);
            return;
        }
        // A key that follows a dot goes on with the statement; any other begins one.
        let reading = self.open.last().filter(|open| open.brackets == 0);
        let goes_on = reading.is_some_and(|open| {
            self.layout
                .statements
                .get(open.place)
                .is_some_and(|statement| {
                    let between = self.source.input().get(statement.key.end..span.start);
                    statement.value.is_empty() && between.is_some_and(|b| b.trim() == ".")
                })
        });
        if goes_on {
            if let Some(place) = self.open.last().map(|open| open.place) {
                self.add_key(place, name, span);
            }
            return;
        }
        let inside = self.open.iter().rposition(|open| open.brackets > 0);
        let (form, base) = match inside {
            Some(place) => {
                self.open.truncate(place + 1);
                let around = self.open.last().map_or(0, |open| open.place);
                let path = self.layout.statements.get(around).map(|s| s.path.clone());
                (Form::Inline, path.unwrap_or_default())
            }
            None => {
                self.open.clear();
                (Form::Line, self.table.clone())
            }
        };
        let place = self.layout.statements.len();
        self.statement(base, form, span.clone());
        self.open.push(Open { place, brackets: 0 });
        self.add_key(place, name, span);
    }

    fn add_key(&mut self, place: usize, name: String, span: Range<usize>) {
        if let Some(statement) = self.layout.statements.get_mut(place) {
            statement.path.push(name);
            statement.key = span.clone();
            statement.span.end = span.end;
            statement.value = span.end..span.end;
            let path = statement.path.clone();
            self.layout.keys.push(Key { path, span });
        }
    }

    fn scalar(&mut self, event: Event, span: Range<usize>) {
        let path = self
            .open
            .last()
            .and_then(|open| self.layout.statements.get(open.place))
            .map(|statement| statement.path.clone())
            .unwrap_or_default();
        if event.encoding().is_some() {
            let value = self.decoded(event, false);
            let span = span.clone();
            self.layout.texts.push(Text { path, span, value });
        }
        self.value_begins(span.start);
        self.value_ends(span.end);
    }

    fn value_begins(&mut self, at: usize) {
        if let Some(open) = self.open.last()
            && open.brackets == 0
            && let Some(statement) = self.layout.statements.get_mut(open.place)
        {
            statement.value = at..at;
        }
    }

    /// A value ended; if it is the whole value of the statement, so did the statement.
    fn value_ends(&mut self, at: usize) {
        if let Some(open) = self.open.last()
            && open.brackets == 0
            && let Some(statement) = self.layout.statements.get_mut(open.place)
        {
            statement.value.end = at;
            statement.span.end = at;
        }
    }

    fn decoded(&mut self, event: Event, key: bool) -> String {
        let raw: Option<Raw<'_>> = self.source.get(event);
        let mut text = String::new();
        if let Some(raw) = raw {
            let mut out = std::borrow::Cow::Borrowed("");
            if key {
                raw.decode_key(&mut out, &mut self.errors);
            } else {
                let _ = raw.decode_scalar(&mut out, &mut self.errors);
            }
            text = out.into_owned();
        }
        text
    }
}
