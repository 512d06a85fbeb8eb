//! P11: what a verification costs when there are many licenses. Units and sizes are exact; the stand-in's latency says
//! something about the stand-in.

use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use falconer_emulators::tap::{Matcher, Tap, TapRecord, Units};
use serde::Serialize;
use serde_json::{Value, json};

use crate::figures::{Spread, rounded};
use crate::instance::StartedProgram;
use crate::stage::{IssuedLicense, Stage, event};
use crate::subject::{MeasuredProgram, Road};

/// The most items that one `BatchWriteItem` takes.
const BATCH: usize = 25;
const WRITERS: usize = 2;
/// Licenses that are verified, once each.
const VERIFIED: usize = 100;

/// A table of one size.
#[derive(Debug, Serialize)]
pub(crate) struct GrowthRow {
    pub(crate) licenses: usize,
    /// Mean of a verification, its audit row included.
    pub(crate) read_units: f64,
    pub(crate) write_units: f64,
    /// The largest license, as JSON of DynamoDB.
    pub(crate) item_bytes: usize,
    /// Of the stand-in and the function together.
    pub(crate) warm: Spread,
}

/// Fills the table to each size and verifies.
pub(crate) fn grow(stage: &Stage, verify: &MeasuredProgram, sizes: &[usize]) -> Result<Vec<GrowthRow>> {
    let tap = Tap::start(stage.database.endpoint())?;
    tap.measure_capacity();
    let customers: Vec<_> = (0..VERIFIED).map(|_| stage.issue(1)).collect::<Result<_>>()?;
    // Another license starts the function: a second request within a minute would be counted, by a write.
    let first = stage.issue(1)?;
    let road = Road::plain(&tap.endpoint(), &stage.secrets.endpoint());
    let environment = road.environment(stage, &customers[0])?;
    let mut filled = customers.len() + 1;
    let mut rows = Vec::new();
    for size in sizes {
        let begun = Instant::now();
        fill(stage, &customers[0], filled..*size)?;
        filled = filled.max(*size);
        println!("  {size} licenses, filled in {} s", begun.elapsed().as_secs());
        let (instance, _) = StartedProgram::cold(verify, &environment, &[], &event(&first.key)?)?;
        instance.invocations(1)?;
        tap.forget();
        for customer in &customers {
            instance.invoke(&event(&customer.key)?, 1)?;
        }
        let invocations = instance.invocations(1 + VERIFIED)?;
        let samples = invocations[1..]
            .iter()
            .filter_map(|one| Some(one.responded?.saturating_duration_since(one.dispatched?)))
            .collect::<Vec<_>>();
        let units: Units = tap.records().iter().map(TapRecord::units).sum();
        ensure!(tap.matching(&Matcher::operation("GetItem")).len() == VERIFIED, "one read each");
        let each = |units: f64| rounded(units / crate::figures::real(VERIFIED as u64));
        rows.push(GrowthRow {
            licenses: *size,
            read_units: each(units.read),
            write_units: each(units.write),
            item_bytes: item(stage, &customers[0])?.to_string().len(),
            warm: Spread::of(&samples),
        });
        instance.end()?;
    }
    Ok(rows)
}

/// A license's item, in DynamoDB's own JSON.
fn item(stage: &Stage, customer: &IssuedLicense) -> Result<Value> {
    let request = json!({
        "TableName": stage.settings.licenses_table,
        "Key": { "license_id": { "S": customer.id.as_str() } },
    });
    Ok(stage.database.send("GetItem", &request)?["Item"].take())
}

/// Writes copies of a license, each under an id and a user of its own.
fn fill(stage: &Stage, like: &IssuedLicense, numbers: std::ops::Range<usize>) -> Result<()> {
    let item = item(stage, like)?;
    let table = stage.settings.licenses_table.as_str();
    let batches: Vec<_> = numbers.step_by(BATCH).collect();
    let share = batches.len().div_ceil(WRITERS).max(1);
    thread::scope(|scope| {
        let writers: Vec<_> = batches
            .chunks(share)
            .map(|batches| {
                let item = &item;
                scope.spawn(move || {
                    batches.iter().try_for_each(|first| -> Result<()> {
                        let copies: Vec<_> = (*first..first + BATCH)
                            .map(|number| {
                                let mut item = item.clone();
                                item["license_id"] = json!({ "S": format!("lic_filler{number:018}") });
                                item["user_id"] = json!({ "S": format!("user_{number}") });
                                json!({ "PutRequest": { "Item": item } })
                            })
                            .collect();
                        let request = json!({ "RequestItems": { table: copies } });
                        let answer = stage.database.send("BatchWriteItem", &request)?;
                        let left =
                            answer["UnprocessedItems"].as_object().is_some_and(|left| !left.is_empty());
                        ensure!(!left, "the stand-in left items unwritten");
                        Ok(())
                    })
                })
            })
            .collect();
        writers.into_iter().try_for_each(|writer| match writer.join() {
            Ok(outcome) => outcome,
            Err(_) => bail!("a writer panicked"),
        })
    })
    .context("filling the table")
}
