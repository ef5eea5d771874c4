//! The lock: told before anything is shown or asked, and what changed since is seen under it.

use std::cell::Cell;
use std::sync::{Arc, Mutex, OnceLock};

use orgstrap::diff::OnQuota;
use orgstrap::ops::error::CommandError;
use orgstrap::ops::exit::Exit;
use orgstrap::sandbox::{Connection, Fault, FaultAt, FaultPlan, Met, World, poke};

use crate::support::inside::{self, LoadedPlan};

const PLAN: &str = r#"
[organization]
management_account = "111111111111"
home_region = "eu-west-1"
logging = "log-archive"
secops = "security"
email = "aws+{account}@example.com"
[ou.Security]
[ou.Work]
policies = ["guard"]
[account.log-archive]
ou = "Security"
[account.security]
ou = "Security"
[account.shop]
ou = "Work"
tags = { team = "shop" }
[policy.guard]
type = "service_control_policy"
builtin = "deny-leave"
"#;

fn subject() -> LoadedPlan {
    LoadedPlan::of_text(PLAN.to_owned())
}

/// The organization as the plan says.
fn world() -> World {
    static WORLD: OnceLock<World> = OnceLock::new();
    let made = WORLD.get_or_init(|| {
        let subject = subject();
        let run = inside::apply(
            &subject,
            inside::empty_world(&subject),
            Connection::default(),
        );
        assert_eq!(run.exit, Exit::Done, "{}", run.text);
        run.world
    });
    made.clone()
}

fn poked(mut world: World, words: &[&str]) -> World {
    poking(&mut world, words);
    world
}

fn poking(world: &mut World, words: &[&str]) {
    let (name, arguments) = words.split_first().expect("a poke");
    let arguments: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
    let poke = poke::Poke::named(name).expect("there");
    poke.run(world, &arguments).expect("poked");
}

/// A connection on which AWS takes its time to answer the call that takes the lock, and somebody does something
/// meanwhile.
fn meanwhile(call: u64, what: &'static [&'static [&'static str]]) -> Connection {
    let slow = FaultAt {
        fault: Fault::Slow,
        call,
    };
    Connection::new(FaultPlan::at([slow])).meddled(move |met: &Met, world: &mut World| {
        if met.call == call {
            for words in what {
                poking(world, words);
            }
        }
    })
}

fn tag(world: &World, account: &str, key: &str) -> Option<String> {
    let (id, _) = world
        .accounts
        .iter()
        .find(|(_, it)| it.name == account)
        .expect("there");
    let organization = world.organization.as_ref().expect("one");
    organization.tags.get(id)?.get(key).cloned()
}

#[test]
fn a_held_lock_is_told_before_anything_is_shown_or_asked() {
    let subject = subject();
    let broken = poked(world(), &["tag", "shop", "team", "refunds"]);
    let held = inside::held(&subject, broken);
    let never = |question: &str| -> Result<bool, CommandError> { panic!("asked: {question}") };

    let run = inside::apply_over(&subject, held.clone(), Connection::default(), Some(&never));
    assert_eq!(run.exit, Exit::Locked);
    assert_eq!(run.text, "", "the changes were shown");
    assert!(
        run.ended
            .expect_err("refused")
            .contains("could not take the lock")
    );

    let run = inside::fix_over(&subject, held, Connection::default(), Some(&never));
    assert_eq!(run.exit, Exit::Locked);
    assert!(!run.text.contains("change brings"), "{}", run.text);
    assert!(
        run.ended
            .expect_err("refused")
            .contains("could not take the lock")
    );
}

#[test]
fn apply_looks_again_under_the_lock_and_asks_anew() {
    let subject = subject();
    let broken = poked(world(), &["tag", "shop", "team", "refunds"]);
    let call = inside::lock_call(|connection| {
        inside::apply(&subject, broken.clone(), connection);
    });
    // AWS takes its time, and nobody does anything: nobody is asked twice.
    let asked = Cell::new(0);
    let answer = |answers: &'static [bool]| {
        let asked = &asked;
        move |_: &str| {
            asked.set(asked.get() + 1);
            Ok(answers[asked.get() - 1])
        }
    };
    let confirm = answer(&[true]);
    let run = inside::apply_over(
        &subject,
        broken.clone(),
        meanwhile(call, &[]),
        Some(&confirm),
    );
    assert_eq!((run.exit, asked.take()), (Exit::Done, 1), "{}", run.text);

    // More is wrong by now: it is shown, and made only where the answer is yes again.
    let more: &[&[&str]] = &[&["detach-policy", "guard", "Work"]];
    for (answers, exit, questions) in [
        (&[true, true][..], Exit::Done, 2),
        (&[true, false][..], Exit::Stopped, 2),
    ] {
        let confirm = answer(answers);
        let run = inside::apply_over(
            &subject,
            broken.clone(),
            meanwhile(call, more),
            Some(&confirm),
        );
        assert_eq!((run.exit, asked.take()), (exit, questions), "{}", run.text);
        let (_, anew) = run.text.split_once("AWS has moved since").expect("told");
        assert!(anew.contains("policy guard on ou Work"), "{anew}");
        let made = tag(&run.world, "shop", "team").as_deref() == Some("shop");
        assert_eq!(made, exit == Exit::Done);
        assert!(inside::unlocked(&run.world));
    }

    // Somebody has put it right: nothing is made.
    let right: &[&[&str]] = &[&["tag", "shop", "team", "shop"]];
    let run = inside::apply_over(&subject, broken, meanwhile(call, right), None);
    assert_eq!(run.exit, Exit::Done, "{}", run.text);
    assert!(run.text.contains("AWS has moved since"), "{}", run.text);
    assert!(!run.changed());
    assert!(inside::unlocked(&run.world));
}

