//! What services do when something happens elsewhere in the world.

use super::world::World;

/// An account has entered (`from` is `None`), left (`to` is `None`) or moved inside the organization. `from`
/// and `to` are its parents, as chains of ids from the nearest OU up to the root. Called after the
/// organization's own data has changed.
pub fn account_moved(
    world: &mut World,
    account: &str,
    from: Option<&[String]>,
    to: Option<&[String]>,
) {
    super::cloudformation::account_moved(world, account, from, to);
    super::guardduty::account_moved(world, account, from, to);
}

/// An account was suspended or closed.
pub fn account_closed(world: &mut World, account: &str) {
    super::cloudformation::account_closed(world, account);
}
