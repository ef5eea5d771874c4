//! What orgstrap knows of AWS Regions: offline checks need the names, and which of them an account
//! has from the start.

/// A Region of the `aws` partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownRegion {
    pub name: &'static str,
    /// The year it opened to everybody.
    pub since: u16,
    /// Whether every account must turn it on first.
    pub opt_in: bool,
}

const fn open(name: &'static str, since: u16) -> KnownRegion {
    KnownRegion {
        name,
        since,
        opt_in: false,
    }
}

const fn opt_in(name: &'static str, since: u16) -> KnownRegion {
    KnownRegion {
        name,
        since,
        opt_in: true,
    }
}

/// The Regions of the `aws` partition by name (AWS's partition metadata and the Account Management
/// reference). Regions since March 2019 are opt-in, but for Osaka, which had been a local Region.
pub const KNOWN: &[KnownRegion] = &[
    opt_in("af-south-1", 2020),
    opt_in("ap-east-1", 2019),
    opt_in("ap-east-2", 2025),
    open("ap-northeast-1", 2011),
    open("ap-northeast-2", 2016),
    open("ap-northeast-3", 2021),
    open("ap-south-1", 2016),
    opt_in("ap-south-2", 2022),
    open("ap-southeast-1", 2010),
    open("ap-southeast-2", 2012),
    opt_in("ap-southeast-3", 2021),
    opt_in("ap-southeast-4", 2023),
    opt_in("ap-southeast-5", 2024),
    opt_in("ap-southeast-6", 2025),
    opt_in("ap-southeast-7", 2025),
    open("ca-central-1", 2016),
    opt_in("ca-west-1", 2023),
    open("eu-central-1", 2014),
    opt_in("eu-central-2", 2022),
    open("eu-north-1", 2018),
    opt_in("eu-south-1", 2020),
    opt_in("eu-south-2", 2022),
    open("eu-west-1", 2007),
    open("eu-west-2", 2016),
    open("eu-west-3", 2017),
    opt_in("il-central-1", 2023),
    opt_in("me-central-1", 2022),
    opt_in("me-south-1", 2019),
    opt_in("mx-central-1", 2025),
    open("sa-east-1", 2011),
    open("us-east-1", 2006),
    open("us-east-2", 2016),
    open("us-west-1", 2009),
    open("us-west-2", 2011),
];

/// The Region where global services send their events; always governed.
pub const GLOBAL: &str = "us-east-1";

/// What is known of a Region.
pub fn known(name: &str) -> Option<&'static KnownRegion> {
    KNOWN.iter().find(|region| region.name == name)
}

/// The partition of a Region that is not in `aws`: China, GovCloud, the European sovereign cloud,
/// the isolated ones.
pub fn other_partition(name: &str) -> Option<&'static str> {
    const PARTITIONS: [(&str, &str); 8] = [
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("eusc-", "aws-eusc"),
        ("us-iso-", "aws-iso"),
        ("us-isob-", "aws-iso-b"),
        ("eu-isoe-", "aws-iso-e"),
        ("us-isof-", "aws-iso-f"),
        ("eu-isof-", "aws-iso-f"),
    ];
    PARTITIONS
        .into_iter()
        .find(|(prefix, _)| name.starts_with(prefix))
        .map(|(_, partition)| partition)
}
