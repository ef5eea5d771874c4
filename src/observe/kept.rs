//! What of an earlier reading need not be read again, part by part.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;

use super::stack_sets::StackSets;
use crate::inventory::{
    AccountFacts, AccountRegion, ExistingStack, FormerFacts, GuardDutyFacts, Inventory, Kind,
    Observed, OrganizationFacts, OuFacts, OuId, PreparationFacts, RecorderFacts, StackFacts,
    TrailFacts,
};
use crate::plan::{AccountId, Contact, ContactKind, Principal, Region, StackId};

pub(super) type Accounts = Observed<BTreeMap<AccountId, AccountFacts>>;
pub(super) type Ous = Observed<BTreeMap<OuId, OuFacts>>;

/// The parts that are kept; what is `None` is read.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) organization: Option<Observed<Option<OrganizationFacts>>>,
    pub(super) accounts: Option<Accounts>,
    pub(super) ous: Option<Ous>,
    pub(super) policies: Option<super::policies::Policies>,
    pub(super) trusted_access: Option<Observed<BTreeSet<Principal>>>,
    pub(super) delegated_administrators: Option<Observed<BTreeMap<AccountId, BTreeSet<Principal>>>>,
    pub(super) stack_sets_access: Option<Observed<bool>>,
    pub(super) service_linked_roles: Option<Observed<BTreeSet<Principal>>>,
    pub(super) stack_sets: Option<StackSets>,
    pub(super) stacks: Option<BTreeMap<AccountRegion, Observed<BTreeMap<String, StackFacts>>>>,
    pub(super) guardduty: Option<BTreeMap<Region, GuardDutyFacts>>,
    pub(super) contacts: Option<BTreeMap<AccountId, Observed<BTreeMap<ContactKind, Contact>>>>,
    pub(super) preparation: Option<BTreeMap<AccountId, PreparationFacts>>,
    pub(super) root_access: Option<Option<Observed<BTreeSet<String>>>>,
    pub(super) recorders: Option<BTreeMap<AccountRegion, Observed<RecorderFacts>>>,
    pub(super) existing_stacks: Option<BTreeMap<StackId, ExistingStack>>,
    pub(super) trails: Option<Option<Observed<BTreeMap<String, TrailFacts>>>>,
    pub(super) former: Option<FormerFacts>,
}

impl Parts {
    /// The given kinds of an inventory.
    pub(super) fn of(inventory: Inventory, kinds: &BTreeSet<Kind>) -> Self {
        fn only<T>(kinds: &BTreeSet<Kind>, kind: Kind, part: T) -> Option<T> {
            kinds.contains(&kind).then_some(part)
        }
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
            other_stack_sets,
            trails,
            quotas: _,
            former,
        } = inventory;
        Self {
            organization: only(kinds, Kind::Organization, organization),
            accounts: only(kinds, Kind::Accounts, accounts),
            ous: only(kinds, Kind::Ous, ous),
            policies: only(kinds, Kind::Policies, (policies, full_aws_access)),
            trusted_access: only(kinds, Kind::TrustedAccess, trusted_access),
            delegated_administrators: only(
                kinds,
                Kind::DelegatedAdministrators,
                delegated_administrators,
            ),
            stack_sets_access: only(kinds, Kind::StackSetsAccess, stack_sets_access),
            service_linked_roles: only(kinds, Kind::ServiceLinkedRoles, service_linked_roles),
            stack_sets: only(kinds, Kind::StackSets, (stack_sets, other_stack_sets)),
            stacks: only(kinds, Kind::Stacks, stacks),
            guardduty: only(kinds, Kind::GuardDuty, guardduty),
            contacts: only(kinds, Kind::Contacts, contacts),
            preparation: only(kinds, Kind::Preparation, preparation),
            root_access: only(kinds, Kind::RootAccess, root_access),
            recorders: only(kinds, Kind::Recorders, recorders),
            existing_stacks: only(kinds, Kind::ExistingStacks, existing_stacks),
            trails: only(kinds, Kind::Trails, trails),
            former: only(kinds, Kind::Former, former),
        }
    }
}

/// What is kept, or else the reading. Boxed: side by side the readings would fill a thread's stack.
pub(super) fn or_read<'r, T: 'r>(
    kept: Option<T>,
    read: impl Future<Output = T> + 'r,
) -> Pin<Box<dyn Future<Output = T> + 'r>> {
    match kept {
        Some(kept) => Box::pin(std::future::ready(kept)),
        None => Box::pin(read),
    }
}
