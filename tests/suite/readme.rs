//! The README shows what the program prints, word for word.

use crate::support::{golden, normal::normal, orgstrap, root};

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
    golden::part_as(&path, ("```text\n", "\n```"), shown, normal);
}
