//! What a verb works on: the org plan, with what its baselines come to.

use std::path::Path;

use super::Global;
use super::error::{CommandError, CommandResult};
use super::exit::Exit;
use crate::baseline::{self, BaselineProblem};
pub(super) use crate::ops::LoadedPlan;
use crate::plan::{self, Diagnostic, Loaded};
use crate::report::{Printer, diagnostics};

/// A checked plan and what is worth a look in it, or everything that is wrong with it.
type Checked = Result<(LoadedPlan, Vec<Diagnostic>), Vec<Diagnostic>>;

/// Loads and checks a plan. All that is wrong with it is shown before the error is returned.
pub(super) fn load(
    path: &Path,
    global: &Global,
    printer: &Printer,
) -> Result<LoadedPlan, CommandError> {
    take(path, check(path), global, printer)
}

/// Checks what a plan's file is to become.
pub(super) fn load_text(
    path: &Path,
    text: &str,
    global: &Global,
    printer: &Printer,
) -> Result<LoadedPlan, CommandError> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let loaded = plan::read_text(&path.display().to_string(), text.to_owned(), folder);
    take(
        path,
        loaded.map_err(|i| i.diagnostics).and_then(expand),
        global,
        printer,
    )
}

fn take(
    path: &Path,
    checked: Checked,
    global: &Global,
    printer: &Printer,
) -> Result<LoadedPlan, CommandError> {
    let subject = match checked {
        Ok((subject, warnings)) => {
            if !warnings.is_empty() && !global.quiet {
                printer.talk(&diagnostics::render(&warnings, true));
            }
            subject
        }
        Err(wrong) => {
            printer.talk(&diagnostics::render(&wrong, true));
            return Err(unusable(path));
        }
    };
    let home = &subject.plan.organization.home_region;
    if let Some(region) = &global.region
        && region != home
    {
        return Err(CommandError::new(format!(
            "`--region {region}` is not the home Region of {}, which is {home}",
            path.display()
        ))
        .hint("leave `--region` out; the home Region of an organization does not change"));
    }
    Ok(subject)
}

/// The same without a word, for a plan that nobody wrote by hand: `None` where it cannot be used, which
/// is told.
pub(super) fn load_written(path: &Path, printer: &Printer) -> Option<LoadedPlan> {
    match check(path) {
        Ok((subject, _)) => Some(subject),
        Err(wrong) => {
            printer.talk(&diagnostics::render(&wrong, true));
            None
        }
    }
}

/// Checks a plan and prints what was found as one JSON document.
pub(super) fn check_json(path: &Path, printer: &Printer) -> CommandResult {
    let (found, exit) = match check(path) {
        Ok((_, warnings)) => (warnings, Exit::Done),
        Err(wrong) => (wrong, Exit::Failed),
    };
    printer.data_line(&diagnostics::json(&found).to_string());
    Ok(exit)
}

fn unusable(path: &Path) -> CommandError {
    CommandError::new(format!("{} cannot be used as it is", path.display()))
}

fn check(path: &Path) -> Checked {
    let loaded = plan::read(path).map_err(|invalid| invalid.diagnostics)?;
    expand(loaded)
}

fn expand(mut loaded: Loaded) -> Checked {
    match baseline::expand(&loaded.plan) {
        Ok(desired) => {
            let warnings = std::mem::take(&mut loaded.warnings);
            Ok((
                LoadedPlan {
                    plan: loaded.plan,
                    desired,
                },
                warnings,
            ))
        }
        Err(problems) => Err(problems
            .iter()
            .map(|problem| located(problem, &loaded))
            .collect()),
    }
}

/// A baseline's problem where the plan chose the baseline or gave the option.
fn located(problem: &BaselineProblem, loaded: &Loaded) -> Diagnostic {
    let mut diagnostic = Diagnostic::error(format!(
        "baseline `{}`: {}",
        problem.baseline, problem.message
    ));
    let in_plan = || {
        let key = problem.baseline.parse().ok()?;
        let option = problem.option.as_deref();
        option
            .and_then(|option| loaded.option_name(&key, option))
            .or_else(|| loaded.baseline(&key))
    };
    let location = problem.location.clone().or_else(in_plan);
    if let Some(location) = location {
        diagnostic = diagnostic.at(location);
    }
    match &problem.suggestion {
        Some(suggestion) => diagnostic.help(suggestion.clone()),
        None => diagnostic,
    }
}
