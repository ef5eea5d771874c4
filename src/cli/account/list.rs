use clap::{Args, ValueEnum};

use super::{PlanFile, find};
use crate::cli::ages::Ages;
use crate::cli::cached;
use crate::cli::error::CommandResult;
use crate::cli::exit::Exit;
use crate::cli::{Form, Global, session, subject};
use crate::inventory::Inventory;
use crate::plan::{OrgPlan, OuPath};
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
    fn word(self) -> &'static str {
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
        let rows: Vec<Row> = rows(&subject.plan, read)
            .into_iter()
            .filter(|row| asked_for(verb, row))
            .collect();
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

fn asked_for(verb: &List, row: &Row) -> bool {
    let ou = verb.ou.is_empty()
        || verb.ou.iter().any(|wanted| {
            let path = row.ou.parse::<OuPath>();
            path.is_ok_and(|path| wanted.contains(&path))
        });
    let tags = verb.tag.iter().all(|wanted| match wanted.split_once('=') {
        Some((key, value)) => row.tags.get(key).is_some_and(|have| have == value),
        None => row.tags.contains_key(wanted),
    });
    let state = verb.state.is_empty()
        || verb.state.iter().any(|wanted| {
            wanted
                .replace(['-', '_'], " ")
                .eq_ignore_ascii_case(&row.state)
        });
    let role = verb.role.is_empty()
        || verb.role.iter().any(|wanted| match wanted {
            Role::Workload => row.roles.is_empty(),
            other => row.roles.contains(&other.word()),
        });
    ou && tags && state && role
}
