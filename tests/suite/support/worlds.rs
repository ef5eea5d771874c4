//! The two worlds that scenarios run in: orgstrap's own sandbox, served, and moto, a third party.

use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::{clean, orgstrap, python};

/// A process that answers as AWS, ended when dropped.
pub struct World {
    child: Child,
    /// What clients need in their environment.
    pub environment: Vec<(String, String)>,
}

impl World {
    /// The sandbox over the world in `file`, on a free port.
    pub fn sandbox(file: &Path) -> World {
        World::serve(file, Stdio::inherit())
    }

    /// The same, with what it says on stderr in `log`.
    pub fn sandbox_with_log(file: &Path, log: &Path) -> World {
        World::serve(
            file,
            std::fs::File::create(log).expect("creates a log").into(),
        )
    }

    fn serve(file: &Path, log: Stdio) -> World {
        let mut child = orgstrap()
            .args(["-q", "--world"])
            .arg(file)
            .args(["sandbox", "serve", "--port", "0", "--speed", "600"])
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

    /// moto on a free port; `None` where there is no Python for it. MOTO_ACCOUNT_ID stays unset,
    /// because it would turn the isolation of accounts off.
    pub fn moto() -> Option<World> {
        let python = python()?;
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a free port")
            .port();
        let mut child = clean(Command::new(python))
            .args([
                "-m",
                "moto.server",
                "-H",
                "127.0.0.1",
                "-p",
                &port.to_string(),
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("moto starts");
        let up = (0..300).any(|_| {
            std::thread::sleep(Duration::from_millis(100));
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        if !up {
            let _ = child.kill();
            panic!("moto does not answer on port {port} after 30 s");
        }
        Some(World {
            child,
            environment: vec![(
                "AWS_ENDPOINT_URL".to_owned(),
                format!("http://127.0.0.1:{port}"),
            )],
        })
    }

    /// `command` as a client of this world.
    pub fn client(&self, command: Command) -> Command {
        let mut command = clean(command);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Ends it as Ctrl-C does, so that the sandbox writes its world.
    pub fn end(mut self) {
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
