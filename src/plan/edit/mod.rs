//! Edits of a plan's text: an account's entry added, moved to another OU, renamed, removed, given an id.
//! Pure.
//!
//! Only the bytes that an edit is about change. Comments, blank lines, order, line ends and the way in
//! which tables are written stay as they are, and what is added is written like its neighbours.

mod layout;
mod lines;

use std::collections::BTreeMap;
use std::ops::Range;

use layout::{Form, Layout, Statement, Text};
use lines::Lines;

use super::documents::MARK;
use super::{AccountId, AccountKey, Contact, ContactKind, Email, OuPath, Tags};

/// One edit of a plan.
#[derive(Debug, Clone, PartialEq)]
pub enum Edit {
    Add(Entry),
    /// Another OU.
    Move {
        key: AccountKey,
        ou: OuPath,
    },
    /// Another key, wherever the plan names the account.
    Rename {
        from: AccountKey,
        to: AccountKey,
    },
    Remove {
        key: AccountKey,
    },
    /// One line of the entry, written anew or added.
    Set {
        key: AccountKey,
        field: Field,
        value: String,
    },
}

/// An account's entry to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub key: AccountKey,
    pub id: Option<AccountId>,
    /// The name in AWS, where it is not the key.
    pub name: Option<String>,
    pub email: Option<Email>,
    pub ou: OuPath,
    pub tags: Tags,
    pub contacts: BTreeMap<ContactKind, Contact>,
}

/// A line of an account's entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    Id,
    Name,
    Email,
}

impl Field {
    fn as_str(self) -> &'static str {
        match self {
            Field::Id => "id",
            Field::Name => "name",
            Field::Email => "email",
        }
    }
}

/// Why a plan cannot be edited.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    #[error("the org plan is not sound TOML")]
    Unsound,
    #[error("the org plan has no account `{0}`")]
    NoAccount(AccountKey),
    #[error("the org plan has an account `{0}` already")]
    Taken(AccountKey),
    #[error("the org plan has no account that a new entry could be put beside")]
    NoPlace,
    #[error("account `{key}` has no `{field}` as text in the org plan")]
    NoField {
        key: AccountKey,
        field: &'static str,
    },
}

/// Where a plan names accounts outside of `[account]`, by path; `*` is any name.
const REFERENCES: &[&[&str]] = &[
    &["organization", "logging"],
    &["organization", "secops"],
    &["delegated_administrator", "*"],
];

/// Makes one edit.
///
/// # Errors
/// The text is no TOML, or has no place for the edit. What the edited plan says is for
/// [`super::read_text`] to judge.
pub fn edit(text: &str, edit: &Edit) -> Result<String, EditError> {
    // A mark at the beginning stays, and is no part of the first line.
    let (mark, text) = text.split_at(if text.starts_with(MARK) {
        MARK.len_utf8()
    } else {
        0
    });
    let mut layout = Layout::of(text).ok_or(EditError::Unsound)?;
    let comments = std::mem::take(&mut layout.comments);
    let editor = Editor {
        text,
        lines: Lines::of(text, comments),
        layout,
    };
    let replacements = match edit {
        Edit::Add(entry) => editor.add(entry)?,
        Edit::Move { key, ou } => editor.set(key, "ou", &ou.to_string())?,
        Edit::Rename { from, to } => editor.rename(from, to)?,
        Edit::Remove { key } => editor.remove(key)?,
        Edit::Set { key, field, value } => editor.set(key, field.as_str(), value)?,
    };
    Ok(format!("{mark}{}", replaced(text, replacements)))
}

/// Where a text speaks of an account, by its key: the table with its lines, or the entry of another form.
pub fn accounts_in(text: &str) -> Vec<(Range<usize>, String)> {
    let Some(layout) = Layout::of(text) else {
        return Vec::new();
    };
    let headers = layout.statements.iter().filter(|s| s.form == Form::Header);
    let headers: Vec<usize> = headers.map(|s| s.span.start).collect();
    let of = |statement: &Statement| {
        let key = match statement.path.as_slice() {
            [account, key, ..] if account == "account" => key.clone(),
            _ => return None,
        };
        let end = match statement.form {
            Form::Header => headers
                .iter()
                .find(|start| **start > statement.span.start)
                .map_or(text.len(), |start| *start),
            Form::Line | Form::Inline => statement.span.end,
        };
        Some((statement.span.start..end, key))
    };
    layout.statements.iter().filter_map(of).collect()
}

/// Bytes and what stands there instead.
type Replacement = (Range<usize>, String);

