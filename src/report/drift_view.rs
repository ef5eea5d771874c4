//! What the forms of a drift report share: their input, the tree of OUs, the grid of accounts and
//! controls, and small texts. Pure.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use similar::{ChangeTag, TextDiff};

use super::{fields, words};
use crate::change::FieldChange;
use crate::drift::{Controls, Finding, FindingPlace, Findings, Fix, Kind, Severity};
use crate::plan::{AccountId, OrgPlan, OuPath};

/// What a drift report is made from.
#[derive(Debug, Clone, Copy)]
pub struct DriftView<'a> {
    pub findings: &'a Findings,
    /// The org plan's file, as the person gave it.
    pub plan_file: &'a str,
    pub controls: &'a Controls,
    pub tree: &'a OuTree,
    /// Findings at this severity or above count as failures.
    pub fail_on: Severity,
}

/// Which account lies in which OU: the plan's, since findings are told by its names.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OuTree {
    /// Every OU, those above others included.
    pub ous: BTreeSet<OuPath>,
    /// The OU of an account, by the name that findings give the account.
    pub accounts: BTreeMap<String, OuPath>,
}

impl OuTree {
    /// The tree of a plan.
    pub fn of(plan: &OrgPlan) -> Self {
        let accounts: BTreeMap<String, OuPath> = plan
            .accounts
            .iter()
            .map(|(key, account)| (key.to_string(), account.ou.clone()))
            .collect();
        let mut ous: BTreeSet<OuPath> = plan.ous.keys().cloned().collect();
        ous.extend(accounts.values().cloned());
        let above: Vec<OuPath> = ous
            .iter()
            .flat_map(|ou| std::iter::successors(ou.parent(), OuPath::parent))
            .collect();
        ous.extend(above);
        Self { ous, accounts }
    }
}

/// How one control stands in one account, or an account as a whole: by its worst finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Nothing was found.
    Clear,
    /// Not looked at, on purpose.
    Skipped,
    /// It could not be told.
    Unread,
    Found(Severity),
}

impl Status {
    /// Every status, from the best.
    pub const ALL: [Status; 8] = [
        Status::Clear,
        Status::Skipped,
        Status::Found(Severity::Info),
        Status::Found(Severity::Low),
        Status::Found(Severity::Medium),
        Status::Unread,
        Status::Found(Severity::High),
        Status::Found(Severity::Critical),
    ];

    /// What a finding makes of the place where it lies.
    pub fn of(finding: &Finding) -> Self {
        match finding.kind {
            Kind::Drift | Kind::Unmanaged => Status::Found(finding.severity),
            Kind::Unread => Status::Unread,
            Kind::Skipped => Status::Skipped,
        }
    }

    /// Its place in [`Status::ALL`].
    fn rank(self) -> usize {
        Status::ALL
            .iter()
            .position(|&status| status == self)
            .unwrap_or(0)
    }

    /// The worse of two.
    #[must_use]
    pub fn worse(self, other: Self) -> Self {
        match other.rank() > self.rank() {
            true => other,
            false => self,
        }
    }

    /// One sign, told apart without colour.
    pub fn sign(self) -> char {
        match self {
            Status::Clear => '·',
            Status::Skipped => '-',
            Status::Unread => '?',
            Status::Found(Severity::Info) => 'i',
            Status::Found(Severity::Low) => 'l',
            Status::Found(Severity::Medium) => 'm',
            Status::Found(Severity::High) => 'H',
            Status::Found(Severity::Critical) => 'C',
        }
    }

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Clear => "nothing found",
            Status::Skipped => "skipped",
            Status::Unread => "not read",
            Status::Found(severity) => severity.as_str(),
        }
    }

    /// Worst first.
    pub(super) fn worst_first(self) -> std::cmp::Reverse<usize> {
        std::cmp::Reverse(self.rank())
    }
}

/// Accounts and controls, and how each stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid<'a> {
    /// Every control that was checked or has a finding, by name.
    pub controls: Vec<&'a str>,
    /// The organization as a whole first, then accounts by name.
    pub rows: Vec<Row<'a>>,
}

/// One account of the grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Row<'a> {
    /// `None`: the organization as a whole.
    pub account: Option<&'a str>,
    pub id: Option<&'a AccountId>,
    /// By the control's place in [`Grid::controls`]; where there is no finding there is no cell.
    pub cells: BTreeMap<usize, Cell>,
    /// How the controls without a cell stand: clear, or skipped with the whole account.
    pub rest: Status,
    /// All findings, by their place in the check.
    pub findings: Vec<usize>,
    pub status: Status,
}

/// One control in one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    pub status: Status,
    pub count: usize,
    /// The first of the findings, by its place in the check.
    pub first: usize,
}

