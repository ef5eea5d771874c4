//! Service control policies and resource control policies: IAM's language, as the Organizations user guide narrows
//! it ("SCP syntax", "RCP syntax") and the IAM user guide writes it down ("Grammar of the IAM JSON policy language").
//!
//! Since September 2025 SCPs take all of it but principals: conditions, NotAction, NotResource and single resources
//! with Allow, and wildcards anywhere in an action. One page of the guide still has the older rule for resources.

use std::collections::BTreeMap;
use std::ops::Range;

use super::actions::{Named, has, has_service, look_up};
use super::json::Value;
use super::{Faults, Spot, conditions, members, rcp_services};
use crate::plan::PolicyType;
use crate::plan::suggest::{list, nearest};

const VERSION: &str = "2012-10-17";

/// The elements of a statement that IAM's language has.
const ELEMENTS: [&str; 9] = [
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
];

pub(super) fn check(root: &Spot<'_>, faults: &mut Faults) {
    let Some(members) = members(root, faults) else {
        return;
    };
    // A document of another type is wrong in one way, not in as many as it has names.
    let known = ["Version", "Id", "Statement"];
    let own = |key: &str| nearest(key, known).is_some();
    if !members.iter().any(|member| own(&member.key))
        && let Some((member, other)) = members
            .iter()
            .find_map(|member| Some((member, super::shapes::type_of(&member.key)?)))
    {
        faults.refuse(
            member.key_span.clone(),
            &format!("/{}", member.key),
            format!("`{}` is no element of a policy", member.key),
            format!(
                "this looks like the type {}: write type = \"{}\"; here \"Version\" and \"Statement\" belong",
                other.as_str(),
                other.as_str()
            ),
            "a policy consists of one or more statements",
        );
        return;
    }
    let mut meant = Vec::new();
    let (mut version, mut statement) = (false, false);
    for member in members {
        let at = root.under(&member.key, &member.node);
        match member.key.as_str() {
            "Version" => {
                version = true;
                self::version(&at, faults);
            }
            "Statement" => {
                statement = true;
                statements(&at, faults);
            }
            // IAM's language has it, and the pages of SCPs and RCPs do not exclude it.
            "Id" => {
                if member.node.text().is_none() {
                    faults.refuse(
                        member.node.span.clone(),
                        &at.pointer,
                        format!("`Id` is {}", member.node.what()),
                        "write text in quotes, or take it out",
                        "Id is a string",
                    );
                }
            }
            key => {
                let inside = known.iter().copied();
                meant.extend(unknown(
                    faults,
                    &member.key_span,
                    &at.pointer,
                    key,
                    "a policy",
                    inside,
                ));
            }
        }
    }
    if !version && !meant.contains(&"Version") {
        faults.refuse(
            root.node.start(),
            &root.pointer,
            "the document has no `Version`",
            format!("add \"Version\": \"{VERSION}\""),
            "every policy includes Version with the value 2012-10-17",
        );
    }
    if !statement && !meant.contains(&"Statement") {
        faults.refuse(
            root.node.start(),
            &root.pointer,
            "the document has no `Statement`",
            format!("such a policy has \"Version\": \"{VERSION}\" and a list \"Statement\""),
            "a policy consists of one or more statements",
        );
    }
}

fn version(at: &Spot<'_>, faults: &mut Faults) {
    let rule = "every policy includes Version with the value 2012-10-17";
    let write = format!("write \"{VERSION}\"");
    match at.node.text() {
        Some(VERSION) => {}
        Some("2008-10-17") => faults.refuse(
            at.node.span.clone(),
            &at.pointer,
            "`Version` is 2008-10-17, IAM's earlier language, which Organizations does not take",
            format!("{write}: then variables such as ${{aws:PrincipalAccount}} are filled in, which 2008-10-17 takes as plain text"),
            rule,
        ),
        _ => faults.refuse(
            at.node.span.clone(),
            &at.pointer,
            format!("`Version` is {}", at.node.what()),
            format!("{write}: it is the version of the policy language, not of this document"),
            rule,
        ),
    }
}

fn statements(at: &Spot<'_>, faults: &mut Faults) {
    let rule = "Statement is one statement, or a list of one or more";
    match &at.node.value {
        Value::Table(_) => {}
        Value::List(list) if !list.is_empty() => {}
        _ => {
            faults.refuse(
                at.node.span.clone(),
                &at.pointer,
                format!("`Statement` is {}", at.node.what()),
                "write a list of statements: [{\"Effect\": …, \"Action\": …, \"Resource\": …}]",
                rule,
            );
            return;
        }
    }
    let mut sids: BTreeMap<String, Range<usize>> = BTreeMap::new();
    for each in at.each() {
        if each.node.table().is_some() {
            statement(&each, &mut sids, faults);
        } else {
            faults.refuse(
                each.node.start(),
                &each.pointer,
                format!("a statement is {}", each.node.what()),
                "write {\"Effect\": …, \"Action\": …, \"Resource\": …}",
                rule,
            );
        }
    }
}

