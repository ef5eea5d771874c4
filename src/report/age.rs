//! How old what is told is, where some of it is from the describe cache.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::words;
use crate::inventory::Kind;

/// Why, and what to do about it: nothing where all was read now.
pub fn line(now: Timestamp, from_cache: &BTreeMap<Kind, Timestamp>) -> Option<String> {
    let oldest = from_cache.values().min()?;
    let age = Duration::try_from(now.duration_since(*oldest)).unwrap_or_default();
    let age = words::duration(Duration::from_secs(age.as_secs()));
    let newly: Vec<&str> = Kind::OF_INVENTORY
        .into_iter()
        .filter(|kind| !from_cache.contains_key(kind))
        .map(Kind::as_str)
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
        let of = |kinds: &[Kind]| {
            let kept = kinds.iter().map(|kind| (*kind, before)).collect();
            line(now, &kept)
        };
        assert_eq!(of(&[]), None);
        assert_eq!(
            of(&Kind::OF_INVENTORY).as_deref(),
            Some("This is from what was read up to 4 min 30 s before; `--refresh` reads AWS anew.")
        );
        assert_eq!(
            of(&[Kind::Accounts, Kind::Controls]).as_deref(),
            Some(
                "Of this, accounts and controls are from what was read up to 4 min 30 s before; \
                 `--refresh` reads AWS anew."
            )
        );
        let [most @ .., last] = &Kind::OF_INVENTORY;
        let begins = format!("This, but for {}, is", last.as_str());
        assert!(of(most).is_some_and(|line| line.starts_with(&begins)));
    }
}
