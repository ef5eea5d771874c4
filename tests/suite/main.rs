//! The integration suite: one binary, one module a subject.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "other processes live in real time, and who runs tests is told why one was left out"
)]

mod account_changes;
mod accounts;
mod baselines;
mod broken_plans;
mod cached;
mod calls;
mod commands;
mod compared;
mod conformance;
mod convergence;
mod deep_drift;
mod delivered;
mod drift;
mod drift_law;
mod drift_reports;
mod drift_told;
mod duration;
mod edits;
mod examples;
mod faults;
mod former;
mod graph;
mod guardrails;
mod identity;
mod import;
mod kept_worlds;
mod lags;
mod law;
mod left_over;
mod live;
mod lost;
mod messages;
mod moves;
mod observe;
mod pages_rule;
mod plan_file;
mod pokes;
mod policy_documents;
mod prepared;
mod protected;
mod quotas;
mod read_back;
mod readme;
mod reads;
mod recorded;
mod rehearsal;
mod roles;
mod rules;
mod sandbox_core;
mod scenarios;
mod stack_imports;
mod support;
mod templates;
mod terminal;
mod there_before;
mod trails;
mod under_lock;
