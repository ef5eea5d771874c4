//! The command-line reference in Markdown, made from the same clap definitions as the help.

use std::fmt::Write;

/// How wide help is in the reference, whatever terminal it is made in.
const WIDTH: usize = 96;

/// The whole reference: every command that is not hidden, with its help.
pub fn reference() -> String {
    let mut text = String::from(
        "# The command line\n\n\
         Made from the program's own help; a test keeps it current. What the exit codes mean is in\n\
         [exit-codes.md](exit-codes.md), what `--output json` prints in [json.md](json.md).\n",
    );
    let mut command = super::command().term_width(WIDTH);
    command.build();
    add(&mut text, &command, "orgstrap");
    text
}

fn add(text: &mut String, command: &clap::Command, name: &str) {
    let help = command.clone().render_long_help().to_string();
    // What every command has is shown once, with `orgstrap` itself.
    let own = |line: &&str| name == "orgstrap" || *line != "Global options:";
    let lines: Vec<&str> = help.lines().map(str::trim_end).take_while(own).collect();
    // Writing to a String does not fail.
    let _ = write!(
        text,
        "\n## `{name}`\n\n```text\n{}\n```\n",
        lines.join("\n").trim_end()
    );
    for below in command.get_subcommands() {
        if !below.is_hide_set() && below.get_name() != "help" {
            add(text, below, &format!("{name} {}", below.get_name()));
        }
    }
}
