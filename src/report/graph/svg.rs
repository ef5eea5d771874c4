//! One self-contained SVG: boxes in boxes, for light and dark, with a title and a description that a screen
//! reader tells. Nothing in it is loaded or run.

use maud::{Markup, PreEscaped, Render, html};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::{account_lines, group_lines, group_title, text, title, whole_lines};
use crate::drift::Severity;
use crate::inventory::visible;
use crate::picture::{Group, Leaf, OrgChart};

const STYLE: &str = "\
.page{fill:#fff}.group{fill:#f6f8fa;stroke:#d0d7de}.account{fill:#fff;stroke:#8c959f}\
.duty{stroke:#0550ae;stroke-width:2}.bad{stroke:#b42318;stroke-width:2}\
text{font:13px system-ui,sans-serif;fill:#1b1f24}.name{font-weight:600}.quiet{fill:#57606a;font-size:11px}\
@media(prefers-color-scheme:dark){.page{fill:#0d1117}.group{fill:#161b22;stroke:#30363d}\
.account{fill:#0d1117;stroke:#6e7681}.duty{stroke:#79c0ff}.bad{stroke:#ffa198}text{fill:#e6edf3}.quiet{fill:#9ea7b3}}";

/// Pixels.
const WIDTH: usize = 1_000;
const MARGIN: usize = 12;
const ACCOUNT: usize = 226;
const LINE: usize = 15;
const HEAD: usize = 20;
/// About how wide a character is drawn, in tenths: names are semibold at 13, the rest is 11.
const NAME_TENTHS: usize = 78;
const QUIET_TENTHS: usize = 63;

/// The picture.
pub fn svg(picture: &OrgChart) -> String {
    let about = whole_lines(picture);
    let top = MARGIN + HEAD + about.len() * LINE;
    let root = Laid::of(&picture.root, WIDTH - 2 * MARGIN);
    let height = top + root.height + MARGIN;
    let markup = html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox={ "0 0 " (WIDTH) " " (height) }
            width=(WIDTH) height=(height) role="img" aria-labelledby="t d" {
            title id="t" { (title(picture)) }
            desc id="d" { (text(picture)) }
            style { (PreEscaped(STYLE)) }
            rect class="page" width=(WIDTH) height=(height) {}
            text x=(MARGIN) y=(MARGIN + 12) class="name" { (title(picture)) }
            @for (number, line) in about.iter().enumerate() {
                text x=(MARGIN) y=(MARGIN + 12 + (number + 1) * LINE) class="quiet" { (line) }
            }
            (root.draw(MARGIN, top))
        }
    };
    format!("{}\n", markup.into_string())
}

/// A group with its size.
struct Laid<'a> {
    group: &'a Group,
    lines: Vec<String>,
    below: Vec<Laid<'a>>,
    columns: usize,
    /// The height of each row of accounts.
    rows: Vec<usize>,
    width: usize,
    height: usize,
}

impl<'a> Laid<'a> {
    fn of(group: &'a Group, width: usize) -> Self {
        let inside = width - 2 * MARGIN;
        let columns = ((inside + MARGIN) / (ACCOUNT + MARGIN)).max(1);
        let lines = group_lines(group);
        let below: Vec<Laid<'_>> = group
            .groups
            .iter()
            .map(|group| Laid::of(group, inside))
            .collect();
        let rows: Vec<usize> = group
            .accounts
            .chunks(columns)
            .map(|row| {
                let most = row.iter().map(|leaf| account_lines(leaf).len()).max();
                HEAD + most.unwrap_or(0) * LINE + 8
            })
            .collect();
        let head = HEAD + lines.len() * LINE + 4;
        let accounts: usize = rows.iter().map(|row| row + MARGIN).sum();
        let groups: usize = below.iter().map(|laid| laid.height + MARGIN).sum();
        Laid {
            height: head + MARGIN + accounts + groups,
            group,
            lines,
            below,
            columns,
            rows,
            width,
        }
    }

    fn draw(&self, x: usize, y: usize) -> Markup {
        let mut at = y + HEAD + self.lines.len() * LINE + 4 + MARGIN / 2;
        let name = group_title(self.group);
        let mut drawn: Vec<Markup> = Vec::new();
        for (row, height) in self.group.accounts.chunks(self.columns).zip(&self.rows) {
            for (column, leaf) in row.iter().enumerate() {
                let left = x + MARGIN + column * (ACCOUNT + MARGIN);
                drawn.push(account(leaf, left, at, *height));
            }
            at += height + MARGIN;
        }
        for laid in &self.below {
            drawn.push(laid.draw(x + MARGIN, at));
            at += laid.height + MARGIN;
        }
        html! {
            g {
                title { (name) }
                rect class=(class("group", &self.group.findings, false)) x=(x) y=(y) rx="8"
                    width=(self.width) height=(self.height) {}
                text class="name" x=(x + MARGIN) y=(y + 18) {
                    (fitting(&name, self.width - 2 * MARGIN, NAME_TENTHS))
                }
                (quiet(&self.lines, x + MARGIN, y + 18, self.width - 2 * MARGIN))
                @for part in &drawn { (part) }
            }
        }
    }
}

fn account(leaf: &Leaf, x: usize, y: usize, height: usize) -> Markup {
    let lines = account_lines(leaf);
    let name = visible(&leaf.name);
    html! {
        g {
            title { (name) @for line in &lines { "; " (line) } }
            rect class=(class("account", &leaf.findings, !leaf.duties.is_empty())) x=(x) y=(y) rx="6"
                width=(ACCOUNT) height=(height) {}
            text class="name" x=(x + 8) y=(y + 17) { (fitting(&name, ACCOUNT - 16, NAME_TENTHS)) }
            (quiet(&lines, x + 8, y + 17, ACCOUNT - 16))
        }
    }
}

fn quiet(lines: &[String], x: usize, y: usize, width: usize) -> impl Render {
    html! {
        @for (number, line) in lines.iter().enumerate() {
            text class="quiet" x=(x) y=(y + (number + 1) * LINE) { (fitting(line, width, QUIET_TENTHS)) }
        }
    }
}

fn class(kind: &'static str, findings: &crate::picture::Counts, duty: bool) -> String {
    let worst = findings.keys().next_back();
    let bad = worst.is_some_and(|severity| *severity >= Severity::Medium);
    match (bad, duty) {
        (true, _) => format!("{kind} bad"),
        (false, true) => format!("{kind} duty"),
        (false, false) => kind.to_owned(),
    }
}

/// As much of a text as fits, with `…` where some is missing; the whole is in the title.
fn fitting(text: &str, width: usize, tenths: usize) -> String {
    let most = width * 10 / tenths;
    if text.width() <= most {
        return text.to_owned();
    }
    let mut short = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > most {
            break;
        }
        short.push(c);
    }
    short.push('…');
    short
}
