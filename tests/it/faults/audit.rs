//! F7: the audit table is down, or hangs, while many callers are at work.

use std::collections::{BTreeMap, BTreeSet};

use falconer_emulators::gateway::peak_overlap;
use falconer_emulators::tap::{Fault, Matcher};
use falconer_tests::{Fixture, Reply, TestStack, TestStackOptions};
use serde_json::json;

const CALLERS: usize = 16;
const ROUNDS: usize = 8;
const INSTANCES: usize = 4;

/// Sixteen callers, each with a key of its own, so that no license's share of rows is used up.
fn answers(stack: &TestStack) -> Vec<Reply> {
    let keys: Vec<_> = (0..CALLERS).map(|_| stack.put(Fixture::pro())).collect();
    let url = format!("{}/api/verify", stack.gateway().url());
    std::thread::scope(|scope| {
        let callers: Vec<_> = keys
            .iter()
            .map(|key| {
                let body = json!({ "license": key }).to_string();
                let url = &url;
                scope.spawn(move || (0..ROUNDS).map(|_| Reply::post(url, &[], &body)).collect::<Vec<_>>())
            })
            .collect();
        callers.into_iter().flat_map(|caller| caller.join().expect("a caller")).collect()
    })
}

#[test]
fn verdicts_survive_audit_outage_under_load() {
    for fault in [Fault::Reset, Fault::Hang, Fault::throttling(), Fault::internal()] {
        let stack =
            TestStack::with(&TestStackOptions { instances: INSTANCES, ..TestStackOptions::default() });
        let audit = Matcher::operation("PutItem").and_resource(&stack.settings.verifications_table);
        stack.dynamodb.break_all(audit.clone(), fault.clone());
        let replies = answers(&stack);
        assert!(replies.iter().all(|reply| (reply.status, reply.code()) == (200, "VALID")), "{fault:?}");

        // The log has the content of the lost row: request, license, decision and moment.
        let lines = stack.request_lines();
        let lines: BTreeMap<_, _> =
            lines.iter().map(|line| (line["request.id"].as_str().unwrap_or_default(), line)).collect();
        assert_eq!(replies.len(), CALLERS * ROUNDS);
        for reply in &replies {
            let line = lines[reply.header("x-request-id").unwrap()];
            let said = [&line["license.id"], &line["outcome.code"], &line["_aws"]["Timestamp"]];
            assert_eq!(said, [&reply.body["licenseId"], &reply.body["code"], &reply.body["checkedAt"]]);
            assert_eq!(line["AuditDrops"], 1, "{fault:?}: the metric counts it");
        }
        assert_eq!(stack.gateway().starts().len(), stack.instances(), "nobody was killed or died");
        let invocations = stack.gateway().invocations();
        assert!(peak_overlap(&invocations) >= INSTANCES, "it was load");
        // After three failures an instance leaves the table alone: none was held up for each of its requests.
        let tried = stack.dynamodb.matching(&audit);
        let rows: BTreeSet<_> = tried.iter().map(|one| one.request["Item"]["at"].to_string()).collect();
        assert!(rows.len() <= 3 * INSTANCES, "{fault:?}: {} rows tried", rows.len());
    }
}
