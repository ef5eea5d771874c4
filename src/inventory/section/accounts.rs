//! Every account.

use super::*;

pub(super) struct Accounts;

impl SectionKind for Accounts {
    fn info(&self) -> Info {
        Info {
            name: "accounts",
            minutes: 15,
            scope: Scope::Settings,
            by_account: false,
        }
    }

    fn unread<'a>(&self, of: &'a Inventory) -> Vec<&'a ReadFailure> {
        with(&of.accounts, |all| {
            all.values().filter_map(|one| one.tags.unread()).collect()
        })
    }

    fn take(&self, into: &mut Inventory, from: &mut Inventory) {
        swap(&mut into.accounts, &mut from.accounts);
    }

    fn things(&self, saved: &SavedInventory, names: &Names<'_>) -> Result<Things, String> {
        let inventory = &saved.inventory;
        let mut things = Things::default();

        for (id, facts) in known(&inventory.accounts)? {
            let name = names.account(id.as_str());
            things.put(id.to_string(), name, names.named(json(facts), &["parent"]));
        }

        Ok(things)
    }
}
