//! tracing to stderr, beside the progress bars.

use std::io::Write;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::report::Printer;

/// Starts logging at the level that the number of `-v` asks for; `ORGSTRAP_LOG` overrides it.
///
/// The SDK's own wire logging is left off below `-vvv`, and never shows credentials: it redacts
/// what its models mark as sensitive, and bodies are not logged at all.
pub(super) fn start(verbose: u8, printer: &Printer) {
    let level = match verbose {
        0 => "orgstrap=warn",
        1 => "orgstrap=info",
        2 => "orgstrap=debug",
        _ => "orgstrap=trace,aws_config=debug,aws_runtime=info",
    };
    let filter = std::env::var("ORGSTRAP_LOG")
        .ok()
        .and_then(|text| EnvFilter::try_new(text).ok())
        .unwrap_or_else(|| EnvFilter::new(level));
    let started = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(Lines(printer.clone()))
        .without_time()
        .try_init();
    // Only a second start in one process fails, and then the first one serves.
    drop(started);
}

/// Writes whole log lines through the printer.
struct Lines(Printer);

/// One log line in the making.
struct Line {
    printer: Printer,
    bytes: Vec<u8>,
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line;
    fn make_writer(&'a self) -> Line {
        Line {
            printer: self.0.clone(),
            bytes: Vec::new(),
        }
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.printer.talk(&String::from_utf8_lossy(&self.bytes));
    }
}
