//! What waits for the engines: in classes that take nothing from one another, with a line for each sender.
//!
//! | class | holds | a line for each |
//! |---|---|---|
//! | host | frames of our own TAPs | network |
//! | peers | authentic packets of known peers | peer |
//! | frames | what frames of known peers ask for | peer |
//! | newcomers | HELLOs that no known key fits | source prefix |
//! | strangers | packets of addresses without a session | source prefix |
//!
//! Everything before the last two is authentic, so that nobody can fill it in another's name; the engines take
//! of each class in turn, and of each line in turn: a sender who floods waits behind itself alone. What
//! strangers send, any number of them from any number of places, costs the engines a share of their time and no
//! more. Once more of it comes than they take, only who has tried often enough is let in ([`pressure`], [`tries`]).

mod pressure;
mod tries;

use crate::fair::{Bounds, FairQueue};
use crate::switch::ground::budget::Allowance;
use crate::switch::ground::tables::{GuardedMap, Keyed};
use crate::switch::out::punt::{FrameReason, Punt};
use pressure::Pressure;
use tries::Tries;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Host,
    Peers,
    Frames,
    Newcomers,
    Strangers,
}

/// What a class may hold, and how many the engines take of it in each round.
struct Terms {
    bounds: Bounds,
    share: usize,
    /// The counter of what was put out.
    evicted: &'static str,
}

const CLASSES: usize = 5;

/// In the order of the classes.
///
/// Of a peer as many packets may wait as we may have asked it questions at once (1,536). A round is what the
/// engines do before they look for fresh packets again: 36 things of 0.05 to 0.2 ms each, unless a newcomer's
/// identity has to be proved, which is why those are few.
const TERMS: [Terms; CLASSES] = [
    Terms { bounds: Bounds { all: 2048, each: 1024 }, share: 8, evicted: "drop_punt_host" },
    Terms { bounds: Bounds { all: 8192, each: 2048 }, share: 16, evicted: "drop_punt_peers" },
    Terms { bounds: Bounds { all: 2048, each: 512 }, share: 4, evicted: "drop_punt_frames" },
    Terms { bounds: Bounds { all: 512, each: 32 }, share: 4, evicted: "drop_punt_newcomers" },
    Terms { bounds: Bounds { all: 256, each: 64 }, share: 4, evicted: "drop_punt_strangers" },
];

/// Newcomers that are let in line: each costs the engines 0.1 ms, and an agreement of 0.05 ms elsewhere.
const NEWCOMERS: Allowance = Allowance { rate: 3000, burst: 256 };
/// Packets of strangers, likewise: each may cost a question to our roots.
const STRANGERS: Allowance = Allowance { rate: 1000, burst: 128 };
/// Of either no more than so many wait, so that none of those let in has to go for another.
const MARK: usize = 192;

/// Packets of one unknown address that may wait: one tells as much as many, but the first few frames of a flow
/// are worth keeping until the sender's identity is there.
const MAX_OF_A_STRANGER: u8 = 4;

/// What waits for the engines.
pub struct PuntQueue {
    classes: [FairQueue<u64, Punt>; CLASSES],
    /// How many packets wait of each unknown address.
    strangers: GuardedMap<u64, u8>,
    tries: Tries,
    newcomers: Pressure,
    others: Pressure,
    /// The class whose turn it is, and how many more may be taken of it.
    turn: (usize, usize),
    evicted: [u64; CLASSES],
    unrepeated: u64,
    repeated: u64,
}

impl PuntQueue {
    pub(crate) fn new(keyed: &Keyed) -> Self {
        Self {
            classes: TERMS.map(|terms| FairQueue::new(terms.bounds, keyed)),
            strangers: keyed.guarded_map(),
            tries: Tries::new(keyed),
            newcomers: Pressure::new(NEWCOMERS, MARK),
            others: Pressure::new(STRANGERS, MARK),
            turn: (0, TERMS[0].share),
            evicted: [0; CLASSES],
            unrepeated: 0,
            repeated: 0,
        }
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.classes.iter().map(FairQueue::len).sum()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.classes.iter().all(|class| class.len() == 0)
    }

    /// Have something wait for the engines. What finds no room puts out the oldest of who has most waiting.
    pub fn push(&mut self, punt: Punt, now: u64) {
        let (class, line) = class_of(&punt);
        if !self.lets_in(class, &punt, now) {
            return;
        }
        if let Some(evicted) = self.classes[class as usize].push(line, punt) {
            self.left(class, &evicted);
            self.evicted[class as usize] += 1;
        }
    }

