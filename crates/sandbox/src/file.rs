//! The world file: a world kept between runs.
//!
//! JSON, written to a temporary file and moved into place, readable by its owner only: it holds session
//! tokens, worthless outside the sandbox though they are.

#![warn(missing_docs)]

use std::fs::TryLockError;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::world::World;

const FORMAT: &str = "orgstrap-sandbox-world";
const VERSION: u32 = 1;

/// Why a world file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum WorldFileError {
    /// It is there and could not be read.
    #[error("cannot read the world file {path}: {source}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It could not be written; what was there is as it was.
    #[error("cannot write the world file {path}: {source}", path = path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is something else.
    #[error("{path} is not a world file of the sandbox; it is left as it is", path = path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// Another version of the sandbox wrote it.
    #[error(
        "{path} is a world file of version {found}, and this orgstrap reads version {VERSION}",
        path = path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// The version that it says.
        found: u32,
    },
    /// It says that it is a world file and holds no world.
    #[error("the world file {path} is damaged: {problem}", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong and where.
        problem: String,
    },
    /// Another process has it.
    #[error(
        "another process works on the world file {path}: a run of orgstrap, or `orgstrap sandbox serve`",
        path = path.display()
    )]
    InUse {
        /// The file.
        path: PathBuf,
    },
}

#[derive(Deserialize)]
struct Heading {
    format: Option<String>,
    version: Option<u32>,
}

#[derive(Serialize, Deserialize)]
struct File<W> {
    format: String,
    version: u32,
    world: W,
}

impl World {
    /// Reads a world file.
    pub fn load(path: &Path) -> Result<World, WorldFileError> {
        let foreign = || WorldFileError::Foreign {
            path: path.to_owned(),
        };
        let text = std::fs::read(path).map_err(|source| WorldFileError::Read {
            path: path.to_owned(),
            source,
        })?;
        let heading: Heading = serde_json::from_slice(&text).map_err(|_| foreign())?;
        if heading.format.as_deref() != Some(FORMAT) {
            return Err(foreign());
        }
        let found = heading.version.unwrap_or_default();
        if found != VERSION {
            return Err(WorldFileError::Version {
                path: path.to_owned(),
                found,
            });
        }
        let file: File<World> =
            serde_json::from_slice(&text).map_err(|error| WorldFileError::Damaged {
                path: path.to_owned(),
                problem: error.to_string(),
            })?;
        Ok(file.world)
    }

    /// Writes a world file, whole or not at all.
    pub fn save(&self, path: &Path) -> Result<(), WorldFileError> {
        let path = &real(path);
        let written = self.write_beside(path)?;
        written
            .persist(path)
            .map(|_| ())
            .map_err(|error| WorldFileError::Write {
                path: path.to_owned(),
                source: error.error,
            })
    }

    /// Writes the world into a temporary file that can take the place of `path`.
    fn write_beside(&self, path: &Path) -> Result<tempfile::NamedTempFile, WorldFileError> {
        let fail = |source| WorldFileError::Write {
            path: path.to_owned(),
            source,
        };
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        // Temporary files are made for their owner only, and a rename keeps that.
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(fail)?;
        let contents = File {
            format: FORMAT.to_owned(),
            version: VERSION,
            world: self,
        };
        let mut writer = std::io::BufWriter::new(file.as_file_mut());
        serde_json::to_writer(&mut writer, &contents)
            .map_err(std::io::Error::from)
            .map_err(fail)?;
        writer.write_all(b"\n").map_err(fail)?;
        writer.flush().map_err(fail)?;
        drop(writer);
        Ok(file)
    }
}

/// A world file that this process works on, and no other: of two that read it and write it back, the later
/// would undo what the other did.
///
/// The file itself carries the lock. A new version of it is locked before it takes the old one's place, and
/// the system drops the lock of a process that died.
#[derive(Debug)]
pub struct WorldFile {
    path: PathBuf,
    held: std::fs::File,
}

