//! Services that may work in all accounts.

use super::*;

pub(super) struct TrustedAccess;

impl SectionKind for TrustedAccess {
    fn info(&self) -> Info {
        Info {
            name: "trusted access",
            minutes: 15,
            scope: Scope::Organization,
            by_account: false,
        }
    }

    fn unread<'a>(&self, of: &'a Inventory) -> Vec<&'a ReadFailure> {
        one(&of.trusted_access)
    }

    fn take(&self, into: &mut Inventory, from: &mut Inventory) {
        swap(&mut into.trusted_access, &mut from.trusted_access);
    }

    fn things(&self, saved: &SavedInventory, _: &Names<'_>) -> Result<Things, String> {
        let inventory = &saved.inventory;
        let mut things = Things::default();

        for service in known(&inventory.trusted_access)? {
            things.put(service.to_string(), service.to_string(), Value::Null);
        }

        Ok(things)
    }
}
