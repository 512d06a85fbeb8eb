//! The calls.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::types::AttributeValue;
use lambda_http::Error;

use crate::clients::configured;

const WINDOW_SECONDS: u64 = 60;
const KEPT_SECONDS: u64 = 400 * 86_400;
const ADDRESS: &str = "203.0.113.7";

/// When a request came, and its id.
pub(crate) struct RequestMoment {
    millis: u128,
    seconds: u64,
    request_id: String,
}

impl RequestMoment {
    pub(crate) fn now(request_id: String) -> Result<Self, Error> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
        Ok(Self { millis: since.as_millis(), seconds: since.as_secs(), request_id })
    }
}

pub(crate) struct Calls {
    dynamodb: aws_sdk_dynamodb::Client,
    secrets: aws_sdk_secretsmanager::Client,
    licenses: String,
    verifications: String,
    rate_limits: String,
    secret: String,
    limit: String,
    license_id: String,
}

impl Calls {
    pub(crate) async fn connect() -> Result<Self, Error> {
        let config = configured().await?;
        Ok(Self {
            dynamodb: aws_sdk_dynamodb::Client::new(&config),
            secrets: aws_sdk_secretsmanager::Client::new(&config),
            licenses: setting("LICENSES_TABLE")?,
            verifications: setting("VERIFICATIONS_TABLE")?,
            rate_limits: setting("RATE_LIMITS_TABLE")?,
            secret: setting("MASTER_KEY_SECRET_ID")?,
            limit: setting("RATE_LIMIT_PER_MINUTE")?,
            license_id: setting("BENCH_LICENSE_ID")?,
        })
    }

    /// The secret beside a row that is not there.
    pub(crate) async fn warm_up(&self) -> Result<(), Error> {
        let secret = self.secrets.get_secret_value().secret_id(&self.secret).send();
        let sentinel =
            self.dynamodb.get_item().table_name(&self.licenses).key("license_id", text("warm-up")).send();
        let (secret, sentinel) = tokio::join!(secret, sentinel);
        secret?;
        sentinel?;
        Ok(())
    }

    /// The license beside the counter.
    pub(crate) async fn load(&self, moment: &RequestMoment) -> Result<(), Error> {
        let license = self
            .dynamodb
            .get_item()
            .table_name(&self.licenses)
            .key("license_id", text(&self.license_id))
            .consistent_read(true)
            .send();
        let window = moment.seconds / WINDOW_SECONDS;
        let counted = self
            .dynamodb
            .update_item()
            .table_name(&self.rate_limits)
            .key("bucket", text(&format!("verify#{ADDRESS}#{window}")))
            .update_expression("ADD n :one SET #ttl = if_not_exists(#ttl, :ttl)")
            .condition_expression("attribute_not_exists(n) OR n < :limit")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":one", number("1"))
            .expression_attribute_values(":limit", number(&self.limit))
            .expression_attribute_values(":ttl", number(&(moment.seconds + 360)))
            .send();
        let (license, counted) = tokio::join!(license, counted);
        counted?;
        license?.item.map(drop).ok_or_else(|| "BENCH_LICENSE_ID names no license".into())
    }

    /// The audit row.
    pub(crate) async fn record(&self, moment: &RequestMoment) -> Result<(), Error> {
        self.dynamodb
            .put_item()
            .table_name(&self.verifications)
            .item("license_id", text(&self.license_id))
            .item("at", text(&format!("{:013}#{}", moment.millis, moment.request_id)))
            .item("schema", number(&1))
            .item("action", text("verify"))
            .item("code", text("VALID"))
            .item("request_id", text(&moment.request_id))
            .item("origin", text("quantum-falcon-cockpit"))
            .item("address", text(ADDRESS))
            .item("ttl", number(&(moment.seconds + KEPT_SECONDS)))
            .condition_expression("attribute_not_exists(license_id)")
            .send()
            .await?;
        Ok(())
    }
}

fn setting(name: &str) -> Result<String, Error> {
    std::env::var(name).map_err(|_| format!("{name} is missing").into())
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn number(number: &(impl ToString + ?Sized)) -> AttributeValue {
    AttributeValue::N(number.to_string())
}
