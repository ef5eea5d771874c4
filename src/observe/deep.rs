//! CloudFormation's drift detection, asked of stack sets and stacks side by side. A set is one operation in
//! its administrator's account, which looks at every instance; only instances that drifted are read one by one.

use aws_sdk_cloudformation::operation::describe_stack_drift_detection_status::DescribeStackDriftDetectionStatusError;
use aws_sdk_cloudformation::operation::describe_stack_set_operation::DescribeStackSetOperationError;
use aws_sdk_cloudformation::operation::detect_stack_drift::DetectStackDriftError;
use aws_sdk_cloudformation::operation::detect_stack_set_drift::DetectStackSetDriftError;
use aws_sdk_cloudformation::operation::list_stack_instances::ListStackInstancesError;
use aws_sdk_cloudformation::operation::list_stack_set_operation_results::ListStackSetOperationResultsError;
use std::collections::BTreeMap;

use aws_sdk_cloudformation::types::{
    ConcurrencyMode, PropertyDifference, RegionConcurrencyType, StackDriftDetectionStatus,
    StackInstanceFilter, StackInstanceFilterName, StackResourceDriftStatus, StackSetOperation,
    StackSetOperationPreferences, StackSetOperationStatus,
};
use aws_sdk_iam::types::{EntityType, ManagedPolicyDetail, RoleDetail};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::{not_asked, seen, side_by_side, unread};
use crate::aws::wait::{DETECTION, Poller, SET_DETECTION, UNKNOWN_OPERATION};
use crate::aws::{Aws, AwsError, CallContext, Calls, CloudFormation, Operation, is_busy};
use crate::inventory::{
    AccountRegion, AccountRoles, DriftAnswers, DriftQuestions, ManagedPolicyFacts, PropertyDrift,
    ReadFailure, ResourceDrift, RoleFacts, SetDrift, StackDrift,
};

/// Has CloudFormation look, and waits for what it finds.
pub async fn detect_drift(aws: &Aws, questions: DriftQuestions, ctx: &CallContext) -> DriftAnswers {
    let admin = &questions.admin;
    let (stack_sets, stacks, roles) = tokio::join!(
        side_by_side(questions.stack_sets, |name| async move {
            let found = Detecting::of(aws, ctx, admin)
                .set(&name)
                .await
                .unwrap_or_else(|failed| SetDrift {
                    unread: Some(unread(&failed)),
                    ..SetDrift::default()
                });
            (name, found)
        }),
        side_by_side(questions.stacks, |(at, name)| async move {
            let found = Detecting::of(aws, ctx, &at)
                .stack(&name)
                .await
                .unwrap_or_else(|failed| StackDrift {
                    unread: Some(unread(&failed)),
                    ..StackDrift::default()
                });
            ((at, name), found)
        }),
        side_by_side(questions.roles, |at| async move {
            let found = seen(Detecting::of(aws, ctx, &at).roles().await);
            (at.account, found)
        }),
    );
    DriftAnswers {
        roles: roles.into_iter().collect(),
        stack_sets: stack_sets.into_iter().collect(),
        stacks: stacks.into_iter().collect(),
    }
}

fn role(detail: &RoleDetail) -> Option<(String, RoleFacts)> {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let attached = detail.attached_managed_policies().iter();
    let inline = detail.role_policy_list().iter();
    let facts = RoleFacts {
        trusts: text(detail.assume_role_policy_document()),
        attached: attached.map(|it| text(it.policy_arn())).collect(),
        inline: inline
            .map(|it| (text(it.policy_name()), text(it.policy_document())))
            .collect(),
        boundary: detail
            .permissions_boundary()
            .and_then(|it| it.permissions_boundary_arn())
            .map(str::to_owned),
    };
    Some((detail.role_name()?.to_owned(), facts))
}

fn policy(detail: &ManagedPolicyDetail) -> Option<(String, ManagedPolicyFacts)> {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let versions = detail.policy_version_list().iter();
    let facts = ManagedPolicyFacts {
        default: text(detail.default_version_id()),
        versions: versions
            .map(|it| (text(it.version_id()), text(it.document())))
            .collect(),
    };
    Some((detail.arn()?.to_owned(), facts))
}

struct Detecting<'a> {
    aws: &'a Aws,
    ctx: &'a CallContext,
    at: AccountRegion,
}

/// Sleeps until the next look.
async fn look_again<E: ProvideErrorMetadata>(
    looks: &Poller<'_>,
    client: &CloudFormation<'_>,
) -> Result<(), AwsError> {
    looks.quietly().await.map_err(|gave_up| {
        let minutes = gave_up.after.as_secs() / 60;
        client.unreadable::<E>(format!(
            "the detection was not over after {minutes} minutes"
        ))
    })
}

