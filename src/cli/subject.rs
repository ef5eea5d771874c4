//! What a verb works on: the org plan, with what its baselines come to.

use std::path::Path;

use super::Global;
use super::error::{CommandError, CommandResult};
use super::exit::Exit;
use crate::baseline::Descriptors;
pub(super) use crate::ops::LoadedPlan;
use crate::plan::{Diagnostic, Invalid, Loaded};
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
    let name = path.display().to_string();
    let checked = checked(|descriptors| descriptors.read_plan_text(&name, text.to_owned(), folder));
    take(path, checked, global, printer)
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
    checked(|descriptors| descriptors.read_plan(path))
}

fn checked(read: impl FnOnce(&mut Descriptors) -> Result<Loaded, Invalid>) -> Checked {
    let mut descriptors = Descriptors::default();
    let loaded = read(&mut descriptors).map_err(|invalid| invalid.diagnostics)?;
    match descriptors.expand(&loaded.plan) {
        Ok(desired) => {
            let subject = LoadedPlan {
                plan: loaded.plan,
                desired,
                descriptors,
            };
            Ok((subject, loaded.warnings))
        }
        Err(problems) => {
            let located = problems.into_iter().map(|problem| loaded.located(problem));
            Err(located.collect())
        }
    }
}
