//! orgstrap brings up and keeps a multi-account AWS organization from one org plan.
//!
//! One direction, no way back: a plan and an inventory become changes, changes become a graph,
//! the graph is executed, events are reported.
//!
//! ```text
//!  org plan (TOML) --> plan::OrgPlan ----+
//!                                        +--> diff (pure) --> graph (pure) --> execute --> event --> report
//!  AWS --> observe --> inventory --------+
//! ```
//!
//! Only [`aws`], [`observe`] and [`execute`] name an SDK crate; only [`report`] prints. The
//! [`sandbox`] is a simulated AWS that the rest reaches as it reaches AWS, over the wire.

pub mod action;
pub mod addr;
pub mod aws;
pub mod baseline;
pub mod change;
pub mod cli;
pub mod diff;
pub mod drift;
pub mod duration;
pub mod event;
pub mod execute;
pub mod graph;
pub mod import;
pub mod inventory;
pub mod observe;
pub mod ops;
pub mod picture;
pub mod plan;
pub mod rehearse;
pub mod report;
pub mod services;
pub mod toml_file;

pub use orgstrap_authorization as authorization;
pub use orgstrap_sandbox as sandbox;
