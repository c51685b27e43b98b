//! The commands that the switch carries out: the dataclasses of `earthline.effects`, as they are.

use earthline_core::switch::{self as core, Arrival, Opened};
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyType;

use crate::convert::{
    Allowance, Ip, Key, Node, Path, PublicKey, RouteMtu, SendingSuite, credentials,
};
use crate::events::class;

/// Dataclasses by the attributes that are taken of them.
macro_rules! dataclasses {
    ($($name:ident { $($field:ident: $type:ty),* $(,)? })*) => {$(
        pub(crate) struct $name { $($field: $type),* }

        impl FromPyObject<'_, '_> for $name {
            type Error = PyErr;

            fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
                let py = object.py();
                Ok(Self {
                    $($field: object.getattr(intern!(py, stringify!($field)))?.extract()?),*
                })
            }
        }
    )*};
}

/// One command of any kind.
macro_rules! commands {
    ($($name:ident,)*) => {
        pub(crate) enum Command { $($name($name)),* }

        impl FromPyObject<'_, '_> for Command {
            type Error = PyErr;

            fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
                let (py, kind) = (object.py(), object.get_type());
                $(if kind.is(class!(py, stringify!($name))?) {
                    return object.extract().map(Self::$name);
                })*
                Err(PyTypeError::new_err(format!("{kind} is no command for the switch")))
            }
        }
    };
}

dataclasses! {
    InstallSession { address: Node, key: Key, suite: SendingSuite, public_key: PublicKey }
    RemoveSession { address: u64 }
    InstallRoute {
        address: Node,
        path: Option<Path>,
        direct: bool,
        mtu: RouteMtu,
        trusted_path_id: u64,
    }
    InstallPaths { address: Node, paths: Vec<Path> }
    InstallRelay { open: bool, upstream: u64, path: Option<Path> }
    TrustPath { address: u64, path: Path }
    NetworkEntry {
        network: u64,
        mtu: usize,
        public: bool,
        broadcast: bool,
        emulate_neighbours: bool,
        compress_multicast: bool,
        multicast_limit: u32,
        bridges: Vec<u64>,
        rules: Vec<u8>,
        unknown_match: bool,
        emulated: Vec<Vec<u8>>,
        tags: Vec<(u32, u32)>,
        owned_ips: Vec<Ip>,
        owned_macs: Vec<u64>,
        capabilities: Vec<Vec<u8>>,
        replicates: bool,
        send_budget: Allowance,
        receive_budget: Allowance,
    }
    RemoveNetwork { network: u64 }
    InstallMember { network: u64, address: Node, admitted: bool, ready: bool, push_due_at: u64 }
    MemberEntry {
        network: u64,
        address: Node,
        tags: Vec<(u32, u32)>,
        ips: Vec<Ip>,
        macs: Vec<u64>,
        capabilities: Vec<Vec<u8>>,
    }
    RemoveMember { network: u64, address: u64 }
    InstallMulticast {
        network: u64,
        mac: u64,
        adi: u32,
        recipients: Vec<u64>,
        gather_limit: u32,
        refresh_at: u64,
    }
    InstallReplicator { network: u64, mac: u64, adi: u32, replicator: u64, refresh_at: u64 }
    RemoveMulticast { network: u64, mac: u64, adi: u32 }
    IngestDatagram { path: Path, datagram: PyBackedBytes }
    PacketReceived {
        path: Path,
        source: u64,
        packet_id: u64,
        hops: u8,
        suite: u8,
        verb: u8,
        payload: PyBackedBytes,
    }
    DeliverPacket { packet: PacketReceived, judged: bool }
    IngestFrame { network: u64, frame: PyBackedBytes, origin: u64 }
}

/// Compiled once, whatever the number of switches. In a box, as other commands are small and come by the hundred.
pub(crate) struct InstallNetwork(u64, Box<core::NetworkConfig>);

impl FromPyObject<'_, '_> for InstallNetwork {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        let entry: NetworkEntry = object.extract()?;
        let config = core::NetworkConfig {
            mtu: entry.mtu,
            public: entry.public,
            broadcast: entry.broadcast,
            emulate_neighbours: entry.emulate_neighbours,
            compress_multicast: entry.compress_multicast,
            multicast_limit: entry.multicast_limit,
            bridges: entry.bridges,
            rules: entry.rules,
            unknown_match: entry.unknown_match,
            emulated: entry.emulated,
            replicates: entry.replicates,
            send_budget: entry.send_budget.0,
            receive_budget: entry.receive_budget.0,
            credentials: credentials(
                entry.tags,
                entry.owned_ips,
                entry.owned_macs,
                &entry.capabilities,
            ),
        };
        Ok(Self(entry.network, Box::new(config)))
    }
}

