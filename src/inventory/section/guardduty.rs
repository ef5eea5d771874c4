//! GuardDuty's settings of the organization, by Region.

use super::*;

pub(super) struct GuardDuty;

impl SectionKind for GuardDuty {
    fn info(&self) -> Info {
        Info {
            name: "GuardDuty",
            minutes: 5,
            scope: Scope::Settings,
            by_account: false,
        }
    }

    fn unread<'a>(&self, of: &'a Inventory) -> Vec<&'a ReadFailure> {
        let parts = of
            .guardduty
            .values()
            .flat_map(|one| [one.administrator.unread(), one.detector.unread()]);
        parts.flatten().collect()
    }

    fn take(&self, into: &mut Inventory, from: &mut Inventory) {
        swap(&mut into.guardduty, &mut from.guardduty);
    }

    fn things(&self, saved: &SavedInventory, _: &Names<'_>) -> Result<Things, String> {
        let inventory = &saved.inventory;
        Ok(Things::placed(inventory.guardduty.iter().map(
            |(region, facts)| (region.to_string(), region.to_string(), json(facts)),
        )))
    }
}
