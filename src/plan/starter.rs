//! The plan that `orgstrap init` writes.

use super::{AccountId, Region, regions};

/// A commented plan to start from, which is sound as it is. Where no management account is given,
/// one stands there that nobody has, so that orgstrap refuses to touch anything until it is put in.
pub fn starter(management_account: Option<&AccountId>, home_region: &Region) -> String {
    let id = management_account.map_or("111111111111", AccountId::as_str);
    let mut governed = vec![format!("{:?}", home_region.as_str())];
    if home_region.as_str() != regions::GLOBAL {
        governed.push(format!("{:?}", regions::GLOBAL));
    }
    include_str!("starter.toml")
        .replace("@management_account@", id)
        .replace("@home_region@", home_region.as_str())
        .replace("@regions@", &governed.join(", "))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::plan::read_text;

    #[test]
    fn the_starter_is_sound_in_every_home_region() {
        for region in regions::KNOWN.iter().filter(|region| !region.opt_in) {
            let id: AccountId = "222222222222".parse().unwrap();
            let text = starter(Some(&id), &region.name.parse().unwrap());
            assert!(!text.contains('@') || !text.contains("@regions@"));
            let loaded = read_text("org.toml", text, Path::new("")).unwrap();
            assert_eq!(loaded.warnings, []);
            assert_eq!(loaded.plan.organization.management_account, id);
            assert_eq!(loaded.plan.organization.home_region.as_str(), region.name);
        }
    }

    #[test]
    fn what_the_starter_only_suggests_is_sound_too() {
        // Every commented line that is TOML, not prose, taken in: examples must not rot.
        let text = starter(None, &"eu-west-1".parse().unwrap());
        let all: String = text
            .lines()
            .map(|line| line.strip_prefix("#| ").unwrap_or(line).to_owned() + "\n")
            .collect();
        assert_ne!(all, text);
        let loaded = read_text("org.toml", all, Path::new("")).unwrap();
        assert_eq!(loaded.warnings, []);
    }
}
