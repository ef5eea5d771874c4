//! The report of a drift check: for people, and as one JSON document.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::json::VERSION;
use super::style::{self, paint};
use super::{age, fields, words};
use crate::change::Verb;
use crate::drift::{Finding, FindingPlace, Findings, Fix, Kind, Severity, Since};

/// Up to here findings need no table.
const FEW: usize = 3;
/// How wide the table of accounts and controls may be.
const HEAT_WIDTH: usize = 100;

/// How many lines of what differs are shown of one finding; the JSON form has all.
const FIELD_LINES: usize = 12;

/// The report, grouped by account, worst first. `source` is the plan's file. With `all`, findings that another
/// explains are listed too; they count in any case.
pub fn text(findings: &Findings, source: &str, all: bool) -> String {
    let mut text = String::new();
    let mut line = |one: String| {
        text.push_str(&one);
        text.push('\n');
    };
    line(headline(findings, source));
    age::line(findings.taken_at, &findings.from_cache)
        .into_iter()
        .for_each(&mut line);
    // A few findings are seen at a glance anyway.
    if wrong(findings).count() > FEW {
        line(String::new());
        let heat = super::drift_heat::render(findings, HEAT_WIDTH);
        heat.into_iter().for_each(&mut line);
    }
    let folded = Folded::of(findings, all);
    for (place, group) in groups(findings) {
        let group: Vec<&Finding> = group.into_iter().filter(|f| folded.shows(f)).collect();
        if group.is_empty() {
            continue;
        }
        line(String::new());
        line(paint(style::BOLD, place));
        let width = group.iter().map(|f| f.control.len()).max().unwrap_or(0);
        for finding in group {
            one(finding, width, &mut line);
            if let Some(cause) = finding.cause.as_ref().filter(|_| all) {
                line(format!("          explained by: {}", cause.subject));
            }
            folded.told_with(finding).into_iter().for_each(&mut line);
        }
    }
    let mut section = |title: &str, kind: Kind| {
        let found: Vec<&Finding> = findings
            .findings
            .iter()
            .filter(|finding| finding.kind == kind && folded.shows(finding))
            .collect();
        if found.is_empty() {
            return;
        }
        line(String::new());
        line(format!("{title}:"));
        for finding in found {
            line(format!("  {}: {}", finding.subject, finding.title));
            if let Fix::Person { hint } = &finding.fix {
                line(format!("    {}: {hint}", paint(style::HINT, "hint")));
            }
            folded.told_with(finding).into_iter().for_each(&mut line);
        }
    };
    section("Could not be read, so nothing is said of it", Kind::Unread);
    section("Skipped", Kind::Skipped);
    let fixable = fixable(findings);
    if fixable > 0 {
        line(String::new());
        line(format!(
            "`orgstrap drift --fix {source}` puts {} back; it shows the changes first and asks.",
            words::count(fixable, "finding", "findings")
        ));
    }
    // Never as if it were healthy.
    if !findings.is_deep() {
        line(paint(style::DIM, NOT_LOOKED_AT.to_owned()));
    }
    text
}

/// What only calls into every account, or CloudFormation's own detection, could tell.
const NOT_LOOKED_AT: &str = "Not looked at: roles in accounts with what gives them rights, and stacks' resources that no control watches; `--deep` does.";

/// The findings that are not shown by themselves.
struct Folded<'a> {
    /// By the finding that each is shown with, as its place in memory: two may look the same.
    by: BTreeMap<*const Finding, Vec<&'a Finding>>,
    hidden: BTreeSet<*const Finding>,
}

impl<'a> Folded<'a> {
    fn of(findings: &'a Findings, all: bool) -> Self {
        let mut folded = Folded {
            by: BTreeMap::new(),
            hidden: BTreeSet::new(),
        };
        let explained = match all {
            true => BTreeMap::new(),
            false => findings.explained(),
        };
        for (place, by) in explained {
            let (Some(finding), Some(shown)) =
                (findings.findings.get(place), findings.findings.get(by))
            else {
                continue;
            };
            let with = folded.by.entry(std::ptr::from_ref(shown)).or_default();
            with.push(finding);
            folded.hidden.insert(std::ptr::from_ref(finding));
        }
        folded
    }

    fn shows(&self, finding: &Finding) -> bool {
        !self.hidden.contains(&std::ptr::from_ref(finding))
    }

