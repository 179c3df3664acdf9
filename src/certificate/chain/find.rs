//! Owns finding the chain among the certificates of a file: which one issues, and which of the others lead from it to a root.
//!
//! Refuses to know what makes a chain good: `check` judges each one found, and the first good one is taken. Files hold their
//! certificates in any order, twice, beside unrelated ones, and cross-signed. Fulcio takes the first certificate for the
//! issuing one and the last for the root; where that makes a chain, it is the one found here too.

use std::collections::{HashMap, HashSet};

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ParsedExtension;
use x509_parser::oid_registry::{OID_X509_EXT_AUTHORITY_KEY_IDENTIFIER, OID_X509_EXT_SUBJECT_KEY_IDENTIFIER};

use super::check::{self, is_ca, self_issued};
use super::{ChainError, MAX_CERTIFICATES, Moment};
use crate::crypto::signature_check::{KeyError, LinkError, SignatureCheck};

/// How many signatures are verified at most; Go's verifier stops at half as many.
const MAX_SIGNATURES: usize = 200;
/// How many certificates are put on a path at most, over all paths.
const MAX_STEPS: usize = 5_000;

/// A certificate, and its place in the file, from 1.
pub(super) struct Given<'a> {
    pub(super) position: usize,
    pub(super) certificate: X509Certificate<'a>,
}

/// A chain that passed, as indexes of what was given.
pub(super) struct Found {
    /// The issuing CA first, the anchor last.
    pub(super) path: Vec<usize>,
    /// The issuing CA's key.
    pub(super) key: SignatureCheck,
}

/// Why one certificate was not issued by another.
#[derive(Clone)]
enum LinkFailure {
    Key(KeyError),
    Link(LinkError),
    /// Inner and outer signature algorithm differ.
    Malformed,
}