impl WorldFile {
    /// Opens the file; `None` where there is none.
    pub fn open(path: &Path) -> Result<Option<(WorldFile, World)>, WorldFileError> {
        let path = &real(path);
        loop {
            let held = match std::fs::File::open(path) {
                Ok(file) => file,
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                Err(source) => {
                    return Err(WorldFileError::Read {
                        path: path.to_owned(),
                        source,
                    });
                }
            };
            lock(&held, path)?;
            // Between the opening and the lock another process may have put a new version there.
            if !is_at(&held, path) {
                continue;
            }
            let world = World::load(path)?;
            let path = path.clone();
            return Ok(Some((WorldFile { path, held }, world)));
        }
    }

    /// Makes the file, which is not there yet: a place that cannot be written shows before anything is done.
    pub fn create(path: &Path, world: &World) -> Result<WorldFile, WorldFileError> {
        let written = world.write_beside(path)?;
        lock(written.as_file(), path)?;
        match written.persist_noclobber(path) {
            Ok(held) => Ok(WorldFile {
                path: path.to_owned(),
                held,
            }),
            Err(error) if error.error.kind() == ErrorKind::AlreadyExists => {
                Err(WorldFileError::InUse {
                    path: path.to_owned(),
                })
            }
            Err(error) => Err(WorldFileError::Write {
                path: path.to_owned(),
                source: error.error,
            }),
        }
    }

    /// Writes the world back, whole or not at all.
    pub fn save(&mut self, world: &World) -> Result<(), WorldFileError> {
        let written = world.write_beside(&self.path)?;
        lock(written.as_file(), &self.path)?;
        self.held = written
            .persist(&self.path)
            .map_err(|error| WorldFileError::Write {
                path: self.path.clone(),
                source: error.error,
            })?;
        Ok(())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The file itself where a link was named: what takes its place must not take the link's.
fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

fn lock(file: &std::fs::File, path: &Path) -> Result<(), WorldFileError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(WorldFileError::InUse {
            path: path.to_owned(),
        }),
        // Some network file systems have no locks: a world there is as it was without this.
        Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => Ok(()),
        Err(TryLockError::Error(source)) => Err(WorldFileError::Read {
            path: path.to_owned(),
            source,
        }),
    }
}

/// Whether what is open is what the path names now.
#[cfg(unix)]
fn is_at(file: &std::fs::File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(open), Ok(there)) => (open.dev(), open.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}

/// A file that is open cannot be replaced here.
#[cfg(not(unix))]
fn is_at(_file: &std::fs::File, _path: &Path) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_world_comes_back_as_it_was_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("world.json");
        let world = World::empty("111111111111", 7);
        world.save(&path).expect("saved");
        world.save(&path).expect("saved again over itself");
        assert_eq!(World::load(&path).expect("loaded"), world);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(&path)
                .expect("there")
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn one_process_at_a_time_works_on_a_world_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("world.json");
        assert!(WorldFile::open(&path).expect("looked").is_none());
        let world = World::empty("111111111111", 7);
        let in_use =
            |path: &Path| matches!(WorldFile::open(path), Err(WorldFileError::InUse { .. }));
        let mut first = WorldFile::create(&path, &world).expect("made");
        assert!(in_use(&path), "after it was made");
        first.save(&world).expect("saved");
        assert!(in_use(&path), "after it was replaced");
        assert!(
            matches!(
                WorldFile::create(&path, &world),
                Err(WorldFileError::InUse { .. })
            ),
            "never made over another"
        );
        assert_eq!(World::load(&path).expect("readers need no lock"), world);
        drop(first);
        let (_, found) = WorldFile::open(&path).expect("free").expect("there");
        assert_eq!(found, world);
    }

    #[test]
    fn foreign_files_are_refused_with_their_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("terraform.tfstate");
        std::fs::write(&path, r#"{"version": 4}"#).expect("written");
        let error = World::load(&path).expect_err("refused").to_string();
        assert!(
            error.ends_with(
                "terraform.tfstate is not a world file of the sandbox; it is left as it is"
            ),
            "{error}"
        );
        std::fs::write(&path, r#"{"format":"orgstrap-sandbox-world","version":9}"#)
            .expect("written");
        let error = World::load(&path).expect_err("refused").to_string();
        assert!(error.contains("version 9"), "{error}");
    }
}
