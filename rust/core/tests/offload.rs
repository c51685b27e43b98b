//! Super-frames are cut as a slow twin cuts them, and what is none is refused.

mod superframes;

use earthline_core::offload::{
    Joiner, Malformed, SuperFrame, VNET_LENGTH, VnetHeader, checksum, complete_checksum,
};
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use superframes::{ACK, ALL, CWR, ECE, FIN, PSH, Plan, SYN, TAG, TWO_TAGS, cut, stretch, vnet};

#[test]
fn tcp_stretch_is_cut_as_the_slow_way() {
    let ended = Plan { flags: ACK | PSH | FIN | CWR | ECE, ..Plan::tcp(10_000) };
    let optioned = Plan { extra: b"\x94\x04\x00\x00\x01\x01\x01\x00".to_vec(), ..ended.clone() };
    let tagged = Plan { tags: TAG, ..ended.clone() };
    let twice = Plan { tags: TWO_TAGS, ..optioned.clone() };
    for plan in [ended.clone(), ended.ipv6(), optioned, tagged.clone(), tagged.ipv6(), twice] {
        for size in [536, 1000, 1348, 5000, 9999, 10_000] {
            assert_eq!(stretch(&plan, size), plan.cut(size));
        }
    }
}

#[test]
fn ipv6_routing_header_keeps_the_checksum_to_the_last_destination() {
    let mut extra = vec![6, 2, 0, 1, 0, 0, 0, 0];
    extra.extend([0xab; 16]);
    let last_destination = Some([0xab; 16]);
    let plan = Plan { extra, last_destination, ..Plan::tcp(4000) }.ipv6();
    assert_eq!(stretch(&plan, 1300), plan.cut(1300));
}

