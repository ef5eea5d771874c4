//! Changes: what `diff` finds, `graph` orders and `execute` makes so. Data only.
//!
//! A change is so specific that making it leaves no choice: its [`Action`] holds every value that
//! goes to AWS. What does not exist yet (the id of an account that an earlier change creates) is a
//! reference in an [`Expr`], resolved from [`Bindings`] while executing.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::action::{Action, Entry, Made, Shown};
use crate::addr::{Address, Bindings, Expr};

/// One difference between plan and inventory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    pub address: Address,
    pub verb: Verb,
    /// Why: a short sentence fragment such as "not in the organization".
    pub reason: String,
    /// What differs, field by field, in display order. For a creation: the values it will have.
    pub fields: Vec<FieldChange>,
    pub action: Action,
    /// What must be done first, where it is to be changed at all. References in the action's texts
    /// are needs too and need not be repeated here.
    pub needs: BTreeSet<Address>,
}

/// What a change does to its address, for display and counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    Create,
    Update,
    Move,
    Delete,
    /// Makes sure of something that leaves no resource of its own, such as a reachable role.
    Ensure,
}

/// One field's values before and after. An `Expr` that still holds references is shown as
/// "known after …".
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FieldChange {
    pub field: String,
    pub before: Option<String>,
    pub after: Option<Expr>,
}

impl Change {
    /// Every address that must be done first: the explicit needs and what the texts refer to.
    pub fn all_needs(&self) -> BTreeSet<Address> {
        let mut needs = self.needs.clone();
        for expr in self.action.kind().info().exprs {
            needs.extend(expr.references().map(|(address, _)| address.clone()));
        }
        needs.remove(&self.address);
        needs
    }

    /// What lists are to show once it is made. `known` is what is known after the run.
    pub fn listed(&self, known: &Bindings) -> Vec<Entry> {
        let address = &self.address;
        match self.action.kind().info().shown {
            Shown::Listed(entries) => entries(&Made { address, known }),
            Shown::Awaited | Shown::AtOnce => Vec::new(),
        }
    }
}
