//! Pokes of what the baselines set up: trails, buckets, Config, GuardDuty.

use serde_json::{Value, json};

use super::organization::edited;
use super::{Given, Poke, PokeError, call, find};
use crate::guardduty::Detector;
use crate::world::{RegionWorld, World};
use crate::{account, ec2};

pub(super) const POKES: &[Poke] = &[
    Poke {
        name: "stop-trail",
        arguments: &["[TRAIL]"],
        help: "stop a trail's logging",
        act: stop_trail,
    },
    Poke {
        name: "delete-trail",
        arguments: &["[TRAIL]"],
        help: "delete a trail",
        act: delete_trail,
    },
    Poke {
        name: "edit-trail",
        arguments: &["HOW", "[TRAIL]"],
        help: "weaken a trail: `single-region`, `no-validation` or `not-organization`",
        act: edit_trail,
    },
    Poke {
        name: "edit-bucket-policy",
        arguments: &["BUCKET", "[JSON]"],
        help: "replace a bucket's policy, or take its last statement away",
        act: edit_bucket_policy,
    },
    Poke {
        name: "bucket-encryption-off",
        arguments: &["BUCKET"],
        help: "take a bucket's own encryption away; AWS's default stays",
        act: bucket_encryption_off,
    },
    Poke {
        name: "bucket-versioning-off",
        arguments: &["BUCKET"],
        help: "suspend a bucket's versioning",
        act: bucket_versioning_off,
    },
    Poke {
        name: "bucket-public-access-block-off",
        arguments: &["BUCKET"],
        help: "take a bucket's block of public access away",
        act: bucket_public_access_block_off,
    },
    Poke {
        name: "stop-recorder",
        arguments: &["ACCOUNT", "[REGION]"],
        help: "stop Config's recorder",
        act: stop_recorder,
    },
    Poke {
        name: "edit-recorder",
        arguments: &["ACCOUNT", "[REGION]"],
        help: "let Config's recorder record S3 buckets only",
        act: edit_recorder,
    },
    Poke {
        name: "override-recorder",
        arguments: &["ACCOUNT", "[REGION]"],
        help: "let Config's recorder record security groups once a day only",
        act: override_recorder,
    },
    Poke {
        name: "delete-recorder",
        arguments: &["ACCOUNT", "[REGION]"],
        help: "delete Config's recorder",
        act: delete_recorder,
    },
    Poke {
        name: "delete-channel",
        arguments: &["ACCOUNT", "[REGION]"],
        help: "stop Config's recorder and delete its delivery channel",
        act: delete_channel,
    },
    Poke {
        name: "delete-aggregator",
        arguments: &["ACCOUNT", "[REGION]"],
        help: "delete Config's aggregator",
        act: delete_aggregator,
    },
    Poke {
        name: "open-ssh",
        arguments: &["ACCOUNT", "[REGION]"],
        help: "let the whole internet in on port 22 through the default security group",
        act: open_ssh,
    },
    Poke {
        name: "disable-guardduty",
        arguments: &["ACCOUNT", "[REGION]"],
        help: "suspend GuardDuty in an account",
        act: disable_guardduty,
    },
    Poke {
        name: "guardduty-auto-enable-none",
        arguments: &["[REGION]"],
        help: "let GuardDuty leave new accounts alone",
        act: auto_enable_none,
    },
    Poke {
        name: "guardduty-feature-off",
        arguments: &["FEATURE", "[REGION]"],
        help: "turn a feature of GuardDuty off in the administrator's detector",
        act: feature_off,
    },
    Poke {
        name: "guardduty-feature-on",
        arguments: &["FEATURE", "[REGION]"],
        help: "turn a feature of GuardDuty on in the administrator's detector",
        act: feature_on,
    },
    Poke {
        name: "guardduty-held",
        arguments: &["FEATURE", "ON_OR_OFF", "[REGION]"],
        help: "an organization policy holds a feature of the administrator's detector, on or off",
        act: feature_held,
    },
    Poke {
        name: "remove-member",
        arguments: &["ACCOUNT", "[REGION]"],
        help: "take an account out of GuardDuty's members",
        act: remove_member,
    },
    Poke {
        name: "delete-destination",
        arguments: &["[REGION]"],
        help: "delete the place where GuardDuty exports findings to",
        act: delete_destination,
    },
];

