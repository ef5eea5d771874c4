//! Whether policies let a request through, as AWS decides it. Pure: documents and a request in, a verdict out.
//!
//! A request is allowed where at every level from the root to the account a service control policy allows it (likewise
//! a resource control policy, in the resource's account), the identity's own policies or the resource's allow it, the
//! permissions boundary and the session's policies allow it too, and nothing denies it. Sources: IAM User Guide, "Policy
//! evaluation logic" and "How AWS enforcement code logic evaluates requests"; Organizations User Guide, "SCP evaluation" and
//! "RCP evaluation".
//!
//! There are three answers, not two: what depends on a key that is not known can't be judged, and the verdict names it.
//! Whoever asks says what a call is as a request, and whom policies bind: `permissions` of the sandbox for its calls, `diff`
//! for those that are to come.

mod answer;
mod condition;
mod context;
mod pattern;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

pub use answer::Answer;
pub use context::{Context, Lookup};
pub use pattern::like;

use pattern::Filled;

/// What is asked.
#[derive(Debug, Clone)]
pub struct Request {
    pub principal: Principal,
    /// `s3:PutObject`.
    pub action: String,
    pub resource: Resource,
    pub context: Context,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// A user, a role's session or a root user: every ARN that names it, its own first, and its account.
    Identity { arns: Vec<String>, account: String },
    /// An AWS service, such as `cloudtrail.amazonaws.com`.
    Service(String),
}

/// What a request is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// One resource, or `*` for actions that have none.
    Is(String),
    /// Something of which only the beginning of its ARN is known.
    Some(String),
}

impl Resource {
    /// The resource as messages have it.
    pub fn told(&self) -> &str {
        match self {
            Resource::Is(arn) | Resource::Some(arn) => arn,
        }
    }
}

/// A policy: where messages take it from, and its document.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    pub name: String,
    /// Its ARN; empty for inline policies, which have none.
    pub arn: String,
    pub document: Arc<Value>,
}

impl Policy {
    /// A policy of a text. What can't be read says nothing at all.
    pub fn new(name: impl Into<String>, arn: impl Into<String>, text: &str) -> Policy {
        Policy {
            name: name.into(),
            arn: arn.into(),
            document: parse(text),
        }
    }
}

/// The policies that are attached to the root, an OU or an account.
#[derive(Debug, Clone, PartialEq)]
pub struct Level {
    /// Its id.
    pub target: String,
    pub policies: Vec<Policy>,
}

/// All policies that have a say; `None` where a kind has none.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Policies {
    /// Of the caller's account, the root first. `None` for those that they do not bind.
    pub service_control: Option<Vec<Level>>,
    /// Of the resource's account, the root first.
    pub resource_control: Option<Vec<Level>>,
    /// The identity's own; `None` for those that may do everything.
    pub identity: Option<Vec<Policy>>,
    pub boundary: Option<Vec<Policy>>,
    pub session: Option<Vec<Policy>>,
    /// Of the resource, in the caller's account.
    pub resource: Option<Policy>,
}

/// The kinds of policies, in the order in which AWS asks them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    ResourceControl,
    ServiceControl,
    Resource,
    Identity,
    Boundary,
    Session,
}

impl Kind {
    /// As messages of AWS name it, with its article (IAM User Guide, "Troubleshoot access denied error messages").
    pub fn told(self) -> &'static str {
        match self {
            Kind::ResourceControl => "a resource control policy",
            Kind::ServiceControl => "a service control policy",
            Kind::Resource => "a resource-based policy",
            Kind::Identity => "an identity-based policy",
            Kind::Boundary => "a permissions boundary",
            Kind::Session => "a session policy",
        }
    }
}

