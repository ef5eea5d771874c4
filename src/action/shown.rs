//! By which list the next `plan` sees a change that was made.
//!
//! AWS says that something is done before every list has it. A `plan` that compares with a list from before would make
//! the change once more, so a run is not done until the lists that may lag show what it changed: here is which, for
//! every action. `execute` looks at them when the last change is made.

use crate::addr::{Address, Attribute, Bindings, Expr};
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

/// What lists are to show once an action is made.
type Entries<'a> = dyn Fn(&Made<'_>) -> Vec<Entry> + 'a;

/// Where an action that was made is to be seen.
pub enum Shown<'a> {
    /// In lists that may lag behind it.
    Listed(Box<Entries<'a>>),
    /// In what it has awaited already: it ended only when AWS told of it.
    Awaited,
    /// In what AWS tells of the thing itself, which nobody has seen lag.
    AtOnce,
}

/// The value of what is merely there.
pub const THERE: &str = "there";

/// An action that was made: of what, and what is known after the run. What is not known was not made.
pub struct Made<'a> {
    pub address: &'a Address,
    pub known: &'a Bindings,
}

impl Made<'_> {
    /// The id of what was made.
    pub fn id(&self) -> Option<String> {
        let id = self.known.get(self.address, &Attribute::Id);
        id.map(str::to_owned)
    }

    pub fn value(&self, expr: &Expr) -> Option<String> {
        expr.value(self.known).ok()
    }

    /// The id of what an OU lies in; of an OU whose parent goes too there is nothing to see.
    pub fn parent(&self) -> Option<String> {
        let Address::Ou(path) = self.address else {
            return None;
        };
        let above = path.parent().filter(|above: &OuPath| !above.is_root());
        let id = match above {
            Some(above) => self.known.get(&Address::Ou(above), &Attribute::Id),
            None => self.known.get(&Address::Organization, &Attribute::RootId),
        };
        id.map(str::to_owned)
    }
}

impl Entry {
    /// It is to have a value.
    pub fn of(list: List, item: Item, value: impl Into<String>) -> Self {
        let value = Some(value.into());
        Entry { list, item, value }
    }

    pub fn there(list: List, item: Item) -> Self {
        Entry::of(list, item, THERE)
    }

    pub fn gone(list: List, item: Item) -> Self {
        let value = None;
        Entry { list, item, value }
    }
}

impl<'a> Shown<'a> {
    pub fn listed<E: IntoIterator<Item = Entry>>(entries: impl Fn(&Made<'_>) -> E + 'a) -> Self {
        Shown::Listed(Box::new(move |made| entries(made).into_iter().collect()))
    }
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
