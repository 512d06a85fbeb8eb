//! A hello-world: what a function in Rust costs before it does anything.

use lambda_http::{Body, Error, Request, Response, service_fn};

fn main() -> Result<(), Error> {
    lambda_http::tracing::init_default_subscriber();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(lambda_http::run(service_fn(answer)))
}

async fn answer(_request: Request) -> Result<Response<Body>, Error> {
    let body = serde_json::json!({ "message": "hello" }).to_string();
    Ok(Response::builder().header("content-type", "application/json").body(Body::Text(body))?)
}
