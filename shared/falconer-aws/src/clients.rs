//! The SDK clients: one connector for both services, our own trust store, and a budget for every call.

use std::time::Duration;

use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use aws_smithy_http_client::{Builder, tls};
use aws_smithy_types::retry::{ReconnectMode, RetryConfig};
use aws_smithy_types::timeout::TimeoutConfig;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::calls;

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

/// The trusted certificate authorities.
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
        Self::from_pem(pem)
            .ok_or_else(|| format!("TLS_ROOTS_FILE {file} holds no PEM certificate, or a damaged one"))
    }

    /// One certificate at least, and each of them one that rustls takes as a root: at any other the connector panics.
    fn from_pem(pem: Vec<u8>) -> Option<Self> {
        let mut certificates = CertificateDer::pem_slice_iter(&pem).peekable();
        certificates.peek()?;
        let is_anchor = |certificate: Result<CertificateDer<'_>, _>| {
            certificate.is_ok_and(|certificate| webpki::anchor_from_trusted_cert(&certificate).is_ok())
        };
        certificates.all(is_anchor).then_some(())?;
        Some(Self::Pem(pem))
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
    /// The budget of a request: three attempts within its endpoint's deadline, 2.5 s for a read and 4 s for a change.
    pub const LAMBDA: Self = Self {
        connect: Duration::from_millis(300),
        read_attempt: Duration::from_millis(400),
        read: Duration::from_millis(1_500),
        write_attempt: Duration::from_secs(1),
        write: Duration::from_secs(2),
        attempts: 3,
        backoff: (Duration::from_millis(40), Duration::from_millis(250)),
    };

    /// The budget of a person at a terminal.
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
        let config = configured(roots, &budgets).load().await;
        let of_dynamodb = calls::spared(aws_sdk_dynamodb::config::Builder::from(&config)).build();
        Self {
            dynamodb: aws_sdk_dynamodb::Client::from_conf(of_dynamodb),
            secrets: aws_sdk_secretsmanager::Client::new(&config),
            budgets,
        }
    }

    /// Makes clients of a given configuration, which do all that the SDK does. The bench measures its defaults with it.
    #[must_use]
    pub fn of(config: &SdkConfig, budgets: Budgets) -> Self {
        Self {
            dynamodb: aws_sdk_dynamodb::Client::new(config),
            secrets: aws_sdk_secretsmanager::Client::new(config),
            budgets,
        }
    }

    /// Makes clients of two emulators in the caller's own process. They read nothing of the caller's
    /// environment and profiles. Functions never call this; the environment names their endpoints.
    #[must_use]
    pub fn of_stand_ins(dynamodb: &str, secrets: &str, budgets: Budgets) -> Self {
        let config = stand_in_config(&budgets);
        let of_dynamodb =
            calls::spared(aws_sdk_dynamodb::config::Builder::from(&config)).endpoint_url(dynamodb);
        let of_secrets = aws_sdk_secretsmanager::config::Builder::from(&config).endpoint_url(secrets);
        Self {
            dynamodb: aws_sdk_dynamodb::Client::from_conf(of_dynamodb.build()),
            secrets: aws_sdk_secretsmanager::Client::from_conf(of_secrets.build()),
            budgets,
        }
    }
}

/// The configuration of clients of emulators.
pub(crate) fn stand_in_config(budgets: &Budgets) -> SdkConfig {
    let nobody = Credentials::new("stand-in", "stand-in", None, None, "stand-in");
    SdkConfig::builder()
        .behavior_version(behaviour())
        .http_client(http_client(TrustRoots::Amazon))
        .retry_config(retries(budgets))
        .timeout_config(budgets.timeouts(budgets.read_attempt, budgets.read))
        .region(Region::from_static("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(nobody))
        .build()
}

/// What an operator's machine calls: the two services, and those that know where they are, who asks, and how many
/// requests there were.
#[cfg(feature = "operator")]
#[derive(Clone, Debug)]
pub struct Operator {
    /// The two services.
    pub clients: Clients,
    pub(crate) cloudformation: aws_sdk_cloudformation::Client,
    pub(crate) cloudwatch: aws_sdk_cloudwatch::Client,
    pub(crate) sts: aws_sdk_sts::Client,
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
            cloudwatch: aws_sdk_cloudwatch::Client::new(&config),
            sts: aws_sdk_sts::Client::new(&config),
        }
    }
}

/// The SDK's defaults as of one day: an update of the SDK changes none of them unseen.
fn behaviour() -> BehaviorVersion {
    BehaviorVersion::v2026_01_12()
}

fn configured(roots: TrustRoots, budgets: &Budgets) -> ConfigLoader {
    aws_config::defaults(behaviour())
        .http_client(http_client(roots))
        .retry_config(retries(budgets))
        .timeout_config(budgets.timeouts(budgets.read_attempt, budgets.read))
}

fn retries(budgets: &Budgets) -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(budgets.attempts)
        .with_initial_backoff(budgets.backoff.0)
        .with_max_backoff(budgets.backoff.1)
        // A connection on which something odd happened is not used again.
        .with_reconnect_mode(ReconnectMode::ReconnectOnTransientError)
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

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::error::SdkError;
    use data_encoding::BASE64;
    use proptest::prelude::*;

    use super::*;

    /// Nothing listens there.
    const NOBODY: &str = "https://127.0.0.1:1";

    /// Files of roots that are right, damaged in their text, and damaged in what the text says.
    fn file_of_roots() -> impl Strategy<Value = Vec<u8>> {
        let of_der = |der: Vec<u8>| {
            let text = BASE64.encode(&der);
            format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n").into_bytes()
        };
        let root = || proptest::sample::select(&AMAZON_ROOTS[..]).prop_map(<[u8]>::to_vec);
        let damaged =
            (root(), any::<proptest::sample::Index>(), any::<u8>()).prop_map(|(mut root, place, byte)| {
                let place = place.index(root.len());
                root[place] = byte;
                root
            });
        let block = prop_oneof![
            3 => root(),
            2 => damaged,
            1 => proptest::collection::vec(any::<u8>(), 0..80).prop_map(of_der),
            1 => "\\PC{0,40}\n".prop_map(String::into_bytes),
        ];
        proptest::collection::vec(block, 0..3).prop_map(|blocks| blocks.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn any_pem_is_accepted_or_refused(pem in file_of_roots()) {
            if let Some(roots) = TrustRoots::from_pem(pem) {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                let told = runtime.block_on(async {
                    let budgets = Budgets { attempts: 1, ..Budgets::OPERATOR };
                    let config = configured(roots, &budgets)
                        .region(Region::from_static("us-east-1"))
                        .credentials_provider(Credentials::new("nobody", "nobody", None, None, "nobody"))
                        .endpoint_url(NOBODY)
                        .load()
                        .await;
                    aws_sdk_dynamodb::Client::new(&config).list_tables().send().await
                });
                prop_assert!(matches!(told, Err(SdkError::DispatchFailure(_))), "{told:?}");
            }
        }
    }

    #[test]
    fn refuses_block_without_certificate() {
        let of_no_certificate = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(TrustRoots::from_pem(of_no_certificate.to_vec()), None);
        assert_eq!(TrustRoots::from_pem([AMAZON_ROOTS[0], of_no_certificate].concat()), None);
        assert_eq!(TrustRoots::from_pem(Vec::new()), None);
        assert!(TrustRoots::from_pem(AMAZON_ROOTS.concat()).is_some());
    }
}
