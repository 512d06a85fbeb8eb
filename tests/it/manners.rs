//! How the command line behaves: where it finds its settings, what it prints where, and what it says of its progress.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};

use falconer_tests::{Fixture, Machine, TestStack, alone, device_id, now, program};
use serde_json::Value;
use tempfile::TempDir;

use crate::issuing::falconer;
use crate::operator::{said, told};

/// A folder of one test, gone with it.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }
}

/// CloudFormation with one stack, as its API reference writes the answers of `DescribeStacks`.
fn cloudformation(stack: &'static str, outputs: Vec<(&'static str, String)>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut length, mut line) = (0, String::new());
            while reader.read_line(&mut line).unwrap() > 2 {
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let body = String::from_utf8(body).unwrap();
            let known =
                body.contains("Action=DescribeStacks") && body.contains(&format!("StackName={stack}"));
            let (status, xml) =
                if known { ("200 OK", stacks(stack, &outputs)) } else { ("400 Bad Request", no_stack()) };
            let head = format!(
                "HTTP/1.1 {status}\r\ncontent-type: text/xml\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                xml.len()
            );
            stream.write_all((head + &xml).as_bytes()).unwrap();
        }
    });
    address
}

fn stacks(stack: &str, outputs: &[(&str, String)]) -> String {
    let mut members = String::new();
    for (key, value) in outputs {
        let _ = write!(
            members,
            "<member><OutputKey>{key}</OutputKey><OutputValue>{value}</OutputValue></member>"
        );
    }
    format!(
        "<DescribeStacksResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><DescribeStacksResult>\
         <Stacks><member><StackName>{stack}</StackName><CreationTime>2026-01-01T00:00:00.000Z</CreationTime>\
         <StackStatus>CREATE_COMPLETE</StackStatus><Outputs>{members}</Outputs></member></Stacks>\
         </DescribeStacksResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></DescribeStacksResponse>"
    )
}

fn no_stack() -> String {
    "<ErrorResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><Error><Type>Sender</Type>\
     <Code>ValidationError</Code><Message>Stack with id nowhere does not exist</Message></Error>\
     <RequestId>1</RequestId></ErrorResponse>"
        .to_owned()
}

/// The program in a folder, without any setting of Falconer in its environment.
fn bare(stack: &TestStack, folder: &Folder) -> Command {
    let mut command = stack.program("falconer");
    command.current_dir(folder.path(".")).env("USER", "fixture-operator");
    command
}

#[test]
fn reads_settings_from_every_source() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let settings = &stack.settings;
    let ring = settings.master_key_secret_id.clone();
    let outputs = vec![
        ("LicensesTable", settings.licenses_table.clone()),
        ("VerificationsTable", settings.verifications_table.clone()),
        ("MasterKeySecret", ring.clone()),
    ];
    let endpoint = cloudformation("prod", outputs);
    let list = |command: &mut Command, arguments: &[&str]| -> Output {
        command.env("AWS_ENDPOINT_URL_CLOUDFORMATION", &endpoint).args(arguments);
        command.args(["list", "--all", "--json"]).output().unwrap()
    };
    let nothing = list(&mut bare(&stack, &folder), &[]);
    assert!(
        said(&nothing).contains("say where: give --stack NAME, or set LICENSES_TABLE"),
        "{}",
        said(&nothing)
    );
    let named = list(&mut bare(&stack, &folder), &["--stack", "prod"]);
    assert!(named.status.success(), "{}", said(&named));
    let missing = list(&mut bare(&stack, &folder), &["--stack", "nowhere"]);
    assert_eq!(missing.status.code(), Some(4));
    assert!(
        said(&missing).contains("there is no stack nowhere in this account and region"),
        "{}",
        said(&missing)
    );

    folder.file("falconer.toml", "stack = \"prod\"\nactor = \"anna\"\n");
    let issued = bare(&stack, &folder)
        .env("AWS_ENDPOINT_URL_CLOUDFORMATION", &endpoint)
        .args(["issue", "--tier", "pro", "--perpetual", "--json"])
        .output()
        .unwrap();
    let issued: Value = serde_json::from_slice(&issued.stdout).expect("issued by what the file says");
    stack.speak(issued["licenseKey"].as_str().unwrap());
    assert!(stack.everything_stored().contains("\"actor\":{\"S\":\"anna\"}"));

    let flags = ["--licenses-table", "wrong", "--verifications-table", "wrong"];
    let wrong = list(&mut bare(&stack, &folder), &flags);
    assert_eq!(wrong.status.code(), Some(6), "a flag beats the file: {}", said(&wrong));
    let environment = list(bare(&stack, &folder).env("LICENSES_TABLE", "wrong"), &[]);
    assert_eq!(environment.status.code(), Some(6), "and so does the environment");
    folder.file("falconer.toml", "licence_table = \"typo\"\n");
    let typo = list(&mut bare(&stack, &folder), &[]);
    assert!(
        said(&typo).contains("falconer.toml does not read") && said(&typo).contains("licence_table"),
        "{}",
        said(&typo)
    );
    let both = list(&mut bare(&stack, &folder), &["--local", "--stack", "prod"]);
    assert_eq!(both.status.code(), Some(2));
}

