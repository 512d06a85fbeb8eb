//! The rights that each command needs: compares docs/operations.md with the calls of the commands.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::process::{Output, Stdio};

use falconer_emulators::tap::TapRecord;
use falconer_tests::{Fixture, Machine, TestStack, alone, checkout, now};

use crate::issuing::falconer;
use crate::manners::Folder;
use crate::operator::{said, told};
use crate::reference::section;

/// A call of a command: an action, and its resource.
type Calls = BTreeSet<String>;

/// The table's columns after the commands.
const COLUMNS: [&str; 4] = ["licenses", "indexes", "verifications", "services"];

/// The calls that a request is, as a policy names them.
fn calls(stack: &TestStack, record: &TapRecord) -> Vec<String> {
    let settings = &stack.settings;
    let on = |table: &str| match table {
        table if table == settings.licenses_table => "licenses",
        table if table == settings.verifications_table => "verifications",
        other => panic!("no operator needs {other}"),
    };
    if record.operation == "TransactWriteItems" {
        let actions = record.request["TransactItems"].as_array().unwrap();
        let actions = actions.iter().flat_map(|action| action.as_object().unwrap());
        return actions
            .map(|(kind, action)| {
                let kind =
                    if kind == "ConditionCheck" { "ConditionCheckItem" } else { &format!("{kind}Item") };
                format!("{} {kind}", on(action["TableName"].as_str().unwrap()))
            })
            .collect();
    }
    let place = match record.request["IndexName"].as_str() {
        Some(index) => return vec![format!("indexes {} {index}", record.operation)],
        None => on(record.request["TableName"].as_str().unwrap()),
    };
    vec![format!("{place} {}", record.operation)]
}

fn observed(stack: &TestStack) -> Calls {
    let tables = stack.dynamodb.records();
    let tables = tables.iter().flat_map(|record| calls(stack, record));
    let secret = stack
        .secrets_tap
        .records()
        .into_iter()
        .map(|record| format!("services secretsmanager:{}", record.operation));
    let sts = stack.sts.records().into_iter().map(|record| format!("services sts:{}", record.operation));
    tables.chain(secret).chain(sts).collect()
}

/// Runs a command, and adds what it called to what it is known to call.
struct Observer<'w> {
    stack: &'w TestStack,
    called: BTreeMap<String, Calls>,
}

impl Observer<'_> {
    fn run(&mut self, command: &str, arguments: &[&str]) -> Output {
        self.run_with(command, arguments, "")
    }

    fn run_with(&mut self, command: &str, arguments: &[&str], input: &str) -> Output {
        self.stack.settle();
        self.stack.forget();
        let mut program = falconer(self.stack);
        program.args(command.split(' ')).args(arguments).args(["--yes", "--json"]);
        program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = program.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{command} {arguments:?}: {}", said(&output));
        self.called.entry(command.to_owned()).or_default().extend(observed(self.stack));
        output
    }
}

fn at_the_desk(stack: &TestStack) -> BTreeMap<String, Calls> {
    let folder = Folder::new();
    let machine = Machine::named("first");
    let key = stack.put(Fixture::pro().ending(now().plus_days(10)).bound(1, &machine, now()));
    let id = stack.license_id(&key).to_string();
    let id = id.as_str();
    let catalog = told(stack, &["catalog", "show", "--product", "QF"])["toml"].as_str().unwrap().to_owned();
    let fewer = folder.file("fewer.toml", &catalog.replacen("seats = 1", "seats = 2", 1));
    let catalog = folder.file("catalog.toml", &catalog);
    let sheet = folder.file("s.csv", "license_key,status,license_tier,product\nABC-123-XYZ,active,pro,QF\n");
    let orders = folder.file("orders.csv", "tier,days,product\npro,30,QF\n");
    let legacy = stack.key_alone(Fixture::pro().with_legacy_key());
    let table = folder.file(
        "licenses.csv",
        &format!(
            "id,license_key,user_id,email,tier,expires_at,created_at,active,features\n\
         1,{legacy},u1,,pro,4764-01-05 00:00:00,2025-01-10 09:30:00,t,\n"
        ),
    );
    let (export, keys, mapping) = (folder.path("e.csv"), folder.path("k.csv"), folder.path("m.csv"));

    let mut observer = Observer { stack, called: BTreeMap::new() };
    let mut run = |command: &str, arguments: &[&str]| drop(observer.run(command, arguments));
    run("show", &[id]);
    run("explain", &[id]);
    run("audit", &[id]);
    run("list", &[]);
    run("list", &["--user", "nobody"]);
    run("list", &["--email", "fixture.person@example.com"]);
    run("list", &["--expiring", "30"]);
    run("find", &["nobody", "--everywhere"]);
    run("find", &["fixture.person@example.com"]);
    run("stats", &["--days", "1"]);
    run(
        "issue",
        &[
            "--product",
            "QF",
            "--tier",
            "pro",
            "--days",
            "30",
            "--order",
            "1",
            "--email",
            "fixture.person@example.com",
        ],
    );
    run(
        "issue",
        &[
            "--product",
            "QF",
            "--tier",
            "pro",
            "--days",
            "30",
            "--order",
            "1",
            "--email",
            "fixture.person@example.com",
        ],
    );
    run("issue", &["--product", "QF", "--from-csv", &orders]);
    run("catalog show", &["--product", "QF"]);
    run("catalog check", &[&catalog]);
    run("catalog apply", &[&fewer]);
    run("catalog apply", &[&catalog]);
    run("suspend", &[id]);
    run("reinstate", &[id]);
    run("extend", &[id, "--days", "1"]);
    run("set-tier", &[id, "elite"]);
    run("set-seats", &[id, "3"]);
    run("add-feature", &[id, "a"]);
    run("remove-feature", &[id, "a"]);
    run("set-limit", &[id, "agents=10"]);
    run("set-updates-until", &[id, "2027-01-01"]);
    run("set-policy", &[id, "max_transfers=1"]);
    run("set-customer", &[id, "--name", "Somebody"]);
    run("note", &[id, "called"]);
    run("reset-hardware", &[id, "--all"]);
    crate::air_gap::files(stack, |command, arguments| run(command, arguments));
    run("reveal", &[id]);
    // An order of the person, whose id is hidden.
    let of_person = ["--order", "2", "--email", "fixture.person@example.com"];
    run("issue", &[["--product", "QF", "--tier", "pro", "--days", "30"].as_slice(), &of_person].concat());
    run("erase-subject", &["--email", "fixture.person@example.com"]);
    run("import sheet", &[&sheet, "--product", "QF", "--mapping", &mapping]);
    run("import postgres", &[&table, "--trust-timezone"]);
    run("import postgres", &[&table, "--trust-timezone", "--update"]);
    run("export csv", &["--output", &export]);
    run("export csv", &["--output", &keys, "--reveal"]);
    run("rotate-key", &[id]);
    told(stack, &["keyring", "add"]);
    told(stack, &["keyring", "promote", "--now"]);
    run("rotate-key", &["--generation", "1", "--mapping", &folder.path("g.csv")]);
    let revoked = stack.put(Fixture::pro());
    run("revoke", &[stack.license_id(&revoked).as_str(), "--reason", "refund"]);
    observer.called
}

