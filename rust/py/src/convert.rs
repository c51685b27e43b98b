//! Values as they cross the border: what cannot be one raises a `ValueError`.

use std::net::IpAddr;

use earthline_core::packet::{
    HEADER_LENGTH, SUITE_AES_GMAC_SIV, SUITE_SALSA_POLY1305, is_reserved,
};
use earthline_core::rules::{Credentials, RuleTable};
use earthline_core::switch as core;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

use crate::exactly;

/// (socket, ip, port) as it goes to Python.
pub(crate) type PathTuple<'py> = (i32, Bound<'py, PyBytes>, u16);

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
pub(crate) struct Path(pub(crate) core::Path);

impl FromPyObject<'_, '_> for Path {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        let (socket, Ip(ip), port) = object.extract()?;
        Ok(Self(core::Path { socket, ip, port }))
    }
}

/// An address that a node may have.
#[derive(Clone, Copy)]
pub(crate) struct Node(pub(crate) u64);

impl FromPyObject<'_, '_> for Node {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        let address = object.extract()?;
        if is_reserved(address) {
            return Err(PyValueError::new_err(format!("no node has the address {address:010x}")));
        }
        Ok(Self(address))
    }
}

/// What a session is made of: 48 bytes.
pub(crate) struct Key(pub(crate) [u8; 48]);

impl FromPyObject<'_, '_> for Key {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        exactly("key", &object.extract::<PyBackedBytes>()?).map(Self)
    }
}

/// The public key of an identity: 64 bytes.
pub(crate) struct PublicKey(pub(crate) [u8; 64]);

impl FromPyObject<'_, '_> for PublicKey {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        exactly("public key", &object.extract::<PyBackedBytes>()?).map(Self)
    }
}

/// A suite that frames may be sent in.
#[derive(Clone, Copy)]
pub(crate) struct SendingSuite(pub(crate) u8);

impl FromPyObject<'_, '_> for SendingSuite {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        let suite = object.extract()?;
        if ![SUITE_SALSA_POLY1305, SUITE_AES_GMAC_SIV].contains(&suite) {
            return Err(PyValueError::new_err("suite must be 1 or 3"));
        }
        Ok(Self(suite))
    }
}

/// Bytes of a datagram, which hold the header of a packet at least.
#[derive(Clone, Copy)]
pub(crate) struct RouteMtu(pub(crate) usize);

impl FromPyObject<'_, '_> for RouteMtu {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        let mtu = object.extract()?;
        if mtu < HEADER_LENGTH {
            return Err(PyValueError::new_err("mtu must be at least 28"));
        }
        Ok(Self(mtu))
    }
}

/// (frames per second, frames at once).
#[derive(Clone, Copy)]
pub(crate) struct Allowance(pub(crate) core::Allowance);

impl FromPyObject<'_, '_> for Allowance {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        let (rate, burst) = object.extract()?;
        Ok(Self(core::Allowance { rate, burst }))
    }
}

/// Capabilities whose rules cannot be read allow nothing.
pub(crate) fn credentials(
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

pub(crate) fn ip_bytes(py: Python<'_>, ip: IpAddr) -> Bound<'_, PyBytes> {
    match ip {
        IpAddr::V4(ip) => PyBytes::new(py, &ip.octets()),
        IpAddr::V6(ip) => PyBytes::new(py, &ip.octets()),
    }
}

pub(crate) fn path_tuple(py: Python<'_>, path: core::Path) -> PathTuple<'_> {
    (path.socket, ip_bytes(py, path.ip), path.port)
}
