//! `[policy.NAME]`: exactly one document, of JSON, no larger than AWS takes.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use serde_json::Value;

use super::super::at::At;
use super::super::builtin::{Builtin, Parameters, Part};
use super::super::diagnostic::{Diagnostic, Location, Severity, Source};
use super::super::file::{PolicyTable, SpannedString};
use super::super::grammar::{self, Fault};
use super::super::suggest::{list, nearest};
use super::super::{FULL_AWS_ACCESS, Organization, Policy, PolicyKey, PolicyType};
use super::{Context, tags};

/// Names of policies that AWS made.
const AWS_MADE: [&str; 2] = [FULL_AWS_ACCESS, "RCPFullAWSAccess"];

pub(super) fn policies(
    cx: &Context<'_>,
    organization: Option<&Organization>,
) -> BTreeMap<PolicyKey, Policy> {
    let mut policies = BTreeMap::new();
    for (key, table) in &cx.file.policy {
        let name = cx.name::<PolicyKey>(key, "a name for a policy");
        if AWS_MADE.contains(&key.as_str()) {
            cx.say(
                cx.error(
                    key,
                    format!("`{}` is the name of a policy that AWS made", **key),
                )
                .help("orgstrap leaves it alone: give yours another name"),
            );
        }
        let kind = cx
            .required(
                table,
                "type",
                table.r#type.as_ref(),
                "\"service_control_policy\"",
            )
            .map(|kind| **kind);
        let content = content(cx, key, table, kind, organization);
        if let Some(description) = &table.description {
            let length = description.chars().count();
            if length > 512 {
                cx.say(cx.error(
                    description,
                    format!("a description has at most 512 characters; this one has {length}"),
                ));
            }
        }
        parts(cx, key, table);
        let renamed_from = renamed_from(cx, key, table);
        let tags = tags::made_tags(cx, &table.tags, &format!("policy {}", **key));
        if let (Some(name), Some(kind), Some(content)) = (name, kind, content) {
            policies.insert(
                name,
                Policy {
                    name: aws_name(cx, key, table),
                    kind,
                    description: table.description.as_deref().cloned().unwrap_or_default(),
                    content,
                    tags,
                    renamed_from,
                    adopt: table.adopt.unwrap_or(false),
                    builtin: table.builtin.as_ref().and_then(|name| Builtin::named(name)),
                    part: None,
                },
            );
        }
    }
    policies
}

/// The name in AWS, which two policies of a type can not share.
fn aws_name(cx: &Context<'_>, key: &SpannedString, table: &PolicyTable) -> Option<String> {
    let text = table.name.as_ref()?;
    let length = text.chars().count();
    if length == 0 || length > 128 {
        cx.say(cx.error(
            text,
            format!("a policy's name has 1 to 128 characters; this one has {length}"),
        ));
    } else if AWS_MADE.contains(&text.as_str()) {
        cx.say(
            cx.error(
                text,
                format!("`{}` is the name of a policy that AWS made", **text),
            )
            .help("orgstrap leaves it alone: give yours another name"),
        );
    }
    let same = cx.file.policy.iter().find(|(other, of)| {
        other.as_str() != key.as_str()
            && of.name.as_ref().unwrap_or(other).as_str() == text.as_str()
            && of.r#type.as_deref() == table.r#type.as_deref()
    });
    if let Some((other, _)) = same {
        cx.say(
            cx.error(
                text,
                format!("two policies of one type have the name `{}`", **text),
            )
            .related(cx.at(other), "the other"),
        );
    }
    Some(text.to_string())
}

