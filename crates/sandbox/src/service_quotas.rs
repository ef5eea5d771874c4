//! Service Quotas: the quotas that organizations and stack sets meet, and requests to raise them.
//!
//! Codes and defaults are those that Service Quotas itself lists; those of Organizations only in us-east-1 and
//! only for the management account. AWS decides requests when it likes: here a poke does.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::call::{AwsError, Call};
use super::paging::page;
use super::table::Row;
use super::time::Time;
use super::world::World;

/// Items on a page (M:service-quotas MaxResults).
const PAGE: usize = 100;
/// From a request's arrival until AWS has opened a case for it.
const CASE_AFTER_SECS: i64 = 300;

/// The rows of this service.
pub const OPERATIONS: &[Row] = &[
    ("service-quotas", "GetAWSDefaultServiceQuota", get_default),
    ("service-quotas", "GetServiceQuota", get),
    (
        "service-quotas",
        "ListRequestedServiceQuotaChangeHistoryByQuota",
        list_requests,
    ),
    ("service-quotas", "ListServiceQuotas", list),
    (
        "service-quotas",
        "RequestServiceQuotaIncrease",
        request_increase,
    ),
];

/// What was set and what was asked for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct QuotaState {
    /// Stack sets that one administrator account may have in a Region, where it is not AWS's default.
    pub stack_sets: Option<usize>,
    /// Instances that one stack set may have, where it is not AWS's default.
    pub stack_instances: Option<usize>,
    /// Every request to raise one, oldest first.
    pub requests: Vec<Request>,
}

/// A request to raise a quota.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    pub id: String,
    pub case: String,
    /// The quota's code.
    pub code: String,
    pub region: String,
    pub desired: f64,
    pub requester: String,
    pub created: Time,
    /// `APPROVED` or `DENIED`, and when; `None` while it is open.
    pub decided: Option<(String, Time)>,
}

/// One quota.
#[derive(Debug)]
pub struct Quota {
    /// What pokes call it.
    pub word: &'static str,
    service: &'static str,
    service_name: &'static str,
    code: &'static str,
    name: &'static str,
    default: usize,
    global: bool,
}

/// Every quota that is simulated.
pub static QUOTAS: [Quota; 3] = [
    Quota {
        word: "accounts",
        service: "organizations",
        service_name: "AWS Organizations",
        code: "L-29A0C5DF",
        name: "Default maximum number of accounts",
        default: 10,
        global: true,
    },
    Quota {
        word: "stack-sets",
        service: "cloudformation",
        service_name: "AWS CloudFormation",
        code: "L-EC62D81A",
        name: "Stack sets per administrator account",
        default: 1_000,
        global: false,
    },
    Quota {
        word: "stack-instances",
        service: "cloudformation",
        service_name: "AWS CloudFormation",
        code: "L-C8225BA5",
        name: "Stack instances per stack set",
        default: 100_000,
        global: false,
    },
];

impl Quota {
    /// What applies now.
    pub fn applied(&self, world: &World) -> usize {
        match self.word {
            "accounts" => world.account_quota,
            "stack-sets" => stack_sets(world),
            _ => stack_instances(world),
        }
    }

    /// Sets it. Open requests for no more than that are approved by it.
    pub fn set(&self, world: &mut World, value: usize) {
        match self.word {
            "accounts" => world.account_quota = value,
            "stack-sets" => world.quotas.stack_sets = Some(value),
            _ => world.quotas.stack_instances = Some(value),
        }
        let now = world.now;
        for request in &mut world.quotas.requests {
            if request.code == self.code && request.is_open() && request.desired <= value as f64 {
                request.decided = Some((String::from("APPROVED"), now));
            }
        }
    }

    /// Decides the open request: approved, the quota is what was asked for. Says for what it was.
    pub fn decide(&self, world: &mut World, approve: bool) -> Option<f64> {
        let now = world.now;
        let mut open = world.quotas.requests.iter_mut();
        let request = open.find(|request| request.code == self.code && request.is_open())?;
        let desired = request.desired;
        if approve {
            self.set(world, desired as usize);
        } else {
            request.decided = Some((String::from("DENIED"), now));
        }
        Some(desired)
    }

