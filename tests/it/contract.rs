//! Helpers for the contracts of all endpoints: one request, and every effect it has.

mod refusals;

use std::collections::BTreeSet;

use falconer_domain::hardware::{ComponentForm, DeviceId, Label, ReceivedComponents};
use falconer_domain::jwks::Jwks;
use falconer_domain::lease;
use falconer_domain::seats::{FormerDevice, Reclaim};
use falconer_domain::trace::Trace;
use falconer_domain::{Code, LicenseId, Product, Status, UnixMillis};
use falconer_http::Effect;
use falconer_tests::{Fixture, Machine, Reply, TestStack, device_id, now};
use serde_json::{Value, json};

pub(crate) const HOUR: i64 = 3_600_000;
pub(crate) const DAY: i64 = 24 * HOUR;
pub(crate) const NONCE: &str = "nonce-of-sixteen-and-more";

/// The license attributes that no rule reads. No function writes the last one.
const LOOKED_AT_BY_NO_RULE: [&str; 5] = ["schema", "created_at", "key_escrow", "key_hint", "shelf"];
/// Texts that an answer or an audit row must never hold, in lower case: names, e-mails and parts of machines as every
/// fixture and request here spells them.
const PRIVATE: [&str; 3] = ["fixture person", "fixture.person", "fixture-hardware"];

/// An endpoint, as its contract describes it.
pub(crate) struct EndpointContract {
    /// The function, the action of its audit rows, and its rate-limit policy.
    pub(crate) name: &'static str,
    effect: Effect,
    /// The code for the key of an active license and nothing else.
    bare: Code,
}

pub(crate) const VERIFY: EndpointContract =
    EndpointContract { name: "verify", effect: Effect::ReadOnly, bare: Code::Valid };
pub(crate) const ACTIVATE: EndpointContract =
    EndpointContract { name: "activate-sync", effect: Effect::Mutating, bare: Code::FingerprintTooWeak };
pub(crate) const TRANSFER: EndpointContract =
    EndpointContract { name: "transfer", effect: Effect::Mutating, bare: Code::FingerprintTooWeak };
pub(crate) const DEACTIVATE: EndpointContract =
    EndpointContract { name: "deactivate", effect: Effect::Mutating, bare: Code::DeviceNotBound };

/// A request about a license, and everything that has to come of it.
pub(crate) struct Case<'a> {
    pub(crate) name: &'a str,
    pub(crate) key: &'a str,
    pub(crate) request: Value,
    /// The whole body, as [`named`] returns it.
    pub(crate) body: Value,
    /// The components by which the lease proves a device, as they are sent; `null` if it is about no device.
    pub(crate) hw: Value,
    /// The attributes of the stored license that differ afterwards, in order.
    pub(crate) changed: &'a [&'a str],
}

/// The effects.
pub(crate) struct ContractEffects {
    pub(crate) reply: Reply,
    pub(crate) before: Value,
    pub(crate) after: Value,
}

// ---- What is sent

/// A moment in the past, some minutes off, so that none is whole days away from a request's own.
pub(crate) fn ago(millis: i64) -> UnixMillis {
    UnixMillis(now().0 - millis - 7 * 60_000)
}

/// Stores a license with an attribute that no function knows, and returns its key.
pub(crate) fn put(stack: &TestStack, fixture: Fixture) -> String {
    let key = stack.put(fixture);
    let mut item = stack.item(&stack.license_id(&key));
    item["shelf"] = json!({ "M": { "row": { "N": "7" } } });
    stack.put_item(&item);
    key
}

/// A license of this status.
pub(crate) fn with_status(fixture: Fixture, status: Status) -> Fixture {
    fixture.with(move |new, _| new.license.status = status)
}