/// The names that the parts of `protect-baseline` get are free.
fn parts(cx: &Context<'_>, key: &SpannedString, table: &PolicyTable) {
    let protects = table.builtin.as_ref().and_then(|name| Builtin::named(name))
        == Some(Builtin::ProtectBaseline);
    if !protects {
        return;
    }
    for part in Part::ALL {
        let made = format!("{}{}", **key, part.suffix());
        if made.chars().count() > 128 {
            cx.say(
                cx.error(
                    key,
                    format!("`{}` is too long for a policy of parts", **key),
                )
                .help(format!(
                    "its part for {} gets `{}` at its end, and a name has at most 128 characters",
                    part.account(),
                    part.suffix()
                )),
            );
            return;
        }
        if let Some((other, _)) = cx
            .file
            .policy
            .iter()
            .find(|(other, _)| other.as_str() == made)
        {
            cx.say(
                cx.error(
                    other,
                    format!(
                        "`{made}` is what orgstrap calls the part of `{}` for {}",
                        **key,
                        part.account()
                    ),
                )
                .related(cx.at(key), "this policy")
                .help("give yours another name, or take it out"),
            );
        }
    }
}

fn renamed_from(cx: &Context<'_>, key: &SpannedString, table: &PolicyTable) -> Option<PolicyKey> {
    let text = table.renamed_from.as_ref()?;
    if cx.file.policy.contains_key(text.as_str()) {
        cx.say(
            cx.error(
                text,
                format!(
                    "`{}` is a policy of this plan, so nothing was renamed from it",
                    **text
                ),
            )
            .help(if **text == **key {
                "write the name it had before, or take the line out"
            } else {
                "take out this line, or the policy"
            }),
        );
        return None;
    }
    cx.name(text, "a name for a policy")
}

/// The document, minified, from wherever the plan has it.
fn content(
    cx: &Context<'_>,
    key: &SpannedString,
    table: &At<PolicyTable>,
    kind: Option<PolicyType>,
    organization: Option<&Organization>,
) -> Option<String> {
    let said: Vec<(&str, &SpannedString)> = [
        ("file", &table.file),
        ("builtin", &table.builtin),
        ("content", &table.content),
    ]
    .into_iter()
    .filter_map(|(word, value)| Some((word, value.as_ref()?)))
    .collect();
    match said.as_slice() {
        [] => {
            let removed = ["file", "builtin", "content"]
                .iter()
                .any(|word| cx.removed.covers(&["policy", key, word]));
            if !removed {
                cx.say(
                    cx.error(key, format!("policy `{}` has no document", **key))
                        .help(format!(
                            "add file = \"policies/{}.json\", or builtin = \"…\" with one of {}",
                            **key,
                            list(Builtin::ALL.iter().map(|builtin| builtin.name()))
                        )),
                );
            }
            None
        }
        [(_, first), (word, second), ..] => {
            cx.say(
                cx.error(
                    second,
                    format!("policy `{}` has more than one document", **key),
                )
                .related(cx.at(first), "one is here")
                .help(format!(
                    "one of `file`, `builtin` and `content`: take `{word}` out, or the other"
                )),
            );
            None
        }
        [("file", path)] => {
            let document = match cx.documents.policies.get(path.as_str())? {
                Ok(document) => document,
                Err(reason) => {
                    cx.say(cx.error(
                        path,
                        format!(
                            "the document of policy `{}` can not be read: {reason}",
                            **key
                        ),
                    ));
                    return None;
                }
            };
            let place = Place::File(document);
            document_of(cx, key, path, kind, &document.text, &place)
        }
        [("builtin", name)] => builtin(cx, name, kind, organization?),
        [(_, text)] => {
            let place = Place::Inline(cx.source, verbatim(cx, text));
            document_of(cx, key, text, kind, text, &place)
        }
    }
}

/// Where a text begins that stands in the plan letter by letter, without escapes.
fn verbatim(cx: &Context<'_>, text: &SpannedString) -> Option<usize> {
    let span = text.span();
    let raw = cx.source.text.get(span.clone())?;
    let skipped = raw.find(text.as_str())?;
    Some(span.start + skipped)
}

