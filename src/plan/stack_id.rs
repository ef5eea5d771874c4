//! A stack by its ARN, which CloudFormation's API calls the stack's id.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{AccountId, InvalidName, Region};

/// The ARN of a stack: the one name of it that a later stack of the same name does not have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StackId {
    account: AccountId,
    region: Region,
    name: String,
    unique: String,
}

impl StackId {
    /// The account that it is in.
    pub fn account(&self) -> &AccountId {
        &self.account
    }

    /// The Region that it is in.
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// The stack's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for StackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            account,
            region,
            name,
            unique,
        } = self;
        write!(
            f,
            "arn:aws:cloudformation:{region}:{account}:stack/{name}/{unique}"
        )
    }
}

impl FromStr for StackId {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let shape = || {
            InvalidName(
                "it is written like \
                 \"arn:aws:cloudformation:eu-west-1:123456789012:stack/NAME/01234567-89ab-cdef-0123-456789abcdef\", \
                 as `aws cloudformation describe-stacks` shows it"
                    .to_owned(),
            )
        };
        let rest = text
            .strip_prefix("arn:aws:cloudformation:")
            .ok_or_else(shape)?;
        let mut parts = rest.splitn(3, ':');
        let (Some(region), Some(account), Some(resource)) =
            (parts.next(), parts.next(), parts.next())
        else {
            return Err(shape());
        };
        if resource.starts_with("stackset/") {
            return Err(InvalidName(
                "this is a stack set; name the stack in the member account".to_owned(),
            ));
        }
        let (name, unique) = resource
            .strip_prefix("stack/")
            .and_then(|stack| stack.split_once('/'))
            .ok_or_else(shape)?;
        let plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let named = name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.len() <= 128;
        if !named || unique.is_empty() || !plain(name) || !plain(unique) {
            return Err(shape());
        }
        Ok(Self {
            account: account.parse()?,
            region: region.parse()?,
            name: name.to_owned(),
            unique: unique.to_owned(),
        })
    }
}

impl TryFrom<String> for StackId {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        text.parse()
    }
}

impl From<StackId> for String {
    fn from(id: StackId) -> String {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_says_the_same_as_text_and_all_else_is_refused() {
        // The form of the API reference's examples of DescribeStacks.
        let arn = "arn:aws:cloudformation:us-east-1:123456789012:stack/MyStack/aaf549a0-a413-11df-adb3-5081b3858e83";
        let id: StackId = arn.parse().expect("a stack");
        assert_eq!(id.to_string(), arn);
        assert_eq!(
            (id.account().as_str(), id.region().as_str(), id.name()),
            ("123456789012", "us-east-1", "MyStack")
        );
        for wrong in [
            "",
            "MyStack",
            "arn:aws:cloudformation:us-east-1:123456789012:stack/MyStack",
            "arn:aws:cloudformation:us-east-1:123456789012:stack/MyStack/",
            "arn:aws:cloudformation:us-east-1:123456789012:stack//1",
            "arn:aws:cloudformation:us-east-1:123456789012:stack/My Stack/1",
            "arn:aws:cloudformation:us-east-1:123456789012:stackset/MySet:1",
            "arn:aws:cloudformation:useast1:123456789012:stack/MyStack/1",
            "arn:aws:cloudformation:us-east-1:12345:stack/MyStack/1",
            "arn:aws:s3:::stack/MyStack/1",
        ] {
            assert!(wrong.parse::<StackId>().is_err(), "{wrong}");
        }
    }
}