/// Hop-by-hop options, a routing header whose last destination is not that of the IP header, options.
fn with_extensions(plan: Plan) -> Plan {
    let mut extra = vec![43, 0, 5, 2, 0, 0, 1, 0];
    extra.extend([60, 2, 0, 1, 0, 0, 0, 0]);
    extra.extend([0xab; 16]);
    extra.extend([if plan.is_udp { 17 } else { 6 }, 1]);
    extra.extend([1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    Plan { extra, first_extension: 0, last_destination: Some([0xab; 16]), ..plan }.ipv6()
}

#[test]
fn ipv6_extension_headers_are_in_every_frame() {
    for plan in [Plan::tcp(7001), Plan::udp(7001), Plan { tags: TAG, ..Plan::udp(7001) }] {
        let plan = with_extensions(plan);
        assert_eq!(stretch(&plan, 1200), plan.cut(1200));
    }
}

#[test]
fn congestion_flag_is_on_the_first_frame_and_those_that_end_on_the_last() {
    let plan = Plan { flags: ACK | PSH | FIN | CWR | ECE, ..Plan::tcp(4000) };
    for plan in [plan.clone(), plan.ipv6()] {
        let at = plan.transport() + 13;
        let ecn = vnet(if plan.is_ipv6 { 0x84 } else { 0x81 }, 1000, plan.transport(), 16);
        let flags = |size| -> Vec<u8> {
            cut(&ecn, &plan.build(true), size).iter().map(|frame| frame[at]).collect()
        };
        let within = ACK | ECE;
        assert_eq!(flags(1000), [within | CWR, within, within, within | PSH | FIN]);
        assert_eq!(flags(2000), [within | CWR, within | PSH | FIN]);
        assert_eq!(flags(4000), [plan.flags]);
    }
}

#[test]
fn ipv4_identification_counts_on_past_its_end() {
    for plan in [Plan::tcp(4000), Plan { fragment_field: 0, ..Plan::udp(4000) }] {
        let ids = stretch(&plan, 1000).into_iter().map(|frame| [frame[18], frame[19]]);
        assert_eq!(ids.collect::<Vec<_>>(), [[0xff, 0xfe], [0xff, 0xff], [0, 0], [0, 1]]);
    }
}

#[test]
fn udp_datagrams_are_cut_at_their_own_length() {
    for plan in [Plan::udp(6500), Plan::udp(6500).ipv6(), Plan { tags: TAG, ..Plan::udp(1201) }] {
        let (header, frame) = (plan.vnet(1200), plan.build(true));
        assert!(!SuperFrame::parse(&header, &frame).unwrap().may_be_cut_smaller());
        assert_eq!(cut(&header, &frame, 1200), plan.cut(1200));
    }
}

#[test]
fn partial_checksum_is_completed() {
    let odd = Plan { extra: b"\x94\x04\x00\x00".to_vec(), tags: TAG, ..Plan::udp(1001) };
    for plan in [
        Plan::tcp(999),
        Plan { flags: ACK | SYN, ..Plan::tcp(0) },
        Plan::udp(1000),
        Plan::udp(0),
        Plan::udp(3).ipv6(),
        Plan::tcp(0).ipv6(),
        Plan { tags: TWO_TAGS, ..Plan::tcp(7) }.ipv6(),
        with_extensions(Plan::udp(77)),
        with_extensions(Plan::tcp(78)),
        odd,
    ] {
        let mut frame = plan.build(true);
        let header = vnet(0, 0, plan.transport(), plan.checksum_offset());
        complete_checksum(&header, &mut frame).unwrap();
        assert_eq!(frame, plan.build(false));
        complete_checksum(&VnetHeader::default(), &mut frame).unwrap();
        assert_eq!(frame, plan.build(false), "a whole checksum stays");
    }
}

#[test]
fn checksum_is_completed_wherever_it_stands() {
    let mut random = ChaCha12Rng::from_seed([13; 32]);
    for _ in 0..5_000 {
        let mut frame = vec![0; 60 + random.next_u32() as usize % 100];
        random.fill_bytes(&mut frame);
        let (from, offset) = (random.next_u32() as usize % 40, random.next_u32() as usize % 18);
        let (before, at) = (frame.clone(), from + offset);
        complete_checksum(&vnet(0, 0, from, offset), &mut frame).unwrap();
        let mut summed = frame.clone();
        summed[at..at + 2].copy_from_slice(&before[at..at + 2]);
        let expected = match checksum(&summed[from..]) {
            0 => 0xffff,
            value => value,
        };
        assert_eq!(frame[at..at + 2], expected.to_be_bytes());
        assert_eq!((&frame[..at], &frame[at + 2..]), (&before[..at], &before[at + 2..]));
    }
}

#[test]
fn udp_checksum_is_never_written_as_none() {
    for plan in [Plan::udp(4), Plan::udp(4).ipv6()] {
        let (mut plan, at) = (plan.clone(), plan.transport() + 6);
        let mut zeros = 0;
        for value in 0..=u16::MAX {
            plan.data[..2].copy_from_slice(&value.to_be_bytes());
            let mut frame = plan.build(true);
            for cut in cut(&plan.vnet(2), &frame, 2) {
                zeros += usize::from(cut[at..at + 2] == [0xff, 0xff]);
                assert_ne!(cut[at..at + 2], [0, 0]);
            }
            let header = vnet(0, 0, plan.transport(), 6);
            complete_checksum(&header, &mut frame).unwrap();
            assert_ne!(frame[at..at + 2], [0, 0]);
        }
        assert!(zeros > 0, "none was zero");
    }
}

#[test]
fn header_that_does_not_fit_the_frame_is_refused() {
    let plan = Plan::tcp(3000);
    let frame = plan.build(true);
    for wrong in [
        vnet(1, 0, 34, 16),
        vnet(1, 1000, 35, 16),
        vnet(1, 1000, 34, 6),
        vnet(3, 1000, 34, 16),
        vnet(5, 1000, 34, 16),
        VnetHeader::default(),
    ] {
        assert_eq!(SuperFrame::parse(&wrong, &frame).err(), Some(Malformed));
    }
    assert_eq!(SuperFrame::parse(&plan.vnet(1000), &frame[..50]).err(), Some(Malformed));
    assert_eq!(complete_checksum(&vnet(0, 0, 34, 16), &mut frame[..51].to_vec()), Err(Malformed));
    assert_eq!(complete_checksum(&vnet(0, 0, 0xffff, 0xffff), &mut frame.clone()), Err(Malformed));
    assert!(VnetHeader::split(&mut [0; VNET_LENGTH - 1]).is_none());
}

#[test]
fn super_frame_whose_headers_lie_is_refused() {
    let refused = |plan: &Plan, at: usize, value: u8| {
        let mut frame = plan.build(true);
        frame[at] = value;
        assert_eq!(
            SuperFrame::parse(&plan.vnet(1000), &frame).err(),
            Some(Malformed),
            "{value:#x} at {at}"
        );
    };
    let (four, six) = (Plan::tcp(3000), with_extensions(Plan::tcp(3000)));
    refused(&four, 12, 0x09); // ethertype
    refused(&four, 14, 0x65); // version
    refused(&four, 14, 0x44); // an IP header shorter than any
    refused(&four, 14, 0x4f); // longer than it is
    refused(&four, 20, 0x20); // more fragments follow
    refused(&four, 21, 0x01); // not the first fragment
    refused(&four, 23, 0x11); // UDP
    refused(&four, 23, 0x84); // SCTP
    refused(&four, 46, 0x40); // a TCP header shorter than any
    refused(&six, 14, 0x41); // version
    refused(&six, 20, 0x2c); // a fragment
    refused(&six, 20, 0x3b); // no next header
    refused(&six, 55, 0xff); // an extension longer than the frame
    let tagged = Plan { tags: TWO_TAGS, ..Plan::tcp(3000) };
    refused(&tagged, 20, 0x81); // a third tag
    let mut short = Plan::tcp(0).build(true);
    short[46] = 0xf0; // a TCP header longer than the frame
    assert_eq!(SuperFrame::parse(&four.vnet(1000), &short).err(), Some(Malformed));
}

#[test]
fn any_bytes_are_refused_or_cut() {
    let mut random = ChaCha12Rng::from_seed([12; 32]);
    let mut joiner = Joiner::new();
    for round in 0..20_000 {
        let plan = if round & 1 == 0 { Plan::tcp(300) } else { Plan::udp(300).ipv6() };
        let mut bytes = [&plan.vnet(100).bytes()[..], &plan.build(true)].concat();
        for _ in 0..=random.next_u32() % 6 {
            let at = random.next_u32() as usize % bytes.len();
            bytes[at] = random.next_u32() as u8;
        }
        bytes.truncate(random.next_u32() as usize % (bytes.len() + 40));
        let Some((header, frame)) = VnetHeader::split(&mut bytes) else { continue };
        joiner.push(1, frame, ALL);
        match SuperFrame::parse(&header, frame) {
            Ok(parsed) => {
                parsed.cut(parsed.size(), &mut Vec::new(), |one| joiner.push(2, one, ALL));
            }
            Err(Malformed) => _ = complete_checksum(&header, frame),
        }
        for write in joiner.writes() {
            _ = write.headers();
        }
        joiner.clear();
    }
}
