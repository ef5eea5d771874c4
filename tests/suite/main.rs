//! The integration suite: one binary, one module a subject.

mod baselines;
mod sandbox_core;
mod templates;