/// One statement of a policy, and what it says of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub kind: Kind,
    pub policy: String,
    pub arn: String,
    /// The root, OU or account that it is attached to; empty for what isn't attached to one.
    pub target: String,
    /// The Sid, or the statement's number from one.
    pub statement: String,
    /// The conditions as written, with what the request has.
    pub conditions: Vec<String>,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {}", self.statement, self.policy)?;
        if !self.target.is_empty() {
            write!(f, " on {}", self.target)?;
        }
        if self.conditions.is_empty() {
            return write!(f, ", without a condition");
        }
        write!(f, ": {}", self.conditions.join("; "))
    }
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Allowed,
    /// A statement denies it.
    Denied(Place),
    /// Policies of this kind do not allow it, those on the target where it is named.
    NotAllowed {
        kind: Kind,
        target: String,
    },
    /// It depends on what is not known: the keys, and the statements that ask for them.
    NotJudged {
        unknown: BTreeSet<String>,
        places: Vec<Place>,
    },
}

impl Verdict {
    /// Why AWS refuses, in the words that end its message; `None` where it does not.
    pub fn refusal(&self, action: &str) -> Option<String> {
        match self {
            Verdict::Allowed | Verdict::NotJudged { .. } => None,
            Verdict::Denied(place) => {
                let kind = place.kind.told();
                Some(match place.arn.is_empty() {
                    true => format!("with an explicit deny in {kind}"),
                    false => format!("with an explicit deny in {kind}: {}", place.arn),
                })
            }
            Verdict::NotAllowed { kind, .. } => {
                let kind = kind.told().split_once(' ').map_or("", |(_, kind)| kind);
                Some(format!("because no {kind} allows the {action} action"))
            }
        }
    }

    /// What decided, in full: the policy, the statement and the condition.
    pub fn told(&self) -> String {
        match self {
            Verdict::Allowed => "allowed".to_owned(),
            Verdict::Denied(place) => format!("denied by {place}"),
            Verdict::NotAllowed { kind, target } => {
                let kind = kind.told().split_once(' ').map_or("", |(_, kind)| kind);
                match target.is_empty() {
                    true => format!("no {kind} allows it"),
                    false => format!("no {kind} on {target} allows it"),
                }
            }
            Verdict::NotJudged { unknown, places } => {
                let unknown: Vec<&str> = unknown.iter().map(String::as_str).collect();
                let places: Vec<String> = places
                    .iter()
                    .map(|place| format!("{} of {}", place.statement, place.policy))
                    .collect();
                format!(
                    "could not be judged without {} ({})",
                    unknown.join(", "),
                    places.join(", ")
                )
            }
        }
    }
}

/// Whether an ARN is that of a service-linked role, which service and resource control policies do not bind (Organizations
/// User Guide, "Service control policies" and "Resource control policies").
pub fn is_service_linked(arn: &str) -> bool {
    arn.split_once(":role/")
        .is_some_and(|(_, name)| name.starts_with("aws-service-role/"))
}

/// What one kind of policies says, before denials of all kinds are looked at together.
struct Said {
    allows: Answer,
    /// Where an allow is missing.
    target: String,
}

#[derive(Default)]
struct Bench {
    denied: Option<Place>,
    /// Statements that could not be judged, what they ask for, and whether they deny.
    unsure: Vec<(Place, BTreeSet<String>, bool)>,
}

