//! Which account keeps the logs and which one watches: what the caller says, else what names and delegated
//! administrators suggest; and before these, what stacks of orgstrap's own show.

use super::places::{self, Evidence};
use super::{Choices, ImportError, Member, Remark, RemarkKind};
use crate::inventory::{AccountState, Inventory};
use crate::plan::AccountKey;

/// Names that logging accounts have in AWS's guides, Control Tower and Landing Zone Accelerator.
const LOGGING: [&str; 6] = [
    "logarchive",
    "logging",
    "logs",
    "logarchiveaccount",
    "auditlogs",
    "centrallogging",
];
/// The same for security accounts. Control Tower calls its own "Audit".
const SECOPS: [&str; 6] = [
    "security",
    "secops",
    "securitytooling",
    "securitytools",
    "securityaudit",
    "audit",
];
/// Services that are administered from where security is watched.
const SECURITY_SERVICES: [&str; 6] = [
    "guardduty.amazonaws.com",
    "securityhub.amazonaws.com",
    "config.amazonaws.com",
    "access-analyzer.amazonaws.com",
    "macie.amazonaws.com",
    "detective.amazonaws.com",
];

/// The accounts of both duties.
pub(super) fn duties(
    inventory: &Inventory,
    choices: &Choices,
    members: &[Member<'_>],
    remarks: &mut Vec<Remark>,
) -> Result<(Option<AccountKey>, Option<AccountKey>), ImportError> {
    let told = |text: &Option<String>, duty| {
        text.as_deref()
            .map(|text| named(members, text, duty))
            .transpose()
    };
    let mut logging = told(&choices.logging, "logging")?;
    let mut secops = told(&choices.secops, "secops")?;
    let mut guess = |duty: &str, flag: &str, found: Option<(&Member<'_>, String)>| match found {
        Some((member, reason)) => {
            remarks.push(Remark {
                kind: RemarkKind::Guess,
                text: format!(
                    "`{duty}` is account `{}` ({}), because {reason}; `--{flag} ACCOUNT` says otherwise",
                    member.key, member.facts.id
                ),
            });
            Some(member.key.clone())
        }
        None => {
            remarks.push(Remark {
                kind: RemarkKind::LeftOut,
                text: format!(
                    "`{duty}`: no account looks like it; `--{flag} ACCOUNT` names it, and baselines need it"
                ),
            });
            None
        }
    };
    let (of_logging, of_secops) = places::evidence(inventory);
    if logging.is_none() {
        let found = shown(members, &of_logging, secops.as_ref());
        let found = found.or_else(|| by_name(members, &LOGGING, secops.as_ref()));
        logging = guess("logging", "logging", found);
    }
    if secops.is_none() {
        let found = shown(members, &of_secops, logging.as_ref())
            .or_else(|| delegated(inventory, members, logging.as_ref()))
            .or_else(|| by_name(members, &SECOPS, logging.as_ref()));
        secops = guess("secops", "secops", found);
    }
    Ok((logging, secops))
}

/// The one account that orgstrap's own stacks show; two are no answer.
fn shown<'a, 'f>(
    members: &'a [Member<'f>],
    evidence: &Evidence,
    but: Option<&AccountKey>,
) -> Option<(&'a Member<'f>, String)> {
    let mut found = members
        .iter()
        .filter(|member| Some(&member.key) != but)
        .filter_map(|member| Some((member, evidence.get(&member.facts.id)?.clone())));
    match (found.next(), found.next()) {
        (Some(one), None) => Some(one),
        _ => None,
    }
}

/// An account by key, name, id or email, if it can have a duty.
fn named(
    members: &[Member<'_>],
    text: &str,
    duty: &'static str,
) -> Result<AccountKey, ImportError> {
    let found: Vec<&Member<'_>> = members
        .iter()
        .filter(|member| {
            member.key.as_str() == text
                || member.facts.id.as_str() == text
                || member.facts.name == text
                || member.facts.email.eq_ignore_ascii_case(text)
        })
        .collect();
    let called = |member: &Member<'_>| format!("\"{}\" ({})", member.facts.name, member.facts.id);
    match found.as_slice() {
        [] => Err(ImportError::NoSuchAccount {
            duty,
            text: text.to_owned(),
        }),
        [one] if one.facts.state != AccountState::Active => Err(ImportError::UnfitAccount {
            duty,
            which: called(one),
            reason: "it is not active",
        }),
        [one] => Ok(one.key.clone()),
        many => Err(ImportError::ManyAccounts {
            duty,
            text: text.to_owned(),
            which: many
                .iter()
                .map(|member| called(member))
                .collect::<Vec<_>>()
                .join(", "),
        }),
    }
}

/// The account whose name alone is one of `names`; two candidates of one rank are no answer.
fn by_name<'a, 'f>(
    members: &'a [Member<'f>],
    names: &[&str],
    but: Option<&AccountKey>,
) -> Option<(&'a Member<'f>, String)> {
    for name in names {
        let mut found = members.iter().filter(|member| {
            let folded: String = member
                .facts
                .name
                .chars()
                .filter(char::is_ascii_alphanumeric)
                .collect();
            folded.eq_ignore_ascii_case(name)
                && member.facts.state == AccountState::Active
                && Some(&member.key) != but
        });
        if let (Some(one), None) = (found.next(), found.next()) {
            let reason = format!("its name is \"{}\"", one.facts.name);
            return Some((one, reason));
        }
    }
    None
}

/// The one account that administers the most security services.
fn delegated<'a, 'f>(
    inventory: &Inventory,
    members: &'a [Member<'f>],
    but: Option<&AccountKey>,
) -> Option<(&'a Member<'f>, String)> {
    let administrators = inventory.delegated_administrators.known()?;
    let mut ranked: Vec<(usize, &Member<'_>, String)> = members
        .iter()
        .filter(|member| member.facts.state == AccountState::Active && Some(&member.key) != but)
        .filter_map(|member| {
            let services: Vec<&str> = administrators
                .get(&member.facts.id)?
                .iter()
                .map(|principal| principal.as_str())
                .filter(|name| SECURITY_SERVICES.contains(name))
                .collect();
            (!services.is_empty()).then(|| (services.len(), member, services.join(", ")))
        })
        .collect();
    ranked.sort_by_key(|(count, ..)| std::cmp::Reverse(*count));
    match ranked.as_slice() {
        [(_, one, services)] => Some((one, format!("it administers {services}"))),
        [(most, one, services), (next, ..), ..] if most > next => {
            Some((one, format!("it administers {services}")))
        }
        _ => None,
    }
}
