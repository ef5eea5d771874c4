//! The baselines that come with orgstrap, embedded in the binary.

use std::path::Path;

use super::BaselineProblem;
use super::descriptor::Descriptor;

/// A file: its name and its text.
type Embedded = (&'static str, &'static str);

macro_rules! embed {
    ($folder:literal: $($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!("../../", $folder, "/", $name)))),+]
    };
}

const DESCRIPTORS: [Embedded; 5] = embed!("baselines":
    "cloudtrail.toml",
    "config.toml",
    "ec2-defaults.toml",
    "guardduty.toml",
    "roles.toml",
);

const TEMPLATES: [Embedded; 8] = embed!("stacksets":
    "cloudtrail-logs.yaml",
    "cloudtrail-trail.yaml",
    "config-aggregator.yaml",
    "config-logs.yaml",
    "config-recorder.yaml",
    "ec2-defaults.yaml",
    "guardduty-findings.yaml",
    "roles.yaml",
);

/// Names of the built-in baselines, in order.
pub fn names() -> impl Iterator<Item = &'static str> + Clone {
    DESCRIPTORS
        .into_iter()
        .filter_map(|(file, _)| file.strip_suffix(".toml"))
}

/// The built-in baseline of a name; `None` where there is none.
pub fn load(name: &str) -> Option<Result<Descriptor, Vec<BaselineProblem>>> {
    let (file, source) = DESCRIPTORS
        .into_iter()
        .find(|(file, _)| file.strip_suffix(".toml") == Some(name))?;
    let template = |desired: &str| {
        TEMPLATES
            .into_iter()
            .find(|(file, _)| *file == desired)
            .map(|(_, body)| body.to_owned())
            .ok_or_else(|| "is not among the built-in templates".to_owned())
    };
    let path = Path::new("baselines").join(file);
    Some(Descriptor::parse(name, &path, source, &template))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_builtin_loads_and_has_its_file_s_name() {
        for name in names() {
            let descriptor = load(name).unwrap().unwrap_or_else(|problems| {
                let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
                panic!("{}", all.join("\n"))
            });
            assert_eq!(descriptor.name.as_str(), name);
        }
    }

    #[test]
    fn every_template_and_descriptor_of_the_repository_is_embedded() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let files = |folder: &str| -> std::collections::BTreeSet<String> {
            std::fs::read_dir(root.join(folder))
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect()
        };
        let embedded =
            |list: &[Embedded]| list.iter().map(|(file, _)| (*file).to_owned()).collect();
        assert_eq!(files("baselines"), embedded(&DESCRIPTORS));
        assert_eq!(files("stacksets"), embedded(&TEMPLATES));
    }

    #[test]
    fn every_template_is_used() {
        let used: std::collections::BTreeSet<String> = names()
            .flat_map(|name| load(name).unwrap().unwrap().templates.into_keys())
            .collect();
        assert_eq!(used.len(), TEMPLATES.len());
    }
}