    fn show(&self, call: &Call, value: usize) -> Value {
        let region = &call.region;
        json!({
            "ServiceCode": self.service,
            "ServiceName": self.service_name,
            "QuotaArn": self.arn(call, region),
            "QuotaCode": self.code,
            "QuotaName": self.name,
            "Value": value as f64,
            "Unit": "None",
            "Adjustable": true,
            "GlobalQuota": self.global,
            "QuotaAppliedAtLevel": "ACCOUNT",
        })
    }

    fn arn(&self, call: &Call, region: &str) -> String {
        let (service, code) = (self.service, self.code);
        match self.global {
            true => format!("arn:aws:servicequotas::{}:{service}/{code}", call.account),
            false => format!(
                "arn:aws:servicequotas:{region}:{}:{service}/{code}",
                call.account
            ),
        }
    }

    /// Whether it is shown here: those of Organizations only in us-east-1, to the management account.
    fn is_here(&self, world: &World, call: &Call) -> bool {
        self.service != "organizations"
            || (call.region == "us-east-1" && call.account == world.management_account)
    }
}

impl Request {
    fn is_open(&self) -> bool {
        self.decided.is_none()
    }

    fn status(&self, now: Time) -> &str {
        match &self.decided {
            Some((status, _)) => status,
            None if now < self.created.plus_secs(CASE_AFTER_SECS) => "PENDING",
            None => "CASE_OPENED",
        }
    }

    fn show(&self, quota: &Quota, call: &Call) -> Value {
        let status = self.status(call.now);
        let updated = match &self.decided {
            Some((_, at)) => *at,
            None if status == "PENDING" => self.created,
            None => self.created.plus_secs(CASE_AFTER_SECS),
        };
        json!({
            "Id": self.id,
            "CaseId": (status != "PENDING").then_some(&self.case),
            "ServiceCode": quota.service,
            "ServiceName": quota.service_name,
            "QuotaCode": quota.code,
            "QuotaName": quota.name,
            "DesiredValue": self.desired,
            "Status": status,
            "Created": self.created.json(),
            "LastUpdated": updated.json(),
            "Requester": self.requester,
            "QuotaArn": quota.arn(call, &self.region),
            "GlobalQuota": quota.global,
            "Unit": "None",
            "QuotaRequestedAtLevel": "ACCOUNT",
        })
    }
}

/// Stack sets that an administrator account may have in one Region.
pub fn stack_sets(world: &World) -> usize {
    world.quotas.stack_sets.unwrap_or(QUOTAS[1].default)
}

/// Instances that one stack set may have.
pub fn stack_instances(world: &World) -> usize {
    world.quotas.stack_instances.unwrap_or(QUOTAS[2].default)
}

fn find(world: &World, call: &Call) -> Result<&'static Quota, AwsError> {
    let (service, code) = (call.text("ServiceCode"), call.text("QuotaCode"));
    known_service(service)?;
    QUOTAS
        .iter()
        .find(|quota| quota.service == service && quota.code == code && quota.is_here(world, call))
        .ok_or_else(|| {
            AwsError::new(
                "NoSuchResourceException",
                format!("The request failed because the specified quota {code} does not exist."),
            )
        })
}

fn known_service(service: &str) -> Result<(), AwsError> {
    if QUOTAS.iter().any(|quota| quota.service == service) {
        return Ok(());
    }
    Err(AwsError::new(
        "NoSuchResourceException",
        "The request failed because the specified service does not exist.",
    ))
}

fn get(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let quota = find(world, call)?;
    Ok(json!({"Quota": quota.show(call, quota.applied(world))}))
}

fn get_default(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let quota = find(world, call)?;
    Ok(json!({"Quota": quota.show(call, quota.default)}))
}

fn list(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let service = call.text("ServiceCode");
    known_service(service)?;
    let code = call.str("QuotaCode");
    let shown = QUOTAS
        .iter()
        .filter(|quota| quota.service == service && quota.is_here(world, call))
        .filter(|quota| code.is_none_or(|code| quota.code == code))
        .map(|quota| quota.show(call, quota.applied(world)))
        .collect();
    page(call, "Quotas", shown, "MaxResults", PAGE)
}

