//! Findings as JUnit XML, which every CI system can show. Pure.
//!
//! A suite is a control and a case a finding in its place. What could not be read is an error, what
//! was left out on purpose is skipped, and a finding below the severity that counts passes with its
//! text, so that the file says the same as the exit code.

use std::collections::BTreeSet;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

use super::drift_view::{DriftView, also_about, diff_lines, fix, place, printable};
use super::{age, words};
use crate::drift::{Finding, Kind};

/// The whole file.
pub fn render(view: &DriftView<'_>) -> String {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    // A vector takes every write.
    let _ = suites(view, &mut writer);
    let mut text = String::from_utf8_lossy(&writer.into_inner()).into_owned();
    text.push('\n');
    text
}

/// How a case ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Passed,
    Failed,
    Error,
    Skipped,
}

fn end(finding: &Finding, view: &DriftView<'_>) -> End {
    match finding.kind {
        Kind::Unread => End::Error,
        Kind::Skipped => End::Skipped,
        Kind::Drift | Kind::Unmanaged if finding.severity >= view.fail_on => End::Failed,
        Kind::Drift | Kind::Unmanaged => End::Passed,
    }
}

type Xml = Writer<Vec<u8>>;

fn suites(view: &DriftView<'_>, xml: &mut Xml) -> std::io::Result<()> {
    let found = view.findings;
    let controls: BTreeSet<&str> = found
        .checked
        .keys()
        .map(String::as_str)
        .chain(found.findings.iter().map(|f| f.control.as_str()))
        .collect();
    let suites: Vec<Suite<'_>> = controls
        .into_iter()
        .map(|control| Suite::of(control, view))
        .collect();
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let mut root = BytesStart::new("testsuites");
    root.push_attribute(("name", "orgstrap drift"));
    let mut ends: Vec<End> = Vec::new();
    let mut tests = 0;
    for suite in &suites {
        ends.extend(suite.cases.iter().map(|(_, end)| *end));
        tests += suite.tests();
    }
    counts(&mut root, tests, &ends);
    xml.write_event(Event::Start(root))?;
    for suite in &suites {
        suite.write(view, xml)?;
    }
    xml.write_event(Event::End(BytesEnd::new("testsuites")))
}

fn counts(element: &mut BytesStart<'_>, tests: usize, ends: &[End]) {
    let count = |desired: End| ends.iter().filter(|&&end| end == desired).count();
    for (name, number) in [
        ("tests", tests),
        ("failures", count(End::Failed)),
        ("errors", count(End::Error)),
        ("skipped", count(End::Skipped)),
    ] {
        element.push_attribute((name, number.to_string().as_str()));
    }
    element.push_attribute(("time", "0"));
}

struct Suite<'a> {
    control: &'a str,
    cases: Vec<(&'a Finding, End)>,
    /// How many checks of the control found nothing.
    clear: usize,
}

impl<'a> Suite<'a> {
    fn of(control: &'a str, view: &DriftView<'a>) -> Self {
        let findings = view.findings.findings.iter();
        let cases: Vec<_> = findings
            .filter(|finding| finding.control == control)
            .map(|finding| (finding, end(finding, view)))
            .collect();
        let checked = view.findings.checked.get(control).copied().unwrap_or(0);
        Self {
            control,
            clear: checked.saturating_sub(cases.len()),
            cases,
        }
    }

    /// What found nothing is one case: thousands of them would tell nobody anything.
    fn tests(&self) -> usize {
        self.cases.len() + usize::from(self.clear > 0)
    }

    fn write(&self, view: &DriftView<'_>, xml: &mut Xml) -> std::io::Result<()> {
        let mut suite = BytesStart::new("testsuite");
        suite.push_attribute(("name", self.control));
        let ends: Vec<End> = self.cases.iter().map(|(_, end)| *end).collect();
        counts(&mut suite, self.tests(), &ends);
        // The schema in use has no time zone here; it is UTC.
        let taken = view.findings.taken_at.strftime("%Y-%m-%dT%H:%M:%S");
        suite.push_attribute(("timestamp", taken.to_string().as_str()));
        xml.write_event(Event::Start(suite))?;
        let found = view.findings;
        if let Some(age) = age::line(found.taken_at, &found.from_cache) {
            let mut property = BytesStart::new("property");
            property.push_attribute(("name", "age"));
            property.push_attribute(("value", age.as_str()));
            xml.write_event(Event::Start(BytesStart::new("properties")))?;
            xml.write_event(Event::Empty(property))?;
            xml.write_event(Event::End(BytesEnd::new("properties")))?;
        }
        for (finding, end) in &self.cases {
            case(finding, *end, view, xml)?;
        }
        if self.clear > 0 {
            let name = format!(
                "{} with nothing found",
                words::count(self.clear, "check", "checks")
            );
            let mut case = BytesStart::new("testcase");
            case.push_attribute(("classname", self.control));
            case.push_attribute(("name", name.as_str()));
            case.push_attribute(("time", "0"));
            xml.write_event(Event::Empty(case))?;
        }
        xml.write_event(Event::End(BytesEnd::new("testsuite")))
    }
}

fn case(finding: &Finding, end: End, view: &DriftView<'_>, xml: &mut Xml) -> std::io::Result<()> {
    let mut case = BytesStart::new("testcase");
    let class = format!("{}.{}", finding.control, place(&finding.place));
    case.push_attribute(("classname", printable(&class).as_ref()));
    case.push_attribute(("name", printable(&finding.subject).as_ref()));
    case.push_attribute(("time", "0"));
    xml.write_event(Event::Start(case))?;
    let title = printable(&finding.title);
    let element = match end {
        End::Passed => "system-out",
        End::Failed => "failure",
        End::Error => "error",
        End::Skipped => "skipped",
    };
    let mut inner = BytesStart::new(element);
    if end != End::Passed {
        inner.push_attribute(("message", title.as_ref()));
    }
    if matches!(end, End::Failed | End::Error) {
        inner.push_attribute(("type", finding.severity.as_str()));
    }
    xml.write_event(Event::Start(inner))?;
    xml.write_event(Event::Text(BytesText::new(&text(finding, view, &title))))?;
    xml.write_event(Event::End(BytesEnd::new(element)))?;
    xml.write_event(Event::End(BytesEnd::new("testcase")))
}

fn text(finding: &Finding, view: &DriftView<'_>, title: &str) -> String {
    let mut lines = vec![format!("{}: {title}", finding.severity)];
    if let Some(accounts) = also_about(finding) {
        lines.push(format!("about {}", printable(&accounts)));
    }
    if let Some(cause) = &finding.cause {
        lines.push(format!("explained by {}", printable(&cause.subject)));
    }
    lines.extend(diff_lines(&finding.fields));
    if let Some(fix) = fix(&finding.fix, view.plan_file) {
        lines.push(printable(&fix).into_owned());
    }
    lines.join("\n")
}
