//! Accounts on demand: which is meant, what is made of it, and whether it is as the plan says.

pub mod check;
pub mod find;
pub mod provision;
