//! Many accounts from a file: CSV with a header line, or JSON. All that is wrong is said at once, each with
//! its file and line, also what the org plan has to say of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::json_rows::rows_of_json;
use crate::cli::error::CommandError;
use crate::plan::edit::{Edit, Entry, accounts_in, edit};
use crate::plan::{
    self, AccountKey, Contact, ContactKind, Diagnostic, InvalidName, OrgPlan, OuPath, Severity,
    Tags, decoded, nearest,
};

/// The columns beside `tag:KEY`.
pub(super) const COLUMNS: [&str; 3] = ["name", "ou", "email"];

/// One account as written.
#[derive(Debug, Default)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) ou: String,
    pub(super) email: Option<String>,
    pub(super) tags: Tags,
    pub(super) contacts: BTreeMap<ContactKind, Contact>,
    /// The columns of which something was said already.
    pub(super) broken: BTreeSet<&'static str>,
    /// Which account of the list it is, where the line alone does not say so.
    pub(super) number: Option<usize>,
}

/// What is said of an account that its line alone does not point out.
pub(super) fn of_account(number: Option<usize>, message: String) -> String {
    match number {
        Some(number) => format!("account {number} of the list: {message}"),
        None => message,
    }
}

/// The accounts of a file, and what is wrong with it so far.
#[derive(Debug)]
pub(super) struct Batch {
    file: PathBuf,
    /// With stand-ins for what cannot be read, so that the rest of a line is judged too.
    pub(super) entries: Vec<Placed>,
    wrong: Vec<(usize, String)>,
}

/// An account and the line where it stands.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) line: usize,
    pub(super) entry: Entry,
    number: Option<usize>,
    /// The name as it is written, where the entry has a stand-in.
    written: Option<String>,
}

/// Reads the accounts of a file.
///
/// # Errors
/// The file cannot be read, or is neither CSV nor JSON by its name.
pub(super) fn read(file: &Path) -> Result<Batch, CommandError> {
    let bytes = std::fs::read(file).map_err(|error| {
        CommandError::caused(format!("could not read {}", file.display()), &error)
    })?;
    let text = decoded(bytes).map_err(|message| {
        CommandError::new(format!("could not read {}: {message}", file.display()))
    })?;
    let ending = file.extension().and_then(|ending| ending.to_str());
    let rows = match ending.map(str::to_ascii_lowercase).as_deref() {
        Some("csv") => rows_of_csv(&text),
        Some("json") => rows_of_json(&text),
        _ => {
            return Err(CommandError::new(format!(
                "{} is neither .csv nor .json",
                file.display()
            )));
        }
    };
    Ok(entries(file, rows))
}

impl Batch {
    /// Notes what is wrong in a line.
    pub(super) fn say(&mut self, line: usize, message: String) {
        self.wrong.push((line, message));
    }

    /// Notes where the accounts are in the plan already and otherwise, and what the plan has to say of them once
    /// they are in it.
    ///
    /// # Errors
    /// The plan has no place for them.
    pub(super) fn check(
        &mut self,
        plan: &OrgPlan,
        before: &str,
        file: &Path,
    ) -> Result<(), CommandError> {
        let mut after = before.to_owned();
        let mut message = Vec::new();
        for placed in &self.entries {
            match plan.accounts.get(&placed.entry.key) {
                None => {
                    after = edit(&after, &Edit::Add(placed.entry.clone()))
                        .map_err(|error| super::not_edited(&error))?;
                }
                Some(there) => {
                    let differences = super::add::differences(&placed.entry, there);
                    let differences = differences.into_iter();
                    message.extend(
                        differences
                            .map(|message| (placed.line, of_account(placed.number, message))),
                    );
                }
            }
        }
        self.wrong.extend(message);
        let folder = file.parent().unwrap_or(Path::new(""));
        if let Err(invalid) = plan::read_text(&file.display().to_string(), after, folder) {
            self.judged(&invalid.diagnostics, &file.display().to_string());
        }
        Ok(())
    }

