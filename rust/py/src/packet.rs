//! The packet codec (01, 3 and 4).

use earthline_core::fragment::{self, Source, split};
use earthline_core::identity::kbkdf;
use earthline_core::keys::{LABEL_K0, LABEL_K1, SealError, SessionKeys};
use earthline_core::packet::{Datagram, MAX_PACKET};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use crate::exactly;

/// The scheduled keys of one pair of identities.
#[pyclass(frozen, module = "earthline._native")]
struct SessionKey {
    /// Boxed: Python aligns its objects to less than the vector units want of the key schedule.
    keys: Box<SessionKeys>,
    key: [u8; 48],
}

#[pymethods]
impl SessionKey {
    #[new]
    fn new(key: &[u8]) -> PyResult<Self> {
        let key = exactly("key", key)?;
        Ok(Self { keys: Box::new(SessionKeys::new(&key)), key })
    }

    #[getter]
    fn aes_k0<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &kbkdf(&self.key, LABEL_K0, 0, 0)[..32])
    }

    #[getter]
    fn aes_k1<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &kbkdf(&self.key, LABEL_K1, 0, 0)[..32])
    }

    fn seal<'py>(
        &self,
        py: Python<'py>,
        packet: &[u8],
        suite: u8,
    ) -> PyResult<Bound<'py, PyBytes>> {
        if packet.len() > MAX_PACKET {
            return Err(PyValueError::new_err("a packet has at most 10024 bytes"));
        }
        PyBytes::new_with(py, packet.len(), |output| {
            output.copy_from_slice(packet);
            self.keys.seal(output, suite).map_err(|error| match error {
                SealError::TooShort => PyValueError::new_err("a packet has at least 28 bytes"),
                SealError::Suite => PyValueError::new_err("suite must be 0, 1 or 3"),
            })
        })
    }

    fn open<'py>(&self, py: Python<'py>, packet: &[u8]) -> Option<Bound<'py, PyBytes>> {
        let mut output = packet.to_vec();
        self.keys.open(&mut output).ok()?;
        Some(PyBytes::new(py, &output))
    }

    fn mask_hello_tail<'py>(
        &self,
        py: Python<'py>,
        packet_id: u64,
        tail: &[u8],
    ) -> PyResult<Bound<'py, PyBytes>> {
        PyBytes::new_with(py, tail.len(), |output| {
            output.copy_from_slice(tail);
            self.keys.mask_hello_tail(packet_id, output);
            Ok(())
        })
    }
}

#[pyfunction]
fn compress<'py>(py: Python<'py>, packet: &[u8]) -> Bound<'py, PyBytes> {
    let mut packet = packet.to_vec();
    earthline_core::compress::compress(&mut packet);
    PyBytes::new(py, &packet)
}

#[pyfunction]
fn decompress<'py>(py: Python<'py>, packet: &[u8]) -> Option<Bound<'py, PyBytes>> {
    let mut packet = packet.to_vec();
    earthline_core::compress::decompress(&mut packet).ok()?;
    Some(PyBytes::new(py, &packet))
}

#[pyfunction(name = "fragment")]
fn cut<'py>(py: Python<'py>, packet: &[u8], mtu: usize) -> PyResult<Bound<'py, PyList>> {
    let too_many =
        |_| PyValueError::new_err("the packet does not fit into 15 datagrams of this MTU");
    let (mut buffer, mut places) = (packet.to_vec(), Vec::new());
    split(&mut buffer, 0, mtu, |place| places.push(place)).map_err(too_many)?;
    let datagrams = places.into_iter().filter_map(|place| buffer.get(place));
    PyList::new(py, datagrams.map(|datagram| PyBytes::new(py, datagram)).collect::<Vec<_>>())
}

/// The bounded reassembly buffer the switch uses, by itself.
#[pyclass(module = "earthline._native")]
struct Reassembler {
    buffer: fragment::Reassembler<()>,
}

#[pymethods]
impl Reassembler {
    #[new]
    #[pyo3(signature = (slots = 32))]
    fn new(slots: usize) -> PyResult<Self> {
        if slots == 0 || slots > 4096 {
            return Err(PyValueError::new_err("slots must be 1 to 4096"));
        }
        Ok(Self { buffer: fragment::Reassembler::new(slots) })
    }

    fn accept<'py>(
        &mut self,
        py: Python<'py>,
        datagram: &[u8],
        now: u64,
    ) -> Option<Bound<'py, PyBytes>> {
        let source = Source { holder: 0, known: true };
        let assembled = match Datagram::classify(datagram) {
            Datagram::Head(_) => self.buffer.accept_head(datagram, (), source, now),
            Datagram::Fragment(fragment) => self.buffer.accept_fragment(fragment, source, now),
            Datagram::Beacon(_) | Datagram::Noise => None,
        };
        assembled.map(|assembled| PyBytes::new(py, assembled.packet))
    }
}

/// Add these classes and functions to the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<SessionKey>()?;
    module.add_class::<Reassembler>()?;
    module.add_function(wrap_pyfunction!(compress, module)?)?;
    module.add_function(wrap_pyfunction!(decompress, module)?)?;
    module.add_function(wrap_pyfunction!(cut, module)?)
}
