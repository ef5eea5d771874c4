//! The README shows what the program prints, word for word.

use crate::support::{normal::normal, orgstrap, root};

/// From the first of these lines to the end of what `apply` prints.
const FROM: &str = "60 changes: ";

#[test]
fn the_readme_shows_what_its_first_command_prints() {
    let output = orgstrap()
        .current_dir(root())
        .args(["apply", "examples/startup.toml", "--sandbox", "--yes", "-q"])
        .output()
        .expect("the binary starts");
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8(output.stdout).expect("UTF-8");
    let shown = printed.find(FROM).map(|at| printed[at..].trim_end());
    let shown = shown.expect("the count of the changes is printed");

    let path = root().join("README.md");
    let readme = std::fs::read_to_string(&path).expect("is there");
    let (before, rest) = readme.split_once("```text\n").expect("a block of text");
    let (block, after) = rest.split_once("\n```").expect("the block ends");
    if std::env::var_os("INSTA_UPDATE").is_some_and(|value| value == "always") {
        let now = format!("{before}```text\n{shown}\n```{after}");
        std::fs::write(&path, now).expect("writes");
        return;
    }
    assert_eq!(
        normal(block),
        normal(shown),
        "README.md is not current; INSTA_UPDATE=always writes it anew"
    );
}
