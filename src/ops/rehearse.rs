//! `rehearse`: the plan applied to a copy of the organization, in virtual time.

use std::cell::RefCell;
use std::collections::BTreeSet;

use tokio::time::Instant;

use super::LoadedPlan;
use super::compare::{Comparison, compare};
use super::error::CommandError;
use super::perform::LockedRun;
use super::session::Session;
use crate::addr::Address;
use crate::diff::{Blocked, DiffOptions, ProblemKind, diff};
use crate::execute::Stop;
use crate::inventory::Inventory;
use crate::rehearse::{Timeline, chain};
use crate::report::rehearsal::{Calls, Rehearsal};
use crate::report::{Printer, plan as preview};
use crate::sandbox::permissions::Notes;

/// A copy of an organization, on which a plan is tried.
pub struct Stage<'a> {
    pub subject: &'a LoadedPlan,
    /// What was copied.
    pub found: &'a Inventory,
    /// What of it is not in the copy.
    pub missing: Vec<String>,
    pub notes: Notes,
    /// The plan's file, as messages name it.
    pub source: String,
    pub options: DiffOptions,
}

impl Stage<'_> {
    /// Applies the plan in the copy.
    pub async fn rehearse(
        mut self,
        session: &Session,
        printer: &Printer,
    ) -> Result<Rehearsal, CommandError> {
        let begun = Instant::now();
        let mut options = self.options;
        let mut found = compare(session, self.subject, &self.source, &options, printer).await?;
        let problems = &found.preview.problems;
        if !problems.is_empty()
            && problems
                .iter()
                .all(|problem| problem.kind == ProblemKind::NoOrganization)
        {
            // A copy costs nothing: an organization is made as it would be when asked for.
            options.create_organization = true;
            found = compare(session, self.subject, &self.source, &options, printer).await?;
        }
        if !found.preview.problems.is_empty() {
            printer.talk(&preview::text(&found.preview));
            return Err(CommandError::new(
                "the problems above stand in the way of everything; nothing was rehearsed",
            ));
        }
        let reading = begun.elapsed();
        let unread = self.differences(&options, &found);
        self.perform(found, unread, session, begun, reading).await
    }

    /// The copy must differ from the plan where the organization does, and nowhere else. What does not
    /// is said: the rehearsal is not to be believed there. Whether something could not be read.
    fn differences(&mut self, options: &DiffOptions, copy: &Comparison) -> bool {
        let subject = self.subject;
        let real = diff(&subject.plan, &subject.desired, self.found, options);
        let something_unread = real.blocked.iter().any(Blocked::is_unread);
        let real: BTreeSet<&Address> = real.changes.iter().map(|change| &change.address).collect();
        let copied: BTreeSet<&Address> = copy
            .preview
            .changes
            .iter()
            .map(|change| &change.address)
            .collect();
        for unread in &copy.preview.unread {
            let seen = format!("{} was not read", unread.operation);
            if !self
                .missing
                .iter()
                .any(|missing| missing.starts_with(&seen))
            {
                self.missing.push(format!(
                    "{} could not be read in the copy: {}",
                    unread.operation, unread.reason
                ));
            }
        }
        for address in copied.difference(&real) {
            self.missing.push(format!(
                "{address} would be changed in the copy only: it is not copied as it is"
            ));
        }
        for address in real.difference(&copied) {
            self.missing.push(format!(
                "{address} is to be changed in AWS and was not rehearsed: the copy has it as the plan says"
            ));
        }
        something_unread
    }

    async fn perform(
        self,
        found: Comparison,
        unread: bool,
        session: &Session,
        begun: Instant,
        reading: std::time::Duration,
    ) -> Result<Rehearsal, CommandError> {
        let timeline = RefCell::new(Timeline::default());
        let graph = found.graph;
        if !graph.is_empty() {
            let stop = Stop::new();
            let holding = LockedRun::take(session, &stop).await?;
            let start = Instant::now();
            let tell = |event| timeline.borrow_mut().take(event, start.elapsed());
            holding
                .run(graph.clone(), found.bindings, &tell, &stop)
                .await;
            holding
                .release()
                .await
                .map_err(|error| CommandError::caused("the rehearsal's lock", &error))?;
        }
        let timeline = timeline.into_inner();
        let throttled = session.aws.throttled();
        let calls = session
            .aws
            .calls()
            .into_iter()
            .map(|(operation, number)| Calls {
                operation: operation.to_string(),
                number,
                throttled: throttled.get(&operation).copied().unwrap_or_default(),
            })
            .collect();
        let noted = self.notes.noted();
        Ok(Rehearsal {
            chain: chain(&graph, &timeline),
            preview: found.preview,
            timeline,
            reading,
            took: begun.elapsed(),
            calls,
            missing: self.missing,
            unread,
            refused: noted.refused.iter().cloned().collect(),
            not_judged: noted.unsure(),
        })
    }
}
