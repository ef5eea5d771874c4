use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::Args;

use super::error::{CommandError, CommandResult};
use super::exit::Exit;
use super::{Global, Output, compare, files, inventory, session, subject};
use crate::aws::CallContext;
use crate::baseline;
use crate::import::{
    Choices, ImportError, Imported, duties_lie_open, everywhere, import, looked_for, present,
};
use crate::inventory::{AccountState, Inventory, Observed};
use crate::plan::{self, BaselineKey, OrgPlan, Region};
use crate::report::{Printer, import as report};

/// Write the org plan of an organization that exists.
///
/// Reads the organization and changes nothing in it. The plan describes what is there: `plan` on it has no
/// changes. Policies are written beside it, as AWS holds them. What a plan cannot say, or what another
/// tool manages, is left out; comments at the top of the file say what and why.
///
/// Exits 0 when the plan is exactly what is there, and 2 when something differs all the same.
#[derive(Debug, Args)]
pub(super) struct Import {
    /// Where to write the plan; policies go into `policies/` beside it.
    #[arg(long, value_name = "PLAN", default_value = "org.toml")]
    out: PathBuf,
    /// The account that keeps the logs, by name, id or email. Guessed by its name when left out.
    #[arg(long, value_name = "ACCOUNT")]
    logging: Option<String>,
    /// The account from which security is watched. Guessed by what it administers, or its name.
    #[arg(long, value_name = "ACCOUNT")]
    secops: Option<String>,
    /// A governed Region beside the home Region (`--region`) and us-east-1. May be repeated.
    #[arg(long, value_name = "REGION")]
    governed_region: Vec<Region>,
    /// The role by which the management account enters member accounts, if not
    /// OrganizationAccountAccessRole.
    #[arg(long, value_name = "ROLE")]
    access_role: Option<String>,
    /// A saved inventory to work from, instead of AWS.
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Replace files that are there.
    #[arg(long)]
    force: bool,
}

pub(super) fn run(verb: &Import, global: &Global, printer: &Printer) -> CommandResult {
    let home_region = home_region(global)?;
    let mut choices = Choices {
        home_region: Some(home_region.clone()),
        regions: verb.governed_region.iter().cloned().collect(),
        logging: verb.logging.clone(),
        secops: verb.secops.clone(),
        access_role: verb.access_role.clone(),
        ..Choices::default()
    };
    let found = match &verb.from {
        Some(file) => inventory::load_any(file)?.inventory,
        None => read(verb, &mut choices, &home_region, global, printer)?,
    };
    let imported = import(&found, &choices).map_err(refused)?;
    let files = texts(&verb.out, &imported)?;
    let folder = folder(&verb.out);
    if !verb.force {
        refuse_to_replace(&verb.out, &files)?;
    }
    let left = differences(&files, &verb.out, &found, printer)?;
    files::write_all(folder, &files)?;
    match global.output() {
        Output::Text => printer.data(&report::text(&imported, &verb.out, &left)),
        Output::Json => {
            printer.data_line(&report::json(&imported, &verb.out, &left).to_string());
        }
    }
    Ok(match left.is_empty() {
        true => Exit::Done,
        false => Exit::Differs,
    })
}

