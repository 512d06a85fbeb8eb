//! One connector for both services, on ring, with Falconer's own roots.

use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_http_client::{Builder, tls};
use lambda_http::Error;

/// Those that `falconer-aws` compiles in: reading them is part of a cold start.
const AMAZON_ROOTS: [&[u8]; 5] = [
    include_bytes!("../../../../shared/falconer-aws/roots/amazon-root-ca-1.pem"),
    include_bytes!("../../../../shared/falconer-aws/roots/amazon-root-ca-2.pem"),
    include_bytes!("../../../../shared/falconer-aws/roots/amazon-root-ca-3.pem"),
    include_bytes!("../../../../shared/falconer-aws/roots/amazon-root-ca-4.pem"),
    include_bytes!("../../../../shared/falconer-aws/roots/starfield-services-root-ca-g2.pem"),
];

pub(crate) async fn configured() -> Result<SdkConfig, Error> {
    let roots = match std::env::var("TLS_ROOTS_FILE") {
        Ok(file) if !file.is_empty() => tls::TrustStore::empty().with_pem_certificate(std::fs::read(file)?),
        _ => AMAZON_ROOTS.into_iter().fold(tls::TrustStore::empty(), tls::TrustStore::with_pem_certificate),
    };
    let client = Builder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
        .tls_context(tls::TlsContext::builder().with_trust_store(roots).build()?)
        .build_https();
    Ok(aws_config::defaults(BehaviorVersion::v2026_01_12()).http_client(client).load().await)
}
