//! What the services themselves say, for controls: named probes, what each was asked, and the facts
//! that came back. `observe` reads them; [`crate::drift`] compares them with what is expected.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{AccountRegion, Observed};

/// A named function that reads a service and returns facts.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Probe {
    /// A CloudTrail trail, its status and what it selects.
    CloudtrailTrail,
    /// The Config recorder of one account and Region.
    ConfigRecorder,
    /// The Config delivery channel of one account and Region.
    ConfigChannel,
    /// A Config aggregator and how current its sources are.
    ConfigAggregator,
    /// Which of GuardDuty's filters archive findings, and which lists it trusts.
    GuarddutyFilters,
    /// Where a Config rule is not complied with, asked of an aggregator.
    ConfigRule,
    /// The newest run of a Systems Manager automation, of the last three days, and its outputs.
    Automation,
    /// The properties of one resource, as Cloud Control tells them.
    CloudControl,
    /// What the comparison of plan and organization found under the control's id: nothing more is read.
    Comparison,
}

impl Probe {
    /// Its name in descriptors.
    pub fn as_str(self) -> &'static str {
        match self {
            Probe::CloudtrailTrail => "cloudtrail-trail",
            Probe::ConfigRecorder => "config-recorder",
            Probe::ConfigChannel => "config-channel",
            Probe::ConfigAggregator => "config-aggregator",
            Probe::GuarddutyFilters => "guardduty-filters",
            Probe::ConfigRule => "config-rule",
            Probe::Automation => "automation",
            Probe::CloudControl => "cloud-control",
            Probe::Comparison => "comparison",
        }
    }

    /// The arguments that it needs, all of them.
    pub fn arguments(self) -> &'static [&'static str] {
        match self {
            Probe::CloudtrailTrail | Probe::ConfigAggregator => &["name"],
            Probe::ConfigRecorder
            | Probe::ConfigChannel
            | Probe::GuarddutyFilters
            | Probe::Comparison => &[],
            Probe::ConfigRule => &["aggregator", "rule"],
            Probe::Automation => &["document"],
            Probe::CloudControl => &["type", "identifier"],
        }
    }

    /// The facts that it returns beside properties in CloudFormation's words; `None` where these are
    /// all there is.
    pub fn facts(self) -> Option<&'static [&'static str]> {
        Some(match self {
            Probe::CloudtrailTrail => &[
                "exists",
                "logging",
                "management_events",
                "delivery_error",
                "digest_error",
            ],
            Probe::ConfigRecorder => {
                &["exists", "name", "recording", "delivery_error", "overrides"]
            }
            Probe::ConfigChannel => &["exists", "name", "delivery_error"],
            Probe::ConfigAggregator => &["exists", "failed_sources", "filtered"],
            Probe::GuarddutyFilters => &["exists", "archiving", "trusted"],
            Probe::ConfigRule => &["exists", "noncompliant"],
            Probe::Automation => &["exists", "status"],
            Probe::CloudControl => return None,
            Probe::Comparison => &[],
        })
    }
}

/// One question: a probe, its arguments, and where it is asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Question {
    pub probe: Probe,
    pub arguments: BTreeMap<String, String>,
    pub at: AccountRegion,
}

/// What was found: facts by name, properties of resources in CloudFormation's words among them.
pub type Facts = BTreeMap<String, Value>;

/// What a service said, and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    pub read_at: Timestamp,
    pub facts: Observed<Facts>,
}

/// The answers to all questions.
pub type Answers = BTreeMap<Question, Answer>;
