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
use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::{Resource, getrlimit};

#[derive(Debug)]
pub(super) struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let stat = fs::read_to_string("/proc/self/stat").ok().and_then(|text| Stat::parse(&text));
        if let Some(stat) = &stat {
            let help = "User and system CPU time spent, in seconds";
            let counter = encoder.encode_descriptor("process_cpu_seconds", help, None, MetricType::Counter)?;
            ConstCounter::new(stat.cpu_seconds).encode(counter)?;
        }
        let mut gauge = |name, help, value: Option<f64>| match value {
            Some(value) => {
                ConstGauge::new(value).encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)
            }
            None => Ok(()),
        };
        let of_stat = |field: fn(&Stat) -> f64| stat.as_ref().map(field);
        gauge("process_resident_memory_bytes", "Resident memory, in bytes", of_stat(|stat| stat.resident_bytes))?;
        gauge("process_virtual_memory_bytes", "Virtual memory, in bytes", of_stat(|stat| stat.virtual_bytes))?;
        let started = boot_time().zip(of_stat(|stat| stat.start_seconds)).map(|(boot, start)| boot + start);
        gauge("process_start_time_seconds", "When the process started, in seconds since 1970", started)?;
        gauge("process_open_fds", "Open file descriptors", open_files())?;
        gauge("process_max_fds", "The most file descriptors that may be open", max_files())
    }
}

/// The fields of `/proc/self/stat` that are of use.
#[derive(Debug, PartialEq)]
struct Stat {
    cpu_seconds: f64,
    /// After the machine's start.
    start_seconds: f64,
    virtual_bytes: f64,
    resident_bytes: f64,
}

impl Stat {
    /// The second field is the program's name in parentheses, and may hold blanks and parentheses itself.
    fn parse(text: &str) -> Option<Self> {
        let (_, rest) = text.rsplit_once(") ")?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        // proc(5) counts from one, and `rest` starts with the third.
        let field = |number: usize| fields.get(number.checked_sub(3)?)?.parse::<f64>().ok();
        let seconds = |ticks: f64| Some(ticks / f64::from(u32::try_from(clock_ticks_per_second()).ok()?));
        Some(Self {
            cpu_seconds: seconds(field(14)? + field(15)?)?,
            start_seconds: seconds(field(22)?)?,
            virtual_bytes: field(23)?,
            resident_bytes: field(24)? * f64::from(u32::try_from(page_size()).ok()?),
        })
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

#[allow(clippy::cast_precision_loss, reason = "no system has as many files")]
fn max_files() -> Option<f64> {
    getrlimit(Resource::Nofile).current.map(|files| files as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_programs_name_cannot_shift_the_fields() {
        let text = "7 (a) b) c) S 1 2 3 4 5 6 7 8 9 10 200 50 0 0 20 0 3 0 900 4096000 25 18446744073709551615";
        let unit = |unit: u64| f64::from(u32::try_from(unit).unwrap());
        let (tick, page) = (unit(clock_ticks_per_second()), unit(page_size() as u64));
        let stat = Stat {
            cpu_seconds: 250.0 / tick,
            start_seconds: 900.0 / tick,
            virtual_bytes: 4_096_000.0,
            resident_bytes: 25.0 * page,
        };
        assert_eq!(Stat::parse(text), Some(stat));
        assert_eq!(Stat::parse("7 (a) S 1"), None);
    }
}
