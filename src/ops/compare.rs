//! What `plan`, `apply` and `drift` have in common: read AWS, compare, order, and show.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use super::LoadedPlan;
use super::error::CommandError;
use super::exit::Exit;
use super::session::Session;
use crate::addr::Bindings;
use crate::aws::CallContext;
use crate::diff::{
    Diff, DiffOptions, Loss, Missing, OnQuota, Raise, diff, fit, guards, judge, scope,
};
use crate::graph::{ChangeGraph, graph};
use crate::inventory::{Inventory, ReadFailure, Section};
use crate::observe::observe;
use crate::plan::{AccountKey, OrgPlan};
use crate::report::plan::Preview;
use crate::report::{Printer, cost, left, loss, words};

/// A comparison of plan and AWS: what is shown, and what `apply` runs.
#[derive(Debug)]
pub struct Comparison {
    pub preview: Preview,
    pub graph: ChangeGraph,
    pub bindings: Bindings,
    /// Quotas that AWS can be asked to raise for it.
    pub raise: Vec<Raise>,
    /// When AWS was read.
    pub taken_at: Timestamp,
}

impl Comparison {
    /// How a run ends that has nothing else to tell: where something of the plan could not be read, or is not so and
    /// stays as it is, it is no success; where something is left over, AWS is not as the plan says.
    pub fn exit(&self) -> Exit {
        if !self.preview.blocked.is_empty() {
            Exit::Failed
        } else if left::open(&self.preview.left).next().is_some() {
            Exit::Differs
        } else {
            Exit::Done
        }
    }
}

/// An error where changes delete data and nobody said that they may.
pub fn refuse_losses(losses: &[Loss], delete_data: bool) -> Result<(), CommandError> {
    if losses.is_empty() || delete_data {
        return Ok(());
    }
    let number: usize = losses.iter().map(|loss| loss.resources.len()).sum();
    let lines: Vec<String> = losses
        .iter()
        .flat_map(|loss| {
            let place = format!("{}: {}", loss.address, loss::place(loss));
            let lost = loss.resources.iter();
            lost.map(move |lost| format!("  {place}: {lost}"))
        })
        .collect();
    Err(CommandError::new(format!(
        "{} that {} data would be deleted; nothing was changed:\n{}",
        words::count(number, "resource", "resources"),
        if number == 1 { "holds" } else { "hold" },
        lines.join("\n"),
    ))
    .hint("save the data first, then `--delete-data`; or keep it: `DeletionPolicy: Retain` and `UpdateReplacePolicy: Retain` in the template, or `retain_on_removal` of the stack set, applied before"))
}

/// Reads AWS and compares what is about these accounts. Of what a quota is in the way of counts only what is made for
/// them.
pub async fn compare_accounts(
    session: &Session,
    subject: &LoadedPlan,
    source: &str,
    accounts: &BTreeSet<AccountKey>,
    on_quota: OnQuota,
    printer: &Printer,
) -> Result<(Comparison, Beside), CommandError> {
    let inventory = read(session, subject, printer).await?;
    let desired = &subject.desired;
    let plan = &guards::in_force(&subject.plan, desired, Some(&inventory));
    let compared = |plan: &OrgPlan| {
        let found = diff(plan, desired, &inventory, &DiffOptions::default());
        scope(found, plan, desired, accounts)
    };
    let mut scoped = compared(plan);
    scoped.diff = match on_quota {
        OnQuota::Fit => {
            let options = DiffOptions {
                quotas: on_quota,
                ..DiffOptions::default()
            };
            fit(plan, desired, &inventory, &options, |smaller| {
                compared(smaller).diff
            })
        }
        on => judge(scoped.diff, plan, &inventory, on),
    };
    let mut found = ordered(scoped.diff, &inventory, session, source)?;
    let beside = Beside {
        missing: scoped.missing,
        others: scoped.others,
        inventory,
    };
    found.preview.accounts = accounts.iter().map(ToString::to_string).collect();
    Ok((found, beside))
}

/// What a comparison of some accounts rests on and left out.
#[derive(Debug)]
pub struct Beside {
    /// What they rest on and is not there.
    pub missing: Vec<Missing>,
    /// How many changes there are besides.
    pub others: usize,
    /// What was read.
    pub inventory: Inventory,
}

/// Reads AWS and compares.
pub async fn compare(
    session: &Session,
    subject: &LoadedPlan,
    source: &str,
    options: &DiffOptions,
    printer: &Printer,
) -> Result<Comparison, CommandError> {
    let inventory = read(session, subject, printer).await?;
    compared(session, subject, source, options, &inventory)
}

/// Compares what was read.
pub fn compared(
    session: &Session,
    subject: &LoadedPlan,
    source: &str,
    options: &DiffOptions,
    inventory: &Inventory,
) -> Result<Comparison, CommandError> {
    let found = diff(&subject.plan, &subject.desired, inventory, options);
    ordered(found, inventory, session, source)
}

fn ordered(
    found: Diff,
    inventory: &Inventory,
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
            unread: unread(inventory),
            from_cache: BTreeMap::new(),
            taken_at: Some(inventory.taken_at),
            unmanaged: found.unmanaged,
            notices: found.notices,
            warnings: found.warnings,
            left: found.left,
            losses: found.losses,
            problems: found.problems,
        },
        graph,
        bindings: found.bindings,
        raise: found.raise,
        taken_at: inventory.taken_at,
    })
}

/// Reads AWS for a plan and its baselines, all of it now.
pub async fn read(
    session: &Session,
    subject: &LoadedPlan,
    printer: &Printer,
) -> Result<Inventory, CommandError> {
    session.guard().await?;
    printer.detail("Reading AWS…");
    let teller = printer.clone();
    let ctx = CallContext::new(0, move |text| teller.detail(&text));
    observe(&session.aws, &subject.plan, &subject.desired, &ctx)
        .await
        .map_err(|error| CommandError::caused("could not read the organization", &error))
}

/// Everything of the inventory that could not be read, once each.
fn unread(inventory: &Inventory) -> Vec<ReadFailure> {
    let mut found: Vec<ReadFailure> = Vec::new();
    for unread in Section::of_inventory().flat_map(|kind| inventory.unread(kind)) {
        if !found.contains(unread) {
            found.push(unread.clone());
        }
    }
    found
}
