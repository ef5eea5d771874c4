//! Lists the built-in baselines: every descriptor in `baselines/` and every template in `stacksets/`. So adding a
//! baseline adds files and no Rust.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let mut list = String::new();
    for (name, folder, ending) in [
        ("DESCRIPTORS", "baselines", "toml"),
        ("TEMPLATES", "stacksets", "yaml"),
    ] {
        println!("cargo::rerun-if-changed={folder}");
        writeln!(list, "const {name}: &[Embedded] = &[")?;
        for file in files(&root.join(folder), ending)? {
            let base = file.file_name().unwrap_or_default().to_string_lossy();
            // Not by this checkout's path: another one may build into the same target folder.
            let path = format!("/{folder}/{base}");
            let path = format!("concat!(env!(\"CARGO_MANIFEST_DIR\"), {path:?})");
            writeln!(list, "    ({base:?}, include_str!({path})),")?;
        }
        writeln!(list, "];")?;
    }
    std::fs::write(out.join("baselines.rs"), list)?;
    Ok(())
}

/// The files of a folder that end so, in order of name.
fn files(folder: &Path, ending: &str) -> Result<Vec<PathBuf>, std::io::Error> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|it| it == ending) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
