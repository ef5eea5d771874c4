//! The describe cache: the last inventory, kept between runs so that a second look within minutes
//! makes no call. A file in the user's cache folder, that only its owner may read.
//!
//! A kind of thing is used if it was read completely, within the age that was asked for, and not
//! changed since by orgstrap. What is wrong with the file (corrupt, another's, unwritable) is a
//! warning and costs a read of AWS, never the run, and never an answer that AWS did not give.
//!
//! Two processes at once: every update reads the file again under a lock and puts a new file in
//! its place. What one has changed stays marked, so that the other can not bring back what it had
//! read before. AWS's answers hold no credentials, and nothing else is written.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::inventory::{Inventory, Seen, Unread};
use crate::plan::AccountId;

const FORMAT: &str = "orgstrap-inventory";
/// Changes when the shape of [`Inventory`] changes incompatibly; other versions are not used.
const VERSION: u32 = 1;
/// Ten thousand accounts in all Regions stay below it; what is larger is not ours.
const MAX_BYTES: u64 = 512 * 1024 * 1024;

/// What ages together: a field of [`Inventory`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Organization,
    Accounts,
    Ous,
    Policies,
    TrustedAccess,
    DelegatedAdministrators,
    StackSetsAccess,
    ServiceLinkedRoles,
    StackSets,
    Stacks,
    #[serde(rename = "guardduty")]
    GuardDuty,
    Contacts,
}

impl Kind {
    /// Every kind, in the inventory's order.
    pub const ALL: [Kind; 12] = [
        Kind::Organization,
        Kind::Accounts,
        Kind::Ous,
        Kind::Policies,
        Kind::TrustedAccess,
        Kind::DelegatedAdministrators,
        Kind::StackSetsAccess,
        Kind::ServiceLinkedRoles,
        Kind::StackSets,
        Kind::Stacks,
        Kind::GuardDuty,
        Kind::Contacts,
    ];

    /// The inventory's field.
    fn field(self) -> &'static str {
        match self {
            Kind::Organization => "organization",
            Kind::Accounts => "accounts",
            Kind::Ous => "ous",
            Kind::Policies => "policies",
            Kind::TrustedAccess => "trusted_access",
            Kind::DelegatedAdministrators => "delegated_administrators",
            Kind::StackSetsAccess => "stack_sets_access",
            Kind::ServiceLinkedRoles => "service_linked_roles",
            Kind::StackSets => "stack_sets",
            Kind::Stacks => "stacks",
            Kind::GuardDuty => "guardduty",
            Kind::Contacts => "contacts",
        }
    }
}

/// What is asked: inventories of different questions are kept apart. The digest is over everything
/// that decides what is read, such as the plan's Regions, accounts and stack prefix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    pub management_account: AccountId,
    /// Who asks: another role may see less.
    pub caller: String,
    pub digest: String,
}

/// An inventory with the time when each kind was read. One format for the cache, for
/// `inventory --out` and for what starts from a saved inventory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SavedInventory {
    pub question: Question,
    /// When each kind was read. A kind that is missing was not read whole.
    pub read_at: BTreeMap<Kind, Timestamp>,
    /// When orgstrap last changed something of a kind: older readings of it are void.
    pub changed_at: BTreeMap<Kind, Timestamp>,
    pub inventory: Inventory,
}

impl SavedInventory {
    /// An inventory fresh from AWS. Kinds with anything unread get no time and are not used again.
    pub fn new(question: Question, inventory: Inventory) -> Self {
        let taken_at = inventory.taken_at;
        let value = serde_json::to_value(&inventory).unwrap_or(Value::Null);
        let read_at = Kind::ALL
            .into_iter()
            .filter(|kind| value.get(kind.field()).is_some_and(is_whole))
            .map(|kind| (kind, taken_at))
            .collect();
        Self {
            question,
            read_at,
            changed_at: BTreeMap::new(),
            inventory,
        }
    }

