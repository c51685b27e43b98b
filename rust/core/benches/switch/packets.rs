//! Frames of the TAP and datagrams of the network.

use std::collections::HashMap;

use earthline_core::fragment::{even_size, pieces, split};
use earthline_core::offload::checksum;
use earthline_core::packet::{DEFAULT_MTU, MAX_PIECES, header, mark_fragmented};
use earthline_core::switch::{Output, Path};

use crate::hub::{HUB, NETWORK, NOW, mac, path_of, station};

/// Headers of Ethernet, IPv4 and TCP with time stamps.
const HEADERS: usize = 14 + 20 + 32;
/// Most bytes of data in a super-frame, and most frames.
const STRETCH: usize = 60_000;
const FRAMES: usize = 64;

/// A frame of ours, to nobody yet.
pub(crate) fn frame(size: usize) -> Vec<u8> {
    let mut frame = [[0; 6], mac(HUB)].concat();
    frame.extend_from_slice(b"\x08\x00");
    frame.resize(size, 0x5a);
    frame
}

/// A TCP stretch of ours for frames of this size, to nobody yet, with the header that a kernel puts before it.
pub(crate) fn stretch(size: usize) -> Vec<u8> {
    let mut bytes = vec![1, 1];
    for field in [HEADERS, data_of(size), 34, 16] {
        bytes.extend((field as u16).to_ne_bytes());
    }
    let length = HEADERS + data_of(size) * frames_of(size);
    bytes.extend(frame(length));
    let ip = (length - 14) as u16;
    bytes[24..44].copy_from_slice(b"\x45\0\0\0\0\x01\x40\0\x40\x06\0\0\x0a\0\0\x01\x0a\0\0\x02");
    bytes[26..28].copy_from_slice(&ip.to_be_bytes());
    // ACK, no options but padding.
    bytes[56..60].copy_from_slice(&[0x80, 0x10, 0x10, 0]);
    let mut pseudo_header = *b"\x0a\0\0\x01\x0a\0\0\x02\0\x06\0\0";
    pseudo_header[10..].copy_from_slice(&(ip - 20).to_be_bytes());
    bytes[60..62].copy_from_slice(&(!checksum(&pseudo_header)).to_be_bytes());
    bytes
}

/// Bytes of data in a TCP segment whose frame has this size, or in the shortest.
fn data_of(size: usize) -> usize {
    size.saturating_sub(HEADERS).max(6)
}

/// How many frames a kernel would make of the stretch.
pub(crate) fn frames_of(size: usize) -> usize {
    FRAMES.min(STRETCH / data_of(size))
}

/// The datagrams of one packet.
pub(crate) struct Arriving {
    pub(crate) path: Path,
    pub(crate) datagrams: Vec<Vec<u8>>,
}

impl Arriving {
    pub(crate) fn each(&self) -> impl Iterator<Item = (Path, &Vec<u8>)> {
        self.datagrams.iter().map(|datagram| (self.path, datagram))
    }
}

/// A frame of this size from each of these peers.
pub(crate) fn sealed(peers: &[u64], size: usize) -> Vec<Arriving> {
    let (mut out, mut senders) = (Output::new(), HashMap::new());
    let mut frame = frame(size);
    frame[..6].copy_from_slice(&mac(HUB));
    let seal = |peer: &u64| {
        let sender = senders.entry(*peer).or_insert_with(|| station(*peer, &[HUB]));
        frame[6..12].copy_from_slice(&mac(*peer));
        out.clear();
        sender.ingest_frame(NETWORK, &frame, NOW, &mut out);
        let datagrams = out.datagrams().map(|(_, datagram)| datagram.to_vec()).collect();
        Arriving { path: path_of(*peer), datagrams }
    };
    peers.iter().map(seal).collect()
}

/// A packet of this size from each of these peers to the next of the others; nobody opens it.
pub(crate) fn relayed(peers: &[u64], to: &[u64], size: usize) -> Vec<Arriving> {
    let next = to.iter().cycle().skip(1);
    let number = pieces(size, DEFAULT_MTU).unwrap_or(MAX_PIECES);
    let packet = |(index, (peer, next)): (usize, (&u64, &u64))| {
        let mut packet = header(index as u64, *next, *peer, 0x06).to_vec();
        packet.resize(size, 0x5a);
        if number > 1 {
            mark_fragmented(&mut packet);
        }
        let size = even_size(packet.len(), DEFAULT_MTU).unwrap_or(DEFAULT_MTU);
        let mut places = Vec::new();
        split(&mut packet, 0, size, |place| places.push(place)).unwrap();
        let datagrams = places.into_iter().map(|place| packet[place].to_vec()).collect();
        Arriving { path: path_of(*peer), datagrams }
    };
    peers.iter().zip(next).enumerate().map(packet).collect()
}
