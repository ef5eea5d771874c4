//! What baselines say of a plan's choice of them. Plans know nothing else of baselines.

use crate::plan::StackName;
use crate::toml_file::{Diagnostic, Location};

/// What is wrong with a baseline: with the plan's choice of it, its descriptor or its templates.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub struct BaselineProblem {
    /// The baseline's name as the plan writes it.
    pub baseline: String,
    /// The key of the plan's `[baseline.NAME]` table that it is about, if it is about one.
    pub about: Option<About>,
    /// What is wrong. It has a place where that is in the baseline's own files, and else the plan's is meant.
    pub diagnostic: Diagnostic,
}

/// A key of a plan's `[baseline.NAME]` table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// An option.
    Option(String),
    /// A stack set in `existing_stacks`.
    ExistingStacks(StackName),
}

impl BaselineProblem {
    /// One about the plan's choice: a message, and what to write instead.
    pub(crate) fn new(
        baseline: &str,
        about: Option<About>,
        (message, help): (String, Option<String>),
    ) -> Self {
        Self {
            baseline: baseline.to_owned(),
            about,
            diagnostic: Diagnostic::error(message).help_if(help),
        }
    }

    /// As a diagnostic of the plan; `place` says where it has what it is about. A mistake in the baseline's own files is
    /// shown there.
    pub fn told(self, place: impl FnOnce(Option<&About>) -> Option<Location>) -> Diagnostic {
        if self.diagnostic.location.is_some() {
            return self.diagnostic;
        }
        Diagnostic {
            message: format!("baseline `{}`: {}", self.baseline, self.diagnostic.message),
            location: place(self.about.as_ref()),
            ..self.diagnostic
        }
    }
}

impl std::fmt::Display for BaselineProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "baseline `{}`", self.baseline)?;
        match &self.about {
            Some(About::Option(option)) => write!(f, ", option `{option}`")?,
            Some(About::ExistingStacks(set)) => write!(f, ", option `existing_stacks.{set}`")?,
            None => {}
        }
        let Diagnostic {
            location,
            message,
            help,
            ..
        } = &self.diagnostic;
        if let Some(location) = location {
            let (line, _) = location.line_column();
            write!(f, " ({}:{line})", location.source.name)?;
        }
        write!(f, ": {message}")?;
        match help.as_slice() {
            [] => Ok(()),
            help => write!(f, " ({})", help.join("; ")),
        }
    }
}
