//! What the switch costs each packet, with few peers in its tables and with many.
//!
//! Prints lines of JSON in ns, the best of several passes: other work on the machine only ever slows one
//! down. Packets come in batches, as from a socket or a TAP, and are in the cache when the clock starts, since
//! the kernel has just copied them there. What else is in the cache is what the packets before left: `over`
//! says whether all belong to one flow, or each to another peer, in random order.

#![allow(clippy::print_stdout, reason = "a benchmark prints")]
#![allow(clippy::cast_precision_loss, reason = "few nanoseconds")]
#![expect(clippy::unwrap_used, reason = "a benchmark that fails may end here")]

mod hub;
mod packets;

use std::hint::black_box;
use std::time::{Duration, Instant};

use earthline_core::offload::{JoinLimits, Joiner, SuperFrame, VnetHeader, Write};
use earthline_core::packet::MAX_PIECES;
use earthline_core::switch::Output;
use hub::{Hub, NETWORK, NOW};
use packets::{Arriving, frame, frames_of, relayed, sealed, stretch};

/// Bytes of frames with their Ethernet headers, and of relayed packets.
const SIZES: [usize; 3] = [64, 1400, 2800];
/// Packets of a batch.
const BATCH: usize = 64;
/// Packets of one flow; more than reassembly remembers.
const FLOW: usize = 256;

fn main() {
    for (peers, groups, recipients) in [(10, 10, 10), (10_000, 1_000, 100)] {
        let mut hub = Hub::new(peers, groups, recipients);
        for (over, peers) in [("one flow", hub.one_flow(FLOW)), ("all", hub.all(FLOW))] {
            let mut bench = Bench { hub: &mut hub, over, peers, out: Output::new() };
            for size in SIZES {
                bench.egress(size);
                bench.super_egress(size);
                bench.ingress(size);
                bench.relay(size);
            }
            bench.multicast(SIZES[0]);
            bench.activity();
        }
    }
    for size in SIZES {
        cut(size);
        join(size);
    }
}

/// Packets for or from these peers, in this order.
struct Bench<'a> {
    hub: &'a mut Hub,
    over: &'static str,
    peers: Vec<u64>,
    out: Output,
}

impl Bench<'_> {
    fn egress(&mut self, size: usize) {
        let mut frames = vec![frame(size); BATCH];
        let Self { hub, peers, out, .. } = self;
        let time = best(peers.chunks(BATCH), peers.len(), |peers| {
            for (frame, peer) in frames.iter_mut().zip(peers) {
                frame[..6].copy_from_slice(&hub::mac(*peer));
            }
            timed(|| {
                out.clear();
                for frame in frames.iter().take(peers.len()) {
                    hub.switch.foresee_frame(NETWORK, frame);
                }
                for frame in frames.iter().take(peers.len()) {
                    hub.switch.ingest_frame(NETWORK, black_box(frame), NOW, out);
                }
            })
        });
        self.print("egress", size, time, self.peers.len());
    }

    /// A super-frame for each peer; the time of each frame that it is cut into.
    fn super_egress(&mut self, size: usize) {
        let mut bytes = stretch(size);
        let Self { hub, peers, out, .. } = self;
        let peers = peers.get(..FLOW).unwrap_or(peers);
        let time = best(peers.chunks(1), peers.len(), |peer| {
            let (vnet, frame) = VnetHeader::split(&mut bytes).unwrap();
            frame[..6].copy_from_slice(&hub::mac(peer[0]));
            let frame = SuperFrame::parse(&vnet, frame).unwrap();
            timed(|| {
                out.clear();
                hub.switch.ingest_super_frame(NETWORK, black_box(&frame), NOW, out);
            })
        });
        let frames = peers.len() * frames_of(size);
        self.print("egress of super-frames", size, time, frames);
    }

    fn ingress(&mut self, size: usize) {
        let time = self.arrive(&sealed(&self.peers, size));
        self.print("ingress", size, time, self.peers.len());
    }

    /// The time of each datagram; a large packet has two.
    fn relay(&mut self, size: usize) {
        let one = [self.hub.peers[1]];
        let to = if self.over == "all" { &self.peers } else { one.as_slice() };
        let packets = relayed(&self.peers, to, size);
        let time = self.arrive(&packets);
        self.print("relay", size, time, packets.iter().map(|packet| packet.datagrams.len()).sum());
    }

    fn arrive(&mut self, packets: &[Arriving]) -> Duration {
        let Self { hub, out, .. } = self;
        let mut buffers = vec![Vec::new(); BATCH * MAX_PIECES];
        best(packets.chunks(BATCH), packets.len(), |batch| {
            let arrived = batch.iter().flat_map(Arriving::each).zip(&mut buffers);
            let mut staged: Vec<_> = arrived
                .map(|((path, datagram), buffer)| {
                    datagram.clone_into(buffer);
                    (path, buffer)
                })
                .collect();
            timed(|| {
                out.clear();
                for (_, datagram) in &staged {
                    hub.switch.foresee_datagram(datagram);
                }
                for (path, datagram) in &mut staged {
                    hub.switch.ingest_datagram(*path, black_box(datagram), NOW, out);
                }
            })
        })
    }

    /// The time of each recipient.
    fn multicast(&mut self, size: usize) {
        let mut frame = frame(size);
        let Self { hub, peers, out, over, .. } = self;
        let groups = if *over == "all" { hub.groups } else { 1 };
        let time = best(peers.chunks(1), peers.len(), |peer| {
            frame[..6].copy_from_slice(&hub::group(peer[0] as usize % groups));
            timed(|| {
                out.clear();
                hub.switch.ingest_frame(NETWORK, black_box(&frame), NOW, out);
            })
        });
        self.print("multicast", size, time, self.peers.len() * self.hub.recipients);
    }

    /// The time of taking what moved, for each peer that did, its path with it.
    fn activity(&mut self) {
        let packets = sealed(&self.peers, SIZES[0]);
        let Self { hub, peers, out, over, .. } = self;
        let moved = if *over == "all" { hub.peers.len() } else { 1 };
        let time = best([()], peers.len(), |()| {
            out.clear();
            for (path, datagram) in packets.iter().flat_map(Arriving::each) {
                hub.switch.ingest_datagram(path, &mut datagram.clone(), NOW, out);
            }
            timed(|| drop(black_box(hub.switch.take_activity())))
        });
        self.print("take_activity", 0, time, moved);
    }

    fn print(&self, work: &str, size: usize, time: Duration, count: usize) {
        print(work, self.hub.peers.len(), self.over, size, time, count);
    }
}

