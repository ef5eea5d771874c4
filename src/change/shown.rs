//! By which list the next `plan` sees a change that was made.
//!
//! AWS says that something is done before every list has it. A `plan` that compares with a list from before would make
//! the change once more, so a run is not done until the lists that may lag show what it changed: here is which, for
//! every act. `execute` looks at them when the last change is made.

use std::collections::BTreeSet;

use super::{Action, Address, Attribute, Bindings, Change, Expr};
use crate::plan::{OuPath, PolicyType};

/// A list that `plan` reads and that may lag behind a change.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum List {
    /// The organization's accounts, with name and place.
    Accounts,
    /// The OUs right below one, or below the root.
    Ous(String),
    /// The tags of accounts, which come many at a time.
    AccountTags,
    /// The tags of one root, OU or policy.
    Tags(String),
    /// The policies of a type.
    Policies(PolicyType),
    /// What a policy is attached to.
    PolicyTargets(String),
    TrustedAccess,
    DelegatedAdministrators,
    /// The OUs that a stack set reaches.
    StackSetTargets(String),
}

/// What a list may be asked for. Their order is that of nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Item {
    /// Something by its id or name.
    Is(String),
    /// The name of an account or OU, by id.
    NameOf(String),
    /// The OU or root in which an account lies, by id.
    PlaceOf(String),
    /// A tag, by the id of what carries it, and its key.
    Tag(String, String),
    /// A service that an account administers.
    Administers(String, String),
}

/// One thing that a list is to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub list: List,
    pub item: Item,
    /// The value it is to have; `None` where it is to be gone.
    pub value: Option<String>,
}

/// Where a change that was made is to be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// In lists that may lag behind it.
    Listed(Vec<Entry>),
    /// In what the change has awaited already: it ended only when AWS told of it.
    Awaited,
    /// In what AWS tells of the thing itself, which nobody has seen lag.
    AtOnce,
}

fn there(list: List, item: Item, value: impl Into<String>) -> Entry {
    Entry {
        list,
        item,
        value: Some(value.into()),
    }
}

fn gone(list: List, item: Item) -> Entry {
    Entry {
        list,
        item,
        value: None,
    }
}

/// The value of what is merely there.
pub const THERE: &str = "there";

