//! Service-linked roles of the management account.

use super::*;

pub(super) struct ServiceLinkedRoles;

impl SectionKind for ServiceLinkedRoles {
    fn info(&self) -> Info {
        Info {
            name: "service-linked roles",
            minutes: 15,
            scope: Scope::Organization,
            by_account: false,
        }
    }

    fn unread<'a>(&self, of: &'a Inventory) -> Vec<&'a ReadFailure> {
        one(&of.service_linked_roles)
    }

    fn take(&self, into: &mut Inventory, from: &mut Inventory) {
        swap(
            &mut into.service_linked_roles,
            &mut from.service_linked_roles,
        );
    }

    fn things(&self, saved: &SavedInventory, _: &Names<'_>) -> Result<Things, String> {
        let inventory = &saved.inventory;
        let mut things = Things::default();

        for service in known(&inventory.service_linked_roles)? {
            things.put(service.to_string(), service.to_string(), Value::Null);
        }

        Ok(things)
    }
}