/// A place: account and Region.
type At = (String, String);

fn at((account, region): &At) -> (&str, &str) {
    (account, region)
}

/// The trail that is meant, with where its home is.
fn trail(world: &World, word: Option<&str>) -> Result<(At, String), PokeError> {
    let trails: Vec<(At, &String)> = world
        .accounts
        .iter()
        .flat_map(|(account, it)| {
            it.regions
                .iter()
                .map(move |(region, it)| (account, region, it))
        })
        .flat_map(|(account, region, it)| {
            let names = it.cloudtrail.trails.keys();
            names.map(move |name| ((account.clone(), region.clone()), name))
        })
        .collect();
    let name = find::one("trail", word, trails.iter().map(|(_, name)| name.as_str()))?;
    trails
        .iter()
        .find(|(_, other)| *other == name)
        .map(|(at, name)| (at.clone(), (*name).clone()))
        .ok_or_else(|| PokeError::new("there is no trail in this world"))
}

fn stop_trail(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    let (place, name) = trail(world, given.option(0))?;
    let input = json!({"Name": name});
    call(world, at(&place), "cloudtrail", "StopLogging", input)?;
    Ok(format!("trail {name} logs no more"))
}

fn delete_trail(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    let (place, name) = trail(world, given.option(0))?;
    let input = json!({"Name": name});
    call(world, at(&place), "cloudtrail", "DeleteTrail", input)?;
    Ok(format!("trail {name} was deleted"))
}

fn edit_trail(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    const WAYS: &[(&str, &str, &str)] = &[
        ("single-region", "IsMultiRegionTrail", "is of one Region"),
        (
            "no-validation",
            "EnableLogFileValidation",
            "has no log file validation",
        ),
        (
            "not-organization",
            "IsOrganizationTrail",
            "is not the organization's",
        ),
    ];
    let word = given.get(0);
    let Some((_, member, is)) = WAYS.iter().find(|(way, ..)| *way == word) else {
        let error = PokeError::new(format!("`{word}` is no way to edit a trail"));
        return Err(
            match find::did_you_mean(word, WAYS.iter().map(|(way, ..)| *way)) {
                Some(hint) => error.hint(hint),
                None => error,
            },
        );
    };
    let (place, name) = trail(world, given.option(1))?;
    let mut input = json!({"Name": name});
    if let Some(input) = input.as_object_mut() {
        input.insert((*member).to_owned(), Value::Bool(false));
    }
    call(world, at(&place), "cloudtrail", "UpdateTrail", input)?;
    Ok(format!("trail {name} {is} now"))
}

/// The bucket that is meant, with its place.
fn bucket(world: &World, word: &str) -> Result<(At, String), PokeError> {
    let buckets = &world.s3.buckets;
    let name = find::one("bucket", Some(word), buckets.keys().map(String::as_str))?;
    buckets
        .get(name)
        .map(|it| ((it.account.clone(), it.region.clone()), name.to_owned()))
        .ok_or_else(|| PokeError::new(format!("there is no bucket `{word}`")))
}

fn edit_bucket_policy(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    let (place, name) = bucket(world, given.get(0))?;
    let policy = world.s3.buckets.get(&name).and_then(|it| it.policy.clone());
    let policy = match (policy, given.option(1)) {
        (None, None) => {
            return Err(PokeError::new(format!("bucket {name} has no policy"))
                .hint("give the policy that it is to have, as JSON"));
        }
        (policy, json) => edited(&name, &policy.unwrap_or_default(), json)?,
    };
    call(
        world,
        at(&place),
        "s3",
        "PutBucketPolicy",
        json!({"Bucket": name, "Policy": policy}),
    )?;
    Ok(format!("bucket {name} has another policy now"))
}

fn bucket_encryption_off(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    let (_, name) = bucket(world, given.get(0))?;
    // What DeleteBucketEncryption does: AWS's default encryption is what is left.
    let setting = world
        .s3
        .buckets
        .get_mut(&name)
        .and_then(|it| it.settings.remove("ServerSideEncryptionConfiguration"));
    match setting {
        Some(_) => Ok(format!("bucket {name} has AWS's default encryption only")),
        None => Err(PokeError::new(format!(
            "bucket {name} has no encryption of its own"
        ))),
    }
}

