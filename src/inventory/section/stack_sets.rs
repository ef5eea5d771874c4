//! The home Region's stack sets, with their instances.

use super::*;

pub(super) struct StackSets;

impl SectionKind for StackSets {
    fn info(&self) -> Info {
        Info {
            name: "stack sets",
            minutes: 5,
            scope: Scope::Organization,
            by_account: false,
        }
    }

    fn unread<'a>(&self, of: &'a Inventory) -> Vec<&'a ReadFailure> {
        with(&of.stack_sets, |all| {
            all.values()
                .filter_map(|one| one.instances.unread())
                .collect()
        })
    }

    fn take(&self, into: &mut Inventory, from: &mut Inventory) {
        swap(&mut into.stack_sets, &mut from.stack_sets);
        swap(&mut into.other_stack_sets, &mut from.other_stack_sets);
    }

    fn things(&self, saved: &SavedInventory, names: &Names<'_>) -> Result<Things, String> {
        let inventory = &saved.inventory;
        let mut things = Things::default();

        for (name, set) in known(&inventory.stack_sets)? {
            let mut value = names.named(json(set), &["targets"]);
            // One by one below: there are thousands.
            if let Some(instances) = value.get_mut("instances")
                && set.instances.known().is_some()
            {
                *instances = Value::Null;
            }
            things.put(name.clone(), name.clone(), value);
            for (at, instance) in set.instances.known().into_iter().flatten() {
                let account = names.account(at.account.as_str());
                things.put(
                    format!("{name} {}/{}", at.account, at.region),
                    format!("{name} in {account}/{}", at.region),
                    names.named(json(instance), &["ou"]),
                );
            }
        }
        for name in &inventory.other_stack_sets {
            things.put(name.clone(), format!("{name} of others"), Value::Null);
        }

        Ok(things)
    }
}