fn builtin(
    cx: &Context<'_>,
    name: &SpannedString,
    kind: Option<PolicyType>,
    organization: &Organization,
) -> Option<String> {
    let Some(builtin) = Builtin::named(name) else {
        let all = || Builtin::ALL.iter().map(|builtin| builtin.name());
        cx.say(
            cx.error(name, format!("orgstrap has no policy `{}`", **name))
                .help(match nearest(name, all()) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("it has {}", list(all())),
                }),
        );
        return None;
    };
    if let Some(kind) = kind
        && kind != builtin.kind()
    {
        cx.say(
            cx.error(name, format!("`{}` is not a {}", **name, kind.as_str()))
                .help(format!("write type = \"{}\"", builtin.kind().as_str())),
        );
        return None;
    }
    let text = builtin.document(&Parameters::of(organization));
    size(cx, name, builtin.kind(), &text, None)?;
    Some(text)
}

/// Where a document stands.
enum Place<'a> {
    File(&'a Arc<Source>),
    /// In the plan, from this byte on; `None` where TOML's quoting hides at which byte a line of
    /// the document lies.
    Inline(&'a Arc<Source>, Option<usize>),
}

impl Place<'_> {
    /// Some bytes of the document.
    fn span(&self, span: &Range<usize>) -> Option<Location> {
        let (source, offset) = match self {
            Place::File(source) => (source, 0),
            Place::Inline(source, offset) => (source, (*offset)?),
        };
        Some(Location {
            source: Arc::clone(source),
            span: offset + span.start..offset + span.end,
        })
    }

    /// A line and a column of the document, both counted from 1, as serde_json gives them.
    fn location(&self, line: usize, column: usize) -> Option<Location> {
        let (source, offset) = match self {
            Place::File(source) => (source, 0),
            Place::Inline(source, offset) => (source, (*offset)?),
        };
        let start: usize = source
            .text
            .get(offset..)?
            .split_inclusive('\n')
            .take(line.saturating_sub(1))
            .map(str::len)
            .sum();
        // serde_json counts bytes, and 0 where the line is at its very start.
        let mut at = (offset + start + column.saturating_sub(1)).min(source.text.len());
        while !source.text.is_char_boundary(at) {
            at -= 1;
        }
        let end = source
            .text
            .get(at..)
            .and_then(|rest| rest.chars().next())
            .map_or(at, |c| at + c.len_utf8());
        Some(Location {
            source: Arc::clone(source),
            span: at..end,
        })
    }
}

fn document_of(
    cx: &Context<'_>,
    key: &SpannedString,
    said: &SpannedString,
    kind: Option<PolicyType>,
    text: &str,
    place: &Place<'_>,
) -> Option<String> {
    // What a document must be depends on the type; where that is wrong it can still be no JSON.
    let judged = grammar::judge(kind.unwrap_or(PolicyType::SecurityhubCspmPolicy), text);
    let judged = match judged {
        Ok(judged) => judged,
        Err(error) => {
            let message = json_error(key, &error);
            cx.say(match place.location(error.line(), error.column()) {
                Some(location) => named(cx, said, place, Diagnostic::error(message).at(location)),
                None => cx.error(
                    said,
                    format!(
                        "{message} (line {}, column {} of the document)",
                        error.line(),
                        error.column()
                    ),
                ),
            });
            return None;
        }
    };
    let kind = kind?;
    let sized = size(
        cx,
        said,
        kind,
        &judged.minified,
        place.location(1, 1).as_ref(),
    );
    let mut sound = sized.is_some();
    for fault in judged.faults {
        sound &= fault.severity != Severity::Error;
        cx.say(diagnostic(cx, key, said, text, fault, place));
    }
    sound.then_some(judged.minified)
}

/// What is wrong with a document, at its place in the file or in the plan.
fn diagnostic(
    cx: &Context<'_>,
    key: &SpannedString,
    said: &SpannedString,
    text: &str,
    fault: Fault,
    place: &Place<'_>,
) -> Diagnostic {
    let message = format!("policy `{}`: {}", **key, fault.message);
    let at = place.span(&fault.span);
    let mut found = match (&at, fault.pointer.as_str()) {
        (Some(_), _) | (None, "") => Diagnostic::error(message),
        (None, pointer) => {
            let before = text.get(..fault.span.start).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            Diagnostic::error(format!(
                "{message} ({pointer}, line {line} of the document)"
            ))
        }
    };
    found.severity = fault.severity;
    for help in fault.help {
        found = found.help(help);
    }
    match at {
        Some(location) => {
            let found = found.at(location);
            match fault.first.and_then(|first| place.span(&first)) {
                Some(first) => found.related(first, "first here"),
                None => named(cx, said, place, found),
            }
        }
        None => found.at(cx.at(said)),
    }
}

