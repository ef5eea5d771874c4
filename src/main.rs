//! The `orgstrap` binary; everything is in the library.

fn main() -> std::process::ExitCode {
    orgstrap::cli::main()
}
