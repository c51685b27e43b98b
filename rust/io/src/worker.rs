//! One I/O thread: wait, read a batch, lock the switch once for it, send what came out.
//!
//! A batch is what waits already; nothing ever waits for a batch to fill. All that a thread works with is
//! its own: what it shares with others it only reads, or counts.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Instant;

use earthline_core::offload::{Joiner, Malformed, SuperFrame, Write, complete_checksum};
use earthline_core::switch::{Output, Path, Switch};
use rustix::buffer::spare_capacity;
use rustix::event::epoll;
use rustix::thread::set_current_timer_slack;

use crate::clock::now_ms;
use crate::counters::Counter;
use crate::driver::{ANY_LANE, Shared, WAKE};
use crate::moderation::Moderation;
use crate::ports::{FIRST_EXTRA, Port, Ports};
use crate::reach::goes_far;
use crate::tap::{MAX_PARTS, ReadBatch, Tap};
use crate::tunnel::SCRATCH;
use crate::udp::{ReceiveBatch, SendBatch, UdpSocket};
use crate::ways::Ways;

/// Events taken from the kernel at once.
const EVENTS: usize = 64;

/// The working memory of one thread.
pub(crate) struct Worker {
    shared: Arc<Shared>,
    lane: usize,
    received: ReceiveBatch,
    moderation: Moderation,
    read: ReadBatch,
    /// What is read from the tunnel.
    scratch: Vec<u8>,
    out: Output,
    sender: Sender,
}

impl Worker {
    pub(crate) fn new(shared: Arc<Shared>, lane: usize) -> Self {
        Self {
            shared,
            lane,
            received: ReceiveBatch::new(),
            moderation: Moderation::new(Instant::now()),
            read: ReadBatch::new(),
            scratch: vec![0; SCRATCH],
            out: Output::new(),
            sender: Sender::new(lane),
        }
    }

    /// Serve the ports until woken.
    pub(crate) fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let mut events = Vec::with_capacity(EVENTS);
        // The default timer slack, 50 µs, is as long as the rests that are timed here.
        let _ = set_current_timer_slack(NonZeroU64::new(1000));
        loop {
            events.clear();
            self.moderation.rest();
            match epoll::wait(self.shared.epoll(self.lane), spare_capacity(&mut events), None) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(_) => return,
            }
            for event in &events {
                let token = event.data.u64();
                if token == WAKE {
                    return;
                }
                // Taken anew for each event: a removed port is closed once no thread holds it.
                let ports = shared.ports();
                if let Some(port) = ports.by_token(token) {
                    self.serve(&ports, port);
                }
            }
        }
    }

    fn serve(&mut self, ports: &Ports, port: &Port) {
        self.out.clear();
        match port {
            Port::Udp(number, sockets) => {
                self.take_datagrams(*number, sockets.of(self.lane));
                self.send(ports);
                self.take_answers(ports);
            }
            Port::Tap(network, tap) => {
                self.take_frames(*network, tap);
                self.send(ports);
            }
            Port::Tunnel(tunnel) => {
                tunnel.serve(&self.shared, &mut self.scratch, &mut self.out);
                self.send(ports);
            }
        }
    }

    fn send(&mut self, ports: &Ports) {
        self.sender.send(&self.shared, ports, &self.out);
        self.shared.punt(self.out.take_punts());
    }

    /// The host answers much of what is written to a TAP while it is written: acknowledgements, echoes. To
    /// look for that at once is cheaper than to be told of it.
    fn take_answers(&mut self, ports: &Ports) {
        let written = self.out.frames().next_back().map(|(network, _)| network);
        let Some((network, tap)) = written.and_then(|it| Some((it, ports.tap(it)?))) else {
            return;
        };
        self.out.clear();
        self.take_frames(network, tap);
        self.send(ports);
    }

    fn take_datagrams(&mut self, number: i32, socket: &UdpSocket) {
        // An ICMP error of some earlier datagram, or nothing at all.
        if self.received.receive(socket).is_err() {
            return;
        }
        let (now, mut received, mut length) = (now_ms(), 0, 0);
        let mut switch = self.shared.switch(self.lane);
        if self.received.is_many() {
            for (_, bytes) in self.received.datagrams().flatten() {
                switch.foresee_datagram(bytes);
            }
        }
        for datagram in self.received.datagrams() {
            received += 1;
            let Some((from, bytes)) = datagram else {
                self.shared.counters.add(Counter::DropTruncated, 1);
                continue;
            };
            length += bytes.len();
            let path = Path { socket: number, ip: from.ip(), port: from.port() };
            switch.ingest_datagram(path, bytes, now, &mut self.out);
        }
        if self.shared.offload.moderation {
            self.moderation.took(received, length, Instant::now());
        }
        self.shared.counters.add(Counter::UdpRx, received);
        self.shared.counters.add(Counter::UdpRxBytes, length);
    }

    fn take_frames(&mut self, network: u64, tap: &Tap) {
        let queue = tap.queue(self.lane);
        if self.read.read(queue).is_err() {
            // The device is gone: epoll would report it again and again.
            let _ = epoll::delete(self.shared.epoll(self.lane), queue);
            return;
        }
        self.shared.counters.add(Counter::TapRx, self.read.len());
        let (now, mut malformed) = (now_ms(), 0);
        let mut switch = self.shared.switch(self.lane);
        if self.read.len() > 1 {
            self.read.each(|bytes| {
                if let Some((_, frame)) = tap.split(bytes) {
                    switch.foresee_frame(network, frame);
                }
            });
        }
        self.read.each(|bytes| {
            let taken = take_frame(&mut switch, network, tap, bytes, now, &mut self.out);
            malformed += usize::from(taken.is_err());
        });
        self.shared.counters.add(Counter::DropTapRead, malformed);
    }
}

