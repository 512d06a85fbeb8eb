// A vendor's server in memory: every device gets a seat, and every answer is signed. The crate's documentation and the
// bench include this file as a module of their own.

use falconer_client::transport::{ApiEndpoint, NetworkFailure, Reply, TransportRequest};
use falconer_client::{Clock, PublicKeys, SystemClock, Transport};
use falconer_domain::catalog::Policy;
use falconer_domain::hardware::{DeviceId, Label, ReceivedComponents};
use falconer_domain::jwks::Jwks;
use falconer_domain::lease::{Bound, Claims, LeaseContext, Terms};
use falconer_domain::license_key::{CurrentKey, PrintedTier};
use falconer_domain::{Code, KeyRing, LicenseId, LicenseKey, Limits, Product, TierName};
use serde_json::{Value, json};

pub(crate) struct Vendor {
    ring: KeyRing,
    product: Product,
}

impl Vendor {
    /// Starts with a publicly known master.
    pub(crate) fn new() -> Self {
        let ring = json!({ "current": "1", "1": "a master for examples, of 32 characters and more" });
        Self { ring: KeyRing::parse(&ring.to_string()).unwrap(), product: Product::parse("QF").unwrap() }
    }

    /// Public keys for an application of this vendor.
    pub(crate) fn public_keys(&self) -> PublicKeys {
        PublicKeys::parse(&self.key_file()).unwrap()
    }

    /// The same as `/api/keys` answers them.
    pub(crate) fn key_file(&self) -> String {
        serde_json::to_string(&Jwks::of(&self.ring)).unwrap()
    }

    /// Issues one license key.
    pub(crate) fn issue(&self) -> String {
        let tier = PrintedTier::parse("PRO").unwrap();
        CurrentKey::issue(self.ring.current(), self.product.clone(), tier, [7; 10]).to_string()
    }

    fn signed(&self, code: Code, question: &Value) -> String {
        let key = LicenseKey::parse(question["license_key"].as_str().unwrap()).unwrap();
        let mut shown = ReceivedComponents::default();
        for (label, text) in question["hardware"].as_object().unwrap() {
            shown.insert(Label::parse(label).unwrap(), text.as_str().unwrap()).unwrap();
        }
        let license_id = LicenseId::of(self.ring.current(), &key);
        let occasion = LeaseContext {
            issuer: "https://licenses.example.com",
            product: &self.product,
            license_id: &license_id,
            request_id: "in-memory",
            nonce: question["nonce"].as_str(),
            now: SystemClock::new().now().wall,
        };
        let (tier, features) = (TierName::parse("pro").unwrap(), ["copy_trading".to_owned()]);
        let terms = Terms {
            tier: &tier,
            features: &features,
            limits: &Limits::default(),
            maintenance: None,
            expires_at: None,
            policy: &Policy::DEFAULT,
        };
        let (device, components) = (DeviceId::from_random([7; 10]), shown.lease(&Label::ALL));
        let bound = Bound { device: &device, components: &components, kept_until: None };
        Claims::granted(&occasion, code, &terms, Some(bound)).sign(self.ring.current())
    }
}

impl Transport for Vendor {
    fn send(&self, request: &TransportRequest<'_>) -> Result<Reply, NetworkFailure> {
        let &TransportRequest { endpoint, body, .. } = request;
        let question = serde_json::from_str(body.ok_or(NetworkFailure::Other)?).unwrap();
        let code = match endpoint {
            ApiEndpoint::Activate => Code::Activated,
            ApiEndpoint::Verify => Code::Valid,
            _ => return Err(NetworkFailure::Other),
        };
        let body = json!({ "code": code.name(), "lease": self.signed(code, &question) }).to_string();
        Ok(Reply::new(code.status(), body.into_bytes()))
    }
}
