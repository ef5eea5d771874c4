//! The second world: the moto server, a third party's simulation of AWS, started and stopped by
//! the tests that need it. Where it is missing they fail, and say how to get it.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aws_config::BehaviorVersion;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_types::SdkConfig;
use orgstrap::aws::{Aws, Options, Pace};

/// A running moto server on a free loopback port; stopped when dropped.
pub(crate) struct Moto {
    /// `None` once somebody else looks after it.
    server: Option<Child>,
    address: SocketAddr,
}

/// What to run: `ORGSTRAP_TEST_PYTHON`, else `python3`.
fn python() -> String {
    std::env::var("ORGSTRAP_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned())
}

impl Moto {
    /// Starts an empty world.
    pub(crate) fn start() -> Moto {
        let python = python();
        let version = Command::new(&python)
            .args(["-c", "import moto.server, moto; print(moto.__version__)"])
            .output();
        let found = version.is_ok_and(|output| output.status.success());
        assert!(
            found,
            "`{python}` cannot import moto.server: make a virtual environment with \
             `pip install 'moto[server]==5.2.5'` and set ORGSTRAP_TEST_PYTHON to its python"
        );
        // The port is free until the server takes it; another test may be quicker, so try again.
        for _ in 0..5 {
            let address = TcpListener::bind("127.0.0.1:0")
                .and_then(|listener| listener.local_addr())
                .expect("a free loopback port");
            let server = Command::new(&python)
                .args(["-m", "moto.server", "-H", "127.0.0.1", "-p"])
                .arg(address.port().to_string())
                // Set, it turns the isolation of accounts off.
                .env_remove("MOTO_ACCOUNT_ID")
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("moto starts");
            let mut moto = Moto {
                server: Some(server),
                address,
            };
            if moto.answers() {
                return moto;
            }
        }
        panic!("moto did not start");
    }

    /// Waits until the server takes connections; `false` if it ended instead.
    fn answers(&mut self) -> bool {
        let deadline = Instant::now() + Duration::from_secs(60);
        while Instant::now() < deadline {
            let server = self.server.as_mut().expect("it was just started");
            if server.try_wait().is_ok_and(|ended| ended.is_some()) {
                return false;
            }
            if TcpStream::connect_timeout(&self.address, Duration::from_millis(200)).is_ok() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        false
    }

    /// The server's process, for who ends it in another way.
    pub(crate) fn into_process(mut self) -> Child {
        self.server.take().expect("it was started")
    }

    /// What `AWS_ENDPOINT_URL` is to be.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The SDK's configuration for this world.
    pub(crate) fn config(&self) -> SdkConfig {
        let credentials = Credentials::new("testing", "testing", None, None, "tests");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(aws_types::region::Region::from_static("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .endpoint_url(self.url())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build()
    }

    /// orgstrap's own way in, without pace: moto has no rates.
    pub(crate) fn aws(&self) -> Aws {
        Aws::over(
            self.config(),
            Options {
                profile: None,
                home_region: "us-east-1".parse().expect("a Region"),
                access_role: "OrganizationAccountAccessRole".into(),
                pace: Pace::Off,
                pace_overrides: Default::default(),
                run: "tests".into(),
                seed: 1,
            },
        )
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        if let Some(server) = &mut self.server {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}