fn statement(at: &Spot<'_>, sids: &mut BTreeMap<String, Range<usize>>, faults: &mut Faults) {
    let kind = faults.kind;
    let scp = kind == PolicyType::ServiceControlPolicy;
    let mut meant: Vec<&'static str> = Vec::new();
    let members = at.node.table().unwrap_or_default();
    let denies = at.node.get("Effect").and_then(|effect| effect.text()) != Some("Allow");
    for member in members {
        let below = at.under(&member.key, &member.node);
        match member.key.as_str() {
            "Sid" => sid(&below, sids, faults),
            "Effect" => effect(&below, faults),
            "Action" => actions(&below, "Action", denies, faults),
            "NotAction" if scp => actions(&below, "NotAction", denies, faults),
            "NotAction" => faults.refuse(
                member.key_span.clone(),
                &below.pointer,
                "a resource control policy has no `NotAction`",
                "write `Action` with what is to be denied, and exceptions as a Condition",
                "NotAction is not supported in RCPs",
            ),
            "Resource" | "NotResource" => resources(&below, &member.key, faults),
            "Condition" => conditions::check(&below, faults),
            "Principal" if scp => faults.refuse(
                member.key_span.clone(),
                &below.pointer,
                "a service control policy has no `Principal`",
                "take it out, and name whom it is about by a Condition on aws:PrincipalArn",
                "Principal is not supported in SCPs",
            ),
            "Principal" => principal(&below, faults),
            "NotPrincipal" => faults.refuse(
                member.key_span.clone(),
                &below.pointer,
                format!("a {} has no `NotPrincipal`", spoken(kind)),
                "write exceptions as a Condition on aws:PrincipalArn with ArnNotLike",
                "NotPrincipal is not supported",
            ),
            key => {
                let inside = ELEMENTS.iter().copied().filter(|element| match *element {
                    "Principal" => !scp,
                    "NotAction" => scp,
                    "NotPrincipal" => false,
                    _ => true,
                });
                meant.extend(unknown(
                    faults,
                    &member.key_span,
                    &below.pointer,
                    key,
                    "a statement",
                    inside,
                ));
            }
        }
    }
    let has = |key: &str| at.node.get(key).is_some() || meant.contains(&key);
    if !has("Effect") {
        let write = if scp {
            "add \"Effect\": \"Deny\", or \"Allow\""
        } else {
            "add \"Effect\": \"Deny\""
        };
        absent(at, "Effect", write, "each statement has one Effect", faults);
    }
    if !scp && !has("Principal") && !has("NotPrincipal") {
        let write = "add \"Principal\": \"*\"";
        let rule = "each statement of an RCP has the Principal \"*\"";
        absent(at, "Principal", write, rule, faults);
    }
    for (one, other) in [("Action", "NotAction"), ("Resource", "NotResource")] {
        let rule = format!("each statement has one of {one} and {other}");
        match (has(one), has(other)) {
            (false, false) => {
                let write = if one == "Action" {
                    "add \"Action\" with what the statement is about, such as [\"organizations:LeaveOrganization\"]"
                } else {
                    "add \"Resource\": \"*\", or the ARNs that the statement is about"
                };
                absent(at, one, write, &rule, faults);
            }
            // What an RCP has no NotAction for is said already.
            (true, true) if scp || one == "Resource" => {
                let place = members.iter().find(|member| member.key == other);
                let span = place.map_or(at.node.start(), |member| member.key_span.clone());
                faults.refuse(
                    span,
                    &format!("{}/{other}", at.pointer),
                    format!("a statement has both `{one}` and `{other}`"),
                    format!(
                        "keep one of the two; `{other}` stands for everything but what it lists"
                    ),
                    &rule,
                );
            }
            _ => {}
        }
    }
}

fn absent(at: &Spot<'_>, element: &str, write: &str, rule: &str, faults: &mut Faults) {
    let message = format!("a statement has no `{element}`");
    faults.refuse(at.node.start(), &at.pointer, message, write, rule);
}

