//! The function behind `GET /api/health` and `GET /api/health/ready`.

use falconer_http::{Endpoint, WarmUp, serve};
use std::{process::ExitCode, time::Duration};

const HEALTH: Endpoint =
    Endpoint { name: "health", deadline: Duration::from_millis(2_500), warm_up: WarmUp::Ring };

fn main() -> ExitCode {
    serve(HEALTH, |app, call| Box::pin(health::handle(app, call)))
}
