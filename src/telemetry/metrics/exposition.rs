//! From the OpenMetrics text that `prometheus-client` writes to Prometheus' own text format, version 0.0.4.
//!
//! Owns the differences between the two. Knows no metric but those whose names the newer format cannot spell.
//!
//! OpenMetrics makes every counter end in `_total` and leaves that suffix out of `# TYPE` and `# HELP`. Fulcio's
//! `fulcio_new_certs` is a counter without it, and its bounds are written `le="1"`, not `le="1.0"`: with other spellings a dashboard
//! finds nothing, or finds two series for one bound while both servers run side by side.

/// Counters of Fulcio's without `_total`.
const UNSUFFIXED: [&str; 1] = ["fulcio_new_certs"];
const SUFFIX: &str = "_total";

/// Rewrites line by line. A metric's `# HELP` stands before its `# TYPE`, and both before its samples.
pub(super) fn classic(open: &str) -> String {
    let mut text = String::with_capacity(open.len());
    let mut help = "";
    let mut unsuffixed = None;
    for line in open.lines() {
        if let Some(described) = line.strip_prefix("# HELP ") {
            help = described.split_once(' ').map_or("", |(_, help)| help);
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|typed| typed.split_once(' ')) {
            unsuffixed = UNSUFFIXED.into_iter().find(|listed| *listed == name);
            let suffix = if kind == "counter" && unsuffixed.is_none() { SUFFIX } else { "" };
            text.extend(["# HELP ", name, suffix, " ", help, "\n# TYPE ", name, suffix, " ", kind, "\n"]);
        } else if line.starts_with('#') {
            // `# EOF`: a comment in the older format, and of no use there.
        } else if let Some((name, value)) = unsuffixed.and_then(|name| Some((name, value_of(line, name)?))) {
            text.extend([name, value, "\n"]);
        } else {
            push_sample(&mut text, line);
        }
    }
    text
}

/// What follows the name and its suffix.
fn value_of<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    line.strip_prefix(name)?.strip_prefix(SUFFIX)
}

/// A sample; the bound of a bucket, always the first label, in its shortest form.
fn push_sample(text: &mut String, line: &str) {
    const BOUND: &str = "_bucket{le=\"";
    let parts = line.split_once(BOUND).and_then(|(name, rest)| Some((name, rest.split_once('"')?)));
    match parts {
        Some((name, (bound, rest))) => {
            text.extend([name, BOUND, bound.strip_suffix(".0").unwrap_or(bound), "\"", rest, "\n"]);
        }
        None => text.extend([line, "\n"]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_typed_by_the_name_of_their_samples() {
        let open = "# HELP a b c.\n# TYPE a counter\na_total{x=\"# y\"} 1\n# EOF\n";
        assert_eq!(classic(open), "# HELP a_total b c.\n# TYPE a_total counter\na_total{x=\"# y\"} 1\n");
    }

    #[test]
    fn fulcios_counter_has_no_suffix_and_others_that_begin_alike_keep_theirs() {
        let open = "# HELP fulcio_new_certs n.\n# TYPE fulcio_new_certs counter\nfulcio_new_certs_total 2\n";
        assert_eq!(classic(open), "# HELP fulcio_new_certs n.\n# TYPE fulcio_new_certs counter\nfulcio_new_certs 2\n");
        let other = "# HELP fulcio_new_certs_x n.\n# TYPE fulcio_new_certs_x counter\nfulcio_new_certs_x_total 2\n";
        assert!(classic(other).contains("\nfulcio_new_certs_x_total 2\n"));
    }

    #[test]
    fn bounds_are_written_as_fulcio_writes_them() {
        let open = "h_bucket{le=\"10.0\",a=\"1.0\"} 1\nh_bucket{le=\"0.25\"} 1\nh_bucket{le=\"+Inf\"} 1\nh_sum 1.0\n";
        assert_eq!(
            classic(open),
            "h_bucket{le=\"10\",a=\"1.0\"} 1\nh_bucket{le=\"0.25\"} 1\nh_bucket{le=\"+Inf\"} 1\nh_sum 1.0\n"
        );
    }
}
