//! `[preparation]`, and what an account says otherwise: its alias, its password policy, its Regions.

use std::collections::{BTreeMap, BTreeSet};

use super::super::at::At;
use super::super::file::{AccountTable, PasswordPolicyTable, PreparationTable, SpannedString};
use super::super::{PasswordPolicy, Preparation, Region, regions};
use super::Context;
use super::organization::region;

/// What stands for the account's name in an alias.
const PLACEHOLDER: &str = "{account}";

/// The plan's `[preparation]`, judged once for all accounts.
pub(super) struct Defaults<'a> {
    alias: Option<&'a SpannedString>,
    rest: Preparation,
}

impl Defaults<'_> {
    /// The Regions of all accounts.
    pub(super) fn opt_in_regions(self) -> BTreeSet<Region> {
        self.rest.opt_in_regions
    }
}

/// Judges `[preparation]`.
pub(super) fn defaults<'a>(cx: &Context<'a>) -> Defaults<'a> {
    let table = &cx.file.preparation;
    let alias = table.alias.as_ref().filter(|alias| {
        let several = cx.file.account.len() > 1;
        let each = alias.contains(PLACEHOLDER);
        if !each && several {
            cx.say(
                cx.error(alias, "the alias would be the same for every account")
                    .help(format!(
                        "write {PLACEHOLDER} where the account's name goes: \"acme-{PLACEHOLDER}\""
                    )),
            );
        }
        each || !several
    });
    Defaults {
        alias,
        rest: own(cx, table),
    }
}

/// What an account is given: its own, else the plan's for all.
pub(super) fn of_account<'a>(
    cx: &Context<'a>,
    key: &'a SpannedString,
    table: &'a AccountTable,
    defaults: &Defaults<'a>,
    aliases: &mut BTreeMap<String, &'a SpannedString>,
) -> Preparation {
    let mut preparation = own(cx, &table.preparation);
    let default = &defaults.rest;
    if table.preparation.password_policy.is_none() {
        preparation.password_policy = default.password_policy;
    }
    if table.preparation.opt_in_regions.is_none() {
        preparation
            .opt_in_regions
            .clone_from(&default.opt_in_regions);
    }
    let made = table.preparation.alias.as_ref().or(defaults.alias);
    preparation.alias = made.and_then(|text| {
        let alias = text.replace(PLACEHOLDER, &key.to_ascii_lowercase());
        let place = table.preparation.alias.as_ref().unwrap_or(key);
        if let Err(why) = check_alias(&alias) {
            cx.say(
                cx.error(place, format!("`{alias}` can not be an account alias"))
                    .help(why)
                    .help("give the account a `preparation.alias` of its own"),
            );
            return None;
        }
        if let Some(first) = aliases.insert(alias.clone(), place) {
            let (first, second) = if first.span().start < place.span().start {
                (first, place)
            } else {
                (place, first)
            };
            cx.say(
                cx.error(second, format!("two accounts have the alias `{alias}`"))
                    .related(cx.at(first), "first here")
                    .help("an alias is unique in all of AWS"),
            );
        }
        Some(alias)
    });
    preparation
}

/// What one table says, but for the alias.
fn own(cx: &Context<'_>, table: &PreparationTable) -> Preparation {
    let password_policy = table
        .password_policy
        .as_ref()
        .map(|policy| password_policy(cx, policy));
    let listed = table.opt_in_regions.as_deref().unwrap_or_default();
    let opt_in_regions: BTreeSet<Region> = cx
        .distinct(listed)
        .into_iter()
        .filter_map(|text| opt_in(cx, text))
        .collect();
    Preparation {
        alias: None,
        password_policy,
        opt_in_regions,
    }
}

/// A Region that accounts do not have from the start.
fn opt_in(cx: &Context<'_>, text: &SpannedString) -> Option<Region> {
    let region = region(cx, text)?;
    let known = regions::KNOWN.iter().find(|known| known.name == **text);
    if known.is_some_and(|known| !known.opt_in) {
        cx.say(
            cx.error(text, format!("every account has {region} from the start"))
                .help("take it out"),
        );
        return None;
    }
    Some(region)
}

/// The rules of IAM's CreateAccountAlias.
fn check_alias(alias: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !(3..=63).contains(&alias.len()) {
        Err(format!(
            "it has 3 to 63 characters; here are {}",
            alias.len()
        ))
    } else if !alias.chars().all(plain) {
        Err("it has lower-case letters, digits and hyphens".to_owned())
    } else if alias.starts_with('-') || alias.ends_with('-') || alias.contains("--") {
        Err("no hyphen at its ends, and no two together".to_owned())
    } else if alias.len() == 12 && alias.bytes().all(|byte| byte.is_ascii_digit()) {
        Err("twelve digits would be an account id".to_owned())
    } else {
        Ok(())
    }
}

/// The limits of IAM's UpdateAccountPasswordPolicy.
fn password_policy(cx: &Context<'_>, table: &At<PasswordPolicyTable>) -> PasswordPolicy {
    let number = |name: &str, value: &Option<At<i64>>, least: i64, most: i64| -> Option<u32> {
        let value = value.as_ref()?;
        if !(least..=most).contains(&**value) {
            cx.say(
                cx.error(value, format!("`{name}` is from {least} to {most}"))
                    .help("the limits are IAM's"),
            );
        }
        u32::try_from(**value).ok()
    };
    PasswordPolicy {
        minimum_password_length: number(
            "minimum_password_length",
            &table.minimum_password_length,
            6,
            128,
        )
        .unwrap_or(PasswordPolicy::default().minimum_password_length),
        require_symbols: table.require_symbols,
        require_numbers: table.require_numbers,
        require_uppercase_characters: table.require_uppercase_characters,
        require_lowercase_characters: table.require_lowercase_characters,
        allow_users_to_change_password: table.allow_users_to_change_password,
        max_password_age: number("max_password_age", &table.max_password_age, 1, 1_095),
        password_reuse_prevention: number(
            "password_reuse_prevention",
            &table.password_reuse_prevention,
            1,
            24,
        ),
        hard_expiry: table.hard_expiry,
    }
}
