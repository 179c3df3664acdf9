//! The form of the four roles' metadata (TUF specification, section 4).

use std::collections::BTreeMap;
use std::time::SystemTime;

use humantime::{format_rfc3339_seconds, parse_rfc3339};
use serde::{Deserialize, Serialize};

use super::key::{KeyForm, TufKey};
use super::signed::RoleKeys;
use super::{Role, TufError};

/// The version of the specification that this follows.
const SPECIFICATION: &str = "1.0.31";

/// What every role's metadata have.
pub(super) trait Metadata: Serialize + for<'de> Deserialize<'de> {
    const ROLE: Role;

    fn head(&self) -> &Head;

    fn role(&self) -> Role {
        self.head().role
    }

    fn version(&self) -> u64 {
        self.head().version
    }

    fn end(&self) -> Result<SystemTime, TufError> {
        let problem = |_| TufError::Malformed { role: Self::ROLE, problem: "have no readable end".to_owned() };
        parse_rfc3339(&self.head().expires).map_err(problem)
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Head {
    #[serde(rename = "_type")]
    role: Role,
    spec_version: String,
    version: u64,
    expires: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Root {
    #[serde(flatten)]
    head: Head,
    consistent_snapshot: bool,
    keys: BTreeMap<String, KeyForm>,
    roles: BTreeMap<Role, RoleForm>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct RoleForm {
    keyids: Vec<String>,
    threshold: usize,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Targets {
    #[serde(flatten)]
    head: Head,
    pub(super) targets: BTreeMap<String, TargetForm>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TargetForm {
    pub(super) length: u64,
    pub(super) hashes: Hashes,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hashes {
    pub(super) sha256: String,
}

/// Snapshot and timestamp: which version of one other document is current.
macro_rules! pointers {
    ($($name:ident = $role:expr, $file:literal, $member:ident;)*) => {$(
        #[derive(Clone, Debug, Serialize, Deserialize)]
        pub(super) struct $name {
            #[serde(flatten)]
            head: Head,
            meta: $member,
        }

        #[derive(Clone, Debug, Serialize, Deserialize)]
        struct $member {
            #[serde(rename = $file)]
            current: Pointed,
        }

        impl $name {
            pub(super) fn new(version: u64, end: SystemTime, current: u64) -> Self {
                Self { head: Head::new($role, version, end), meta: $member { current: Pointed { version: current } } }
            }

            /// The version that it points to.
            pub(super) fn current(&self) -> u64 {
                self.meta.current.version
            }
        }

        impl Metadata for $name {
            const ROLE: Role = $role;

            fn head(&self) -> &Head {
                &self.head
            }
        }
    )*};
}

pointers! {
    Snapshot = Role::Snapshot, "targets.json", SnapshotMeta;
    Timestamp = Role::Timestamp, "snapshot.json", TimestampMeta;
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Pointed {
    version: u64,
}

impl Head {
    fn new(role: Role, version: u64, end: SystemTime) -> Self {
        let expires = format_rfc3339_seconds(end).to_string();
        Self { role, spec_version: SPECIFICATION.to_owned(), version, expires }
    }
}

impl Metadata for Root {
    const ROLE: Role = Role::Root;

    fn head(&self) -> &Head {
        &self.head
    }
}

impl Metadata for Targets {
    const ROLE: Role = Role::Targets;

    fn head(&self) -> &Head {
        &self.head
    }
}

impl Targets {
    pub(super) fn new(version: u64, end: SystemTime, targets: BTreeMap<String, TargetForm>) -> Self {
        Self { head: Head::new(Role::Targets, version, end), targets }
    }
}

impl Root {
    pub(super) fn new(version: u64, end: SystemTime, roles: &BTreeMap<Role, RoleKeys>) -> Self {
        let all = roles.values().flat_map(|role| &role.keys);
        Self {
            head: Head::new(Role::Root, version, end),
            consistent_snapshot: true,
            keys: all.map(|key| (key.id().to_owned(), key.form().clone())).collect(),
            roles: roles.iter().map(|(role, keys)| (*role, RoleForm::of(keys))).collect(),
        }
    }

    /// Who signs this role.
    pub(super) fn keys_of(&self, role: Role) -> Result<RoleKeys, TufError> {
        let malformed = |problem: &str| TufError::Malformed { role: Role::Root, problem: problem.to_owned() };
        let form = self.roles.get(&role).ok_or_else(|| malformed("lack a role"))?;
        let key = |id: &String| -> Result<TufKey, TufError> {
            let form = self.keys.get(id).ok_or_else(|| malformed("lack a role's key"))?;
            TufKey::from_form(form).map_err(|problem| malformed(&format!("have a key that cannot be used: {problem}")))
        };
        RoleKeys::new(role, form.keyids.iter().map(key).collect::<Result<_, _>>()?, form.threshold)
    }

    /// Who signs which role.
    pub(super) fn all_keys(&self) -> Result<BTreeMap<Role, RoleKeys>, TufError> {
        Role::ALL.into_iter().map(|role| Ok((role, self.keys_of(role)?))).collect()
    }
}

impl RoleForm {
    fn of(keys: &RoleKeys) -> Self {
        Self { keyids: keys.keys.iter().map(|key| key.id().to_owned()).collect(), threshold: keys.threshold }
    }
}
