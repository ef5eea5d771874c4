//! What descriptors refer to: accounts, Regions, options that switch something, and what has to be there first.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::plan::{AccountKey, InvalidName, Principal, Region, StackName};
use crate::toml_file::text::by_text;

/// An account, by its duty or by its key in the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamedAccount {
    Management,
    Logging,
    SecOps,
    Key(AccountKey),
}

/// A Region or all governed ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegionRef {
    Home,
    Governed,
    Named(Region),
}

/// Where a stack is: `ACCOUNT/REGION`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceRef {
    pub account: NamedAccount,
    pub region: RegionRef,
}

/// A boolean option, and what it must be for something to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct When {
    pub option: String,
    pub on: bool,
}

/// What must be there first, beyond what parameters refer to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// Trusted access for a service principal.
    TrustedAccess(Principal),
    /// Whoever administers the service of this principal.
    DelegatedAdministrator(Principal),
    /// The service-linked role of a service principal.
    ServiceLinkedRole(Principal),
    /// A stack of any baseline of the plan.
    Stack(StackName),
    /// A stack set of any baseline of the plan: an account gets its stacks first.
    StackSet(StackName),
}

impl FromStr for NamedAccount {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        match text {
            "{management}" => Ok(NamedAccount::Management),
            "{logging}" => Ok(NamedAccount::Logging),
            "{secops}" => Ok(NamedAccount::SecOps),
            text => text.parse().map(NamedAccount::Key).map_err(|_| {
                InvalidName(format!(
                    "`{text}` is not an account\nwrite `{{management}}`, `{{logging}}`, `{{secops}}` or an account's name in the plan"
                ))
            }),
        }
    }
}

/// A Region of a name; what else there is to write is told where it is none.
fn named(text: &str, instead: &str) -> Result<RegionRef, InvalidName> {
    let region = text.parse().map(RegionRef::Named);
    region.map_err(|_| InvalidName(format!("`{text}` is not a Region\nwrite {instead}")))
}

/// `governed`, `home` or a Region.
impl FromStr for RegionRef {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        match text {
            "governed" => Ok(RegionRef::Governed),
            "home" => Ok(RegionRef::Home),
            text => named(text, "`governed`, `home` or a Region"),
        }
    }
}

impl FromStr for PlaceRef {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let Some((account, region)) = text.split_once('/') else {
            return Err(InvalidName(format!(
                "`{text}` is not an account and a Region\nwrite `{{logging}}/{{home_region}}`, say"
            )));
        };
        Ok(Self {
            account: account.parse()?,
            region: match region {
                "{home_region}" => RegionRef::Home,
                "{region}" => RegionRef::Governed,
                text => named(
                    text,
                    "`{home_region}`, `{region}` for every governed Region, or a Region",
                )?,
            },
        })
    }
}

by_text!(NamedAccount, "{management}", "{logging}", "{secops}");
by_text!(RegionRef, "governed", "home");
by_text!(PlaceRef);
