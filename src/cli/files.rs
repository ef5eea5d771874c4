//! Files that commands write: whole or not at all, and readable by their owner only.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::error::CommandError;

/// Writes a file of which nobody else should read: a new file takes the old one's place at once.
pub(super) fn write_private(path: &Path, text: &str) -> Result<(), CommandError> {
    let wrong = |error: &std::io::Error| {
        CommandError::caused(format!("could not write {}", path.display()), error)
    };
    if is_no_file(path) {
        let file = std::fs::OpenOptions::new().write(true).open(path);
        return file
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(|error| wrong(&error));
    }
    // A link stays one.
    let real = path.canonicalize();
    let path = real.as_deref().unwrap_or(path);
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    must_be_there(folder, path)?;
    // Temporary files are made with mode 0600 and keep it when they take their place.
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|error| wrong(&error))?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.as_file().sync_all())
        .map_err(|error| wrong(&error))?;
    file.persist(path).map_err(|error| wrong(&error.error))?;
    Ok(())
}

/// Whether something other than a file is there: a device, a pipe, or what a process has open. It is written to, and nothing
/// takes its place.
fn is_no_file(path: &Path) -> bool {
    let of_a_process = ["/dev", "/proc"].iter().any(|root| path.starts_with(root));
    let there = std::fs::metadata(path);
    there.is_ok_and(|there| !there.is_dir() && (of_a_process || !there.is_file()))
}

/// A folder that is not there is more often a typing error than wanted.
fn must_be_there(folder: &Path, path: &Path) -> Result<(), CommandError> {
    if folder.is_dir() {
        return Ok(());
    }
    let folder = folder.display();
    let message = format!(
        "could not write {}: there is no folder {folder}",
        path.display()
    );
    Err(CommandError::new(message).hint(format!("`mkdir -p {folder}` makes it")))
}

/// Writes several files, all of them or none: `files` are paths relative to `folder`. Those that are there
/// already are replaced.
pub(super) fn write_all(
    folder: &Path,
    files: &BTreeMap<String, String>,
) -> Result<(), CommandError> {
    let wrong = |path: &Path, error: &std::io::Error| {
        CommandError::caused(format!("could not write {}", path.display()), error)
    };
    must_be_there(folder, folder)?;
    // In the same file system, so that a file takes its place at once.
    let stage = tempfile::tempdir_in(folder).map_err(|error| wrong(folder, &error))?;
    let mut staged = Vec::new();
    for (number, (path, text)) in files.iter().enumerate() {
        let place = stage.path().join(format!("new-{number}"));
        write_private(&place, text)?;
        let before = stage.path().join(format!("old-{number}"));
        staged.push((place, before, folder.join(path)));
    }
    let mut made = Vec::new();
    let mut placed: Vec<(&Path, &Path, bool)> = Vec::new();
    let mut result = Ok(());
    for (place, before, path) in &staged {
        let there = path.exists();
        let done = folders(path, &mut made)
            .and_then(|()| match there {
                true => std::fs::rename(path, before),
                false => Ok(()),
            })
            .and_then(|()| {
                std::fs::rename(place, path).inspect_err(|_| {
                    if there {
                        // The old one goes back; if even that fails, its copy is what the error is about.
                        let _ = std::fs::rename(before, path);
                    }
                })
            });
        if let Err(error) = done {
            result = Err(wrong(path, &error));
            break;
        }
        placed.push((before, path, there));
    }
    if result.is_err() {
        for (before, path, there) in placed.into_iter().rev() {
            let _ = match there {
                true => std::fs::rename(before, path),
                false => std::fs::remove_file(path),
            };
        }
        for folder in made.into_iter().rev() {
            let _ = std::fs::remove_dir(folder);
        }
    }
    result
}

/// Makes the folders above a file, noting those that were not there.
fn folders(path: &Path, made: &mut Vec<PathBuf>) -> std::io::Result<()> {
    let missing: Vec<&Path> = path
        .ancestors()
        .skip(1)
        .take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists())
        .collect();
    for folder in missing.into_iter().rev() {
        std::fs::create_dir(folder)?;
        made.push(folder.to_owned());
    }
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

    /// What is no file is written to and stays what it is: a link to a file, a device, a pipe.
    #[cfg(unix)]
    #[test]
    fn only_files_are_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, link) = (folder.path().join("real.json"), folder.path().join("link"));
        std::fs::write(&file, "old").expect("written");
        std::os::unix::fs::symlink(&file, &link).expect("linked");
        write_private(&link, "new").expect("writes");
        let is_link = |path: &Path| std::fs::symlink_metadata(path).expect("there").is_symlink();
        assert!(is_link(&link));
        assert_eq!(std::fs::read_to_string(&file).expect("reads"), "new");

        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.expect("runs").success());
        let reader = std::process::Command::new("cat")
            .arg(&pipe)
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("runs");
        write_private(&pipe, "through").expect("writes");
        let read = reader.wait_with_output().expect("ends");
        assert_eq!(read.stdout, b"through");

        // A link to a device, so that a test run by root could lose nothing but the link.
        let null = folder.path().join("null");
        std::os::unix::fs::symlink("/dev/null", &null).expect("linked");
        write_private(&null, "gone").expect("writes");
        assert!(is_link(&null));
        assert!(!Path::new("/dev/null").is_file());
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
    fn several_files_are_written_together_or_not_at_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let files = |entries: &[(&str, &str)]| -> BTreeMap<String, String> {
            entries
                .iter()
                .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
                .collect()
        };
        let read = |path: &str| std::fs::read_to_string(folder.path().join(path));
        write_all(
            folder.path(),
            &files(&[("org.toml", "one"), ("policies/a.json", "{}")]),
        )
        .expect("writes");
        assert_eq!(read("policies/a.json").expect("reads"), "{}");
        let result = write_all(
            folder.path(),
            &files(&[
                ("new/b.json", "{}"),
                ("org.toml", "two"),
                ("org.toml/c.json", "{}"),
            ]),
        );
        assert!(result.is_err());
        assert_eq!(read("org.toml").expect("reads"), "one");
        assert!(!folder.path().join("new").exists());
        let mut left: Vec<_> = std::fs::read_dir(folder.path())
            .expect("reads")
            .map(|entry| entry.expect("reads").file_name())
            .collect();
        left.sort();
        assert_eq!(left, ["org.toml", "policies"]);
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
