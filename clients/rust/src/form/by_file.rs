//! "I have no network here": the step of the form in which people carry files.

use super::{ActivationForm, Phase};
use crate::licensing::Licensing;

impl ActivationForm {
    /// Goes on without a network, by the fields as they are: makes a request for the vendor. Waits for no server, but for
    /// the disk.
    pub fn ask_by_file(&mut self, licensing: &Licensing) {
        if self.phase == Phase::Working {
            return;
        }
        if let Some((field, input)) = self.invalid_input() {
            self.focus = field;
            self.phase = Phase::failed(input.into());
            return;
        }
        let [key, name, email] = &self.texts;
        self.phase = match licensing.activation_request(key, name, email) {
            Ok(request) => Phase::ByFile { request: Some(request), problem: None },
            Err(failure) => Phase::failed(failure),
        };
    }

    /// Makes a request for a later end of the license that was activated here by a file.
    pub fn renew_by_file(&mut self, licensing: &Licensing) {
        if self.phase != Phase::Working {
            self.phase = match licensing.renewal_request() {
                Ok(request) => Phase::ByFile { request: Some(request), problem: None },
                Err(failure) => Phase::failed(failure),
            };
        }
    }

    /// Waits for the answer to a request that was made at an earlier start ([`Pending::Answer`](crate::Pending::Answer)).
    pub fn await_answer(&mut self) {
        if self.phase != Phase::Working {
            self.phase = Phase::ByFile { request: None, problem: None };
        }
    }

    /// Takes the vendor's answer, as it was pasted, scanned or read from a file. The request stays if it is not one.
    pub fn import(&mut self, licensing: &Licensing, text: &str) {
        let Phase::ByFile { problem, .. } = &mut self.phase else { return };
        match licensing.import_response(text) {
            Ok(state) => {
                self.detail = licensing.detail();
                self.phase = Phase::after(state);
            }
            Err(failure) => *problem = Some(failure),
        }
    }
}
