//! Cutting undoes joining and joining undoes cutting, to the last bit.

mod superframes;

use std::collections::BTreeMap;

use earthline_core::offload::SuperFrame;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use superframes::{ACK, ALL, CWR, FIN, PSH, Plan, TAG, apart, cut, join};

const DONT_FRAGMENT: u16 = 0x4000;
const OPTIONS: [&[u8]; 3] = [b"", b"\x01\x01\x08\x0atsvltser", b"\x01\x01\x05\x0asackedxx"];

fn below(random: &mut ChaCha12Rng, limit: usize) -> usize {
    random.next_u32() as usize % limit
}

fn one_in(random: &mut ChaCha12Rng, number: usize) -> bool {
    below(random, number) == 0
}

/// A flow of any kind that is joined, with data of this length.
fn random_plan(random: &mut ChaCha12Rng, data: usize) -> Plan {
    let kind = if one_in(random, 2) { Plan::tcp } else { Plan::udp };
    let mut plan = Plan {
        is_ipv6: one_in(random, 2),
        port: random.next_u32() as u16,
        // Numbers that wrap are as frequent as all others.
        sequence: if one_in(random, 2) { 0_u32.wrapping_sub(1000) } else { random.next_u32() },
        id: if one_in(random, 2) { 0xfffe } else { random.next_u32() as u16 },
        fragment_field: if one_in(random, 2) { DONT_FRAGMENT } else { 0 },
        ..kind(0)
    };
    if !plan.is_udp {
        plan.options = OPTIONS[below(random, OPTIONS.len())].to_vec();
        plan.flags = if one_in(random, 2) { ACK | PSH } else { ACK };
    }
    plan.data = vec![0; data];
    random.fill_bytes(&mut plan.data);
    plan
}

#[test]
fn super_frame_that_is_cut_and_joined_is_the_same() {
    let mut random = ChaCha12Rng::from_seed([14; 32]);
    for _ in 0..2_000 {
        let size = 1 + below(&mut random, 1460);
        let number = 2 + below(&mut random, 63.min(65_000 / size - 1));
        let data = size * (number - 1) + 1 + below(&mut random, size);
        let plan = random_plan(&mut random, data);
        let frames = plan.cut(size);
        let whole = plan.build(true);
        assert_eq!(cut(&plan.vnet(size as u16), &whole, size), frames);
        let [(header, joined)] = &join(&frames, ALL)[..] else { panic!("not joined to one") };
        assert_eq!(*joined, whole);
        assert_eq!(SuperFrame::parse(header, joined).unwrap().size(), size);
        assert_eq!(apart(&[(*header, joined.clone())]), frames);
    }
}

#[test]
fn frames_of_any_batch_are_there_again_in_the_order_of_their_flow() {
    let mut random = ChaCha12Rng::from_seed([11; 32]);
    let (mut pushed, mut written) = (0, 0);
    for round in 0..1_000 {
        let frames = random_batch(&mut random);
        let writes = join(&frames, ALL);
        assert!(by_flow(&apart(&writes)) == by_flow(&frames), "batch {round}");
        (pushed, written) = (pushed + frames.len(), written + writes.len());
    }
    assert!(written < pushed / 2, "{pushed} frames were written as {written}");
}

/// Frames of some flows in turn, one in eight of them odd.
fn random_batch(random: &mut ChaCha12Rng) -> Vec<Vec<u8>> {
    let mut flows: Vec<_> = (0..=below(random, 5)).map(|_| random_plan(random, 500)).collect();
    let mut frames = Vec::new();
    for _ in 0..below(random, 80) {
        let which = below(random, flows.len());
        let flow = &mut flows[which];
        let mut plan = Plan { flags: ACK, ..flow.clone() };
        let odd = below(random, 64);
        match odd {
            0 => plan.data.truncate(1 + below(random, 499)),
            1 => plan.data.clear(),
            2 => plan.data.extend([7; 100]),
            3 => plan.flags |= PSH,
            4 => plan.flags |= if one_in(random, 2) { FIN } else { CWR },
            5 => plan.tags = TAG,
            6 => plan.id = plan.id.wrapping_add(3),
            7 => plan.sequence = plan.sequence.wrapping_sub(500),
            _ => {}
        }
        flow.sequence = plan.sequence.wrapping_add(plan.data.len() as u32);
        flow.id = plan.id.wrapping_add(1);
        let mut frame = plan.build(false);
        if odd == 8 {
            let at = below(random, frame.len());
            // With another length in its header it is no TCP any more.
            let at = if at == plan.transport() + 12 { at + 1 } else { at };
            frame[at] ^= 1 << below(random, 8);
        }
        frames.push(frame);
    }
    frames
}

/// The frames of each flow in order. What means nothing in a packet that must not be fragmented is left out.
fn by_flow(frames: &[Vec<u8>]) -> BTreeMap<Vec<u8>, Vec<Vec<u8>>> {
    let mut flows = BTreeMap::<_, Vec<_>>::new();
    for frame in frames {
        let mut frame = frame.clone();
        if frame[12..15] == [0x08, 0x00, 0x45] && frame[20] & 0x40 != 0 {
            frame[18..20].fill(0);
            frame[24..26].fill(0);
        }
        flows.entry(flow_of(&frame)).or_default().push(frame);
    }
    flows
}

/// What is the same in all frames of a flow: version, protocol, addresses, ports, and being no fragment.
fn flow_of(frame: &[u8]) -> Vec<u8> {
    match frame[12..15] {
        [0x08, 0x00, 0x45] => [&[frame[20] & 0x3f, frame[21], frame[23]], &frame[26..38]].concat(),
        [0x86, 0xdd, high] => [&[high >> 4, frame[20]], &frame[22..58]].concat(),
        _ => frame.to_vec(),
    }
}
