//! A user's own baseline: a folder with `baseline.toml` and its templates. What is in it is not
//! trusted to be sane: files have a size limit, and nothing outside the folder is read.

use std::fs::File;
use std::io::Read as _;
use std::path::{Component, Path};

use std::sync::Arc;

use super::descriptor::{Descriptor, MAX_DESCRIPTOR};
use super::template::MAX_TEMPLATE;
use crate::plan::{Diagnostic, Source, decoded};

/// The descriptor's file name.
pub const DESCRIPTOR: &str = "baseline.toml";

/// Loads the baseline of a folder. Problems name files as the folder's path gives them.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load(folder: &Path) -> Result<Descriptor, Vec<Diagnostic>> {
    let source = |name: &str, limit: usize| -> Result<Source, String> {
        Ok(Source {
            text: read(folder, name, limit)?,
            name: folder.join(name).display().to_string(),
        })
    };
    let descriptor = source(DESCRIPTOR, MAX_DESCRIPTOR).map_err(|error| {
        let file = folder.join(DESCRIPTOR);
        let message = format!("`{}` {error}", file.display());
        let help = format!("an own baseline is a folder with a `{DESCRIPTOR}`");
        vec![Diagnostic::error(message).help(help)]
    })?;
    Descriptor::parse(&Arc::new(descriptor), &|name| source(name, MAX_TEMPLATE))
}

/// The text of a file that lies in the folder itself or below.
fn read(folder: &Path, name: &str, limit: usize) -> Result<String, String> {
    let relative = Path::new(name);
    let inside = relative
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    if name.is_empty() || !inside {
        return Err("must be a file below the baseline's folder".to_owned());
    }
    let failed = |error: std::io::Error| format!("can not be read: {error}");
    // Links may lead elsewhere, so the place that counts is the one they lead to.
    let root = folder.canonicalize().map_err(failed)?;
    let path = root.join(relative).canonicalize().map_err(failed)?;
    if !path.starts_with(&root) {
        return Err("leads out of the baseline's folder".to_owned());
    }
    if !path.metadata().map_err(failed)?.is_file() {
        return Err("is not a file".to_owned());
    }
    let mut bytes = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let file = File::open(&path).map_err(failed)?;
    file.take(most).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > limit {
        return Err(format!("is larger than {limit} bytes"));
    }
    decoded(bytes).map_err(|_| "is not UTF-8 text".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_outside_the_folder_is_read() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("own");
        std::fs::create_dir_all(folder.join("sub")).unwrap();
        std::fs::write(outer.path().join("secret"), "x").unwrap();
        std::fs::write(folder.join("sub/in"), "x").unwrap();
        std::fs::write(folder.join("large"), "x".repeat(11)).unwrap();
        std::fs::write(folder.join("binary"), [0xff]).unwrap();
        assert_eq!(read(&folder, "sub/in", 10), Ok("x".into()));
        for name in [
            "../secret",
            "sub/../../secret",
            "/etc/hostname",
            "",
            ".",
            "sub",
            "none",
            "large",
            "binary",
        ] {
            assert!(read(&folder, name, 10).is_err(), "{name}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(outer.path().join("secret"), folder.join("link")).unwrap();
            assert_eq!(
                read(&folder, "link", 10),
                Err("leads out of the baseline's folder".into())
            );
        }
    }
}
