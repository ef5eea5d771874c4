//! Policy documents as AWS reads them: the grammar of every policy type of Organizations, from the syntax page
//! that the Organizations user guide has for it. Pure, and it says all that is wrong, each with its place.
//!
//! The sandbox reads documents by its own account of the same pages (`crates/sandbox/src/organizations/documents.rs`), as a
//! witness: `tests/suite/policy_documents.rs` holds both to one verdict.

mod actions;
mod authorization;
mod conditions;
mod inheritance;
mod json;
mod rcp_services;
mod shapes;

use std::ops::Range;

pub(crate) use actions::unheard_of;
pub(crate) use rcp_services::covers as under_rcps;

use json::{Member, Node, Value};

use super::PolicyType;
use super::diagnostic::Severity;

/// One thing that is wrong with a document.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) severity: Severity,
    /// Byte offsets into the document's text.
    pub(super) span: Range<usize>,
    /// The same as a JSON pointer, for where no place can be shown.
    pub(super) pointer: String,
    /// What is wrong, as a sentence without its full stop.
    pub(super) message: String,
    /// What to write, and what AWS says.
    pub(super) help: Vec<String>,
    /// Where the name was first, if it is there twice.
    pub(super) first: Option<Range<usize>>,
}

/// A document that is JSON, judged.
#[derive(Debug)]
pub(super) struct Judged {
    /// Without white space.
    pub(super) minified: String,
    pub(super) faults: Vec<Fault>,
}

/// Judges a document.
///
/// # Errors
/// It is no JSON.
pub(super) fn judge(kind: PolicyType, text: &str) -> Result<Judged, serde_json::Error> {
    let node = json::parse(text)?;
    let mut faults = Faults {
        kind,
        found: Vec::new(),
    };
    let root = Spot {
        node: &node,
        pointer: String::new(),
    };
    twice(&root, &mut faults);
    match kind {
        PolicyType::ServiceControlPolicy | PolicyType::ResourceControlPolicy => {
            authorization::check(&root, &mut faults);
        }
        PolicyType::TagPolicy
        | PolicyType::BackupPolicy
        | PolicyType::AiservicesOptOutPolicy
        | PolicyType::ChatbotPolicy
        | PolicyType::DeclarativePolicyEc2
        | PolicyType::SecurityhubPolicy
        | PolicyType::SecurityhubCspmPolicy
        | PolicyType::InspectorPolicy
        | PolicyType::UpgradeRolloutPolicy
        | PolicyType::BedrockPolicy
        | PolicyType::S3Policy
        | PolicyType::NetworkSecurityDirectorPolicy
        | PolicyType::GuarddutyPolicy => inheritance::check(&root, &mut faults),
    }
    faults.found.sort_by_key(|fault| fault.span.start);
    Ok(Judged {
        minified: node.plain().to_string(),
        faults: faults.found,
    })
}

/// The names of a document and what stands under them: every policy is a JSON object.
fn members<'n>(root: &Spot<'n>, faults: &mut Faults) -> Option<&'n [Member]> {
    let members = root.node.table();
    if members.is_none() {
        faults.refuse(
            root.node.start(),
            &root.pointer,
            format!("the document is {}, not a JSON object", root.node.what()),
            "a policy is written in braces",
            "a policy is a JSON object",
        );
    }
    members
}

/// A value on the way through a document.
#[derive(Debug, Clone)]
struct Spot<'n> {
    node: &'n Node,
    pointer: String,
}

impl<'n> Spot<'n> {
    /// What a table has under a name.
    fn under(&self, key: &str, node: &'n Node) -> Self {
        let escaped = key.replace('~', "~0").replace('/', "~1");
        Self {
            node,
            pointer: format!("{}/{escaped}", self.pointer),
        }
    }

    /// The elements of a list, or the value itself where it is none.
    fn each(&self) -> Vec<Self> {
        match &self.node.value {
            Value::List(list) => list
                .iter()
                .enumerate()
                .map(|(index, node)| Self {
                    node,
                    pointer: format!("{}/{index}", self.pointer),
                })
                .collect(),
            _ => vec![self.clone()],
        }
    }
}

/// What was found so far.
struct Faults {
    kind: PolicyType,
    found: Vec<Fault>,
}

impl Faults {
    /// What AWS refuses: the place, what is wrong, what to write, and the rule that AWS's page has for it.
    fn refuse(
        &mut self,
        span: Range<usize>,
        pointer: &str,
        message: impl Into<String>,
        write: impl Into<String>,
        rule: &str,
    ) {
        self.found.push(Fault {
            severity: Severity::Error,
            span,
            pointer: pointer.to_owned(),
            message: message.into(),
            help: vec![
                write.into(),
                format!("AWS refuses it as MalformedPolicyDocumentException: {rule}"),
            ],
            first: None,
        });
    }

    /// What AWS takes, but is hardly meant.
    fn warn(
        &mut self,
        span: Range<usize>,
        pointer: &str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.found.push(Fault {
            severity: Severity::Warning,
            span,
            pointer: pointer.to_owned(),
            message: message.into(),
            help: vec![help.into()],
            first: None,
        });
    }
}

/// Names that are there twice: AWS refuses them or keeps one, and not always the one that was meant.
fn twice(spot: &Spot<'_>, faults: &mut Faults) {
    match &spot.node.value {
        Value::Table(members) => {
            for (index, member) in members.iter().enumerate() {
                let below = spot.under(&member.key, &member.node);
                let before = members.iter().take(index);
                let first = before.into_iter().find(|other| other.key == member.key);
                if let Some(first) = first {
                    faults.refuse(
                        member.key_span.clone(),
                        &below.pointer,
                        format!("`{}` is said twice", member.key),
                        "keep one, or make it one list",
                        "a name stands once in an object",
                    );
                    if let Some(fault) = faults.found.last_mut() {
                        fault.first = Some(first.key_span.clone());
                    }
                }
                twice(&below, faults);
            }
        }
        Value::List(_) => {
            for element in spot.each() {
                twice(&element, faults);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => {}
    }
}
