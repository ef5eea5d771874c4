//! The end report: what was done, what failed with AWS's words and a hint, what was not tried and
//! why, the accounts with their ids, how long it took, and what to do next. Pure: data to text.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};

use super::record::{Record, Standing};
use super::style::{self, paint};
use super::{beside, words};
use crate::addr::{AccountRef, Address, Attribute, Bindings};
use crate::diff::Unmanaged;
use crate::event::Unseen;
use crate::plan::{AccountKey, OrgPlan};

/// One line of the account table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountLine {
    pub key: String,
    /// `None` where the account does not exist (yet).
    pub id: Option<String>,
    pub ou: String,
    /// `new`, `there before`, `not created`…
    pub state: &'static str,
    /// What the plan makes it: `logging`, `secops`, nothing.
    pub duty: &'static str,
}

/// Shorter waits are part of any change.
const WORTH_TELLING: Duration = Duration::from_secs(10);
/// How many things that were waited for are told; the JSON has them all.
const WAITS: usize = 6;

/// The claim of a run that brings everything to what the plan says.
pub const AS_PLANNED: &str = "The organization is as the plan says.";

/// The claim of such a run, where something may be there beside the plan.
pub fn as_planned(unmanaged: &[Unmanaged]) -> String {
    match beside::counted(unmanaged) {
        Some(others) => format!("Everything in the plan is as it says. {others}"),
        None => AS_PLANNED.to_owned(),
    }
}

/// Everything the end report shows.
#[derive(Debug)]
pub struct Ended {
    pub record: Record,
    pub took: Duration,
    /// In the sandbox, time is its own.
    pub sandbox: bool,
    /// What is so once everything is done, as a sentence.
    pub claim: String,
    /// How much of what the plan asks for is not so and was not to be changed.
    pub left: usize,
    /// Of what is done, what AWS does not show yet.
    pub unseen: Vec<Unseen>,
    pub accounts: Vec<AccountLine>,
    /// What to do next: a sentence each.
    pub next: Vec<String>,
}

/// The accounts of a plan with what is known of them after a run.
pub fn accounts(plan: &OrgPlan, bindings: &Bindings, record: &Record) -> Vec<AccountLine> {
    plan.accounts
        .iter()
        .map(|(key, account)| {
            let address = Address::Account(key.clone());
            let id = bindings.get(&address, &Attribute::Id).map(str::to_owned);
            let state = match record.standing(&address) {
                Some(Standing::Done { .. }) => "new",
                _ if id.is_none() => "not created",
                _ => trouble(key, record).unwrap_or("there before"),
            };
            AccountLine {
                key: key.to_string(),
                id,
                ou: account.ou.to_string(),
                state,
                duty: duty(plan, key),
            }
        })
        .collect()
}

fn duty(plan: &OrgPlan, key: &AccountKey) -> &'static str {
    match (
        plan.organization.logging.as_ref() == Some(key),
        plan.organization.secops.as_ref() == Some(key),
    ) {
        (true, true) => "logging, SecOps",
        (true, false) => "logging",
        (false, true) => "SecOps",
        (false, false) => "",
    }
}

/// Whether something about an existing account failed.
fn trouble(key: &AccountKey, record: &Record) -> Option<&'static str> {
    let about = |address: &Address| {
        matches!(address,
        Address::Access(about) | Address::Placement(about) | Address::AccountName(about)
            | Address::Contact(about, _) | Address::AccountAlias(about) | Address::PasswordPolicy(about)
            | Address::OptInRegions(AccountRef::Member(about)) if about == key)
    };
    record
        .changes
        .iter()
        .any(|(address, _, standing)| about(address) && matches!(standing, Standing::Failed { .. }))
        .then_some("see above")
}

