//! Saved changes: what `plan --out FILE` showed, to be made later, exactly or not at all.
//!
//! AWS moves between the saving and the making. So the difference is taken afresh, from the saved
//! plan and a fresh inventory, and must be part of what was saved, entry for entry. What is
//! missing is already done; anything new or different stops the run and is shown.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::action::{Action, DeploymentTargets};
use crate::addr::{Address, Expr};
use crate::baseline::Desired;
use crate::change::{Change, FieldChange};
use crate::diff::DiffOptions;
use crate::plan::OrgPlan;

/// What the `format` field says.
pub const FORMAT: &str = "orgstrap-changes";
/// The version that this orgstrap writes and reads.
pub const VERSION: u32 = 2;

/// A saved change file: the changes, and what they were derived from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SavedChanges {
    pub format: String,
    pub version: u32,
    pub plan: OrgPlan,
    pub desired: Desired,
    pub options: DiffOptions,
    /// In run order, as they were shown.
    pub changes: Vec<Change>,
}

/// Why a file holds no saved changes.
#[derive(Debug, thiserror::Error)]
pub enum SavedError {
    #[error("this is no file of saved changes: {0}")]
    Json(#[from] serde_json::Error),
    #[error("this is no file of saved changes: its format is `{0}`, not `{FORMAT}`")]
    Format(String),
    #[error(
        "the file was saved in version {0} of its format; this orgstrap reads version {VERSION}"
    )]
    Version(u32),
}

/// One way in which AWS no longer is as it was when the changes were saved.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Moved {
    /// A change that is needed now and was not then.
    New { change: Box<Change> },
    /// A change that was needed then and is another now.
    Different {
        saved: Box<Change>,
        fresh: Box<Change>,
    },
}

impl SavedChanges {
    /// The changes of one comparison, ready to be written.
    pub fn new(
        plan: OrgPlan,
        desired: Desired,
        options: DiffOptions,
        changes: Vec<Change>,
    ) -> Self {
        SavedChanges {
            format: FORMAT.to_owned(),
            version: VERSION,
            plan,
            desired,
            options,
            changes,
        }
    }

    /// The file's content. It holds the whole plan, so only its owner should be able to read it.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        let mut json = serde_json::to_string_pretty(self)?;
        json.push('\n');
        Ok(json)
    }

    /// Reads a file's content; format and version are looked at before anything else.
    pub fn from_json(json: &str) -> Result<Self, SavedError> {
        check_head(
            json,
            (FORMAT, VERSION),
            SavedError::Format,
            SavedError::Version,
        )?;
        Ok(serde_json::from_str(json)?)
    }

    /// Whether the fresh changes are part of the saved ones; if not, everything that differs.
    pub fn check(&self, fresh: &[Change]) -> Result<(), Vec<Moved>> {
        let saved: BTreeMap<&Address, &Change> =
            self.changes.iter().map(|c| (&c.address, c)).collect();
        let moved: Vec<Moved> = fresh
            .iter()
            .filter(|fresh| {
                let Action::CreateStackInstances(fresh) = &fresh.action else {
                    return true;
                };
                !creations_cover(&self.changes, &fresh.name, &fresh.targets)
            })
            .filter_map(|fresh| match saved.get(&fresh.address) {
                None => Some(Moved::New {
                    change: Box::new(fresh.clone()),
                }),
                Some(saved) if covers(saved, fresh) => None,
                Some(saved) => Some(Moved::Different {
                    saved: Box::new((*saved).clone()),
                    fresh: Box::new(fresh.clone()),
                }),
            })
            .collect();
        if moved.is_empty() { Ok(()) } else { Err(moved) }
    }
}

/// Looks at the format and version that a saved file begins with, before anything else of it is read.
pub(crate) fn check_head<E: From<serde_json::Error>>(
    json: &str,
    (format, version): (&str, u32),
    wrong_format: impl FnOnce(String) -> E,
    wrong_version: impl FnOnce(u32) -> E,
) -> Result<(), E> {
    #[derive(Deserialize)]
    struct Head {
        format: String,
        version: u32,
    }
    let head: Head = serde_json::from_str(json)?;
    if head.format != format {
        return Err(wrong_format(head.format));
    }
    if head.version != version {
        return Err(wrong_version(head.version));
    }
    Ok(())
}

