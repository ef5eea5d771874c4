//! STS: who calls, and sessions of assumed roles.

use serde::{Deserialize, Serialize};

use super::table::Row;
use super::time::Time;
use super::world::World;

/// The access key id of the management account's user. Fixed and public: it opens nothing but a sandbox.
pub const MANAGEMENT_ACCESS_KEY: &str = "AKIASANDBOXMANAGEMNT";
/// The secret that goes with it. Fixed and public; the sandbox does not check signatures.
pub const MANAGEMENT_SECRET_KEY: &str = "sandbox-management-secret-not-a-real-key";

/// What an access key opens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Credential {
    pub account: String,
    /// The ARN that GetCallerIdentity answers.
    pub principal: String,
    pub user_id: String,
    /// `None` for a long-lived key.
    pub expires: Option<Time>,
    /// Sessions must send it.
    pub token: Option<String>,
}

/// Gives the management account its well-known key.
pub fn give_management_key(world: &mut World) {
    let account = world.management_account.clone();
    world.credentials.insert(
        MANAGEMENT_ACCESS_KEY.to_owned(),
        Credential {
            principal: format!("arn:aws:iam::{account}:user/admin"),
            user_id: format!("AIDA{}", world.rng.capitals(17)),
            account,
            expires: None,
            token: None,
        },
    );
}

/// The rows of this service.
pub const OPERATIONS: &[Row] = &[];
