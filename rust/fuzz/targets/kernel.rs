//! What a kernel hands over and what is written to it: completing, cutting and joining frames.

#![no_main]

use arbitrary::Arbitrary;
use earthline_core::offload::{
    JoinLimits, Joiner, SuperFrame, VNET_LENGTH, VnetHeader, checksum, complete_checksum,
};
use libfuzzer_sys::fuzz_target;

/// Frames of one batch.
const MOST: usize = 64;

#[derive(Debug, Arbitrary)]
struct Input {
    read: Vec<u8>,
    size: u16,
    written: Vec<(u8, Vec<u8>)>,
    tcp: bool,
    udp: bool,
}

fuzz_target!(|input: Input| {
    read(input.read, usize::from(input.size));
    write(&input.written, JoinLimits { tcp: input.tcp, udp: input.udp });
});

/// It is refused, or comes apart into frames of the size asked for, with every byte once.
fn read(mut bytes: Vec<u8>, size: usize) {
    let _ = checksum(&bytes);
    let Some((header, frame)) = VnetHeader::split(&mut bytes) else { return };
    assert!(header.bytes().len() == VNET_LENGTH);
    let _ = complete_checksum(&header, frame);
    let Ok(whole) = SuperFrame::parse(&header, frame) else { return };
    let size = if whole.may_be_cut_smaller() && size > 0 { size } else { whole.size() };
    let (headers, data) = (whole.headers().len(), frame.len() - whole.headers().len());
    let mut length = 0;
    whole.cut(size, &mut Vec::new(), |frame| {
        assert!(frame.len() <= headers + size);
        length += frame.len() - headers;
    });
    assert_eq!(length, data);
}

/// Each frame is in one of the writes.
fn write(frames: &[(u8, Vec<u8>)], limits: JoinLimits) {
    let mut joiner = Joiner::new();
    let frames = &frames[..frames.len().min(MOST)];
    for (network, frame) in frames {
        joiner.push(u64::from(*network), frame, limits);
    }
    let mut seen = vec![0; frames.len()];
    for write in joiner.writes() {
        let joined: Vec<usize> = joiner.frames(write).collect();
        for index in &joined {
            assert_eq!(u64::from(frames[*index].0), write.network);
            seen[*index] += 1;
        }
        if joined.len() > 1 {
            assert!(write.headers().is_some());
        }
    }
    assert!(seen.iter().all(|times| *times == 1));
}
