//! The function behind `POST /api/verify`.

use falconer_http::{Endpoint, WarmUp, serve};
use std::{process::ExitCode, time::Duration};

const VERIFY: Endpoint =
    Endpoint { name: "verify", deadline: Duration::from_millis(2_500), warm_up: WarmUp::RingAndStore };

fn main() -> ExitCode {
    serve(VERIFY, |app, call| Box::pin(verify::handle(app, call)))
}
