//! The networks that a client shares with its neighbours: what is limited by address is limited by these.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Leading bits of an IPv6 address that one subscriber has to himself (RFC 6177).
const SUBSCRIBER_BITS: u32 = 64;

/// Leading bits that a site has, with 65,536 subscribers' networks in it (RFC 6177).
const SITE_BITS: u32 = 48;
/// The same of IPv4, where providers hand out single addresses.
const SITE_BITS_V4: u32 = 24;
/// The networks that a client shares what there is too little of with, from the wider to the narrower one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Networks {
    /// A /24 of IPv4, a /48 of IPv6.
    pub wide: IpAddr,
    /// An address of IPv4, a /64 of IPv6.
    pub narrow: IpAddr,
    /// The client itself.
    pub address: IpAddr,
}

impl From<IpAddr> for Networks {
    fn from(address: IpAddr) -> Self {
        let wide = match address.to_canonical() {
            IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & (u32::MAX << (32 - SITE_BITS_V4)))),
            IpAddr::V6(v6) => leading(v6, SITE_BITS),
        };
        Self { wide, narrow: network(address), address: address.to_canonical() }
    }
}

/// What counts as one client: an IPv4 address, or the /64 of an IPv6 address.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => leading(v6, SUBSCRIBER_BITS),
        v4 @ IpAddr::V4(_) => v4,
    }
}

const fn leading(address: Ipv6Addr, bits: u32) -> IpAddr {
    IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << (128 - bits))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_share_by_two_networks() {
        let networks = |text: &str| {
            let Networks { wide, narrow, .. } = text.parse::<IpAddr>().unwrap().into();
            (wide.to_string(), narrow.to_string())
        };
        let pair = |wide: &str, narrow: &str| (wide.to_owned(), narrow.to_owned());
        assert_eq!(networks("192.0.2.7"), pair("192.0.2.0", "192.0.2.7"));
        assert_eq!(networks("::ffff:192.0.2.7"), pair("192.0.2.0", "192.0.2.7"));
        assert_eq!(networks("2001:db8:1:2:3:4:5:6"), pair("2001:db8:1::", "2001:db8:1:2::"));
    }
}