    /// How many findings more one explains.
    fn told_with(&self, finding: &Finding) -> Option<String> {
        let folded = self.by.get(&std::ptr::from_ref(finding))?;
        let number = words::count(folded.len(), "finding more", "findings more");
        let parts: Vec<String> = Severity::ALL
            .into_iter()
            .rev()
            .filter_map(|severity| {
                let some = folded.iter().filter(|finding| finding.severity == severity);
                let number = some.count();
                (number > 0).then(|| format!("{number} {severity}"))
            })
            .collect();
        Some(format!(
            "          {}",
            paint(
                style::DIM,
                format!(
                    "explains {number} ({}); `--all` lists them",
                    parts.join(", ")
                )
            )
        ))
    }
}

/// How many findings have a change that puts them back.
pub fn fixable(findings: &Findings) -> usize {
    let fixable = |finding: &&Finding| matches!(finding.fix, Fix::Change { .. });
    findings.findings.iter().filter(fixable).count()
}

/// What is wrong, as opposed to what could not be told or was left out on purpose.
fn wrong(findings: &Findings) -> impl Iterator<Item = &Finding> {
    findings
        .findings
        .iter()
        .filter(|finding| matches!(finding.kind, Kind::Drift | Kind::Unmanaged))
}

fn headline(findings: &Findings, source: &str) -> String {
    let organization = &findings.management_account;
    let accounts = words::count(findings.accounts.len(), "account", "accounts");
    let number = wrong(findings).count();
    let read = format!("read {}", findings.taken_at);
    if number > 0 {
        let parts: Vec<String> = counts(findings)
            .into_iter()
            .rev()
            .filter(|(_, number)| *number > 0)
            .map(|(severity, number)| paint(color(severity), format!("{number} {severity}")))
            .collect();
        let skipped = skipped(findings).map_or_else(String::new, |told| format!("; {told}"));
        return format!(
            "Organization {organization}, {accounts}, {read}: {} ({}){skipped}",
            words::count(number, "finding", "findings"),
            parts.join(", ")
        );
    }
    if findings.any_unread() {
        return paint(
            style::WARN,
            format!(
                "Organization {organization}, {accounts}, {read}: nothing found in what could be read; the rest is below."
            ),
        );
    }
    if let Some(skipped) = skipped(findings) {
        return format!(
            "Organization {organization}, {accounts}, {read}: nothing found in what was looked at; {skipped}"
        );
    }
    paint(
        style::CREATE,
        format!(
            "Organization {organization}, {accounts}, {read}: no finding, it is as {source} and its baselines say."
        ),
    )
}

/// What was left out on purpose, in words: nobody looked, so nobody says that it is as it should be.
fn skipped(findings: &Findings) -> Option<String> {
    let skipped = findings.findings.iter();
    let skipped = skipped.filter(|finding| finding.kind == Kind::Skipped);
    let number = skipped.count();
    (number > 0).then(|| {
        format!(
            "{} skipped (info), told below",
            words::count(
                number,
                "account that is not in use is",
                "accounts that are not in use are"
            )
        )
    })
}

/// How many findings there are at each severity, mildest first.
fn counts(findings: &Findings) -> Vec<(Severity, usize)> {
    Severity::ALL
        .into_iter()
        .map(|severity| {
            let number = wrong(findings).filter(|f| f.severity == severity).count();
            (severity, number)
        })
        .collect()
}

fn color(severity: Severity) -> anstyle::Style {
    match severity {
        Severity::Critical | Severity::High => style::DELETE,
        Severity::Medium => style::CHANGE,
        Severity::Low | Severity::Info => style::DIM,
    }
}

/// The findings by account, the account with the worst finding first, the organization's own at
/// their rank. Findings are sorted already, so the first of each group is its worst.
fn groups(findings: &Findings) -> Vec<(String, Vec<&Finding>)> {
    let mut groups: Vec<(String, Vec<&Finding>)> = Vec::new();
    for finding in wrong(findings) {
        let name = account(&finding.place);
        match groups.iter_mut().find(|(known, _)| *known == name) {
            Some((_, group)) => group.push(finding),
            None => groups.push((name, vec![finding])),
        }
    }
    groups
}

fn account(place: &FindingPlace) -> String {
    let Some(account) = &place.account else {
        return "The organization".to_owned();
    };
    let mut text = account.clone();
    if let Some(id) = &place.account_id
        && id.as_str() != account
    {
        text.push_str(&format!(" ({id})"));
    }
    if let Some(ou) = &place.ou {
        text.push_str(&format!(", in {ou}"));
    }
    text
}

