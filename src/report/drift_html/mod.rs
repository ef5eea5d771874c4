//! Findings as one HTML file that needs nothing else: no network, no server, no other file. Pure.
//!
//! The organization as a tree, the grid of accounts and controls, and a page a finding (its
//! fragment shows it alone). Everything is there without the script, which filters and opens.
//! Names and policies are other people's input: the template engine escapes every text, and the
//! content security policy lets only this file's own style and script run, by their hashes.

mod finding;
mod matrix;
mod tree;

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use super::drift_view::{DriftView, Grid, Row, Status, counted, grid, printable};
use super::{age, words};
use crate::drift::{Findings, Kind, Severity};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");
/// With more accounts than this, those with nothing found are shown when asked for.
const FEW: usize = 100;

/// The whole file.
pub fn render(view: &DriftView<'_>) -> String {
    let page = Page::new(view);
    page.document().into_string()
}

/// What the parts of the page share.
struct Page<'a> {
    view: &'a DriftView<'a>,
    grid: Grid<'a>,
    /// The id of each finding's element, by its place in the check.
    ids: Vec<String>,
}

impl<'a> Page<'a> {
    fn new(view: &'a DriftView<'a>) -> Self {
        let mut grid = grid(view.findings);
        // Worst first; by name within a status, since the sort is stable.
        grid.rows.sort_by_key(|row| row.status.worst_first());
        Self {
            ids: ids(view.findings),
            view,
            grid,
        }
    }

    fn document(&self) -> Markup {
        let found = self.view.findings;
        let title = format!("Drift of organization {}", found.management_account);
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta http-equiv="Content-Security-Policy" content=(policy());
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta name="referrer" content="no-referrer";
                    title { (title) ": " (counted(&found.findings)) }
                    // Browsers would ask the server for one.
                    link rel="icon" href="data:,";
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    a.skip href="#filter" { "Skip to the filter" }
                    a.skip href="#findings" { "Skip to the findings" }
                    header {
                        h1 { (title) }
                        (self.message())
                        nav aria-label="Parts of this page" {
                            a href="#organization" { "Organization" }
                            a href="#matrix" { "Accounts and controls" }
                            a href="#findings" { "Findings" }
                        }
                    }
                    main {
                        (self.filter())
                        section #organization aria-labelledby="organization-title" {
                            h2 #organization-title { "Organization" }
                            (tree::render(self))
                        }
                        section #matrix aria-labelledby="matrix-title" {
                            h2 #matrix-title { "Accounts and controls" }
                            (matrix::render(self))
                        }
                        section #findings tabindex="-1" aria-labelledby="findings-title" {
                            h2 #findings-title { "Findings" }
                            (self.findings())
                        }
                    }
                    footer {
                        p { "Made by orgstrap " (env!("CARGO_PKG_VERSION")) ". This file needs no network and sends nothing." }
                    }
                    script { (PreEscaped(SCRIPT)) }
                }
            }
        }
    }

    /// What was checked, and what came of it.
    fn message(&self) -> Markup {
        let found = self.view.findings;
        let number = |status: Status| {
            let findings = found.findings.iter();
            findings.filter(|f| Status::of(f) == status).count()
        };
        html! {
            p {
                "Against the org plan " (name(self.view.plan_file)) ", read "
                time datetime=(found.taken_at) { (found.taken_at.strftime("%Y-%m-%d %H:%M:%S UTC")) }
                ": " (words::count(found.checked.values().sum(), "check", "checks"))
                " of " (words::count(self.grid.controls.len(), "control", "controls"))
                " in " (words::count(found.accounts.len(), "account", "accounts")) "."
                @if let Some(age) = age::line(found.taken_at, &found.from_cache) { " " (age) }
            }
            ul.counts aria-label="Findings by severity" {
                @for status in Status::ALL.into_iter().rev().filter(|&s| number(s) > 0) {
                    li class=(class(status)) { strong { (words::grouped(number(status))) } " " (status.as_str()) }
                }
                @if found.findings.is_empty() { li.s-clear { "nothing found" } }
            }
        }
    }

    fn filter(&self) -> Markup {
        let controls: BTreeSet<&str> = self
            .view
            .findings
            .findings
            .iter()
            .map(|f| f.control.as_str())
            .collect();
        let total = words::count(self.view.findings.findings.len(), "finding", "findings");
        html! {
            // A region and not a form: nothing is sent.
            section #filter tabindex="-1" role="search" aria-labelledby="filter-title" {
                h2 #filter-title { "Filter" }
                div.controls {
                    div { label for="q" { "Search" } input #q type="search" autocomplete="off" spellcheck="false" placeholder="account, subject, text"; }
                    div {
                        label for="severity" { "Severity" }
                        select #severity {
                            option value="0" { "any" }
                            @for severity in Severity::ALL.into_iter().skip(1) {
                                option value=(severity as u8) { (severity) @if severity != Severity::Critical { " or worse" } }
                            }
                        }
                    }
                    div {
                        label for="kind" { "Kind" }
                        select #kind {
                            option value="" { "any" }
                            @for kind in [Kind::Drift, Kind::Unmanaged, Kind::Unread, Kind::Skipped] {
                                option value=(kind_value(kind)) { (super::drift_view::kind_word(kind)) }
                            }
                        }
                    }
                    div {
                        label for="control" { "Control" }
                        select #control {
                            option value="" { "any" }
                            @for control in controls { option value=(control) { (printable(control)) } }
                        }
                    }
                    div { button #reset type="button" { "Clear the filter" } }
                    div {
                        label.check for="everyone" {
                            input #everyone type="checkbox" checked[self.view.findings.accounts.len() <= FEW];
                            " Accounts with nothing found"
                        }
                    }
                }
                p #count role="status" aria-live="polite" data-total=(self.view.findings.findings.len()) { (total) }
                noscript { p { "Filtering needs this page's own script; everything else works without." } }
            }
        }
    }

    /// Findings by account, worst account first.
    fn findings(&self) -> Markup {
        html! {
            @for (number, row) in self.grid.rows.iter().enumerate().filter(|(_, row)| !row.findings.is_empty()) {
                section.account id=(format_args!("a-{number}")) aria-labelledby=(format_args!("at-{number}")) {
                    h3 id=(format_args!("at-{number}")) {
                        (row_name(row)) " "
                        (badge(row.status))
                        @if let Some(id) = row.id { " " small { (id) } }
                    }
                    @for &place in &row.findings { (finding::render(self, place)) }
                }
            }
            @if self.view.findings.findings.is_empty() { p { "Nothing was found: everything that was checked is as the plan and its baselines keep it." } }
            p #nothing hidden { "No finding passes the filter." }
        }
    }
}