/// Likewise: (network, address, what the rules may ask of it).
pub(crate) struct InstallMemberCredentials(u64, u64, Box<core::NodeCredentials>);

impl FromPyObject<'_, '_> for InstallMemberCredentials {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        let entry: MemberEntry = object.extract()?;
        let known = credentials(entry.tags, entry.ips, entry.macs, &entry.capabilities);
        Ok(Self(entry.network, entry.address.0, Box::new(known)))
    }
}

// What there is most of comes first.
commands! {
    InstallMember,
    InstallMemberCredentials,
    InstallRoute,
    InstallPaths,
    InstallSession,
    IngestDatagram,
    IngestFrame,
    DeliverPacket,
    TrustPath,
    InstallMulticast,
    InstallReplicator,
    RemoveMulticast,
    RemoveMember,
    RemoveSession,
    InstallRelay,
    InstallNetwork,
    RemoveNetwork,
}

impl Command {
    /// Write it to the tables of one of the switches; traffic is for the first alone.
    pub(crate) fn write(&self, switch: &mut core::Switch, now: u64) {
        match self {
            Self::InstallSession(it) => {
                switch.set_session(it.address.0, &it.key.0, it.suite.0, &it.public_key.0);
            }
            Self::RemoveSession(it) => switch.remove_session(it.address),
            Self::InstallRoute(it) => switch.set_route(it.address.0, it.route()),
            Self::InstallPaths(it) => {
                let paths: Vec<_> = it.paths.iter().map(|path| path.0).collect();
                switch.set_known_paths(it.address.0, &paths);
            }
            Self::InstallRelay(it) => {
                switch.set_relay(it.open, it.upstream, it.path.map(|path| path.0));
            }
            Self::TrustPath(it) => switch.trust_path(it.address, it.path.0, now),
            Self::InstallNetwork(InstallNetwork(network, config)) => {
                switch.set_network(*network, core::NetworkConfig::clone(config));
            }
            Self::RemoveNetwork(it) => switch.remove_network(it.network),
            Self::InstallMember(it) => {
                let (network, address) = (it.network, it.address.0);
                switch.set_member(network, address, it.admitted, it.ready, it.push_due_at);
            }
            Self::InstallMemberCredentials(InstallMemberCredentials(network, address, known)) => {
                let known = core::NodeCredentials::clone(known);
                switch.set_member_credentials(*network, *address, known);
            }
            Self::RemoveMember(it) => switch.remove_member(it.network, it.address),
            Self::InstallMulticast(it) => {
                let (group, to) = ((it.mac, it.adi), it.recipients.clone());
                switch.set_multicast(it.network, group, to, it.gather_limit, it.refresh_at);
            }
            Self::InstallReplicator(it) => {
                let group = (it.mac, it.adi);
                switch.set_replicator(it.network, group, it.replicator, it.refresh_at);
            }
            Self::RemoveMulticast(it) => switch.remove_multicast(it.network, (it.mac, it.adi)),
            Self::IngestDatagram(_) | Self::DeliverPacket(_) | Self::IngestFrame(_) => {}
        }
    }

    /// Give a switch the traffic that the command holds, if it holds any.
    pub(crate) fn carry(&self, switch: &mut core::Switch, now: u64, out: &mut core::Output) {
        match self {
            Self::IngestDatagram(it) => {
                switch.ingest_packet(it.path.0, &mut it.datagram.to_vec(), now, out);
            }
            Self::DeliverPacket(it) => switch.deliver(&it.packet.opened(), it.judged, now, out),
            Self::IngestFrame(it) => {
                let member = (it.origin != 0).then_some(it.origin);
                switch.ingest_again(it.network, &it.frame, member, now, out);
            }
            _ => {}
        }
    }
}

impl InstallRoute {
    fn route(&self) -> Option<core::Route> {
        let Self { direct, trusted_path_id, .. } = *self;
        let mtu = self.mtu.0;
        self.path.map(|Path(path)| core::Route { path, direct, mtu, trusted_path_id })
    }
}

impl PacketReceived {
    /// What was punted has told its size already.
    fn opened(&self) -> Opened<'_> {
        let Self { path: Path(path), source, packet_id, hops, suite, verb, .. } = *self;
        let arrival = Arrival { path, source, packet_id, hops, suite, verb, size: 0 };
        Opened { arrival, payload: &self.payload }
    }
}
