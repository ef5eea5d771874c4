//! Which of our ids stands for a recorded one.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use regex_lite::Regex;

use super::ids::IDS;

/// Ids, and the names of users, which only who asks can know.
static PATTERN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let ids = IDS.iter().map(|(_, pattern)| *pattern);
    let (email, others) = (ids.clone().take(1), ids.skip(1));
    let all: Vec<&str> = email
        .chain([r":user/[\w+=,.@/\-]+"])
        .chain(others)
        .collect();
    Regex::new(&all.join("|")).ok()
});

/// Recorded ids and ours.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    ours: BTreeMap<String, String>,
    /// Recorded page tokens, which may have any form, and ours.
    tokens: BTreeMap<String, String>,
}

/// A text in parts: what is fixed, and ids.
enum Part<'t> {
    Fixed(&'t str),
    Id(&'t str),
}

fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut from = 0;
    for found in PATTERN.iter().flat_map(|ids| ids.find_iter(text)) {
        parts.push(Part::Fixed(
            text.get(from..found.start()).unwrap_or_default(),
        ));
        parts.push(Part::Id(found.as_str()));
        from = found.end();
    }
    parts.push(Part::Fixed(text.get(from..).unwrap_or_default()));
    parts
}

impl Names {
    /// A recorded text by our ids, as far as they are known.
    pub(super) fn ours(&self, text: &str) -> String {
        let mut ours: String = parts(text)
            .into_iter()
            .map(|part| match part {
                Part::Fixed(text) => text,
                Part::Id(id) => self.ours.get(id).map_or(id, String::as_str),
            })
            .collect();
        for (recorded, our) in &self.tokens {
            if ours.contains(recorded.as_str()) {
                ours = ours.replace(recorded.as_str(), our);
            }
        }
        ours
    }

    /// The same in a form or a query string, whose values are percent-encoded.
    pub(super) fn in_form(&self, form: &str) -> String {
        let mut written = form_urlencoded::Serializer::new(String::new());
        for (name, value) in form_urlencoded::parse(form.as_bytes()) {
            written.append_pair(&name, &self.ours(&value));
        }
        written.finish()
    }

    /// The same in a path, whose parts may be percent-encoded.
    pub(super) fn in_path(&self, path: &str) -> String {
        let parts = path.split('/').map(|part| {
            let plain = percent_decode_str(part).decode_utf8_lossy();
            let ours = self.ours(&plain);
            match ours == plain {
                true => part.to_owned(),
                false => utf8_percent_encode(&ours, NON_ALPHANUMERIC).to_string(),
            }
        });
        let parts: Vec<String> = parts.collect();
        parts.join("/")
    }

    /// Whether our text says the same as a recorded one. Ids that were not met before are taken to stand for each other.
    pub(super) fn agree(&mut self, recorded: &str, our: &str) -> bool {
        if self.ours(recorded) == our {
            return true;
        }
        let (theirs, ours) = (parts(recorded), parts(our));
        if theirs.len() != ours.len() {
            return false;
        }
        let mut met = Vec::new();
        for pair in theirs.iter().zip(&ours) {
            match pair {
                (Part::Fixed(their), Part::Fixed(our)) if their == our => {}
                (Part::Id(their), Part::Id(our)) => match self.ours.get(*their) {
                    Some(known) if known == our => {}
                    Some(_) => return false,
                    None if their == our => {}
                    None => met.push(((*their).to_owned(), (*our).to_owned())),
                },
                _ => return false,
            }
        }
        self.ours.extend(met);
        true
    }

    /// A page token stands for ours.
    pub(super) fn token(&mut self, recorded: &str, our: &str) {
        self.tokens.insert(recorded.to_owned(), our.to_owned());
    }
}
