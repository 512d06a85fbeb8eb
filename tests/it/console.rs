//! `falconer console`: the real program over the stand-ins, asked as browsers and attackers ask.

mod attacks;
mod bulk;
mod calendars;
mod changes;
mod ending;
mod field_names;
mod forms;
mod issue_many;
mod many;
mod mended;
mod move_in;
mod pages;
mod reading;
mod refusals;
mod sections;
mod sent;
mod typed;
mod words;
mod work;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use falconer_tests::TestStack;
use serde_json::Value;

use crate::issuing::falconer;

/// Longest wait for an answer: a debug program on a busy machine.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// A running console, and a browser that has opened it.
pub(crate) struct Browser {
    /// The program, unless the console runs in the test itself.
    program: Option<Child>,
    pub(crate) address: String,
    pub(crate) file: String,
    /// The path of every page, with a slash at both ends.
    pub(crate) base: String,
    pub(crate) ticket: String,
    pub(crate) cookie: String,
    pub(crate) csrf: String,
}

/// An answer, as it came.
pub(crate) struct ConsoleAnswer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl ConsoleAnswer {
    pub(crate) fn header(&self, name: &str) -> &str {
        let header = self.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name));
        header.map_or("", |(_, value)| value.as_str())
    }

    /// The text of a page without its tags, blanks folded.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let mut inside = false;
        for c in self.body.chars() {
            match c {
                '<' => inside = true,
                '>' => {
                    inside = false;
                    text.push(' ');
                }
                c if !inside => text.push(c),
                _ => {}
            }
        }
        unescaped(&text).split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The value of a hidden field.
    pub(crate) fn field(&self, name: &str) -> &str {
        let begin = format!("name=\"{name}\" value=\"");
        let (_, rest) = self.body.split_once(&begin).unwrap_or_else(|| panic!("no {name}: {}", self.text()));
        rest.split('"').next().unwrap()
    }

    /// The command to copy.
    pub(crate) fn command(&self) -> String {
        let (_, rest) = self.body.split_once("<pre class=\"copy\" tabindex=\"0\">").expect("a command");
        unescaped(rest.split("</pre>").next().unwrap())
    }
}

