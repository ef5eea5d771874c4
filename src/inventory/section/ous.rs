//! Every OU.

use super::*;

pub(super) struct Ous;

impl SectionKind for Ous {
    fn info(&self) -> Info {
        Info {
            name: "OUs",
            minutes: 15,
            scope: Scope::Organization,
            by_account: false,
        }
    }

    fn unread<'a>(&self, of: &'a Inventory) -> Vec<&'a ReadFailure> {
        with(&of.ous, |all| {
            all.values().filter_map(|one| one.tags.unread()).collect()
        })
    }

    fn take(&self, into: &mut Inventory, from: &mut Inventory) {
        swap(&mut into.ous, &mut from.ous);
    }

    fn things(&self, saved: &SavedInventory, names: &Names<'_>) -> Result<Things, String> {
        let inventory = &saved.inventory;
        let mut things = Things::default();

        for (id, facts) in known(&inventory.ous)? {
            let value = names.named(json(facts), &["parent"]);
            things.put(id.clone(), facts.path.to_string(), value);
        }

        Ok(things)
    }
}
