//! What AWS shows or allows later than it says that it is done: one table, [`TABLE`], and what is late at the moment.
//!
//! A lag begins with a call ([`Lags::begin`]) and delays something for its unit ([`Lags::holds`]); where something old is
//! shown meanwhile, it is kept ([`Lags::keep`], [`Lags::shown`]). How long is decided by the world's [`Mode`] and, under a
//! seed, by a draw that depends on nothing but seed, row and unit: the same however calls interleave. Worlds that are built
//! or copied have no lags in them: what is there has been there for long.
//!
//! Nothing is late in the instant in which it was done: what one stack does takes minutes on AWS, and happens in one
//! instant here.

mod table;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use table::{Row, TABLE};

use super::call::{AwsError, Call};
use super::kms::Key;
use super::s3::Bucket;
use super::time::Time;
use super::words;
use super::world::{Rng, World};

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lag {
    AccountLimit,
    Finalizing,
    PolicyType,
    TrustedAccess,
    ServiceLinkedRole,
    Role,
    AccessRole,
    NewCloudFormation,
    NewServices,
    Gate,
    AccountKnown,
    AdministratorKnown,
    OwnDetector,
    AutoEnableJoined,
    AutoEnable,
    Destination,
    BucketPolicy,
    KeyPolicy,
    FirstDelivery,
    Noticed,
    AccountList,
    Tags,
    PolicyTargets,
    SetTargets,
}

impl Lag {
    /// Its row.
    pub fn row(self) -> &'static Row {
        // The table is in the order of the enum, which a test holds.
        &TABLE[self as usize]
    }
}

/// How late what is late comes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// At once.
    None,
    /// As it does mostly, without a draw.
    #[default]
    Usual,
    /// As late as the table has it.
    Worst,
    /// Drawn from this number, between the least and the most of each row.
    Seed(u64),
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Mode, String> {
        match text {
            "none" => Ok(Mode::None),
            "usual" => Ok(Mode::Usual),
            "worst" => Ok(Mode::Worst),
            seed => seed
                .parse()
                .map(Mode::Seed)
                .map_err(|_| "write none, usual, worst, or a number to draw from".to_owned()),
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mode::None => f.write_str("none"),
            Mode::Usual => f.write_str("usual"),
            Mode::Worst => f.write_str("worst"),
            Mode::Seed(seed) => write!(f, "{seed}"),
        }
    }
}

impl Mode {
    /// How long a lag is for a unit, in milliseconds.
    pub fn millis(self, lag: Lag, unit: &str) -> i64 {
        let row = lag.row();
        match self {
            Mode::None => 0,
            Mode::Usual => row.usual * 1000,
            Mode::Worst => row.most * 1000,
            Mode::Seed(seed) => {
                // FNV-1a: the draw must be the same on every machine and in every version of Rust.
                let mut state = seed ^ 0xcbf2_9ce4_8422_2325;
                for byte in row.name.bytes().chain([0]).chain(unit.bytes()) {
                    state = (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
                }
                Rng::new(state).between(row.least * 1000, row.most * 1000)
            }
        }
    }
}

/// What is late, and what was met.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Lags {
    pub mode: Mode,
    /// What is late, by row and unit.
    late: BTreeMap<String, Late>,
    #[serde(skip)]
    met: Met,
}

/// One thing that is late.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Late {
    since: Time,
    until: Time,
    /// What is shown until then.
    #[serde(default)]
    old: Value,
}