impl Row<'_> {
    /// Notes how a control stands in the account.
    fn mark(&mut self, column: Option<usize>, status: Status, place: usize) {
        self.status = self.status.worse(status);
        let Some(column) = column else {
            return;
        };
        let cell = self.cells.entry(column).or_insert(Cell {
            status,
            count: 0,
            first: place,
        });
        cell.status = cell.status.worse(status);
        cell.count += 1;
    }

    /// The account's name, or words for the organization.
    pub fn name(&self) -> &str {
        self.account.unwrap_or(ORGANIZATION)
    }
}

/// What is called a finding that lies in no account.
pub const ORGANIZATION: &str = "the organization";

/// The grid of a check.
pub fn grid(found: &Findings) -> Grid<'_> {
    let controls: BTreeSet<&str> = found
        .checked
        .keys()
        .map(String::as_str)
        .chain(found.findings.iter().map(|f| f.control.as_str()))
        .collect();
    let column: BTreeMap<&str, usize> = controls
        .iter()
        .enumerate()
        .map(|(place, control)| (*control, place))
        .collect();
    let row = |account, id| Row {
        account,
        id,
        cells: BTreeMap::new(),
        rest: Status::Clear,
        findings: Vec::new(),
        status: Status::Clear,
    };
    let mut rows: BTreeMap<Option<&str>, Row<'_>> = BTreeMap::new();
    rows.insert(None, row(None, None));
    for (name, id) in &found.accounts {
        rows.insert(Some(name), row(Some(name), id.as_ref()));
    }
    for (place, finding) in found.findings.iter().enumerate() {
        let status = Status::of(finding);
        let account = finding.place.account.as_deref();
        let column = column.get(finding.control.as_str()).copied();
        // Accounts that it is about too have a cell that leads to it.
        for name in &finding.accounts {
            let id = found.accounts.get(name).and_then(Option::as_ref);
            let other = rows
                .entry(Some(name))
                .or_insert_with(|| row(Some(name), id));
            other.mark(column, status, place);
        }
        let row = rows
            .entry(account)
            .or_insert_with(|| row(account, finding.place.account_id.as_ref()));
        row.findings.push(place);
        // Nothing found because nobody looked is not "nothing found".
        if status == Status::Skipped && finding.place.region.is_none() {
            row.rest = Status::Skipped;
        }
        row.mark(column, status, place);
    }
    Grid {
        controls: controls.into_iter().collect(),
        rows: rows.into_values().collect(),
    }
}

/// Account and Region: `payments-prod/eu-west-1`; or the OU, or the organization.
pub fn place(place: &FindingPlace) -> String {
    let whole = match (&place.account, &place.ou) {
        (Some(account), _) => account.clone(),
        (None, Some(ou)) => format!("OU {ou}"),
        (None, None) => ORGANIZATION.to_owned(),
    };
    match &place.region {
        Some(region) => format!("{whole}/{region}"),
        None => whole,
    }
}

/// The word for a kind of finding.
pub fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Drift => "drift",
        Kind::Unmanaged => "not in the plan",
        Kind::Unread => "not read",
        Kind::Skipped => "skipped",
    }
}

/// How a finding is put right, as a sentence; `None` where nothing is to be done.
pub fn fix(fix: &Fix, plan_file: &str) -> Option<String> {
    match fix {
        Fix::Change { address } => Some(format!(
            "`orgstrap drift {} --fix` makes this change: {address}",
            shell_word(plan_file)
        )),
        Fix::Person { hint } => Some(hint.clone()),
        Fix::Nothing => None,
    }
}

/// The accounts that a finding is about besides that of its place, in words; `None` where there are none.
pub fn also_about(finding: &Finding) -> Option<String> {
    const SHOWN: usize = 12;
    let names: Vec<&str> = finding.accounts.iter().map(String::as_str).collect();
    let more = names.len().saturating_sub(SHOWN);
    let shown = names.get(..names.len().min(SHOWN)).unwrap_or_default();
    match (names.is_empty(), more) {
        (true, _) => None,
        (false, 0) => Some(shown.join(", ")),
        (false, more) => Some(format!("{} and {more} more", shown.join(", "))),
    }
}

/// A path as a shell takes it.
fn shell_word(path: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_alphanumeric() || "/._-+~".contains(c);
    match !path.is_empty() && path.chars().all(plain) {
        true => Cow::Borrowed(path),
        false => Cow::Owned(format!("'{}'", path.replace('\'', "'\\''"))),
    }
}

