//! What the switch has no entry for, handed to the engines.

use super::paths::Path;

/// Which event a [`Punt`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PuntKind {
    /// A well-formed suite-0 HELLO, whole; [`Punt::authentic`] says whether a session's key fits it.
    Hello,
    /// A packet from an address without a session, whole and sealed.
    UnknownSource,
    /// An authenticated, decompressed packet of a verb that is not the switch's.
    Packet,
    /// The same, of a frame whose sender is not admitted to its network.
    Gate,
    /// The same, of a frame that the rules refuse while its sender is known by no credentials.
    Rules,
    /// A frame of the TAP that no entry covers.
    Frame,
    /// A direct, authentic frame packet came by a path its sender is not known by.
    NewPath,
    /// A packet was relayed between two peers that may be introduced.
    Introduce,
    /// Frames flow to a member whose copy of our credentials is old.
    PushDue,
    /// A multicast frame asked for members of its group.
    Gather,
    /// A frame asked to be acknowledged.
    Ack,
}

impl PuntKind {
    /// The name the engines know it by.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hello => "hello",
            Self::UnknownSource => "unknown_source",
            Self::Packet => "packet",
            Self::Gate => "gate",
            Self::Rules => "rules",
            Self::Frame => "frame",
            Self::NewPath => "new_path",
            Self::Introduce => "introduce",
            Self::PushDue => "push_due",
            Self::Gather => "gather",
            Self::Ack => "ack",
        }
    }
}

/// Why a frame of the TAP was punted.
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
    /// For a MAC behind a bridge (`destination`) that cannot be reached.
    Bridge,
    /// A member (`source`) asks us to replicate it, and no recipients of the group are installed.
    Replicate,
}

impl FrameReason {
    /// The name the engines know it by.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Route => "route",
            Self::Multicast => "multicast",
            Self::Neighbour => "neighbour",
            Self::Bridge => "bridge",
            Self::Replicate => "replicate",
        }
    }
}

/// Something for the engines; fields that do not apply to its kind are zero, empty or `None`.
#[derive(Clone, Debug)]
pub struct Punt {
    /// Which event it is.
    pub kind: PuntKind,
    /// The path it came by.
    pub path: Option<Path>,
    /// The address it came from.
    pub source: u64,
    /// The address it goes to.
    pub destination: u64,
    /// The ID of the packet on the wire.
    pub packet_id: u64,
    /// How often the packet was relayed.
    pub hops: u8,
    /// The cipher suite it came with.
    pub suite: u8,
    /// Its verb, without flags.
    pub verb: u8,
    /// Bytes of the packet as received, pieces joined; 0 if another punt of the same packet carries them, or if
    /// this kind of punt needs none.
    pub size: usize,
    /// The network ID.
    pub network: u64,
    /// The MAC of the multicast group.
    pub mac: u64,
    /// The ADI of the multicast group.
    pub adi: u32,
    /// How many group members are asked for.
    pub limit: u32,
    /// Why a frame was punted.
    pub reason: Option<FrameReason>,
    /// Of a HELLO: whether its MAC fits the key of its source's session.
    pub authentic: bool,
    /// The raw packet, the decrypted payload, or the frame.
    pub data: Vec<u8>,
}

impl Punt {
    pub(super) const fn new(kind: PuntKind) -> Self {
        Self {
            kind,
            path: None,
            source: 0,
            destination: 0,
            packet_id: 0,
            hops: 0,
            suite: 0,
            verb: 0,
            size: 0,
            network: 0,
            mac: 0,
            adi: 0,
            limit: 0,
            reason: None,
            authentic: false,
            data: Vec::new(),
        }
    }
}
