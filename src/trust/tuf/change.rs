//! What each command makes of a repository: the files to write, in an order that no client stumbles over.
//!
//! A client begins with the root and the timestamp; what neither of them leads to, it does not see. So the timestamp comes last.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use super::metadata::{Hashes, Metadata, Root, Snapshot, TargetForm, Targets, Timestamp};
use super::repository::{Repository, Write};
use super::signed::{RoleKeys, Signed, check_end, sign};
use super::{Role, TufError, TufSigner};

/// For how long new metadata are valid.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    pub root: Duration,
    pub targets: Duration,
    /// Of snapshot and timestamp, which are renewed most often.
    pub online: Duration,
}

/// A file for clients.
#[derive(Clone, Debug)]
pub struct Target {
    pub name: String,
    pub content: Vec<u8>,
}

/// Keys for some of the roles; none where the present ones stay.
#[derive(Clone, Debug, Default)]
pub struct NewRoles {
    pub root: Vec<TufSigner>,
    /// How many of the root's keys have to sign; none: as many as now.
    pub root_threshold: Option<usize>,
    pub targets: Vec<TufSigner>,
    pub targets_threshold: Option<usize>,
    /// Of snapshot and timestamp, each of which one of them signs.
    pub online: Vec<TufSigner>,
}

/// A new repository, which has no target yet. Every role needs a key.
pub async fn initialize(new: &NewRoles, lifetimes: Lifetimes, now: SystemTime) -> Result<Vec<Write>, TufError> {
    let roles = new.applied(BTreeMap::new())?;
    let signers = [new.root.as_slice(), &new.targets, &new.online].concat();
    let root = Root::new(1, now + lifetimes.root, &roles);
    let keys = |role| root.keys_of(role);
    let targets = Targets::new(1, now + lifetimes.targets, BTreeMap::new());
    let mut writes = vec![versioned(&sign(targets, &[&keys(Role::Targets)?], &signers).await?)];
    let pointers = pointers(&root, 1, (1, 1), &signers, now + lifetimes.online).await?;
    let root_keys = keys(Role::Root)?;
    writes.extend(root_files(&sign(root, &[&root_keys], &signers).await?));
    writes.extend(pointers);
    Ok(writes)
}

/// Publishes these targets, and no others.
pub async fn publish(
    repository: &Repository,
    targets: &[Target],
    signers: &[TufSigner],
    lifetimes: Lifetimes,
    now: SystemTime,
) -> Result<Vec<Write>, TufError> {
    check_end(&repository.root, now)?;
    let mut writes: Vec<Write> = targets.iter().map(Target::write).collect();
    let forms = targets.iter().map(|target| (target.name.clone(), target.form())).collect();
    let root = &repository.root.content;
    writes.extend(new_targets(repository, root, forms, signers, lifetimes, now).await?);
    Ok(writes)
}

/// Renews snapshot and timestamp; the targets as well if signers have their keys.
pub async fn refresh(
    repository: &Repository,
    signers: &[TufSigner],
    lifetimes: Lifetimes,
    now: SystemTime,
) -> Result<Vec<Write>, TufError> {
    check_end(&repository.root, now)?;
    let root = &repository.root.content;
    let keys = root.keys_of(Role::Targets)?;
    if signers.iter().any(|signer| keys.has(signer.key.id())) {
        let forms = repository.targets.content.targets.clone();
        return new_targets(repository, root, forms, signers, lifetimes, now).await;
    }
    check_end(&repository.targets, now)?;
    let next = repository.next_pointers();
    pointers(root, repository.targets.content.version(), next, signers, now + lifetimes.online).await
}

