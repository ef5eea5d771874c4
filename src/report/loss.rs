//! What changes would delete or make anew with the data in it, as lines.

use serde_json::{Value, json};

use super::style::{self, paint};
use super::words;
use crate::diff::Loss;

/// How many accounts are named before the rest is a number.
const NAMED: usize = 3;

/// One item a loss, its resources on lines of their own.
pub fn items(losses: &[Loss]) -> impl Iterator<Item = String> {
    losses.iter().map(|loss| {
        let resources = loss.resources.iter();
        let lines: Vec<String> = resources
            .map(|lost| {
                format!(
                    "\n      {} {lost}",
                    paint(
                        style::DELETE,
                        super::plan::sign(crate::change::Verb::Delete)
                    )
                )
            })
            .collect();
        format!("{}: {}{}", loss.address, place(loss), lines.concat())
    })
}

/// Where it is, in words.
pub fn place(loss: &Loss) -> String {
    let accounts = match loss.accounts.as_slice() {
        [one] => format!("account {one}"),
        some if some.len() <= NAMED => format!("accounts {}", words::list(some)),
        many => words::count(many.len(), "account", "accounts"),
    };
    let regions: Vec<String> = loss.regions.iter().map(ToString::to_string).collect();
    format!("{} in {accounts}, {}", loss.stack, words::list(&regions))
}

/// As data.
pub fn json(losses: &[Loss]) -> Value {
    let one = |loss: &Loss| {
        json!({
            "address": super::json::address(&loss.address),
            "stack": loss.stack,
            "accounts": loss.accounts,
            "regions": loss.regions,
            "resources": loss.resources,
        })
    };
    losses.iter().map(one).collect()
}
