//! The outputs of a CloudFormation stack: where its tables and its secret are.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::error::ProvideErrorMetadata;

use crate::clients::Operator;
use crate::error::kind;

/// Why the outputs of a stack are not known.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// CloudFormation knows no such stack here.
    #[error("there is no stack {0} in this account and region; `aws cloudformation list-stacks` names them")]
    NoSuchStack(String),
    /// CloudFormation does not answer, or denies.
    #[error("CloudFormation did not answer ({0})")]
    Unavailable(String),
}

/// Output name → value, of one stack.
///
/// # Errors
/// [`StackError`].
pub async fn outputs(operator: &Operator, name: &str) -> Result<BTreeMap<String, String>, StackError> {
    let answer = operator.cloudformation.describe_stacks().stack_name(name).send().await;
    // CloudFormation has no error of its own for this: a missing stack is a ValidationError.
    let answer = answer.map_err(|error| match error.code() {
        Some("ValidationError") => StackError::NoSuchStack(name.to_owned()),
        _ => StackError::Unavailable(kind(&error)),
    })?;
    let stack = answer.stacks().first().ok_or_else(|| StackError::NoSuchStack(name.to_owned()))?;
    let output = |output: &aws_sdk_cloudformation::types::Output| {
        Some((output.output_key()?.to_owned(), output.output_value()?.to_owned()))
    };
    Ok(stack.outputs().iter().filter_map(output).collect())
}
