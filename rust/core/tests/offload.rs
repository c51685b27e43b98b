//! Super-frames: cut by a slow twin's rules, joined and cut again, and never joined where that would lose
//! anything.
#![expect(clippy::unwrap_used, reason = "a failed test may end here")]

use earthline_core::ethernet::HEADER_LENGTH;
use earthline_core::offload::{
    JoinLimits, Joiner, Malformed, SuperFrame, VNET_LENGTH, VnetHeader, checksum, complete_checksum,
};
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

const ALL: JoinLimits = JoinLimits { tcp: true, udp: true };
const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const PSH: u8 = 0x08;
const ACK: u8 = 0x10;
const ECE: u8 = 0x40;
const CWR: u8 = 0x80;

/// A frame by its fields; everything that a test does not care about is ordinary.
#[derive(Clone)]
struct Plan {
    is_ipv6: bool,
    is_udp: bool,
    vlan: bool,
    /// Options of IPv4, or extension headers of IPv6 with the last destination, if that is another.
    extra: Vec<u8>,
    last_destination: Option<[u8; 16]>,
    options: Vec<u8>,
    flags: u8,
    sequence: u32,
    id: u16,
    fragment_field: u16,
    data: Vec<u8>,
}

impl Plan {
    fn tcp(data: usize) -> Self {
        Self {
            is_ipv6: false,
            is_udp: false,
            vlan: false,
            extra: Vec::new(),
            last_destination: None,
            options: b"\x01\x01\x08\x0atsvltser".to_vec(),
            flags: ACK,
            sequence: 0xffff_f000,
            id: 0xfffe,
            fragment_field: 0x4000,
            data: (0..data).map(|index| (index * 31 % 251) as u8).collect(),
        }
    }

    fn udp(data: usize) -> Self {
        Self { is_udp: true, options: Vec::new(), ..Self::tcp(data) }
    }

    fn ipv6(self) -> Self {
        Self { is_ipv6: true, ..self }
    }

    fn network(&self) -> usize {
        HEADER_LENGTH + if self.vlan { 4 } else { 0 }
    }

    fn transport(&self) -> usize {
        self.network() + if self.is_ipv6 { 40 } else { 20 } + self.extra.len()
    }

    fn checksum_offset(&self) -> usize {
        if self.is_udp { 6 } else { 16 }
    }

