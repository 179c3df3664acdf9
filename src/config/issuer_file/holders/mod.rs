//! Who can have the hosts that a pattern fits, and whether two hosts have one holder: by the public suffix list, compiled in (`psl`).
//!
//! Owns that question. Of the list the ICANN section counts; suffixes of its private section (`github.io`) are the providers' of many
//! tenants. The list's implicit rule `*` is not applied: a top-level name that is not listed (`.svc`, `.corp`, `.internal`, `.example`) is
//! nobody's but the network's own.

use url::Host;

/// Who can have a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Holders {
    /// Anyone who has the domain or the network.
    Owner,
    /// Every tenant of a provider, by its suffix in the private section.
    Tenants(String),
    /// Anyone who registers a name or rents an address.
    Anybody,
}

/// Who can have the hosts that fit a pattern (`https://*.example.com/x`), which must be one of an issuer's URL.
pub(super) fn of_pattern(pattern: &str) -> Holders {
    let host = host_text(pattern);
    if !host.contains('*') {
        return Holders::Owner;
    }
    // What differs between two hosts that fit is what strangers choose; the URL reader has normalised what does not.
    let hosts = |star: &str| Host::parse(&host.replace('*', star)).ok();
    let outcomes = [("x", "y"), ("1", "2")].into_iter().filter_map(|(one, two)| match (hosts(one)?, hosts(two)?) {
        (Host::Domain(one), Host::Domain(two)) => Some(of_names(&one, &two)),
        (Host::Ipv4(_), Host::Ipv4(_)) => Some(of_addresses(host)),
        _ => Some(Holders::Anybody),
    });
    let rank = |holders: &Holders| match holders {
        Holders::Owner => 0,
        Holders::Tenants(_) => 1,
        Holders::Anybody => 2,
    };
    outcomes.max_by_key(rank).unwrap_or(Holders::Anybody)
}

/// Whether the hosts that fit a pattern are those of a private network, as far as it can be told by what the pattern says.
pub(super) fn is_of_private_network(pattern: &str) -> bool {
    let host = host_text(pattern);
    match Host::parse(&host.replace('*', "1")) {
        Ok(Host::Ipv4(_)) => of_addresses(host) == Holders::Owner,
        Ok(Host::Domain(name)) => psl::suffix(normal(&name).as_bytes()).is_none_or(|suffix| !suffix.is_known()),
        Ok(Host::Ipv6(_)) | Err(_) => false,
    }
}

/// Who has both of two hosts, of which neither is an address.
pub(super) fn of_both(one: &str, two: &str) -> Holders {
    let (one, two) = (normal(one), normal(two));
    if one == two {
        return Holders::Owner;
    }
    let differ = |section: Section| {
        let registered = |name: &str| suffix(name, section).map(|length| tail(name, length + 1).map(str::to_owned));
        // A name that is a suffix itself is nobody's.
        matches!((registered(&one), registered(&two)), (Some(left), Some(right)) if left.is_none() || left != right)
    };
    if differ(Section::Icann) {
        return Holders::Anybody;
    }
    match suffix(&one, Section::Private) {
        Some(length) if differ(Section::Private) => Holders::Tenants(tail(&one, length).unwrap_or_default().to_owned()),
        _ => Holders::Owner,
    }
}

/// The host of a URL or pattern without a user, as it is written.
fn host_text(pattern: &str) -> &str {
    let authority = pattern.split_once("://").map_or("", |(_, rest)| rest.split('/').next().unwrap_or_default());
    match authority.find(']') {
        Some(end) if authority.starts_with('[') => authority.get(..=end).unwrap_or_default(),
        _ => authority.split(':').next().unwrap_or_default(),
    }
}

/// Of names that fit one pattern and differ wherever it leaves them open.
fn of_names(one: &str, two: &str) -> Holders {
    let (one, two) = (normal(one), normal(two));
    let fixed = one.rsplit('.').zip(two.rsplit('.')).take_while(|(left, right)| left == right && !left.is_empty());
    let fixed = fixed.count();
    let Some(domain) = tail(&one, fixed).filter(|_| fixed > 0) else { return Holders::Anybody };
    // A label that no rule names stands for all that strangers can choose.
    let name = format!("sigmint-any-name.{domain}");
    if suffix(&name, Section::Icann).is_some_and(|length| length >= fixed) {
        return Holders::Anybody;
    }
    match suffix(&name, Section::Private) {
        Some(length) if length >= fixed => Holders::Tenants(domain.to_owned()),
        _ => Holders::Owner,
    }
}

/// Of IPv4 addresses: those of private networks, of this machine and of carriers are nobody's that the operator does not know.
fn of_addresses(host: &str) -> Holders {
    let mut parts = host.split('.').map(|part| part.parse::<u8>().ok());
    match (parts.next().flatten(), parts.next().flatten()) {
        (Some(10 | 127), _)
        | (Some(192), Some(168))
        | (Some(172), Some(16..=31))
        | (Some(169), Some(254))
        | (Some(100), Some(64..=127)) => Holders::Owner,
        _ => Holders::Anybody,
    }
}

/// As the list writes names: lower case, Unicode, no final dot.
fn normal(host: &str) -> String {
    url::quirks::domain_to_unicode(&host.to_ascii_lowercase()).trim_end_matches('.').to_owned()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Icann,
    Private,
}

/// How many labels the suffix of a name has, in one section of the list; none if it is not listed there.
fn suffix(name: &str, section: Section) -> Option<usize> {
    let mut name = name;
    loop {
        let found = psl::suffix(name.as_bytes())?;
        let suffix = std::str::from_utf8(found.as_bytes()).ok()?;
        match found.typ()? {
            psl::Type::Icann if section == Section::Icann => return Some(labels(suffix)),
            psl::Type::Icann => return None,
            psl::Type::Private if section == Section::Private => return Some(labels(suffix)),
            // Below a private suffix an ICANN one ends further to the right.
            psl::Type::Private => name = suffix.split_once('.')?.1,
        }
    }
}

fn labels(name: &str) -> usize {
    name.split('.').count()
}

/// The last so many labels of a name; none if it has fewer.
fn tail(name: &str, count: usize) -> Option<&str> {
    match labels(name).checked_sub(count)? {
        0 => Some(name),
        skipped => name.match_indices('.').nth(skipped - 1).and_then(|(at, _)| name.get(at + 1..)),
    }
}

#[cfg(test)]
mod tests;
