//! What `plan` shows, and `apply` before it asks: the changes in run order, field by field, with
//! their reasons and counts; what could not be read; what is in AWS and not in the plan; what will
//! cost money. Pure: data to text.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::cost::Cost;
use super::style::{self, paint};
use super::{age, beside, fields, left, loss, words};
use crate::change::{Change, Verb};
use crate::diff::{Blocked, BlockedBy, Left, Loss, Notice, Problem, Unmanaged};
use crate::inventory::{ReadFailure, Section};

/// Everything there is to show before anything is changed.
#[derive(Debug, Default)]
pub struct Preview {
    /// The org plan's or change file's name, as the person gave it.
    pub source: String,
    /// The management account's id.
    pub management_account: String,
    /// The accounts that it is narrowed to, by key; empty where it is about the whole organization.
    pub accounts: Vec<String>,
    /// In run order.
    pub changes: Vec<Change>,
    /// The longest chain of changes at AWS's usual speed; `None` where nobody knows.
    pub expected: Option<Duration>,
    /// What may differ but is not changed now, and why not.
    pub blocked: Vec<Blocked>,
    /// What could not be read at all, whatever it would have shown.
    pub unread: Vec<ReadFailure>,
    /// What is in AWS and not in the plan, and is left alone.
    pub unmanaged: Vec<Unmanaged>,
    /// Differences that orgstrap tells and does not fix.
    pub notices: Vec<Notice>,
    /// What policies would refuse of what keeps the organization.
    pub warnings: Vec<Notice>,
    /// What stops everything.
    pub problems: Vec<Problem>,
    /// What is left that no change puts right.
    pub left: Vec<Left>,
    /// What the changes delete or make anew with the data in it.
    pub losses: Vec<Loss>,
    pub costs: Vec<Cost>,
    /// When AWS was read; `None` where it was not.
    pub taken_at: Option<Timestamp>,
    /// What of it was read earlier, and when.
    pub from_cache: BTreeMap<Section, Timestamp>,
}

/// The heading of what policies would refuse.
const REFUSALS: &str = "Warning: policies would refuse what keeps the organization";

/// How many things of each kind of verb there are.
pub fn counts(changes: &[Change]) -> BTreeMap<Verb, usize> {
    let mut counts = BTreeMap::new();
    for change in changes {
        *counts.entry(change.verb).or_default() += 1;
    }
    counts
}

/// The sign before a change; it tells the verb without colour too.
pub fn sign(verb: Verb) -> &'static str {
    match verb {
        Verb::Create => "+",
        Verb::Update => "~",
        Verb::Move => ">",
        Verb::Delete => "-",
        Verb::Ensure => "*",
    }
}

pub(super) fn verb_style(verb: Verb) -> anstyle::Style {
    match verb {
        Verb::Create => style::CREATE,
        Verb::Update | Verb::Move => style::CHANGE,
        Verb::Delete => style::DELETE,
        Verb::Ensure => style::HINT,
    }
}

