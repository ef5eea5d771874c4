//! The files that a plan names, read before anything is judged, so that the checks stay pure.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::diagnostic::Source;
use super::file::{BaselineTable, PlanFile};
use super::load::JudgeBaseline;
use super::{BaselineChoice, BaselineProblem};

/// No policy AWS takes is near this size; what is larger is not a policy.
const MAX_DOCUMENT: u64 = 256 * 1024;

/// What stands at the paths that a plan names, by the path as written.
#[derive(Debug, Default)]
pub(super) struct Documents {
    pub(super) policies: BTreeMap<String, Result<Arc<Source>, String>>,
    pub(super) folders: BTreeMap<String, Result<PathBuf, String>>,
    /// What the baselines say of the choices made of them.
    pub(super) baselines: BTreeMap<String, Vec<BaselineProblem>>,
}

impl Documents {
    /// Reads what `file` names, relative to `folder`, and has its baselines judged.
    pub(super) fn read(file: &PlanFile, folder: &Path, judge: JudgeBaseline<'_>) -> Self {
        let mut documents = Self::default();
        for policy in file.policy.values() {
            if let Some(path) = &policy.file {
                documents
                    .policies
                    .entry(path.to_string())
                    .or_insert_with(|| document(folder, path));
            }
        }
        for baseline in file.baseline.values() {
            if let Some(path) = &baseline.folder {
                documents
                    .folders
                    .entry(path.to_string())
                    .or_insert_with(|| own_folder(folder, path));
            }
        }
        for (name, table) in &file.baseline {
            // A folder that can not be used has its own message.
            if let Some(mut choice) = documents.choice(table) {
                // Messages name its files as the plan does.
                choice.folder = table.folder.as_ref().map(|path| folder.join(&**path));
                let problems = judge(name, &choice);
                documents.baselines.insert(name.to_string(), problems);
            }
        }
        documents
    }

    /// A baseline as chosen; `None` where its folder can not be used.
    pub(super) fn choice(&self, table: &BaselineTable) -> Option<BaselineChoice> {
        let folder = match &table.folder {
            None => None,
            Some(path) => match self.folders.get(path.as_str()) {
                Some(Ok(found)) => Some(found.clone()),
                _ => return None,
            },
        };
        Some(BaselineChoice {
            folder,
            options: table
                .options
                .iter()
                .map(|(name, value)| (name.to_string(), (&**value).into()))
                .collect(),
            // What is no name is told by the checks.
            existing_stacks: table
                .existing_stacks
                .iter()
                .filter_map(|(set, ids)| {
                    let ids = ids.iter().filter_map(|id| id.parse().ok());
                    Some((set.parse().ok()?, ids.collect()))
                })
                .collect(),
        })
    }
}

/// The path as the person who runs orgstrap would write it; absolute ones are refused, because a
/// plan means the same on every machine.
fn resolve(folder: &Path, path: &str) -> Result<PathBuf, String> {
    if path.is_empty() {
        Err("the path is empty".to_owned())
    } else if Path::new(path).is_absolute() {
        Err("it is absolute; a path in a plan is relative to the plan".to_owned())
    } else {
        Ok(folder.join(path))
    }
}

fn document(folder: &Path, path: &str) -> Result<Arc<Source>, String> {
    let place = resolve(folder, path)?;
    let text = read_limited(&place, MAX_DOCUMENT)?;
    Ok(Arc::new(Source {
        name: place.display().to_string(),
        text,
    }))
}

fn own_folder(folder: &Path, path: &str) -> Result<PathBuf, String> {
    let place = resolve(folder, path)?;
    match place.canonicalize() {
        Ok(found) if found.is_dir() => Ok(found),
        Ok(_) => Err("it is not a folder".to_owned()),
        Err(error) => Err(reason(&error, &place)),
    }
}

/// The byte-order mark.
pub(super) const MARK: char = '\u{feff}';

/// A file's text; the error is a fragment such as "there is no such file".
pub(super) fn read_limited(path: &Path, limit: u64) -> Result<String, String> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(limit + 1).read_to_end(&mut bytes))
        .map_err(|error| reason(&error, path))?;
    if bytes.len() as u64 > limit {
        return Err(format!("it is larger than {} KiB", limit / 1024));
    }
    decoded(bytes)
}

/// A file's bytes as text, without the mark that some systems' editors put at its beginning: UTF-8, or UTF-16
/// where the mark says so.
///
/// # Errors
/// It is neither, as a fragment of a sentence.
pub fn decoded(bytes: Vec<u8>) -> Result<String, String> {
    let wide = |unit: fn([u8; 2]) -> u16| {
        let units = bytes.get(2..).unwrap_or_default().chunks_exact(2);
        let units: Vec<u16> = units
            .filter_map(|pair| Some(unit(pair.try_into().ok()?)))
            .collect();
        String::from_utf16(&units).map_err(|_| "it is not UTF-16 text".to_owned())
    };
    match bytes.as_slice() {
        [0xff, 0xfe, ..] => return wide(u16::from_le_bytes),
        [0xfe, 0xff, ..] => return wide(u16::from_be_bytes),
        _ => {}
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = error
            .as_bytes()
            .iter()
            .take(good)
            .filter(|byte| **byte == b'\n')
            .count()
            + 1;
        format!("it is not UTF-8 text (line {line})")
    })?;
    Ok(match text.strip_prefix(MARK) {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}

fn reason(error: &std::io::Error, path: &Path) -> String {
    match error.kind() {
        ErrorKind::NotFound => format!("there is no `{}`", path.display()),
        ErrorKind::PermissionDenied => {
            format!("reading `{}` is not permitted", path.display())
        }
        ErrorKind::IsADirectory => format!("`{}` is a folder", path.display()),
        ErrorKind::NotADirectory => format!("`{}` goes through a file", path.display()),
        _ => error.to_string(),
    }
}
