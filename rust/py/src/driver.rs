//! The I/O driver.

use std::io;
use std::net::{IpAddr, SocketAddr};

use earthline_io::{Mark, Offload, TunnelPhase};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::convert::Ip;
use crate::events;
use crate::switch::{Output, Switch};

/// Most bytes of a UDP datagram.
const MAX_DATAGRAM: usize = 65_507;

/// An `OSError` with its errno, and hence of its own class.
pub(crate) fn os_error(error: &io::Error) -> PyErr {
    PyOSError::new_err((error.raw_os_error(), error.to_string()))
}

/// Threads that bolt a switch to UDP sockets and TAP devices.
#[pyclass(frozen, module = "earthline._native")]
struct Driver(earthline_io::Driver);

#[pymethods]
impl Driver {
    #[new]
    #[pyo3(signature = (switch, *, tso = true, uso = true, join = true, gso = true, gro = true, moderation = true, mark = 0))]
    #[expect(clippy::fn_params_excessive_bools, clippy::too_many_arguments, reason = "keywords")]
    fn new(
        switch: &Switch,
        tso: bool,
        uso: bool,
        join: bool,
        gso: bool,
        gro: bool,
        moderation: bool,
        mark: u32,
    ) -> PyResult<Self> {
        let offload = Offload { tso, uso, join, gso, gro, moderation };
        let driver = earthline_io::Driver::new(switch.0.clone(), offload, Mark(mark));
        driver.map(Self).map_err(|error| os_error(&error))
    }

    #[pyo3(signature = (socket, ip, port, device))]
    fn add_udp(
        &self,
        py: Python<'_>,
        socket: i32,
        ip: Ip,
        port: u16,
        device: Option<&str>,
    ) -> PyResult<u16> {
        py.detach(|| self.0.add_udp(socket, ip.0, port, device)).map_err(|error| os_error(&error))
    }

    fn set_ways(&self, socket: i32, ways: Option<Vec<(Ip, u8)>>) -> PyResult<()> {
        let network = |(Ip(ip), prefix)| match ip {
            IpAddr::V4(ip) if prefix <= 32 => Ok((ip, prefix)),
            _ => Err(PyValueError::new_err("ways are IPv4 networks")),
        };
        let ways: Option<Vec<_>> =
            ways.map(|all| all.into_iter().map(network).collect::<PyResult<_>>()).transpose()?;
        self.0.set_ways(socket, ways.as_deref());
        Ok(())
    }

    fn remove_udp(&self, py: Python<'_>, socket: i32) {
        py.detach(|| self.0.remove_udp(socket));
    }

    fn add_tap(
        &self,
        py: Python<'_>,
        network: u64,
        name: &str,
        mac: u64,
        mtu: u32,
    ) -> PyResult<String> {
        py.detach(|| self.0.add_tap(network, name, mac, mtu)).map_err(|error| os_error(&error))
    }

    fn remove_tap(&self, py: Python<'_>, network: u64) {
        py.detach(|| self.0.remove_tap(network));
    }

    #[pyo3(signature = (ip, port, tls, device))]
    fn open_tunnel(
        &self,
        py: Python<'_>,
        ip: Ip,
        port: u16,
        tls: bool,
        device: Option<&str>,
    ) -> PyResult<()> {
        let relay = SocketAddr::new(ip.0, port);
        py.detach(|| self.0.open_tunnel(relay, tls, device)).map_err(|error| os_error(&error))
    }

    fn leave_tunnel(&self, py: Python<'_>) {
        py.detach(|| self.0.leave_tunnel());
    }

    fn close_tunnel(&self, py: Python<'_>) {
        py.detach(|| self.0.close_tunnel());
    }

    fn tunnel(&self, py: Python<'_>) -> (&'static str, String, u64) {
        let report = py.detach(|| self.0.tunnel());
        let (phase, failure) = match report.phase {
            TunnelPhase::Closed => ("closed", String::new()),
            TunnelPhase::Connecting => ("connecting", String::new()),
            TunnelPhase::Up => ("up", String::new()),
            TunnelPhase::Failed(reason) => ("failed", reason),
        };
        (phase, failure, report.heard_at)
    }

    fn unanswered_since(&self) -> u64 {
        self.0.unanswered_since()
    }

    fn answered(&self) {
        self.0.answered();
    }

    fn transmit(
        &self,
        py: Python<'_>,
        socket: i32,
        ip: Ip,
        port: u16,
        datagram: &[u8],
        ttl: u8,
    ) -> PyResult<bool> {
        let path = earthline_core::switch::Path { socket, ip: ip.0, port };
        if datagram.len() > MAX_DATAGRAM {
            return Err(PyValueError::new_err("a datagram has at most 65507 bytes"));
        }
        Ok(py.detach(|| self.0.transmit(path, datagram, ttl)))
    }

    fn transmit_whole(
        &self,
        py: Python<'_>,
        socket: i32,
        ip: Ip,
        port: u16,
        datagram: &[u8],
    ) -> bool {
        let path = earthline_core::switch::Path { socket, ip: ip.0, port };
        py.detach(|| self.0.transmit_whole(path, datagram))
    }

    fn write_frame(&self, py: Python<'_>, network: u64, frame: &[u8]) -> bool {
        py.detach(|| self.0.write_frame(network, frame))
    }

    fn apply(&self, py: Python<'_>, output: &Output) {
        py.detach(|| self.0.apply(&output.0));
    }

    fn punt_fd(&self) -> i32 {
        self.0.punt_fd()
    }

    #[pyo3(signature = (limit, newcomers = usize::MAX))]
    fn take_punts<'py>(
        &self,
        py: Python<'py>,
        limit: usize,
        newcomers: usize,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        events::events(py, &py.detach(|| self.0.take_punts(limit, newcomers)))
    }

    fn counters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for (name, value) in self.0.counters() {
            dict.set_item(name, value)?;
        }
        Ok(dict)
    }

    fn close(&self, py: Python<'_>) {
        py.detach(|| self.0.close());
    }
}

/// Add this class to the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Driver>()
}
