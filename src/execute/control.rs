//! Controls put back: a trail or recorder started, a recorder or channel as its template says, a stack's
//! drift reverted, a resource through Cloud Control.

use aws_sdk_cloudcontrol::types::{OperationStatus, ProgressEvent};
use aws_sdk_cloudformation::types::{Capability, ChangeSetType, DeploymentMode, Parameter};
use aws_sdk_config::types::{
    ConfigSnapshotDeliveryProperties, ConfigurationRecorder, DeliveryChannel,
    ExclusionByResourceTypes, MaximumExecutionFrequency, RecordingFrequency, RecordingGroup,
    RecordingMode, RecordingStrategy, RecordingStrategyType, ResourceType,
};

use serde_json::{Value, json};

use super::effects::{ActionContext, Doing, REPORT};
use super::run::Outputs;
use crate::action;
use crate::aws::Calls;
use crate::aws::wait::{Poller, READ_BACK, STACK};
use crate::event::Failure;
use crate::inventory::AccountRegion;

fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name).and_then(Value::as_str)
}

/// A flag of a template: `true`, or the text of it.
fn flag(value: &Value, name: &str) -> bool {
    match value.get(name) {
        Some(Value::Bool(flag)) => *flag,
        Some(Value::String(text)) => text == "true",
        _ => false,
    }
}

