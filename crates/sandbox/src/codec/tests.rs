//! The codec against hand-written wire forms of AWS's documents.

use serde_json::{Value, json};

use super::model::{self, Service};
use super::*;

fn service(name: &str) -> &'static Service {
    model::service(name).expect("known").expect("sound")
}

fn json_request(target: &str, body: Value) -> Request {
    Request {
        method: "POST".into(),
        path: "/".into(),
        headers: vec![("x-amz-target".into(), target.into())],
        body: body.to_string().into_bytes(),
        ..Request::default()
    }
}

fn form(body: &str) -> Request {
    Request {
        method: "POST".into(),
        path: "/".into(),
        body: body.as_bytes().to_vec(),
        ..Request::default()
    }
}

fn rest(method: &str, uri: &str, body: &str) -> Request {
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    Request {
        method: method.into(),
        path: path.into(),
        query: query.into(),
        body: body.as_bytes().to_vec(),
        ..Request::default()
    }
}

fn read(service: &Service, request: &Request) -> Result<(String, Value), AwsError> {
    let operation = operation(service, request)?;
    Ok((operation.name.clone(), decode(service, operation, request)?))
}

#[test]
fn every_model_compiles_and_every_row_is_in_one() {
    let mut rows = std::collections::BTreeSet::new();
    for (name, operation, _) in crate::table::rows() {
        assert!(
            service(name).operations.contains_key(*operation),
            "{name}:{operation} is not in operations.txt"
        );
        assert!(rows.insert((*name, *operation)), "{name}:{operation} twice");
    }
    for name in [
        "organizations",
        "sts",
        "account",
        "iam",
        "ssm",
        "resourcegroupstaggingapi",
    ] {
        // What is only refused by policies, and else not simulated, changes something: reads would go unanswered.
        for operation in service(name).operations.keys() {
            let reads = ["Get", "List", "Describe"]
                .iter()
                .any(|verb| operation.starts_with(verb));
            assert!(
                !reads || rows.contains(&(name, operation.as_str())),
                "{name}:{operation} has no row"
            );
        }
    }
    for name in model::names() {
        assert!(!service(name).shapes.is_empty());
    }
}

#[test]
fn organizations_refuses_bad_input_with_its_reasons() {
    let organizations = service("organizations");
    let attempt = |operation: &str, body: Value| {
        let target = format!("AWSOrganizationsV20161128.{operation}");
        let error = read(organizations, &json_request(&target, body)).expect_err("refused");
        let reason = error.field("Reason").and_then(Value::as_str);
        (error.code.clone(), reason.map(str::to_owned))
    };
    let invalid = |reason: &str| ("InvalidInputException".to_owned(), Some(reason.to_owned()));
    assert_eq!(
        attempt("CreateAccount", json!({"Email": "a@example.com"})),
        invalid("INPUT_REQUIRED")
    );
    assert_eq!(
        attempt(
            "CreateAccount",
            json!({"Email": "a@b.c", "AccountName": "x"})
        ),
        invalid("MIN_LENGTH_EXCEEDED")
    );
    assert_eq!(
        attempt("ListAccounts", json!({"MaxResults": 21})),
        invalid("MAX_VALUE_EXCEEDED")
    );
    assert_eq!(
        attempt("ListPolicies", json!({"Filter": "NO_SUCH_POLICY"})),
        invalid("INVALID_ENUM")
    );
    assert_eq!(
        attempt("DescribeAccount", json!({"AccountId": "12345"})),
        invalid("INVALID_PATTERN")
    );
    // The class of tags is Unicode, which the small engine cannot do by itself.
    let tag =
        |key: &str| json!({"ResourceId": "111111111111", "Tags": [{"Key": key, "Value": "v"}]});
    assert_eq!(
        attempt("TagResource", tag("a&b")),
        invalid("INVALID_PATTERN")
    );
    let request = json_request(
        "AWSOrganizationsV20161128.TagResource",
        tag("Gruppe/Größe:1"),
    );
    assert!(read(organizations, &request).is_ok());
    assert_eq!(
        attempt("ListAccounts", json!({"Unknown": 1})).0,
        "ValidationException"
    );
    assert_eq!(
        attempt("ListAccounts", json!({"MaxResults": "ten"})).0,
        "SerializationException"
    );
    assert_eq!(
        attempt("NoSuchOperation", json!({})).0,
        "UnknownOperationException"
    );
}

