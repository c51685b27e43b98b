//! The TCP relay.

use std::net::SocketAddr;

use earthline_io::{Relay, RelayOptions};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::convert::Ip;
use crate::driver::os_error;

/// A relay for nodes that have no UDP, on a thread of its own.
#[pyclass(frozen, module = "earthline._native")]
struct TcpRelay(Relay);

#[pymethods]
impl TcpRelay {
    #[new]
    fn new(
        py: Python<'_>,
        listen: Vec<(Ip, u16)>,
        certificate: Option<(Vec<u8>, Vec<u8>)>,
        clients: usize,
    ) -> PyResult<Self> {
        let listen = listen.into_iter().map(|(Ip(ip), port)| SocketAddr::new(ip, port)).collect();
        let options = RelayOptions { listen, certificate, clients };
        let relay = py.detach(|| Relay::start(&options));
        relay.map(Self).map_err(|error| os_error(&error))
    }

    fn bound<'py>(&self, py: Python<'py>) -> Vec<(Bound<'py, PyBytes>, u16)> {
        let bytes = |at: &SocketAddr| match at {
            SocketAddr::V4(v4) => PyBytes::new(py, &v4.ip().octets()),
            SocketAddr::V6(v6) => PyBytes::new(py, &v6.ip().octets()),
        };
        self.0.bound().iter().map(|at| (bytes(at), at.port())).collect()
    }

    fn clients(&self) -> usize {
        self.0.clients()
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
    module.add_class::<TcpRelay>()
}
