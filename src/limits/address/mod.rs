//! Where a request came from: the connection's other end, or what a proxy that is trusted says.
//!
//! Owns the reading of `X-Forwarded-For` and of `Forwarded` (RFC 7239). Believes nobody unless told to.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use arc_swap::ArcSwap;
use ipnet::IpNet;

/// Proxies in a row that are looked through: an honest path has fewer.
const MAX_HOPS: usize = 16;
/// The headers that proxies write, whichever of them counts here.
const FORWARDING: [&str; 2] = [AddressHeader::XForwardedFor.name(), AddressHeader::Forwarded.name()];
/// How many proxies that are not trusted are told of: strangers can send the header as well.
const MAX_TOLD: usize = 16;

/// Tells once of each address that sends a forwarding header without being trusted to: all clients behind it look like one.
#[derive(Debug, Default)]
pub struct UntrustedProxies(ArcSwap<Vec<IpAddr>>);

impl UntrustedProxies {
    /// Looks at a request's headers. Returns whether there was something to tell.
    pub fn see(&self, proxies: &TrustedProxies, peer: IpAddr, has_header: impl Fn(&str) -> bool) -> bool {
        let peer = peer.to_canonical();
        let Some(header) = FORWARDING.into_iter().find(|header| has_header(header)) else { return false };
        let told = self.0.load();
        if proxies.trusts(peer) || told.contains(&peer) || told.len() >= MAX_TOLD {
            return false;
        }
        let with_peer = |told: &Arc<Vec<IpAddr>>| [told.as_slice(), &[peer]].concat();
        if self.0.rcu(with_peer).contains(&peer) {
            return false;
        }
        tracing::warn!(
            address = %peer, header,
            "an address that is not among --trusted-proxies says for whom it asks: if it is your proxy, name it there, else all its \
             clients count as one"
        );
        true
    }
}

/// Which header the trusted proxies write. Only one is read: the other one may be the client's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case", ascii_case_insensitive, const_into_str)]
#[strum(parse_err_ty = UnknownHeader, parse_err_fn = unknown_header)]
pub enum AddressHeader {
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239)
    Forwarded,
}

impl AddressHeader {
    /// The header's name in lower case.
    pub const fn name(self) -> &'static str {
        self.into_str()
    }

    /// The address that one element of the header names, if it names one.
    fn read(self, element: &str) -> Option<IpAddr> {
        let node = match self {
            Self::XForwardedFor => element,
            Self::Forwarded => {
                let pairs = element.split(';').filter_map(|pair| pair.split_once('='));
                let mut named = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for"));
                named.next()?.1
            }
        };
        read_node(node.trim().trim_matches('"'))
    }
}

type UnknownHeader = &'static str;

const fn unknown_header(_: &str) -> UnknownHeader {
    "no header that is known"
}

/// An address with or without a port; of IPv6 with or without brackets.
fn read_node(node: &str) -> Option<IpAddr> {
    let bracketed = node.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(node);
    bracketed.parse().ok().or_else(|| node.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

/// The proxies whose word counts, and where they write it. By default there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies {
    networks: Vec<IpNet>,
    header: AddressHeader,
}

impl TrustedProxies {
    /// Trusts everything in these networks.
    pub const fn new(networks: Vec<IpNet>, header: AddressHeader) -> Self {
        Self { networks, header }
    }

    /// The name of the header to hand to [`client`](Self::client).
    pub const fn header(&self) -> &'static str {
        self.header.name()
    }

    /// Whether every address is that of a trusted proxy, of one family at least.
    pub fn trusts_everybody(&self) -> bool {
        self.networks.iter().any(|network| network.prefix_len() == 0)
    }

    /// The client's address: that of the nearest party that is not a trusted proxy, read from the connection outwards. What stands further
    /// out is that party's own word and is not looked at. `values` are the header's lines in their order.
    pub fn client<'h>(&self, peer: IpAddr, values: impl Iterator<Item = &'h [u8]>) -> IpAddr {
        let mut client = peer.to_canonical();
        if !self.trusts(client) {
            return client;
        }
        let lines: Vec<&str> = values.map(|line| std::str::from_utf8(line).unwrap_or_default()).collect();
        for element in lines.iter().rev().flat_map(|line| line.rsplit(',')).take(MAX_HOPS) {
            // Who cannot be read cannot be told from the proxy that wrote it.
            let Some(next) = self.header.read(element) else { break };
            client = next.to_canonical();
            if !self.trusts(client) {
                break;
            }
        }
        client
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address))
    }
}

/// The networks of a list of addresses and CIDR blocks.
pub fn read_networks(list: &[&str]) -> Result<Vec<IpNet>, String> {
    let network = |text: &&str| {
        let address = || text.parse::<IpAddr>().map(IpNet::from);
        text.parse::<IpNet>().or_else(|_| address()).map_err(|_| format!("{text}: neither an address nor a network"))
    };
    list.iter().map(network).collect()
}

#[cfg(test)]
mod tests;
