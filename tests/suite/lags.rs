//! AWS shows and allows much later than it says that it is done (`crates/sandbox/src/lags`): the first apply of a new
//! organization bears that.
//!
//! - `ORGSTRAP_LAG_SEEDS=200` draws so many times for the startup example, and takes 20 generated organizations with ten
//!   draws each. Without it two are drawn, and three organizations are tried.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use orgstrap::action::{self, Action};
use orgstrap::addr::Address;
use orgstrap::change::Change;
use orgstrap::graph::ChangeGraph;
use orgstrap::ops::exit::Exit;
use orgstrap::rehearse::Timeline;
use orgstrap::sandbox::World;
use orgstrap::sandbox::lags::{Lag, Mode, TABLE};

use crate::support::inside::{self, LoadedPlan, Timed};
use crate::support::organizations::Organization;
use crate::support::{golden, root};

fn seeds() -> u64 {
    std::env::var("ORGSTRAP_LAG_SEEDS").map_or(2, |seeds| seeds.parse().expect("a number"))
}

fn world(subject: &LoadedPlan, mode: Mode) -> World {
    let mut world = inside::roomy(inside::empty_world(subject));
    world.lags.mode = mode;
    world
}

/// What may be late for a change: what the changes that it needs, and it itself, have just begun.
fn lags_of(action: &Action) -> &'static [Lag] {
    use Lag::*;
    match action {
        Action::CreateOrganization(_)
        | Action::EnableAllFeatures(action::EnableAllFeatures {})
        | Action::EnableTrustedAccess(_)
        | Action::ActivateStackSets(action::ActivateStackSets {})
        | Action::CreateServiceLinkedRole(_)
        | Action::CreateOu(_)
        | Action::RenameOu(_)
        | Action::DeleteOu(_)
        | Action::CloseAccount(_)
        | Action::CreatePolicy(_)
        | Action::UpdatePolicy(_)
        | Action::DeletePolicy(_)
        | Action::RemoveGuardDutyAdministrator(_)
        | Action::DeregisterDelegatedAdministrator(_) => &[],
        Action::EnablePolicyType(_) => &[PolicyType],
        Action::CreateAccount(_) => &[AccountLimit, Finalizing, AccountList],
        Action::PrepareAccount(_) => &[AccessRole, NewCloudFormation, NewServices, Gate],
        Action::MoveAccount(_) => &[AccountList],
        Action::Tag(_) => &[Tags],
        Action::AttachPolicy(_) | Action::DetachPolicy(_) => &[PolicyTargets],
        Action::RegisterDelegatedAdministrator(_) => &[TrustedAccess, ServiceLinkedRole],
        Action::RenameAccount(_)
        | Action::PutAlternateContact(_)
        | Action::EnableRegions(_)
        | Action::CentralizeRootAccess(action::CentralizeRootAccess {}) => &[TrustedAccess],
        Action::PutAccountAlias(_) | Action::PutPasswordPolicy(_) => &[AccessRole],
        Action::EnableGuardDutyAdministrator(_) => {
            &[TrustedAccess, ServiceLinkedRole, NewServices, AccountKnown]
        }
        Action::ConfigureGuardDuty(_) => &[AdministratorKnown, OwnDetector, NewServices],
        Action::AddGuardDutyMembers(_) => &[AdministratorKnown, AccountKnown, NewServices],
        Action::ExportGuardDutyFindings(_) => {
            &[AdministratorKnown, BucketPolicy, KeyPolicy, Destination]
        }
        Action::CreateStackSet(_)
        | Action::UpdateStackSetSettings(_)
        | Action::DeleteStackSet(_) => &[TrustedAccess],
        _ => &[
            TrustedAccess,
            ServiceLinkedRole,
            Role,
            NewCloudFormation,
            NewServices,
            Gate,
            BucketPolicy,
            KeyPolicy,
            SetTargets,
        ],
    }
}

/// Lags that all begin in one moment, with the organization or with an account: a way through the graph meets the longest
/// of them once.
const TOGETHER: [&[Lag]; 2] = [
    &[Lag::AccountLimit, Lag::Finalizing],
    &[
        Lag::AccessRole,
        Lag::NewCloudFormation,
        Lag::NewServices,
        Lag::Gate,
        Lag::AccountKnown,
    ],
];

/// The longest way through the graph, by a weight of each change.
fn longest(graph: &ChangeGraph, weight: impl Fn(&Change) -> Duration) -> Duration {
    let mut ends: BTreeMap<Address, Duration> = BTreeMap::new();
    let mut left: Vec<&Change> = graph.changes().collect();
    while !left.is_empty() {
        let before = left.len();
        left.retain(|change| {
            let needs: Option<Vec<Duration>> = graph
                .needs(&change.address)
                .map(|need| ends.get(&need.address).copied())
                .collect();
            let Some(needs) = needs else {
                return true;
            };
            let start = needs.into_iter().max().unwrap_or_default();
            ends.insert(change.address.clone(), start + weight(change));
            false
        });
        assert!(left.len() < before, "a circle");
    }
    ends.into_values().max().unwrap_or_default()
}

