//! What `apply` and `rehearse` have in common: hold the lock, make the changes, give the lock back.

use super::error::CommandError;
use super::exit::Exit;
use super::session::Session;
use crate::addr::Bindings;
use crate::event::Event;
use crate::execute::lock::{self, Lock, LockError};
use crate::execute::{self, AwsEffects, Stop, Summary};
use crate::graph::ChangeGraph;

/// The lock, held, and that which changes AWS under it.
pub struct LockedRun {
    lock: Lock,
    effects: AwsEffects,
}

/// Refuses to ask a person about changes while another run holds the lock: the answer would be for nothing. Where
/// nobody is asked, taking the lock says the same.
pub async fn refuse_while_held(session: &Session, asks: bool) -> Result<(), CommandError> {
    if !asks {
        return Ok(());
    }
    match lock::holder(&session.aws).await {
        Ok(None) => Ok(()),
        Ok(Some(holder)) => Err(locked(&LockError::Held(Box::new(holder)), session)),
        Err(error) => Err(locked(&error, session)),
    }
}

/// The command that takes the lock of a run away, as it can be pasted.
pub fn unlock_command(run: &str, session: &Session) -> String {
    format!("orgstrap unlock {run}{}", session.same_place)
}

impl LockedRun {
    /// Takes the lock.
    pub async fn take(session: &Session, stop: &Stop) -> Result<Self, CommandError> {
        let host = std::env::var("HOSTNAME")
            .ok()
            .filter(|name| !name.is_empty() && !session.sandbox);
        let lock = lock::acquire(&session.aws, &session.run, host, session.started)
            .await
            .map_err(|error| locked(&error, session))?;
        let effects = AwsEffects::new(
            session.aws.clone(),
            session.management.clone(),
            session.run.clone(),
            Some(lock.clone()),
            stop.clone(),
        );
        Ok(Self { lock, effects })
    }

    /// Makes the changes.
    pub async fn run(
        &self,
        graph: ChangeGraph,
        bindings: Bindings,
        tell: &dyn Fn(Event),
        stop: &Stop,
    ) -> Summary {
        execute::execute(graph, bindings, &self.effects, tell, stop).await
    }

    /// Gives the lock back.
    pub async fn release(self) -> Result<(), LockError> {
        self.lock.release().await
    }
}

fn locked(error: &LockError, session: &Session) -> CommandError {
    let wrong = CommandError::caused("could not take the lock", error);
    if let LockError::Held(holder) = error {
        return wrong.exit(Exit::Locked).hint(format!(
            "wait until it ends; if it is certain that it died: `{}`",
            unlock_command(&holder.run, session)
        ));
    }
    match error.hint() {
        Some(hint) => wrong.hint(hint),
        None => wrong,
    }
}
