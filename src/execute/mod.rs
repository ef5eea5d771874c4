//! The only place that changes AWS: runs a change graph, each change as soon as what it needs is
//! done, and says what happens.
//!
//! [`schedule`] decides what may start (pure), [`run`] runs it, [`effects`] and the files beside it
//! say what an action comes to in AWS. Every action is idempotent: killed anywhere and run again, a run
//! converges. [`lock`] keeps two runs apart; [`stop`] ends one early.

mod account;
mod control;
mod effects;
mod guardduty;
mod guardduty_former;
mod guardduty_members;
mod hints;
pub mod lock;
mod lost;
mod member;
mod operation;
mod organization;
mod ou;
mod policy;
mod preparation;
mod quota;
mod read_back;
mod recorder;
mod removal;
mod rounds;
mod run;
mod schedule;
mod stack;
mod stack_import;
mod stack_set;
mod stack_set_settings;
mod stop;
mod tag;
mod targets;
#[cfg(test)]
mod tests;
mod trail;

pub use effects::AwsEffects;
pub use quota::{Raised, open_quota_request, raise_quota};
pub use run::{Effects, Outputs, Summary, execute};
pub use schedule::{NotTried, Outcome, Schedule, Task};
pub use stop::{Stop, StopLevel};