/// `12 findings: 2 critical, 3 high`, worst first.
pub fn counted(findings: &[Finding]) -> String {
    let total = words::count(findings.len(), "finding", "findings");
    let parts: Vec<String> = Status::ALL
        .iter()
        .rev()
        .filter_map(|&status| {
            let number = findings.iter().filter(|f| Status::of(f) == status).count();
            (number > 0).then(|| format!("{} {}", words::grouped(number), status.as_str()))
        })
        .collect();
    match parts.is_empty() {
        true => "nothing found".to_owned(),
        false => format!("{total}: {}", parts.join(", ")),
    }
}

/// The longest value shown whole beside its name.
const SHORT: usize = 120;
/// Lines of a difference that a page shows; the JSON form has all.
pub(super) const PAGE_LINES: usize = 200;
/// Lines of a difference between other text.
const TEXT_LINES: usize = 40;

/// A field, for the eye.
pub(super) enum Shown {
    /// Both sides are short.
    Pair {
        before: Option<String>,
        after: Option<String>,
    },
    /// Lines with their sign, without what is the same far away.
    Lines(Vec<(ChangeTag, String)>),
}

/// A field as it is shown, a long difference with at most so many lines.
pub(super) fn shown(field: &FieldChange, most: usize) -> Shown {
    let after = field.after.as_ref().map(ToString::to_string);
    let fits = |side: &Option<String>| {
        side.as_ref()
            .is_none_or(|text| text.chars().count() <= SHORT && !text.contains('\n'))
    };
    if fits(&field.before) && fits(&after) {
        return Shown::Pair {
            before: field.before.clone(),
            after,
        };
    }
    let side = |side: Option<&str>| side.map(fields::pretty).unwrap_or_default();
    let before = side(field.before.as_deref());
    let after = side(after.as_deref());
    let diff = TextDiff::from_lines(&before, &after);
    let mut lines = Vec::new();
    for (number, group) in diff.grouped_ops(3).iter().enumerate() {
        if number > 0 {
            lines.push((ChangeTag::Equal, "…".to_owned()));
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let text = change.value().trim_end_matches(['\n', '\r']);
            lines.push((change.tag(), text.to_owned()));
        }
    }
    if lines.len() > most {
        let more = words::count(lines.len() - most, "line", "lines");
        lines.truncate(most);
        lines.push((ChangeTag::Equal, format!("… {more} more")));
    }
    Shown::Lines(lines)
}

/// Fields as the lines of a difference: `- ou: Workloads/Dev`, `+ ou: Workloads/Prod`.
pub(super) fn diff_lines(changed: &[FieldChange]) -> Vec<String> {
    let mut lines = Vec::new();
    for field in changed {
        let name = printable(&field.field);
        match shown(field, TEXT_LINES) {
            Shown::Pair { before, after } => {
                for (sign, side) in [('-', before), ('+', after)] {
                    if let Some(side) = side {
                        let side = fields::quoted(&side);
                        lines.push(format!("{sign} {name}: {}", printable(&side)));
                    }
                }
            }
            Shown::Lines(changed) => {
                lines.push(format!("  {name}:"));
                for (tag, line) in changed {
                    let sign = match tag {
                        ChangeTag::Equal => ' ',
                        ChangeTag::Delete => '-',
                        ChangeTag::Insert => '+',
                    };
                    lines.push(format!("{sign}   {}", printable(&line)));
                }
            }
        }
    }
    lines
}

/// Text on one line, without characters that move the cursor, end a line or turn the writing
/// round: names and policies are other people's input.
pub(super) fn printable(text: &str) -> Cow<'_, str> {
    let harmful = |c: char| {
        c.is_control()
            || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}')
    };
    if !text.contains(harmful) {
        return Cow::Borrowed(text);
    }
    let clean = text.chars().map(|c| match c {
        '\t' | '\n' | '\r' | '\u{2028}' | '\u{2029}' => ' ',
        c if harmful(c) => '\u{fffd}',
        c => c,
    });
    Cow::Owned(clean.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worse_status_wins_and_signs_differ() {
        let all = Status::ALL;
        for (place, &status) in all.iter().enumerate() {
            for &better in &all[..place] {
                assert_eq!(better.worse(status), status);
                assert_eq!(status.worse(better), status);
                assert_ne!(better.sign(), status.sign());
            }
        }
    }

    #[test]
    fn a_path_is_one_word_for_a_shell() {
        assert_eq!(shell_word("plans/org.toml"), "plans/org.toml");
        assert_eq!(shell_word("our org.toml"), "'our org.toml'");
        assert_eq!(shell_word("it's; rm"), r"'it'\''s; rm'");
    }

    #[test]
    fn text_that_would_move_a_cursor_is_made_harmless() {
        assert_eq!(printable("plain – ünïcode 🐧"), "plain – ünïcode 🐧");
        assert_eq!(
            printable("\u{1b}[2Jred\u{202e}txt\nnext"),
            "\u{fffd}[2Jred\u{fffd}txt next"
        );
    }
}
