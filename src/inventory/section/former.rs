//! What was made while `[organization]` said otherwise.

use super::*;

pub(super) struct Former;

impl SectionKind for Former {
    fn info(&self) -> Info {
        Info {
            name: "former settings",
            minutes: 5,
            scope: Scope::Names,
            by_account: true,
        }
    }

    fn unread<'a>(&self, of: &'a Inventory) -> Vec<&'a ReadFailure> {
        // An account that the access role does not open is an answer, and told as one.
        let sets = of.former.stack_sets.values().filter_map(Observed::unread);
        let buckets = of.former.buckets.values().flat_map(|all| all.values());
        sets.chain(of.former.stacks.values().filter_map(Observed::unread))
            .chain(buckets.filter_map(Observed::unread))
            .chain(of.former.recorders.values().filter_map(Observed::unread))
            .collect()
    }

    fn take(&self, into: &mut Inventory, from: &mut Inventory) {
        swap(&mut into.former, &mut from.former);
    }

    fn things(&self, saved: &SavedInventory, names: &Names<'_>) -> Result<Things, String> {
        let inventory = &saved.inventory;
        let former = &inventory.former;
        let sets = former.stack_sets.iter().map(|(region, facts)| {
            let name = format!("stack sets in {region}");
            (name.clone(), name, json(facts))
        });
        let stacks = former.stacks.iter().map(|(at, facts)| {
            let account = names.account(at.account.as_str());
            let place = String::from(at.clone());
            (place, format!("{account}/{}", at.region), json(facts))
        });
        let access = former.access.iter().map(|(id, facts)| {
            let account = names.account(id.as_str());
            (
                format!("access {id}"),
                format!("access to {account}"),
                json(facts),
            )
        });
        let buckets = former.buckets.values().flatten().map(|(name, facts)| {
            (
                format!("bucket {name}"),
                format!("bucket {name}"),
                json(facts),
            )
        });
        let recorders = former.recorders.iter().map(|(at, facts)| {
            let place = String::from(at.clone());
            let account = names.account(at.account.as_str());
            (
                format!("recorder {place}"),
                format!("{account}/{}", at.region),
                json(facts),
            )
        });
        let all = sets
            .chain(stacks)
            .chain(access)
            .chain(buckets)
            .chain(recorders);
        Ok(Things::placed(all))
    }
}
