//! The world file: a world kept between runs.
//!
//! JSON, written to a temporary file and moved into place, readable by its owner only: it holds session
//! tokens, worthless outside the sandbox though they are.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::world::World;

const FORMAT: &str = "orgstrap-sandbox-world";
const VERSION: u32 = 1;

/// Why a world file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum WorldFileError {
    #[error("cannot read the world file {path}: {source}", path = path.display())]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("cannot write the world file {path}: {source}", path = path.display())]
    Write {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{path} is not a world file of the sandbox; it is left as it is", path = path.display())]
    Foreign { path: PathBuf },
    #[error(
        "{path} is a world file of version {found}, and this orgstrap reads version {VERSION}",
        path = path.display()
    )]
    Version { path: PathBuf, found: u32 },
    #[error("the world file {path} is damaged: {problem}", path = path.display())]
    Damaged { path: PathBuf, problem: String },
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
        file.persist(path)
            .map_err(|error| fail(error.error))
            .map(|_| ())
    }
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
