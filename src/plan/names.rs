//! The names that everything is keyed by. Each is a newtype, so that an account id can not be
//! passed where an account key is meant, and each parses with a message that says what is wrong.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::toml_file::text::by_text;

/// Why a text is not the name it should be. The message is a fragment: "must be 12 digits".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidName(pub String);

fn invalid<T>(message: impl Into<String>) -> Result<T, InvalidName> {
    Err(InvalidName(message.into()))
}

/// Declares a validated string newtype: `Display`, `FromStr`, serde as a plain string.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $check:path) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
        impl FromStr for $name {
            type Err = InvalidName;
            fn from_str(text: &str) -> Result<Self, InvalidName> {
                $check(text)?;
                Ok(Self(text.to_owned()))
            }
        }
        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
        by_text!($name);
    };
}

name!(
    /// A 12-digit AWS account id.
    AccountId,
    check_account_id
);
name!(
    /// The plan's own name of an account (`[account.NAME]`); also the value of its `orgstrap:key` tag.
    AccountKey,
    check_key
);
name!(
    /// The plan's name of a policy, which is also its name in AWS.
    PolicyKey,
    check_policy_key
);
name!(
    /// The name of a baseline: a built-in one, or a folder beside the plan.
    BaselineKey,
    check_key
);
name!(
    /// An AWS Region name such as `eu-west-1`.
    Region,
    check_region
);
name!(
    /// The name of a stack or stack set without the reserved prefix, such as `config-recorder`.
    StackName,
    check_key
);
name!(
    /// A service principal such as `config.amazonaws.com`.
    Principal,
    check_principal
);
name!(
    /// An account's email address, unique across all of AWS. Accounts that exist hold addresses that
    /// AWS would not take today, so the stricter rules are those of [`Email::check_new`].
    Email,
    check_email
);

impl Email {
    /// The rules of CreateAccount in the Organizations API.
    ///
    /// # Errors
    /// Why AWS would not make an account with this address.
    pub fn check_new(&self) -> Result<(), InvalidName> {
        check_new_email(&self.0)
    }

    /// The form in which AWS compares addresses: case does not matter.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

fn check_account_id(text: &str) -> Result<(), InvalidName> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if digits.len() == 12 && digits == text {
        Ok(())
    } else if digits.len() == 12 {
        invalid(format!(
            "an account id is written as its 12 digits: \"{digits}\""
        ))
    } else if digits == text {
        invalid(format!(
            "an account id has 12 digits; this has {}",
            digits.len()
        ))
    } else {
        invalid("an account id is 12 digits, in quotes")
    }
}

/// Keys become stack names, session names and tag values, so the narrowest of those alphabets holds.
fn check_key(text: &str) -> Result<(), InvalidName> {
    let letters = text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if !letters || !text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        invalid("a name is made of letters, digits, `-` and `_`, and starts with a letter or digit")
    } else if text.len() > 50 {
        invalid("a name has at most 50 characters")
    } else {
        Ok(())
    }
}

/// A policy's name in AWS: 1 to 128 characters.
fn check_policy_key(text: &str) -> Result<(), InvalidName> {
    let length = text.chars().count();
    if length == 0 || length > 128 {
        invalid("a policy name has 1 to 128 characters")
    } else if text.chars().any(char::is_control) {
        invalid("a policy name may not hold control characters")
    } else {
        Ok(())
    }
}

fn check_region(text: &str) -> Result<(), InvalidName> {
    let parts: Vec<&str> = text.split('-').collect();
    let word = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase());
    match parts.as_slice() {
        [area, middle @ .., number]
            if area.len() == 2
                && word(area)
                && !middle.is_empty()
                && middle.iter().all(word)
                && number.len() == 1
                && number.bytes().all(|b| b.is_ascii_digit()) =>
        {
            Ok(())
        }
        _ => invalid("a Region is written like `eu-west-1`"),
    }
}

fn check_principal(text: &str) -> Result<(), InvalidName> {
    match text.strip_suffix(".amazonaws.com") {
        Some(service)
            if !service.is_empty()
                && service
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.') =>
        {
            Ok(())
        }
        _ => invalid("a service principal is written like `config.amazonaws.com`"),
    }
}

/// What every address has, however old: it is never empty, and is one line of text around an `@`.
fn check_email(text: &str) -> Result<(), InvalidName> {
    if text.chars().any(char::is_control) {
        invalid("an email holds no control characters")
    } else if text.chars().count() > 320 {
        invalid("an email has at most 320 characters")
    } else if !text
        .split_once('@')
        .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
    {
        invalid("an email is written like `aws+name@example.com`")
    } else {
        Ok(())
    }
}

fn check_new_email(text: &str) -> Result<(), InvalidName> {
    if !text.is_ascii() {
        return invalid("an account's email holds ASCII characters only");
    }
    if !(6..=64).contains(&text.len()) {
        return invalid(format!(
            "an account's email has 6 to 64 characters; this one has {}",
            text.len()
        ));
    }
    let Some((local, domain)) = text.split_once('@') else {
        return invalid("an email is written like `aws+name@example.com`");
    };
    if domain.contains('@') {
        return invalid("an email has one `@`");
    }
    if let Some(c) = local.chars().find(|c| {
        c.is_ascii_whitespace() || c.is_ascii_control() || "\"'()<>[]:;,\\|%&".contains(*c)
    }) {
        return invalid(format!(
            "AWS does not take {} before the `@` of an email",
            if c.is_ascii_whitespace() {
                "a space".to_owned()
            } else {
                format!("`{}`", c.escape_default())
            }
        ));
    }
    if local.is_empty() || local.starts_with('.') {
        return invalid(
            "the part of an email before the `@` is not empty and does not start with a dot",
        );
    }
    if !domain
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
        || !domain.contains('.')
        || domain.starts_with(['-', '.'])
        || domain.ends_with(['-', '.'])
        || domain.contains("..")
    {
        return invalid(format!("`{domain}` is not a domain such as `example.com`"));
    }
    Ok(())
}

