//! The operator's end of a machine without a network: requests that become long leases, and receipts that give seats
//! back. The rules are those of `falconer_domain::air_gap`; this part finds the license, stores, and signs.

use std::ops::ControlFlow;

use falconer_aws::store::{LicenseRow, jitter};
use falconer_aws::{AuditRow, Store, StoreError};
use falconer_domain::air_gap::{
    self, AirGapAnswer, AirGapContent, AirGapRefusal, AirGapRequest, ContentTooLong, CountedTransfer,
    GivenBack, LicenseName, Receipt, ReceiptRefusal, TextError, TextKind, UncheckedRequest,
    UnreadableContent,
};
use falconer_domain::effective_license::EffectiveLicense;
use falconer_domain::hardware::{ComponentForm, DeviceId, HashedComponents, lease_labels};
use falconer_domain::lease::{Bound, Claims, LeaseContext};
use falconer_domain::seats::{Outcome, SeatRequest};
use falconer_domain::{KeyRing, License, LicenseId, LicenseKey, Product, UnixMillis};

use crate::license_reader::FindError;
use crate::license_service::{AuditAction, LicenseService};
use crate::random;
use crate::sealed::{self, Unsealed};

/// How often a change is decided before it is given up, when others change the same license at the same moment.
const MAX_DECISIONS: u32 = 5;

