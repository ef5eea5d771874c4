//! The front door: every request from outside passes here, whatever adapter brought it.

use serde_json::Value;

use super::call::{AwsError, Call};
use super::codec::model::{self, Operation, Service};
use super::codec::{self, Request, Response};
use super::sts::Credential;
use super::table;
use super::time::Time;
use super::world::World;
use super::{account, identity_policy, lags, latency, permissions, quirks, rates};

/// What the front door gives back.
#[derive(Debug)]
pub struct Answer {
    /// What goes back over the wire.
    pub response: Response,
    /// How long AWS takes over it, in virtual milliseconds: the adapter waits that long.
    pub latency_millis: i64,
    /// Whether the world may differ from before.
    pub changed: bool,
}

/// Answers a request at the world's present moment. Call [`World::advance`] first.
pub fn handle(world: &mut World, request: &Request) -> Answer {
    world.seq += 1;
    let request_id = request_id(world.seq);
    let scope = Scope::of(request);
    let service = match scope
        .as_ref()
        .map(|scope| model::by_signing_name(&scope.service))
    {
        Some(Some(Ok(service))) => Some(service),
        Some(Some(Err(damage))) => {
            let error = AwsError::new("InternalFailure", damage).status(500);
            return refused(None, request, &error, &request_id);
        }
        _ => None,
    };
    let named = scope
        .as_ref()
        .map_or("unsigned", |scope| &scope.service)
        .to_owned();
    let (Some(scope), Some(service)) = (&scope, service) else {
        if let Some(scope) = &scope
            && let Err(error) = unanswered(world, None, scope, request, &request_id)
        {
            return refused(None, request, &error, &request_id);
        }
        let (operation, error) = unknown_service(request);
        tracing::warn!(service = named, operation, "not simulated");
        return refused(None, request, &error, &request_id);
    };
    let operation = match codec::operation(service, request) {
        Ok(operation) => operation,
        Err(error) => {
            let error = match unanswered(world, Some(service), scope, request, &request_id) {
                Err(denied) => denied,
                Ok(()) => {
                    tracing::warn!(service = service.name, "not simulated: {error}");
                    error
                }
            };
            return refused(Some(service), request, &error, &request_id);
        }
    };
    let latency_millis = latency::millis(service.name, &operation.name);
    match perform(world, service, operation, scope, request, &request_id) {
        Ok(output) => Answer {
            response: codec::encode(service, operation, request, &output, &request_id),
            latency_millis,
            changed: !is_read(&operation.name),
        },
        Err(error) => Answer {
            latency_millis,
            ..refused(Some(service), request, &error, &request_id)
        },
    }
}

fn perform(
    world: &mut World,
    service: &'static Service,
    operation: &Operation,
    scope: &Scope,
    request: &Request,
    request_id: &str,
) -> Result<Value, AwsError> {
    let caller = authenticate(world, Some(service), scope, request)?;
    let call = bare(world, caller, scope, request_id);
    let Some(handler) = table::handler(service.name, &operation.name) else {
        // Policies are asked first: what they refuse is refused here too.
        if let Ok(input) = codec::decode(service, operation, request) {
            let call = call.with_input(input);
            permissions::check_unanswered(world, service.name, &operation.name, &call)?;
        }
        tracing::warn!(
            service = service.name,
            operation = operation.name,
            "not simulated"
        );
        return Err(codec::unknown_operation(service, &operation.name));
    };
    if (service.name, operation.name.as_str()) == ("sts", "AssumeRoot")
        && request.header("host") == Some("sts.amazonaws.com")
    {
        // It has no global endpoint (M:sts AssumeRoot); with which code AWS says so is not documented.
        let message =
            "The global endpoint is not supported for AssumeRoot: send it to a Regional endpoint";
        return Err(AwsError::new("ValidationError", message));
    }
    rates::gate(world, service.name, &operation.name, &call)?;
    let call = call.with_input(codec::decode(service, operation, request)?);
    permissions::check(world, service.name, &operation.name, &call)?;
    identity_policy::check(world, service, &operation.name, &call)?;
    quirks::refuse(world, service.name, &operation.name)?;
    lags::refuse(world, service.name, &operation.name, &call)?;
    let output = match quirks::empty_page(world, service, operation, call) {
        Ok(call) => handler(world, &call)?,
        Err(empty) => empty,
    };
    // The check costs time and cannot fail but by a defect of the sandbox.
    if cfg!(debug_assertions)
        && let Err(wrong) = codec::check_output(service, operation, &output)
    {
        tracing::error!("{wrong}");
        return Err(AwsError::new("InternalFailure", wrong).status(500));
    }
    Ok(output)
}

/// A call without its input.
fn bare(world: &World, caller: Credential, scope: &Scope, request_id: &str) -> Call {
    Call {
        account: caller.account,
        principal: caller.principal,
        region: scope.region.clone(),
        now: world.now,
        request_id: request_id.to_owned(),
        input: Value::Null,
        via: None,
        session: caller.session,
    }
}

/// Services that IAM calls otherwise than signatures do (Service Authorization Reference).
const IAM_PREFIXES: &[(&str, &str)] = &[
    ("email", "ses"),
    ("monitoring", "cloudwatch"),
    ("tagging", "tag"),
];

