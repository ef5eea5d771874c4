//! What accounts are given inside.

use super::*;

pub(super) struct Preparation;

impl SectionKind for Preparation {
    fn info(&self) -> Info {
        Info {
            name: "preparation",
            minutes: 15,
            scope: Scope::Settings,
            by_account: true,
        }
    }

    fn unread<'a>(&self, of: &'a Inventory) -> Vec<&'a ReadFailure> {
        let parts = of.preparation.values().flat_map(|one| {
            let PreparationFacts {
                alias,
                password_policy,
                regions,
            } = one;
            [
                alias.as_ref().and_then(Observed::unread),
                password_policy.as_ref().and_then(Observed::unread),
                regions.as_ref().and_then(Observed::unread),
            ]
        });
        parts.flatten().collect()
    }

    fn take(&self, into: &mut Inventory, from: &mut Inventory) {
        swap(&mut into.preparation, &mut from.preparation);
    }

    fn things(&self, saved: &SavedInventory, names: &Names<'_>) -> Result<Things, String> {
        let inventory = &saved.inventory;
        Ok(Things::placed(inventory.preparation.iter().map(
            |(id, facts)| (id.to_string(), names.account(id.as_str()), json(facts)),
        )))
    }
}
