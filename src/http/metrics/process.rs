//! What the kernel reports about the process, under the names that all of Prometheus' libraries
//! use.

use std::fs;

use rustix::process::{Resource, getrlimit};

use super::page::{MetricsPage, metrics, number};

/// The process as the kernel sees it.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Process {
    cpu_seconds: f64,
    start_seconds: f64,
    threads: u64,
    virtual_bytes: u64,
    resident_bytes: u64,
    open_files: Option<u64>,
    most_files: Option<u64>,
}

impl Process {
    /// Reads `/proc`; none: there is none. It may wait for the kernel, which counts pages and
    /// files.
    pub(super) fn read() -> Option<Self> {
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        let machine = fs::read_to_string("/proc/stat").ok()?;
        let ticks = number(rustix::param::clock_ticks_per_second());
        let page = u64::try_from(rustix::param::page_size()).unwrap_or(4_096);
        let mut process = parse(&stat, &machine, ticks, page)?;
        let files = fs::read_dir("/proc/self/fd").ok();
        // One of them is the folder that is being read.
        let open = files.map(|files| files.count().saturating_sub(1));
        process.open_files = open.and_then(|open| u64::try_from(open).ok());
        process.most_files = getrlimit(Resource::Nofile).current;
        Some(process)
    }

    pub(super) fn write(&self, page: &mut MetricsPage) {
        page.add(PROCESS, self);
        page.add(OPEN_FILES, self);
        page.add(MOST_FILES, self);
    }
}

metrics! { PROCESS of process: Process;
    counter "process_cpu_seconds_total" = process.cpu_seconds,
        "Processor time in user and kernel mode.";
    gauge "process_start_time_seconds" = process.start_seconds,
        "When the process was started, in seconds since 1970.";
    gauge "process_threads" = process.threads, "Threads.";
    gauge "process_virtual_memory_bytes" = process.virtual_bytes, "Address space.";
    gauge "process_resident_memory_bytes" = process.resident_bytes, "Memory that is resident.";
}

metrics! { OPEN_FILES of process: Process, if Some(open) = process.open_files;
    gauge "process_open_fds" = open, "Open files and sockets.";
}

metrics! { MOST_FILES of process: Process, if Some(most) = process.most_files;
    gauge "process_max_fds" = most, "Files and sockets that may be open.";
}

#[cfg(test)]
pub(super) fn families() -> impl Iterator<Item = super::page::MetricRow> {
    let process = PROCESS.rows().chain(OPEN_FILES.rows());
    process.chain(MOST_FILES.rows())
}

/// proc_pid_stat(5): fields are separated by spaces, and the name in brackets may hold any.
fn parse(stat: &str, machine: &str, ticks: f64, page: u64) -> Option<Process> {
    let (_, after) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = after.split_ascii_whitespace().collect();
    // The first of these is the third field.
    let field = |place: usize| fields.get(place - 3)?.parse::<u64>().ok();
    let booted = machine.lines().find_map(|line| line.strip_prefix("btime "));
    Some(Process {
        cpu_seconds: number(field(14)? + field(15)?) / ticks,
        threads: field(20)?,
        start_seconds: booted?.trim().parse::<f64>().ok()? + number(field(22)?) / ticks,
        virtual_bytes: field(23)?,
        resident_bytes: field(24)?.saturating_mul(page),
        open_files: None,
        most_files: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_the_kernel_are_read_behind_any_name() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194304 9 0 0 0 150 50 0 0 20 0 12 0 500 8192 3 0";
        let read = parse(stat, "cpu 1\nbtime 1000\nprocesses 3\n", 100.0, 4_096);
        let expected = Process {
            cpu_seconds: 2.0,
            start_seconds: 1_005.0,
            threads: 12,
            virtual_bytes: 8_192,
            resident_bytes: 12_288,
            open_files: None,
            most_files: None,
        };
        assert_eq!(read, Some(expected));
        assert_eq!(parse("7 (a", "btime 1", 100.0, 1), None);
    }

    #[test]
    fn this_process_has_memory_files_and_a_start() {
        let process = Process::read().unwrap();
        assert!(process.resident_bytes > 1_000_000 && process.virtual_bytes > 1_000_000);
        assert!(process.open_files.unwrap() > 2 && process.threads > 0);
        assert!(process.start_seconds > 1_000_000_000.0);
    }
}
