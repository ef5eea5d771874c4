//! What every comparison looks at: plan and inventory, indexed once.

use std::collections::{BTreeMap, BTreeSet};

use super::DiffOptions;
use super::ou::Ous;
use crate::addr::{AccountRef, Address, Attribute, Bindings, Expr, OWNERSHIP_TAG, Place};
use crate::baseline::Desired;
use crate::inventory::{
    AccountFacts, AccountState, Identified, Inventory, Observed, OrganizationFacts, OuFacts,
    PolicyFacts, ReadFailure, identify,
};
use crate::plan::{AccountId, AccountKey, OrgPlan, OuPath, PolicyKey, Region, Tags};

pub(super) struct Context<'a> {
    pub(super) plan: &'a OrgPlan,
    pub(super) desired: &'a Desired,
    pub(super) inventory: &'a Inventory,
    pub(super) options: &'a DiffOptions,
    /// `None` where the organization is yet to be created.
    pub(super) organization: Option<&'a OrganizationFacts>,
    /// Empty where the organization is yet to be created.
    pub(super) accounts: Result<BTreeMap<&'a AccountId, &'a AccountFacts>, &'a ReadFailure>,
    pub(super) identified: Identified,
    /// Why an account that matches nothing may be there all the same.
    unread_tags: Option<&'a ReadFailure>,
    /// The plan's key of each identified account.
    pub(super) keys: BTreeMap<AccountId, AccountKey>,
    pub(super) ous: Result<Ous<'a>, &'a ReadFailure>,
    /// The policies of the plan that are there, found by name and type, or by their former name.
    pub(super) policies: Result<BTreeMap<&'a PolicyKey, &'a PolicyFacts>, &'a ReadFailure>,
    /// OUs that another tool governs, with its name.
    pub(super) governed: BTreeMap<&'a str, &'static str>,
}

