//! RSA moduli that are known to be weak.
//!
//! Owns three tests that public CAs apply (Baseline Requirements 6.1.1.3): small factors, the Infineon fingerprint (CVE-2017-15361,
//! ROCA), and primes close to each other (Fermat's factorization). Written here because no kept crate offers them.

use num_bigint::BigUint;

/// Every prime below this bound is tried as a factor.
const SMALL_PRIME_BOUND: u32 = 752;
/// Primes whose fingerprint the ROCA test looks at (Nemec et al., "The Return of Coppersmith's Attack", CCS 2017).
const ROCA_PRIMES: [u32; 17] = [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157];
/// How many steps of Fermat's method are tried: what public CAs try.
const FERMAT_ROUNDS: u32 = 100;

/// What is wrong with a modulus (big-endian, no leading zero), if anything is.
pub(crate) fn find(modulus: &[u8]) -> Option<&'static str> {
    if small_primes().any(|prime| remainder(modulus, prime) == 0) {
        return Some("its RSA modulus has a small factor");
    }
    if ROCA_PRIMES.into_iter().all(|prime| is_power_of_65537(remainder(modulus, prime), prime)) {
        return Some("its RSA modulus was made by a library known to make weak keys (ROCA)");
    }
    has_close_factors(&BigUint::from_bytes_be(modulus))
        .then_some("the factors of its RSA modulus are too close to each other")
}

fn small_primes() -> impl Iterator<Item = u32> {
    (2..SMALL_PRIME_BOUND).filter(|candidate| {
        (2..*candidate).take_while(|factor| factor * factor <= *candidate).all(|factor| candidate % factor != 0)
    })
}

fn remainder(big_endian: &[u8], divisor: u32) -> u32 {
    big_endian.iter().fold(0, |rest, octet| (rest * 256 + u32::from(*octet)) % divisor)
}

/// Whether the number lies in the subgroup that 65537 generates modulo the prime.
fn is_power_of_65537(number: u32, prime: u32) -> bool {
    let generator = 65537 % prime;
    let powers = std::iter::successors(Some(1), |power| Some(power * generator % prime));
    powers.take(prime as usize).any(|power| power == number)
}

/// Fermat's method: n = a² - b² for an a close to the root of n exactly when the factors are close.
fn has_close_factors(modulus: &BigUint) -> bool {
    let root = modulus.sqrt();
    let mut a = if &root * &root == *modulus { root } else { root + 1u32 };
    let mut b_squared = &a * &a - modulus;
    let mut rounds = 0..FERMAT_ROUNDS;
    while rounds.next().is_some() {
        if may_be_square(&b_squared) {
            let b = b_squared.sqrt();
            if &b * &b == b_squared {
                return true;
            }
        }
        b_squared += &a * 2u32 + 1u32;
        a += 1u32;
    }
    false
}

/// Squares leave one of twelve rests modulo 64; this saves most of the roots.
fn may_be_square(number: &BigUint) -> bool {
    let low = number.to_bytes_le().first().map_or(0, |octet| octet & 63);
    matches!(low, 0 | 1 | 4 | 9 | 16 | 17 | 25 | 33 | 36 | 41 | 49 | 57)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_factors_are_found() {
        assert_eq!(small_primes().count(), 133);
        assert_eq!(small_primes().last(), Some(751));
        let power_of_two: BigUint = BigUint::from(1u32) << 2047u32;
        assert_eq!(find(&(power_of_two + 1u32).to_bytes_be()), Some("its RSA modulus has a small factor"));
        assert_eq!(remainder(&[1, 0, 1], 65537), 0);
    }

    #[test]
    fn the_roca_fingerprint_is_found() {
        // 65537 to any power has the fingerprint: every such number lies in the subgroup of each prime.
        let fingerprint = BigUint::from(65537u32).pow(127);
        assert!(
            ROCA_PRIMES.into_iter().all(|prime| is_power_of_65537(remainder(&fingerprint.to_bytes_be(), prime), prime))
        );
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
        }
        assert!(!may_be_square(&BigUint::from(2u32)));
    }
}
