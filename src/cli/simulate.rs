use std::sync::PoisonError;

use clap::Args;
use serde_json::Value;

use super::error::{CommandError, CommandResult};
use super::exit::Exit;
use super::rehearse::{self, Trial};
use super::{Global, Output, session, subject};
use crate::authorization::{Kind, Place, Policies, Policy, Request, Verdict, authorize};
use crate::observe::{Question, Simulated, simulate};
use crate::plan::{OrgPlan, Region, nearest, unheard_of};
use crate::report::Printer;
use crate::report::simulation::{self, Simulation};
use crate::report::words;
use crate::sandbox::world::AccountWorld;
use crate::sandbox::{Call, World, permissions};

/// Ask whether policies would let somebody do something, before they are attached.
///
/// Judges one action of one principal by the service control policies, resource control policies and permissions
/// boundaries that the org plan would leave in force, and names the policy, statement and condition that decide. For that the
/// plan is rehearsed on a copy of the organization, and nothing in AWS is changed. IAM's policy simulator is asked where the
/// caller may ask it, and orgstrap's own evaluator always: the answer says whose it is. `--live` asks of the organization
/// as it is. Exits 0 when it is allowed, 2 when it is denied, and 1 when it could not be judged.
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
    let (policies, request) = permissions::question(&world, &call, action, resource, &verb.context);
    let verdict = authorize(&policies, &request);
    let asked = ask(verb, &subject, &policies, &request, global, printer);
    let (answer, disagreement) = agreed(&verdict, asked.as_ref().ok());
    let there = world.account(&account);
    let mut notes = Vec::new();
    notes.extend(unheard_of(action));
    notes.extend(disagreement);
    if failed > 0 {
        notes.push(format!(
            "{} of the plan would fail (`orgstrap rehearse` tells): what would be made by that is not there",
            words::count(failed, "change", "changes")
        ));
    }
    if !there.is_some_and(|it| it.iam.roles.contains_key(role)) {
        notes.push(
            "what the principal's own policies say was not asked: they are not known here"
                .to_owned(),
        );
        notes.extend(perhaps_meant(verb.who.as_deref(), plan, there));
    }
    let levels = policies.resource_control.iter().flatten();
    if asked.is_ok() && levels.flat_map(|level| &level.policies).next().is_some() {
        notes.push(
            "IAM's policy simulator takes no resource control policies: those were judged by orgstrap's own evaluator"
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
        answer,
        by: match asked {
            Ok(_) => {
                "IAM's policy simulator (SimulateCustomPolicy), with the policies of every level"
                    .to_owned()
            }
            Err(why) => format!("orgstrap's own evaluator, offline ({why})"),
        },
        reason: reason(&world, verdict.clone()),
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

/// What IAM's policy simulator says; the error is why it was not asked, or did not answer.
fn ask(
    verb: &Simulate,
    subject: &subject::LoadedPlan,
    policies: &Policies,
    request: &Request,
    global: &Global,
    printer: &Printer,
) -> Result<Simulated, String> {
    if global.sandbox {
        return Err("the sandbox has no policy simulator".to_owned());
    }
    if verb.trial.from.is_some() {
        return Err("a saved inventory is judged without AWS".to_owned());
    }
    let Some(levels) = &policies.service_control else {
        return Err("no service control policy binds this principal".to_owned());
    };
    let documents = |policies: &[Policy]| -> Vec<String> {
        let documents = policies.iter();
        documents
            .map(|policy| policy.document.to_string())
            .collect()
    };
    let question = Question {
        action: request.action.clone(),
        resource: verb.resource.clone(),
        hierarchy: levels
            .iter()
            .map(|level| documents(&level.policies))
            .collect(),
        // What nobody here knows of is taken to allow, as the own evaluator takes it.
        identity: match &policies.identity {
            Some(own) => documents(own),
            None => vec![EVERYTHING.to_owned()],
        },
        boundary: policies
            .boundary
            .as_deref()
            .and_then(|own| documents(own).into_iter().next()),
        context: request
            .context
            .values()
            .map(|(key, values)| (key.to_owned(), values.to_vec()))
            .collect(),
    };
    let mut message = Err("it was not asked".to_owned());
    let reached = session::reading(&subject.plan, global, printer, async |session| {
        message = simulate(&session.aws, &session.management, &question)
            .await
            .map_err(|error| format!("IAM's policy simulator did not answer: {error}"));
        Ok(Exit::Done)
    });
    match reached {
        Ok(_) => message,
        Err(error) => Err(format!("AWS could not be reached: {}", error.message)),
    }
}

const EVERYTHING: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

/// What both say together. IAM takes a key that it was not given for absent, and knows no resource control policies; where the
/// two differ otherwise nobody is believed.
fn agreed(verdict: &Verdict, iam: Option<&Simulated>) -> (simulation::Answer, Option<String>) {
    use simulation::Answer::{Allowed, Denied, NotJudged};
    let own = match verdict {
        Verdict::Allowed => Allowed,
        Verdict::Denied(_) | Verdict::NotAllowed { .. } => Denied,
        Verdict::NotJudged { .. } => NotJudged,
    };
    let Some(iam) = iam else {
        return (own, None);
    };
    let theirs = match iam.allowed {
        true => Allowed,
        false => Denied,
    };
    let only_ours = matches!(
        verdict,
        Verdict::Denied(place) if place.kind == Kind::ResourceControl
    );
    match own {
        _ if own == theirs || only_ours => (own, None),
        NotJudged if iam.missing.is_empty() => (theirs, None),
        NotJudged => (NotJudged, None),
        Allowed | Denied => (
            NotJudged,
            Some(format!(
                "IAM's policy simulator says {}, orgstrap's own evaluator says {}: {}",
                theirs.as_str(),
                own.as_str(),
                verdict.told()
            )),
        ),
    }
}

/// A role of the account, or one that the plan names, that is called nearly so.
fn perhaps_meant(
    who: Option<&str>,
    plan: &OrgPlan,
    there: Option<&AccountWorld>,
) -> Option<String> {
    let named = who.filter(|who| *who != "root" && !who.contains(['/', ':']))?;
    let roles = there.into_iter().flat_map(|there| there.iam.roles.keys());
    let organization = &plan.organization;
    let own = [
        Some(&organization.access_role),
        organization.break_glass_role.as_ref(),
    ];
    let roles = roles.chain(own.into_iter().flatten()).map(String::as_str);
    let near = nearest(named, roles).filter(|near| *near != named)?;
    Some(format!("did you mean the role `{near}`?"))
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
fn reason(world: &World, verdict: Verdict) -> String {
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use simulation::Answer;

    fn iam(allowed: bool, missing: &[&str]) -> Simulated {
        Simulated {
            allowed,
            missing: missing.iter().map(|key| (*key).to_owned()).collect(),
        }
    }

    fn denied(kind: Kind) -> Verdict {
        Verdict::Denied(Place {
            kind,
            policy: "p".to_owned(),
            arn: String::new(),
            target: "root".to_owned(),
            statement: "statement 1".to_owned(),
            conditions: Vec::new(),
        })
    }

    /// IAM and the own evaluator together, and neither believed where they contradict each other.
    #[test]
    fn two_judges_come_to_one_answer() {
        let unknown = || Verdict::NotJudged {
            unknown: BTreeSet::from(["aws:SourceIp".to_owned()]),
            places: Vec::new(),
        };
        for (verdict, message, answer, differ) in [
            (Verdict::Allowed, None, Answer::Allowed, false),
            (
                Verdict::Allowed,
                Some(iam(true, &[])),
                Answer::Allowed,
                false,
            ),
            (
                Verdict::Allowed,
                Some(iam(false, &[])),
                Answer::NotJudged,
                true,
            ),
            (
                denied(Kind::ServiceControl),
                Some(iam(false, &[])),
                Answer::Denied,
                false,
            ),
            (
                denied(Kind::ServiceControl),
                Some(iam(true, &[])),
                Answer::NotJudged,
                true,
            ),
            (
                denied(Kind::ResourceControl),
                Some(iam(true, &[])),
                Answer::Denied,
                false,
            ),
            (unknown(), None, Answer::NotJudged, false),
            (
                unknown(),
                Some(iam(false, &["aws:SourceIp"])),
                Answer::NotJudged,
                false,
            ),
            (unknown(), Some(iam(true, &[])), Answer::Allowed, false),
        ] {
            let (message, note) = agreed(&verdict, message.as_ref());
            assert_eq!((message, note.is_some()), (answer, differ), "{verdict:?}");
        }
    }
}
