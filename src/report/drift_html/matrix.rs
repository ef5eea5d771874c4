//! The grid of accounts and controls. Cells with nothing found are empty elements: with a
//! thousand accounts they are nearly all there is.

use maud::{Markup, html};

use super::{Page, badge, class, row_name};
use crate::report::drift_view::{Row, Status, printable};
use crate::report::words;

pub(super) fn render(page: &Page<'_>) -> Markup {
    html! {
        p {
            "A cell leads to its first finding. Signs: "
            @for (number, status) in Status::ALL.into_iter().rev().enumerate() {
                @if number > 0 { ", " }
                @match status {
                    Status::Clear => { "empty " (status.as_str()) }
                    _ => { b { (status.sign()) } " " (status.as_str()) }
                }
            }
            "."
        }
        // It scrolls, so the keyboard must reach it.
        div.scroll tabindex="0" role="region" aria-label="Grid of accounts and controls" {
            table.matrix {
                caption.v { "How each control stands in each account" }
                thead {
                    tr {
                        th scope="col" { "Account" }
                        th scope="col" { "Worst" }
                        @for control in &page.grid.controls { th.turned scope="col" { span { (printable(control)) } } }
                    }
                }
                tbody {
                    @for (number, row) in page.grid.rows.iter().enumerate() { (line(page, number, row)) }
                }
            }
        }
    }
}

fn line(page: &Page<'_>, number: usize, row: &Row<'_>) -> Markup {
    let clear = row.findings.is_empty();
    html! {
        tr.clear[clear] data-a=(number) {
            th scope="row" {
                @if clear { (row_name(row)) } @else { a href={ "#a-" (number) } { (row_name(row)) } }
            }
            td { (badge(row.status)) }
            @for (column, control) in page.grid.controls.iter().enumerate() {
                @match row.cells.get(&column) {
                    None if row.rest == Status::Clear => td {},
                    None => td class=(class(row.rest)) { (row.rest.sign()) },
                    Some(cell) => {
                        @let message = format!("{control}: {}, {}", cell.status.as_str(), words::count(cell.count, "finding", "findings"));
                        td class=(class(cell.status)) {
                            @if let Some(id) = page.ids.get(cell.first) {
                                a href={ "#" (id) } aria-label=(printable(&message)) title=(printable(&message)) { (cell.status.sign()) }
                            }
                        }
                    }
                }
            }
        }
    }
}
