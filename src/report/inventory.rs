//! What was read, counted. Pure: data to text.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{age, words};
use crate::inventory::{Inventory, Observed, Section};

/// The whole text, ending in a line end.
pub fn text(inventory: &Inventory, from_cache: &BTreeMap<Section, Timestamp>) -> String {
    let mut rows: Vec<(String, String)> = vec![(
        String::from("organization"),
        match &inventory.organization {
            Observed::Known(Some(found)) => found.id.clone(),
            Observed::Known(None) => String::from("none yet"),
            Observed::Unread(why) => unread(&why.reason),
        },
    )];
    let mut number = |what: &str, count: Result<usize, String>| {
        let text = match count {
            Ok(count) => words::grouped(count),
            Err(reason) => unread(&reason),
        };
        rows.push((what.to_owned(), text));
    };
    number("accounts", length(&inventory.accounts, |all| all.len()));
    number("OUs", length(&inventory.ous, |all| all.len()));
    number("policies", length(&inventory.policies, |all| all.len()));
    number(
        "trusted services",
        length(&inventory.trusted_access, |all| all.len()),
    );
    number(
        "delegated administrators",
        length(&inventory.delegated_administrators, |all| all.len()),
    );
    number("stack sets", length(&inventory.stack_sets, |all| all.len()));
    let stacks = inventory.stacks.values();
    let stacks: usize = stacks
        .filter_map(Observed::known)
        .map(|all| all.len())
        .sum();
    number("stacks", Ok(stacks));
    let mut text = format!(
        "Account {} as of {}:\n",
        inventory.caller, inventory.taken_at
    );
    let cells: Vec<[&str; 2]> = rows
        .iter()
        .map(|(what, count)| [what.as_str(), count.as_str()])
        .collect();
    for line in words::columns(&cells) {
        text.push_str(&format!("  {line}\n"));
    }
    if let Some(line) = age::line(inventory.taken_at, from_cache) {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

fn length<T>(seen: &Observed<T>, count: impl Fn(&T) -> usize) -> Result<usize, String> {
    match seen {
        Observed::Known(all) => Ok(count(all)),
        Observed::Unread(why) => Err(why.reason.clone()),
    }
}

fn unread(reason: &str) -> String {
    format!("not read: {reason}")
}
