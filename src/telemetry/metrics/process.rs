//! What the system says of this process, under the names that Prometheus' client libraries share.
//!
//! Read from Linux' `/proc/self` (proc(5)) at each scrape. What cannot be read is left out, not shown as zero.

use std::fmt;
use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use rustix::process::{Resource, getrlimit};

#[derive(Debug)]
pub(super) struct Process;

#[allow(clippy::cast_precision_loss, reason = "no machine has as many bytes, ticks or files")]
impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let stat = procfs::process::Process::myself().and_then(|process| process.stat()).ok();
        let seconds = |ticks: u64| ticks as f64 / procfs::ticks_per_second() as f64;
        if let Some(stat) = &stat {
            let help = "User and system CPU time spent, in seconds";
            let counter = encoder.encode_descriptor("process_cpu_seconds", help, None, MetricType::Counter)?;
            ConstCounter::new(seconds(stat.utime + stat.stime)).encode(counter)?;
        }
        let mut gauge = |name, help, value: Option<f64>| match value {
            Some(value) => {
                ConstGauge::new(value).encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)
            }
            None => Ok(()),
        };
        let stat = stat.as_ref();
        let resident = stat.map(|stat| (stat.rss * procfs::page_size()) as f64);
        gauge("process_resident_memory_bytes", "Resident memory, in bytes", resident)?;
        gauge("process_virtual_memory_bytes", "Virtual memory, in bytes", stat.map(|stat| stat.vsize as f64))?;
        let boot = procfs::boot_time_secs().ok();
        let started = boot.zip(stat).map(|(boot, stat)| boot as f64 + seconds(stat.starttime));
        gauge("process_start_time_seconds", "When the process started, in seconds since 1970", started)?;
        gauge("process_open_fds", "Open file descriptors", open_files())?;
        let most = getrlimit(Resource::Nofile).current.map(|files| files as f64);
        gauge("process_max_fds", "The most file descriptors that may be open", most)
    }
}

/// How many files are open, without the directory that is read to know it.
fn open_files() -> Option<f64> {
    let count = fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1);
    u32::try_from(count).ok().map(f64::from)
}
