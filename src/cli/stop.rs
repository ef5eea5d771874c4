//! Ctrl-C: the first finishes what is in flight, the second stops at once.

use crate::execute::Stop;

/// Turns every Ctrl-C (and SIGTERM, and SIGHUP) into a request to stop; never returns.
pub(super) async fn listen(stop: &Stop) {
    loop {
        signal().await;
        stop.ask();
    }
}

/// Waits for one Ctrl-C, SIGTERM, or SIGHUP: a terminal that is closed, or a connection that is lost, in
/// the middle of a run. Where signals cannot be listened for, waits forever: the
/// process then ends as the system has it.
pub(super) async fn signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)) = (
            signal(SignalKind::interrupt()),
            signal(SignalKind::terminate()),
            signal(SignalKind::hangup()),
        ) else {
            return std::future::pending().await;
        };
        tokio::select! {
            biased;
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
    #[cfg(not(unix))]
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
