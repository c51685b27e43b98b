//! Whether strangers send more than the engines take.

/// New ones are counted for this long, in ms.
const WINDOW_MS: u64 = 1000;
/// So many new ones a window are no flood any more.
const CALM: usize = 32;

/// Begins when so many wait, and ends when few new ones come: not when the engines have caught up, else they would
/// have to look at as much of a flood as they can, for as long as it lasts.
pub(super) struct Pressure {
    mark: usize,
    is_on: bool,
    since: u64,
    new: usize,
}

impl Pressure {
    pub(super) const fn new(mark: usize) -> Self {
        Self { mark, is_on: false, since: 0, new: 0 }
    }

    /// One more came, while so many wait; whether only those are let in that were seen before.
    pub(super) fn comes(&mut self, seen: bool, waiting: usize, now: u64) -> bool {
        // The clock may have been set back.
        if now < self.since || now - self.since >= WINDOW_MS {
            self.is_on &= self.new > CALM && now.wrapping_sub(self.since) < 2 * WINDOW_MS;
            (self.since, self.new) = (now, 0);
        }
        self.new += usize::from(!seen);
        self.is_on |= waiting >= self.mark;
        self.is_on
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether so many new ones within a second leave pressure, nobody waiting.
    fn after(pressure: &mut Pressure, new: usize, now: u64) -> bool {
        (0..new).map(|_| pressure.comes(false, 0, now)).last().unwrap_or_default()
    }

    #[test]
    fn pressure_lasts_as_long_as_the_flood_however_few_wait() {
        let mut pressure = Pressure::new(64);
        assert!(!after(&mut pressure, 1000, 5000), "they were taken as fast as they came");
        assert!(pressure.comes(true, 64, 5500));
        assert!(after(&mut pressure, 1000, 6000));
        assert!(after(&mut pressure, 1000, 7000));
        assert!(after(&mut pressure, 20, 8000), "of the second before, nobody knew yet");
        assert!(!after(&mut pressure, 1000, 9000));
    }

    #[test]
    fn pressure_is_over_when_nothing_came_for_long() {
        let mut pressure = Pressure::new(64);
        pressure.comes(false, 64, 5000);
        assert!(after(&mut pressure, 1000, 5000));
        assert!(!pressure.comes(false, 0, 60_000));
    }
}