fn bucket_versioning_off(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    let (place, name) = bucket(world, given.get(0))?;
    call(
        world,
        at(&place),
        "s3",
        "PutBucketVersioning",
        json!({"Bucket": name, "VersioningConfiguration": {"Status": "Suspended"}}),
    )?;
    Ok(format!("bucket {name} keeps no versions any more"))
}

fn bucket_public_access_block_off(
    world: &mut World,
    given: &Given<'_>,
) -> Result<String, PokeError> {
    let (place, name) = bucket(world, given.get(0))?;
    call(
        world,
        at(&place),
        "s3",
        "DeletePublicAccessBlock",
        json!({"Bucket": name}),
    )?;
    Ok(format!("bucket {name} does not block public access"))
}

/// The Region of an account that is meant, among those where `has` holds.
fn place(
    world: &World,
    what: &str,
    account: &str,
    region: Option<&str>,
    has: impl Fn(&RegionWorld) -> bool,
) -> Result<At, PokeError> {
    let account = find::account(world, account)?;
    let regions: Vec<String> = world
        .account(&account)
        .into_iter()
        .flat_map(|it| &it.regions)
        .filter(|(_, it)| has(it))
        .map(|(region, _)| region.clone())
        .collect();
    let region = find::region(what, region, &regions)?;
    Ok((account, region))
}

fn recorder(world: &World, given: &Given<'_>) -> Result<(At, Value), PokeError> {
    let (account, region) = (given.get(0), given.option(1));
    let place = place(world, "recorder", account, region, |it| {
        it.config.recorder.is_some()
    })?;
    let settings = world
        .region(&place.0, &place.1)
        .and_then(|it| it.config.recorder.as_ref())
        .map(|recorder| recorder.settings.clone())
        .unwrap_or_default();
    Ok((place, settings))
}

fn there(world: &World, (account, region): &At) -> String {
    format!("of {} in {region}", find::shown(world, account))
}

fn stop_recorder(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    let (place, settings) = recorder(world, given)?;
    let input = json!({"ConfigurationRecorderName": settings.get("name")});
    let operation = "StopConfigurationRecorder";
    call(world, at(&place), "config", operation, input)?;
    Ok(format!("the recorder {} was stopped", there(world, &place)))
}

