//! The laws as properties over random organizations, and the rules one by one.

mod blind_rules;
mod identity_rules;
mod import_rules;
mod laws;
mod left_rules;
mod loss_rules;
mod policy_rules;
mod quota_rules;
mod random;
mod recorder_rules;
mod refused_rules;
mod rules;
mod samples;
mod simulate;
mod simulate_stacks;
mod stack_rules;
