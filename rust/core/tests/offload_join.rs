//! Frames are joined to what can be cut apart again, and never where that would lose anything.
#![expect(clippy::unwrap_used, reason = "a failed test may end here")]

mod superframes;

use earthline_core::ethernet::HEADER_LENGTH;
use earthline_core::offload::{JoinLimits, Joiner, SuperFrame, checksum};
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use superframes::{ACK, ALL, PSH, Plan, SYN, cut, join, lengths};

#[test]
fn joined_frames_are_cut_again_as_they_were() {
    let ended = Plan { flags: ACK | PSH, ..Plan::tcp(9001) };
    for plan in [ended.clone(), ended.ipv6(), Plan::udp(9001), Plan::udp(8000).ipv6()] {
        let frames = plan.cut(1000);
        let [(header, joined)] = &join(&frames, ALL)[..] else { panic!("not joined to one") };
        assert_eq!(*joined, plan.build(true));
        assert_eq!(cut(header, joined, 1000), frames);
    }
}

#[test]
fn flows_that_alternate_are_joined_each_by_itself() {
    let one = Plan::tcp(4000);
    let (frames, others) = (one.cut(1000), Plan::udp(4000).cut(1000));
    let mixed: Vec<_> =
        frames.iter().zip(&others).flat_map(|(a, b)| [a.clone(), b.clone()]).collect();
    let joined: Vec<_> = join(&mixed, ALL).into_iter().map(|(_, frame)| frame).collect();
    assert_eq!(joined, [one.build(true), Plan::udp(4000).build(true)]);
}

#[test]
fn nothing_is_joined_that_was_not_asked_for() {
    let frames = [Plan::tcp(3000).cut(1000), Plan::udp(3000).cut(1000)].concat();
    let written = |limits| join(&frames, limits).len();
    assert_eq!(written(JoinLimits { tcp: false, udp: false }), 6);
    assert_eq!(written(JoinLimits { tcp: true, udp: false }), 4);
    assert_eq!(written(JoinLimits { tcp: false, udp: true }), 4);
}

