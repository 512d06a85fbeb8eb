//! The SDK clients: one connector for both services, our own trust store, and a budget for every call.

use std::time::Duration;

use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_sdk_dynamodb::config::Credentials;
use aws_smithy_http_client::{Builder, tls};
use aws_smithy_types::retry::{ReconnectMode, RetryConfig};
use aws_smithy_types::timeout::TimeoutConfig;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

/// The roots that AWS endpoints chain to, from <https://www.amazontrust.com/repository/>. Compiled in: reading a
/// system's whole trust store costs a cold start more instructions than everything else together.
const AMAZON_ROOTS: [&[u8]; 5] = [
    include_bytes!("../roots/amazon-root-ca-1.pem"),
    include_bytes!("../roots/amazon-root-ca-2.pem"),
    include_bytes!("../roots/amazon-root-ca-3.pem"),
    include_bytes!("../roots/amazon-root-ca-4.pem"),
    include_bytes!("../roots/starfield-services-root-ca-g2.pem"),
];

/// An idle connection older than this is likely dead when a frozen sandbox thaws: dialling anew beats finding out.
const POOL_IDLE: Duration = Duration::from_secs(25);

/// Whose certificates count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrustRoots {
    /// Amazon's own, compiled in.
    Amazon,
    /// The PEM certificates of a file, for networks that inspect TLS.
    Pem(Vec<u8>),
    /// The operating system's: the command line, on an operator's machine.
    Native,
}

impl TrustRoots {
    /// The certificates of a PEM file.
    ///
    /// # Errors
    /// One sentence: the file cannot be read, or holds no certificate.
    pub fn from_file(file: &str) -> Result<Self, String> {
        let pem =
            std::fs::read(file).map_err(|why| format!("TLS_ROOTS_FILE {file} cannot be read: {why}"))?;
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        match certificates {
            Ok(certificates) if !certificates.is_empty() => Ok(Self::Pem(pem)),
            _ => Err(format!("TLS_ROOTS_FILE {file} holds no PEM certificate, or a damaged one")),
        }
    }
}

/// How long calls may take. Arguments, so that tests on a busy machine can widen them.
#[derive(Clone, Copy, Debug)]
pub struct Budgets {
    /// One TCP and TLS handshake.
    pub connect: Duration,
    /// One attempt of a read or a counter.
    pub read_attempt: Duration,
    /// All attempts of a read or a counter.
    pub read: Duration,
    /// One attempt of a transaction; AWS advises a second at least.
    pub write_attempt: Duration,
    /// All attempts of a transaction.
    pub write: Duration,
    /// Attempts of any call.
    pub attempts: u32,
    /// First and longest pause between two attempts; the SDK adds jitter.
    pub backoff: (Duration, Duration),
}

impl Budgets {
    /// What a request can afford: three attempts within its own deadline of 4 s.
    pub const LAMBDA: Self = Self {
        connect: Duration::from_millis(300),
        read_attempt: Duration::from_millis(400),
        read: Duration::from_millis(1_500),
        write_attempt: Duration::from_secs(1),
        write: Duration::from_secs(2),
        attempts: 3,
        backoff: (Duration::from_millis(40), Duration::from_millis(250)),
    };

    /// What a person at a terminal waits for.
    pub const OPERATOR: Self = Self {
        connect: Duration::from_secs(3),
        read_attempt: Duration::from_secs(5),
        read: Duration::from_secs(15),
        write_attempt: Duration::from_secs(5),
        write: Duration::from_secs(15),
        attempts: 4,
        backoff: (Duration::from_millis(100), Duration::from_secs(2)),
    };

    pub(crate) fn transaction(&self) -> TimeoutConfig {
        self.timeouts(self.write_attempt, self.write)
    }

    fn timeouts(&self, attempt: Duration, operation: Duration) -> TimeoutConfig {
        TimeoutConfig::builder()
            .connect_timeout(self.connect)
            .operation_attempt_timeout(attempt)
            .operation_timeout(operation)
            .build()
    }
}