impl Calls for Detecting<'_> {
    fn door(&self) -> (&Aws, &CallContext) {
        (self.aws, self.ctx)
    }
}

impl<'a> Detecting<'a> {
    fn of(aws: &'a Aws, ctx: &'a CallContext, at: &AccountRegion) -> Self {
        Self {
            aws,
            ctx,
            at: at.clone(),
        }
    }

    /// Every role of the account with what gives it its rights, and the account's own policies: all in one answer.
    async fn roles(&self) -> Result<AccountRoles, AwsError> {
        let client = &self.iam(&self.at).await?;
        let pages = client
            .all(
                |c, marker| {
                    c.get_account_authorization_details()
                        .filter(EntityType::Role)
                        .filter(EntityType::LocalManagedPolicy)
                        .max_items(1_000)
                        .set_marker(marker)
                        .send()
                },
                |page| {
                    let next = page.marker.clone().filter(|_| page.is_truncated);
                    (Some(vec![page]), next)
                },
            )
            .await?;
        let mut found = AccountRoles::default();
        for page in &pages {
            let roles = page.role_detail_list().iter();
            found.roles.extend(roles.filter_map(role));
            let policies = page.policies().iter();
            found.policies.extend(policies.filter_map(policy));
        }
        Ok(found)
    }

    async fn stack(&self, name: &str) -> Result<StackDrift, AwsError> {
        let client = &self.cloudformation(&self.at).await?;
        let looks = Poller::new(self.ctx, DETECTION);
        let id = loop {
            let begun = client
                .call(|c| c.detect_stack_drift().stack_name(name).send())
                .await;
            match begun {
                // Somebody else's, or that of an attempt whose answer was lost.
                Err(error) if is_busy(&error) => {
                    look_again::<DetectStackDriftError>(&looks, client).await?;
                }
                begun => break begun?.stack_drift_detection_id.unwrap_or_default(),
            }
        };
        let (failed, in_sync) = loop {
            let status = client
                .call(|c| {
                    c.describe_stack_drift_detection_status()
                        .stack_drift_detection_id(&id)
                        .send()
                })
                .await?;
            let why = status
                .detection_status_reason()
                .unwrap_or("no reason given");
            let in_sync = status
                .stack_drift_status()
                .is_some_and(|status| status.as_str() == "IN_SYNC");
            match status.detection_status() {
                Some(StackDriftDetectionStatus::DetectionComplete) => break (None, in_sync),
                Some(StackDriftDetectionStatus::DetectionFailed) => {
                    break (
                        Some(not_asked(
                            &Operation::of::<DetectStackDriftError>().to_string(),
                            why,
                        )),
                        false,
                    );
                }
                _ => look_again::<DescribeStackDriftDetectionStatusError>(&looks, client).await?,
            }
        };
        if in_sync {
            return Ok(StackDrift::default());
        }
        let drifts = client
            .all(
                |c, token| {
                    c.describe_stack_resource_drifts()
                        .stack_name(name)
                        .set_stack_resource_drift_status_filters(Some(desired()))
                        .set_next_token(token)
                        .send()
                },
                |page| (page.stack_resource_drifts, page.next_token),
            )
            .await?;
        let mut found = StackDrift {
            unread: failed,
            ..StackDrift::default()
        };
        for drift in drifts {
            found.add(
                drift.stack_resource_drift_status(),
                drift.drift_status_reason(),
                resource(
                    drift.resource_type(),
                    drift.logical_resource_id(),
                    drift.physical_resource_id(),
                    drift.property_differences(),
                ),
            );
        }
        Ok(found)
    }

    async fn set(&self, name: &str) -> Result<SetDrift, AwsError> {
        let client = &self.cloudformation(&self.at).await?;
        // A second attempt after a lost answer names the same operation.
        let since = self
            .aws
            .now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        let operation = format!("orgstrap-drift-{}", since.as_millis());
        let preferences = StackSetOperationPreferences::builder()
            .region_concurrency_type(RegionConcurrencyType::Parallel)
            .max_concurrent_percentage(100)
            .failure_tolerance_percentage(100)
            .concurrency_mode(ConcurrencyMode::SoftFailureTolerance)
            .build();
        let begun = client
            .call(|c| {
                c.detect_stack_set_drift()
                    .stack_set_name(name)
                    .operation_id(&operation)
                    .operation_preferences(preferences.clone())
                    .send()
            })
            .await;
        match begun {
            Err(error) if error.is("OperationIdAlreadyExists") => {}
            begun => {
                begun?;
            }
        }
        let ended = self.ended(client, name, &operation).await?;
        let details = ended.stack_set_drift_detection_details();
        let count =
            |number: Option<i32>| usize::try_from(number.unwrap_or_default()).unwrap_or_default();
        let total = count(details.and_then(|d| d.total_stack_instances_count()));
        let in_sync = count(details.and_then(|d| d.in_sync_stack_instances_count()));
        let drifted = count(details.and_then(|d| d.drifted_stack_instances_count()));
        let mut found = SetDrift {
            checked: in_sync + drifted,
            ..SetDrift::default()
        };
        if drifted > 0 {
            found.instances = self.drifted(client, name, &operation).await?;
        }
        if in_sync + drifted < total {
            let others = self.failed(client, name, &operation).await?;
            let told = in_sync + drifted + others.len();
            found.instances.extend(others);
            if told < total {
                let reason = format!("{} of {total} instances were not checked", total - told);
                found.unread = Some(not_asked(
                    &Operation::of::<DetectStackSetDriftError>().to_string(),
                    &reason,
                ));
            }
        }
        Ok(found)
    }

