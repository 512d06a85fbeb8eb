//! The smallest function there is, on the real Lambda runtime: the gateway's tests start it, kill it and make it late.
//!
//! `POST /api/echo?does=…`: nothing answers with the event's body and source address; `sleep` misses any deadline;
//! `exit` ends the process; `fail` returns an error; `environment` answers with the names of its variables.

use lambda_http::{Body, Error, Request, RequestExt as _, Response, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    println!("echo starts");
    run(service_fn(echo)).await
}

async fn echo(request: Request) -> Result<Response<Body>, Error> {
    eprintln!("echo is asked");
    let does = request.query_string_parameters().first("does").map(str::to_owned);
    let body = match does.as_deref() {
        Some("sleep") => {
            tokio::time::sleep(std::time::Duration::from_mins(1)).await;
            String::new()
        }
        Some("exit") => std::process::exit(3),
        Some("fail") => return Err("told to fail".into()),
        Some("environment") => names_of_variables(),
        _ => String::from_utf8_lossy(request.body().as_ref()).into_owned(),
    };
    Ok(Response::builder()
        .header("content-type", "text/plain")
        .header("x-process", std::process::id())
        .body(Body::from(body))?)
}

#[expect(clippy::disallowed_methods, reason = "it shows what the gateway lets through")]
fn names_of_variables() -> String {
    let mut names: Vec<_> =
        std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names.join(" ")
}
