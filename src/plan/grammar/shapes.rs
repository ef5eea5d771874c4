//! What the policy types that are inherited setting by setting may say: one table, from the page "… policy syntax
//! and examples" that the Organizations user guide has for each type, as of October 2026.
//!
//! A name that such a page does not have is refused, because AWS refuses it. Where the page itself leaves its list
//! open ("such as"), or AWS adds to it with every service that it launches, an unknown name is only told: a plan that
//! uses what is new must not wait for a release of orgstrap.

use crate::plan::PolicyType;

/// What may stand at a place of a document.
#[derive(Debug)]
pub(super) enum Shape {
    /// Names that the syntax has.
    Keys(Keys),
    /// Names of the writer's own, each with the same below it.
    Names(Naming, &'static Shape),
    /// A setting with one value.
    One(Takes),
    /// A setting with a list of values.
    Many(Takes),
    /// Anything, as long as its operators are known.
    Any,
}

#[derive(Debug)]
pub(super) struct Keys {
    pub(super) known: &'static [(&'static str, &'static Shape)],
    /// Those without which AWS refuses the document, whatever it inherits.
    pub(super) required: Required,
    /// Whether a name that is not known is only told.
    pub(super) open: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Required {
    None,
    All(&'static [&'static str]),
    One(&'static [&'static str]),
    /// The two lists of Regions: both, unless the document only amends what it inherits.
    Regions,
}

/// What names a writer may choose.
#[derive(Debug, Clone, Copy)]
pub(super) enum Naming {
    Free,
    /// A Region.
    Region,
    /// `default` or a Region.
    DefaultOrRegion,
    /// A prefix and a number from 1 to this.
    Numbered(&'static str, u32),
    /// A service that AWS's list has, or a newer one.
    AiService,
}

/// What values a setting may have.
#[derive(Debug, Clone, Copy)]
pub(super) enum Takes {
    Text,
    Of(&'static [&'static str]),
    Whole(i64, i64),
    Truth,
    /// A Region or `ALL_SUPPORTED`.
    Regions,
    /// `SERVICE:TYPE`, `SERVICE:ALL_SUPPORTED`.
    ResourceTypes,
    /// Texts with at most one `*`.
    TagValues,
}

const DAYS: Shape = Shape::One(Takes::Whole(0, 2_147_483_647));
const TEXT: Shape = Shape::One(Takes::Text);
const TEXTS: Shape = Shape::Many(Takes::Text);
const REGIONS: Shape = Shape::Many(Takes::Regions);
const SWITCH: Shape = Shape::One(Takes::Of(&["enabled", "disabled"]));

const fn keys(known: &'static [(&'static str, &'static Shape)]) -> Shape {
    Shape::Keys(Keys {
        known,
        required: Required::None,
        open: false,
    })
}

const fn needing(known: &'static [(&'static str, &'static Shape)], required: Required) -> Shape {
    Shape::Keys(Keys {
        known,
        required,
        open: false,
    })
}

// Tag policies: "Tag policy syntax and examples".
const TAG: Shape = keys(&[
    ("tag_key", &TEXT),
    ("tag_value", &Shape::Many(Takes::TagValues)),
    ("enforced_for", &Shape::Many(Takes::ResourceTypes)),
    (
        "report_required_tag_for",
        &Shape::Many(Takes::ResourceTypes),
    ),
]);

