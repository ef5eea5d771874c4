//! Probes: what the services themselves say, for controls. What AWS tells only per account and Region is
//! asked so, some places side by side, over the role pool.

mod guardduty;

use aws_sdk_cloudcontrol::operation::get_resource::GetResourceError;
use aws_sdk_ssm::operation::describe_automation_executions::DescribeAutomationExecutionsError;
use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{seen, side_by_side};
use crate::aws::wait::{AUTOMATION, Poller};
use crate::aws::{Aws, AwsError, CallContext, Calls};
use crate::inventory::{
    AccountRegion, Answer, Answers, Facts, Probe, Question, is_customers_recorder,
};

/// Asks every question once.
pub async fn probe(aws: &Aws, questions: BTreeSet<Question>, ctx: &CallContext) -> Answers {
    side_by_side(questions, |question| async move {
        let read_at = Timestamp::try_from(aws.now()).unwrap_or_default();
        let facts = seen(ask(aws, &question, ctx).await);
        (question, Answer { read_at, facts })
    })
    .await
    .into_iter()
    .collect()
}

async fn ask(aws: &Aws, question: &Question, ctx: &CallContext) -> Result<Facts, AwsError> {
    let place = Asking {
        aws,
        ctx,
        at: &question.at,
    };
    let argument = |name: &str| {
        let found = question.arguments.get(name);
        found.map_or("", String::as_str)
    };
    match question.probe {
        Probe::CloudtrailTrail => place.trail(argument("name")).await,
        Probe::ConfigRecorder => place.recorder().await,
        Probe::ConfigChannel => place.channel().await,
        Probe::ConfigAggregator => place.aggregator(argument("name")).await,
        Probe::GuarddutyFilters => place.filters().await,
        Probe::ConfigRule => place.rule(argument("aggregator"), argument("rule")).await,
        Probe::Automation => place.automation(argument("document")).await,
        Probe::CloudControl => {
            place
                .resource(argument("type"), argument("identifier"))
                .await
        }
        Probe::Comparison => Ok(Facts::new()),
    }
}

/// What Cloud Control says of one resource.
pub(super) async fn resource(
    aws: &Aws,
    ctx: &CallContext,
    at: &AccountRegion,
    kind: &str,
    identifier: &str,
) -> Result<Facts, AwsError> {
    Asking { aws, ctx, at }.resource(kind, identifier).await
}

struct Asking<'a> {
    aws: &'a Aws,
    ctx: &'a CallContext,
    at: &'a AccountRegion,
}

impl Calls for Asking<'_> {
    fn door(&self) -> (&Aws, &CallContext) {
        (self.aws, self.ctx)
    }
}

/// What is not there.
fn absent() -> Facts {
    Facts::from([("exists".to_owned(), json!(false))])
}

