//! Findings as SARIF 2.1.0, for code scanning and other viewers of analysis results. Pure.
//!
//! A control is a rule and a finding a result, placed in the org plan's file (viewers want a file)
//! and, as a logical location, in its account and Region. What could not be read is a result of
//! kind `open` and a notification, and makes the run unsuccessful: a viewer must not take it for
//! clean.

use std::collections::{BTreeMap, BTreeSet};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use super::age;
use super::drift_view::{DriftView, also_about, diff_lines, fix, place, printable};
use crate::drift::{Cause, Finding, Fix, Kind, Severity};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
/// The name under which a result's identity travels; the number changes if identities do.
const FINGERPRINT: &str = "orgstrapFinding/v1";

/// The whole file.
pub fn render(view: &DriftView<'_>) -> String {
    let log = Log {
        schema: SCHEMA,
        version: "2.1.0",
        runs: [run(view)],
    };
    // Nothing here can fail: every key is a string.
    let mut text = serde_json::to_string_pretty(&log).unwrap_or_default();
    text.push('\n');
    text
}

fn run<'a>(view: &DriftView<'a>) -> Run<'a> {
    let findings = &view.findings.findings;
    let controls: BTreeSet<&str> = view
        .findings
        .checked
        .keys()
        .map(String::as_str)
        .chain(findings.iter().map(|finding| finding.control.as_str()))
        .collect();
    let index: BTreeMap<&str, usize> = controls
        .iter()
        .enumerate()
        .map(|(place, control)| (*control, place))
        .collect();
    let unread = findings
        .iter()
        .filter(|finding| finding.kind == Kind::Unread);
    let old = age::line(view.findings.taken_at, &view.findings.from_cache);
    Run {
        tool: Tool {
            driver: Driver {
                name: "orgstrap",
                semantic_version: env!("CARGO_PKG_VERSION"),
                rules: controls.iter().map(|name| rule(view, name)).collect(),
            },
        },
        automation_details: AutomationDetails {
            id: format!("orgstrap-drift/{}/", view.findings.management_account),
        },
        invocations: [Invocation {
            execution_successful: !view.findings.any_unread(),
            end_time_utc: view.findings.taken_at.to_string(),
            tool_execution_notifications: unread
                .map(|finding| Notification {
                    level: "error",
                    message: Message {
                        text: literal(&sentence(finding)),
                    },
                    associated_rule: Some(RuleReference {
                        id: &finding.control,
                        index: index.get(finding.control.as_str()).copied(),
                    }),
                })
                .chain(old.map(|text| Notification {
                    level: "note",
                    message: Message {
                        text: literal(&text),
                    },
                    associated_rule: None,
                }))
                .collect(),
        }],
        results: findings
            .iter()
            .map(|finding| Outcome {
                rule_id: &finding.control,
                rule_index: index.get(finding.control.as_str()).copied(),
                kind: kind(finding.kind),
                level: level(finding),
                message: Message {
                    text: message(finding, view.plan_file),
                },
                locations: [location(finding, view.plan_file)],
                partial_fingerprints: BTreeMap::from([(
                    FINGERPRINT,
                    finding.identity().fingerprint(),
                )]),
                properties: Properties {
                    severity: finding.severity,
                    finding_kind: finding.kind,
                    account: finding.place.account.as_deref(),
                    account_id: finding.place.account_id.as_ref().map(|id| id.as_str()),
                    region: finding.place.region.as_ref().map(|region| region.as_str()),
                    ou: finding.place.ou.as_deref(),
                    subject: &finding.subject,
                    fix: &finding.fix,
                    accounts: &finding.accounts,
                    cause: finding.cause.as_ref(),
                },
            })
            .collect(),
    }
}

fn rule<'a>(view: &DriftView<'a>, name: &'a str) -> Rule<'a> {
    let about = view.controls.about(name);
    let of_rule = || {
        let findings = &view.findings.findings;
        findings.iter().filter(move |f| f.control == name)
    };
    // A control without findings told nothing of its severity.
    let severity = of_rule()
        .map(|finding| finding.severity)
        .max()
        .unwrap_or(Severity::Medium);
    let references: BTreeSet<&str> = of_rule()
        .flat_map(|finding| finding.references.iter().map(String::as_str))
        .collect();
    let mut help = about.help.clone();
    if !references.is_empty() {
        let references: Vec<&str> = references.iter().copied().collect();
        help = format!("{help}\n\nAsked for by: {}.", references.join("; "));
    }
    if help.trim().is_empty() {
        help = about.title.clone();
    }
    Rule {
        id: name,
        short_description: Message { text: about.title },
        help: Message {
            text: help.trim().to_owned(),
        },
        default_configuration: Configuration {
            level: severity_level(severity),
        },
        properties: RuleProperties {
            tags: ["security"].into_iter().chain(references).collect(),
            security_severity: score(severity),
            precision: "very-high",
        },
    }
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Drift | Kind::Unmanaged => "fail",
        Kind::Unread => "open",
        Kind::Skipped => "notApplicable",
    }
}

/// The standard has a level only for what failed (§3.27.10).
fn level(finding: &Finding) -> &'static str {
    match finding.kind {
        Kind::Drift | Kind::Unmanaged => severity_level(finding.severity),
        Kind::Unread | Kind::Skipped => "none",
    }
}