/// How an account of the plan stands in AWS.
pub(super) enum Standing<'a> {
    /// In the organization and active.
    Present(&'a AccountFacts),
    /// To be created.
    New,
    /// In the organization, in a state in which most changes fail.
    Unusable(&'a AccountFacts),
    /// Nobody can say: accounts or tags were not read, or the answers conflict.
    Open(Option<&'a ReadFailure>),
}

impl<'a> Context<'a> {
    pub(super) fn new(
        plan: &'a OrgPlan,
        desired: &'a Desired,
        inventory: &'a Inventory,
        options: &'a DiffOptions,
        organization: Option<&'a OrganizationFacts>,
    ) -> Self {
        let mut identified = Identified::default();
        let accounts = match (&inventory.accounts, organization) {
            (_, None) => Ok(BTreeMap::new()),
            (Observed::Known(accounts), Some(_)) => {
                identified = identify(plan, accounts);
                Ok(accounts.iter().collect())
            }
            (Observed::Unread(unread), Some(_)) => Err(unread),
        };
        let ous = match (&inventory.ous, organization) {
            (_, None) => Ok(Ous::none()),
            (Observed::Known(ous), Some(organization)) => {
                Ok(Ous::of(plan, ous, &organization.root_id))
            }
            (Observed::Unread(unread), Some(_)) => Err(unread),
        };
        let all_policies = match (&inventory.policies, organization) {
            (_, None) => Ok(None),
            (Observed::Known(policies), Some(_)) => Ok(Some(policies)),
            (Observed::Unread(unread), Some(_)) => Err(unread),
        };
        let governed = match organization {
            Some(_) => super::foreign_managers::governed(inventory),
            None => BTreeMap::new(),
        };
        let policies = all_policies
            .map(|policies| policies.map_or_else(BTreeMap::new, |p| super::policy::find(plan, p)));
        let keys = identified
            .accounts
            .iter()
            .map(|(key, id)| (id.clone(), key.clone()))
            .collect();
        let unread_tags = match &accounts {
            Ok(accounts) => accounts.values().find_map(|facts| facts.tags.unread()),
            Err(_) => None,
        };
        Context {
            unread_tags,
            plan,
            desired,
            inventory,
            options,
            organization,
            accounts,
            identified,
            keys,
            ous,
            policies,
            governed,
        }
    }

    /// Binds the ids of all that is there. Outputs of stacks are bound with the stacks.
    pub(super) fn bind(&self, bindings: &mut Bindings) {
        let management = &self.plan.organization.management_account;
        if let Some(organization) = self.organization {
            bindings.bind(Address::Organization, Attribute::Id, &organization.id);
            bindings.bind(Address::Organization, Attribute::Arn, &organization.arn);
            bindings.bind(
                Address::Organization,
                Attribute::RootId,
                &organization.root_id,
            );
            if let Some(facts) = self.account_facts(management) {
                bindings.bind(Address::Organization, Attribute::Email, &facts.email);
            }
        }
        for key in self.plan.accounts.keys() {
            let address = Address::Account(key.clone());
            match self.standing(key) {
                Standing::Present(facts) | Standing::Unusable(facts) => {
                    bindings.bind(address.clone(), Attribute::Id, facts.id.as_str());
                    bindings.bind(address, Attribute::Arn, &facts.arn);
                }
                Standing::New | Standing::Open(_) => {}
            }
        }
        if let Ok(ous) = &self.ous {
            for (path, facts) in &ous.found {
                let address = Address::Ou((*path).clone());
                bindings.bind(address.clone(), Attribute::Id, &facts.id);
                bindings.bind(address, Attribute::Arn, &facts.arn);
            }
        }
        if let Ok(policies) = &self.policies {
            for (key, facts) in policies {
                let address = Address::Policy((*key).clone());
                bindings.bind(address.clone(), Attribute::Id, &facts.id);
                bindings.bind(address, Attribute::Arn, &facts.arn);
            }
        }
    }

    /// The facts of an account, whether or not it is in the plan.
    pub(super) fn account_facts(&self, id: &AccountId) -> Option<&'a AccountFacts> {
        self.accounts.as_ref().ok()?.get(id).copied()
    }

    /// How an account of the plan stands.
    pub(super) fn standing(&self, key: &AccountKey) -> Standing<'a> {
        let accounts = match &self.accounts {
            Ok(accounts) => accounts,
            Err(unread) => return Standing::Open(Some(unread)),
        };
        if self.organization.is_none() {
            return Standing::New;
        }
        if let Some(facts) = self
            .identified
            .accounts
            .get(key)
            .and_then(|id| accounts.get(id))
        {
            return match facts.state {
                AccountState::Active => Standing::Present(facts),
                _ => Standing::Unusable(facts),
            };
        }
        if self.identified.undecided.contains_key(key) {
            return Standing::Open(self.unread_tags);
        }
        if self.identified.is_open(key) || !self.plan.accounts.contains_key(key) {
            return Standing::Open(None);
        }
        Standing::New
    }

    /// Whether an account of the plan is the management account.
    pub(super) fn is_management(&self, key: &AccountKey) -> bool {
        let management = &self.plan.organization.management_account;
        self.identified.accounts.get(key) == Some(management)
    }

    /// An OU of the plan that is there.
    pub(super) fn ou(&self, path: &OuPath) -> Option<&'a OuFacts> {
        self.ous.as_ref().ok()?.found.get(path).copied()
    }

    /// The id of an OU of the plan that is there, or of the root.
    pub(super) fn parent_id(&self, path: &OuPath) -> Option<&'a str> {
        match path.is_root() {
            true => self.organization.map(|o| o.root_id.as_str()),
            false => self.ou(path).map(|ou| ou.id.as_str()),
        }
    }

    /// The account of a place: a reference for a member, so that saved changes stay the same once
    /// the account is there.
    pub(super) fn account_of(&self, place: &Place) -> Expr {
        match &place.account {
            AccountRef::Management => {
                Expr::literal(self.plan.organization.management_account.as_str())
            }
            AccountRef::Member(key) => account(key),
        }
    }

    /// The name of the root or an OU as the plan calls it, or would: after its renames.
    pub(super) fn parent_name(&self, id: &str) -> String {
        if self.organization.is_some_and(|o| o.root_id == id) {
            return "root".to_owned();
        }
        let path = self.ous.as_ref().ok().and_then(|ous| ous.paths.get(id));
        path.map_or_else(|| id.to_owned(), ToString::to_string)
    }

    /// An account for people: its name in the plan, or in AWS, and its id.
    pub(super) fn account_label(&self, id: &AccountId) -> String {
        let name = match self.keys.get(id) {
            Some(key) => Some(key.to_string()),
            None => self.account_facts(id).map(|facts| facts.name.clone()),
        };
        name.map_or_else(|| id.to_string(), |name| format!("{name} ({id})"))
    }

    pub(super) fn governed_regions(&self) -> &'a BTreeSet<Region> {
        &self.plan.organization.regions
    }
}

/// The id of an account of the plan.
pub(super) fn account(key: &AccountKey) -> Expr {
    Expr::reference(Address::Account(key.clone()), Attribute::Id)
}

/// The id of an OU of the plan.
pub(super) fn ou(path: &OuPath) -> Expr {
    Expr::reference(Address::Ou(path.clone()), Attribute::Id)
}

/// The id of the root.
pub(super) fn root() -> Expr {
    Expr::reference(Address::Organization, Attribute::RootId)
}

/// Whether orgstrap made what carries these tags.
pub fn is_ours(tags: &Tags) -> bool {
    let (key, value) = OWNERSHIP_TAG;
    tags.get(key).is_some_and(|have| have == value)
}

/// The tags that something orgstrap makes will carry.
pub(super) fn marked(tags: &Tags) -> Tags {
    let (key, value) = OWNERSHIP_TAG;
    let mut tags = tags.clone();
    tags.insert(key.to_owned(), value.to_owned());
    tags
}
