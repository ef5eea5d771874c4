use std::sync::PoisonError;

use clap::Args;
use serde_json::Value;

use super::error::{CommandError, CommandResult};
use super::exit::Exit;
use super::rehearse::{self, Trial};
use super::{Global, Output, subject};
use crate::plan::{OrgPlan, Region, nearest};
use crate::report::Printer;
use crate::report::simulation::{self, Simulation};
use crate::sandbox::authorization::{Place, Verdict};
use crate::sandbox::{Call, World, permissions};

/// Ask whether policies would let somebody do something, before they are attached.
///
/// Judges one action of one principal by the service control policies, resource control policies and permissions
/// boundaries that the org plan would leave in force, and names the policy, statement and condition that decide. For that the
/// plan is rehearsed on a copy of the organization, and orgstrap's own evaluator is asked: AWS is read, not asked, and nothing
/// in it is changed. `--live` asks of the organization as it is. Exits 0 when it is allowed, 2 when it is denied, and
/// 1 when it could not be judged.
#[derive(Debug, Args)]
pub(super) struct Simulate {
    #[command(flatten)]
    trial: Trial,
    /// The account that acts: its key in the org plan, its name or its id.
    #[arg(long, value_name = "NAME")]
    account: String,
    /// What it does, such as `s3:DeleteBucket`.
    #[arg(long, value_name = "ACTION")]
    action: String,
    /// The ARN of what it does it to; whatever there may be without it.
    #[arg(long, value_name = "ARN")]
    resource: Option<String>,
    /// Who acts: a role's name, `user/NAME`, `root` or an ARN; a role that no policy names without it.
    #[arg(long = "as", value_name = "ROLE")]
    who: Option<String>,
    /// The Region where it acts; the home Region without it.
    #[arg(long = "in", value_name = "REGION")]
    place: Option<Region>,
    /// A condition key of the request and its value, such as `aws:SourceIp=192.0.2.7`. May be repeated.
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    context: Vec<(String, String)>,
    /// Ask of the organization as it is, not as the org plan would make it.
    #[arg(long)]
    live: bool,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if key.contains(':') => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write KEY=VALUE, such as aws:SourceIp=192.0.2.7".to_owned()),
    }
}

/// The role that is asked for when none is named.
const ANYBODY: &str = "any-role";

pub(super) fn run(verb: &Simulate, global: &Global, printer: &Printer) -> CommandResult {
    if !verb.action.contains(':') || verb.action.contains(['*', '?']) {
        return Err(CommandError::new(format!("`{}` is no action", verb.action))
            .hint("write service and name, such as `s3:DeleteBucket`"));
    }
    let subject = subject::load(&verb.trial.plan, global, printer)?;
    let plan = &subject.plan;
    let (world, failed) = rehearse::made(&verb.trial, &subject, verb.live, global, printer)?;
    let world = world.lock().unwrap_or_else(PoisonError::into_inner);
    let account = account(&verb.account, plan, &world)?;
    let home = &plan.organization.home_region;
    let region = verb.place.as_ref().unwrap_or(home).as_str();
    let role = verb.who.as_deref().unwrap_or(ANYBODY);
    let principal = permissions::principal(role, &account);
    let call = Call::internal(&account, region, &principal, world.now, Value::Null);
    let (action, resource) = (verb.action.as_str(), verb.resource.as_deref());
    let (_, verdict) = permissions::simulate(&world, &call, action, resource, &verb.context);
    let there = world.account(&account);
    let mut notes = Vec::new();
    if failed > 0 {
        notes.push(format!(
            "{failed} changes of the plan would fail (`orgstrap rehearse` tells): what they would make is not there"
        ));
    }
    if !there.is_some_and(|it| it.iam.roles.contains_key(role)) {
        notes.push(
            "what the principal's own policies say was not asked: they are not known here"
                .to_owned(),
        );
    }
    let told = Simulation {
        who: match there {
            Some(it) => format!("{role} of {} ({account})", it.name),
            None => format!("{role} of {account}"),
        },
        action: action.to_owned(),
        resource: verb.resource.clone(),
        answer: match &verdict {
            Verdict::Allowed => simulation::Answer::Allowed,
            Verdict::Denied(_) | Verdict::NotAllowed { .. } => simulation::Answer::Denied,
            Verdict::NotJudged { .. } => simulation::Answer::NotJudged,
        },
        because: because(&world, verdict.clone()),
        of: match verb.live {
            true => "the organization as it is".to_owned(),
            false => format!(
                "the organization as {} would make it",
                verb.trial.plan.display()
            ),
        },
        notes,
    };
    match global.output() {
        Output::Text => printer.data(&simulation::text(&told)),
        Output::Json => printer.data_line(&simulation::json(&told).to_string()),
    }
    Ok(match told.answer {
        simulation::Answer::Allowed => Exit::Done,
        simulation::Answer::Denied => Exit::Differs,
        simulation::Answer::NotJudged => Exit::Failed,
    })
}

/// The account by its key in the plan, its name or its id.
fn account(named: &str, plan: &OrgPlan, world: &World) -> Result<String, CommandError> {
    let planned = plan.accounts.iter().find(|(key, _)| key.as_str() == named);
    let email = planned.map(|(_, account)| account.email.to_string().to_lowercase());
    let found = email
        .and_then(|email| world.emails.get(&email))
        .or_else(|| world.accounts.keys().find(|id| *id == named))
        .or_else(|| {
            let mut accounts = world.accounts.iter();
            accounts.find(|(_, it)| it.name == named).map(|(id, _)| id)
        });
    found.cloned().ok_or_else(|| {
        let names = plan.accounts.keys().map(|key| key.as_str());
        let error = CommandError::new(format!("there is no account `{named}`"));
        match nearest(named, names) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint("write its key in the org plan, its name or its id"),
        }
    })
}

/// What decided, with the places of the organization by their names.
fn because(world: &World, verdict: Verdict) -> String {
    let name = |target: &str| {
        let Some(organization) = world.organization.as_ref().filter(|_| !target.is_empty()) else {
            return target.to_owned();
        };
        if target == organization.root {
            return "the root".to_owned();
        }
        match (organization.ous.get(target), world.account(target)) {
            (Some(ou), _) => format!("OU {}", ou.name),
            (None, Some(account)) => format!("account {}", account.name),
            (None, None) => target.to_owned(),
        }
    };
    let named = |place: Place| Place {
        target: name(&place.target),
        ..place
    };
    match verdict {
        Verdict::Denied(place) => Verdict::Denied(named(place)),
        Verdict::NotAllowed { kind, target } => Verdict::NotAllowed {
            target: name(&target),
            kind,
        },
        other @ (Verdict::Allowed | Verdict::NotJudged { .. }) => other,
    }
    .told()
}
