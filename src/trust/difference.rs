//! What a published trusted root says otherwise than a deployment.
//!
//! Reads the published document as clients do, by its keys and chains: who made it, and how it is laid out, does not matter.

use std::fmt::{self, Display, Formatter};
use std::time::SystemTime;

use humantime::{format_rfc3339_seconds, parse_rfc3339};
use serde_json::Value;

use super::Deployment;

/// One thing that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub what: Differs,
    /// Of what kind the entry is.
    pub kind: &'static str,
    /// Its URL.
    pub url: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Differs {
    /// Verifiers refuse what it makes.
    NotPublished,
    /// Verifiers believe what nobody here vouches for.
    NotKnown,
    /// Verifiers believe it for another time.
    Window { published: Range, expected: Range },
    /// The entry has another URL there.
    Url { published: String },
}

/// From when and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range(Option<SystemTime>, Option<SystemTime>);

/// The published document is not a trusted root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not a trusted root: its mediaType is not application/vnd.dev.sigstore.trustedroot")]
pub struct NotATrustedRoot;

/// A list of the document: its name, what its entries are, and where an entry has its URL, its window and what identifies it.
struct List {
    name: &'static str,
    kind: &'static str,
    url: &'static str,
    window: &'static str,
    identity: &'static str,
}

const LISTS: [List; 4] = [
    authorities("certificateAuthorities", "certificate authority"),
    logs("ctlogs", "log of certificates"),
    logs("tlogs", "log of signatures"),
    authorities("timestampAuthorities", "timestamp authority"),
];

const fn authorities(name: &'static str, kind: &'static str) -> List {
    List { name, kind, url: "/uri", window: "/validFor", identity: "/certChain/certificates" }
}

const fn logs(name: &'static str, kind: &'static str) -> List {
    List { name, kind, url: "/baseUrl", window: "/publicKey/validFor", identity: "/publicKey/rawBytes" }
}

impl Deployment {
    /// Everything in which a published trusted root differs from this deployment's own.
    pub fn differences(&self, published: &Value) -> Result<Vec<Difference>, NotATrustedRoot> {
        let media_type = published.get("mediaType").and_then(Value::as_str).unwrap_or_default();
        if !media_type.starts_with("application/vnd.dev.sigstore.trustedroot") {
            return Err(NotATrustedRoot);
        }
        let expected = self.trusted_root();
        Ok(LISTS.iter().flat_map(|list| list.differences(published, &expected)).collect())
    }
}

impl List {
    fn differences(&self, published: &Value, expected: &Value) -> Vec<Difference> {
        let mut there = self.entries(published);
        let mut found = Vec::new();
        for entry in self.entries(expected) {
            // One that was in use twice is there twice: the entry of the same window is its counterpart, if there is one.
            let same = |other: &&Value| self.identity(other) == self.identity(entry);
            let counterpart = there
                .iter()
                .position(|other| same(other) && self.range(other) == self.range(entry))
                .or_else(|| there.iter().position(same));
            match counterpart.map(|index| there.remove(index)) {
                Some(other) => found.extend(self.between(other, entry)),
                None => found.push(self.of(entry, Differs::NotPublished)),
            }
        }
        found.extend(there.into_iter().map(|entry| self.of(entry, Differs::NotKnown)));
        found
    }

    /// What differs in two entries of the same keys.
    fn between(&self, published: &Value, expected: &Value) -> Vec<Difference> {
        let ranges = (self.range(published), self.range(expected));
        let window = (ranges.0 != ranges.1).then_some(Differs::Window { published: ranges.0, expected: ranges.1 });
        let url = (self.url(published) != self.url(expected)).then(|| Differs::Url { published: self.url(published) });
        window.into_iter().chain(url).map(|what| self.of(expected, what)).collect()
    }

    fn of(&self, entry: &Value, what: Differs) -> Difference {
        Difference { what, kind: self.kind, url: self.url(entry) }
    }