fn one(finding: &Finding, width: usize, line: &mut dyn FnMut(String)) {
    line(format!(
        "  {}  {:width$}  {}: {}",
        paint(
            color(finding.severity),
            format!("{:8}", finding.severity.as_str())
        ),
        finding.control,
        finding.subject,
        finding.title
    ));
    let lines = fields::lines(&finding.fields, Verb::Update);
    let more = lines.len().saturating_sub(FIELD_LINES);
    for field in lines.into_iter().take(FIELD_LINES) {
        line(format!("    {field}"));
    }
    if more > 0 {
        let more = words::count(more, "line", "lines");
        line(format!(
            "          {}",
            paint(style::DIM, format!("… {more} more"))
        ));
    }
    if let Fix::Person { hint } = &finding.fix {
        line(format!("          {}: {hint}", paint(style::HINT, "hint")));
    }
}

/// The document of `drift --output json`.
pub fn json(findings: &Findings, source: &str) -> Value {
    let by_severity: BTreeMap<&str, usize> = counts(findings)
        .into_iter()
        .map(|(severity, number)| (severity.as_str(), number))
        .collect();
    let of = |kind: Kind| findings.findings.iter().filter(|f| f.kind == kind).count();
    json!({
        "format": "orgstrap-drift",
        "version": VERSION,
        "source": source,
        "management_account": findings.management_account,
        "taken_at": findings.taken_at,
        "from_cache": findings.from_cache,
        "summary": {
            "findings": wrong(findings).count(),
            "by_severity": by_severity,
            "unread": of(Kind::Unread),
            "skipped": of(Kind::Skipped),
            "fixable": fixable(findings),
        },
        "findings": findings.findings.iter().map(finding).collect::<Vec<_>>(),
        "checked": findings.checked,
        "accounts": findings.accounts,
    })
}

fn finding(finding: &Finding) -> Value {
    let fields: Vec<Value> = finding
        .fields
        .iter()
        .map(|field| {
            json!({
                "field": field.field,
                "before": field.before,
                "after": field.after.as_ref().map(ToString::to_string),
            })
        })
        .collect();
    let fix = match &finding.fix {
        Fix::Change { address } => {
            json!({ "by": "change", "address": super::json::address(address) })
        }
        Fix::Person { hint } => json!({ "by": "person", "hint": hint }),
        Fix::Nothing => json!({ "by": "nothing" }),
    };
    json!({
        "control": finding.control,
        "kind": finding.kind,
        "severity": finding.severity,
        "place": finding.place,
        "subject": finding.subject,
        "title": finding.title,
        "fields": fields,
        "fix": fix,
        "references": finding.references,
        "accounts": finding.accounts,
        "cause": finding.cause,
    })
}

/// What is new and gone since an earlier check.
pub fn since_text(since: &Since, earlier: &Findings, now: &Findings) -> String {
    let mut text = String::new();
    let mut line = |one: String| {
        text.push_str(&one);
        text.push('\n');
    };
    line(format!(
        "Organization {}, read {}, since {}: {} new, {} gone, {} still there",
        now.management_account,
        now.taken_at,
        earlier.taken_at,
        since.new.len(),
        since.gone.len(),
        since.still.len(),
    ));
    age::line(now.taken_at, &now.from_cache)
        .into_iter()
        .for_each(&mut line);
    let lists = [
        ("New", &since.new),
        ("Gone", &since.gone),
        ("Found before, and could not be read now", &since.unclear),
    ];
    for (title, list) in lists {
        if list.is_empty() {
            continue;
        }
        line(String::new());
        line(paint(style::BOLD, title));
        let width = list.iter().map(|f| f.control.len()).max().unwrap_or(0);
        for finding in list {
            one(finding, width, &mut line);
        }
    }
    text
}

/// The document of `drift --since FILE --output json`.
pub fn since_json(since: &Since, earlier: &Findings, now: &Findings, source: &str) -> Value {
    let list = |findings: &[Finding]| findings.iter().map(finding).collect::<Vec<_>>();
    json!({
        "format": "orgstrap-drift-since",
        "version": VERSION,
        "source": source,
        "management_account": now.management_account,
        "taken_at": now.taken_at,
        "from_cache": now.from_cache,
        "since": earlier.taken_at,
        "new": list(&since.new),
        "gone": list(&since.gone),
        "still": list(&since.still),
        "unclear": list(&since.unclear),
    })
}

