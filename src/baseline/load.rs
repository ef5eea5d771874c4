//! The descriptors of a plan's baselines: each is read once, when the plan is, and handed on.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::descriptor::Descriptor;
use super::{BaselineProblem, builtin, folder};
use crate::plan::{self, BaselineChoice, Diagnostic, Invalid, Loaded};
use crate::toml_file::suggest::did_you_mean;

/// Descriptors by the name that the plan gives its baselines.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Descriptors(BTreeMap<String, Arc<Descriptor>>);

impl Descriptors {
    /// The descriptor that a plan means: read now if it was not before.
    ///
    /// # Errors
    /// There is none, or everything that is wrong with it.
    pub fn load(
        &mut self,
        name: &str,
        choice: &BaselineChoice,
    ) -> Result<Arc<Descriptor>, Vec<BaselineProblem>> {
        if let Some(known) = self.0.get(name) {
            return Ok(Arc::clone(known));
        }
        let read = match &choice.folder {
            Some(path) => folder::load(path).map(Arc::new),
            None => builtin::load(name).unwrap_or_else(|| Err(vec![unknown(name)])),
        };
        let found = read.map_err(|found| {
            let problem = |diagnostic| BaselineProblem {
                baseline: name.to_owned(),
                about: None,
                diagnostic,
            };
            found.into_iter().map(problem).collect::<Vec<_>>()
        })?;
        self.0.insert(name.to_owned(), Arc::clone(&found));
        Ok(found)
    }

    /// Reads and checks a plan with its baselines, warnings and places included.
    ///
    /// # Errors
    /// Everything that is wrong with the plan, or that it could not be read.
    pub fn read_plan(&mut self, path: &Path) -> Result<Loaded, Invalid> {
        plan::read_with(path, &mut |name, choice| self.check(name, choice))
    }

    /// The same of a plan's text, whose files are sought from `folder`.
    ///
    /// # Errors
    /// Everything that is wrong with the plan.
    pub fn read_plan_text(
        &mut self,
        name: &str,
        text: String,
        folder: &Path,
    ) -> Result<Loaded, Invalid> {
        plan::read_text_with(name, text, folder, &mut |name, choice| {
            self.check(name, choice)
        })
    }
}

fn unknown(name: &str) -> Diagnostic {
    let error = Diagnostic::error("there is no such built-in baseline");
    error
        .help_if(did_you_mean(name, builtin::names()))
        .help("a baseline of your own has a `folder`")
}
