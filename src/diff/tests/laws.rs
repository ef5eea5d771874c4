//! The laws, over random organizations.

use std::collections::BTreeMap;

use fastrand::Rng;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::random::{disturb, random_plan, random_wanted, recorders_that_were_there};
use super::samples::*;
use super::simulate::{Simulation, empty};
use crate::action::{self, Action};
use crate::addr::{Address, KEY_TAG};
use crate::baseline::Desired;
use crate::change::Change;
use crate::diff::{BlockedBy, Diff, DiffOptions, diff};
use crate::graph::graph;
use crate::inventory::{Inventory, Observed, identify};
use crate::ops::saved::Moved;
use crate::ops::saved::SavedChanges;
use crate::plan::OrgPlan;

/// A plan, an organization that satisfied another plan and that people then worked on by hand.
struct Case {
    plan: OrgPlan,
    desired: Desired,
    inventory: Inventory,
    options: DiffOptions,
}

impl Case {
    fn of(seed: u64) -> Self {
        let rng = &mut Rng::with_seed(seed);
        let (before, wanted_before) = (random_plan(rng), random_wanted(rng));
        let mut inventory = match rng.u8(..5) {
            0 => empty(),
            _ => satisfied(&before, &wanted_before),
        };
        let same = rng.u8(..3) == 0;
        if inventory.organization != Observed::Known(None) {
            for _ in 0..rng.u8(..6) {
                disturb(rng, &mut inventory);
            }
        }
        let plan = if same { before } else { random_plan(rng) };
        let mut desired = match same {
            true => wanted_before,
            false => random_wanted(rng),
        };
        told_apart(&plan, &mut inventory);
        if rng.u8(..3) == 0 {
            recorders_that_were_there(rng, &plan, &mut desired, &mut inventory);
        }
        Case {
            plan,
            desired,
            inventory,
            options: DiffOptions {
                create_organization: true,
                prune: rng.bool(),
                quotas: Default::default(),
            },
        }
    }

    fn diff(&self) -> Diff {
        diff(&self.plan, &self.desired, &self.inventory, &self.options)
    }

    fn again(&self, inventory: &Inventory) -> Diff {
        diff(&self.plan, &self.desired, inventory, &self.options)
    }
}

/// Whether an account was renamed is a question, which somebody answered: those that the plan no longer has are
/// other accounts.
fn told_apart(plan: &OrgPlan, inventory: &mut Inventory) {
    let Observed::Known(accounts) = &mut inventory.accounts else {
        return;
    };
    for facts in accounts.values_mut() {
        let forgotten = identify::forgotten(plan, facts).is_some();
        if let (true, Observed::Known(tags)) = (forgotten, &mut facts.tags) {
            tags.remove(KEY_TAG);
        }
    }
}

/// Whether an action is of the kind that a part of the inventory decides.
type Kind = fn(&Action) -> bool;

fn hide<T>(part: &mut Observed<T>) {
    *part = unread();
}

