//! One fault of each kind at each call of the startup scenario: apply, apply again, and the same world.
//!
//! All of it is 2,700 runs of half a second and more each in the dev profile, half an hour: `ORGSTRAP_FAULTS=all` runs
//! it. Without, every call meets one fault, the kinds by turns; CreateAccount, which alone cannot be repeated, meets
//! all; and a kill happens at every call that changes AWS. `ORGSTRAP_FAULTS=kill@42,slow` runs what begins so.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use orgstrap::sandbox::{Connection, Fault, FaultAt, FaultPlan, Met, World};
use serde_json::Value;

use crate::support::inside::{self, LoadedPlan, Run};
use crate::support::likeness::{differences, likeness};
use crate::support::organizations::Organization;

/// An organization brought up without any fault: its calls, the world after those where it can be killed, and the end.
struct Faultless {
    subject: LoadedPlan,
    start: World,
    calls: Vec<(Met, Option<World>)>,
    end: Value,
}

/// Which faults are tried: `all`, what begins so, or the usual part.
fn chosen() -> String {
    std::env::var("ORGSTRAP_FAULTS").unwrap_or_default()
}

impl Faultless {
    fn run(subject: LoadedPlan) -> Faultless {
        let start = inside::roomy(inside::empty_world(&subject));
        let every = !chosen().is_empty();
        let calls = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&calls);
        let connection = Connection::default().watched(move |met: &Met, world: &World| {
            let kept = (every || changes(&met.operation.to_string())).then(|| world.clone());
            seen.lock().expect("whole").push((met.clone(), kept));
        });
        let run = inside::apply(&subject, start.clone(), connection);
        let summary = run.ended.expect("applied");
        assert!(summary.is_success(), "{:?}", summary.failed);
        assert_eq!(run.throttled, 0);
        Faultless {
            end: likeness(&run.world),
            calls: std::mem::take(&mut *calls.lock().expect("whole")),
            subject,
            start,
        }
    }

    /// Every fault at every call it can happen to, or the part that `ORGSTRAP_FAULTS` leaves.
    fn cases(&self) -> Vec<FaultAt> {
        let chosen = chosen();
        let kinds: Vec<Fault> = Fault::all().filter(|fault| fault.is_outside()).collect();
        let mut cases = Vec::new();
        for fault in Fault::all() {
            for (met, _) in &self.calls {
                let call = met.call;
                let operation = met.operation.as_str();
                let happens = match fault {
                    Fault::AccountFails => operation == "organizations:CreateAccount",
                    Fault::StackFails => {
                        operation == "cloudformation:CreateStack"
                            || operation == "cloudformation:CreateStackInstances"
                    }
                    _ => true,
                };
                let desired = match chosen.as_str() {
                    "all" => true,
                    "" => match fault {
                        Fault::Kill => changes(operation),
                        Fault::AccountFails | Fault::StackFails => true,
                        _ => {
                            let turn = usize::try_from(call).expect("few") % kinds.len();
                            kinds[turn] == fault || operation == "organizations:CreateAccount"
                        }
                    },
                    some => some
                        .split(',')
                        .any(|part| format!("{fault}@{call}").starts_with(part)),
                };
                if happens && desired {
                    cases.push(FaultAt { fault, call });
                }
            }
        }
        cases
    }

    /// apply with the fault, apply without; what is wrong in the end, if anything.
    fn check(&self, case: FaultAt) -> Result<(), String> {
        let first = if case.fault == Fault::Kill {
            let (_, world) = &self.calls[case.call as usize - 1];
            // Whoever knows that a run was killed takes its lock away.
            let world = world.as_ref().expect("kept where it can be killed");
            inside::unlock(&self.subject, world.clone())
        } else {
            let connection = Connection::new(FaultPlan::at([case]));
            let run = inside::apply(&self.subject, self.start.clone(), connection);
            if case.fault.is_outside() {
                // What the network or AWS's front end does once, orgstrap bears.
                succeeded(&run).map_err(|why| format!("the first apply: {why}"))?;
            }
            run.world
        };
        let mut second = inside::apply(&self.subject, first, Connection::default());
        succeeded(&second).map_err(|why| format!("the second apply: {why}"))?;
        if second.changed() {
            // Otherwise it has just found nothing to do.
            let third = inside::apply(&self.subject, second.world, Connection::default());
            if third.changed() {
                return Err(format!("changes are left: {:?}", third.ended));
            }
            second = third;
        }
        let emails: BTreeSet<String> = second
            .world
            .accounts
            .values()
            .map(|account| account.email.to_lowercase())
            .collect();
        if emails.len() != second.world.accounts.len() {
            return Err("an account is there twice".to_owned());
        }
        let end = likeness(&second.world);
        if end != self.end {
            return Err(format!("another world:\n{}", differences(&self.end, &end)));
        }
        Ok(())
    }
}

