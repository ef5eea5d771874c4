//! JSON with the place of every name and value: serde_json tells where a text stops being JSON, but not where
//! the names of one that is sound stand.

use std::ops::Range;

/// A value and where it stands.
#[derive(Debug)]
pub(super) struct Node {
    /// Byte offsets into the text.
    pub(super) span: Range<usize>,
    pub(super) value: Value,
}

#[derive(Debug)]
pub(super) enum Value {
    Null,
    Bool(bool),
    /// As written.
    Number(String),
    Text(String),
    List(Vec<Node>),
    /// In the order of the text; a name may be there twice.
    Table(Vec<Member>),
}

/// A name of a table and its value.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) key: String,
    pub(super) key_span: Range<usize>,
    pub(super) node: Node,
}

impl Node {
    /// "a list", for messages.
    pub(super) fn what(&self) -> String {
        match &self.value {
            Value::Null => "null".to_owned(),
            Value::Bool(value) => format!("`{value}`"),
            Value::Number(text) => format!("the number {text}"),
            Value::Text(text) if text.is_empty() => "empty text".to_owned(),
            Value::Text(text) => format!("the text \"{text}\""),
            Value::List(list) if list.is_empty() => "an empty list".to_owned(),
            Value::List(_) => "a list".to_owned(),
            Value::Table(members) if members.is_empty() => "an empty object".to_owned(),
            Value::Table(_) => "an object".to_owned(),
        }
    }

    /// The brace or bracket that it begins with, where it is long; else all of it.
    pub(super) fn start(&self) -> Range<usize> {
        match &self.value {
            Value::List(list) if !list.is_empty() => self.span.start..self.span.start + 1,
            Value::Table(members) if !members.is_empty() => self.span.start..self.span.start + 1,
            _ => self.span.clone(),
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn table(&self) -> Option<&[Member]> {
        match &self.value {
            Value::Table(members) => Some(members),
            _ => None,
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        let members = self.table()?;
        members
            .iter()
            .find(|member| member.key == key)
            .map(|member| &member.node)
    }

    /// The node as serde_json has it; of a name that is there twice the last one counts.
    pub(super) fn plain(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Number(text) => serde_json::from_str(text).unwrap_or_default(),
            Value::Text(text) => text.as_str().into(),
            Value::List(list) => list.iter().map(Node::plain).collect(),
            Value::Table(members) => members
                .iter()
                .map(|member| (member.key.clone(), member.node.plain()))
                .collect(),
        }
    }
}

/// Reads a text that serde_json has found to be JSON, which bounds its depth.
///
/// # Errors
/// It is none, in serde_json's words.
pub(super) fn parse(text: &str) -> Result<Node, serde_json::Error> {
    serde_json::from_str::<serde_json::Value>(text)?;
    let mut reader = Reader { text, at: 0 };
    Ok(reader.node())
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Goes past this byte, if it is next.
    fn take(&mut self, byte: u8) -> bool {
        self.skip_blanks();
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn string(&mut self) -> (String, Range<usize>) {
        self.skip_blanks();
        let start = self.at;
        self.at += 1;
        while let Some(byte) = self.peek() {
            self.at += match byte {
                b'\\' => 2,
                _ => 1,
            };
            if byte == b'"' {
                break;
            }
        }
        let span = start..self.at.min(self.text.len());
        let raw = self.text.get(span.clone()).unwrap_or_default();
        (serde_json::from_str(raw).unwrap_or_default(), span)
    }

    fn node(&mut self) -> Node {
        self.skip_blanks();
        let start = self.at;
        let value = match self.peek() {
            Some(b'"') => Value::Text(self.string().0),
            Some(b'{') => {
                self.at += 1;
                let mut members = Vec::new();
                while !self.take(b'}') && self.at < self.text.len() {
                    let (key, key_span) = self.string();
                    self.take(b':');
                    let node = self.node();
                    members.push(Member {
                        key,
                        key_span,
                        node,
                    });
                    self.take(b',');
                }
                Value::Table(members)
            }
            Some(b'[') => {
                self.at += 1;
                let mut list = Vec::new();
                while !self.take(b']') && self.at < self.text.len() {
                    list.push(self.node());
                    self.take(b',');
                }
                Value::List(list)
            }
            _ => {
                while self.peek().is_some_and(|byte| {
                    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')
                }) {
                    self.at += 1;
                }
                match self.text.get(start..self.at).unwrap_or_default() {
                    "null" => Value::Null,
                    "true" => Value::Bool(true),
                    "false" => Value::Bool(false),
                    number => Value::Number(number.to_owned()),
                }
            }
        };
        Node {
            span: start..self.at,
            value,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_and_value_has_its_place() {
        let text =
            "{ \"a\\\"b\" : [1, -2.5e+3, null],\n \"ä\": {\"x\": true, \"x\": \"\\u00e9\"} }";
        let node = parse(text).expect("JSON");
        let of = |span: &Range<usize>| text.get(span.clone()).expect("a place");
        assert_eq!(of(&node.span), text);
        let members = node.table().expect("a table");
        assert_eq!(of(&members[0].key_span), "\"a\\\"b\"");
        assert_eq!(members[0].key, "a\"b");
        let Value::List(list) = &members[0].node.value else {
            panic!("a list");
        };
        let texts: Vec<&str> = list.iter().map(|node| of(&node.span)).collect();
        assert_eq!(texts, ["1", "-2.5e+3", "null"]);
        let inner = members[1].node.table().expect("a table");
        assert_eq!(inner[1].node.text(), Some("é"));
        assert_eq!(of(&inner[1].node.span), "\"\\u00e9\"");
        assert_eq!(
            node.plain(),
            serde_json::from_str::<serde_json::Value>(text).expect("JSON")
        );
        assert!(parse("{\"a\": 1,}").is_err());
        assert!(parse("[01]").is_err());
    }
}