/// What became of the findings that were to be put back: before, after, and what is left.
pub fn outcome(before: &Findings, after: &Findings) -> String {
    let left: Vec<&Finding> = wrong(after).collect();
    let back = wrong(before)
        .filter(|old| {
            !left
                .iter()
                .any(|new| new.control == old.control && new.subject == old.subject)
        })
        .count();
    format!(
        "Put back: {} of {}. Left: {}.",
        back,
        words::count(wrong(before).count(), "finding", "findings"),
        words::count(left.len(), "finding", "findings")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::{Address, Expr};
    use crate::change::FieldChange;

    fn finding(control: &str, kind: Kind, severity: Severity, account: Option<&str>) -> Finding {
        Finding {
            control: control.to_owned(),
            kind,
            severity,
            place: FindingPlace {
                account: account.map(str::to_owned),
                ..FindingPlace::default()
            },
            subject: format!("the subject of {control}"),
            title: "is otherwise".to_owned(),
            fields: vec![FieldChange {
                field: "logging".to_owned(),
                before: Some("false".to_owned()),
                after: Some(Expr::literal("true")),
            }],
            fix: Fix::Nothing,
            references: Vec::new(),
            accounts: Default::default(),
            address: None,
            cause: None,
        }
    }

    fn findings(findings: Vec<Finding>) -> Findings {
        let mut all = Findings {
            taken_at: "2026-01-05T09:00:00Z".parse().expect("a time"),
            from_cache: BTreeMap::new(),
            management_account: "111111111111".parse().expect("an id"),
            findings,
            checked: BTreeMap::new(),
            accounts: BTreeMap::from([("a".to_owned(), None), ("b".to_owned(), None)]),
            lies_in: Default::default(),
            ous: Default::default(),
        };
        all.sort();
        all
    }

    fn plain(findings: &Findings) -> String {
        anstream::adapter::strip_str(&text(findings, "org.toml", false)).to_string()
    }

    #[test]
    fn the_worst_account_comes_first_and_what_was_not_read_is_said() {
        let mut fixed = finding("config.recording", Kind::Drift, Severity::High, Some("a"));
        fixed.fix = Fix::Change {
            address: Address::Organization,
        };
        let mut by_hand = finding("cloudtrail.key", Kind::Drift, Severity::Critical, Some("b"));
        by_hand.fix = Fix::Person {
            hint: "look".to_owned(),
        };
        let all = findings(vec![
            fixed,
            by_hand,
            finding("config.channel", Kind::Unread, Severity::Medium, Some("a")),
            finding(
                "organization.account-state",
                Kind::Skipped,
                Severity::Info,
                None,
            ),
        ]);
        insta::assert_snapshot!(plain(&all), @r"
        Organization 111111111111, 2 accounts, read 2026-01-05T09:00:00Z: 2 findings (1 critical, 1 high); 1 account that is not in use is skipped (info), told below

        b
          critical  cloudtrail.key  the subject of cloudtrail.key: is otherwise
                  logging  false → true
                  hint: look

        a
          high      config.recording  the subject of config.recording: is otherwise
                  logging  false → true

        Could not be read, so nothing is said of it:
          the subject of config.channel: is otherwise

        Skipped:
          the subject of organization.account-state: is otherwise

        `orgstrap drift --fix org.toml` puts 1 finding back; it shows the changes first and asks.
        Not looked at: roles in accounts with what gives them rights, and stacks' resources that no control watches; `--deep` does.
        ");
        let json = json(&all, "org.toml");
        assert_eq!(json["summary"]["findings"], 2);
        assert_eq!(json["summary"]["unread"], 1);
        assert_eq!(json["findings"][0]["fix"]["by"], "person");
    }

    #[test]
    fn what_was_not_read_is_not_called_clean() {
        let unread = finding("config.channel", Kind::Unread, Severity::Medium, Some("a"));
        assert!(plain(&findings(vec![unread])).contains("nothing found in what could be read"));
        assert!(plain(&findings(Vec::new())).contains("no finding"));
        // Nobody looked into an account that is not in use.
        let closed = finding(
            "organization.account-state",
            Kind::Skipped,
            Severity::Info,
            Some("a"),
        );
        let told = plain(&findings(vec![closed]));
        assert!(!told.contains("no finding"), "{told}");
        assert!(
            told.contains("nothing found in what was looked at; 1 account that is not in use is skipped (info), told below"),
            "{told}"
        );
    }
}
