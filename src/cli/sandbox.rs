use clap::{Args, Subcommand};

use super::Global;
use super::error::{CommandError, CommandResult};
use crate::report::Printer;

/// The embedded simulated AWS, for other clients.
#[derive(Debug, Args)]
pub(super) struct Sandbox {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    Serve(Serve),
}

/// Serve the sandbox on a loopback port, for boto3, the AWS CLI or any other client.
///
/// Prints the endpoint and the environment to export. With `--world FILE` the world is read from
/// the file and written back at the end.
#[derive(Debug, Args)]
struct Serve {
    /// The port on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 4599)]
    port: u16,
    /// How many seconds pass in the sandbox for each real one.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    speed: u32,
    /// The management account of a new world.
    #[arg(long, value_name = "ID", default_value = "111111111111")]
    management_account: crate::plan::AccountId,
}

pub(super) fn run(_verb: &Sandbox, _global: &Global, _printer: &Printer) -> CommandResult {
    Err(CommandError::new("`sandbox serve` is not wired yet"))
}