    async fn ended(
        &self,
        client: &CloudFormation<'_>,
        name: &str,
        operation: &str,
    ) -> Result<StackSetOperation, AwsError> {
        let looks = Poller::new(self.ctx, SET_DETECTION);
        let unknown = Poller::new(self.ctx, UNKNOWN_OPERATION);
        loop {
            let described = client
                .call(|c| {
                    c.describe_stack_set_operation()
                        .stack_set_name(name)
                        .operation_id(operation)
                        .send()
                })
                .await;
            let described = match described {
                // AWS answers so of an operation that was begun a moment ago.
                Err(error) if error.is("OperationNotFound") => {
                    look_again::<DescribeStackSetOperationError>(&unknown, client)
                        .await
                        .map_err(|_| error)?;
                    continue;
                }
                described => described?,
            };
            let found = described.stack_set_operation.ok_or_else(|| {
                client.unreadable::<DescribeStackSetOperationError>("no operation in the answer")
            })?;
            match found.status() {
                Some(
                    StackSetOperationStatus::Running
                    | StackSetOperationStatus::Queued
                    | StackSetOperationStatus::Stopping,
                ) => look_again::<DescribeStackSetOperationError>(&looks, client).await?,
                _ => return Ok(found),
            }
        }
    }

    async fn drifted(
        &self,
        client: &CloudFormation<'_>,
        name: &str,
        operation: &str,
    ) -> Result<BTreeMap<AccountRegion, StackDrift>, AwsError> {
        let filter = StackInstanceFilter::builder()
            .name(StackInstanceFilterName::DriftStatus)
            .values("DRIFTED")
            .build();
        let filter = &filter;
        let listed = client
            .all(
                |c, token| {
                    c.list_stack_instances()
                        .stack_set_name(name)
                        .filters(filter.clone())
                        .max_results(100)
                        .set_next_token(token)
                        .send()
                },
                |page| (page.summaries, page.next_token),
            )
            .await?;
        let places: Vec<AccountRegion> = listed
            .iter()
            .map(|instance| {
                place::<ListStackInstancesError>(client, instance.account(), instance.region())
            })
            .collect::<Result<_, _>>()?;
        let found = side_by_side(places, |place| async move {
            let drift = self
                .instance(client, name, operation, &place)
                .await
                .unwrap_or_else(|failed| StackDrift {
                    unread: Some(unread(&failed)),
                    ..StackDrift::default()
                });
            (place, drift)
        })
        .await;
        Ok(found.into_iter().collect())
    }

    async fn instance(
        &self,
        client: &CloudFormation<'_>,
        name: &str,
        operation: &str,
        place: &AccountRegion,
    ) -> Result<StackDrift, AwsError> {
        let drifts = client
            .all(
                |c, token| {
                    c.list_stack_instance_resource_drifts()
                        .stack_set_name(name)
                        .operation_id(operation)
                        .stack_instance_account(place.account.as_str())
                        .stack_instance_region(place.region.as_str())
                        .set_stack_instance_resource_drift_statuses(Some(desired()))
                        .set_next_token(token)
                        .send()
                },
                |page| (page.summaries, page.next_token),
            )
            .await?;
        let mut found = StackDrift::default();
        for drift in drifts {
            found.add(
                drift.stack_resource_drift_status(),
                None,
                resource(
                    drift.resource_type(),
                    drift.logical_resource_id(),
                    drift.physical_resource_id(),
                    drift.property_differences(),
                ),
            );
        }
        Ok(found)
    }

