//! Packets of an established flow cost no heap allocation, on their way out, in or through.
#![expect(clippy::unwrap_used, reason = "a failed test may end here")]

mod switchboard;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use earthline_core::offload::{JoinLimits, Joiner, SuperFrame, VnetHeader, Write, checksum};
use earthline_core::packet::{SUITE_AES_GMAC_SIV, SUITE_SALSA_POLY1305};
use earthline_core::switch::Output;
use switchboard::{ALICE, BOB, CAROL, Lan, NETWORK, NOW, Station, frame, path_to};

thread_local! {
    /// How often this thread asked for memory.
    static ASKED: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: everything is handed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ASKED.with(|asked| asked.set(asked.get() + 1));
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract, and the pointer is of the system's allocator.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ASKED.with(|asked| asked.set(asked.get() + 1));
        // SAFETY: the caller keeps the contract, and the pointer is of the system's allocator.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often `act` asks for memory.
fn asked_by(act: impl FnOnce()) -> usize {
    let before = ASKED.get();
    act();
    ASKED.get() - before
}

/// A TCP stretch for Bob, with the header that a kernel puts before it.
fn stretch(lan: &Lan) -> Vec<u8> {
    let mut bytes = vec![1, 1, 0, 0];
    for field in [2748_u16, 34, 16] {
        bytes.extend(field.to_ne_bytes());
    }
    bytes.extend(frame(lan.bob.mac(), lan.alice.mac(), 60_052));
    bytes[24..44]
        .copy_from_slice(b"\x45\0\xea\xa8\0\x01\x40\0\x40\x06\0\0\x0a\0\0\x01\x0a\0\0\x02");
    bytes[44 + 12..44 + 14].copy_from_slice(&[0x80, 0x10]);
    // The sum of the pseudo-header: addresses, protocol, length.
    let partial = !checksum(b"\x0a\0\0\x01\x0a\0\0\x02\0\x06\xea\x80");
    bytes[44 + 16..44 + 18].copy_from_slice(&partial.to_be_bytes());
    bytes
}

/// Everything that one batch passes through, with memory that is kept from batch to batch.
struct Batch {
    out: Output,
    delivered: Output,
    joiner: Joiner,
    datagram: Vec<u8>,
}

impl Batch {
    /// Send frames and a super-frame of Alice's, and have Bob deliver them; returns how many he gets.
    fn carry(&mut self, lan: &mut Lan, frames: &[Vec<u8>], stretch: &mut [u8]) -> usize {
        let Self { out, delivered, joiner, datagram } = self;
        out.clear();
        delivered.clear();
        joiner.clear();
        for frame in frames {
            lan.alice.switch.foresee_frame(NETWORK, frame);
            lan.alice.switch.ingest_frame(NETWORK, frame, NOW, out);
        }
        let (vnet, frame) = VnetHeader::split(stretch).unwrap();
        let stretch = SuperFrame::parse(&vnet, frame).unwrap();
        lan.alice.switch.ingest_super_frame(NETWORK, &stretch, NOW, out);
        for (_, sent) in out.datagrams() {
            datagram.clear();
            datagram.extend_from_slice(sent);
            lan.bob.switch.foresee_datagram(datagram);
            lan.bob.switch.ingest_datagram(path_to(ALICE), datagram, NOW, delivered);
        }
        for (network, frame) in delivered.frames() {
            joiner.push(network, frame, JoinLimits { tcp: true, udp: true });
        }
        let joined = joiner.writes().iter().filter_map(Write::headers).count();
        assert_eq!((joined, delivered.punts().len()), (1, 0));
        delivered.frames().len()
    }
}

#[test]
fn established_flow_allocates_nothing() {
    for suite in [SUITE_SALSA_POLY1305, SUITE_AES_GMAC_SIV] {
        let mut lan = Lan::new(suite);
        lan.alice.switch.set_mss_clamp(true);
        lan.bob.switch.set_mss_clamp(true);
        let sizes = [64, 1000, 1400, 2800, 9000];
        let frames = sizes.map(|size| frame(lan.bob.mac(), lan.alice.mac(), size));
        let mut stretch = stretch(&lan);
        let mut batch = Batch {
            out: Output::new(),
            delivered: Output::new(),
            joiner: Joiner::new(),
            datagram: Vec::with_capacity(10_000),
        };
        let mut delivered = 0;
        for _ in 0..20 {
            delivered = batch.carry(&mut lan, &frames, &mut stretch);
        }
        assert!(delivered > 20, "five frames and those of the stretch");
        let asked = asked_by(|| {
            for _ in 0..20 {
                assert_eq!(batch.carry(&mut lan, &frames, &mut stretch), delivered);
            }
        });
        assert_eq!(asked, 0, "suite {suite}");
    }
}

/// How often `act` asks for memory in 20 rounds, after as many to warm up.
fn asked_when_warm(mut act: impl FnMut()) -> usize {
    (0..20).for_each(|_| act());
    asked_by(|| (0..20).for_each(|_| act()))
}

#[test]
fn relayed_flow_allocates_nothing() {
    let mut lan = Lan::new(SUITE_AES_GMAC_SIV);
    let mut carol = Station::new(CAROL, 3);
    carol.meet(ALICE, SUITE_AES_GMAC_SIV);
    carol.meet(BOB, SUITE_AES_GMAC_SIV);
    carol.switch.set_relay(true, 0, None);
    let frames = [64, 1400, 2800, 9000].map(|size| frame(lan.bob.mac(), lan.alice.mac(), size));
    let datagrams: Vec<_> = frames.iter().flat_map(|frame| lan.alice.sent(frame)).collect();
    let (mut out, mut buffer) = (Output::new(), Vec::with_capacity(10_000));
    let asked = asked_when_warm(|| {
        out.clear();
        for datagram in &datagrams {
            datagram.clone_into(&mut buffer);
            carol.switch.ingest_datagram(path_to(ALICE), &mut buffer, NOW, &mut out);
        }
        assert_eq!(out.datagrams().len(), datagrams.len());
    });
    assert_eq!(asked, 0);
}

#[test]
fn established_multicast_allocates_nothing_where_it_is_sent() {
    const MDNS: u64 = 0x3333_0000_00fb;
    for compressed in [false, true] {
        let mut lan = Lan::new(SUITE_AES_GMAC_SIV);
        lan.alice.meet(CAROL, SUITE_AES_GMAC_SIV);
        lan.alice.switch.set_member(NETWORK, CAROL, true, true, u64::MAX);
        lan.alice.configure(|config| config.compress_multicast = compressed);
        lan.alice.switch.set_multicast(NETWORK, (MDNS, 0), vec![BOB, CAROL], 0, NOW + 1);
        let frames = [64, 1000].map(|size| frame(MDNS, lan.alice.mac(), size));
        let mut out = Output::new();
        let asked = asked_when_warm(|| {
            out.clear();
            for frame in &frames {
                lan.alice.switch.ingest_frame(NETWORK, frame, NOW, &mut out);
            }
            assert_eq!((out.datagrams().len(), out.punts().len()), (4, 0));
        });
        assert_eq!(asked, 0, "compressed: {compressed}");
    }
}
