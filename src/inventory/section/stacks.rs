//! Stacks in the places that were asked about.

use super::*;

pub(super) struct Stacks;

impl SectionKind for Stacks {
    fn info(&self) -> Info {
        Info {
            name: "stacks",
            minutes: 5,
            scope: Scope::Settings,
            by_account: true,
        }
    }

    fn unread<'a>(&self, of: &'a Inventory) -> Vec<&'a ReadFailure> {
        let places = of.stacks.values().flat_map(|place| {
            with(place, |all| {
                all.values()
                    .filter_map(|one| one.template.unread())
                    .collect()
            })
        });
        places.collect()
    }

    fn take(&self, into: &mut Inventory, from: &mut Inventory) {
        swap(&mut into.stacks, &mut from.stacks);
    }

    fn things(&self, saved: &SavedInventory, names: &Names<'_>) -> Result<Things, String> {
        let inventory = &saved.inventory;
        let mut things = Things::default();

        let mut places = BTreeSet::new();
        for (at, stacks) in &inventory.stacks {
            let name = format!("{}/{}", names.account(at.account.as_str()), at.region);
            let place = String::from(at.clone());
            places.insert(place.clone());
            match known(stacks) {
                Ok(stacks) => {
                    for (stack_name, stack) in stacks {
                        let thing = Thing {
                            name: format!("{stack_name} in {name}"),
                            place: Some(place.clone()),
                            value: Ok(json(stack)),
                        };
                        things.by_key.insert(format!("{place} {stack_name}"), thing);
                    }
                }
                Err(why) => {
                    let thing = Thing {
                        name: format!("stacks in {name}"),
                        place: Some(place.clone()),
                        value: Err(why),
                    };
                    things.by_key.insert(place.clone(), thing);
                    // What is there cannot be told from what is not.
                    places.remove(&place);
                }
            }
        }
        things.asked = Some(places);

        Ok(things)
    }
}
