//! The counter that all instances share.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use falconer_domain::UnixMillis;

use crate::clients::Clients;
use crate::error::StoreError;
use crate::fixed_window::WINDOW_SECONDS;
use crate::tables::{self, BUCKET};

/// Time that a counter outlives its window before it may be deleted. No clock of an instance is off by more.
const SLACK_SECONDS: i64 = 300;

/// The table of fixed-window counters.
#[derive(Clone, Debug)]
pub struct Counter {
    dynamodb: Client,
    table: String,
}

impl Counter {
    /// The table of this name.
    #[must_use]
    pub fn new(clients: &Clients, table: &str) -> Self {
        Self { dynamodb: clients.dynamodb.clone(), table: table.to_owned() }
    }

    /// Pattern 3: counts so many calls in a bucket's window, all of them or none, while there is room. A retry inside the
    /// SDK may count them twice; for a limit that is the safe side.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the bucket lacks the room; [`StoreError::Unavailable`].
    pub async fn count(
        &self,
        bucket: &str,
        calls: u32,
        limit: u32,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        // A window without calls meets the condition too, whatever their number.
        let Some(room) = limit.checked_sub(calls) else { return Err(StoreError::Conflict) };
        let ttl = now.seconds() + WINDOW_SECONDS + SLACK_SECONDS;
        self.dynamodb
            .update_item()
            .table_name(&self.table)
            .key(BUCKET, AttributeValue::S(bucket.to_owned()))
            .update_expression(tables::COUNT_CALLS)
            .condition_expression(tables::HAS_ROOM)
            .expression_attribute_names(tables::TTL_NAME.0, tables::TTL_NAME.1)
            .expression_attribute_values(":calls", AttributeValue::N(calls.to_string()))
            .expression_attribute_values(":room", AttributeValue::N(room.to_string()))
            .expression_attribute_values(":ttl", AttributeValue::N(ttl.to_string()))
            .send()
            .await
            .map(|_| ())
            .map_err(|error| StoreError::of(&error))
    }
}
