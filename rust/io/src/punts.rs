//! The queue between the I/O threads, which never wait, and the engines.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use earthline_core::punts::PuntQueue;
use earthline_core::switch::Punt;
use rustix::event::{EventfdFlags, eventfd};

/// The queue, and an eventfd that is readable while anything waits in it.
pub(crate) struct Waiting {
    queue: Mutex<PuntQueue>,
    ready: OwnedFd,
}

impl Waiting {
    pub(crate) fn new(queue: PuntQueue) -> io::Result<Self> {
        let ready = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?;
        Ok(Self { queue: Mutex::new(queue), ready })
    }

    pub(crate) fn push(&self, punts: Vec<Punt>, now: u64) {
        let mut queue = self.lock();
        let was_empty = queue.is_empty();
        for punt in punts {
            queue.push(punt, now);
        }
        if was_empty && !queue.is_empty() {
            signal(self.ready.as_fd());
        }
    }

    /// Take one round, no more than `limit`.
    pub(crate) fn take(&self, limit: usize) -> Vec<Punt> {
        let mut queue = self.lock();
        let taken = queue.take(limit);
        if queue.is_empty() {
            // Empty already: nothing to clear.
            let _ = rustix::io::read(&self.ready, &mut [0; 8]);
        }
        taken
    }

    /// What was dropped, by name, and how many wait.
    pub(crate) fn counters(&self) -> Vec<(&'static str, u64)> {
        self.lock().counters().collect()
    }

    pub(crate) fn ready(&self) -> BorrowedFd<'_> {
        self.ready.as_fd()
    }

    fn lock(&self) -> MutexGuard<'_, PuntQueue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Make an eventfd readable. It can only fail by being readable already.
pub(crate) fn signal(event: BorrowedFd<'_>) {
    let _ = rustix::io::write(event, &1_u64.to_ne_bytes());
}
