//! The switch, and what it puts out.

use std::net::IpAddr;
use std::sync::Arc;

use earthline_core::packet::{
    HEADER_LENGTH, SUITE_AES_GMAC_SIV, SUITE_SALSA_POLY1305, is_reserved,
};
use earthline_core::rules::{Credentials, RuleTable};
use earthline_core::switch as core;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyDict, PyList};

use crate::exactly;

/// (socket, ip, port) as it goes to Python.
type PathTuple<'py> = (i32, Bound<'py, PyBytes>, u16);
/// (address, received, frame received, relayed received, trusted, sent), times in ms.
type SessionTuple = (u64, u64, u64, u64, u64, u64, u64, u64);

/// An IP of 4 or 16 bytes.
#[derive(Clone, Copy)]
pub(crate) struct Ip(pub(crate) IpAddr);

impl FromPyObject<'_, '_> for Ip {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        let bytes: PyBackedBytes = object.extract()?;
        if let Ok(v4) = <[u8; 4]>::try_from(&*bytes) {
            return Ok(Self(v4.into()));
        }
        let v6 = <[u8; 16]>::try_from(&*bytes);
        v6.map(|v6| Self(v6.into())).map_err(|_| PyValueError::new_err("an IP has 4 or 16 bytes"))
    }
}

/// (socket, ip, port) as it comes from Python.
#[derive(Clone, Copy)]
struct Path(core::Path);

impl FromPyObject<'_, '_> for Path {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        let (socket, Ip(ip), port) = object.extract()?;
        Ok(Self(core::Path { socket, ip, port }))
    }
}

fn ip_bytes(py: Python<'_>, ip: IpAddr) -> Bound<'_, PyBytes> {
    match ip {
        IpAddr::V4(ip) => PyBytes::new(py, &ip.octets()),
        IpAddr::V6(ip) => PyBytes::new(py, &ip.octets()),
    }
}

fn path_tuple(py: Python<'_>, path: core::Path) -> PathTuple<'_> {
    (path.socket, ip_bytes(py, path.ip), path.port)
}

/// Something the switch has no entry for.
#[pyclass(frozen, module = "earthline._native")]
pub(crate) struct Punt(pub(crate) core::Punt);

#[pymethods]
impl Punt {
    #[getter]
    fn kind(&self) -> &'static str {
        self.0.kind.name()
    }

    #[getter]
    fn path<'py>(&self, py: Python<'py>) -> Option<PathTuple<'py>> {
        self.0.path.map(|path| path_tuple(py, path))
    }

    #[getter]
    fn source(&self) -> u64 {
        self.0.source
    }

    #[getter]
    fn destination(&self) -> u64 {
        self.0.destination
    }

    #[getter]
    fn packet_id(&self) -> u64 {
        self.0.packet_id
    }

    #[getter]
    fn hops(&self) -> u8 {
        self.0.hops
    }

    #[getter]
    fn suite(&self) -> u8 {
        self.0.suite
    }

    #[getter]
    fn verb(&self) -> u8 {
        self.0.verb
    }

    #[getter]
    fn size(&self) -> usize {
        self.0.size
    }

    #[getter]
    fn network(&self) -> u64 {
        self.0.network
    }

    #[getter]
    fn mac(&self) -> u64 {
        self.0.mac
    }

    #[getter]
    fn adi(&self) -> u32 {
        self.0.adi
    }

    #[getter]
    fn limit(&self) -> u32 {
        self.0.limit
    }

    #[getter]
    fn reason(&self) -> &'static str {
        self.0.reason.map_or("", core::FrameReason::name)
    }

    #[getter]
    fn data<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.data)
    }
}

/// What one call of the switch produced.
#[pyclass(frozen, module = "earthline._native")]
pub(crate) struct Output(pub(crate) core::Output);