fn severity_level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "note",
    }
}

/// Within the bands by which code scanning names severities: over 9.0 critical, from 7.0 high,
/// from 4.0 medium, below that low.
fn score(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "2.0",
        Severity::Info => "0.1",
    }
}

fn sentence(finding: &Finding) -> String {
    format!(
        "{} ({}): {}",
        printable(&finding.subject),
        printable(&place(&finding.place)),
        printable(&finding.title)
    )
}

fn message(finding: &Finding, plan_file: &str) -> String {
    let mut text = sentence(finding);
    for line in diff_lines(&finding.fields) {
        text.push('\n');
        text.push_str(&line);
    }
    if let Some(accounts) = also_about(finding) {
        text.push_str(&format!("\nabout {}", printable(&accounts)));
    }
    if let Some(cause) = &finding.cause {
        text.push_str(&format!("\nexplained by {}", printable(&cause.subject)));
    }
    if let Some(fix) = fix(&finding.fix, plan_file) {
        text.push('\n');
        text.push_str(&printable(&fix));
    }
    literal(&text)
}

/// Text that is neither a placeholder (§3.11.5: braces are doubled) nor a link (§3.11.6:
/// `[text](target)`).
fn literal(text: &str) -> String {
    text.replace('{', "{{")
        .replace('}', "}}")
        .replace("](", "] (")
}

fn location(finding: &Finding, plan_file: &str) -> Location {
    Location {
        physical_location: PhysicalLocation {
            artifact_location: ArtifactLocation {
                uri: uri(plan_file),
            },
            region: TextRegion { start_line: 1 },
        },
        logical_locations: [LogicalLocation {
            name: printable(&finding.subject).into_owned(),
            fully_qualified_name: printable(&place(&finding.place)).into_owned(),
            kind: "resource",
        }],
    }
}

/// A path as a URI reference (RFC 3986): relative as it is, absolute with its scheme.
fn uri(path: &str) -> String {
    const KEPT: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'/')
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~');
    let path = path.replace('\\', "/");
    let encoded = utf8_percent_encode(path.trim_start_matches("./"), KEPT).to_string();
    match encoded.starts_with('/') {
        true => format!("file://{encoded}"),
        false => encoded,
    }
}

#[derive(Serialize)]
struct Log<'a> {
    #[serde(rename = "$schema")]
    schema: &'a str,
    version: &'a str,
    runs: [Run<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<'a> {
    tool: Tool<'a>,
    automation_details: AutomationDetails,
    invocations: [Invocation<'a>; 1],
    results: Vec<Outcome<'a>>,
}

#[derive(Serialize)]
struct Tool<'a> {
    driver: Driver<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver<'a> {
    name: &'a str,
    semantic_version: &'a str,
    rules: Vec<Rule<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule<'a> {
    id: &'a str,
    short_description: Message,
    help: Message,
    default_configuration: Configuration,
    properties: RuleProperties<'a>,
}

#[derive(Serialize)]
struct Configuration {
    level: &'static str,
}

#[derive(Serialize)]
struct RuleProperties<'a> {
    tags: Vec<&'a str>,
    #[serde(rename = "security-severity")]
    security_severity: &'static str,
    precision: &'static str,
}

#[derive(Serialize)]
struct AutomationDetails {
    id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation<'a> {
    execution_successful: bool,
    end_time_utc: String,
    tool_execution_notifications: Vec<Notification<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Notification<'a> {
    level: &'static str,
    message: Message,
    #[serde(skip_serializing_if = "Option::is_none")]
    associated_rule: Option<RuleReference<'a>>,
}

#[derive(Serialize)]
struct RuleReference<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<usize>,
}

#[derive(Serialize)]
struct Message {
    text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome<'a> {
    rule_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule_index: Option<usize>,
    kind: &'static str,
    level: &'static str,
    message: Message,
    locations: [Location; 1],
    partial_fingerprints: BTreeMap<&'static str, String>,
    properties: Properties<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    physical_location: PhysicalLocation,
    logical_locations: [LogicalLocation; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
    region: TextRegion,
}

#[derive(Serialize)]
struct ArtifactLocation {
    uri: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TextRegion {
    start_line: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogicalLocation {
    name: String,
    fully_qualified_name: String,
    kind: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Properties<'a> {
    severity: Severity,
    finding_kind: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ou: Option<&'a str>,
    subject: &'a str,
    fix: &'a Fix,
    /// The accounts that it is about besides that of its place.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    accounts: &'a BTreeSet<String>,
    /// The finding that explains it.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'a Cause>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_neither_placeholders_nor_links() {
        assert_eq!(
            literal(r#"{0} [click](1) {"Action":["a"]}"#),
            r#"{{0}} [click] (1) {{"Action":["a"]}}"#
        );
    }

    #[test]
    fn paths_become_uri_references() {
        assert_eq!(uri("org.toml"), "org.toml");
        assert_eq!(uri("./plans/our org.toml"), "plans/our%20org.toml");
        assert_eq!(uri("plans\\org.toml"), "plans/org.toml");
        assert_eq!(uri("/srv/org.toml"), "file:///srv/org.toml");
        assert_eq!(uri("a:b.toml"), "a%3Ab.toml", "not a scheme");
    }
}
