//! What the verbs do, without a command line: compare, ask, look again under the lock, make, give back, tell.
//!
//! [`crate::cli`] turns arguments into the options of an operation and calls it; the tests call the same functions
//! in a sandbox's world, so that what they try is what users run. An operation takes a [`session::Session`] (the way to
//! AWS or to a sandbox), options of its own, a function that asks for consent, and the
//! [`Printer`](crate::report::Printer) by which it talks. It ends with an [`exit::Exit`] or an [`error::CommandError`].
//!
//! | file | what it is for |
//! | --- | --- |
//! | [`apply`] | `orgstrap apply`: from the comparison to the report |
//! | [`plan`] | `orgstrap plan`: the comparison, through the describe cache |
//! | [`drift`] | `orgstrap drift`, with the fix and the second look |
//! | [`remove`] | `orgstrap remove`: what is left over, taken away |
//! | [`compare`] | reading AWS and comparing, which all of them begin with |
//! | [`as_made`] | a check by the settings by which the organization was made, where they were edited since |
//! | [`cached`] | the same through the describe cache |
//! | [`perform`], [`make`] | changes under the lock, with progress and the report |
//! | [`quotas`] | asking AWS to raise quotas |
//! | [`session`] | one run's way to AWS, and the guard of whose organization it is |

pub mod account;
pub mod apply;
pub mod as_made;
pub mod cached;
pub mod compare;
pub mod drift;
pub mod error;
pub mod exit;
pub mod make;
pub mod perform;
pub mod plan;
pub mod playback;
pub mod quotas;
pub mod rehearse;
pub mod remove;
pub mod saved;
pub mod session;

use crate::baseline::{Descriptors, Desired};
use crate::diff::{Diff, DiffOptions, diff};
use crate::inventory::Inventory;
use crate::plan::OrgPlan;
use error::CommandError;

/// What a verb works on: a plan that was checked, and what its baselines come to.
#[derive(Debug, Clone)]
pub struct LoadedPlan {
    pub plan: OrgPlan,
    pub desired: Desired,
    /// The descriptors of its baselines, as they were read with it.
    pub descriptors: Descriptors,
}

impl LoadedPlan {
    /// A plan that was made here, with what is looked for beside it.
    pub fn made(plan: OrgPlan, desired: Desired) -> Self {
        Self {
            plan,
            desired,
            descriptors: Descriptors::default(),
        }
    }

    /// How an organization differs from it, with nothing asked for besides.
    pub fn diff(&self, inventory: &Inventory) -> Diff {
        diff(
            &self.plan,
            &self.desired,
            inventory,
            &DiffOptions::default(),
        )
    }
}

/// How results are written by an operation that has no reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// For people.
    Text,
    /// For programs: JSON lines.
    Json,
}

/// Asks a person whether to go on: the question without "yes or no".
pub type Confirm<'a> = &'a dyn Fn(&str) -> Result<bool, CommandError>;