/// The whole text, ending in a line end.
pub fn text(preview: &Preview) -> String {
    let mut text = String::new();
    let mut line = |one: String| {
        text.push_str(&one);
        text.push('\n');
    };
    if !preview.problems.is_empty() {
        for problem in &preview.problems {
            line(format!(
                "{}: {}",
                paint(style::ERROR, "problem"),
                problem.message
            ));
            if let Some(hint) = &problem.hint {
                line(format!("  {}: {hint}", paint(style::HINT, "hint")));
            }
        }
        line(String::new());
    }
    if preview.changes.is_empty() {
        if preview.problems.is_empty() {
            line(nothing(preview));
        }
    } else {
        line(paint(
            style::BOLD,
            format!(
                "{} bring{} {} to what {} says, in this order:",
                words::count(preview.changes.len(), "change", "changes"),
                if preview.changes.len() == 1 { "s" } else { "" },
                subject(preview),
                preview.source
            ),
        ));
        line(String::new());
        let width = preview.changes.len().to_string().len();
        for (number, change) in preview.changes.iter().enumerate() {
            line(format!(
                "  {:>width$} {}  {}",
                number + 1,
                paint(
                    verb_style(change.verb),
                    format!("{} {}", sign(change.verb), change.address)
                ),
                paint(style::DIM, &change.reason)
            ));
            for field in fields::lines(&change.fields, change.verb) {
                line(format!("{:width$}{field}", ""));
            }
        }
        line(String::new());
        line(totals(&preview.changes));
        line(format!("  {}", by_kind(&preview.changes)));
        if let Some(expected) = preview.expected {
            line(format!(
                "  About {} at AWS's usual speed.",
                words::duration(expected)
            ));
        }
    }
    section(&mut line, LOSSES, loss::items(&preview.losses));
    section(
        &mut line,
        REFUSALS,
        preview.warnings.iter().map(|warning| {
            with_hint(
                format!("{}: {}", warning.address, warning.text),
                warning.hint.as_deref(),
            )
        }),
    );
    section(
        &mut line,
        "Will cost money",
        preview
            .costs
            .iter()
            .map(|cost| format!("{}: {}", cost.what, cost.why)),
    );
    section(
        &mut line,
        "Worth knowing",
        preview.notices.iter().map(|notice| {
            with_hint(
                format!("{}: {}", notice.address, notice.text),
                notice.hint.as_deref(),
            )
        }),
    );
    section(
        &mut line,
        "In AWS and not in the plan; left alone",
        preview.unmanaged.iter().map(|thing| {
            let name = match thing.name == thing.id {
                true => thing.name.clone(),
                false => format!("{} ({})", thing.name, thing.id),
            };
            format!("{} {name}  {}", thing.kind, paint(style::DIM, &thing.note))
        }),
    );
    section(
        &mut line,
        "Not changed now",
        blocked(&preview.blocked).into_iter(),
    );
    section(
        &mut line,
        "Could not be read",
        preview
            .unread
            .iter()
            .map(|unread| format!("{}: {}", unread.operation, unread.reason)),
    );
    section(
        &mut line,
        "Left as the plan says",
        left::items(preview.left.iter().filter(|one| one.acknowledged)),
    );
    section(
        &mut line,
        "Not as the plan says, and not for `apply` to change",
        left::items(left::open(&preview.left)),
    );
    if let Some(age) = preview
        .taken_at
        .and_then(|taken_at| age::line(taken_at, &preview.from_cache))
    {
        text.push_str(&format!("\n{age}\n"));
    }
    if let Some(last) = left::line(&preview.left, &preview.source) {
        text.push_str(&format!("\n{}\n", paint(style::WARN, last)));
    }
    text
}

/// Above what is lost.
pub(super) const LOSSES: &str = "Deletes resources that hold data; `--delete-data` allows it";
/// What is not changed now. What one quota does not allow, dozens of accounts perhaps, is told together.
pub(super) fn blocked(all: &[Blocked]) -> Vec<String> {
    let mut over: Vec<(String, &Blocked, Vec<String>)> = Vec::new();
    let mut items = Vec::new();
    for blocked in all {
        let why = reason(&blocked.reason);
        if !blocked.is_over_quota() {
            let text = format!("{}: {why}", blocked.address);
            items.push(with_hint(text, blocked.hint.as_deref()));
            continue;
        }
        let address = blocked.address.to_string();
        match over.iter_mut().find(|(known, ..)| *known == why) {
            Some((_, _, addresses)) => addresses.push(address),
            None => over.push((why, blocked, vec![address])),
        }
    }
    items.extend(over.into_iter().map(|(why, first, addresses)| {
        let mut shown: Vec<String> = addresses.iter().take(OVER_QUOTA_SHOWN).cloned().collect();
        if addresses.len() > OVER_QUOTA_SHOWN {
            shown.push(format!("{} more", addresses.len() - OVER_QUOTA_SHOWN));
        }
        with_hint(
            format!("{}: {why}", words::list(&shown)),
            first.hint.as_deref(),
        )
    }));
    items
}

/// How much of what one quota does not allow is told by name.
const OVER_QUOTA_SHOWN: usize = 5;

/// Why something is not changed now, in words.
pub fn reason(reason: &BlockedBy) -> String {
    match reason {
        BlockedBy::Unread(unread) => format!(
            "could not be read ({}: {})",
            unread.operation, unread.reason
        ),
        BlockedBy::State { message } | BlockedBy::Quota { message } => message.clone(),
        BlockedBy::Needs { address } => format!("waits for {address}, which is not changed now"),
    }
}

