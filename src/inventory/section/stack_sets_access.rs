//! Whether StackSets may act for the organization.

use super::*;

pub(super) struct StackSetsAccess;

impl SectionKind for StackSetsAccess {
    fn info(&self) -> Info {
        Info {
            name: "StackSets' access",
            minutes: 15,
            scope: Scope::Organization,
            by_account: false,
        }
    }

    fn unread<'a>(&self, of: &'a Inventory) -> Vec<&'a ReadFailure> {
        one(&of.stack_sets_access)
    }

    fn take(&self, into: &mut Inventory, from: &mut Inventory) {
        swap(&mut into.stack_sets_access, &mut from.stack_sets_access);
    }

    fn things(&self, saved: &SavedInventory, _: &Names<'_>) -> Result<Things, String> {
        let inventory = &saved.inventory;
        let mut things = Things::default();

        let access = known(&inventory.stack_sets_access)?;
        things.put(
            String::new(),
            "StackSets' access".to_owned(),
            Value::Bool(*access),
        );

        Ok(things)
    }
}