#[test]
fn query_forms_become_lists_and_structures() {
    let cloudformation = service("cloudformation");
    let (name, input) = read(
        cloudformation,
        &form(
            "Action=CreateStack&Version=2010-05-15&StackName=a&TemplateBody=%7B%7D\
             &Parameters.member.10.ParameterKey=k10&Parameters.member.2.ParameterKey=k2\
             &Parameters.member.2.ParameterValue=&EnableTerminationProtection=true\
             &Capabilities=&TimeoutInMinutes=5",
        ),
    )
    .expect("read");
    assert_eq!(name, "CreateStack");
    assert_eq!(
        input,
        json!({
            "Capabilities": [],
            "EnableTerminationProtection": true,
            "Parameters": [
                {"ParameterKey": "k2", "ParameterValue": ""},
                {"ParameterKey": "k10"},
            ],
            "StackName": "a",
            "TemplateBody": "{}",
            "TimeoutInMinutes": 5,
        })
    );
    let sns = service("sns");
    let (_, input) = read(
        sns,
        &form("Action=CreateTopic&Name=t&Attributes.entry.1.key=DisplayName&Attributes.entry.1.value=T"),
    )
    .expect("read");
    assert_eq!(
        input,
        json!({"Name": "t", "Attributes": {"DisplayName": "T"}})
    );
    let unknown = read(cloudformation, &form("Action=Nothing")).expect_err("unknown");
    assert_eq!(unknown.code, "InvalidAction");
    let missing = read(service("sts"), &form("Action=AssumeRole")).expect_err("incomplete");
    assert_eq!(missing.code, "ValidationError");
}

#[test]
fn query_answers_and_errors_have_their_envelopes() {
    let sts = service("sts");
    let request = form("Action=GetCallerIdentity");
    let identity = operation(sts, &request).expect("known");
    let output = json!({"Account": "111111111111", "Arn": "a<b>&c", "UserId": null});
    let response = encode(sts, identity, &request, &output, "id-1");
    assert_eq!(
        String::from_utf8(response.body).expect("text"),
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
         <GetCallerIdentityResult><Account>111111111111</Account><Arn>a&lt;b&gt;&amp;c</Arn>\
         </GetCallerIdentityResult><ResponseMetadata><RequestId>id-1</RequestId></ResponseMetadata>\
         </GetCallerIdentityResponse>"
    );
    let error = AwsError::new("NoSuchEntity", "gone");
    let response = encode_error(Some(service("iam")), &request, &error, "id-2");
    assert_eq!(response.status, 404, "the status is the error shape's");
    let text = String::from_utf8(response.body).expect("text");
    assert!(
        text.contains("<Type>Sender</Type><Code>NoSuchEntity</Code><Message>gone</Message>"),
        "{text}"
    );
}

