//! A TCP relay for nodes that have no UDP: each client is a UDP socket to all others (02, 8.3).
//!
//! ```text
//!  client ══ TCP, in TLS or not ══▶ relay ── UDP, a socket per client ──▶ roots and peers
//! ```
//!
//! The first byte of a connection tells whether it is in TLS. A thread of its own serves all of them.

mod allowance;
mod client;
mod counters;
mod pacing;
mod shares;
mod sources;

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};
use socket2::{Domain, Protocol, Socket, Type};

use crate::punts::signal;
use crate::tls::Acceptor;
use client::{Client, Desk};
use counters::{Count, Counts};
use shares::Shares;
use sources::Sources;

/// Connections of one source: many nodes may be behind one NAT. IPv6 counts by /64. One more ends another.
const PER_SOURCE: usize = 64;
/// Connections that may wait to be accepted, and that are accepted at once.
const BACKLOG: i32 = 128;
/// Events taken from the kernel at once.
const EVENTS: usize = 64;
/// Bytes read at once.
const SCRATCH: usize = 64 << 10;
/// How often clients are looked after whose time is over.
const SWEEP: Duration = Duration::from_secs(1);

/// The eventfd that ends the thread.
const WAKE: u64 = 0;
/// Tokens tell their kind by the last two bits.
const LISTENER: u64 = 1;
const TCP: u64 = 2;
const UDP: u64 = 3;

/// The token of a client's stream.
fn tcp_token(id: u64) -> u64 {
    id << 2 | TCP
}

/// The token of a client's socket.
fn udp_token(id: u64) -> u64 {
    id << 2 | UDP
}

/// How a relay is run.
#[derive(Clone, Debug, Default)]
pub struct RelayOptions {
    /// Where it listens.
    pub listen: Vec<SocketAddr>,
    /// Certificate chain and key for TLS, both PEM; without, it makes its own.
    pub certificate: Option<(Vec<u8>, Vec<u8>)>,
    /// Most clients at a time: one more takes the place of another, of whoever has the most.
    pub clients: usize,
}

/// A running relay.
pub struct Relay {
    shared: Arc<Shared>,
    bound: Vec<SocketAddr>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    counts: Counts,
    clients: AtomicUsize,
    wake: OwnedFd,
}

impl Relay {
    /// Listen, and start the thread.
    pub fn start(options: &RelayOptions) -> io::Result<Self> {
        let acceptor = match &options.certificate {
            Some((certificate, key)) => Acceptor::new(certificate, key)?,
            None => Acceptor::self_signed()?,
        };
        let listeners =
            options.listen.iter().map(|at| listen(*at)).collect::<io::Result<Vec<_>>>()?;
        let bound = listeners.iter().map(TcpListener::local_addr).collect::<io::Result<_>>()?;
        let wake = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?;
        let shared = Arc::new(Shared { counts: Counts::default(), clients: 0.into(), wake });
        let worker = Worker::new(Arc::clone(&shared), listeners, acceptor, options.clients)?;
        let thread =
            std::thread::Builder::new().name("earthline-relay".into()).spawn(|| worker.run())?;
        Ok(Self { shared, bound, thread: Mutex::new(Some(thread)) })
    }

    /// Where it listens.
    pub fn bound(&self) -> &[SocketAddr] {
        &self.bound
    }

    /// How many clients are connected.
    pub fn clients(&self) -> usize {
        self.shared.clients.load(Ordering::Relaxed)
    }

    /// Every counter by name.
    pub fn counters(&self) -> Vec<(&'static str, u64)> {
        self.shared.counts.read()
    }

    /// End the thread and close every connection. Idempotent.
    pub fn close(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(thread) = thread else { return };
        signal(self.shared.wake.as_fd());
        // If it panicked there is nothing left to end.
        let _ = thread.join();
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.close();
    }
}