/// Decides.
pub fn authorize(policies: &Policies, request: &Request) -> Verdict {
    let mut bench = Bench::default();
    let mut said: Vec<(Kind, Said)> = Vec::new();
    for (kind, levels) in [
        (Kind::ResourceControl, &policies.resource_control),
        (Kind::ServiceControl, &policies.service_control),
    ] {
        for level in levels.iter().flatten() {
            let mut allows = bench.ask(kind, &level.target, &level.policies, request);
            if kind == Kind::ResourceControl {
                // RCPFullAWSAccess is everywhere, cannot be detached, and no other may allow.
                allows = Answer::Yes;
            }
            let target = level.target.clone();
            said.push((kind, Said { allows, target }));
        }
    }
    let resource = policies
        .resource
        .as_ref()
        .map(|policy| bench.ask(Kind::Resource, "", std::slice::from_ref(policy), request));
    for (kind, own) in [
        (Kind::Identity, &policies.identity),
        (Kind::Boundary, &policies.boundary),
        (Kind::Session, &policies.session),
    ] {
        let Some(own) = own else { continue };
        let mut allows = bench.ask(kind, "", own, request);
        if kind == Kind::Identity
            && let Some(resource) = &resource
        {
            // Within an account either is enough.
            allows = Answer::any([allows, resource.clone()]);
        }
        let target = String::new();
        said.push((kind, Said { allows, target }));
    }
    if let Some(place) = bench.denied {
        return Verdict::Denied(place);
    }
    if let Some((kind, said)) = said.iter().find(|(_, said)| said.allows == Answer::No) {
        return Verdict::NotAllowed {
            kind: *kind,
            target: said.target.clone(),
        };
    }
    // An allow that can't be judged does not matter where another allows.
    let open: BTreeSet<(Kind, &str)> = said
        .iter()
        .filter(|(_, said)| matches!(said.allows, Answer::Unknown(_)))
        .map(|(kind, said)| (*kind, said.target.as_str()))
        .collect();
    let mut unknown = BTreeSet::new();
    let mut places = Vec::new();
    for (place, of, denies) in bench.unsure {
        if denies || open.contains(&(place.kind, place.target.as_str())) {
            unknown.extend(of);
            places.push(place);
        }
    }
    match places.is_empty() {
        true => Verdict::Allowed,
        false => Verdict::NotJudged { unknown, places },
    }
}

impl Bench {
    /// Whether one of the policies allows the request; denials are kept.
    fn ask(&mut self, kind: Kind, target: &str, policies: &[Policy], request: &Request) -> Answer {
        let mut allows = Vec::new();
        for policy in policies {
            for (number, statement) in statements(&policy.document).iter().enumerate() {
                let denies = match statement.get("Effect").and_then(Value::as_str) {
                    Some("Deny") => true,
                    Some("Allow") => false,
                    _ => continue,
                };
                let variables = has_variables(&policy.document);
                let answer = applies(statement, request, variables);
                let place = || Place {
                    kind,
                    policy: policy.name.clone(),
                    arn: policy.arn.clone(),
                    target: target.to_owned(),
                    statement: label(statement, number),
                    conditions: condition::lines(statement.get("Condition"))
                        .into_iter()
                        .flatten()
                        .map(|line| line.told(&request.context))
                        .collect(),
                };
                if let Answer::Unknown(of) = &answer {
                    self.unsure.push((place(), of.clone(), denies));
                }
                match (denies, answer) {
                    (true, Answer::Yes) => {
                        self.denied.get_or_insert_with(place);
                    }
                    (true, Answer::No | Answer::Unknown(_)) => {}
                    (false, answer) => allows.push(answer),
                }
            }
        }
        Answer::any(allows)
    }
}

/// The statement's Sid, or its number from one.
fn label(statement: &Value, number: usize) -> String {
    match statement.get("Sid").and_then(Value::as_str) {
        Some(sid) if !sid.is_empty() => format!("statement {sid}"),
        _ => format!("statement {}", number + 1),
    }
}

fn statements(document: &Value) -> &[Value] {
    match document.get("Statement") {
        Some(Value::Array(statements)) => statements,
        Some(one) => std::slice::from_ref(one),
        None => &[],
    }
}

/// Only documents that say this version have policy variables.
fn has_variables(document: &Value) -> bool {
    document.get("Version").and_then(Value::as_str) == Some("2012-10-17")
}

/// Whether a policy's statements of an effect apply to a request.
pub fn says(document: &Value, effect: &str, request: &Request) -> Answer {
    let variables = has_variables(document);
    Answer::any(
        statements(document)
            .iter()
            .filter(|statement| statement.get("Effect").and_then(Value::as_str) == Some(effect))
            .map(|statement| applies(statement, request, variables)),
    )
}

/// Whether a statement is about an action and a resource, and its conditions hold for a request that has these keys and no
/// others. Who asks is not looked at.
pub fn statement_matches(
    statement: &Value,
    action: &str,
    resource: &str,
    context: &[(&str, &str)],
) -> bool {
    let mut given = Context::closed();
    for (key, value) in context {
        given.set(key, *value);
    }
    let request = Request {
        principal: Principal::Service(String::new()),
        action: action.to_owned(),
        resource: Resource::Is(resource.to_owned()),
        context: given,
    };
    applies(statement, &request, true) == Answer::Yes
}

