//! The organization as a tree: OUs that open and close, accounts with how they stand.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::{Page, badge, name, row_name};
use crate::plan::OuPath;
use crate::report::drift_view::{Row, Status};
use crate::report::words;

struct Tree<'a> {
    page: &'a Page<'a>,
    /// The OUs below one; `None` is the root.
    below: BTreeMap<Option<OuPath>, Vec<&'a OuPath>>,
    /// Accounts by OU, as numbers of rows; `None` holds those of which the plan knows no OU.
    accounts: BTreeMap<Option<&'a OuPath>, Vec<usize>>,
    /// The management account, which has no entry in a plan.
    management: Vec<usize>,
    /// Findings about an OU itself.
    own: BTreeMap<String, Status>,
}

pub(super) fn render(page: &Page<'_>) -> Markup {
    let mut tree = Tree {
        page,
        below: BTreeMap::new(),
        accounts: BTreeMap::new(),
        management: Vec::new(),
        own: BTreeMap::new(),
    };
    let root = OuPath::root();
    let findings = page.view.findings;
    for ou in &page.view.tree.ous {
        if !ou.is_root() {
            tree.below.entry(ou.parent()).or_default().push(ou);
        }
    }
    for (number, row) in page.grid.rows.iter().enumerate() {
        if let Some(account) = row.account {
            let ou = page.view.tree.accounts.get(account);
            let id = findings.accounts.get(account).and_then(Option::as_ref);
            match id == Some(&findings.management_account) && ou.is_none() {
                true => tree.management.push(number),
                false => tree.accounts.entry(ou).or_default().push(number),
            }
        }
    }
    for finding in &findings.findings {
        if let (None, Some(ou)) = (&finding.place.account, &finding.place.ou) {
            let own = tree.own.entry(ou.clone()).or_insert(Status::Clear);
            *own = own.worse(Status::of(finding));
        }
    }
    let organization = page
        .grid
        .rows
        .iter()
        .enumerate()
        .find(|(_, row)| row.account.is_none());
    let strangers = tree.accounts.get(&None).map_or(&[][..], Vec::as_slice);
    html! {
        ul.tree {
            @if let Some((number, row)) = organization { (tree.account(number, row)) }
            @for &number in tree.management.iter().chain(tree.accounts.get(&Some(&root)).into_iter().flatten()) {
                @if let Some(row) = page.grid.rows.get(number) { (tree.account(number, row)) }
            }
            @for ou in tree.below.get(&None).into_iter().flatten() { (tree.ou(ou)) }
            @if !strangers.is_empty() {
                li {
                    details open {
                        summary { "Not in the plan, " (words::count(strangers.len(), "account", "accounts")) }
                        (tree.accounts(strangers))
                    }
                }
            }
        }
    }
}

impl Tree<'_> {
    fn ou(&self, ou: &OuPath) -> Markup {
        let status = self.status(ou);
        let accounts = self.accounts.get(&Some(ou)).map_or(&[][..], Vec::as_slice);
        html! {
            li {
                details open[status != Status::Clear] {
                    summary { b { (name(ou.name())) } " " (badge(status)) " " small { (words::count(self.number(ou), "account", "accounts")) } }
                    (self.accounts(accounts))
                    @if let Some(below) = self.below.get(&Some(ou.clone())) {
                        ul { @for ou in below { (self.ou(ou)) } }
                    }
                }
            }
        }
    }

    fn accounts(&self, numbers: &[usize]) -> Markup {
        html! {
            @if !numbers.is_empty() {
                ul {
                    @for &number in numbers {
                        @if let Some(row) = self.page.grid.rows.get(number) { (self.account(number, row)) }
                    }
                }
            }
        }
    }

    fn account(&self, number: usize, row: &Row<'_>) -> Markup {
        let clear = row.findings.is_empty();
        html! {
            li.clear[clear] data-a=(number) {
                @if clear { (row_name(row)) } @else { a href={ "#a-" (number) } { (row_name(row)) } }
                " " (badge(row.status))
            }
        }
    }

    /// The accounts in an OU and below it.
    fn rows<'s>(&'s self, ou: &'s OuPath) -> impl Iterator<Item = &'s Row<'s>> {
        let inside = self
            .accounts
            .iter()
            .filter(move |(at, _)| at.is_some_and(|at| ou.contains(at)));
        inside
            .flat_map(|(_, numbers)| numbers)
            .filter_map(|&number| self.page.grid.rows.get(number))
    }

    fn number(&self, ou: &OuPath) -> usize {
        self.rows(ou).count()
    }

    /// The worst of an OU, the OUs below it and their accounts.
    fn status(&self, ou: &OuPath) -> Status {
        let own = self
            .own
            .iter()
            .filter(|(path, _)| path.parse::<OuPath>().is_ok_and(|path| ou.contains(&path)));
        own.map(|(_, &status)| status)
            .chain(self.rows(ou).map(|row| row.status))
            .fold(Status::Clear, Status::worse)
    }
}