/// A license whose first seats are used up and whose counted bindings happened then.
pub(crate) fn moved_at(fixture: Fixture, moments: impl Into<Vec<UnixMillis>>) -> Fixture {
    let moments = moments.into();
    fixture.with(move |new, _| {
        let license = &mut new.license;
        license.free_used = license.policy.seats.unwrap_or(1);
        license.transfers_total = u32::try_from(moments.len()).unwrap();
        license.transfers = moments;
    })
}

/// Moments of transfers that fill both windows: the year for another 65 days, the cool-down for another 22 hours.
pub(crate) fn spent() -> [UnixMillis; 3] {
    [ago(300 * DAY), ago(10 * DAY), ago(2 * HOUR)]
}

/// A license whose only device, number 1, gave its seat up then.
pub(crate) fn given_up(machine: &Machine, at: UnixMillis) -> Fixture {
    let machine = machine.clone();
    moved_at(Fixture::pro(), []).with(move |new, ring| {
        let device = machine.device(new, ring, at);
        let released = FormerDevice { device, at, may_return: true, reclaim: Reclaim::Never };
        new.license.released.insert(device_id(1), released);
    })
}

/// The same, its device of this number being an older client's.
pub(crate) fn opaque(fixture: Fixture, number: u8) -> Fixture {
    fixture.with(move |new, _| {
        let device = new.license.devices.get_mut(&device_id(number));
        device.expect("a device bound before").form = ComponentForm::Opaque;
    })
}

/// A JSON object with other members beside or instead of its own.
pub(crate) fn with(mut object: Value, members: Value) -> Value {
    let Value::Object(members) = members else { panic!("no object") };
    object.as_object_mut().expect("an object").extend(members);
    object
}

// ---- What is expected

/// Features of a `pro` license in the Flask server's order.
pub(crate) fn pro_features() -> Value {
    json!([
        "basic_dashboard",
        "manual_trading",
        "basic_analytics",
        "community_read",
        "ai_agents_3",
        "advanced_analytics",
        "strategy_marketplace",
        "copy_trading",
        "priority_support"
    ])
}

/// The yes of an endpoint that changes licenses, to a perpetual `pro` license.
pub(crate) fn yes(code: Code, device: Value, seats: (u32, u32), transfers: (u32, u32, Value)) -> Value {
    let mut body = json!({
        "success": true,
        "valid": true,
        "code": code.name(),
        "tier": "pro",
        "expiresAt": 253_370_764_800_000_i64,
        "perpetual": true,
        "userId": "user_12345",
        "features": pro_features(),
        "licenseId": "<licenseId>",
        "checkedAt": "<now>",
        "lease": "<lease>",
        "seats": { "used": seats.0, "max": seats.1 },
        "transfers": { "used": transfers.0, "max": transfers.1 },
    });
    body["device"] = device;
    body["transfers"]["nextAt"] = transfers.2;
    body
}

/// The `transfers` of a license with one seat: none so far.
pub(crate) fn no_transfers() -> (u32, u32, Value) {
    (0, 3, Value::Null)
}

/// The same after the first one, by this request.
pub(crate) fn one_transfer() -> (u32, u32, Value) {
    (1, 3, json!("<now+1d>"))
}

/// A device that holds a seat from this request on.
pub(crate) fn new_device(name: impl Into<Value>) -> Value {
    json!({ "id": "<new>", "name": name.into(), "activatedAt": "<now>", "lastSeenAt": "<now>" })
}

/// The device of this number, as [`Fixture::bound`] made it.
pub(crate) fn old_device(number: u8, at: UnixMillis) -> Value {
    json!({ "id": device_id(number).as_str(), "name": "Laptop", "activatedAt": at.0, "lastSeenAt": at.0 })
}

/// The same, seen by this request.
pub(crate) fn seen_device(number: u8, at: UnixMillis) -> Value {
    with(old_device(number, at), json!({ "lastSeenAt": "<now>" }))
}

impl EndpointContract {
    pub(crate) fn path(&self) -> String {
        format!("/api/{}", self.name)
    }

