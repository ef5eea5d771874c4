//! Reading through the describe cache: what was read a moment ago is not asked again, and what is new is
//! kept for the next look. `drift`, `plan` and `inventory` read so; what changes AWS reads it anew.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::time::Duration;

use clap::Args;
use jiff::{SignedDuration, Timestamp};

use super::error::CommandError;
use super::session::Session;
use super::subject::Subject;
use super::{Global, compare};
use crate::aws::Caller;
use crate::inventory::{Answers, Inventory, Kind, Question, SavedInventory};
use crate::observe::cache::{self, Cache, Kept, MaxAge, Turn};
use crate::observe::{observe_beside, probe};
use crate::report::Printer;

/// How often is looked whether another process has done reading.
const LOOK: Duration = Duration::from_millis(200);
/// How long another process is waited for: a reading of the largest organizations takes less.
const PATIENCE: Duration = Duration::from_secs(10 * 60);

/// How old an answer of AWS may be.
#[derive(Debug, Args)]
pub(super) struct Ages {
    /// Use again what was read up to this long ago, such as `10m` or `1h 30m`; `0` uses nothing. When left
    /// out: stacks, GuardDuty and controls up to 5 minutes, everything else up to 15. In the sandbox and
    /// at a custom endpoint nothing is kept.
    #[arg(long, value_name = "DURATION", value_parser = age)]
    max_age: Option<Duration>,
    /// Read everything anew, and keep it for the next look.
    #[arg(long, conflicts_with = "max_age")]
    refresh: bool,
}

fn age(text: &str) -> Result<Duration, String> {
    let wrong = "write a duration such as `10m` or `1h 30m`, or `0`";
    if text.trim() == "0" {
        return Ok(Duration::ZERO);
    }
    let parsed: SignedDuration = text.parse().map_err(|_| wrong.to_owned())?;
    Duration::try_from(parsed).map_err(|_| wrong.to_owned())
}

impl Ages {
    /// What was asked for.
    pub(super) fn max_age(&self) -> MaxAge {
        match (self.refresh, self.max_age) {
            (true, _) => MaxAge::Of(Duration::ZERO),
            (_, Some(age)) => MaxAge::Of(age),
            (_, None) => MaxAge::Usual,
        }
    }

    /// For what changes AWS: anew, unless an age was given.
    pub(super) fn or_anew(&self) -> MaxAge {
        match self.max_age() {
            MaxAge::Usual => MaxAge::Of(Duration::ZERO),
            asked => asked,
        }
    }
}

/// A reading, some of which may be from an earlier one.
pub(super) struct Reading {
    pub(super) saved: SavedInventory,
    /// What is from an earlier reading, and when that was.
    pub(super) kept: BTreeMap<Kind, Timestamp>,
    /// Answers that may be used again, until they are asked for.
    answers: Answers,
    cache: Option<Cache>,
    scopes: BTreeMap<Kind, String>,
    /// Others that want the same wait until it is kept.
    turn: Option<Turn>,
}

impl Reading {
    pub(super) fn inventory(&self) -> &Inventory {
        &self.saved.inventory
    }

    /// Reads the inventory anew, whole.
    pub(super) async fn read_again(
        &mut self,
        session: &Session,
        subject: &Subject,
        printer: &Printer,
    ) -> Result<(), CommandError> {
        self.saved = SavedInventory::new(compare::read(session, subject, printer).await?);
        self.kept.clear();
        Ok(())
    }

    /// The answers to `questions`, asked where they are not kept.
    pub(super) async fn ask(
        &mut self,
        mut questions: BTreeSet<Question>,
        session: &Session,
        printer: &Printer,
    ) -> Result<(), CommandError> {
        let mut answers = std::mem::take(&mut self.answers);
        answers.retain(|question, _| questions.contains(question));
        questions.retain(|question| !answers.contains_key(question));
        if let Some(oldest) = answers.values().map(|answer| answer.read_at).min() {
            self.kept.insert(Kind::Controls, oldest);
        }
        if !questions.is_empty() {
            answers.extend(asked(questions, session, printer).await?);
        }
        self.saved.answers = answers;
        Ok(())
    }

