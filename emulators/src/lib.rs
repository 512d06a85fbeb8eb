//! Stand-ins for development and tests: what AWS does around the functions, on this machine's loopback.
//!
//! - [`dynamodb`]: a DynamoDB in this process, its tables created by reading `template.yaml`;
//! - [`secrets`]: a small Secrets Manager;
//! - [`sts`]: a small Security Token Service;
//! - [`cloudwatch`]: a small CloudWatch, for the metrics that the console reads;
//! - [`tap`]: a proxy in front of any of them, which counts requests and breaks them on demand;
//! - [`cors`]: what the gateway says to pages of other origins, and a proxy that says it for others;
//! - [`gateway`]: API Gateway and Lambda around the real function binaries;
//! - [`template`]: the parts of `template.yaml` that all of these read.
//!
//! Architecture Invariant: table shapes, routes, time-outs and names of settings exist once, in `template.yaml`.
//!
//! Architecture Invariant: every listener binds 127.0.0.1 and nothing else; a stand-in checks no credentials.
//!
//! Everything runs on a runtime of this crate's own, so that the stand-ins work under a test that has no runtime,
//! a single-threaded one, or one whose clock is paused. Dropping a stand-in stops it.

mod ambient;
mod client;
mod runtime;
mod server;

pub mod cloudwatch;
pub mod cors;
pub mod dynamodb;
pub mod gateway;
pub mod secrets;
pub mod sts;
pub mod tap;
pub mod template;