/// A name that the language does not have; gives the one that was meant.
fn unknown<'k>(
    faults: &mut Faults,
    span: &Range<usize>,
    pointer: &str,
    key: &str,
    of: &str,
    known: impl Iterator<Item = &'k str> + Clone,
) -> Option<&'k str> {
    let meant = nearest(key, known.clone());
    let write = match meant {
        Some(meant) if meant.eq_ignore_ascii_case(key) => {
            format!("write `{meant}`: names of elements are told apart by case")
        }
        Some(meant) => format!("did you mean `{meant}`?"),
        None if key.starts_with(['_', '/', '#']) || key.eq_ignore_ascii_case("comment") => {
            "take it out: policies have no comments; `description` of the policy says in the plan what it is for"
                .to_owned()
        }
        None => format!("{of} has {}", list(known)),
    };
    faults.refuse(
        span.clone(),
        pointer,
        format!("`{key}` is no element of {of}"),
        write,
        "a policy has no other elements than those of its syntax page",
    );
    meant
}

fn spoken(kind: PolicyType) -> &'static str {
    match kind {
        PolicyType::ResourceControlPolicy => "resource control policy",
        _ => "service control policy",
    }
}

fn sid(at: &Spot<'_>, sids: &mut BTreeMap<String, Range<usize>>, faults: &mut Faults) {
    let Some(text) = at.node.text() else {
        faults.refuse(
            at.node.span.clone(),
            &at.pointer,
            format!("`Sid` is {}", at.node.what()),
            "write text in quotes, or take it out",
            "Sid is a string",
        );
        return;
    };
    if !text.chars().all(|c| c.is_ascii_alphanumeric()) {
        let kept: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
        faults.refuse(
            at.node.span.clone(),
            &at.pointer,
            format!("the Sid \"{text}\" has other characters than letters and digits"),
            format!("write \"{kept}\""),
            "a Sid has the characters A-Z, a-z and 0-9 only",
        );
    }
    // IAM takes any number of empty ones, as generators write them.
    if text.is_empty() {
        return;
    }
    if let Some(first) = sids.get(text) {
        faults.refuse(
            at.node.span.clone(),
            &at.pointer,
            format!("two statements have the Sid \"{text}\""),
            "give each its own, or take them out: a Sid is optional",
            "the Sids of a policy are unique",
        );
        if let Some(fault) = faults.found.last_mut() {
            fault.first = Some(first.clone());
        }
    } else {
        sids.insert(text.to_owned(), at.node.span.clone());
    }
}

fn effect(at: &Spot<'_>, faults: &mut Faults) {
    match (at.node.text(), faults.kind) {
        (Some("Deny"), _) | (Some("Allow"), PolicyType::ServiceControlPolicy) => {}
        (Some("Allow"), _) => faults.refuse(
            at.node.span.clone(),
            &at.pointer,
            "a resource control policy does not allow",
            "write \"Deny\": AWS's own RCPFullAWSAccess allows, and yours take away from it",
            "Allow is supported in RCPFullAWSAccess only",
        ),
        (text, _) => {
            let write = match text.map(str::to_ascii_lowercase).as_deref() {
                Some("deny") => "write \"Deny\": values of Effect are told apart by case",
                Some("allow") => "write \"Allow\": values of Effect are told apart by case",
                _ => "write \"Allow\" or \"Deny\"",
            };
            faults.refuse(
                at.node.span.clone(),
                &at.pointer,
                format!("`Effect` is {}", at.node.what()),
                write,
                "Effect is Allow or Deny",
            );
        }
    }
}

fn principal(at: &Spot<'_>, faults: &mut Faults) {
    if at.node.text() != Some("*") {
        faults.refuse(
            at.node.start(),
            &at.pointer,
            format!(
                "`Principal` of a resource control policy is {}",
                at.node.what()
            ),
            "write \"Principal\": \"*\", and name whom it is about by a Condition",
            "you can specify only \"*\" in the Principal element of an RCP",
        );
    }
}

/// The texts of an element that is a text or a list of them; what is neither is told.
fn texts<'n>(at: &Spot<'n>, element: &str, write: &str, faults: &mut Faults) -> Vec<Spot<'n>> {
    let rule = format!("{element} is a string or a list of strings");
    if matches!(&at.node.value, Value::List(list) if list.is_empty()) {
        faults.refuse(
            at.node.span.clone(),
            &at.pointer,
            format!("`{element}` is an empty list, so the statement is about nothing"),
            write,
            &rule,
        );
        return Vec::new();
    }
    let (good, bad): (Vec<_>, Vec<_>) = at
        .each()
        .into_iter()
        .partition(|each| each.node.text().is_some_and(|text| !text.is_empty()));
    for each in bad {
        faults.refuse(
            each.node.start(),
            &each.pointer,
            format!("`{element}` has {}", each.node.what()),
            write,
            &rule,
        );
    }
    good
}

