//! AWS::GuardDuty::Detector.

use serde_json::{Map, Value, json};

use super::{
    Identity, Kind, Maker, Props, always_stable, as_declared, gone_is_fine, identity, live, typed,
};
use crate::call::AwsError;

pub(super) const KINDS: &[Kind] = &[Kind {
    name: "AWS::GuardDuty::Detector",
    properties: &[
        "DataSources",
        "Enable",
        "Features",
        "FindingPublishingFrequency",
        "Tags",
    ],
    required: &["Enable"],
    replaced_by: &[],
    seconds: 10,
    rank: 0,
    create,
    update: |maker, id, props| {
        let mut input = input(props);
        input.insert("DetectorId".to_owned(), json!(id));
        maker.call("guardduty", "UpdateDetector", Value::Object(input))?;
        Ok(identity(id, &[("Id", id)]))
    },
    delete: |maker, id, _| {
        gone_is_fine(maker.call("guardduty", "DeleteDetector", json!({"DetectorId": id})))
    },
    stable: always_stable,
    read: Some(read),
}];

fn input(props: &Props) -> Map<String, Value> {
    let mut input = Map::new();
    for key in ["Enable", "Features", "FindingPublishingFrequency"] {
        if let Some(value) = props.get(key) {
            input.insert(key.to_owned(), typed(value));
        }
    }
    input
}

fn create(maker: &mut Maker<'_>, props: &Props) -> Result<Identity, AwsError> {
    let mut input = input(props);
    input.insert("Tags".to_owned(), json!(maker.tags(props)));
    let made = maker.call("guardduty", "CreateDetector", Value::Object(input))?;
    let id = made
        .get("DetectorId")
        .and_then(Value::as_str)
        .unwrap_or_default();
    Ok(identity(id, &[("Id", id)]))
}

fn read(maker: &Maker<'_>, id: &str, declared: &Props) -> Option<Props> {
    let detector = maker.region()?.guardduty.detector.as_ref()?;
    if detector.id != id {
        return None;
    }
    let features: Vec<Value> = detector
        .features
        .iter()
        // A template names the features it cares for.
        .filter(|(name, _)| {
            let list = declared.get("Features").and_then(Value::as_array);
            list.into_iter()
                .flatten()
                .any(|feature| feature.get("Name").and_then(Value::as_str) == Some(name.as_str()))
        })
        .map(|(name, on)| {
            let status = if *on { "ENABLED" } else { "DISABLED" };
            let additional = detector.additional.get(name);
            match additional {
                Some(additional) => json!({
                    "Name": name, "Status": status, "AdditionalConfiguration": additional}),
                None => json!({"Name": name, "Status": status}),
            }
        })
        .collect();
    let mut props = live(json!({
        "Enable": detector.enabled, "FindingPublishingFrequency": detector.frequency,
        "Features": features, "Tags": maker.own_tags(&detector.tags),
    }));
    as_declared(&mut props, declared, &["DataSources"]);
    Some(props)
}
