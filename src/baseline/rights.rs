//! The roles that a template makes, and what gives them their rights: all policies that the template knows of. Whatever else
//! a role has, somebody gave it besides: CloudFormation's drift detection does not compare what a template does not set.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::render::{Known, Rendering};

/// A name that the template gives, or that CloudFormation makes of the stack's name and the logical id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    /// The name, or what comes before it.
    before: String,
    /// The logical id, where CloudFormation makes the name.
    made_of: Option<String>,
}

/// A role of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeRole {
    pub logical_id: String,
    pub name: Named,
    /// Whether the template gives it a permissions boundary.
    pub bounded: bool,
}

/// What a template makes of IAM.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MadeRights {
    pub roles: Vec<MadeRole>,
    /// ARNs of managed policies that it makes.
    pub policies: BTreeSet<Named>,
    /// Roles, whether it makes them or not, and the managed policies that it attaches to them, by ARN.
    pub attached: BTreeSet<(Named, Named)>,
    /// The same with inline policies, by name.
    pub inline: BTreeSet<(Named, String)>,
}

/// Stands before a logical id in what is rendered. No name has it.
const MADE: char = '\u{0}';
/// How much of the stack's name and of the logical id is left in a name that would else be too long.
const KEPT: usize = 24;

impl Named {
    fn of(text: &str) -> Self {
        match text.split_once(MADE) {
            Some((before, logical_id)) => Self {
                before: before.to_owned(),
                made_of: Some(logical_id.to_owned()),
            },
            None => Self {
                before: text.to_owned(),
                made_of: None,
            },
        }
    }

    /// Whether it is the name of something in a stack, whose name begins so; that of a stack set's instance goes on with what
    /// StackSets add. Names that CloudFormation makes are `STACK-LOGICALID-RANDOM`, each part cut where it would be too long (user
    /// guide, "Name type").
    pub fn is(&self, name: &str, stack: &str) -> bool {
        let Some(logical_id) = &self.made_of else {
            return name == self.before;
        };
        let Some(name) = name.strip_prefix(&self.before) else {
            return false;
        };
        let Some((stem, random)) = name.rsplit_once('-') else {
            return false;
        };
        let chosen = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
        let cut = |text: &str| text.chars().take(KEPT).collect::<String>();
        random.len() >= 10
            && random.chars().all(chosen)
            && stem.starts_with(&cut(stack))
            && (stem.ends_with(&format!("-{logical_id}"))
                || stem.ends_with(&format!("-{}", cut(logical_id)))
                || stem
                    == format!("{stack}-{logical_id}")
                        .get(..stem.len())
                        .unwrap_or_default())
    }
}

impl Rendering {
    /// The roles of a stack, and what gives any role its rights.
    ///
    /// # Errors
    /// What of the template is beyond this.
    pub fn rights(&self, known: &Known) -> Result<MadeRights, String> {
        let mut known = known.clone();
        let mut made = MadeRights::default();
        let of_type = |kind: &str, known: &Known| -> Result<Vec<String>, String> {
            let mut there = Vec::new();
            for id in self.of_type(kind) {
                if self.is_there(id, known)? {
                    there.push(id.to_owned());
                }
            }
            Ok(there)
        };
        let (roles, policies) = (
            of_type("AWS::IAM::Role", &known)?,
            of_type("AWS::IAM::ManagedPolicy", &known)?,
        );
        let mut names = BTreeMap::new();
        for id in roles {
            let name = text(self.one(&id, "RoleName", &known)?);
            let name = name.unwrap_or_else(|| format!("{MADE}{id}"));
            names.insert(id, name);
        }
        // What `Ref` gives of either is a role's name and a policy's ARN.
        known.resources.extend(names.clone());
        for id in &policies {
            let name = text(self.one(id, "ManagedPolicyName", &known)?);
            let name = name.unwrap_or_else(|| format!("{MADE}{id}"));
            let path = text(self.one(id, "Path", &known)?).unwrap_or_else(|| "/".to_owned());
            let arn = format!("arn:aws:iam::{}:policy{path}{name}", known.account);
            made.policies.insert(Named::of(&arn));
            known.resources.insert(id.clone(), arn);
        }
        for (id, name) in names {
            let role = Named::of(&name);
            for arn in texts(self.one(&id, "ManagedPolicyArns", &known)?) {
                made.attached.insert((role.clone(), Named::of(&arn)));
            }
            for policy in list(self.one(&id, "Policies", &known)?) {
                let name = policy.get("PolicyName").and_then(Value::as_str);
                let name = name.unwrap_or_default().to_owned();
                made.inline.insert((role.clone(), name));
            }
            made.roles.push(MadeRole {
                bounded: self.one(&id, "PermissionsBoundary", &known)?.is_some(),
                logical_id: id,
                name: role,
            });
        }
        for id in &policies {
            let arn = known.resources.get(id).map_or("", String::as_str);
            for role in texts(self.one(id, "Roles", &known)?) {
                made.attached.insert((Named::of(&role), Named::of(arn)));
            }
        }
        for (kind, property) in [
            ("AWS::IAM::Policy", "Roles"),
            ("AWS::IAM::RolePolicy", "RoleName"),
        ] {
            for id in of_type(kind, &known)? {
                let name = text(self.one(&id, "PolicyName", &known)?).unwrap_or_default();
                for role in texts(self.one(&id, property, &known)?) {
                    made.inline.insert((Named::of(&role), name.clone()));
                }
            }
        }
        Ok(made)
    }
}

