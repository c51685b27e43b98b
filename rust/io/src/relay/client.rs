//! One client of a relay: its TCP stream, and the UDP socket that stands for it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::epoll::{self, EventData, EventFlags};

use super::counters::{Count, Counts};
use super::pacing::Pacing;
use super::shares::Shares;
use super::{tcp_token, udp_token};
use crate::framing::{Decoder, Malformed, Record};
use crate::reach::MIN_PACKET;
use crate::scope;
use crate::stream::Stream;
use crate::sys;
use crate::tls::Acceptor;

/// First byte of a TLS handshake.
const TLS: u8 = 0x16;
/// First byte of a record of ours.
const PLAIN: u8 = 0x17;
/// Bytes that may wait, each way.
const BUFFER: usize = 128 << 10;
/// The same, in the kernel.
const SOCKET_BUFFER: i32 = 128 << 10;
/// Longest answer that is passed on.
const MAX_ANSWER: usize = 2047;
/// The highest port that is not sent to.
const LAST_RESERVED_PORT: u16 = 1024;
/// Answers taken from the socket at once.
const BATCH: usize = 64;
/// A client has so long to greet.
const GREETING_TIME: Duration = Duration::from_secs(10);
/// A client without traffic is let go.
const IDLE: Duration = Duration::from_secs(300);

/// A connection, from its first byte on.
pub(super) struct Client {
    id: u64,
    stream: Stream,
    decoder: Decoder,
    /// There since it greeted.
    udp: Option<UdpSocket>,
    /// Whether its first byte has told what it speaks.
    is_known: bool,
    /// Whether anybody answered it.
    is_answered: bool,
    pacing: Pacing,
    connected_at: Instant,
    used_at: Instant,
}

/// What serving a client takes.
pub(super) struct Desk<'a> {
    pub(super) epoll: &'a OwnedFd,
    pub(super) acceptor: &'a Acceptor,
    pub(super) counts: &'a Counts,
    pub(super) shares: &'a mut Shares,
    pub(super) scratch: &'a mut [u8],
    pub(super) now: Instant,
}

impl Client {
    /// Take a connection of a source, and have the thread watch it.
    pub(super) fn new(
        id: u64,
        socket: TcpStream,
        source: IpAddr,
        epoll: &OwnedFd,
        now: Instant,
    ) -> io::Result<Self> {
        let stream = Stream::new(socket, BUFFER)?;
        stream.register(epoll, tcp_token(id))?;
        let decoder = Decoder::default();
        Ok(Self {
            id,
            stream,
            decoder,
            udp: None,
            is_known: false,
            is_answered: false,
            pacing: Pacing::new(source),
            connected_at: now,
            used_at: now,
        })
    }

    /// It says something, or there is room for what is said to it. After an error it is to be closed.
    pub(super) fn serve_tcp(&mut self, desk: &mut Desk<'_>) -> io::Result<()> {
        if !self.is_known && !self.recognise(desk.acceptor)? {
            return Ok(());
        }
        let Self { id, stream, decoder, udp, pacing, used_at, .. } = self;
        stream.read(desk.scratch, |bytes| {
            decoder.feed(bytes, |record| match (record, &*udp) {
                (Record::Greeting, None) => {
                    *udp = Some(open_udp(desk.epoll, *id).map_err(|_| Malformed)?);
                    Ok(())
                }
                (Record::Datagram(to, datagram), Some(udp)) => {
                    *used_at = desk.now;
                    let outcome = forward(udp, pacing, desk.shares, to, datagram, desk.now);
                    desk.counts.add(outcome);
                    Ok(())
                }
                (_, Some(_)) => Ok(()),
                (_, None) => Err(Malformed),
            })
        })?;
        self.write(desk.epoll)
    }

