//! Everything that is known of one account.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::list;
use crate::baseline::Desired;
use crate::change::Change;
use crate::drift::{Finding, Findings};
use crate::inventory::{AccountFacts, AccountRegion, Inventory, Observed};
use crate::plan::{AccountKey, Contact, ContactKind, FULL_AWS_ACCESS, OrgPlan, OuPath, Region};
use crate::report::style::{self, paint};
use crate::report::words;

/// What is shown.
#[derive(Debug)]
pub struct Show<'a> {
    pub plan: &'a OrgPlan,
    pub desired: &'a Desired,
    pub inventory: &'a Inventory,
    pub key: Option<&'a AccountKey>,
    pub facts: Option<&'a AccountFacts>,
    /// What a check found; `None` where there was none.
    pub findings: Option<&'a Findings>,
    /// What is not as the plan says.
    pub left: &'a [Change],
    /// What an earlier check found, in all accounts.
    pub saved: Option<&'a Findings>,
}

/// A policy in force, and where it is attached.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Force {
    kind: &'static str,
    name: String,
    through: String,
}

/// A stack or stack set's state in each Region.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stacks {
    name: String,
    /// Whether it is one of a stack set's.
    set: bool,
    regions: BTreeMap<Region, String>,
}

impl Show<'_> {
    /// The root, the OUs above and the account itself: id and name.
    fn chain(&self) -> Vec<(String, String)> {
        let Some(facts) = self.facts else {
            return Vec::new();
        };
        let mut chain = vec![(facts.id.to_string(), "the account".to_owned())];
        let ous = self.inventory.ous.known();
        let mut at = facts.parent.clone();
        while let Some(ou) = ous.and_then(|ous| ous.get(&at)) {
            chain.push((ou.id.clone(), format!("ou {}", ou.path)));
            at = ou.parent.clone();
        }
        chain.push((at, "root".to_owned()));
        chain
    }

    /// The policies that hold, those nearest to the root first.
    fn policies(&self) -> Option<Vec<Force>> {
        let policies = self.inventory.policies.known()?;
        let chain = self.chain();
        let mut force = Vec::new();
        for (id, name) in chain.iter().rev() {
            for policy in policies.values() {
                if policy.targets.known()?.contains(id) {
                    force.push(Force {
                        kind: policy.kind.aws_name(),
                        name: policy.name.clone(),
                        through: name.clone(),
                    });
                }
            }
        }
        Some(force)
    }

    /// Where FullAWSAccess is missing on the way from the root: without another policy that allows, every
    /// call in the account is denied.
    fn without_full_access(&self) -> Vec<String> {
        let Some(Observed::Known(attached)) = &self.inventory.full_aws_access else {
            return Vec::new();
        };
        let management = &self.plan.organization.management_account;
        if self.facts.is_none_or(|facts| &facts.id == management) {
            return Vec::new();
        }
        let missing = self.chain().into_iter().rev();
        missing
            .filter(|(id, _)| !attached.contains(id))
            .map(|(_, name)| name)
            .collect()
    }

    fn stacks(&self) -> Vec<Stacks> {
        let Some(facts) = self.facts else {
            return Vec::new();
        };
        let at = |region: &Region| AccountRegion {
            account: facts.id.clone(),
            region: region.clone(),
        };
        let mut stacks = Vec::new();
        let sets = self.inventory.stack_sets.known();
        // Stack sets never reach the management account.
        let management = facts.id == self.plan.organization.management_account;
        let ou = self
            .key
            .and_then(|key| self.plan.accounts.get(key))
            .map(|planned| &planned.ou);
        let reached =
            |except: &BTreeSet<OuPath>| !management && ou.is_none_or(|ou| !except.contains(ou));
        for (name, desired) in &self.desired.stack_sets {
            if !reached(&desired.except) {
                continue;
            }
            let instances = sets
                .and_then(|sets| sets.get(&desired.full_name))
                .and_then(|set| set.instances.known());
            let state = |region: &Region| {
                let Some(instance) = instances?.get(&at(region)) else {
                    return Some("none".to_owned());
                };
                let detail = instance.detailed_status.as_deref().unwrap_or_default();
                Some(match detail {
                    "" | "SUCCEEDED" => instance.status.clone(),
                    detail => format!("{} ({detail})", instance.status),
                })
            };
            let regions = desired.regions.iter().map(|region| {
                let state = state(region).unwrap_or_else(|| "not read".to_owned());
                (region.clone(), state)
            });
            stacks.push(Stacks {
                name: name.to_string(),
                set: true,
                regions: regions.collect(),
            });
        }
        for (place, there) in &self.inventory.stacks {
            if place.account != facts.id {
                continue;
            }
            for stack in there.known().into_iter().flat_map(BTreeMap::values) {
                stacks.push(Stacks {
                    name: stack.name.clone(),
                    set: false,
                    regions: BTreeMap::from([(place.region.clone(), stack.status.clone())]),
                });
            }
        }
        stacks
    }

    fn contacts(&self) -> Option<&BTreeMap<ContactKind, Contact>> {
        match self.inventory.contacts.get(&self.facts?.id)? {
            Observed::Known(contacts) => Some(contacts),
            Observed::Unread(_) => None,
        }
    }

    /// What an earlier check found in this account.
    fn saved(&self) -> Option<Vec<&Finding>> {
        let id = self.facts.map(|facts| &facts.id);
        let key = self.key.map(AccountKey::as_str);
        let own = |finding: &&Finding| {
            let place = &finding.place;
            let named = key.is_some() && place.account.as_deref() == key;
            named || (id.is_some() && place.account_id.as_ref() == id)
        };
        Some(self.saved?.findings.iter().filter(own).collect())
    }

    /// The services that it administers for the organization.
    fn administers(&self) -> Vec<String> {
        let known = self.inventory.delegated_administrators.known();
        known
            .zip(self.facts)
            .and_then(|(all, facts)| all.get(&facts.id))
            .into_iter()
            .flatten()
            .map(ToString::to_string)
            .collect()
    }
}

