use std::cell::RefCell;
use std::sync::{Arc, Mutex};

use tokio::time::sleep;

use super::*;
use crate::action::{self, Action};
use crate::addr::Expr;
use crate::change::Verb;

fn key(name: &str) -> Address {
    Address::Account(name.parse().unwrap())
}

fn step(name: &str, needs: &[&str], rank: u64) -> Step {
    Step {
        change: Change {
            address: key(name),
            verb: Verb::Ensure,
            reason: String::new(),
            fields: Vec::new(),
            action: Action::MoveAccount(action::MoveAccount {
                account: needs
                    .first()
                    .map_or("".into(), |need| Expr::reference(key(need), Attribute::Id)),
                to: "".into(),
            }),
            needs: BTreeSet::new(),
        },
        needs: needs.iter().map(|need| key(need)).collect(),
        rank,
    }
}

/// Takes ten seconds for each change, fails those named, and binds an id.
#[derive(Clone, Default)]
struct Pretend {
    failing: BTreeSet<Address>,
    saw: Arc<Mutex<Vec<String>>>,
}

impl Effects for Pretend {
    async fn perform(
        &self,
        change: &Change,
        known: &Bindings,
        ctx: &CallContext,
    ) -> Result<Outputs, Failure> {
        sleep(Duration::from_secs(5)).await;
        (ctx.tell)("halfway".to_owned());
        sleep(Duration::from_secs(5)).await;
        let Action::MoveAccount(action::MoveAccount { account, .. }) = &change.action else {
            unreachable!()
        };
        self.saw.lock().unwrap().push(account.value(known).unwrap());
        if self.failing.contains(&change.address) {
            return Err(Failure {
                context: "pretending".to_owned(),
                message: "no".to_owned(),
                hint: None,
                request_id: None,
            });
        }
        Ok(vec![(
            change.address.clone(),
            Attribute::Id,
            format!("id of {}", change.address),
        )])
    }
}

async fn told(steps: Vec<Step>, effects: &Pretend, stop: &Stop) -> (Vec<String>, Summary) {
    let begun = Instant::now();
    let lines = RefCell::new(Vec::new());
    let tell = |event: Event| {
        let line = match event {
            Event::Started { change } => format!("started {change}"),
            Event::Waiting { change, why } => format!("waiting {change}: {why}"),
            Event::Done { change, took } => format!("done {change} in {} s", took.as_secs()),
            Event::Failed {
                change, failure, ..
            } => format!("failed {change}: {}", failure.message),
            Event::NotTried { change, reason } => format!("not tried {change}: {reason}"),
            Event::ReadingBack { why } => format!("reading back: {why}"),
            Event::Stopping => "stopping".to_owned(),
            Event::Notice { text } => text,
        };
        lines
            .borrow_mut()
            .push(format!("{:>3} {line}", begun.elapsed().as_secs()));
    };
    let summary = run(steps, Bindings::default(), effects, &tell, stop).await;
    (lines.into_inner(), summary)
}

#[tokio::test(start_paused = true)]
async fn starts_at_once_what_may_start_and_binds_what_comes_back() {
    let effects = Pretend::default();
    let steps = vec![
        step("a", &[], 20),
        step("b", &["a"], 10),
        step("c", &[], 10),
    ];
    let (lines, summary) = told(steps, &effects, &Stop::new()).await;
    insta::assert_snapshot!(lines.join("\n"), @r"
     0 started account a
     0 started account c
     5 waiting account a: halfway
     5 waiting account c: halfway
    10 done account a in 10 s
    10 started account b
    10 done account c in 10 s
    15 waiting account b: halfway
    20 done account b in 10 s
    ");
    assert!(summary.is_success());
    assert_eq!(summary.took, Duration::from_secs(20));
    assert!(
        effects
            .saw
            .lock()
            .unwrap()
            .contains(&"id of account a".to_owned())
    );
}

#[tokio::test(start_paused = true)]
async fn a_failure_takes_its_dependents_and_the_rest_goes_on() {
    let effects = Pretend {
        failing: [key("a")].into(),
        ..Pretend::default()
    };
    let steps = vec![
        step("a", &[], 20),
        step("b", &["a"], 10),
        step("c", &["b"], 10),
        step("d", &[], 10),
    ];
    let (lines, summary) = told(steps, &effects, &Stop::new()).await;
    insta::assert_snapshot!(lines.join("\n"), @r"
     0 started account a
     0 started account d
     5 waiting account a: halfway
     5 waiting account d: halfway
    10 failed account a: no
    10 not tried account b: account a failed
    10 not tried account c: account a failed
    10 done account d in 10 s
    ");
    assert_eq!(summary.done, [key("d")]);
    assert_eq!(summary.not_tried.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_first_stop_finishes_what_is_in_flight() {
    let stop = Stop::new();
    let steps = vec![step("a", &[], 20), step("b", &["a"], 10)];
    let effects = Pretend::default();
    let ask = async {
        sleep(Duration::from_secs(3)).await;
        stop.ask();
    };
    let ((lines, summary), ()) = tokio::join!(told(steps, &effects, &stop), ask);
    insta::assert_snapshot!(lines.join("\n"), @r"
     0 started account a
     3 stopping
     3 not tried account b: the run was stopped
     5 waiting account a: halfway
    10 done account a in 10 s
    ");
    assert!(summary.stopped && !summary.is_success());
}

#[tokio::test(start_paused = true)]
async fn the_second_stop_stops_now() {
    let stop = Stop::new();
    let steps = vec![step("a", &[], 20), step("b", &["a"], 10)];
    let effects = Pretend::default();
    let ask = async {
        sleep(Duration::from_secs(3)).await;
        stop.ask();
        sleep(Duration::from_secs(3)).await;
        stop.ask();
    };
    let ((lines, summary), ()) = tokio::join!(told(steps, &effects, &stop), ask);
    insta::assert_snapshot!(lines.join("\n"), @r"
    0 started account a
    3 stopping
    3 not tried account b: the run was stopped
    5 waiting account a: halfway
    6 Stopped at once: AWS goes on with what was in flight, and the next run looks how far it came.
    ");
    assert!(summary.stopped && summary.failed.is_empty());
    let left: Vec<String> = summary
        .not_tried
        .iter()
        .map(|(address, reason)| format!("{address}: {reason}"))
        .collect();
    assert_eq!(
        left,
        [
            "account b: the run was stopped",
            "account a: cut off while it ran; the next run finds out how far it came",
        ]
    );
    assert_eq!(summary.took, Duration::from_secs(6));
}
