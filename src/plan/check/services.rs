//! `[trusted_access]`, `[delegated_administrator]` and `[pace]`.

use std::collections::{BTreeMap, BTreeSet};

use super::super::diagnostic::Diagnostic;
use super::super::file::SpannedString;
use super::super::suggest::{list, nearest};
use super::super::{AccountKey, PaceOverride, Principal};
use super::{Context, Names};
use crate::services::{SERVICES as CALLED, Service};

/// Services that work with Organizations (its user guide's list), for did-you-mean only: AWS adds
/// to them faster than orgstrap is released.
const SERVICES: &[&str] = &[
    "access-analyzer.amazonaws.com",
    "account.amazonaws.com",
    "auditmanager.amazonaws.com",
    "backup.amazonaws.com",
    "cloudtrail.amazonaws.com",
    "compute-optimizer.amazonaws.com",
    "config-multiaccountsetup.amazonaws.com",
    "config.amazonaws.com",
    "controltower.amazonaws.com",
    "cost-optimization-hub.bcm.amazonaws.com",
    "detective.amazonaws.com",
    "devops-guru.amazonaws.com",
    "ds.amazonaws.com",
    "fms.amazonaws.com",
    "guardduty.amazonaws.com",
    "health.amazonaws.com",
    "iam.amazonaws.com",
    "inspector2.amazonaws.com",
    "ipam.amazonaws.com",
    "license-manager.amazonaws.com",
    "macie.amazonaws.com",
    "malware-protection.guardduty.amazonaws.com",
    "ram.amazonaws.com",
    "reporting.trustedadvisor.amazonaws.com",
    "resource-explorer-2.amazonaws.com",
    "securityhub.amazonaws.com",
    "securitylake.amazonaws.com",
    "servicecatalog.amazonaws.com",
    "servicequotas.amazonaws.com",
    "ssm.amazonaws.com",
    "sso.amazonaws.com",
    "storage-lens.s3.amazonaws.com",
    "tagpolicies.tag.amazonaws.com",
    "wellarchitected.amazonaws.com",
];

/// StackSets have a call of their own for trusted access.
const STACK_SETS: [&str; 2] = [
    "stacksets.cloudformation.amazonaws.com",
    "member.org.stacksets.cloudformation.amazonaws.com",
];

/// GuardDuty's administrator is named by a call of its own, per Region.
const GUARDDUTY: &str = "guardduty.amazonaws.com";

/// Why a plan does not name a service under `[trusted_access]`, as a fragment; `None` where it may.
pub fn trust_is_not_named(principal: &Principal) -> Option<&'static str> {
    STACK_SETS
        .contains(&principal.as_str())
        .then_some("orgstrap gives it whenever a baseline needs stack sets")
}

/// The same of an administrator under `[delegated_administrator]`.
pub fn administrator_is_not_named(principal: &Principal) -> Option<&'static str> {
    match principal.as_str() {
        GUARDDUTY => Some("the baseline `guardduty` makes the SecOps account the administrator"),
        name if name == STACK_SETS[0] => {
            Some("an administrator of StackSets is registered under another principal")
        }
        _ => None,
    }
}

pub(super) fn services(
    cx: &Context<'_>,
    names: &Names,
) -> (
    BTreeSet<Principal>,
    BTreeMap<Principal, BTreeSet<AccountKey>>,
) {
    let mut trusted = BTreeSet::new();
    if let Some(table) = &cx.file.trusted_access {
        let services = cx.required(
            table,
            "services",
            table.services.as_ref(),
            "[\"sso.amazonaws.com\"]",
        );
        for text in cx.distinct(services.map_or(&[], Vec::as_slice)) {
            if STACK_SETS.contains(&text.as_str()) {
                cx.say(
                    cx.error(text, "StackSets get access by a call of their own")
                        .help("orgstrap makes it whenever a baseline needs stack sets: leave this out"),
                );
            } else {
                trusted.extend(principal(cx, text));
            }
        }
    }
    let mut delegated = BTreeMap::new();
    for (service, accounts) in &cx.file.delegated_administrator {
        let principal = if **service == GUARDDUTY {
            cx.say(
                cx.error(service, "GuardDuty's administrator is named by a call of its own, per Region")
                    .help("take the baseline instead: [baseline.guardduty] makes the SecOps account the administrator"),
            );
            None
        } else if **service == STACK_SETS[0] {
            cx.say(
                cx.error(
                    service,
                    "an administrator of StackSets is registered under another principal",
                )
                .help(format!("write \"{}\"", STACK_SETS[1])),
            );
            None
        } else {
            principal(cx, service)
        };
        if accounts.is_empty() {
            cx.say(
                cx.error(accounts, format!("nobody administers `{}`", **service))
                    .help("name an account of this plan, or take the line out"),
            );
        }
        let keys: BTreeSet<AccountKey> = cx
            .distinct(accounts)
            .into_iter()
            .filter_map(|text| administrator(cx, names, text))
            .collect();
        if let Some(principal) = principal {
            // A service that is not trusted has no administrator.
            if !STACK_SETS.contains(&principal.as_str()) {
                trusted.insert(principal.clone());
            }
            delegated.insert(principal, keys);
        }
    }
    (trusted, delegated)
}