/// Makes the next root, signed by the keys of both, and renews what its new keys have to sign.
pub async fn rotate_root(
    repository: &Repository,
    new: &NewRoles,
    signers: &[TufSigner],
    lifetimes: Lifetimes,
    now: SystemTime,
) -> Result<Vec<Write>, TufError> {
    let present = &repository.root.content;
    let signers = [signers, &new.root, &new.targets, &new.online].concat();
    let roles = new.applied(present.all_keys()?)?;
    let root = Root::new(present.version() + 1, now + lifetimes.root, &roles);
    let mut writes = if !new.targets.is_empty() {
        let forms = repository.targets.content.targets.clone();
        new_targets(repository, &root, forms, &signers, lifetimes, now).await?
    } else if !new.online.is_empty() {
        let next = repository.next_pointers();
        pointers(&root, repository.targets.content.version(), next, &signers, now + lifetimes.online).await?
    } else {
        Vec::new()
    };
    let (before, after) = (present.keys_of(Role::Root)?, root.keys_of(Role::Root)?);
    let signed = sign(root, &[&before, &after], &signers).await?;
    // A client that has the new root does not believe the old keys' timestamp any more: the two are written next to each other.
    let timestamp = writes.pop();
    writes.extend(root_files(&signed));
    writes.extend(timestamp);
    Ok(writes)
}

async fn new_targets(
    repository: &Repository,
    root: &Root,
    forms: BTreeMap<String, TargetForm>,
    signers: &[TufSigner],
    lifetimes: Lifetimes,
    now: SystemTime,
) -> Result<Vec<Write>, TufError> {
    let version = repository.targets.content.version() + 1;
    let targets = Targets::new(version, now + lifetimes.targets, forms);
    let mut writes = vec![versioned(&sign(targets, &[&root.keys_of(Role::Targets)?], signers).await?)];
    writes.extend(pointers(root, version, repository.next_pointers(), signers, now + lifetimes.online).await?);
    Ok(writes)
}

/// Snapshot and timestamp of these versions.
async fn pointers(
    root: &Root,
    targets: u64,
    (snapshot, timestamp): (u64, u64),
    signers: &[TufSigner],
    end: SystemTime,
) -> Result<Vec<Write>, TufError> {
    let keys: (RoleKeys, RoleKeys) = (root.keys_of(Role::Snapshot)?, root.keys_of(Role::Timestamp)?);
    let signed = sign(Snapshot::new(snapshot, end, targets), &[&keys.0], signers).await?;
    let pointing = sign(Timestamp::new(timestamp, end, snapshot), &[&keys.1], signers).await?;
    Ok(vec![versioned(&signed), Write { path: "timestamp.json".to_owned(), content: pointing.bytes }])
}

/// A document under the name that has its version.
fn versioned<T: Metadata>(document: &Signed<T>) -> Write {
    let path = format!("{}.{}.json", document.content.version(), T::ROLE.name());
    Write { path, content: document.bytes.clone() }
}

/// `root.json` is what clients are given to begin with.
fn root_files(root: &Signed<Root>) -> [Write; 2] {
    [versioned(root), Write { path: "root.json".to_owned(), content: root.bytes.clone() }]
}

impl NewRoles {
    /// The roles' keys with those that are new.
    fn applied(&self, mut roles: BTreeMap<Role, RoleKeys>) -> Result<BTreeMap<Role, RoleKeys>, TufError> {
        let given = [
            (Role::Root, &self.root, self.root_threshold),
            (Role::Targets, &self.targets, self.targets_threshold),
            (Role::Snapshot, &self.online, Some(1)),
            (Role::Timestamp, &self.online, Some(1)),
        ];
        for (role, signers, threshold) in given {
            let before = roles.remove(&role);
            let threshold = threshold.or(before.as_ref().map(|keys| keys.threshold)).unwrap_or(1);
            let keys = match before {
                Some(before) if signers.is_empty() => before.keys,
                _ => signers.iter().map(|signer| signer.key.clone()).collect(),
            };
            roles.insert(role, RoleKeys::new(role, keys, threshold)?);
        }
        Ok(roles)
    }
}

impl Target {
    fn sha256(&self) -> String {
        hex::encode(crate::crypto::sha256(&self.content))
    }

    fn form(&self) -> TargetForm {
        TargetForm { length: self.content.len() as u64, hashes: Hashes { sha256: self.sha256() } }
    }

    fn write(&self) -> Write {
        Write { path: format!("targets/{}.{}", self.sha256(), self.name), content: self.content.clone() }
    }
}
