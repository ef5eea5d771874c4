//! Rehearsals: an organization that was read, copied into a sandbox, and what a run there came to.
//!
//! [`copy()`] makes a sandbox's world of an [`Inventory`](crate::inventory::Inventory) and says what it
//! could not copy. [`Timeline`] follows the events of the run; [`chain()`] finds in it the longest chain of
//! waits and what held it back. Running the changes is `execute`'s work, as ever.

mod chain;
mod copy;
mod timeline;

pub use chain::{Bound, Chain, Hold, Link, Wait, chain};
pub use copy::{Copied, copy};
pub use timeline::{Span, Timeline};
