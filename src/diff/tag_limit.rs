//! More tags than AWS allows on one thing: what the plan adds and what people have put there count together, and AWS
//! refuses the call that goes beyond, with all of its tags.

use super::builder::DiffBuilder;
use crate::addr::Address;
use crate::plan::Tags;
use crate::plan::check::MAX_TAGS;

/// How many names a message has before the rest is a number.
const NAMED: usize = 8;

impl DiffBuilder {
    /// Blocks a change that would leave a thing with more tags than AWS allows. `desired` are the tags that it sets,
    /// orgstrap's own included, `have` those that are there.
    pub(super) fn too_many_tags(&mut self, address: &Address, desired: &Tags, have: &Tags) -> bool {
        let Some((said, hint)) = too_many(desired, have) else {
            return false;
        };
        self.state(address.clone(), said, Some(hint));
        true
    }
}

fn too_many(desired: &Tags, have: &Tags) -> Option<(String, String)> {
    // Those that AWS sets itself do not count.
    let have: Vec<&str> = have
        .keys()
        .map(String::as_str)
        .filter(|key| !key.to_ascii_lowercase().starts_with("aws:"))
        .collect();
    let new: Vec<&str> = desired
        .keys()
        .map(String::as_str)
        .filter(|key| !have.contains(key))
        .collect();
    let whole = have.len() + new.len();
    if whole <= MAX_TAGS {
        return None;
    }
    let others: Vec<&str> = have
        .iter()
        .copied()
        .filter(|key| !desired.contains_key(*key))
        .collect();
    let there = match have.is_empty() {
        true => String::new(),
        false => format!(
            " beside {} there, of which the plan does not name {}",
            have.len(),
            names(&others)
        ),
    };
    let said = format!(
        "it would have {whole} tags, and AWS allows {MAX_TAGS}: {} to be added ({}){there}",
        new.len(),
        names(&new),
    );
    let over = whole - MAX_TAGS;
    let hint = match others.is_empty() {
        true => format!("take {over} away from the plan: orgstrap's own count too"),
        false => format!(
            "take {over} away, from the plan or where they are: orgstrap never removes a tag that the plan does not name"
        ),
    };
    Some((said, hint))
}

fn names(keys: &[&str]) -> String {
    let shown = keys.iter().take(NAMED).copied();
    let shown: Vec<&str> = shown.collect();
    match keys.len().saturating_sub(NAMED) {
        0 if keys.is_empty() => "any".to_owned(),
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(names: &str, numbers: std::ops::Range<usize>) -> Tags {
        let named = numbers.map(|n| (format!("{names}{n:02}"), "x".to_owned()));
        named.collect()
    }

    #[test]
    fn what_is_there_counts_with_what_is_added() {
        let mut have = tags("team", 0..47);
        assert_eq!(too_many(&tags("plan", 0..3), &have), None);
        // A tag that only gets another value is none more, and AWS's own do not count.
        let mut desired = tags("plan", 0..3);
        desired.extend(tags("team", 0..5));
        have.extend(tags("aws:", 0..9));
        assert_eq!(too_many(&desired, &have), None);
        desired.insert("orgstrap:managed".to_owned(), "true".to_owned());
        let (said, hint) = too_many(&desired, &have).expect("one too many");
        assert_eq!(
            said,
            "it would have 51 tags, and AWS allows 50: 4 to be added (orgstrap:managed, plan00, plan01, plan02) beside 47 \
             there, of which the plan does not name team05, team06, team07, team08, team09, team10, team11, team12 and 34 \
             more"
        );
        assert!(hint.starts_with("take 1 away"), "{hint}");
    }

    #[test]
    fn what_is_new_has_room_for_the_plans_and_orgstraps_own() {
        assert_eq!(too_many(&tags("plan", 0..50), &Tags::new()), None);
        let (said, hint) = too_many(&tags("plan", 0..51), &Tags::new()).expect("one too many");
        assert!(said.ends_with("51 to be added (plan00, plan01, plan02, plan03, plan04, plan05, plan06, plan07 and 43 more)"), "{said}");
        assert!(hint.contains("from the plan"), "{hint}");
    }
}