// Backup policies: "Backup policy syntax and examples". Nothing below `plans` is required: a child policy has but
// what differs from what it inherits, as the page's examples do.
const LIFECYCLE: Shape = keys(&[
    ("move_to_cold_storage_after_days", &DAYS),
    ("delete_after_days", &DAYS),
    (
        "opt_in_to_archive_for_supported_resources",
        &Shape::One(Takes::Truth),
    ),
]);
const BACKUP_TAGS: Shape = Shape::Names(
    Naming::Free,
    &keys(&[("tag_key", &TEXT), ("tag_value", &TEXT)]),
);
const RULE: Shape = keys(&[
    ("schedule_expression", &TEXT),
    ("schedule_expression_timezone", &TEXT),
    ("target_backup_vault_name", &TEXT),
    ("target_logically_air_gapped_backup_vault_arn", &TEXT),
    ("start_backup_window_minutes", &DAYS),
    ("complete_backup_window_minutes", &DAYS),
    ("enable_continuous_backup", &Shape::One(Takes::Truth)),
    ("lifecycle", &LIFECYCLE),
    (
        "copy_actions",
        &Shape::Names(
            Naming::Free,
            &keys(&[
                ("target_backup_vault_arn", &TEXT),
                ("lifecycle", &LIFECYCLE),
            ]),
        ),
    ),
    ("recovery_point_tags", &BACKUP_TAGS),
    ("index_actions", &keys(&[("resource_types", &TEXTS)])),
    (
        "scan_actions",
        &Shape::Names(
            Naming::Free,
            &keys(&[(
                "scan_mode",
                &Shape::One(Takes::Of(&["INCREMENTAL_SCAN", "FULL_SCAN"])),
            )]),
        ),
    ),
]);
const COMPARED: Shape = Shape::Names(
    Naming::Free,
    &keys(&[("condition_key", &TEXT), ("condition_value", &TEXT)]),
);
const BACKUP_CONDITIONS: Shape = keys(&[
    ("string_equals", &COMPARED),
    ("string_not_equals", &COMPARED),
    ("string_like", &COMPARED),
    ("string_not_like", &COMPARED),
]);
const SELECTIONS: Shape = keys(&[
    (
        "tags",
        &Shape::Names(
            Naming::Free,
            &keys(&[
                ("iam_role_arn", &TEXT),
                ("tag_key", &TEXT),
                ("tag_value", &TEXTS),
                ("conditions", &BACKUP_CONDITIONS),
            ]),
        ),
    ),
    (
        "resources",
        &Shape::Names(
            Naming::Free,
            &keys(&[
                ("iam_role_arn", &TEXT),
                ("resource_types", &TEXTS),
                ("not_resource_types", &TEXTS),
                ("conditions", &BACKUP_CONDITIONS),
            ]),
        ),
    ),
]);
const PLAN: Shape = keys(&[
    ("rules", &Shape::Names(Naming::Free, &RULE)),
    ("regions", &REGIONS),
    ("selections", &SELECTIONS),
    (
        "advanced_backup_settings",
        &keys(&[
            ("ec2", &keys(&[("windows_vss", &SWITCH)])),
            (
                "s3",
                &keys(&[("backup_acls", &SWITCH), ("backup_object_tags", &SWITCH)]),
            ),
        ]),
    ),
    ("backup_plan_tags", &BACKUP_TAGS),
    (
        "scan_settings",
        &Shape::Names(
            Naming::Free,
            &keys(&[("scanner_role_arn", &TEXT), ("resource_types", &TEXTS)]),
        ),
    ),
]);

// AI services: "AI services opt-out policy syntax and examples".
const OPT_OUT: Shape = needing(
    &[(
        "opt_out_policy",
        &Shape::One(Takes::Of(&["optOut", "optIn"])),
    )],
    Required::All(&["opt_out_policy"]),
);

/// The services of that page. It grows with every AI service, so that others are told and not refused.
pub(super) const AI_SERVICES: [&str; 39] = [
    "default",
    "aiops",
    "aidevops",
    "awssupplychain",
    "biodiscovery",
    "chimesdkvoiceanalytics",
    "cloudwatch",
    "codeguruprofiler",
    "codewhisperer",
    "comprehend",
    "config",
    "connect",
    "connectamd",
    "connectoptimization",
    "contactlens",
    "connectdecision",
    "connecthealth::operations",
    "connecthealth::training",
    "connecttalent",
    "datazone",
    "dms",
    "entityresolution",
    "finopsagent",
    "frauddetector",
    "glue",
    "guardduty",
    "lex",
    "polly",
    "q",
    "quicksightq",
    "rekognition",
    "scenariodiscovery",
    "securitylake",
    "textract",
    "transcribe",
    "transform",
    "translate",
    "workspaces",
    "securityhub",
];

