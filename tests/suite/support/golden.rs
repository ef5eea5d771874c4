//! Files, and parts of files, that say what the program says: kept in the repository, compared here, and written anew where
//! `INSTA_UPDATE=always` asks for it, as insta does with its snapshots.

use std::path::Path;

/// Whether kept files are written anew.
pub(crate) fn is_updated() -> bool {
    std::env::var_os("INSTA_UPDATE").is_some_and(|value| value == "always")
}

/// A whole file.
#[track_caller]
pub(crate) fn file(path: &Path, now: &str) {
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    hold(path, &kept, now, now);
}

/// What stands in a file between two texts.
#[track_caller]
pub(crate) fn part(path: &Path, between: (&str, &str), now: &str) {
    part_as(path, between, now, str::to_owned);
}

/// The same, compared as `seen` has both.
#[track_caller]
pub(crate) fn part_as(
    path: &Path,
    (from, to): (&str, &str),
    now: &str,
    seen: impl Fn(&str) -> String,
) {
    let text = std::fs::read_to_string(path).expect("is there");
    let (before, rest) = text.split_once(from).expect("the part begins");
    let (kept, after) = rest.split_once(to).expect("the part ends");
    let whole = format!("{before}{from}{now}{to}{after}");
    match is_updated() {
        true => hold(path, &text, &whole, &whole),
        false => hold(path, &seen(kept), &seen(now), &whole),
    }
}

#[track_caller]
fn hold(path: &Path, kept: &str, now: &str, whole: &str) {
    if kept == now {
        return;
    }
    if is_updated() {
        std::fs::write(path, whole).expect("writes");
        return;
    }
    let diff = similar::TextDiff::from_lines(kept, now);
    let lines = diff.unified_diff().header("kept", "now").to_string();
    let lines: Vec<&str> = lines.lines().take(80).collect();
    panic!(
        "{} is not current; `INSTA_UPDATE=always tests/run` writes it anew:\n{}",
        path.display(),
        lines.join("\n")
    );
}

#[test]
fn a_part_that_is_not_current_is_shown() {
    if is_updated() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("page.md");
    std::fs::write(&path, "head\n<!-- from -->\none\n<!-- to -->\ntail\n").expect("writes");
    let marks = ("<!-- from -->\n", "<!-- to -->");
    part(&path, marks, "one\n");
    part_as(&path, marks, "1\n", |text| text.replace("one", "1"));
    let shown = std::panic::catch_unwind(|| part(&path, marks, "two\n"));
    let shown = shown.expect_err("it differs");
    let shown = shown.downcast_ref::<String>().expect("a message");
    assert!(shown.contains("-one\n+two"), "{shown}");
    assert!(shown.contains("INSTA_UPDATE=always"), "{shown}");
}
