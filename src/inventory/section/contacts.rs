//! Alternate contacts.

use super::*;

pub(super) struct Contacts;

impl SectionKind for Contacts {
    fn info(&self) -> Info {
        Info {
            name: "contacts",
            minutes: 15,
            scope: Scope::Settings,
            by_account: true,
        }
    }

    fn unread<'a>(&self, of: &'a Inventory) -> Vec<&'a ReadFailure> {
        of.contacts.values().filter_map(Observed::unread).collect()
    }

    fn take(&self, into: &mut Inventory, from: &mut Inventory) {
        swap(&mut into.contacts, &mut from.contacts);
    }

    fn things(&self, saved: &SavedInventory, names: &Names<'_>) -> Result<Things, String> {
        let inventory = &saved.inventory;
        Ok(Things::placed(inventory.contacts.iter().map(
            |(id, facts)| (id.to_string(), names.account(id.as_str()), json(facts)),
        )))
    }
}