    fn judged(&mut self, diagnostics: &[Diagnostic], plan: &str) {
        let mut locations = diagnostics.iter().filter_map(|d| d.location.as_ref());
        let location = locations.find(|at| at.source.name == plan);
        let accounts = location.map_or_else(Vec::new, |at| accounts_in(&at.source.text));
        for diagnostic in diagnostics {
            if diagnostic.severity != Severity::Error {
                continue;
            }
            let own = |offset: usize| {
                let mut all = accounts.iter().rev();
                let (_, key) = all.find(|(range, _)| range.contains(&offset))?;
                self.entries
                    .iter()
                    .find(|placed| placed.entry.key.as_str() == key)
            };
            let location = diagnostic.location.as_ref();
            let placed = location.and_then(|location| own(location.span.start));
            let mut message = diagnostic.message.clone();
            let mut more: Vec<String> = Vec::new();
            if let Some((location, label)) = &diagnostic.related {
                let place = match own(location.span.start) {
                    Some(placed) => format!("{}:{}", self.file.display(), placed.line),
                    None => location.to_string(),
                };
                more.push(format!("{label}: {place}"));
            }
            more.extend(diagnostic.help.iter().cloned());
            if !more.is_empty() {
                message = format!("{message} ({})", more.join("; "));
            }
            for placed in &self.entries {
                let key = placed.entry.key.as_str();
                match placed.written.as_deref() {
                    None => {}
                    Some("") => {
                        message = message.replace(&format!("`{key}`"), "without a name");
                        message = message.replace(key, "without-a-name");
                    }
                    Some(written) => message = message.replace(key, written),
                }
            }
            let (line, number) = match placed {
                Some(placed) => (placed.line, placed.number),
                // Of the plan as a whole.
                None => (0, None),
            };
            self.wrong.push((line, of_account(number, message)));
        }
    }

    /// Everything that is wrong, in the order of the file.
    ///
    /// # Errors
    /// Anything is.
    pub(super) fn sound(mut self) -> Result<Vec<Placed>, CommandError> {
        if self.wrong.is_empty() {
            return Ok(self.entries);
        }
        self.wrong.sort();
        self.wrong.dedup();
        let file = self.file.display().to_string();
        let lines: Vec<String> = self
            .wrong
            .iter()
            .map(|(line, message)| match line {
                0 => format!("  {file}: {message}"),
                _ => format!("  {file}:{line}: {message}"),
            })
            .collect();
        Err(CommandError::new(format!(
            "{file} cannot be used as it is; nothing was changed:\n{}",
            lines.join("\n")
        ))
        .hint("columns: name, ou, email (may be empty), and tag:KEY for each tag; in JSON `tags` is an object"))
    }
}

/// Rows with the line where each stands, or what is wrong with it.
pub(super) type Rows = Vec<(usize, Result<Row, String>)>;

fn rows_of_csv(text: &str) -> Rows {
    let (head_line, head) = head(text);
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .comment(Some(b'#'))
        .delimiter(delimiter(head))
        .from_reader(text.as_bytes());
    let header = match reader.headers() {
        Ok(header) => header.clone(),
        Err(error) => return vec![(head_line, Err(error.to_string()))],
    };
    let mut rows: Rows = Vec::new();
    let mut wrong = |message: String| rows.push((head_line, Err(message)));
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for column in &header {
        let tag = column
            .strip_prefix("tag:")
            .is_some_and(|key| !key.is_empty());
        if !tag && !COLUMNS.contains(&column) {
            let meant = nearest(column, COLUMNS);
            let meant = meant.map(|meant| format!("; did you mean `{meant}`?"));
            wrong(format!(
                "there is no column `{column}`{}",
                meant.unwrap_or_default()
            ));
        } else if !seen.insert(column) {
            wrong(format!("the column `{column}` is there twice"));
        }
    }
    let mut absent = Vec::new();
    for column in ["name", "ou"] {
        if !seen.contains(column) {
            wrong(format!("the column `{column}` is missing"));
            absent.push(column);
        }
    }
    if !absent.is_empty() {
        return rows;
    }
    for record in reader.records() {
        match record {
            Ok(record) => {
                let line = record.position().map_or(0, csv::Position::line);
                rows.push((line as usize, Ok(row(&header, &record))));
            }
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                rows.push((line as usize, Err(message(&error))));
            }
        }
    }
    rows
}

