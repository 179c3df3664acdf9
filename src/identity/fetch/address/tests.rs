use super::*;

fn public(text: &str) -> bool {
    is_public(text.parse().unwrap())
}

#[test]
fn special_addresses_of_version_4_are_not_public() {
    for special in [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.9.9.9",
        "168.63.129.16",
        "169.254.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.7",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
    ] {
        assert!(!public(special), "{special}");
    }
    for ordinary in [
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.1",
        "168.63.129.17",
        "169.253.255.255",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.1",
        "192.167.255.255",
        "198.17.1.1",
        "198.20.0.0",
        "203.0.112.1",
        "223.255.255.255",
    ] {
        assert!(public(ordinary), "{ordinary}");
    }
}

#[test]
fn special_addresses_of_version_6_are_not_public() {
    for special in [
        "::",
        "::1",
        "::7f00:1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::808:808",
        "100::1",
        "2001::1",
        "2001:0:808:808::1",
        "2001:db8::1",
        "2001:10::1",
        "2002:7f00:1::",
        "2002:808:808::1",
        "3fff::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "5f00::1",
        "4000::1",
    ] {
        assert!(!public(special), "{special}");
    }
    for ordinary in ["2606:4700::1111", "2a00:1450::1", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::808:808"] {
        assert!(public(ordinary), "{ordinary}");
    }
}

/// Answers every name with these addresses.
struct Always(Vec<&'static str>);

impl Resolve for Always {
    fn resolve(&self, _: Name) -> Resolving {
        let addresses: Vec<_> = self.0.iter().map(|text| (text.parse::<IpAddr>().unwrap(), 0_u16).into()).collect();
        Box::pin(async move { Ok(Box::new(addresses.into_iter()) as Addrs) })
    }
}

#[tokio::test]
async fn a_name_has_only_its_public_addresses_or_none() {
    let ask = async |addresses: Vec<&'static str>| {
        let resolved = PublicOnly(Arc::new(Always(addresses))).resolve("a.example".parse().unwrap()).await;
        resolved.map(|found| found.map(|address| address.ip().to_string()).collect::<Vec<_>>())
    };
    assert_eq!(ask(vec!["10.0.0.1", "8.8.8.8", "::1"]).await.unwrap(), ["8.8.8.8"]);
    for none in [vec![], vec!["127.0.0.1"], vec!["fe80::1", "169.254.169.254"]] {
        assert!(ask(none.clone()).await.is_err(), "{none:?}");
    }
}
