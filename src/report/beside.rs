//! What is in AWS beside the plan and is more than a note: `drift` counts it, so no line says of the whole organization
//! that it is as the plan says.

use crate::diff::Unmanaged;
use crate::drift::{Severity, of_unmanaged};

/// How many are named before the rest is a number.
const NAMED: usize = 3;

/// These, in words; `None` where there is nothing.
pub fn counted(unmanaged: &[Unmanaged]) -> Option<String> {
    let counted: Vec<String> = unmanaged
        .iter()
        .filter(|thing| of_unmanaged(thing).1 > Severity::Info)
        .map(|thing| match thing.name == thing.id {
            true => format!("{} {}", thing.kind, thing.name),
            false => format!("{} {} ({})", thing.kind, thing.name, thing.id),
        })
        .collect();
    let some = counted.get(..NAMED).unwrap_or(&counted);
    if some.is_empty() {
        return None;
    }
    let more = match counted.len() - some.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(format!(
        "Beside the plan, left alone and counted by `orgstrap drift`: {}{more}.",
        some.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_drift_counts_is_named_and_notes_are_not() {
        let thing = |kind: &'static str, name: &str| Unmanaged {
            kind,
            name: name.to_owned(),
            id: format!("{name}-id"),
            note: String::new(),
        };
        assert_eq!(
            counted(&[thing("policy", "hand"), thing("ou", "Lab")]),
            None
        );
        assert_eq!(
            counted(&[thing("policy", "hand"), thing("account", "stray")]).as_deref(),
            Some(
                "Beside the plan, left alone and counted by `orgstrap drift`: account stray (stray-id)."
            )
        );
        let many: Vec<Unmanaged> = ["a", "b", "c", "d", "e"]
            .map(|name| thing("account", name))
            .into();
        assert!(counted(&many).is_some_and(|told| told.ends_with("account c (c-id) and 2 more.")));
    }
}