#[pymethods]
impl Output {
    #[getter]
    fn datagrams<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(
            py,
            self.0.datagrams().map(|(path, datagram)| {
                (path.socket, ip_bytes(py, path.ip), path.port, PyBytes::new(py, datagram))
            }),
        )
    }

    #[getter]
    fn frames<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, self.0.frames().map(|(network, frame)| (network, PyBytes::new(py, frame))))
    }

    #[getter]
    fn punts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let punts: PyResult<Vec<_>> =
            self.0.punts().iter().map(|punt| Py::new(py, Punt(punt.clone()))).collect();
        PyList::new(py, punts?)
    }
}

/// The passive per-packet engine: a switch for each I/O thread, all with the same tables.
#[pyclass(frozen, module = "earthline._native")]
pub(crate) struct Switch(pub(crate) Arc<core::Twins>);

impl Switch {
    /// Write to the tables of all, with the GIL released.
    fn each(&self, py: Python<'_>, act: impl Fn(&mut core::Switch) + Send) {
        py.detach(|| self.0.each(act));
    }

    fn output(
        &self,
        py: Python<'_>,
        act: impl FnOnce(&mut core::Switch, &mut core::Output) + Send,
    ) -> Output {
        py.detach(|| {
            let mut out = core::Output::new();
            act(&mut self.0.of(0), &mut out);
            Output(out)
        })
    }
}

#[pymethods]
impl Switch {
    #[new]
    #[pyo3(signature = (address, seed, *, threads = 1))]
    fn new(address: u64, seed: &[u8], threads: usize) -> PyResult<Self> {
        let seed = exactly("seed", seed)?;
        Ok(Self(Arc::new(core::Twins::new(node(address)?, &seed, threads))))
    }

    fn ingest_datagrams(
        &self,
        py: Python<'_>,
        batch: Vec<(i32, Ip, u16, PyBackedBytes)>,
        now: u64,
    ) -> Output {
        self.output(py, |switch, out| {
            for (socket, Ip(ip), port, datagram) in batch {
                let path = core::Path { socket, ip, port };
                switch.ingest_datagram(path, &mut datagram.to_vec(), now, out);
            }
        })
    }

    fn ingest_packet(&self, py: Python<'_>, path: Path, packet: &[u8], now: u64) -> Output {
        self.output(py, |switch, out| switch.ingest_packet(path.0, &mut packet.to_vec(), now, out))
    }

    fn ingest_frames(&self, py: Python<'_>, batch: Vec<(u64, PyBackedBytes)>, now: u64) -> Output {
        self.output(py, |switch, out| {
            for (network, frame) in batch {
                switch.ingest_frame(network, &frame, now, out);
            }
        })
    }