    /// A refusal about a license.
    pub(crate) fn no(&self, code: Code) -> Value {
        with(self.unsigned(code), json!({ "lease": "<lease>" }))
    }

    /// A refusal about no license.
    pub(crate) fn unsigned(&self, code: Code) -> Value {
        self.failed(json!({
            "valid": false,
            "error": code.text(),
            "code": code.name(),
            "requestId": "<requestId>",
        }))
    }

    /// A refusal that says when the next transfer will be possible.
    pub(crate) fn no_transfer(&self, code: Code, used: u32, max: u32, next_at: impl Into<Value>) -> Value {
        let transfers = json!({ "used": used, "max": max, "nextAt": next_at.into() });
        with(self.no(code), json!({ "transfers": transfers }))
    }

    /// A request without a decision.
    pub(crate) fn problem(&self, code: Code, detail: &str) -> Value {
        let error = if code == Code::InvalidField { detail.trim_end_matches('.') } else { code.text() };
        let members = json!({
            "type": format!("urn:falconer:problem:{}", code.name().to_lowercase()),
            "title": code.text(),
            "status": code.status(),
            "detail": detail,
            "error": error,
        });
        with(self.unsigned(code), members)
    }

    fn failed(&self, body: Value) -> Value {
        match self.effect {
            Effect::ReadOnly => body,
            Effect::Mutating => with(body, json!({ "success": false })),
        }
    }
}

// ---- What is checked

/// The body, with everything that differs from call to call checked and replaced by a name: `<lease>`, `<requestId>`,
/// `<licenseId>`, `<new>` for the id of a device that was not stored before, `<now>` and `<now+1d>` for moments counted
/// from the request's own.
pub(crate) fn named(stack: &TestStack, reply: &Reply, stored: impl Fn(&str) -> bool) -> Value {
    let mut body = reply.body.clone();
    let request_id = reply.header("x-request-id").expect("a request id");
    if let Some(jws) = reply.body.get("lease") {
        let keys = Jwks::of(&stack.ring()).keys;
        let trusted = |kid: &str| keys.iter().find(|key| key.kid == kid)?.public_key();
        let product = Product::parse("QF").unwrap();
        let claims = lease::verify(jws.as_str().unwrap(), &product, trusted).expect("a lease that verifies");
        let said = (claims.code.as_str(), json!(claims.valid), claims.jti.as_str());
        assert_eq!(said, (reply.code(), reply.body["valid"].clone(), request_id));
        assert_eq!(claims.iss, stack.settings.lease_issuer);
        if let Some(id) = reply.body.get("licenseId") {
            assert_eq!(*id, claims.sub.as_str());
            body["licenseId"] = "<licenseId>".into();
        }
        body["lease"] = "<lease>".into();
    }
    if let Some(told) = reply.body.get("requestId") {
        assert_eq!(*told, request_id);
        body["requestId"] = "<requestId>".into();
    }
    name_what_is_new(&mut body, reply.body["checkedAt"].as_i64().unwrap_or(i64::MAX), &stored);
    body
}

fn name_what_is_new(value: &mut Value, now: i64, stored: &impl Fn(&str) -> bool) {
    // Further away lie only moments that fixtures set.
    let days = |moment: i64| (moment >= now && (moment - now) % DAY == 0).then_some((moment - now) / DAY);
    match value {
        Value::Number(number) => match number.as_i64().and_then(days) {
            Some(0) => *value = "<now>".into(),
            Some(days @ 1..=400) => *value = format!("<now+{days}d>").into(),
            _ => {}
        },
        Value::String(id) if DeviceId::parse(id).is_some() && !stored(id) => *value = "<new>".into(),
        Value::Array(values) => values.iter_mut().for_each(|value| name_what_is_new(value, now, stored)),
        Value::Object(members) => members.values_mut().for_each(|value| name_what_is_new(value, now, stored)),
        _ => {}
    }
}

