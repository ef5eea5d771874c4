//! Services by the account that administers them.

use super::*;

pub(super) struct DelegatedAdministrators;

impl SectionKind for DelegatedAdministrators {
    fn info(&self) -> Info {
        Info {
            name: "delegated administrators",
            minutes: 15,
            scope: Scope::Organization,
            by_account: false,
        }
    }

    fn unread<'a>(&self, of: &'a Inventory) -> Vec<&'a ReadFailure> {
        one(&of.delegated_administrators)
    }

    fn take(&self, into: &mut Inventory, from: &mut Inventory) {
        swap(
            &mut into.delegated_administrators,
            &mut from.delegated_administrators,
        );
    }

    fn things(&self, saved: &SavedInventory, names: &Names<'_>) -> Result<Things, String> {
        let inventory = &saved.inventory;
        let mut things = Things::default();

        for (account, services) in known(&inventory.delegated_administrators)? {
            for service in services {
                let name = format!("{} for {service}", names.account(account.as_str()));
                things.put(format!("{account} {service}"), name, Value::Null);
            }
        }

        Ok(things)
    }
}
