//! The program as an application starts it, without a server, with one that never answers, and with one that lies.

mod application;
mod ends;
mod program;
mod protocol;
mod server;
