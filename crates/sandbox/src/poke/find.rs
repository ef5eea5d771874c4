//! What the words of a poke mean: accounts by name or id, OUs by path, policies by name, the rest by
//! name or by a part that only one has.

use super::PokeError;
use crate::organizations::OrganizationState;
use crate::world::World;

/// The candidate that was most likely meant.
fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    candidates
        .map(|candidate| {
            let other = candidate.to_lowercase();
            let last = other.rsplit('/').next().unwrap_or(&other);
            let distance = strsim::damerau_levenshtein(&word, &other)
                .min(strsim::damerau_levenshtein(&word, last));
            (distance, candidate)
        })
        .filter(|(distance, candidate)| *distance <= (candidate.len() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// "did you mean `x`?", or else what there is, if that is not too much.
pub(super) fn did_you_mean<'a>(
    word: &str,
    candidates: impl Iterator<Item = &'a str> + Clone,
) -> Option<String> {
    if let Some(candidate) = nearest(word, candidates.clone()) {
        return Some(format!("did you mean `{candidate}`?"));
    }
    there_is(candidates)
}

fn there_is<'a>(candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    const SHOWN: usize = 12;
    let all: Vec<String> = candidates.map(|name| format!("`{name}`")).collect();
    match all.len() {
        0 => None,
        number if number > SHOWN => Some(format!(
            "there are {number}, such as {}",
            all.get(..3).unwrap_or_default().join(", ")
        )),
        _ => Some(format!("there is {}", all.join(", "))),
    }
}

fn unknown<'a>(
    what: &str,
    word: &str,
    candidates: impl Iterator<Item = &'a str> + Clone,
) -> PokeError {
    let error = PokeError::new(format!("there is no {what} `{word}` in this world"));
    match did_you_mean(word, candidates) {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// The organization, which most pokes are about.
pub(super) fn organization(world: &World) -> Result<&OrganizationState, PokeError> {
    world.organization.as_ref().ok_or_else(|| {
        PokeError::new("there is no organization in this world yet")
            .hint("`orgstrap apply --sandbox --world FILE` makes one")
    })
}

pub(super) fn organization_mut(world: &mut World) -> Result<&mut OrganizationState, PokeError> {
    organization(world)?;
    world
        .organization
        .as_mut()
        .ok_or_else(|| PokeError::new("there is no organization in this world yet"))
}

/// An account's id, by id or name.
pub(super) fn account(world: &World, word: &str) -> Result<String, PokeError> {
    if world.accounts.contains_key(word) {
        return Ok(word.to_owned());
    }
    let mut named = world.accounts.iter().filter(|(_, it)| it.name == word);
    match (named.next(), named.next()) {
        (Some((id, _)), None) => Ok(id.clone()),
        (Some(_), Some(_)) => Err(PokeError::new(format!(
            "several accounts have the name `{word}`"
        ))
        .hint("give its id")),
        (None, _) => Err(unknown(
            "account",
            word,
            world.accounts.values().map(|it| it.name.as_str()),
        )),
    }
}

/// `name (id)`.
pub(super) fn shown(world: &World, account: &str) -> String {
    match world.account(account) {
        Some(known) => format!("{} ({account})", known.name),
        None => account.to_owned(),
    }
}

/// The path of an OU.
fn path(organization: &OrganizationState, id: &str) -> String {
    let mut names: Vec<&str> = organization
        .chain(id)
        .iter()
        .filter_map(|id| organization.ous.get(id).map(|ou| ou.name.as_str()))
        .collect();
    names.reverse();
    names.join("/")
}

/// A parent's id: `root`, or an OU by path or id.
pub(super) fn parent(world: &World, word: &str) -> Result<String, PokeError> {
    let organization = organization(world)?;
    if word == "root" || word == organization.root {
        return Ok(organization.root.clone());
    }
    ou(world, word)
}

/// An OU's id, by path or id.
pub(super) fn ou(world: &World, word: &str) -> Result<String, PokeError> {
    let organization = organization(world)?;
    let paths: Vec<(String, &String)> = organization
        .ous
        .keys()
        .map(|id| (path(organization, id), id))
        .collect();
    match paths
        .iter()
        .find(|(path, id)| path == word || id.as_str() == word)
    {
        Some((_, id)) => Ok((*id).clone()),
        None => Err(unknown(
            "OU",
            word,
            paths.iter().map(|(path, _)| path.as_str()),
        )),
    }
}

/// The root, an OU by path or an account by name: where policies are attached.
pub(super) fn target(world: &World, word: &str) -> Result<String, PokeError> {
    if let Ok(id) = parent(world, word).or_else(|_| account(world, word)) {
        return Ok(id);
    }
    let organization = organization(world)?;
    let paths: Vec<String> = organization
        .ous
        .keys()
        .map(|id| path(organization, id))
        .collect();
    let accounts = world.accounts.values().map(|it| it.name.as_str());
    let all = paths
        .iter()
        .map(String::as_str)
        .chain(accounts)
        .chain(["root"]);
    Err(unknown("root, OU or account", word, all))
}

/// A policy's id, by name or id.
pub(super) fn policy(world: &World, word: &str) -> Result<String, PokeError> {
    let policies = &organization(world)?.policies;
    policies
        .iter()
        .find(|(id, policy)| policy.name == word || id.as_str() == word)
        .map(|(id, _)| id.clone())
        .ok_or_else(|| {
            unknown(
                "policy",
                word,
                policies.values().map(|policy| policy.name.as_str()),
            )
        })
}

/// The one of `names` that is meant: the whole name, or a part that only one has. With no word, the
/// only one there is.
pub(super) fn one<'a>(
    what: &str,
    word: Option<&str>,
    names: impl Iterator<Item = &'a str> + Clone,
) -> Result<&'a str, PokeError> {
    let Some(word) = word else {
        let mut all = names.clone();
        return match (all.next(), all.next()) {
            (Some(only), None) => Ok(only),
            (None, _) => Err(PokeError::new(format!("there is no {what} in this world"))),
            _ => {
                let error = PokeError::new(format!("there are several {what}s; which one?"));
                Err(match there_is(names) {
                    Some(hint) => error.hint(hint),
                    None => error,
                })
            }
        };
    };
    if let Some(exact) = names.clone().find(|name| *name == word) {
        return Ok(exact);
    }
    let mut partly = names.clone().filter(|name| name.contains(word));
    match (partly.next(), partly.next()) {
        (Some(only), None) => Ok(only),
        (Some(_), Some(_)) => {
            let error = PokeError::new(format!("several {what}s have `{word}` in their names"));
            Err(match there_is(names.filter(|name| name.contains(word))) {
                Some(hint) => error.hint(hint),
                None => error,
            })
        }
        (None, _) => Err(unknown(what, word, names)),
    }
}

/// The Region that is meant among those where there is something.
pub(super) fn region(
    what: &str,
    word: Option<&str>,
    regions: &[String],
) -> Result<String, PokeError> {
    match (word, regions) {
        (None, [only]) => Ok(only.clone()),
        (_, []) => Err(PokeError::new(format!("there is no {what} there"))),
        (None, _) => Err(PokeError::new(format!(
            "there is a {what} in several Regions; which one?"
        ))
        .hint(format!("name one of {}", regions.join(", ")))),
        (Some(word), _) => match regions.iter().find(|region| *region == word) {
            Some(region) => Ok(region.clone()),
            None => Err(
                PokeError::new(format!("there is no {what} in `{word}`")).hint(format!(
                    "there is one in {}; did you mean that?",
                    regions.join(", ")
                )),
            ),
        },
    }
}
