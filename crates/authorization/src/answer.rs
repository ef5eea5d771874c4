//! Yes, no, or: it depends on what is not known.

use std::collections::BTreeSet;

/// An answer of three values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Yes,
    No,
    /// It depends on these condition keys, or on the resource.
    Unknown(BTreeSet<String>),
}

impl Answer {
    pub fn unknown(of: impl Into<String>) -> Answer {
        Answer::Unknown(BTreeSet::from([of.into()]))
    }

    /// The opposite.
    #[must_use]
    pub fn opposite(self) -> Answer {
        match self {
            Answer::Yes => Answer::No,
            Answer::No => Answer::Yes,
            Answer::Unknown(of) => Answer::Unknown(of),
        }
    }

    /// Whether all hold.
    pub fn all(answers: impl IntoIterator<Item = Answer>) -> Answer {
        let mut unknown = BTreeSet::new();
        for answer in answers {
            match answer {
                Answer::Yes => {}
                Answer::No => return Answer::No,
                Answer::Unknown(of) => unknown.extend(of),
            }
        }
        match unknown.is_empty() {
            true => Answer::Yes,
            false => Answer::Unknown(unknown),
        }
    }

    /// Whether one of them holds.
    pub fn any(answers: impl IntoIterator<Item = Answer>) -> Answer {
        Answer::all(answers.into_iter().map(Answer::opposite)).opposite()
    }
}

impl From<bool> for Answer {
    fn from(holds: bool) -> Answer {
        match holds {
            true => Answer::Yes,
            false => Answer::No,
        }
    }
}
