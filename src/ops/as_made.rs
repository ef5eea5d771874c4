//! A check of an organization whose `[organization]` was edited, and nothing follows yet: it is judged by the settings
//! by which it was made, beside the finding about the edit. So an edit hides nothing that is broken.

use super::LoadedPlan;
use super::cached::Reading;
use super::error::CommandError;
use super::session::Session;
use crate::diff::{Diff, Problem, as_made};
use crate::drift::{self, Findings, Fix};
use crate::inventory::Inventory;
use crate::plan::OrgPlan;
use crate::report::Printer;

/// How often settings are put back: one edit may hide another.
const TIMES: usize = 5;

/// What a check judges by, where it is not the plan as given.
#[derive(Debug, Default)]
pub struct AsMade {
    subject: Option<LoadedPlan>,
    edits: Vec<Problem>,
    times: usize,
}

impl AsMade {
    /// Puts back the settings that a comparison found edited; whether it could, and so what is there is to be judged
    /// anew.
    pub fn put_back(&mut self, given: &LoadedPlan, inventory: &Inventory, found: &Diff) -> bool {
        let Some(accounts) = inventory.accounts.known() else {
            return false;
        };
        let plan = &self.subject(given).plan;
        let Some(plan) = as_made(plan, &found.former, accounts) else {
            return false;
        };
        let mut descriptors = given.descriptors.clone();
        let Ok(desired) = descriptors.expand(&plan) else {
            return false;
        };
        if self.times >= TIMES {
            return false;
        }
        self.times += 1;
        for edit in found.edits() {
            if !self.edits.contains(edit) {
                self.edits.push(edit.clone());
            }
        }
        self.subject = Some(LoadedPlan {
            plan,
            desired,
            descriptors,
        });
        true
    }

    /// Puts back one edit after another: what is found then, in a reading for the settings that result. `found` is what the
    /// plan as given found in it, and `enter` is told by whose settings accounts are entered from then on.
    ///
    /// # Errors
    /// AWS could not be read.
    pub async fn put_all_back(
        &mut self,
        given: &LoadedPlan,
        reading: &mut Reading,
        mut found: Diff,
        (session, printer): (&Session, &Printer),
        enter: impl Fn(&LoadedPlan),
    ) -> Result<Diff, CommandError> {
        while self.put_back(given, reading.inventory(), &found) {
            let former = self.subject(given);
            enter(former);
            reading.read_for(session, former, printer).await?;
            found = former.diff(reading.inventory());
        }
        Ok(found)
    }

    /// What is judged by.
    pub fn subject<'s>(&'s self, given: &'s LoadedPlan) -> &'s LoadedPlan {
        self.subject.as_ref().unwrap_or(given)
    }

    /// Whether it is judged by other settings than the plan has.
    pub fn is_edited(&self) -> bool {
        self.subject.is_some()
    }

    /// Adds the edits to what was found. Nothing is put back before a person has decided on them.
    pub fn tell(&self, plan: &OrgPlan, inventory: &Inventory, findings: &mut Findings) {
        if !self.is_edited() {
            return;
        }
        for finding in &mut findings.findings {
            if matches!(finding.fix, Fix::Change { .. }) {
                finding.fix = Fix::Person {
                    hint: "see to the finding organization.comparable first: then `orgstrap drift --fix` puts this back"
                        .to_owned(),
                };
            }
        }
        let edits = Diff {
            problems: self.edits.clone(),
            ..Diff::default()
        };
        let told = drift::judge(plan, inventory, &edits);
        findings.findings.extend(told.findings);
        findings.sort();
    }
}
