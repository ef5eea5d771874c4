//! An operation of a stack set, and the pace at which it may go from account to account.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::time::Time;

/// An account and a Region that an operation works on.
pub type AccountRegion = (String, String);

/// An operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    pub id: String,
    pub action: Action,
    /// `QUEUED`, `RUNNING`, `SUCCEEDED`, `FAILED`, `STOPPING` or `STOPPED`.
    pub status: String,
    pub reason: Option<String>,
    pub created: Time,
    pub ended: Option<Time>,
    /// As given.
    pub preferences: Value,
    /// `DeploymentTargets` as given.
    pub targets: Value,
    /// Whether deleted instances leave their stacks.
    pub retain: bool,
    pub sequential: bool,
    /// The Regions in the order in which they are worked on.
    pub regions: Vec<RegionRun>,
    /// What became of each instance, by its key.
    pub results: BTreeMap<String, Outcome>,
    /// The stacks that are imported, by instance key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub imports: BTreeMap<String, String>,
    /// What a detection that is over found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<Value>,
}

/// What an operation does to instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    Create,
    Update,
    Delete,
    DetectDrift,
    Import,
}

impl Action {
    /// As the API writes it.
    pub fn name(self) -> &'static str {
        match self {
            // The API's StackSetOperationAction has no word of its own for an import.
            Action::Create | Action::Import => "CREATE",
            Action::Update => "UPDATE",
            Action::Delete => "DELETE",
            Action::DetectDrift => "DETECT_DRIFT",
        }
    }
}

/// What became of an instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// `PENDING`, `RUNNING`, `SUCCEEDED`, `FAILED` or `CANCELLED`.
    pub status: String,
    pub reason: Option<String>,
    pub ou: String,
}

/// How far an operation is in one Region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RegionRun {
    pub region: String,
    pub waiting: VecDeque<String>,
    pub running: BTreeSet<String>,
    pub failed: usize,
    pub total: usize,
    /// More failed than is tolerated: nothing more is started.
    pub stopped: bool,
}

impl Operation {
    fn number(&self, name: &str) -> Option<usize> {
        self.preferences
            .get(name)
            .and_then(Value::as_u64)
            .and_then(|n| usize::try_from(n).ok())
    }

    /// How many accounts may fail in a Region. A percentage is rounded down. None by default.
    pub fn tolerance(&self, total: usize) -> usize {
        self.number("FailureToleranceCount")
            .or_else(|| {
                self.number("FailureTolerancePercentage")
                    .map(|p| total * p / 100)
            })
            .unwrap_or(0)
    }

    /// How many accounts may be worked on at once in a Region: one by default. Strict tolerance keeps the number at
    /// one more than may still fail, so that tolerance is never exceeded; soft tolerance does not.
    pub fn concurrency(&self, total: usize, failed: usize) -> usize {
        let most = self
            .number("MaxConcurrentCount")
            .or_else(|| {
                self.number("MaxConcurrentPercentage")
                    .map(|p| total * p / 100)
            })
            .unwrap_or(1)
            .max(1);
        if self
            .preferences
            .get("ConcurrencyMode")
            .and_then(Value::as_str)
            == Some("SOFT_FAILURE_TOLERANCE")
        {
            return most;
        }
        most.min((self.tolerance(total) + 1).saturating_sub(failed))
    }

    /// How many instances failed.
    pub fn failed(&self) -> usize {
        self.results
            .values()
            .filter(|outcome| outcome.status == "FAILED")
            .count()
    }

