//! The programs that are measured, and the ways between them and the stand-ins.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use tokio::runtime::Runtime;

use crate::road::{self, Certificates};
use crate::stage::{IssuedLicense, Stage, checkout};

/// The road to DynamoDB within a region: what AWS calls single-digit milliseconds, at its short end and at its long one.
pub(crate) const NEAR: Duration = Duration::from_millis(3);
/// Name of the road to stores that are near.
pub(crate) const NEAR_ROAD: &str = "TLS, 3 ms";
pub(crate) const FAR: Duration = Duration::from_millis(10);

/// A program that takes a verification's event.
#[derive(Clone)]
pub(crate) struct MeasuredProgram {
    /// The name in tables and charts.
    pub(crate) name: &'static str,
    /// The program and its arguments.
    pub(crate) command: Vec<OsString>,
    /// The folder it starts in.
    pub(crate) folder: PathBuf,
    /// The file that would be uploaded, where it is one.
    pub(crate) binary: Option<PathBuf>,
    /// The program's reading of `AWS_LAMBDA_RUNTIME_API`.
    pub(crate) runtime_api: RuntimeApi,
}

/// How a runtime reads the address that it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RuntimeApi {
    /// A URL: Rust's.
    Url,
    /// Host and port, around which it puts scheme and version: Python's.
    Authority,
}

impl MeasuredProgram {
    pub(crate) fn binary(name: &'static str, file: PathBuf) -> Self {
        let command = vec![file.clone().into()];
        Self { name, command, folder: checkout(), binary: Some(file), runtime_api: RuntimeApi::Url }
    }
}

/// Folders of built programs, and a Python with what its subject imports.
pub(crate) struct Built {
    pub(crate) programs: PathBuf,
    pub(crate) rivals: PathBuf,
    pub(crate) python: PathBuf,
}

/// The measured programs, Falconer's own first.
pub(crate) struct Subjects {
    pub(crate) verify: MeasuredProgram,
    pub(crate) hello: MeasuredProgram,
    pub(crate) bare_calls: MeasuredProgram,
    pub(crate) sdk_defaults: MeasuredProgram,
    pub(crate) python: MeasuredProgram,
}

impl Subjects {
    pub(crate) fn of(built: &Built) -> Self {
        let rival = |name| MeasuredProgram::binary(name, built.rivals.join(name));
        let python = MeasuredProgram {
            name: "python",
            command: [built.python.as_os_str(), "-m".as_ref(), "awslambdaric".as_ref()]
                .into_iter()
                .chain(["lambda_verify.handler".as_ref()])
                .map(OsString::from)
                .collect(),
            folder: checkout().join("bench/python"),
            binary: None,
            runtime_api: RuntimeApi::Authority,
        };
        Self {
            verify: MeasuredProgram::binary("verify", built.programs.join("verify")),
            hello: rival("hello"),
            bare_calls: rival("bare-calls"),
            sdk_defaults: rival("sdk-defaults"),
            python,
        }
    }
}

/// The addresses of a program's stand-ins.
#[derive(Clone, Debug)]
pub(crate) struct Road {
    pub(crate) name: &'static str,
    dynamodb: String,
    secrets: String,
    roots: Option<PathBuf>,
    round_trip: Option<Duration>,
}

impl Road {
    /// Straight to these addresses.
    pub(crate) fn plain(dynamodb: &str, secrets: &str) -> Self {
        Self {
            name: "plain",
            dynamodb: dynamodb.to_owned(),
            secrets: secrets.to_owned(),
            roots: None,
            round_trip: None,
        }
    }

    /// Length of a round trip, where it is drawn out.
    pub(crate) const fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// Everything a subject that verifies finds in its environment.
    pub(crate) fn environment(
        &self,
        stage: &Stage,
        customer: &IssuedLicense,
    ) -> Result<BTreeMap<String, String>> {
        self.environment_of(stage, "verify", customer)
    }

    /// Everything a function finds in its environment.
    pub(crate) fn environment_of(
        &self,
        stage: &Stage,
        function: &str,
        customer: &IssuedLicense,
    ) -> Result<BTreeMap<String, String>> {
        let mut environment = stage.function(function, &self.dynamodb, &self.secrets)?.instance_environment();
        environment.insert("BENCH_LICENSE_ID".to_owned(), customer.id.to_string());
        if let Some(roots) = &self.roots {
            // Ours, the SDK's default client, and boto3: each has a name of its own for the same file.
            for variable in ["TLS_ROOTS_FILE", "SSL_CERT_FILE", "AWS_CA_BUNDLE"] {
                environment.insert(variable.to_owned(), roots.display().to_string());
            }
        }
        Ok(environment)
    }
}

/// The roads of a run.
pub(crate) struct Roads {
    /// Nothing between program and stand-in.
    pub(crate) plain: Road,
    /// TLS.
    pub(crate) tls: Road,
    /// TLS, and [`NEAR`] a round trip.
    pub(crate) near: Road,
    /// TLS, and [`FAR`] a round trip.
    pub(crate) far: Road,
    /// The listeners live as long as it.
    _runtime: Runtime,
}

impl Roads {
    pub(crate) fn build(stage: &Stage, folder: &Path) -> Result<Self> {
        let runtime = Runtime::new()?;
        let certificates = Certificates::make(folder)?;
        let dynamodb = road::address(stage.database.endpoint())?;
        let secrets = road::address(&stage.secrets.endpoint())?;
        let plain = Road::plain(stage.database.endpoint(), &stage.secrets.endpoint());
        let behind_tls = |name, round_trip: Option<Duration>| -> Result<Road> {
            // A name for each, as at AWS: what is known of one handshake shortens none with the other.
            let url = |host: &str, upstream| -> Result<String> {
                let mut address = road::behind_tls(&runtime, &certificates, upstream)?;
                if let Some(round_trip) = round_trip {
                    address = road::delayed(address, round_trip)?;
                }
                Ok(format!("https://{host}:{}", address.port()))
            };
            let roots = Some(certificates.roots().to_owned());
            let (dynamodb, secrets) = (url("localhost", dynamodb)?, url("127.0.0.1", secrets)?);
            Ok(Road { name, dynamodb, secrets, roots, round_trip })
        };
        let (tls, near, far) = (
            behind_tls("TLS", None)?,
            behind_tls(NEAR_ROAD, Some(NEAR))?,
            behind_tls("TLS, 10 ms", Some(FAR))?,
        );
        Ok(Self { plain, tls, near, far, _runtime: runtime })
    }
}
