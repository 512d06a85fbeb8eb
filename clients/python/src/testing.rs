//! The module `_testing`: conclusions about vectors, and a license on a machine, with clocks and a network, that a test
//! makes up. The wheel does not have it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use falconer_client::transport::{ApiEndpoint, NetworkFailure, Reply};
use falconer_client::{
    CancelToken, Clock, ClockReading, Hardware, Licensing, NoRandomness, PublicKeys, Random, RawComponents,
    Store as _, StoreFormat, Transport, TransportRequest, UnixMillis, store, vectors,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use serde_json::Value;

use crate::handle::Handle;
use crate::settings::open_with;

/// Helpers of the tests, beside the package.
#[pymodule(submodule)]
pub(crate) mod _testing {
    #[pymodule_export]
    use super::{World, abilities, change_time, conclude};
}

/// Abilities that the library claims.
#[pyfunction]
pub(crate) fn abilities() -> Vec<&'static str> {
    vectors::ABILITIES.to_vec()
}

/// Concludes about a `given` of the profiles `lease`, `trust` and `hardware`. The profile `state` runs on a `World`.
#[pyfunction]
pub(crate) fn conclude(profile: &str, given: &str) -> PyResult<String> {
    let given = read(given)?;
    let seen = match profile {
        "lease" => vectors::lease::conclude(&given),
        "trust" => vectors::trust::conclude(&given),
        "hardware" => vectors::hardware::conclude(&given),
        other => return Err(PyValueError::new_err(format!("{other} has no conclusion here"))),
    };
    Ok(seen.to_string())
}

/// Changes the time in a store by hand.
#[pyfunction]
pub(crate) fn change_time(path: PathBuf) -> PyResult<()> {
    let mut file = store::SqliteFile::open(path).map_err(|error| PyValueError::new_err(error.to_string()))?;
    let changed = file.update(&mut |licenses| {
        for license in licenses.iter_mut() {
            let floor: i64 = license.fields["floor_millis"].parse().unwrap_or_default();
            license.fields.insert("floor_millis".to_owned(), (floor - 1).to_string());
        }
    });
    changed.map_err(|error| PyValueError::new_err(error.to_string()))
}

/// A machine, its clocks and its network, as the step of a vector shows them.
#[pyclass(frozen, module = "falconer_licensing._native._testing")]
pub(crate) struct World(Shown);

#[derive(Clone)]
struct Shown(Arc<Mutex<Values>>);

struct Values {
    hardware: Value,
    step: Value,
}

#[pymethods]
impl World {
    #[new]
    fn new(hardware: &str, step: &str) -> PyResult<Self> {
        let values = Values { hardware: read(hardware)?, step: read(step)? };
        Ok(Self(Shown(Arc::new(Mutex::new(values)))))
    }

    /// Shows another step.
    fn show(&self, step: &str) -> PyResult<()> {
        self.0.values().step = read(step)?;
        Ok(())
    }

    /// Shows another machine to the next license that is opened.
    fn replace_hardware(&self, hardware: &str) -> PyResult<()> {
        self.0.values().hardware = read(hardware)?;
        Ok(())
    }

    /// Opens a license in this world.
    fn open(
        &self,
        py: Python<'_>,
        product: &str,
        keys: &str,
        path: PathBuf,
        build_date: Option<&str>,
    ) -> PyResult<Handle> {
        let keys = PublicKeys::parse(keys).map_err(|error| PyValueError::new_err(error.to_string()))?;
        let builder = Licensing::builder(product, "https://licenses.example.com", keys)
            .store(path)
            .store_format(StoreFormat::Sqlite)
            .clock(self.0.clone())
            .random(self.0.clone())
            .hardware(self.0.clone())
            .transport(self.0.clone());
        let builder = match build_date {
            Some(date) => builder.build_date(date),
            None => builder,
        };
        open_with(py, builder)
    }
}

impl Shown {
    fn values(&self) -> MutexGuard<'_, Values> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for Shown {
    fn now(&self) -> ClockReading {
        let clock = &self.values().step["clock"];
        let wall = UnixMillis(clock["wall_ms"].as_i64().unwrap_or_default());
        ClockReading::new(wall, Duration::from_millis(clock["monotonic_ms"].as_u64().unwrap_or_default()))
    }

    fn sleep(&self, _: Duration, _: &CancelToken) {}
}

impl Random for Shown {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        let step = &self.values().step;
        let nonce = step["nonce"].as_str().unwrap_or_default();
        if nonce.len() == 2 * bytes.len() {
            for (byte, pair) in bytes.iter_mut().zip(0..) {
                *byte = nonce.get(2 * pair..2 * pair + 2).map_or(0, hex);
            }
        } else {
            bytes.fill(0);
        }
        Ok(())
    }
}

impl Hardware for Shown {
    fn read(&self) -> RawComponents {
        vectors::hardware::machine(&self.values().hardware)
    }
}

impl Transport for Shown {
    /// Answers the step's own question and the question for keys; nobody answers any other.
    fn send(&self, request: &TransportRequest<'_>) -> Result<Reply, NetworkFailure> {
        let step = &self.values().step;
        match (request.endpoint, step["do"].as_str()) {
            (ApiEndpoint::Keys, _) => vectors::reply(&step["keys"]),
            (ApiEndpoint::Activate, Some("activate"))
            | (ApiEndpoint::Verify, Some("refresh"))
            | (ApiEndpoint::Deactivate, Some("deactivate")) => vectors::reply(&step["answer"]),
            _ => Err(NetworkFailure::Other),
        }
    }
}

fn hex(pair: &str) -> u8 {
    u8::from_str_radix(pair, 16).unwrap_or_default()
}

fn read(json: &str) -> PyResult<Value> {
    serde_json::from_str(json).map_err(|error| PyValueError::new_err(error.to_string()))
}
