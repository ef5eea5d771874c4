//! The name of every call is that of the operation which the SDK sends.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeSerializationInterceptorContextRef;
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, Metadata};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::super::Operation;
use super::super::testing::config;
use crate::services::SERVICES;

/// What the SDK itself calls the operation.
#[derive(Debug, Clone, Default)]
struct Spy(Arc<Mutex<String>>);

impl Intercept for Spy {
    fn name(&self) -> &'static str {
        "Spy"
    }

    fn read_before_execution(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let metadata = cfg.load::<Metadata>().unwrap();
        *self.0.lock().unwrap() = metadata.name().to_owned();
        Ok(())
    }
}

fn of<T, E: ProvideErrorMetadata>(_: &Result<T, SdkError<E, HttpResponse>>) -> Operation {
    Operation::of::<E>()
}

/// Of each, `service: crate, calls`.
macro_rules! named {
    ($($service:literal: $sdk:ident, $($call:ident)*;)*) => {{
        let config = config(|_, _| None);
        let mut named = Vec::new();
        $($({
            let spy = Spy::default();
            let client = $sdk::Client::new(&config);
            let asked = client.$call().customize().interceptor(spy.clone()).send().await;
            let sent = spy.0.lock().unwrap().clone();
            named.push(($service, of(&asked), sent));
        })*)*
        named
    }};
}

#[tokio::test(start_paused = true)]
async fn every_service_names_its_calls_as_aws_does() {
    let named = named! {
        "account": aws_sdk_account, list_regions;
        "cloudcontrol": aws_sdk_cloudcontrol, get_resource;
        "cloudformation": aws_sdk_cloudformation, describe_stacks;
        "cloudtrail": aws_sdk_cloudtrail, describe_trails;
        "config": aws_sdk_config, describe_configuration_recorders;
        "guardduty": aws_sdk_guardduty, list_ip_sets get_ip_set;
        "iam": aws_sdk_iam, list_roles;
        "organizations": aws_sdk_organizations, list_accounts list_aws_service_access_for_organization enable_aws_service_access;
        "servicequotas": aws_sdk_servicequotas, get_aws_default_service_quota;
        "ssm": aws_sdk_ssm, get_parameter;
        "sts": aws_sdk_sts, get_caller_identity;
    };
    for (service, operation, sent) in &named {
        assert_eq!((operation.0, operation.1), (*service, sent.as_str()));
        let row = SERVICES.iter().find(|row| row.name == *service).unwrap();
        assert!(row.operations.contains(&operation.1), "{operation}");
    }
    let tried: BTreeSet<&str> = named.iter().map(|(service, ..)| *service).collect();
    let of_sdk = SERVICES.iter().filter(|row| row.sdk != "json");
    let all: BTreeSet<&str> = of_sdk.map(|row| row.name).collect();
    assert_eq!(tried, all);
}