/// How often each row delayed something. No part of what a world is. Behind a lock since those who only read meet lags too.
#[derive(Debug, Default)]
struct Met(Mutex<BTreeMap<&'static str, u64>>);

impl Met {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clone for Met {
    fn clone(&self) -> Met {
        Met(Mutex::new(self.lock().clone()))
    }
}

impl PartialEq for Met {
    fn eq(&self, _: &Met) -> bool {
        true
    }
}

fn key(lag: Lag, unit: &str) -> String {
    format!("{} {unit}", lag.row().name)
}

impl Lags {
    /// Something was done at `now` that shows later, for `unit`.
    pub fn begin(&mut self, lag: Lag, unit: &str, now: Time) {
        self.keep(lag, unit, now, Value::Null);
    }

    /// The same where `old` is shown until then. What is shown already stays where an older change is late still.
    pub fn keep(&mut self, lag: Lag, unit: &str, now: Time, old: Value) {
        self.late.retain(|_, late| late.until > now);
        let millis = self.mode.millis(lag, unit);
        if millis == 0 {
            return;
        }
        let until = now.plus_millis(millis);
        let late = self.late.entry(key(lag, unit)).or_insert(Late {
            since: now,
            until,
            old,
        });
        late.until = late.until.max(until);
    }

    fn late(&self, lag: Lag, unit: &str, now: Time) -> Option<&Late> {
        let late = self.late.get(&key(lag, unit))?;
        (late.since < now && now < late.until).then_some(late)
    }

    /// Whether it is late at `now`, without counting that somebody met it.
    pub fn waits(&self, lag: Lag, unit: &str, now: Time) -> bool {
        self.late(lag, unit, now).is_some()
    }

    /// Whether what was done for `unit` does not count yet.
    pub fn holds(&self, lag: Lag, unit: &str, now: Time) -> bool {
        let holds = self.waits(lag, unit, now);
        if holds {
            self.note(lag);
        }
        holds
    }

    /// What is shown of `unit` instead of what is so.
    pub fn shown<T: DeserializeOwned>(&self, lag: Lag, unit: &str, now: Time) -> Option<T> {
        let old = serde_json::from_value(self.late(lag, unit, now)?.old.clone()).ok()?;
        self.note(lag);
        Some(old)
    }

    /// Counts that a row delayed something.
    pub fn note(&self, lag: Lag) {
        *self.met.lock().entry(lag.row().name).or_default() += 1;
    }

    /// How often each row delayed something since the world was loaded.
    pub fn met(&self) -> BTreeMap<&'static str, u64> {
        self.met.lock().clone()
    }

    /// Nothing is late any more, as after some hours.
    pub fn settle(&mut self) {
        self.late.clear();
    }
}

/// An account was made: what works later in it begins to.
pub fn account_made(world: &mut World, account: &str) {
    let now = world.now;
    for lag in [
        Lag::NewCloudFormation,
        Lag::NewServices,
        Lag::Gate,
        Lag::AccountKnown,
        Lag::AccountList,
    ] {
        world.lags.made(lag, account, now);
    }
}

impl Lags {
    /// A lag whose length depends on more than the account, such as service and Region: it is noted once for the account,
    /// and how long it is is asked for each unit.
    fn made(&mut self, lag: Lag, account: &str, now: Time) {
        if self.mode == Mode::None {
            return;
        }
        let until = now.plus_secs(lag.row().most);
        self.late.insert(
            key(lag, account),
            Late {
                since: now,
                until,
                old: Value::Null,
            },
        );
    }

    /// How long something of a new account is late, in milliseconds.
    pub fn in_new_account(&self, lag: Lag, account: &str, within: &str) -> i64 {
        self.mode.millis(lag, &format!("{account} {within}"))
    }

    /// Whether something of an account made a moment ago is late: `within` is what the unit has beside the account.
    pub fn new_account_waits(&self, lag: Lag, account: &str, within: &str, now: Time) -> bool {
        let Some(late) = self.late(lag, account, now) else {
            return false;
        };
        let millis = self.in_new_account(lag, account, within);
        now < late.since.plus_millis(millis)
    }
}

/// A bucket's policy as services see it: an older one for a while after it was changed.
pub fn bucket_policy(world: &World, name: &str, bucket: &Bucket) -> Option<String> {
    let old = world.lags.shown(Lag::BucketPolicy, name, world.now);
    old.unwrap_or_else(|| bucket.policy.clone())
}

/// The same of a key, by its ARN.
pub fn key_policy(world: &World, arn: &str, key: &Key) -> String {
    let old = world.lags.shown(Lag::KeyPolicy, arn, world.now);
    old.unwrap_or_else(|| key.policy.clone())
}

/// Services that work in a new account from the start.
const OPEN: &[&str] = &["sts", "iam", "organizations", "account"];

/// Refuses what is too early. "The AWS Access Key ID needs a subscription for the service" (common errors of AWS's query
/// APIs, OptInRequired).
pub fn refuse(world: &World, service: &str, operation: &str, call: &Call) -> Result<(), AwsError> {
    if (service, operation) == ("organizations", "CreateAccount")
        && world.lags.holds(Lag::AccountLimit, "", world.now)
    {
        return Err(
            AwsError::new("ConstraintViolationException", words::ACCOUNT_LIMIT)
                .with("Reason", "ACCOUNT_NUMBER_LIMIT_EXCEEDED"),
        );
    }
    if OPEN.contains(&service) {
        return Ok(());
    }
    let (lag, within) = match service {
        "cloudformation" => (Lag::NewCloudFormation, call.region.clone()),
        other => (Lag::NewServices, format!("{other} {}", call.region)),
    };
    if !world
        .lags
        .new_account_waits(lag, &call.account, &within, world.now)
    {
        return Ok(());
    }
    world.lags.note(lag);
    Err(match service {
        "cloudformation" | "sns" => AwsError::new("OptInRequired", words::OPT_IN).status(403),
        "ec2" => AwsError::new("OptInRequired", words::OPT_IN_EC2).status(401),
        "s3" => AwsError::new("NotSignedUp", words::NOT_SIGNED_UP).status(403),
        _ => AwsError::new("SubscriptionRequiredException", words::OPT_IN),
    })
}

#[cfg(test)]
mod tests;