/// Element ids from the findings' identities, so that a link to one holds in the next report too.
fn ids(found: &Findings) -> Vec<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    found
        .findings
        .iter()
        .map(|finding| {
            let print: String = finding.identity().fingerprint().chars().take(16).collect();
            let number = seen.entry(print.clone()).or_default();
            *number += 1;
            match *number {
                1 => format!("f-{print}"),
                again => format!("f-{print}-{again}"),
            }
        })
        .collect()
}

fn policy() -> String {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; img-src data:; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
}

/// A text from outside, apart from the direction of the writing round it.
fn name(text: &str) -> Markup {
    html! { bdi { (printable(text)) } }
}

fn row_name(row: &Row<'_>) -> Markup {
    match row.account {
        Some(account) => name(account),
        None => html! { "The organization" },
    }
}

fn badge(status: Status) -> Markup {
    html! { span class={ "b " (class(status)) } { (status.as_str()) } }
}

fn class(status: Status) -> &'static str {
    match status {
        Status::Clear => "s-clear",
        Status::Skipped => "s-skipped",
        Status::Unread => "s-unread",
        Status::Found(Severity::Info) => "s-info",
        Status::Found(Severity::Low) => "s-low",
        Status::Found(Severity::Medium) => "s-medium",
        Status::Found(Severity::High) => "s-high",
        Status::Found(Severity::Critical) => "s-critical",
    }
}

fn kind_value(kind: Kind) -> &'static str {
    match kind {
        Kind::Drift => "drift",
        Kind::Unmanaged => "unmanaged",
        Kind::Unread => "unread",
        Kind::Skipped => "skipped",
    }
}