fn open_ssh(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    // Every Region that is enabled has a default group, whether or not anything else is there.
    let id = find::account(world, given.get(0))?;
    let enabled = |region: &str| {
        let there = world.account(&id);
        there.is_some_and(|it| account::is_enabled(&it.settings, region))
    };
    let place = match given.option(1) {
        Some(region) if enabled(region) => (id, region.to_owned()),
        region => place(world, "Region in use", given.get(0), region, |_| true)?,
    };
    let (account, region) = at(&place);
    let group = ec2::default_group(account, region);
    let input = json!({
        "GroupId": group,
        "IpPermissions": [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22,
                           "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}],
    });
    let operation = "AuthorizeSecurityGroupIngress";
    call(world, at(&place), "ec2", operation, input)?;
    Ok(format!(
        "port 22 of {group} {} is open to 0.0.0.0/0",
        there(world, &place)
    ))
}

fn edit_recorder(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    let (place, settings) = recorder(world, given)?;
    let group = json!({
        "allSupported": false,
        "includeGlobalResourceTypes": false,
        "resourceTypes": ["AWS::S3::Bucket"],
        "recordingStrategy": {"useOnly": "INCLUSION_BY_RESOURCE_TYPES"},
    });
    let mut edited = json!({
        "name": settings.get("name"),
        "roleARN": settings.get("roleARN"),
        "recordingGroup": group,
    });
    if let (Some(mode), Some(edited)) = (settings.get("recordingMode"), edited.as_object_mut()) {
        edited.insert(String::from("recordingMode"), mode.clone());
    }
    call(
        world,
        at(&place),
        "config",
        "PutConfigurationRecorder",
        json!({"ConfigurationRecorder": edited}),
    )?;
    Ok(format!(
        "the recorder {} records S3 buckets only",
        there(world, &place)
    ))
}

fn override_recorder(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    let (place, mut settings) = recorder(world, given)?;
    if let Some(settings) = settings.as_object_mut() {
        let mode = json!({
            "recordingFrequency": "CONTINUOUS",
            "recordingModeOverrides": [{
                "resourceTypes": ["AWS::EC2::SecurityGroup"],
                "recordingFrequency": "DAILY",
            }],
        });
        settings.insert(String::from("recordingMode"), mode);
        for own in ["arn", "recordingScope"] {
            settings.remove(own);
        }
    }
    call(
        world,
        at(&place),
        "config",
        "PutConfigurationRecorder",
        json!({"ConfigurationRecorder": settings}),
    )?;
    Ok(format!(
        "the recorder {} records security groups once a day",
        there(world, &place)
    ))
}

fn delete_recorder(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    let (place, settings) = recorder(world, given)?;
    let input = json!({"ConfigurationRecorderName": settings.get("name")});
    let operation = "DeleteConfigurationRecorder";
    call(world, at(&place), "config", operation, input)?;
    Ok(format!("the recorder {} was deleted", there(world, &place)))
}

fn delete_channel(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    let (account, region) = (given.get(0), given.option(1));
    let place = place(world, "delivery channel", account, region, |it| {
        it.config.channel.is_some()
    })?;
    let config = world
        .region(&place.0, &place.1)
        .map(|it| it.config.clone())
        .unwrap_or_default();
    // AWS keeps the channel of a recorder that runs.
    if let Some(recorder) = config.recorder.filter(|recorder| recorder.recording) {
        let input = json!({"ConfigurationRecorderName": recorder.settings.get("name")});
        let operation = "StopConfigurationRecorder";
        call(world, at(&place), "config", operation, input)?;
    }
    let name = config.channel.as_ref().and_then(|it| it.get("name"));
    let input = json!({"DeliveryChannelName": name});
    call(world, at(&place), "config", "DeleteDeliveryChannel", input)?;
    Ok(format!(
        "the recorder {} was stopped and its delivery channel deleted",
        there(world, &place)
    ))
}

fn delete_aggregator(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    let (account, region) = (given.get(0), given.option(1));
    let place = place(world, "aggregator", account, region, |it| {
        !it.config.aggregators.is_empty()
    })?;
    let name = world
        .region(&place.0, &place.1)
        .and_then(|it| it.config.aggregators.keys().next().cloned());
    let input = json!({"ConfigurationAggregatorName": name});
    let operation = "DeleteConfigurationAggregator";
    call(world, at(&place), "config", operation, input)?;
    Ok(format!(
        "the aggregator {} was deleted",
        there(world, &place)
    ))
}

fn detector<'w>(world: &'w World, (account, region): &At) -> Result<&'w Detector, PokeError> {
    world
        .region(account, region)
        .and_then(|it| it.guardduty.detector.as_ref())
        .ok_or_else(|| PokeError::new("there is no detector there"))
}

fn disable_guardduty(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    let (account, region) = (given.get(0), given.option(1));
    let place = place(world, "detector", account, region, |it| {
        it.guardduty.detector.is_some()
    })?;
    let (id, member) = {
        let found = detector(world, &place)?;
        if !found.enabled {
            return Err(PokeError::new("GuardDuty is suspended there already"));
        }
        (found.id.clone(), found.administrator.is_some())
    };
    if member {
        // What the administrator's StopMonitoringMembers does: a member cannot do it itself.
        let guardduty = &mut world.region_mut(&place.0, &place.1)?.guardduty;
        if let Some(detector) = &mut guardduty.detector {
            detector.enabled = false;
        }
    } else {
        let input = json!({"DetectorId": id, "Enable": false});
        call(world, at(&place), "guardduty", "UpdateDetector", input)?;
    }
    Ok(format!("GuardDuty {} was suspended", there(world, &place)))
}

