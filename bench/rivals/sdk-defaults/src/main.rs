//! Our `verify`, connected as the SDK's documentation connects: every default feature, every default setting, and the
//! runtime that `#[tokio::main]` makes. The difference to Falconer is the price of the defaults.

use aws_config::BehaviorVersion;
use falconer_aws::{Budgets, Clients, Settings};
use lambda_http::Error;

#[tokio::main]
async fn main() -> Result<(), Error> {
    lambda_http::tracing::init_default_subscriber();
    #[expect(clippy::disallowed_methods, reason = "the one reading of the environment, through a lookup")]
    let settings = Settings::read(|name| std::env::var(name).ok())?;
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    // The budgets are for transactions, which `verify` has none of.
    let clients = Clients::of(&config, Budgets::LAMBDA);
    falconer_http::serve::run(verify::ENDPOINT, settings, &clients).await
}