/// The whole text, ending in a line end.
pub fn text(ended: &Ended) -> String {
    let record = &ended.record;
    let mut text = String::new();
    let mut line = |one: &str| {
        text.push_str(one);
        text.push('\n');
    };
    let failures: Vec<_> = record
        .changes
        .iter()
        .filter_map(|(address, _, standing)| match standing {
            Standing::Failed { failure, .. } => Some((address, failure)),
            _ => None,
        })
        .collect();
    if !failures.is_empty() {
        line(&paint(style::ERROR, "Failed"));
        for (address, failure) in failures {
            line(&format!("  {} {address}", paint(style::ERROR, "x")));
            line(&format!("      while {}", failure.context));
            for message in failure.message.lines() {
                line(&format!("      {message}"));
            }
            if let Some(id) = &failure.request_id {
                line(&format!(
                    "      {}",
                    paint(style::DIM, format!("request {id}"))
                ));
            }
            if let Some(hint) = &failure.hint {
                line(&format!("      {}: {hint}", paint(style::HINT, "hint")));
            }
        }
        line("");
    }
    let waiting = not_tried(record);
    if !waiting.is_empty() {
        line(&paint(style::WARN, "Not tried"));
        for (reason, addresses) in waiting {
            line(&format!("  {reason}:"));
            for address in addresses {
                line(&format!("    {address}"));
            }
        }
        line("");
    }
    if !ended.unseen.is_empty() {
        line(&paint(style::WARN, "Not shown yet"));
        for one in &ended.unseen {
            line(&format!(
                "  {}: {}, {}",
                one.address, one.operation, one.reason
            ));
        }
        line("");
    }
    if !ended.accounts.is_empty() {
        line(&paint(style::BOLD, "Accounts"));
        for (place, row) in table(&ended.accounts).into_iter().enumerate() {
            let row = format!("  {row}");
            line(&match row.strip_suffix("  new") {
                Some(rest) => format!("{rest}  {}", paint(style::CREATE, "new")),
                None if place == 0 => paint(style::DIM, row),
                None => row,
            });
        }
        line("");
    }
    let waits = record.waited(WORTH_TELLING);
    if !waits.is_empty() {
        line(&paint(style::BOLD, "Waited for"));
        for wait in waits.iter().take(WAITS) {
            let changes = match wait.changes {
                1 => String::new(),
                many => format!(" ({many} changes; the longest)"),
            };
            line(&format!(
                "  {:>12}  {}{changes}",
                words::duration(wait.longest),
                wait.why
            ));
        }
        line("");
    }
    line(&verdict(ended));
    for next in &ended.next {
        line(&format!("  {} {next}", paint(style::HINT, "next:")));
    }
    text
}

/// What was never tried, by reason.
fn not_tried(record: &Record) -> BTreeMap<String, BTreeSet<String>> {
    let mut reasons: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (address, _, standing) in &record.changes {
        let reason = match standing {
            Standing::NotTried { reason } => reason.clone(),
            Standing::Due => "its turn had not come".to_owned(),
            Standing::Running { .. } => {
                "cut off while it ran; the next run finds out how far it came".to_owned()
            }
            _ => continue,
        };
        reasons
            .entry(reason)
            .or_default()
            .insert(address.to_string());
    }
    reasons
}

fn table(accounts: &[AccountLine]) -> Vec<String> {
    let mut rows = vec![["KEY", "ID", "OU", "DUTY", "STATE"]];
    rows.extend(accounts.iter().map(|account| {
        [
            account.key.as_str(),
            account.id.as_deref().unwrap_or("-"),
            account.ou.as_str(),
            account.duty,
            account.state,
        ]
    }));
    words::columns(&rows)
}

fn verdict(ended: &Ended) -> String {
    let record = &ended.record;
    let total = record.total();
    let took = if ended.sandbox {
        format!("{} of the sandbox's time", words::duration(ended.took))
    } else {
        words::duration(ended.took)
    };
    if record.done() == total && !ended.unseen.is_empty() {
        let unseen: BTreeSet<_> = ended.unseen.iter().map(|one| &one.address).collect();
        return paint(
            style::WARN,
            format!(
                "{} made in {took}, and {} of them AWS does not show yet: see \"Not shown yet\" above.",
                words::count(total, "change", "changes"),
                words::grouped(unseen.len()),
            ),
        );
    }
    if record.done() == total && ended.left > 0 {
        return paint(
            style::WARN,
            format!(
                "{} made in {took}, and {} of what the plan asks for not: see \"Not changed now\" above.",
                words::count(total, "change", "changes"),
                words::grouped(ended.left),
            ),
        );
    }
    if record.done() == total {
        return paint(
            style::CREATE,
            format!(
                "Done: {} in {took}. {}",
                words::count(total, "change", "changes"),
                ended.claim
            )
            .trim_end(),
        );
    }
    let mut parts = Vec::new();
    if record.failed() > 0 {
        parts.push(format!("{} failed", record.failed()));
    }
    let not_tried = record.not_tried();
    if not_tried > 0 {
        parts.push(format!("{not_tried} not tried"));
    }
    if record.running() > 0 {
        parts.push(format!("{} cut off", record.running()));
    }
    let color = if record.failed() > 0 {
        style::ERROR
    } else {
        style::WARN
    };
    paint(
        color,
        format!(
            "{} of {} done in {took}; {}.",
            words::grouped(record.done()),
            words::count(total, "change", "changes"),
            words::list(&parts)
        ),
    )
}

