//! The two worlds that scenarios run in: orgstrap's own sandbox, served, and moto, a third party.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::moto::Moto;
use super::{clean, orgstrap, python};

/// A process that answers as AWS, ended when dropped.
pub(crate) struct World {
    child: Child,
    /// What clients need in their environment.
    pub(crate) environment: Vec<(String, String)>,
}

impl World {
    /// The sandbox over the world in `file`, on a free port.
    pub(crate) fn sandbox(file: &Path) -> World {
        World::serve(file, Stdio::inherit(), &[])
    }

    /// The same, with what it says on stderr in `log`.
    pub(crate) fn sandbox_with_log(file: &Path, log: &Path) -> World {
        World::serve(
            file,
            std::fs::File::create(log).expect("creates a log").into(),
            &[],
        )
    }

    /// One that shows at once what it did, as moto does.
    pub(crate) fn prompt_sandbox(file: &Path) -> World {
        World::serve(file, Stdio::inherit(), &["--lags", "none"])
    }

    fn serve(file: &Path, log: Stdio, options: &[&str]) -> World {
        let mut child = orgstrap()
            .args(["-q", "--world"])
            .arg(file)
            .args(["sandbox", "serve", "--port", "0", "--speed", "600"])
            .args(options)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the binary starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut environment = Vec::new();
        while environment.len() < 4 {
            let line = lines
                .next()
                .expect("serve prints its environment before it ends")
                .expect("reads");
            if let Some((name, value)) = line.trim_start_matches("export ").split_once('=') {
                environment.push((name.to_owned(), value.trim_matches('"').to_owned()));
            }
        }
        World { child, environment }
    }

    /// moto; `None` where there is no Python for it.
    pub(crate) fn moto() -> Option<World> {
        python()?;
        let moto = Moto::start();
        Some(World {
            environment: vec![("AWS_ENDPOINT_URL".to_owned(), moto.url())],
            child: moto.into_process(),
        })
    }

    /// `command` as a client of this world.
    pub(crate) fn client(&self, command: Command) -> Command {
        let mut command = clean(command);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Ends it as Ctrl-C does, so that the sandbox writes its world.
    pub(crate) fn end(mut self) {
        let id = self.child.id().to_string();
        let told = Command::new("kill").args(["-INT", &id]).status();
        assert!(told.is_ok_and(|status| status.success()), "kill -INT {id}");
        for _ in 0..300 {
            if let Some(status) = self.child.try_wait().expect("waits") {
                assert!(status.success(), "the world ended with {status}");
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("the world does not end after Ctrl-C");
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.child.kill();
        if let Some(mut out) = self.child.stdout.take() {
            let _ = out.read_to_end(&mut Vec::new());
        }
        let _ = self.child.wait();
    }
}