    fn entries<'v>(&self, document: &'v Value) -> Vec<&'v Value> {
        document.get(self.name).and_then(Value::as_array).map(|entries| entries.iter().collect()).unwrap_or_default()
    }

    fn identity<'v>(&self, entry: &'v Value) -> Option<&'v Value> {
        entry.pointer(self.identity)
    }

    fn url(&self, entry: &Value) -> String {
        entry.pointer(self.url).and_then(Value::as_str).unwrap_or_default().trim_end_matches('/').to_owned()
    }

    fn range(&self, entry: &Value) -> Range {
        let time = |name: &str| {
            let text = entry.pointer(self.window)?.get(name)?.as_str()?;
            parse_rfc3339(text).ok()
        };
        Range(time("start"), time("end"))
    }
}

impl Display for Range {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(start, end) = self;
        match start {
            Some(start) => write!(f, "since {}", format_rfc3339_seconds(*start))?,
            None => write!(f, "since ever")?,
        }
        end.map_or(Ok(()), |end| write!(f, " until {}", format_rfc3339_seconds(end)))
    }
}

impl Display for Difference {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { what, kind, url } = self;
        write!(f, "{kind} {url}: ")?;
        match what {
            Differs::NotPublished => write!(f, "not published: verifiers refuse what it makes"),
            Differs::NotKnown => write!(f, "published, and not known here: verifiers believe what it makes"),
            Differs::Window { published, expected } => write!(f, "published as in use {published}, here {expected}"),
            Differs::Url { published } => write!(f, "published at {published}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{deployment, p256, rekor, timestamp_authority};
    use super::super::{RekorApi, Window};
    use super::*;

    fn differ(deployment: &Deployment, published: &Deployment) -> Vec<(Differs, String)> {
        let found = deployment.differences(&published.trusted_root()).unwrap();
        found.into_iter().map(|difference| (difference.what, difference.url)).collect()
    }

    #[test]
    fn what_is_the_same_does_not_differ_however_it_is_laid_out() {
        let mut deployment = deployment();
        deployment.timestamp_authorities = vec![timestamp_authority()];
        let mut published = deployment.trusted_root();
        let list = published["certificateAuthorities"].as_array_mut().unwrap();
        list.reverse();
        list[0]["uri"] = "https://ca.example/".into();
        list[0]["validFor"]["start"] = "1970-01-01T00:05:00.000Z".into();
        published["tlogs"].take();
        assert_eq!(deployment.differences(&published).unwrap(), []);
        assert_eq!(deployment.differences(&serde_json::json!({})), Err(NotATrustedRoot));
        assert_eq!(deployment.differences(&deployment.signing_config()), Err(NotATrustedRoot));
    }

    #[test]
    fn what_signs_and_is_not_published_is_found_and_the_other_way_round() {
        let (mut with, without) = (deployment(), deployment());
        // The same chains in both.
        with.authorities.clone_from(&without.authorities);
        with.ct_logs.clone_from(&without.ct_logs);
        with.rekor_logs = vec![rekor("https://rekor.example", RekorApi::V1, p256(), 100)];
        let url = "https://rekor.example".to_owned();
        assert_eq!(differ(&with, &without), [(Differs::NotPublished, url.clone())]);
        assert_eq!(differ(&without, &with), [(Differs::NotKnown, url)]);
        // Another key under the same URL is another log.
        let mut other = without.clone();
        other.ct_logs[0].key = p256();
        let found = differ(&other, &without);
        assert_eq!(
            found.iter().map(|(what, _)| what.clone()).collect::<Vec<_>>(),
            [Differs::NotPublished, Differs::NotKnown]
        );
    }

    #[test]
    fn another_window_or_url_is_found() {
        let published = deployment();
        let mut changed = published.clone();
        let start = changed.authorities[0].window.start();
        changed.authorities[0].window = Window::new(start, Some(start + std::time::Duration::from_secs(9))).unwrap();
        changed.ct_logs[0].url = "https://moved.example".to_owned();
        let found = changed.differences(&published.trusted_root()).unwrap();
        let told: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "certificate authority https://ca.example: published as in use since 1970-01-01T00:05:00Z, here since \
                 1970-01-01T00:05:00Z until 1970-01-01T00:05:09Z",
                "log of certificates https://moved.example: published at https://ct.example",
            ]
        );
    }
}
