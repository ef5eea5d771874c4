//! The check of some accounts: what `drift` would say of them, and what would still be changed.

use std::collections::BTreeSet;

use crate::aws::Caller;
use crate::change::{Bindings, Change};
use crate::cli::compare;
use crate::cli::error::CommandError;
use crate::cli::session::Session;
use crate::cli::subject::Subject;
use crate::diff::{Diff, DiffOptions, diff, scope};
use crate::drift::{self, Findings};
use crate::inventory::Inventory;
use crate::observe::probe;
use crate::plan::AccountKey;
use crate::report::Printer;

/// What a check of some accounts found.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) inventory: Inventory,
    /// Of these accounts only.
    pub(super) findings: Findings,
    /// What is not as the plan says, of these accounts.
    pub(super) left: Vec<Change>,
    pub(super) bindings: Bindings,
}

/// Reads AWS anew and asks the accounts themselves.
pub(super) async fn check(
    subject: &Subject,
    keys: &BTreeSet<AccountKey>,
    session: &Session,
    printer: &Printer,
) -> Result<Checked, CommandError> {
    printer.detail("Checking…");
    let inventory = compare::read(session, subject, printer).await?;
    let (findings, left, bindings) = judge_all(subject, &inventory, keys, session, printer).await;
    Ok(Checked {
        inventory,
        findings,
        left,
        bindings,
    })
}

/// The same of what was read already: findings, and what is not as the plan says.
pub(super) async fn judged(
    subject: &Subject,
    inventory: &Inventory,
    keys: &BTreeSet<AccountKey>,
    session: &Session,
    printer: &Printer,
) -> (Findings, Vec<Change>) {
    let (findings, left, _) = judge_all(subject, inventory, keys, session, printer).await;
    (findings, left)
}

async fn judge_all(
    subject: &Subject,
    inventory: &Inventory,
    keys: &BTreeSet<AccountKey>,
    session: &Session,
    printer: &Printer,
) -> (Findings, Vec<Change>, Bindings) {
    let options = DiffOptions::default();
    let found = diff(&subject.plan, &subject.wanted, inventory, &options);
    let findings = judge(subject, inventory, &found, keys, session, printer).await;
    let scoped = scope(found, &subject.plan, &subject.wanted, keys);
    (findings, scoped.diff.changes, scoped.diff.bindings)
}

async fn judge(
    subject: &Subject,
    inventory: &Inventory,
    found: &Diff,
    keys: &BTreeSet<AccountKey>,
    session: &Session,
    printer: &Printer,
) -> Findings {
    let mut findings = drift::judge(&subject.plan, inventory, found);
    let mut checks = drift::checks(&subject.plan, &subject.wanted, inventory, found);
    checks.retain(|check| check.account().is_some_and(|key| keys.contains(key)));
    let teller = printer.clone();
    let ctx = Caller::new(0, move |text| teller.detail(&text));
    let answers = probe(&session.aws, drift::questions(&checks), &ctx).await;
    drift::judge_controls(&mut findings, &subject.wanted, &checks, &answers);
    findings.only(|finding| {
        let account = finding.place.account.as_ref();
        account.is_some_and(|name| keys.iter().any(|key| key.as_str() == name))
    })
}
