use super::*;

/// Exports findings and waits until AWS says PUBLISHING.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExportGuardDutyFindings {
    pub region: Region,
    pub administrator: Expr,
    pub bucket_arn: Expr,
    pub key_arn: Expr,
    /// A destination that is there and differs.
    pub replace: Option<String>,
}

impl ActionKind for ExportGuardDutyFindings {
    fn info(&self) -> Info<'_> {
        Info {
            exprs: vec![&self.administrator, &self.bucket_arn, &self.key_arn],
            // Waits for PUBLISHING.
            seconds: 60,
            group: None,
            adds: Adds::Nothing,
            risk: Risk::None,
            shown: Shown::Awaited,
        }
    }
}
