//! Conclusions of this library about the `given` of a conformance vector; a `given` that is not written as
//! `docs/spec/clients.md` specifies panics. Its own tests run every vector of `tests/vectors/client` that it claims. A
//! library in another language that links this one turns the feature `conformance` on in its tests.

pub mod hardware;
pub mod lease;
#[cfg(test)]
mod state;
pub mod trust;

#[cfg(test)]
use std::path::Path;

use falconer_domain::Product;
use serde_json::{Value, json};

use crate::answer::{self, RequestFailure, ServerAnswer};
use crate::transport::{NetworkFailure, Reply};
use crate::trust::{PublicKeys, TrustedKeys};

/// Abilities that this library claims. It has no setting for an issuer.
pub const ABILITIES: &[&str] = &[
    "rfc9864",
    "receipt",
    "strict",
    "other-kinds",
    "every-endorsement",
    "sealed-time",
    "air-gap",
    "root",
    "limits",
];
#[cfg(test)]
const LEFT_OUT: &str = "issuer";

/// Runs a profile and compares what `conclude` makes of each `given` with `expect`. `fewest` is a number of vectors that
/// the file had once, so that a file that lost its vectors fails.
#[cfg(test)]
fn run(profile: &str, fewest: usize, conclude: impl Fn(&Value) -> Value) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/client");
    let text = std::fs::read_to_string(folder.join(format!("{profile}.json"))).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&file["version"], &file["profile"]), (&json!(1), &json!(profile)));
    let (claimed, left_out): (Vec<&Value>, Vec<&Value>) =
        file["vectors"].as_array().unwrap().iter().partition(|vector| is_claimed(vector));
    println!("{profile}: {} of {} vectors are claimed", claimed.len(), claimed.len() + left_out.len());
    for vector in left_out {
        assert_eq!(vector["needs"], json!([LEFT_OUT]), "{} asks for an unknown ability", vector["id"]);
    }
    assert!(claimed.len() >= fewest, "{} vectors of {profile}", claimed.len());
    let failed: Vec<String> = claimed
        .into_iter()
        .filter_map(|vector| {
            let (seen, expect) = (conclude(&vector["given"]), &vector["expect"]);
            let (id, about) = (&vector["id"], &vector["about"]);
            (seen != *expect).then(|| format!("{id} {about}\n  expected {expect}\n  seen     {seen}"))
        })
        .collect();
    assert!(failed.is_empty(), "{} vectors fail:\n{}", failed.len(), failed.join("\n"));
}

#[cfg(test)]
fn is_claimed(vector: &Value) -> bool {
    let needs = vector["needs"].as_array().into_iter().flatten();
    needs.into_iter().all(|need| ABILITIES.iter().any(|ability| need == ability))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is not a text"))
}

fn public_keys(jwks: &Value) -> PublicKeys {
    PublicKeys::parse(&jwks.to_string()).unwrap()
}

/// The reply that an answer of the vectors is; `null` is no reply.
///
/// # Errors
/// No reply.
pub fn reply(answer: &Value) -> Result<Reply, NetworkFailure> {
    if answer.is_null() {
        return Err(NetworkFailure::Other);
    }
    let retry_after = answer["headers"]["retry-after"].as_str();
    Ok(Reply {
        status: u16::try_from(answer["status"].as_u64().unwrap()).unwrap(),
        retry_after_seconds: retry_after.and_then(|text| text.trim().parse().ok()),
        body: text(&answer["body"]).as_bytes().to_vec(),
    })
}

/// Reads the `answer` to `asked`, as the expectation of a `lease` vector states it.
fn read(given: &Value, trust: &TrustedKeys) -> Value {
    let (asked, reply) = (&given["asked"], reply(&given["answer"]));
    let product = Product::parse(text(&asked["product"])).unwrap();
    let (outcome, code, failure) = match answer::read(reply.as_ref(), &product, text(&asked["nonce"]), trust)
    {
        ServerAnswer::Signed(signed) => {
            let claims = &signed.claims;
            let is_about_another = asked["license_id"].as_str().is_some_and(|id| id != claims.sub);
            match claims.valid {
                _ if is_about_another => ("nothing", None, Some(RequestFailure::NotForThisRequest)),
                true if asked["endpoint"] == "deactivate" => {
                    ("nothing", None, Some(RequestFailure::NotForThisRequest))
                }
                true => ("lease", Some(claims.code.clone()), None),
                false => ("refusal", Some(claims.code.clone()), None),
            }
        }
        ServerAnswer::Unsigned(refusal) => ("unsigned", Some(refusal.code), None),
        ServerAnswer::UnknownKey => ("nothing", None, Some(RequestFailure::UntrustedSignature)),
        ServerAnswer::Failed(failure) => ("nothing", None, Some(failure)),
    };
    let retry_after_seconds = match failure {
        Some(RequestFailure::Busy { retry_after_seconds }) => retry_after_seconds,
        _ => None,
    };
    json!({
        "outcome": outcome,
        "code": code,
        "cause": failure.map(cause),
        "retry_after_seconds": retry_after_seconds,
    })
}

const fn cause(failure: RequestFailure) -> &'static str {
    match failure {
        RequestFailure::Unreachable(_) => "unreachable",
        RequestFailure::Busy { .. } => "busy",
        RequestFailure::NotTheServer => "not_the_server",
        RequestFailure::UntrustedSignature => "not_trusted",
        RequestFailure::NotForThisRequest => "not_ours",
        RequestFailure::OtherProduct => "other_product",
        RequestFailure::OtherMachine => "other_machine",
        RequestFailure::NothingSent => "nothing_sent",
        RequestFailure::Forked => "forked",
    }
}
