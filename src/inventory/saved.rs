//! A saved inventory: the facts with a heading, so that a file tells what it is.

use serde::{Deserialize, Serialize};

use super::Inventory;

const FORMAT: &str = "orgstrap-inventory";
const VERSION: u32 = 1;

/// An inventory as a file holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SavedInventory {
    format: String,
    version: u32,
    pub inventory: Inventory,
}

/// Why a file is no inventory that can be used.
#[derive(Debug, thiserror::Error)]
pub enum SavedInventoryError {
    #[error("it is not an inventory that `orgstrap inventory` saved")]
    Foreign,
    #[error("it is an inventory of version {0}, and this orgstrap reads version {VERSION}")]
    Version(u64),
    #[error("it is damaged: {0}")]
    Damaged(String),
}

impl SavedInventory {
    /// An inventory to be saved.
    pub fn new(inventory: Inventory) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            inventory,
        }
    }

    /// The file's text.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }

    /// Reads a file's text.
    pub fn from_json(text: &str) -> Result<Self, SavedInventoryError> {
        #[derive(Deserialize)]
        struct Heading {
            format: Option<String>,
            version: Option<u64>,
        }
        let heading: Heading =
            serde_json::from_str(text).map_err(|_| SavedInventoryError::Foreign)?;
        if heading.format.as_deref() != Some(FORMAT) {
            return Err(SavedInventoryError::Foreign);
        }
        match heading.version {
            Some(version) if version == u64::from(VERSION) => {}
            version => return Err(SavedInventoryError::Version(version.unwrap_or_default())),
        }
        serde_json::from_str(text).map_err(|error| SavedInventoryError::Damaged(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_files_are_told_apart() {
        let of = |text: &str| SavedInventory::from_json(text).unwrap_err().to_string();
        assert!(of("[organization]").starts_with("it is not an inventory"));
        assert!(of(r#"{"format": "orgstrap-changes", "version": 1}"#).starts_with("it is not"));
        assert!(of(r#"{"format": "orgstrap-inventory", "version": 2}"#).contains("version 2"));
        assert!(
            of(r#"{"format": "orgstrap-inventory", "version": 1}"#).starts_with("it is damaged")
        );
    }
}
