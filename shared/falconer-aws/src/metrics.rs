//! Names under which CloudWatch keeps the metrics of a stack: the functions write them, and operators read them.

/// The metrics' namespace.
pub const NAMESPACE: &str = "Falconer";
/// The metrics' one dimension. Its value is the name of the stack.
pub const DIMENSION: &str = "Stack";
/// The metric of every request: milliseconds until the answer was ready.
pub const LATENCY: &str = "Latency";