fn present(facts: impl IntoIterator<Item = (&'static str, Value)>) -> Facts {
    facts
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .chain([("exists".to_owned(), json!(true))])
        .collect()
}

impl Asking<'_> {
    async fn trail(&self, name: &str) -> Result<Facts, AwsError> {
        let client = &self.cloudtrail(self.at).await?;
        let listed = client
            .call(|c| c.describe_trails().trail_name_list(name).send())
            .await?;
        let Some(trail) = listed.trail_list().first() else {
            return Ok(absent());
        };
        let (status, selectors) = tokio::join!(
            client.call(|c| c.get_trail_status().name(name).send()),
            client.call(|c| c.get_event_selectors().trail_name(name).send()),
        );
        let (status, selectors) = (status?, selectors?);
        // Either all management events by the older selectors, or an advanced selector for them that
        // leaves nothing out.
        let basic = selectors.event_selectors();
        let advanced = selectors.advanced_event_selectors();
        let management = basic.iter().any(|selector| {
            selector.include_management_events() == Some(true)
                && selector.exclude_management_event_sources().is_empty()
                && selector
                    .read_write_type()
                    .is_none_or(|kind| kind.as_str() == "All")
        }) || advanced.iter().any(|selector| {
            let fields = selector.field_selectors();
            fields.len() == 1
                && fields.iter().any(|field| {
                    field.field() == "eventCategory"
                        && field.equals().iter().any(|value| value == "Management")
                })
        }) || (basic.is_empty() && advanced.is_empty());
        Ok(present([
            ("logging", json!(status.is_logging())),
            ("management_events", json!(management)),
            (
                "delivery_error",
                json!(status.latest_delivery_error().unwrap_or_default()),
            ),
            (
                "digest_error",
                json!(status.latest_digest_delivery_error().unwrap_or_default()),
            ),
            ("IsMultiRegionTrail", json!(trail.is_multi_region_trail())),
            ("IsOrganizationTrail", json!(trail.is_organization_trail())),
            (
                "IncludeGlobalServiceEvents",
                json!(trail.include_global_service_events()),
            ),
            (
                "EnableLogFileValidation",
                json!(trail.log_file_validation_enabled()),
            ),
            ("S3BucketName", json!(trail.s3_bucket_name())),
            ("S3KeyPrefix", json!(trail.s3_key_prefix())),
            ("KMSKeyId", json!(trail.kms_key_id())),
        ]))
    }

    async fn recorder(&self) -> Result<Facts, AwsError> {
        let client = &self.config(self.at).await?;
        let (listed, status) = tokio::join!(
            client.call(|c| c.describe_configuration_recorders().send()),
            client.call(|c| c.describe_configuration_recorder_status().send()),
        );
        let (listed, status) = (listed?, status?);
        let recorders = listed.configuration_recorders();
        let Some(recorder) = recorders
            .iter()
            .find(|recorder| recorder.name().is_some_and(is_customers_recorder))
        else {
            return Ok(absent());
        };
        let status = status
            .configuration_recorders_status()
            .iter()
            .find(|status| status.name() == recorder.name());
        let failed = status.filter(|status| {
            status
                .last_status()
                .is_some_and(|last| last.as_str().eq_ignore_ascii_case("failure"))
        });
        let group = recorder.recording_group();
        let mut recording_group = Map::new();
        if let Some(group) = group {
            let mut put = |name: &str, value: Value| recording_group.insert(name.to_owned(), value);
            put("AllSupported", json!(group.all_supported()));
            put(
                "IncludeGlobalResourceTypes",
                json!(group.include_global_resource_types()),
            );
            if let Some(excluded) = group.exclusion_by_resource_types() {
                let types: Vec<&str> = excluded
                    .resource_types()
                    .iter()
                    .map(|kind| kind.as_str())
                    .collect();
                put(
                    "ExclusionByResourceTypes",
                    json!({ "ResourceTypes": types }),
                );
            }
            if let Some(strategy) = group.recording_strategy() {
                let only = strategy.use_only().map(|only| only.as_str());
                put("RecordingStrategy", json!({ "UseOnly": only }));
            }
        }
        let frequency = recorder
            .recording_mode()
            .map(|mode| mode.recording_frequency().as_str());
        // Types that are recorded more seldom, or more often, than all others.
        let overrides: Vec<String> = recorder
            .recording_mode()
            .map(|mode| mode.recording_mode_overrides())
            .unwrap_or_default()
            .iter()
            .map(|over| {
                let types: Vec<&str> = over.resource_types().iter().map(|t| t.as_str()).collect();
                format!(
                    "{}: {}",
                    over.recording_frequency().as_str(),
                    types.join(", ")
                )
            })
            .collect();
        Ok(present([
            ("name", json!(recorder.name())),
            ("Name", json!(recorder.name())),
            (
                "recording",
                json!(status.is_some_and(|status| status.recording())),
            ),
            (
                "delivery_error",
                json!(failed.map_or("", |status| {
                    status.last_error_message().unwrap_or("no reason given")
                })),
            ),
            ("overrides", json!(overrides)),
            ("RoleARN", json!(recorder.role_arn())),
            ("RecordingGroup", Value::Object(recording_group)),
            (
                "RecordingMode",
                json!({ "RecordingFrequency": frequency.unwrap_or("CONTINUOUS") }),
            ),
        ]))
    }

    async fn channel(&self) -> Result<Facts, AwsError> {
        let client = &self.config(self.at).await?;
        let (listed, status) = tokio::join!(
            client.call(|c| c.describe_delivery_channels().send()),
            client.call(|c| c.describe_delivery_channel_status().send()),
        );
        let (listed, status) = (listed?, status?);
        let Some(channel) = listed.delivery_channels().first() else {
            return Ok(absent());
        };
        let status = status.delivery_channels_status().first();
        let infos = [
            status.and_then(|status| status.config_snapshot_delivery_info()),
            status.and_then(|status| status.config_history_delivery_info()),
        ];
        let error = infos
            .into_iter()
            .flatten()
            .find(|info| {
                info.last_status()
                    .is_some_and(|last| last.as_str().eq_ignore_ascii_case("failure"))
            })
            .map(|info| info.last_error_message().unwrap_or("no reason given"));
        let frequency = channel
            .config_snapshot_delivery_properties()
            .and_then(|properties| properties.delivery_frequency())
            .map(|frequency| frequency.as_str());
        Ok(present([
            ("name", json!(channel.name())),
            ("Name", json!(channel.name())),
            ("delivery_error", json!(error.unwrap_or_default())),
            ("S3BucketName", json!(channel.s3_bucket_name())),
            ("S3KeyPrefix", json!(channel.s3_key_prefix())),
            ("S3KmsKeyArn", json!(channel.s3_kms_key_arn())),
            ("SnsTopicARN", json!(channel.sns_topic_arn())),
            (
                "ConfigSnapshotDeliveryProperties",
                json!({ "DeliveryFrequency": frequency }),
            ),
        ]))
    }

    async fn aggregator(&self, name: &str) -> Result<Facts, AwsError> {
        let client = &self.config(self.at).await?;
        let described = client
            .call(|c| {
                c.describe_configuration_aggregators()
                    .configuration_aggregator_names(name)
                    .send()
            })
            .await;
        let described = match described {
            Err(error) if error.is("NoSuchConfigurationAggregator") => return Ok(absent()),
            described => described?,
        };
        let Some(aggregator) = described.configuration_aggregators().first() else {
            return Ok(absent());
        };
        let sources = client
            .all(
                |c, token| {
                    c.describe_configuration_aggregator_sources_status()
                        .configuration_aggregator_name(name)
                        .set_next_token(token)
                        .send()
                },
                |page| (page.aggregated_source_status_list, page.next_token),
            )
            .await?;
        let failed: Vec<String> = sources
            .iter()
            .filter(|source| {
                source
                    .last_update_status()
                    .is_some_and(|status| status.as_str() == "FAILED")
            })
            .map(|source| {
                format!(
                    "{}/{}",
                    source.source_id().unwrap_or_default(),
                    source.aws_region().unwrap_or_default()
                )
            })
            .collect();
        let organization = aggregator.organization_aggregation_source().map_or(
            Value::Null,
            |source| json!({ "AllAwsRegions": source.all_aws_regions(), "RoleArn": source.role_arn() }),
        );
        // Of what a filter leaves out the aggregator knows nothing.
        let filters = aggregator.aggregator_filters();
        let types = filters.and_then(|filters| filters.resource_type());
        let services = filters.and_then(|filters| filters.service_principal());
        let filtered: Vec<&str> = types
            .map(|types| types.value())
            .into_iter()
            .chain(services.map(|services| services.value()))
            .flatten()
            .map(String::as_str)
            .collect();
        Ok(present([
            ("failed_sources", json!(failed)),
            ("filtered", json!(filtered)),
            ("OrganizationAggregationSource", organization),
        ]))
    }

    /// Where a rule is not complied with, of all accounts and Regions that the aggregator knows.
    async fn rule(&self, aggregator: &str, rule: &str) -> Result<Facts, AwsError> {
        use aws_sdk_config::types::ConfigRuleComplianceFilters;
        let client = &self.config(self.at).await?;
        let filters = &ConfigRuleComplianceFilters::builder()
            .config_rule_name(rule)
            .build();
        let found = client
            .all(
                |c, token| {
                    c.describe_aggregate_compliance_by_config_rules()
                        .configuration_aggregator_name(aggregator)
                        .filters(filters.clone())
                        .set_next_token(token)
                        .send()
                },
                |page| (page.aggregate_compliance_by_config_rules, page.next_token),
            )
            .await?;
        if found.is_empty() {
            return Ok(absent());
        }
        let noncompliant: Vec<String> = found
            .iter()
            .filter(|one| {
                one.compliance()
                    .and_then(|compliance| compliance.compliance_type())
                    .is_some_and(|kind| kind.as_str() == "NON_COMPLIANT")
            })
            .map(|one| {
                format!(
                    "{}/{}",
                    one.account_id().unwrap_or_default(),
                    one.aws_region().unwrap_or_default()
                )
            })
            .collect();
        Ok(present([("noncompliant", json!(noncompliant))]))
    }

    /// The newest run of the last three days: what is to run every day and has not since then has not run. One
    /// that is under way, as where a stack was just made, is waited for a little.
    async fn automation(&self, document: &str) -> Result<Facts, AwsError> {
        use aws_sdk_ssm::types::{AutomationExecutionFilter, AutomationExecutionFilterKey as Key};
        let client = &self.ssm(self.at).await?;
        let since = self.aws.now() - Duration::from_secs(3 * 24 * 3600);
        let since = jiff::Timestamp::try_from(since).unwrap_or_default();
        let since = since.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let filter = |key: Key, value: &str| {
            AutomationExecutionFilter::builder()
                .key(key)
                .values(value)
                .build()
                .map_err(|error| {
                    client.unreadable::<DescribeAutomationExecutionsError>(error.to_string())
                })
        };
        let filters = &[
            filter(Key::DocumentNamePrefix, document)?,
            filter(Key::StartTimeAfter, &since)?,
        ];
        let listed = client
            .all(
                |c, token| {
                    c.describe_automation_executions()
                        .set_filters(Some(filters.to_vec()))
                        .max_results(50)
                        .set_next_token(token)
                        .send()
                },
                |page| (page.automation_execution_metadata_list, page.next_token),
            )
            .await?;
        let newest = listed
            .into_iter()
            .filter(|run| run.document_name() == Some(document))
            .max_by_key(|run| run.execution_start_time().map(|time| time.secs()));
        let Some(id) = newest.and_then(|run| run.automation_execution_id) else {
            let mut facts = absent();
            facts.extend(self.document(document).await);
            return Ok(facts);
        };
        let mut wait = Poller::new(self.ctx, AUTOMATION);
        let run = loop {
            let answer = client
                .call(|c| {
                    c.get_automation_execution()
                        .automation_execution_id(&id)
                        .send()
                })
                .await?;
            let run = answer.automation_execution;
            let status = run
                .as_ref()
                .and_then(|run| run.automation_execution_status());
            let under_way = status.is_some_and(|status| {
                matches!(status.as_str(), "Pending" | "InProgress" | "Waiting")
            });
            let why = format!("{document} runs in account {}", self.at.account);
            if !under_way || wait.pause(why).await.is_err() {
                break run;
            }
        };
        let status = run
            .as_ref()
            .and_then(|run| run.automation_execution_status())
            .map_or("unknown", |status| status.as_str());
        let mut facts = present([("status", json!(status))]);
        if let Some(why) = run.as_ref().and_then(|run| run.failure_message()) {
            facts.insert("FailureMessage".to_owned(), json!(why));
        }
        if status != "Success" {
            facts.extend(self.document(document).await);
        }
        // Outputs are called STEP.NAME.
        for (name, values) in run.iter().filter_map(|run| run.outputs()).flatten() {
            let name = name.rsplit('.').next().unwrap_or(name);
            facts.insert(name.to_owned(), json!(values.join(", ")));
        }
        Ok(facts)
    }

    /// Whether a document is there, where that can be told: without it nothing runs, whoever starts it.
    async fn document(&self, name: &str) -> Option<(String, Value)> {
        let found = self.resource("AWS::SSM::Document", name).await.ok()?;
        let exists = found.get("exists")?.clone();
        Some(("document".to_owned(), exists))
    }

    async fn resource(&self, kind: &str, identifier: &str) -> Result<Facts, AwsError> {
        let client = &self.cloudcontrol(self.at).await?;
        // Cloud Control knows keys by their id, templates tell their ARN.
        let identifier = match (kind, identifier.rsplit_once(":key/")) {
            ("AWS::KMS::Key", Some((_, id))) => id,
            _ => identifier,
        };
        let answer = client
            .call(|c| {
                c.get_resource()
                    .type_name(kind)
                    .identifier(identifier)
                    .send()
            })
            .await;
        let answer = match answer {
            Err(error) if error.is("ResourceNotFound") => return Ok(absent()),
            answer => answer?,
        };
        let properties = answer
            .resource_description()
            .and_then(|description| description.properties())
            .unwrap_or_default();
        let properties: Map<String, Value> = serde_json::from_str(properties)
            .map_err(|error| client.unreadable::<GetResourceError>(error.to_string()))?;
        let mut facts: Facts = properties.into_iter().collect();
        facts.insert("exists".to_owned(), json!(true));
        Ok(facts)
    }
}
