//! The queue between the I/O threads, which never wait, and the engines.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use earthline_core::punts::PuntQueue;
use earthline_core::switch::Punt;
use rustix::event::{EventfdFlags, eventfd};

/// The queue, and an eventfd that is readable while something waits in it that may be taken.
pub(crate) struct Waiting {
    inner: Mutex<Inner>,
    ready: OwnedFd,
}

struct Inner {
    queue: PuntQueue,
    /// Whether the eventfd is readable.
    is_ready: bool,
}

impl Waiting {
    pub(crate) fn new(queue: PuntQueue) -> io::Result<Self> {
        let ready = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?;
        Ok(Self { inner: Mutex::new(Inner { queue, is_ready: false }), ready })
    }

    pub(crate) fn push(&self, punts: Vec<Punt>, now: u64) {
        let mut inner = self.lock();
        let before = inner.queue.len();
        for punt in punts {
            inner.queue.push(punt, now);
        }
        if inner.queue.len() > before && !inner.is_ready {
            inner.is_ready = true;
            signal(self.ready.as_fd());
        }
    }

    /// Take one round, no more than `limit`, and no more than so many newcomers. If that is nothing, whoever takes
    /// is called again when something else comes, and has to come by itself when it has room for newcomers.
    pub(crate) fn take(&self, limit: usize, newcomers: usize) -> Vec<Punt> {
        let mut inner = self.lock();
        let taken = inner.queue.take(limit, newcomers);
        if taken.is_empty() || inner.queue.is_empty() {
            inner.is_ready = false;
            // Clear already: nothing to do.
            let _ = rustix::io::read(&self.ready, &mut [0; 8]);
        }
        taken
    }

    /// What was dropped, by name, and how many wait.
    pub(crate) fn counters(&self) -> Vec<(&'static str, u64)> {
        self.lock().queue.counters().collect()
    }

    pub(crate) fn ready(&self) -> BorrowedFd<'_> {
        self.ready.as_fd()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Make an eventfd readable. It can only fail by being readable already.
pub(crate) fn signal(event: BorrowedFd<'_>) {
    let _ = rustix::io::write(event, &1_u64.to_ne_bytes());
}
