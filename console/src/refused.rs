//! Refused requests of the last days, from the functions' metrics: CloudWatch is asked, which costs money.

use falconer_aws::operator::StackMetrics;
use falconer_domain::UnixMillis;
use falconer_operator::refusals::Refusals;

use crate::counts::DAYS;
use crate::shell::Shell;
use crate::trouble::Trouble;

/// The place of the functions' metrics.
#[derive(Clone, Debug)]
pub enum MetricsSource {
    /// CloudWatch, under the name of a stack.
    CloudWatch(StackMetrics),
    /// CloudWatch, under a name that nobody gave.
    Unnamed,
    /// None: a local stack whose log lines no CloudWatch reads.
    Local,
}

/// The refusals of a moment.
pub(crate) struct Refused {
    pub(crate) at: UnixMillis,
    pub(crate) refusals: Refusals,
}

impl MetricsSource {
    /// The metrics of the stack.
    ///
    /// # Errors
    /// The sentence for a console that has none.
    pub(crate) const fn metrics(&self) -> Result<&StackMetrics, &'static str> {
        match self {
            Self::CloudWatch(metrics) => Ok(metrics),
            Self::Unnamed => {
                Err("CloudWatch keeps metrics under the name of the stack. Start the console with `falconer \
                 console --stack NAME`, or set STACK_NAME, to see them here.")
            }
            Self::Local => {
                Err("A local stack has no metrics: no CloudWatch reads the log lines of its functions.")
            }
        }
    }
}

/// Asks CloudWatch. Runs on the worker's thread.
pub(crate) async fn ask(shell: &Shell) -> Result<Option<Refused>, Trouble> {
    let metrics = shell.metrics.metrics().map_err(|why| Trouble::NotFound(why.to_owned()))?;
    let at = shell.clock.now();
    let refusals = Refusals::of_days(metrics, DAYS, at).await?;
    Ok(Some(Refused { at, refusals }))
}
