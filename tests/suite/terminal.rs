//! The command line as a shell and a terminal see it: a full disk, profiles, signals, what stays on the screen.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};

use orgstrap::sandbox::{Connection, World};

use crate::support::inside::{self, LoadedPlan};
use crate::support::{orgstrap, python, root};

const PLAN: &str = r#"
[organization]
management_account = "111111111111"
home_region = "eu-west-1"
logging = "log-archive"
secops = "security"
email = "aws+{account}@example.com"
[ou.Security]
[account.log-archive]
ou = "Security"
[account.security]
ou = "Security"
[account.shop]
ou = "Security"
"#;

fn place() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("org.toml"), PLAN).expect("written");
    folder
}

fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let out = command.output().expect("runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (out.status.code(), text(&out.stdout), text(&out.stderr))
}

const WORLD: [&str; 3] = ["--sandbox", "--world", "world.json"];

/// A device that takes nothing, as a full disk does.
#[cfg(target_os = "linux")]
#[test]
fn what_stdout_does_not_take_is_an_error() {
    let place = place();
    let run_full = |arguments: &[&str]| {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
        run(orgstrap()
            .current_dir(place.path())
            .args(arguments)
            .args(WORLD)
            .stdout(full.expect("opens")))
    };
    for verb in [
        &["plan"][..],
        &["apply", "--yes"],
        &["apply", "--yes", "--output", "json"],
        &["inventory", "--output", "json"],
        &["drift", "--output", "json"],
        &["drift", "--output", "sarif"],
        &["account", "list", "--output", "csv"],
        &["account", "show", "shop"],
        &["graph"],
        &["rehearse"],
        &["schema"],
        &["import", "--region", "eu-west-1", "--out", "imported.toml"],
        &["--help"],
        &["sandbox", "poke", "untag", "shop", "orgstrap:key"],
    ] {
        let (code, _, told) = run_full(verb);
        assert_eq!(code, Some(1), "{verb:?}: {told}");
        // Help is clap's.
        assert!(
            told.contains("not everything could be written to stdout: No space left")
                || verb == ["--help"],
            "{verb:?}: {told}"
        );
    }
    // What was done is done: only its report is lost.
    let world = World::load(&place.path().join("world.json")).expect("a world");
    assert!(world.organization.is_some());
}