/// The status of the body's code, and headers that fit the body.
pub(crate) fn check_head(name: &str, reply: &Reply) {
    let code = Code::named(reply.code()).expect("a code of the table");
    assert_eq!(reply.status, code.status(), "{name}");
    let is_problem = reply.body.get("type").is_some();
    let media_type = if is_problem { "application/problem+json" } else { "application/json" };
    assert_eq!(reply.header("content-type"), Some(media_type), "{name}");
    assert_eq!(reply.header("cache-control"), Some("no-store"), "{name}");
    assert!(!reply.header("x-request-id").expect("a request id").is_empty(), "{name}");
    assert_eq!(reply.header("retry-after").is_some(), [429, 503].contains(&reply.status), "{name}");
    assert_eq!(reply.header("ratelimit").is_some(), code == Code::RateLimited, "{name}");
    assert_eq!(reply.header("allow").is_some(), code == Code::MethodNotAllowed, "{name}");
}

impl EndpointContract {
    /// Sends a request about a license and looks at all of the answer, the stored license and its audit rows.
    pub(crate) fn check(&self, stack: &TestStack, case: &Case<'_>) -> ContractEffects {
        let id = stack.license_id(case.key);
        // Rows of refusals and verifications are written after their answer.
        stack.settle();
        let (before, rows_before) = (stack.item(&id), stack.audit_rows(&id));
        let sent = now();
        let reply = stack.post(&self.path(), &case.request);
        let answered = now();
        stack.settle();
        let after = stack.item(&id);
        let mut rows = stack.audit_rows(&id);
        assert!(rows_before.iter().all(|row| rows.contains(row)), "{}: a row was lost", case.name);
        rows.retain(|row| !rows_before.contains(row));

        let stored = |id: &str| before.to_string().contains(id);
        assert_eq!(named(stack, &reply, stored), case.body, "{}", case.name);
        check_head(case.name, &reply);
        let told = ContractEffects { reply, before, after };
        let (header, claims) = told.reply.lease_parts();
        let signed_at = claims["at"].as_i64().unwrap();
        assert!((sent.seconds()..=answered.seconds()).contains(&signed_at), "{}: {signed_at}", case.name);
        assert_eq!(header, expected_header(stack, &told), "{}", case.name);
        assert_eq!(claims, expected_claims(stack, &id, case, &told, signed_at), "{}", case.name);
        if let Some(checked_at) = told.reply.body["checkedAt"].as_i64() {
            assert_eq!(UnixMillis(checked_at).seconds(), signed_at, "{}", case.name);
        }
        check_item(case, &told);
        assert_eq!(rows, self.expected_rows(&id, case, &told, signed_at, &rows), "{}", case.name);
        check_secrecy(case, &told, &rows);
        told
    }

    /// A refusal about a license, which changes nothing.
    pub(crate) fn check_no(
        &self,
        stack: &TestStack,
        name: &str,
        key: &str,
        request: Value,
        body: Value,
    ) -> ContractEffects {
        self.check(stack, &Case { name, key, request, body, hw: Value::Null, changed: &[] })
    }