    /// Takes the accounts that may be started now. Those that never will be are returned second.
    pub fn take_startable(&mut self) -> (Vec<AccountRegion>, Vec<AccountRegion>) {
        let (mut start, mut cancelled) = (Vec::new(), Vec::new());
        let stopping = self.status == "STOPPING";
        let mut blocked = false;
        for index in 0..self.regions.len() {
            let Some(run) = self.regions.get(index) else {
                break;
            };
            let (total, failed, running) = (run.total, run.failed, run.running.len());
            let free = self.concurrency(total, failed).saturating_sub(running);
            let exceeded = failed > self.tolerance(total);
            let Some(run) = self.regions.get_mut(index) else {
                break;
            };
            run.stopped |= exceeded;
            if stopping || run.stopped || (blocked && self.sequential) {
                cancelled.extend(
                    run.waiting
                        .drain(..)
                        .map(|account| (account, run.region.clone())),
                );
                blocked |= run.stopped || stopping;
                continue;
            }
            for _ in 0..free {
                let Some(account) = run.waiting.pop_front() else {
                    break;
                };
                run.running.insert(account.clone());
                start.push((account, run.region.clone()));
            }
            // In sequence, a Region begins when the one before it is done.
            if self.sequential && !(run.waiting.is_empty() && run.running.is_empty()) {
                break;
            }
        }
        (start, cancelled)
    }

    /// Notes the end of one account's work.
    pub fn done(&mut self, account: &str, region: &str, failed: bool) {
        if let Some(run) = self.regions.iter_mut().find(|run| run.region == region) {
            run.running.remove(account);
            run.failed += usize::from(failed);
        }
    }

    /// Whether nothing runs and nothing waits.
    pub fn finished(&self) -> bool {
        self.regions
            .iter()
            .all(|run| run.waiting.is_empty() && run.running.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn operation(preferences: Value, sequential: bool, accounts: usize) -> Operation {
        let run = |region: &str| RegionRun {
            region: region.to_owned(),
            waiting: (0..accounts).map(|n| format!("{n:012}")).collect(),
            running: BTreeSet::new(),
            failed: 0,
            total: accounts,
            stopped: false,
        };
        Operation {
            id: "op".to_owned(),
            action: Action::Create,
            status: "RUNNING".to_owned(),
            reason: None,
            created: Time::START,
            ended: None,
            preferences,
            targets: Value::Null,
            retain: false,
            sequential,
            regions: vec![run("eu-west-1"), run("us-east-1")],
            results: BTreeMap::new(),
            imports: BTreeMap::new(),
            drift: None,
        }
    }

    /// AWS: "STRICT_FAILURE_TOLERANCE … the initial actual concurrency is the lower of MaxConcurrentCount or
    /// FailureToleranceCount + 1"; the defaults so run one account at a time.
    #[test]
    fn strict_tolerance_runs_tolerance_plus_one_at_a_time() {
        let op = operation(
            json!({"MaxConcurrentCount": 10, "FailureToleranceCount": 3}),
            true,
            20,
        );
        assert_eq!(op.concurrency(20, 0), 4);
        assert_eq!(op.concurrency(20, 2), 2);
        let op = operation(json!({"MaxConcurrentPercentage": 100}), true, 20);
        assert_eq!(op.concurrency(20, 0), 1);
    }

    #[test]
    fn soft_tolerance_runs_at_the_maximum() {
        let op = operation(
            json!({"MaxConcurrentPercentage": 100, "ConcurrencyMode": "SOFT_FAILURE_TOLERANCE"}),
            true,
            20,
        );
        assert_eq!(op.concurrency(20, 0), 20);
    }

    #[test]
    fn regions_go_one_after_another_unless_parallel() {
        let soft = json!({"MaxConcurrentCount": 5, "ConcurrencyMode": "SOFT_FAILURE_TOLERANCE"});
        assert_eq!(operation(soft.clone(), true, 2).take_startable().0.len(), 2);
        assert_eq!(operation(soft, false, 2).take_startable().0.len(), 4);
    }

    /// AWS: "If the number of failures in a Region exceeds this, CloudFormation stops the operation in that Region; it
    /// doesn't attempt to deploy in subsequent Regions."
    #[test]
    fn a_region_that_fails_too_often_blocks_later_regions() {
        let mut op = operation(json!({"FailureToleranceCount": 0}), true, 3);
        let (start, cancelled) = op.take_startable();
        assert_eq!((start.len(), cancelled.len()), (1, 0));
        op.done("000000000000", "eu-west-1", true);
        let (start, cancelled) = op.take_startable();
        assert_eq!((start.len(), cancelled.len()), (0, 5));
        assert!(op.finished());
    }
}
