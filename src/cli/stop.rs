//! Ctrl-C: the first finishes what is in flight, the second stops at once.

use crate::execute::Stop;

/// Turns every Ctrl-C (and SIGTERM) into a request to stop; never returns.
pub(super) async fn listen(stop: &Stop) {
    loop {
        signal().await;
        stop.ask();
    }
}

/// Waits for one Ctrl-C or SIGTERM. Where signals cannot be listened for, waits forever: the
/// process then ends as the system has it.
pub(super) async fn signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (Ok(mut interrupt), Ok(mut terminate)) = (
            signal(SignalKind::interrupt()),
            signal(SignalKind::terminate()),
        ) else {
            return std::future::pending().await;
        };
        tokio::select! {
            biased;
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }
    #[cfg(not(unix))]
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