/// An OU's path from the root by names, such as `Workloads/Prod`; `/` is the root itself, in which an
/// account may lie, though it is no OU.
///
/// In text, a `/` or `\` inside of a name has a `\` before it, and so has a space at its start or end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OuPath(Vec<String>);

impl OuPath {
    /// The deepest nesting AWS allows below the root.
    pub const MAX_DEPTH: usize = 5;

    /// The root itself, written `/`.
    pub fn root() -> Self {
        Self(Vec::new())
    }

    /// Whether it is the root itself.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The path of an OU from its names, root first; the checks are those of parsing.
    pub fn from_segments(segments: Vec<String>) -> Result<Self, InvalidName> {
        if segments.is_empty() || segments.iter().any(String::is_empty) {
            return invalid("an OU path is names joined by `/`, such as `Workloads/Prod`");
        }
        if segments.iter().any(|name| name.chars().count() > 128) {
            return invalid("an OU name has at most 128 characters");
        }
        Ok(Self(segments))
    }

    /// The names from the root down.
    pub fn segments(&self) -> &[String] {
        &self.0
    }

    /// The OU's own name; empty for the root.
    pub fn name(&self) -> &str {
        self.0.last().map_or("", String::as_str)
    }

    /// The OU it lies in; `None` directly below the root, and for the root.
    pub fn parent(&self) -> Option<OuPath> {
        match self.0.split_last() {
            Some((_, above)) if !above.is_empty() => Some(OuPath(above.to_vec())),
            _ => None,
        }
    }

    /// How many levels below the root; 1 for a top-level OU.
    pub fn depth(&self) -> usize {
        self.0.len()
    }

    /// Whether `self` is `other` or lies above it.
    pub fn contains(&self, other: &OuPath) -> bool {
        other.0.starts_with(&self.0)
    }
}

impl fmt::Display for OuPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_root() {
            return f.pad("/");
        }
        let names: Vec<String> = self.0.iter().map(|name| escaped(name)).collect();
        f.pad(&names.join("/"))
    }
}

fn stray_space<T>(name: &str) -> Result<T, InvalidName> {
    invalid(format!(
        "the OU name `{name}` starts or ends with a space; if it has to, write `\\ `"
    ))
}

/// A name as it stands in a path.
fn escaped(name: &str) -> String {
    let last = name.chars().count().saturating_sub(1);
    let mut text = String::new();
    for (at, c) in name.chars().enumerate() {
        if matches!(c, '/' | '\\') || (c.is_whitespace() && (at == 0 || at == last)) {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

impl FromStr for OuPath {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        if text == "/" {
            return Ok(Self::root());
        }
        let mut segments = Vec::new();
        let mut name = String::new();
        // Whether the last character of the name is a space that nobody meant to be there.
        let mut trailing = false;
        let mut chars = text.chars().chain(['/']).peekable();
        while let Some(c) = chars.next() {
            match c {
                '/' => {
                    if trailing {
                        return stray_space(&name);
                    }
                    segments.push(std::mem::take(&mut name));
                }
                '\\' => {
                    match chars.next_if(|next| matches!(next, '/' | '\\') || next.is_whitespace()) {
                        Some(c) if chars.peek().is_some() => {
                            name.push(c);
                            trailing = false;
                        }
                        _ => {
                            return invalid(
                                "names in an OU path are joined by `/`; a `\\` that belongs to a name is written `\\\\`",
                            );
                        }
                    }
                }
                c if c.is_whitespace() && name.is_empty() => return stray_space(text),
                c => {
                    name.push(c);
                    trailing = c.is_whitespace();
                }
            }
        }
        Self::from_segments(segments)
    }
}

impl TryFrom<String> for OuPath {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        text.parse()
    }
}

impl From<OuPath> for String {
    fn from(path: OuPath) -> String {
        path.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_says_the_same_as_text() {
        for names in [
            vec!["Workloads", "Prod"],
            vec!["R/D", "a\\b", "\\/"],
            vec![" padded ", "Größe", "研究"],
        ] {
            let segments: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let path = OuPath::from_segments(segments.clone()).expect("names");
            let again: OuPath = path.to_string().parse().expect("its own text");
            assert_eq!(again.segments(), segments);
        }
        assert_eq!("/".parse(), Ok(OuPath::root()));
        assert_eq!(OuPath::root().to_string(), "/");
        assert_eq!(r"R\/D".parse::<OuPath>().expect("one name").depth(), 1);
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for text in ["", "a/", "/a", "a//b", r"a\b", r"a\", " a", "a /b"] {
            assert!(text.parse::<OuPath>().is_err(), "{text}");
        }
    }

    #[test]
    fn old_addresses_are_read_and_new_ones_judged() {
        for (text, new) in [
            ("aws+name@example.com", true),
            ("\"odd one\"@example.com", false),
            ("jürgen@example.com", false),
            (
                "a-very-long-local-part-that-was-fine-in-2009-but-is-not@subsidiary.example.com",
                false,
            ),
        ] {
            let email: Email = text.parse().expect("an address");
            assert_eq!(email.check_new().is_ok(), new, "{text}");
        }
        assert!("nobody".parse::<Email>().is_err());
    }
}
