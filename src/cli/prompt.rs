//! Questions. Two kinds: yes or no, and nothing else; both readers and answers are injectable.

use std::io::{BufRead, IsTerminal};

use super::Global;
use super::error::CommandError;
use crate::report::Printer;

/// Asks whether to go on. `--yes` answers; without a terminal and without `--yes` it is an error,
/// for a pipeline that hangs on a question helps nobody. `yes` and `y` are a yes; what is neither that nor a
/// no is asked again.
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
    let ask = || printer.ask(&format!("{question} Type `yes` to go on: "));
    answered_yes(&mut stdin.lock(), ask)
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

/// How often a question is asked whose answers are neither yes nor no.
const TIMES: usize = 3;

fn answered_yes(input: &mut impl BufRead, mut ask: impl FnMut()) -> Result<bool, CommandError> {
    for _ in 0..TIMES {
        ask();
        let mut answer = String::new();
        input
            .read_line(&mut answer)
            .map_err(|error| CommandError::caused("could not read the answer", &error))?;
        match answer.trim().to_ascii_lowercase().as_str() {
            "yes" | "y" => return Ok(true),
            "no" | "n" | "" => return Ok(false),
            _ => {}
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yes_and_y_are_a_yes_and_what_is_unclear_is_asked_again() {
        for (typed, yes, times) in [
            ("yes\n", true, 1),
            (" YES \r\n", true, 1),
            ("y\n", true, 1),
            ("n\n", false, 1),
            ("No\n", false, 1),
            ("\n", false, 1),
            ("", false, 1),
            ("yes please\nyes\n", true, 2),
            ("ye\nyy\n1\nyes\n", false, 3),
        ] {
            let mut asked = 0;
            let answer = answered_yes(&mut typed.as_bytes(), || asked += 1).expect("reads");
            assert_eq!((answer, asked), (yes, times), "{typed:?}");
        }
    }
}
