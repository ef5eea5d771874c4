//! Decides whether a resource policy (of a bucket, key or topic) lets an AWS service do something, as the
//! services themselves test before they accept a bucket or key.

use serde_json::Value;

/// What a service is about to do.
#[derive(Debug, Clone)]
pub struct Access<'a> {
    /// `cloudtrail.amazonaws.com`.
    pub service: &'a str,
    /// `s3:PutObject`.
    pub action: &'a str,
    pub resource: &'a str,
    /// Condition keys (any case) and their values, such as `aws:SourceArn`.
    pub context: &'a [(&'a str, &'a str)],
}

/// Whether a statement of `policy` allows the access and none denies it. `None` and unreadable text allow nothing.
pub fn allows(policy: Option<&str>, access: &Access<'_>) -> bool {
    let Some(document) = policy.and_then(|text| serde_json::from_str::<Value>(text).ok()) else {
        return false;
    };
    let effect = |wanted: &str| {
        list(document.get("Statement")).iter().any(|statement| {
            statement.get("Effect").and_then(Value::as_str) == Some(wanted)
                && applies(statement, access)
        })
    };
    effect("Allow") && !effect("Deny")
}

fn applies(statement: &Value, access: &Access<'_>) -> bool {
    let principal = match statement.get("Principal") {
        Some(Value::String(all)) => all == "*",
        Some(Value::Object(kinds)) => {
            texts(kinds.get("Service")).contains(&access.service)
                || texts(kinds.get("AWS")).contains(&"*")
                || texts(kinds.get("Service")).contains(&"*")
        }
        _ => match statement.get("NotPrincipal") {
            Some(Value::Object(kinds)) => !texts(kinds.get("Service")).contains(&access.service),
            _ => false,
        },
    };
    principal && statement_matches(statement, access.action, access.resource, access.context)
}

/// Whether a statement is about an action and a resource, and its conditions hold. Who asks is not looked at.
pub fn statement_matches(
    statement: &Value,
    action: &str,
    resource: &str,
    context: &[(&str, &str)],
) -> bool {
    let wanted = action.to_lowercase();
    let names = |list: Option<&Value>| {
        let list = texts(list);
        list.iter().any(|a| like(&a.to_lowercase(), &wanted))
    };
    let action = match statement.get("Action") {
        Some(actions) => names(Some(actions)),
        None => !names(statement.get("NotAction")),
    };
    let resource = match statement.get("Resource") {
        Some(resources) => texts(Some(resources)).iter().any(|r| like(r, resource)),
        None => !texts(statement.get("NotResource"))
            .iter()
            .any(|r| like(r, resource)),
    };
    action && resource && conditions_hold(statement.get("Condition"), context)
}

fn conditions_hold(conditions: Option<&Value>, context: &[(&str, &str)]) -> bool {
    let Some(Value::Object(operators)) = conditions else {
        return true;
    };
    operators.iter().all(|(operator, keys)| {
        keys.as_object().is_some_and(|keys| {
            keys.iter().all(|(key, wanted)| {
                let given = context
                    .iter()
                    .find(|(name, _)| name.eq_ignore_ascii_case(key))
                    .map(|(_, value)| *value);
                condition_holds(operator, given, &texts(Some(wanted)))
            })
        })
    })
}

fn condition_holds(operator: &str, given: Option<&str>, wanted: &[&str]) -> bool {
    let bare = operator.rsplit(':').next().unwrap_or(operator);
    let (bare, if_exists) = match bare.strip_suffix("IfExists") {
        Some(bare) => (bare, true),
        None => (bare, false),
    };
    if bare == "Null" {
        return wanted.contains(&"true") == given.is_none();
    }
    let negative = bare.contains("Not");
    let Some(given) = given else {
        return negative || if_exists;
    };
    match bare {
        "StringEquals" | "Bool" => wanted.contains(&given),
        "StringNotEquals" => !wanted.contains(&given),
        "StringNotEqualsIgnoreCase" => !wanted.iter().any(|w| w.eq_ignore_ascii_case(given)),
        "StringEqualsIgnoreCase" => wanted.iter().any(|w| w.eq_ignore_ascii_case(given)),
        "StringLike" | "ArnLike" | "ArnEquals" => wanted.iter().any(|w| like(w, given)),
        "StringNotLike" | "ArnNotLike" | "ArnNotEquals" => !wanted.iter().any(|w| like(w, given)),
        // An operator this sandbox does not know must not let anything through unseen.
        _ => {
            tracing::warn!(operator, "condition operator not simulated");
            false
        }
    }
}

