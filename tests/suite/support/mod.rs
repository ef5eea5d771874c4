//! What end-to-end tests share: the binary, Python, and the worlds to run in.

pub(crate) mod code;
pub(crate) mod findings;
pub(crate) mod golden;
pub(crate) mod inside;
pub(crate) mod likeness;
pub(crate) mod live;
pub(crate) mod moto;
pub(crate) mod normal;
pub(crate) mod organizations;
pub(crate) mod place;
pub(crate) mod transcript;
pub(crate) mod worlds;

use std::path::{Path, PathBuf};
use std::process::Command;

/// The repository's root.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The binary, with nothing of the user's own AWS settings.
pub(crate) fn orgstrap() -> Command {
    clean(Command::new(env!("CARGO_BIN_EXE_orgstrap")))
}

/// The Python that has boto3, moto and cfn-lint, as `tests/run` makes it. Where it is missing the test
/// is skipped with a word, but never in CI.
pub(crate) fn python() -> Option<PathBuf> {
    match std::env::var_os("ORGSTRAP_TEST_PYTHON") {
        Some(python) => Some(PathBuf::from(python)),
        None if std::env::var_os("CI").is_some() => {
            panic!("ORGSTRAP_TEST_PYTHON is not set: run the tests with `tests/run`")
        }
        None => {
            eprintln!("skipped: ORGSTRAP_TEST_PYTHON is not set; `tests/run` sets it");
            None
        }
    }
}

/// `command` without the AWS settings of whoever runs the tests, and with dummy credentials.
pub(crate) fn clean(mut command: Command) -> Command {
    let ours = |name: &str| {
        name.starts_with("AWS_") || name.starts_with("ORGSTRAP_") || name == "MOTO_ACCOUNT_ID"
    };
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(ours) {
            command.env_remove(name);
        }
    }
    command
        .env("AWS_ACCESS_KEY_ID", "testing")
        .env("AWS_SECRET_ACCESS_KEY", "testing")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", "/nonexistent")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
        .env(
            "XDG_CACHE_HOME",
            concat!(env!("CARGO_TARGET_TMPDIR"), "/cache"),
        )
        .env("NO_COLOR", "1");
    command
}
