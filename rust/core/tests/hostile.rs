//! Bytes of an attacker: nothing panics, nothing grows past its bound, nothing unauthentic opens.

use earthline_core::compress::{compress, decompress};
use earthline_core::fragment::{DEFAULT_SLOTS, Reassembler, Source, stranger_slots};
use earthline_core::identity::verify;
use earthline_core::keys::SessionKeys;
use earthline_core::packet::{
    Datagram, MAX_PACKET, VERB, VERB_COMPRESSED, header, increment_hops, mark_fragmented,
    set_trusted_path,
};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

const ROUNDS: usize = 20_000;

/// Random choices of one seed, so that a failure can be had again.
struct Dice(ChaCha8Rng);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.0.next_u64() % limit.max(1) as u64) as usize
    }

    /// Lengths near the borders of the format as often as any other.
    fn length(&mut self) -> usize {
        const BORDERS: [usize; 10] = [0, 4, 13, 16, 17, 18, 27, 28, 29, MAX_PACKET];
        match self.below(4) {
            0 => BORDERS[self.below(BORDERS.len())],
            1 => self.below(MAX_PACKET + 600),
            _ => self.below(300),
        }
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// Flip, cut, repeat or lengthen something.
    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len());
            match self.below(4) {
                0 => bytes.truncate(at),
                1 => bytes.extend_from_within(at..),
                2 => bytes.extend(std::iter::repeat_n(0xff, self.below(20))),
                _ => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << (at % 8)),
            }
        }
    }
}

fn keys() -> SessionKeys {
    SessionKeys::new(&[9; 48])
}

#[test]
fn random_packets_never_open() {
    let (keys, mut dice) = (keys(), Dice::new(1));
    for _ in 0..ROUNDS {
        let length = dice.length();
        let mut packet = dice.bytes(length);
        assert!(keys.open(&mut packet).is_err());
    }
}

#[test]
fn mutated_packets_never_open_as_something_else() {
    let (keys, mut dice) = (keys(), Dice::new(2));
    for round in 0..ROUNDS {
        let length = dice.below(400);
        let mut plain = header(round as u64, 1, 2, 6).to_vec();
        plain.extend(dice.bytes(length));
        let mut sealed = plain.clone();
        assert_eq!(keys.seal(&mut sealed, [0, 1, 3][round % 3]), Ok(()));
        let mut changed = sealed.clone();
        dice.mutate(&mut changed);
        if keys.open(&mut changed).is_ok() {
            assert_eq!(changed[VERB..], plain[VERB..], "round {round}");
        }
    }
}

#[test]
fn random_payloads_decompress_within_bounds_or_not_at_all() {
    let mut dice = Dice::new(3);
    for _ in 0..ROUNDS {
        let length = dice.length();
        let mut packet = dice.bytes(length);
        packet.iter_mut().skip(VERB).take(1).for_each(|verb| *verb |= VERB_COMPRESSED);
        if decompress(&mut packet).is_ok() {
            assert!(packet.len() <= MAX_PACKET);
        }
    }
}

#[test]
fn mutated_blocks_decompress_within_bounds_or_not_at_all() {
    let mut dice = Dice::new(4);
    for round in 0..ROUNDS {
        let mut packet = header(1, 2, 3, 6).to_vec();
        let period = 1 + dice.below(40);
        let pattern = dice.bytes(period);
        packet.extend(pattern.iter().cycle().take(dice.below(MAX_PACKET - 28)));
        let plain = packet.clone();
        compress(&mut packet);
        let mut whole = packet.clone();
        assert_eq!(decompress(&mut whole), Ok(()));
        assert_eq!(whole, plain, "round {round}");
        dice.mutate(&mut packet);
        let was_compressed = packet.get(VERB).is_some_and(|verb| verb & VERB_COMPRESSED != 0);
        if decompress(&mut packet).is_ok() && was_compressed {
            assert!(packet.len() <= MAX_PACKET, "round {round}");
        }
    }
}

#[test]
fn random_datagrams_never_fill_the_reassembly_buffer() {
    let (mut dice, mut buffer) = (Dice::new(5), Reassembler::new(DEFAULT_SLOTS));
    let slots = DEFAULT_SLOTS + stranger_slots(DEFAULT_SLOTS);
    for round in 0..ROUNDS as u64 {
        let length = dice.length();
        let mut datagram = dice.bytes(length);
        // Few IDs, so that pieces meet.
        datagram.iter_mut().take(7).for_each(|byte| *byte = 0);
        if dice.below(2) == 0 {
            datagram.iter_mut().skip(13).take(1).for_each(|byte| *byte = 0xff);
        } else {
            mark_fragmented(&mut datagram);
        }
        let source = Source { holder: dice.below(3) as u64, known: dice.below(2) == 0 };
        let assembled = match Datagram::classify(&datagram) {
            Datagram::Head(_) => buffer.accept_head(&datagram, round, source, round),
            Datagram::Fragment(fragment) => buffer.accept_fragment(fragment, source, round),
            Datagram::Beacon(_) | Datagram::Noise => None,
        };
        if let Some(assembled) = assembled {
            assert!((29..=MAX_PACKET).contains(&assembled.packet.len()));
        }
        assert!(buffer.bytes() <= slots * MAX_PACKET);
    }
}

#[test]
fn anything_can_be_classified_and_relayed() {
    let mut dice = Dice::new(6);
    for _ in 0..ROUNDS {
        let length = dice.length();
        let mut datagram = dice.bytes(length);
        if let Datagram::Head(head) = Datagram::classify(&datagram) {
            assert_eq!(head.payload().len() + 28, length);
        }
        increment_hops(&mut datagram);
        set_trusted_path(&mut datagram, 1);
        assert_eq!(datagram.len(), length);
    }
}

#[test]
fn random_signatures_never_hold() {
    let mut dice = Dice::new(7);
    for _ in 0..200 {
        let mut key = [0; 64];
        key.copy_from_slice(&dice.bytes(64));
        let length = dice.below(120);
        let signature = dice.bytes(length);
        assert!(!verify(&key, b"message", &signature));
    }
}
