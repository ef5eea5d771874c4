//! What is known of a request: condition keys and their values.

use std::collections::{BTreeMap, BTreeSet};

/// The context of a request. A key that nobody gave is unknown, unless it is said to be absent or the context is
/// closed; names are compared without regard to case.
#[derive(Debug, Clone, Default)]
pub struct Context {
    values: BTreeMap<String, Vec<String>>,
    absent: BTreeSet<String>,
    /// Beginnings of keys, such as `aws:requesttag/`, of which all that there are were given.
    families: BTreeSet<String>,
    closed: bool,
}

/// What a context says of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup<'a> {
    Is(&'a [String]),
    Absent,
    Unknown,
}

impl Context {
    /// A context that has what it is given and nothing else.
    pub fn closed() -> Context {
        Context {
            closed: true,
            ..Context::default()
        }
    }

    /// Gives a key one value.
    pub fn set(&mut self, key: &str, value: impl Into<String>) {
        self.set_all(key, [value.into()]);
    }

    /// Gives a key of many values its values; none make it absent.
    pub fn set_all(&mut self, key: &str, values: impl IntoIterator<Item = String>) {
        let values: Vec<String> = values.into_iter().collect();
        match values.is_empty() {
            true => self.absent(key),
            false => {
                self.values.insert(key.to_lowercase(), values);
            }
        }
    }

    /// Says that the request does not have a key.
    pub fn absent(&mut self, key: &str) {
        self.values.remove(&key.to_lowercase());
        self.absent.insert(key.to_lowercase());
    }

    /// Says that no service of AWS calls: the keys that only such calls have are not there (IAM User Guide, "AWS global
    /// condition context keys").
    pub fn by_no_service(&mut self) {
        self.set("aws:PrincipalIsAWSService", "false");
        for key in [
            "aws:PrincipalServiceName",
            "aws:PrincipalServiceNamesList",
            "aws:SourceAccount",
            "aws:SourceArn",
            "aws:SourceOrgID",
            "aws:SourceOrgPaths",
        ] {
            self.absent(key);
        }
    }

    /// Says whether a service makes the call for somebody else, and which.
    pub fn called_via(&mut self, service: Option<&str>) {
        self.set(
            "aws:ViaAWSService",
            if service.is_some() { "true" } else { "false" },
        );
        self.set_all("aws:CalledVia", service.map(str::to_owned));
        for key in ["aws:CalledViaFirst", "aws:CalledViaLast"] {
            match service {
                Some(service) => self.set(key, service),
                None => self.absent(key),
            }
        }
    }

    /// Says that all keys that begin so were given.
    pub fn complete(&mut self, beginning: &str) {
        self.families.insert(beginning.to_lowercase());
    }

    /// The keys that have values, with them; names are in small letters.
    pub fn values(&self) -> impl Iterator<Item = (&str, &[String])> {
        let values = self.values.iter();
        values.map(|(key, values)| (key.as_str(), values.as_slice()))
    }

    /// What the request has under a key.
    pub fn get(&self, key: &str) -> Lookup<'_> {
        let key = key.to_lowercase();
        if let Some(values) = self.values.get(&key) {
            return Lookup::Is(values);
        }
        let none = self.closed
            || self.absent.contains(&key)
            || self.families.iter().any(|family| key.starts_with(family));
        match none {
            true => Lookup::Absent,
            false => Lookup::Unknown,
        }
    }
}
