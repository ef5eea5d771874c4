//! The forms of a drift report: what each says, that other people's software takes it, and that
//! names from outside stay text.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use orgstrap::drift::{Findings, Kind, Severity};
use orgstrap::plan;
use orgstrap::report::{drift_heat, drift_html, drift_junit, drift_markdown, drift_sarif};
use serde_json::Value;

use crate::support::findings::{HOSTILE, Sample, clean, large, sample};
use crate::support::{python, root};

/// Runs a script of `tests/python` on a file; `None` where there is no Python.
fn judged(script: &str, file: &Path) -> Option<Output> {
    let output = Command::new(python()?)
        .arg("-B")
        .arg(root().join("tests/python").join(script))
        .arg(file)
        .output()
        .expect("Python starts");
    Some(output)
}

fn written(folder: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).expect("writes");
    path
}

fn message(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[test]
fn findings_survive_a_file() {
    let findings = sample().findings;
    let text = serde_json::to_string(&findings).expect("writes");
    assert_eq!(
        serde_json::from_str::<Findings>(&text).expect("reads"),
        findings
    );
}

#[test]
fn the_sample_has_every_kind_and_severity() {
    let findings = sample().findings.findings;
    for severity in Severity::ALL {
        assert!(
            findings.iter().any(|f| f.severity == severity),
            "{severity}"
        );
    }
    for kind in [Kind::Drift, Kind::Unmanaged, Kind::Unread, Kind::Skipped] {
        assert!(findings.iter().any(|f| f.kind == kind), "{kind:?}");
    }
}

// ---- SARIF

fn sarif(sample: &Sample) -> Value {
    serde_json::from_str(&drift_sarif::render(&sample.view())).expect("is JSON")
}

#[test]
fn sarif_of_the_sample() {
    insta::with_settings!({filters => vec![(env!("CARGO_PKG_VERSION"), "VERSION")]}, {
        insta::assert_snapshot!(drift_sarif::render(&sample().view()));
    });
}

/// The OASIS schema comes with a package from PyPI; nothing of it is ours.
#[test]
fn sarif_is_valid_by_the_official_schema() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, sample) in [
        ("sample", sample()),
        ("clean", clean()),
        ("large", large(100)),
    ] {
        let path = written(&folder, name, &drift_sarif::render(&sample.view()));
        let Some(output) = judged("sarif_valid.py", &path) else {
            return;
        };
        assert!(output.status.success(), "{name}: {}", message(&output));
        assert_eq!(message(&output), "valid SARIF 2.1.0\n");
    }
    // A judge that takes everything proves nothing.
    let mut broken = sarif(&sample());
    broken["runs"][0]["results"][0]["level"] = "fatal".into();
    let path = written(&folder, "broken", &broken.to_string());
    let output = judged("sarif_valid.py", &path).expect("Python is there");
    assert!(!output.status.success());
    assert!(message(&output).contains("fatal"), "{}", message(&output));
}

