//! The sections of an inventory: what is read together, ages together, and is reported together. A file each; how one is
//! read is in the file of its name in `observe`. The list below is the only one.

mod accounts;
mod compared;
mod contacts;
mod controls;
mod delegated_administrators;
mod existing_stacks;
mod former;
mod guardduty;
mod organization;
mod ous;
mod policies;
mod preparation;
mod recorders;
mod root_access;
mod service_linked_roles;
mod stack_sets;
mod stack_sets_access;
mod stacks;
mod trails;
mod trusted_access;

use std::collections::BTreeSet;
use std::mem::swap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ExistingStack, Inventory, Observed, PreparationFacts, ReadFailure, SavedInventory};
use crate::plan::FULL_AWS_ACCESS;

pub(super) use compared::{Names, Thing, Things, inside, unread};
use compared::{json, known};

macro_rules! sections {
    ($($file:ident: $name:ident,)*) => {
        $(use $file::$name;)*

        /// Fields of [`Inventory`] that are read together, or what the services said for controls.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Section {
            $($name,)*
        }

        impl Section {
            /// Every section, in the order of the inventory's fields; what was asked for controls comes last.
            pub const ALL: [Section; [$(stringify!($name)),*].len()] = [$(Section::$name),*];

            pub(super) fn kind(self) -> &'static dyn SectionKind {
                match self {
                    $(Section::$name => &$name,)*
                }
            }
        }
    };
}
sections! {
    organization: Organization,
    accounts: Accounts,
    ous: Ous,
    policies: Policies,
    trusted_access: TrustedAccess,
    delegated_administrators: DelegatedAdministrators,
    stack_sets_access: StackSetsAccess,
    service_linked_roles: ServiceLinkedRoles,
    stack_sets: StackSets,
    stacks: Stacks,
    guardduty: GuardDuty,
    contacts: Contacts,
    preparation: Preparation,
    root_access: RootAccess,
    recorders: Recorders,
    existing_stacks: ExistingStacks,
    trails: Trails,
    former: Former,
    controls: Controls,
}

/// What one section says of itself.
pub(super) trait SectionKind {
    fn info(&self) -> Info;

    /// Everything of it that could not be read, at any depth.
    fn unread<'a>(&self, of: &'a Inventory) -> Vec<&'a ReadFailure>;

    /// Puts another reading's section in the place of this one's.
    fn take(&self, into: &mut Inventory, from: &mut Inventory);

    /// What is compared with another inventory's.
    fn things(&self, saved: &SavedInventory, names: &Names<'_>) -> Result<Things, String>;
}

/// What is said of a section alone.
pub(super) struct Info {
    /// What it is called.
    name: &'static str,
    /// How old it may be to be used again where nothing else is asked for: what a person changes rarely may be older than
    /// what breaks by itself.
    minutes: u64,
    scope: Scope,
    /// Whether it is asked by accounts' ids.
    by_account: bool,
}

/// What of a plan decides what is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// The home Region, prefix and access role.
    Organization,
    /// All of `[organization]`, the accounts, and where the baselines' stacks are to be.
    Settings,
    /// Stacks that stack sets are to take in.
    ExistingStacks,
    /// The trail that is to be.
    Trail,
    /// The names of all stacks and stack sets.
    Names,
}

impl Section {
    /// Every section that is read into the inventory.
    pub fn of_inventory() -> impl Iterator<Item = Section> {
        let all = Section::ALL.into_iter();
        all.filter(|section| *section != Section::Controls)
    }

    /// What it is called.
    pub fn as_str(self) -> &'static str {
        self.kind().info().name
    }

    /// How old it may be to be used again where nothing else is asked for.
    pub fn usual_age(self) -> Duration {
        Duration::from_secs(60 * self.kind().info().minutes)
    }

    pub fn scope(self) -> Scope {
        self.kind().info().scope
    }

    /// Whether it is asked by accounts' ids, and so is of no use where these are not known.
    pub fn is_by_account(self) -> bool {
        self.kind().info().by_account
    }
}

impl Inventory {
    /// Everything of one section that could not be read, at any depth.
    pub fn unread(&self, section: Section) -> Vec<&ReadFailure> {
        section.kind().unread(self)
    }

    /// Puts another reading's section in the place of this one's.
    pub fn take(&mut self, section: Section, from: &mut Inventory) {
        section.kind().take(self, from);
    }
}

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