    fn ingest_again(
        &self,
        py: Python<'_>,
        network: u64,
        frame: &[u8],
        origin: u64,
        now: u64,
    ) -> Output {
        let member = (origin != 0).then_some(origin);
        self.output(py, |switch, out| switch.ingest_again(network, frame, member, now, out))
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of a packet")]
    fn deliver(
        &self,
        py: Python<'_>,
        source: u64,
        path: Path,
        hops: u8,
        packet_id: u64,
        verb: u8,
        payload: &[u8],
        judged: bool,
        now: u64,
    ) -> Output {
        let Path(path) = path;
        let (suite, size) = (0, 0);
        let packet = core::Opened { path, source, packet_id, hops, suite, verb, size, payload };
        self.output(py, |switch, out| switch.deliver(&packet, judged, now, out))
    }

    fn set_session(&self, py: Python<'_>, address: u64, key: &[u8], suite: u8) -> PyResult<()> {
        let (address, key) = (node(address)?, exactly("key", key)?);
        if ![SUITE_SALSA_POLY1305, SUITE_AES_GMAC_SIV].contains(&suite) {
            return Err(PyValueError::new_err("suite must be 1 or 3"));
        }
        self.each(py, |switch| switch.set_session(address, &key, suite));
        Ok(())
    }

    fn remove_session(&self, py: Python<'_>, address: u64) {
        self.each(py, |switch| switch.remove_session(address));
    }

    fn set_route(
        &self,
        py: Python<'_>,
        address: u64,
        path: Option<Path>,
        direct: bool,
        mtu: usize,
        trusted_path_id: u64,
    ) -> PyResult<()> {
        if mtu < HEADER_LENGTH {
            return Err(PyValueError::new_err("mtu must be at least 28"));
        }
        let route = path.map(|Path(path)| core::Route { path, direct, mtu, trusted_path_id });
        let address = node(address)?;
        self.each(py, |switch| switch.set_route(address, route));
        Ok(())
    }

    fn set_known_paths(&self, py: Python<'_>, address: u64, paths: Vec<Path>) -> PyResult<()> {
        let paths: Vec<_> = paths.into_iter().map(|path| path.0).collect();
        let address = node(address)?;
        self.each(py, |switch| switch.set_known_paths(address, &paths));
        Ok(())
    }

    fn set_relay(&self, py: Python<'_>, open: bool, upstream: u64, path: Option<Path>) {
        self.each(py, |switch| switch.set_relay(open, upstream, path.map(|path| path.0)));
    }

    fn trust_path(&self, py: Python<'_>, address: u64, path: Path, now: u64) {
        self.each(py, |switch| switch.trust_path(address, path.0, now));
    }

    fn set_trusted_networks(&self, py: Python<'_>, networks: Vec<(Ip, u32, u64)>) {
        let trusted = |(Ip(ip), prefix, id)| core::TrustedNetwork { ip, prefix, id };
        let networks: Vec<_> = networks.into_iter().map(trusted).collect();
        self.each(py, |switch| switch.set_trusted_networks(networks.clone()));
    }

    fn set_mss_clamp(&self, py: Python<'_>, enabled: bool) {
        self.each(py, |switch| switch.set_mss_clamp(enabled));
    }

    fn set_network(&self, py: Python<'_>, entry: &Bound<'_, PyAny>) -> PyResult<()> {
        let network: u64 = entry.getattr("network")?.extract()?;
        let config = core::NetworkConfig {
            mtu: entry.getattr("mtu")?.extract()?,
            public: entry.getattr("public")?.extract()?,
            broadcast: entry.getattr("broadcast")?.extract()?,
            emulate_neighbours: entry.getattr("emulate_neighbours")?.extract()?,
            compress_multicast: entry.getattr("compress_multicast")?.extract()?,
            multicast_limit: entry.getattr("multicast_limit")?.extract()?,
            bridges: entry.getattr("bridges")?.extract()?,
            rules: entry.getattr("rules")?.extract()?,
            unknown_match: entry.getattr("unknown_match")?.extract()?,
            emulated: entry.getattr("emulated")?.extract()?,
            replicates: entry.getattr("replicates")?.extract()?,
            send_budget: allowance(entry.getattr("send_budget")?.extract()?),
            receive_budget: allowance(entry.getattr("receive_budget")?.extract()?),
            credentials: credentials(
                entry.getattr("tags")?.extract()?,
                entry.getattr("owned_ips")?.extract()?,
                entry.getattr("owned_macs")?.extract()?,
                &entry.getattr("capabilities")?.extract::<Vec<Vec<u8>>>()?,
            ),
        };
        self.each(py, |switch| switch.set_network(network, config.clone()));
        Ok(())
    }

    fn remove_network(&self, py: Python<'_>, network: u64) {
        self.each(py, |switch| switch.remove_network(network));
    }

    fn set_member(
        &self,
        py: Python<'_>,
        network: u64,
        address: u64,
        admitted: bool,
        ready: bool,
        push_due_at: u64,
    ) -> PyResult<()> {
        let address = node(address)?;
        self.each(py, |switch| switch.set_member(network, address, admitted, ready, push_due_at));
        Ok(())
    }

    #[expect(
        clippy::too_many_arguments,
        clippy::needless_pass_by_value,
        reason = "as Python gives them"
    )]
    fn set_member_credentials(
        &self,
        py: Python<'_>,
        network: u64,
        address: u64,
        tags: Vec<(u32, u32)>,
        ips: Vec<Ip>,
        macs: Vec<u64>,
        capabilities: Vec<Vec<u8>>,
    ) -> PyResult<()> {
        let (address, known) = (node(address)?, credentials(tags, ips, macs, &capabilities));
        self.each(py, |switch| switch.set_member_credentials(network, address, known.clone()));
        Ok(())
    }

    fn remove_member(&self, py: Python<'_>, network: u64, address: u64) {
        self.each(py, |switch| switch.remove_member(network, address));
    }

    #[expect(
        clippy::too_many_arguments,
        clippy::needless_pass_by_value,
        reason = "as Python gives them"
    )]
    fn set_multicast(
        &self,
        py: Python<'_>,
        network: u64,
        mac: u64,
        adi: u32,
        recipients: Vec<u64>,
        gather_limit: u32,
        refresh_at: u64,
    ) {
        self.each(py, |switch| {
            switch.set_multicast(network, (mac, adi), recipients.clone(), gather_limit, refresh_at);
        });
    }

    fn set_replicator(
        &self,
        py: Python<'_>,
        network: u64,
        mac: u64,
        adi: u32,
        replicator: u64,
        refresh_at: u64,
    ) {
        self.each(py, |switch| switch.set_replicator(network, (mac, adi), replicator, refresh_at));
    }

    fn remove_multicast(&self, py: Python<'_>, network: u64, mac: u64, adi: u32) {
        self.each(py, |switch| switch.remove_multicast(network, (mac, adi)));
    }

    #[expect(clippy::type_complexity, reason = "the stub draws it")]
    fn take_activity<'py>(
        &self,
        py: Python<'py>,
    ) -> (Vec<SessionTuple>, Vec<(u64, PathTuple<'py>, u64)>, Vec<(PathTuple<'py>, u64, u64)>) {
        let activity = py.detach(|| self.0.take_activity());
        let session = |peer: &core::PeerActivity| {
            let relayed = peer.relayed_received_at;
            (
                peer.address,
                peer.received_at,
                peer.frame_received_at,
                relayed,
                peer.trusted_at,
                peer.sent_at,
                peer.received_bytes,
                peer.sent_bytes,
            )
        };
        (
            activity.peers.iter().map(session).collect(),
            activity
                .slots
                .iter()
                .map(|(address, path, at)| (*address, path_tuple(py, *path), *at))
                .collect(),
            activity
                .paths
                .iter()
                .map(|path| (path_tuple(py, path.path), path.in_at, path.out_at))
                .collect(),
        )
    }

    fn counters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let counters = py.detach(|| self.0.counters());
        let dict = PyDict::new(py);
        for (name, value) in counters {
            dict.set_item(name, value)?;
        }
        Ok(dict)
    }
}

fn allowance((rate, burst): (u32, u32)) -> core::Allowance {
    core::Allowance { rate, burst }
}

/// Capabilities whose rules cannot be read allow nothing.
fn credentials(
    tags: Vec<(u32, u32)>,
    ips: Vec<Ip>,
    macs: Vec<u64>,
    capabilities: &[Vec<u8>],
) -> core::NodeCredentials {
    let ips = ips.into_iter().map(|ip| ip.0).collect();
    core::NodeCredentials {
        owned: Credentials::new(tags, ips, macs),
        capabilities: capabilities
            .iter()
            .filter_map(|rules| RuleTable::parse(rules).ok())
            .collect(),
    }
}

/// An address a node may have, or a `ValueError`.
fn node(address: u64) -> PyResult<u64> {
    if is_reserved(address) {
        return Err(PyValueError::new_err(format!("no node has the address {address:010x}")));
    }
    Ok(address)
}

/// Add these classes to the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Punt>()?;
    module.add_class::<Output>()?;
    module.add_class::<Switch>()
}