/// The same with the place where the plan names the file.
fn named(
    cx: &Context<'_>,
    said: &SpannedString,
    place: &Place<'_>,
    error: Diagnostic,
) -> Diagnostic {
    match place {
        Place::File(_) => error.related(cx.at(said), "named here"),
        Place::Inline(..) => error,
    }
}

/// serde_json's words in a person's.
fn json_error(key: &str, error: &serde_json::Error) -> String {
    let text = error.to_string();
    let reason = text
        .rsplit_once(" at line ")
        .map_or(text.as_str(), |(reason, _)| reason);
    if error.is_data() {
        format!("in the document of policy `{key}` {reason}")
    } else if let Some(inside) = reason.strip_prefix("EOF while parsing ") {
        format!("the document of policy `{key}` is not JSON: it ends where {inside} should go on")
    } else {
        format!("the document of policy `{key}` is not JSON: {reason}")
    }
}

fn size(
    cx: &Context<'_>,
    said: &SpannedString,
    kind: PolicyType,
    minified: &str,
    document: Option<&Location>,
) -> Option<()> {
    let size = minified.chars().count();
    if size <= kind.max_size() {
        if size > kind.safe_size() {
            cx.say(
                cx.warning(
                    said,
                    format!("the document has {size} characters without white space"),
                )
                .help(format!(
                    "a {} had at most {} before May 2026: the quota page of Organizations shows what yours takes",
                    kind.as_str(),
                    kind.safe_size()
                )),
            );
        }
        return Some(());
    }
    let mut error = cx
        .error(
            said,
            format!(
                "the document has {size} characters without white space, {} more than AWS takes",
                size - kind.max_size()
            ),
        )
        .help(format!(
            "the type {} has at most {}: split the policy, or shorten it with wildcards",
            kind.as_str(),
            kind.max_size()
        ));
    if let Some(document) = document {
        error = error.related(document.clone(), "the document");
    }
    cx.say(error);
    None
}

/// Whether a document can stand in a plan; else why not, as a fragment of a sentence.
///
/// # Errors
/// It is no JSON, names something twice, is too large, or lacks what its type needs.
pub fn document(kind: PolicyType, text: &str) -> Result<(), String> {
    let judged = grammar::judge(kind, text)
        .map_err(|error| format!("its document cannot be read: {error}"))?;
    let size = judged.minified.chars().count();
    if size > kind.max_size() {
        return Err(format!(
            "its document has {size} characters, and a {} at most {}",
            kind.as_str(),
            kind.max_size()
        ));
    }
    let errors = judged.faults.into_iter();
    let mut errors = errors.filter(|fault| fault.severity == Severity::Error);
    match errors.next() {
        Some(fault) if fault.pointer.is_empty() => Err(format!("in it {}", fault.message)),
        Some(fault) => Err(format!("at {} {}", fault.pointer, fault.message)),
        None => Ok(()),
    }
}

/// Whether a service control policy has a statement that allows.
pub fn allows(content: &str) -> bool {
    effects(content).iter().any(|effect| effect == "Allow")
}

/// Whether a service control policy does nothing but allow: beside FullAWSAccess it has no effect.
pub(super) fn only_allows(content: &str) -> bool {
    let effects = effects(content);
    !effects.is_empty() && effects.iter().all(|effect| effect == "Allow")
}

fn effects(content: &str) -> Vec<String> {
    let Ok(document) = serde_json::from_str::<Value>(content) else {
        return Vec::new();
    };
    let statements = match document.get("Statement") {
        Some(Value::Array(statements)) => statements.as_slice(),
        Some(statement) => std::slice::from_ref(statement),
        None => &[],
    };
    let effects = statements.iter();
    effects
        .filter_map(|statement| statement.get("Effect")?.as_str())
        .map(str::to_owned)
        .collect()
}
