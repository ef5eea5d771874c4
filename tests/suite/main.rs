//! The integration suite: one binary, one module a subject.

mod baselines;
mod broken_plans;
mod duration;
mod examples;
mod faults;
mod moto;
mod observe;
mod plan_file;
mod rules;
mod sandbox_core;
mod scenarios;
mod support;
mod templates;
