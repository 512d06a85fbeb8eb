//! The command line's reference, run as it is written, command by command.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use falconer_domain::air_gap::{AirGapPurpose, AirGapRequest, LicenseName, TextKind, file_text};
use falconer_domain::hardware::{Label, ReceivedComponents, keyed_component};
use falconer_domain::license_key::{CurrentKey, fold};
use falconer_domain::seats::ReportedMachine;
use falconer_domain::{LicenseId, LicenseKey, Product, TierName};
use falconer_tests::{Fixture, TestStack, alone, checkout};

use crate::issuing::falconer;

/// The license for which the reference shows a machine without a network.
const OFFLINE_LICENSE: &str = "lic_8vqgp19vdr8je5yttrg1hewf";
/// The files that the reference prints and reads.
const FILES: [(&str, &str); 8] = [
    (
        "customers.csv",
        "license_key,status,license_tier,license_duration_days,hw_component_1,hw_component_2,hw_component_3,\
         licensee_name,licensee_email,expiry_date,transfer_count,last_transfer_at,notes\n\
         ABC-123-XYZ,active,pro,,,office-pc-cpu,office-pc-board,Test User,test@example.com,2099-06-30,1,2025-03-01,\n\
         DEF-456-UVW,active,elite,365,,,,,,,,,\n\
         GHI-789-RST,active,pro,,home-pc-mac,home-pc-cpu,,,,,,,\"paid twice, refunded once\"\n\
         JKL-012-OPQ,sold,pro,,,,,,,,,,\n",
    ),
    ("licenses.csv", ""),
    (
        "orders.csv",
        "tier,user,email,days,seats\npro,customer-18,one@example.com,365,\nelite,customer-19,,365,5\n",
    ),
    ("kept.csv", "license_key,status,license_tier\nMNO-345-LMN,active,free\n"),
    (
        "request.json",
        "{\"license\": \"…\", \"hw_component_2\": \"other-pc-cpu\", \"hw_component_3\": \"other-pc-board\"}\n",
    ),
    ("catalog.toml", ""),
    ("passphrase.txt", "six words that nobody would guess\n"),
    ("falconer.toml", "actor = \"anna\"\nproduct = \"QF\"\n"),
];

#[test]
fn reference_matches_the_program() {
    let stack = TestStack::start();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let inside = folder.join("cli.in");
    fs::create_dir_all(&inside).unwrap();
    for (name, text) in FILES {
        fs::write(inside.join(name), text).unwrap();
    }
    let legacy = stack.key_alone(Fixture::pro().with_legacy_key());
    let row =
        format!("1,{legacy},user_12345,,pro,4764-01-05 00:00:00,2025-01-10 09:30:00,t,{{api_access}}\n");
    let header = "id,license_key,user_id,email,tier,expires_at,created_at,active,features\n";
    fs::write(inside.join("licenses.csv"), header.to_owned() + &row).unwrap();
    let shown = falconer(&stack).args(["catalog", "show"]).output().unwrap();
    let catalog = String::from_utf8(shown.stdout).unwrap().replacen("seats = 1", "seats = 2", 1);
    fs::write(inside.join("catalog.toml"), catalog).unwrap();
    fs::write(inside.join("request.txt"), request(&stack)).unwrap();
    fs::copy(checkout().join("docs/cli.md"), folder.join("cli.md")).unwrap();

    let cases = trycmd::TestCases::new();
    let command = falconer(&stack);
    for (name, value) in command.get_envs() {
        cases.env(name.to_str().unwrap(), value.unwrap().to_str().unwrap());
    }
    cases.register_bin("falconer", Path::new(command.get_program()));
    cases.register_bin("cat", Path::new("/bin/cat"));
    cases.case(folder.join("cli.md"));
    // With TRYCMD=overwrite what the program printed becomes what it should print; `git diff` shows it.
    fs::copy(folder.join("cli.md"), folder.join("before.md")).unwrap();
    let overwritten = || fs::copy(folder.join("cli.md"), checkout().join("docs/cli.md")).map(drop);
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| cases.run()));
    if fs::read(folder.join("cli.md")).unwrap() != fs::read(folder.join("before.md")).unwrap() {
        overwritten().unwrap();
    }
    stack.settle();
    if let Err(why) = outcome {
        std::panic::resume_unwind(why);
    }
}

/// The request of a machine without a network, for a license that the reference has imported.
fn request(stack: &TestStack) -> String {
    let (ring, product) = (stack.ring(), Product::parse("QF").unwrap());
    let imported = |old: &str, tier: &str| {
        let tier = TierName::parse(tier).unwrap().printed();
        let key = CurrentKey::in_place_of(&fold(old).unwrap(), ring.current(), product.clone(), tier);
        LicenseKey::Current(key)
    };
    let keys = ["ABC-123-XYZ", "DEF-456-UVW", "GHI-789-RST", "JKL-012-OPQ"]
        .into_iter()
        .flat_map(|old| ["pro", "elite"].map(|tier| imported(old, tier)));
    let named = |key: &LicenseKey| LicenseId::of(ring.current(), key).as_str() == OFFLINE_LICENSE;
    let key = keys.into_iter().find(named).expect("a license of the reference");
    let mut hardware = ReceivedComponents::default();
    for label in [Label::Mac, Label::Board] {
        hardware.insert(label, &keyed_component(&key.canonical(), label, "fixture-hardware-press")).unwrap();
    }
    let request = AirGapRequest {
        product,
        purpose: AirGapPurpose::Activate,
        license: LicenseName::Masked(key.masked()),
        nonce: [7; 16],
        hardware,
        machine: ReportedMachine::Ordinary,
        device_name: None,
        licensee_name: None,
        licensee_email: None,
        trusted_kids: vec!["1".to_owned()],
        made_at: 0,
    };
    file_text(TextKind::Request, &[], &request.to_content(&key))
}

/// The reference has every command and flag of the program.
#[test]
fn the_reference_is_complete() {
    let reference = fs::read_to_string(checkout().join("docs/cli.md")).unwrap();
    let help_of = |arguments: &[&str]| {
        let output = alone("falconer").args(arguments).arg("--help").output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let (mut missing, mut seen) = (BTreeSet::new(), 0);
    let mut open: Vec<Vec<String>> = vec![Vec::new()];
    while let Some(path) = open.pop() {
        let arguments: Vec<_> = path.iter().map(String::as_str).collect();
        let help = help_of(&arguments);
        let commands = section(&help, "Commands:");
        if commands.is_empty() {
            let command = format!("falconer {}", path.join(" "));
            let flags = help.split(|c: char| !c.is_ascii_lowercase() && c != '-');
            let flags = flags.filter(|word| word.starts_with("--") && word.len() > 2);
            missing.extend(
                flags.filter(|flag| !reference.contains(*flag)).map(|flag| format!("{command} {flag}")),
            );
            if !reference.contains(&format!("$ {command}")) {
                missing.insert(command);
            }
        }
        seen += 1;
        open.extend(commands.into_iter().map(|command| [path.clone(), vec![command]].concat()));
    }
    assert!(missing.is_empty() && seen > 35, "{seen} commands, not in docs/cli.md: {missing:?}");
}

/// The first words of a section of a help text.
pub(crate) fn section(help: &str, title: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != title).skip(1);
    let lines = lines.take_while(|line| line.starts_with("  "));
    let names =
        lines.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}
