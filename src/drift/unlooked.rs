//! What is not looked at because nobody can tell where to look: said so, never as if it were healthy.

use std::collections::BTreeSet;

use super::{Finding, FindingPlace, Findings, Fix, Kind, Severity};
use crate::baseline::{Desired, WantedControl};
use crate::diff::Diff;
use crate::inventory::{Inventory, Probe, identify};
use crate::plan::{AccountKey, OrgPlan};

/// Adds a finding for every control that an edit of `[organization]` keeps from being looked at, and for every account
/// of which nobody can say which it is.
pub fn tell_unlooked(
    findings: &mut Findings,
    plan: &OrgPlan,
    desired: &Desired,
    inventory: &Inventory,
    found: &Diff,
) {
    let asked = desired.controls.iter();
    let asked: Vec<(&String, &WantedControl)> = asked
        .filter(|(_, control)| control.probe != Probe::Comparison)
        .collect();
    if found.edits().next().is_some() {
        findings.findings.extend(asked.iter().map(|(id, control)| {
            Finding {
                control: (*id).clone(),
                severity: control.severity,
                references: control.references.clone(),
                ..unlooked(
                    FindingPlace::default(),
                    (*id).clone(),
                    "not looked at: [organization] was edited, and what is there does not follow"
                        .to_owned(),
                    "see to the finding organization.comparable first".to_owned(),
                )
            }
        }));
    } else if let Some(accounts) = inventory.accounts.known() {
        let worst = asked.iter().map(|(_, control)| control.severity).max();
        let identified = identify::identify(plan, accounts);
        let conflicts = identified.conflicts.iter();
        let disputed: BTreeSet<&AccountKey> = conflicts.flat_map(|it| &it.keys).collect();
        let disputed = disputed
            .into_iter()
            .filter(|key| !identified.accounts.contains_key(*key));
        let disputed = disputed.filter(|_| worst.is_some());
        findings.findings.extend(disputed.map(|key| {
            Finding {
                severity: worst.unwrap_or(Severity::Medium),
                ..unlooked(
                    FindingPlace {
                        account: Some(key.to_string()),
                        ou: plan.accounts.get(key).map(|planned| planned.ou.to_string()),
                        ..FindingPlace::default()
                    },
                    format!("controls in account {key}"),
                    format!("nothing in it was looked at: which account `{key}` is, is in dispute"),
                    "see to the finding organization.comparable that names the account first"
                        .to_owned(),
                )
            }
        }));
    }
    findings.sort();
}

fn unlooked(place: FindingPlace, subject: String, title: String, hint: String) -> Finding {
    Finding {
        control: "organization.readable".to_owned(),
        kind: Kind::Unread,
        severity: Severity::Medium,
        place,
        subject,
        title,
        fields: Vec::new(),
        fix: Fix::Person { hint },
        references: Vec::new(),
        accounts: BTreeSet::new(),
        address: None,
        cause: None,
    }
}
