//! Errors at the edge: a message, its causes, a hint and an exit code.

use std::error::Error;

use super::exit::Exit;

/// What ends a command early. The message and its causes are shown, then the hint.
#[derive(Debug)]
pub struct CommandError {
    pub message: String,
    pub hint: Option<String>,
    pub exit: Exit,
}

/// What every verb gives back.
pub type CommandResult = Result<Exit, CommandError>;

impl CommandError {
    /// An ordinary error: exit code 1.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
            exit: Exit::Failed,
        }
    }

    /// An error whose text is that of `error` and of everything that caused it.
    pub fn caused(context: impl Into<String>, error: &dyn Error) -> Self {
        let mut message = context.into();
        let mut cause = Some(error);
        while let Some(error) = cause {
            let text = error.to_string();
            if !message.ends_with(&text) {
                message.push_str(": ");
                message.push_str(&text);
            }
            cause = error.source();
        }
        Self::new(message)
    }

    /// The same with what to do next.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with another exit code.
    pub fn exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }
}