fn administrator(cx: &Context<'_>, names: &Names, text: &SpannedString) -> Option<AccountKey> {
    let management = cx
        .file
        .organization
        .as_ref()
        .and_then(|table| table.management_account.as_ref())
        .is_some_and(|id| **id == **text);
    if management {
        cx.say(
            cx.error(
                text,
                "the management account can not be a delegated administrator",
            )
            .help("name a member account of this plan"),
        );
        return None;
    }
    names.account(cx, text)
}

fn principal(cx: &Context<'_>, text: &SpannedString) -> Option<Principal> {
    let full = format!("{}.amazonaws.com", **text);
    if SERVICES.contains(&full.as_str()) {
        cx.say(
            cx.error(text, format!("`{}` is not a service principal", **text))
                .help(format!("did you mean `{full}`?")),
        );
        return None;
    }
    let principal = cx.name::<Principal>(text, "a service principal")?;
    if !SERVICES.contains(&text.as_str())
        && !STACK_SETS.contains(&text.as_str())
        && let Some(meant) = nearest_service(text)
    {
        cx.say(
            cx.warning(
                text,
                format!(
                    "`{}` is not a service that orgstrap knows to work with Organizations",
                    **text
                ),
            )
            .help(format!("did you mean `{meant}`?")),
        );
    }
    Some(principal)
}

/// The ending is the same for all, so only what stands before it is compared.
fn nearest_service(text: &str) -> Option<String> {
    let short = |name: &'static str| name.strip_suffix(".amazonaws.com").unwrap_or(name);
    let word = text.strip_suffix(".amazonaws.com").unwrap_or(text);
    nearest(word, SERVICES.iter().map(|name| short(name)))
        .map(|name| format!("{name}.amazonaws.com"))
}

pub(super) fn pace(cx: &Context<'_>) -> BTreeMap<String, PaceOverride> {
    let mut pace = BTreeMap::new();
    for (key, table) in &cx.file.pace {
        operation(cx, key);
        let rate = cx.required(table, "rate", table.rate.as_ref(), "2.0");
        if let Some(rate) = rate
            && !(0.001..=10_000.0).contains(&**rate)
        {
            cx.say(
                cx.error(
                    rate,
                    format!("a rate of {} calls a second can not be kept", **rate),
                )
                .help("between 0.001 and 10000"),
            );
        }
        let burst = table.burst.as_ref().and_then(|burst| {
            let count = u32::try_from(**burst)
                .ok()
                .filter(|count| (1..=10_000).contains(count));
            if count.is_none() {
                cx.say(
                    cx.error(
                        burst,
                        format!("a burst of {} calls can not be kept", **burst),
                    )
                    .help("between 1 and 10000"),
                );
            }
            count
        });
        if let Some(rate) = rate {
            let default = rate.clamp(1.0, 10_000.0) as u32;
            pace.insert(
                key.to_string(),
                PaceOverride {
                    rate: **rate,
                    burst: burst.unwrap_or(default),
                },
            );
        }
    }
    pace
}

/// `service:Operation`, a call that orgstrap makes.
fn operation(cx: &Context<'_>, key: &SpannedString) {
    let example = "organizations:CreateAccount";
    let wrong = |error: Diagnostic, help: String| cx.say(error.help(help));
    let Some((service, operation)) = key.split_once(':') else {
        return wrong(
            cx.error(key, format!("`{}` does not name a call", **key)),
            format!("a call is written service:Operation, such as [pace.\"{example}\"]"),
        );
    };
    let Some(called) = Service::named(service) else {
        let elsewhere = CALLED
            .iter()
            .find(|called| called.operations.contains(&operation));
        let services = || CALLED.iter().map(|called| called.name);
        return wrong(
            cx.error(key, format!("orgstrap makes no calls of `{service}`")),
            match elsewhere
                .map(|called| called.name)
                .or_else(|| nearest(service, services()))
            {
                Some(meant) => format!("did you mean \"{meant}:{operation}\"?"),
                None => format!("it calls {}", list(services())),
            },
        );
    };
    let operations = called.operations;
    if !operations.contains(&operation) {
        wrong(
            cx.error(
                key,
                format!("orgstrap does not call `{operation}` of {service}"),
            ),
            match nearest(operation, operations.iter().copied()) {
                Some(meant) => format!("did you mean \"{service}:{meant}\"?"),
                None => format!("of {service} it calls {}", list(operations.iter().copied())),
            },
        );
    }
}
