//! Super-frames are cut as a slow twin cuts them, and what is none is refused.
#![expect(clippy::unwrap_used, reason = "a failed test may end here")]

mod superframes;

use earthline_core::offload::{
    Joiner, Malformed, SuperFrame, VNET_LENGTH, VnetHeader, complete_checksum,
};
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use superframes::{ACK, ALL, CWR, ECE, FIN, PSH, Plan, cut, stretch, vnet};

#[test]
fn tcp_stretch_is_cut_as_the_slow_way() {
    let ended = Plan { flags: ACK | PSH | FIN | CWR | ECE, ..Plan::tcp(10_000) };
    let optioned = Plan { extra: b"\x94\x04\x00\x00\x01\x01\x01\x00".to_vec(), ..ended.clone() };
    let tagged = Plan { vlan: true, ..ended.clone() };
    for plan in [ended.clone(), ended.ipv6(), optioned, tagged.clone(), tagged.ipv6()] {
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

#[test]
fn udp_datagrams_are_cut_at_their_own_length() {
    for plan in [Plan::udp(6500), Plan::udp(6500).ipv6(), Plan { vlan: true, ..Plan::udp(1201) }] {
        let (header, frame) = (plan.vnet(1200), plan.build(true));
        assert!(!SuperFrame::parse(&header, &frame).unwrap().may_be_cut_smaller());
        assert_eq!(cut(&header, &frame, 1200), plan.cut(1200));
    }
}

#[test]
fn partial_checksum_is_completed() {
    for plan in [Plan::tcp(999), Plan::udp(1000), Plan::udp(3).ipv6(), Plan::tcp(0).ipv6()] {
        let mut frame = plan.build(true);
        let header = vnet(0, 0, plan.transport(), plan.checksum_offset());
        complete_checksum(&header, &mut frame).unwrap();
        assert_eq!(frame, plan.build(false));
        complete_checksum(&VnetHeader::default(), &mut frame).unwrap();
        assert_eq!(frame, plan.build(false), "a whole checksum stays");
    }
}

#[test]
fn udp_checksum_is_never_written_as_none() {
    let mut plan = Plan::udp(2);
    for value in 0..=u16::MAX {
        plan.data = value.to_be_bytes().to_vec();
        let mut frame = plan.build(true);
        complete_checksum(&vnet(0, 0, 34, 6), &mut frame).unwrap();
        assert_ne!(frame[40..42], [0, 0]);
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
    assert!(VnetHeader::split(&mut [0; VNET_LENGTH - 1]).is_none());
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
