//! What the plan asks for and the inventory lacks, as changes. Pure: equal inputs, equal output.
//!
//! One file per kind of thing. Each says which of its facts differ, field by field, and leaves
//! alone what the plan does not name: that is reported as [`Unmanaged`] or as a [`Notice`], never
//! revoked. What could not be read is [`Blocked`], and so is everything that depends on it.

mod account;
mod builder;
mod context;
mod denied;
mod document;
pub mod foreign_managers;
mod former;
mod full_access;
mod guardduty;
pub mod guards;
mod held;
mod in_force;
mod kept;
pub mod left;
mod loss;
mod lost;
mod organization;
mod ou;
mod policy;
mod preparation;
mod quota;
mod recorder;
mod refused;
pub mod removal;
mod scope;
mod setting;
mod stack;
mod stack_set;
mod stages;
mod tag_limit;
#[cfg(test)]
mod tests;
mod trail;
pub mod work;

use serde::{Deserialize, Serialize};

pub use context::is_ours;
pub use former::{Former, as_made};
pub use kept::buckets_to_be;
pub use left::{Left, Remains};
pub use loss::Loss;
pub use lost::recorders_touched;
pub use quota::{OnQuota, Raise, fit, judge};
pub use scope::{Missing, Scoped, scope};
pub use setting::STACK_SETS_ADMINISTRATOR;
pub use stack_set::{Fate, fates};

use builder::DiffBuilder;
use context::Context;

use crate::addr::{Address, Bindings};
use crate::baseline::Desired;
use crate::change::Change;
use crate::inventory::{Inventory, ReadFailure};
use crate::plan::OrgPlan;

/// What the user allows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiffOptions {
    /// An organization may be created where there is none.
    pub create_organization: bool,
    /// OUs and policies that orgstrap made and the plan no longer names may be removed.
    pub prune: bool,
    /// What happens where a quota does not allow what the plan needs.
    #[serde(default)]
    pub quotas: OnQuota,
}

/// Everything that a comparison of plan and inventory found.
#[derive(Debug, Clone, Default, PartialEq)]
#[must_use]
pub struct Diff {
    /// What to change, by address. Empty where there are `problems`.
    pub changes: Vec<Change>,
    /// What would be changed if nothing were in its way: what is among the `blocked` too, and where there are
    /// `problems` all the rest.
    pub withheld: Vec<Change>,
    /// What is not changed now although it may differ, and why not.
    pub blocked: Vec<Blocked>,
    /// What is in AWS and not in the plan, and is left alone.
    pub unmanaged: Vec<Unmanaged>,
    /// Differences that orgstrap does not fix, such as a changed email.
    pub notices: Vec<Notice>,
    /// What policies would refuse, once the changes are made, of what keeps the organization: orgstrap, StackSets, Control
    /// Tower, the break-glass role, services that deliver logs.
    pub warnings: Vec<Notice>,
    /// What stops everything.
    pub problems: Vec<Problem>,
    /// The settings of `[organization]` that were edited, as they were.
    pub former: Vec<Former>,
    /// What is left that no change puts right.
    pub left: Vec<Left>,
    /// Resources with data that the changes delete or make anew: not to be made without leave.
    pub losses: Vec<Loss>,
    /// Quotas that AWS can be asked to raise, because the plan needs more.
    pub raise: Vec<Raise>,
    /// Ids and outputs of what is there already.
    pub bindings: Bindings,
}

/// Something that cannot be changed now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Blocked {
    pub address: Address,
    pub reason: BlockedBy,
    /// What to do about it, where there is something.
    pub hint: Option<String>,
}

impl Blocked {
    /// Whether it may differ from the plan without anybody knowing.
    pub fn is_unread(&self) -> bool {
        matches!(self.reason, BlockedBy::Unread(_))
    }

    /// Whether it was left out because a quota does not allow it.
    pub fn is_over_quota(&self) -> bool {
        matches!(self.reason, BlockedBy::Quota { .. })
    }
}