// Chat applications: "Chat applications policy syntax and examples". `default` stands beside `platforms` in the
// syntax and within it in an example.
const CLIENT: Shape = keys(&[("client", &SWITCH)]);
const ROLES: Shape = Shape::Many(Takes::Of(&["user_role", "channel_role"]));
const SLACK_SETTINGS: Shape = keys(&[
    (
        "supported_channel_types",
        &Shape::Many(Takes::Of(&["public", "private"])),
    ),
    ("supported_role_settings", &ROLES),
]);
const TEAM_SETTINGS: Shape = keys(&[("supported_role_settings", &ROLES)]);
const CHATBOT: Shape = keys(&[
    (
        "platforms",
        &keys(&[
            (
                "slack",
                &keys(&[
                    ("client", &SWITCH),
                    ("workspaces", &TEXTS),
                    ("default", &SLACK_SETTINGS),
                    ("overrides", &Shape::Names(Naming::Free, &SLACK_SETTINGS)),
                ]),
            ),
            (
                "microsoft_teams",
                &keys(&[
                    ("client", &SWITCH),
                    ("tenants", &Shape::Names(Naming::Free, &TEXTS)),
                    ("default", &TEAM_SETTINGS),
                    (
                        "overrides",
                        &Shape::Names(Naming::Free, &Shape::Names(Naming::Free, &TEAM_SETTINGS)),
                    ),
                ]),
            ),
            ("chime", &CLIENT),
            ("default", &CLIENT),
        ]),
    ),
    ("default", &CLIENT),
]);

// Declarative policies for EC2: "EC2 policy syntax and examples".
const PREFERENCE: Shape = Shape::One(Takes::Of(&["no_preference", "enabled", "disabled"]));
const SHARING: Shape = Shape::One(Takes::Of(&[
    "unblocked",
    "block_new_sharing",
    "block_all_sharing",
]));
const CRITERION: Shape = keys(&[
    ("allowed_image_providers", &TEXTS),
    ("image_names", &TEXTS),
    ("marketplace_product_codes", &TEXTS),
    (
        "creation_date_condition",
        &keys(&[("maximum_days_since_created", &DAYS)]),
    ),
    (
        "deprecation_time_condition",
        &keys(&[("maximum_days_since_deprecated", &DAYS)]),
    ),
    (
        "image_watermarks",
        &Shape::Names(
            Naming::Numbered("image_watermark_", 50),
            &keys(&[
                ("watermark_key", &TEXT),
                ("source_image_region", &TEXT),
                ("maximum_days_since_source_image_created", &DAYS),
                ("maximum_days_since_watermark_created", &DAYS),
            ]),
        ),
    ),
]);
const EC2: Shape = keys(&[
    ("exception_message", &TEXT),
    (
        "vpc_block_public_access",
        &keys(&[(
            "internet_gateway_block",
            &keys(&[
                (
                    "mode",
                    &Shape::One(Takes::Of(&["off", "block_ingress", "block_bidirectional"])),
                ),
                ("exclusions_allowed", &SWITCH),
            ]),
        )]),
    ),
    ("serial_console_access", &keys(&[("status", &SWITCH)])),
    (
        "image_block_public_access",
        &keys(&[(
            "state",
            &Shape::One(Takes::Of(&["unblocked", "block_new_sharing"])),
        )]),
    ),
    (
        "allowed_images_settings",
        &keys(&[
            (
                "state",
                &Shape::One(Takes::Of(&["enabled", "disabled", "audit_mode"])),
            ),
            (
                "image_criteria",
                &Shape::Names(Naming::Numbered("criteria_", 10), &CRITERION),
            ),
        ]),
    ),
    (
        "instance_metadata_defaults",
        &keys(&[
            (
                "http_tokens",
                &Shape::One(Takes::Of(&["no_preference", "required", "optional"])),
            ),
            (
                "http_put_response_hop_limit",
                &Shape::One(Takes::Whole(-1, 64)),
            ),
            ("http_endpoint", &PREFERENCE),
            ("instance_metadata_tags", &PREFERENCE),
            ("http_tokens_enforced", &PREFERENCE),
        ]),
    ),
    (
        "snapshot_block_public_access",
        &keys(&[("state", &SHARING)]),
    ),
    (
        "vpc_encryption_control",
        &keys(&[
            (
                "mode",
                &Shape::One(Takes::Of(&[
                    "unmanaged",
                    "attempt_monitor",
                    "attempt_enforce",
                ])),
            ),
            ("exclusions", &TEXTS),
        ]),
    ),
]);

