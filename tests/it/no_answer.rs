//! Commands of the operator that get no answer from AWS: each says the next step.

use falconer_emulators::tap::{Fault, Matcher};
use falconer_tests::{Fixture, TestStack};

use crate::issuing::falconer;
use crate::operator::said;

#[test]
fn outage_says_the_next_step() {
    let stack = TestStack::start();
    stack.put(Fixture::pro());
    let refused = |name| Fault::error(400, name, "the stand-in says so");
    for (fault, name, step) in [
        (Fault::Reset, "connection", "look at the network and the region"),
        (refused("ExpiredTokenException"), "ExpiredTokenException", "sign in, as with `aws sso login`"),
        (refused("AccessDeniedException"), "AccessDeniedException", "docs/operations.md has the rights"),
        (refused("ThrottlingException"), "ThrottlingException", "run it again in a moment"),
    ] {
        stack.dynamodb.break_all(Matcher::any(), fault);
        let output = falconer(&stack).args(["list", "--all"]).output().unwrap();
        stack.dynamodb.heal();
        let told = format!("falconer: DynamoDB did not answer ({name}); ");
        assert!(said(&output).contains(&told) && said(&output).contains(step), "{}", said(&output));
        assert_eq!(output.status.code(), Some(6));
    }
}

#[test]
fn wrong_place_says_where_to_look() {
    let stack = TestStack::start();
    let mut elsewhere = falconer(&stack);
    let output = elsewhere.env("LICENSES_TABLE", "another").args(["list", "--all"]).output().unwrap();
    assert!(said(&output).contains("no table or secret of that name: look at --stack"), "{}", said(&output));
}

/// A missing login used to be taken for a missing network.
#[test]
fn missing_credentials_are_not_a_network() {
    let stack = TestStack::start();
    for arguments in [["list", "--all"], ["keyring", "list"]] {
        let mut stranger = falconer(&stack);
        for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"] {
            stranger.env_remove(name);
        }
        stranger.env("AWS_EC2_METADATA_DISABLED", "true");
        let output = stranger.args(arguments).output().unwrap();
        assert!(said(&output).contains("did not answer (credentials); "), "{}", said(&output));
        assert!(said(&output).contains("sign in, as with `aws sso login`"), "{}", said(&output));
    }
}
