//! The integration suite: one binary, one module a subject.

mod baselines;
mod moto;
mod observe;
mod sandbox_core;
mod templates;
