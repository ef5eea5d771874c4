//! CloudFormation: templates, stacks, stack sets.
//!
//! - [`template`], [`parameters`], [`intrinsics`]: the template language, pure.
//! - [`resources`]: what each resource type does in its service.
//! - [`engine`]: makes, changes and deletes a stack's resources; [`stack`] is the data, `stack_api` the operations.
//! - [`drift`]: what of a stack's resources is no longer as its template says.
//! - [`stack_set`], [`operation`], [`deployment`], [`auto_deployment`]: stack sets. An instance is a stack like any
//!   other, in the member account and Region.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::table::Row;
use super::world::World;

pub mod access;
pub mod auto_deployment;
pub mod change_set;
mod compare;
pub mod deployment;
pub mod drift;
pub mod engine;
pub mod intrinsics;
pub mod operation;
pub mod parameters;
mod pattern;
pub mod resources;
pub mod stack;
mod stack_api;
mod stack_import;
pub mod stack_set;
mod stack_set_api;
mod stack_set_drift;
mod stack_set_reads;
pub mod template;
mod yaml;

#[cfg(test)]
mod drift_tests;
#[cfg(test)]
pub(crate) mod fixtures;

#[cfg(test)]
mod stack_import_tests;
#[cfg(test)]
mod stack_set_tests;
#[cfg(test)]
mod stack_tests;
#[cfg(test)]
mod template_tests;

/// What one account holds in one Region.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CloudFormationState {
    /// Stacks by id, deleted ones included.
    pub stacks: BTreeMap<String, stack::Stack>,
    /// Ids of the stacks that are not deleted, by name.
    pub names: BTreeMap<String, String>,
    /// Stack sets by id, deleted ones included.
    pub stack_sets: BTreeMap<String, stack_set::StackSet>,
    /// In the management account: whether StackSets may act for the organization.
    pub organizations_access: bool,
    /// Change sets by id.
    pub change_sets: BTreeMap<String, change_set::ChangeSet>,
    /// Detections of a stack's drift by id.
    pub detections: BTreeMap<String, drift::Detection>,
}

/// Work that is pending.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Due {
    /// A stack operation ends.
    Stack {
        account: String,
        region: String,
        id: String,
        work: StackWork,
    },
    /// A stack set operation starts what may be started.
    Pump(deployment::Job),
    /// A stack instance's stack is done.
    Instance {
        job: deployment::Job,
        account: String,
        region: String,
        work: deployment::InstanceWork,
    },
    /// Stack sets notice that an account has moved.
    AutoDeploy {
        admin: String,
        region: String,
        set: String,
        account: String,
        from: Vec<String>,
        to: Vec<String>,
    },
}

/// What is under way in a stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum StackWork {
    Create,
    Update,
    /// What a change set takes in.
    Import(change_set::Import),
    Delete {
        retain: Vec<String>,
    },
    /// A rollback that failed goes on, without these resources.
    Rollback {
        skip: Vec<String>,
    },
    /// A detection of drift, by its id, of these resources or all.
    Detect {
        id: String,
        only: Vec<String>,
    },
}

/// Runs what has come due.
pub fn run(world: &mut World, due: Due) {
    match due {
        Due::Stack {
            account,
            region,
            id,
            work,
        } => {
            let at = engine::Place {
                account: &account,
                region: &region,
            };
            // What went wrong is in the stack's events.
            let _ = engine::with_stack(world, at, &id, |world, stack| match work {
                StackWork::Create => engine::create(world, at, stack),
                StackWork::Update => engine::update(world, at, stack),
                StackWork::Import(import) => engine::import(world, at, stack, import),
                StackWork::Delete { retain } => engine::delete(world, at, stack, &retain),
                StackWork::Rollback { skip } => {
                    engine::continue_rollback(world, at, stack, &skip);
                    Ok(())
                }
                StackWork::Detect { id, only } => {
                    drift::finish(world, at, stack, &id, &only);
                    Ok(())
                }
            });
        }
        Due::Pump(job) => deployment::pump(world, &job),
        Due::Instance {
            job,
            account,
            region,
            work,
        } => deployment::finish(world, &job, &account, &region, work),
        Due::AutoDeploy {
            admin,
            region,
            set,
            account,
            from,
            to,
        } => {
            auto_deployment::run(world, &admin, &region, &set, &account, &from, &to);
        }
    }
}

pub use auto_deployment::account_moved;

/// See [`crate::hooks::account_closed`]. Operations find out when they come to the account.
pub fn account_closed(_world: &mut World, _account: &str) {}

/// Every table of the service's rows.
pub const OPERATIONS: &[&[Row]] = &[
    access::OPERATIONS,
    change_set::OPERATIONS,
    drift::OPERATIONS,
    stack_api::OPERATIONS,
    stack_import::OPERATIONS,
    stack_set_api::OPERATIONS,
    stack_set_drift::OPERATIONS,
    stack_set_reads::OPERATIONS,
];
