//! The baselines that come with orgstrap, embedded in the binary: whatever lies in `baselines/` and `stacksets/`. Each is
//! read once a run.

use std::sync::{Arc, OnceLock};

use super::descriptor::Descriptor;
use crate::plan::{Diagnostic, Source};

/// A file: its name and its text.
type Embedded = (&'static str, &'static str);

// DESCRIPTORS and TEMPLATES, which the build script lists.
include!(concat!(env!("OUT_DIR"), "/baselines.rs"));

/// A descriptor, or what is wrong with it.
type Read = Result<Arc<Descriptor>, Vec<Diagnostic>>;

static READ: [OnceLock<Read>; DESCRIPTORS.len()] = [const { OnceLock::new() }; DESCRIPTORS.len()];

/// Names of the built-in baselines, in order.
pub fn names() -> impl Iterator<Item = &'static str> + Clone {
    let files = DESCRIPTORS.iter();
    files.filter_map(|(file, _)| file.strip_suffix(".toml"))
}

/// The built-in baseline of a name; `None` where there is none.
pub fn load(name: &str) -> Option<Read> {
    let mut files = DESCRIPTORS.iter().zip(&READ);
    let ((file, text), read) =
        files.find(|((file, _), _)| file.strip_suffix(".toml") == Some(name))?;
    Some(read.get_or_init(|| parse(file, text)).clone())
}

fn parse(file: &str, text: &str) -> Read {
    let source = |folder: &str, file: &str, text: &str| Source {
        name: format!("{folder}/{file}"),
        text: text.to_owned(),
    };
    let template = |desired: &str| {
        let found = TEMPLATES.iter().find(|(file, _)| *file == desired);
        found
            .map(|(file, text)| source("stacksets", file, text))
            .ok_or_else(|| "is not among the built-in templates".to_owned())
    };
    let descriptor = Arc::new(source("baselines", file, text));
    Descriptor::parse(&descriptor, &template).map(Arc::new)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    fn descriptor(name: &str) -> Arc<Descriptor> {
        load(name).unwrap().unwrap_or_else(|diagnostics| {
            let all: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
            panic!("{}", all.join("\n"))
        })
    }

    #[test]
    fn every_builtin_loads_and_has_its_file_s_name() {
        for name in names() {
            assert_eq!(descriptor(name).name.as_str(), name);
        }
    }

    #[test]
    fn every_template_and_descriptor_of_the_repository_is_embedded() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let files = |folder: &str| -> BTreeSet<String> {
            std::fs::read_dir(root.join(folder))
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect()
        };
        let embedded =
            |list: &[Embedded]| list.iter().map(|(file, _)| (*file).to_owned()).collect();
        assert_eq!(files("baselines"), embedded(DESCRIPTORS));
        assert_eq!(files("stacksets"), embedded(TEMPLATES));
    }

    #[test]
    fn every_template_is_used() {
        let used: BTreeSet<String> = names()
            .flat_map(|name| {
                descriptor(name)
                    .templates
                    .keys()
                    .cloned()
                    .collect::<Vec<_>>()
            })
            .collect();
        let embedded: BTreeSet<String> = TEMPLATES
            .iter()
            .map(|(file, _)| (*file).to_owned())
            .collect();
        assert_eq!(used, embedded);
    }

    /// A run that compares, fixes and compares again asks for them often.
    #[test]
    fn each_is_read_once() {
        let (first, again) = (descriptor("config"), descriptor("config"));
        assert!(Arc::ptr_eq(&first, &again));
        assert!(load("confg").is_none());
    }
}
