//! The queue of what waits for the engines, for hosts without a driver.

use std::sync::{Mutex, PoisonError};

use earthline_core::punts;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::events;
use crate::switch::{Output, Switch};

/// What a switch's outputs leave for the engines.
#[pyclass(frozen, module = "earthline._native")]
struct PuntQueue(Mutex<punts::PuntQueue>);

impl PuntQueue {
    fn with<T>(&self, act: impl FnOnce(&mut punts::PuntQueue) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[pymethods]
impl PuntQueue {
    #[new]
    fn new(switch: &Switch) -> Self {
        Self(Mutex::new(switch.0.punt_queue()))
    }

    fn push(&self, output: &Output, now: u64) {
        self.with(|queue| {
            for punt in output.0.punts() {
                queue.push(punt.clone(), now);
            }
        });
    }

    #[pyo3(signature = (limit, newcomers = usize::MAX))]
    fn take<'py>(
        &self,
        py: Python<'py>,
        limit: usize,
        newcomers: usize,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        events::events(py, &self.with(|queue| queue.take(limit, newcomers)))
    }

    fn counters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for (name, value) in self.with(|queue| queue.counters().collect::<Vec<_>>()) {
            dict.set_item(name, value)?;
        }
        Ok(dict)
    }

    fn __len__(&self) -> usize {
        self.with(|queue| queue.len())
    }
}

/// Add this class to the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PuntQueue>()
}
