//! What policies compare: wildcards, policy variables, and ARNs segment by segment.
//!
//! Sources: IAM User Guide, "IAM JSON policy elements: Resource" (wildcards within the segments of an ARN; a `*` that ends a
//! segment may reach past the colon), "Variables and tags" (`${key}`, `${key, 'default'}`, `${*}`, `${?}`, `${$}`; only in
//! Version 2012-10-17), "Condition operators" (each of the six parts of an ARN is compared by itself).

use super::context::{Context, Lookup};

/// A part of a pattern. What a variable stands for is text, whatever characters it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    /// `*`
    Any,
    /// `?`
    One,
    Text(char),
}

/// A text of a policy with its variables filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Filled {
    Is(Vec<Token>),
    /// It names a key that the request does not have and gives no default: it matches nothing.
    Nothing,
    /// It names a key of which it is not known whether the request has it.
    Unknown(String),
}

/// Fills in the variables of a text; `None` for documents of before 2012-10-17, which have none.
pub(super) fn fill(text: &str, variables: Option<&Context>) -> Filled {
    let mut tokens = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        if let Some(context) = variables
            && let Some(after) = rest.strip_prefix("${")
            && let Some((inside, behind)) = after.split_once('}')
        {
            rest = behind;
            match inside {
                "*" | "?" | "$" => tokens.extend(inside.chars().map(Token::Text)),
                _ => {
                    let (key, default) = match inside.split_once(',') {
                        Some((key, default)) => {
                            (key.trim(), Some(default.trim().trim_matches('\'')))
                        }
                        None => (inside.trim(), None),
                    };
                    let value = match (context.get(key), default) {
                        // Keys of many values are no variables.
                        (Lookup::Is([value]), _) => value.as_str(),
                        (Lookup::Unknown, _) => return Filled::Unknown(key.to_owned()),
                        (Lookup::Absent | Lookup::Is(_), Some(default)) => default,
                        (Lookup::Absent | Lookup::Is(_), None) => return Filled::Nothing,
                    };
                    tokens.extend(value.chars().map(Token::Text));
                }
            }
            continue;
        }
        tokens.push(match letter {
            '*' => Token::Any,
            '?' => Token::One,
            other => Token::Text(other),
        });
        rest = rest.get(letter.len_utf8()..).unwrap_or_default();
    }
    Filled::Is(tokens)
}

/// The tokens as the text that they stand for, without wildcards.
pub(super) fn literal(tokens: &[Token]) -> String {
    tokens
        .iter()
        .map(|token| match token {
            Token::Any => '*',
            Token::One => '?',
            Token::Text(letter) => *letter,
        })
        .collect()
}

/// Whether `text` matches `pattern` with `*` and `?`.
pub fn like(pattern: &str, text: &str) -> bool {
    match fill(pattern, None) {
        Filled::Is(tokens) => matches(&tokens, text),
        Filled::Nothing | Filled::Unknown(_) => false,
    }
}

pub(super) fn matches(pattern: &[Token], text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    matches_from(pattern, &text, |_, _| true)
}

/// Matches, where `reach(place, letter)` says whether the `*` at a place of the pattern may swallow a letter.
fn matches_from(pattern: &[Token], text: &[char], reach: impl Fn(usize, char) -> bool) -> bool {
    places(pattern, text, reach).last() == Some(&true)
}

/// Which places of a pattern may come next after a text; the last is its end.
fn places(pattern: &[Token], text: &[char], reach: impl Fn(usize, char) -> bool) -> Vec<bool> {
    // Which places of the pattern may come next, one letter after another. Never worse than pattern times text.
    let mut places = vec![false; pattern.len() + 1];
    open(&mut places, pattern, 0);
    for letter in text {
        let mut next = vec![false; pattern.len() + 1];
        for (at, token) in pattern.iter().enumerate() {
            if places.get(at) != Some(&true) {
                continue;
            }
            match token {
                Token::Any if reach(at, *letter) => open(&mut next, pattern, at),
                Token::Any => {}
                Token::One => open(&mut next, pattern, at + 1),
                Token::Text(wanted) if wanted == letter => open(&mut next, pattern, at + 1),
                Token::Text(_) => {}
            }
        }
        places = next;
    }
    places
}

/// Whether a resource matches that begins so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beginning {
    /// However it goes on.
    Whatever,
    Perhaps,
    Never,
}

/// Whether a pattern matches a resource of which the beginning is known.
pub(super) fn begins(pattern: &[Token], beginning: &str) -> Beginning {
    let text: Vec<char> = beginning.chars().collect();
    // Written in full, each segment is taken for what it is: an id that nobody knows does not have the form of three.
    let colon = |token: &&Token| **token == Token::Text(':');
    let full = pattern.iter().filter(colon).count() >= 5;
    let colons = |at: usize| pattern.iter().take(at).filter(colon).count();
    let after = places(pattern, &text, |at, letter| {
        letter != ':' || !full || at + 1 == pattern.len() || colons(at) >= 5
    });
    if !after.contains(&true) {
        return Beginning::Never;
    }
    // Only a pattern that ends in a star, and is there already, takes whatever comes.
    let last = pattern.len().checked_sub(1).and_then(|at| after.get(at));
    match pattern.last() == Some(&Token::Any) && last == Some(&true) {
        true => Beginning::Whatever,
        false => Beginning::Perhaps,
    }
}

