//! Identity primitives (01, 2).

use earthline_core::identity as core;
use earthline_core::keys::SessionKeys;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

use crate::exactly;

/// Most bytes of the agreement function that anybody asks for.
const MAX_AGREEMENT: usize = 1024;

#[pyfunction]
fn memory_hard_digest<'py>(py: Python<'py>, public_key: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let key = exactly("public_key", public_key)?;
    let digest = py.detach(|| core::memory_hard_digest(&key));
    Ok(PyBytes::new(py, &digest))
}

#[pyfunction]
fn generate_identity<'py>(
    py: Python<'py>,
    seed: &[u8],
    threads: usize,
) -> PyResult<(u64, Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
    let seed = exactly("seed", seed)?;
    if threads == 0 || threads > core::MAX_THREADS {
        return Err(PyValueError::new_err("threads must be 1 to 64"));
    }
    let identity = py.detach(|| core::generate(&seed, threads));
    let public_key = PyBytes::new(py, &identity.public_key);
    Ok((identity.address, public_key, PyBytes::new(py, &identity.private_key)))
}

#[pyfunction]
fn validate_identity(py: Python<'_>, address: u64, public_key: &[u8]) -> PyResult<bool> {
    let key = exactly("public_key", public_key)?;
    Ok(py.detach(|| core::validate(address, &key)))
}

#[pyfunction]
fn public_key_of<'py>(py: Python<'py>, private_key: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let key = exactly("private_key", private_key)?;
    Ok(PyBytes::new(py, &core::public_key_of(&key)))
}

#[pyfunction]
fn sign<'py>(py: Python<'py>, private_key: &[u8], message: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let key = exactly("private_key", private_key)?;
    Ok(PyBytes::new(py, &core::sign(&key, message)))
}

#[pyfunction]
fn verify(public_key: &[u8], message: &[u8], signature: &[u8]) -> PyResult<bool> {
    Ok(core::verify(&exactly("public_key", public_key)?, message, signature))
}

#[pyfunction]
#[pyo3(signature = (private_key, public_key, length = 48))]
fn agree<'py>(
    py: Python<'py>,
    private_key: &[u8],
    public_key: &[u8],
    length: usize,
) -> PyResult<Bound<'py, PyBytes>> {
    let ours = exactly("private_key", private_key)?;
    let theirs = exactly("public_key", public_key)?;
    if length > MAX_AGREEMENT {
        return Err(PyValueError::new_err("length must be at most 1024"));
    }
    PyBytes::new_with(py, length, |output| {
        core::agree_into(&ours, &theirs, output);
        Ok(())
    })
}

/// For each HELLO, given with the public key in it, the key agreed on, or nothing where its MAC does not hold.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "a list of Python's is extracted as a vector")]
fn open_hellos<'py>(
    py: Python<'py>,
    private_key: &[u8],
    hellos: Vec<(PyBackedBytes, PyBackedBytes)>,
) -> PyResult<Vec<Option<Bound<'py, PyBytes>>>> {
    let ours = exactly("private_key", private_key)?;
    let theirs: Vec<_> =
        hellos.iter().map(|(key, _)| exactly("public_key", key)).collect::<PyResult<_>>()?;
    let keys: Vec<_> = py.detach(|| {
        let hellos = theirs.iter().zip(&hellos);
        hellos.map(|(key, (_, packet))| open_hello(&ours, key, packet)).collect()
    });
    Ok(keys.into_iter().map(|key| key.map(|key| PyBytes::new(py, &key))).collect())
}

fn open_hello(ours: &[u8; 64], theirs: &[u8; 64], packet: &[u8]) -> Option<[u8; 48]> {
    let key = core::agree(ours, theirs);
    SessionKeys::new(&key).open(&mut packet.to_vec()).is_ok().then_some(key)
}

#[pyfunction]
#[pyo3(signature = (key, label, context = 0, counter = 0))]
fn kbkdf<'py>(
    py: Python<'py>,
    key: &[u8],
    label: u8,
    context: u8,
    counter: u32,
) -> PyResult<Bound<'py, PyBytes>> {
    let key = exactly("key", key)?;
    Ok(PyBytes::new(py, &core::kbkdf(&key, label, context, counter)))
}

/// Add these functions to the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(memory_hard_digest, module)?)?;
    module.add_function(wrap_pyfunction!(generate_identity, module)?)?;
    module.add_function(wrap_pyfunction!(validate_identity, module)?)?;
    module.add_function(wrap_pyfunction!(public_key_of, module)?)?;
    module.add_function(wrap_pyfunction!(sign, module)?)?;
    module.add_function(wrap_pyfunction!(verify, module)?)?;
    module.add_function(wrap_pyfunction!(agree, module)?)?;
    module.add_function(wrap_pyfunction!(open_hellos, module)?)?;
    module.add_function(wrap_pyfunction!(kbkdf, module)?)
}