/// The last line of `apply --output json`.
pub fn json(ended: &Ended) -> Value {
    let record = &ended.record;
    json!({
        "event": "summary",
        "total": record.total(),
        "done": record.done(),
        "failed": record.failed(),
        "not_tried": record.not_tried(),
        "cut_off": record.running(),
        "left": ended.left,
        "unseen": ended.unseen.iter().map(|one| json!({
            "address": one.address.to_string(),
            "operation": one.operation,
            "reason": one.reason,
        })).collect::<Vec<_>>(),
        "took_seconds": ended.took.as_millis() as f64 / 1000.0,
        "sandbox": ended.sandbox,
        "accounts": ended.accounts.iter().map(|account| json!({
            "key": account.key,
            "id": account.id,
            "ou": account.ou,
            "state": account.state,
        })).collect::<Vec<_>>(),
        "waited": record.waited(WORTH_TELLING).iter().map(|wait| json!({
            "for": wait.why,
            "longest_seconds": wait.longest.as_millis() as f64 / 1000.0,
            "changes": wait.changes,
        })).collect::<Vec<_>>(),
        "next": ended.next,
    })
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;

    use super::*;
    use crate::change::Verb;
    use crate::event::{Event, Failure};

    fn account(key: &str) -> Address {
        Address::Account(key.parse().expect("a key"))
    }

    fn ended(events: &[Event]) -> Ended {
        let policy = Address::Policy("protect-baseline".parse().expect("a key"));
        let mut record = Record::new([
            (account("log-archive"), Verb::Create),
            (account("security"), Verb::Create),
            (policy, Verb::Create),
        ]);
        for event in events {
            record.take(event, Duration::ZERO);
        }
        let line = |key: &str, id: Option<&str>, state, duty| AccountLine {
            key: key.to_owned(),
            id: id.map(str::to_owned),
            ou: "Security".to_owned(),
            state,
            duty,
        };
        Ended {
            record,
            took: Duration::from_secs(1384),
            sandbox: true,
            claim: AS_PLANNED.to_owned(),
            left: 0,
            unseen: Vec::new(),
            accounts: vec![
                line("log-archive", Some("222222222222"), "new", "logging"),
                line("security", None, "not created", "SecOps"),
            ],
            next: vec!["`orgstrap apply org.toml` again goes on from here".to_owned()],
        }
    }

    fn done(change: Address) -> Event {
        Event::Done {
            change,
            took: Duration::from_secs(1),
        }
    }

    #[test]
    fn a_run_with_everything_that_can_happen() {
        let policy = Address::Policy("protect-baseline".parse().expect("a key"));
        let text = text(&ended(&[
            done(account("log-archive")),
            Event::Failed {
                change: account("security"),
                took: Duration::from_secs(3),
                failure: Failure {
                    context: "creating account security (aws+security@example.com)".to_owned(),
                    message:
                        "organizations:CreateAccount: EMAIL_ALREADY_EXISTS: the address is in use"
                            .to_owned(),
                    hint: Some(
                        "an address is unique in all of AWS; give the account another one"
                            .to_owned(),
                    ),
                    request_id: Some("car-1".to_owned()),
                },
            },
            Event::NotTried {
                change: policy,
                reason: "account security failed".to_owned(),
            },
        ]));
        insta::assert_snapshot!(strip_str(&text).to_string());
    }

    /// A run in which each change was made, without its accounts.
    fn all_done() -> Ended {
        let policy = Address::Policy("protect-baseline".parse().expect("a key"));
        let mut ended = ended(&[
            done(account("log-archive")),
            done(account("security")),
            done(policy),
        ]);
        ended.accounts.clear();
        ended
    }

    #[test]
    fn a_clean_run_says_so() {
        let ended = all_done();
        insta::assert_snapshot!(strip_str(&text(&ended)).to_string());
    }

    #[test]
    fn a_run_that_leaves_something_is_not_done() {
        let mut ended = all_done();
        ended.left = 2;
        let text = strip_str(&text(&ended)).to_string();
        assert!(
            !text.contains("Done") && !text.contains(AS_PLANNED),
            "{text}"
        );
        assert!(
            text.contains("and 2 of what the plan asks for not"),
            "{text}"
        );
    }

    #[test]
    fn a_run_that_aws_does_not_show_yet_is_not_done() {
        let mut ended = all_done();
        ended.unseen = vec![Unseen {
            address: account("security"),
            operation: "organizations:ListAccounts",
            reason: "not there after 5 min".to_owned(),
        }];
        insta::assert_snapshot!(strip_str(&text(&ended)).to_string());
        assert_eq!(json(&ended)["unseen"][0]["address"], "account security");
    }

    #[test]
    fn a_run_cut_off_tells_what_it_left() {
        let text = text(&ended(&[
            done(account("log-archive")),
            Event::Started {
                change: account("security"),
            },
            Event::Stopping,
        ]));
        insta::assert_snapshot!(strip_str(&text).to_string());
    }
}