    /// One of which nothing can be used: a place for what was changed.
    fn blank(question: Question, now: Timestamp) -> Self {
        fn unread<T>() -> Seen<T> {
            Seen::Unread(Unread {
                operation: "cache".to_owned(),
                because: "not read".to_owned(),
            })
        }
        let inventory = Inventory {
            taken_at: now,
            caller: question.management_account.clone(),
            organization: unread(),
            accounts: unread(),
            ous: unread(),
            policies: unread(),
            trusted_access: unread(),
            delegated_administrators: unread(),
            stack_sets_access: unread(),
            service_linked_roles: unread(),
            stack_sets: unread(),
            stacks: BTreeMap::new(),
            guardduty: BTreeMap::new(),
            contacts: BTreeMap::new(),
        };
        Self {
            question,
            read_at: BTreeMap::new(),
            changed_at: BTreeMap::new(),
            inventory,
        }
    }

    /// The file's text.
    pub fn to_text(&self) -> serde_json::Result<String> {
        serde_json::to_string(&Document {
            format: FORMAT.to_owned(),
            version: VERSION,
            sha256: self.digest()?,
            saved: self.clone(),
        })
    }

    /// From a file's text; the error is a fragment: "it is damaged".
    pub fn from_text(text: &[u8]) -> Result<Self, String> {
        let damaged = |error: serde_json::Error| format!("it is damaged ({error})");
        // The heading first: another version's body may have any shape.
        let heading: Heading = serde_json::from_slice(text).map_err(damaged)?;
        if heading.format != FORMAT {
            return Err("it is not an inventory of orgstrap".to_owned());
        }
        if heading.version != VERSION {
            return Err("another version of orgstrap wrote it".to_owned());
        }
        let document: Document = serde_json::from_slice(text).map_err(damaged)?;
        match document.saved.digest().map_err(damaged)? == document.sha256 {
            true => Ok(document.saved),
            false => Err("it is damaged (its content does not match its digest)".to_owned()),
        }
    }

    /// Over the content, not the text: what still parses after damage must not pass for an answer.
    fn digest(&self) -> serde_json::Result<String> {
        let digest = Sha256::digest(serde_json::to_vec(self)?);
        Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// How old each kind is that may be used: read whole, not older than `max_age`, not from the
    /// future (a clock was wrong), and not changed since.
    pub fn usable(&self, now: Timestamp, max_age: Duration) -> BTreeMap<Kind, Duration> {
        let usable = |(kind, at): (&Kind, &Timestamp)| {
            let changed = self
                .changed_at
                .get(kind)
                .is_some_and(|changed| changed >= at);
            let age: SignedDuration = now.duration_since(*at);
            let age = Duration::try_from(age).ok()?;
            (!changed && age <= max_age).then_some((*kind, age))
        };
        self.read_at.iter().filter_map(usable).collect()
    }
}

/// Whether nothing in it could not be read, at any depth.
fn is_whole(value: &Value) -> bool {
    match value {
        Value::Object(map) if map.len() == 1 && map.get("unread").is_some_and(Value::is_object) => {
            false
        }
        Value::Object(map) => map.values().all(is_whole),
        Value::Array(items) => items.iter().all(is_whole),
        _ => true,
    }
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

/// The cache of one question.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
    question: Question,
}

/// Why the cache is of no use this time: a sentence for a warning.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CacheWarning(String);

impl Cache {
    /// Nothing is read or made yet.
    pub fn new(folder: PathBuf, question: Question) -> Self {
        Self { folder, question }
    }

    /// The file, whose name tells the organization and hides nothing.
    pub fn file(&self) -> PathBuf {
        self.folder.join(format!("{}.json", self.stem()))
    }

    fn stem(&self) -> String {
        let mut digest = Sha256::new();
        for part in [&self.question.caller, &self.question.digest] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        let digest = digest.finalize();
        let short: String = digest
            .iter()
            .take(6)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!("inventory-{}-{short}", self.question.management_account)
    }

