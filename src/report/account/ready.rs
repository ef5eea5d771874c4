//! Accounts that were brought to what the plan says: who they are, how to sign in, what the check found,
//! and how long it took and why.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::addr::{Address, Attribute, Bindings};
use crate::change::Change;
use crate::drift::{Finding, Findings};
use crate::inventory::Inventory;
use crate::plan::{AccountKey, OrgPlan};
use crate::rehearse::Chain;
use crate::report::style::{self, paint};
use crate::report::{json, rehearsal, words};

/// Everything that is shown at the end.
#[derive(Debug)]
pub struct Ready<'a> {
    pub accounts: Vec<AccountReady>,
    /// Of these accounts.
    pub findings: &'a Findings,
    /// What is still not as the plan says.
    pub left: &'a [Change],
    pub chain: &'a Chain,
    pub took: Duration,
    /// In the sandbox, time is its own.
    pub sandbox: bool,
    /// The profile that this run used.
    pub source_profile: Option<&'a str>,
    pub region: &'a str,
}

/// One account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountReady {
    pub key: String,
    pub id: String,
    pub email: String,
    pub ou: String,
    /// The ARN of the role to sign in with; `None` for the management account, which has none.
    pub role: Option<String>,
}

/// The accounts of `keys` as they now are.
pub fn accounts(
    plan: &OrgPlan,
    keys: &BTreeSet<AccountKey>,
    inventory: &Inventory,
    bindings: &Bindings,
) -> Vec<AccountReady> {
    keys.iter()
        .filter_map(|key| {
            let planned = plan.accounts.get(key)?;
            let address = Address::Account(key.clone());
            let id = bindings.get(&address, &Attribute::Id).unwrap_or("-");
            let facts = inventory
                .accounts
                .known()
                .and_then(|accounts| accounts.values().find(|facts| facts.id.as_str() == id));
            let management = plan.organization.management_account.as_str() == id;
            Some(AccountReady {
                key: key.to_string(),
                email: facts.map_or_else(|| planned.email.to_string(), |f| f.email.clone()),
                ou: planned.ou.to_string(),
                role: (!management)
                    .then(|| format!("arn:aws:iam::{id}:role/{}", plan.organization.access_role)),
                id: id.to_owned(),
            })
        })
        .collect()
}

impl Ready<'_> {
    fn findings_of<'f>(&'f self, key: &'f str) -> impl Iterator<Item = &'f Finding> {
        self.findings
            .findings
            .iter()
            .filter(move |finding| finding.is_about(key))
    }

    /// Whether the check found nothing about any of the accounts.
    pub fn is_ready(&self) -> bool {
        self.findings.findings.is_empty() && self.left.is_empty()
    }

    fn is_one_ready(&self, key: &str) -> bool {
        let about = |change: &Change| change.address.account().is_none_or(|k| k.as_str() == key);
        self.findings_of(key).next().is_none() && !self.left.iter().any(about)
    }

    /// How often the controls were looked at.
    fn checks(&self) -> usize {
        self.findings.checked.values().sum()
    }
}

/// The whole text, ending in a line end.
pub fn text(ready: &Ready<'_>) -> String {
    let mut lines = Vec::new();
    for account in &ready.accounts {
        one(ready, account, &mut lines);
        lines.push(String::new());
    }
    if !ready.left.is_empty() {
        lines.push(paint(style::WARN, "Not as the plan says"));
        for change in ready.left {
            lines.push(format!("  {}: {}", change.address, change.reason));
        }
        lines.push(String::new());
    }
    let took = match ready.sandbox {
        true => format!("{} of the sandbox's time", words::duration(ready.took)),
        false => words::duration(ready.took),
    };
    lines.push(paint(
        style::BOLD,
        match (ready.is_ready(), ready.accounts.len()) {
            (true, 1) => format!("Ready in {took}"),
            (true, _) => format!("All ready in {took}"),
            (false, _) => format!("Not ready after {took}"),
        },
    ));
    if !ready.chain.links.is_empty() {
        rehearsal::longest_chain(ready.chain, &mut lines);
        lines.pop();
    }
    profiles(ready, &mut lines);
    lines.join("\n") + "\n"
}

fn one(ready: &Ready<'_>, account: &AccountReady, lines: &mut Vec<String>) {
    let key = &account.key;
    lines.push(match ready.is_one_ready(key) {
        true => paint(style::CREATE, format!("Account {key} is ready.")),
        false => paint(style::WARN, format!("Account {key} is not ready.")),
    });
    let mut line = |name: &str, value: &str| lines.push(format!("  {name:<8} {value}"));
    line("id", &account.id);
    line("email", &account.email);
    line("OU", &account.ou);
    if let Some(role) = &account.role {
        line("sign in", role);
    }
    let found: Vec<&Finding> = ready.findings_of(key).collect();
    line(
        "checked",
        &match (ready.checks(), found.len()) {
            (0, 0) => "nothing found".to_owned(),
            (checks, 0) => format!("{}, nothing found", words::count(checks, "check", "checks")),
            (_, some) => words::count(some, "finding", "findings"),
        },
    );
    for finding in found {
        let region = finding.place.region.as_ref();
        lines.push(format!(
            "    {}{}: {}",
            finding.control,
            region.map_or(String::new(), |region| format!(" in {region}")),
            finding.title
        ));
    }
}

/// What to put into the AWS CLI's configuration.
fn profiles(ready: &Ready<'_>, lines: &mut Vec<String>) {
    let roles: Vec<(&AccountReady, &String)> = ready
        .accounts
        .iter()
        .filter_map(|account| Some((account, account.role.as_ref()?)))
        .collect();
    if roles.is_empty() {
        return;
    }
    lines.push(String::new());
    lines.push(paint(style::BOLD, "For ~/.aws/config"));
    for (account, role) in roles {
        lines.push(format!("  [profile {}]", account.key));
        lines.push(format!("  role_arn = {role}"));
        let source = ready.source_profile.unwrap_or("default");
        lines.push(format!("  source_profile = {source}"));
        lines.push(format!("  region = {}", ready.region));
    }
}

/// A line for each account, and one for the whole.
pub fn json(ready: &Ready<'_>) -> Vec<Value> {
    let mut lines: Vec<Value> = ready
        .accounts
        .iter()
        .map(|account| {
            json!({
                "event": "account",
                "key": account.key,
                "id": account.id,
                "email": account.email,
                "ou": account.ou,
                "ready": ready.is_one_ready(&account.key),
                "sign_in_role": account.role,
                "profile": account.role.as_ref().map(|role| json!({
                    "name": account.key,
                    "role_arn": role,
                    "source_profile": ready.source_profile.unwrap_or("default"),
                    "region": ready.region,
                })),
                "findings": ready.findings_of(&account.key).map(|finding| json!({
                    "control": finding.control,
                    "region": finding.place.region,
                    "severity": finding.severity.as_str(),
                    "title": finding.title,
                })).collect::<Vec<_>>(),
            })
        })
        .collect();
    lines.push(json!({
        "event": "ready",
        "ready": ready.is_ready(),
        "took_seconds": ready.took.as_millis() as f64 / 1000.0,
        "checks": ready.checks(),
        "left": ready.left.iter().map(|change| json!({
            "address": json::address(&change.address), "reason": change.reason,
        })).collect::<Vec<_>>(),
        "chain": ready.chain.links.iter().map(rehearsal::link).collect::<Vec<_>>(),
        "holds": ready.chain.holds.iter().map(rehearsal::hold).collect::<Vec<_>>(),
    }));
    lines
}
