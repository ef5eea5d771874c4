use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use clap::{Args, Subcommand};
use tokio::net::TcpListener;

use super::error::{CommandError, CommandResult};
use super::exit::Exit;
use super::{Global, Output, session, stop};
use crate::aws::record::{Call, Others};
use crate::plan::AccountId;
use crate::report::{Printer, json, replay as report, words};
use crate::sandbox::{self, ServeOptions, WorldFile, poke, sts};

/// The embedded simulated AWS, for other clients.
#[derive(Debug, Args)]
pub(super) struct Sandbox {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    Serve(Serve),
    Poke(Poke),
    Replay(Replay),
    Record(Record),
}

/// Serve the sandbox on a loopback port, for boto3, the AWS CLI or any other client.
///
/// Prints what to export. With `--world FILE` the world is read from the file and written back.
#[derive(Debug, Args)]
struct Serve {
    /// The port on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 4599)]
    port: u16,
    /// How many seconds pass in the sandbox for each real one.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    speed: u32,
    /// The management account of a new world.
    #[arg(long, value_name = "ID", default_value = MANAGEMENT_ACCOUNT)]
    management_account: AccountId,
}

/// Make something go wrong in a world, as people do by hand, to see how it is found and put back.
///
/// Accounts are given by name or id, OUs by path, policies by name; stacks, stack sets, buckets and
/// trails by name or by a part of it that only one has.
#[derive(Debug, Args)]
#[command(
    override_usage = "orgstrap sandbox poke --world FILE POKE [ARGUMENT]...\n       \
                            orgstrap sandbox poke --list"
)]
struct Poke {
    /// What goes wrong; `--list` shows everything there is.
    #[arg(required_unless_present = "list", value_name = "POKE")]
    poke: Option<String>,
    /// What it happens to.
    #[arg(value_name = "ARGUMENT")]
    arguments: Vec<String>,
    /// Show every poke with its arguments.
    #[arg(long, conflicts_with = "poke")]
    list: bool,
}

