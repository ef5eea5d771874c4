//! The laws as properties over random organizations, and the rules one by one.

mod laws;
mod random;
mod rules;
mod samples;
mod simulate;
mod stack_rules;
