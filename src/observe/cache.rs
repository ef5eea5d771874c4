//! The describe cache: the last inventory, kept between runs so that a second look within minutes
//! makes no call. A file in the user's cache folder that only its owner may read, in the format of
//! every saved inventory.
//!
//! A section is used if it was read whole, within the age that was asked for, and before
//! orgstrap has changed anything since. What is wrong with the file (corrupt, another's, unwritable)
//! is a warning and costs a read of AWS, never the run, and never an answer that AWS did not give.
//!
//! Two processes at once: every update reads the file again under a lock and puts a new file in its
//! place; one that wants what another is reading just now waits for it. When orgstrap changes
//! something it writes down when, in a file beside, so that neither what was kept before nor what a
//! slower process had read before counts any more. AWS's answers hold no credentials, and nothing
//! else is written.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use crate::baseline::Desired;
use crate::inventory::{
    Answer, Answers, CacheNote, Inventory, Observed, SavedInventory, Scope, Section,
};
use crate::plan::{AccountId, OrgPlan};

/// Ten thousand accounts in all Regions stay below it; what is larger is not ours.
const MAX_BYTES: u64 = 512 * 1024 * 1024;
/// Answers to questions that nobody asks any more are dropped after this time.
const FORGOTTEN: Duration = Duration::from_secs(24 * 60 * 60);
/// This program's version: another may understand AWS's answers in another way.
const WRITTEN_BY: &str = env!("CARGO_PKG_VERSION");

/// How old a reading may be to be used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaxAge {
    /// Each section's own: what a person changes rarely may be older than what breaks by itself.
    Usual,
    /// The same for every section; zero uses nothing.
    Of(Duration),
}

impl MaxAge {
    /// Nothing is used.
    pub const NONE: MaxAge = MaxAge::Of(Duration::ZERO);

    fn of(self, section: Section) -> Duration {
        match self {
            MaxAge::Of(age) => age,
            MaxAge::Usual => section.usual_age(),
        }
    }

    /// Whether nothing may be used.
    pub fn is_none(self) -> bool {
        self == MaxAge::NONE
    }
}

/// What need not be read again: an inventory, the kinds of it that count, and when each was read.
#[derive(Debug)]
pub struct CachedInventory {
    pub inventory: Inventory,
    pub read_at: BTreeMap<Section, Timestamp>,
    pub answers: Answers,
}

impl CachedInventory {
    /// Whether nothing of the inventory is left to be read.
    pub fn is_whole(&self) -> bool {
        Section::of_inventory().all(|section| self.read_at.contains_key(&section))
    }
}

/// What each section is read for, beside AWS itself: where the plan decides what is asked, another plan
/// must not get this one's answers.
pub fn scopes(plan: &OrgPlan, desired: &Desired) -> BTreeMap<Section, String> {
    let organization = &plan.organization;
    let narrow = digest(&[
        organization.home_region.as_str(),
        &organization.prefix,
        &organization.access_role,
    ]);
    let places: BTreeSet<String> = desired
        .stacks
        .keys()
        .map(|(place, _)| format!("{place:?}"))
        .collect();
    let regions = desired
        .guardduty
        .iter()
        .flat_map(|desired| &desired.regions);
    let wide = digest(&[
        &narrow,
        // Nothing but texts, numbers and maps of texts: these always have their JSON.
        &serde_json::to_string(&plan.accounts).unwrap_or_default(),
        &serde_json::to_string(organization).unwrap_or_default(),
        &serde_json::to_string(&plan.opt_in_regions).unwrap_or_default(),
        &format!("{places:?}"),
        &format!("{:?}", regions.collect::<Vec<_>>()),
    ]);
    let named: Vec<_> = desired
        .stack_sets
        .values()
        .map(|set| (&set.full_name, &set.existing_stacks))
        .collect();
    let named = digest(&[&narrow, &format!("{named:?}")]);
    let trails = digest(&[&wide, &format!("{:?}", desired.trail)]);
    let names: Vec<&String> = desired
        .stacks
        .values()
        .map(|stack| &stack.full_name)
        .chain(desired.stack_sets.values().map(|set| &set.full_name))
        .collect();
    let former = digest(&[&wide, &format!("{names:?}")]);
    let scope = |section: Section| match section.scope() {
        Scope::Organization => &narrow,
        Scope::Settings => &wide,
        Scope::ExistingStacks => &named,
        Scope::Trail => &trails,
        Scope::Names => &former,
    };
    Section::of_inventory()
        .map(|section| (section, scope(section).clone()))
        .collect()
}