/// The administrator's detector in a Region.
fn administrator(world: &World, region: Option<&str>) -> Result<(At, String), PokeError> {
    let management = &find::organization(world)?.management_account;
    let admins: Vec<(String, String)> = world
        .account(management)
        .into_iter()
        .flat_map(|it| &it.regions)
        .filter_map(|(region, it)| Some((region.clone(), it.guardduty.organization_admin.clone()?)))
        .collect();
    let regions: Vec<String> = admins.iter().map(|(region, _)| region.clone()).collect();
    let region = find::region("GuardDuty administrator", region, &regions)?;
    let account = admins
        .into_iter()
        .find(|(other, _)| *other == region)
        .map(|(_, account)| account)
        .unwrap_or_default();
    let place = (account, region);
    let id = detector(world, &place)?.id.clone();
    Ok((place, id))
}

fn auto_enable_none(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    let (place, id) = administrator(world, given.option(0))?;
    let input = json!({"DetectorId": id, "AutoEnableOrganizationMembers": "NONE"});
    let operation = "UpdateOrganizationConfiguration";
    call(world, at(&place), "guardduty", operation, input)?;
    Ok(format!(
        "GuardDuty leaves new accounts alone in {}",
        place.1
    ))
}

fn feature_off(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    let (place, id) = administrator(world, given.option(1))?;
    let features = &detector(world, &place)?.features;
    let names = features.keys().map(String::as_str);
    let name = find::one("feature", Some(given.get(0)), names)?.to_owned();
    let input = json!({"DetectorId": id, "Features": [{"Name": name, "Status": "DISABLED"}]});
    call(world, at(&place), "guardduty", "UpdateDetector", input)?;
    Ok(format!(
        "{name} is off in the detector {}",
        there(world, &place)
    ))
}

fn feature_on(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    let (place, id) = administrator(world, given.option(1))?;
    let name = given.get(0);
    let input = json!({"DetectorId": id, "Features": [{"Name": name, "Status": "ENABLED"}]});
    call(world, at(&place), "guardduty", "UpdateDetector", input)?;
    Ok(format!(
        "{name} is on in the detector {}",
        there(world, &place)
    ))
}

fn feature_held(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    let on = match given.get(1) {
        "on" => true,
        "off" => false,
        word => {
            return Err(PokeError::new(format!("`{word}` is neither on nor off"))
                .hint("write `on` or `off`"));
        }
    };
    let (place, _) = administrator(world, given.option(2))?;
    let name = given.get(0).to_owned();
    // A policy does this, not a call.
    let guardduty = &mut world.region_mut(&place.0, &place.1)?.guardduty;
    let Some(detector) = &mut guardduty.detector else {
        return Err(PokeError::new("there is no detector there"));
    };
    detector.features.insert(name.clone(), on);
    detector.held.insert(name.clone());
    Ok(format!(
        "a policy holds {name} {} in the detector {}",
        given.get(1),
        there(world, &place)
    ))
}

fn remove_member(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    let account = find::account(world, given.get(0))?;
    let (place, id) = administrator(world, given.option(1))?;
    if !detector(world, &place)?.members.contains_key(&account) {
        return Err(PokeError::new(format!(
            "{} is no member of GuardDuty in {}",
            find::shown(world, &account),
            place.1
        )));
    }
    // AWS refuses while auto-enable is ALL: whoever does this turns it off and on again. What that brings back
    // within a day is not what this is about.
    let auto = |world: &mut World, value: String| {
        let region = world.region_mut(&place.0, &place.1).ok();
        let detector = region.and_then(|region| region.guardduty.detector.as_mut());
        detector.map(|it| std::mem::replace(&mut it.organization.auto_enable, value))
    };
    let before = auto(world, "NONE".to_owned());
    let input = json!({"DetectorId": id, "AccountIds": [account]});
    call(world, at(&place), "guardduty", "DisassociateMembers", input)?;
    auto(world, before.unwrap_or_default());
    Ok(format!(
        "{} is no member of GuardDuty in {} any more",
        find::shown(world, &account),
        place.1
    ))
}

fn delete_destination(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    let (place, id) = administrator(world, given.option(0))?;
    let Some(destination) = detector(world, &place)?.destinations.keys().next().cloned() else {
        return Err(PokeError::new(format!(
            "GuardDuty exports nothing in {}",
            place.1
        )));
    };
    let input = json!({"DetectorId": id, "DestinationId": destination});
    let operation = "DeletePublishingDestination";
    call(world, at(&place), "guardduty", operation, input)?;
    Ok(format!("GuardDuty exports nothing in {} any more", place.1))
}
