//! How many policies the root, an OU or an account may have.

use std::collections::BTreeMap;

use super::super::at::At;
use super::super::diagnostic::{Diagnostic, Severity};
use super::super::file::SpannedString;
use super::super::{Policy, PolicyKey, PolicyType};
use super::policies::{allows, only_allows};
use super::{Context, Names};

pub(super) fn attachments(cx: &Context<'_>, names: &Names) {
    if let Some(organization) = &cx.file.organization {
        target(cx, names, "the root", &organization.policies);
    }
    for (path, table) in &cx.file.ou {
        target(cx, names, &format!("OU `{}`", **path), &table.policies);
    }
    for (key, table) in &cx.file.account {
        target(cx, names, &format!("account `{}`", **key), &table.policies);
    }
    unattached(cx);
}

fn target(cx: &Context<'_>, names: &Names, what: &str, policies: &[SpannedString]) {
    let mut by_kind: BTreeMap<PolicyType, Vec<&SpannedString>> = BTreeMap::new();
    for text in policies {
        if let Some(Some(kind)) = names.policies.get(text.as_str()) {
            by_kind.entry(*kind).or_default().push(text);
        }
    }
    for (kind, attached) in by_kind {
        let implicit = usize::from(kind.implicit_policy().is_some());
        let own = kind.max_attached() - implicit;
        let Some(first_too_many) = attached.get(own) else {
            if let Some(text) = attached.get(kind.safe_attached() - implicit) {
                cx.say(
                    cx.warning(
                        text,
                        format!("{what} has {} policies of type {}", attached.len(), kind.as_str()),
                    )
                    .help(format!(
                        "organizations took {} with AWS's own before May 2026: the quota page of Organizations shows what yours takes",
                        kind.safe_attached()
                    )),
                );
            }
            continue;
        };
        let error = cx.error(
            first_too_many,
            format!(
                "{what} has {} policies of type {}, {} more than AWS takes",
                attached.len(),
                kind.as_str(),
                attached.len() - own
            ),
        );
        cx.say(
            match kind.implicit_policy() {
                Some(implicit) => error.help(format!(
                    "at most {own}: AWS takes {}, and {implicit} is one of them",
                    own + 1
                )),
                None => error.help(format!("at most {own}")),
            }
            .help("join two of them, or attach one higher up"),
        );
    }
}

/// An allow list allows something, or every call is denied; and what only allows is an allow list.
pub(super) fn allow_lists(cx: &Context<'_>, policies: &BTreeMap<PolicyKey, Policy>) {
    let warn = |said: &Option<At<bool>>, what: String, attached: &[SpannedString]| {
        let Some(said) = said.as_ref().filter(|said| !***said) else {
            without_effect(cx, policies, &what, attached);
            return;
        };
        let mut known = attached.iter().map(|text| {
            let key = text.parse::<PolicyKey>().ok()?;
            policies.get(&key)
        });
        // One that is broken is told of itself.
        let allows = known.any(|policy| {
            policy.is_none_or(|policy| {
                policy.kind == PolicyType::ServiceControlPolicy && allows(&policy.content)
            })
        });
        if !allows {
            cx.say(
                cx.warning(said, format!("{what} has no policy that allows anything"))
                    .help("without FullAWSAccess every call is denied that no service control policy there allows")
                    .help("attach a policy with a statement of \"Effect\": \"Allow\", or take this line out"),
            );
        }
    };
    if let Some(organization) = &cx.file.organization {
        let said = &organization.full_aws_access;
        warn(said, "the root".to_owned(), &organization.policies);
    }
    for (path, table) in &cx.file.ou {
        let what = format!("OU `{}`", **path);
        warn(&table.full_aws_access, what, &table.policies);
    }
    for (key, table) in &cx.file.account {
        let what = format!("account `{}`", **key);
        warn(&table.full_aws_access, what, &table.policies);
    }
}

/// Beside FullAWSAccess, which allows everything, a policy that only allows takes nothing away.
fn without_effect(
    cx: &Context<'_>,
    policies: &BTreeMap<PolicyKey, Policy>,
    what: &str,
    attached: &[SpannedString],
) {
    for text in attached {
        let key = text.parse::<PolicyKey>().ok();
        let Some(policy) = key.and_then(|key| policies.get(&key)) else {
            continue;
        };
        if policy.kind == PolicyType::ServiceControlPolicy && only_allows(&policy.content) {
            cx.say(
                cx.warning(
                    text,
                    format!("policy `{}` only allows, and has no effect on {what}", **text),
                )
                .help("AWS attaches FullAWSAccess there, which allows everything")
                .help("for an allow list in its place write `full_aws_access = false` there; to take something away write statements of \"Effect\": \"Deny\""),
            );
        }
    }
}

/// A policy that holds for nobody is most likely a slip.
fn unattached(cx: &Context<'_>) {
    // Beside errors this may be but a consequence, as when the name is misspelt where it is used.
    let broken = |found: &[Diagnostic]| found.iter().any(|d| d.severity == Severity::Error);
    if broken(&cx.found.borrow()) || !cx.removed.is_empty() {
        return;
    }
    let root = cx
        .file
        .organization
        .iter()
        .flat_map(|table| &table.policies);
    let ous = cx.file.ou.values().flat_map(|table| &table.policies);
    let accounts = cx.file.account.values().flat_map(|table| &table.policies);
    let attached: Vec<&str> = root
        .chain(ous)
        .chain(accounts)
        .map(|text| text.as_str())
        .collect();
    for key in cx.file.policy.keys() {
        if !attached.contains(&key.as_str()) {
            cx.say(
                Diagnostic::warning(format!("policy `{}` is attached to nothing", **key))
                    .at(cx.at(key))
                    .help("name it in the `policies` of [organization], an OU or an account"),
            );
        }
    }
}
