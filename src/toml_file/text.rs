//! Types that a file has as text.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer};

/// Declares that a type with `FromStr` is read from text, and what texts editors may offer for it. The first line
/// of the error is the message, further lines say what to write instead.
macro_rules! by_text {
    ($name:ty $(, $offer:literal)*) => {
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                crate::toml_file::text::parsed(from)
            }
        }

        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                const OFFERS: &[&str] = &[$($offer),*];
                match OFFERS {
                    [] => schemars::json_schema!({ "type": "string" }),
                    _ => schemars::json_schema!({ "type": "string", "examples": OFFERS }),
                }
            }
        }
    };
}
pub(crate) use by_text;

/// A text as a type with `FromStr`. As a newtype, because the parser gives the place of one to errors in it also where it
/// is an element of a list.
pub(crate) fn parsed<'de, T, D>(from: D) -> Result<T, D::Error>
where
    T: FromStr,
    T::Err: fmt::Display,
    D: Deserializer<'de>,
{
    struct Text<T>(PhantomData<T>);
    impl<'de, T> Visitor<'de> for Text<T>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        type Value = T;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string")
        }
        fn visit_newtype_struct<D: Deserializer<'de>>(self, from: D) -> Result<T, D::Error> {
            let text = String::deserialize(from)?;
            text.parse().map_err(D::Error::custom)
        }
    }
    from.deserialize_newtype_struct("text", Text(PhantomData))
}

/// A text that says something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phrase(String);

impl Phrase {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&Phrase> for String {
    fn from(phrase: &Phrase) -> String {
        phrase.0.clone()
    }
}

impl FromStr for Phrase {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim() {
            "" => Err("this is empty"),
            _ => Ok(Self(text.to_owned())),
        }
    }
}

by_text!(Phrase);