/// Makes one part unread and says which actions may then not be.
fn blind(rng: &mut Rng, inventory: &mut Inventory) -> Kind {
    match rng.u8(..10) {
        0 => {
            hide(&mut inventory.accounts);
            |action| {
                matches!(
                    action,
                    Action::CreateAccount(_) | Action::MoveAccount(_) | Action::RenameAccount(_)
                )
            }
        }
        1 => {
            hide(&mut inventory.ous);
            |action| {
                matches!(
                    action,
                    Action::CreateOu(_)
                        | Action::RenameOu(_)
                        | Action::DeleteOu(_)
                        | Action::MoveAccount(_)
                )
            }
        }
        2 => {
            hide(&mut inventory.policies);
            |action| {
                matches!(
                    action,
                    Action::CreatePolicy(_)
                        | Action::UpdatePolicy(_)
                        | Action::DeletePolicy(_)
                        | Action::AttachPolicy(_)
                        | Action::DetachPolicy(_)
                )
            }
        }
        3 => {
            hide(&mut inventory.trusted_access);
            |action| matches!(action, Action::EnableTrustedAccess(_))
        }
        4 => {
            hide(&mut inventory.service_linked_roles);
            |action| matches!(action, Action::CreateServiceLinkedRole(_))
        }
        5 => {
            hide(&mut inventory.stack_sets);
            |action| {
                matches!(
                    action,
                    Action::CreateStackSet(_)
                        | Action::UpdateStackSetSettings(_)
                        | Action::UpdateStackInstances(_)
                        | Action::CreateStackInstances(_)
                        | Action::ForgetStackInstances(_)
                        | Action::RemoveStackInstances(_)
                        | Action::ImportStacks(_)
                )
            }
        }
        6 => {
            inventory.stacks.values_mut().for_each(hide);
            |action| matches!(action, Action::UpdateStack(_))
        }
        7 => {
            let facts = inventory.guardduty.values_mut();
            facts.for_each(|facts| hide(&mut facts.administrator));
            |action| {
                matches!(
                    action,
                    Action::EnableGuardDutyAdministrator(_)
                        | Action::ConfigureGuardDuty(_)
                        | Action::AddGuardDutyMembers(_)
                        | Action::ExportGuardDutyFindings(_)
                )
            }
        }
        8 => {
            hide(&mut inventory.stack_sets_access);
            |action| {
                matches!(
                    action,
                    Action::ActivateStackSets(action::ActivateStackSets {})
                )
            }
        }
        _ => {
            let accounts = super::simulate::known(&mut inventory.accounts);
            accounts
                .values_mut()
                .for_each(|facts| hide(&mut facts.tags));
            |action| matches!(action, Action::CreateAccount(_))
        }
    }
}

/// The same cases every time, so that a change is judged by what it changes; `PROPTEST_CASES` looks
/// at as many others. A failure prints its seed.
fn config() -> ProptestConfig {
    let explore = std::env::var_os("PROPTEST_CASES").is_some();
    let default = ProptestConfig::default();
    ProptestConfig {
        cases: default.cases.max(192),
        failure_persistence: None,
        rng_seed: match explore {
            true => default.rng_seed,
            false => RngSeed::Fixed(1),
        },
        ..default
    }
}

