//! Exit codes: one public table, shown by `orgstrap help` and kept stable for scripts.

use std::process::ExitCode;

/// The table. What a code means is said here once: the help, the manual page and `docs/exit-codes.md` show these words.
macro_rules! exits {
    ($($name:ident = $code:literal: $meaning:literal;)*) => {
        /// How a run ended, for scripts.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Exit {
            $(#[doc = $meaning] $name = $code,)*
        }

        impl Exit {
            /// Every code, in order.
            pub const ALL: &[Exit] = &[$(Exit::$name,)*];

            /// What the code means, in one line.
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Exit::$name => $meaning,)*
                }
            }
        }
    };
}

exits! {
    Done = 0: "done, or nothing to do";
    Failed = 1: "an error, or something failed or could not be read; wrong arguments too";
    Differs = 2: "AWS differs from the org plan: `plan` has changes, something is left over, or AWS does not show a change yet; `drift`, `account`: a finding; `simulate`: denied";
    Stopped = 3: "stopped by you: Ctrl-C, or `no` to the question";
    Locked = 4: "another run holds the lock, or works on the sandbox's world file";
    Moved = 5: "`apply FILE`: AWS moved since the changes were saved";
}

impl Exit {
    /// The number that the shell sees.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The table, a line a code, as the help shows it.
    pub fn table() -> String {
        Self::ALL
            .iter()
            .map(|exit| format!("  {}  {}\n", exit.code(), exit.meaning()))
            .collect()
    }

    /// The same as rows of Markdown.
    pub fn markdown() -> String {
        let rows = Self::ALL
            .iter()
            .map(|exit| format!("| {} | {} |\n", exit.code(), exit.meaning()));
        ["| code | meaning |\n| --- | --- |\n".to_owned()]
            .into_iter()
            .chain(rows)
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
        for (place, exit) in Exit::ALL.iter().enumerate() {
            assert_eq!(usize::from(exit.code()), place);
        }
    }
}
