//! What a kernel may hand over, and frames of anybody, damaged: completing, cutting, joining, sending.
//!
//! `make fuzz TARGET=offload` sets `FUZZ_SECONDS` and `FUZZ_SEED`; without them a fixed number of rounds is
//! done, from a seed of the moment. What fails says its seed.

mod superframes;
mod switchboard;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use earthline_core::offload::{SuperFrame, VNET_LENGTH, VnetHeader, complete_checksum};
use earthline_core::switch::Output;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use superframes::{ACK, ALL, Plan, apart, join};
use switchboard::{Lan, NETWORK, NOW};

const ROUNDS: u64 = 4_000;
/// Of a frame that is written: headers, and the longest IP packet.
const LONGEST: usize = 70_000;

fn below(random: &mut ChaCha8Rng, limit: usize) -> usize {
    random.next_u32() as usize % limit.max(1)
}

fn one_of<T: Copy>(random: &mut ChaCha8Rng, choices: &[T]) -> T {
    choices[below(random, choices.len())]
}

/// Some bytes changed, left out or put in.
fn damage(random: &mut ChaCha8Rng, bytes: &mut Vec<u8>) {
    for _ in 0..below(random, 4) {
        let at = below(random, bytes.len());
        // Headers are where it hurts.
        let at = if below(random, 4) > 0 { at.min(below(random, 70)) } else { at };
        match below(random, 4) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at.min(bytes.len()), random.next_u32() as u8),
            _ => {
                let any = random.next_u32() as u8;
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = one_of(random, &[0, 1, 0x7f, 0xff, any]);
                }
            }
        }
    }
}

fn plan(random: &mut ChaCha8Rng, data: usize) -> Plan {
    let kind = one_of(random, &[Plan::tcp, Plan::udp]);
    let mut plan = Plan { port: below(random, 3) as u16, ..kind(data) };
    let any = random.next_u32();
    plan.flags = one_of(random, &[ACK, ACK, any as u8]);
    plan.sequence = one_of(random, &[0, 0_u32.wrapping_sub(1_000), any]);
    plan.tags = one_of(random, &[&[][..], superframes::TAG, superframes::TWO_TAGS]);
    if below(random, 2) == 0 { plan.ipv6() } else { plan }
}

/// A header and a frame that are a super-frame, more or less.
fn exchanged(random: &mut ChaCha8Rng) -> Vec<u8> {
    let data = one_of(random, &[0, 1, 100, 1_400, 9_000, 60_000]);
    let plan = plan(random, data);
    let size = one_of(random, &[0, 1, 100, 1_400, u16::MAX]);
    let mut header = plan.vnet(size).bytes().to_vec();
    if below(random, 4) == 0 {
        damage(random, &mut header);
        header.resize(VNET_LENGTH, 0);
    }
    let mut frame = plan.build(true);
    damage(random, &mut frame);
    [header, frame].concat()
}

/// Whatever the kernel hands over is refused, or comes apart into frames of the length asked for.
fn from_the_kernel(random: &mut ChaCha8Rng, lan: &mut Lan) {
    let mut bytes = exchanged(random);
    let before = bytes.len();
    let Some((header, frame)) = VnetHeader::split(&mut bytes) else { return };
    let _ = complete_checksum(&header, frame);
    if let Ok(whole) = SuperFrame::parse(&header, frame) {
        let size = one_of(random, &[whole.size(), 1_000, 1_400]);
        let headers = whole.headers().len();
        let data = before - VNET_LENGTH - headers;
        let (mut count, mut length) = (0, 0);
        whole.cut(size, &mut Vec::new(), |frame| {
            assert!(frame.len() <= headers + size, "a frame of {} bytes", frame.len());
            (count, length) = (count + 1, length + frame.len() - headers);
        });
        assert_eq!(length, data, "bytes are missing, or there twice");
        assert_eq!(count, data.div_ceil(size).max(1));
        let mut out = Output::new();
        lan.alice.switch.ingest_super_frame(NETWORK, &whole, NOW, &mut out);
    }
    assert_eq!(bytes.len(), before);
}

/// Frames of anybody are written, each once, and come apart again as they were.
fn to_the_kernel(random: &mut ChaCha8Rng) {
    let mut flows: Vec<Plan> = (0..=below(random, 3)).map(|_| plan(random, 300)).collect();
    let mut frames = Vec::new();
    for _ in 0..below(random, 40) {
        let which = below(random, flows.len());
        let flow = &mut flows[which];
        let mut frame = flow.build(false);
        flow.sequence = flow.sequence.wrapping_add(flow.data.len() as u32);
        flow.id = flow.id.wrapping_add(1);
        if below(random, 4) == 0 {
            damage(random, &mut frame);
        }
        frames.push(frame);
    }
    let writes = join(&frames, ALL);
    assert!(writes.iter().all(|(_, frame)| frame.len() <= LONGEST));
    let written: usize = apart(&writes).len();
    assert_eq!(written, frames.len(), "frames are missing, or there twice");
}

#[test]
fn fuzz_offload() {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let moment = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    let first = number("FUZZ_SEED").unwrap_or(moment as u64 >> 10);
    let until = number("FUZZ_SECONDS").map(|s| Instant::now() + Duration::from_secs(s));
    let mut lan = Lan::new(3);
    let mut round = 0;
    while until.map_or(round < ROUNDS, |until| Instant::now() < until) {
        let seed = first.wrapping_add(round);
        let told = Told(seed);
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        from_the_kernel(&mut random, &mut lan);
        to_the_kernel(&mut random);
        drop(told);
        round += 1;
    }
    println!("offload: {round} rounds from seed {first} on, nothing found");
}

/// Says the seed if it is dropped by a panic.
struct Told(u64);

impl Drop for Told {
    #[expect(clippy::print_stdout, reason = "that is what it is for")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            let command = "cargo test --release --locked --package earthline-core fuzz_offload";
            println!("repeated by: FUZZ_SEED={} FUZZ_SECONDS=1 {command}", self.0);
        }
    }
}
