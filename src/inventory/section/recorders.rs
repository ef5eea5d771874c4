//! What AWS Config has where a stack is to bring a recorder.

use super::*;

pub(super) struct Recorders;

impl SectionKind for Recorders {
    fn info(&self) -> Info {
        Info {
            name: "recorders",
            minutes: 15,
            scope: Scope::Settings,
            by_account: true,
        }
    }

    fn unread<'a>(&self, of: &'a Inventory) -> Vec<&'a ReadFailure> {
        of.recorders.values().filter_map(Observed::unread).collect()
    }

    fn take(&self, into: &mut Inventory, from: &mut Inventory) {
        swap(&mut into.recorders, &mut from.recorders);
    }

    fn things(&self, saved: &SavedInventory, names: &Names<'_>) -> Result<Things, String> {
        let inventory = &saved.inventory;
        Ok(Things::placed(inventory.recorders.iter().map(
            |(at, facts)| {
                let place = String::from(at.clone());
                let account = names.account(at.account.as_str());
                (place, format!("{account}/{}", at.region), json(facts))
            },
        )))
    }
}