/// The whole text, ending in a line end.
pub fn text(show: &Show<'_>) -> String {
    let row = list::row(show.plan, show.inventory, show.key, show.facts);
    let mut lines = Vec::new();
    let title = row.key.clone().unwrap_or_else(|| row.name.clone());
    lines.push(paint(style::BOLD, format!("Account {title}")));
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            lines.push(format!("  {name:<11} {value}"));
        }
    };
    line(
        "plan",
        if row.key.is_some() {
            ""
        } else {
            "not in the org plan"
        },
    );
    line("id", row.id.as_deref().unwrap_or("none yet"));
    if row.key.as_ref() != Some(&row.name) {
        line("name", &row.name);
    }
    line("email", &row.email);
    line("OU", &row.ou);
    line("state", &row.state);
    line("role", &row.roles.join(", "));
    line("administers", &show.administers().join(", "));
    for (key, value) in &row.tags {
        line("tag", &format!("{key} = {value}"));
    }
    if let Some(contacts) = show.contacts() {
        for (kind, contact) in contacts {
            let who = format!(
                "{}: {}, {}, {}, {}",
                kind.as_str(),
                contact.name,
                contact.title,
                contact.email,
                contact.phone
            );
            line("contact", &who);
        }
    }
    policies(show, &mut lines);
    stacks(show, &mut lines);
    check(show, &mut lines);
    saved(show, &mut lines);
    lines.join("\n") + "\n"
}

fn policies(show: &Show<'_>, lines: &mut Vec<String>) {
    if show.facts.is_none() {
        return;
    }
    lines.push(String::new());
    lines.push(paint(style::BOLD, "Policies in force"));
    match show.policies() {
        None => lines.push("  could not be read".to_owned()),
        Some(force) if force.is_empty() => {
            lines.push("  none but what AWS attaches itself".to_owned());
        }
        Some(force) => {
            let rows: Vec<[&str; 3]> = force
                .iter()
                .map(|one| [one.name.as_str(), one.kind, one.through.as_str()])
                .collect();
            lines.extend(words::columns(&rows).iter().map(|row| format!("  {row}")));
        }
    }
    for name in show.without_full_access() {
        let line = format!(
            "  {FULL_AWS_ACCESS} is not attached to {name}: only what another policy there allows is allowed"
        );
        lines.push(paint(style::DELETE, line));
    }
}