proptest! {
    #![proptest_config(config())]

    /// Once everything is done, nothing is left to do, whatever there was before.
    #[test]
    fn apply_then_diff_is_empty(seed: u64) {
        let case = Case::of(seed);
        let found = case.diff();
        prop_assert_eq!(&found.blocked, &vec![]);
        let after = applied(&case.plan, &case.desired, case.inventory.clone(), found);
        let again = case.again(&after);
        prop_assert_eq!(again.changes, vec![]);
        prop_assert_eq!(again.blocked, vec![]);
    }

    /// Killed after any change and run again, it comes to the same end; and what is left is part
    /// of what was saved before.
    #[test]
    fn what_is_left_is_part_of_what_was_saved(seed: u64, stop in 0.0..1.0f64) {
        let case = Case::of(seed);
        let found = case.diff();
        let saved = SavedChanges::new(
            case.plan.clone(),
            case.desired.clone(),
            case.options,
            found.changes.clone(),
        );
        let saved = SavedChanges::from_json(&saved.to_json().unwrap()).unwrap();
        prop_assert_eq!(&saved.changes, &found.changes);
        let count = (found.changes.len() as f64 * stop) as usize;
        let mut simulation = Simulation::new(case.inventory.clone(), found.bindings, &case.desired);
        for change in graph(found.changes).unwrap().changes().take(count) {
            simulation.apply(change);
        }
        let half = simulation.observed(&case.plan.organization.regions);
        let fresh = case.again(&half);
        prop_assert_eq!(saved.check(&fresh.changes), Ok(()));
        let after = applied(&case.plan, &case.desired, half, fresh);
        prop_assert_eq!(case.again(&after).changes, vec![]);
    }

    /// Needs come first, and nothing waits for itself.
    #[test]
    fn order_respects_every_edge(seed: u64) {
        let changes = Case::of(seed).diff().changes;
        let graph = graph(changes.clone()).unwrap();
        let place: BTreeMap<&Address, usize> =
            graph.changes().enumerate().map(|(i, c)| (&c.address, i)).collect();
        prop_assert_eq!(place.len(), changes.len());
        for change in graph.changes() {
            for need in change.all_needs() {
                if let Some(before) = place.get(&need) {
                    prop_assert!(before < &place[&change.address]);
                    prop_assert!(graph.rank(&need) > graph.rank(&change.address));
                }
            }
        }
        let path = graph.critical_path();
        let total: u64 = path.iter().map(|c| c.action.kind().info().seconds.max(1)).sum();
        prop_assert_eq!(total, graph.estimate());
    }

    /// Equal inputs, equal output; and AWS's ids, which order everything it lists, decide nothing.
    #[test]
    fn ids_and_their_order_decide_nothing(seed: u64) {
        let case = Case::of(seed);
        prop_assert_eq!(case.diff(), case.diff());
        // Every OU and policy under another id, so that they are listed the other way round.
        let mut json = serde_json::to_string(&case.inventory).unwrap();
        for prefix in ["\"ou-", "\"p-"] {
            for digit in 0..10 {
                let (old, new) = (format!("{prefix}{digit}"), format!("{prefix}x{}", 9 - digit));
                json = json.replace(&old, &new);
            }
        }
        let turned: Inventory = serde_json::from_str(&json).unwrap();
        let (one, other) = (case.diff(), case.again(&turned));
        prop_assert_eq!(addresses(&one), addresses(&other));
        let reasons = |diff: &Diff| -> Vec<String> {
            diff.changes.iter().map(|change| change.reason.clone()).collect()
        };
        prop_assert_eq!(reasons(&one), reasons(&other));
    }

    /// Nothing is changed on the strength of what was not read, and it is said.
    #[test]
    fn unread_never_leads_to_a_change(seed: u64) {
        let mut case = Case::of(seed);
        if case.inventory.organization == Observed::Known(None) {
            case.inventory = satisfied(&case.plan, &case.desired);
        }
        let before = case.diff();
        let rng = &mut Rng::with_seed(seed);
        let kind = blind(rng, &mut case.inventory);
        let after = case.diff();
        let hit: Vec<&Change> = after.changes.iter().filter(|c| kind(&c.action)).collect();
        prop_assert_eq!(hit, Vec::<&Change>::new());
        let lost = before.changes.iter().filter(|c| kind(&c.action)).count();
        if lost > 0 {
            let message = |b: &crate::diff::Blocked| matches!(b.reason, BlockedBy::Unread(_));
            prop_assert!(after.blocked.iter().any(message), "{:?}", after.blocked);
        }
        // What is left does not rest on it either: it can be done.
        let _ = graph(after.changes).unwrap();
    }

    /// A step that only makes sense with what comes after it is not begun where that cannot be done; and what is not
    /// done for such a reason is known, not lost.
    #[test]
    fn nothing_is_begun_that_cannot_go_on(seed: u64) {
        let mut case = Case::of(seed);
        if case.inventory.organization == Observed::Known(None) {
            case.inventory = satisfied(&case.plan, &case.desired);
        }
        let rng = &mut Rng::with_seed(seed);
        let _ = blind(rng, &mut case.inventory);
        let found = case.diff();
        let made = |desired: &dyn Fn(&Address) -> bool| {
            found.changes.iter().any(|change| desired(&change.address))
        };
        for change in &found.changes {
            let goes_on = match &change.address {
                Address::RolloutHold(set) => {
                    let blocked = found.blocked.iter().any(|blocked| {
                        matches!(&blocked.address, Address::RolloutUpdate(of, _) if of == set)
                    });
                    !blocked
                        && made(&|other| *other == Address::RolloutRelease(set.clone()))
                        && made(&|other| matches!(other, Address::RolloutUpdate(of, _) if of == set))
                }
                Address::GuardDutyFormer(region) => {
                    made(&|other| *other == Address::GuardDutyAdministrator(region.clone()))
                }
                Address::Account(key) if !case.plan.accounts[key].ou.is_root() => {
                    made(&|other| *other == Address::Placement(key.clone()))
                }
                Address::ExistingRecorder(_) => made(&|other| {
                    matches!(
                        other,
                        Address::Stack(..)
                            | Address::Rollout(..)
                            | Address::RolloutTo(..)
                            | Address::RolloutRepair(..)
                    )
                }),
                Address::Forget(set) => {
                    made(&|other| matches!(other, Address::RolloutRepair(of, _) if of == set))
                }
                _ => true,
            };
            prop_assert!(goes_on, "{} is begun in vain: {:?}", change.address, found.blocked);
        }
        for change in &found.withheld {
            let blocked = found.blocked.iter().any(|blocked| blocked.address == change.address);
            prop_assert!(blocked || !found.problems.is_empty());
            prop_assert!(!made(&|other| *other == change.address));
        }
    }

    /// An account that the plan does not name appears in no change.
    #[test]
    fn unmanaged_accounts_are_never_touched(seed: u64) {
        let case = Case::of(seed);
        let found = case.diff();
        let foreign: Vec<String> = case
            .inventory
            .accounts
            .known()
            .unwrap()
            .values()
            .filter(|facts| facts.name == "foreign")
            .map(|facts| facts.id.to_string())
            .collect();
        for change in &found.changes {
            let json = serde_json::to_string(change).unwrap();
            for id in &foreign {
                prop_assert!(!json.contains(id.as_str()), "{json}");
            }
        }
        let told = |id: &String| found.unmanaged.iter().any(|u| &u.id == id);
        prop_assert!(foreign.iter().all(told));
    }
}

