//! The clock of the service: what switch and engines call `now`. There is no other.

use rustix::time::{ClockId, clock_gettime};

/// What it shows when the machine starts, in ms: some 35 years. Engines take 0 for never, and never is to be
/// long ago from the first second on.
const BASE_MS: u64 = 1 << 40;

/// Milliseconds that nobody can set, and that go on while the machine sleeps (`CLOCK_BOOTTIME`).
pub fn now_ms() -> u64 {
    let since = clock_gettime(ClockId::Boottime);
    BASE_MS + since.tv_sec.cast_unsigned() * 1000 + since.tv_nsec.cast_unsigned() / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::{BASE_MS, now_ms};

    #[test]
    fn clock_is_past_all_that_engines_remember_and_goes_on() {
        let (first, second) = (now_ms(), now_ms());
        assert!(first > BASE_MS);
        assert!(second >= first);
    }

    #[test]
    fn clock_is_not_the_one_that_can_be_set() {
        let unix = std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(0, |at| at.as_secs());
        let uptime = std::fs::read_to_string("/proc/uptime").unwrap_or_default();
        let uptime: u64 = uptime.split('.').next().and_then(|text| text.parse().ok()).unwrap_or(0);
        assert!((now_ms() - BASE_MS) / 1000 >= uptime);
        assert!((now_ms() - BASE_MS) / 1000 < unix);
    }
}
