//! Reading through the describe cache: what was read a moment ago is not asked again, and what is new is
//! kept for the next look. `drift`, `plan` and `inventory` read so; what changes AWS reads it anew.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use super::error::CommandError;
use super::session::Session;
use super::{LoadedPlan, compare};
use crate::aws::CallContext;
use crate::inventory::{Answers, Inventory, Question, SavedInventory, Section};
use crate::observe::cache::{self, Cache, CachedInventory, MaxAge, Turn};
use crate::observe::{observe_beside, probe};
use crate::report::Printer;

/// How often is looked whether another process has done reading.
const LOOK: Duration = Duration::from_millis(200);
/// How long another process is waited for: a reading of the largest organizations takes less.
const PATIENCE: Duration = Duration::from_secs(10 * 60);

/// A reading, some of which may be from an earlier one.
pub struct Reading {
    pub saved: SavedInventory,
    /// What is from an earlier reading, and when that was.
    pub kept: BTreeMap<Section, Timestamp>,
    /// Answers that may be used again, until they are asked for.
    answers: Answers,
    cache: Option<Cache>,
    scopes: BTreeMap<Section, String>,
    /// Others that want the same wait until it is kept.
    turn: Option<Turn>,
}

impl Reading {
    /// One that is neither kept nor from earlier.
    pub fn alone(inventory: Inventory) -> Self {
        Self {
            saved: SavedInventory::new(inventory),
            kept: BTreeMap::new(),
            answers: Answers::new(),
            cache: None,
            scopes: BTreeMap::new(),
            turn: None,
        }
    }

    pub fn inventory(&self) -> &Inventory {
        &self.saved.inventory
    }

    /// Reads the inventory anew, whole.
    pub async fn read_again(
        &mut self,
        session: &Session,
        subject: &LoadedPlan,
        printer: &Printer,
    ) -> Result<(), CommandError> {
        self.saved = SavedInventory::new(compare::read(session, subject, printer).await?);
        self.kept.clear();
        Ok(())
    }

    /// Reads the inventory for another plan than the one of which is kept: nothing of it is kept, or from earlier.
    pub async fn read_for(
        &mut self,
        session: &Session,
        other: &LoadedPlan,
        printer: &Printer,
    ) -> Result<(), CommandError> {
        self.cache = None;
        self.turn = None;
        self.answers.clear();
        self.read_again(session, other, printer).await
    }

    /// The answers to `questions`, asked where they are not kept.
    pub async fn ask(
        &mut self,
        mut questions: BTreeSet<Question>,
        session: &Session,
        printer: &Printer,
    ) -> Result<(), CommandError> {
        let mut answers = std::mem::take(&mut self.answers);
        answers.retain(|question, _| questions.contains(question));
        questions.retain(|question| !answers.contains_key(question));
        if let Some(oldest) = answers.values().map(|answer| answer.read_at).min() {
            self.kept.insert(Section::Controls, oldest);
        }
        if !questions.is_empty() {
            answers.extend(asked(questions, session, printer).await?);
        }
        self.saved.answers = answers;
        Ok(())
    }

    /// Asks again what is kept of `questions`.
    pub async fn ask_again(
        &mut self,
        mut questions: BTreeSet<Question>,
        session: &Session,
        printer: &Printer,
    ) -> Result<(), CommandError> {
        let taken_at = self.saved.inventory.taken_at;
        let now = &self.saved.answers;
        questions.retain(|question| now.get(question).is_some_and(|was| was.read_at < taken_at));
        if questions.is_empty() {
            return Ok(());
        }
        let answers = asked(questions, session, printer).await?;
        self.saved.answers.extend(answers);
        Ok(())
    }

    /// Keeps it for the next look.
    pub fn keep(self, printer: &Printer) {
        let Some(cache) = &self.cache else {
            return;
        };
        let anything = Section::of_inventory().any(|section| !self.kept.contains_key(&section));
        let taken_at = self.saved.inventory.taken_at;
        let mut answers = self.saved.answers.values();
        if !anything && answers.all(|answer| answer.read_at < taken_at) {
            return;
        }
        let mut read_at: BTreeMap<Section, Timestamp> = Section::of_inventory()
            .map(|kind| (kind, taken_at))
            .collect();
        read_at.extend(self.kept);
        read_at.remove(&Section::Controls);
        let done = cache.keep(
            self.saved.inventory,
            read_at,
            self.saved.answers,
            self.scopes,
        );
        if let Err(warning) = done {
            printer.warn(&warning.to_string());
        }
        drop(self.turn);
    }
}

