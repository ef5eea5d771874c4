//! Stacks that stack sets are to take in.

use super::*;

pub(super) struct ExistingStacks;

impl SectionKind for ExistingStacks {
    fn info(&self) -> Info {
        Info {
            name: "existing stacks",
            minutes: 5,
            scope: Scope::ExistingStacks,
            by_account: true,
        }
    }

    fn unread<'a>(&self, of: &'a Inventory) -> Vec<&'a ReadFailure> {
        of.existing_stacks
            .values()
            .filter_map(ExistingStack::unread)
            .collect()
    }

    fn take(&self, into: &mut Inventory, from: &mut Inventory) {
        swap(&mut into.existing_stacks, &mut from.existing_stacks);
    }

    fn things(&self, saved: &SavedInventory, names: &Names<'_>) -> Result<Things, String> {
        let inventory = &saved.inventory;
        Ok(Things::placed(inventory.existing_stacks.iter().map(
            |(id, facts)| {
                let account = names.account(id.account().as_str());
                let name = format!("{} in {account}/{}", id.name(), id.region());
                (id.to_string(), name, json(facts))
            },
        )))
    }
}