#[test]
fn networks_are_kept_apart() {
    let frames = Plan::tcp(2000).cut(1000);
    let mut joiner = Joiner::new();
    joiner.push(1, &frames[0], ALL);
    joiner.push(2, &frames[1], ALL);
    assert_eq!(joiner.writes().iter().map(|write| write.network).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn frame_that_differs_from_those_before_is_written_after_them() {
    let base = Plan::tcp(5000);
    let frames = base.cut(1000);
    let whole = frames[0].len();
    let changes: [fn(&mut Vec<u8>); 9] = [
        |frame| frame[60] ^= 1,           // data: the checksum is wrong
        |frame| frame[24] ^= 1,           // checksum of the IP header
        |frame| frame[0] ^= 4,            // destination MAC
        |frame| rebuild(frame, 15, 0x03), // type of service: congestion met
        |frame| rebuild(frame, 22, 63),   // time to live
        |frame| rebuild(frame, 45, 5),    // acknowledgement
        |frame| rebuild(frame, 48, 9),    // window
        |frame| rebuild(frame, 47, ACK | SYN),
        |frame| rebuild(frame, 60, 9), // a timestamp
    ];
    for change in changes {
        let mut changed = frames.clone();
        change(&mut changed[2]);
        let written = join(&changed, ALL);
        assert_eq!(written[1].1, changed[2], "as it is");
        assert_eq!((written[0].1.len(), written[2].1.len()), (whole + 1000, whole + 1000));
    }
}

/// Change a byte and make both checksums right again.
fn rebuild(frame: &mut [u8], at: usize, value: u8) {
    frame[at] = value;
    frame[24..26].fill(0);
    let ip = checksum(&frame[14..34]).to_be_bytes();
    frame[24..26].copy_from_slice(&ip);
    frame[50..52].fill(0);
    let pseudo = Plan::tcp(0).pseudo_header(frame.len() - 34);
    let tcp = checksum(&[&pseudo[..], &frame[34..]].concat()).to_be_bytes();
    frame[50..52].copy_from_slice(&tcp);
}

#[test]
fn order_of_a_flow_is_that_of_the_batch() {
    let frames = Plan::tcp(5000).cut(1000);
    let (whole, ack) = (frames[0].len(), Plan::tcp(0).build(false));
    let order = |picked: &[&Vec<u8>]| lengths(&picked.iter().copied().cloned().collect::<Vec<_>>());
    let [a, b, c, d, e] = &frames[..] else { panic!("five frames") };
    assert_eq!(order(&[a, b, d, e]), [whole + 1000, whole + 1000], "a gap");
    assert_eq!(order(&[b, a, c]), [whole, whole, whole], "out of order");
    assert_eq!(order(&[a, b, &ack, c, d]), [whole + 1000, ack.len(), whole + 1000]);
    assert_eq!(order(&[a, a, b]), [whole, whole + 1000], "twice");
}

#[test]
fn short_segment_and_push_end_a_super_frame() {
    let short = Plan::tcp(1500).cut(1000);
    let next = Plan { sequence: 0xffff_f000_u32.wrapping_add(1500), id: 0, ..Plan::tcp(2000) };
    let frames = [short, next.cut(1000)].concat();
    assert_eq!(lengths(&frames), [66 + 1500, 66 + 2000]);
    let pushed = Plan { flags: ACK | PSH, ..Plan::tcp(2000) };
    let next = Plan { sequence: 0xffff_f000_u32.wrapping_add(2000), id: 0, ..Plan::tcp(2000) };
    let frames = [pushed.cut(1000), next.cut(1000)].concat();
    assert_eq!(lengths(&frames), [66 + 2000, 66 + 2000]);
    let longer = Plan { sequence: 0xffff_f000_u32.wrapping_add(500), ..Plan::tcp(600) };
    let frames = [Plan::tcp(500).build(false), longer.build(false)];
    assert_eq!(lengths(&frames), [66 + 500, 66 + 600]);
}

#[test]
fn packets_that_may_be_fragmented_are_joined_by_their_identification() {
    let plan = Plan { fragment_field: 0, ..Plan::udp(3000) };
    assert_eq!(lengths(&plan.cut(1000)).len(), 1);
    let mut frames = plan.cut(1000);
    frames[1] = Plan { id: 7, data: frames[1][42..].to_vec(), ..plan }.build(false);
    assert_eq!(lengths(&frames).len(), 3);
    let fragment = Plan { fragment_field: 0x2000, ..Plan::udp(1000) };
    assert_eq!(lengths(&[fragment.build(false), fragment.build(false)]).len(), 2);
}

#[test]
fn datagrams_without_checksum_and_padded_frames_pass_alone() {
    let mut bare = Plan::udp(3000).cut(1000);
    for frame in &mut bare {
        frame[40..42].fill(0);
    }
    assert_eq!(lengths(&bare).len(), 3);
    let mut padded = Plan::tcp(3000).cut(1000);
    padded[1].push(0);
    assert_eq!(lengths(&padded).len(), 3);
}

#[test]
fn super_frame_never_exceeds_an_ip_packet_or_what_a_kernel_cuts() {
    let big: Vec<_> = (0..30_u32)
        .map(|index| Plan { sequence: index * 2800, id: index as u16, ..Plan::tcp(2800) })
        .map(|plan| plan.build(false))
        .collect();
    for (_, frame) in join(&big, ALL) {
        assert!(
            frame.len() <= HEADER_LENGTH + 0xffff && frame.len() > 50_000 || frame.len() < 30_000
        );
    }
    let small = vec![Plan::udp(64).build(false); 200];
    assert_eq!(lengths(&small), [64, 64, 64, 8].map(|number| 42 + number * 64));
}

#[test]
fn whatever_is_joined_can_be_cut_apart_again() {
    let mut random = ChaCha12Rng::from_seed([11; 32]);
    for _ in 0..300 {
        let frames = random_batch(&mut random);
        let mut apart = Vec::new();
        for (header, frame) in join(&frames, ALL) {
            if header.is_super() {
                let size = SuperFrame::parse(&header, &frame).unwrap().size();
                apart.extend(cut(&header, &frame, size));
            } else {
                apart.push(frame);
            }
        }
        let of = |frames: &[Vec<u8>], port| {
            let is_its = |frame: &&Vec<u8>| frame.get(34..36) == Some(&[0x12, port][..]);
            frames.iter().filter(is_its).cloned().map(without_id).collect::<Vec<_>>()
        };
        for port in [0x34, 0x35] {
            assert_eq!(of(&apart, port), of(&frames, port), "the same frames in the same order");
        }
        assert_eq!(apart.len(), frames.len());
    }
}

/// Frames of two flows, some of them odd.
fn random_batch(random: &mut ChaCha12Rng) -> Vec<Vec<u8>> {
    let mut sequences = [0_u32; 2];
    let mut frames = Vec::new();
    for _ in 0..random.next_u32() % 80 {
        let (which, odd) = ((random.next_u32() & 1) as usize, random.next_u32() % 16);
        let size = if odd == 0 { random.next_u32() % 600 } else { 500 } as usize;
        let flags = if odd == 1 { ACK | PSH } else { ACK };
        let plan = Plan { sequence: sequences[which], flags, id: 0, ..Plan::tcp(size) };
        sequences[which] = sequences[which].wrapping_add(size as u32 + u32::from(odd == 2));
        let mut frame = plan.build(false);
        if odd == 3 {
            let at = random.next_u32() as usize % frame.len();
            frame[at] ^= 1 << (random.next_u32() % 8);
        }
        if which == 1 {
            // Another port, with a checksum that fits.
            frame[35] += 1;
            let old = u16::from_be_bytes([frame[50], frame[51]]);
            let value = if old == 0 { 0xfffe } else { old - 1 };
            frame[50..52].copy_from_slice(&value.to_be_bytes());
        }
        frames.push(frame);
    }
    frames
}

/// Without what means nothing in a packet that must not be fragmented.
fn without_id(mut frame: Vec<u8>) -> Vec<u8> {
    frame[18..20].fill(0);
    frame[24..26].fill(0);
    frame
}