/// A limit on the size of files, as a full disk is.
#[cfg(target_os = "linux")]
#[test]
fn on_a_full_disk_no_cut_off_file_is_left() {
    let place = place();
    let (code, ..) = run(orgstrap()
        .current_dir(place.path())
        .args(["apply", "--yes"])
        .args(WORLD));
    assert_eq!(code, Some(0));
    let before = names(place.path());
    let world = std::fs::read(place.path().join("world.json")).expect("reads");
    for arguments in [
        "init new.toml",
        "plan --out changes.json --sandbox --world world.json",
        "inventory --out saved.json --sandbox --world world.json",
        "drift --report r.html --sandbox --world world.json",
        "apply --yes --sandbox --world other.json",
        "account add more --ou Security --yes --sandbox --world world.json",
    ] {
        let mut shell = crate::support::clean(Command::new("sh"));
        let script = format!("trap '' XFSZ; ulimit -f 0; exec \"$0\" {arguments}");
        shell.args(["-c", &script, env!("CARGO_BIN_EXE_orgstrap")]);
        let (code, _, told) = run(shell.current_dir(place.path()));
        assert_eq!(code, Some(1), "{arguments}: {told}");
        assert!(told.contains("error: "), "{arguments}: {told}");
        assert_eq!(names(place.path()), before, "{arguments}: {told}");
        let now = std::fs::read(place.path().join("world.json")).expect("reads");
        assert!(now == world, "{arguments}: the world was cut off");
        let plan = std::fs::read_to_string(place.path().join("org.toml"));
        assert_eq!(plan.expect("reads"), PLAN, "{arguments}");
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("reads");
    let mut names: Vec<String> = entries
        .map(|entry| {
            entry
                .expect("reads")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}

#[test]
fn a_profile_that_is_not_there_is_told_with_those_that_are() {
    let place = place();
    let config = place.path().join("config");
    std::fs::write(&config, "[default]\n[profile dev]\n[profile prod]\n").expect("written");
    let run = |config: Option<&Path>, profile: Option<&str>, arguments: &[&str]| {
        let mut command = orgstrap();
        command.current_dir(place.path()).args(arguments);
        // Nobody is signed in by the environment.
        command
            .env_remove("AWS_ACCESS_KEY_ID")
            .env_remove("AWS_SECRET_ACCESS_KEY");
        if let Some(config) = config {
            command.env("AWS_CONFIG_FILE", config);
        }
        if let Some(profile) = profile {
            command.env("AWS_PROFILE", profile);
        }
        let (code, _, told) = run(&mut command);
        assert_eq!(code, Some(1), "{arguments:?}: {told}");
        told
    };
    let all = "there are: default, dev, prod";
    let told = run(Some(&config), None, &["plan", "--profile", "nope"]);
    assert!(
        told.contains("no profile `nope`") && told.contains(all),
        "{told}"
    );
    for verb in ["plan", "drift", "apply", "inventory"] {
        let told = run(Some(&config), Some("prd"), &[verb]);
        assert!(told.contains("no profile `prd`"), "{told}");
        assert!(
            told.contains("did you mean `prod`?") && told.contains(all),
            "{told}"
        );
    }
    // The option goes before the variable.
    let told = run(Some(&config), Some("dev"), &["plan", "--profile", "prd"]);
    assert!(told.contains("no profile `prd`"), "{told}");
    let told = run(None, Some("prd"), &["plan"]);
    assert!(
        told.contains("no profile `prd`") && told.contains("there are no profiles at all"),
        "{told}"
    );
    // An empty name is no name, and that is said where nobody is signed in.
    let told = run(Some(&config), Some(""), &["plan"]);
    assert!(
        told.contains("is empty, which names no profile: there are default, dev, prod"),
        "{told}"
    );
    let told = run(None, Some(""), &["plan"]);
    assert!(
        told.contains("is empty, which names no profile, and there are none"),
        "{told}"
    );
    let told = run(Some(&config), None, &["plan"]);
    assert!(
        told.contains("no profile was named: there are default, dev, prod"),
        "{told}"
    );
}

/// A closed terminal, an ended session and a pipeline that is stopped: what is in flight is finished, the lock given back.
#[cfg(unix)]
#[test]
fn every_signal_to_stop_ends_a_run_in_order() {
    for signal in ["HUP", "TERM", "INT"] {
        let place = place();
        let mut child = orgstrap()
            .current_dir(place.path())
            .args(["apply", "--yes", "--speed", "400"])
            .args(WORLD)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starts");
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let mut told = String::new();
        // In the middle of it: accounts are being made, which takes a minute of the sandbox's time.
        for line in lines.by_ref().map(|line| line.expect("reads")) {
            told.push_str(&format!("{line}\n"));
            if line.contains("ou Security") && line.contains("done in") {
                break;
            }
        }
        let sent = Command::new("kill")
            .args([&format!("-{signal}"), &child.id().to_string()])
            .status()
            .expect("runs");
        assert!(sent.success());
        for line in lines.map(|line| line.expect("reads")) {
            told.push_str(&format!("{line}\n"));
        }
        let mut data = String::new();
        let mut stdout = child.stdout.take().expect("piped");
        stdout.read_to_string(&mut data).expect("reads");
        let status = child.wait().expect("ends");
        assert_eq!(status.code(), Some(3), "{signal}: {told}{data}");
        assert!(
            told.contains("Stopping: what is in flight is finished"),
            "{signal}: {told}"
        );
        assert!(data.contains("the run was stopped"), "{signal}: {data}");
        let world = World::load(&place.path().join("world.json")).expect("a world");
        assert!(inside::unlocked(&world), "{signal}");
        // It goes on from there.
        let (code, data, told) = run(orgstrap()
            .current_dir(place.path())
            .args(["apply", "--yes"])
            .args(WORLD));
        assert_eq!(code, Some(0), "{signal}: {data}{told}");
    }
}

/// What is on a terminal in the end, and the exit code. `steps` are what is waited for, and what is typed then.
fn on_a_terminal(
    folder: &Path,
    steps: &[(&str, &str)],
    arguments: &[&str],
) -> Option<(String, i32)> {
    let steps = serde_json::to_string(steps).expect("JSON");
    let mut command = crate::support::clean(Command::new(python()?));
    command
        .env("TERM", "xterm-256color")
        .current_dir(folder)
        .arg(root().join("tests/python/terminal.py"))
        .args(["100", "40", &steps, "--", env!("CARGO_BIN_EXE_orgstrap")])
        .args(arguments)
        .args(WORLD);
    let (code, shown, told) = run(&mut command);
    assert_eq!(code, Some(0), "{told}{shown}");
    let (screen, exit) = shown
        .trim_end()
        .rsplit_once("\nexit ")
        .expect("an exit code");
    Some((screen.to_owned(), exit.parse().expect("a number")))
}

#[cfg(unix)]
#[test]
fn no_bar_stays_on_the_screen_however_a_run_ends() {
    let place = place();
    let bars = ['━', '─', '⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
    let apply = ["apply", "--yes", "--speed", "100"];
    // While three accounts are made.
    let working = "3 running";
    let stopping = "Ctrl-C again stops at once";
    for (steps, exit, last) in [
        (
            &[(working, "\u{3}"), (stopping, "\u{3}")][..],
            3,
            "cut off while it ran",
        ),
        (&[(working, "\u{3}")], 3, "the run was stopped"),
        (&[], 0, "Done: "),
    ] {
        let _ = std::fs::remove_file(place.path().join("world.json"));
        let Some((screen, code)) = on_a_terminal(place.path(), steps, &apply) else {
            return;
        };
        assert_eq!(code, exit, "{screen}");
        assert!(screen.contains(last), "{screen}");
        assert!(!screen.contains(bars), "{screen}");
        // The report at the end says what was waited for; no line of a change does any more.
        let before = screen.split("Waited for").next().unwrap_or_default();
        assert!(!before.contains("AWS is creating the account"), "{screen}");
        assert_eq!(
            screen.matches("Stopping: what is in flight").count(),
            usize::from(exit == 3),
            "{screen}"
        );
        let world = World::load(&place.path().join("world.json")).expect("a world");
        assert!(inside::unlocked(&world));
    }
}

/// Typed on a terminal: another run holds the lock, and nothing is shown or asked.
#[cfg(unix)]
#[test]
fn account_verbs_tell_of_a_held_lock_before_they_show_or_ask() {
    let place = place();
    let subject = LoadedPlan::of_text(PLAN.to_owned());
    let run = inside::apply(
        &subject,
        inside::empty_world(&subject),
        Connection::default(),
    );
    let more = LoadedPlan::of_text(format!("{PLAN}[account.more]\nou = \"Security\"\n"));
    let held = inside::held(&more, run.world);
    held.save(&place.path().join("world.json")).expect("saves");
    let verbs: [&[&str]; 3] = [
        &["account", "add", "third", "--ou", "Security"],
        &["account", "rename", "shop", "store"],
        &["account", "close", "shop"],
    ];
    for verb in verbs {
        let Some((screen, code)) = on_a_terminal(place.path(), &[], verb) else {
            return;
        };
        assert_eq!(code, 4, "{screen}");
        assert!(screen.contains("could not take the lock"), "{screen}");
        assert!(
            !screen.contains("[account."),
            "{verb:?} showed its edit: {screen}"
        );
        assert!(!screen.contains("Type "), "{verb:?} asked: {screen}");
    }
}