/// Opens a place, and those behind it as long as `*` may stand for nothing.
fn open(places: &mut [bool], pattern: &[Token], from: usize) {
    let mut at = from;
    loop {
        if let Some(place) = places.get_mut(at) {
            *place = true;
        }
        if pattern.get(at) != Some(&Token::Any) {
            return;
        }
        at += 1;
    }
}

/// Whether a `Resource` means a resource. A `*` before other letters of the first five segments stays within its own.
pub(super) fn resource_matches(pattern: &[Token], resource: &str) -> bool {
    let text: Vec<char> = resource.chars().collect();
    let colon = |token: &Token| *token == Token::Text(':');
    let colons = pattern.iter().filter(|token| colon(token)).count();
    let whole = (colons < 5 && !pattern.is_empty() && pattern.last() != Some(&Token::Any))
        .then(|| completed(pattern, colons));
    let pattern = whole.as_deref().unwrap_or(pattern);
    let fifth = pattern
        .iter()
        .enumerate()
        .filter(|(_, token)| colon(token))
        .nth(4)
        .map_or(pattern.len(), |(at, _)| at);
    matches_from(pattern, &text, |at, letter| {
        let ends_segment = pattern
            .get(at + 1)
            .is_none_or(|next| colon(next) || *next == Token::Any);
        letter != ':' || at > fifth || ends_segment
    })
}

/// An ARN with fewer segments than six means any in those that it lacks ("Incomplete ARNs").
fn completed(pattern: &[Token], colons: usize) -> Vec<Token> {
    let mut whole = pattern.to_vec();
    // Only what begins as an ARN is one.
    if literal(pattern).starts_with("arn:") {
        for _ in colons..5 {
            whole.extend([Token::Text(':'), Token::Any]);
        }
    }
    whole
}

/// Whether an ARN matches as the ARN operators compare: six parts, each by itself.
pub(super) fn arn_matches(pattern: &[Token], arn: &str) -> bool {
    let given: Vec<&str> = arn.splitn(6, ':').collect();
    let wanted: Vec<&[Token]> = pattern
        .splitn(6, |token| *token == Token::Text(':'))
        .collect();
    if wanted.len() == 1 && wanted.first() == Some(&[Token::Any].as_slice()) {
        return true;
    }
    given.len() == 6
        && wanted.len() == 6
        && given
            .iter()
            .zip(wanted)
            .all(|(given, wanted)| matches(wanted, given))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<Token> {
        match fill(text, None) {
            Filled::Is(tokens) => tokens,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn wildcards_match_as_iam_matches() {
        assert!(like("arn:*:role/a?c*", "arn:aws:iam::1:role/abcdef"));
        assert!(!like("arn:*:role/a?c", "arn:aws:iam::1:role/abcdef"));
        assert!(like("arn:aws:s3:::b/*/x?", "arn:aws:s3:::b/a/c/xy"));
        assert!(!like("arn:aws:s3:::b/?", "arn:aws:s3:::b/"));
        assert!(like("*", ""));
        assert!(like("", ""));
        assert!(!like("", "a"));
        // A pattern that takes a backtracking matcher forever.
        assert!(!like(&"*a".repeat(40), &"a".repeat(39)));
    }

    #[test]
    fn an_arn_is_compared_part_by_part() {
        let arn = "arn:aws:iam::111111111111:role/a:b";
        for (pattern, expected) in [
            ("arn:aws:iam::*:role/*", true),
            ("arn:*:iam::111111111111:role/a*", true),
            ("arn:aws:*:role/a:b", false),
            ("arn:aws:iam:*:role/*", false),
            ("*", true),
            ("arn:aws:iam::1111*:*", true),
        ] {
            assert_eq!(arn_matches(&tokens(pattern), arn), expected, "{pattern}");
        }
    }

    #[test]
    fn of_a_beginning_some_patterns_know_the_end() {
        let beginning = "arn:aws:config:eu-west-1:111111111111:config-rule/";
        for (pattern, expected) in [
            ("*", Beginning::Whatever),
            ("arn:aws:config:*:*:config-rule/*", Beginning::Whatever),
            ("arn:aws:config:*:*:*", Beginning::Whatever),
            (
                "arn:aws:config:*:*:config-rule/config-rule-a",
                Beginning::Perhaps,
            ),
            ("arn:aws:config:*:*:config-rule/a*", Beginning::Perhaps),
            (
                "arn:aws:config:*:222222222222:config-rule/*",
                Beginning::Never,
            ),
            ("arn:aws:s3:::*", Beginning::Never),
            ("arn:aws:config:*:*:config-aggregator/*", Beginning::Never),
        ] {
            assert_eq!(begins(&tokens(pattern), beginning), expected, "{pattern}");
        }
    }

    #[test]
    fn a_resource_may_end_in_a_star_that_passes_colons() {
        let arn = "arn:aws:logs:eu-west-1:111111111111:log-group:a:log-stream:b";
        for (pattern, expected) in [
            ("arn:aws:logs:*", true),
            ("arn:aws:logs:*:log-group:a:*", true),
            ("arn:aws:logs", true),
            ("arn:aws:lo*:log-group:a:log-stream:b", true),
            (
                "arn:aws:l*s:eu-west-1:111111111111:log-group:a:log-stream:b",
                true,
            ),
            ("arn:a*-group:a:log-stream:b", false),
            ("arn:aws:logs:*:*:log-group:a*b", true),
            ("logs", false),
        ] {
            assert_eq!(
                resource_matches(&tokens(pattern), arn),
                expected,
                "{pattern}"
            );
        }
    }
}
