//! One finding: what, where, how bad, before and after, and the way out.

use maud::{Markup, html};
use similar::ChangeTag;

use super::{Page, badge, kind_value, name};
use crate::change::FieldChange;
use crate::drift::Kind;
use crate::report::drift_view::{self, Shown, Status, fix, kind_word, printable};

pub(super) fn render(page: &Page<'_>, place: usize) -> Markup {
    let (Some(finding), Some(id)) = (page.view.findings.findings.get(place), page.ids.get(place))
    else {
        return html! {};
    };
    let about = page.view.controls.about(&finding.control);
    html! {
        article id=(id) data-severity=(finding.severity as u8) data-kind=(kind_value(finding.kind)) data-control=(finding.control) {
            details {
                summary {
                    h4 { (name(&finding.subject)) }
                    " " (badge(Status::of(finding)))
                    @if finding.kind == Kind::Unmanaged { " " span.b { (kind_word(finding.kind)) } }
                    " " span.title { (printable(&finding.title)) }
                }
                dl {
                    div { dt { "Control" } dd { code { (printable(&finding.control)) } @if about.title != finding.control { " " (printable(&about.title)) } } }
                    div { dt { "Severity" } dd { (finding.severity) } }
                    div {
                        dt { "Where" }
                        dd {
                            (name(&drift_view::place(&finding.place)))
                            @if let Some(id) = &finding.place.account_id { ", account " (id) }
                            @if let (Some(_), Some(ou)) = (&finding.place.account, &finding.place.ou) { ", OU " (name(ou)) }
                        }
                    }
                    @if let Some(accounts) = drift_view::also_about(finding) {
                        div { dt { "About" } dd { (name(&accounts)) } }
                    }
                    @if let Some(cause) = &finding.cause {
                        div { dt { "Explained by" } dd { (name(&cause.subject)) } }
                    }
                    @if !finding.references.is_empty() {
                        div { dt { "Asked for by" } dd { (printable(&finding.references.join("; "))) } }
                    }
                    @if let Some(fix) = fix(&finding.fix, page.view.plan_file) {
                        div { dt { "Put right" } dd { (ticked(&fix)) } }
                    }
                }
                @if !finding.fields.is_empty() { (fields(&finding.fields)) }
                p { a.alone href={ "#" (id) } { "This finding alone" } a.back href="#findings" { "All findings" } }
            }
        }
    }
}

/// Words between backticks as code.
fn ticked(text: &str) -> Markup {
    let parts: Vec<&str> = text.split('`').collect();
    html! {
        @if parts.len().is_multiple_of(2) { (printable(text)) } @else {
            @for (number, part) in parts.iter().enumerate() {
                @if number.is_multiple_of(2) { (printable(part)) } @else { code { (printable(part)) } }
            }
        }
    }
}

fn fields(changed: &[FieldChange]) -> Markup {
    html! {
        table.fields {
            caption.v { "Before and after" }
            thead { tr { th scope="col" { "Property" } th scope="col" { "Is" } th scope="col" { "Should be" } } }
            tbody {
                @for field in changed {
                    tr {
                        th scope="row" { (name(&field.field)) }
                        @match drift_view::shown(field, drift_view::PAGE_LINES) {
                            Shown::Pair { before, after } => {
                                td { (side(before.as_deref())) }
                                td { (side(after.as_deref())) }
                            }
                            Shown::Lines(lines) => td colspan="2" { pre { @for (tag, line) in &lines { (changed_line(*tag, line)) "\n" } } },
                        }
                    }
                }
            }
        }
    }
}

fn side(value: Option<&str>) -> Markup {
    match value {
        None => html! { i { "none" } },
        Some("") => html! { i { "empty" } },
        Some(value) => html! { code { (printable(value)) } },
    }
}

/// The sign is text: colour alone would not tell.
fn changed_line(tag: ChangeTag, line: &str) -> Markup {
    let line = printable(line);
    match tag {
        ChangeTag::Equal => html! { "  " (line) },
        ChangeTag::Delete => html! { del { "- " (line) } },
        ChangeTag::Insert => html! { ins { "+ " (line) } },
    }
}
