//! The simulated AWS. It knows nothing of the rest of orgstrap, and the rest nothing of it but an endpoint and the form of
//! recordings.
//!
//! A synchronous state machine over plain data. [`World`] is everything AWS holds;
//! an operation is one row `(service, operation, handler)` in [`table`] and one function
//! `fn(&mut World, &Call) -> Result<Value, AwsError>`. What is pending (an account being created, a
//! stack set being rolled out) is data too, [`world::Due`], run by [`World::advance`] when its time has
//! come. There is no task, no clock and no await in here: adapters at the edge bring those.
//!
//! ```text
//!  request bytes --> codec (AWS's service models) --> Call --> table --> handler --> Value --> codec --> bytes
//! ```
//!
//! # To test with it
//!
//! Make a [`World::empty`], and either call [`in_process`] for the configuration of AWS's SDK clients, or [`serve()`] it on a
//! port for any other client. A [`Connection`] counts calls, shows each ([`Connection::watched`]) and lets faults happen to
//! them ([`FaultPlan`]); [`World::save`] and [`World::load`] keep it in a file; [`poke`] breaks it as people do. The README
//! of the crate says what it has and what it refuses, and `examples/` has a program for each way.

pub mod account;
pub mod automation;
pub mod build;
pub mod call;
pub mod cloudcontrol;
pub mod cloudformation;
pub mod cloudtrail;
pub mod codec;
pub mod config;
pub mod connector;
pub mod ec2;
pub mod events;
pub mod fault;
pub mod file;
pub mod front;
pub mod guardduty;
pub mod hooks;
pub mod iam;
pub mod identity_policy;
pub mod kms;
pub mod lags;
pub mod latency;
pub mod organizations;
pub mod page;
mod paging;
pub mod permissions;
pub mod poke;
pub mod quirks;
pub mod rates;
pub mod replay;
pub mod resource;
pub mod resource_policy;
pub mod s3;
pub mod serve;
pub mod service_quotas;
pub mod sns;
pub mod ssm;
pub mod sts;
pub mod table;
pub mod tagging;
pub mod time;
pub mod words;
pub mod world;

pub use orgstrap_authorization as authorization;

pub use call::{AwsError, Call};
pub use connector::{in_process, in_process_over};
pub use fault::{Connection, Fault, FaultAt, FaultPlan, Met};
pub use file::{WorldFile, WorldFileError};
pub use serve::{ServeOptions, serve};
pub use time::Time;
pub use world::World;
