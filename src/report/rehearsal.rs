//! What a rehearsal came to: what would happen and what would fail, how long it takes and why, and the
//! calls it makes. Pure: data to text and JSON.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::plan::{Preview, totals};
use super::style::{self, paint};
use super::{json, words};
use crate::rehearse::{Bound, Chain, Hold, Link, Timeline};

/// Everything a rehearsal found.
#[derive(Debug)]
pub struct Rehearsal {
    pub preview: Preview,
    pub timeline: Timeline,
    pub chain: Chain,
    /// How long reading AWS takes before the first change.
    pub reading: Duration,
    /// How long the whole takes, reading and lock included.
    pub took: Duration,
    /// By operation, every attempt counted.
    pub calls: Vec<Calls>,
    /// What the copy lacks.
    pub missing: Vec<String>,
    /// Whether something of the plan could not be read in AWS, and so could not be rehearsed.
    pub unread: bool,
    /// What policies refuse: who, what, and by which statement and condition.
    pub refused: Vec<String>,
    /// What policies say of it could not be judged, since it depends on what nobody knows here.
    pub not_judged: Vec<String>,
}

/// How often an operation is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calls {
    pub operation: String,
    pub number: u64,
    pub throttled: u64,
}

/// More links than this are shown in part.
const LINKS: usize = 16;
/// How many operations are shown one by one.
const OPERATIONS: usize = 12;
/// How many refusals, and how many doubts, are shown.
const REFUSED: usize = 10;
/// How many of the things that could not be copied are shown.
const MISSING: usize = 10;

/// The whole text, ending in a line end.
pub fn text(rehearsal: &Rehearsal) -> String {
    let mut lines = Vec::new();
    if rehearsal.preview.changes.is_empty() {
        lines.push(super::plan::nothing(&rehearsal.preview));
        lines.extend(not_made(rehearsal));
    } else {
        outcome(rehearsal, &mut lines);
        duration(rehearsal, &mut lines);
        longest_chain(&rehearsal.chain, &mut lines);
        calls(rehearsal, &mut lines);
        losses(rehearsal, &mut lines);
        costs(rehearsal, &mut lines);
    }
    policies(rehearsal, &mut lines);
    missing(rehearsal, &mut lines);
    left(rehearsal, &mut lines);
    lines.push(paint(style::DIM, "Nothing in AWS was changed."));
    lines.join("\n") + "\n"
}

/// What the plan asks for and is not made, a line each.
fn not_made(rehearsal: &Rehearsal) -> impl Iterator<Item = String> {
    let items = super::plan::blocked(&rehearsal.preview.blocked);
    items.into_iter().map(|item| format!("  - {item}"))
}

fn outcome(rehearsal: &Rehearsal, lines: &mut Vec<String>) {
    let changes = rehearsal.preview.changes.len();
    let failed: Vec<_> = rehearsal.timeline.failed().collect();
    let heading = format!(
        "Rehearsed {} on a copy of organization {}",
        words::count(changes, "change", "changes"),
        rehearsal.preview.management_account
    );
    let left = rehearsal.preview.blocked.len();
    if failed.is_empty() && left > 0 {
        let heading = format!(
            "{heading}: all would be made, and {} of what the plan asks for not:",
            words::grouped(left)
        );
        lines.push(paint(style::WARN, heading));
        lines.extend(not_made(rehearsal));
    } else if failed.is_empty() {
        lines.push(paint(
            style::CREATE,
            format!("{heading}: all would be made."),
        ));
    } else {
        let not_tried = rehearsal.timeline.not_tried.len();
        lines.push(paint(
            style::ERROR,
            format!(
                "{heading}: {} would fail, {not_tried} would not be tried.",
                failed.len()
            ),
        ));
    }
    lines.push(format!("  {}", totals(&rehearsal.preview.changes)));
    for (address, failure) in failed {
        lines.push(format!("  {} {address}", paint(style::ERROR, "x")));
        lines.push(format!("      while {}", failure.context));
        lines.extend(
            failure
                .message
                .lines()
                .map(|message| format!("      {message}")),
        );
        if let Some(hint) = &failure.hint {
            lines.push(format!("      {}: {hint}", paint(style::HINT, "hint")));
        }
    }
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, reason) in &rehearsal.timeline.not_tried {
        *reasons.entry(reason).or_default() += 1;
    }
    for (reason, number) in reasons {
        lines.push(format!(
            "  {}, because {reason}",
            words::count(number, "change not tried", "changes not tried")
        ));
    }
    lines.push(String::new());
}