/// The output of a command at a terminal of some width. Python opens the terminal.
fn at_a_terminal(stack: &TestStack, columns: u16, arguments: &[&str]) -> String {
    let script = "import fcntl,os,pty,struct,sys,termios\n\
                  pid,fd=pty.fork()\n\
                  if pid==0: os.execv(sys.argv[2],sys.argv[2:])\n\
                  fcntl.ioctl(fd,termios.TIOCSWINSZ,struct.pack('HHHH',40,int(sys.argv[1]),0,0))\n\
                  out=b''\n\
                  while True:\n\
                  \x20try: part=os.read(fd,65536)\n\
                  \x20except OSError: break\n\
                  \x20if not part: break\n\
                  \x20out+=part\n\
                  sys.stdout.buffer.write(out)\n\
                  sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid,0)[1]))\n";
    let program = falconer(stack);
    let mut python = Command::new("python3");
    python.env_clear().args(["-c", script, &columns.to_string()]).arg(program.get_program()).args(arguments);
    for (name, value) in program.get_envs() {
        python.env(name, value.unwrap());
    }
    let output =
        python.env("TERM", "xterm").env("PATH", "/usr/bin:/bin:/usr/local/bin").output().expect("python3");
    assert!(output.status.success(), "{}{}", said(&output), String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn tables_fit_and_ids_stay_whole() {
    let stack = TestStack::start();
    let (mine, theirs) = (Machine::named("first"), Machine::named("second"));
    let keys = [stack.put(Fixture::pro().bound(1, &mine, now())), stack.put(Fixture::of_tier("lifetime"))];
    let similar = Machine { cpu: mine.cpu.clone(), ..theirs };
    assert_eq!(stack.post("/api/verify", &similar.request(&keys[0])).code(), "HARDWARE_MISMATCH");
    stack.settle();
    let device = device_id(1);
    for columns in [80, 160] {
        let listed = at_a_terminal(&stack, columns, &["list", "--all"]);
        for key in &keys {
            assert!(listed.contains(stack.license_id(key).as_str()), "{columns}:\n{listed}");
        }
        for arguments in [
            vec!["list", "--all"],
            vec!["show", keys[0].as_str()],
            vec!["stats", "--days", "3"],
            vec!["audit", keys[0].as_str()],
            vec!["explain", keys[0].as_str()],
        ] {
            let shown = at_a_terminal(&stack, columns, &arguments);
            if ["show", "explain"].contains(&arguments[0]) {
                assert!(shown.contains(device.as_str()), "{arguments:?} at {columns}:\n{shown}");
            }
            let widest = shown.lines().map(|line| line.trim_end().chars().count()).max().unwrap();
            assert!(widest <= usize::from(columns), "{arguments:?} at {columns}:\n{shown}");
        }
    }
}

#[test]
fn progress_bar_at_terminals_only() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let mut orders = "tier,days\n".to_owned();
    for _ in 0..400 {
        orders += "pro,30\n";
    }
    let file = folder.file("orders.csv", &orders);
    let shown = at_a_terminal(&stack, 100, &["--yes", "issue", "--from-csv", &file]);
    assert!(
        shown.contains(" of 400 rows, ") && shown.contains(" a second, ") && shown.contains(" left"),
        "{shown}"
    );
    assert!(shown.contains("400 licenses issued, 0 there already."), "{shown}");
    let again = told(&stack, &["issue", "--from-csv", &file]);
    assert_eq!(again["there"], 400);
}

#[test]
fn help_respects_no_color() {
    let stack = TestStack::start();
    let help = |variables: &[(&str, &str)]| {
        let mut script = Command::new("python3");
        let code = "import pty,sys\nsys.exit(pty.spawn(sys.argv[1:])>>8)";
        script.args(["-c", code]).arg(program("falconer")).args(["list", "--help"]).env("TERM", "xterm");
        script.stdin(Stdio::null());
        for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
            script.env_remove(name);
        }
        script.envs(variables.iter().copied());
        String::from_utf8_lossy(&script.output().unwrap().stdout).into_owned()
    };
    assert!(help(&[]).contains("\u{1b}["), "coloured at a terminal");
    let plain = help(&[("NO_COLOR", "1")]);
    assert!(plain.contains("Usage: ") && !plain.contains("\u{1b}["), "{plain}");
    drop(stack);
}