/// Give the switch what was read from a TAP: a frame, or several in one.
fn take_frame(
    switch: &mut Switch,
    network: u64,
    tap: &Tap,
    bytes: &mut [u8],
    now: u64,
    out: &mut Output,
) -> Result<(), Malformed> {
    let (vnet, frame) = tap.split(bytes).ok_or(Malformed)?;
    if vnet.is_super() {
        switch.ingest_super_frame(network, &SuperFrame::parse(&vnet, frame)?, now, out);
    } else {
        complete_checksum(&vnet, frame)?;
        switch.ingest_frame(network, frame, now, out);
    }
    Ok(())
}

/// Sends outputs: runs of datagrams for the same socket go together, and so do frames of the same flow.
pub(crate) struct Sender {
    lane: usize,
    batch: SendBatch,
    to: Vec<SocketAddr>,
    joiner: Joiner,
}

impl Sender {
    pub(crate) fn new(lane: usize) -> Self {
        Self { lane, batch: SendBatch::new(), to: Vec::new(), joiner: Joiner::new() }
    }

    /// Everything but the punts.
    pub(crate) fn send(&mut self, shared: &Shared, ports: &Ports, out: &Output) {
        let (mut run, mut socket) = (Vec::with_capacity(out.datagrams().len()), None);
        self.to.clear();
        for (path, datagram) in out.datagrams() {
            if socket.is_some_and(|socket| socket != path.socket) {
                self.flush(shared, ports, socket, &mut run);
            }
            socket = Some(path.socket);
            self.to.push(SocketAddr::new(path.ip, path.port));
            run.push(datagram);
        }
        self.flush(shared, ports, socket, &mut run);
        self.write_frames(shared, ports, out);
    }

    fn flush(&mut self, shared: &Shared, ports: &Ports, socket: Option<i32>, run: &mut Vec<&[u8]>) {
        if let Some(number) = socket {
            send_by_tunnel(shared, ports, number, run, &self.to);
        }
        match socket {
            Some(-1) => {
                for (datagram, to) in run.iter().zip(&self.to) {
                    send_by_all(shared, ports, datagram, *to, 0);
                }
            }
            Some(number) => match ports.udp(number) {
                Some(sockets) => {
                    let astray = keep_led(&sockets.ways(), run, &mut self.to);
                    shared.counters.add(Counter::DropNoRoute, astray);
                    let socket = sockets.of(self.lane);
                    let refused = self.batch.send(socket, run, &self.to, now_ms());
                    shared.counters.add(Counter::DropUdpSend, refused);
                    shared.counters.add(Counter::UdpTx, run.len() - refused);
                    let length = run.iter().map(|datagram| datagram.len()).sum();
                    shared.counters.add(Counter::UdpTxBytes, length);
                }
                None => shared.counters.add(Counter::DropSocket, run.len()),
            },
            None => {}
        }
        run.clear();
        self.to.clear();
    }

