//! Opening a license with the keyword arguments of `Licensing`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use falconer_client::{Builder, Failure, FailureKind, Licensing, OpenError, PublicKeys};
use pyo3::prelude::*;
use serde_json::{Value, json};

use crate::call::without_lock;
use crate::changes::Queue;
use crate::handle::Handle;
use crate::report;

/// Settings that have a default, under the names of the builder's methods.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct KeywordSettings {
    app_id: Option<String>,
    root: Option<String>,
    formerly: Vec<String>,
    store: Option<PathBuf>,
    store_for_all_users: Option<PathBuf>,
    store_in_memory: bool,
    device_name: Option<String>,
    build_date: Option<String>,
    proxy: Option<String>,
    timeout: Option<f64>,
    root_certificates: Vec<String>,
    allow_machine_id_override: bool,
}

/// Opens the license. Returns a handle, or the failure as JSON with its `detail` for a developer.
#[pyfunction]
pub(crate) fn open(
    py: Python<'_>,
    product: &str,
    server: &str,
    keys: &str,
    settings: KeywordSettings,
) -> Result<Handle, PyErr> {
    let keys = PublicKeys::parse(keys).map_err(|error| bad_setting(&error.to_string()))?;
    open_with(py, settings.apply(Licensing::builder(product, server, keys)))
}

/// Opens the license of a builder.
pub(crate) fn open_with(py: Python<'_>, builder: Builder) -> PyResult<Handle> {
    let queue = Arc::new(Queue::default());
    let listened = Arc::clone(&queue);
    let builder = builder.on_change(move |state| listened.push(state));
    match without_lock(py, || builder.open()) {
        Ok(licensing) => Ok(Handle::new(licensing, queue)),
        Err(error) => Err(not_opened(error)),
    }
}

impl KeywordSettings {
    fn apply(self, mut builder: Builder) -> Builder {
        if let Some(id) = &self.app_id {
            builder = builder.app_id(id);
        }
        if let Some(x) = &self.root {
            builder = builder.root(x);
        }
        for host in &self.formerly {
            builder = builder.formerly(host);
        }
        if let Some(path) = self.store {
            builder = builder.store(path);
        }
        if let Some(path) = self.store_for_all_users {
            builder = builder.store_for_all_users(path);
        }
        if self.store_in_memory {
            builder = builder.store_in_memory();
        }
        if let Some(name) = &self.device_name {
            builder = builder.device_name(name);
        }
        if let Some(date) = &self.build_date {
            builder = builder.build_date(date);
        }
        if let Some(url) = &self.proxy {
            builder = builder.proxy(url);
        }
        if let Some(timeout) = self.timeout.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()) {
            builder = builder.timeout(timeout);
        }
        for pem in &self.root_certificates {
            builder = builder.root_certificate(pem);
        }
        if self.allow_machine_id_override { builder.allow_machine_id_override() } else { builder }
    }
}

fn not_opened(error: OpenError) -> PyErr {
    let detail = error.to_string();
    raised(report::failure(&Failure::from(error)), &detail)
}

/// A mistake in a setting that the builder does not read, such as the keys.
fn bad_setting(detail: &str) -> PyErr {
    // The kind alone is reported, and each mistake has the same.
    raised(report::failure(&Failure::new(FailureKind::Setting(OpenError::InvalidServer))), detail)
}

/// The package turns this into an exception of its own.
fn raised(mut failure: Value, detail: &str) -> PyErr {
    failure["detail"] = json!(detail);
    pyo3::exceptions::PyValueError::new_err(failure.to_string())
}