/// Finds the chain of the issuing CA, which is the one with this key, if it is known.
pub(super) fn chain(given: &[Given<'_>], key: Option<&[u8]>, moment: Moment) -> Result<Found, ChainError> {
    let mut search = Search { given, keys: HashMap::new(), links: HashMap::new(), signatures: 0, steps: 0 };
    let mut first_error = None;
    for issuing in issuing(given, key) {
        match search.from(issuing, moment) {
            Ok(found) => return Ok(found),
            Err(error) => {
                first_error.get_or_insert(error);
            }
        }
    }
    Err(first_error.unwrap_or(ChainError::Empty))
}

/// The certificates that may be the issuing CA's, the likeliest first: those of its key; if none is, those that issued no
/// other, and roots only if there is nothing else: a root beside a CA that it did not issue is a mistake.
fn issuing(given: &[Given<'_>], key: Option<&[u8]>) -> Vec<usize> {
    let cas = lowest(given, is_ca);
    let has_key = |one: &Given<'_>| key.is_some_and(|key| one.certificate.public_key().raw == key);
    // As Fulcio takes it, though a CA below it is in the file as well. A root that issued another would issue past it.
    let leads = |index: usize, one: &Given<'_>| index == 0 && !self_issued(&one.certificate);
    let of_key: Vec<usize> = given
        .iter()
        .enumerate()
        .filter(|(index, one)| has_key(one) && (cas.contains(index) || leads(*index, one)))
        .map(|(index, _)| index)
        .collect();
    if !of_key.is_empty() {
        return of_key;
    }
    let is_root = |index: &usize| given.get(*index).is_some_and(|one| self_issued(&one.certificate));
    let (roots, others): (Vec<usize>, Vec<usize>) = lowest(given, |_| true).into_iter().partition(is_root);
    match (others.is_empty(), roots.is_empty()) {
        (false, _) => others,
        (true, false) => roots,
        (true, true) => (0..given.len().min(1)).collect(),
    }
}

/// The certificates of a kind that issued no other one of that kind, by name.
fn lowest(given: &[Given<'_>], is_of_kind: impl Fn(&X509Certificate<'_>) -> bool) -> Vec<usize> {
    let issuers: HashSet<&[u8]> = given
        .iter()
        .map(|below| &below.certificate)
        .filter(|below| is_of_kind(below) && !self_issued(below))
        .map(|below| below.issuer().as_raw())
        .collect();
    let is_lowest = |one: &X509Certificate<'_>| is_of_kind(one) && !issuers.contains(one.subject().as_raw());
    given.iter().enumerate().filter(|(_, one)| is_lowest(&one.certificate)).map(|(index, _)| index).collect()
}

struct Search<'s, 'a> {
    given: &'s [Given<'a>],
    keys: HashMap<usize, Result<SignatureCheck, KeyError>>,
    links: HashMap<(usize, usize), Result<(), LinkFailure>>,
    signatures: usize,
    steps: usize,
}

impl Search<'_, '_> {
    /// The best chain from this certificate that passes every check.
    fn from(&mut self, issuing: usize, moment: Moment) -> Result<Found, ChainError> {
        let mut paths = Vec::new();
        let mut dead_end = None;
        self.extend(&mut vec![issuing], &mut paths, &mut dead_end)?;
        paths.sort_by_key(|path| self.rank(path));
        let mut first_error = None;
        for path in paths {
            let certificates: Vec<&Given<'_>> = path.iter().filter_map(|index| self.given.get(*index)).collect();
            match check::chain(&certificates, moment) {
                Ok(key) => return Ok(Found { path, key }),
                Err(error) => {
                    first_error.get_or_insert(error);
                }
            }
        }
        Err(first_error.or(dead_end).unwrap_or(ChainError::TooLong))
    }

    /// Collects every path that begins with this one and ends at a root, or where nothing else is given.
    fn extend(
        &mut self,
        path: &mut Vec<usize>,
        paths: &mut Vec<Vec<usize>>,
        dead_end: &mut Option<ChainError>,
    ) -> Result<(), ChainError> {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return Err(ChainError::TooComplex);
        }
        let Some(top) = path.last().copied() else { return Ok(()) };
        let Some(one) = self.given.get(top) else { return Ok(()) };
        let parents = self.parents(top, path);
        if self_issued(&one.certificate) {
            paths.push(path.clone());
        } else if parents.is_empty() {
            if self.is_whole_without_root(path) {
                paths.push(path.clone());
            } else {
                dead_end.get_or_insert_with(|| self.without_issuer(one));
            }
        }
        if path.len() == MAX_CERTIFICATES {
            return Ok(());
        }
        for parent in parents {
            match self.link(top, parent)? {
                Ok(()) => {
                    path.push(parent);
                    self.extend(path, paths, dead_end)?;
                    path.pop();
                }
                Err(failure) if !self_issued(&one.certificate) => {
                    dead_end.get_or_insert(self.refusal(one.position, parent, failure));
                }
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// Certificates with the name of this one's issuer, those first whose key identifier fits too. A key that is on the path
    /// already is not met again under the same name: that is how cross-signed roots lead in circles.
    fn parents(&self, child: usize, path: &[usize]) -> Vec<usize> {
        let Some(below) = self.given.get(child) else { return Vec::new() };
        let identity = |one: &X509Certificate<'_>| (one.subject().as_raw().to_vec(), one.public_key().raw.to_vec());
        let met: Vec<_> =
            path.iter().filter_map(|index| self.given.get(*index)).map(|one| identity(&one.certificate)).collect();
        let mut parents: Vec<usize> = (0..self.given.len())
            .filter(|index| {
                self.given.get(*index).is_some_and(|above| {
                    above.certificate.subject().as_raw() == below.certificate.issuer().as_raw()
                        && !met.contains(&identity(&above.certificate))
                })
            })
            .collect();
        let wanted = authority_key_identifier(&below.certificate);
        parents.sort_by_key(|index| {
            let stated = self.given.get(*index).and_then(|above| stated_key_identifier(&above.certificate));
            wanted.is_some() && stated != wanted
        });
        parents
    }

    /// Says why a certificate has no issuer. The same name in other string types is another one for Go and webpki, though not for
    /// RFC 5280, section 7.1.
    fn without_issuer(&self, child: &Given<'_>) -> ChainError {
        let wanted = child.certificate.issuer().to_string();
        let alike = |above: &&Given<'_>| above.certificate.subject().to_string().eq_ignore_ascii_case(&wanted);
        match self.given.iter().find(alike) {
            Some(above) => ChainError::NameEncoding { position: child.position, issuer: above.position },
            None => ChainError::Order(child.position),
        }
    }

    /// Whether a path may end without a root: it has everything that was given, or ends with the last as at Fulcio.
    fn is_whole_without_root(&self, path: &[usize]) -> bool {
        let is_last = path.len() > 1 && path.last().is_some_and(|top| top + 1 == self.given.len());
        is_last || path.len() == self.given.len()
    }

    /// The last given first, then roots, then short ones.
    fn rank(&self, path: &[usize]) -> (bool, bool, usize, Vec<usize>) {
        let top = path.last().copied().unwrap_or_default();
        let is_last = top + 1 == self.given.len() && (path.len() > 1 || self.given.len() == 1);
        let is_root = self.given.get(top).is_some_and(|one| self_issued(&one.certificate));
        (!is_last, !is_root, path.len(), path.to_vec())
    }

    fn link(&mut self, child: usize, parent: usize) -> Result<Result<(), LinkFailure>, ChainError> {
        if let Some(known) = self.links.get(&(child, parent)) {
            return Ok(known.clone());
        }
        if self.signatures == MAX_SIGNATURES {
            return Err(ChainError::TooComplex);
        }
        self.signatures += 1;
        let (Some(below), Some(above)) = (self.given.get(child), self.given.get(parent)) else {
            return Err(ChainError::Empty);
        };
        let key = self
            .keys
            .entry(parent)
            .or_insert_with(|| SignatureCheck::of_issuer(above.certificate.public_key().raw))
            .clone();
        let outcome = key.map_err(LinkFailure::Key).and_then(|key| verify(&below.certificate, &key));
        self.links.insert((child, parent), outcome.clone());
        Ok(outcome)
    }

    fn refusal(&self, child: usize, parent: usize, failure: LinkFailure) -> ChainError {
        let parent = self.given.get(parent).map_or(child, |one| one.position);
        match failure {
            LinkFailure::Key(cause) => ChainError::Key { position: parent, cause },
            LinkFailure::Link(cause) => ChainError::Link { position: child, cause },
            LinkFailure::Malformed => ChainError::Malformed(child),
        }
    }
}

fn verify(below: &X509Certificate<'_>, key: &SignatureCheck) -> Result<(), LinkFailure> {
    // RFC 5280, section 4.1.1.2: the algorithm outside the signed part must repeat the one inside it.
    if below.signature_algorithm != below.tbs_certificate.signature {
        return Err(LinkFailure::Malformed);
    }
    key.verify_link(&below.signature_algorithm, below.tbs_certificate.as_ref(), &below.signature_value.data)
        .map_err(LinkFailure::Link)
}

fn authority_key_identifier(certificate: &X509Certificate<'_>) -> Option<Vec<u8>> {
    match certificate.get_extension_unique(&OID_X509_EXT_AUTHORITY_KEY_IDENTIFIER).ok()??.parsed_extension() {
        ParsedExtension::AuthorityKeyIdentifier(authority) => authority.key_identifier.as_ref().map(|id| id.0.to_vec()),
        _ => None,
    }
}

fn stated_key_identifier(certificate: &X509Certificate<'_>) -> Option<Vec<u8>> {
    match certificate.get_extension_unique(&OID_X509_EXT_SUBJECT_KEY_IDENTIFIER).ok()??.parsed_extension() {
        ParsedExtension::SubjectKeyIdentifier(identifier) => Some(identifier.0.to_vec()),
        _ => None,
    }
}
