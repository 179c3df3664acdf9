use super::*;

fn client(trusted: &[&str], header: AddressHeader, peer: &str, lines: &[&str]) -> String {
    let proxies = TrustedProxies::new(read_networks(trusted).unwrap(), header);
    proxies.client(peer.parse().unwrap(), lines.iter().map(|line| line.as_bytes())).to_string()
}

fn forwarded_for(trusted: &[&str], peer: &str, lines: &[&str]) -> String {
    client(trusted, AddressHeader::XForwardedFor, peer, lines)
}

#[test]
fn nobody_is_believed_unless_told() {
    assert_eq!(forwarded_for(&[], "10.0.0.1", &["192.0.2.1"]), "10.0.0.1");
    assert_eq!(forwarded_for(&["10.0.0.0/8"], "11.0.0.1", &["192.0.2.1"]), "11.0.0.1");
}

#[test]
fn everybody_is_trusted_with_a_network_of_all_addresses() {
    for (trusted, expected) in [(&["10.0.0.0/8", "::/0"][..], true), (&["10.0.0.0/8"], false), (&[], false)] {
        let proxies = TrustedProxies::new(read_networks(trusted).unwrap(), AddressHeader::default());
        assert_eq!((proxies.trusts_everybody(), proxies.header()), (expected, "x-forwarded-for"), "{trusted:?}");
    }
}

#[test]
fn what_a_client_writes_itself_is_never_reached() {
    let trusted = ["10.0.0.0/8", "2001:db8::/32"];
    for (lines, expected) in [
        (&["192.0.2.1"][..], "192.0.2.1"),
        (&["198.51.100.9, 192.0.2.1"], "192.0.2.1"),
        (&["198.51.100.9", "192.0.2.1, 10.1.1.1"], "192.0.2.1"),
        (&["198.51.100.9, 192.0.2.1:4711 ,10.1.1.1, 2001:db8::7"], "192.0.2.1"),
        (&["[2001:db9::1]:4711"], "2001:db9::1"),
        (&["::ffff:192.0.2.1"], "192.0.2.1"),
        (&["192.0.2.1, unknown"], "10.0.0.1"),
        (&["192.0.2.1, , 10.1.1.1"], "10.1.1.1"),
        (&["192.0.2.1,"], "10.0.0.1"),
        (&[], "10.0.0.1"),
        (&["10.9.9.9, 10.8.8.8"], "10.9.9.9"),
    ] {
        assert_eq!(forwarded_for(&trusted, "10.0.0.1", lines), expected, "{lines:?}");
        assert_eq!(forwarded_for(&trusted, "::ffff:10.0.0.1", lines), expected, "{lines:?}");
    }
}

#[test]
fn a_path_without_end_is_not_followed() {
    let line = ["192.0.2.1"].into_iter().chain(std::iter::repeat_n("10.1.1.1", MAX_HOPS)).collect::<Vec<_>>().join(",");
    assert_eq!(forwarded_for(&["10.0.0.0/8"], "10.0.0.1", &[&line]), "10.1.1.1");
}

#[test]
fn only_the_header_that_was_named_is_read() {
    let read = |lines: &[&str]| client(&["10.0.0.1"], AddressHeader::Forwarded, "10.0.0.1", lines);
    assert_eq!(read(&["for=192.0.2.60;proto=http;by=203.0.113.43"]), "192.0.2.60");
    assert_eq!(read(&["for=1.1.1.1", r#"proto=https; For="[2001:db9:cafe::17]:4711""#]), "2001:db9:cafe::17");
    for hidden in ["for=_hidden", "for=unknown", "by=192.0.2.1", "192.0.2.1"] {
        assert_eq!(read(&[hidden]), "10.0.0.1", "{hidden}");
    }
    assert_eq!(forwarded_for(&["10.0.0.1"], "10.0.0.1", &["for=192.0.2.60"]), "10.0.0.1");
}

#[test]
fn a_proxy_that_is_not_trusted_is_told_of_once() {
    let proxies = TrustedProxies::new(read_networks(&["10.0.0.0/8"]).unwrap(), AddressHeader::XForwardedFor);
    let untrusted = UntrustedProxies::default();
    let see = |peer: &str, header: &str| untrusted.see(&proxies, peer.parse().unwrap(), |name| name == header);
    assert!(!see("192.0.2.1", "accept"), "no proxy");
    assert!(!see("10.0.0.1", "x-forwarded-for"), "trusted");
    assert!(see("192.0.2.1", "forwarded"));
    assert!(!see("192.0.2.1", "x-forwarded-for") && !see("::ffff:192.0.2.1", "forwarded"), "once");
    let told = (0..255).filter(|number| see(&format!("198.51.100.{number}"), "x-forwarded-for")).count();
    assert_eq!(told, MAX_TOLD - 1, "strangers fill no log");
}

#[test]
fn lists_are_read_or_refused_by_name() {
    assert_eq!(read_networks(&["10.0.0.1", "2001:db8::/32"]).unwrap().len(), 2);
    for bad in ["10.0.0.0/33", "localhost", "", "10.0.0.0/8/8"] {
        assert!(read_networks(&["10.0.0.1", bad]).unwrap_err().starts_with(bad));
    }
    assert_eq!("Forwarded".parse(), Ok(AddressHeader::Forwarded));
    assert!("x-real-ip".parse::<AddressHeader>().is_err());
}
