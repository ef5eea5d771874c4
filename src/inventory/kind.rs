//! The kinds of things in an inventory: what is read together, ages together, and is told of together.

use serde::{Deserialize, Serialize};

use super::{ExistingStack, Inventory, Observed, PreparationFacts, ReadFailure};

/// A field of [`Inventory`], or what the services said for controls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Organization,
    Accounts,
    Ous,
    Policies,
    TrustedAccess,
    DelegatedAdministrators,
    StackSetsAccess,
    ServiceLinkedRoles,
    StackSets,
    Stacks,
    #[serde(rename = "guardduty")]
    GuardDuty,
    Contacts,
    Preparation,
    RootAccess,
    Recorders,
    ExistingStacks,
    Trails,
    Former,
    /// The answers of the probes.
    Controls,
}

impl Kind {
    /// Every kind that is a field of the inventory, in its order.
    pub const OF_INVENTORY: [Kind; 18] = [
        Kind::Organization,
        Kind::Accounts,
        Kind::Ous,
        Kind::Policies,
        Kind::TrustedAccess,
        Kind::DelegatedAdministrators,
        Kind::StackSetsAccess,
        Kind::ServiceLinkedRoles,
        Kind::StackSets,
        Kind::Stacks,
        Kind::GuardDuty,
        Kind::Contacts,
        Kind::Preparation,
        Kind::RootAccess,
        Kind::Recorders,
        Kind::ExistingStacks,
        Kind::Trails,
        Kind::Former,
    ];

    /// What it is called.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Organization => "organization",
            Kind::Accounts => "accounts",
            Kind::Ous => "OUs",
            Kind::Policies => "policies",
            Kind::TrustedAccess => "trusted access",
            Kind::DelegatedAdministrators => "delegated administrators",
            Kind::StackSetsAccess => "StackSets' access",
            Kind::ServiceLinkedRoles => "service-linked roles",
            Kind::StackSets => "stack sets",
            Kind::Stacks => "stacks",
            Kind::GuardDuty => "GuardDuty",
            Kind::Contacts => "contacts",
            Kind::Preparation => "preparation",
            Kind::RootAccess => "root access",
            Kind::Recorders => "recorders",
            Kind::ExistingStacks => "existing stacks",
            Kind::Trails => "trails",
            Kind::Former => "former settings",
            Kind::Controls => "controls",
        }
    }
}

