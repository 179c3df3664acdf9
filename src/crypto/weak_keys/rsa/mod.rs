//! RSA moduli that are known to be weak.
//!
//! Owns three tests that public CAs apply (Baseline Requirements 6.1.1.3): small factors, the Infineon fingerprint (CVE-2017-15361,
//! ROCA), and primes close to each other (Fermat's factorization). Written here because no kept crate offers them.

use std::sync::LazyLock;

use num_bigint::BigUint;

/// Every prime below this bound is tried as a factor.
const SMALL_PRIME_BOUND: u32 = 752;
/// Primes whose fingerprint the ROCA test looks at (Nemec et al., "The Return of Coppersmith's Attack", CCS 2017).
const ROCA_PRIMES: [u32; 17] = [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157];
/// How many steps of Fermat's method are tried: what public CAs try.
const FERMAT_ROUNDS: u32 = 100;

static SMALL_PRIMES: LazyLock<SmallPrimes> = LazyLock::new(SmallPrimes::new);

/// The primes below the bound, and their products: a long modulus is divided once, by the product of all.
struct SmallPrimes {
    product: BigUint,
    /// As many primes as have a product of 64 bits, with that product.
    groups: Vec<(u64, Vec<u32>)>,
}

/// What is wrong with a modulus (big-endian, no leading zero), if anything is.
pub(crate) fn find(modulus: &[u8]) -> Option<&'static str> {
    find_by_remainder(modulus).or_else(|| find_close_factors(modulus))
}

/// What a remainder shows: a small factor, or the ROCA fingerprint. Costs less than any verification of a signature.
pub(crate) fn find_by_remainder(modulus: &[u8]) -> Option<&'static str> {
    let primes = &*SMALL_PRIMES;
    let rest = BigUint::from_bytes_be(modulus) % &primes.product;
    let mut has_fingerprint = true;
    for (product, members) in &primes.groups {
        // What is left of 64 bits after a division by a number of 64 bits fits in one digit.
        let rest = (&rest % *product).iter_u64_digits().next().unwrap_or(0);
        for prime in members {
            #[allow(clippy::cast_possible_truncation, reason = "less than the prime")]
            let rest = (rest % u64::from(*prime)) as u32;
            if rest == 0 {
                return Some("its RSA modulus has a small factor");
            }
            has_fingerprint = has_fingerprint && (!ROCA_PRIMES.contains(prime) || is_power_of_65537(rest, *prime));
        }
    }
    has_fingerprint.then_some("its RSA modulus was made by a library known to make weak keys (ROCA)")
}

/// Whether the factors can be found because they are close to each other. Costs about as much as a verification of a signature.
pub(crate) fn find_close_factors(modulus: &[u8]) -> Option<&'static str> {
    has_close_factors(&BigUint::from_bytes_be(modulus))
        .then_some("the factors of its RSA modulus are too close to each other")
}

impl SmallPrimes {
    fn new() -> Self {
        let mut product = BigUint::from(1u32);
        let mut groups: Vec<(u64, Vec<u32>)> = vec![(1, Vec::new())];
        for prime in small_primes() {
            product *= prime;
            match groups
                .last_mut()
                .and_then(|(group, members)| Some((group.checked_mul(prime.into())?, group, members)))
            {
                Some((more, group, members)) => {
                    *group = more;
                    members.push(prime);
                }
                None => groups.push((prime.into(), vec![prime])),
            }
        }
        Self { product, groups }
    }
}

fn small_primes() -> impl Iterator<Item = u32> {
    (2..SMALL_PRIME_BOUND).filter(|candidate| {
        (2..*candidate).take_while(|factor| factor * factor <= *candidate).all(|factor| candidate % factor != 0)
    })
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
    let a = if &root * &root == *modulus { root } else { root + 1u32 };
    let mut b_squared = &a * &a - modulus;
    // (a + 1)² is a² and this; it grows by two each time.
    let mut step = a * 2u32 + 1u32;
    for _ in 0..FERMAT_ROUNDS {
        if may_be_square(&b_squared) {
            let b = b_squared.sqrt();
            if &b * &b == b_squared {
                return true;
            }
        }
        b_squared += &step;
        step += 2u32;
    }
    false
}

/// Squares leave few rests: 12 of 64, 16 of 63, 21 of 65 and 6 of 11. Less than one number in a hundred passes without being one.
fn may_be_square(number: &BigUint) -> bool {
    static RESTS: LazyLock<[Vec<bool>; 3]> = LazyLock::new(|| [63u32, 65, 11].map(rests_of_squares));
    let low = number.iter_u32_digits().next().unwrap_or(0) & 63;
    if !matches!(low, 0 | 1 | 4 | 9 | 16 | 17 | 25 | 33 | 36 | 41 | 49 | 57) {
        return false;
    }
    let rest = (number % (63u32 * 65 * 11)).iter_u32_digits().next().unwrap_or(0) as usize;
    RESTS.iter().all(|rests| rests.get(rest % rests.len()).is_some_and(|is_one| *is_one))
}

fn rests_of_squares(modulus: u32) -> Vec<bool> {
    (0..modulus).map(|rest| (0..modulus).any(|root| root * root % modulus == rest)).collect()
}

#[cfg(test)]
mod tests;
