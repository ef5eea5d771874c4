//! What is wrong with a plan, for people and for programs.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::plan::{Diagnostic, Location, Severity};

/// Wider lines of a plan are cut around what is marked.
const WIDTH: usize = 120;

/// The diagnostics as a person reads them: file, line and column, the line itself, what to write
/// instead. `color` is for terminals.
pub fn render(diagnostics: &[Diagnostic], color: bool) -> String {
    let renderer = if color {
        Renderer::styled()
    } else {
        Renderer::plain()
    }
    .decor_style(DecorStyle::Ascii)
    .term_width(WIDTH);
    let mut text = String::new();
    for diagnostic in diagnostics {
        text.push_str(&renderer.render(&[group(diagnostic)]));
        text.push_str("\n\n");
    }
    text.push_str(&count(diagnostics));
    text.push('\n');
    text
}

fn group(diagnostic: &Diagnostic) -> Group<'_> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(level.primary_title(diagnostic.message.as_str()));
    if let Some(location) = &diagnostic.location {
        let primary = AnnotationKind::Primary
            .span(span(location))
            .label(diagnostic.label.as_deref());
        let mut snippet = snippet(location).annotation(primary);
        let mut other = None;
        if let Some((related, label)) = &diagnostic.related {
            let annotation = AnnotationKind::Context
                .span(span(related))
                .label(label.as_str());
            // One snippet a file: two would show the file's name twice.
            if related.source == location.source {
                snippet = snippet.annotation(annotation);
            } else {
                other = Some(self::snippet(related).annotation(annotation));
            }
        }
        group = group.element(snippet).elements(other);
    }
    for help in &diagnostic.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    group
}

fn snippet<'a>(location: &'a Location) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    Snippet::source(location.source.text.as_str())
        .path(location.source.name.as_str())
        .fold(true)
}

/// The first line of what is marked, within the text and on whole characters: a span comes from
/// parsers, and one that is off must not stop the message.
fn span(location: &Location) -> std::ops::Range<usize> {
    let text = &location.source.text;
    let floor = |mut at: usize| {
        at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let start = floor(location.span.start);
    let end = floor(location.span.end.max(start));
    let line = text
        .get(start..end)
        .and_then(|marked| marked.find('\n'))
        .map_or(end, |length| start + length);
    start..line
}

/// "2 errors and 1 warning".
fn count(diagnostics: &[Diagnostic]) -> String {
    let of = |severity: Severity, word: &str| match diagnostics
        .iter()
        .filter(|d| d.severity == severity)
        .count()
    {
        0 => None,
        1 => Some(format!("1 {word}")),
        more => Some(format!("{more} {word}s")),
    };
    match (
        of(Severity::Error, "error"),
        of(Severity::Warning, "warning"),
    ) {
        (Some(errors), Some(warnings)) => format!("{errors} and {warnings}"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => "no errors".to_owned(),
    }
}

/// The diagnostics as a JSON list.
pub fn json(diagnostics: &[Diagnostic]) -> serde_json::Value {
    serde_json::to_value(diagnostics).unwrap_or_default()
}
