//! Fetching the server's public keys and the root's statement.

use super::session::Session;
use super::{Config, verified_record};
use crate::retry::send_with_retry;
use crate::store::Record;
use crate::transport::{ApiEndpoint, Reply, TransportRequest};
use crate::trust::TrustedKeys;

impl Session<'_> {
    /// Fetches the server's public keys and stores those that a trusted key endorses.
    pub(super) fn fetch_keys(&mut self) {
        let Config { transport, clock, random, .. } = &self.shared.config;
        let (endpoint, cancel) = (ApiEndpoint::Keys, &self.cancel);
        let reply = send_with_retry(&**clock, &**random, cancel, || {
            transport.send(&TransportRequest { endpoint, body: None, cancel: cancel.clone() })
        });
        self.learn_from(reply.ok());
    }

    /// Asks for the root's statement where the last look is so many seconds ago. A request does so before its question, so
    /// that no answer is believed by a key that the vendor has distrusted. One attempt: where the server cannot be
    /// reached, the request itself finds out.
    pub(super) fn look_for_statement(&mut self, age_seconds: i64) {
        let Config { transport, pins, .. } = &self.shared.config;
        let kept = self.state.record.trusted_keys.as_deref();
        if TrustedKeys::is_statement_due(pins, kept, self.now(), age_seconds) {
            let (endpoint, cancel) = (ApiEndpoint::Keys, self.cancel.clone());
            let reply = transport.send(&TransportRequest { endpoint, body: None, cancel });
            self.learn_from(reply.ok());
        }
    }

    fn learn_from(&mut self, reply: Option<Reply>) {
        if let Some(fetched) = reply.and_then(|reply| String::from_utf8(reply.body).ok()) {
            self.learn_keys(&fetched);
        }
    }

    /// Stores the keys of an answer of `/api/keys`, as far as a trusted key endorses them, and a newer statement.
    pub(super) fn learn_keys(&mut self, fetched: &str) {
        let (now, config) = (self.now(), &self.shared.config);
        self.keep(|record| {
            let merged = TrustedKeys::merge(&config.pins, record.trusted_keys.as_deref(), fetched, now);
            if let Some(keys) = merged {
                verified_record::replace_trusted_keys(record, Some(keys), config);
            }
        });
    }

    /// Stores the statement of the build at once, where it is newer than the stored one.
    pub(super) fn take_statement_of_build(&mut self) {
        let (now, config) = (self.now(), &self.shared.config);
        let taken =
            |record: &Record| TrustedKeys::take_from_build(&config.pins, record.trusted_keys.as_deref(), now);
        if taken(&self.state.record).is_some() {
            self.keep(|record| {
                if let Some(keys) = taken(record) {
                    verified_record::replace_trusted_keys(record, Some(keys), config);
                }
            });
        }
    }
}
