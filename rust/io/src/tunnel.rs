//! The TCP tunnel to a relay, for where UDP does not get through: the client's side (02, 8.3).

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use earthline_core::switch::{Output, Path};
use rustix::event::epoll;

use crate::clock::now_ms;
use crate::counters::Counter;
use crate::driver::{ANY_LANE, Shared};
use crate::framing::{Decoder, GREETING, Record};
use crate::reach::goes_far;
use crate::stream::Stream;

/// Bytes that may wait; what finds no room is dropped.
const QUEUE: usize = 64 << 10;
/// Bytes read at once.
pub(crate) const SCRATCH: usize = 64 << 10;

/// How far a tunnel is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TunnelPhase {
    /// There is none.
    #[default]
    Closed,
    /// The relay, or its TLS, has not answered yet.
    Connecting,
    /// It carries datagrams.
    Up,
    /// It is of no use any more, for this reason.
    Failed(String),
}

/// What there is to know of a tunnel.
#[derive(Clone, Debug, Default)]
pub struct TunnelReport {
    /// How far it is.
    pub phase: TunnelPhase,
    /// When a datagram last came by it, in ms; 0: never.
    pub heard_at: u64,
}

/// A connection to a relay.
pub(crate) struct Tunnel {
    link: Mutex<Link>,
}

struct Link {
    token: u64,
    stream: Stream,
    decoder: Decoder,
    report: TunnelReport,
    /// Whether nothing is sent by it any more.
    is_leaving: bool,
}

impl Tunnel {
    /// Begin to connect, and have the thread watch it.
    pub(crate) fn open(
        shared: &Shared,
        token: u64,
        relay: SocketAddr,
        device: Option<&str>,
        in_tls: bool,
    ) -> io::Result<Self> {
        let stream = Stream::connect(relay, device, in_tls, shared.mark, QUEUE)?;
        stream.register(shared.epoll(ANY_LANE), token)?;
        let report = TunnelReport { phase: TunnelPhase::Connecting, heard_at: 0 };
        let decoder = Decoder::default();
        let mut link = Link { token, stream, decoder, report, is_leaving: false };
        link.watch(shared)?;
        Ok(Self { link: Mutex::new(link) })
    }

    pub(crate) fn report(&self) -> TunnelReport {
        self.link().report.clone()
    }

    /// Queue those datagrams that it is for; returns how many it took.
    pub(crate) fn send<'a>(
        &self,
        shared: &Shared,
        datagrams: impl Iterator<Item = (&'a [u8], SocketAddr)>,
    ) -> usize {
        let mut link = self.link();
        if link.report.phase != TunnelPhase::Up || link.is_leaving {
            return 0;
        }
        let done = link.queue(datagrams);
        let (taken, refused, length) = link.settle(shared, done).unwrap_or_default();
        shared.counters.add(Counter::TunnelTx, taken);
        shared.counters.add(Counter::TunnelTxBytes, length);
        shared.counters.add(Counter::DropTunnelQueue, refused);
        taken
    }

    /// Send nothing by it any more, and go on listening.
    pub(crate) fn leave(&self) {
        self.link().is_leaving = true;
    }

    /// The kernel has something to read, or room, or bad news.
    pub(crate) fn serve(&self, shared: &Shared, scratch: &mut [u8], out: &mut Output) {
        let mut link = self.link();
        let done = link.serve(shared, scratch, out);
        link.settle(shared, done);
    }

    /// Have the thread forget it.
    pub(crate) fn unwatch(&self, epoll: &OwnedFd) {
        // It stopped watching by itself if the tunnel failed.
        let _ = epoll::delete(epoll, self.link().stream.as_fd());
    }

    fn link(&self) -> MutexGuard<'_, Link> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Link {
    /// How many datagrams were taken, how many found no room, and the bytes in those taken.
    fn queue<'a>(
        &mut self,
        datagrams: impl Iterator<Item = (&'a [u8], SocketAddr)>,
    ) -> io::Result<(usize, usize, usize)> {
        let (mut taken, mut refused, mut length) = (0, 0, 0);
        for (datagram, to) in datagrams.filter(|(datagram, to)| goes_far(datagram, *to)) {
            if self.stream.queue(to, datagram)? {
                taken += 1;
                length += datagram.len();
            } else {
                refused += 1;
            }
        }
        self.stream.flush()?;
        Ok((taken, refused, length))
    }

    fn serve(&mut self, shared: &Shared, scratch: &mut [u8], out: &mut Output) -> io::Result<()> {
        if self.is_failed() || !self.stream.is_connected()? {
            return Ok(());
        }
        self.advance()?;
        self.take(shared, scratch, out)?;
        // What came may have been the last step of the handshake of TLS.
        self.advance()
    }

    /// Write what waits; greet as soon as that is possible.
    fn advance(&mut self) -> io::Result<()> {
        self.stream.flush()?;
        if self.report.phase == TunnelPhase::Connecting && self.stream.is_ready() {
            self.report.phase = TunnelPhase::Up;
            self.stream.say(&GREETING);
            self.stream.flush()?;
        }
        Ok(())
    }

    /// Give the switch what came.
    fn take(&mut self, shared: &Shared, scratch: &mut [u8], out: &mut Output) -> io::Result<()> {
        let (now, decoder) = (now_ms(), &mut self.decoder);
        let (mut received, mut length) = (0, 0);
        let read = self.stream.read(scratch, |bytes| {
            let mut switch = shared.switch(ANY_LANE);
            decoder.feed(bytes, |record| {
                if let Record::Datagram(from, datagram) = record {
                    received += 1;
                    length += datagram.len();
                    let path = Path { socket: -1, ip: from.ip(), port: from.port() };
                    switch.ingest_datagram(path, datagram, now, out);
                }
                Ok(())
            })
        });
        if received > 0 {
            self.report.heard_at = now;
            shared.counters.add(Counter::TunnelRx, received);
            shared.counters.add(Counter::TunnelRxBytes, length);
        }
        read
    }

    /// Watch for room where that is needed; or give up, if something went wrong.
    fn settle<T>(&mut self, shared: &Shared, done: io::Result<T>) -> Option<T> {
        if self.is_failed() {
            return None;
        }
        match done.and_then(|value| self.watch(shared).map(|()| value)) {
            Ok(value) => Some(value),
            Err(error) => {
                let _ = epoll::delete(shared.epoll(ANY_LANE), &self.stream);
                self.report.phase = TunnelPhase::Failed(reason(&error));
                None
            }
        }
    }

    fn is_failed(&self) -> bool {
        matches!(self.report.phase, TunnelPhase::Failed(_))
    }

    fn watch(&mut self, shared: &Shared) -> io::Result<()> {
        // A connection may stand at once: its first event is then that there is room.
        let may_greet = self.report.phase == TunnelPhase::Connecting && self.stream.is_ready();
        let room = may_greet || !self.stream.is_connected()? || self.stream.wants_to_write();
        self.stream.watch(shared.epoll(ANY_LANE), self.token, room)
    }
}

/// An error in a user's words.
fn reason(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return "the relay closed the connection".to_owned();
    }
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}
