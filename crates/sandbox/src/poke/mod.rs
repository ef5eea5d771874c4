//! Makes things go wrong in a world as people do: by hand, in the console, past orgstrap.
//!
//! One row a poke in [`TABLE`]: its name, its arguments, what it does, and a function over the world.
//! Whatever AWS has an operation for goes through the sandbox's own handler of it, called as the
//! account's root user, so that side effects (auto-deployment after a move) happen as on AWS.

use super::call::{AwsError, Call};
use super::time::Time;
use super::world::{Due, World};
use super::{permissions, table};
use serde_json::Value;

mod find;
mod organization;
mod services;
mod stacks;
#[cfg(test)]
mod tests;

/// One way of making something go wrong.
pub struct Poke {
    pub name: &'static str,
    /// The names of its arguments. Those in brackets may be left out and stand last.
    pub arguments: &'static [&'static str],
    /// What it does, in one line.
    pub help: &'static str,
    /// Returns what was done, as a sentence.
    act: fn(&mut World, &Given<'_>) -> Result<String, PokeError>,
}

impl std::fmt::Debug for Poke {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// Every poke, by what it is about.
pub static TABLE: &[&[Poke]] = &[organization::POKES, services::POKES, stacks::POKES, TIME];

const TIME: &[Poke] = &[
    Poke {
        name: "finalize-organization",
        arguments: &["MINUTES"],
        help: "for so long the organization has not finished initializing, and no account can be created",
        act: finalize,
    },
    Poke {
        name: "empty-pages",
        arguments: &["ON_OR_OFF"],
        help: "let an empty page come before each page of Organizations' lists",
        act: empty_pages,
    },
    Poke {
        name: "wait",
        arguments: &["MINUTES"],
        help: "let time pass: what AWS has promised for then happens",
        act: wait,
    },
];

fn finalize(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    let minutes = minutes(given.get(0))?;
    let until = world.now.plus_secs(minutes * 60);
    world.quirks.finalizing_until = Some(until);
    Ok(format!(
        "no account can be created until {}",
        until.iso8601()
    ))
}

fn empty_pages(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    let on = match given.get(0) {
        "on" => true,
        "off" => false,
        word => {
            return Err(PokeError::new(format!("`{word}` is neither on nor off"))
                .hint("write `on` or `off`"));
        }
    };
    world.quirks.empty_pages = on;
    Ok(match on {
        true => String::from("Organizations answers with empty pages between others"),
        false => String::from("Organizations answers with full pages"),
    })
}

/// Why nothing was poked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PokeError {
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl PokeError {
    fn new(message: impl Into<String>) -> PokeError {
        PokeError {
            message: message.into(),
            hint: None,
        }
    }

    fn hint(mut self, hint: impl Into<String>) -> PokeError {
        self.hint = Some(hint.into());
        self
    }
}

/// AWS refuses people too.
impl From<AwsError> for PokeError {
    fn from(error: AwsError) -> PokeError {
        PokeError::new(format!("AWS refuses it: {error}"))
    }
}

/// The arguments as given.
struct Given<'a>(&'a [String]);

impl Given<'_> {
    fn get(&self, place: usize) -> &str {
        self.option(place).unwrap_or_default()
    }

    fn option(&self, place: usize) -> Option<&str> {
        self.0.get(place).map(String::as_str)
    }
}

/// Every poke, in the order of the table.
pub fn all() -> impl Iterator<Item = &'static Poke> + Clone {
    TABLE.iter().flat_map(|pokes| pokes.iter())
}

impl Poke {
    /// The poke of this name.
    pub fn named(name: &str) -> Result<&'static Poke, PokeError> {
        all().find(|poke| poke.name == name).ok_or_else(|| {
            let hint = find::did_you_mean(name, all().map(|poke| poke.name));
            PokeError::new(format!("`{name}` is no poke"))
                .hint(hint.unwrap_or_else(|| String::from("`--list` shows them all")))
        })
    }

    /// `move-account ACCOUNT OU`.
    pub fn usage(&self) -> String {
        let mut words = vec![self.name];
        words.extend(self.arguments);
        words.join(" ")
    }

    /// Does it. Says what was done.
    ///
    /// # Errors
    /// The arguments name nothing that is there, or AWS would refuse it.
    pub fn run(&self, world: &mut World, arguments: &[String]) -> Result<String, PokeError> {
        let needed = self
            .arguments
            .iter()
            .filter(|name| !name.starts_with('['))
            .count();
        if !(needed..=self.arguments.len()).contains(&arguments.len()) {
            let what = match arguments.len() {
                0 => String::from("nothing"),
                1 => String::from("1 argument"),
                number => format!("{number} arguments"),
            };
            return Err(PokeError::new(format!("{} got {what}", self.name))
                .hint(format!("write `{}`", self.usage())));
        }
        let did = (self.act)(world, &Given(arguments))?;
        // Who breaks something by hand is not in a hurry, and whoever looks for it comes later.
        if self.name != "wait" {
            world.lags.settle();
        }
        Ok(did)
    }
}

/// Calls an operation past all policies.
fn call(
    world: &mut World,
    (account, region): (&str, &str),
    service: &str,
    operation: &str,
    input: Value,
) -> Result<Value, PokeError> {
    let nobody = permissions::past_policies(account);
    let call = Call::internal(account, region, &nobody, world.now, input);
    Ok(table::invoke(world, service, operation, &call)?)
}

/// Where Organizations and IAM answer.
const GLOBAL: &str = "us-east-1";
/// The longest that a poke waits for what it began, in hours: everything ends sooner.
const PATIENCE_HOURS: i64 = 12;

/// Lets time pass until what the poke began has ended, event by event.
fn settle(world: &mut World, ended: impl Fn(&World) -> bool) -> Result<(), PokeError> {
    let latest = world.now.plus_secs(PATIENCE_HOURS * 3600);
    while !ended(world) {
        match world.due.first_key_value().map(|((at, _), _)| *at) {
            Some(at) if at <= latest => world.advance(at),
            _ => {
                return Err(PokeError::new(
                    "what was begun did not end within hours of the sandbox's time",
                ));
            }
        };
    }
    Ok(())
}

fn minutes(word: &str) -> Result<i64, PokeError> {
    word.parse::<u32>()
        .ok()
        .filter(|minutes| (1..=60 * 24 * 400).contains(minutes))
        .map(i64::from)
        .ok_or_else(|| {
            PokeError::new(format!("`{word}` is no number of minutes"))
                .hint("write a whole number, such as 15")
        })
}

fn wait(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    let minutes = minutes(given.get(0))?;
    let until = world.now.plus_secs(minutes * 60);
    let before = pending(world, until);
    world.advance(until);
    Ok(format!(
        "{minutes} min have passed; {before} things that AWS had promised came due"
    ))
}

/// How much of what is promised is due by a moment. What that brings about in turn is not counted.
fn pending(world: &World, until: Time) -> usize {
    world
        .due
        .iter()
        .take_while(|((at, _), _)| *at <= until)
        .filter(|(_, due)| !matches!(due, Due::ForgetSession(_)))
        .count()
}
