//! Capabilities of the process.

use earthline_io::privileges;
use pyo3::prelude::*;

#[pyfunction]
fn keep_capabilities() -> PyResult<()> {
    Ok(privileges::keep_capabilities()?)
}

#[pyfunction]
fn narrow_capabilities() -> PyResult<()> {
    Ok(privileges::narrow_capabilities()?)
}

#[pyfunction]
fn seal_process() -> PyResult<()> {
    Ok(privileges::seal_process()?)
}

/// Add these functions to the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(keep_capabilities, module)?)?;
    module.add_function(wrap_pyfunction!(narrow_capabilities, module)?)?;
    module.add_function(wrap_pyfunction!(seal_process, module)?)
}
