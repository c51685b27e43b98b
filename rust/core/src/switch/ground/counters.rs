//! What the switch counts, by name.

use crate::switch::ground::frames::{EXT_FRAME, FRAME, MULTICAST_FRAME};

macro_rules! counters {
    ($(#[$about:meta])* $type:ident, $names:ident;
     $($variant:ident $name:literal $meaning:literal,)*) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(in crate::switch) enum $type { $(#[doc = $meaning] $variant,)* }

        const $names: &[&str] = &[$($name),*];
    };
}

counters! {
    /// Something that moved.
    Counter, MOVED;
    PacketsRx "packets_rx" "Datagrams that came in.",
    PacketsTx "packets_tx" "Datagrams that went out.",
    FramesRx "frames_rx" "Ethernet frames of peers given to a TAP.",
    FramesTx "frames_tx" "Ethernet frames of a TAP sent to one peer each.",
    RxFrame "rx_frame" "`FRAME` packets that came in.",
    RxExtFrame "rx_ext_frame" "`EXT_FRAME` packets that came in.",
    RxMulticastFrame "rx_multicast_frame" "`MULTICAST_FRAME` packets that came in.",
    TxFrame "tx_frame" "`FRAME` packets that went out.",
    TxExtFrame "tx_ext_frame" "`EXT_FRAME` packets that went out.",
    TxMulticastFrame "tx_multicast_frame" "`MULTICAST_FRAME` packets that went out.",
    Relayed "relayed" "Datagrams passed on for others.",
    Punts "punts" "Things handed to the engines.",
}

counters! {
    /// Why something was dropped.
    DropReason, DROPPED;
    Noise "drop_noise" "Too short for a packet or a fragment.",
    HelloMalformed "drop_hello_malformed" "HELLOs that end too early, or hold no identity.",
    HelloProtocol "drop_hello_protocol" "HELLOs of protocol versions that are not spoken any more.",
    HelloSource "drop_hello_source" "HELLOs with an identity of another address than their source.",
    ReservedSource "drop_reserved_source" "Packets of an address that no other node can have.",
    NewcomerBudget "drop_newcomer_budget" "HELLOs of unknown senders beyond what a prefix may send.",
    StrangerBudget "drop_stranger_budget" "Packets of unknown addresses, likewise.",
    PeerBudget "drop_peer_budget" "What a known peer asked for beyond what each may.",
    OwnSource "drop_own_source" "Packets that claim to be ours.",
    Hops "drop_hops" "Not relayed: relayed too often already.",
    RelayUntrusted "drop_relay_untrusted" "Not relayed: an arrival path nobody trusts.",
    RelayRoute "drop_relay_route" "Not relayed: no way to the destination.",
    Unauthentic "drop_unauthentic" "The MAC does not fit, or the suite is unknown.",
    TrustedPath "drop_trusted_path" "Suite 2 from where it is not accepted.",
    Compression "drop_compression" "Payloads that do not decompress.",
    Malformed "drop_malformed" "Frame packets that end too early.",
    Verb "drop_verb" "Packets to deliver that carry no frame.",
    Network "drop_network" "Frames of a network that is not installed.",
    Gate "drop_gate" "Delivered packets whose sender is still not admitted.",
    Rules "drop_rules" "Frames refused by the network's rules.",
    RulesMalformed "drop_rules_malformed" "Frames of networks whose rules cannot be read.",
    Copy "drop_copy" "Copies for observers that cannot be reached now.",
    Mtu "drop_mtu" "Frames longer than the network's MTU.",
    Frame "drop_frame" "Frames of a TAP without a whole Ethernet header.",
    SourceMac "drop_source_mac" "Frames whose source MAC is impossible or not allowed.",
    Bridge "drop_bridge" "Frames that only a bridge may send or take.",
    Broadcast "drop_broadcast" "Broadcasts where the network forbids them.",
    Multicast "drop_multicast" "Multicast where the network has none, or to no multicast MAC.",
    SendBudget "drop_send_budget" "Multicast frames of ours beyond the network's budget.",
    ReceiveBudget "drop_receive_budget" "Multicast frames of a member beyond its budget.",
    Destination "drop_destination" "Frames to MACs that no node can have.",
    Route "drop_route" "Frames for peers that cannot be reached now.",
    TooLarge "drop_too_large" "Frames that fit into no packet of the route's datagrams.",
}

impl Counter {
    /// For a packet that came in, if it carries a frame; the engines count all others.
    pub(in crate::switch) const fn came_in(verb: u8) -> Option<Self> {
        match verb {
            FRAME => Some(Self::RxFrame),
            EXT_FRAME => Some(Self::RxExtFrame),
            MULTICAST_FRAME => Some(Self::RxMulticastFrame),
            _ => None,
        }
    }

    /// For a packet that went out, likewise.
    pub(in crate::switch) const fn went_out(verb: u8) -> Option<Self> {
        match verb {
            FRAME => Some(Self::TxFrame),
            EXT_FRAME => Some(Self::TxExtFrame),
            MULTICAST_FRAME => Some(Self::TxMulticastFrame),
            _ => None,
        }
    }
}

/// A number for each [`Counter`] and each [`DropReason`].
pub(in crate::switch) struct Counters {
    moved: [u64; MOVED.len()],
    dropped: [u64; DROPPED.len()],
}

impl Counters {
    pub(in crate::switch) const fn new() -> Self {
        Self { moved: [0; MOVED.len()], dropped: [0; DROPPED.len()] }
    }

    pub(in crate::switch) fn add(&mut self, counter: Counter) {
        self.moved[counter as usize] += 1;
    }

    /// What is counted under no name is left out.
    pub(in crate::switch) fn add_if(&mut self, counter: Option<Counter>) {
        if let Some(counter) = counter {
            self.add(counter);
        }
    }

    pub(in crate::switch) fn add_many(&mut self, counter: Counter, number: usize) {
        self.moved[counter as usize] += number as u64;
    }

    pub(in crate::switch) fn dropped(&mut self, reason: DropReason) {
        self.dropped[reason as usize] += 1;
    }

    /// Every counter with its name, zeros included.
    pub(in crate::switch) fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let moved = MOVED.iter().copied().zip(self.moved);
        moved.chain(DROPPED.iter().copied().zip(self.dropped))
    }
}