fn listen(at: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(at), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    if at.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&at.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// The thread, and all that is its own.
struct Worker {
    shared: Arc<Shared>,
    epoll: OwnedFd,
    listeners: Vec<TcpListener>,
    /// Whether the kernel had no file left: nothing is accepted until the next sweep.
    is_paused: bool,
    acceptor: Acceptor,
    limit: usize,
    clients: HashMap<u64, (IpAddr, Client)>,
    sources: Sources,
    shares: Shares,
    last_id: u64,
    swept_at: Instant,
    scratch: Vec<u8>,
}

impl Worker {
    fn new(
        shared: Arc<Shared>,
        listeners: Vec<TcpListener>,
        acceptor: Acceptor,
        limit: usize,
    ) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &shared.wake, EventData::new_u64(WAKE), EventFlags::IN)?;
        let worker = Self {
            shared,
            epoll,
            listeners,
            is_paused: false,
            acceptor,
            limit,
            clients: HashMap::new(),
            sources: Sources::default(),
            shares: Shares::default(),
            last_id: 0,
            swept_at: Instant::now(),
            scratch: vec![0; SCRATCH],
        };
        worker.watch_listeners()?;
        Ok(worker)
    }

    /// Serve until woken.
    fn run(mut self) {
        let mut events = Vec::with_capacity(EVENTS);
        let timeout = Timespec { tv_sec: SWEEP.as_secs().cast_signed(), tv_nsec: 0 };
        loop {
            events.clear();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&timeout)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(_) => return,
            }
            let now = Instant::now();
            for event in &events {
                let token = event.data.u64();
                match token & 3 {
                    LISTENER => self.accept(token >> 2, now),
                    kind @ (TCP | UDP) => self.serve(token >> 2, kind, now),
                    _ => return,
                }
            }
            if now - self.swept_at >= SWEEP {
                self.swept_at = now;
                self.sweep(now);
            }
            self.shared.clients.store(self.clients.len(), Ordering::Relaxed);
        }
    }

    fn accept(&mut self, index: u64, now: Instant) {
        for _ in 0..BACKLOG {
            let Some(listener) = self.listeners.get(index as usize) else { return };
            match listener.accept() {
                Ok((socket, from)) => self.admit(socket, from.ip(), now),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.raw_os_error().is_some_and(is_exhausted) => {
                    return self.pause();
                }
                // The client has gone already.
                Err(_) => {}
            }
        }
    }

    fn admit(&mut self, socket: std::net::TcpStream, from: IpAddr, now: Instant) {
        let source = source_of(from);
        self.make_room(source);
        let id = self.last_id + 1;
        if let Ok(client) = Client::new(id, socket, source, &self.epoll, now) {
            self.last_id = id;
            self.clients.insert(id, (source, client));
            self.sources.add(source, id);
            self.shared.counts.add(Count::Connections);
        }
    }

    /// Nobody is refused because others came first: somebody who has more than the next gives one up.
    fn make_room(&mut self, source: IpAddr) {
        let crowded = if self.sources.count(source) >= PER_SOURCE {
            source
        } else if self.clients.len() < self.limit {
            return;
        } else if let Some(largest) = self.sources.largest() {
            largest
        } else {
            return;
        };
        let value = |id: &u64| self.clients.get(id).map(|(_, client)| client.value());
        if let Some(id) = self.sources.ids(crowded).iter().copied().min_by_key(value) {
            self.shared.counts.add(Count::DropFull);
            self.dismiss(id);
        }
    }

    fn serve(&mut self, id: u64, kind: u64, now: Instant) {
        let Some((source, client)) = self.clients.get_mut(&id) else { return };
        let was_answered = client.is_answered();
        let mut desk = Desk {
            epoll: &self.epoll,
            acceptor: &self.acceptor,
            counts: &self.shared.counts,
            shares: &mut self.shares,
            scratch: &mut self.scratch,
            now,
        };
        let served =
            if kind == TCP { client.serve_tcp(&mut desk) } else { client.serve_udp(&mut desk) };
        if !was_answered && client.is_answered() {
            self.sources.answered(*source);
        }
        if let Err(error) = served {
            if error.kind() == io::ErrorKind::InvalidData {
                self.shared.counts.add(Count::DropProtocol);
            }
            self.dismiss(id);
        }
    }

    fn sweep(&mut self, now: Instant) {
        let mut over = Vec::new();
        for (id, (_, client)) in &mut self.clients {
            client.trim();
            if client.is_silent(now) {
                self.shared.counts.add(Count::DropSilent);
                over.push(*id);
            } else if client.is_idle(now) {
                over.push(*id);
            }
        }
        for id in over {
            self.dismiss(id);
        }
        if std::mem::take(&mut self.is_paused) {
            // Whoever waits is reported again; if that fails, at the next sweep.
            self.is_paused = self.watch_listeners().is_err();
        }
    }

    fn dismiss(&mut self, id: u64) {
        if let Some((source, _)) = self.clients.remove(&id) {
            self.sources.remove(source, id);
        }
    }

    fn watch_listeners(&self) -> io::Result<()> {
        for (index, listener) in self.listeners.iter().enumerate() {
            let token = EventData::new_u64((index as u64) << 2 | LISTENER);
            match epoll::add(&self.epoll, listener, token, EventFlags::IN) {
                Ok(()) | Err(rustix::io::Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Stop accepting for a while: a listener that cannot be served would be reported for ever.
    fn pause(&mut self) {
        self.is_paused = true;
        for listener in &self.listeners {
            let _ = epoll::delete(&self.epoll, listener);
        }
    }
}

/// Whether an error means that the process or the machine has no file left.
fn is_exhausted(error: i32) -> bool {
    matches!(error, libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM)
}

/// What counts as one source.
fn source_of(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << 64)).into(),
        ip @ IpAddr::V4(_) => ip,
    }
}
