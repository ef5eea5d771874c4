//! A saved inventory: what was read, with the time when each kind was, as one file format. The describe
//! cache keeps it between runs; `inventory --out` and `drift --out` write it; `rehearse --from`,
//! `drift --since` and `diff` read it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Answers, Inventory, Section};

const FORMAT: &str = "orgstrap-inventory";
const VERSION: u32 = 2;

/// An inventory as a file holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SavedInventory {
    format: String,
    version: u32,
    /// What only the describe cache writes into its files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheNote>,
    /// When each kind was read; what is missing was read when the inventory was taken.
    #[serde(default)]
    pub read_at: BTreeMap<Section, Timestamp>,
    pub inventory: Inventory,
    /// What the services themselves said, for controls. JSON has only text for keys, so a list.
    #[serde(default, with = "list")]
    pub answers: Answers,
}

/// Whose cache it is, and whether it is whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheNote {
    /// The version of orgstrap that wrote it.
    pub written_by: String,
    /// A digest of how AWS was reached: another role may see less.
    pub asked_by: String,
    /// What each kind was read for, such as a digest of the plan's accounts.
    pub scopes: BTreeMap<Section, String>,
    /// Over everything else: what still parses after damage must not pass for an answer.
    pub sha256: String,
}

/// Why a file is no inventory that can be used.
#[derive(Debug, thiserror::Error)]
pub enum SavedInventoryError {
    #[error("it is not an inventory that orgstrap saved")]
    Foreign,
    #[error("it is a check as earlier versions saved it, not an inventory")]
    Findings,
    #[error("it is an inventory of version {0}, and this orgstrap reads version {VERSION}")]
    Version(u64),
    #[error("it is damaged: {0}")]
    Damaged(String),
}

impl SavedInventory {
    /// An inventory to be saved, all of it read when it was taken.
    pub fn new(inventory: Inventory) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            cache: None,
            read_at: BTreeMap::new(),
            inventory,
            answers: BTreeMap::new(),
        }
    }

    /// When a kind of the inventory was read.
    pub fn read_at(&self, kind: Section) -> Timestamp {
        let at = self.read_at.get(&kind);
        at.copied().unwrap_or(self.inventory.taken_at)
    }

    /// The file's text.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }

    /// Reads a file's text.
    pub fn from_json(text: &[u8]) -> Result<Self, SavedInventoryError> {
        #[derive(Deserialize)]
        struct Heading {
            format: Option<String>,
            version: Option<u64>,
        }
        // The heading first: another version's body may have any shape.
        let heading: Heading =
            serde_json::from_slice(text).map_err(|_| SavedInventoryError::Foreign)?;
        match heading.format.as_deref() {
            Some(FORMAT) => {}
            Some("orgstrap-findings") => return Err(SavedInventoryError::Findings),
            _ => return Err(SavedInventoryError::Foreign),
        }
        match heading.version {
            Some(version) if version == u64::from(VERSION) => {}
            version => return Err(SavedInventoryError::Version(version.unwrap_or_default())),
        }
        serde_json::from_slice(text)
            .map_err(|error| SavedInventoryError::Damaged(error.to_string()))
    }
}

/// Answers as a list of entries.
mod list {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::super::{Answer, Answers, Question};

    #[derive(Serialize)]
    struct Borrowed<'a> {
        question: &'a Question,
        answer: &'a Answer,
    }

    #[derive(Deserialize)]
    struct Owned {
        question: Question,
        answer: Answer,
    }

    pub(super) fn serialize<S: Serializer>(answers: &Answers, to: S) -> Result<S::Ok, S::Error> {
        let entries = answers
            .iter()
            .map(|(question, answer)| Borrowed { question, answer });
        to.collect_seq(entries)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Answers, D::Error> {
        let entries = Vec::<Owned>::deserialize(from)?;
        Ok(entries
            .into_iter()
            .map(|entry| (entry.question, entry.answer))
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_files_are_told_apart() {
        let of = |text: &str| {
            let wrong = SavedInventory::from_json(text.as_bytes()).unwrap_err();
            wrong.to_string()
        };
        assert!(of("[organization]").starts_with("it is not an inventory"));
        assert!(of(r#"{"format": "orgstrap-changes", "version": 1}"#).starts_with("it is not"));
        assert!(of(r#"{"format": "orgstrap-findings", "version": 1}"#).contains("a check"));
        assert!(of(r#"{"format": "orgstrap-inventory", "version": 1}"#).contains("version 1"));
        assert!(of(r#"{"format": "orgstrap-inventory", "version": 3}"#).contains("version 3"));
        assert!(
            of(r#"{"format": "orgstrap-inventory", "version": 2}"#).starts_with("it is damaged")
        );
    }
}
