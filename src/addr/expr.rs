//! Texts with references to what does not exist yet, and the bindings that resolve them.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::Address;

/// A text that may refer to attributes of other addresses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Expr(Vec<Part>);

/// A piece of an [`Expr`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    Literal(String),
    Reference(Address, Attribute),
}

/// What of an address is meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Attribute {
    Id,
    Arn,
    /// The root's id, of [`Address::Organization`].
    RootId,
    /// The management account's email, of [`Address::Organization`].
    Email,
    /// An output of a stack.
    Output(String),
}

/// A reference that nothing has bound: the change it waits for did not happen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{attribute} of {address} is not known yet")]
pub struct Unbound {
    pub address: Address,
    pub attribute: Attribute,
}

/// Known attributes: of what the inventory holds, and of what was made since.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Bindings(BTreeMap<(Address, Attribute), String>);

impl Bindings {
    /// Records an attribute; a later value replaces an earlier one.
    pub fn bind(&mut self, address: Address, attribute: Attribute, value: impl Into<String>) {
        self.0.insert((address, attribute), value.into());
    }

    /// Forgets an attribute.
    pub fn unbind(&mut self, address: &Address, attribute: &Attribute) {
        self.0.remove(&(address.clone(), attribute.clone()));
    }

    /// The value of an attribute, if known.
    pub fn get(&self, address: &Address, attribute: &Attribute) -> Option<&str> {
        self.0
            .get(&(address.clone(), attribute.clone()))
            .map(String::as_str)
    }
}

impl Expr {
    /// A text without references.
    pub fn literal(text: impl Into<String>) -> Self {
        Self(vec![Part::Literal(text.into())])
    }

    /// A single reference.
    pub fn reference(address: Address, attribute: Attribute) -> Self {
        Self(vec![Part::Reference(address, attribute)])
    }

    /// A text from its parts; neighbouring literals are joined, so that equal texts are equal.
    pub fn join(parts: impl IntoIterator<Item = Part>) -> Self {
        let mut joined: Vec<Part> = Vec::new();
        for part in parts {
            match (joined.last_mut(), part) {
                (Some(Part::Literal(before)), Part::Literal(more)) => before.push_str(&more),
                (_, part) => joined.push(part),
            }
        }
        Self(joined)
    }

    /// The parts in order.
    pub fn parts(&self) -> &[Part] {
        &self.0
    }

    /// What the text refers to.
    pub fn references(&self) -> impl Iterator<Item = (&Address, &Attribute)> {
        self.0.iter().filter_map(|part| match part {
            Part::Literal(_) => None,
            Part::Reference(address, attribute) => Some((address, attribute)),
        })
    }

    /// The text with every reference replaced that `bindings` knows.
    pub fn resolved(&self, bindings: &Bindings) -> Expr {
        Expr::join(self.0.iter().map(|part| match part {
            Part::Reference(address, attribute) => match bindings.get(address, attribute) {
                Some(value) => Part::Literal(value.to_owned()),
                None => part.clone(),
            },
            Part::Literal(_) => part.clone(),
        }))
    }

    /// The plain text, or the first reference that `bindings` does not know.
    pub fn value(&self, bindings: &Bindings) -> Result<String, Unbound> {
        let resolved = self.resolved(bindings);
        match resolved.references().next() {
            Some((address, attribute)) => Err(Unbound {
                address: address.clone(),
                attribute: attribute.clone(),
            }),
            None => Ok(resolved.to_string()),
        }
    }

    /// The plain text where there are no references.
    pub fn known(&self) -> Option<String> {
        self.value(&Bindings::default()).ok()
    }
}

impl From<&str> for Expr {
    fn from(text: &str) -> Self {
        Expr::literal(text)
    }
}

impl From<String> for Expr {
    fn from(text: String) -> Self {
        Expr::literal(text)
    }
}

/// References read "(known after account security)".
impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.0 {
            match part {
                Part::Literal(text) => f.write_str(text)?,
                Part::Reference(address, _) => write!(f, "(known after {address})")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Attribute::Id => f.write_str("id"),
            Attribute::Arn => f.write_str("ARN"),
            Attribute::RootId => f.write_str("root id"),
            Attribute::Email => f.write_str("email"),
            Attribute::Output(name) => write!(f, "output {name}"),
        }
    }
}
