//! A check kept in a file, to compare a later one with.

use serde::{Deserialize, Serialize};

use super::Findings;
use crate::change::saved::check_head;

/// What the `format` field says.
const FORMAT: &str = "orgstrap-findings";
/// Raised whenever an older orgstrap could not read the file any more.
const VERSION: u32 = 1;

/// What `orgstrap drift --out` writes and `--since` reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SavedFindings {
    format: String,
    version: u32,
    pub findings: Findings,
}

/// Why a file is no saved check.
#[derive(Debug, thiserror::Error)]
pub enum SavedFindingsError {
    #[error("it is no saved check of orgstrap: {0}")]
    Json(#[from] serde_json::Error),
    #[error("it is of the format `{0}`, not `{FORMAT}`")]
    Format(String),
    #[error("it is of version {0}, and this orgstrap reads version {VERSION}")]
    Version(u32),
}

impl SavedFindings {
    /// The file of a check.
    pub fn new(findings: Findings) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            findings,
        }
    }

    /// The file's content. It names accounts, so only its owner should be able to read it.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        let mut json = serde_json::to_string_pretty(self)?;
        json.push('\n');
        Ok(json)
    }

    /// Reads a file's content; format and version are looked at before anything else.
    pub fn from_json(json: &str) -> Result<Self, SavedFindingsError> {
        check_head(
            json,
            (FORMAT, VERSION),
            SavedFindingsError::Format,
            SavedFindingsError::Version,
        )?;
        Ok(serde_json::from_str(json)?)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_check_survives_its_file_and_other_files_are_refused() {
        let findings = Findings {
            taken_at: "2026-11-24T06:00:00Z".parse().unwrap(),
            management_account: "111111111111".parse().unwrap(),
            findings: Vec::new(),
            checked: BTreeMap::new(),
            accounts: BTreeMap::new(),
        };
        let saved = SavedFindings::new(findings);
        let json = saved.to_json().unwrap();
        assert_eq!(SavedFindings::from_json(&json).unwrap(), saved);
        let refused = |json: &str| SavedFindings::from_json(json).unwrap_err().to_string();
        assert!(refused("[]").starts_with("it is no saved check"));
        assert_eq!(
            refused(&json.replace("orgstrap-findings", "orgstrap-drift")),
            "it is of the format `orgstrap-drift`, not `orgstrap-findings`"
        );
        assert_eq!(
            refused(&json.replace("\"version\": 1", "\"version\": 2")),
            "it is of version 2, and this orgstrap reads version 1"
        );
    }
}