fn at_the_ring(stack: &TestStack) -> BTreeMap<String, Calls> {
    let mut observer = Observer { stack, called: BTreeMap::new() };
    observer.run("keyring init", &["--master-key-secret-id", "a-fresh-secret"]);
    observer.run("keyring list", &[]);
    let folder = Folder::new();
    let key = folder.path("root.key");
    let passphrase = folder.file("passphrase", "six words that nobody would guess");
    told(stack, &["root", "init", "--out", &key, "--passphrase-file", &passphrase]);
    observer.run("root sign", &["--key", &key, "--passphrase-file", &passphrase]);
    observer.run("root show", &[]);
    let pin = ["--key", &key, "--passphrase-file", &passphrase, "--out", &folder.path("keys.json")];
    observer.run("root pin", &pin);
    observer.run("keyring add", &[]);
    observer.run("keyring promote", &["--now"]);
    observer.run("keyring distrust", &["1"]);
    observer.run("keyring trust", &["1"]);
    observer.run("keyring enable-imported", &[]);
    observer.run("keyring retire", &["1"]);
    observer.called
}

/// The table of docs/operations.md.
fn documented() -> BTreeMap<String, Calls> {
    let text = fs::read_to_string(checkout().join("docs/operations.md")).unwrap();
    let rows = text.lines().skip_while(|line| !line.starts_with("| command | licenses |")).skip(2);
    let mut table = BTreeMap::new();
    for row in rows.take_while(|line| line.starts_with('|')) {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let ticked =
            |cell: &str| -> Vec<String> { cell.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
        let mut needed = Calls::new();
        for (column, cell) in COLUMNS.iter().zip(&cells[1..]) {
            needed.extend(ticked(cell).into_iter().map(|call| format!("{column} {call}")));
        }
        for command in ticked(cells[0]) {
            assert!(table.insert(command.clone(), needed.clone()).is_none(), "{command} is there twice");
        }
    }
    table
}

/// Every command that the program knows and that asks AWS.
fn commands() -> BTreeSet<String> {
    let (mut leaves, mut open) = (BTreeSet::new(), vec![String::new()]);
    while let Some(path) = open.pop() {
        let words = path.split_whitespace();
        let output = alone("falconer").args(words).arg("--help").output().unwrap();
        let inside = section(&String::from_utf8(output.stdout).unwrap(), "Commands:");
        if inside.is_empty() {
            leaves.insert(path.clone());
        }
        open.extend(inside.iter().map(|name| format!("{path} {name}").trim().to_owned()));
    }
    // The console calls what the commands of its pages call, and goes on until it is interrupted. Made-up customers are for
    // a local stack.
    leaves.retain(|command| {
        !["completions", "console", "demo-data", "man", "root init"].contains(&command.as_str())
    });
    leaves
}

/// Finding 18: the first command by the table is not denied, and no right is given that nothing needs.
#[test]
fn the_table_of_rights_is_what_commands_call() {
    let mut called = at_the_desk(&TestStack::start());
    called.extend(at_the_ring(&TestStack::start()));
    let documented = documented();
    let differing: Vec<_> = called
        .iter()
        .filter(|(command, calls)| documented.get(*command) != Some(*calls))
        .map(|(command, calls)| format!("{command}: {calls:?}, documented {:?}", documented.get(command)))
        .collect();
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    assert_eq!(called.keys().cloned().collect::<BTreeSet<_>>(), commands(), "each command was run");
    assert_eq!(documented.keys().cloned().collect::<BTreeSet<_>>(), commands(), "and has a row");
}
