//! Decides whether a resource policy (of a bucket, key or topic) lets an AWS service do something, as the
//! services themselves test before they accept a bucket or key.

use super::authorization::{Answer, Context, Policy, Principal, Request, Resource, says};

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
    let Some(policy) = policy.map(|text| Policy::new("", "", text)) else {
        return false;
    };
    let request = access.request();
    says(&policy.document, "Allow", &request) == Answer::Yes
        && says(&policy.document, "Deny", &request) == Answer::No
}

impl Access<'_> {
    /// The access as a request of the service's own. What is not given the request does not have.
    pub fn request(&self) -> Request {
        let mut context = Context::closed();
        context.set("aws:PrincipalIsAWSService", "true");
        context.set("aws:PrincipalServiceName", self.service);
        context.set_all("aws:PrincipalServiceNamesList", [self.service.to_owned()]);
        context.set("aws:PrincipalType", "Service");
        for (key, value) in self.context {
            context.set(key, *value);
        }
        Request {
            principal: Principal::Service(self.service.to_owned()),
            action: self.action.to_owned(),
            resource: Resource::Is(self.resource.to_owned()),
            context,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
