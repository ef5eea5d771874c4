//! Exit codes: one public table, shown by `orgstrap help` and kept stable for scripts.

use std::process::ExitCode;

/// How a run ended, for scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// Done, or nothing to do.
    Done = 0,
    /// An error, or something failed. Wrong arguments too. `drift`: something could not be told, and
    /// nothing was found.
    Failed = 1,
    /// `plan`: AWS differs from the org plan. `apply`, `remove`: something is left that they do not change, or AWS does not show yet what they changed. `drift`, and the check at the end of `account`: a finding. `simulate`: denied.
    Differs = 2,
    /// The person stopped it: Ctrl-C, or `no` to the question.
    Stopped = 3,
    /// Another run holds the lock.
    Locked = 4,
    /// `apply FILE`: AWS moved since the changes were saved.
    Moved = 5,
}

impl Exit {
    /// Every code, in order.
    pub const ALL: [Exit; 6] = [
        Exit::Done,
        Exit::Failed,
        Exit::Differs,
        Exit::Stopped,
        Exit::Locked,
        Exit::Moved,
    ];

    /// The number that the shell sees.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// What the code means, in one line.
    pub fn meaning(self) -> &'static str {
        match self {
            Exit::Done => "done, or nothing to do",
            Exit::Failed => {
                "an error, or something failed or could not be told; wrong arguments too"
            }
            Exit::Differs => {
                "AWS differs from the org plan: plan has changes, something is left over, or a change is not to be seen yet; drift, account: a finding; simulate: denied"
            }
            Exit::Stopped => "stopped by you: Ctrl-C, or `no` to the question",
            Exit::Locked => "another run holds the lock, or works on the sandbox's world file",
            Exit::Moved => "apply FILE: AWS moved since the changes were saved",
        }
    }

    /// The table, a line a code, as the help shows it.
    pub fn table() -> String {
        Self::ALL
            .iter()
            .map(|exit| format!("  {}  {}\n", exit.code(), exit.meaning()))
            .collect()
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_its_place_in_the_table() {
        for (place, exit) in Exit::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(exit.code()), place);
        }
    }
}