/// A saved change file of another moment stops where AWS has moved.
#[test]
fn saved_changes_stop_when_aws_has_moved() {
    let mut inventory = settled();
    member_of(&mut inventory, "play").parent = super::simulate::ROOT.to_owned();
    let found = compare(&inventory);
    let saved = SavedChanges::new(plan(), desired(), KEEP, found.changes);
    let other = ou_of(&mut inventory, "Security").id.clone();
    member_of(&mut inventory, "play").parent = other;
    member_of(&mut inventory, "security").name = "by hand".to_owned();
    let moved = saved.check(&compare(&inventory).changes).unwrap_err();
    let shown: Vec<String> = moved
        .iter()
        .map(|moved| match moved {
            Moved::New { change } => format!("new: {}", change.address),
            Moved::Different { fresh, .. } => format!("different: {}", fresh.address),
        })
        .collect();
    assert!(
        shown.contains(&"different: placement of account play".to_owned()),
        "{shown:?}"
    );
    assert!(
        shown.contains(&"new: name of account security".to_owned()),
        "{shown:?}"
    );
}

/// No quadratic scans: 10,000 accounts in 200 OUs are compared in well under a second, also in
/// a debug build, where a pass over all pairs would take minutes.
#[test]
fn ten_thousand_accounts_are_quick() {
    let mut plan = plan();
    for number in 0..200 {
        plan.ous
            .insert(path(&format!("Big/{number:03}")), Default::default());
    }
    plan.ous.insert(path("Big"), Default::default());
    for number in 0..10_000 {
        let text = format!("n{number:05}");
        let one = account(&text, &format!("Big/{:03}", number % 200));
        plan.accounts.insert(key(&text), one);
    }
    let desired = desired();
    let found = diff(&plan, &desired, &empty(), &CREATE);
    assert!(found.changes.len() > 30_000);
    let graph = graph(found.changes).unwrap();
    assert_eq!(
        graph.changes().next().map(|c| &c.address),
        Some(&Address::Organization)
    );
}

/// Files of another kind or version say so rather than fail on a field.
#[test]
fn saved_changes_say_what_they_are() {
    let saved = SavedChanges::new(plan(), desired(), KEEP, vec![]);
    let json = saved.to_json().unwrap();
    assert_eq!(SavedChanges::from_json(&json).unwrap(), saved);
    let says = |json: &str| SavedChanges::from_json(json).unwrap_err().to_string();
    for version in ["1", "3"] {
        let another = json.replace("\"version\": 2", &format!("\"version\": {version}"));
        let says = says(&another);
        assert!(
            says.contains(&format!("version {version} of its format")),
            "{says}"
        );
    }
    let other = json.replace("orgstrap-changes", "something");
    assert!(
        says(&other).contains("its format is `something`"),
        "{}",
        says(&other)
    );
    assert!(says("{}").contains("no file of saved changes"));
}