impl Inventory {
    /// Everything of one kind that could not be read, at any depth.
    pub fn unread(&self, kind: Kind) -> Vec<&ReadFailure> {
        // Whole, so that a new field cannot be forgotten.
        let Inventory {
            taken_at: _,
            caller: _,
            organization,
            accounts,
            ous,
            policies,
            full_aws_access,
            trusted_access,
            delegated_administrators,
            stack_sets_access,
            service_linked_roles,
            stack_sets,
            stacks,
            guardduty,
            contacts,
            preparation,
            root_access,
            recorders,
            existing_stacks,
            other_stack_sets: _,
            trails,
            // What could not be read of them is told where they matter: AWS's defaults hold then.
            quotas: _,
            former,
        } = self;
        fn one<T>(seen: &Observed<T>) -> Vec<&ReadFailure> {
            seen.unread().into_iter().collect()
        }
        fn with<'a, T>(
            seen: &'a Observed<T>,
            inside: impl FnOnce(&'a T) -> Vec<&'a ReadFailure>,
        ) -> Vec<&'a ReadFailure> {
            match seen {
                Observed::Known(known) => inside(known),
                Observed::Unread(why) => vec![why],
            }
        }
        match kind {
            Kind::Organization => with(organization, |found| {
                let tags = found.iter().map(|found| &found.root_tags);
                tags.filter_map(Observed::unread).collect()
            }),
            Kind::Accounts => with(accounts, |all| {
                all.values().filter_map(|one| one.tags.unread()).collect()
            }),
            Kind::Ous => with(ous, |all| {
                all.values().filter_map(|one| one.tags.unread()).collect()
            }),
            Kind::Policies => {
                let mut parts = with(policies, |all| {
                    let parts = all.values().flat_map(|one| {
                        [
                            one.content.unread(),
                            one.targets.unread(),
                            one.tags.unread(),
                        ]
                    });
                    parts.flatten().collect()
                });
                parts.extend(full_aws_access.iter().filter_map(Observed::unread));
                parts
            }
            Kind::TrustedAccess => one(trusted_access),
            Kind::DelegatedAdministrators => one(delegated_administrators),
            Kind::StackSetsAccess => one(stack_sets_access),
            Kind::ServiceLinkedRoles => one(service_linked_roles),
            Kind::StackSets => with(stack_sets, |all| {
                all.values()
                    .filter_map(|one| one.instances.unread())
                    .collect()
            }),
            Kind::Stacks => {
                let places = stacks.values().flat_map(|place| {
                    with(place, |all| {
                        all.values()
                            .filter_map(|one| one.template.unread())
                            .collect()
                    })
                });
                places.collect()
            }
            Kind::GuardDuty => {
                let parts = guardduty
                    .values()
                    .flat_map(|one| [one.administrator.unread(), one.detector.unread()]);
                parts.flatten().collect()
            }
            Kind::Contacts => contacts.values().filter_map(Observed::unread).collect(),
            Kind::Preparation => {
                let parts = preparation.values().flat_map(|one| {
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
            Kind::Recorders => recorders.values().filter_map(Observed::unread).collect(),
            Kind::ExistingStacks => existing_stacks
                .values()
                .filter_map(ExistingStack::unread)
                .collect(),
            Kind::Trails => trails.iter().filter_map(Observed::unread).collect(),
            // An account that the access role does not open is an answer, and told as one.
            Kind::Former => {
                let sets = former.stack_sets.values().filter_map(Observed::unread);
                let buckets = former.buckets.values().flat_map(|all| all.values());
                sets.chain(former.stacks.values().filter_map(Observed::unread))
                    .chain(buckets.filter_map(Observed::unread))
                    .chain(former.recorders.values().filter_map(Observed::unread))
                    .collect()
            }
            Kind::RootAccess => root_access.iter().filter_map(Observed::unread).collect(),
            Kind::Controls => Vec::new(),
        }
    }

    /// Puts another reading's kind in the place of this one's.
    pub fn take(&mut self, kind: Kind, from: &mut Inventory) {
        use std::mem::swap;
        match kind {
            Kind::Organization => swap(&mut self.organization, &mut from.organization),
            Kind::Accounts => swap(&mut self.accounts, &mut from.accounts),
            Kind::Ous => swap(&mut self.ous, &mut from.ous),
            Kind::Policies => {
                swap(&mut self.policies, &mut from.policies);
                swap(&mut self.full_aws_access, &mut from.full_aws_access);
            }
            Kind::TrustedAccess => swap(&mut self.trusted_access, &mut from.trusted_access),
            Kind::DelegatedAdministrators => swap(
                &mut self.delegated_administrators,
                &mut from.delegated_administrators,
            ),
            Kind::StackSetsAccess => swap(&mut self.stack_sets_access, &mut from.stack_sets_access),
            Kind::ServiceLinkedRoles => swap(
                &mut self.service_linked_roles,
                &mut from.service_linked_roles,
            ),
            Kind::StackSets => {
                swap(&mut self.stack_sets, &mut from.stack_sets);
                swap(&mut self.other_stack_sets, &mut from.other_stack_sets);
            }
            Kind::Stacks => swap(&mut self.stacks, &mut from.stacks),
            Kind::GuardDuty => swap(&mut self.guardduty, &mut from.guardduty),
            Kind::Contacts => swap(&mut self.contacts, &mut from.contacts),
            Kind::Preparation => swap(&mut self.preparation, &mut from.preparation),
            Kind::RootAccess => swap(&mut self.root_access, &mut from.root_access),
            Kind::Recorders => swap(&mut self.recorders, &mut from.recorders),
            Kind::ExistingStacks => swap(&mut self.existing_stacks, &mut from.existing_stacks),
            Kind::Trails => swap(&mut self.trails, &mut from.trails),
            Kind::Former => swap(&mut self.former, &mut from.former),
            Kind::Controls => {}
        }
    }
}