    /// No row for a yes that changes nothing or nothing that says anything; one that goes after a while for a refusal
    /// and for another name of a device; else one that stays, and beside it one that says from where it was asked and
    /// goes. Nothing is in them beside this.
    fn expected_rows(
        &self,
        id: &LicenseId,
        case: &Case<'_>,
        told: &ContractEffects,
        signed_at: i64,
        rows: &[Value],
    ) -> Vec<Value> {
        let ContractEffects { reply, before, after } = told;
        let refused = reply.body["success"] == false;
        let trace = trace(case, told);
        if !refused && trace == Trace::None {
            return Vec::new();
        }
        // A refusal does not state its millisecond; the lease has its second.
        let at = rows.first().map_or("", |row| row["at"]["S"].as_str().unwrap());
        let millis: i64 = at.split('#').next().unwrap().parse().unwrap_or_default();
        assert_eq!(UnixMillis(millis).seconds(), signed_at, "{}: {at}", case.name);
        let request_id = reply.header("x-request-id").unwrap();
        let mut row = json!({
            "license_id": { "S": id.as_str() },
            "at": { "S": format!("{millis:013}#{request_id}") },
            "schema": { "N": "1" },
            "action": { "S": self.name },
            "code": { "S": reply.code() },
            "request_id": { "S": request_id },
        });
        if refused {
            check_asker(case, before, &rows[0]);
            for member in ["device", "hardware"] {
                rows[0].get(member).into_iter().for_each(|told| row[member] = told.clone());
            }
        } else {
            assert_eq!(reply.body["checkedAt"], millis, "{}", case.name);
            // Who gave its seat up is named in no member of the answer.
            let gone = ids(&before["devices"]).difference(&ids(&after["devices"])).next().cloned();
            let device = reply.body["device"]["id"].as_str().map(str::to_owned).or(gone);
            row["device"] = json!({ "S": device.expect("a device") });
        }
        let mut caller = row.clone();
        caller["address"] = json!({ "S": "203.0.113.1" });
        caller["ttl"] = json!({ "N": (millis.div_euclid(1_000) + 400 * 86_400).to_string() });
        if let Some(origin) = case.request.get("origin") {
            caller["origin"] = json!({ "S": origin });
        }
        if refused || trace == Trace::Passing {
            return vec![caller];
        }
        caller["at"] = json!({ "S": format!("{millis:013}#{request_id}#caller") });
        row["actor"] = json!({ "S": "client" });
        row["changes"] = json!({ "M": recorded_changes(before, after) });
        vec![row, caller]
    }
}

/// The changes that the audit records, computed from the items alone.
fn trace(case: &Case<'_>, told: &ContractEffects) -> Trace {
    let ContractEffects { before, after, .. } = told;
    let devices = |item: &Value, without: &[&str]| {
        let mut devices = item["devices"]["M"].clone();
        for device in devices.as_object_mut().into_iter().flat_map(|devices| devices.values_mut()) {
            device["M"].as_object_mut().unwrap().retain(|name, _| !without.contains(&name.as_str()));
        }
        devices
    };
    let quiet = ["devices", "last_request", "version"];
    let differ = |without: &[&str]| devices(before, without) != devices(after, without);
    if case.changed.iter().any(|name| !quiet.contains(name)) || differ(&["seen_at", "opaque", "name"]) {
        Trace::Lasting
    } else if differ(&["seen_at", "opaque"]) {
        Trace::Passing
    } else {
        Trace::None
    }
}

/// The sibling of a change's row: from where it was asked.
pub(crate) fn caller_of(row: &Value, address: &str, origin: Option<&str>) -> Value {
    let mut caller = row.clone();
    let members = caller.as_object_mut().expect("a row");
    members.retain(|name, _| !["actor", "changes"].contains(&name.as_str()));
    let at = row["at"]["S"].as_str().expect("a moment");
    let millis: i64 = at.split('#').next().unwrap().parse().expect("milliseconds");
    members.insert("at".to_owned(), json!({ "S": format!("{at}#caller") }));
    members.insert("address".to_owned(), json!({ "S": address }));
    members.insert("ttl".to_owned(), json!({ "N": (millis.div_euclid(1_000) + 400 * 86_400).to_string() }));
    members.extend(origin.map(|origin| ("origin".to_owned(), json!({ "S": origin }))));
    caller
}

/// The header of a yes, or of a no: `DEACTIVATED` is a no as well, since it licenses nothing.
fn expected_header(stack: &TestStack, told: &ContractEffects) -> Value {
    let typ = if told.reply.body["valid"] == true { "lease+jwt" } else { "refusal+jwt" };
    json!({ "alg": "EdDSA", "typ": typ, "kid": stack.ring().current().number().to_string() })
}

