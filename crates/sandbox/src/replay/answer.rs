//! A recorded answer beside ours.

use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::{Map, Value};

use super::Told;
use super::names::Names;
use crate::codec::Response;

/// Where two answers differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) place: String,
    pub(super) recorded: Option<String>,
    pub(super) simulated: Option<String>,
}

/// Members that say nothing of what was asked.
const BESIDE: &[&str] = &[
    "RequestId",
    "requestId",
    "RequestID",
    "ResponseMetadata",
    "HostId",
    "@xmlns",
];

/// What stands for a credential.
const UNRECORDED: &str = "-";

/// Lists of one element would look like the element itself.
const ELEMENTS: &[&str] = &["member", "item", "entry"];

/// Compares them; ids that were not met before are learned where they agree.
pub(super) fn compare(
    told: &Told,
    response: &Response,
    names: &mut Names,
) -> Result<(), Vec<Place>> {
    let mut trial = names.clone();
    let mut places = Vec::new();
    let status = told.status.unwrap_or_default();
    if status != response.status {
        places.push(Place {
            place: "status".to_owned(),
            recorded: Some(status.to_string()),
            simulated: Some(response.status.to_string()),
        });
    }
    // The header may have the namespace after a colon (Smithy's AWS restJson1 protocol).
    let code = |header: &str| header.split(':').next().unwrap_or_default().to_owned();
    let ours = response.headers.iter();
    let mut ours = ours
        .filter(|(name, _)| name.eq_ignore_ascii_case("x-amzn-errortype"))
        .map(|(_, value)| code(value));
    let (recorded, simulated) = (told.error.as_deref().map(code), ours.next());
    if recorded != simulated {
        places.push(Place {
            place: "error".to_owned(),
            recorded,
            simulated,
        });
    }
    let recorded = match &told.answer {
        Some(Value::String(body)) => tree(body),
        other => other.clone().unwrap_or_default(),
    };
    let simulated = tree(&String::from_utf8_lossy(&response.body));
    values("", &recorded, &simulated, &mut trial, &mut places);
    if places.is_empty() {
        *names = trial;
        return Ok(());
    }
    Err(places)
}

/// A body as a tree: JSON or XML, else the text itself.
fn tree(body: &str) -> Value {
    if body.trim().is_empty() {
        return Value::Null;
    }
    serde_json::from_str(body)
        .ok()
        .or_else(|| xml(body))
        .unwrap_or_else(|| Value::String(body.to_owned()))
}

fn xml(body: &str) -> Option<Value> {
    let mut reader = Reader::from_str(body);
    // Open elements: their names, members and text.
    let mut open: Vec<(String, Map<String, Value>, String)> = Vec::new();
    let close = |(name, members, text): (String, Map<String, Value>, String)| {
        let value = match members.is_empty() {
            true => Value::String(text),
            false => Value::Object(members),
        };
        (name, value)
    };
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) => {
                let name = String::from_utf8_lossy(tag.local_name().as_ref()).into_owned();
                open.push((name, Map::new(), String::new()));
            }
            Event::Empty(tag) => {
                let name = String::from_utf8_lossy(tag.local_name().as_ref()).into_owned();
                let (_, members, _) = open.last_mut()?;
                add(members, name, Value::String(String::new()));
            }
            Event::Text(text) => {
                if let Some((_, _, inside)) = open.last_mut() {
                    inside.push_str(&text.decode().ok()?);
                }
            }
            Event::GeneralRef(reference) => {
                let name = reference.decode().ok()?;
                let letter = match reference.resolve_char_ref().ok()? {
                    Some(letter) => letter.to_string(),
                    None => quick_xml::escape::resolve_predefined_entity(&name)?.to_owned(),
                };
                if let Some((_, _, inside)) = open.last_mut() {
                    inside.push_str(&letter);
                }
            }
            Event::CData(text) => {
                if let Some((_, _, inside)) = open.last_mut() {
                    inside.push_str(&text.decode().ok()?);
                }
            }
            Event::End(_) => {
                let (name, value) = close(open.pop()?);
                match open.last_mut() {
                    Some((_, members, _)) => add(members, name, value),
                    None => return Some(Value::Object(Map::from_iter([(name, value)]))),
                }
            }
            Event::Eof => return None,
            _ => {}
        }
    }
}

