use std::fmt;

use serde::{Deserialize, Serialize};

use crate::plan::{AccountKey, Region};

/// An account of the plan. The management account has no key there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "Option<AccountKey>", into = "Option<AccountKey>")]
pub enum AccountRef {
    Management,
    Member(AccountKey),
}

/// An account and a Region: where stacks lie.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct Place {
    pub account: AccountRef,
    pub region: Region,
}

/// A place in JSON.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Written {
    Management(Region),
    Member(AccountKey, Region),
}

impl AccountRef {
    /// The key of a member account.
    pub fn key(&self) -> Option<&AccountKey> {
        match self {
            AccountRef::Management => None,
            AccountRef::Member(key) => Some(key),
        }
    }

    pub fn at(&self, region: Region) -> Place {
        let account = self.clone();
        Place { account, region }
    }
}

impl Place {
    pub fn management(region: Region) -> Self {
        let account = AccountRef::Management;
        Self { account, region }
    }

    pub fn member(key: AccountKey, region: Region) -> Self {
        let account = AccountRef::Member(key);
        Self { account, region }
    }

    pub fn region(&self) -> &Region {
        &self.region
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.account {
            AccountRef::Management => write!(f, "management/{}", self.region),
            AccountRef::Member(key) => write!(f, "{key}/{}", self.region),
        }
    }
}

impl From<Option<AccountKey>> for AccountRef {
    fn from(key: Option<AccountKey>) -> Self {
        key.map_or(AccountRef::Management, AccountRef::Member)
    }
}

impl From<AccountRef> for Option<AccountKey> {
    fn from(account: AccountRef) -> Self {
        match account {
            AccountRef::Management => None,
            AccountRef::Member(key) => Some(key),
        }
    }
}

impl From<Written> for Place {
    fn from(written: Written) -> Self {
        match written {
            Written::Management(region) => Place::management(region),
            Written::Member(key, region) => Place::member(key, region),
        }
    }
}

impl From<Place> for Written {
    fn from(place: Place) -> Self {
        match place.account {
            AccountRef::Management => Written::Management(place.region),
            AccountRef::Member(key) => Written::Member(key, place.region),
        }
    }
}