/// Ask the sandbox what was asked of AWS, and list where it answers otherwise.
///
/// The recording is one that `--record FILE` made, beginning in a management account without an organization. Ids are matched
/// with the sandbox's own; times are left out. Exits with 2 where an answer differs.
#[derive(Debug, Args)]
struct Replay {
    /// The recording.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Add to a recording what another client asked of AWS, and what AWS said.
///
/// Calls come on stdin, a JSON object a line: `at_millis`, `took_millis`, `scope` (of the signature:
/// KEY/DATE/REGION/SERVICE/aws4_request), `method`, `path`, `query`, `target` (x-amz-target), `content_type`, `body`, `status`
/// (null where the answer never came), `error` (x-amzn-errortype), `answer`. What tells whose they are is replaced as by `--record FILE`, and credentials are not
/// written.
#[derive(Debug, Args)]
struct Record {
    /// The recording.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

fn record(verb: &Record, printer: &Printer) -> CommandResult {
    let file = verb.file.display();
    let unwritten = |error: io::Error| {
        CommandError::caused(format!("could not record into {file}"), &error)
            .hint("a recording is gone on with where FILE.private lies beside it")
    };
    let mut recording = Others::open(&verb.file).map_err(unwritten)?;
    let mut calls = 0_usize;
    for line in io::stdin().lines() {
        let line = line.map_err(|error| CommandError::caused("could not read stdin", &error))?;
        let call: Call = serde_json::from_str(&line).map_err(|error| {
            // Without the line itself, which may have credentials.
            CommandError::new(format!(
                "call {} on stdin cannot be read: {:?} at its column {}",
                calls + 1,
                error.classify(),
                error.column()
            ))
            .hint("`orgstrap sandbox record --help` says what a call is")
        })?;
        recording.add(call).map_err(unwritten)?;
        calls += 1;
    }
    printer.say(&format!(
        "{} added to {file}.",
        words::count(calls, "call", "calls")
    ));
    Ok(Exit::Done)
}

fn replay(verb: &Replay, global: &Global, printer: &Printer) -> CommandResult {
    let file = verb.file.display();
    let text = std::fs::read_to_string(&verb.file)
        .map_err(|error| CommandError::caused(format!("could not read {file}"), &error))?;
    let world = session::new_world(global, &sandbox_account()?, printer);
    let found = sandbox::replay::replay(&text, world).map_err(|error| {
        CommandError::caused(format!("{file} is no recording"), &error)
            .hint("`--record FILE` makes one of what is asked of AWS")
    })?;
    match global.output() {
        Output::Text => printer.data(&report::text(&found)),
        Output::Json => printer.data_line(&report::json(&found).to_string()),
    }
    Ok(match found.differences.is_empty() {
        true => Exit::Done,
        false => Exit::Differs,
    })
}

/// The management account of a new world.
fn sandbox_account() -> Result<AccountId, CommandError> {
    let id = MANAGEMENT_ACCOUNT.parse();
    id.map_err(|_| CommandError::new(format!("{MANAGEMENT_ACCOUNT} is no account id")))
}

/// The management account of a world where nobody says another.
const MANAGEMENT_ACCOUNT: &str = "111111111111";

pub(super) fn run(verb: &Sandbox, global: &Global, printer: &Printer) -> CommandResult {
    match &verb.act {
        Act::Serve(verb) => serve(verb, global, printer),
        Act::Poke(verb) => poke(verb, global, printer),
        Act::Replay(verb) => replay(verb, global, printer),
        Act::Record(verb) => record(verb, printer),
    }
}

fn poke(verb: &Poke, global: &Global, printer: &Printer) -> CommandResult {
    let Some(name) = verb.poke.as_deref().filter(|_| !verb.list) else {
        list(global, printer);
        return Ok(Exit::Done);
    };
    let wrong = |error: poke::PokeError| {
        let wrong = CommandError::new(error.message);
        match error.hint {
            Some(hint) => wrong.hint(hint),
            None => wrong,
        }
    };
    let known = poke::Poke::named(name).map_err(wrong)?;
    let Some(file) = &global.world else {
        return Err(CommandError::new("which world?").hint(
            "pass `--world FILE`, the file that `orgstrap apply --sandbox --world FILE` keeps",
        ));
    };
    let opened = WorldFile::open(file).map_err(|error| session::world_file(&error))?;
    let Some((mut file, mut world)) = opened else {
        return Err(
            CommandError::new(format!("there is no world file {}", file.display()))
                .hint("`orgstrap apply --sandbox --world FILE` makes one"),
        );
    };
    session::late(&mut world, global);
    let did = known.run(&mut world, &verb.arguments).map_err(wrong)?;
    file.save(&world)
        .map_err(|error| session::world_file(&error))?;
    match global.output() {
        Output::Text => printer.data_line(&did),
        Output::Json => {
            let document = serde_json::json!({
                "format": "orgstrap-poke",
                "version": json::VERSION,
                "poke": known.name,
                "arguments": verb.arguments,
                "did": did,
            });
            printer.data_line(&document.to_string());
        }
    }
    Ok(Exit::Done)
}

fn list(global: &Global, printer: &Printer) {
    match global.output() {
        Output::Text => {
            let usages: Vec<String> = poke::all().map(poke::Poke::usage).collect();
            let rows: Vec<[&str; 2]> = usages
                .iter()
                .zip(poke::all())
                .map(|(usage, poke)| [usage.as_str(), poke.help])
                .collect();
            for line in words::columns(&rows) {
                printer.data_line(&line);
            }
        }
        Output::Json => {
            let pokes: Vec<serde_json::Value> = poke::all()
                .map(|poke| {
                    serde_json::json!({
                        "name": poke.name, "arguments": poke.arguments, "help": poke.help,
                    })
                })
                .collect();
            let document = serde_json::json!({
                "format": "orgstrap-pokes",
                "version": json::VERSION,
                "pokes": pokes,
            });
            printer.data_line(&document.to_string());
        }
    }
}

fn serve(verb: &Serve, global: &Global, printer: &Printer) -> CommandResult {
    let (world_file, world) = session::world(global, &verb.management_account, printer)?;
    let world = Arc::new(Mutex::new(world));
    // Real time: clients outside wait in theirs.
    session::runtime(false)?.block_on(async {
        let desired = SocketAddr::from((Ipv4Addr::LOCALHOST, verb.port));
        let listener = TcpListener::bind(desired).await.map_err(|error| {
            CommandError::caused(format!("could not listen on {desired}"), &error)
                .hint("another `--port`, or `--port 0` for a free one")
        })?;
        let address = listener
            .local_addr()
            .map_err(|error| CommandError::caused("could not find the port", &error))?;
        tell(address, global, printer);
        let options = ServeOptions {
            speed: f64::from(verb.speed),
            world_file,
        };
        sandbox::serve(world, listener, options, stop::signal())
            .await
            .map_err(|error| session::world_file(&error))?;
        Ok(Exit::Done)
    })
}

/// The environment goes to stdout as it can be exported; the rest is talk.
fn tell(address: SocketAddr, global: &Global, printer: &Printer) {
    let region = global
        .region
        .as_ref()
        .map_or("us-east-1", |region| region.as_str());
    let environment = [
        ("AWS_ENDPOINT_URL", format!("http://{address}")),
        ("AWS_ACCESS_KEY_ID", sts::MANAGEMENT_ACCESS_KEY.to_owned()),
        (
            "AWS_SECRET_ACCESS_KEY",
            sts::MANAGEMENT_SECRET_KEY.to_owned(),
        ),
        ("AWS_DEFAULT_REGION", region.to_owned()),
    ];
    printer.say("The sandbox answers. For the AWS CLI, boto3 and others, in another shell:\n");
    match global.output() {
        Output::Text => {
            for (name, value) in &environment {
                printer.data_line(&format!("export {name}={value}"));
            }
        }
        Output::Json => {
            let map: serde_json::Map<String, serde_json::Value> = environment
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone().into()))
                .collect();
            let document = serde_json::json!({
                "format": "orgstrap-sandbox",
                "version": json::VERSION,
                "environment": map,
            });
            printer.data_line(&document.to_string());
        }
    }
    let kept = match &global.world {
        Some(file) => format!("Ctrl-C ends it; the world is kept in {}.", file.display()),
        None => "Ctrl-C ends it, and the world with it; `--world FILE` keeps one.".to_owned(),
    };
    printer.say(&format!("\n{kept}"));
}