#[test]
fn a_fix_looks_again_under_the_lock() {
    let subject = subject();
    let broken = poked(world(), &["tag", "shop", "team", "refunds"]);
    let call = inside::lock_call(|connection| {
        let run = inside::fix_over(&subject, broken.clone(), connection, None);
        assert_eq!(run.exit, Exit::Done, "{}", run.text);
    });
    // Put right meanwhile, and more than that: by now it is another value that somebody wants.
    let right: &[&[&str]] = &[&["tag", "shop", "team", "shop"]];
    let run = inside::fix_over(&subject, broken.clone(), meanwhile(call, right), None);
    assert_eq!(run.exit, Exit::Done, "{}", run.text);
    assert!(run.text.contains("AWS has moved since"), "{}", run.text);
    assert!(
        run.text.contains("nothing left that orgstrap can put back"),
        "{}",
        run.text
    );
    let drifted = run.ended.expect("ended");
    assert!(
        drifted.findings.findings.is_empty(),
        "{:?}",
        drifted.findings
    );
    assert!(drifted.summary.done.is_empty());
    assert!(inside::unlocked(&run.world));

    let other: &[&[&str]] = &[&["tag", "shop", "team", "payments"]];
    let asked = Cell::new(0);
    let confirm = |_: &str| {
        asked.set(asked.get() + 1);
        Ok(asked.get() == 1)
    };
    let run = inside::fix_over(
        &subject,
        broken.clone(),
        meanwhile(call, other),
        Some(&confirm),
    );
    assert_eq!((run.exit, asked.take()), (Exit::Stopped, 2), "{}", run.text);
    assert!(run.text.contains("payments → shop"), "{}", run.text);
    // It was told, and not overwritten.
    assert_eq!(tag(&run.world, "shop", "team").as_deref(), Some("payments"));
    assert!(inside::unlocked(&run.world));

    // Nothing else happened: nobody is asked twice.
    let confirm = |_: &str| {
        asked.set(asked.get() + 1);
        Ok(true)
    };
    let run = inside::fix_over(&subject, broken, meanwhile(call, &[]), Some(&confirm));
    assert_eq!((run.exit, asked.take()), (Exit::Done, 1), "{}", run.text);
    assert_eq!(tag(&run.world, "shop", "team").as_deref(), Some("shop"));
}

#[test]
fn a_fix_that_a_quota_has_no_room_for_is_refused_and_a_check_says_so() {
    let mut text = PLAN.to_owned();
    for n in 0..12 {
        text.push_str(&format!("[account.more-{n:02}]\nou = \"Work\"\n"));
    }
    let more = LoadedPlan::of_text(text);
    let (_, world, told) = inside::look_and_tell(&more, world());
    assert!(
        told.contains("needs 16 accounts and the quota is 10"),
        "{told}"
    );
    let run = inside::fix_over(&more, world, Connection::default(), None);
    assert_eq!(run.exit, Exit::Failed);
    let message = run.ended.expect_err("refused");
    assert!(
        message.contains("needs 16 accounts and the quota is 10"),
        "{message}"
    );
    let organization = run.world.organization.as_ref().expect("one");
    assert_eq!(organization.members.len(), 4);
    // As apply has it.
    let run = inside::apply_with(&more, run.world, &|job| job.options.quotas = OnQuota::Fit);
    assert!(run.ended.expect("applied").is_success());
}

/// Quotas are asked for where something planned is missing, and nowhere else.
#[test]
fn drift_reads_quotas_only_where_something_planned_is_missing() {
    let asks = |subject: &LoadedPlan, world: World| {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        let connection = Connection::default().watched(move |met: &Met, _: &World| {
            let about = ["servicequotas:", "service-quotas:"];
            if about.iter().any(|name| met.operation.starts_with(name))
                || met.operation == "organizations:ListHandshakesForOrganization"
            {
                seen.lock().expect("no panic").push(met.operation.clone());
            }
        });
        inside::check(subject, world, connection);
        let mut asked = asked.lock().expect("no panic").clone();
        asked.sort();
        asked
    };
    assert_eq!(asks(&subject(), world()), Vec::<String>::new());
    let broken = poked(world(), &["detach-policy", "guard", "Work"]);
    assert_eq!(asks(&subject(), broken), Vec::<String>::new());
    let more = LoadedPlan::of_text(format!("{PLAN}[account.more]\nou = \"Work\"\n"));
    let asked = asks(&more, world());
    assert_eq!(asked.len(), 2, "{asked:?}");
}
