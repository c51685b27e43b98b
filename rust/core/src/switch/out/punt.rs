//! What the switch has no entry for, handed to the engines.

use crate::switch::reach::paths::Path;

/// How an authentic packet came.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// The path it came by; of a fragmented packet, its head.
    pub path: Path,
    /// Whose it is.
    pub source: u64,
    /// Its ID on the wire.
    pub packet_id: u64,
    /// How often it was relayed.
    pub hops: u8,
    /// The cipher suite it came with.
    pub suite: u8,
    /// The verb, without flags.
    pub verb: u8,
    /// How many bytes came, compressed as it was, of what no punt has told yet: who sends them may have so many
    /// answered, times three, by a path that it did not show to be its own.
    pub size: usize,
}

/// Why a frame was punted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameReason {
    /// The destination does not hold our credentials, as far as we know.
    Member,
    /// There is no session with it, or no route to it.
    Route,
    /// No recipients of the group are installed, or they are stale.
    Multicast,
    /// A neighbour solicitation that may be answered here (03, 8.8).
    Neighbour,
    /// For a MAC behind this bridge, which cannot be reached.
    Bridge(u64),
    /// This member asks us to replicate it, and no recipients of the group are installed.
    Replicate(u64),
}

impl FrameReason {
    /// The name the engines know it by.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Route => "route",
            Self::Multicast => "multicast",
            Self::Neighbour => "neighbour",
            Self::Bridge(_) => "bridge",
            Self::Replicate(_) => "replicate",
        }
    }

    /// The node it is about, or 0: the frame itself names it, or there is none.
    pub const fn node(self) -> u64 {
        match self {
            Self::Bridge(node) | Self::Replicate(node) => node,
            Self::Member | Self::Route | Self::Multicast | Self::Neighbour => 0,
        }
    }
}

/// Something for the engines.
#[derive(Clone, Debug)]
pub enum Punt {
    /// A well-formed suite-0 HELLO, whole.
    Hello {
        /// The path it came by.
        path: Path,
        /// Whose it says it is.
        source: u64,
        /// Whether its MAC fits the key of its source's session.
        authentic: bool,
        /// All of it.
        packet: Vec<u8>,
    },
    /// A packet from an address without a session, whole and sealed.
    UnknownSource {
        /// The path it came by.
        path: Path,
        /// Whose it says it is.
        source: u64,
        /// All of it.
        packet: Vec<u8>,
    },
    /// A decompressed packet of a verb that is not the switch's.
    Packet {
        /// How it came.
        arrival: Arrival,
        /// What follows the header.
        payload: Vec<u8>,
    },
    /// A frame packet whose sender is not admitted to its network.
    Gate {
        /// How it came.
        arrival: Arrival,
        /// What follows the header.
        payload: Vec<u8>,
        /// The network's ID.
        network: u64,
    },
    /// A frame packet that the rules refuse while its sender is known by no credentials.
    Rules {
        /// How it came.
        arrival: Arrival,
        /// What follows the header.
        payload: Vec<u8>,
        /// The network's ID.
        network: u64,
    },
    /// A frame that no entry covers: of the TAP, or of a member that has us replicate it.
    Frame {
        /// The network's ID.
        network: u64,
        /// With its header.
        frame: Vec<u8>,
        /// What is missing.
        reason: FrameReason,
    },
    /// A direct frame packet came by a path its sender is not known by.
    NewPath(Arrival),
    /// A packet was relayed between two peers that may be introduced.
    Introduce {
        /// Whose it says it is.
        source: u64,
        /// Where it went.
        destination: u64,
    },
    /// Frames flow to a member whose copy of our credentials is old.
    PushDue {
        /// The network's ID.
        network: u64,
        /// The member.
        address: u64,
    },
    /// A multicast frame asked for members of its group.
    Gather {
        /// How it came.
        arrival: Arrival,
        /// The network's ID.
        network: u64,
        /// The MAC of the group.
        mac: u64,
        /// The ADI of the group.
        adi: u32,
        /// How many members are asked for.
        limit: u32,
    },
    /// A frame asked to be acknowledged.
    Ack {
        /// How it came.
        arrival: Arrival,
        /// The network's ID.
        network: u64,
    },
}

impl Punt {
    /// The address it came from, or 0: from our own host.
    pub const fn source(&self) -> u64 {
        match self {
            Self::Hello { source, .. }
            | Self::UnknownSource { source, .. }
            | Self::Introduce { source, .. } => *source,
            Self::Packet { arrival, .. }
            | Self::Gate { arrival, .. }
            | Self::Rules { arrival, .. }
            | Self::NewPath(arrival)
            | Self::Gather { arrival, .. }
            | Self::Ack { arrival, .. } => arrival.source,
            Self::Frame { reason: FrameReason::Replicate(member), .. } => *member,
            Self::Frame { .. } | Self::PushDue { .. } => 0,
        }
    }
}