/// A digest of texts that no other texts share.
pub fn digest(parts: &[&str]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    hex(&digest.finalize())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The user's folder for what can be made anew, from the environment: `XDG_CACHE_HOME`, else what
/// the system has under the home folder. `None` where there is no home.
pub fn user_folder(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let absolute = |name: &str| {
        let path = PathBuf::from(variable(name)?);
        path.is_absolute().then_some(path)
    };
    if let Some(folder) = absolute("XDG_CACHE_HOME") {
        return Some(folder.join("orgstrap"));
    }
    if cfg!(windows) {
        return Some(absolute("LOCALAPPDATA")?.join("orgstrap").join("cache"));
    }
    let below = match cfg!(target_os = "macos") {
        true => "Library/Caches",
        false => ".cache",
    };
    Some(absolute("HOME")?.join(below).join("orgstrap"))
}

/// The cache of one organization, as one way of reaching AWS sees it.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
    management_account: AccountId,
    asked_by: String,
}

/// Why the cache is of no use this time: a sentence for a warning.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CacheWarning(String);

/// The turn to read AWS for a cache; given back when dropped, by the system if the process dies.
#[derive(Debug)]
pub struct Turn(#[expect(dead_code, reason = "held for its lock")] File);

impl Cache {
    /// Nothing is read or made yet. `asked_by` is a digest of how AWS is reached.
    pub fn new(folder: PathBuf, management_account: AccountId, asked_by: String) -> Self {
        Self {
            folder,
            management_account,
            asked_by,
        }
    }

    /// The file, whose name tells the organization.
    pub fn file(&self) -> PathBuf {
        self.folder.join(format!("{}.json", self.stem()))
    }

    fn stem(&self) -> String {
        let short: String = self.asked_by.chars().take(12).collect();
        format!("inventory-{}-{short}", self.management_account)
    }

    /// Where it is written down when orgstrap last changed the organization, whoever it was.
    fn changed_file(&self) -> PathBuf {
        self.folder
            .join(format!("changed-{}", self.management_account))
    }

    /// The turn to read AWS; `Ok(None)` while another process has it. It is a warning where the folder
    /// cannot be written: then nobody could write there that something has changed, either.
    pub fn turn(&self) -> Result<Option<Turn>, CacheWarning> {
        let file = make_private(&self.folder)
            .and_then(|()| self.lock_file("turn"))
            .map_err(|error| self.unwritable(&error))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Turn(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(self.unwritable(&error)),
        }
    }

    fn lock_file(&self, ending: &str) -> io::Result<File> {
        OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(self.folder.join(format!("{}.{ending}", self.stem())))
    }

    /// What of the kept may be used: read whole, not older than `max_age`, not from the future (a clock
    /// was wrong), for the same scope, and not before the last change. `Ok(None)`: nothing.
    pub fn usable(
        &self,
        now: Timestamp,
        max_age: MaxAge,
        scopes: &BTreeMap<Section, String>,
    ) -> Result<Option<CachedInventory>, CacheWarning> {
        if max_age.is_none() {
            return Ok(None);
        }
        let Some(saved) = self.read()? else {
            return Ok(None);
        };
        let changed = self.changed_at()?;
        let counts = |kind: Section, at: Timestamp| {
            let age: SignedDuration = now.duration_since(at);
            let young = Duration::try_from(age).is_ok_and(|age| age <= max_age.of(kind));
            young && changed.is_none_or(|changed| changed < at)
        };
        let note = saved.cache.unwrap_or_default();
        let mut read_at: BTreeMap<Section, Timestamp> = saved
            .read_at
            .into_iter()
            .filter(|(kind, at)| counts(*kind, *at) && note.scopes.get(kind) == scopes.get(kind))
            .collect();
        // All else is asked below the root, and some of it by accounts' ids.
        if !read_at.contains_key(&Section::Organization) {
            read_at.clear();
        }
        if !read_at.contains_key(&Section::Accounts) {
            read_at.retain(|section, _| !section.is_by_account());
        }
        let mut answers = saved.answers;
        answers.retain(|_, answer| counts(Section::Controls, answer.read_at));
        Ok(Some(CachedInventory {
            inventory: saved.inventory,
            read_at,
            answers,
        }))
    }

    /// What is kept, whatever its age. `Ok(None)`: nothing yet.
    fn read(&self) -> Result<Option<SavedInventory>, CacheWarning> {
        let path = self.file();
        let not_used =
            |why: &str| CacheWarning(format!("the cache {} is not used: {why}", path.display()));
        let text = match read_private(&path) {
            Ok(Some(text)) => text,
            Ok(None) => return Ok(None),
            Err(why) => return Err(not_used(&why)),
        };
        let mut saved =
            SavedInventory::from_json(&text).map_err(|why| not_used(&why.to_string()))?;
        drop(text);
        let told = match &mut saved.cache {
            Some(note) => std::mem::take(&mut note.sha256),
            None => return Err(not_used("it is no cache's file")),
        };
        if sum(&saved).map_err(|error| not_used(&error.to_string()))? != told {
            return Err(not_used(
                "it is damaged: its content does not match its digest",
            ));
        }
        let note = saved.cache.clone().unwrap_or_default();
        if note.written_by != WRITTEN_BY {
            return Err(not_used("another version of orgstrap wrote it"));
        }
        if saved.inventory.caller != self.management_account || note.asked_by != self.asked_by {
            return Err(not_used("it answers another question"));
        }
        Ok(Some(saved))
    }

    /// Keeps a reading, section by section where it is newer than what another process kept. `read_at` has the
    /// sections that were read, and when; what could not be read whole is left out here.
    pub fn keep(
        &self,
        inventory: Inventory,
        mut read_at: BTreeMap<Section, Timestamp>,
        answers: Answers,
        scopes: BTreeMap<Section, String>,
    ) -> Result<(), CacheWarning> {
        read_at.retain(|kind, _| inventory.unread(*kind).is_empty());
        // No organization is no answer to keep: one is about to be made.
        if inventory.organization == Observed::Known(None) {
            read_at.clear();
        }
        let mut fresh = SavedInventory::new(inventory);
        fresh.read_at = read_at;
        fresh.answers = answers;
        fresh
            .answers
            .retain(|_, answer| answer.facts.known().is_some());
        fresh.cache = Some(CacheNote {
            written_by: WRITTEN_BY.to_owned(),
            asked_by: self.asked_by.clone(),
            scopes,
            sha256: String::new(),
        });
        self.update(fresh).map_err(|error| self.unwritable(&error))
    }

    /// Says that orgstrap changes something: what was read until `now` is void, here and in a process
    /// that has read it and not kept it yet.
    pub fn changed(&self, now: Timestamp) -> Result<(), CacheWarning> {
        let write = || -> io::Result<()> {
            make_private(&self.folder)?;
            replace(&self.folder, &self.changed_file(), |file| {
                file.write_all(now.to_string().as_bytes())
            })
        };
        // Where that cannot be written, nothing may stay.
        write().or_else(|error| match fs::remove_file(self.file()) {
            Ok(()) => Ok(()),
            Err(gone) if gone.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(_) => Err(self.unwritable(&error)),
        })
    }

    /// When orgstrap last changed something.
    fn changed_at(&self) -> Result<Option<Timestamp>, CacheWarning> {
        let path = self.changed_file();
        let wrong = |why: &str| {
            CacheWarning(format!(
                "the cache is not used: {} does not tell when orgstrap last changed something: {why}",
                path.display()
            ))
        };
        match read_private(&path).map_err(|why| wrong(&why))? {
            None => Ok(None),
            Some(text) => String::from_utf8_lossy(&text)
                .trim()
                .parse()
                .map(Some)
                .map_err(|error: jiff::Error| wrong(&error.to_string())),
        }
    }

    fn unwritable(&self, error: &io::Error) -> CacheWarning {
        CacheWarning(format!(
            "the cache in {} cannot be written: {error}",
            self.folder.display()
        ))
    }

    /// Reads, joins and replaces the file, one process at a time.
    fn update(&self, mut fresh: SavedInventory) -> io::Result<()> {
        make_private(&self.folder)?;
        let lock = self.lock_file("lock")?;
        lock.lock()?;
        // What cannot be read is replaced.
        if let Some(kept) = self.read().unwrap_or_default() {
            join(&mut fresh, kept);
        }
        let sum = sum(&fresh)?;
        if let Some(note) = &mut fresh.cache {
            note.sha256 = sum;
        }
        replace(&self.folder, &self.file(), |file| {
            let mut file = BufWriter::new(file);
            serde_json::to_writer(&mut file, &fresh)?;
            file.flush()
        })
    }
}

/// Over the content, not the text, and without a copy of it.
fn sum(saved: &SavedInventory) -> io::Result<String> {
    let mut writer = BufWriter::new(Summing(Sha256::new()));
    serde_json::to_writer(&mut writer, saved)?;
    let summing = writer.into_inner().map_err(|error| error.into_error())?;
    Ok(hex(&summing.0.finalize()))
}

struct Summing(Sha256);

impl Write for Summing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Of each kind and answer the newer reading.
fn join(fresh: &mut SavedInventory, mut kept: SavedInventory) {
    let before = kept.cache.take().unwrap_or_default();
    let Some(note) = &mut fresh.cache else {
        return;
    };
    for kind in Section::of_inventory() {
        let Some(at) = kept.read_at.get(&kind) else {
            continue;
        };
        // A reading for another plan is of no use to this one, and this one is the later.
        let same = before.scopes.get(&kind) == note.scopes.get(&kind);
        if same && fresh.read_at.get(&kind).is_none_or(|now| now < at) {
            fresh.read_at.insert(kind, *at);
            fresh.inventory.take(kind, &mut kept.inventory);
        }
    }
    let oldest = fresh.inventory.taken_at.checked_sub(FORGOTTEN);
    for (question, answer) in kept.answers {
        let forgotten = oldest.as_ref().is_ok_and(|oldest| answer.read_at < *oldest);
        let older = |now: &Answer| now.read_at < answer.read_at;
        if !forgotten && fresh.answers.get(&question).is_none_or(older) {
            fresh.answers.insert(question, answer);
        }
    }
}

/// A new file takes the old one's place at once.
fn replace(
    folder: &Path,
    path: &Path,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<()> {
    // Temporary files are made with mode 0600 and keep it when they take their place.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    write(file.as_file_mut())?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// A plain file that nobody else could have written; `None` where there is none.
fn read_private(path: &Path) -> Result<Option<Vec<u8>>, String> {
    let facts = match fs::symlink_metadata(path) {
        Ok(facts) => facts,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("it cannot be read ({error})")),
    };
    if !facts.is_file() {
        return Err("it is not a plain file".to_owned());
    }
    if facts.len() > MAX_BYTES {
        return Err("it is too large to be orgstrap's".to_owned());
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        if facts.mode() & 0o077 != 0 {
            return Err("others than its owner may read or write it".to_owned());
        }
    }
    let mut text = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_BYTES).read_to_end(&mut text))
        .map_err(|error| format!("it cannot be read ({error})"))?;
    Ok(Some(text))
}

/// The folder, which only its owner may enter if it is made here.
fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(folder)
}

#[cfg(test)]
mod tests;
