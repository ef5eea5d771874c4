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

/// Gives a file that a person wrote another text: whole or not at all, under the name and with the
/// permissions that it has. A link stays one.
pub(super) fn replace(path: &Path, text: &str) -> Result<(), CommandError> {
    let wrong = |error: &std::io::Error| {
        CommandError::caused(format!("could not write {}", path.display()), error)
    };
    let target = path.canonicalize().map_err(|error| wrong(&error))?;
    let permissions = std::fs::metadata(&target)
        .map_err(|error| wrong(&error))?
        .permissions();
    let folder = target.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|error| wrong(&error))?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.as_file().set_permissions(permissions))
        .and_then(|()| file.as_file().sync_all())
        .map_err(|error| wrong(&error))?;
    file.persist(&target).map_err(|error| wrong(&error.error))?;
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

    #[cfg(unix)]
    #[test]
    fn a_replaced_file_keeps_its_permissions_and_its_link() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let (file, link) = (
            folder.path().join("real.toml"),
            folder.path().join("org.toml"),
        );
        std::fs::write(&file, "old").expect("written");
        let mode = std::fs::Permissions::from_mode(0o664);
        std::fs::set_permissions(&file, mode).expect("set");
        std::os::unix::fs::symlink(&file, &link).expect("linked");
        replace(&link, "new").expect("replaces");
        assert!(link.is_symlink());
        assert_eq!(std::fs::read_to_string(&file).expect("reads"), "new");
        let mode = std::fs::metadata(&file)
            .expect("there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o664);
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
