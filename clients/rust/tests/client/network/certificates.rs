//! An authority that no system knows, and certificates of it.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// Names of the servers: this machine, and one that only a proxy can resolve.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "licenses.test"];

/// Time in which a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Validity {
    Now,
    Expired,
    NotYet,
}

pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(super) fn new() -> Self {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(DnType::CommonName, "An authority of the tests");
        Self(CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap())
    }

    pub(super) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for the names above.
    pub(super) fn identity(&self, validity: Validity) -> Identity {
        self.identity_of(&NAMES, validity)
    }

    pub(super) fn identity_of(&self, names: &[&str], validity: Validity) -> Identity {
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        let mut parameters = CertificateParams::new(names).unwrap();
        let (from, until) = match validity {
            Validity::Now => (2020, 2090),
            Validity::Expired => (2010, 2020),
            Validity::NotYet => (2090, 2095),
        };
        (parameters.not_before, parameters.not_after) =
            (date_time_ymd(from, 1, 1), date_time_ymd(until, 1, 1));
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.signed_by(&key, &self.0).unwrap();
        Identity { certificate, key }
    }
}

/// A certificate and its key.
pub(super) struct Identity {
    certificate: Certificate,
    key: KeyPair,
}

impl Identity {
    pub(super) fn pem(&self) -> String {
        self.certificate.pem() + &self.key.serialize_pem()
    }

    /// A server of rustls.
    pub(super) fn config(&self) -> Arc<ServerConfig> {
        let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.der().clone()], private);
        Arc::new(config.unwrap())
    }
}