/// SARIF 2.1.0 §3.27.9 and §3.27.10: kinds, and levels only for what failed.
#[test]
fn sarif_says_what_could_not_be_told_and_what_was_skipped() {
    let log = sarif(&sample());
    let run = &log["runs"][0];
    let results = run["results"].as_array().expect("results");
    assert_eq!(results.len(), sample().findings.findings.len());
    for result in results {
        let (kind, level) = match result["properties"]["findingKind"].as_str() {
            Some("unread") => ("open", Some("none")),
            Some("skipped") => ("notApplicable", Some("none")),
            _ => ("fail", None),
        };
        assert_eq!(result["kind"], kind);
        match level {
            Some(level) => assert_eq!(result["level"], level),
            None => assert_ne!(result["level"], "none"),
        }
        let rule = usize::try_from(result["ruleIndex"].as_u64().expect("a number")).expect("small");
        assert_eq!(run["tool"]["driver"]["rules"][rule]["id"], result["ruleId"]);
    }
    let invocation = &run["invocations"][0];
    assert_eq!(invocation["executionSuccessful"], false);
    assert_eq!(
        invocation["toolExecutionNotifications"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    let clean = sarif(&clean());
    let invocation = &clean["runs"][0]["invocations"][0];
    assert_eq!(invocation["executionSuccessful"], true);
    assert_eq!(clean["runs"][0]["results"], Value::Array(Vec::new()));
}

#[test]
fn sarif_fingerprints_are_those_of_the_findings_and_differ() {
    let log = sarif(&large(50));
    let mut prints: Vec<&str> = log["runs"][0]["results"]
        .as_array()
        .expect("results")
        .iter()
        .map(|result| {
            result["partialFingerprints"]["orgstrapFinding/v1"]
                .as_str()
                .expect("a fingerprint")
        })
        .collect();
    let number = prints.len();
    prints.sort_unstable();
    prints.dedup();
    assert_eq!(prints.len(), number);
}

// ---- JUnit

#[test]
fn junit_of_the_sample() {
    insta::assert_snapshot!(drift_junit::render(&sample().view()));
}

#[test]
fn junit_of_a_clean_organization_passes_and_has_a_case_for_each_control() {
    insta::assert_snapshot!(drift_junit::render(&clean().view()));
}

/// Read by a third party's parser, which must count what the findings are.
#[test]
fn junit_is_read_by_junitparser() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = written(&folder, "junit.xml", &drift_junit::render(&sample().view()));
    let Some(output) = judged("junit_read.py", &path) else {
        return;
    };
    assert!(output.status.success(), "{}", message(&output));
    let counts: Value = serde_json::from_slice(&output.stdout).expect("is JSON");
    // Of the sample: 7 of drift and not in the plan at or above low, 1 not read, 1 skipped; 1 of
    // severity info passes, and so do 4 controls' other checks.
    assert_eq!(counts["failures"], 7);
    assert_eq!(counts["errors"], 1);
    assert_eq!(counts["skipped"], 1);
    assert_eq!(counts["cases"], 14);
    assert_eq!(counts["counts_agree"], true);
}

// ---- Markdown

#[test]
fn markdown_of_the_sample() {
    insta::assert_snapshot!(drift_markdown::render(&sample().view()));
}

#[test]
fn markdown_of_a_clean_organization() {
    insta::assert_snapshot!(drift_markdown::render(&clean().view()));
}

/// GitHub: "Comment body is too long (maximum is 65536 characters)".
#[test]
fn markdown_fits_a_comment_and_says_what_it_left_out() {
    let sample = large(1000);
    let text = drift_markdown::render(&sample.view());
    assert!(text.chars().count() <= 65_536, "{}", text.len());
    let left = text.lines().last().expect("a line");
    assert!(
        left.contains("findings left out: a comment holds no more"),
        "{left}"
    );
    let number: usize = left
        .split(' ')
        .next()
        .and_then(|word| word.replace(',', "").parse().ok())
        .expect("a number first");
    assert_eq!(
        number + text.matches("\n#### ").count(),
        sample.findings.findings.len(),
        "every finding is shown or counted"
    );
}

// ---- heat

fn plain(lines: &[String]) -> String {
    anstream::adapter::strip_str(&lines.join("\n")).to_string()
}

#[test]
fn heat_of_the_sample() {
    insta::assert_snapshot!(plain(&drift_heat::render(&sample().findings, 80)));
}

#[test]
fn heat_in_a_narrow_terminal_comes_in_blocks() {
    insta::assert_snapshot!(plain(&drift_heat::render(&sample().findings, 40)));
}

#[test]
fn heat_keeps_to_the_width_and_tells_without_colour() {
    let sample = large(40);
    for width in [60, 80, 120] {
        let lines = drift_heat::render(&sample.findings, width);
        for line in plain(&lines).lines() {
            assert!(line.chars().count() <= width, "{width}: {line}");
        }
    }
    let colored = drift_heat::render(&sample.findings, 80).join("\n");
    assert!(
        colored.contains('\u{1b}'),
        "colours are for the printer to take out"
    );
    assert!(drift_heat::render(&clean().findings, 80).is_empty());
}

/// An account that nobody looked into is not one in which nothing was found.
#[test]
fn a_skipped_account_is_skipped_in_every_control() {
    let heat = plain(&drift_heat::render(&sample().findings, 80));
    let line = heat
        .lines()
        .find(|line| line.starts_with("closed-shop"))
        .expect("a line");
    let cells = line.trim_start_matches("closed-shop").replace(' ', "");
    assert_eq!(cells, "----------", "{line}");
    let html = drift_html::render(&sample().view());
    let row = html
        .split("<tr")
        .find(|row| row.contains("closed-shop") && row.contains("<td"))
        .expect("a row");
    // Account, worst, and one for each of 11 controls.
    assert_eq!(row.matches("<td class=\"s-skipped\">").count(), 11, "{row}");
}

// ---- names from outside

#[test]
fn no_format_passes_control_characters_or_turned_writing_on() {
    let sample = sample();
    let view = sample.view();
    for (format, text) in [
        ("junit", drift_junit::render(&view)),
        ("markdown", drift_markdown::render(&view)),
        ("html", drift_html::render(&view)),
        ("heat", plain(&drift_heat::render(&sample.findings, 80))),
    ] {
        assert!(text.contains("document.title"), "{format} has the name");
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{format}");
    }
}

#[test]
fn a_script_in_a_name_is_text() {
    assert!(HOSTILE.contains("<script>"));
    let html = drift_html::render(&sample().view());
    assert_eq!(html.matches("<script").count(), 1, "only the page's own");
    assert!(html.contains("&lt;script&gt;document.title"));
    for text in [
        drift_markdown::render(&sample().view()),
        drift_junit::render(&sample().view()),
    ] {
        assert!(!text.contains("<script"));
    }
}

// ---- HTML

#[test]
fn html_of_the_sample() {
    let html = drift_html::render(&sample().view());
    let (before, rest) = html.split_once("<style>").expect("a style");
    let (_, rest) = rest.split_once("</style>").expect("its end");
    let (body, _) = rest.rsplit_once("<script>").expect("a script");
    // One element a line; without the hashes, which change with the style and the script.
    let text = format!("{before}{body}").replace("><", ">\n<");
    insta::with_settings!({filters => vec![
        (r"sha256-[A-Za-z0-9+/=]+", "sha256-HASH"),
        (env!("CARGO_PKG_VERSION"), "VERSION"),
    ]}, {
        insta::assert_snapshot!(text);
    });
}

/// Nothing that a browser would fetch, and nothing that the page's own policy would stop.
/// The management account has no entry in a plan, and is no stranger; an account may lie in no OU.
#[test]
fn html_s_tree_has_every_account_in_its_place() {
    let mut sample = sample();
    let management = sample.findings.management_account.clone();
    let accounts = &mut sample.findings.accounts;
    accounts.insert("the-payer".to_owned(), Some(management));
    accounts.insert("at-the-root".to_owned(), None);
    let root = plan::OuPath::root();
    let tree = &mut sample.tree;
    tree.ous.insert(root.clone());
    tree.accounts.insert("at-the-root".to_owned(), root);
    let html = drift_html::render(&sample.view());
    let (_, tree) = html.split_once("<ul class=\"tree\">").expect("a tree");
    let (above, _) = tree.split_once("<details").expect("OUs");
    for name in ["the-payer", "at-the-root"] {
        assert!(above.contains(name), "{name}: {above}");
    }
}

#[test]
fn html_needs_nothing_else() {
    let html = drift_html::render(&sample().view());
    for word in [
        "http://",
        "https://",
        "src=",
        "@import",
        "url(",
        " style=",
        " onclick=",
    ] {
        assert!(!html.contains(word), "{word}");
    }
    let policy = html
        .split("Content-Security-Policy\" content=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .expect("a policy");
    assert!(policy.starts_with("default-src 'none';"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
}

#[test]
fn html_of_a_thousand_accounts_stays_small() {
    let sample = large(1000);
    let html = drift_html::render(&sample.view());
    let mebibytes = html.len() as f64 / f64::from(1 << 20);
    eprintln!(
        "{} findings in 1,000 accounts: {mebibytes:.1} MiB",
        sample.findings.findings.len()
    );
    assert!(mebibytes < 16.0, "{mebibytes:.1} MiB");
    let html = drift_html::render(&clean_large().view());
    let mebibytes = html.len() as f64 / f64::from(1 << 20);
    eprintln!("no findings in 1,000 accounts: {mebibytes:.1} MiB");
    assert!(mebibytes < 1.0, "{mebibytes:.1} MiB");
}

fn clean_large() -> Sample {
    let mut sample = large(1000);
    sample.findings.findings.clear();
    sample
}

/// Opened, filtered, walked through with the keyboard, in light and dark, in a real browser; see
/// the script. In CI a missing browser is a failure.
#[test]
fn html_works_in_chromium() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let sample = sample();
    let small = written(&folder, "small.html", &drift_html::render(&sample.view()));
    let big = written(
        &folder,
        "large.html",
        &drift_html::render(&large(1000).view()),
    );
    let output = Command::new(python)
        .arg("-B")
        .arg(root().join("tests/python/drift_html.py"))
        .args([&small, &big])
        // The characters that no format passes on are shown as replaced.
        .arg(HOSTILE.replace(['\u{1b}', '\u{202e}'], "\u{fffd}"))
        .arg(sample.findings.findings.len().to_string())
        .output()
        .expect("Python starts");
    if output.status.code() == Some(77) && std::env::var_os("CI").is_none() {
        eprintln!("skipped: {}", message(&output));
        return;
    }
    assert!(output.status.success(), "{}", message(&output));
    assert!(
        message(&output).ends_with("the report works in Chromium\n"),
        "{}",
        message(&output)
    );
}
