//! What a call is and who makes it.

use std::fmt;
use std::sync::Arc;

use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::services::Service;

/// An operation by service and name, as IAM spells the service: `Operation("organizations", "CreateAccount")`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Operation(pub &'static str, pub &'static str);

impl Operation {
    /// Operations that may not be sent again when the answer was lost: they have no idempotency
    /// token, and nothing that AWS checks keeps a second one from being carried out.
    const NOT_REPEATABLE: [Operation; 3] = [
        Operation("organizations", "CreateAccount"),
        Operation("organizations", "CreateGovCloudAccount"),
        Operation("organizations", "InviteAccountToOrganization"),
    ];

    /// The operation that an error is of. The SDK's are named as AWS spells the operation,
    /// `aws_sdk_organizations::operation::list_accounts::ListAccountsError`, and those of [`super::described`] name it,
    /// `Failed<orgstrap::aws::described::tag::GetResources>`. A test holds it for every service.
    pub fn of<E: ProvideErrorMetadata>() -> Operation {
        let path = std::any::type_name::<E>();
        if let Some((_, described)) = path.split_once('<') {
            let mut parts = described.trim_end_matches('>').rsplit("::");
            let name = parts.next().unwrap_or_default();
            return Operation(parts.next().unwrap_or_default(), name);
        }
        let sdk = path.split("::").next().unwrap_or(path);
        let name = path.rsplit("::").next().unwrap_or(path);
        Operation(
            Service::of_sdk(sdk).map_or(sdk, |service| service.name),
            name.strip_suffix("Error").unwrap_or(name),
        )
    }

    /// Whether the operation may be sent again when nobody knows if it was carried out. One that
    /// may not ends with [`ErrorKind::NoAnswer`](super::ErrorKind::NoAnswer), and its caller looks.
    pub fn repeatable(self) -> bool {
        !Self::NOT_REPEATABLE.contains(&self)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.0, self.1)
    }
}

/// For whom a call is made: how urgent it is, and who is told of waits.
#[derive(Clone)]
pub struct CallContext {
    /// The longest remaining chain of work; a greater rank goes first.
    pub rank: u64,
    /// Told what is being waited for, in words.
    pub tell: Arc<dyn Fn(String) + Send + Sync>,
}

impl CallContext {
    /// Nobody in a hurry, and nobody told.
    pub fn quiet() -> Self {
        Self {
            rank: 0,
            tell: Arc::new(|_| {}),
        }
    }

    /// A caller of some rank that is told of waits.
    pub fn new(rank: u64, tell: impl Fn(String) + Send + Sync + 'static) -> Self {
        Self {
            rank,
            tell: Arc::new(tell),
        }
    }
}

impl fmt::Debug for CallContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallContext")
            .field("rank", &self.rank)
            .finish_non_exhaustive()
    }
}