/// Whether a statement is about the request and its conditions hold.
fn applies(statement: &Value, request: &Request, variables: bool) -> Answer {
    // The cheap questions first: most statements are about something else.
    let action = is_named(statement, "Action", "NotAction", |pattern| {
        like(&pattern.to_lowercase(), &request.action.to_lowercase()).into()
    });
    if action == Answer::No {
        return action;
    }
    let resource = is_named(statement, "Resource", "NotResource", |pattern| {
        resource(pattern, request, variables)
    });
    let principal = match (statement.get("Principal"), statement.get("NotPrincipal")) {
        (Some(named), _) => named_in(named, &request.principal),
        (None, Some(named)) => !named_in(named, &request.principal),
        (None, None) => true,
    };
    if !principal || resource == Answer::No {
        return Answer::No;
    }
    let Some(lines) = condition::lines(statement.get("Condition")) else {
        return Answer::No;
    };
    let conditions = lines
        .iter()
        .map(|line| line.holds(&request.context, variables));
    Answer::all([action, resource].into_iter().chain(conditions))
}

/// Whether an element, or its opposite, names something. A statement that has neither is about everything.
fn is_named(
    statement: &Value,
    element: &str,
    opposite: &str,
    names: impl Fn(&str) -> Answer,
) -> Answer {
    let any = |list: &Value| Answer::any(texts(Some(list)).iter().map(|it| names(it)));
    match (statement.get(element), statement.get(opposite)) {
        (Some(list), _) => any(list),
        (None, Some(list)) => any(list).opposite(),
        (None, None) => Answer::Yes,
    }
}

fn resource(pattern: &str, request: &Request, variables: bool) -> Answer {
    let filled = pattern::fill(pattern, variables.then_some(&request.context));
    let tokens = match filled {
        Filled::Is(tokens) => tokens,
        Filled::Nothing => return Answer::No,
        Filled::Unknown(key) => return Answer::unknown(key),
    };
    match &request.resource {
        Resource::Is(arn) => pattern::resource_matches(&tokens, arn).into(),
        Resource::Some(beginning) => match pattern::begins(&tokens, beginning) {
            pattern::Beginning::Whatever => Answer::Yes,
            pattern::Beginning::Perhaps => {
                Answer::unknown(format!("the resource of {}", request.action))
            }
            pattern::Beginning::Never => Answer::No,
        },
    }
}

/// Whether a `Principal` names somebody.
fn named_in(named: &Value, principal: &Principal) -> bool {
    let Some(kinds) = named.as_object() else {
        return named.as_str() == Some("*");
    };
    kinds.iter().any(|(kind, names)| {
        let names = texts(Some(names));
        match (kind.as_str(), principal) {
            ("AWS", _) if names.iter().any(|name| name == "*") => true,
            ("AWS", Principal::Identity { arns, account }) => names.iter().any(|name| {
                name == account
                    || *name == format!("arn:aws:iam::{account}:root")
                    || arns.contains(name)
            }),
            ("Service", Principal::Service(service)) => {
                names.iter().any(|name| name == service || name == "*")
            }
            _ => false,
        }
    })
}

/// One value or many, as policies write both, as text.
fn texts(value: Option<&Value>) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => String::new(),
    };
    match value {
        Some(Value::Array(values)) => values.iter().map(text).collect(),
        Some(one) => vec![text(one)],
        None => Vec::new(),
    }
}

/// A policy's document; the same text is parsed once. Only a memo: the answer depends on the text alone.
fn parse(text: &str) -> Arc<Value> {
    static PARSED: Mutex<BTreeMap<String, Arc<Value>>> = Mutex::new(BTreeMap::new());
    let mut parsed = PARSED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = parsed.get(text) {
        return found.clone();
    }
    let document = Arc::new(serde_json::from_str(text).unwrap_or(Value::Null));
    if parsed.len() > 200 {
        parsed.clear();
    }
    parsed.insert(text.to_owned(), document.clone());
    document
}
