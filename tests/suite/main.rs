//! The integration suite: one binary, one module a subject.

mod baselines;
mod templates;
mod sandbox_core;
