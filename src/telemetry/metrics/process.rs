//! What the system says of this process, under the names that Prometheus' client libraries share.
//!
//! Owns the reading of Linux' `/proc/self` (proc(5)), at each scrape. What cannot be read is left out, not shown as zero.

use std::fmt;
use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

#[derive(Debug)]
pub(super) struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let units = Units::read();
        let stat = fs::read_to_string("/proc/self/stat").ok().and_then(|text| Stat::parse(&text));
        if let Some(stat) = &stat {
            let counter = encoder.encode_descriptor(
                "process_cpu_seconds",
                "User and system CPU time spent, in seconds",
                None,
                MetricType::Counter,
            )?;
            ConstCounter::new(stat.cpu_ticks / units.ticks_per_second).encode(counter)?;
        }
        let mut gauge = |name, help, value: Option<f64>| match value {
            Some(value) => {
                ConstGauge::new(value).encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)
            }
            None => Ok(()),
        };
        let resident = stat.as_ref().map(|stat| stat.resident_pages * units.page_bytes);
        gauge("process_resident_memory_bytes", "Resident memory, in bytes", resident)?;
        gauge(
            "process_virtual_memory_bytes",
            "Virtual memory, in bytes",
            stat.as_ref().map(|stat| stat.virtual_bytes),
        )?;
        let started = stat.as_ref().and_then(|stat| Some(boot_time()? + stat.start_ticks / units.ticks_per_second));
        gauge("process_start_time_seconds", "When the process started, in seconds since 1970", started)?;
        gauge("process_open_fds", "Open file descriptors", open_files())?;
        gauge("process_max_fds", "The most file descriptors that may be open", max_files())
    }
}

/// The fields of `/proc/self/stat` that are of use.
#[derive(Debug, PartialEq)]
struct Stat {
    cpu_ticks: f64,
    start_ticks: f64,
    virtual_bytes: f64,
    resident_pages: f64,
}

impl Stat {
    /// The second field is the program's name in parentheses, and may hold blanks and parentheses itself.
    fn parse(text: &str) -> Option<Self> {
        let (_, rest) = text.rsplit_once(") ")?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        // proc(5) counts from one, and `rest` starts with the third.
        let field = |number: usize| fields.get(number.checked_sub(3)?)?.parse::<f64>().ok();
        Some(Self {
            cpu_ticks: field(14)? + field(15)?,
            start_ticks: field(22)?,
            virtual_bytes: field(23)?,
            resident_pages: field(24)?,
        })
    }
}

/// The units of [`Stat`], which the kernel tells each process in its auxiliary vector (getauxval(3)).
#[derive(Debug, PartialEq)]
struct Units {
    ticks_per_second: f64,
    page_bytes: f64,
}

impl Units {
    fn read() -> Self {
        Self::parse(&fs::read("/proc/self/auxv").unwrap_or_default())
    }

    /// Pairs of words: a tag and its value. Where a tag is absent, what Linux has on all common machines.
    fn parse(vector: &[u8]) -> Self {
        const PAGE_SIZE: u32 = 6;
        const CLOCK_TICKS: u32 = 17;
        let words: Vec<usize> = vector
            .chunks_exact(size_of::<usize>())
            .filter_map(|bytes| bytes.try_into().ok().map(usize::from_ne_bytes))
            .collect();
        let value = |tag: u32| {
            words.chunks_exact(2).find_map(|pair| match pair {
                [found, value] if u32::try_from(*found) == Ok(tag) && *value > 0 => u32::try_from(*value).ok(),
                _ => None,
            })
        };
        Self {
            ticks_per_second: value(CLOCK_TICKS).unwrap_or(100).into(),
            page_bytes: value(PAGE_SIZE).unwrap_or(4096).into(),
        }
    }
}

/// When the machine started, in seconds since 1970.
fn boot_time() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

/// How many files are open, without the directory that is read to know it.
fn open_files() -> Option<f64> {
    let count = fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1);
    u32::try_from(count).ok().map(f64::from)
}

fn max_files() -> Option<f64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_programs_name_cannot_shift_the_fields() {
        let text = "7 (a) b) c) S 1 2 3 4 5 6 7 8 9 10 200 50 0 0 20 0 3 0 900 4096000 25 18446744073709551615";
        let stat = Stat { cpu_ticks: 250.0, start_ticks: 900.0, virtual_bytes: 4_096_000.0, resident_pages: 25.0 };
        assert_eq!(Stat::parse(text), Some(stat));
        assert_eq!(Stat::parse("7 (a) S 1"), None);
    }

    #[test]
    fn units_come_from_the_auxiliary_vector_or_are_the_common_ones() {
        let vector: Vec<u8> = [6_usize, 16384, 17, 1000, 0, 0].iter().flat_map(|word| word.to_ne_bytes()).collect();
        assert_eq!(Units::parse(&vector), Units { ticks_per_second: 1000.0, page_bytes: 16384.0 });
        assert_eq!(Units::parse(b"short"), Units { ticks_per_second: 100.0, page_bytes: 4096.0 });
    }
}
