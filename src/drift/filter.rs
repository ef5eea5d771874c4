//! Which findings somebody asked for, and whether what they named is there at all. Pure.
//!
//! A filter that names nothing would leave nothing, and nothing found looks like nothing wrong. So it is an error,
//! with what was probably meant.

use std::collections::BTreeSet;

use super::{Controls, Finding, Findings, Severity, UNMANAGED};
use crate::plan::{OuPath, listed as list, nearest};

/// Which findings are asked for: those that pass all four.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Starts of controls' names; all where there are none.
    pub controls: Vec<String>,
    /// Accounts by name or id; all where there are none.
    pub accounts: Vec<String>,
    /// OUs, with what lies below them; the root, which is everything, among them.
    pub ous: Vec<OuPath>,
    /// The mildest that is told.
    pub severity: Option<Severity>,
}

/// A filter names what is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no {what} `{word}`")]
pub struct NoSuch {
    pub what: &'static str,
    pub word: String,
    /// What was probably meant, or what there is.
    pub hint: String,
}

impl NoSuch {
    /// What there is not, where there is all this.
    pub fn among<'a>(
        what: &'static str,
        word: &str,
        all: impl IntoIterator<Item = &'a str> + Clone,
    ) -> Self {
        let hint = match nearest(word, all.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there is {}", list(all)),
        };
        NoSuch {
            what,
            word: word.to_owned(),
            hint,
        }
    }
}

impl Filter {
    /// Whether every control that is asked for exists: one of these, or one that a baseline of the plan keeps.
    ///
    /// # Errors
    /// The first that does not.
    pub fn check_controls<'a>(
        &self,
        builtin: &Controls,
        baselines: impl Iterator<Item = &'a String>,
    ) -> Result<(), NoSuch> {
        let mut names: BTreeSet<String> = builtin.names().map(str::to_owned).collect();
        names.extend(UNMANAGED.map(|kind| format!("organization.unmanaged-{kind}")));
        names.extend(baselines.cloned());
        for word in &self.controls {
            if names.iter().any(|name| is_start(word, name)) {
                continue;
            }
            let families: BTreeSet<&str> = names
                .iter()
                .filter_map(|name| Some(name.split_once('.')?.0))
                .collect();
            // The names are too many to be told: what is near is looked for among them, not what there is.
            let all = families
                .iter()
                .copied()
                .chain(names.iter().map(String::as_str));
            return Err(match nearest(word, all) {
                Some(near) => NoSuch::among("control", word, [near]),
                None => NoSuch::among("control", word, families),
            });
        }
        Ok(())
    }

    /// Whether every account and OU that is asked for is in the plan or in the organization.
    ///
    /// # Errors
    /// The first that is not.
    pub fn check_places(&self, found: &Findings) -> Result<(), NoSuch> {
        for word in &self.accounts {
            let there = found.accounts.iter().any(|(name, id)| {
                name == word || id.as_ref().is_some_and(|id| id.as_str() == word)
            });
            if !there {
                let ids = found.accounts.values().flatten().map(ToString::to_string);
                let all: BTreeSet<String> = match word.bytes().all(|b| b.is_ascii_digit()) {
                    true => ids.collect(),
                    false => found.accounts.keys().cloned().collect(),
                };
                let all: Vec<&str> = all.iter().map(String::as_str).collect();
                return Err(NoSuch::among("account", word, all));
            }
        }
        for path in &self.ous {
            if !path.is_root() && !found.ous.contains(path) {
                let all = found.ous.iter().filter(|ou| !ou.is_root());
                let all: Vec<String> = all.map(ToString::to_string).collect();
                let all: Vec<&str> = all.iter().map(String::as_str).collect();
                return Err(NoSuch::among("OU", &path.to_string(), all));
            }
        }
        Ok(())
    }

    /// Whether a finding is among those that are asked for.
    pub fn keeps(&self, finding: &Finding, found: &Findings) -> bool {
        let all = |words: &Vec<String>| words.is_empty();
        let control = all(&self.controls)
            || self
                .controls
                .iter()
                .any(|start| is_start(start, &finding.control));
        let account = all(&self.accounts)
            || self.accounts.iter().any(|desired| {
                let id = finding.place.account_id.as_ref();
                id.is_some_and(|id| id.as_str() == desired)
                    || finding.all_accounts().any(|name| {
                        let id = found.accounts.get(name).and_then(Option::as_ref);
                        name == desired || id.is_some_and(|id| id.as_str() == desired)
                    })
            });
        let ou = self.ous.is_empty()
            || self.ous.iter().any(|desired| {
                let own = finding.place.ou.as_ref();
                let own = own.and_then(|path| path.parse::<OuPath>().ok());
                let lies = |name: &str| found.lies_in.get(name).into_iter().flatten();
                desired.is_root()
                    || own.is_some_and(|path| desired.contains(&path))
                    || finding
                        .all_accounts()
                        .flat_map(lies)
                        .any(|path| desired.contains(path))
            });
        control && account && ou && self.severity.is_none_or(|least| finding.severity >= least)
    }
}

/// Whether a control is meant by the start of its name.
fn is_start(start: &str, name: &str) -> bool {
    !start.is_empty() && name.starts_with(start)
}