fn actions(at: &Spot<'_>, element: &str, denies: bool, faults: &mut Faults) {
    let write = "write a service and an action, such as \"s3:GetObject\" or \"ec2:*\"";
    let mut unheard: usize = 0;
    for each in texts(at, element, write, faults) {
        let action = each.node.text().unwrap_or_default();
        let rcp = faults.kind == PolicyType::ResourceControlPolicy;
        if action == "*" {
            if rcp {
                faults.refuse(
                    each.node.span.clone(),
                    &each.pointer,
                    "`Action` of a resource control policy is \"*\" alone",
                    "name the services, such as \"s3:*\"",
                    "you can't use \"*\" as the entire Action of an RCP",
                );
            }
            continue;
        }
        let Some((service, name)) = action.split_once(':') else {
            let write = if action
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-')
            {
                format!(
                    "write \"{action}:*\" for every action of a service, or \"SERVICE:{action}\""
                )
            } else {
                write.to_owned()
            };
            faults.refuse(
                each.node.span.clone(),
                &each.pointer,
                format!("the action \"{action}\" names no service"),
                write,
                "an action is a service's prefix, a colon and an action's name",
            );
            continue;
        };
        let whole = service == "*" && !rcp;
        let service_fits = !service.is_empty()
            && service
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'));
        let name_fits = !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '*' | '?'));
        if !(whole || service_fits) || !name_fits {
            let why = match (name.is_empty(), service.contains(['*', '?'])) {
                (true, _) => "names no action",
                (_, true) => "has a wildcard in its service",
                _ => "has characters that no action has",
            };
            faults.refuse(
                each.node.span.clone(),
                &each.pointer,
                format!("the action \"{action}\" {why}"),
                write,
                "an action is a service's prefix, a colon and an action's name, which may have the wildcards * and ?",
            );
            continue;
        }
        if rcp && has_service(service) && !rcp_services::covers(service) {
            faults.warn(
                each.node.span.clone(),
                &each.pointer,
                format!("resource control policies do not cover {service}, so \"{action}\" has no effect"),
                "the services are in \"List of AWS services that support RCPs\" of the Organizations user guide; a service control policy reaches your own principals",
            );
        }
        if !has(service, name) {
            unheard += 1;
            if unheard <= UNHEARD_TOLD {
                let named = look_up(service, name);
                unheard_of(&each, action, &named, element, denies, faults);
            }
        }
    }
    if let Some(more @ 1..) = unheard.checked_sub(UNHEARD_TOLD) {
        faults.warn(
            at.node.span.clone(),
            &at.pointer,
            format!("AWS has none of {more} more actions here either"),
            "see the warnings beside this one",
        );
    }
}

/// How many actions that AWS does not have are told of an element one by one: more are a list of something else.
const UNHEARD_TOLD: usize = 10;

/// Warns of an action that AWS does not have: it takes the policy, which then does less than it seems to, or more.
fn unheard_of(
    at: &Spot<'_>,
    action: &str,
    named: &Named,
    element: &str,
    denies: bool,
    faults: &mut Faults,
) {
    let Some((why, help)) = named.told(action) else {
        return;
    };
    let then = match (element, denies) {
        ("NotAction", true) => "what is meant is denied with all the rest",
        ("NotAction", false) => "what is meant is allowed with all the rest",
        (_, true) => "the statement leaves what is meant undenied",
        (_, false) => "the statement does not allow what is meant",
    };
    faults.warn(
        at.node.span.clone(),
        &at.pointer,
        format!("{why}: {then}"),
        help,
    );
}

fn resources(at: &Spot<'_>, element: &str, faults: &mut Faults) {
    let write = "write \"*\", or an ARN such as \"arn:aws:s3:::my-bucket/*\"";
    for each in texts(at, element, write, faults) {
        let resource = each.node.text().unwrap_or_default();
        if resource == "*" {
            continue;
        }
        // arn:partition:service:region:account:resource; a wildcard may stand for several parts.
        let fits = resource.strip_prefix("arn:").is_some_and(|rest| {
            let parts = rest.split(':').count();
            let empty = rest.split(':').take(2).any(str::is_empty);
            (parts >= 5 || rest.ends_with('*')) && !empty
        });
        if !fits {
            faults.refuse(
                each.node.span.clone(),
                &each.pointer,
                format!("`{element}` has \"{resource}\", which is no ARN"),
                write,
                "a resource is in ARN format or \"*\"",
            );
        }
    }
}