/// Why something cannot be changed now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum BlockedBy {
    /// It could not be read.
    Unread(ReadFailure),
    /// It is in a state in which AWS refuses changes, or something else is in charge of it.
    State { message: String },
    /// A quota does not allow it.
    Quota { message: String },
    /// It waits for something that is blocked itself.
    Needs { address: Address },
}

/// Something in AWS that the plan does not name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Unmanaged {
    /// `account`, `ou`, `policy`, `attachment`, `trusted access` and so on.
    pub kind: &'static str,
    /// What it is called, for people. Before the id, for the order they are told in.
    pub name: String,
    /// AWS's id, or the name where there is no id.
    pub id: String,
    /// What orgstrap does about it, and how to have it otherwise.
    pub note: String,
}

/// What is worth knowing and differs from nothing in the plan.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Notice {
    pub address: Address,
    pub text: String,
    pub hint: Option<String>,
}

/// Something that stops a run before anything is changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    pub kind: ProblemKind,
    pub message: String,
    pub hint: Option<String>,
}

/// Which problem, for callers that can do something about one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProblemKind {
    /// There is no organization; allowed to, diff would create one.
    NoOrganization,
    /// The caller, or the organization, is not the one that the plan is for.
    WrongAccount,
    /// What everything rests on could not be read.
    Unreadable,
    /// Accounts of plan and organization cannot be matched.
    Identity,
    /// Something else holds a place that only one can hold.
    Taken,
    /// A quota does not allow what the plan needs.
    Quota,
    /// `[organization]` was edited, and what was made before does not follow.
    Edited,
}

impl Diff {
    /// The edits of `[organization]` that keep plan and organization from being compared.
    pub fn edits(&self) -> impl Iterator<Item = &Problem> {
        let problems = self.problems.iter();
        problems.filter(|problem| problem.kind == ProblemKind::Edited)
    }
}

/// Compares a plan, and what its baselines come to, with an inventory.
pub fn diff(
    plan: &OrgPlan,
    desired: &Desired,
    inventory: &Inventory,
    options: &DiffOptions,
) -> Diff {
    let plan = &guards::in_force(plan, desired, Some(inventory));
    let compare = |plan: &OrgPlan| compared(plan, desired, inventory, options);
    match options.quotas {
        OnQuota::Fit => quota::fit(plan, desired, inventory, options, compare),
        on => judge(compare(plan), plan, inventory, on),
    }
}

/// The comparison, whatever quotas allow.
fn compared(
    plan: &OrgPlan,
    desired: &Desired,
    inventory: &Inventory,
    options: &DiffOptions,
) -> Diff {
    let organization = match organization::preflight(plan, inventory, options) {
        Ok(organization) => organization,
        Err(problem) => {
            return Diff {
                problems: vec![problem],
                ..Diff::default()
            };
        }
    };
    let ctx = Context::new(plan, desired, inventory, options, organization);
    let mut found = DiffBuilder::default();
    ctx.bind(&mut found.bindings);
    organization::compare(&ctx, &mut found);
    former::compare(&ctx, &mut found);
    if found.is_edited() {
        // Seen from an edited plan all that is there looks missing.
        return found.settle(&ctx);
    }
    setting::compare(&ctx, &mut found);
    ou::compare(&ctx, &mut found);
    account::compare(&ctx, &mut found);
    policy::compare(&ctx, &mut found);
    stack::compare(&ctx, &mut found);
    trail::compare(&ctx, &mut found);
    stack_set::compare(&ctx, &mut found);
    guardduty::compare(&ctx, &mut found);
    preparation::compare(&ctx, &mut found);
    // Last, because they look at what the others found: which accounts leave an OU, and what is
    // brought up for the first time.
    ou::prune(&ctx, &mut found);
    policy::attach(&ctx, &mut found);
    guards::parts_first(&ctx, &mut found);
    full_access::compare(&ctx, &mut found);
    held::wait(&ctx, &mut found);
    left::compare(&ctx, &mut found);
    found.settle(&ctx)
}