/// Everything the lease says, computed from the request, the answer and the stored license.
fn expected_claims(
    stack: &TestStack,
    id: &LicenseId,
    case: &Case<'_>,
    told: &ContractEffects,
    at: i64,
) -> Value {
    let (body, item) = (&told.reply.body, &told.after);
    let number = |value: &Value| value["N"].as_str().map(|digits| digits.parse::<i64>().unwrap());
    let policy = |name: &str, default: i64| number(&item["policy"]["M"][name]).unwrap_or(default);
    let ends = number(&item["expires_at"]).map(|millis| millis.div_euclid(1_000));
    let (interval, grace) =
        (policy("check_interval_hours", 24) * 3_600, policy("offline_grace_days", 7) * 86_400);
    let mut claims = json!({
        "iss": stack.settings.lease_issuer,
        "aud": if body["valid"] == true { "QF" } else { "QF/refusal" },
        "sub": id.as_str(),
        "jti": told.reply.header("x-request-id"),
        "at": at,
        "iat": at - 300,
        "nbf": at - 300,
        "exp": at + 300,
        "valid": body["valid"],
        "code": body["code"],
        "license_expires_at": ends,
    });
    if let Some(nonce) = case.request.get("nonce") {
        claims["nonce"] = nonce.clone();
    }
    if !item.is_null() {
        claims = with(claims, json!({ "tier": "pro", "features": pro_features() }));
    }
    if !case.hw.is_null() {
        let until = at + (interval + grace).max(300);
        let exp = ends.map_or(until, |ends| ends.min(until));
        let bound = json!({
            "device": body["device"]["id"],
            "hw": proof(&case.hw),
            "hw_threshold": policy("hardware_match_threshold", 2),
            "refresh_at": exp.min(at + interval),
            "exp": exp,
            "interval": interval,
            "grace": grace,
        });
        claims = with(claims, bound);
    }
    claims
}

/// The components in a lease.
fn proof(components: &Value) -> Value {
    let mut received = ReceivedComponents::default();
    for (label, text) in components.as_object().expect("components") {
        received.insert(Label::parse(label).unwrap(), text.as_str().unwrap()).unwrap();
    }
    json!(received.lease(&Label::ALL).to_wire())
}

/// The names of the attributes in which two items differ, in order.
pub(crate) fn differing<'a>(before: &'a Value, after: &'a Value) -> Vec<&'a str> {
    let names = |item: &'a Value| item.as_object().into_iter().flat_map(|attributes| attributes.keys());
    let all: BTreeSet<_> = names(before).chain(names(after)).map(String::as_str).collect();
    all.into_iter().filter(|name| before.get(name) != after.get(name)).collect()
}

fn check_item(case: &Case<'_>, told: &ContractEffects) {
    let ContractEffects { reply, before, after } = told;
    assert_eq!(differing(before, after), case.changed, "{}: {before}\n{after}", case.name);
    if before.is_null() {
        return;
    }
    for name in LOOKED_AT_BY_NO_RULE {
        assert!(!before[name].is_null() && before[name] == after[name], "{}: {name}", case.name);
    }
    if !case.changed.is_empty() {
        let version = |item: &Value| item["version"]["N"].as_str().unwrap().parse::<u64>().unwrap();
        assert_eq!(version(after), version(before) + 1, "{}", case.name);
        let request_id = reply.header("x-request-id");
        let last = json!({ "M": { "id": { "S": request_id }, "code": { "S": reply.code() } } });
        assert_eq!(after["last_request"], last, "{}", case.name);
    }
    if let Some(device) = reply.body.get("device") {
        let stored = &after["devices"]["M"][device["id"].as_str().unwrap()]["M"];
        let moment = |name: &str| stored[name]["N"].as_str().unwrap().parse::<i64>().unwrap();
        let shown = json!({
            "id": device["id"],
            "name": stored["name"]["S"],
            "activatedAt": moment("bound_at"),
            "lastSeenAt": moment("seen_at"),
        });
        assert_eq!(*device, shown, "{}", case.name);
    }
}