    fn ip_header(&self, length: usize) -> Vec<u8> {
        let protocol = if self.is_udp { 17 } else { 6 };
        if self.is_ipv6 {
            let next = if self.extra.is_empty() { protocol } else { 43 };
            let mut header = vec![0x61, 0x23, 0x45, 0x67];
            header.extend(((length + self.extra.len()) as u16).to_be_bytes());
            header.extend([next, 64]);
            header.extend([0xfd; 16].iter().chain(&[0xfe; 16]));
            header.extend(&self.extra);
            return header;
        }
        let words = 5 + self.extra.len() / 4;
        let mut header = vec![0x40 | words as u8, 0x02];
        header.extend(((length + words * 4) as u16).to_be_bytes());
        header.extend(self.id.to_be_bytes());
        header.extend(self.fragment_field.to_be_bytes());
        header.extend([64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        header.extend(&self.extra);
        let value = checksum(&header).to_be_bytes();
        header[10..12].copy_from_slice(&value);
        header
    }

    /// The pseudo-header: for its sum, and for the whole checksum.
    fn pseudo_header(&self, length: usize) -> Vec<u8> {
        let mut bytes = if self.is_ipv6 { vec![0xfd; 16] } else { vec![10, 0, 0, 1] };
        match (self.is_ipv6, self.last_destination) {
            (true, Some(last)) => bytes.extend(last),
            (true, None) => bytes.extend([0xfe; 16]),
            (false, _) => bytes.extend([10, 0, 0, 2]),
        }
        bytes.extend((length as u32).to_be_bytes());
        bytes.extend([0, if self.is_udp { 17 } else { 6 }]);
        bytes
    }

    fn transport_header(&self) -> Vec<u8> {
        let mut header = b"\x12\x34\x56\x78".to_vec();
        if self.is_udp {
            header.extend(((8 + self.data.len()) as u16).to_be_bytes());
            header.extend([0, 0]);
            return header;
        }
        header.extend(self.sequence.to_be_bytes());
        header.extend(0x0102_0304_u32.to_be_bytes());
        header.extend([((5 + self.options.len() / 4) as u8) << 4, self.flags, 0x20, 0, 0, 0, 0, 0]);
        header.extend(&self.options);
        header
    }

    /// The frame with a whole checksum, or with that of the pseudo-header.
    fn build(&self, is_partial: bool) -> Vec<u8> {
        let mut transport = self.transport_header();
        transport.extend(&self.data);
        let pseudo = self.pseudo_header(transport.len());
        let value = if is_partial {
            !checksum(&pseudo)
        } else {
            match checksum(&[&pseudo[..], &transport].concat()) {
                0 => 0xffff,
                value => value,
            }
        };
        let at = self.checksum_offset();
        transport[at..at + 2].copy_from_slice(&value.to_be_bytes());
        let mut frame = vec![2; 12];
        if self.vlan {
            frame.extend([0x81, 0x00, 0x00, 0x07]);
        }
        frame.extend(if self.is_ipv6 { [0x86, 0xdd] } else { [0x08, 0x00] });
        frame.extend(self.ip_header(transport.len()));
        frame.extend(transport);
        frame
    }

    fn vnet(&self, size: u16) -> VnetHeader {
        let gso_type = match (self.is_udp, self.is_ipv6) {
            (true, _) => 5,
            (false, true) => 4,
            (false, false) => 1,
        };
        vnet(gso_type, size, self.transport(), self.checksum_offset())
    }

    /// What the frames of a super-frame have to be, one by one.
    fn cut(&self, size: usize) -> Vec<Vec<u8>> {
        let number = self.data.len().div_ceil(size);
        let segment = |(index, data): (usize, &[u8])| {
            let mut segment = self.clone();
            segment.data = data.to_vec();
            segment.sequence = self.sequence.wrapping_add((index * size) as u32);
            segment.id = self.id.wrapping_add(index as u16);
            segment.flags &= if index == 0 { 0xff } else { !CWR };
            segment.flags &= if index == number - 1 { 0xff } else { !(FIN | PSH) };
            segment.build(false)
        };
        self.data.chunks(size).enumerate().map(segment).collect()
    }
}

fn vnet(gso_type: u8, size: u16, from: usize, offset: usize) -> VnetHeader {
    let [a, b] = size.to_ne_bytes();
    let [c, d] = (from as u16).to_ne_bytes();
    let [e, f] = (offset as u16).to_ne_bytes();
    let mut bytes = [1, gso_type, 0, 0, a, b, c, d, e, f];
    VnetHeader::split(&mut bytes).unwrap().0
}

fn cut(header: &VnetHeader, frame: &[u8], size: usize) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let parsed = SuperFrame::parse(header, frame).unwrap();
    parsed.cut(size, &mut Vec::new(), |frame| frames.push(frame.to_vec()));
    frames
}

/// What a batch is written as: (header before it, frame) each.
fn join(frames: &[Vec<u8>], limits: JoinLimits) -> Vec<(VnetHeader, Vec<u8>)> {
    let mut joiner = Joiner::new();
    for frame in frames {
        joiner.push(7, frame, limits);
    }
    let write = |write| {
        let numbers: Vec<_> = joiner.frames(write).collect();
        match write.headers() {
            None => {
                assert_eq!(numbers.len(), 1);
                (VnetHeader::default(), frames[numbers[0]].clone())
            }
            Some((vnet, headers, length)) => {
                let data = numbers.iter().flat_map(|number| &frames[*number][length..]).copied();
                (vnet, headers[..length].iter().copied().chain(data).collect())
            }
        }
    };
    joiner.writes().iter().map(write).collect()
}

fn lengths(frames: &[Vec<u8>]) -> Vec<usize> {
    join(frames, ALL).iter().map(|(_, frame)| frame.len()).collect()
}

/// A stretch of TCP cut into frames.
fn stretch(plan: &Plan, size: usize) -> Vec<Vec<u8>> {
    cut(&plan.vnet(size as u16), &plan.build(true), size)
}

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
