//! The switch, and what it puts out.

use std::sync::Arc;

use earthline_core::rules::Refusal;
use earthline_core::switch as core;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyDict, PyList};

use crate::commands::Command;
use crate::convert::{Ip, Node, ip_bytes};
use crate::events;
use crate::exactly;

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
    fn punts<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        events::events(py, self.0.punts())
    }

    fn __bool__(&self) -> bool {
        self.0.datagrams().len() + self.0.frames().len() + self.0.punts().len() > 0
    }
}

/// The passive per-packet engine: a switch for each I/O thread, all with the same tables.
#[pyclass(frozen, module = "earthline._native")]
pub(crate) struct Switch(pub(crate) Arc<core::Twins>);

impl Switch {
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
    fn new(address: Node, seed: &[u8], threads: usize) -> PyResult<Self> {
        let seed = exactly("seed", seed)?;
        Ok(Self(Arc::new(core::Twins::new(address.0, &seed, threads))))
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

    fn ingest_frames(&self, py: Python<'_>, batch: Vec<(u64, PyBackedBytes)>, now: u64) -> Output {
        self.output(py, |switch, out| {
            for (network, frame) in batch {
                switch.ingest_frame(network, &frame, now, out);
            }
        })
    }

    #[expect(clippy::needless_pass_by_value, reason = "as Python gives them")]
    fn apply(&self, py: Python<'_>, commands: Vec<Command>, now: u64) -> Output {
        py.detach(|| {
            let mut out = core::Output::new();
            let mut is_first = true;
            self.0.each(|switch| {
                for command in &commands {
                    command.write(switch, now);
                    if is_first {
                        command.carry(switch, now, &mut out);
                    }
                }
                is_first = false;
            });
            Output(out)
        })
    }

    fn set_trusted_networks(&self, py: Python<'_>, networks: Vec<(Ip, u32, u64)>) {
        let trusted = |(Ip(ip), prefix, id)| core::TrustedNetwork { ip, prefix, id };
        let networks: Vec<_> = networks.into_iter().map(trusted).collect();
        py.detach(|| self.0.each(|switch| switch.set_trusted_networks(networks.clone())));
    }

    fn set_mss_clamp(&self, py: Python<'_>, enabled: bool) {
        py.detach(|| self.0.each(|switch| switch.set_mss_clamp(enabled)));
    }

    fn take_activity<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let moved = py.detach(|| self.0.take_activity());
        events::activity(py, &moved)
    }

    fn refused(&self, py: Python<'_>, network: u64) -> Vec<(&'static str, u32, u64, u64)> {
        let refused = py.detach(|| self.0.refused(network));
        let tuple = |it: core::Refused| {
            let (by, entry) = match it.by {
                Refusal::Rule(entry) => ("rule", entry),
                Refusal::Capability => ("capability", 0),
                Refusal::NoRule => ("no_rule", 0),
                Refusal::Wraps => ("wraps", 0),
            };
            (by, entry, it.sent, it.received)
        };
        refused.into_iter().map(tuple).collect()
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

/// Add these classes to the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Output>()?;
    module.add_class::<Switch>()
}
