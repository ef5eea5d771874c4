//! A value of a file together with where it stands, so that every later check can point at it.

use std::borrow::Borrow;
use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::{Deref, Range};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde_spanned::Spanned;

/// A value and the bytes of the file that say it. Compares as the value alone.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct At<T>(Spanned<T>);

/// Text with its place.
pub type SpannedString = At<String>;

impl<T> At<T> {
    /// A value at a place.
    pub fn new(span: Range<usize>, value: T) -> Self {
        At(Spanned::new(span, value))
    }

    /// The bytes of the file.
    pub fn span(&self) -> Range<usize> {
        self.0.span()
    }

    /// The same place with another value.
    pub fn with<U>(&self, value: U) -> At<U> {
        At::new(self.span(), value)
    }
}

impl<T> Deref for At<T> {
    type Target = T;
    fn deref(&self) -> &T {
        self.0.get_ref()
    }
}

impl<T: PartialEq> PartialEq for At<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Eq> Eq for At<T> {}

impl<T: Ord> PartialOrd for At<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: Ord> Ord for At<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(&**other)
    }
}

impl Borrow<str> for At<String> {
    fn borrow(&self) -> &str {
        self
    }
}

/// In the schema the place is not there: only the value is.
impl<T: JsonSchema> JsonSchema for At<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }
    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}
