//! Did-you-mean.

/// The candidate that a person who wrote `as_str` most likely meant.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = fold(word);
    // A guess needs something to go by: two letters are near everything.
    if folded.chars().count() < 3 {
        return candidates
            .into_iter()
            .find(|candidate| fold(candidate) == folded);
    }
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let other = fold(candidate);
        // A path's last name alone ("Prod" for "Workloads/Prod") is a slip of its own kind.
        let last = other.rsplit('/').next().unwrap_or(&other);
        let distance = if last == folded || plural(&folded, &other) {
            1
        } else {
            strsim::damerau_levenshtein(&folded, &other)
        };
        // A third of the letters may differ: more and the guess misleads.
        let allowed = (folded.chars().count().max(other.chars().count()) / 3).max(1);
        if distance <= allowed && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Whether one word is the other in the plural.
fn plural(one: &str, other: &str) -> bool {
    let of = |word: &str, more: &str| {
        more.strip_suffix("ies")
            .is_some_and(|stem| word.strip_suffix('y') == Some(stem))
            || more.strip_suffix("es") == Some(word)
            || more.strip_suffix('s') == Some(word)
    };
    of(one, other) || of(other, one)
}

/// Case, `-` and `_` do not tell words apart.
fn fold(word: &str) -> String {
    word.to_lowercase().replace('_', "-")
}

/// "did you mean `x`?" where one of the candidates is near, else what there is to choose from.
pub(crate) fn did_you_mean<'a>(
    word: &str,
    candidates: impl Iterator<Item = &'a str> + Clone,
) -> Option<String> {
    match nearest(word, candidates.clone()) {
        Some(candidate) => Some(format!("did you mean `{candidate}`?")),
        None => {
            let all: Vec<String> = candidates
                .map(|candidate| format!("`{candidate}`"))
                .collect();
            (!all.is_empty()).then(|| format!("there are {}", all.join(", ")))
        }
    }
}

/// The same of what a plan has.
pub(crate) fn did_you_mean_of_plan<'a>(
    word: &str,
    what: &str,
    candidates: impl IntoIterator<Item = &'a str> + Clone,
) -> String {
    match nearest(word, candidates.clone()) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None => {
            let all: Vec<&str> = candidates.into_iter().collect();
            if all.is_empty() {
                format!("this plan has no {what}")
            } else {
                format!("the {what} of this plan: {}", list(all))
            }
        }
    }
}

/// "`a`, `b` and `c`", cut where it grows long.
pub fn list<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 12;
    let words: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    let more = words.len().saturating_sub(SHOWN);
    match words.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] if more == 0 => format!("{} and {last}", first.join(", ")),
        _ => format!(
            "{} and {more} more",
            words.get(..SHOWN).unwrap_or(&words).join(", ")
        ),
    }
}

/// A key as it is written in a table header.
pub fn quoted(key: &str) -> String {
    let bare = !key.is_empty()
        && key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if bare {
        key.to_owned()
    } else {
        format!("{key:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_found_and_strangers_are_not() {
        let names = ["home_region", "regions", "logging", "secops"];
        assert_eq!(nearest("home-region", names), Some("home_region"));
        assert_eq!(nearest("homeregion", names), Some("home_region"));
        assert_eq!(nearest("Logging", names), Some("logging"));
        assert_eq!(nearest("secosp", names), Some("secops"));
        assert_eq!(nearest("budget", names), None);
        assert_eq!(nearest("policy", ["policies", "tags"]), Some("policies"));
        assert_eq!(nearest("Prod", ["Workloads/Prod"]), Some("Workloads/Prod"));
    }

    #[test]
    fn lists_read_as_sentences() {
        assert_eq!(list(["a"]), "`a`");
        assert_eq!(list(["a", "b", "c"]), "`a`, `b` and `c`");
    }
}
