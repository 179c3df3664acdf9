use super::*;
use proptest::prelude::*;

#[test]
fn rates_are_read_and_anything_else_is_not() {
    let rate =
        |count, seconds| Ok(Rate { count: NonZeroU32::new(count).unwrap(), period: Duration::from_secs(seconds) });
    assert_eq!("10/s".parse(), rate(10, 1));
    assert_eq!("600/m".parse(), rate(600, 60));
    assert_eq!("1/24h".parse(), rate(1, 86_400));
    for text in ["", "10", "/s", "0/s", "-1/s", "10/", "10/0s", "10/2days", "10/ms", "x/s", "4294967296/s"] {
        assert_eq!(text.parse::<Rate>(), Err(RateError), "{text}");
    }
}

fn address(text: &str) -> RateKey {
    RateKey::address(text.parse().unwrap())
}

#[test]
fn a_burst_passes_and_then_the_wait_is_a_share_of_the_period() {
    let limit = KeyedRate::new("3/h".parse().unwrap());
    for _ in 0..3 {
        limit.check(address("192.0.2.1")).unwrap();
    }
    let wait = limit.check(address("192.0.2.1")).unwrap_err();
    assert!((Duration::from_mins(19)..=Duration::from_mins(20)).contains(&wait), "{wait:?}");
    assert!(limit.check(address("192.0.2.2")).is_ok());
}

#[test]
fn addresses_and_identities_are_told_apart_and_grouped() {
    let group = |text: &str| address(text).0.group;
    assert_eq!(group("2001:db8:1:2::1"), group("2001:db8:1:ffff::9"));
    assert_ne!(group("2001:db8:1::1"), group("2001:db8:2::1"));
    assert_eq!(group("192.0.2.1"), group("192.0.2.255"));
    assert_ne!(group("192.0.2.1"), group("192.0.3.1"));
    let identity = RateKey::identity;
    assert_ne!(identity("a", "bc"), identity("ab", "c"), "the border between issuer and subject counts");
    assert_eq!(identity("a", "b").0.group, identity("a", "c").0.group);
    assert_ne!(identity("a", "b").0.group, identity("b", "b").0.group);
}

/// Anyone who used up a rate, and a flood of keys that are all new.
fn flood(honest: RateKey, flood: impl Iterator<Item = RateKey>, others: impl Iterator<Item = RateKey>) {
    let limit = KeyedRate::new("2/h".parse().unwrap());
    for _ in 0..2 {
        limit.check(honest).unwrap();
    }
    for key in flood {
        let _ = limit.check(key);
    }
    assert!(limit.check(honest).is_err(), "a limit that was reached is forgotten for others' sake");
    assert!(others.map(|key| limit.check(key)).all(|checked| checked.is_ok()), "somebody else pays");
    assert_eq!(limit.counters.lock().len(), MAX_COUNTERS);
}

#[test]
fn a_site_with_many_addresses_spends_nobody_elses_rate_and_pushes_out_its_own() {
    let site =
        |number: u32| RateKey::address(IpAddr::V6((0x2001_0db8_0001_u128 << 80 | u128::from(number) << 64).into()));
    let others = (0..200).map(|number| address(&format!("198.51.100.{number}")));
    flood(address("198.51.101.1"), (0..100_000).map(site), others);
    // Sites without number: each has one address, and nothing is known of them but that.
    let sites = |number: u32| RateKey::address(IpAddr::V6((0x2001_u128 << 112 | u128::from(number) << 80).into()));
    let others = (0..200).map(|number| address(&format!("198.51.100.{number}")));
    flood(address("198.51.101.1"), (0..100_000).map(sites), others);
}

#[test]
fn an_issuer_with_many_users_spends_no_other_issuers_rate() {
    let users = (0..100_000).map(|number| RateKey::identity("https://all.example", &format!("user {number}")));
    let others = (0..200).map(|number| RateKey::identity("https://own.example", &format!("user {number}")));
    flood(RateKey::identity("https://own.example", "the one"), users, others);
}

#[test]
fn the_largest_group_loses_the_counter_nearest_to_its_end_and_of_equal_ones_the_nearest_goes() {
    let mut counters = Counters::new(3);
    let key = |group, member| Key { group, member };
    for (group, member, end) in [(1, 1, 50), (2, 2, 10), (1, 3, 60), (3, 4, 70)] {
        counters.set(key(group, member), end, 0);
    }
    let known = |counters: &Counters| [1, 2, 3, 4, 5].map(|member| counters.end(key(0, member)));
    assert_eq!(known(&counters), [0, 10, 60, 70, 0]);
    counters.set(key(4, 5), 80, 0);
    assert_eq!(known(&counters), [0, 0, 60, 70, 80]);
    counters.set(key(5, 1), 90, 75);
    assert_eq!((known(&counters), counters.len()), ([90, 0, 0, 0, 80], 2), "those that have ended are forgotten");
}

proptest! {
    /// However few the counters: the one that is refused has used up the rate within the period.
    #[test]
    fn nobody_is_refused_for_what_others_did(
        most in 1usize..6,
        asked in proptest::collection::vec((0u8..8, 0u8..4, 0u64..400), 0..300),
    ) {
        let (count, period) = (3, 1_000_000_000);
        let limit = KeyedRate::with_counters(Rate { count: NonZeroU32::new(count).unwrap(), period: Duration::from_nanos(period) }, most);
        let (mut now, mut passed) = (0, Vec::new());
        for (group, member, step) in asked {
            now += step * 1_000_000;
            let key = RateKey(Key { group: group.into(), member: u128::from(group) << 8 | u128::from(member) });
            match limit.check_at(key, now) {
                Ok(()) => passed.push((key, now)),
                Err(wait) => {
                    let own = passed.iter().filter(|(of, at)| *of == key && *at + period > now).count();
                    prop_assert!(own >= count as usize, "{own} of its own");
                    prop_assert!(wait <= Duration::from_nanos(period / u64::from(count)));
                }
            }
            prop_assert!(limit.counters.lock().len() <= most);
        }
    }

    /// With a counter for each: nobody gets more than the rate.
    #[test]
    fn nobody_gets_more_than_the_rate(asked in proptest::collection::vec((0u8..3, 0u64..400), 0..300)) {
        let (count, period) = (3u32, 1_000_000_000);
        let limit = KeyedRate::with_counters(Rate { count: NonZeroU32::new(count).unwrap(), period: Duration::from_nanos(period) }, 3);
        let (mut now, mut passed) = (0, Vec::new());
        for (member, step) in asked {
            now += step * 1_000_000;
            let key = RateKey(Key { group: 0, member: member.into() });
            if limit.check_at(key, now).is_ok() {
                passed.push((key, now));
            }
            // A full burst, and what came back during the period.
            let own = passed.iter().filter(|(of, at)| *of == key && *at + period > now).count();
            prop_assert!(own <= 2 * count as usize, "{own}");
        }
    }
}
