//! CBOR for Smithy RPC v2, which newer clients choose where a service offers it beside JSON.
//!
//! Only what such clients send: definite and indefinite strings, lists and maps, integers, floats,
//! timestamps (tag 1), no bignums.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::model::{Kind, Service, ShapeId};

/// Nesting beyond which a body is refused.
const DEEPEST: usize = 64;

/// Reads one item; an empty body is an empty structure.
pub(super) fn decode(body: &[u8]) -> Result<Value, String> {
    if body.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    let mut reader = Reader { rest: body };
    reader
        .item(0)
        .ok_or_else(|| "the body is not the CBOR of a request".to_owned())
}

struct Reader<'b> {
    rest: &'b [u8],
}

/// The argument of an item's head; `None` for an indefinite length.
type Argument = Option<u64>;

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn bytes(&mut self, count: u64) -> Option<Vec<u8>> {
        let count = usize::try_from(count).ok()?;
        let taken = self.rest.get(..count)?.to_vec();
        self.rest = self.rest.get(count..)?;
        Some(taken)
    }

    fn head(&mut self) -> Option<(u8, u8, Argument)> {
        let first = self.byte()?;
        let (major, info) = (first >> 5, first & 31);
        let argument = match info {
            0..=23 => Some(u64::from(info)),
            24..=27 => {
                let mut number = 0u64;
                for _ in 0..(1u8 << (info - 24)) {
                    number = (number << 8) | u64::from(self.byte()?);
                }
                Some(number)
            }
            31 => None,
            _ => return None,
        };
        Some((major, info, argument))
    }

    fn ends(&mut self) -> bool {
        if self.rest.first() == Some(&0xff) {
            self.byte();
            return true;
        }
        false
    }

    fn string(&mut self, argument: Argument, depth: usize) -> Option<Vec<u8>> {
        if depth > DEEPEST {
            return None;
        }
        match argument {
            Some(count) => self.bytes(count),
            None => {
                let mut all = Vec::new();
                while !self.ends() {
                    let (_, _, argument) = self.head()?;
                    all.extend(self.string(Some(argument?), depth + 1)?);
                }
                Some(all)
            }
        }
    }

    fn item(&mut self, depth: usize) -> Option<Value> {
        if depth > DEEPEST {
            return None;
        }
        let (major, info, argument) = self.head()?;
        Some(match major {
            0 => Value::from(argument?),
            1 => Value::from(-1i64 - i64::try_from(argument?).ok()?),
            2 => Value::from(STANDARD.encode(self.string(argument, depth)?)),
            3 => Value::from(String::from_utf8(self.string(argument, depth)?).ok()?),
            4 => {
                let mut items = Vec::new();
                while argument.map_or(!self.ends(), |count| (items.len() as u64) < count) {
                    items.push(self.item(depth + 1)?);
                }
                Value::Array(items)
            }
            5 => {
                let mut object = Map::new();
                let mut read = 0u64;
                while argument.map_or(!self.ends(), |count| read < count) {
                    let key = self.item(depth + 1)?.as_str()?.to_owned();
                    object.insert(key, self.item(depth + 1)?);
                    read += 1;
                }
                Value::Object(object)
            }
            // A timestamp is its number of seconds, as inside.
            6 => self.item(depth + 1)?,
            _ => match info {
                20 => Value::Bool(false),
                21 => Value::Bool(true),
                22 | 23 => Value::Null,
                26 => Value::from(f64::from(f32::from_bits(u32::try_from(argument?).ok()?))),
                27 => Value::from(f64::from_bits(argument?)),
                _ => return None,
            },
        })
    }
}

fn head(major: u8, argument: u64, out: &mut Vec<u8>) {
    let bytes = argument.to_be_bytes();
    let (info, from) = match argument {
        0..=23 => {
            out.push((major << 5) | (argument as u8));
            return;
        }
        24..=0xff => (24, 7),
        0x100..=0xffff => (25, 6),
        0x1_0000..=0xffff_ffff => (26, 4),
        _ => (27, 0),
    };
    out.push((major << 5) | info);
    out.extend(bytes.iter().skip(from));
}

/// Writes a value that has no shape.
pub(super) fn encode_plain(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    write(None, value, &mut out);
    out
}

/// Writes an answer; operations without output answer with nothing.
pub(super) fn encode_output(service: &Service, shape: Option<ShapeId>, value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    if let Some(shape) = shape {
        write(Some((service, shape)), value, &mut out);
    }
    out
}

fn write(typed: Option<(&Service, ShapeId)>, value: &Value, out: &mut Vec<u8>) {
    let shape = typed.and_then(|(service, id)| Some((service, service.shape(id)?)));
    let inner = |name: &str| {
        let (service, shape) = shape?;
        match &shape.kind {
            Kind::Structure { members, .. } => Some((service, members.get(name)?.shape)),
            Kind::Map { value, .. } => Some((service, *value)),
            Kind::List { member, .. } => Some((service, *member)),
            _ => None,
        }
    };
    let kind = shape.map(|(_, shape)| &shape.kind);
    match value {
        Value::Null => out.push(0xf6),
        Value::Bool(false) => out.push(0xf4),
        Value::Bool(true) => out.push(0xf5),
        Value::Number(number) => {
            if matches!(kind, Some(Kind::Timestamp)) {
                head(6, 1, out);
            }
            match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(number), _, _) => head(0, number, out),
                (_, Some(number), _) => head(1, number.unsigned_abs() - 1, out),
                (_, _, number) => {
                    out.push(0xfb);
                    out.extend(number.unwrap_or_default().to_be_bytes());
                }
            }
        }
        Value::String(text) if matches!(kind, Some(Kind::Blob)) => {
            let bytes = STANDARD.decode(text).unwrap_or_default();
            head(2, bytes.len() as u64, out);
            out.extend(bytes);
        }
        Value::String(text) => {
            head(3, text.len() as u64, out);
            out.extend(text.as_bytes());
        }
        Value::Array(items) => {
            head(4, items.len() as u64, out);
            for item in items {
                write(inner(""), item, out);
            }
        }
        Value::Object(object) => {
            let present = || object.iter().filter(|(_, item)| !item.is_null());
            head(5, present().count() as u64, out);
            for (name, item) in present() {
                head(3, name.len() as u64, out);
                out.extend(name.as_bytes());
                write(inner(name), item, out);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_examples_of_rfc_8949_are_read_and_written() {
        // Appendix A.
        let examples: [(&[u8], Value); 8] = [
            (&[0x18, 0x64], json!(100)),
            (&[0x1a, 0x00, 0x0f, 0x42, 0x40], json!(1_000_000)),
            (&[0x38, 0x63], json!(-100)),
            (
                &[0xfb, 0x3f, 0xf1, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a],
                json!(1.1),
            ),
            (&[0x64, 0x49, 0x45, 0x54, 0x46], json!("IETF")),
            (&[0x83, 0x01, 0x02, 0x03], json!([1, 2, 3])),
            (&[0xa1, 0x61, 0x61, 0xf5], json!({"a": true})),
            (&[0xf6], json!(null)),
        ];
        for (bytes, value) in examples {
            assert_eq!(decode(bytes), Ok(value.clone()));
            assert_eq!(encode_plain(&value), bytes);
        }
        assert_eq!(
            decode(&[0xbf, 0x61, 0x61, 0x9f, 0x01, 0xff, 0xff]),
            Ok(json!({"a": [1]}))
        );
        assert!(decode(&[0x83, 0x01]).is_err());
    }
}