    /// Instances that could not be looked at, with the reason.
    async fn failed(
        &self,
        client: &CloudFormation<'_>,
        name: &str,
        operation: &str,
    ) -> Result<BTreeMap<AccountRegion, StackDrift>, AwsError> {
        let results = client
            .all(
                |c, token| {
                    c.list_stack_set_operation_results()
                        .stack_set_name(name)
                        .operation_id(operation)
                        .max_results(100)
                        .set_next_token(token)
                        .send()
                },
                |page| (page.summaries, page.next_token),
            )
            .await?;
        results
            .iter()
            .filter(|result| {
                result
                    .status()
                    .is_none_or(|status| status.as_str() != "SUCCEEDED")
            })
            .map(|result| {
                let place = place::<ListStackSetOperationResultsError>(
                    client,
                    result.account(),
                    result.region(),
                )?;
                let why = result.status_reason().unwrap_or("no reason given");
                let drift = StackDrift {
                    unread: Some(not_asked(
                        &Operation::of::<DetectStackSetDriftError>().to_string(),
                        why,
                    )),
                    ..StackDrift::default()
                };
                Ok((place, drift))
            })
            .collect()
    }
}

/// The place of an instance that an answer names.
fn place<E: ProvideErrorMetadata>(
    client: &CloudFormation<'_>,
    account: Option<&str>,
    region: Option<&str>,
) -> Result<AccountRegion, AwsError> {
    let parsed = account.zip(region).and_then(|(account, region)| {
        Some(AccountRegion {
            account: account.parse().ok()?,
            region: region.parse().ok()?,
        })
    });
    parsed.ok_or_else(|| client.unreadable::<E>("an instance has no account and Region"))
}

/// The statuses that are worth telling of.
fn desired() -> Vec<StackResourceDriftStatus> {
    vec![
        StackResourceDriftStatus::Modified,
        StackResourceDriftStatus::Deleted,
        StackResourceDriftStatus::UnknownValue,
    ]
}

/// A resource as both of CloudFormation's answers tell it.
fn resource(
    kind: Option<&str>,
    logical_id: Option<&str>,
    physical_id: Option<&str>,
    properties: &[PropertyDifference],
) -> ResourceDrift {
    let own = |text: Option<&str>| text.unwrap_or_default().to_owned();
    ResourceDrift {
        logical_id: own(logical_id),
        kind: own(kind),
        physical_id: own(physical_id),
        deleted: false,
        properties: properties.iter().map(property).collect(),
    }
}

fn property(difference: &PropertyDifference) -> PropertyDrift {
    let value = |text: Option<&str>| {
        text.filter(|text| !text.is_empty() && *text != "null")
            .map(str::to_owned)
    };
    PropertyDrift {
        path: difference.property_path().unwrap_or_default().to_owned(),
        expected: value(difference.expected_value()),
        actual: value(difference.actual_value()),
    }
}

impl StackDrift {
    fn add(
        &mut self,
        status: Option<&StackResourceDriftStatus>,
        reason: Option<&str>,
        resource: ResourceDrift,
    ) {
        match status {
            Some(StackResourceDriftStatus::Modified) => self.resources.push(resource),
            Some(StackResourceDriftStatus::Deleted) => self.resources.push(ResourceDrift {
                deleted: true,
                ..resource
            }),
            Some(StackResourceDriftStatus::InSync | StackResourceDriftStatus::NotChecked) => {}
            _ => {
                let reason = format!(
                    "{} {}: {}",
                    resource.kind,
                    resource.logical_id,
                    reason.unwrap_or("CloudFormation could not look at it")
                );
                self.unread = Some(ReadFailure {
                    operation: Operation::of::<DetectStackDriftError>().to_string(),
                    reason,
                });
            }
        }
    }
}

#[cfg(test)]
mod live {
    use super::*;
    use crate::aws::testing::{Answer, aws};

    /// AWS does not know the operation at once that it has begun.
    #[tokio::test(start_paused = true)]
    async fn row_17_an_operation_that_is_not_known_yet_is_looked_for_again() {
        let mut unknown = 3;
        let aws = aws(move |asked, _| {
            let answer = |result: &str| {
                Some(Answer::Says(
                    200,
                    format!(
                        "<{0}Response><{0}Result>{result}</{0}Result></{0}Response>",
                        asked.operation
                    ),
                ))
            };
            match asked.operation.as_str() {
                "DescribeStackSetOperation" if unknown > 0 => {
                    unknown -= 1;
                    Some(Answer::xml_error(
                        404,
                        "OperationNotFoundException",
                        "Operation orgstrap-drift-1 not found",
                    ))
                }
                "DetectStackSetDrift" => answer("<OperationId>o</OperationId>"),
                "DescribeStackSetOperation" => answer(
                    "<StackSetOperation><OperationId>o</OperationId><Status>SUCCEEDED</Status></StackSetOperation>",
                ),
                _ => None,
            }
        });
        let at = AccountRegion {
            account: "111111111111".parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
        };
        let caller = CallContext::quiet();
        let found = Detecting::of(&aws, &caller, &at)
            .set("orgstrap-config")
            .await;
        assert!(found.is_ok(), "{:?}", found.err());
    }
}
