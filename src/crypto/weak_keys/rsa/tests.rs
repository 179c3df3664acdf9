use super::*;

#[test]
fn small_factors_are_found() {
    assert_eq!(small_primes().count(), 133);
    assert_eq!(small_primes().last(), Some(751));
    let power_of_two: BigUint = BigUint::from(1u32) << 2047u32;
    assert_eq!(find(&(power_of_two + 1u32).to_bytes_be()), Some("its RSA modulus has a small factor"));
    for prime in small_primes() {
        let multiple = (BigUint::from(1u32) << 2047u32) / prime * prime;
        assert!(find_by_remainder(&multiple.to_bytes_be()).is_some(), "{prime}");
    }
    assert!(find_by_remainder(&BigUint::from(757u32).pow(200).to_bytes_be()).is_none());
}

#[test]
fn the_roca_fingerprint_is_found() {
    // 65537 to any power has the fingerprint: every such number lies in the subgroup of each prime.
    let fingerprint = BigUint::from(65537u32).pow(127);
    assert_eq!(
        find(&fingerprint.to_bytes_be()),
        Some("its RSA modulus was made by a library known to make weak keys (ROCA)")
    );
    assert!(!is_power_of_65537(2, 13));
}

#[test]
fn close_factors_are_found() {
    // Two primes of 521 and 607 bits are far apart; a number and its near neighbour are not.
    let p = (BigUint::from(1u32) << 521u32) - 1u32;
    let q = (BigUint::from(1u32) << 607u32) - 1u32;
    assert!(has_close_factors(&(&p * (&p + 2u32))));
    assert!(has_close_factors(&(&p * &p)));
    assert!(!has_close_factors(&(&p * &q)));
}

#[test]
fn squares_pass_the_filter() {
    for root in 0u32..1000 {
        assert!(may_be_square(&BigUint::from(root * root)));
        assert!(may_be_square(&(BigUint::from(root) << 500u32).pow(2)));
    }
    assert!(!may_be_square(&BigUint::from(2u32)));
    assert!((0u32..100_000).filter(|number| may_be_square(&BigUint::from(*number))).count() < 1200);
}