impl Change {
    /// Where it is to be seen once it is made. `known` is what is known after the run: what it does not bind was not made.
    pub fn shown(&self, known: &Bindings) -> Shown {
        match &self.act {
            Action::CreateAccount { .. } => {
                let id = known.get(&self.address, &Attribute::Id);
                listed(id.map(|id| there(List::Accounts, Item::Is(id.to_owned()), THERE)))
            }
            Action::RenameAccount { account, name } => listed(
                value(account, known).map(|id| there(List::Accounts, Item::NameOf(id), name)),
            ),
            Action::MoveAccount { account, to } => listed(
                value(account, known)
                    .zip(value(to, known))
                    .map(|(id, ou)| there(List::Accounts, Item::PlaceOf(id), ou)),
            ),
            Action::CloseAccount { account } => {
                listed(value(account, known).map(|id| gone(List::Accounts, Item::Is(id))))
            }
            Action::CreateOu { parent, .. } => {
                let id = known.get(&self.address, &Attribute::Id);
                listed(
                    value(parent, known).zip(id).map(|(parent, id)| {
                        there(List::Ous(parent), Item::Is(id.to_owned()), THERE)
                    }),
                )
            }
            Action::RenameOu { id, name } => listed(
                self.parent(known)
                    .map(|parent| there(List::Ous(parent), Item::NameOf(id.clone()), name)),
            ),
            Action::DeleteOu { id } => listed(
                self.parent(known)
                    .map(|parent| gone(List::Ous(parent), Item::Is(id.clone()))),
            ),
            Action::Tag {
                resource,
                set,
                remove,
            } => {
                let id = value(resource, known);
                listed(id.iter().flat_map(|id| {
                    let list = || match is_account(id) {
                        true => List::AccountTags,
                        false => List::Tags(id.clone()),
                    };
                    let tag = |key: &String| Item::Tag(id.clone(), key.clone());
                    let set = set
                        .iter()
                        .map(move |(key, value)| there(list(), tag(key), value));
                    set.chain(remove.iter().map(move |key| gone(list(), tag(key))))
                }))
            }
            Action::CreatePolicy { policy_type, .. } => {
                let id = known.get(&self.address, &Attribute::Id);
                listed(
                    id.map(|id| {
                        there(List::Policies(*policy_type), Item::Is(id.to_owned()), THERE)
                    }),
                )
            }
            Action::DeletePolicy { id, policy_type } => {
                listed([gone(List::Policies(*policy_type), Item::Is(id.clone()))])
            }
            Action::AttachPolicy { policy, target } => listed(
                value(policy, known)
                    .zip(value(target, known))
                    .map(|(policy, target)| {
                        there(List::PolicyTargets(policy), Item::Is(target), THERE)
                    }),
            ),
            Action::DetachPolicy { policy, target } => listed(
                value(policy, known)
                    .zip(value(target, known))
                    .map(|(policy, target)| gone(List::PolicyTargets(policy), Item::Is(target))),
            ),
            Action::EnableTrustedAccess { principal } => listed([there(
                List::TrustedAccess,
                Item::Is(principal.to_string()),
                THERE,
            )]),
            Action::RegisterDelegatedAdministrator { principal, account } => {
                let id = value(account, known);
                listed(id.map(|id| {
                    let item = Item::Administers(id, principal.to_string());
                    there(List::DelegatedAdministrators, item, THERE)
                }))
            }
            Action::DeregisterDelegatedAdministrator { principal, account } => {
                let id = value(account, known);
                listed(id.map(|id| {
                    let item = Item::Administers(id, principal.to_string());
                    gone(List::DelegatedAdministrators, item)
                }))
            }
            Action::CreateStackInstances { name, wave } => {
                // Only a stage of the rollout makes OUs targets; the others name accounts in such as are.
                let new = matches!(self.address, Address::Rollout(..));
                let ous: BTreeSet<String> = wave
                    .ous
                    .iter()
                    .filter_map(|ou| value(ou, known))
                    .filter(|_| new)
                    .collect();
                let list = || List::StackSetTargets(name.clone());
                listed(ous.into_iter().map(|ou| there(list(), Item::Is(ou), THERE)))
            }
            Action::DeleteStackInstances(left) => {
                // AWS may keep a target whose OU is gone; of single accounts, or Regions, the target stays.
                let given_up = left.accounts.is_empty() && left.everywhere && !left.gone;
                let list = || List::StackSetTargets(left.set.clone());
                let ous = left.targets.iter().filter(|_| given_up);
                listed(ous.map(|ou| gone(list(), Item::Is(ou.clone()))))
            }

            // Each ends when AWS answers the question by which `plan` reads it.
            Action::EnablePolicyType { .. }
            | Action::ActivateStackSets
            | Action::CreateServiceLinkedRole { .. }
            | Action::PrepareAccount { .. }
            | Action::PutAlternateContact { .. }
            | Action::EnableRegions { .. }
            | Action::EnableGuardDutyAdministrator { .. }
            | Action::AddGuardDutyMembers { .. }
            | Action::ExportGuardDutyFindings { .. }
            | Action::CreateStack(_)
            | Action::UpdateStack(_)
            | Action::DeleteStack { .. }
            | Action::UpdateStackInstances { .. }
            | Action::ImportStacks { .. }
            | Action::RemoveStackInstances { .. }
            | Action::ForgetStackInstances { .. }
            | Action::RevertDrift { .. }
            | Action::RunAutomation { .. }
            | Action::PutResource { .. } => Shown::Awaited,

            // `plan` asks the service that has just changed it for the thing itself.
            Action::CreateOrganization { .. }
            | Action::EnableAllFeatures
            | Action::CentralizeRootAccess
            | Action::PutAccountAlias { .. }
            | Action::PutPasswordPolicy { .. }
            | Action::UpdatePolicy { .. }
            | Action::RemoveGuardDutyAdministrator { .. }
            | Action::ConfigureGuardDuty { .. }
            | Action::DeleteTrail { .. }
            | Action::CreateStackSet(_)
            | Action::UpdateStackSetSettings { .. }
            | Action::DeleteStackSet { .. }
            | Action::StartLogging { .. }
            | Action::RemoveRecorder { .. }
            | Action::StartRecorder { .. }
            | Action::PutRecorder { .. }
            | Action::PutChannel { .. } => Shown::AtOnce,
        }
    }

    /// The id of what an OU lies in; of an OU whose parent goes too there is nothing to see.
    fn parent(&self, known: &Bindings) -> Option<String> {
        let Address::Ou(path) = &self.address else {
            return None;
        };
        let above = path.parent().filter(|above: &OuPath| !above.is_root());
        let id = match above {
            Some(above) => known.get(&Address::Ou(above), &Attribute::Id),
            None => known.get(&Address::Organization, &Attribute::RootId),
        };
        id.map(str::to_owned)
    }
}

fn listed(entries: impl IntoIterator<Item = Entry>) -> Shown {
    Shown::Listed(entries.into_iter().collect())
}

fn value(text: &Expr, known: &Bindings) -> Option<String> {
    text.value(known).ok()
}

fn is_account(id: &str) -> bool {
    id.bytes().all(|byte| byte.is_ascii_digit())
}

impl List {
    /// The call that `plan` reads it by, as messages name it.
    pub fn operation(&self) -> &'static str {
        match self {
            List::Accounts => "organizations:ListAccounts",
            List::Ous(_) => "organizations:ListOrganizationalUnitsForParent",
            List::AccountTags | List::Tags(_) => "organizations:ListTagsForResource",
            List::Policies(_) => "organizations:ListPolicies",
            List::PolicyTargets(_) => "organizations:ListTargetsForPolicy",
            List::TrustedAccess => "organizations:ListAWSServiceAccessForOrganization",
            List::DelegatedAdministrators => "organizations:ListDelegatedAdministrators",
            List::StackSetTargets(_) => "cloudformation:DescribeStackSet",
        }
    }
}
