//! The check of some accounts: what `drift` would say of them, and what would still be changed.

use std::collections::BTreeSet;

use crate::addr::{Address, Attribute, Bindings, Expr};
use crate::aws::CallContext;
use crate::change::Change;
use crate::diff::{Diff, scope};
use crate::drift::{self, Findings};
use crate::inventory::{Inventory, identify};
use crate::observe::probe;
use crate::ops::LoadedPlan;
use crate::ops::as_made::AsMade;
use crate::ops::cached::Reading;
use crate::ops::compare;
use crate::ops::error::CommandError;
use crate::ops::session::Session;
use crate::plan::{AccountId, AccountKey, StackName};
use crate::report::Printer;

/// What a check of some accounts found.
#[derive(Debug)]
pub struct Checked {
    pub inventory: Inventory,
    /// Of these accounts only.
    pub findings: Findings,
    /// What is not as the plan says, of these accounts.
    pub left: Vec<Change>,
    pub bindings: Bindings,
}

/// Reads AWS anew and asks the accounts themselves.
pub async fn check(
    subject: &LoadedPlan,
    keys: &BTreeSet<AccountKey>,
    session: &Session,
    printer: &Printer,
) -> Result<Checked, CommandError> {
    printer.detail("Checking…");
    let inventory = compare::read(session, subject, printer).await?;
    let found = subject.diff(&inventory);
    let findings = judge(subject, &inventory, &found, keys, session, printer).await;
    let (left, bindings) = left(subject, &inventory, found, keys);
    Ok(Checked {
        inventory,
        findings,
        left,
        bindings,
    })
}

/// The same of what was read already: findings, and what is not as the plan says. Where `[organization]` was edited and
/// nothing follows yet, the accounts are judged by the settings by which they were made, beside the finding of the edit.
pub async fn judged(
    subject: &LoadedPlan,
    inventory: &Inventory,
    keys: &BTreeSet<AccountKey>,
    session: &Session,
    printer: &Printer,
) -> Result<(Findings, Vec<Change>), CommandError> {
    let found = subject.diff(inventory);
    let mut made = AsMade::default();
    let findings = if made.put_back(subject, inventory, &found) {
        let former = made.subject(subject);
        let mut reading = Reading::alone(compare::read(session, former, printer).await?);
        let found = former.diff(reading.inventory());
        let found = made
            .put_all_back(subject, &mut reading, found, (session, printer), |_| {})
            .await?;
        let (former, inventory) = (made.subject(subject), reading.inventory());
        let mut findings = judge(former, inventory, &found, keys, session, printer).await;
        made.tell(&former.plan, inventory, &mut findings);
        findings
    } else {
        judge(subject, inventory, &found, keys, session, printer).await
    };
    let (left, _) = left(subject, inventory, found, keys);
    Ok((findings, left))
}

/// What of a comparison is still to be changed of the accounts.
fn left(
    subject: &LoadedPlan,
    inventory: &Inventory,
    found: Diff,
    keys: &BTreeSet<AccountKey>,
) -> (Vec<Change>, Bindings) {
    let behind = behind(subject, inventory, &found, keys);
    let scoped = scope(found, &subject.plan, &subject.desired, keys);
    let mut left = scoped.diff.changes;
    for update in behind {
        if left.iter().all(|change| change.address != update.address) {
            left.push(update);
        }
    }
    (left, scoped.diff.bindings)
}

/// Updates of whole stack sets of which one of the accounts has an outdated instance: only they bring it up to
/// date, and it is not ready before.
fn behind(
    subject: &LoadedPlan,
    inventory: &Inventory,
    found: &Diff,
    keys: &BTreeSet<AccountKey>,
) -> Vec<Change> {
    let accounts = inventory.accounts.known();
    let ids = accounts.map(|all| identify(&subject.plan, all).accounts);
    let own: BTreeSet<&AccountId> = ids
        .iter()
        .flatten()
        .filter(|(key, _)| keys.contains(*key))
        .map(|(_, id)| id)
        .collect();
    let sets = inventory.stack_sets.known();
    let is_behind = |name: &StackName| {
        let set = subject.desired.stack_sets.get(name);
        let there = set.and_then(|set| sets?.get(&set.full_name));
        let instances = there.and_then(|there| there.instances.known());
        instances
            .into_iter()
            .flatten()
            .any(|(at, instance)| own.contains(&at.account) && instance.status == "OUTDATED")
    };
    let keys: Vec<Expr> = keys
        .iter()
        .map(|key| Expr::reference(Address::Account(key.clone()), Attribute::Id))
        .collect();
    let updates = found.changes.iter().filter(|change| {
        let targets = change.action.kind().targets();
        matches!(&change.address, Address::RolloutUpdate(name, _) if is_behind(name))
            && targets.is_some_and(|it| keys.iter().any(|key| it.expect.contains(key)))
    });
    updates.cloned().collect()
}

async fn judge(
    subject: &LoadedPlan,
    inventory: &Inventory,
    found: &Diff,
    keys: &BTreeSet<AccountKey>,
    session: &Session,
    printer: &Printer,
) -> Findings {
    let mut findings = drift::judge(&subject.plan, inventory, found);
    let mut checks = drift::checks(&subject.plan, &subject.desired, inventory, found);
    checks.retain(|check| check.account().is_some_and(|key| keys.contains(key)));
    let teller = printer.clone();
    let ctx = CallContext::new(0, move |text| teller.detail(&text));
    let answers = probe(&session.aws, drift::questions(&checks), &ctx).await;
    drift::judge_controls(&mut findings, &subject.desired, &checks, &answers);
    findings.only(|finding| keys.iter().any(|key| finding.is_about(key.as_str())))
}
