//! The bounded queue between the I/O thread, which never waits, and the engines.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use earthline_core::switch::Punt;
use rustix::event::{EventfdFlags, eventfd};

/// Punts that may wait.
const LIMIT: usize = 8192;

/// Punts in order, and an eventfd that is readable while there are any.
pub(crate) struct PuntQueue {
    waiting: Mutex<VecDeque<Punt>>,
    ready: OwnedFd,
}

impl PuntQueue {
    pub(crate) fn new() -> io::Result<Self> {
        let ready = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?;
        Ok(Self { waiting: Mutex::new(VecDeque::new()), ready })
    }

    /// Append, and return how many found no room.
    pub(crate) fn push(&self, punts: Vec<Punt>) -> usize {
        let mut waiting = self.lock();
        let (was_empty, offered) = (waiting.is_empty(), punts.len());
        let room = LIMIT - waiting.len();
        waiting.extend(punts.into_iter().take(room));
        if was_empty && !waiting.is_empty() {
            signal(self.ready.as_fd());
        }
        offered.saturating_sub(room)
    }

    /// Take the oldest, no more than `limit`.
    pub(crate) fn take(&self, limit: usize) -> Vec<Punt> {
        let mut waiting = self.lock();
        let number = limit.min(waiting.len());
        let taken = waiting.drain(..number).collect();
        if waiting.is_empty() {
            // Empty already: nothing to clear.
            let _ = rustix::io::read(&self.ready, &mut [0; 8]);
        }
        taken
    }

    pub(crate) fn ready(&self) -> BorrowedFd<'_> {
        self.ready.as_fd()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Punt>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Make an eventfd readable. It can only fail by being readable already.
pub(crate) fn signal(event: BorrowedFd<'_>) {
    let _ = rustix::io::write(event, &1_u64.to_ne_bytes());
}
