//! Whether two patterns can match the same URL.
//!
//! Owns the search for such a URL. Which pattern it would be looked up in first is the issuers' order.

use std::collections::{HashMap, VecDeque};

use super::{MetaPattern, fits_star};

/// The largest product of two patterns' lengths that is searched: both of a thousand characters.
const MAX_WORK: usize = 1 << 20;
/// What `*` stands for where nothing else decides.
const ANY: u8 = b'x';

/// Places in both patterns, in bytes.
type Places = (usize, usize);
/// How a place was come by: from which one, and with which byte.
type Origins = HashMap<Places, (Places, u8)>;

impl MetaPattern {
    /// One of the shortest URLs that both patterns match; none if there is none, or both are very long.
    pub fn overlap(&self, other: &Self) -> Option<String> {
        let (left, right) = (self.text.as_bytes(), other.text.as_bytes());
        if left.len().saturating_mul(right.len()) > MAX_WORK {
            return None;
        }
        let end = (left.len(), right.len());
        let mut came_by = Origins::new();
        let mut ahead = VecDeque::from([(0, 0)]);
        while let Some(place) = ahead.pop_front() {
            if place == end {
                return Some(written(&came_by, end));
            }
            let Some((byte, nexts)) = step(left, right, place) else { continue };
            for next in nexts {
                if next != place && next != (0, 0) && !came_by.contains_key(&next) {
                    came_by.insert(next, (place, byte));
                    ahead.push_back(next);
                }
            }
        }
        None
    }
}

/// A byte that both patterns take at this place, and the places that they may be at then. `*` takes one or more.
fn step(left: &[u8], right: &[u8], (at_left, at_right): Places) -> Option<(u8, Vec<Places>)> {
    let (one, two) = (*left.get(at_left)?, *right.get(at_right)?);
    let byte = match (one, two) {
        (b'*', b'*') => ANY,
        (b'*', literal) | (literal, b'*') => Some(literal).filter(|byte| fits_star(*byte))?,
        (one, two) => Some(one).filter(|_| one == two)?,
    };
    let places = |at: usize, token: u8| if token == b'*' { vec![at, at + 1] } else { vec![at + 1] };
    let rights = places(at_right, two);
    let all = places(at_left, one).into_iter().flat_map(|left| rights.iter().map(move |right| (left, *right)));
    Some((byte, all.collect()))
}

fn written(came_by: &Origins, end: Places) -> String {
    let (mut place, mut bytes) = (end, Vec::new());
    while let Some((before, byte)) = came_by.get(&place) {
        bytes.push(*byte);
        place = *before;
    }
    bytes.reverse();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overlap(one: &str, two: &str) -> Option<String> {
        let (one, two) = (MetaPattern::new(one), MetaPattern::new(two));
        let found = one.overlap(&two);
        assert_eq!(found, two.overlap(&one).and(found.clone()), "both ways");
        if let Some(url) = &found {
            assert!(one.matches(url) && two.matches(url), "{url}");
        }
        found
    }

    #[test]
    fn patterns_that_share_a_url_give_one() {
        for (one, two) in [
            ("https://*.example.com", "https://ci.*.com"),
            ("https://oidc.*.example/id/*", "https://oidc.eu-*.example/id/*"),
            ("https://*.x/*", "https://a*.x/b"),
            ("https://*", "https://*"),
            ("https://ab*", "https://*ba"),
            ("https://\u{fc}.*", "https://\u{fc}.a*"),
        ] {
            assert!(overlap(one, two).is_some(), "{one} {two}");
        }
    }

    #[test]
    fn patterns_that_share_none_give_none() {
        for (one, two) in [
            ("https://*.example.com", "https://*.example.org"),
            ("https://*.example.com", "http://*.example.com"),
            ("https://*.a.example", "https://*.example"),
            ("https://a*", "https://a"),
            ("https://*/x", "https://a.b/*"),
        ] {
            assert_eq!(overlap(one, two), None, "{one} {two}");
        }
    }
}