fn took(timeline: &Timeline, change: &Change) -> Duration {
    let span = timeline.spans.get(&change.address).expect("it ran");
    span.ended - span.started
}

/// How long a run may take under lags: the longest way through the graph, by how long each change takes without lags, and
/// with each lag that may hold it the lag, one look and one step of backing off. What AWS's limits on what runs at once
/// cost comes on top, as it was without lags.
fn bound(without: &Timed) -> Duration {
    let plain = longest(&without.graph, |change| took(&without.timeline, change));
    let queues = without.timeline.length().saturating_sub(plain);
    let most = |lag: Lag| Duration::from_secs(lag.row().most.unsigned_abs());
    let late = longest(&without.graph, |change| {
        let once = took(&without.timeline, change);
        // A look at whether it is there by now is what is tried: a stack is made, and made away with.
        let step = Duration::from_secs(60) + once;
        let each = lags_of(&change.action).iter().map(|lag| {
            let counted = TOGETHER.iter().any(|lags| lags.contains(lag));
            step + if counted { Duration::ZERO } else { most(*lag) }
        });
        once + each.sum::<Duration>()
    });
    let together = TOGETHER
        .iter()
        .map(|lags| lags.iter().copied().map(most).max().unwrap_or_default())
        .sum::<Duration>();
    late + together + queues
}

/// One first apply under lags; what is wrong, if anything.
fn bears(subject: &LoadedPlan, mode: Mode, most: Duration) -> Result<(), String> {
    let run = inside::timed(subject, world(subject, mode));
    if !run.summary.is_success() {
        return Err(format!("{mode}: {:?}", run.summary.failed));
    }
    let emails: BTreeSet<String> = run
        .world
        .accounts
        .values()
        .map(|it| it.email.to_lowercase())
        .collect();
    if emails.len() != run.world.accounts.len() {
        return Err(format!("{mode}: an account is there twice"));
    }
    if run.timeline.length() > most {
        return Err(format!(
            "{mode}: took {:?}, {most:?} at most",
            run.timeline.length()
        ));
    }
    let (planned, world) = inside::plan(subject, run.world);
    if planned.exit != Exit::Done {
        return Err(format!("{mode}: plan right after finds\n{}", planned.text));
    }
    let (drifted, _) = inside::look_for_drift(subject, world);
    if drifted.exit != Exit::Done {
        return Err(format!(
            "{mode}: drift right after finds {:?}",
            drifted.findings
        ));
    }
    Ok(())
}

fn bears_all(subject: &LoadedPlan, modes: impl Iterator<Item = Mode>) {
    let without = inside::timed(subject, world(subject, Mode::None));
    assert!(without.summary.is_success(), "{:?}", without.summary.failed);
    let most = bound(&without);
    let wrong: Vec<String> = modes
        .filter_map(|mode| bears(subject, mode, most).err())
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn modes(draws: u64, first: u64) -> impl Iterator<Item = Mode> {
    let drawn = (first..first + draws).map(Mode::Seed);
    [Mode::Usual, Mode::Worst].into_iter().chain(drawn)
}

#[test]
fn the_first_apply_of_the_startup_example_ends_green_whatever_is_late() {
    bears_all(&LoadedPlan::example("startup"), modes(seeds(), 1));
}

#[test]
fn the_first_apply_of_generated_organizations_ends_green_whatever_is_late() {
    for seed in 1..=seeds().clamp(3, 20) {
        let subject = LoadedPlan::of_text(Organization::sound(seed, 6));
        bears_all(&subject, modes(seeds().div_ceil(20), seed * 1000));
    }
}

/// docs/sandbox.md has the table as it is.
#[test]
fn the_documentation_has_the_table() {
    const BEGIN: &str = "<!-- lags: written by tests/suite/lags.rs -->\n";
    let mut table = String::from(
        "| after | what is late | for each | least | usual | most | source |\n| --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for row in TABLE {
        let seconds = |seconds: i64| format!("{seconds} s");
        let (least, usual, most) = (seconds(row.least), seconds(row.usual), seconds(row.most));
        let cells = [
            row.after,
            row.delayed,
            row.unit,
            &least,
            &usual,
            &most,
            row.source,
        ];
        table += &format!("| {} |\n", cells.join(" | "));
    }
    let path = root().join("docs/sandbox.md");
    golden::part(&path, (BEGIN, "\n\n"), table.trim_end());
}