fn succeeded(run: &Run) -> Result<(), String> {
    match &run.ended {
        Ok(summary) if summary.is_success() => Ok(()),
        Ok(summary) => Err(format!("{:?}", summary.failed)),
        Err(why) => Err(why.clone()),
    }
}

/// Whether a call changes AWS.
fn changes(operation: &str) -> bool {
    let name = operation.split(':').next_back().unwrap_or_default();
    !["Get", "List", "Describe", "Assume"]
        .iter()
        .any(|read| name.starts_with(read))
}

/// What Organizations does now and then is waited out and read through: the same world in the end.
#[test]
fn a_finalizing_organization_and_empty_pages_change_nothing_but_the_time() {
    let subject = LoadedPlan::example("startup");
    let plain = inside::apply(
        &subject,
        inside::empty_world(&subject),
        Connection::default(),
    );
    succeeded(&plain).expect("applied");
    let mut world = inside::empty_world(&subject);
    world.quirks.empty_pages = true;
    let minutes = 50;
    let until = world.now.plus_secs(minutes * 60);
    world.quirks.finalizing_until = Some(until);
    let refused = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&refused);
    let connection = Connection::default().watched(move |met: &Met, world: &World| {
        let early = world.now < until && met.operation == "organizations:CreateAccount";
        seen.fetch_add(usize::from(early), Ordering::Relaxed);
    });
    let quirky = inside::apply(&subject, world, connection);
    succeeded(&quirky).expect("applied");
    assert!(refused.load(Ordering::Relaxed) > 0);
    assert!(quirky.world.now > until);
    // Not the whole world: it tells when things were made.
    let made = |world: &World| {
        let emails: BTreeSet<String> = world.emails.keys().cloned().collect();
        let organization = world.organization.as_ref().expect("there");
        let ous: BTreeSet<String> = organization
            .ous
            .values()
            .map(|ou| ou.name.clone())
            .collect();
        let policies = organization.policies.values();
        let policies: BTreeSet<String> = policies.map(|policy| policy.name.clone()).collect();
        (emails, ous, policies)
    };
    assert_eq!(made(&plain.world), made(&quirky.world));
    // Nothing is left to do, read through empty pages again.
    let again = inside::apply(&subject, quirky.world, Connection::default());
    assert!(!again.changed());
}

/// Tries these cases, two at a time.
fn try_all(faultless: &Faultless, cases: &[FaultAt]) {
    assert!(!cases.is_empty());
    let next = AtomicUsize::new(0);
    let wrong = Mutex::new(Vec::new());
    let work = || {
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(why) = faultless.check(*case) {
                let (met, _) = &faultless.calls[case.call as usize - 1];
                let text = format!("{}@{} ({}): {why}", case.fault, case.call, met.operation);
                wrong.lock().expect("whole").push(text);
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        work();
    });
    let wrong = wrong.into_inner().expect("whole");
    assert!(
        wrong.is_empty(),
        "{} of {} faults:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}

#[test]
fn apply_and_apply_again_end_in_the_same_world_whatever_happens_once() {
    let faultless = Faultless::run(LoadedPlan::example("startup"));
    let cases = faultless.cases();
    try_all(&faultless, &cases);
}

/// Two larger organizations, each another mixture of baselines, policies, stages and preparation. Every so many cases
/// are tried; all of them with `ORGSTRAP_FAULTS=all`.
#[test]
fn larger_random_organizations_bear_faults_as_well() {
    const TRIED: usize = 15;
    for seed in [3, 8] {
        let text = Organization::sound(seed, 9);
        let faultless = Faultless::run(LoadedPlan::of_text(text));
        let cases = faultless.cases();
        let every = match chosen().as_str() {
            "" => (cases.len() / TRIED).max(1),
            _ => 1,
        };
        let some: Vec<FaultAt> = cases
            .iter()
            .skip(every / 2)
            .step_by(every)
            .copied()
            .collect();
        try_all(&faultless, &some);
    }
}
