//! What the switch has to say, as the event dataclasses that the engines take.
//!
//! Fields go in the order in which `earthline.effects.events` has them.

use earthline_core::switch::{self as core, Arrival, Punt};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple, PyType};

use crate::convert::path_tuple;

/// A class of `earthline.effects`, looked up once.
macro_rules! class {
    ($py:expr, $name:expr) => {{
        static CLASS: pyo3::sync::PyOnceLock<Py<PyType>> = pyo3::sync::PyOnceLock::new();
        CLASS.import($py, "earthline.effects", $name)
    }};
}
pub(crate) use class;

/// The event that a punt is.
pub(crate) fn event<'py>(py: Python<'py>, punt: &Punt) -> PyResult<Bound<'py, PyAny>> {
    let bytes = |data: &[u8]| PyBytes::new(py, data);
    match punt {
        Punt::Hello { path, packet, .. } => {
            class!(py, "HelloReceived")?.call1((path_tuple(py, *path), bytes(packet)))
        }
        Punt::UnknownSource { path, source, packet } => {
            class!(py, "UnknownSource")?.call1((path_tuple(py, *path), *source, bytes(packet)))
        }
        Punt::Packet { arrival, payload } => packet(py, arrival, payload),
        Punt::Gate { arrival, payload, network } => {
            class!(py, "GateRefused")?.call1((packet(py, arrival, payload)?, *network))
        }
        Punt::Rules { arrival, payload, network } => {
            class!(py, "RulesRefused")?.call1((packet(py, arrival, payload)?, *network))
        }
        Punt::Frame { network, frame, reason } => {
            class!(py, "FramePunted")?.call1((*network, bytes(frame), reason.name(), reason.node()))
        }
        Punt::NewPath(Arrival { source, path, size, .. }) => {
            class!(py, "PathSeen")?.call1((*source, path_tuple(py, *path), *size))
        }
        Punt::Introduce { source, destination } => {
            class!(py, "PairRelayed")?.call1((*source, *destination))
        }
        Punt::PushDue { network, address } => {
            class!(py, "CredentialDue")?.call1((*network, *address))
        }
        Punt::Gather { arrival, network, mac, adi, limit } => {
            let Arrival { path, source, packet_id, hops, size, .. } = *arrival;
            class!(py, "GatherRequested")?.call1((
                path_tuple(py, path),
                source,
                packet_id,
                *network,
                *mac,
                *adi,
                *limit,
                hops,
                size,
            ))
        }
        Punt::Ack { arrival, network } => {
            let Arrival { path, source, packet_id, hops, size, .. } = *arrival;
            let path = path_tuple(py, path);
            class!(py, "AckRequested")?.call1((path, source, packet_id, *network, hops, size))
        }
    }
}

fn packet<'py>(py: Python<'py>, arrival: &Arrival, payload: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    let Arrival { path, source, packet_id, hops, suite, verb, size } = *arrival;
    let (path, payload) = (path_tuple(py, path), PyBytes::new(py, payload));
    class!(py, "PacketReceived")?.call1((path, source, packet_id, hops, suite, verb, payload, size))
}

/// The events that punts are, in order.
pub(crate) fn events<'py>(py: Python<'py>, punts: &[Punt]) -> PyResult<Vec<Bound<'py, PyAny>>> {
    punts.iter().map(|punt| event(py, punt)).collect()
}

/// What moved in the switch.
pub(crate) fn activity<'py>(
    py: Python<'py>,
    moved: &core::Activity,
) -> PyResult<Bound<'py, PyAny>> {
    let session = |peer: &core::PeerActivity| {
        class!(py, "SessionActivity")?.call1((
            peer.address,
            peer.received_at,
            peer.frame_received_at,
            peer.relayed_received_at,
            peer.trusted_at,
            peer.sent_at,
            peer.received_bytes,
            peer.sent_bytes,
        ))
    };
    let sessions: Vec<_> = moved.peers.iter().map(session).collect::<PyResult<_>>()?;
    let slots =
        moved.slots.iter().map(|(address, path, at)| (*address, path_tuple(py, *path), *at));
    let paths = moved.paths.iter().map(|path| (path_tuple(py, path.path), path.in_at, path.out_at));
    class!(py, "Activity")?.call1((
        PyTuple::new(py, sessions)?,
        PyTuple::new(py, slots.collect::<Vec<_>>())?,
        PyTuple::new(py, paths.collect::<Vec<_>>())?,
    ))
}
