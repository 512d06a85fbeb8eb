//! The README's lines as a program: `twenty_lines SERVER KEYS [LICENSE_KEY]`. A test of `cargo xtask clients python` holds the
//! README to it, and runs it.

use std::error::Error;

use falconer_client::{Activation, Licensing, PublicKeys};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (server, keys) = arguments.next().zip(arguments.next()).ok_or("a server and a file with its keys")?;
    let (server, keys) = (server.as_str(), PublicKeys::parse(&std::fs::read_to_string(keys)?)?);
    let mut ask_the_user = || {
        let key = arguments.next().ok_or("asked")?;
        Ok::<_, Box<dyn Error>>((key, "Anna Example".to_owned(), "anna@example.com".to_owned()))
    };

    let licensing = Licensing::builder("QF", server, keys).app_id("com.example.app").open()?;
    let _refresher = licensing.start_refresher();
    while !licensing.is_unlocked() {
        let (key, name, email) = ask_the_user()?;
        if let Ok(Activation::Waiting(failure)) | Err(failure) = licensing.activate(&key, &name, &email) {
            eprintln!("{failure}"); // a sentence, and the next step
        }
    }
    if licensing.has_feature("copy_trading") {
        start_copy_trading();
    }
    Ok(())
}

fn start_copy_trading() {
    println!("copying trades");
}