#[test]
fn rest_json_binds_paths_queries_and_renamed_members() {
    let guardduty = service("guardduty");
    let (name, input) = read(
        guardduty,
        &rest(
            "GET",
            "/detector/12abc34d567e8fa901bc2d34e56789f0/member?maxResults=5&onlyAssociated=true",
            "",
        ),
    )
    .expect("read");
    assert_eq!(name, "ListMembers");
    assert_eq!(
        input,
        json!({
            "DetectorId": "12abc34d567e8fa901bc2d34e56789f0",
            "MaxResults": 5,
            "OnlyAssociated": "true",
        })
    );
    let (_, input) =
        read(guardduty, &rest("POST", "/detector", r#"{"enable":true}"#)).expect("read");
    assert_eq!(input, json!({"Enable": true}));
    let refused = read(guardduty, &rest("POST", "/detector", "{}")).expect_err("refused");
    assert_eq!(refused.code, "BadRequestException");
    let request = rest("POST", "/detector", r#"{"enable":true}"#);
    let create = operation(guardduty, &request).expect("known");
    let response = encode(
        guardduty,
        create,
        &request,
        &json!({"DetectorId": "d"}),
        "id",
    );
    assert_eq!(response.body, br#"{"detectorId":"d"}"#);
}

#[test]
fn s3_is_told_apart_by_sub_resource_and_addressed_either_way() {
    let s3 = service("s3");
    let name = |request: &Request| operation(s3, request).map(|it| it.name.clone());
    assert_eq!(name(&rest("GET", "/", "")).as_deref(), Ok("ListBuckets"));
    assert_eq!(
        name(&rest("GET", "/logs?policy", "")).as_deref(),
        Ok("GetBucketPolicy")
    );
    assert_eq!(
        name(&rest("GET", "/logs?list-type=2&prefix=", "")).as_deref(),
        Ok("ListObjectsV2")
    );
    assert_eq!(
        name(&rest("PUT", "/logs", "")).as_deref(),
        Ok("CreateBucket")
    );
    assert_eq!(
        name(&rest("PUT", "/logs/a/b.json", "{}")).as_deref(),
        Ok("PutObject")
    );
    let foreign = name(&rest("GET", "/logs?replication", "")).expect_err("not simulated");
    assert_eq!(
        (foreign.code.as_str(), foreign.status),
        ("NotImplemented", 501)
    );

    let tags = "<Tagging xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><TagSet>\
                <Tag><Key>team</Key><Value>a &amp; b</Value></Tag></TagSet></Tagging>";
    let expected = json!({
        "Bucket": "logs",
        "Tagging": {"TagSet": [{"Key": "team", "Value": "a & b"}]},
    });
    let (_, input) = read(s3, &rest("PUT", "/logs?tagging", tags)).expect("read");
    assert_eq!(input, expected);
    let mut hosted = rest("PUT", "/?tagging", tags);
    hosted
        .headers
        .push(("host".into(), "logs.s3.eu-west-1.amazonaws.com".into()));
    assert_eq!(read(s3, &hosted).expect("read").1, expected);
    assert!(read(s3, &rest("PUT", "/logs?tagging", "<Tagging><TagSet>")).is_err());

    let request = rest("GET", "/logs?location", "");
    let location = operation(s3, &request).expect("known");
    let output = json!({"LocationConstraint": "eu-west-1"});
    let body = encode(s3, location, &request, &output, "id").body;
    let body = String::from_utf8(body).expect("text");
    assert!(body.ends_with(">eu-west-1</LocationConstraint>"), "{body}");
}

#[test]
fn a_wrong_answer_of_the_sandbox_is_found() {
    let organizations = service("organizations");
    let describe = &organizations.operations["DescribeAccount"];
    let wrong = |output: Value| check_output(organizations, describe, &output);
    assert!(wrong(json!({"Account": {"Id": "111111111111"}})).is_ok());
    let error = wrong(json!({"Account": {"Id": "1"}})).expect_err("found");
    assert!(
        error.contains("DescribeAccount") && error.contains("Account.Id"),
        "{error}"
    );
    assert!(wrong(json!({"Account": {"Ident": "111111111111"}})).is_err());
    assert!(wrong(json!({"Account": {"State": "GONE"}})).is_err());
    let guardduty = service("guardduty");
    let tags = &guardduty.operations["ListTagsForResource"];
    assert!(check_output(guardduty, tags, &json!({"Tags": {"a": "b"}})).is_ok());
    // AWS leaves this member out where nobody administers the account, and no other.
    let administrator = &guardduty.operations["GetAdministratorAccount"];
    assert!(check_output(guardduty, administrator, &json!({})).is_ok());
    let unknown = json!({"Administrator": {"Account": "111111111111"}});
    assert!(check_output(guardduty, administrator, &unknown).is_err());
    assert!(check_output(guardduty, &guardduty.operations["GetDetector"], &json!({})).is_err());
    // TagMap has a least size of 1.
    assert!(check_output(guardduty, tags, &json!({"Tags": {}})).is_err());
}

#[test]
fn a_service_that_is_not_there_answers_in_the_form_of_the_request() {
    let error = AwsError::new("InvalidAction", "The action <x> is not valid");
    let form = encode_error(None, &form("Action=%3Cx%3E&Version=1"), &error, "r");
    assert_eq!(
        String::from_utf8_lossy(&form.body),
        "<Response><Errors><Error><Code>InvalidAction</Code><Message>The action &lt;x&gt; is not valid</Message>\
         </Error></Errors><RequestID>r</RequestID></Response>"
    );
    let json = encode_error(None, &json_request("Other.Act", json!({})), &error, "r");
    assert!(serde_json::from_slice::<Value>(&json.body).is_ok());
}

#[test]
fn timestamps_take_the_form_of_their_protocol() {
    use super::stamp::{Form, read, write};
    // 2024-01-15T10:30:00.123Z, from the documents of Smithy.
    let moment = json!(1_705_314_600.123);
    assert_eq!(write(&moment, Form::Iso8601), "2024-01-15T10:30:00.123Z");
    assert_eq!(
        write(&moment, Form::Rfc822),
        "Mon, 15 Jan 2024 10:30:00 GMT"
    );
    assert_eq!(
        read(&json!("2024-01-15T10:30:00Z")),
        Ok(json!(1_705_314_600))
    );
    assert_eq!(
        read(&json!("Mon, 15 Jan 2024 10:30:00 GMT")),
        Ok(json!(1_705_314_600))
    );
    assert!(read(&json!("soon")).is_err());
}