/// Why a request or a receipt was not answered.
#[derive(Debug, thiserror::Error)]
pub enum AirGapError {
    /// The text is not one.
    #[error(transparent)]
    Text(#[from] TextError),
    /// A text of another version.
    #[error(transparent)]
    Content(#[from] UnreadableContent),
    /// No license has this name and the key that made the tag.
    #[error(
        "no license {0} has the key that made this text; the application's license key is of another table"
    )]
    NoSuchKey(String),
    /// The license is for another product than the application.
    #[error("the license is for the product {license}, and the application is {application}")]
    OtherProduct {
        /// The license's product.
        license: Product,
        /// The application's product.
        application: Product,
    },
    /// The ring cannot key the hardware of this license.
    #[error("the key ring lacks the license's generation; restore the ring")]
    NoGeneration,
    /// The rules.
    #[error(transparent)]
    Refused(#[from] AirGapRefusal),
    /// The rules of receipts.
    #[error(transparent)]
    Receipt(#[from] ReceiptRefusal),
    /// A sealed key that does not open.
    #[error(transparent)]
    Sealed(#[from] Unsealed),
    /// Keys and statement do not fit the answer.
    #[error(
        "{0}. Nothing was changed. The root's statement in the key ring is too long: `falconer root sign` makes a shorter \
         one"
    )]
    TooLong(#[from] ContentTooLong),
    /// Others changed it, again and again.
    #[error("others keep changing this license at this moment; try again")]
    Contended,
    /// The license.
    #[error(transparent)]
    Find(#[from] FindError),
    /// The tables.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The operating system.
    #[error("no random bytes from the operating system: {0}")]
    Random(#[from] getrandom::Error),
}

/// A request whose license is found and whose tag holds.
#[derive(Debug)]
pub struct KnownRequest {
    /// The request.
    pub request: AirGapRequest,
    /// The license's row.
    pub row: LicenseRow,
    /// The `jti` of the lease that answers it.
    lease: String,
    /// The id of the device if it is new.
    fresh_id: DeviceId,
}

/// An answer, decided: how the license is then.
#[derive(Debug)]
pub struct AnsweredRequest {
    /// The outcome: code, license, device.
    pub outcome: Outcome,
    /// The license under its rules.
    pub standing: EffectiveLicense,
    /// The end of the long lease.
    pub until: UnixMillis,
    /// The answer to write, once it is stored.
    pub answer: AirGapContent,
}

/// Answers requests and takes receipts.
#[derive(Debug)]
pub struct AirGapDesk<'a> {
    /// The tables.
    pub store: &'a Store,
    /// The ring: its current generation signs.
    pub ring: &'a KeyRing,
    /// The service that finds licenses.
    pub service: &'a LicenseService<'a>,
    /// The issuer that leases name.
    pub issuer: &'a str,
    /// The moment.
    pub now: UnixMillis,
}

impl AirGapDesk<'_> {
    /// Reads a request, and finds its license: by its id, or through the whole table by its masked key. `named` is the
    /// license that the operator names instead.
    ///
    /// # Errors
    /// [`AirGapError`].
    pub async fn request(&self, text: &str, named: Option<LicenseRow>) -> Result<KnownRequest, AirGapError> {
        let content = air_gap::read_text(TextKind::Request, text)?;
        let unchecked = AirGapRequest::of_content(&content)?;
        let row = self.row_of(&unchecked, named).await?;
        let request = unchecked.request;
        if row.license.product != request.product {
            let (license, application) = (row.license.product, request.product);
            return Err(AirGapError::OtherProduct { license, application });
        }
        Ok(KnownRequest {
            request,
            row,
            lease: random::id()?,
            fresh_id: DeviceId::from_random(random::bytes()?),
        })
    }

    /// True if finding the license of this text reads the whole table.
    #[must_use]
    pub fn looks_through(text: &str) -> bool {
        let content = air_gap::read_text(TextKind::Request, text).ok();
        let request = content.and_then(|content| AirGapRequest::of_content(&content).ok());
        request.is_some_and(|unchecked| matches!(unchecked.request.license, LicenseName::Masked(_)))
    }

    /// Decides about a request, and changes nothing.
    ///
    /// # Errors
    /// [`AirGapError`].
    pub async fn plan(
        &self,
        known: &KnownRequest,
        transfer: CountedTransfer<'_>,
    ) -> Result<AnsweredRequest, AirGapError> {
        self.decided(known, known.row.license.clone(), transfer).await
    }

    /// Decides about a request, stores the binding in one transaction with its audit row, and signs.
    ///
    /// # Errors
    /// [`AirGapError`].
    pub async fn answer(
        &self,
        known: &KnownRequest,
        transfer: CountedTransfer<'_>,
        reason: Option<&str>,
    ) -> Result<AnsweredRequest, AirGapError> {
        let id = &known.row.license.id;
        for tries in 1..=MAX_DECISIONS {
            let row = self.read(id).await?;
            let answered = self.decided(known, row.license.clone(), transfer).await?;
            let code = answered.outcome.code.name();
            let action = AuditAction { action: "activate-offline", code, reason };
            let audit = self.audit(id, action, &answered.outcome.device, Some(&known.lease))?;
            match self.commit(&row, &answered.outcome.license, &audit, tries).await? {
                Commit::Done => return Ok(answered),
                Commit::Lost => {}
            }
        }
        Err(AirGapError::Contended)
    }

    /// Reads a receipt, and checks that the license's key made it.
    ///
    /// # Errors
    /// [`AirGapError`].
    pub async fn receipt(&self, text: &str) -> Result<(Receipt, LicenseRow), AirGapError> {
        let content = air_gap::read_text(TextKind::Receipt, text)?;
        let (receipt, fits) = Receipt::of_content(&content)?;
        let row = self.read(&receipt.license).await?;
        let key = self.key_of(&row)?;
        if key.is_some_and(|key| fits(&key)) {
            Ok((receipt, row))
        } else {
            Err(AirGapError::NoSuchKey(receipt.license.to_string()))
        }
    }

    /// Takes a receipt, and changes nothing.
    ///
    /// # Errors
    /// [`AirGapError`].
    pub async fn plan_receipt(
        &self,
        receipt: &Receipt,
        license: License,
        given_back: GivenBack,
    ) -> Result<EffectiveLicense, AirGapError> {
        let standing = self.service.standing(license).await?;
        let EffectiveLicense { license, policy, .. } = &standing;
        let license = air_gap::accept(license.clone(), receipt, given_back, policy, self.now)?;
        Ok(EffectiveLicense { license, ..standing })
    }

    /// Takes a receipt, in one transaction with its audit row.
    ///
    /// # Errors
    /// [`AirGapError`].
    pub async fn accept(
        &self,
        receipt: &Receipt,
        given_back: GivenBack,
        reason: Option<&str>,
    ) -> Result<EffectiveLicense, AirGapError> {
        let code = match given_back {
            GivenBack::AtEnd => "RECEIPT_ACCEPTED",
            GivenBack::AtOnce => "RECEIPT_TRUSTED",
        };
        for tries in 1..=MAX_DECISIONS {
            let row = self.read(&receipt.license).await?;
            let standing = self.plan_receipt(receipt, row.license.clone(), given_back).await?;
            if standing.license == row.license {
                return Ok(standing);
            }
            let action = AuditAction { action: "accept-receipt", code, reason };
            let audit = self.audit(&receipt.license, action, &receipt.device, None)?;
            match self.commit(&row, &standing.license, &audit, tries).await? {
                Commit::Done => return Ok(standing),
                Commit::Lost => {}
            }
        }
        Err(AirGapError::Contended)
    }

    async fn decided(
        &self,
        known: &KnownRequest,
        license: License,
        transfer: CountedTransfer<'_>,
    ) -> Result<AnsweredRequest, AirGapError> {
        let KnownRequest { request, lease, fresh_id, .. } = known;
        let generation = self.ring.generation(license.generation).ok_or(AirGapError::NoGeneration)?;
        let hardware = request.hardware.hashed(generation, &license.id);
        let standing = self.service.standing(license).await?;
        let seat_request = SeatRequest {
            hardware: &hardware,
            form: ComponentForm::Keyed,
            machine: request.machine,
            device_name: request.device_name.as_ref(),
            licensee_name: request.licensee_name.as_ref(),
            licensee_email: request.licensee_email.as_ref(),
            fresh_id,
        };
        let outcome = air_gap::decide(&standing, &seat_request, request.purpose, transfer, lease, self.now)?;
        let standing = EffectiveLicense { license: outcome.license.clone(), ..standing };
        let claims = self.claims(known, &outcome, &standing, &hardware);
        let (signer, jwks) = (self.ring.current(), self.ring.jwks());
        let kid = signer.number().to_string();
        // A root's statement reaches a machine without a network by its answers alone.
        let has_news = !request.trusted_kids.contains(&kid) || jwks.statement.is_some();
        let answer = AirGapAnswer::with_keys(claims.sign(signer), has_news.then_some(jwks), &kid)?;
        Ok(AnsweredRequest { outcome, standing, until: UnixMillis(claims.exp * 1_000), answer })
    }

    fn claims(
        &self,
        known: &KnownRequest,
        outcome: &Outcome,
        standing: &EffectiveLicense,
        hardware: &HashedComponents,
    ) -> Claims {
        let (license, nonce) = (&standing.license, known.request.nonce_text());
        let labels = license
            .devices
            .get(&outcome.device)
            .map_or_else(Vec::new, |device| lease_labels(&device.components, hardware, self.now));
        let components = known.request.hardware.lease(&labels);
        let context = LeaseContext {
            issuer: self.issuer,
            product: &license.product,
            license_id: &license.id,
            request_id: &known.lease,
            nonce: Some(&nonce),
            now: self.now,
        };
        let bound = Bound { device: &outcome.device, components: &components, kept_until: None };
        Claims::air_gapped(&context, outcome.code, &standing.terms(), bound)
    }

    async fn row_of(
        &self,
        unchecked: &UncheckedRequest,
        named: Option<LicenseRow>,
    ) -> Result<LicenseRow, AirGapError> {
        let name = &unchecked.request.license;
        let missing = || AirGapError::NoSuchKey(name.as_str().to_owned());
        let row = match (named, name) {
            (Some(row), _) => row,
            (None, LicenseName::Id(id)) => self.read(id).await?,
            (None, LicenseName::Masked(masked)) => {
                return self.row_by_hint(unchecked, masked).await?.ok_or_else(missing);
            }
        };
        let key = self.key_of(&row)?;
        let is_made_with = key.is_some_and(|key| unchecked.made_with(&key).is_some());
        is_made_with.then_some(row).ok_or_else(missing)
    }

    /// Of the licenses with this masked key, the one whose key made the tag.
    async fn row_by_hint(
        &self,
        unchecked: &UncheckedRequest,
        masked: &str,
    ) -> Result<Option<LicenseRow>, AirGapError> {
        let (mut found, masked) = (None, masked.to_uppercase());
        self.service
            .each(|row, issuance| {
                if issuance.key_hint.to_uppercase() != masked {
                    return ControlFlow::Continue(());
                }
                // A key that does not open is not the one of this request, or nobody can tell.
                let key = sealed::opened(self.ring, &row.license, &issuance).ok();
                let key = key.and_then(|key| LicenseKey::parse(&key));
                if key.is_some_and(|key| unchecked.made_with(&key).is_some()) {
                    found = Some(row);
                    return ControlFlow::Break(());
                }
                ControlFlow::Continue(())
            })
            .await?;
        Ok(found)
    }

    fn key_of(&self, row: &LicenseRow) -> Result<Option<LicenseKey>, AirGapError> {
        let key = sealed::opened(self.ring, &row.license, &row.issuance()?)?;
        Ok(LicenseKey::parse(&key))
    }

    async fn read(&self, id: &LicenseId) -> Result<LicenseRow, AirGapError> {
        let row = self.store.license(id).await?;
        Ok(row.ok_or_else(|| FindError::NoLicense(id.to_string()))?)
    }

    fn audit(
        &self,
        id: &LicenseId,
        action: AuditAction<'_>,
        device: &DeviceId,
        request_id: Option<&str>,
    ) -> Result<AuditRow, AirGapError> {
        let row = self.service.audit(id, action, self.now)?;
        let request_id = request_id.map_or(row.request_id, str::to_owned);
        Ok(AuditRow { device: Some(device.clone()), request_id, ..row })
    }

    async fn commit(
        &self,
        row: &LicenseRow,
        after: &License,
        audit: &AuditRow,
        tries: u32,
    ) -> Result<Commit, AirGapError> {
        match self.store.commit(&row.guard, &row.license, after, audit, &random::id()?).await {
            Ok(()) => Ok(Commit::Done),
            Err(StoreError::Conflict) => {
                tokio::time::sleep(jitter(tries)).await;
                Ok(Commit::Lost)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The end of one attempt to store.
enum Commit {
    Done,
    /// Somebody else was faster.
    Lost,
}
