//! The settings of a bulk issue, as a form has them. The look reads them, and says which does not read.

use encoding_rs::Encoding;
use falconer_domain::Product;
use falconer_operator::import_export::settings;
use falconer_operator::words;

use crate::forms::Form;
use crate::move_in::bad;
use crate::trouble::Trouble;
use crate::typed_form;

/// The settings as typed. No `Debug`: a reason may be about a person.
#[derive(Clone, Default)]
pub(crate) struct TypedOrders {
    pub(crate) product: String,
    pub(crate) encoding: String,
    pub(crate) reason: String,
}

impl TypedOrders {
    pub(crate) fn read(form: &Form) -> Self {
        let text = |name: &str| typed_form::shown(form.filled(name).unwrap_or_default());
        Self { product: text("product").to_uppercase(), encoding: text("encoding"), reason: text("reason") }
    }

    /// The product of rows that name none.
    pub(crate) fn product(&self) -> Result<Product, Trouble> {
        Product::parse(&self.product).ok_or_else(|| bad("a product\u{2019}s code has 2 to 8 of A-Z and 0-9"))
    }

    pub(crate) fn encoding(&self) -> Result<Option<&'static Encoding>, Trouble> {
        match self.encoding.as_str() {
            "" => Ok(None),
            name => settings::encoding(name).map(Some).map_err(bad),
        }
    }

    pub(crate) fn reason(&self) -> Result<Option<String>, Trouble> {
        words::reason(&self.reason).map_err(bad)
    }
}
