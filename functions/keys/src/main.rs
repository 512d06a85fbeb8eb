//! The function behind `GET /api/keys`.

use falconer_http::{Endpoint, WarmUp, serve};
use std::{process::ExitCode, time::Duration};

const KEYS: Endpoint =
    Endpoint { name: "keys", deadline: Duration::from_millis(2_500), warm_up: WarmUp::Ring };

fn main() -> ExitCode {
    serve(KEYS, |app, call| Box::pin(keys::handle(app, call)))
}