// Security Hub: "Security Hub policy syntax and examples". Its features are "such as network scanning".
const SECURITY_HUB: Shape = needing(
    &[
        ("enable_in_regions", &REGIONS),
        ("disable_in_regions", &REGIONS),
        (
            "features",
            &Shape::Keys(Keys {
                known: &[("network_scanning", &FEATURE)],
                required: Required::None,
                open: true,
            }),
        ),
    ],
    Required::Regions,
);
const FEATURE: Shape = needing(
    &[
        ("enable_in_regions", &REGIONS),
        ("disable_in_regions", &REGIONS),
    ],
    Required::Regions,
);

// Inspector: "Amazon Inspector policy syntax and examples".
const LAMBDA_SCAN: Shape = needing(
    &[
        ("enable_in_regions", &REGIONS),
        ("disable_in_regions", &REGIONS),
        ("lambda_code_scanning", &FEATURE),
    ],
    Required::Regions,
);

// Upgrade rollouts: "Upgrade rollout policy syntax and examples".
const ORDER: Shape = keys(&[(
    "patch_order",
    &Shape::One(Takes::Of(&["first", "second", "last"])),
)]);

// Bedrock: "Amazon Bedrock policy syntax and examples"; `input_tags` is of the page as it was in 2025.
const CONTENT: Shape = Shape::One(Takes::Of(&["comprehensive", "selective"]));
const GUARDRAIL: Shape = needing(
    &[
        ("identifier", &TEXT),
        (
            "selective_content_guarding",
            &needing(
                &[("system", &CONTENT), ("messages", &CONTENT)],
                Required::One(&["system", "messages"]),
            ),
        ),
        (
            "model_enforcement",
            &needing(
                &[("included_models", &TEXTS), ("excluded_models", &TEXTS)],
                Required::All(&["included_models", "excluded_models"]),
            ),
        ),
        ("input_tags", &Shape::One(Takes::Of(&["honor", "ignore"]))),
    ],
    Required::All(&["identifier"]),
);

// GuardDuty: "Amazon GuardDuty policy syntax and examples".
const STATUS: Shape = needing(&[("status", &SWITCH)], Required::All(&["status"]));
const PROTECTIONS: Shape = keys(&[
    ("foundational", &STATUS),
    ("s3_data_events", &STATUS),
    ("eks_audit_logs", &STATUS),
    ("ebs_malware_protection", &STATUS),
    ("rds_login_events", &STATUS),
    ("lambda_network_logs", &STATUS),
    (
        "runtime_monitoring",
        &needing(
            &[
                ("status", &SWITCH),
                (
                    "additional_configuration",
                    &keys(&[
                        ("eks_addon_management", &STATUS),
                        ("ec2_agent_management", &STATUS),
                        ("ecs_fargate_agent_management", &STATUS),
                    ]),
                ),
            ],
            Required::All(&["status"]),
        ),
    ),
    ("ai_protection", &STATUS),
]);

