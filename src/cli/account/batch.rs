//! Many accounts from a file: CSV with a header line, or JSON. All that is wrong is said at once, each with
//! its line.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::str::FromStr;

use serde::Deserialize;

use crate::cli::error::CommandError;
use crate::plan::edit::Entry;
use crate::plan::{AccountKey, Contact, ContactKind, InvalidName, Tags};

/// The columns beside `tag:KEY`.
const COLUMNS: [&str; 3] = ["name", "ou", "email"];

/// One account as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    #[serde(default)]
    name: String,
    #[serde(default)]
    ou: String,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    tags: Tags,
    #[serde(default)]
    contacts: BTreeMap<ContactKind, Contact>,
}

/// Reads the accounts of a file.
pub(super) fn read(file: &Path) -> Result<Vec<Entry>, CommandError> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        CommandError::caused(format!("could not read {}", file.display()), &error)
    })?;
    let parsed = match file.extension().and_then(|ending| ending.to_str()) {
        Some("csv") => entries(rows_of_csv(&text)),
        Some("json") => entries(rows_of_json(&text)),
        _ => {
            return Err(CommandError::new(format!(
                "{} is neither .csv nor .json",
                file.display()
            )));
        }
    };
    parsed.map_err(|wrong| {
        CommandError::new(format!(
            "{} cannot be used as it is:\n{}",
            file.display(),
            wrong
                .iter()
                .map(|line| format!("  {line}"))
                .collect::<Vec<_>>()
                .join("\n")
        ))
        .hint("columns: name, ou, email (may be empty), and tag:KEY for each tag; in JSON `tags` is an object")
    })
}

/// Rows with where each stands, or what is wrong with it.
type Rows = Vec<(String, Result<Row, String>)>;

fn rows_of_csv(text: &str) -> Rows {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .comment(Some(b'#'))
        .from_reader(text.as_bytes());
    let header = match reader.headers() {
        Ok(header) => header.clone(),
        Err(error) => return vec![("line 1".to_owned(), Err(error.to_string()))],
    };
    let mut rows: Rows = Vec::new();
    for column in &header {
        let tag = column
            .strip_prefix("tag:")
            .is_some_and(|key| !key.is_empty());
        if !tag && !COLUMNS.contains(&column) {
            rows.push((
                "line 1".to_owned(),
                Err(format!("there is no column `{column}`")),
            ));
        }
    }
    for column in ["name", "ou"] {
        if !header.iter().any(|name| name == column) {
            rows.push((
                "line 1".to_owned(),
                Err(format!("the column `{column}` is missing")),
            ));
        }
    }
    if !rows.is_empty() {
        return rows;
    }
    for record in reader.records() {
        match record {
            Ok(record) => {
                let line = record.position().map_or(0, csv::Position::line);
                let mut row = Row::default();
                for (column, value) in header.iter().zip(&record) {
                    match column {
                        "name" => row.name = value.to_owned(),
                        "ou" => row.ou = value.to_owned(),
                        "email" => row.email = Some(value.to_owned()).filter(|v| !v.is_empty()),
                        tag => {
                            if let Some(key) =
                                tag.strip_prefix("tag:").filter(|_| !value.is_empty())
                            {
                                row.tags.insert(key.to_owned(), value.to_owned());
                            }
                        }
                    }
                }
                rows.push((format!("line {line}"), Ok(row)));
            }
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                rows.push((format!("line {line}"), Err(said(&error))));
            }
        }
    }
    rows
}

fn said(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => format!("has {len} fields, and the header has {expected_len}"),
        _ => error.to_string(),
    }
}

fn rows_of_json(text: &str) -> Rows {
    let list: Vec<&serde_json::value::RawValue> = match serde_json::from_str(text) {
        Ok(list) => list,
        Err(error) => {
            let place = format!("line {}", error.line());
            return vec![(place, Err(format!("is no list of objects: {error}")))];
        }
    };
    list.into_iter()
        .map(|raw| {
            // Where it stands in the text.
            let before = raw.get().as_ptr() as usize - text.as_ptr() as usize;
            let lines = text.get(..before).unwrap_or_default().matches('\n').count();
            let row = serde_json::from_str(raw.get());
            let place = match &row {
                Err(error) => lines + error.line(),
                Ok(_) => lines + 1,
            };
            let row = row.map_err(|error: serde_json::Error| {
                let said = error.to_string();
                said.split(" at line ").next().unwrap_or(&said).to_owned()
            });
            (format!("line {place}"), row)
        })
        .collect()
}

fn entries(rows: Rows) -> Result<Vec<Entry>, Vec<String>> {
    let mut wrong = Vec::new();
    let mut entries: Vec<Entry> = Vec::new();
    let mut names: BTreeSet<AccountKey> = BTreeSet::new();
    if rows.is_empty() {
        wrong.push("it names no account".to_owned());
    }
    for (place, row) in rows {
        let row = match row {
            Ok(row) => row,
            Err(said) => {
                wrong.push(format!("{place}: {said}"));
                continue;
            }
        };
        let mut say = |said: String| wrong.push(format!("{place}: {said}"));
        let key = parsed::<AccountKey>("name", &row.name, &mut say);
        let ou = parsed("ou", &row.ou, &mut say);
        let email = match &row.email {
            Some(email) => parsed("email", email, &mut say).map(Some),
            None => Some(None),
        };
        if let Some(key) = &key
            && !names.insert(key.clone())
        {
            say(format!("account `{key}` is named twice"));
        }
        if let (Some(key), Some(ou), Some(email)) = (key, ou, email) {
            entries.push(Entry {
                key,
                id: None,
                name: None,
                email,
                ou,
                tags: row.tags,
                contacts: row.contacts,
            });
        }
    }
    if wrong.is_empty() {
        Ok(entries)
    } else {
        Err(wrong)
    }
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

    #[test]
    fn a_table_becomes_entries() {
        let text = "name,ou,email,tag:team\nshop, Workloads/Dev ,,shop\n# later\nblog,Sandbox,blog@example.com,\n";
        let entries = entries(rows_of_csv(text)).expect("sound");
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
        let entries = entries(rows_of_json(text)).expect("sound");
        assert_eq!(entries.len(), 1);
        assert!(entries[0].contacts.contains_key(&ContactKind::Security));
    }

    #[test]
    fn everything_wrong_is_said_with_its_line() {
        let text =
            "name,ou,email\nshop,Sandbox\nshop two,Sandbox,x\n,,\nblog,Sandbox,\nblog,Sandbox,\n";
        let wrong = entries(rows_of_csv(text)).expect_err("wrong");
        let lines: Vec<&str> = wrong.iter().filter_map(|w| w.split(':').next()).collect();
        assert_eq!(
            lines,
            ["line 2", "line 3", "line 3", "line 4", "line 4", "line 6"],
            "{wrong:?}"
        );
        let text = "[\n {\"name\": \"shop\", \"ou\": \"Sandbox\"},\n {\"name\": \"blog\",\n  \"oo\": \"Sandbox\"}\n]";
        let wrong = entries(rows_of_json(text)).expect_err("wrong");
        assert_eq!(wrong.len(), 1);
        assert!(
            wrong[0].starts_with("line 4: unknown field `oo`"),
            "{wrong:?}"
        );
    }
}
