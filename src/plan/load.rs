//! From a path to a checked plan.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::check;
use super::diagnostic::{Diagnostic, Invalid, Location, Severity, Source};
use super::documents::{Documents, MARK, read_limited};
use super::file::PlanFile;
use super::parse;
use super::{BaselineKey, OrgPlan};

/// A plan of ten thousand accounts is about 2 MiB.
const MAX_PLAN: u64 = 16 * 1024 * 1024;

/// A checked plan with what else its text says.
#[derive(Debug, Clone)]
pub struct Loaded {
    pub plan: OrgPlan,
    /// What to look at, though the plan can be used.
    pub warnings: Vec<Diagnostic>,
    source: Arc<Source>,
    baselines: BTreeMap<String, Range<usize>>,
    options: BTreeMap<(String, String), (Range<usize>, Range<usize>)>,
}

impl Loaded {
    /// The text that the plan was made from.
    pub fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// Where `[baseline.KEY]` stands, for errors about the baseline as a whole.
    pub fn baseline(&self, key: &BaselineKey) -> Option<Location> {
        self.baselines
            .get(key.as_str())
            .map(|span| self.at(span.clone()))
    }

    /// Where the name of a baseline's option stands, for options that the baseline does not have.
    pub fn option_name(&self, key: &BaselineKey, option: &str) -> Option<Location> {
        let (name, _) = self.option(key, option)?;
        Some(self.at(name.clone()))
    }

    /// Where the value of a baseline's option stands, for values that it can not have.
    pub fn option_value(&self, key: &BaselineKey, option: &str) -> Option<Location> {
        let (_, value) = self.option(key, option)?;
        Some(self.at(value.clone()))
    }

    fn option(&self, key: &BaselineKey, option: &str) -> Option<&(Range<usize>, Range<usize>)> {
        self.options
            .get(&(key.as_str().to_owned(), option.to_owned()))
    }

    fn at(&self, span: Range<usize>) -> Location {
        Location {
            source: Arc::clone(&self.source),
            span,
        }
    }
}

/// Reads and checks the plan at `path`; what is only worth a look is left out.
///
/// # Errors
/// Everything that is wrong with the plan, or that it could not be read.
pub fn load(path: &Path) -> Result<OrgPlan, Invalid> {
    read(path).map(|loaded| loaded.plan)
}

/// Reads and checks the plan at `path`, warnings and places included.
///
/// # Errors
/// Everything that is wrong with the plan, or that it could not be read.
pub fn read(path: &Path) -> Result<Loaded, Invalid> {
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
    read_text(&path.display().to_string(), text, folder)
}

/// Checks a plan's text. `name` is what messages call it; files that it names are sought from
/// `folder`.
///
/// # Errors
/// Everything that is wrong with the plan.
pub fn read_text(name: &str, text: String, folder: &Path) -> Result<Loaded, Invalid> {
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
        let documents = Documents::read(file, folder);
        check::check(file, &source, &parsed.removed, &documents, &mut diagnostics)
    });
    // In the order of the file; what has no place comes first.
    // In a file that the plan names counts where it is named.
    let place =
        |location: &Location| Arc::ptr_eq(&location.source, &source).then_some(location.span.start);
    diagnostics.sort_by_key(|diagnostic| {
        let own = diagnostic.location.as_ref().and_then(place);
        own.or_else(|| {
            diagnostic
                .related
                .as_ref()
                .and_then(|(related, _)| place(related))
        })
    });
    let broken = diagnostics
        .iter()
        .any(|diagnostic| diagnostic.severity == Severity::Error);
    match (plan, parsed.file) {
        (Some(plan), Some(file)) if !broken => Ok(Loaded {
            plan,
            warnings: diagnostics,
            source,
            baselines: baselines(&file),
            options: options(&file),
        }),
        _ => Err(Invalid { diagnostics }),
    }
}

fn baselines(file: &PlanFile) -> BTreeMap<String, Range<usize>> {
    file.baseline
        .keys()
        .map(|key| (key.to_string(), key.span()))
        .collect()
}

fn options(file: &PlanFile) -> BTreeMap<(String, String), (Range<usize>, Range<usize>)> {
    let mut places = BTreeMap::new();
    for (key, table) in &file.baseline {
        for (name, value) in &table.options {
            places.insert(
                (key.to_string(), name.to_string()),
                (name.span(), value.span()),
            );
        }
    }
    places
}
