//! Texts of a descriptor with `{…}` in them: plain substitution, no expressions.

use std::fmt;
use std::str::FromStr;

use crate::plan::{InvalidName, StackName};
use crate::toml_file::text::by_text;

/// A text with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interpolated(Vec<Piece>);

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    Literal(String),
    /// `{prefix}`: what the names of everything orgstrap makes begin with.
    Prefix,
    /// `{home_region}`
    HomeRegion,
    /// `{regions}`: the governed Regions, joined by commas.
    Regions,
    /// `{region}`: the stack's own Region.
    Region,
    /// `{organization.id}`
    OrganizationId,
    /// `{management.id}`
    ManagementId,
    /// `{logging.id}`
    LoggingId,
    /// `{secops.id}`
    SecOpsId,
    /// `{principals.SERVICE}`: the names under which a service acts in the governed Regions, joined by commas.
    Principals(String),
    /// `{option.NAME}`; lists are joined by commas.
    Option(String),
    /// `{stack.NAME.OUTPUT}`
    Output {
        stack: StackName,
        output: String,
    },
}

/// Every placeholder without a name of its own.
const PLAIN: [(&str, Piece); 8] = [
    ("prefix", Piece::Prefix),
    ("home_region", Piece::HomeRegion),
    ("region", Piece::Region),
    ("regions", Piece::Regions),
    ("organization.id", Piece::OrganizationId),
    ("management.id", Piece::ManagementId),
    ("logging.id", Piece::LoggingId),
    ("secops.id", Piece::SecOpsId),
];

impl Interpolated {
    /// The pieces in order.
    pub fn pieces(&self) -> &[Piece] {
        &self.0
    }

    /// The text itself where it has no placeholders.
    pub fn literal(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Piece::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// Parses an option's value, which may name what the plan knows, but no option, output or `{region}`.
    pub fn parse_value(text: &str) -> Result<Self, InvalidName> {
        let words = text.parse::<Self>()?;
        for piece in &words.0 {
            if matches!(
                piece,
                Piece::Option(_) | Piece::Output { .. } | Piece::Region
            ) {
                return Err(InvalidName(format!("`{piece}` can not stand in an option")));
            }
        }
        Ok(words)
    }
}

/// Parses a text of a descriptor. `{{` and `}}` stand for single braces.
impl FromStr for Interpolated {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            literal.push_str(before);
            if let Some(after) = from.strip_prefix("{{") {
                literal.push('{');
                rest = after;
            } else if let Some(after) = from.strip_prefix("}}") {
                literal.push('}');
                rest = after;
            } else if let Some((name, after)) =
                from.strip_prefix('{').and_then(|f| f.split_once('}'))
            {
                if !literal.is_empty() {
                    pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                }
                pieces.push(placeholder(name)?);
                rest = after;
            } else {
                return Err(InvalidName(format!(
                    "`{text}` has a single brace; write `{{{{` or `}}}}` for one that is meant"
                )));
            }
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Ok(Self(pieces))
    }
}

by_text!(Interpolated);

fn placeholder(name: &str) -> Result<Piece, InvalidName> {
    if let Some((_, piece)) = PLAIN.iter().find(|(word, _)| *word == name) {
        return Ok(piece.clone());
    }
    if let Some(option) = name.strip_prefix("option.") {
        return Ok(Piece::Option(option.to_owned()));
    }
    if let Some(service) = name.strip_prefix("principals.")
        && !service.is_empty()
        && service
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    {
        return Ok(Piece::Principals(service.to_owned()));
    }
    if let Some((stack, output)) = name.strip_prefix("stack.").and_then(|n| n.split_once('.')) {
        let stack = stack
            .parse()
            .map_err(|error| InvalidName(format!("`{{{name}}}`: a stack's name {error}")))?;
        return Ok(Piece::Output {
            stack,
            output: output.to_owned(),
        });
    }
    let known: Vec<&str> = PLAIN.iter().map(|(word, _)| *word).collect();
    Err(InvalidName(format!(
        "there is no `{{{name}}}`; there are `{{{}}}`, `{{principals.SERVICE}}`, `{{option.NAME}}` and `{{stack.NAME.OUTPUT}}`",
        known.join("}`, `{")
    )))
}

impl fmt::Display for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Piece::Literal(text) => f.write_str(&text.replace('{', "{{").replace('}', "}}")),
            Piece::Principals(service) => write!(f, "{{principals.{service}}}"),
            Piece::Option(name) => write!(f, "{{option.{name}}}"),
            Piece::Output { stack, output } => write!(f, "{{stack.{stack}.{output}}}"),
            plain => match PLAIN.iter().find(|(_, piece)| piece == plain) {
                Some((word, _)) => write!(f, "{{{word}}}"),
                None => Ok(()),
            },
        }
    }
}

impl fmt::Display for Interpolated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|piece| write!(f, "{piece}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_told_from_text() {
        let words = "{prefix}-trail-{logging.id}-{{x}}".parse();
        assert_eq!(
            words,
            Ok(Interpolated(vec![
                Piece::Prefix,
                Piece::Literal("-trail-".into()),
                Piece::LoggingId,
                Piece::Literal("-{x}".into()),
            ]))
        );
        assert_eq!(
            words.map(|words| words.to_string()),
            Ok("{prefix}-trail-{logging.id}-{{x}}".into())
        );
    }

    #[test]
    fn what_is_no_placeholder_is_refused() {
        for text in ["{prefx}", "{", "a } b", "{stack.x}", "{stack.a b.c}", "{}"] {
            assert!(text.parse::<Interpolated>().is_err(), "{text}");
        }
        assert!(Interpolated::parse_value("{option.a}").is_err());
        assert!(Interpolated::parse_value("{logging.id}").is_ok());
    }
}
