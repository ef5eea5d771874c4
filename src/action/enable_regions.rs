use super::*;

/// `account:EnableRegion` for each, awaited.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EnableRegions {
    pub account: Expr,
    pub regions: BTreeSet<Region>,
}

impl ActionKind for EnableRegions {
    fn info(&self) -> Info<'_> {
        Info {
            exprs: vec![&self.account],
            // Minutes for most Regions, hours for some.
            seconds: 1_200,
            group: Some(ConcurrencyGroup::RegionOptIn),
            adds: Adds::Nothing,
            risk: Risk::None,
            shown: Shown::Awaited,
        }
    }
}