async fn asked(
    questions: BTreeSet<Question>,
    session: &Session,
    printer: &Printer,
) -> Result<Answers, CommandError> {
    session.guard().await?;
    let teller = printer.clone();
    let ctx = CallContext::new(0, move |text| teller.detail(&text));
    Ok(probe(&session.aws, questions, &ctx).await)
}

/// Reads what is not kept, or too old.
pub async fn read(
    session: &Session,
    subject: &LoadedPlan,
    max_age: MaxAge,
    printer: &Printer,
) -> Result<Reading, CommandError> {
    let mut cache = session.cache.clone();
    let scopes = cache::scopes(&subject.plan, &subject.desired);
    let look = |cache: &Cache| {
        let usable = cache.usable(now(session), max_age, &scopes);
        usable.unwrap_or_else(|warning| {
            printer.warn(&warning.to_string());
            None
        })
    };
    let mut turn = None;
    let mut kept = None;
    if let Some(there) = &cache {
        match take_turn(there, max_age, printer).await {
            Ok(taken) => {
                turn = taken;
                kept = look(there);
            }
            Err(warning) => {
                printer.warn(&warning.to_string());
                cache = None;
            }
        }
    }
    let (inventory, kept, answers) = match kept {
        Some(kept) => rest(kept, session, subject, printer).await?,
        None => {
            let inventory = compare::read(session, subject, printer).await?;
            (inventory, BTreeMap::new(), Answers::new())
        }
    };
    let mut saved = SavedInventory::new(inventory);
    saved.read_at.clone_from(&kept);
    Ok(Reading {
        saved,
        kept,
        answers,
        cache,
        scopes,
        turn,
    })
}

/// Reads what is missing beside what is kept.
async fn rest(
    kept: CachedInventory,
    session: &Session,
    subject: &LoadedPlan,
    printer: &Printer,
) -> Result<(Inventory, BTreeMap<Section, Timestamp>, Answers), CommandError> {
    if kept.is_whole() {
        let mut inventory = kept.inventory;
        inventory.taken_at = now(session);
        return Ok((inventory, kept.read_at, kept.answers));
    }
    session.guard().await?;
    printer.detail("Reading AWS…");
    let teller = printer.clone();
    let ctx = CallContext::new(0, move |text| teller.detail(&text));
    let kinds: BTreeSet<Section> = kept.read_at.keys().copied().collect();
    let inventory = observe_beside(
        &session.aws,
        &subject.plan,
        &subject.desired,
        &ctx,
        kept.inventory,
        &kinds,
    )
    .await
    .map_err(|error| CommandError::caused("could not read the organization", &error))?;
    Ok((inventory, kept.read_at, kept.answers))
}

/// Waits for another process that is reading the same: what it keeps can be used here.
async fn take_turn(
    cache: &Cache,
    max_age: MaxAge,
    printer: &Printer,
) -> Result<Option<Turn>, cache::CacheWarning> {
    let mut waited = Duration::ZERO;
    loop {
        let turn = cache.turn()?;
        if turn.is_some() || max_age.is_none() || waited >= PATIENCE {
            return Ok(turn);
        }
        if waited.is_zero() {
            printer
                .say("Another orgstrap is reading this organization; waiting for what it reads.");
        }
        tokio::time::sleep(LOOK).await;
        waited += LOOK;
    }
}

/// Says that something in AWS is being changed: what was kept is void.
pub fn changed(session: &Session, printer: &Printer) {
    if let Some(cache) = &session.cache
        && let Err(warning) = cache.changed(now(session))
    {
        printer.warn(&warning.to_string());
        printer.hint("pass `--refresh` to `drift`, `plan` and `inventory` for the next minutes");
    }
}

fn now(session: &Session) -> Timestamp {
    Timestamp::try_from(session.aws.now()).unwrap_or(session.started)
}
