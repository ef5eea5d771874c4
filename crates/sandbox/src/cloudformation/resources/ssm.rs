//! AWS::SSM::Parameter, Document and Association.

use serde_json::{Map, Value, json};

use super::{
    Identity, Kind, Maker, Props, always_stable, as_declared, document, gone_is_fine, identity,
    live, str_of, typed,
};
use crate::call::AwsError;

pub(super) const KINDS: &[Kind] = &[
    Kind {
        name: "AWS::SSM::Parameter",
        properties: &[
            "AllowedPattern",
            "DataType",
            "Description",
            "Name",
            "Policies",
            "Tags",
            "Tier",
            "Type",
            "Value",
        ],
        required: &["Type", "Value"],
        replaced_by: &["Name"],
        seconds: 3,
        rank: 0,
        create: create_parameter,
        update: |maker, name, props| put_parameter(maker, name, props, true),
        delete: |maker, name, _| {
            gone_is_fine(maker.call("ssm", "DeleteParameter", json!({"Name": name})))
        },
        stable: always_stable,
        read: Some(read_parameter),
    },
    Kind {
        name: "AWS::SSM::Document",
        properties: &[
            "Attachments",
            "Content",
            "DocumentFormat",
            "DocumentType",
            "Name",
            "Requires",
            "Tags",
            "TargetType",
            "UpdateMethod",
            "VersionName",
        ],
        required: &["Content"],
        replaced_by: &["DocumentType", "Name"],
        seconds: 5,
        rank: 0,
        create: create_document,
        update: |maker, name, props| {
            let input = json!({"Name": name, "Content": document(props.get("Content")), "DocumentVersion": "$LATEST"});
            match maker.call("ssm", "UpdateDocument", input) {
                // Only its tags change.
                Err(error) if error.code == "DuplicateDocumentContent" => {}
                updated => {
                    let updated = updated?;
                    let made = &updated["DocumentDescription"]["DocumentVersion"];
                    let input = json!({"Name": name, "DocumentVersion": made});
                    maker.call("ssm", "UpdateDocumentDefaultVersion", input)?;
                }
            }
            Ok(identity(name, &[]))
        },
        delete: |maker, name, _| {
            gone_is_fine(maker.call("ssm", "DeleteDocument", json!({"Name": name})))
        },
        stable: always_stable,
        read: None,
    },
    Kind {
        name: "AWS::SSM::Association",
        properties: &[
            "ApplyOnlyAtCronInterval",
            "AssociationDispatchAssumeRole",
            "AssociationName",
            "AutomationTargetParameterName",
            "CalendarNames",
            "ComplianceSeverity",
            "DocumentVersion",
            "InstanceId",
            "MaxConcurrency",
            "MaxErrors",
            "Name",
            "OutputLocation",
            "Parameters",
            "ScheduleExpression",
            "ScheduleOffset",
            "SyncCompliance",
            "Targets",
            "WaitForSuccessTimeoutSeconds",
        ],
        required: &["Name"],
        replaced_by: &["Name"],
        seconds: 10,
        rank: 0,
        create: |maker, props| {
            let made = maker.call("ssm", "CreateAssociation", association(props))?;
            let id = made
                .pointer("/AssociationDescription/AssociationId")
                .and_then(Value::as_str)
                .unwrap_or_default();
            Ok(identity(id, &[("AssociationId", id)]))
        },
        update: |maker, id, props| {
            let mut input = association(props);
            if let Some(map) = input.as_object_mut() {
                map.insert("AssociationId".to_owned(), json!(id));
            }
            maker.call("ssm", "UpdateAssociation", input)?;
            Ok(identity(id, &[("AssociationId", id)]))
        },
        delete: |maker, id, _| {
            gone_is_fine(maker.call("ssm", "DeleteAssociation", json!({"AssociationId": id})))
        },
        stable: always_stable,
        read: Some(read_association),
    },
];

fn create_parameter(maker: &mut Maker<'_>, props: &Props) -> Result<Identity, AwsError> {
    let name = match str_of(props, "Name") {
        Some(name) => name,
        None => format!("CFN-{}", maker.make_name(200)),
    };
    put_parameter(maker, &name, props, false)
}

fn put_parameter(
    maker: &mut Maker<'_>,
    name: &str,
    props: &Props,
    overwrite: bool,
) -> Result<Identity, AwsError> {
    let mut input = Map::new();
    for key in [
        "AllowedPattern",
        "DataType",
        "Description",
        "Policies",
        "Tier",
        "Type",
        "Value",
    ] {
        if let Some(value) = str_of(props, key) {
            input.insert(key.to_owned(), json!(value));
        }
    }
    input.insert("Name".to_owned(), json!(name));
    input.insert("Overwrite".to_owned(), json!(overwrite));
    maker.call("ssm", "PutParameter", Value::Object(input))?;
    let get = |key: &str| str_of(props, key).unwrap_or_default();
    Ok(identity(
        name,
        &[("Type", &get("Type")), ("Value", &get("Value"))],
    ))
}

fn create_document(maker: &mut Maker<'_>, props: &Props) -> Result<Identity, AwsError> {
    let name = match str_of(props, "Name") {
        Some(name) => name,
        None => maker.make_name(128),
    };
    let mut input = Map::new();
    input.insert("Name".to_owned(), json!(name));
    input.insert("Content".to_owned(), json!(document(props.get("Content"))));
    for key in ["DocumentFormat", "DocumentType", "TargetType"] {
        if let Some(value) = str_of(props, key) {
            input.insert(key.to_owned(), json!(value));
        }
    }
    maker.call("ssm", "CreateDocument", Value::Object(input))?;
    Ok(identity(name, &[]))
}

fn association(props: &Props) -> Value {
    let mut input = typed(&Value::Object(props.clone()));
    if let Some(map) = input.as_object_mut() {
        map.remove("WaitForSuccessTimeoutSeconds");
    }
    input
}

fn read_parameter(maker: &Maker<'_>, name: &str, declared: &Props) -> Option<Props> {
    let parameter = maker.region()?.ssm.parameters.get(name)?;
    let mut props = live(json!({
        "Name": name, "Type": parameter.kind, "Value": parameter.value,
        "Description": parameter.description,
    }));
    let rest = ["AllowedPattern", "DataType", "Policies", "Tags", "Tier"];
    as_declared(&mut props, declared, &rest);
    Some(props)
}

fn read_association(maker: &Maker<'_>, id: &str, declared: &Props) -> Option<Props> {
    let association = maker.region()?.automation.associations.get(id)?;
    let mut props = live(json!({
        "Name": association.document, "AssociationName": association.name,
        "Parameters": association.parameters, "ScheduleExpression": association.schedule,
        "AssociationDispatchAssumeRole": association.dispatch_role,
    }));
    let rest = [
        "ApplyOnlyAtCronInterval",
        "AutomationTargetParameterName",
        "CalendarNames",
        "ComplianceSeverity",
        "DocumentVersion",
        "InstanceId",
        "MaxConcurrency",
        "MaxErrors",
        "OutputLocation",
        "ScheduleOffset",
        "SyncCompliance",
        "Targets",
        "WaitForSuccessTimeoutSeconds",
    ];
    as_declared(&mut props, declared, &rest);
    Some(props)
}