/// Clients of both services.
#[derive(Clone, Debug)]
pub struct Clients {
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    pub(crate) secrets: aws_sdk_secretsmanager::Client,
    pub(crate) budgets: Budgets,
}

impl Clients {
    /// Clients configured by the SDK's own variables (region, credentials, endpoints). Nothing is called yet.
    pub async fn connect(roots: TrustRoots, budgets: Budgets) -> Self {
        Self::of(&configured(roots, &budgets).load().await, budgets)
    }

    /// Clients of a configuration that was made elsewhere: the bench measures the SDK's defaults beside ours.
    #[must_use]
    pub fn of(config: &SdkConfig, budgets: Budgets) -> Self {
        Self {
            dynamodb: aws_sdk_dynamodb::Client::new(config),
            secrets: aws_sdk_secretsmanager::Client::new(config),
            budgets,
        }
    }

    /// Clients of two stand-ins, for programs that hold them in their own process. No function calls this: what points
    /// a function elsewhere is its environment.
    pub async fn of_stand_ins(dynamodb: &str, secrets: &str, budgets: Budgets) -> Self {
        let nobody = Credentials::new("stand-in", "stand-in", None, None, "stand-in");
        let config = configured(TrustRoots::Amazon, &budgets)
            .region(Region::from_static("us-east-1"))
            .credentials_provider(nobody)
            .load()
            .await;
        let of_dynamodb = aws_sdk_dynamodb::config::Builder::from(&config).endpoint_url(dynamodb);
        let of_secrets = aws_sdk_secretsmanager::config::Builder::from(&config).endpoint_url(secrets);
        Self {
            dynamodb: aws_sdk_dynamodb::Client::from_conf(of_dynamodb.build()),
            secrets: aws_sdk_secretsmanager::Client::from_conf(of_secrets.build()),
            budgets,
        }
    }
}

/// What an operator's machine calls: the two services, and the one that knows where they are.
#[cfg(feature = "operator")]
#[derive(Clone, Debug)]
pub struct Operator {
    /// The two services.
    pub clients: Clients,
    pub(crate) cloudformation: aws_sdk_cloudformation::Client,
}

#[cfg(feature = "operator")]
impl Operator {
    /// Clients with the operator's own credentials and trust store, in a region if one is named here.
    pub async fn connect(region: Option<String>) -> Self {
        let mut loader = configured(TrustRoots::Native, &Budgets::OPERATOR);
        if let Some(region) = region {
            loader = loader.region(Region::new(region));
        }
        let config = loader.load().await;
        Self {
            clients: Clients::of(&config, Budgets::OPERATOR),
            cloudformation: aws_sdk_cloudformation::Client::new(&config),
        }
    }
}

fn configured(roots: TrustRoots, budgets: &Budgets) -> ConfigLoader {
    let retry = RetryConfig::standard()
        .with_max_attempts(budgets.attempts)
        .with_initial_backoff(budgets.backoff.0)
        .with_max_backoff(budgets.backoff.1)
        // A connection on which something odd happened is not used again.
        .with_reconnect_mode(ReconnectMode::ReconnectOnTransientError);
    aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(http_client(roots))
        .retry_config(retry)
        .timeout_config(budgets.timeouts(budgets.read_attempt, budgets.read))
}

fn http_client(roots: TrustRoots) -> aws_smithy_runtime_api::client::http::SharedHttpClient {
    let store = match roots {
        TrustRoots::Amazon => {
            AMAZON_ROOTS.into_iter().fold(tls::TrustStore::empty(), tls::TrustStore::with_pem_certificate)
        }
        TrustRoots::Pem(pem) => tls::TrustStore::empty().with_pem_certificate(pem),
        TrustRoots::Native => tls::TrustStore::default(),
    };
    let context = tls::TlsContext::builder()
        .with_trust_store(store)
        .build()
        // Unwrap safety: building a context only moves the certificates.
        .unwrap();
    Builder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
        .tls_context(context)
        .pool_idle_timeout(POOL_IDLE)
        .build_https()
}
