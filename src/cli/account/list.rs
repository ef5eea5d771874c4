use std::collections::BTreeSet;

use clap::{Args, ValueEnum};

use super::PlanFile;
use crate::cli::ages::Ages;
use crate::cli::cached;
use crate::cli::error::{CommandError, CommandResult};
use crate::cli::exit::Exit;
use crate::cli::{Form, Global, session, subject};
use crate::inventory::{AccountState, Inventory};
use crate::ops::account::find;
use crate::plan::{AllowedValues, OrgPlan, OuPath, listed, nearest};
use crate::report::Printer;
use crate::report::account::list::{self, Row};
use crate::report::age;

/// List the accounts of the org plan and of AWS.
#[derive(Debug, Args)]
pub(super) struct List {
    /// Only accounts in this OU or below. May be repeated.
    #[arg(long)]
    ou: Vec<OuPath>,
    /// Only accounts with this tag, or with this value of it. May be repeated; all must hold.
    #[arg(long, value_name = "KEY[=VALUE]")]
    tag: Vec<String>,
    /// Only accounts in this state, such as active, suspended or closed; `absent` is in the plan only.
    #[arg(long)]
    state: Vec<String>,
    /// Only accounts of this role. May be repeated.
    #[arg(long, value_enum)]
    role: Vec<Role>,
    #[command(flatten)]
    plan: PlanFile,
    #[command(flatten)]
    ages: Ages,
}

/// What an account is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Role {
    Management,
    Logging,
    Secops,
    /// None of the others.
    Workload,
}

impl Role {
    fn as_str(self) -> &'static str {
        match self {
            Role::Management => "management",
            Role::Logging => "logging",
            Role::Secops => "secops",
            Role::Workload => "workload",
        }
    }
}

pub(super) fn run(verb: &List, global: &Global, printer: &Printer) -> CommandResult {
    let subject = subject::load(&verb.plan.plan, global, printer)?;
    session::reading(&subject.plan, global, printer, async |session| {
        let max_age = verb.ages.max_age();
        let reading = cached::read(session, &subject, max_age, printer).await?;
        let read = reading.inventory();
        let all = rows(&subject.plan, read);
        known(verb, &subject.plan, read, &all)?;
        let rows: Vec<Row> = all.into_iter().filter(|row| asked_for(verb, row)).collect();
        match global.form() {
            Form::Csv => printer.data(&list::csv(&rows)),
            Form::Json => printer.data_line(&list::json(&rows).to_string()),
            _ => printer.data(&list::text(&rows)),
        }
        if let Some(line) = age::line(read.taken_at, &reading.kept) {
            printer.say(&line);
        }
        reading.keep(printer);
        Ok(Exit::Done)
    })
}

fn rows(plan: &OrgPlan, inventory: &Inventory) -> Vec<Row> {
    find::all(plan, inventory)
        .into_iter()
        .map(|found| list::row(plan, inventory, found.key.as_ref(), found.facts))
        .collect()
}

/// Whether every filter names something that there is.
///
/// # Errors
/// One does not; all of them are named, with what was perhaps meant.
fn known(
    verb: &List,
    plan: &OrgPlan,
    inventory: &Inventory,
    rows: &[Row],
) -> Result<(), CommandError> {
    let mut wrong: Vec<String> = Vec::new();
    let mut unknown = |what: &str, word: &str, known: BTreeSet<String>| {
        let words = || known.iter().map(String::as_str);
        let meant = match nearest(word, words()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if known.is_empty() => "there is none".to_owned(),
            None => format!("there are {}", listed(words())),
        };
        wrong.push(format!("no {what} `{word}`: {meant}"));
    };
    let there = inventory.ous.known().into_iter().flatten();
    let mut ous: BTreeSet<OuPath> = there.map(|(_, facts)| facts.path.clone()).collect();
    ous.extend(plan.ous.keys().cloned());
    ous.insert(OuPath::root());
    for ou in verb.ou.iter().filter(|ou| !ous.contains(ou)) {
        let known = ous.iter().map(ToString::to_string).collect();
        unknown("OU", &ou.to_string(), known);
    }
    let segregation = &plan.segregation;
    for desired in &verb.tag {
        let (key, value) = match desired.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (desired.as_str(), None),
        };
        let mut keys: BTreeSet<String> = segregation.keys().cloned().collect();
        keys.extend(rows.iter().flat_map(|row| row.tags.keys().cloned()));
        if !keys.contains(key) {
            unknown("tag", key, keys);
            continue;
        }
        let carried = rows.iter().filter_map(|row| row.tags.get(key)).cloned();
        let mut values: BTreeSet<String> = carried.collect();
        if let Some(AllowedValues::OneOf(allowed)) = segregation.get(key) {
            values.extend(allowed.iter().cloned());
        }
        if let Some(value) = value.filter(|value| !values.contains(*value)) {
            unknown(&format!("account with tag {key} ="), value, values);
        }
    }
    let states = AccountState::ALL.map(AccountState::as_str);
    let states = || states.into_iter().chain(["absent"]);
    for desired in &verb.state {
        if !states().any(|state| is_state(desired, state)) {
            unknown("state", desired, states().map(str::to_owned).collect());
        }
    }
    match wrong.as_slice() {
        [] => Ok(()),
        some => Err(CommandError::new(some.join("; "))),
    }
}

/// Whether a word is a state, however its words are joined.
fn is_state(word: &str, state: &str) -> bool {
    word.replace(['-', '_'], " ").eq_ignore_ascii_case(state)
}

fn asked_for(verb: &List, row: &Row) -> bool {
    let ou = verb.ou.is_empty()
        || verb.ou.iter().any(|desired| {
            let path = row.ou.parse::<OuPath>();
            path.is_ok_and(|path| desired.contains(&path))
        });
    let tags = verb
        .tag
        .iter()
        .all(|desired| match desired.split_once('=') {
            Some((key, value)) => row.tags.get(key).is_some_and(|have| have == value),
            None => row.tags.contains_key(desired),
        });
    let state = verb.state.is_empty()
        || verb
            .state
            .iter()
            .any(|desired| is_state(desired, &row.state));
    let role = verb.role.is_empty()
        || verb.role.iter().any(|desired| match desired {
            Role::Workload => row.roles.is_empty(),
            other => row.roles.contains(&other.as_str()),
        });
    ou && tags && state && role
}