/// `--region`, or the one of the environment.
fn home_region(global: &Global) -> Result<Region, CommandError> {
    if let Some(region) = &global.region {
        return Ok(region.clone());
    }
    let told = ["AWS_REGION", "AWS_DEFAULT_REGION"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    match told {
        Some(text) => text.parse().map_err(|error| {
            CommandError::caused(
                format!("the Region `{text}` of the environment cannot be used"),
                &error,
            )
        }),
        None => Err(CommandError::new("which Region is the home Region is not known").hint(
            "pass `--region REGION`: the one where the organization's trail and log buckets are, or are to be",
        )),
    }
}

/// Reads the organization with a plan that says nothing of it, tries the access role on accounts that were
/// invited, because AWS makes it in those alone that it creates, and looks for baselines where there are stack
/// sets with orgstrap's prefix or trails.
fn read(
    verb: &Import,
    choices: &mut Choices,
    home_region: &Region,
    global: &Global,
    printer: &Printer,
) -> Result<Inventory, CommandError> {
    let mut found = None;
    let plan = empty_plan(home_region, verb.access_role.as_deref())?;
    session::reading_anybodys(&plan, global, printer, async |session| {
        let mut plan = plan.clone();
        plan.organization.management_account = session.management.clone();
        let desired = looked_for(&plan);
        let subject = subject::LoadedPlan::made(plan, desired);
        printer.detail("Reading AWS…");
        let mut inventory = compare::read(session, &subject, printer).await?;
        for facts in inventory
            .accounts
            .known()
            .into_iter()
            .flatten()
            .map(|(_, facts)| facts)
        {
            let invited = !facts.created_here && facts.state == AccountState::Active;
            if invited && facts.id != session.management {
                match session.aws.enter(&CallContext::quiet(), &facts.id).await {
                    Err(error) if error.is("AccessDenied") => {
                        choices.shut.insert(facts.id.clone());
                    }
                    Err(error) => printer.detail(&format!(
                        "whether account {} can be entered is not known: {error}",
                        facts.id
                    )),
                    Ok(()) => {}
                }
            }
        }
        let mut imported = import(&inventory, choices).map_err(refused)?;
        if duties_lie_open(&inventory, choices) {
            // The stacks of the accounts that have the duties lie in these accounts: all are looked into.
            printer.detail("Looking for the logging and the SecOps account…");
            let bare = staged(&texts(&verb.out, &imported)?, &verb.out, printer)?;
            let mut desired = looked_for(&bare.plan);
            desired.stacks = everywhere(&bare.plan);
            let all = subject::LoadedPlan::made(bare.plan, desired);
            let looked = compare::read(session, &all, printer).await?;
            imported = import(&looked, choices).map_err(refused)?;
        }
        let sets = inventory.stack_sets.known();
        let trails = inventory.trails.as_ref().and_then(Observed::known);
        if sets.is_some_and(|sets| !sets.is_empty()) || trails.is_some_and(|all| !all.is_empty()) {
            let files = texts(&verb.out, &imported)?;
            let bare = staged(&files, &verb.out, printer)?;
            let all = with_every_baseline(bare.plan);
            inventory = compare::read(session, &all, printer).await?;
            choices.baselines = present(&all.plan, &all.desired, &inventory);
        }
        found = Some(inventory);
        Ok(Exit::Done)
    })?;
    found.ok_or_else(|| CommandError::new("nothing was read"))
}

fn empty_plan(home_region: &Region, access_role: Option<&str>) -> Result<OrgPlan, CommandError> {
    let mut text = format!(
        "[organization]\nmanagement_account = \"000000000000\"\nhome_region = \"{home_region}\"\n"
    );
    if let Some(role) = access_role {
        text.push_str(&format!("access_role = {}\n", toml::Value::from(role)));
    }
    plan::read_text("--region and --access-role", text, Path::new(""))
        .map(|loaded| loaded.plan)
        .map_err(|invalid| CommandError::caused("an organization cannot be read so", &invalid))
}

fn refused(error: ImportError) -> CommandError {
    let hint = match &error {
        ImportError::NoOrganization(_) => {
            Some("`orgstrap init` writes a plan from which `apply` makes one")
        }
        ImportError::NotManagement { .. } => {
            Some("use credentials of the management account, for example with `--profile`")
        }
        ImportError::Unread { .. } => Some("nothing was written; a part of a plan would mislead"),
        _ => None,
    };
    let error = CommandError::caused("no plan can be made of this organization", &error);
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

fn folder(out: &Path) -> &Path {
    match out.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// All files by their path relative to the plan's folder.
fn texts(out: &Path, imported: &Imported) -> Result<BTreeMap<String, String>, CommandError> {
    let name = out
        .file_name()
        .and_then(|name| name.to_str())
        .ok_or_else(|| CommandError::new(format!("{} names no file", out.display())))?;
    let mut texts = imported.documents.clone();
    texts.insert(name.to_owned(), imported.plan.clone());
    Ok(texts)
}

fn refuse_to_replace(out: &Path, files: &BTreeMap<String, String>) -> Result<(), CommandError> {
    let there: Vec<String> = files
        .keys()
        .map(|path| out.with_file_name(path))
        .filter(|path| path.exists())
        .map(|path| path.display().to_string())
        .collect();
    let (shown, more) = there.split_at(there.len().min(5));
    let more = match more.len() {
        0 => String::new(),
        count => format!(" and {count} more"),
    };
    match shown {
        [] => Ok(()),
        shown => Err(CommandError::new(format!(
            "{}{more} would be replaced; nothing was written",
            shown.join(", ")
        ))
        .hint("name another file with `--out`, or pass `--force`")),
    }
}

/// The plan as any other command would read it, from files that are gone afterwards.
fn staged(
    files: &BTreeMap<String, String>,
    out: &Path,
    printer: &Printer,
) -> Result<subject::LoadedPlan, CommandError> {
    let wrong = |error: &std::io::Error| CommandError::caused("could not check the plan", error);
    let stage = tempfile::tempdir().map_err(|error| wrong(&error))?;
    files::write_all(stage.path(), files)?;
    let name = out.file_name().unwrap_or(out.as_os_str());
    subject::load_written(&stage.path().join(name), printer).ok_or_else(|| {
        CommandError::new("the plan made of this organization does not pass the checks above")
            .hint("nothing was written; please report what the message says")
    })
}

/// The plan with every built-in baseline that it can have, so that all their stacks are looked for.
fn with_every_baseline(mut plan: OrgPlan) -> subject::LoadedPlan {
    for name in baseline::names() {
        let Ok(key) = name.parse::<BaselineKey>() else {
            continue;
        };
        plan.baselines.insert(key.clone(), Default::default());
        if baseline::expand(&plan).is_err() {
            plan.baselines.remove(&key);
        }
    }
    let mut desired = baseline::expand(&plan).unwrap_or_default();
    if desired.trail.is_none() {
        desired.trail = looked_for(&plan).trail;
    }
    subject::LoadedPlan::made(plan, desired)
}

/// Checks the plan as `plan` would, before anything takes its place: what still differs, a line each.
fn differences(
    files: &BTreeMap<String, String>,
    out: &Path,
    found: &Inventory,
    printer: &Printer,
) -> Result<Vec<String>, CommandError> {
    let subject = staged(files, out, printer)?;
    let compared = subject.diff(found);
    let mut left: BTreeSet<String> = BTreeSet::new();
    left.extend(
        compared
            .problems
            .iter()
            .map(|problem| problem.message.clone()),
    );
    left.extend(
        compared
            .changes
            .iter()
            .map(|change| format!("{}: {}", change.address, change.reason)),
    );
    left.extend(compared.blocked.iter().map(|blocked| match &blocked.hint {
        Some(hint) => format!("{}: {hint}", blocked.address),
        None => format!("{}: cannot be compared or changed", blocked.address),
    }));
    left.extend(
        compared
            .left
            .iter()
            .map(|left| format!("{}: {}; {}", left.name, left.text, left.reason)),
    );
    Ok(left.into_iter().collect())
}