fn replaced(text: &str, mut replacements: Vec<Replacement>) -> String {
    replacements.sort_by_key(|(range, _)| range.start);
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for (range, new) in replacements {
        out.push_str(text.get(at..range.start).unwrap_or_default());
        out.push_str(&new);
        at = at.max(range.end);
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

struct Editor<'t> {
    text: &'t str,
    lines: Lines<'t>,
    layout: Layout,
}

impl Editor<'_> {
    fn exists(&self, key: &AccountKey) -> Result<(), EditError> {
        let path = ["account", key.as_str()];
        let there = self.layout.keys.iter().any(|k| k.path == path);
        there
            .then_some(())
            .ok_or_else(|| EditError::NoAccount(key.clone()))
    }

    fn add(&self, entry: &Entry) -> Result<Vec<Replacement>, EditError> {
        if self.exists(&entry.key).is_ok() {
            return Err(EditError::Taken(entry.key.clone()));
        }
        let accounts: Vec<&Statement> = self
            .layout
            .statements
            .iter()
            .filter(|s| s.is_within(&["account"]))
            .collect();
        // Tables with a header of their own are the rule; else what stands last is followed.
        let header = accounts
            .iter()
            .rev()
            .find(|s| s.form == Form::Header && s.path.len() > 1);
        if let Some(header) = header {
            return Ok(vec![self.add_table(entry, header)]);
        }
        let name = written_key(entry.key.as_str());
        let inline = inline(entry);
        // `account = { ... }`
        if let Some(whole) = accounts
            .iter()
            .find(|s| s.path.len() == 1 && s.form != Form::Header)
        {
            return Ok(vec![
                self.add_inline(whole, &format!("{name} = {inline}"))
                    .ok_or(EditError::NoPlace)?,
            ]);
        }
        // `shop = { ... }` under `[account]`, or `account.shop = { ... }`.
        let last = accounts
            .iter()
            .rev()
            .find(|s| s.form == Form::Line)
            .ok_or(EditError::NoPlace)?;
        let under_header = accounts.iter().any(|s| s.form == Form::Header);
        let base = if under_header { "" } else { "account." };
        let indent = self.lines.indent(last.span.start);
        Ok(vec![self.add_line(
            last,
            &format!("{indent}{base}{name} = {inline}"),
        )])
    }

    /// A block of its own behind the last account's.
    fn add_table(&self, entry: &Entry, header: &Statement) -> Replacement {
        let newline = self.lines.newline();
        let indent = self.lines.indent(header.span.start);
        let last = self.section_end(header);
        let mut block = format!("{indent}[account.{}]", written_key(entry.key.as_str()));
        for (name, value) in fields(entry) {
            block.push_str(&format!("{newline}{indent}{name} = {value}"));
        }
        let at = self.lines.after_comments(last);
        let gap = match self.lines.blank_above(header.span.start) {
            true => newline,
            false => "",
        };
        self.lines.insert_lines(at, gap, &block)
    }

    /// The end of the last statement that a header's table has.
    fn section_end(&self, header: &Statement) -> usize {
        let following = self
            .layout
            .statements
            .iter()
            .filter(|s| s.span.start > header.span.start);
        let mut end = header.span.end;
        for statement in following {
            if statement.form == Form::Header {
                break;
            }
            end = end.max(statement.span.end);
        }
        end
    }

    fn add_line(&self, after: &Statement, line: &str) -> Replacement {
        self.lines
            .insert_lines(self.lines.line_end(after.span.end), "", line)
    }

    /// Behind the last entry of an inline table.
    fn add_inline(&self, table: &Statement, item: &str) -> Option<Replacement> {
        let last = self
            .layout
            .statements
            .iter()
            .filter(|s| s.form == Form::Inline && s.path.len() > table.path.len())
            .filter(|s| table.value.start < s.span.start && s.span.end <= table.value.end)
            .map(|s| s.span.end)
            .max()?;
        Some((last..last, format!(", {item}")))
    }

    /// Writes a field of an account's entry: over what is there, or below its `ou`, in the same form.
    fn set(
        &self,
        key: &AccountKey,
        field: &'static str,
        value: &str,
    ) -> Result<Vec<Replacement>, EditError> {
        self.exists(key)?;
        let path = ["account", key.as_str(), field];
        if let Some(text) = self.layout.texts.iter().find(|t| t.path == path) {
            return Ok(vec![self.rewrite(text, value)]);
        }
        let no_field = |field| EditError::NoField {
            key: key.clone(),
            field,
        };
        if self.layout.at(&path).is_some() {
            return Err(no_field(field));
        }
        let path = ["account", key.as_str(), "ou"];
        let ou = self.layout.at(&path).ok_or_else(|| no_field("ou"))?;
        let item = format!("{field} = {}", written(value));
        if ou.form == Form::Inline {
            return Ok(vec![(ou.span.end..ou.span.end, format!(", {item}"))]);
        }
        // Dots and indentation as before `ou`.
        let start = self.lines.line_start(ou.span.start);
        let before = self.text.get(start..ou.key.start).unwrap_or_default();
        Ok(vec![self.add_line(ou, &format!("{before}{item}"))])
    }

    fn rename(&self, from: &AccountKey, to: &AccountKey) -> Result<Vec<Replacement>, EditError> {
        self.exists(from)?;
        if self.exists(to).is_ok() {
            return Err(EditError::Taken(to.clone()));
        }
        let path = ["account", from.as_str()];
        let keys = self.layout.keys.iter().filter(|k| k.path == path);
        let keys = keys.map(|k| (k.span.clone(), written_key(to.as_str())));
        let texts = self
            .layout
            .texts
            .iter()
            .filter(|text| text.value == from.as_str() && is_reference(&text.path));
        let texts = texts.map(|text| self.rewrite(text, to.as_str()));
        Ok(keys.chain(texts).collect())
    }

    fn remove(&self, key: &AccountKey) -> Result<Vec<Replacement>, EditError> {
        self.exists(key)?;
        let path = ["account", key.as_str()];
        let mut gone: Vec<Replacement> = Vec::new();
        let mut done_to = 0;
        for (place, statement) in self.layout.statements.iter().enumerate() {
            if !statement.is_within(&path) || statement.span.start < done_to {
                continue;
            }
            let range = match statement.form {
                Form::Header => self
                    .lines
                    .block(statement.span.start, self.section_end(statement)),
                Form::Line => self.lines.block(statement.span.start, statement.span.end),
                Form::Inline => self.inline_item(place),
            };
            done_to = match statement.form {
                Form::Header => self.section_end(statement),
                _ => statement.span.end,
            };
            match gone.last_mut() {
                Some((last, _)) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => gone.push((range, String::new())),
            }
        }
        Ok(gone)
    }

    /// An entry of an inline table with the comma that separates it.
    fn inline_item(&self, place: usize) -> Range<usize> {
        let Some(statement) = self.layout.statements.get(place) else {
            return 0..0;
        };
        let span = statement.span.clone();
        let behind = self.text.get(span.end..).unwrap_or_default();
        let spaces = behind.len() - behind.trim_start().len();
        if behind.trim_start().starts_with(',') {
            let rest = behind.get(spaces + 1..).unwrap_or_default();
            let more = rest.len() - rest.trim_start_matches([' ', '\t']).len();
            return span.start..span.end + spaces + 1 + more;
        }
        let before = self.text.get(..span.start).unwrap_or_default().trim_end();
        match before.strip_suffix(',') {
            Some(before) => before.len()..span.end,
            None => span,
        }
    }

    /// Another value in the quotes that are there, where it can stand in them.
    fn rewrite(&self, text: &Text, value: &str) -> Replacement {
        let now = self.text.get(text.span.clone()).unwrap_or_default();
        let literal = now.starts_with('\'') && !now.starts_with("'''");
        let plain = !value.contains('\'') && !value.chars().any(char::is_control);
        let new = match literal && plain {
            true => format!("'{value}'"),
            false => written(value),
        };
        (text.span.clone(), new)
    }
}

