//! The heat line of the text report: an account a line, a control a cell. Pure; colours are ANSI
//! that the printer takes out where they are not wanted, and every cell tells without them.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::drift_view::{Grid, Row, Status, grid, printable};
use super::style::{self, paint};
use super::words;
use crate::drift::{Findings, Severity};

/// The widest that an account's name may be.
const NAME: usize = 32;

/// Accounts with findings, worst first, a cell for each control with findings; below it what the
/// columns and the signs are. What is wider than the terminal comes in blocks, an account only
/// where it has a finding. Lines are at most `width` columns wide, as long as that is enough for a
/// name and one cell. Empty if nothing was found.
pub fn render(found: &Findings, width: usize) -> Vec<String> {
    let grid = grid(found);
    let columns: Vec<usize> = (0..grid.controls.len())
        .filter(|column| grid.rows.iter().any(|row| row.cells.contains_key(column)))
        .collect();
    let mut rows: Vec<&Row<'_>> = grid
        .rows
        .iter()
        .filter(|row| !row.cells.is_empty())
        .collect();
    if rows.is_empty() {
        return Vec::new();
    }
    // Stable: by name within a status.
    rows.sort_by_key(|row| row.status.worst_first());
    let names: Vec<String> = rows.iter().map(|row| cut(row.name(), NAME)).collect();
    let name_width = names.iter().map(|name| name.width()).max().unwrap_or(0);
    // Families of controls stand apart by a space, so a cell may take two columns.
    let cells = (width.saturating_sub(name_width + 2) / 2).max(1);
    let mut lines = Vec::new();
    for block in columns.chunks(cells) {
        lines.push(format!(
            "{}  {}",
            " ".repeat(name_width),
            paint(style::DIM, spaced(&grid, block, |place, _| letter(place)))
        ));
        for (row, name) in rows.iter().zip(&names) {
            if !block.iter().any(|column| row.cells.contains_key(column)) {
                continue;
            }
            let pad = " ".repeat(name_width - name.width());
            let cells = spaced(&grid, block, |_, column| {
                let status = row.cells.get(&column).map_or(row.rest, |c| c.status);
                paint(color(status), status.sign())
            });
            lines.push(format!("{name}{pad}  {cells}"));
        }
        lines.push(String::new());
        lines.extend(block.iter().enumerate().filter_map(|(place, &column)| {
            let control = grid.controls.get(column)?;
            Some(format!(
                "  {}  {}",
                paint(style::DIM, letter(place)),
                printable(control)
            ))
        }));
        lines.push(String::new());
    }
    lines.extend(legend(&rows, width));
    let accounts = grid
        .rows
        .iter()
        .filter(|row| row.account.is_some() && row.cells.is_empty())
        .count();
    if accounts > 0 {
        lines.push(format!(
            "{} with nothing found",
            words::count(accounts, "account", "accounts")
        ));
    }
    lines
}

/// The cells of a block, families apart.
fn spaced<T: ToString>(
    grid: &Grid<'_>,
    block: &[usize],
    cell: impl Fn(usize, usize) -> T,
) -> String {
    let family = |column: usize| {
        let control = grid.controls.get(column).copied().unwrap_or_default();
        control.split('.').next().unwrap_or_default()
    };
    let mut line = String::new();
    let mut before = None;
    for (place, &column) in block.iter().enumerate() {
        if before.is_some_and(|before| before != family(column)) {
            line.push(' ');
        }
        before = Some(family(column));
        line.push_str(&cell(place, column).to_string());
    }
    line
}

/// The name of a column: a to z, then A to Z, then from the start; each block has its own.
fn letter(place: usize) -> char {
    let place = u8::try_from(place % 52).unwrap_or(0);
    match place {
        0..26 => char::from(b'a' + place),
        _ => char::from(b'A' + place - 26),
    }
}

/// The signs in use.
fn legend(rows: &[&Row<'_>], width: usize) -> Vec<String> {
    let used = |status: Status| {
        status == Status::Clear
            || rows
                .iter()
                .any(|row| row.cells.values().any(|cell| cell.status == status))
    };
    let mut lines: Vec<(String, usize)> = Vec::new();
    for status in Status::ALL.into_iter().rev().filter(|&s| used(s)) {
        let plain = status.as_str().len() + 2;
        let item = format!(
            "{} {}",
            paint(color(status), status.sign()),
            status.as_str()
        );
        match lines.last_mut() {
            Some((line, taken)) if *taken + 3 + plain <= width => {
                line.push_str("   ");
                line.push_str(&item);
                *taken += 3 + plain;
            }
            _ => lines.push((item, plain)),
        }
    }
    lines.into_iter().map(|(line, _)| line).collect()
}

fn color(status: Status) -> anstyle::Style {
    match status {
        Status::Clear | Status::Skipped => style::DIM,
        Status::Unread => style::HINT,
        Status::Found(Severity::Info | Severity::Low) => anstyle::Style::new(),
        Status::Found(Severity::Medium) => style::CHANGE,
        Status::Found(Severity::High) => style::DELETE,
        Status::Found(Severity::Critical) => style::ERROR.invert(),
    }
}

/// `text` in at most `width` columns.
fn cut(text: &str, width: usize) -> String {
    let text = printable(text);
    if text.width() <= width {
        return text.into_owned();
    }
    let mut cut = String::new();
    let mut taken = 0;
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if taken + wide + 1 > width {
            break;
        }
        taken += wide;
        cut.push(c);
    }
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_by_columns_not_by_letters() {
        assert_eq!(cut("payments-prod", 13), "payments-prod");
        assert_eq!(cut("payments-prod", 9), "payments…");
        // Each of these takes two columns.
        assert_eq!(cut("支払い本番", 7), "支払い…");
    }
}
