//! What is left, and what taking it away comes to: text and JSON.

use serde_json::{Value, json};

use super::style::{self, paint};
use super::{loss, words};
use crate::baseline::data::Resource;
use crate::diff::removal::Removal;
use crate::diff::{Left, Remains};

/// How many accounts are named before the rest is a number.
const NAMED: usize = 3;

/// What is left and counts: what the plan does not say is to stay.
pub fn open(left: &[Left]) -> impl Iterator<Item = &Left> + Clone {
    left.iter().filter(|one| !one.acknowledged)
}

/// One line a thing.
pub fn items<'a>(left: impl Iterator<Item = &'a Left>) -> impl Iterator<Item = String> {
    left.map(|one| {
        let name = paint(style::BOLD, &one.name);
        let told = format!("{name}: {}{}; {}", one.text, place(one), one.reason);
        match &one.what {
            Remains::ByHand { hint, .. } => format!("{told}; {hint}"),
            Remains::NotReached { .. }
            | Remains::StackSet { .. }
            | Remains::Instances { .. }
            | Remains::Stack { .. }
            | Remains::Delegation { .. } => told,
        }
    })
}

/// Where it is, in words; nothing where its text says it.
fn place(left: &Left) -> String {
    if !left.is_removable() || left.accounts.is_empty() {
        return String::new();
    }
    let accounts = match left.accounts.as_slice() {
        [one] => format!("account {one}"),
        some if some.len() <= NAMED => format!("accounts {}", words::list(some)),
        many => words::count(many.len(), "account", "accounts"),
    };
    let regions: Vec<String> = left.regions.iter().map(ToString::to_string).collect();
    match (&left.what, regions.is_empty()) {
        (Remains::Delegation { .. }, _) => format!(" to {accounts}"),
        (_, true) => format!(" in {accounts}"),
        (_, false) => format!(" in {accounts}, {}", words::list(&regions)),
    }
}

/// The line that ends a report where something is left; `None` where nothing is.
pub fn line(left: &[Left], source: &str) -> Option<String> {
    let dead = open(left).filter(|one| one.is_dead_target()).count();
    let removable = open(left).filter(|one| one.is_removable()).count() - dead;
    let by_hand = open(left).filter(|one| matches!(one.what, Remains::ByHand { .. }));
    let by_hand = by_hand.count();
    let others = open(left).count() - removable - dead - by_hand;
    let mut parts = Vec::new();
    if removable > 0 {
        parts.push(format!(
            "{} left over: `orgstrap remove {source}` takes {} away",
            words::count(removable, "thing is", "things are"),
            if removable == 1 { "it" } else { "them" }
        ));
    }
    if dead > 0 {
        parts.push(format!(
            "{} left whose OU is gone: `orgstrap remove {source}` asks AWS to take {} away, and where AWS refuses {} with \
             the stack set only",
            words::count(dead, "target is", "targets are"),
            if dead == 1 { "it" } else { "them" },
            if dead == 1 { "it goes" } else { "they go" },
        ));
    }
    if by_hand > 0 {
        parts.push(format!(
            "{} left for a person to decide or change: what to do is told with {}",
            words::count(by_hand, "difference is", "differences are"),
            if by_hand == 1 { "it" } else { "each" }
        ));
    }
    if others > 0 {
        parts.push(format!(
            "{} reached by no stack set: put {} into an OU that is",
            words::count(others, "account is", "accounts are"),
            if others == 1 { "it" } else { "them" }
        ));
    }
    if parts.is_empty() {
        return None;
    }
    let them = if removable + others + dead + by_hand == 1 {
        "it"
    } else {
        "them"
    };
    Some(format!(
        "{}; `leave` in [organization] keeps {them} so.",
        parts.join("; ")
    ))
}

/// As data.
pub fn json(left: &[Left]) -> Value {
    json!(left)
}

/// What `remove` shows before it asks.
pub fn removal(removal: &Removal) -> String {
    let mut text = String::new();
    let mut line = |one: String| {
        text.push_str(&one);
        text.push('\n');
    };
    for item in &removal.items {
        let left = &item.left;
        line(format!(
            "{} {}{}",
            paint(style::BOLD, &left.name),
            left.text,
            place(left)
        ));
        line(format!("  {}", paint(style::DIM, &left.reason)));
        if let Some(why) = &item.stays {
            line(format!("  {} {why}", paint(style::DIM, "=")));
        }
        for (resources, sign, color, word) in [
            (&item.deleted, "-", style::DELETE, "deleted"),
            (&item.kept, "=", style::DIM, "stays"),
        ] {
            if !resources.is_empty() {
                let names: Vec<String> = resources.iter().map(Resource::to_string).collect();
                line(format!(
                    "  {} {}: {}",
                    paint(color, sign),
                    paint(color, word),
                    names.join(", ")
                ));
            }
        }
    }
    if !removal.losses.is_empty() {
        line(String::new());
        line(format!("{}:", paint(style::WARN, super::plan::LOSSES)));
        for item in loss::items(&removal.losses) {
            line(format!("  - {item}"));
        }
    }
    if !removal.stays_on.is_empty() {
        line(String::new());
        line("Stays on, because others may rely on it; orgstrap never takes it back:".to_owned());
        for one in &removal.stays_on {
            line(format!("  - {one}"));
        }
    }
    text
}

/// The same as data.
pub fn removal_json(removal: &Removal, source: &str) -> Value {
    json!({
        "event": "removal",
        "source": source,
        "items": removal.items,
        "losses": loss::json(&removal.losses),
        "stays_on": removal.stays_on,
        "changes": removal.changes.len(),
    })
}