fn with_hint(text: String, hint: Option<&str>) -> String {
    match hint {
        Some(hint) => format!("{text}\n    {}: {hint}", paint(style::HINT, "hint")),
        None => text,
    }
}

pub(super) fn nothing(preview: &Preview) -> String {
    let whole = preview.blocked.is_empty() && preview.unread.is_empty();
    let held = preview
        .blocked
        .iter()
        .filter(|blocked| !blocked.is_unread());
    let held = held.count();
    let subject = subject(preview);
    let source = &preview.source;
    let is = if preview.accounts.len() > 1 {
        "are"
    } else {
        "is"
    };
    if whole && left::open(&preview.left).next().is_some() {
        paint(
            style::WARN,
            format!("No changes to make in {subject}; what is not as {source} says is told below."),
        )
    } else if let (true, Some(others)) = (whole, beside::counted(&preview.unmanaged)) {
        paint(
            style::CREATE,
            format!("No changes: what {source} has of {subject} is as it says. {others}"),
        )
    } else if whole {
        paint(
            style::CREATE,
            format!("No changes: {subject} {is} as {source} says."),
        )
    } else if held > 0 {
        paint(
            style::WARN,
            format!(
                "No changes that can be made now, and {subject} {is} not as {source} says: {} {} left as {}, for the reasons below.",
                words::count(held, "thing", "things"),
                if held == 1 { "is" } else { "are" },
                if held == 1 { "it is" } else { "they are" },
            ),
        )
    } else {
        paint(
            style::WARN,
            format!(
                "No changes in what could be read: that much of {subject} {is} as {source} says."
            ),
        )
    }
}

/// What it is all about.
fn subject(preview: &Preview) -> String {
    match preview.accounts.as_slice() {
        [] => format!("organization {}", preview.management_account),
        [one] => format!("account {one}"),
        some => format!("accounts {}", words::list(some)),
    }
}

/// `41 changes: 36 to create, 1 to move, 4 to ensure`.
pub fn totals(changes: &[Change]) -> String {
    let parts: Vec<String> = counts(changes)
        .into_iter()
        .map(|(verb, number)| {
            let word = match verb {
                Verb::Create => "to create",
                Verb::Update => "to update",
                Verb::Move => "to move",
                Verb::Delete => "to delete",
                Verb::Ensure => "to ensure",
            };
            paint(verb_style(verb), format!("{number} {word}"))
        })
        .collect();
    format!(
        "{}: {}.",
        words::count(changes.len(), "change", "changes"),
        parts.join(", ")
    )
}

/// `5 accounts, 4 OUs, 2 policies`, in the order in which kinds first come up.
fn by_kind(changes: &[Change]) -> String {
    let mut kinds: Vec<((&str, &str), usize)> = Vec::new();
    for change in changes {
        let kind = change.address.info().label;
        match kinds.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, number)) => *number += 1,
            None => kinds.push((kind, 1)),
        }
    }
    let parts: Vec<String> = kinds
        .into_iter()
        .map(|((one, many), number)| words::count(number, one, many))
        .collect();
    parts.join(", ")
}

