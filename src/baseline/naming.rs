//! How stacks and stack sets are called: by the plan's prefix and the name that the baseline gives them. What was made
//! under another prefix is known by the second part.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use super::{Desired, builtin};

/// The names that baselines give stacks and stack sets, without a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackNames(BTreeSet<String>);

impl StackNames {
    /// Those of every built-in baseline, chosen or not, and of the plan's own.
    pub fn of(desired: &Desired) -> Self {
        static BUILTIN: OnceLock<BTreeSet<String>> = OnceLock::new();
        let mut names = BUILTIN.get_or_init(builtin_names).clone();
        names.extend(desired.stack_sets.keys().map(ToString::to_string));
        names.extend(desired.stacks.keys().map(|(_, name)| name.to_string()));
        Self(names)
    }

    /// A full name as prefix and name, where the second part is one of these; the longest that fits.
    pub fn split<'n>(&self, full: &'n str) -> Option<(&'n str, &'n str)> {
        let hyphens = full.match_indices('-').map(|(at, _)| at);
        hyphens
            .filter_map(|at| Some((full.get(..at)?, full.get(at + 1..)?)))
            .find(|(prefix, name)| !prefix.is_empty() && self.0.contains(*name))
    }
}

fn builtin_names() -> BTreeSet<String> {
    let descriptors = builtin::names().filter_map(|name| builtin::load(name)?.ok());
    let names = descriptors.flat_map(|descriptor| {
        let stacks = descriptor.stacks.iter().map(|stack| &stack.name);
        let sets = descriptor.stack_sets.iter().map(|set| &set.name);
        let names = stacks.chain(sets).map(ToString::to_string);
        names.collect::<Vec<_>>()
    });
    names.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_name_is_split_at_the_longest_name() {
        let names = StackNames::of(&Desired::default());
        let split = |full| names.split(full);
        assert_eq!(
            split("acme-config-recorder"),
            Some(("acme", "config-recorder"))
        );
        assert_eq!(split("a-b-ec2-defaults"), Some(("a-b", "ec2-defaults")));
        assert_eq!(split("acme-payments"), None);
        assert_eq!(split("-roles"), None);
        assert_eq!(split("roles"), None);
    }
}
