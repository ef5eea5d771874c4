//! Files that commands write: whole or not at all, and readable by their owner only.

use std::io::Write;
use std::path::Path;

use super::error::CommandError;

/// Writes a file of which nobody else should read: a new file takes the old one's place at once.
pub(super) fn write_private(path: &Path, text: &str) -> Result<(), CommandError> {
    let wrong = |error: &std::io::Error| {
        CommandError::caused(format!("could not write {}", path.display()), error)
    };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // Temporary files are made with mode 0600 and keep it when they take their place.
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|error| wrong(&error))?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.as_file().sync_all())
        .map_err(|error| wrong(&error))?;
    file.persist(path).map_err(|error| wrong(&error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read_what_was_written() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("changes.json");
        std::fs::write(&path, "old").expect("an old file that others may read");
        write_private(&path, "new").expect("writes");
        let mode = std::fs::metadata(&path)
            .expect("is there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(std::fs::read_to_string(&path).expect("reads"), "new");
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = write_private(Path::new("not/there/file"), "x").expect_err("no folder");
        assert!(
            error.message.contains("not/there/file"),
            "{}",
            error.message
        );
    }
}