/// Whether `fresh` is `saved`, or what is left of it after a part was done: fewer members, fewer
/// instances. Reasons and needs do not count; they change as other changes are done. Nor does how
/// a value is shown: the action holds it.
fn covers(saved: &Change, fresh: &Change) -> bool {
    match (&saved.action, &fresh.action) {
        (Action::UpdateStackInstances(a), Action::UpdateStackInstances(b)) => {
            a.set == b.set && narrows(&a.targets, &b.targets)
        }
        (Action::AddGuardDutyMembers(a), Action::AddGuardDutyMembers(b)) => {
            (&a.region, &a.administrator) == (&b.region, &b.administrator)
                && b.members.iter().all(|member| a.members.contains(member))
        }
        // AWS may make the detector itself once it has an administrator.
        (a @ Action::ConfigureGuardDuty(_), b) => a == b,
        // What is there may be known by now, where it could not be read before.
        (a @ Action::PutAlternateContact(_), b) => a == b,
        (Action::EnableRegions(a), Action::EnableRegions(b)) => {
            a.account == b.account && b.regions.is_subset(&a.regions)
        }
        // A value that was not known then may be known now, and be the one that AWS holds.
        (a, b) => {
            let same =
                |a: &FieldChange, b: &FieldChange| a.field == b.field && a.before == b.before;
            let kept = |f: &FieldChange| fresh.fields.iter().any(|now| same(f, now));
            let open = |f: &FieldChange| {
                f.after
                    .as_ref()
                    .is_some_and(|after| after.references().next().is_some())
            };
            a == b
                && saved.verb == fresh.verb
                && saved.fields.iter().all(|then| kept(then) || open(then))
                && (fresh.fields.iter()).all(|now| saved.fields.iter().any(|then| same(then, now)))
        }
    }
}

/// Whether instances that are to be created now were all to be created then, perhaps by several
/// operations: an account that was to join may by now merely lack its instances, and where all
/// accounts of the OUs lack them, the OUs are named as wholes.
fn creations_cover(saved: &[Change], name: &str, left: &DeploymentTargets) -> bool {
    let rollouts: Vec<&DeploymentTargets> = saved
        .iter()
        .filter_map(|change| match &change.action {
            Action::CreateStackInstances(then) if then.name == name => Some(&then.targets),
            _ => None,
        })
        .collect();
    let among = |text: &Expr, part: fn(&DeploymentTargets) -> &Vec<Expr>| {
        rollouts.iter().any(|targets| part(targets).contains(text))
    };
    // Whole OUs may reach only what they reached, or what another operation was to reach.
    let reaches_no_more = !left.accounts.is_empty()
        || rollouts
            .iter()
            .flat_map(|targets| &targets.except)
            .all(|text| left.except.contains(text) || among(text, |w| &w.expect));
    rollouts.iter().any(|wide| narrows(wide, left))
        || (reaches_no_more
            && left.accounts.iter().all(|text| among(text, |w| &w.expect))
            && !left.expect.is_empty()
            && left.expect.iter().all(|text| among(text, |w| &w.expect))
            && left.ous.iter().all(|text| among(text, |w| &w.ous))
            && left.regions.iter().all(|region| {
                rollouts
                    .iter()
                    .any(|targets| targets.regions.contains(region))
            }))
}

/// Whether `left` works on nothing that `wide` does not work on, in the same manner.
fn narrows(wide: &DeploymentTargets, left: &DeploymentTargets) -> bool {
    let within = |left: &[Expr], wide: &[Expr]| left.iter().all(|text| wide.contains(text));
    // No accounts means all of the OUs, so only targets over all cover others over all; a
    // filter may name only accounts that the saved targets expect.
    let accounts = if left.accounts.is_empty() {
        wide.accounts.is_empty() && within(&wide.except, &left.except)
    } else {
        within(&left.accounts, &wide.expect)
    };
    accounts
        && within(&left.ous, &wide.ous)
        && within(&left.expect, &wide.expect)
        && left.regions.is_subset(&wide.regions)
        && left.max_concurrent == wide.max_concurrent
        && left.failure_tolerance == wide.failure_tolerance
}
