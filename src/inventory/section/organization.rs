//! The organization itself.

use super::*;

pub(super) struct Organization;

impl SectionKind for Organization {
    fn info(&self) -> Info {
        Info {
            name: "organization",
            minutes: 15,
            scope: Scope::Organization,
            by_account: false,
        }
    }

    fn unread<'a>(&self, of: &'a Inventory) -> Vec<&'a ReadFailure> {
        with(&of.organization, |found| {
            let tags = found.iter().map(|found| &found.root_tags);
            tags.filter_map(Observed::unread).collect()
        })
    }

    fn take(&self, into: &mut Inventory, from: &mut Inventory) {
        swap(&mut into.organization, &mut from.organization);
    }

    fn things(&self, saved: &SavedInventory, _: &Names<'_>) -> Result<Things, String> {
        let inventory = &saved.inventory;
        let mut things = Things::default();

        if let Some(found) = known(&inventory.organization)? {
            things.put(found.id.clone(), found.id.clone(), json(found));
        }

        Ok(things)
    }
}