    /// What is kept. `Ok(None)`: nothing yet.
    pub fn read(&self) -> Result<Option<SavedInventory>, CacheWarning> {
        let path = self.file();
        let not_used =
            |why: &str| CacheWarning(format!("the cache {} is not used: {why}", path.display()));
        let text = match read_private(&path) {
            Ok(Some(text)) => text,
            Ok(None) => return Ok(None),
            Err(why) => return Err(not_used(&why)),
        };
        let saved = SavedInventory::from_text(&text).map_err(|why| not_used(&why))?;
        match saved.question == self.question {
            true => Ok(Some(saved)),
            false => Err(not_used("it answers another question")),
        }
    }

    /// Keeps what was read just now, kind by kind where it is newer than what another process kept,
    /// and unless orgstrap has changed the kind since.
    pub fn keep(&self, inventory: Inventory) -> Result<(), CacheWarning> {
        let fresh = SavedInventory::new(self.question.clone(), inventory);
        self.update(|kept| match kept {
            // What cannot be read is replaced.
            None => fresh,
            Some(kept) => newer(kept, fresh),
        })
    }

    /// Says that orgstrap has changed things of these kinds: what was read before is void, here and
    /// in a process that read it and has not written it yet.
    pub fn changed(&self, kinds: &[Kind], now: Timestamp) -> Result<(), CacheWarning> {
        self.update(|kept| {
            let mut kept =
                kept.unwrap_or_else(|| SavedInventory::blank(self.question.clone(), now));
            for &kind in kinds {
                let at = kept.changed_at.entry(kind).or_insert(now);
                *at = (*at).max(now);
            }
            kept
        })
    }

    /// Takes the file away.
    pub fn forget(&self) -> Result<(), CacheWarning> {
        match fs::remove_file(self.file()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.unwritable(&error)),
            _ => Ok(()),
        }
    }

    fn unwritable(&self, error: &io::Error) -> CacheWarning {
        CacheWarning(format!(
            "the cache in {} cannot be written: {error}",
            self.folder.display()
        ))
    }

    /// Reads, changes and replaces the file, one process at a time.
    fn update(
        &self,
        change: impl FnOnce(Option<SavedInventory>) -> SavedInventory,
    ) -> Result<(), CacheWarning> {
        let write = || -> io::Result<()> {
            make_private(&self.folder)?;
            let lock = OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .open(self.folder.join(format!("{}.lock", self.stem())))?;
            // Given back when the file is closed, by the system if the process dies.
            lock.lock()?;
            let saved = change(self.read().unwrap_or_default());
            let text = saved.to_text().map_err(io::Error::other)?;
            // Temporary files are made with mode 0600 and keep it when they take their place.
            let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
            file.write_all(text.as_bytes())?;
            file.persist(self.file()).map_err(|error| error.error)?;
            Ok(())
        };
        write().map_err(|error| self.unwritable(&error))
    }
}

#[derive(Deserialize)]
struct Heading {
    format: String,
    version: u32,
}

#[derive(Serialize, Deserialize)]
struct Document {
    format: String,
    version: u32,
    sha256: String,
    saved: SavedInventory,
}

/// Of each kind the newer reading. Inventories are joined field by field through their own form,
/// so that no kind can be forgotten here.
fn newer(kept: SavedInventory, fresh: SavedInventory) -> SavedInventory {
    let joined = (|| {
        let mut inventory = serde_json::to_value(&fresh.inventory).ok()?;
        let old = serde_json::to_value(&kept.inventory).ok()?;
        let mut read_at = fresh.read_at.clone();
        for kind in Kind::ALL {
            let Some(before) = kept.read_at.get(&kind) else {
                continue;
            };
            if read_at.get(&kind).is_none_or(|now| now < before) {
                read_at.insert(kind, *before);
                *inventory.get_mut(kind.field())? = old.get(kind.field())?.clone();
            }
        }
        Some(SavedInventory {
            inventory: serde_json::from_value(inventory).ok()?,
            read_at,
            changed_at: kept.changed_at.clone(),
            ..fresh.clone()
        })
    })();
    joined.unwrap_or(SavedInventory {
        changed_at: kept.changed_at,
        ..fresh
    })
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
