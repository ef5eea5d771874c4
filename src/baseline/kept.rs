//! Buckets of a template that outlive their stack, and the template by which they are taken into one again.
//!
//! CloudFormation imports what a change set of the type IMPORT names, into a stack that is otherwise as it was, or into a
//! new one that has nothing else (user guide, "Import AWS resources into a CloudFormation stack"). What it finds by itself
//! has to be named in the template without functions, which no parameter allows.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::document::{kind, references, text};
use super::render::{Known, Rendering};

/// A bucket with a name of its own that CloudFormation keeps.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NamedBucket {
    pub logical_id: String,
    pub name: String,
    /// The resource that is its policy.
    pub policy: Option<String>,
    /// The resource that is the key which it encrypts with.
    pub key: Option<String>,
}

impl Rendering {
    /// The buckets that a stack makes, gives names to, and does not delete.
    ///
    /// # Errors
    /// What of the template is beyond this.
    pub fn named_buckets(&self, known: &Known) -> Result<Vec<NamedBucket>, String> {
        let mut buckets = Vec::new();
        for (logical_id, resource) in self.resources() {
            let policy = text(resource, "DeletionPolicy");
            let kept = policy.is_some_and(|policy| policy.starts_with("Retain"));
            if kind(resource) != "AWS::S3::Bucket" || !kept {
                continue;
            }
            if let Some(name) = self.property(logical_id, "BucketName", known)? {
                buckets.push(NamedBucket {
                    logical_id: logical_id.to_owned(),
                    name,
                    policy: self.policy_of(logical_id),
                    key: self.key_of(resource),
                });
            }
        }
        Ok(buckets)
    }

    /// The template with some resources unconditional: of a stack that is there whole, of a new one these alone. They have
    /// next to no properties in it: an import sets none, and the update after it sets only those that differ from the
    /// template before.
    ///
    /// # Errors
    /// Why these cannot be taken in by it.
    pub fn to_take_in(&self, ids: &BTreeSet<String>, whole: bool) -> Result<String, String> {
        let mut root = self.0.root().clone();
        let resources = root.get_mut("Resources").and_then(Value::as_object_mut);
        let resources = resources.ok_or("the template has no resources")?;
        if !whole {
            resources.retain(|id, _| ids.contains(id));
        }
        for id in ids {
            let resource = resources.get_mut(id).and_then(Value::as_object_mut);
            let resource = resource.ok_or_else(|| format!("its template lacks {id}"))?;
            resource.remove("Condition");
            only_named(resource);
        }
        if !whole {
            let there: BTreeSet<String> = resources.keys().cloned().collect();
            let all: BTreeSet<&str> = self.resources().map(|(id, _)| id).collect();
            for (id, resource) in resources.iter() {
                let referred = referred(resource);
                if let Some(other) = referred
                    .iter()
                    .find(|other| all.contains(*other) && !there.contains(**other))
                {
                    return Err(format!(
                        "{id} refers to {other}, which is not there any more"
                    ));
                }
            }
            if let Some(root) = root.as_object_mut() {
                root.remove("Outputs");
            }
        }
        Ok(root.to_string())
    }

    /// The resources of a type, by logical id.
    pub fn of_type(&self, desired: &str) -> impl Iterator<Item = &str> {
        let resources = self.resources();
        let found = resources.filter(move |(_, resource)| kind(resource) == desired);
        found.map(|(id, _)| id)
    }

    fn resources(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.section("Resources")
    }

    fn policy_of(&self, bucket: &str) -> Option<String> {
        let mut resources = self.resources();
        let found = resources.find(|(_, resource)| {
            kind(resource) == "AWS::S3::BucketPolicy"
                && resource.pointer("/Properties/Bucket") == Some(&json!({ "Ref": bucket }))
        });
        found.map(|(id, _)| id.to_owned())
    }

