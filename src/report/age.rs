//! How old what is told is, where some of it is from the describe cache.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::words;
use crate::inventory::Section;

/// Why, and what to do about it: nothing where all was read now.
pub fn line(now: Timestamp, from_cache: &BTreeMap<Section, Timestamp>) -> Option<String> {
    let oldest = from_cache.values().min()?;
    let age = Duration::try_from(now.duration_since(*oldest)).unwrap_or_default();
    let age = words::duration(Duration::from_secs(age.as_secs()));
    let newly: Vec<&str> = Section::of_inventory()
        .filter(|kind| !from_cache.contains_key(kind))
        .map(Section::as_str)
        .collect();
    let what = if newly.is_empty() {
        "This is".to_owned()
    } else if from_cache.len() <= newly.len() {
        let kinds: Vec<&str> = from_cache.keys().map(|kind| kind.as_str()).collect();
        format!("Of this, {} are", words::list(&kinds))
    } else {
        format!("This, but for {}, is", words::list(&newly))
    };
    Some(format!(
        "{what} from what was read up to {age} before; `--refresh` reads AWS anew."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_old_is_named_with_its_age() {
        let now: Timestamp = "2026-01-05T09:10:00Z".parse().expect("a time");
        let before: Timestamp = "2026-01-05T09:05:30Z".parse().expect("a time");
        let of = |kinds: &[Section]| {
            let kept = kinds.iter().map(|kind| (*kind, before)).collect();
            line(now, &kept)
        };
        let all: Vec<Section> = Section::of_inventory().collect();
        assert_eq!(of(&[]), None);
        assert_eq!(
            of(&all).as_deref(),
            Some("This is from what was read up to 4 min 30 s before; `--refresh` reads AWS anew.")
        );
        assert_eq!(
            of(&[Section::Accounts, Section::Controls]).as_deref(),
            Some(
                "Of this, accounts and controls are from what was read up to 4 min 30 s before; \
                 `--refresh` reads AWS anew."
            )
        );
        let [most @ .., last] = all.as_slice() else {
            panic!("there are sections");
        };
        let begins = format!("This, but for {}, is", last.as_str());
        assert!(of(most).is_some_and(|line| line.starts_with(&begins)));
    }
}