/// The first line that is no comment, and which it is.
fn head(text: &str) -> (usize, &str) {
    let mut lines = text.lines().enumerate();
    let found = lines.find(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    found.map_or((1, ""), |(number, line)| (number + 1, line))
}

/// What separates the columns: spreadsheets write semicolons where the comma is the decimal sign.
fn delimiter(head: &str) -> u8 {
    match head {
        _ if head.contains(',') => b',',
        _ if head.contains(';') => b';',
        _ if head.contains('\t') => b'\t',
        _ => b',',
    }
}

fn row(header: &csv::StringRecord, record: &csv::StringRecord) -> Row {
    let mut row = Row::default();
    for (column, value) in header.iter().zip(record) {
        match column {
            "name" if row.name.is_empty() => row.name = value.to_owned(),
            "ou" if row.ou.is_empty() => row.ou = value.to_owned(),
            "email" if row.email.is_none() => {
                row.email = Some(value.to_owned()).filter(|v| !v.is_empty())
            }
            tag => {
                if let Some(key) = tag.strip_prefix("tag:").filter(|_| !value.is_empty()) {
                    row.tags.insert(key.to_owned(), value.to_owned());
                }
            }
        }
    }
    row
}

fn message(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => format!("has {len} fields, and the header has {expected_len}"),
        _ => error.to_string(),
    }
}

fn entries(file: &Path, rows: Rows) -> Batch {
    let mut batch = Batch {
        file: file.to_owned(),
        entries: Vec::new(),
        wrong: Vec::new(),
    };
    let mut names: BTreeMap<AccountKey, usize> = BTreeMap::new();
    if rows.is_empty() {
        batch.say(0, "it names no account".to_owned());
    }
    for (at, (line, row)) in rows.into_iter().enumerate() {
        let row = match row {
            Ok(row) => row,
            Err(message) => {
                batch.say(line, message);
                continue;
            }
        };
        let number = row.number;
        let mut say = |message: String| batch.wrong.push((line, of_account(number, message)));
        let whole = |column: &str| !row.broken.contains(column);
        let mut key = match whole("name") {
            true => parsed::<AccountKey>("name", &row.name, &mut say),
            false => None,
        };
        let ou = match whole("ou") {
            true => parsed::<OuPath>("ou", &row.ou, &mut say),
            false => None,
        };
        let email = match (whole("email"), row.email.as_deref()) {
            (false, _) => Some(None),
            (true, Some(email)) => Some(parsed("email", email, &mut say)),
            (true, None) => None,
        };
        if let Some(name) = &key
            && let Some(first) = names.get(name)
        {
            say(format!(
                "account `{name}` is named twice, first in line {first}"
            ));
            key = None;
        }
        // A line may hold many accounts.
        let stand_in = format!("orgstrap-row-{}", at + 1);
        let written = key.is_none().then(|| row.name.clone());
        let Some(key) = key.or_else(|| stand_in.parse().ok()) else {
            continue;
        };
        names.entry(key.clone()).or_insert(line);
        let email = match email {
            Some(None) => format!("{stand_in}@example.com").parse().ok(),
            Some(email) => email,
            None if written.is_some() => format!("{stand_in}@example.com").parse().ok(),
            None => None,
        };
        batch.entries.push(Placed {
            line,
            number,
            written,
            entry: Entry {
                key,
                id: None,
                name: None,
                email,
                ou: ou.unwrap_or_else(OuPath::root),
                tags: row.tags,
                contacts: row.contacts,
            },
        });
    }
    batch
}