fn is_reference(path: &[String]) -> bool {
    REFERENCES.iter().any(|reference| {
        reference.len() == path.len()
            && reference
                .iter()
                .zip(path)
                .all(|(part, name)| *part == "*" || part == name)
    })
}

/// The lines of an entry: name and value, in the order in which they are written.
fn fields(entry: &Entry) -> Vec<(String, String)> {
    let mut fields = vec![("ou".to_owned(), written(&entry.ou.to_string()))];
    let mut text = |name: &str, value: Option<&str>| {
        fields.extend(value.map(|value| (name.to_owned(), written(value))));
    };
    text("id", entry.id.as_ref().map(AccountId::as_str));
    text("name", entry.name.as_deref());
    text("email", entry.email.as_ref().map(Email::as_str));
    if !entry.tags.is_empty() {
        let tags = entry
            .tags
            .iter()
            .map(|(key, value)| format!("{} = {}", written_key(key), written(value)));
        fields.push(("tags".to_owned(), braced(tags)));
    }
    for (kind, contact) in &entry.contacts {
        let items = [
            ("name", &contact.name),
            ("title", &contact.title),
            ("email", &contact.email),
            ("phone", &contact.phone),
        ];
        let items = items
            .into_iter()
            .map(|(name, value)| format!("{name} = {}", written(value)));
        fields.push((format!("contacts.{}", kind.as_str()), braced(items)));
    }
    fields
}

fn inline(entry: &Entry) -> String {
    braced(
        fields(entry)
            .into_iter()
            .map(|(name, value)| format!("{name} = {value}")),
    )
}

fn braced(items: impl Iterator<Item = String>) -> String {
    format!("{{ {} }}", items.collect::<Vec<_>>().join(", "))
}

/// A text as TOML.
fn written(text: &str) -> String {
    toml_edit::Value::from(text).to_string()
}

/// A key as TOML: bare where it can be.
fn written_key(key: &str) -> String {
    toml_edit::Key::new(key).display_repr().into_owned()
}
