//! tracing to stderr, beside the progress bars.

use std::io::Write;

use tracing::{Level, Metadata};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::prelude::*;
use tracing_subscriber::{EnvFilter, Layer};

use crate::report::Printer;

/// Starts logging at the level that the number of `-v` asks for; `ORGSTRAP_LOG` overrides it.
///
/// Whatever either asks for, what could show a credential is left out: see [`harmless`].
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
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(Lines(printer.clone()))
        .without_time()
        .with_filter(filter_fn(harmless));
    let started = tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .try_init();
    // Only a second start in one process fails, and then the first one serves.
    drop(started);
}

/// Whether a span or an event may be shown.
///
/// At TRACE the SDK writes whole requests and answers, with the session token among the headers and
/// new credentials in the body; at DEBUG its orchestrator writes errors with the answer they came
/// in, which for a bad signature repeats the token. Only the search for credentials is let through
/// at DEBUG, without the events that name a key.
fn harmless(metadata: &Metadata<'_>) -> bool {
    let within = |crates: &[&str]| {
        let of = metadata.target().split("::").next().unwrap_or_default();
        crates.contains(&of)
    };
    if within(&["orgstrap", "orgstrap_sandbox"]) {
        return true;
    }
    let most = if within(&["aws_config"]) {
        Level::DEBUG
    } else {
        Level::INFO
    };
    let names_a_key = metadata.fields().iter().any(|field| {
        ["key", "cred", "token", "secret"]
            .iter()
            .any(|part| field.name().contains(part))
    });
    *metadata.level() <= most && !names_a_key
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// The events as the SDK writes them (aws-smithy-runtime's orchestrator, aws-sigv4, aws-config),
    /// with everything asked for.
    #[test]
    fn no_event_of_the_sdk_shows_a_credential() {
        let kept = Kept::default();
        let writer = kept.clone();
        let lines = tracing_subscriber::fmt::layer()
            .with_writer(move || writer.clone())
            .without_time()
            .with_filter(filter_fn(harmless));
        let subscriber = tracing_subscriber::registry()
            .with(EnvFilter::new("trace"))
            .with(lines);
        tracing::subscriber::with_default(subscriber, || {
            let secret = "IQoJb3JpZ2luX2VjE";
            tracing::trace!(target: "aws_smithy_runtime::client::orchestrator", request = ?secret, "transmitting request");
            tracing::debug!(target: "aws_smithy_runtime::client::orchestrator", err = ?secret, "encountered orchestrator error; continuing");
            tracing::trace!(target: "aws_sigv4::http_request::sign", request = ?secret, "signing request");
            tracing::debug!(target: "aws_config::sts::assume_role", access_key_id = ?secret, "obtained assumed credentials");
            tracing::info!(target: "aws_config::profile::credentials", creds = ?secret, "loaded base credentials");
            tracing::debug!(target: "aws_config::meta::credentials::chain", provider = "Profile", "loaded credentials");
            tracing::trace!(target: "orgstrap::aws", "own words");
        });
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        assert!(!text.contains("IQoJ"), "{text}");
        assert!(
            text.contains("Profile") && text.contains("own words"),
            "{text}"
        );
    }
}