fn text(value: Option<Value>) -> Option<String> {
    value?.as_str().map(str::to_owned)
}

fn list(value: Option<Value>) -> Vec<Value> {
    match value {
        Some(Value::Array(items)) => items,
        Some(one) => vec![one],
        None => Vec::new(),
    }
}

fn texts(value: Option<Value>) -> Vec<String> {
    let items = list(value).into_iter();
    items.filter_map(|item| text(Some(item))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = r#"
Parameters:
  Prefix: {Type: String}
Conditions:
  IsHome: !Equals [!Ref AWS::Region, eu-west-1]
Resources:
  Named:
    Type: AWS::IAM::Role
    Properties:
      RoleName: !Sub "${Prefix}-audit"
      ManagedPolicyArns: [arn:aws:iam::aws:policy/SecurityAudit, !Ref Shared]
      Policies: [{PolicyName: own, PolicyDocument: {}}]
  Unnamed:
    Type: AWS::IAM::Role
    Properties: {PermissionsBoundary: arn:aws:iam::aws:policy/ReadOnlyAccess}
  Absent: {Type: AWS::IAM::Role, Condition: IsAway, Properties: {}}
  Shared:
    Type: AWS::IAM::ManagedPolicy
    Properties: {Roles: [!Ref Unnamed, theirs], Path: /x/}
  Away:
    Type: AWS::IAM::ManagedPolicy
    Condition: IsAway
    Properties: {ManagedPolicyName: away, Roles: [!Ref Named]}
  More:
    Type: AWS::IAM::RolePolicy
    Properties: {RoleName: !Ref Named, PolicyName: more, PolicyDocument: {}}
  Old:
    Type: AWS::IAM::Policy
    Properties: {Roles: [!Ref Unnamed], PolicyName: old, PolicyDocument: {}}
"#;

    #[test]
    fn every_way_by_which_a_template_gives_rights_is_seen() {
        let template = TEMPLATE.replace(
            "Resources:",
            "  IsAway: !Not [{Condition: IsHome}]\nResources:",
        );
        let known = Known {
            account: "222222222222".to_owned(),
            region: "eu-west-1".to_owned(),
            parameters: BTreeMap::from([("Prefix".to_owned(), "acme".to_owned())]),
            ..Known::default()
        };
        let made = Rendering::parse(&template).unwrap().rights(&known).unwrap();
        let roles: Vec<(&str, bool)> = made
            .roles
            .iter()
            .map(|role| (role.logical_id.as_str(), role.bounded))
            .collect();
        assert_eq!(roles, [("Named", false), ("Unnamed", true)]);
        let (audit, unnamed) = (&made.roles[0].name, &made.roles[1].name);
        assert!(audit.is("acme-audit", "any") && !audit.is("acme-audits", "any"));
        assert!(unnamed.is("acme-set-Unnamed-0123456789AB", "acme-set"));
        assert!(!unnamed.is("acme-set-Other-0123456789AB", "acme-set"));
        assert!(!unnamed.is("other-set-Unnamed-0123456789AB", "acme-set"));
        assert!(!unnamed.is("acme-set-Unnamed-byhand", "acme-set"));
        let shared = made.policies.first().unwrap();
        assert!(shared.is(
            "arn:aws:iam::222222222222:policy/x/acme-set-Shared-0123456789AB",
            "acme-set"
        ));
        let security = Named::of("arn:aws:iam::aws:policy/SecurityAudit");
        let attached = BTreeSet::from([
            (audit.clone(), security),
            (audit.clone(), shared.clone()),
            (unnamed.clone(), shared.clone()),
            (Named::of("theirs"), shared.clone()),
        ]);
        assert_eq!(made.attached, attached);
        let inline = BTreeSet::from([
            (audit.clone(), "own".to_owned()),
            (audit.clone(), "more".to_owned()),
            (unnamed.clone(), "old".to_owned()),
        ]);
        assert_eq!((made.inline, made.policies.len()), (inline, 1));
    }

    #[test]
    fn a_name_that_was_cut_is_recognized() {
        let logical = "AVeryLongLogicalIdOfSomeRoleInATemplate";
        let named = Named::of(&format!("{MADE}{logical}"));
        let stack = "StackSet-acme-a-rather-long-name";
        let cut = format!("{}-{}-0123456789AB", &stack[..24], &logical[..24]);
        assert!(named.is(&cut, stack));
        let whole = format!("{stack}-{logical}");
        assert!(named.is(&format!("{}-0123456789AB", &whole[..51]), stack));
    }
}
