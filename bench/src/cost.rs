//! P9: list prices, and what a million verifications cost by them. `docs/costs.md` says where each price was read.

use serde::Serialize;

use crate::figures::{real, rounded};
use crate::servers::Bytes;

/// US dollars in us-east-1.
const GATEWAY_MILLION: f64 = 1.00;
const LAMBDA_MILLION: f64 = 0.20;
const LAMBDA_GB_SECOND: f64 = 0.000_013_333_4;
const READ_MILLION: f64 = 0.125;
const WRITE_MILLION: f64 = 0.625;
const LOGS_GB: f64 = 0.50;
const OUT_GB: f64 = 0.09;
const TRACE_MILLION: f64 = 5.00;
/// Bytes that CloudWatch counts for each line besides its text.
const LINE_EXTRA_BYTES: f64 = 26.0;
/// A line of the gateway's access log, as the template writes it.
const ACCESS_LINE_BYTES: f64 = 300.0;
/// START, END and REPORT, which Lambda writes unless `SystemLogLevel` is WARN: three lines, about as long together.
const SYSTEM_LINES_BYTES: f64 = 450.0;

/// The template's memory.
const MEMORY_MB: f64 = 256.0;
/// The memory at which a function has a whole core.
pub(crate) const WHOLE_CORE_MB: u128 = 1_769;

/// A month of the pair of small machines, and Falconer's month before the first request (`docs/costs.md`).
pub(crate) const SERVER_MONTH: f64 = 20.11;
pub(crate) const IDLE_MONTH: f64 = 0.40;

/// The billed parts of one verification, and how they were found.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Measured {
    /// From event to free, with a whole core and 3 ms to DynamoDB.
    pub(crate) wall_ms: f64,
    /// Of it, processor time.
    pub(crate) processor_ms: f64,
    pub(crate) bytes: Bytes,
}

/// One way to run it.
#[derive(Debug, Serialize)]
pub(crate) struct Bill {
    pub(crate) name: &'static str,
    /// Milliseconds of a function of 256 MB: the processor time takes longer with a part of a core, the waiting does not.
    pub(crate) billed_ms: f64,
    /// US dollars a million.
    pub(crate) million: f64,
}

/// Every figure about money.
#[derive(Debug, Serialize)]
pub(crate) struct Costs {
    pub(crate) falconer: Measured,
    pub(crate) bills: Vec<Bill>,
    /// Verifications a month at which the small machines are as cheap.
    pub(crate) break_even: f64,
}

/// Options that are on beside the verification itself.
#[derive(Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "switches of a deployment, each on or off")]
pub(crate) struct Extras {
    /// A counter's write before the answer. Falconer makes it from the second request of a minute on.
    count: bool,
    audit: bool,
    access_log: bool,
    system_lines: bool,
    traces: bool,
}

/// The options as shipped: the audit, and nothing else.
pub(crate) const SHIPPED: Extras =
    Extras { count: false, audit: true, access_log: false, system_lines: false, traces: false };

/// The bills of our function, and of the Python function with the SDK's usual sequence of calls.
pub(crate) fn bills(falconer: Measured, python: Option<Measured>) -> Costs {
    let mut bills = vec![
        bill("falconer", falconer, SHIPPED),
        bill("falconer, VERIFY_AUDIT=refusals", falconer, Extras { audit: false, ..SHIPPED }),
        bill(
            "falconer, everything on",
            falconer,
            Extras { access_log: true, system_lines: true, traces: true, ..SHIPPED },
        ),
    ];
    // Its calls follow each other, it counts each request, and nobody has turned Lambda's own lines off.
    bills.extend(python.map(|python| {
        let extras = Extras { count: true, system_lines: true, ..SHIPPED };
        bill("python, one call after the other", python, extras)
    }));
    let break_even = (SERVER_MONTH - IDLE_MONTH) / bills[0].million * 1e6;
    Costs { falconer, bills, break_even: break_even.round() }
}

fn bill(name: &'static str, measured: Measured, extras: Extras) -> Bill {
    #[expect(clippy::cast_precision_loss, reason = "some thousand megabytes")]
    let slower = WHOLE_CORE_MB as f64 / MEMORY_MB;
    let billed_ms = measured.wall_ms - measured.processor_ms + measured.processor_ms * slower;
    Bill {
        name,
        billed_ms: rounded(billed_ms),
        million: million(MEMORY_MB, billed_ms, measured.bytes, extras),
    }
}

/// US dollars for a million verifications, each billed as so many milliseconds of a function of this size.
pub(crate) fn million(memory_mb: f64, billed_ms: f64, bytes: Bytes, extras: Extras) -> f64 {
    let gb_seconds = billed_ms.ceil() / 1_000.0 * memory_mb / 1_024.0;
    let when = |on: bool, amount: f64| if on { amount } else { 0.0 };
    let log_bytes = real(bytes.log)
        + LINE_EXTRA_BYTES
        + when(extras.access_log, ACCESS_LINE_BYTES + LINE_EXTRA_BYTES)
        + when(extras.system_lines, SYSTEM_LINES_BYTES + 3.0 * LINE_EXTRA_BYTES);
    // A million of something that has a price for 1e9 of it.
    let of_a_billion = |amount: f64, price: f64| amount * 1e6 / 1e9 * price;
    let million = GATEWAY_MILLION
        + LAMBDA_MILLION
        + gb_seconds * 1e6 * LAMBDA_GB_SECOND
        + READ_MILLION
        + when(extras.count, WRITE_MILLION)
        + when(extras.audit, WRITE_MILLION)
        + of_a_billion(log_bytes, LOGS_GB)
        + of_a_billion(real(bytes.response), OUT_GB)
        + when(extras.traces, TRACE_MILLION);
    (million * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bill_is_the_sum_of_the_document() {
        let measured =
            Measured { wall_ms: 10.0, processor_ms: 0.0, bytes: Bytes { response: 1_500, log: 512 } };
        let costs = bills(measured, None);
        let millions: Vec<_> = costs.bills.iter().map(|bill| bill.million).collect();
        // docs/costs.md: $2.39 and $1.76. Access log, Lambda's own lines and traces come on top.
        assert_eq!(millions, [2.39, 1.76, 7.81]);
    }
}