/// Adds a member; a name that comes again makes a list.
fn add(members: &mut Map<String, Value>, name: String, value: Value) {
    match members.get_mut(&name) {
        Some(Value::Array(list)) => list.push(value),
        Some(first) => {
            let before = first.take();
            *first = Value::Array(vec![before, value]);
        }
        None if ELEMENTS.contains(&name.as_str()) => {
            members.insert(name, Value::Array(vec![value]));
        }
        None => {
            members.insert(name, value);
        }
    }
}

fn values(
    path: &str,
    recorded: &Value,
    simulated: &Value,
    names: &mut Names,
    places: &mut Vec<Place>,
) {
    match (recorded, simulated) {
        (Value::Object(theirs), Value::Object(ours)) => {
            for (key, their) in theirs
                .iter()
                .filter(|(key, _)| !BESIDE.contains(&key.as_str()))
            {
                let at = format!("{path}/{key}");
                match ours.get(key) {
                    Some(our) if is_token(key) => {
                        if let (Value::String(their), Value::String(our)) = (their, our) {
                            names.token(their, our);
                        }
                    }
                    Some(our) => values(&at, their, our, names, places),
                    None if is_nothing(their) => {}
                    None => places.push(place(at, Some(their), None)),
                }
            }
            for (key, our) in ours
                .iter()
                .filter(|(key, _)| !BESIDE.contains(&key.as_str()))
            {
                if !theirs.contains_key(key) && !is_nothing(our) {
                    places.push(place(format!("{path}/{key}"), None, Some(our)));
                }
            }
        }
        (Value::Array(theirs), Value::Array(ours)) => lists(path, theirs, ours, names, places),
        // A flattened list of one element.
        (Value::Array(theirs), our) => {
            lists(path, theirs, std::slice::from_ref(our), names, places);
        }
        (their, Value::Array(ours)) => {
            lists(path, std::slice::from_ref(their), ours, names, places);
        }
        (their, our) if agree(their, our, names) => {}
        (their, our) => places.push(place(path.to_owned(), Some(their), Some(our))),
    }
}

/// AWS lists in no order that it promises: each recorded element is looked for in ours.
fn lists(path: &str, theirs: &[Value], ours: &[Value], names: &mut Names, places: &mut Vec<Place>) {
    let mut rest: Vec<&Value> = ours.iter().collect();
    let mut unlike = Vec::new();
    for their in theirs {
        let fitting = rest.iter().position(|our| {
            let (mut trial, mut differences) = (names.clone(), Vec::new());
            values(path, their, our, &mut trial, &mut differences);
            let fits = differences.is_empty();
            if fits {
                *names = trial;
            }
            fits
        });
        match fitting {
            Some(at) => {
                rest.remove(at);
            }
            None => unlike.push(their),
        }
    }
    let mut rest = rest.into_iter();
    for their in unlike {
        match rest.next() {
            Some(our) => values(&format!("{path}/*"), their, our, names, places),
            None => places.push(place(format!("{path}/*"), Some(their), None)),
        }
    }
    places.extend(rest.map(|our| place(format!("{path}/*"), None, Some(our))));
}

/// Whether two values say the same, but for ids and times.
fn agree(recorded: &Value, simulated: &Value, names: &mut Names) -> bool {
    match (recorded, simulated) {
        // Credentials are not recorded.
        (Value::String(their), Value::String(_)) if their == UNRECORDED => true,
        (Value::String(their), Value::String(our)) => {
            (is_time(their) && is_time(our)) || names.agree(their, our)
        }
        // Seconds since the epoch: any moment of this century is one.
        (Value::Number(their), Value::Number(our)) => {
            let moment = |number: &serde_json::Number| number.as_f64().is_some_and(|n| n > 9e8);
            their == our || (moment(their) && moment(our))
        }
        (their, our) => their == our,
    }
}

fn is_time(text: &str) -> bool {
    text.parse::<jiff::Timestamp>().is_ok()
}

fn is_token(key: &str) -> bool {
    ["NextToken", "nextToken", "Marker"].contains(&key)
}

/// Whether a member might as well not be there.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

fn place(at: String, recorded: Option<&Value>, simulated: Option<&Value>) -> Place {
    let told = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    Place {
        place: at.trim_start_matches('/').to_owned(),
        recorded: recorded.map(told),
        simulated: simulated.map(told),
    }
}
