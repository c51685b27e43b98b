//! Python bindings: the module `earthline._native`. No logic lives here.

mod commands;
mod convert;
mod driver;
mod events;
mod identity;
mod packet;
mod privileges;
mod punts;
mod rules;
mod switch;
mod tcp_relay;

use pyo3::prelude::*;

/// Bytes of a fixed length from Python, or a `ValueError` that says which argument is wrong.
fn exactly<const N: usize>(name: &str, bytes: &[u8]) -> PyResult<[u8; N]> {
    bytes.try_into().map_err(|_| {
        let length = bytes.len();
        pyo3::exceptions::PyValueError::new_err(format!("{name} must be {N} bytes, not {length}"))
    })
}

/// What time it is for switch and engines, in ms.
#[pyfunction]
fn now_ms() -> u64 {
    earthline_io::now_ms()
}

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(now_ms, module)?)?;
    identity::register(module)?;
    packet::register(module)?;
    privileges::register(module)?;
    rules::register(module)?;
    switch::register(module)?;
    punts::register(module)?;
    driver::register(module)?;
    tcp_relay::register(module)
}