    /// Somebody answers it.
    pub(super) fn serve_udp(&mut self, desk: &mut Desk<'_>) -> io::Result<()> {
        let Some(udp) = &self.udp else { return Ok(()) };
        for _ in 0..BATCH {
            let (length, from) = match udp.recv_from(desk.scratch) {
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // An ICMP error of some earlier datagram.
                Err(_) => continue,
            };
            self.used_at = desk.now;
            let outcome = answer(&mut self.stream, from, &desk.scratch[..length])?;
            if matches!(outcome, Count::ToTcp) {
                self.is_answered |= self.pacing.heard(desk.shares, from, desk.now);
            }
            desk.counts.add(outcome);
        }
        self.write(desk.epoll)
    }

    /// Whether it should have greeted by now.
    pub(super) fn is_silent(&self, now: Instant) -> bool {
        self.udp.is_none() && now - self.connected_at > GREETING_TIME
    }

    /// Whether nothing has passed for long.
    pub(super) fn is_idle(&self, now: Instant) -> bool {
        now - self.used_at > IDLE
    }

    /// Whether anybody ever answered it.
    pub(super) fn is_answered(&self) -> bool {
        self.is_answered
    }

    /// Of two clients of one source the lesser gives way: who was never answered, then who was used longest ago.
    pub(super) fn value(&self) -> (bool, Instant) {
        (self.is_answered, self.used_at)
    }

    /// Give memory back.
    pub(super) fn trim(&mut self) {
        self.stream.trim();
    }

    /// Tell by its first byte what it speaks; whether that is known by now.
    fn recognise(&mut self, acceptor: &Acceptor) -> io::Result<bool> {
        match self.stream.peek()? {
            None => return Ok(false),
            Some(TLS) => self.stream.accept_tls(acceptor)?,
            Some(PLAIN) => {}
            Some(_) => return Err(io::ErrorKind::InvalidData.into()),
        }
        self.is_known = true;
        Ok(true)
    }

    fn write(&mut self, epoll: &OwnedFd) -> io::Result<()> {
        self.stream.flush()?;
        let room = self.stream.wants_to_write();
        self.stream.watch(epoll, tcp_token(self.id), room)
    }
}

/// The socket that others see a client as.
fn open_udp(epoll: &OwnedFd, id: u64) -> io::Result<UdpSocket> {
    let udp = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    udp.set_nonblocking(true)?;
    sys::set_option(&udp, libc::SOL_SOCKET, libc::SO_RCVBUF, SOCKET_BUFFER)?;
    // Datagrams may exceed a link's MTU (01, 4.5).
    sys::set_option(&udp, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_DONT)?;
    epoll::add(epoll, &udp, EventData::new_u64(udp_token(id)), EventFlags::IN)?;
    Ok(udp)
}

/// Send a client's datagram on: to the internet only, never to a neighbour or a system's own services.
fn forward(
    udp: &UdpSocket,
    pacing: &mut Pacing,
    shares: &mut Shares,
    to: SocketAddr,
    datagram: &[u8],
    now: Instant,
) -> Count {
    let is_fair = to.is_ipv4() && scope::is_global(to.ip()) && to.port() > LAST_RESERVED_PORT;
    if !is_fair {
        return Count::DropDestination;
    }
    if datagram.len() < MIN_PACKET {
        return Count::DropSize;
    }
    if !pacing.may_send(shares, to, datagram.len(), now) {
        return Count::DropUnanswered;
    }
    if udp.send_to(datagram, to).is_ok() { Count::ToUdp } else { Count::DropUdp }
}

/// Queue what came for a client.
fn answer(stream: &mut Stream, from: SocketAddr, datagram: &[u8]) -> io::Result<Count> {
    if !scope::is_global(from.ip()) {
        return Ok(Count::DropSource);
    }
    if !(MIN_PACKET..=MAX_ANSWER).contains(&datagram.len()) {
        return Ok(Count::DropSize);
    }
    let taken = stream.queue(from, datagram)?;
    Ok(if taken { Count::ToTcp } else { Count::DropQueue })
}
