//! Trails of the management account.

use super::*;

pub(super) struct Trails;

impl SectionKind for Trails {
    fn info(&self) -> Info {
        Info {
            name: "trails",
            minutes: 15,
            scope: Scope::Trail,
            by_account: false,
        }
    }

    fn unread<'a>(&self, of: &'a Inventory) -> Vec<&'a ReadFailure> {
        of.trails.iter().filter_map(Observed::unread).collect()
    }

    fn take(&self, into: &mut Inventory, from: &mut Inventory) {
        swap(&mut into.trails, &mut from.trails);
    }

    fn things(&self, saved: &SavedInventory, _: &Names<'_>) -> Result<Things, String> {
        let inventory = &saved.inventory;
        let mut things = Things::default();

        let place = Some(String::new());
        if let Some(trails) = &inventory.trails {
            for (arn, facts) in known(trails)? {
                let thing = Thing {
                    name: facts.name.clone(),
                    place: place.clone(),
                    value: Ok(json(facts)),
                };
                things.by_key.insert(arn.clone(), thing);
            }
        }
        things.asked = Some(inventory.trails.iter().map(|_| String::new()).collect());

        Ok(things)
    }
}
