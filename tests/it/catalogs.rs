//! The catalog of a product: stored, else built in, kept through outages, never guessed.

use std::time::Duration;

use falconer_domain::Product;
use falconer_domain::issue::NewLicense;
use falconer_emulators::tap::{Fault, Matcher};
use falconer_http::App;
use falconer_tests::{Fixture, Machine, TestStack, TestStackOptions, pass, turned_clock};
use serde_json::{Value, json};

use crate::limits::wait_for_room_in_the_minute;

/// A catalog of one tier with one feature, as the operator's item holds it.
fn catalog(product: &str, tier: &str, feature: &str) -> Value {
    json!({
        "license_id": { "S": format!("catalog#{product}") },
        "schema": { "N": "1" },
        "product": { "S": product },
        "policy": { "M": { "offline_grace_days": { "N": "3" } } },
        "tiers": { "M": { tier: { "M": {
            "features": { "L": [{ "S": feature }] },
            "policy": { "M": { "check_interval_hours": { "N": "2" } } },
        } } } },
    })
}

fn app(stack: &TestStack) -> App {
    App::new(verify::ENDPOINT, stack.settings.clone(), &stack.tapped)
}

fn reads(stack: &TestStack) -> usize {
    stack.dynamodb.matching(&Matcher::operation("GetItem")).len()
}

#[test]
fn stored_catalog_replaces_built_in() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro());
    stack.put_item(&catalog("QF", "pro", "only_this"));
    assert_eq!(stack.verify(&key).body["features"], json!(["only_this"]));
    let reply = stack.activate(&key, &Machine::named("laptop"));
    assert_eq!((reply.code(), &reply.body["features"]), ("ACTIVATED", &json!(["only_this"])));
    let claims = reply.lease_parts().1;
    assert_eq!((&claims["interval"], &claims["grace"]), (&json!(7_200), &json!(259_200)));
}

#[test]
fn stored_product_beats_printed_one() {
    let stack = TestStack::start();
    stack.put_item(&catalog("ACME", "pro", "of_acme"));
    let to_acme = |new: &mut NewLicense, _: &_| new.license.product = Product::parse("ACME").unwrap();
    let reply = stack.verify(&stack.put(Fixture::pro().with(to_acme)));
    assert_eq!(reply.body["features"], json!(["of_acme"]));
    assert_eq!(reply.lease_parts().1["aud"], "ACME");
}

#[test]
fn copied_catalog_is_unavailable() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro());
    let mut copied = catalog("ACME", "pro", "of_acme");
    copied["license_id"] = json!({ "S": "catalog#QF" });
    stack.put_item(&copied);
    assert_eq!(stack.verify(&key).code(), "UNAVAILABLE");
}

#[test]
fn cached_a_minute_and_through_outages() {
    let stack = TestStack::start();
    let (app, product) = (app(&stack), Product::parse("QF").unwrap());
    let runtime = turned_clock();
    runtime.block_on(async {
        let cache = falconer_aws::CatalogCache::default();
        let features = async || {
            let tier = falconer_domain::TierName::parse("pro").unwrap();
            cache.get(&app.store, &product).await.unwrap().features(&tier, &[]).unwrap().len()
        };
        assert_eq!(features().await, 9, "built in");
        stack.put_item(&catalog("QF", "pro", "one"));
        pass(Duration::from_secs(50)).await;
        assert_eq!((features().await, reads(&stack)), (9, 1), "absence is known for a minute");
        pass(Duration::from_secs(10)).await;
        assert_eq!((features().await, reads(&stack)), (1, 2));
        pass(Duration::from_secs(45)).await;
        cache.refresh_ageing(&app.store).await;
        assert_eq!(reads(&stack), 3, "an ageing one is read behind an answer");
        stack.dynamodb.break_all(Matcher::any(), Fault::error(400, "AccessDeniedException", "no"));
        pass(Duration::from_secs(61)).await;
        assert_eq!(features().await, 1, "kept while the table does not answer");
        let tried = reads(&stack);
        assert_eq!((features().await, reads(&stack)), (1, tried), "and not asked for again at once");
        pass(Duration::from_secs(5)).await;
        assert_eq!((features().await, reads(&stack)), (1, tried + 1));
    });
}

#[test]
fn unknown_tier_rereads_every_5_s() {
    let stack = TestStack::start();
    let (app, product) = (app(&stack), Product::parse("QF").unwrap());
    let runtime = turned_clock();
    runtime.block_on(async {
        let cache = falconer_aws::CatalogCache::default();
        let gold = falconer_domain::TierName::parse("gold").unwrap();
        let has_gold = async || cache.reread(&app.store, &product).await.unwrap().has(&gold);
        assert!(!cache.get(&app.store, &product).await.unwrap().has(&gold));
        stack.put_item(&catalog("QF", "gold", "one"));
        for _ in 0..5 {
            assert!(!has_gold().await);
        }
        assert_eq!(reads(&stack), 1);
        pass(Duration::from_secs(5)).await;
        assert!(has_gold().await);
        assert_eq!(reads(&stack), 2);
    });
}

#[test]
fn imported_key_counts_before_any_read() {
    let ring = format!(
        r#"{{"current":"1","imported":"2","1":"{}","2":"{}"}}"#,
        falconer_tests::MASTER_A,
        falconer_tests::MASTER_B
    );
    let stack = TestStack::with(&TestStackOptions {
        ring: Some(ring),
        settings: vec![("RATE_LIMIT_PER_MINUTE", "50".to_owned())],
        ..TestStackOptions::default()
    });
    let typed = "ABC-123-FIXTURE";
    stack.speak(typed);
    let id = stack.license_id(typed);
    let miss = stack.verify(typed);
    assert_eq!((miss.status, miss.code(), miss.body.get("lease")), (401, "INVALID_SIGNATURE", None));
    stack.settle();
    let operations: Vec<_> = stack.dynamodb.records().iter().map(|record| record.operation.clone()).collect();
    assert_eq!(
        operations,
        ["UpdateItem", "GetItem"],
        "counted first, and no row about a key anyone can make up"
    );

    let under_its_text = move |new: &mut NewLicense, _: &_| new.license.id = id;
    stack.put(Fixture::pro().with(under_its_text));
    assert_eq!(stack.verify(" abc-123-fixture ").code(), "VALID");
    // A license that this instance has found is counted as any other, beside its read.
    stack.settle();
    wait_for_room_in_the_minute();
    let of_license = stack.license_id(typed).to_string();
    for counted in [false, true] {
        stack.forget();
        assert_eq!(stack.verify(typed).code(), "VALID");
        stack.settle();
        let calls = stack.dynamodb.matching(&Matcher::operation("UpdateItem"));
        let buckets: Vec<_> =
            calls.iter().filter_map(|call| call.request["Key"]["bucket"]["S"].as_str()).collect();
        assert!(buckets.iter().all(|bucket| bucket.contains(&of_license)), "{buckets:?}");
        assert!(!counted || buckets.len() == 1, "{buckets:?}");
    }
}
