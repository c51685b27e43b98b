//! Frames are joined to what can be cut apart again, and never where that would lose anything.

mod superframes;

use earthline_core::ethernet::HEADER_LENGTH;
use earthline_core::offload::{JoinLimits, Joiner, checksum};
use superframes::{
    ACK, ALL, CWR, ECE, FIN, PSH, Plan, RST, SYN, TAG, TWO_TAGS, URG, apart, cut, join, lengths,
};

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
    let changes: [fn(&mut Vec<u8>); 21] = [
        |frame| frame[60] ^= 1,           // data: the checksum is wrong
        |frame| frame[24] ^= 1,           // checksum of the IP header
        |frame| frame[0] ^= 4,            // destination MAC
        |frame| frame[6] ^= 4,            // source MAC
        |frame| rebuild(frame, 15, 0x03), // type of service: congestion met
        |frame| rebuild(frame, 15, 0xb8), // type of service: another class
        |frame| rebuild(frame, 20, 0x00), // may be fragmented
        |frame| rebuild(frame, 20, 0xc0), // the reserved bit
        |frame| rebuild(frame, 17, 0xff), // a length that is not its own
        |frame| rebuild(frame, 22, 63),   // time to live
        |frame| rebuild(frame, 45, 5),    // acknowledgement
        |frame| rebuild(frame, 48, 9),    // window
        |frame| rebuild(frame, 46, 0x81), // a reserved bit of TCP
        |frame| rebuild(frame, 47, ACK | SYN),
        |frame| rebuild(frame, 47, ACK | FIN),
        |frame| rebuild(frame, 47, ACK | RST),
        |frame| rebuild(frame, 47, ACK | URG),
        |frame| rebuild(frame, 47, ACK | ECE),
        |frame| rebuild(frame, 47, ACK | CWR),
        |frame| rebuild(frame, 53, 1), // an urgent pointer
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

#[test]
fn ipv6_frame_that_differs_from_those_before_is_written_after_them() {
    for base in [Plan::tcp(5000).ipv6(), Plan::udp(5000).ipv6()] {
        let frames = base.cut(1000);
        let changes: [fn(&mut Vec<u8>); 7] = [
            |frame| frame[80] ^= 1,  // data: the checksum is wrong
            |frame| frame[6] ^= 4,   // source MAC
            |frame| frame[14] ^= 8,  // traffic class
            |frame| frame[15] ^= 1,  // flow label
            |frame| frame[17] ^= 1,  // flow label
            |frame| frame[19] ^= 1,  // a length that is not its own
            |frame| frame[21] = 255, // hop limit
        ];
        for change in changes {
            let mut changed = frames.clone();
            change(&mut changed[2]);
            let written = join(&changed, ALL);
            assert_eq!(written[1].1, changed[2], "as it is");
            assert_eq!((written.len(), &apart(&written)), (3, &changed));
        }
    }
}

#[test]
fn options_that_change_end_a_super_frame() {
    for options in [&b""[..], b"\x01\x01\x01\x01", b"\x01\x01\x05\x0asackedxx"] {
        let mut frames = Plan::tcp(4000).cut(1000);
        let data = frames[1][66..].to_vec();
        let (sequence, id) = (0xffff_f000 + 1000, 0xffff);
        let other = Plan { sequence, id, data, options: options.to_vec(), ..Plan::tcp(0) };
        frames[1] = other.build(false);
        let written = join(&frames, ALL);
        assert_eq!((written.len(), apart(&written)), (3, frames));
    }
}

#[test]
fn tags_options_of_ip_and_extension_headers_are_never_joined() {
    let mut extra = vec![6, 0, 1, 4, 0, 0, 0, 0];
    let destination_options = Plan { extra: extra.clone(), first_extension: 60, ..Plan::tcp(3000) };
    extra[0] = 17;
    let hop_by_hop = Plan { extra, first_extension: 0, ..Plan::udp(3000) };
    for plan in [
        Plan { tags: TAG, ..Plan::tcp(3000) },
        Plan { tags: TWO_TAGS, ..Plan::udp(3000) }.ipv6(),
        Plan { extra: b"\x94\x04\x00\x00".to_vec(), ..Plan::tcp(3000) },
        destination_options.ipv6(),
        hop_by_hop.ipv6(),
    ] {
        let frames = plan.cut(1000);
        let written: Vec<_> = join(&frames, ALL).into_iter().map(|(_, frame)| frame).collect();
        assert_eq!(written, frames);
    }
}

#[test]
fn checksums_that_no_cut_would_write_are_not_joined() {
    let mut plan = Plan::tcp(2000);
    let with_zero = (0..=u16::MAX).map(|word| {
        plan.data[1000..1002].copy_from_slice(&word.to_be_bytes());
        plan.cut(1000)
    });
    // Of two ways to write zero it is the one that UDP needs, too.
    let mut frames = with_zero.into_iter().find(|frames| frames[1][50..52] == [0xff; 2]).unwrap();
    assert_eq!(join(&frames, ALL).len(), 1);
    frames[1][50..52].fill(0);
    assert_eq!(join(&frames, ALL).len(), 2);

    let mut frames = Plan::tcp(2000).cut(1000);
    let rest = checksum(&frames[1][14..34]);
    assert_eq!(rest, 0, "the header sums up");
    let mut id = u16::from_be_bytes([frames[1][18], frames[1][19]]);
    let (sum, carry) = id.overflowing_add(u16::from_be_bytes([frames[1][24], frames[1][25]]));
    id = sum + u16::from(carry);
    frames[1][18..20].copy_from_slice(&id.to_be_bytes());
    frames[1][24..26].fill(0);
    assert_eq!(join(&frames, ALL).len(), 1);
    frames[1][24..26].fill(0xff);
    assert_eq!(join(&frames, ALL).len(), 2);
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
    let stretch = Plan { fragment_field: 0, ..Plan::tcp(4000) };
    let mut frames = stretch.cut(1000);
    assert_eq!(lengths(&frames).len(), 1);
    frames.remove(1);
    frames[1][42..44].copy_from_slice(b"ab");
    assert_eq!(apart(&join(&frames, ALL)), frames);
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
