//! Customer-managed policies, and where AWS's own FullAWSAccess is attached.

use super::*;

pub(super) struct Policies;

impl SectionKind for Policies {
    fn info(&self) -> Info {
        Info {
            name: "policies",
            minutes: 15,
            scope: Scope::Organization,
            by_account: false,
        }
    }

    fn unread<'a>(&self, of: &'a Inventory) -> Vec<&'a ReadFailure> {
        let mut parts = with(&of.policies, |all| {
            let parts = all.values().flat_map(|one| {
                [
                    one.content.unread(),
                    one.targets.unread(),
                    one.tags.unread(),
                ]
            });
            parts.flatten().collect()
        });
        parts.extend(of.full_aws_access.iter().filter_map(Observed::unread));
        parts
    }

    fn take(&self, into: &mut Inventory, from: &mut Inventory) {
        swap(&mut into.policies, &mut from.policies);
        swap(&mut into.full_aws_access, &mut from.full_aws_access);
    }

    fn things(&self, saved: &SavedInventory, names: &Names<'_>) -> Result<Things, String> {
        let inventory = &saved.inventory;
        let mut things = Things::default();

        for (id, facts) in known(&inventory.policies)? {
            let value = names.named(json(facts), &["targets"]);
            things.put(id.clone(), facts.name.clone(), value);
        }
        if let Some(attached) = &inventory.full_aws_access {
            let attached = known(attached)?;
            let root = inventory.organization.known().and_then(Option::as_ref);
            let ous = inventory.ous.known().into_iter().flatten();
            let accounts = inventory.accounts.known().into_iter().flatten();
            // Where it is missing: it is attached to everything that is new.
            let missing: Vec<String> = root
                .map(|found| found.root_id.clone())
                .into_iter()
                .chain(ous.map(|(id, _)| id.clone()))
                .chain(accounts.map(|(id, _)| id.to_string()))
                .filter(|id| !attached.contains(id))
                .collect();
            let value = serde_json::json!({ "not_attached_to": missing });
            let name = FULL_AWS_ACCESS.to_owned();
            things.put(name.clone(), name, names.named(value, &["not_attached_to"]));
        }

        Ok(things)
    }
}
