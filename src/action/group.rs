use std::fmt;

/// A limit on work that goes on at the same time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConcurrencyGroup {
    /// Account creations: AWS works on five at a time in an organization.
    AccountCreation,
    /// Account closures: three at a time.
    AccountClosure,
    /// Regions being turned on: 50 at a time in an organization and 6 in an account.
    RegionOptIn,
    /// Operations of one stack set, by its full name: one at a time.
    StackSet(String),
    /// GuardDuty's administrator, Region by Region: the first makes it known to the organization,
    /// and Regions asked at the same time were refused meanwhile.
    GuardDutyAdministrator,
}

/// The limit in words.
impl fmt::Display for ConcurrencyGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.width();
        match self {
            ConcurrencyGroup::AccountCreation => {
                write!(
                    f,
                    "AWS creates {width} accounts at a time in an organization"
                )
            }
            ConcurrencyGroup::AccountClosure => {
                write!(
                    f,
                    "AWS closes {width} accounts at a time in an organization"
                )
            }
            ConcurrencyGroup::RegionOptIn => {
                write!(
                    f,
                    "AWS turns on 50 Regions at a time in an organization, 6 in an account"
                )
            }
            ConcurrencyGroup::StackSet(name) => {
                write!(f, "stack set {name} has one operation at a time")
            }
            ConcurrencyGroup::GuardDutyAdministrator => {
                write!(
                    f,
                    "GuardDuty learns its administrator in one Region at a time"
                )
            }
        }
    }
}

impl ConcurrencyGroup {
    /// How many changes of this group AWS takes at once (Organizations quotas; StackSets).
    pub fn width(&self) -> usize {
        match self {
            ConcurrencyGroup::AccountCreation => 5,
            ConcurrencyGroup::AccountClosure => 3,
            // Eight accounts with six Regions each.
            ConcurrencyGroup::RegionOptIn => 8,
            ConcurrencyGroup::StackSet(_) | ConcurrencyGroup::GuardDutyAdministrator => 1,
        }
    }
}
