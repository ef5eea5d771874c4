//! From a path to a checked plan.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::check;
use super::diagnostic::{self, Diagnostic, Invalid, Location, Severity, Source};
use super::documents::{Documents, MARK, read_limited};
use super::file::{BaselineTable, PlanFile, SpannedString};
use super::parse;
use super::{BaselineChoice, BaselineProblem, OrgPlan};
use crate::toml_file::At;

/// A plan of ten thousand accounts is about 2 MiB.
const MAX_PLAN: u64 = 16 * 1024 * 1024;

/// A checked plan with what else its text says.
#[derive(Debug, Clone)]
pub struct Loaded {
    pub plan: OrgPlan,
    /// What to look at, though the plan can be used.
    pub warnings: Vec<Diagnostic>,
    source: Arc<Source>,
    baselines: BTreeMap<SpannedString, At<BaselineTable>>,
}

impl Loaded {
    /// The text that the plan was made from.
    pub fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// A problem of a baseline, where the plan has what it is about.
    pub fn located(&self, problem: BaselineProblem) -> Diagnostic {
        let baseline = problem.baseline.clone();
        problem.told(|about| {
            let span = check::place(&self.baselines, &baseline, about)?;
            Some(Location {
                source: Arc::clone(&self.source),
                span,
            })
        })
    }
}

/// What judges a plan's choice of a baseline, by name: all that is wrong with it.
pub type JudgeBaseline<'j> = &'j mut dyn FnMut(&str, &BaselineChoice) -> Vec<BaselineProblem>;

/// Reads and checks the plan at `path`; what is only worth a look is left out, and the baselines are not judged.
///
/// # Errors
/// Everything that is wrong with the plan, or that it could not be read.
pub fn load(path: &Path) -> Result<OrgPlan, Invalid> {
    read(path).map(|loaded| loaded.plan)
}

/// Reads and checks the plan at `path`, warnings and places included. The baselines are not judged.
///
/// # Errors
/// Everything that is wrong with the plan, or that it could not be read.
pub fn read(path: &Path) -> Result<Loaded, Invalid> {
    read_with(path, &mut |_, _| Vec::new())
}

/// The same with its baselines.
///
/// # Errors
/// Everything that is wrong with the plan, or that it could not be read.
pub fn read_with(path: &Path, judge: JudgeBaseline<'_>) -> Result<Loaded, Invalid> {
    let text = read_limited(path, MAX_PLAN).map_err(|reason| Invalid {
        diagnostics: vec![
            Diagnostic::error(format!(
                "the org plan `{}` can not be read: {reason}",
                path.display()
            ))
            .help("`orgstrap init` writes a plan to start from"),
        ],
    })?;
    let folder = path.parent().unwrap_or(Path::new(""));
    read_text_with(&path.display().to_string(), text, folder, judge)
}

/// Checks a plan's text. `name` is what messages call it; files that it names are sought from
/// `folder`. The baselines are not judged.
///
/// # Errors
/// Everything that is wrong with the plan.
pub fn read_text(name: &str, text: String, folder: &Path) -> Result<Loaded, Invalid> {
    read_text_with(name, text, folder, &mut |_, _| Vec::new())
}

/// The same with its baselines.
///
/// # Errors
/// Everything that is wrong with the plan.
pub fn read_text_with(
    name: &str,
    text: String,
    folder: &Path,
    judge: JudgeBaseline<'_>,
) -> Result<Loaded, Invalid> {
    let text = match text.strip_prefix(MARK) {
        Some(rest) => rest.to_owned(),
        None => text,
    };
    let source = Arc::new(Source {
        name: name.to_owned(),
        text,
    });
    let mut diagnostics = Vec::new();
    let parsed = parse::parse::<PlanFile>(&source, &mut diagnostics);
    let plan = parsed.file.as_ref().and_then(|file| {
        let documents = Documents::read(file, folder, judge);
        check::check(file, &source, &parsed.removed, &documents, &mut diagnostics)
    });
    diagnostic::sort(&mut diagnostics, &source);
    let broken = diagnostics
        .iter()
        .any(|diagnostic| diagnostic.severity == Severity::Error);
    match (plan, parsed.file) {
        (Some(plan), Some(file)) if !broken => Ok(Loaded {
            plan,
            warnings: diagnostics,
            source,
            baselines: file.baseline.clone(),
        }),
        _ => Err(Invalid { diagnostics }),
    }
}