fn request_increase(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let quota = find(world, call)?;
    let desired = call.get("DesiredValue").as_f64().unwrap_or_default();
    if desired <= quota.applied(world) as f64 {
        return Err(AwsError::new(
            "IllegalArgumentException",
            "You must provide a quota value greater than the current quota value.",
        ));
    }
    let mut requests = world.quotas.requests.iter();
    if requests.any(|request| request.code == quota.code && request.is_open()) {
        return Err(AwsError::new(
            "ResourceAlreadyExistsException",
            "Only one open service quota increase request is allowed per quota.",
        ));
    }
    let request = Request {
        id: world.rng.letters("0123456789abcdef", 32),
        case: world.rng.digits(15),
        code: quota.code.to_owned(),
        region: call.region.clone(),
        desired,
        requester: json!({"accountId": call.account, "callerArn": call.principal}).to_string(),
        created: call.now,
        decided: None,
    };
    let shown = request.show(quota, call);
    world.quotas.requests.push(request);
    Ok(json!({"RequestedQuota": shown}))
}

fn list_requests(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let quota = find(world, call)?;
    let status = call.str("Status");
    // The newest first, as the console has it.
    let shown = world
        .quotas
        .requests
        .iter()
        .rev()
        .filter(|request| request.code == quota.code)
        .filter(|request| quota.global || request.region == call.region)
        .filter(|request| status.is_none_or(|status| request.status(call.now) == status))
        .map(|request| request.show(quota, call))
        .collect();
    page(call, "RequestedQuotas", shown, "MaxResults", PAGE)
}

#[cfg(test)]
mod tests {
    use super::super::table::invoke;
    use super::*;

    const ACCOUNT: &str = "111111111111";

    fn ask(
        world: &mut World,
        (account, region): (&str, &str),
        operation: &str,
        input: Value,
    ) -> Result<Value, String> {
        let call = Call::internal(account, region, "arn", world.now, input);
        invoke(world, "service-quotas", operation, &call).map_err(|error| error.code)
    }

    fn accounts() -> Value {
        json!({"ServiceCode": "organizations", "QuotaCode": "L-29A0C5DF"})
    }

    #[test]
    fn quotas_of_organizations_are_shown_in_one_region_to_one_account() {
        let mut world = World::empty(ACCOUNT, 1);
        let here = (ACCOUNT, "us-east-1");
        let shown = ask(&mut world, here, "GetServiceQuota", accounts()).unwrap();
        assert_eq!(shown["Quota"]["Value"], 10.0);
        for elsewhere in [(ACCOUNT, "eu-west-1"), ("222222222222", "us-east-1")] {
            let refused = ask(&mut world, elsewhere, "GetServiceQuota", accounts());
            assert_eq!(refused.unwrap_err(), "NoSuchResourceException");
        }
        let sets = json!({"ServiceCode": "cloudformation"});
        let listed = ask(
            &mut world,
            (ACCOUNT, "eu-west-1"),
            "ListServiceQuotas",
            sets,
        );
        assert_eq!(listed.unwrap()["Quotas"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn one_request_is_open_at_a_time_and_its_approval_raises_the_quota() {
        let mut world = World::empty(ACCOUNT, 1);
        let here = (ACCOUNT, "us-east-1");
        let mut wish = accounts();
        wish["DesiredValue"] = json!(10.0);
        let raise = "RequestServiceQuotaIncrease";
        let too_little = ask(&mut world, here, raise, wish.clone());
        assert_eq!(too_little.unwrap_err(), "IllegalArgumentException");
        wish["DesiredValue"] = json!(25.0);
        let sent = ask(&mut world, here, raise, wish.clone()).unwrap();
        assert_eq!(sent["RequestedQuota"]["Status"], "PENDING");
        let second = ask(&mut world, here, raise, wish.clone());
        assert_eq!(second.unwrap_err(), "ResourceAlreadyExistsException");
        world.now = world.now.plus_secs(CASE_AFTER_SECS);
        let history = "ListRequestedServiceQuotaChangeHistoryByQuota";
        let open = ask(&mut world, here, history, accounts()).unwrap();
        assert_eq!(open["RequestedQuotas"][0]["Status"], "CASE_OPENED");
        assert_eq!(QUOTAS[0].decide(&mut world, true), Some(25.0));
        assert_eq!(world.account_quota, 25);
        let decided = ask(&mut world, here, history, accounts()).unwrap();
        assert_eq!(decided["RequestedQuotas"][0]["Status"], "APPROVED");
        // What is denied may be asked for again.
        wish["DesiredValue"] = json!(50.0);
        ask(&mut world, here, raise, wish.clone()).unwrap();
        assert_eq!(QUOTAS[0].decide(&mut world, false), Some(50.0));
        assert_eq!(world.account_quota, 25);
        ask(&mut world, here, raise, wish).unwrap();
    }
}