    /// Asks again what is kept of `questions`.
    pub(super) async fn ask_again(
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
    pub(super) fn keep(self, printer: &Printer) {
        let Some(cache) = &self.cache else {
            return;
        };
        let anything = Kind::OF_INVENTORY
            .iter()
            .any(|kind| !self.kept.contains_key(kind));
        let taken_at = self.saved.inventory.taken_at;
        let mut answers = self.saved.answers.values();
        if !anything && answers.all(|answer| answer.read_at < taken_at) {
            return;
        }
        let mut read_at: BTreeMap<Kind, Timestamp> = Kind::OF_INVENTORY
            .into_iter()
            .map(|kind| (kind, taken_at))
            .collect();
        read_at.extend(self.kept);
        read_at.remove(&Kind::Controls);
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
    let ctx = Caller::new(0, move |text| teller.detail(&text));
    Ok(probe(&session.aws, questions, &ctx).await)
}

/// Reads what is not kept, or too old.
pub(super) async fn read(
    session: &Session,
    subject: &Subject,
    max_age: MaxAge,
    global: &Global,
    printer: &Printer,
) -> Result<Reading, CommandError> {
    let cache = match max_age {
        MaxAge::Usual if elsewhere() => None,
        _ => of(session, global),
    };
    let scopes = cache::scopes(&subject.plan, &subject.wanted);
    let look = |cache: &Cache| {
        let usable = cache.usable(now(session), max_age, &scopes);
        usable.unwrap_or_else(|warning| {
            printer.warn(&warning.to_string());
            None
        })
    };
    let mut turn = None;
    let mut kept = None;
    let mut cache = cache;
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
    kept: Kept,
    session: &Session,
    subject: &Subject,
    printer: &Printer,
) -> Result<(Inventory, BTreeMap<Kind, Timestamp>, Answers), CommandError> {
    if kept.is_whole() {
        let mut inventory = kept.inventory;
        inventory.taken_at = now(session);
        return Ok((inventory, kept.read_at, kept.answers));
    }
    session.guard().await?;
    printer.detail("Reading AWS…");
    let teller = printer.clone();
    let ctx = Caller::new(0, move |text| teller.detail(&text));
    let kinds: BTreeSet<Kind> = kept.read_at.keys().copied().collect();
    let inventory = observe_beside(
        &session.aws,
        &subject.plan,
        &subject.wanted,
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
pub(super) fn changed(session: &Session, global: &Global, printer: &Printer) {
    if let Some(cache) = of(session, global)
        && let Err(warning) = cache.changed(now(session))
    {
        printer.warn(&warning.to_string());
        printer.hint("pass `--refresh` to `drift`, `plan` and `inventory` for the next minutes");
    }
}

fn now(session: &Session) -> Timestamp {
    Timestamp::try_from(session.aws.now()).unwrap_or(session.started)
}

/// The cache of this user for this organization. None in the sandbox, where a reading costs nothing and
/// a world is as its file says.
fn of(session: &Session, global: &Global) -> Option<Cache> {
    if session.sandbox {
        return None;
    }
    let folder = cache::user_folder(|name| std::env::var_os(name))?;
    let management = session.management.clone();
    Some(Cache::new(folder, management, asked_by(global)))
}

/// How AWS is reached, as far as it decides what is seen there. No secret is among it, and only a digest
/// is kept.
fn asked_by(global: &Global) -> String {
    const ASKED_BY: [&str; 8] = [
        "AWS_ACCESS_KEY_ID",
        "AWS_ROLE_ARN",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONFIG_FILE",
        "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_DEFAULT_PROFILE",
    ];
    let mut texts = vec![global.profile.clone().unwrap_or_default()];
    let lossy = |value: OsString| value.to_string_lossy().into_owned();
    texts.extend(
        ASKED_BY
            .iter()
            .map(|name| std::env::var_os(name).map(lossy).unwrap_or_default()),
    );
    for (name, value) in endpoints() {
        texts.push(format!("{name}={value}"));
    }
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    cache::digest(&texts)
}

/// Whether something else than AWS answers: an emulator's world may be another one in a moment.
fn elsewhere() -> bool {
    !endpoints().is_empty()
}

fn endpoints() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| {
            let name = name.into_string().ok()?;
            let value = value.to_string_lossy().into_owned();
            (name.starts_with("AWS_ENDPOINT_URL") && !value.is_empty()).then_some((name, value))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_a_duration_or_none_at_all() {
        assert_eq!(age("0"), Ok(Duration::ZERO));
        assert_eq!(age("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(age("1h 30m"), Ok(Duration::from_secs(5400)));
        for wrong in ["", "10", "-5m", "soon"] {
            assert!(age(wrong).is_err(), "{wrong}");
        }
    }
}
