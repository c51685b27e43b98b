//! A TCP stream that never waits, plain or in TLS, with a bounded queue of what is to be sent.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::epoll::{self, EventData, EventFlags};
use rustls::Connection;
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

use crate::framing::{self, Malformed};
use crate::mark::Mark;
use crate::{sys, tls};

/// Bytes handed to TLS at once: one of its records.
const TLS_CHUNK: usize = 16 << 10;
/// Bytes that the kernel queues before it has sent them: more would only be late.
const UNSENT: i32 = 64 << 10;
/// A peer that acknowledges nothing for so long is gone.
const DEAD_AFTER: Duration = Duration::from_secs(15);
/// Bytes after which the queue is written out, though more may follow.
const ENOUGH: usize = 32 << 10;

/// A TCP connection, and what waits to be sent by it.
pub(crate) struct Stream {
    socket: TcpStream,
    tls: Option<Box<Connection>>,
    /// What is sent already, up to `sent`, and what waits.
    queue: Vec<u8>,
    sent: usize,
    /// Most bytes that may wait.
    limit: usize,
    /// Whether the kernel tells when there is room to write.
    watches_room: bool,
}

impl Stream {
    /// Begin to connect, by a device if one is named.
    pub(crate) fn connect(
        to: SocketAddr,
        device: Option<&str>,
        in_tls: bool,
        mark: Mark,
        limit: usize,
    ) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        mark.set(&socket);
        if let Some(device) = device {
            socket.bind_device(Some(device.as_bytes()))?;
        }
        match socket.connect(&to.into()) {
            Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => return Err(error),
            _ => {}
        }
        let mut stream = Self::new(socket.into(), limit)?;
        if in_tls {
            stream.tls = Some(Box::new(tls::client(to.ip())?.into()));
        }
        Ok(stream)
    }

    /// Around a socket that is connected, or about to be.
    pub(crate) fn new(socket: TcpStream, limit: usize) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        socket.set_nodelay(true)?;
        let socket = Socket::from(socket);
        socket.set_tcp_user_timeout(Some(DEAD_AFTER))?;
        let alive = TcpKeepalive::new().with_time(DEAD_AFTER).with_interval(DEAD_AFTER / 3);
        socket.set_tcp_keepalive(&alive)?;
        sys::set_option(&socket, libc::IPPROTO_TCP, libc::TCP_NOTSENT_LOWAT, UNSENT)?;
        Ok(Self {
            socket: socket.into(),
            tls: None,
            queue: Vec::new(),
            sent: 0,
            limit,
            watches_room: false,
        })
    }

    /// Speak TLS from now on, as its server.
    pub(crate) fn accept_tls(&mut self, acceptor: &tls::Acceptor) -> io::Result<()> {
        self.tls = Some(Box::new(acceptor.accept()?.into()));
        Ok(())
    }

    /// Whether the connection stands; an error if it failed.
    pub(crate) fn is_connected(&self) -> io::Result<bool> {
        match self.socket.take_error()? {
            Some(error) => Err(error),
            None => Ok(self.socket.peer_addr().is_ok()),
        }
    }

    /// Whether TLS, if there is any, is agreed on.
    pub(crate) fn is_ready(&self) -> bool {
        self.tls.as_ref().is_none_or(|tls| !tls.is_handshaking())
    }

    /// The first byte that waits, without taking it.
    pub(crate) fn peek(&self) -> io::Result<Option<u8>> {
        let mut first = [0];
        match self.socket.peek(&mut first) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => Ok(Some(first[0])),
            Err(error) if is_nothing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Read some of what waits: `take` gets it in pieces no longer than `scratch`.
    pub(crate) fn read(
        &mut self,
        scratch: &mut [u8],
        mut take: impl FnMut(&mut [u8]) -> Result<(), Malformed>,
    ) -> io::Result<()> {
        let Some(tls) = &mut self.tls else {
            let length = read_some(&mut self.socket, scratch)?;
            return take(&mut scratch[..length]).map_err(|Malformed| not_ours());
        };
        match tls.read_tls(&mut self.socket) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => {}
            Err(error) if is_nothing(&error) => return Ok(()),
            Err(error) => return Err(error),
        }
        if let Err(error) = tls.process_new_packets() {
            // Let the other side know why, if it can be told.
            let _ = tls.write_tls(&mut self.socket);
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        loop {
            match read_some(&mut tls.reader(), scratch)? {
                0 => return Ok(()),
                length => take(&mut scratch[..length]).map_err(|Malformed| not_ours())?,
            }
        }
    }

    /// Queue bytes of our own, whatever waits.
    pub(crate) fn say(&mut self, bytes: &[u8]) {
        self.queue.extend_from_slice(bytes);
    }

    /// Queue a datagram; `false` if too much waits already.
    pub(crate) fn queue(&mut self, endpoint: SocketAddr, datagram: &[u8]) -> io::Result<bool> {
        if self.waiting() >= ENOUGH {
            self.flush()?;
        }
        if self.waiting() + datagram.len() > self.limit {
            return Ok(false);
        }
        self.queue.drain(..std::mem::take(&mut self.sent));
        framing::append(&mut self.queue, endpoint, datagram);
        Ok(true)
    }

    /// Send what waits, as far as the kernel takes it.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        let sent = match &mut self.tls {
            None => write_all(&mut self.socket, &self.queue, &mut self.sent),
            Some(tls) => write_tls(tls, &mut self.socket, &self.queue, &mut self.sent),
        };
        if self.sent == self.queue.len() {
            self.queue.clear();
            self.sent = 0;
        }
        match sent {
            Err(error) if is_nothing(&error) => Ok(()),
            other => other,
        }
    }

    /// Whether something waits for room.
    pub(crate) fn wants_to_write(&self) -> bool {
        self.waiting() > 0 || self.tls.as_ref().is_some_and(|tls| tls.wants_write())
    }

    /// Be watched under a token from now on.
    pub(crate) fn register(&self, epoll: &OwnedFd, token: u64) -> io::Result<()> {
        Ok(epoll::add(epoll, self, EventData::new_u64(token), EventFlags::IN)?)
    }

    /// Have the kernel tell when there is `room` to write, or no longer.
    pub(crate) fn watch(&mut self, epoll: &OwnedFd, token: u64, room: bool) -> io::Result<()> {
        if room != std::mem::replace(&mut self.watches_room, room) {
            let interest = if room { EventFlags::IN | EventFlags::OUT } else { EventFlags::IN };
            epoll::modify(epoll, &*self, EventData::new_u64(token), interest)?;
        }
        Ok(())
    }

    /// Give memory back, if nothing waits.
    pub(crate) fn trim(&mut self) {
        if self.waiting() == 0 {
            self.queue = Vec::new();
        }
    }

    fn waiting(&self) -> usize {
        self.queue.len() - self.sent
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Not an error, but nothing to do for now.
fn is_nothing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

fn not_ours() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the other side does not speak this protocol")
}

/// Read once; 0 if nothing waits, an error at the end of the stream.
fn read_some(from: &mut impl Read, scratch: &mut [u8]) -> io::Result<usize> {
    match from.read(scratch) {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Err(error) if is_nothing(&error) => Ok(0),
        other => other,
    }
}

fn write_all(to: &mut impl Write, bytes: &[u8], sent: &mut usize) -> io::Result<()> {
    while *sent < bytes.len() {
        *sent += to.write(&bytes[*sent..])?;
    }
    Ok(())
}

/// As much as fits into one record of TLS at a time, so that little waits inside of it.
fn write_tls(
    tls: &mut Connection,
    to: &mut impl Write,
    bytes: &[u8],
    sent: &mut usize,
) -> io::Result<()> {
    loop {
        while tls.wants_write() {
            tls.write_tls(to)?;
        }
        if *sent == bytes.len() || tls.is_handshaking() {
            return Ok(());
        }
        let end = bytes.len().min(*sent + TLS_CHUNK);
        *sent += tls.writer().write(&bytes[*sent..end])?;
    }
}