/// Whether `text` matches `pattern` with `*` and `?`.
pub fn like(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || text.get(t) == Some(c) => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    p = at + 1;
                    t = from + 1;
                    star = Some((at, from + 1));
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|c| *c == '*')
}

fn list(value: Option<&Value>) -> Vec<&Value> {
    match value {
        Some(Value::Array(items)) => items.iter().collect(),
        Some(one) => vec![one],
        None => Vec::new(),
    }
}

fn texts(value: Option<&Value>) -> Vec<&str> {
    list(value)
        .into_iter()
        .map(|v| match v {
            Value::String(text) => text.as_str(),
            Value::Bool(true) => "true",
            Value::Bool(false) => "false",
            _ => "",
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_as_in_policies() {
        assert!(like("arn:*:role/a?c*", "arn:aws:iam::1:role/abcdef"));
        assert!(!like("arn:*:role/a?c", "arn:aws:iam::1:role/abcdef"));
        assert!(like("*", ""));
    }

    /// The first two statements of the CloudTrail user guide's bucket policy for a trail.
    const GUIDE: &str = r#"{"Version":"2012-10-17","Statement":[
      {"Sid":"AWSCloudTrailAclCheck20150319","Effect":"Allow","Principal":{"Service":"cloudtrail.amazonaws.com"},
       "Action":"s3:GetBucketAcl","Resource":"arn:aws:s3:::amzn-s3-demo-bucket",
       "Condition":{"StringEquals":{"aws:SourceArn":"arn:aws:cloudtrail:region:myAccountID:trail/trailName"}}},
      {"Sid":"AWSCloudTrailWrite20150319","Effect":"Allow","Principal":{"Service":"cloudtrail.amazonaws.com"},
       "Action":"s3:PutObject","Resource":"arn:aws:s3:::amzn-s3-demo-bucket/AWSLogs/myAccountID/*",
       "Condition":{"StringEquals":{"s3:x-amz-acl":"bucket-owner-full-control",
         "aws:SourceArn":"arn:aws:cloudtrail:region:myAccountID:trail/trailName"}}}]}"#;

    fn access<'a>(
        action: &'a str,
        resource: &'a str,
        context: &'a [(&'a str, &'a str)],
    ) -> Access<'a> {
        Access {
            service: "cloudtrail.amazonaws.com",
            action,
            resource,
            context,
        }
    }

    #[test]
    fn the_guides_bucket_policy_lets_its_trail_write_and_no_other() {
        let own = [
            (
                "aws:SourceArn",
                "arn:aws:cloudtrail:region:myAccountID:trail/trailName",
            ),
            ("s3:x-amz-acl", "bucket-owner-full-control"),
        ];
        let other = [
            (
                "aws:SourceArn",
                "arn:aws:cloudtrail:region:myAccountID:trail/other",
            ),
            own[1],
        ];
        let bucket = "arn:aws:s3:::amzn-s3-demo-bucket";
        let object = "arn:aws:s3:::amzn-s3-demo-bucket/AWSLogs/myAccountID/x";
        assert!(allows(
            Some(GUIDE),
            &access("s3:GetBucketAcl", bucket, &own)
        ));
        assert!(allows(Some(GUIDE), &access("s3:PutObject", object, &own)));
        assert!(!allows(
            Some(GUIDE),
            &access("s3:PutObject", object, &other)
        ));
        assert!(!allows(
            Some(GUIDE),
            &access(
                "s3:PutObject",
                "arn:aws:s3:::amzn-s3-demo-bucket/AWSLogs/o-1/x",
                &own
            )
        ));
        assert!(!allows(None, &access("s3:PutObject", object, &own)));
    }

    #[test]
    fn a_denial_wins() {
        let policy = r#"{"Statement":[
          {"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"},
          {"Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"*",
           "Condition":{"Bool":{"aws:SecureTransport":"false"}}},
          {"Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"*",
           "Condition":{"StringNotEquals":{"s3:x-amz-server-side-encryption":"aws:kms"}}}]}"#;
        let encrypted = [
            ("s3:x-amz-server-side-encryption", "aws:kms"),
            ("aws:SecureTransport", "true"),
        ];
        assert!(allows(
            Some(policy),
            &access("s3:PutObject", "arn:aws:s3:::b/k", &encrypted)
        ));
        assert!(!allows(
            Some(policy),
            &access("s3:PutObject", "arn:aws:s3:::b/k", &[])
        ));
    }

    #[test]
    fn wildcards_match_as_iam_matches() {
        assert!(like("arn:aws:s3:::b/*/x?", "arn:aws:s3:::b/a/c/xy"));
        assert!(!like("arn:aws:s3:::b/?", "arn:aws:s3:::b/"));
        assert!(like("*", ""));
    }
}