/// What policies say to an operation that the sandbox does not have, where its protocol names it. Nothing, where nobody can
/// tell who asks or for what.
fn unanswered(
    world: &World,
    service: Option<&'static Service>,
    scope: &Scope,
    request: &Request,
    request_id: &str,
) -> Result<(), AwsError> {
    let Some((operation, input)) = codec::named(service, request) else {
        return Ok(());
    };
    let Ok(caller) = authenticate(world, service, scope, request) else {
        return Ok(());
    };
    let name = service.map_or(scope.service.as_str(), |service| service.name);
    let name = IAM_PREFIXES
        .iter()
        .find(|(signed, _)| *signed == name)
        .map_or(name, |(_, prefix)| prefix);
    let call = bare(world, caller, scope, request_id).with_input(input);
    permissions::check_unanswered(world, name, &operation, &call)
}

/// The service that a request is for, where the sandbox has it.
pub(super) fn service(request: &Request) -> Option<&'static Service> {
    model::by_signing_name(&Scope::of(request)?.service)?.ok()
}

/// `service:Operation` of a request, where the sandbox has it.
pub(super) fn operation(request: &Request) -> Option<String> {
    let service = service(request)?;
    let operation = codec::operation(service, request).ok()?;
    Some(format!("{}:{}", service.name, operation.name))
}

fn refused(
    service: Option<&Service>,
    request: &Request,
    error: &AwsError,
    request_id: &str,
) -> Answer {
    Answer {
        response: codec::encode_error(service, request, error, request_id),
        latency_millis: latency::REFUSAL_MILLIS,
        changed: false,
    }
}

/// What was asked of a service that is not simulated, and the error of its protocol.
fn unknown_service(request: &Request) -> (String, AwsError) {
    if let Some(action) = codec::action(request) {
        let message = format!("The action {action} is not valid for this web service.");
        return (action, AwsError::new("InvalidAction", message));
    }
    if let Some(target) = request.header("x-amz-target") {
        let message = format!("The sandbox does not know {target}");
        let error = AwsError::new("UnknownOperationException", message);
        return (target.to_owned(), error);
    }
    let error = AwsError::new(
        "MissingAuthenticationTokenException",
        "Missing Authentication Token, or a service that the sandbox does not have",
    );
    let asked = format!("{} {}", request.method, request.path);
    (asked, error.status(403))
}

/// Whether an operation's name says that it only reads.
fn is_read(operation: &str) -> bool {
    ["Get", "List", "Describe", "Head", "Validate"]
        .iter()
        .any(|prefix| operation.starts_with(prefix))
}

/// The credential scope of a signature: whose key, for which Region and service.
struct Scope {
    key: String,
    region: String,
    service: String,
}

impl Scope {
    fn of(request: &Request) -> Option<Scope> {
        let header = request.header("authorization")?;
        let credential = header.split("Credential=").nth(1)?;
        let credential = credential.split([',', ' ']).next()?;
        let mut parts = credential.split('/');
        let key = parts.next()?.to_owned();
        let _date = parts.next()?;
        Some(Scope {
            key,
            region: parts.next()?.to_owned(),
            service: parts.next()?.to_owned(),
        })
    }
}

/// Whose credentials these are. Signatures are not checked: the sandbox keeps nobody out.
fn authenticate(
    world: &World,
    service: Option<&Service>,
    scope: &Scope,
    request: &Request,
) -> Result<Credential, AwsError> {
    let credential = world
        .credentials
        .get(&scope.key)
        .filter(|known| known.token.as_deref() == request.header("x-amz-security-token"))
        .ok_or_else(|| invalid_token(service))?;
    if let Some(expires) = credential.expires
        && expires <= world.now
    {
        return Err(expired(service, expires));
    }
    let Some(caller) = world.account(&credential.account) else {
        return Err(invalid_token(service));
    };
    if caller.closed.is_some() {
        // A closed account's credentials no longer work (AWS_FACTS 1: State CLOSED, unusable).
        return Err(invalid_token(service));
    }
    if !account::is_enabled(&caller.settings, &scope.region) {
        // Opt-in Regions answer so until they are enabled (STS: manage tokens of global endpoint).
        return Err(invalid_token(service));
    }
    Ok(credential.clone())
}

/// Query services and JSON services spell the same refusal differently.
fn invalid_token(service: Option<&Service>) -> AwsError {
    let message = "The security token included in the request is invalid.";
    match service.map_or(model::Protocol::Json, |service| service.protocol) {
        model::Protocol::Query => AwsError::new("InvalidClientTokenId", message).status(403),
        model::Protocol::Ec2 => AwsError::new(
            "AuthFailure",
            "AWS was not able to validate the provided access credentials",
        )
        .status(401),
        model::Protocol::RestXml => AwsError::new(
            "InvalidAccessKeyId",
            "The AWS Access Key Id you provided does not exist in our records.",
        )
        .status(403),
        model::Protocol::RestJson => {
            AwsError::new("UnrecognizedClientException", message).status(403)
        }
        model::Protocol::Json => AwsError::new("UnrecognizedClientException", message),
    }
}

fn expired(service: Option<&Service>, at: Time) -> AwsError {
    let message = format!(
        "The security token included in the request is expired (since {})",
        at.iso8601()
    );
    match service.map_or(model::Protocol::Json, |service| service.protocol) {
        model::Protocol::Query => AwsError::new("ExpiredToken", message).status(403),
        model::Protocol::RestXml => AwsError::new("ExpiredToken", message),
        model::Protocol::Ec2 => AwsError::new("RequestExpired", message),
        _ => AwsError::new("ExpiredTokenException", message),
    }
}

/// A UUID from the number of the request, so that reading changes no other id.
fn request_id(number: u64) -> String {
    super::world::Rng::new(number).uuid()
}