fn duration(rehearsal: &Rehearsal, lines: &mut Vec<String>) {
    lines.push(format!(
        "{} {}, {} of it reading",
        paint(style::BOLD, "It takes about"),
        paint(style::BOLD, words::duration(rehearsal.took)),
        words::duration(rehearsal.reading)
    ));
    let holds = rehearsal.chain.holds.iter().take(4);
    for hold in holds.take_while(|hold| hold.time >= Duration::from_secs(2)) {
        lines.push(format!(
            "  {:>12}  {}{}",
            words::duration(hold.time),
            if hold.quota { "quota: " } else { "" },
            hold.what
        ));
    }
    lines.push(match rehearsal.chain.quota() {
        Some(hold) => format!(
            "  {} {}",
            paint(style::HINT, "held back by the quota:"),
            hold.what
        ),
        None => format!(
            "  {}",
            paint(
                style::DIM,
                "no quota holds it back: it is AWS's own work that takes the time"
            )
        ),
    });
    lines.push(String::new());
}

pub(super) fn longest_chain(chain: &Chain, lines: &mut Vec<String>) {
    lines.push(paint(style::BOLD, "The longest chain of waits"));
    let skipped = chain.links.len().saturating_sub(LINKS);
    for (place, link) in chain.links.iter().enumerate() {
        // The beginning and the end say most; what is between them is more of the same.
        let (first, last) = (LINKS / 2, LINKS / 2 + skipped);
        if skipped > 0 && place == first {
            lines.push(paint(
                style::DIM,
                format!("  {:>12}  {skipped} more like these", "…"),
            ));
        }
        if skipped > 0 && (first..last).contains(&place) {
            continue;
        }
        lines.push(format!(
            "  {:>12}  {}{}",
            words::duration(link.ended.saturating_sub(link.started)),
            link.address,
            paint(style::DIM, why(link))
        ));
    }
    lines.push(String::new());
}

/// Why a link took so long, or began so late.
fn why(link: &Link) -> String {
    match (&link.bound, link.waits.first()) {
        (Bound::ConcurrencyGroup(_, before), _) => format!("  had to wait for {before} to end"),
        (_, Some(wait)) => format!("  {}", wait.why),
        (_, None) => String::new(),
    }
}

fn calls(rehearsal: &Rehearsal, lines: &mut Vec<String>) {
    let total: u64 = rehearsal.calls.iter().map(|calls| calls.number).sum();
    let throttled: u64 = rehearsal.calls.iter().map(|calls| calls.throttled).sum();
    lines.push(format!(
        "{} of {}, {}",
        paint(style::BOLD, words::count(usize(total), "call", "calls")),
        words::count(rehearsal.calls.len(), "kind", "kinds"),
        if throttled == 0 {
            String::from("none throttled")
        } else {
            format!("{} throttled", words::grouped(usize(throttled)))
        }
    ));
    let mut most: Vec<&Calls> = rehearsal.calls.iter().collect();
    most.sort_by(|a, b| {
        b.number
            .cmp(&a.number)
            .then_with(|| a.operation.cmp(&b.operation))
    });
    for calls in most.iter().take(OPERATIONS) {
        lines.push(format!(
            "  {:>12}  {}",
            words::grouped(usize(calls.number)),
            calls.operation
        ));
    }
    let rest: u64 = most.iter().skip(OPERATIONS).map(|calls| calls.number).sum();
    if rest > 0 {
        lines.push(paint(
            style::DIM,
            format!(
                "  {:>12}  of {} other kinds (all with --output json)",
                words::grouped(usize(rest)),
                most.len().saturating_sub(OPERATIONS)
            ),
        ));
    }
    lines.push(String::new());
}

fn left(rehearsal: &Rehearsal, lines: &mut Vec<String>) {
    let preview = &rehearsal.preview;
    let Some(last) = super::left::line(&preview.left, &preview.source) else {
        return;
    };
    for one in super::left::items(super::left::open(&preview.left)) {
        lines.push(format!("  - {one}"));
    }
    lines.push(paint(style::WARN, last));
    lines.push(String::new());
}

fn losses(rehearsal: &Rehearsal, lines: &mut Vec<String>) {
    let losses = &rehearsal.preview.losses;
    if losses.is_empty() {
        return;
    }
    lines.push(paint(style::WARN, super::plan::LOSSES));
    for loss in super::loss::items(losses) {
        lines.push(format!("  {loss}"));
    }
    lines.push(String::new());
}

fn costs(rehearsal: &Rehearsal, lines: &mut Vec<String>) {
    let costs = &rehearsal.preview.costs;
    if costs.is_empty() {
        return;
    }
    lines.push(paint(style::BOLD, "This will cost money"));
    for cost in costs {
        lines.push(format!("  {}: {}", cost.what, cost.why));
    }
    lines.push(String::new());
}