fn stacks(show: &Show<'_>, lines: &mut Vec<String>) {
    let stacks = show.stacks();
    if stacks.is_empty() {
        return;
    }
    lines.push(String::new());
    lines.push(paint(style::BOLD, "Baseline stacks"));
    let cells: Vec<[String; 3]> = stacks
        .iter()
        .flat_map(|one| {
            one.regions
                .iter()
                .map(|(region, state)| [one.name.clone(), region.to_string(), state.clone()])
        })
        .collect();
    let rows: Vec<[&str; 3]> = cells
        .iter()
        .map(|row| row.each_ref().map(String::as_str))
        .collect();
    lines.extend(words::columns(&rows).iter().map(|row| format!("  {row}")));
}

fn check(show: &Show<'_>, lines: &mut Vec<String>) {
    let Some(findings) = show.findings else {
        return;
    };
    lines.push(String::new());
    lines.push(paint(style::BOLD, "Checked now"));
    let denied = !show.without_full_access().is_empty();
    if findings.findings.is_empty() && show.left.is_empty() && !denied {
        lines.push(format!("  {}", paint(style::CREATE, "nothing found")));
    }
    lines.extend(findings.findings.iter().map(line_of));
    for change in show.left {
        let told = findings
            .findings
            .iter()
            .any(|finding| finding.subject == change.address.to_string());
        if !told {
            lines.push(format!("  {}: {}", change.address, change.reason));
        }
    }
}

fn saved(show: &Show<'_>, lines: &mut Vec<String>) {
    let (Some(findings), Some(own)) = (show.saved, show.saved()) else {
        return;
    };
    lines.push(String::new());
    let when = findings.taken_at.strftime("%Y-%m-%d %H:%M:%S UTC");
    lines.push(paint(style::BOLD, format!("Checked {when}")));
    if own.is_empty() {
        lines.push(format!("  {}", paint(style::CREATE, "nothing found")));
    }
    lines.extend(own.into_iter().map(line_of));
}

fn line_of(finding: &Finding) -> String {
    let region = finding.place.region.as_ref();
    format!(
        "  {} {}{}: {}",
        finding.severity,
        finding.control,
        region.map_or(String::new(), |region| format!(" in {region}")),
        finding.title
    )
}

fn data_of(finding: &Finding) -> Value {
    json!({
        "control": finding.control,
        "severity": finding.severity.as_str(),
        "region": finding.place.region,
        "title": finding.title,
    })
}

/// The document of `--output json`.
pub fn json(show: &Show<'_>) -> Value {
    let row = list::row(show.plan, show.inventory, show.key, show.facts);
    let policies = show.policies().map(|force| {
        force
            .iter()
            .map(|one| json!({ "type": one.kind, "name": one.name, "through": one.through }))
            .collect::<Vec<_>>()
    });
    let stacks: Vec<Value> = show
        .stacks()
        .iter()
        .map(|one| {
            json!({
                "name": one.name,
                "of": if one.set { "stack-set" } else { "stack" },
                "regions": one.regions,
            })
        })
        .collect();
    let findings = show
        .findings
        .map(|findings| findings.findings.iter().map(data_of).collect::<Vec<_>>());
    let saved = show.saved.zip(show.saved()).map(|(findings, own)| {
        json!({
            "taken_at": findings.taken_at,
            "findings": own.into_iter().map(data_of).collect::<Vec<_>>(),
        })
    });
    json!({
        "format": "orgstrap-account",
        "version": crate::report::json::VERSION,
        "account": list::one(&row),
        "administers": show.administers(),
        "contacts": show.contacts(),
        "policies": policies,
        "without_full_aws_access": show.without_full_access(),
        "stacks": stacks,
        "findings": findings,
        "saved": saved,
        "left": show.left.iter().map(|change| json!({
            "address": crate::report::json::address(&change.address), "reason": change.reason,
        })).collect::<Vec<_>>(),
    })
}
