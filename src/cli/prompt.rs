//! Questions. Two kinds: yes or no, and nothing else; both readers and answers are injectable.

use std::io::{BufRead, IsTerminal};

use super::Global;
use super::error::CommandError;
use crate::report::Printer;

/// Asks whether to go on. `--yes` answers; without a terminal and without `--yes` it is an error,
/// for a pipeline that hangs on a question helps nobody. Only the whole word `yes` is a yes.
pub(super) fn confirm(
    question: &str,
    global: &Global,
    printer: &Printer,
) -> Result<bool, CommandError> {
    if global.yes {
        return Ok(true);
    }
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(
            CommandError::new("nobody is there to answer: stdin is not a terminal")
                .hint("pass `--yes` to go on without the question; nothing was changed"),
        );
    }
    printer.ask(&format!("{question} Type `yes` to go on: "));
    answered_yes(&mut stdin.lock())
}

/// Asks for a word to be typed, for what cannot be taken back. `answer` is the word as an option gave it.
pub(super) fn typed(
    word: &str,
    question: &str,
    answer: Option<&str>,
    printer: &Printer,
) -> Result<bool, CommandError> {
    if let Some(answer) = answer {
        return match answer == word {
            true => Ok(true),
            false => Err(CommandError::new(format!(
                "`--confirm {answer}` is not the name, which is `{word}`; nothing was changed"
            ))),
        };
    }
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(
            CommandError::new("nobody is there to type the name: stdin is not a terminal")
                .hint(format!("pass `--confirm {word}`; nothing was changed")),
        );
    }
    printer.ask(question);
    let mut typed = String::new();
    stdin
        .lock()
        .read_line(&mut typed)
        .map_err(|error| CommandError::caused("could not read the answer", &error))?;
    Ok(typed.trim() == word)
}

fn answered_yes(input: &mut impl BufRead) -> Result<bool, CommandError> {
    let mut answer = String::new();
    match input.read_line(&mut answer) {
        Ok(_) => Ok(answer.trim().eq_ignore_ascii_case("yes")),
        Err(error) => Err(CommandError::caused("could not read the answer", &error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_word_is_a_yes() {
        for (typed, yes) in [
            ("yes\n", true),
            (" YES \r\n", true),
            ("y\n", false),
            ("yes please\n", false),
            ("\n", false),
            ("", false),
        ] {
            assert_eq!(
                answered_yes(&mut typed.as_bytes()).expect("reads"),
                yes,
                "{typed:?}"
            );
        }
    }
}