    fn write_frames(&mut self, shared: &Shared, ports: &Ports, out: &Output) {
        self.joiner.clear();
        for (network, frame) in out.frames() {
            let limits = ports.tap(network).map(|tap| tap.limits()).unwrap_or_default();
            self.joiner.push(network, frame, limits);
        }
        for write in self.joiner.writes() {
            let tap = ports.tap(write.network);
            let taken = tap.is_some_and(|tap| self.write(tap, write, out).is_ok());
            shared.counters.add(if taken { Counter::TapTx } else { Counter::DropTapWrite }, 1);
        }
    }

    fn write(&self, tap: &Tap, write: &Write, out: &Output) -> io::Result<()> {
        let mut frames = self.joiner.frames(write).filter_map(|number| out.frame_at(number));
        let Some((vnet, headers, length)) = write.headers() else {
            return frames.next().map_or(Ok(()), |frame| tap.write(self.lane, frame));
        };
        let mut parts = [IoSlice::new(&[]); MAX_PARTS - 1];
        parts[0] = IoSlice::new(&headers[..length]);
        let mut number = 1;
        for (part, frame) in parts.iter_mut().skip(1).zip(frames) {
            *part = IoSlice::new(frame.get(length..).unwrap_or_default());
            number += 1;
        }
        tap.write_parts(self.lane, &vnet, &parts[..number])
    }
}

/// Keep what goes where ways lead, in order; returns how many do not.
fn keep_led(ways: &Ways, run: &mut Vec<&[u8]>, to: &mut Vec<SocketAddr>) -> usize {
    if ways.lead_everywhere() {
        return 0;
    }
    let number = run.len();
    let mut of_each = to.iter().map(|to| ways.lead_to(to.ip()));
    run.retain(|_| of_each.next().unwrap_or(false));
    to.retain(|to| ways.lead_to(to.ip()));
    number - run.len()
}

/// Give the tunnel those datagrams that it is for, if there is one; returns how many it took. All that
/// leaves by a socket passes here, so that it is known since when nothing is answered.
pub(crate) fn send_by_tunnel(
    shared: &Shared,
    ports: &Ports,
    socket: i32,
    datagrams: &[&[u8]],
    to: &[SocketAddr],
) -> usize {
    let mut addressed = datagrams.iter().copied().zip(to.iter().copied());
    if socket >= FIRST_EXTRA || !addressed.clone().any(|(datagram, to)| goes_far(datagram, to)) {
        return 0;
    }
    shared.reach.asked(now_ms());
    ports.tunnel().map_or(0, |tunnel| tunnel.send(shared, &mut addressed))
}

/// Send one datagram by every socket of the IP's family; whether any took it.
pub(crate) fn send_by_all(
    shared: &Shared,
    ports: &Ports,
    datagram: &[u8],
    to: SocketAddr,
    ttl: u8,
) -> bool {
    let mut taken = false;
    for sockets in ports.all_udp().filter(|sockets| sockets.ways().lead_to(to.ip())) {
        let socket = sockets.of(ANY_LANE);
        taken |= socket.carries(to.ip()) && send_one(shared, socket, datagram, to, ttl);
    }
    taken
}

/// Send one datagram; whether the kernel took it.
pub(crate) fn send_one(
    shared: &Shared,
    socket: &UdpSocket,
    datagram: &[u8],
    to: SocketAddr,
    ttl: u8,
) -> bool {
    let taken = socket.send(datagram, to, ttl).is_ok();
    shared.counters.add(if taken { Counter::UdpTx } else { Counter::DropUdpSend }, 1);
    shared.counters.add(Counter::UdpTxBytes, datagram.len());
    taken
}

/// Send one datagram whole; whether it fits the link it leaves by.
pub(crate) fn send_whole(
    shared: &Shared,
    socket: &UdpSocket,
    datagram: &[u8],
    to: SocketAddr,
) -> bool {
    let sent = socket.send_whole(datagram, to);
    shared.counters.add(if sent.is_ok() { Counter::UdpTx } else { Counter::DropUdpSend }, 1);
    shared.counters.add(Counter::UdpTxBytes, datagram.len());
    sent.err().and_then(|error| error.raw_os_error()) != Some(libc::EMSGSIZE)
}

/// Write one frame to the TAP of its network; whether the kernel took it.
pub(crate) fn write_frame(shared: &Shared, ports: &Ports, network: u64, frame: &[u8]) -> bool {
    let taken = ports.tap(network).is_some_and(|tap| tap.write(ANY_LANE, frame).is_ok());
    shared.counters.add(if taken { Counter::TapTx } else { Counter::DropTapWrite }, 1);
    taken
}
