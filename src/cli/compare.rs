//! What `plan`, `apply` and `drift` have in common: read AWS, compare, order, and show.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::error::CommandError;
use super::exit::Exit;
use super::session::Session;
use super::subject::Subject;
use crate::aws::Caller;
use crate::change::Bindings;
use crate::diff::{Blocked, Diff, DiffOptions, Missing, diff, scope};
use crate::graph::{ChangeGraph, graph};
use crate::inventory::{Inventory, Seen, Unread};
use crate::observe::observe;
use crate::plan::AccountKey;
use crate::report::plan::Preview;
use crate::report::{Printer, cost};

/// A comparison of plan and AWS: what is shown, and what `apply` runs.
#[derive(Debug)]
pub(super) struct Comparison {
    pub(super) preview: Preview,
    pub(super) graph: ChangeGraph,
    pub(super) bindings: Bindings,
    /// When AWS was read.
    pub(super) taken_at: Timestamp,
    /// What was read.
    pub(super) inventory: Inventory,
}

impl Comparison {
    /// How a run ends that has nothing else to tell: where something of the plan could not be
    /// read, it is no success.
    pub(super) fn exit(&self) -> Exit {
        if self.preview.blocked.iter().any(Blocked::is_unread) {
            Exit::Failed
        } else {
            Exit::Done
        }
    }
}

/// Reads AWS and compares what is about these accounts.
pub(super) async fn compare_accounts(
    session: &Session,
    subject: &Subject,
    source: &str,
    accounts: &BTreeSet<AccountKey>,
    printer: &Printer,
) -> Result<(Comparison, Beside), CommandError> {
    printer.detail("Reading AWS…");
    let inventory = read(session, subject, printer).await?;
    let options = DiffOptions::default();
    let found = diff(&subject.plan, &subject.wanted, &inventory, &options);
    let scoped = scope(found, &subject.plan, &subject.wanted, accounts);
    let beside = Beside {
        missing: scoped.missing,
        others: scoped.others,
    };
    let mut found = ordered(scoped.diff, inventory, session, source)?;
    found.preview.accounts = accounts.iter().map(ToString::to_string).collect();
    Ok((found, beside))
}

/// What a comparison of some accounts left out.
#[derive(Debug, Default)]
pub(super) struct Beside {
    /// What they rest on and is not there.
    pub(super) missing: Vec<Missing>,
    /// How many changes there are besides.
    pub(super) others: usize,
}

/// Reads AWS and compares.
pub(super) async fn compare(
    session: &Session,
    subject: &Subject,
    source: &str,
    options: &DiffOptions,
    printer: &Printer,
) -> Result<Comparison, CommandError> {
    printer.detail("Reading AWS…");
    let inventory = read(session, subject, printer).await?;
    let found = diff(&subject.plan, &subject.wanted, &inventory, options);
    ordered(found, inventory, session, source)
}

fn ordered(
    found: Diff,
    inventory: Inventory,
    session: &Session,
    source: &str,
) -> Result<Comparison, CommandError> {
    let graph = graph(found.changes)
        .map_err(|error| CommandError::caused("the changes can have no order", &error))?;
    let changes: Vec<_> = graph.changes().cloned().collect();
    Ok(Comparison {
        preview: Preview {
            source: source.to_owned(),
            management_account: session.management.to_string(),
            accounts: Vec::new(),
            expected: (!changes.is_empty()).then(|| Duration::from_secs(graph.estimate())),
            costs: cost::costs(&changes),
            changes,
            blocked: found.blocked,
            unread: unread(&inventory),
            unmanaged: found.unmanaged,
            notices: found.notices,
            problems: found.problems,
        },
        graph,
        bindings: found.bindings,
        taken_at: inventory.taken_at,
        inventory,
    })
}

/// Reads AWS for a plan and its baselines.
pub(super) async fn read(
    session: &Session,
    subject: &Subject,
    printer: &Printer,
) -> Result<Inventory, CommandError> {
    let teller = printer.clone();
    let ctx = Caller::new(0, move |text| teller.detail(&text));
    observe(&session.aws, &subject.plan, &subject.wanted, &ctx)
        .await
        .map_err(|error| CommandError::caused("could not read the organization", &error))
}

/// Everything of the inventory that could not be read, once each.
fn unread(inventory: &Inventory) -> Vec<Unread> {
    let mut found: Vec<Unread> = Vec::new();
    let mut note = |unread: Option<&Unread>| {
        if let Some(unread) = unread
            && !found.contains(unread)
        {
            found.push(unread.clone());
        }
    };
    note(inventory.organization.unread());
    note(inventory.accounts.unread());
    note(inventory.ous.unread());
    note(inventory.policies.unread());
    note(inventory.trusted_access.unread());
    note(inventory.delegated_administrators.unread());
    note(inventory.stack_sets_access.unread());
    note(inventory.service_linked_roles.unread());
    note(inventory.stack_sets.unread());
    if let Some(organization) = inventory.organization.known().and_then(Option::as_ref) {
        note(organization.root_tags.unread());
    }
    for account in inventory.accounts.known().into_iter().flatten() {
        note(account.1.tags.unread());
    }
    for ou in inventory.ous.known().into_iter().flatten() {
        note(ou.1.tags.unread());
    }
    for (_, policy) in inventory.policies.known().into_iter().flatten() {
        note(policy.content.unread());
        note(policy.targets.unread());
        note(policy.tags.unread());
    }
    for (_, set) in inventory.stack_sets.known().into_iter().flatten() {
        note(set.instances.unread());
    }
    for stacks in inventory.stacks.values() {
        note(stacks.unread());
        for (_, stack) in stacks.known().into_iter().flatten() {
            note(stack.template.unread());
        }
    }
    for guardduty in inventory.guardduty.values() {
        note(guardduty.administrator.unread());
        note(guardduty.detector.unread());
    }
    for contacts in inventory.contacts.values() {
        note(contacts.unread());
    }
    for facts in inventory.preparation.values() {
        note(facts.alias.as_ref().and_then(Seen::unread));
        note(facts.password_policy.as_ref().and_then(Seen::unread));
        note(facts.regions.as_ref().and_then(Seen::unread));
    }
    note(inventory.root_access.as_ref().and_then(Seen::unread));
    found
}