/// What policies refuse, and where nobody can tell.
fn policies(rehearsal: &Rehearsal, lines: &mut Vec<String>) {
    let warnings = rehearsal.preview.warnings.iter();
    let warnings: Vec<String> = warnings
        .map(|it| format!("{}: {}", it.address, it.text))
        .collect();
    for (heading, list) in [
        (
            "Policies would refuse what keeps the organization",
            &warnings,
        ),
        ("Refused by policies", &rehearsal.refused),
        ("Could not be judged", &rehearsal.not_judged),
    ] {
        if list.is_empty() {
            continue;
        }
        lines.push(paint(style::WARN, heading));
        lines.extend(list.iter().take(REFUSED).map(|line| format!("  {line}")));
        let more = list.len().saturating_sub(REFUSED);
        if more > 0 {
            lines.push(format!("  and {more} more (all with --output json)"));
        }
        lines.push(String::new());
    }
}

fn missing(rehearsal: &Rehearsal, lines: &mut Vec<String>) {
    if rehearsal.missing.is_empty() {
        return;
    }
    lines.push(paint(style::WARN, "Not copied faithfully"));
    for missing in rehearsal.missing.iter().take(MISSING) {
        lines.push(format!("  {missing}"));
    }
    let more = rehearsal.missing.len().saturating_sub(MISSING);
    if more > 0 {
        lines.push(format!("  and {more} more (all with --output json)"));
    }
    lines.push(String::new());
}

fn usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn seconds(time: Duration) -> Value {
    json!(time.as_millis() as f64 / 1000.0)
}

/// The document of `rehearse --output json`. The same rehearsal gives the same bytes.
pub fn json(rehearsal: &Rehearsal) -> Value {
    let timeline = &rehearsal.timeline;
    let changes: Vec<Value> = rehearsal
        .preview
        .changes
        .iter()
        .map(|change| {
            let span = timeline.spans.get(&change.address);
            json!({
                "address": json::address(&change.address),
                "verb": json::verb(change.verb),
                "reason": change.reason,
                "outcome": match span {
                    Some(span) if span.failure.is_some() => "failed",
                    Some(_) => "done",
                    None => "not-tried",
                },
                "start_seconds": span.map(|span| seconds(span.started)),
                "end_seconds": span.map(|span| seconds(span.ended)),
            })
        })
        .collect();
    json!({
        "format": "orgstrap-rehearsal",
        "version": json::VERSION,
        "source": rehearsal.preview.source,
        "management_account": rehearsal.preview.management_account,
        "took_seconds": seconds(rehearsal.took),
        "reading_seconds": seconds(rehearsal.reading),
        "changes": changes,
        "failed": timeline.failed().map(|(address, failure)| json!({
            "address": json::address(address),
            "failure": json::failure(failure),
        })).collect::<Vec<_>>(),
        "warnings": super::json::warnings(&rehearsal.preview.warnings),
        "refused": rehearsal.refused,
        "not_judged": rehearsal.not_judged,
        "not_tried": timeline.not_tried.iter().map(|(address, reason)| json!({
            "address": json::address(address), "reason": reason,
        })).collect::<Vec<_>>(),
        "over_quota": rehearsal.preview.blocked.iter().filter(|it| it.is_over_quota())
            .map(|it| json::address(&it.address)).collect::<Vec<_>>(),
        "notices": timeline.notices,
        "chain": rehearsal.chain.links.iter().map(link).collect::<Vec<_>>(),
        "holds": rehearsal.chain.holds.iter().map(hold).collect::<Vec<_>>(),
        "quota": rehearsal.chain.quota().map(hold),
        "calls": rehearsal.calls.iter().map(|calls| json!({
            "operation": calls.operation, "number": calls.number, "throttled": calls.throttled,
        })).collect::<Vec<_>>(),
        "left": super::left::json(&rehearsal.preview.left),
        "losses": super::loss::json(&rehearsal.preview.losses),
        "costs": rehearsal.preview.costs,
        "not_copied": rehearsal.missing,
    })
}

pub(super) fn hold(hold: &Hold) -> Value {
    json!({ "what": hold.what, "quota": hold.quota, "seconds": seconds(hold.time) })
}

pub(super) fn link(link: &Link) -> Value {
    let after = match &link.bound {
        Bound::Begin => Value::Null,
        Bound::Need(address) | Bound::ConcurrencyGroup(_, address) => json::address(address),
    };
    let group = match &link.bound {
        Bound::ConcurrencyGroup(group, _) => Some(group.to_string()),
        _ => None,
    };
    json!({
        "address": json::address(&link.address),
        "start_seconds": seconds(link.started),
        "end_seconds": seconds(link.ended),
        "after": after,
        "limit": group,
        "waits": link.waits.iter().map(|wait| json!({
            "why": wait.why, "seconds": seconds(wait.time),
        })).collect::<Vec<_>>(),
    })
}