const TAG_POLICY: Shape = root(&[("tags", &Shape::Names(Naming::Free, &TAG))], &["tags"]);
const BACKUP_POLICY: Shape = root(&[("plans", &Shape::Names(Naming::Free, &PLAN))], &["plans"]);
const AI_POLICY: Shape = root(
    &[("services", &Shape::Names(Naming::AiService, &OPT_OUT))],
    &["services"],
);
const CHATBOT_POLICY: Shape = root(&[("chatbot", &CHATBOT)], &["chatbot"]);
const EC2_POLICY: Shape = root(&[("ec2_attributes", &EC2)], &["ec2_attributes"]);
const SECURITY_HUB_POLICY: Shape = root(&[("securityhub", &SECURITY_HUB)], &["securityhub"]);
const INSPECTOR_POLICY: Shape = root(
    &[(
        "inspector",
        &needing(
            &[(
                "enablement",
                &keys(&[
                    ("lambda_standard_scanning", &LAMBDA_SCAN),
                    ("ec2_scanning", &FEATURE),
                    ("ecr_scanning", &FEATURE),
                    ("code_repository_scanning", &FEATURE),
                ]),
            )],
            Required::All(&["enablement"]),
        ),
    )],
    &["inspector"],
);
const UPGRADE_POLICY: Shape = root(
    &[(
        "upgrade_rollout",
        &keys(&[
            ("default", &ORDER),
            (
                "tags",
                &Shape::Names(
                    Naming::Free,
                    &needing(
                        &[("tag_values", &Shape::Names(Naming::Free, &ORDER))],
                        Required::All(&["tag_values"]),
                    ),
                ),
            ),
        ]),
    )],
    &["upgrade_rollout"],
);
const BEDROCK_POLICY: Shape = root(
    &[(
        "bedrock",
        &needing(
            &[(
                "guardrail_inference",
                &Shape::Names(Naming::Region, &Shape::Names(Naming::Free, &GUARDRAIL)),
            )],
            Required::All(&["guardrail_inference"]),
        ),
    )],
    &["bedrock"],
);
const S3_POLICY: Shape = root(
    &[(
        "s3_attributes",
        &needing(
            &[(
                "public_access_block_configuration",
                &Shape::One(Takes::Of(&["all", "none"])),
            )],
            Required::All(&["public_access_block_configuration"]),
        ),
    )],
    &["s3_attributes"],
);
const NETWORK_POLICY: Shape = root(
    &[(
        "network_security_director",
        &needing(
            &[(
                "enablement",
                &keys(&[(
                    "network_security_scan",
                    &keys(&[
                        ("enable_in_regions", &REGIONS),
                        ("disable_in_regions", &REGIONS),
                    ]),
                )]),
            )],
            Required::All(&["enablement"]),
        ),
    )],
    &["network_security_director"],
);
const GUARDDUTY_POLICY: Shape = root(
    &[(
        "guardduty",
        &needing(
            &[(
                "enablement",
                &Shape::Names(Naming::DefaultOrRegion, &PROTECTIONS),
            )],
            Required::All(&["enablement"]),
        ),
    )],
    &["guardduty"],
);

const fn root(
    known: &'static [(&'static str, &'static Shape)],
    required: &'static [&'static str],
) -> Shape {
    needing(known, Required::All(required))
}

/// What a document of this type may say; `None` for those in IAM's language.
pub(super) fn of(kind: PolicyType) -> Option<&'static Shape> {
    match kind {
        PolicyType::ServiceControlPolicy | PolicyType::ResourceControlPolicy => None,
        PolicyType::TagPolicy => Some(&TAG_POLICY),
        PolicyType::BackupPolicy => Some(&BACKUP_POLICY),
        PolicyType::AiservicesOptOutPolicy => Some(&AI_POLICY),
        PolicyType::ChatbotPolicy => Some(&CHATBOT_POLICY),
        PolicyType::DeclarativePolicyEc2 => Some(&EC2_POLICY),
        PolicyType::SecurityhubPolicy => Some(&SECURITY_HUB_POLICY),
        // The user guide has no syntax page for it: nothing is known but the operators.
        PolicyType::SecurityhubCspmPolicy => Some(&Shape::Any),
        PolicyType::InspectorPolicy => Some(&INSPECTOR_POLICY),
        PolicyType::UpgradeRolloutPolicy => Some(&UPGRADE_POLICY),
        PolicyType::BedrockPolicy => Some(&BEDROCK_POLICY),
        PolicyType::S3Policy => Some(&S3_POLICY),
        PolicyType::NetworkSecurityDirectorPolicy => Some(&NETWORK_POLICY),
        PolicyType::GuarddutyPolicy => Some(&GUARDDUTY_POLICY),
    }
}

/// The type whose documents begin with this name.
pub(super) fn type_of(key: &str) -> Option<PolicyType> {
    PolicyType::ALL.into_iter().find(|kind| match of(*kind) {
        Some(Shape::Keys(keys)) => keys.known.iter().any(|(known, _)| *known == key),
        _ => false,
    })
}
