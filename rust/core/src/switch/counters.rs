//! What the switch counts, by name.

use super::frames::{EXT_FRAME, FRAME, MULTICAST_FRAME};

macro_rules! counters {
    ($($variant:ident $name:literal $meaning:literal,)*) => {
        /// Something that is counted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Counter { $(#[doc = $meaning] $variant,)* }

        const NAMES: &[&str] = &[$($name),*];
    };
}

counters! {
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
    DropNoise "drop_noise" "Too short for a packet or a fragment.",
    DropHelloMalformed "drop_hello_malformed" "HELLOs that end too early, or hold no identity.",
    DropHelloProtocol "drop_hello_protocol" "HELLOs of protocol versions that are not spoken any more.",
    DropHelloSource "drop_hello_source" "HELLOs with an identity of another address than their source.",
    DropReservedSource "drop_reserved_source" "Packets of an address that no other node can have.",
    DropNewcomerBudget "drop_newcomer_budget" "HELLOs of unknown senders beyond what a prefix may send.",
    DropStrangerBudget "drop_stranger_budget" "Packets of unknown addresses, likewise.",
    DropPeerBudget "drop_peer_budget" "What a known peer asked for beyond what each may.",
    DropOwnSource "drop_own_source" "Packets that claim to be ours.",
    DropHops "drop_hops" "Not relayed: relayed too often already.",
    DropRelayUntrusted "drop_relay_untrusted" "Not relayed: an arrival path nobody trusts.",
    DropRelayRoute "drop_relay_route" "Not relayed: no way to the destination.",
    DropUnauthentic "drop_unauthentic" "The MAC does not fit, or the suite is unknown.",
    DropTrustedPath "drop_trusted_path" "Suite 2 from where it is not accepted.",
    DropCompression "drop_compression" "Payloads that do not decompress.",
    DropMalformed "drop_malformed" "Frame packets that end too early.",
    DropVerb "drop_verb" "Packets to deliver that carry no frame.",
    DropNetwork "drop_network" "Frames of a network that is not installed.",
    DropGate "drop_gate" "Delivered packets whose sender is still not admitted.",
    DropRules "drop_rules" "Frames refused by the network's rules.",
    DropRulesMalformed "drop_rules_malformed" "Frames of networks whose rules cannot be read.",
    DropCopy "drop_copy" "Copies for observers that cannot be reached now.",
    DropMtu "drop_mtu" "Frames longer than the network's MTU.",
    DropFrame "drop_frame" "Frames of a TAP without a whole Ethernet header.",
    DropSourceMac "drop_source_mac" "Frames whose source MAC is impossible or not allowed.",
    DropBridge "drop_bridge" "Frames that only a bridge may send or take.",
    DropBroadcast "drop_broadcast" "Broadcasts where the network forbids them.",
    DropMulticast "drop_multicast" "Multicast where the network has none, or to no multicast MAC.",
    DropSendBudget "drop_send_budget" "Multicast frames of ours beyond the network's budget.",
    DropReceiveBudget "drop_receive_budget" "Multicast frames of a member beyond its budget.",
    DropDestination "drop_destination" "Frames to MACs that no node can have.",
    DropRoute "drop_route" "Frames for peers that cannot be reached now.",
    DropTooLarge "drop_too_large" "Frames that fit into no packet of the route's datagrams.",
}

impl Counter {
    /// For a packet that came in, if it carries a frame; the engines count all others.
    pub(super) const fn came_in(verb: u8) -> Option<Self> {
        match verb {
            FRAME => Some(Self::RxFrame),
            EXT_FRAME => Some(Self::RxExtFrame),
            MULTICAST_FRAME => Some(Self::RxMulticastFrame),
            _ => None,
        }
    }

    /// For a packet that went out, likewise.
    pub(super) const fn went_out(verb: u8) -> Option<Self> {
        match verb {
            FRAME => Some(Self::TxFrame),
            EXT_FRAME => Some(Self::TxExtFrame),
            MULTICAST_FRAME => Some(Self::TxMulticastFrame),
            _ => None,
        }
    }
}

/// A number for each [`Counter`].
pub(super) struct Counters([u64; NAMES.len()]);

impl Counters {
    pub(super) const fn new() -> Self {
        Self([0; NAMES.len()])
    }

    pub(super) fn add(&mut self, counter: Counter) {
        self.0[counter as usize] += 1;
    }

    /// What is counted under no name is left out.
    pub(super) fn add_if(&mut self, counter: Option<Counter>) {
        if let Some(counter) = counter {
            self.add(counter);
        }
    }

    pub(super) fn add_many(&mut self, counter: Counter, number: usize) {
        self.0[counter as usize] += number as u64;
    }

    /// Every counter with its name, zeros included.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        NAMES.iter().copied().zip(self.0)
    }
}
