//! What every client of other servers has in common.
//!
//! Owns our name towards them and the question whether they are on this machine. Knows neither issuers nor logs.

use reqwest::Url;
use url::Host;

/// How we name ourselves.
pub const USER_AGENT: &str = concat!("sigmint/", env!("CARGO_PKG_VERSION"));

/// Whether the URL's host is this machine: no proxy can reach it for us.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_in_every_form_and_nothing_else() {
        for (url, expected) in [
            ("http://127.0.0.1:80/", true),
            ("http://127.9.9.9/", true),
            ("http://[::1]/", true),
            ("http://localhost/", true),
            ("http://localhost.example.com/", false),
            ("http://10.0.0.1/", false),
            ("http://127.0.0.1.example.com/", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(url).unwrap()), expected, "{url}");
        }
    }
}