fn parsed<T: FromStr<Err = InvalidName>>(
    what: &str,
    text: &str,
    say: &mut impl FnMut(String),
) -> Option<T> {
    match text.parse() {
        Ok(value) => Some(value),
        Err(_) if text.is_empty() => {
            say(format!("`{what}` is missing"));
            None
        }
        Err(error) => {
            say(format!("{what} `{text}`: {error}"));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, bytes: &[u8]) -> Result<Vec<Entry>, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join(name);
        std::fs::write(&file, bytes).expect("written");
        let placed = read(&file)
            .and_then(Batch::sound)
            .map_err(|error| error.message)?;
        Ok(placed.into_iter().map(|placed| placed.entry).collect())
    }

    /// The lines of a refusal without the file's folder.
    fn wrong(name: &str, bytes: &[u8]) -> Vec<String> {
        let message = of(name, bytes).expect_err("wrong");
        let lines = message.lines().skip(1);
        lines
            .filter_map(|line| line.split_once(&format!("/{name}:")))
            .map(|(_, rest)| rest.to_owned())
            .collect()
    }

    fn names(entries: &[Entry]) -> Vec<&str> {
        entries.iter().map(|entry| entry.key.as_str()).collect()
    }

    #[test]
    fn a_table_becomes_entries() {
        let text = "name,ou,email,tag:team\nshop, Workloads/Dev ,,shop\n# later\nblog,Sandbox,blog@example.com,\n";
        let entries = of("a.csv", text.as_bytes()).expect("sound");
        let [shop, blog] = entries.as_slice() else {
            panic!("{entries:?}");
        };
        assert_eq!(
            (shop.key.as_str(), shop.ou.to_string().as_str()),
            ("shop", "Workloads/Dev")
        );
        assert_eq!(
            shop.tags,
            Tags::from([("team".to_owned(), "shop".to_owned())])
        );
        assert_eq!(shop.email, None);
        assert_eq!(
            blog.email.as_ref().map(|e| e.as_str()),
            Some("blog@example.com")
        );
        assert_eq!(blog.tags, Tags::new());
    }

    #[test]
    fn json_becomes_entries() {
        let text = r#"[ {"name": "shop", "ou": "Sandbox", "tags": {"team": "shop"},
            "contacts": {"security": {"name": "Jo", "title": "CISO", "email": "jo@example.com", "phone": "+1"}}} ]"#;
        let entries = of("a.json", text.as_bytes()).expect("sound");
        assert_eq!(entries.len(), 1);
        assert!(entries[0].contacts.contains_key(&ContactKind::Security));
    }

    /// As spreadsheets and editors of other systems write them.
    #[test]
    fn marks_endings_separators_and_capitals_of_files() {
        let table = "name,ou\r\nshop,Sandbox\r\n";
        let list = r#"[{"name": "shop", "ou": "Sandbox"}]"#;
        let marked = |text: &str| format!("\u{feff}{text}").into_bytes();
        let wide = |text: &str| -> Vec<u8> {
            let units = format!("\u{feff}{text}");
            units.encode_utf16().flat_map(u16::to_le_bytes).collect()
        };
        for (name, bytes) in [
            ("a.csv", table.as_bytes().to_vec()),
            ("a.CSV", marked(table)),
            ("a.csv", wide(table)),
            ("a.csv", table.replace(',', ";").into_bytes()),
            ("a.csv", table.replace(',', "\t").into_bytes()),
            ("a.json", marked(list)),
            ("a.Json", list.as_bytes().to_vec()),
            ("a.json", wide(list)),
        ] {
            let entries = of(name, &bytes).unwrap_or_else(|message| panic!("{name}: {message}"));
            assert_eq!(names(&entries), ["shop"], "{name}");
        }
        let message = of("a.csv", b"name,ou\nK\xf6ln,Sandbox\n").expect_err("Latin-1");
        assert!(message.contains("not UTF-8 text (line 2)"), "{message}");
    }

    #[test]
    fn everything_wrong_is_said_with_its_file_and_line() {
        let text =
            "name,ou,email\nshop,Sandbox\nshop two,Sandbox,x\n,,\nblog,Sandbox,\nblog,Sandbox,\n";
        let lines = wrong("a.csv", text.as_bytes());
        let places: Vec<&str> = lines.iter().filter_map(|w| w.split(':').next()).collect();
        assert_eq!(places, ["2", "3", "3", "4", "4", "6"], "{lines:?}");
        let text = "[\n {\"name\": \"shop\", \"ou\": \"Sandbox\"},\n {\"name\": \"blog\",\n  \"oo\": \"Sandbox\"},\n {\"name\": \"x\", \"ou\": \"Sandbox\", \"tags\": {\"a\": \"1\", \"a\": \"2\"}}\n]";
        let lines = wrong("a.json", text.as_bytes());
        assert_eq!(
            lines,
            [
                "3: `ou` is missing",
                "4: there is no field `oo`; there are name, ou, email, tags, contacts",
                "5: `a` is said twice",
            ]
        );
    }

    #[test]
    fn every_field_of_json_that_is_wrong_is_said_at_once() {
        let text = r#"[
 {"name": 7, "ou": "Sandbox", "tags": {"a": 1, "b": "x", "c": null}},
 {"nmae": "blog", "ou": ["Sandbox"], "email": "no address",
  "contacts": {"security": {"name": "Jo", "phone": 5, "tilte": "CISO"},
               "legal": {}, "billing": "Jo"}},
 "shop",
 {"name": "shop", "ou": "Sandbox", "name": "shop-two", "tags": []}
]"#;
        assert_eq!(
            wrong("a.json", text.as_bytes()),
            [
                "2: `name` is a number, not text",
                "2: `tags.a` is a number, not text",
                "2: `tags.c` is null, not text",
                "3: `ou` is a list, not text",
                "3: email `no address`: an email is written like `aws+name@example.com`",
                "3: there is no field `nmae`; did you mean `name`?",
                "4: `contacts.security.email` is missing",
                "4: `contacts.security.phone` is a number, not text",
                "4: `contacts.security.title` is missing",
                "4: there is no field `tilte`; did you mean `title`?",
                "5: `contacts.billing` is text, not an object",
                "5: there is no field `legal`; there are billing, operations, security",
                "6: an account is text, not an object",
                "7: `name` is said twice",
                "7: `tags` is a list, not an object",
            ]
        );
    }

    /// As programs write lists.
    #[test]
    fn a_list_in_one_line_says_which_account_is_wrong() {
        let text = r#"[{"ou": "Sandbox"}, {"name": "shop", "ou": "Sandbox"}, {"ou": "Sandbox", "email": 1}, {"name": "shop", "ou": "Sandbox"}]"#;
        assert_eq!(
            wrong("a.json", text.as_bytes()),
            [
                "1: account 1 of the list: `name` is missing",
                "1: account 3 of the list: `email` is a number, not text",
                "1: account 3 of the list: `name` is missing",
                "1: account 4 of the list: account `shop` is named twice, first in line 1",
            ]
        );
        // The plan has nothing to say of stand-ins.
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a.json");
        std::fs::write(&file, text).expect("written");
        let mut batch = read(&file).expect("read");
        let before = "[organization]\nmanagement_account = \"111111111111\"\nhome_region = \"eu-west-1\"\n\
                      regions = [\"eu-west-1\"]\nemail = \"aws+{account}@example.com\"\n[ou.Sandbox]\n[account.blog]\nou = \"Sandbox\"\n";
        let org = folder.path().join("org.toml");
        let plan = plan::read_text("org.toml", before.to_owned(), folder.path()).expect("a plan");
        batch.check(&plan.plan, before, &org).expect("checked");
        assert_eq!(batch.wrong.len(), 4, "{:?}", batch.wrong);
    }

    #[test]
    fn columns_that_are_unknown_twice_or_missing_are_said_with_the_rows() {
        let text = "# ours\nname,ou,emial,tag:a,tag:a,ou\nshop two,Sandbox,,,,\n";
        assert_eq!(
            wrong("a.csv", text.as_bytes())
                .iter()
                .map(|line| line.split(": ").next().unwrap_or_default())
                .collect::<Vec<_>>(),
            ["2", "2", "2", "3"]
        );
        let lines = wrong("a.csv", text.as_bytes());
        assert!(
            lines
                .iter()
                .any(|line| line.contains("did you mean `email`?")),
            "{lines:?}"
        );
        assert!(
            lines
                .iter()
                .any(|line| line.contains("the column `tag:a` is there twice")),
            "{lines:?}"
        );
        assert!(
            lines
                .iter()
                .any(|line| line.contains("the column `ou` is there twice")),
            "{lines:?}"
        );
        assert_eq!(
            wrong("a.csv", b"nome,ou\n"),
            [
                "1: the column `name` is missing",
                "1: there is no column `nome`; did you mean `name`?"
            ]
        );
    }
}