impl ActionContext<'_> {
    pub(super) async fn start_logging(
        &self,
        action: &action::StartLogging,
    ) -> Result<Outputs, Failure> {
        let action::StartLogging {
            account,
            region,
            trail,
        } = action;
        let at = self.place(&self.account(account)?, region);
        let context = || format!("starting trail {trail} in account {}, {region}", at.account);
        let client = self.cloudtrail(&at).await.context(context)?;
        client
            .call(|c| c.start_logging().name(trail).send())
            .await
            .context(context)?;
        Ok(Outputs::new())
    }

    pub(super) async fn start_recorder(
        &self,
        action: &action::StartRecorder,
    ) -> Result<Outputs, Failure> {
        let action::StartRecorder {
            account,
            region,
            recorder,
        } = action;
        let at = self.place(&self.account(account)?, region);
        self.start(&at, recorder).await
    }

    async fn start(&self, at: &AccountRegion, recorder: &str) -> Result<Outputs, Failure> {
        let context = || {
            format!(
                "starting recorder {recorder} in account {}, {}",
                at.account, at.region
            )
        };
        let client = self.config(at).await.context(context)?;
        let started = client
            .call(|c| {
                c.start_configuration_recorder()
                    .configuration_recorder_name(recorder)
                    .send()
            })
            .await;
        match started {
            // A recorder of another name, or none yet: its own control tells.
            Err(error) if error.is("NoSuchConfigurationRecorder") => Ok(Outputs::new()),
            started => started.context(context).map(|_| Outputs::new()),
        }
    }

    /// As the template says; then it records, if it has a channel.
    pub(super) async fn put_recorder(
        &self,
        action: &action::PutRecorder,
    ) -> Result<Outputs, Failure> {
        let action::PutRecorder {
            account,
            region,
            settings,
        } = action;
        let at = self.place(&self.account(account)?, region);
        let name = text(settings, "Name").unwrap_or("default");
        let context = || {
            format!(
                "setting recorder {name} in account {}, {region}",
                at.account
            )
        };
        let group = settings.get("RecordingGroup").cloned().unwrap_or_default();
        let mut recording = RecordingGroup::builder()
            .all_supported(flag(&group, "AllSupported"))
            .include_global_resource_types(flag(&group, "IncludeGlobalResourceTypes"));
        if let Some(Value::Array(types)) = group.pointer("/ExclusionByResourceTypes/ResourceTypes")
        {
            let types = types.iter().filter_map(Value::as_str);
            recording = recording.exclusion_by_resource_types(
                ExclusionByResourceTypes::builder()
                    .set_resource_types(Some(types.map(ResourceType::from).collect()))
                    .build(),
            );
        }
        if let Some(only) = group
            .pointer("/RecordingStrategy/UseOnly")
            .and_then(Value::as_str)
        {
            recording = recording.recording_strategy(
                RecordingStrategy::builder()
                    .use_only(RecordingStrategyType::from(only))
                    .build(),
            );
        }
        let frequency = settings
            .pointer("/RecordingMode/RecordingFrequency")
            .and_then(Value::as_str)
            .unwrap_or("CONTINUOUS");
        let mode = RecordingMode::builder()
            .recording_frequency(RecordingFrequency::from(frequency))
            .build()
            .context(context)?;
        let recorder = ConfigurationRecorder::builder()
            .name(name)
            .set_role_arn(text(settings, "RoleARN").map(str::to_owned))
            .recording_group(recording.build())
            .recording_mode(mode)
            .build();
        let client = self.config(&at).await.context(context)?;
        client
            .call(|c| {
                c.put_configuration_recorder()
                    .configuration_recorder(recorder.clone())
                    .send()
            })
            .await
            .context(context)?;
        // Without a channel it cannot record; the channel's own change starts it.
        let channels = client
            .call(|c| c.describe_delivery_channels().send())
            .await
            .context(context)?;
        if channels.delivery_channels().is_empty() {
            return Ok(Outputs::new());
        }
        self.start(&at, name).await
    }

    /// As the template says; then the recorder records, which stops without a channel.
    pub(super) async fn put_channel(
        &self,
        action: &action::PutChannel,
    ) -> Result<Outputs, Failure> {
        let action::PutChannel {
            account,
            region,
            settings,
        } = action;
        let at = self.place(&self.account(account)?, region);
        let name = text(settings, "Name").unwrap_or("default");
        let context = || {
            format!(
                "setting delivery channel {name} in account {}, {region}",
                at.account
            )
        };
        let mut channel = DeliveryChannel::builder()
            .name(name)
            .set_s3_bucket_name(text(settings, "S3BucketName").map(str::to_owned))
            .set_s3_key_prefix(text(settings, "S3KeyPrefix").map(str::to_owned));
        let frequency = settings
            .pointer("/ConfigSnapshotDeliveryProperties/DeliveryFrequency")
            .and_then(Value::as_str);
        if let Some(frequency) = frequency {
            channel = channel.config_snapshot_delivery_properties(
                ConfigSnapshotDeliveryProperties::builder()
                    .delivery_frequency(MaximumExecutionFrequency::from(frequency))
                    .build(),
            );
        }
        let channel = channel.build();
        let client = self.config(&at).await.context(context)?;
        client
            .call(|c| {
                c.put_delivery_channel()
                    .delivery_channel(channel.clone())
                    .send()
            })
            .await
            .context(context)?;
        // Templates call recorder and channel by one name.
        self.start(&at, name).await
    }

    /// A change set in REVERT_DRIFT mode, made, awaited and executed.
    pub(super) async fn revert_drift(
        &self,
        action: &action::RevertDrift,
    ) -> Result<Outputs, Failure> {
        let action::RevertDrift {
            account,
            region,
            stack,
        } = action;
        let at = self.place(&self.account(account)?, region);
        self.revert_drift_in(&at, stack).await
    }

    pub(super) async fn revert_drift_in(
        &self,
        at: &AccountRegion,
        stack: &str,
    ) -> Result<Outputs, Failure> {
        let context = || {
            format!(
                "reverting the drift of stack {stack} in account {}, {}",
                at.account, at.region
            )
        };
        let client = self.cloudformation(at).await.context(context)?;
        let name = self.token("revert");
        let there = self.describe_stack(at, stack).await.context(context)?;
        let parameters: Vec<Parameter> = there
            .iter()
            .flat_map(|stack| stack.parameters())
            .filter_map(|parameter| parameter.parameter_key())
            .map(|key| {
                Parameter::builder()
                    .parameter_key(key)
                    .use_previous_value(true)
                    .build()
            })
            .collect();
        let made = client
            .call(|c| {
                c.create_change_set()
                    .stack_name(stack)
                    .change_set_name(&name)
                    .change_set_type(ChangeSetType::Update)
                    .deployment_mode(DeploymentMode::RevertDrift)
                    .use_previous_template(true)
                    .set_parameters(Some(parameters.clone()))
                    .capabilities(Capability::CapabilityNamedIam)
                    .send()
            })
            .await;
        match made {
            // An attempt whose answer was lost has made it.
            Err(error) if error.is("AlreadyExists") => {}
            made => {
                made.context(context)?;
            }
        }
        self.execute_change_set(at, stack, &name, context).await?;
        self.await_update(at, stack, context).await
    }

    async fn await_update(
        &self,
        at: &AccountRegion,
        stack: &str,
        context: impl Fn() -> String,
    ) -> Result<Outputs, Failure> {
        let mut wait = Poller::new(self.ctx, STACK);
        loop {
            let there = self.describe_stack(at, stack).await.context(&context)?;
            let status = there
                .as_ref()
                .and_then(|stack| stack.stack_status())
                .map_or("gone", |status| status.as_str())
                .to_owned();
            match there {
                Some(_) if status == "UPDATE_COMPLETE" => return Ok(Outputs::new()),
                Some(_) if status.ends_with("_IN_PROGRESS") => wait
                    .pause(format!("CloudFormation says {status}"))
                    .await
                    .context(&context)?,
                Some(there) => return Err(self.stack_failed(at, &there, context()).await),
                None => return Err(self.fails("the stack is gone", Some("run plan again"))),
            }
        }
    }

    /// StartAutomationExecution, awaited: a run that did not succeed is this change's failure.
    pub(super) async fn run_automation(
        &self,
        action: &action::RunAutomation,
    ) -> Result<Outputs, Failure> {
        let action::RunAutomation {
            account,
            region,
            document,
            parameters,
        } = action;
        let at = self.place(&self.account(account)?, region);
        let context = || format!("running {document} in account {}, {region}", at.account);
        let client = self.ssm(&at).await.context(context)?;
        let token = uuid(&self.token("automation"));
        let started = client
            .call(|c| {
                c.start_automation_execution()
                    .document_name(document)
                    .client_token(&token)
                    .set_parameters(Some(parameters.clone().into_iter().collect()))
                    .send()
            })
            .await
            .context(context)?;
        let Some(id) = started.automation_execution_id else {
            return Err(self.fails("AWS told of no execution", Some(REPORT)));
        };
        let mut wait = Poller::new(self.ctx, STACK);
        loop {
            let answer = client
                .call(|c| {
                    c.get_automation_execution()
                        .automation_execution_id(&id)
                        .send()
                })
                .await
                .context(context)?;
            let execution = answer.automation_execution;
            let status = execution
                .as_ref()
                .and_then(|execution| execution.automation_execution_status())
                .map_or("Pending", |status| status.as_str());
            match status {
                "Success" => return Ok(Outputs::new()),
                "Pending" | "InProgress" | "Waiting" => {
                    wait.pause(format!("Systems Manager runs {document}"))
                        .await
                        .context(context)?;
                }
                ended => {
                    let why = execution
                        .as_ref()
                        .and_then(|execution| execution.failure_message())
                        .unwrap_or("no reason given");
                    return Err(Failure {
                        context: context(),
                        message: format!("{ended}: {why}"),
                        hint: Some(format!(
                            "look at it: aws ssm get-automation-execution --automation-execution-id {id} --region {region}"
                        )),
                        request_id: None,
                    });
                }
            }
        }
    }

    /// Brings a resource to its properties, or makes it anew, through Cloud Control.
    pub(super) async fn put_resource(
        &self,
        action: &action::PutResource,
    ) -> Result<Outputs, Failure> {
        let action::PutResource {
            account,
            region,
            resource_type,
            identifier,
            properties,
        } = action;
        let at = self.place(&self.account(account)?, region);
        let context = || {
            format!(
                "setting {resource_type} {identifier} in account {}, {region}",
                at.account
            )
        };
        let client = self.cloudcontrol(&at).await.context(context)?;
        let present = client
            .call(|c| {
                c.get_resource()
                    .type_name(resource_type)
                    .identifier(identifier)
                    .send()
            })
            .await;
        let event = match present {
            Err(error) if error.is("ResourceNotFound") => {
                let state = properties.to_string();
                client
                    .call(|c| {
                        c.create_resource()
                            .type_name(resource_type)
                            .desired_state(&state)
                            .client_token(self.token("create"))
                            .send()
                    })
                    .await
                    .context(context)?
                    .progress_event
            }
            present => {
                present.context(context)?;
                let patch = patch(properties).to_string();
                client
                    .call(|c| {
                        c.update_resource()
                            .type_name(resource_type)
                            .identifier(identifier)
                            .patch_document(&patch)
                            .client_token(self.token("update"))
                            .send()
                    })
                    .await
                    .context(context)?
                    .progress_event
            }
        };
        self.await_resource(&at, event, context).await
    }

    /// Waits until a request to Cloud Control has ended, by what its answer told of it.
    pub(super) async fn await_resource(
        &self,
        at: &AccountRegion,
        event: Option<ProgressEvent>,
        context: impl Fn() -> String,
    ) -> Result<Outputs, Failure> {
        let told = |event: Option<ProgressEvent>| {
            event.ok_or_else(|| self.fails("AWS told of no request", Some(REPORT)))
        };
        let mut event = told(event)?;
        let client = self.cloudcontrol(at).await.context(&context)?;
        let token = event.request_token().unwrap_or_default().to_owned();
        let mut wait = Poller::new(self.ctx, READ_BACK);
        loop {
            match event.operation_status() {
                Some(OperationStatus::Success) => return Ok(Outputs::new()),
                Some(OperationStatus::Failed | OperationStatus::CancelComplete) => {
                    let message = event.status_message().unwrap_or("no reason given");
                    return Err(Failure {
                        context: context(),
                        message: message.to_owned(),
                        hint: None,
                        request_id: None,
                    });
                }
                _ => {}
            }
            wait.pause("Cloud Control is at it")
                .await
                .context(&context)?;
            let status = client
                .call(|c| c.get_resource_request_status().request_token(&token).send())
                .await
                .context(&context)?;
            event = told(status.progress_event)?;
        }
    }
}

/// A token in the form that Systems Manager asks for.
fn uuid(token: &str) -> String {
    let hex: String = token
        .chars()
        .rev()
        .filter(char::is_ascii_hexdigit)
        .take(32)
        .collect();
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default().to_owned();
    [
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32),
    ]
    .join("-")
}

/// A JSON Patch that sets every property; `add` replaces what is there.
fn patch(properties: &Value) -> Value {
    let properties = properties.as_object();
    properties
        .into_iter()
        .flatten()
        // What names the resource can not be set anew.
        .filter(|(name, _)| !matches!(name.as_str(), "Bucket" | "BucketName"))
        .map(|(name, value)| json!({ "op": "add", "path": format!("/{name}"), "value": value }))
        .collect()
}