    fn key_of(&self, bucket: &Value) -> Option<String> {
        let encryption = bucket.pointer("/Properties/BucketEncryption")?;
        let referred = referred(encryption);
        let mut resources = self.resources();
        let found = resources
            .find(|(id, resource)| referred.contains(id) && kind(resource) == "AWS::KMS::Key");
        found.map(|(id, _)| id.to_owned())
    }
}

/// Leaves a resource what names it and what its type asks for.
fn only_named(resource: &mut Map<String, Value>) {
    let kind = resource.get("Type").and_then(Value::as_str);
    let kind = kind.unwrap_or_default().to_owned();
    let properties = resource.get_mut("Properties");
    let Some(properties) = properties.and_then(Value::as_object_mut) else {
        return;
    };
    match kind.as_str() {
        "AWS::S3::Bucket" => properties.retain(|name, _| name == "BucketName"),
        "AWS::KMS::Key" => properties.clear(),
        // Its document cannot be left out, so an id tells it from the one that is to be.
        "AWS::S3::BucketPolicy" => {
            let document = properties.get_mut("PolicyDocument");
            if let Some(document) = document.and_then(Value::as_object_mut) {
                document.insert("Id".to_owned(), json!("before-the-import"));
            }
        }
        _ => {}
    }
}

/// The resources and parameters that a value refers to.
fn referred(value: &Value) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    references(value, &mut |function, name| {
        if matches!(function, "Ref" | "GetAtt" | "Sub") {
            names.insert(name);
        }
    });
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn logs() -> Rendering {
        Rendering::parse(include_str!("../../stacksets/cloudtrail-logs.yaml")).unwrap()
    }

    fn known(access: &str) -> Known {
        Known {
            parameters: BTreeMap::from([
                ("BucketName".to_owned(), "trail".to_owned()),
                ("AccessLogs".to_owned(), access.to_owned()),
            ]),
            ..Known::default()
        }
    }

    #[test]
    fn buckets_that_stay_are_known_with_policy_and_key() {
        let bucket = |logical_id: &str, name: &str, policy: &str, key: Option<&str>| NamedBucket {
            logical_id: logical_id.to_owned(),
            name: name.to_owned(),
            policy: Some(policy.to_owned()),
            key: key.map(str::to_owned),
        };
        let own = bucket("Bucket", "trail", "BucketPolicy", Some("Key"));
        let access = bucket(
            "AccessLogBucket",
            "trail-access",
            "AccessLogBucketPolicy",
            None,
        );
        assert_eq!(
            logs().named_buckets(&known("true")).unwrap(),
            [own.clone(), access]
        );
        assert_eq!(logs().named_buckets(&known("false")).unwrap(), [own]);
    }

    #[test]
    fn what_is_taken_in_is_all_that_changes() {
        let ids = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let text = logs()
            .to_take_in(&ids(&["AccessLogBucket", "AccessLogBucketPolicy"]), true)
            .unwrap();
        let template: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(template["Outputs"], logs().0.root()["Outputs"]);
        assert_eq!(
            template["Resources"]["Bucket"],
            logs().0.root()["Resources"]["Bucket"]
        );
        let bucket = template["Resources"]["AccessLogBucket"]
            .as_object()
            .unwrap();
        assert!(!bucket.contains_key("Condition"));
        assert_eq!(bucket["Properties"].as_object().unwrap().len(), 1);
        // Into a new stack nothing can come that is made on the way.
        let new = logs().to_take_in(&ids(&["BucketPolicy"]), false);
        let why = "BucketPolicy refers to Bucket, which is not there any more";
        assert_eq!(new.unwrap_err(), why);
        let new = logs().to_take_in(
            &ids(&["Bucket", "BucketPolicy", "Key", "AccessLogBucket"]),
            false,
        );
        let template: Value = serde_json::from_str(&new.unwrap()).unwrap();
        assert_eq!(template["Resources"].as_object().unwrap().len(), 4);
        assert!(template.get("Outputs").is_none());
    }
}