fn section(line: &mut dyn FnMut(String), title: &str, items: impl Iterator<Item = String>) {
    let items: Vec<String> = items.collect();
    if items.is_empty() {
        return;
    }
    line(String::new());
    line(format!("{title}:"));
    for item in items {
        line(format!("  - {item}"));
    }
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;
    use std::collections::BTreeSet;

    use super::*;
    use crate::action::{self, Action};
    use crate::addr::Address;
    use crate::addr::{Attribute, Expr};
    use crate::change::FieldChange;

    fn change(
        address: Address,
        verb: Verb,
        reason: &str,
        fields: &[(&str, Option<&str>, Option<Expr>)],
    ) -> Change {
        Change {
            address,
            verb,
            reason: reason.to_owned(),
            fields: fields
                .iter()
                .map(|(field, before, after)| FieldChange {
                    field: (*field).to_owned(),
                    before: before.map(str::to_owned),
                    after: after.clone(),
                })
                .collect(),
            action: Action::CreateOrganization(action::CreateOrganization {
                accounts: BTreeMap::new(),
            }),
            needs: BTreeSet::new(),
        }
    }

    fn plain(preview: &Preview) -> String {
        strip_str(&text(preview)).to_string()
    }

    fn preview() -> Preview {
        let payments: crate::plan::AccountKey = "payments-prod".parse().expect("a key");
        let prod: crate::plan::OuPath = "Workloads/Prod".parse().expect("a path");
        Preview {
            source: "org.toml".to_owned(),
            management_account: "111111111111".to_owned(),
            changes: vec![
                change(
                    Address::Ou(prod.clone()),
                    Verb::Create,
                    "not in the organization",
                    &[("parent", None, Some(Expr::from("Workloads")))],
                ),
                change(
                    Address::Account(payments.clone()),
                    Verb::Create,
                    "no account has its id, tag or email",
                    &[
                        ("name", None, Some(Expr::from("payments-prod"))),
                        (
                            "email",
                            None,
                            Some(Expr::from("aws+payments-prod@example.com")),
                        ),
                    ],
                ),
                change(
                    Address::Access(payments.clone()),
                    Verb::Ensure,
                    "new account",
                    &[],
                ),
                change(
                    Address::Placement(payments),
                    Verb::Move,
                    "a new account starts in the root",
                    &[(
                        "ou",
                        Some("root"),
                        Some(Expr::reference(Address::Ou(prod), Attribute::Id)),
                    )],
                ),
            ],
            expected: Some(Duration::from_secs(260)),
            ..Preview::default()
        }
    }

    #[test]
    fn changes_in_order_with_fields_and_counts() {
        insta::assert_snapshot!(plain(&preview()));
    }

    #[test]
    fn everything_beside_the_changes_is_said() {
        let unread = ReadFailure {
            operation: "organizations:ListPolicies".to_owned(),
            reason: "AccessDeniedException: not allowed".to_owned(),
        };
        let preview = Preview {
            blocked: vec![
                Blocked {
                    address: Address::Policy("protect-baseline".parse().expect("a key")),
                    reason: BlockedBy::Unread(unread.clone()),
                    hint: Some("allow organizations:ListPolicies".to_owned()),
                },
                Blocked {
                    address: Address::Attachment(
                        "protect-baseline".parse().expect("a key"),
                        crate::addr::Target::Root,
                    ),
                    reason: BlockedBy::Needs {
                        address: Address::Policy("protect-baseline".parse().expect("a key")),
                    },
                    hint: None,
                },
            ],
            unread: vec![unread],
            unmanaged: vec![Unmanaged {
                kind: "account",
                id: "222222222222".to_owned(),
                name: "old-sandbox".to_owned(),
                note: "never closed, never moved".to_owned(),
            }],
            notices: vec![Notice {
                address: Address::Organization,
                text: "AWS Control Tower manages this organization too".to_owned(),
                hint: Some("its OUs are read and left alone".to_owned()),
            }],
            costs: vec![Cost {
                what: "AWS Config".to_owned(),
                why: "a charge for each configuration item".to_owned(),
            }],
            ..preview()
        };
        insta::assert_snapshot!(plain(&preview));
    }

    #[test]
    fn nothing_to_do_is_one_line() {
        let preview = Preview {
            changes: Vec::new(),
            ..preview()
        };
        insta::assert_snapshot!(plain(&preview), @"No changes: organization 111111111111 is as org.toml says.");
    }

    #[test]
    fn nothing_to_do_does_not_claim_what_was_not_read() {
        let preview = Preview {
            changes: Vec::new(),
            unread: vec![ReadFailure {
                operation: "organizations:ListPolicies".to_owned(),
                reason: "AccessDeniedException".to_owned(),
            }],
            ..preview()
        };
        insta::assert_snapshot!(plain(&preview));
    }

    #[test]
    fn a_problem_stands_first() {
        let preview = Preview {
            changes: Vec::new(),
            problems: vec![Problem {
                kind: crate::diff::ProblemKind::Identity,
                message:
                    "account payments-prod: its email belongs to 333333333333, which is closed"
                        .to_owned(),
                hint: Some("give it another email".to_owned()),
            }],
            ..preview()
        };
        insta::assert_snapshot!(plain(&preview));
    }
}