fn unescaped(text: &str) -> String {
    [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")]
        .into_iter()
        .fold(text.to_owned(), |text, (escaped, c)| text.replace(escaped, c))
}

/// The type of [`parts`].
pub(crate) const PARTS: &str = "multipart/form-data; boundary=----fixture";

/// Fields and a file as a form with a file sends them.
pub(crate) fn parts(fields: &[(&str, &str)], file: &str, bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in fields {
        let part =
            format!("------fixture\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend(part.into_bytes());
    }
    let part = format!(
        "------fixture\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{file}\"\r\n\
         content-type: text/csv\r\n\r\n"
    );
    body.extend(part.into_bytes());
    body.extend(bytes);
    body.extend(b"\r\n------fixture--\r\n");
    body
}

/// Fields as a form sends them.
pub(crate) fn form(fields: &[(&str, &str)]) -> String {
    let plain = |c: u8| c.is_ascii_alphanumeric() || b"-._".contains(&c);
    let escaped = |text: &str| -> String {
        text.bytes().map(|c| if plain(c) { char::from(c).to_string() } else { format!("%{c:02X}") }).collect()
    };
    fields.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect::<Vec<_>>().join("&")
}

impl Browser {
    /// Starts the console and opens it.
    pub(crate) fn open(stack: &TestStack, arguments: &[&str]) -> Self {
        Self::start(stack, arguments).opened()
    }

    /// The same browser, which has opened the console.
    pub(crate) fn opened(mut self) -> Self {
        let answer = self.post_open(&self.ticket);
        assert_eq!(answer.status, 200, "{}", answer.body);
        let set = answer.header("set-cookie");
        set.split(';').next().unwrap().clone_into(&mut self.cookie);
        let home = self.get("licenses");
        assert_eq!(home.status, 200, "{}", home.text());
        home.field("csrf").clone_into(&mut self.csrf);
        self
    }

    /// Starts the console and reads its file.
    pub(crate) fn start(stack: &TestStack, arguments: &[&str]) -> Self {
        Self::run(falconer(stack), arguments)
    }

    /// Starts a program with settings of its own as the console, and reads its file.
    pub(crate) fn run(mut program: Command, arguments: &[&str]) -> Self {
        program.args(["--json", "console", "--no-browser"]).args(arguments).stdout(Stdio::piped());
        let mut program = program.spawn().expect("the program runs");
        let mut line = String::new();
        BufReader::new(program.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let told: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
        Self::at(told["address"].as_str().unwrap(), told["file"].as_str().unwrap(), Some(program))
    }

    /// A browser for a console that listens.
    pub(crate) fn at(address: &str, file: &str, program: Option<Child>) -> Self {
        let page = std::fs::read_to_string(file).unwrap();
        let after = |begin: &str| page.split_once(begin).unwrap().1.split('"').next().unwrap().to_owned();
        let base = after(&format!("action=\"http://{address}")).replace("open", "");
        let ticket = after("name=\"ticket\" value=\"");
        let (address, file) = (address.to_owned(), file.to_owned());
        Self { program, address, file, base, ticket, cookie: String::new(), csrf: String::new() }
    }

    pub(crate) fn post_open(&self, ticket: &str) -> ConsoleAnswer {
        let headers = [("host", self.address.as_str()), ("origin", "null")];
        self.ask("POST", &format!("{}open", self.base), &headers, &form(&[("ticket", ticket)]))
    }

    /// A page below the secret path.
    pub(crate) fn get(&self, page: &str) -> ConsoleAnswer {
        let headers = [("host", self.address.as_str()), ("cookie", self.cookie.as_str())];
        self.ask("GET", &format!("{}{page}", self.base), &headers, "")
    }

    /// A form of the console, with its token.
    pub(crate) fn post(&self, page: &str, fields: &[(&str, &str)]) -> ConsoleAnswer {
        let body = form(&[&[("csrf", self.csrf.as_str())], fields].concat());
        let origin = format!("http://{}", self.address);
        let headers =
            [("host", self.address.as_str()), ("cookie", self.cookie.as_str()), ("origin", origin.as_str())];
        self.led_on(self.ask("POST", &format!("{}{page}", self.base), &headers, &body))
    }

    /// A page that answers a form has an address of its own, to which a browser goes by itself.
    fn led_on(&self, answer: ConsoleAnswer) -> ConsoleAnswer {
        match answer.header("location").strip_prefix(&self.base) {
            Some(kept) if kept.starts_with("answer/") => self.get(kept),
            _ => answer,
        }
    }

    /// Follows one redirect.
    pub(crate) fn follow(&self, answer: &ConsoleAnswer) -> ConsoleAnswer {
        self.get(&self.follow_page(answer))
    }

    /// The page that an answer leads to.
    pub(crate) fn follow_page(&self, answer: &ConsoleAnswer) -> String {
        assert_eq!(answer.status, 303, "{}", answer.text());
        answer.header("location").strip_prefix(&self.base).expect("a page of the console").to_owned()
    }

    /// Exactly this request.
    pub(crate) fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> ConsoleAnswer {
        self.ask_of_type(method, path, headers, "application/x-www-form-urlencoded", body.as_bytes())
    }

    /// A form with a file, as a browser sends it.
    pub(crate) fn upload(
        &self,
        page: &str,
        fields: &[(&str, &str)],
        (name, bytes): (&str, &[u8]),
    ) -> ConsoleAnswer {
        let body = parts(&[&[("csrf", self.csrf.as_str())], fields].concat(), name, bytes);
        let origin = format!("http://{}", self.address);
        let headers =
            [("host", self.address.as_str()), ("cookie", self.cookie.as_str()), ("origin", origin.as_str())];
        self.led_on(self.ask_of_type("POST", &format!("{}{page}", self.base), &headers, PARTS, &body))
    }

    /// A page that keeps itself up to date, once it has ended.
    pub(crate) fn ended(&self, page: &str) -> ConsoleAnswer {
        loop {
            let answer = self.get(page);
            if !answer.body.contains("data-live") {
                return answer;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Exactly this request, with a body of any type.
    pub(crate) fn ask_of_type(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        kind: &str,
        body: &[u8],
    ) -> ConsoleAnswer {
        let mut head = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
        for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
            head.extend([*name, ": ", *value, "\r\n"]);
        }
        if !body.is_empty() {
            let length = body.len().to_string();
            head.extend(["content-type: ", kind, "\r\ncontent-length: ", &length, "\r\n"]);
        }
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(ANSWER_LIMIT)).unwrap();
        stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut text = Vec::new();
        stream.read_to_end(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").expect("an answer");
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        ConsoleAnswer { status, headers, body: body.to_owned() }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if let Some(program) = &mut self.program {
            let _ = program.kill();
            let _ = program.wait();
        }
        // A program that is killed leaves its file.
        let _ = std::fs::remove_file(&self.file);
    }
}