/// Cutting alone, for each frame.
fn cut(size: usize) {
    let mut bytes = stretch(size);
    let (vnet, frame) = VnetHeader::split(&mut bytes).unwrap();
    let frame = SuperFrame::parse(&vnet, frame).unwrap();
    let mut buffer = Vec::new();
    let time = best([()], FLOW, |()| {
        timed(|| {
            frame.cut(frame.size(), &mut buffer, |frame| {
                black_box(frame);
            });
        })
    });
    print("cut", 0, "one flow", size, time, frames_of(size));
}

/// Joining alone, for each frame.
fn join(size: usize) {
    let mut bytes = stretch(size);
    let (vnet, frame) = VnetHeader::split(&mut bytes).unwrap();
    let frame = SuperFrame::parse(&vnet, frame).unwrap();
    let (mut frames, mut buffer) = (Vec::new(), Vec::new());
    frame.cut(frame.size(), &mut buffer, |frame| frames.push(frame.to_vec()));
    let mut joiner = Joiner::new();
    let time = best([()], FLOW, |()| {
        timed(|| {
            joiner.clear();
            for frame in &frames {
                joiner.push(NETWORK, black_box(frame), JoinLimits { tcp: true, udp: true });
            }
            black_box(joiner.writes().iter().filter_map(Write::headers).count());
        })
    });
    print("join", 0, "one flow", size, time, frames.len());
}

fn timed(act: impl FnOnce()) -> Duration {
    let started = Instant::now();
    act();
    started.elapsed()
}

/// The least time of a pass over all batches, which have so many packets.
fn best<B: IntoIterator + Clone>(
    batches: B,
    packets: usize,
    mut time: impl FnMut(B::Item) -> Duration,
) -> Duration {
    let passes = (40_000 / packets).clamp(5, 500);
    // The first one warms up.
    let passes = std::iter::repeat_n(batches, 1 + passes);
    let times = passes.map(|batches| batches.into_iter().map(&mut time).sum());
    times.skip(1).min().unwrap()
}

fn print(work: &str, peers: usize, over: &str, size: usize, time: Duration, count: usize) {
    let ns = time.as_nanos() as f64 / count as f64;
    println!(
        "{{\"work\": \"{work}\", \"peers\": {peers}, \"over\": \"{over}\", \"size\": {size}, \
         \"ns\": {ns:.1}}}"
    );
}