#[test]
fn completions_know_every_command() {
    let folder = Folder::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = alone("falconer").args(["completions", shell]).output().unwrap();
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(script.contains("reset-hardware") && script.contains("keep-keys"), "{shell}");
    }
    let bash = alone("falconer").args(["completions", "bash"]).output().unwrap();
    let file = folder.file("falconer.bash", &String::from_utf8(bash.stdout).unwrap());
    let complete = format!(
        "source {file}; COMP_WORDS=(falconer rev); COMP_CWORD=1; _falconer falconer rev falconer; echo ${{COMPREPLY[*]}}"
    );
    let words = Command::new("bash").args(["-c", &complete]).output().unwrap();
    let mut words: Vec<_> = std::str::from_utf8(&words.stdout).unwrap().split_whitespace().collect();
    words.sort_unstable();
    assert_eq!(words, ["reveal", "revoke"]);

    let page = alone("falconer").arg("man").output().unwrap();
    let page = String::from_utf8(page.stdout).unwrap();
    assert!(page.starts_with(".ie") && page.contains(".TH falconer 1"), "{page}");
    let pages = folder.path("man");
    assert!(alone("falconer").args(["man", "--folder", &pages]).status().unwrap().success());
    assert!(std::fs::read_dir(&pages).unwrap().count() > 35);
    assert!(
        std::fs::read_to_string(folder.path("man/falconer-import-sheet.1")).unwrap().contains("keep\\-keys")
    );
}

#[test]
fn dash_reads_standard_input() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro());
    let piped = |arguments: &[&str], input: &str| -> Output {
        let mut command = falconer(&stack);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    let sheet = "license_key,status,license_tier\nSOME-OLD-KEY,active,pro\n";
    let folder = Folder::new();
    let (mapping, keys) = (folder.path("mapping.csv"), folder.path("keys.csv"));
    for (arguments, input) in [
        (vec!["show", "-"], format!("{key}\n")),
        (vec!["explain", key.as_str(), "--hardware", "-"], "{\"mac\":\"some-mac-address\"}".to_owned()),
        (vec!["catalog", "check", "-"], "product = 'QF'\n[tiers.pro]\n".to_owned()),
        (vec!["--yes", "import", "sheet", "-", "--mapping", mapping.as_str()], sheet.to_owned()),
        (
            vec!["--yes", "issue", "--from-csv", "-", "--output", keys.as_str()],
            "tier,days\npro,3\n".to_owned(),
        ),
    ] {
        let output = piped(&arguments, &input);
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    }
    assert!(std::fs::read_to_string(&mapping).unwrap().contains("SOME-OLD-KEY"));
}
