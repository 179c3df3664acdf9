//! Which network addresses are on the public internet, and a resolver that answers with no other.
//!
//! Owns the list of special addresses (IANA's registries of special-purpose addresses). Knows no issuer and no HTTP.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Networks of IPv4 that are not the public internet, as address and length of the prefix (RFC 6890 and its registry).
const SPECIAL_V4: [([u8; 4], u32); 17] = [
    ([0, 0, 0, 0], 8),        // this network, and the unspecified address
    ([10, 0, 0, 0], 8),       // private (RFC 1918)
    ([100, 64, 0, 0], 10),    // behind a provider's translation (RFC 6598)
    ([127, 0, 0, 0], 8),      // loopback
    ([168, 63, 129, 16], 32), // Azure's host, reachable from every machine there
    ([169, 254, 0, 0], 16),   // link-local, and the clouds' metadata
    ([172, 16, 0, 0], 12),    // private
    ([192, 0, 0, 0], 24),     // protocol assignments
    ([192, 0, 2, 0], 24),     // documentation
    ([192, 31, 196, 0], 24),  // AS112
    ([192, 88, 99, 0], 24),   // 6to4 relays
    ([192, 168, 0, 0], 16),   // private
    ([192, 175, 48, 0], 24),  // AS112
    ([198, 18, 0, 0], 15),    // benchmarks
    ([198, 51, 100, 0], 24),  // documentation
    ([203, 0, 113, 0], 24),   // documentation
    ([224, 0, 0, 0], 3),      // multicast, reserved, broadcast
];

/// Networks inside of 2000::/3, the only global unicast space of IPv6, that are not the public internet either.
const SPECIAL_V6: [([u16; 3], u32); 6] = [
    ([0x2001, 0, 0], 23),         // protocol assignments, Teredo among them
    ([0x2001, 0xdb8, 0], 32),     // documentation
    ([0x2002, 0, 0], 16),         // 6to4: any IPv4 address can be inside
    ([0x2620, 0x4f, 0x8000], 48), // AS112
    ([0x3ffe, 0, 0], 16),         // the former 6bone
    ([0x3fff, 0, 0], 20),         // documentation
];

/// Whether an address is on the public internet: not this machine, its network, or a range with a special purpose.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let bits = address.to_bits();
    !SPECIAL_V4.iter().any(|(network, length)| (bits ^ u32::from_be_bytes(*network)) >> (32 - length) == 0)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let bits = address.to_bits();
    if let Some(inside) = embedded_v4(address) {
        return is_public_v4(inside);
    }
    let within = |[a, b, c]: [u16; 3], length: u32| {
        (bits ^ Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0).to_bits()) >> (128 - length) == 0
    };
    within([0x2000, 0, 0], 3) && !SPECIAL_V6.iter().any(|(network, length)| within(*network, *length))
}

/// The IPv4 address that a mapped address (`::ffff:0:0/96`) or one of NAT64 (`64:ff9b::/96`, RFC 6052) leads to. Networks with IPv6
/// alone reach the whole IPv4 internet by the latter.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    match address.octets() {
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, inside @ ..]
        | [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, inside @ ..] => Some(Ipv4Addr::from(inside)),
        _ => None,
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<_> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// A name that leads to private addresses only.
#[derive(Debug, thiserror::Error)]
#[error("{0} has no address on the public internet")]
struct NotPublic(String);

/// Whether that is why a request failed.
pub(super) fn is_not_public(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source()).any(<dyn std::error::Error>::is::<NotPublic>)
}

/// Another resolver's answers without the addresses that are not public. A connection goes to what this answers and to nothing else, so
/// there is no second look-up that could answer differently (DNS rebinding).
#[derive(Clone)]
pub(super) struct PublicOnly(pub(super) Arc<dyn Resolve>);

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let asked = name.as_str().to_owned();
        let answer = self.0.resolve(name);
        Box::pin(async move {
            let mut public = answer.await?.filter(|address| is_public(address.ip())).peekable();
            if public.peek().is_none() {
                return Err(NotPublic(asked).into());
            }
            Ok(Box::new(public.collect::<Vec<_>>().into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests;
