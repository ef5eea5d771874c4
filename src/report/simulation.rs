//! The answer of `simulate`. Pure: data to text and JSON.

use serde_json::{Value, json};

use super::json::VERSION;
use super::style::{self, paint};

/// What was asked, and what the policies say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Simulation {
    /// Role, account's name and id.
    pub who: String,
    pub action: String,
    pub resource: Option<String>,
    pub answer: Answer,
    /// Who judged.
    pub by: String,
    /// The policy, statement and condition that decide.
    pub reason: String,
    /// Which organization was asked about.
    pub of: String,
    /// What the answer leaves out.
    pub notes: Vec<String>,
}

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Allowed,
    Denied,
    NotJudged,
}

impl Answer {
    /// For people and for JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Answer::Allowed => "allowed",
            Answer::Denied => "denied",
            Answer::NotJudged => "not judged",
        }
    }
}

/// The whole text, ending in a line end.
pub fn text(simulation: &Simulation) -> String {
    let color = match simulation.answer {
        Answer::Allowed => style::CREATE,
        Answer::Denied => style::ERROR,
        Answer::NotJudged => style::WARN,
    };
    let on = match &simulation.resource {
        Some(arn) => format!(" on {arn}"),
        None => String::new(),
    };
    let mut lines = vec![format!(
        "{}: {} by {}{on}",
        paint(color, simulation.answer.as_str()),
        simulation.action,
        simulation.who
    )];
    if simulation.answer != Answer::Allowed {
        lines.push(format!("  {}", simulation.reason));
    }
    lines.push(format!(
        "Judged by {}, of {}.",
        simulation.by, simulation.of
    ));
    lines.extend(simulation.notes.iter().map(|note| format!("  {note}")));
    lines.join("\n") + "\n"
}

/// The document of `simulate --output json`.
pub fn json(simulation: &Simulation) -> Value {
    json!({
        "format": "orgstrap-simulation",
        "version": VERSION,
        "principal": simulation.who,
        "action": simulation.action,
        "resource": simulation.resource,
        "answer": simulation.answer.as_str(),
        "reason": simulation.reason,
        "of": simulation.of,
        "by": simulation.by,
        "notes": simulation.notes,
    })
}
