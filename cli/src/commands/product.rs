//! The product of a command without `--product`.

use anyhow::Result;
use falconer_domain::Product;

use crate::commands::CommandContext;
use crate::failure::{Failure, bad_input};

/// The product that has a catalog without one being stored.
const BUILT_IN: &str = "QF";

/// The product of a command, where somebody has said which.
pub(crate) enum Named {
    /// Named by a flag or a setting, or the only product.
    Is(Product),
    /// Nobody has, and there are several: what there is to say.
    Unsaid(Failure),
}

/// The product of a command.
pub(crate) async fn resolve(context: &CommandContext<'_>, flag: Option<&str>) -> Result<Product> {
    match resolve_named(context, flag).await? {
        Named::Is(product) => Ok(product),
        Named::Unsaid(failure) => Err(failure.into()),
    }
}

/// The flag, else the setting. Where there is neither, the built-in product, as long as no other one has a catalog:
/// a key of the wrong product opens nothing, and nobody sees it before a customer does.
pub(crate) async fn resolve_named(context: &CommandContext<'_>, flag: Option<&str>) -> Result<Named> {
    if let Some(code) = flag {
        return Ok(Named::Is(read(code, "--product")?));
    }
    if let Some(code) = context.product {
        return Ok(Named::Is(read(code, "FALCONER_PRODUCT, or `product` in falconer.toml,")?));
    }
    context.progress(
        "Looking through the whole table for catalogs, since no product is named: FALCONER_PRODUCT, or `product` in \
         falconer.toml, spares that …",
    );
    let stored = context.store.products().await?;
    if stored.iter().all(|product| product.as_str() == BUILT_IN) {
        return Ok(Named::Is(built_in()));
    }
    let stored: Vec<_> = stored.iter().map(Product::as_str).collect();
    Ok(Named::Unsaid(bad_input(format!(
        "say which product: give --product, or set FALCONER_PRODUCT or `product` in falconer.toml; catalogs are \
         stored of {}",
        stored.join(", ")
    ))))
}

impl Named {
    /// The product of rows that name none, and what there is to say where one of them needs it and nobody has named it.
    pub(crate) fn of_rows(self) -> (Product, Option<Failure>) {
        match self {
            Self::Is(product) => (product, None),
            Self::Unsaid(failure) => (built_in(), Some(failure)),
        }
    }
}

fn built_in() -> Product {
    // Unwrap safety: the code has the form of one.
    Product::parse(BUILT_IN).unwrap()
}

fn read(code: &str, name: &str) -> Result<Product, Failure> {
    let product = Product::parse(&code.trim().to_uppercase());
    product.ok_or_else(|| bad_input(format!("{name} must be 2 to 8 of A-Z and 0-9")))
}
