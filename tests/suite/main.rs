//! The integration suite: one binary, one module a subject.

mod baselines;
mod broken_plans;
mod examples;
mod moto;
mod observe;
mod plan_file;
mod rehearsal;
mod rules;
mod sandbox_core;
mod scenarios;
mod support;
mod templates;
