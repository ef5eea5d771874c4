//! Centralized root access.

use super::*;

pub(super) struct RootAccess;

impl SectionKind for RootAccess {
    fn info(&self) -> Info {
        Info {
            name: "root access",
            minutes: 15,
            scope: Scope::Settings,
            by_account: false,
        }
    }

    fn unread<'a>(&self, of: &'a Inventory) -> Vec<&'a ReadFailure> {
        of.root_access.iter().filter_map(Observed::unread).collect()
    }

    fn take(&self, into: &mut Inventory, from: &mut Inventory) {
        swap(&mut into.root_access, &mut from.root_access);
    }

    fn things(&self, saved: &SavedInventory, _: &Names<'_>) -> Result<Things, String> {
        let inventory = &saved.inventory;
        let root_access = inventory.root_access.iter();
        Ok(Things::placed(root_access.map(|facts| {
            (String::new(), "root access".to_owned(), json(facts))
        })))
    }
}