fn ids(devices: &Value) -> BTreeSet<String> {
    devices["M"].as_object().into_iter().flat_map(|devices| devices.keys().cloned()).collect()
}

/// The changes that `docs/spec/formats.md` allows in an audit row: for people that something was set, for devices their
/// ids, for a list that may be long its length.
fn recorded_changes(before: &Value, after: &Value) -> Value {
    let list =
        |item: &Value| json!({ "L": ids(item).iter().map(|id| json!({ "S": id })).collect::<Vec<_>>() });
    let length = |item: &Value| json!({ "N": item["L"].as_array().unwrap().len().to_string() });
    let mut changes = json!({});
    for name in differing(before, after) {
        let sides = [("before", before.get(name)), ("after", after.get(name))];
        let sides = |shown: &dyn Fn(&Value) -> Value| -> serde_json::Map<_, _> {
            sides.iter().filter_map(|(side, value)| Some(((*side).to_owned(), shown((*value)?)))).collect()
        };
        let sides = match name {
            "version" | "last_request" => continue,
            "email" | "licensee_name" | "licensee_email" => {
                changes[name] = json!({ "S": if before.get(name).is_some() { "changed" } else { "set" } });
                continue;
            }
            "devices" | "released" => sides(&list),
            "transfers" => sides(&length),
            _ => sides(&Value::clone),
        };
        if sides.get("before") != sides.get("after") {
            changes[name] = json!({ "M": sides });
        }
    }
    changes
}

/// Neither an answer nor a row shows a person, a part of a machine, a hash of one, the key or its escrow.
/// Of who was refused a row names a bound device and labels, and nothing else.
fn check_asker(case: &Case<'_>, license: &Value, row: &Value) {
    let bound = ids(&license["devices"]);
    let is_bound = |id: &Value| id.is_null() || bound.contains(id.as_str().unwrap());
    assert!(is_bound(&row["device"]["S"]), "{}: {row}", case.name);
    let hardware = &row["hardware"]["M"];
    let labels = |member: &str| -> Vec<Label> {
        let named = hardware[member]["L"].as_array().into_iter().flatten();
        named.map(|label| Label::parse(label["S"].as_str().unwrap()).expect("a label")).collect()
    };
    let (sent, agreed) = (labels("sent"), labels("agreed"));
    assert!(agreed.iter().all(|label| sent.contains(label)), "{}: {row}", case.name);
    assert!(is_bound(&hardware["nearest"]["S"]), "{}: {row}", case.name);
    assert_eq!(agreed.is_empty(), hardware["nearest"].is_null(), "{}: {row}", case.name);
}

fn check_secrecy(case: &Case<'_>, told: &ContractEffects, rows: &[Value]) {
    let ContractEffects { reply, before, after } = told;
    let shown = format!("{:?} {} {:?}", reply.headers, reply.body, reply.lease_parts());
    let mut secrets: Vec<String> = PRIVATE.iter().map(|word| (*word).to_owned()).collect();
    secrets.push(case.key.to_owned());
    for item in [before, after] {
        binaries(item, &mut secrets);
    }
    for (place, text) in [("answer", shown), ("rows", json!(rows).to_string())] {
        for secret in &secrets {
            let spilled = text.to_lowercase().contains(&secret.to_lowercase());
            assert!(!spilled, "{}: {secret} stands in the {place}: {text}", case.name);
        }
    }
    let hardware = PRIVATE[2];
    assert!(!after.to_string().contains(hardware), "{}: hardware at rest is hashed", case.name);
    let names = json!(rows).to_string();
    assert!(!names.contains("Laptop"), "{}: a device's name is for its owner: {names}", case.name);
}

/// Every binary value of an item: hashes of components, and the key in escrow.
fn binaries(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("B").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|value| binaries(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| binaries(value, found)),
        _ => {}
    }
}