    /// Take one round: of each class no more than its share, no more than `limit` altogether, and no more than
    /// `newcomers` HELLOs that no known key fits. The next round goes on where a limit ended this one.
    pub fn take(&mut self, limit: usize, newcomers: usize) -> Vec<Punt> {
        let mut taken = Vec::new();
        let newcomers_stay =
            self.classes[Class::Newcomers as usize].len().saturating_sub(newcomers);
        for _ in 0..CLASSES {
            while self.turn.1 > 0 && taken.len() < limit {
                let left = self.classes[self.turn.0].len();
                if self.turn.0 == Class::Newcomers as usize && left <= newcomers_stay {
                    break;
                }
                let Some(punt) = self.pop(self.turn.0) else { break };
                taken.push(punt);
                self.turn.1 -= 1;
            }
            if taken.len() == limit {
                break;
            }
            self.turn_to_next();
        }
        if self.turn.1 == 0 {
            self.turn_to_next();
        }
        taken
    }

    /// What was dropped, by name, and how many wait now.
    pub fn counters(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let evicted = TERMS.iter().map(|terms| terms.evicted).zip(self.evicted);
        evicted.chain([
            ("drop_punt_unrepeated", self.unrepeated),
            ("drop_punt_repeated", self.repeated),
            ("punts_waiting", self.len() as u64),
        ])
    }

    const fn turn_to_next(&mut self) {
        let next = (self.turn.0 + 1) % CLASSES;
        self.turn = (next, TERMS[next].share);
    }

    /// Whether a stranger's packet may wait; all others may.
    fn lets_in(&mut self, class: Class, punt: &Punt, now: u64) -> bool {
        match class {
            Class::Host | Class::Peers | Class::Frames => true,
            Class::Newcomers => self.has_paid(class, punt, now),
            Class::Strangers => {
                if self.strangers.get(&punt.source()) == Some(&MAX_OF_A_STRANGER) {
                    self.repeated += 1;
                    return false;
                }
                let lets_in = self.has_paid(class, punt, now);
                if lets_in {
                    *self.strangers.entry(punt.source()).or_default() += 1;
                }
                lets_in
            }
        }
    }

    /// Whether somebody has tried often enough; whichever port it tries by, as newcomers have several sockets.
    fn has_paid(&mut self, class: Class, punt: &Punt, now: u64) -> bool {
        let pressure =
            if class == Class::Newcomers { &mut self.newcomers } else { &mut self.others };
        let who = (class as usize, class_of(punt).1, punt.source());
        let worth = self.tries.note(who, now);
        let has_paid = pressure.lets_in(worth, self.classes[class as usize].len(), now);
        if has_paid {
            self.tries.spend(who, now);
        } else {
            self.unrepeated += 1;
        }
        has_paid
    }

    fn pop(&mut self, class: usize) -> Option<Punt> {
        let punt = self.classes.get_mut(class)?.pop()?;
        if class == Class::Strangers as usize {
            self.left(Class::Strangers, &punt);
        }
        Some(punt)
    }

    /// A packet does not wait any more.
    fn left(&mut self, class: Class, punt: &Punt) {
        if class != Class::Strangers {
            return;
        }
        if let Some(waiting) = self.strangers.get_mut(&punt.source()) {
            *waiting -= 1;
            if *waiting == 0 {
                self.strangers.remove(&punt.source());
            }
        }
    }
}

/// Where something waits: its class, and its line in that.
fn class_of(punt: &Punt) -> (Class, u64) {
    match punt {
        Punt::Frame { reason: FrameReason::Replicate(_), .. }
        | Punt::Gate { .. }
        | Punt::Rules { .. }
        | Punt::NewPath(_)
        | Punt::Introduce { .. }
        | Punt::Gather { .. }
        | Punt::Ack { .. } => (Class::Frames, punt.source()),
        Punt::Frame { network, .. } | Punt::PushDue { network, .. } => (Class::Host, *network),
        Punt::Hello { authentic: false, path, .. } => (Class::Newcomers, path.prefix()),
        Punt::UnknownSource { path, .. } => (Class::Strangers, path.prefix()),
        Punt::Hello { .. } | Punt::Packet { .. } => (Class::Peers, punt.source()),
    }
}
