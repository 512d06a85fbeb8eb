//! Values of intrinsic functions, as far as they can be known without a deployment.

use anyhow::{Context as _, Result, bail};
use serde_json::{Map, Value};

use super::{Names, Template};

impl Template {
    /// `value` with every intrinsic in it replaced by its value here. `Ref` and `GetAtt` of a resource both
    /// give its physical name: a stand-in takes the name wherever AWS takes an ARN.
    pub(super) fn resolve(&self, value: &Value, names: &Names) -> Result<Value> {
        match value {
            Value::Object(object) => match intrinsic(object) {
                Some((function, argument)) => self.apply(function, argument, names),
                None => object
                    .iter()
                    .map(|(key, value)| Ok((key.clone(), self.resolve(value, names)?)))
                    // What a condition left out is not there, as in CloudFormation.
                    .filter(|entry| !matches!(entry, Ok((_, Value::Null))))
                    .collect::<Result<Map<_, _>>>()
                    .map(Value::Object),
            },
            Value::Array(values) => values
                .iter()
                .map(|value| self.resolve(value, names))
                .filter(|value| !matches!(value, Ok(Value::Null)))
                .collect::<Result<Vec<_>>>()
                .map(Value::Array),
            plain => Ok(plain.clone()),
        }
    }

    /// `value` as text; numbers and booleans as they are written.
    pub(super) fn resolve_text(&self, value: &Value, names: &Names) -> Result<String> {
        match self.resolve(value, names)? {
            Value::String(text) => Ok(text),
            Value::Number(number) => Ok(number.to_string()),
            Value::Bool(flag) => Ok(flag.to_string()),
            other => bail!("{other} is not a text"),
        }
    }

    fn apply(&self, function: &str, argument: &Value, names: &Names) -> Result<Value> {
        match (function, argument) {
            ("Ref", Value::String(id)) => self.reference(id, names),
            ("Fn::GetAtt", Value::Array(path)) => {
                let id = path.first().and_then(Value::as_str).unwrap_or_default();
                self.reference(id, names)
            }
            ("Fn::Sub", Value::String(pattern)) => {
                self.substitute(pattern, &Map::new(), names).map(Value::from)
            }
            ("Fn::Sub", Value::Array(parts)) => match parts.as_slice() {
                [Value::String(pattern), Value::Object(own)] => {
                    self.substitute(pattern, own, names).map(Value::from)
                }
                _ => bail!("a Sub of a shape nobody documents"),
            },
            ("Fn::Join", Value::Array(parts)) => match parts.as_slice() {
                [Value::String(separator), Value::Array(parts)] => {
                    let parts: Result<Vec<_>> =
                        parts.iter().map(|part| self.resolve_text(part, names)).collect();
                    Ok(Value::from(parts?.join(separator)))
                }
                _ => bail!("a Join of a shape nobody documents"),
            },
            ("Fn::If", Value::Array(parts)) => match parts.as_slice() {
                [Value::String(condition), then, otherwise] => {
                    let taken = if self.condition(condition, names)? { then } else { otherwise };
                    self.resolve(taken, names)
                }
                _ => bail!("an If of a shape nobody documents"),
            },
            _ => bail!("{function} cannot be resolved without a deployment"),
        }
    }

    fn reference(&self, id: &str, names: &Names) -> Result<Value> {
        if let Some(name) = names.get(id) {
            return Ok(Value::from(name));
        }
        if let Some(value) = pseudo_parameter(id) {
            return Ok(value);
        }
        let default = &self.document["Parameters"][id]["Default"];
        if !default.is_null() {
            return Ok(default.clone());
        }
        bail!("{id} has no name here, and no default")
    }

    fn substitute(&self, pattern: &str, own: &Map<String, Value>, names: &Names) -> Result<String> {
        let mut text = String::new();
        let mut rest = pattern;
        while let Some((before, after)) = rest.split_once("${") {
            let (id, after) =
                after.split_once('}').with_context(|| format!("an unclosed ${{ in {pattern:?}"))?;
            text.push_str(before);
            if let Some(literal) = id.strip_prefix('!') {
                // CloudFormation's escape: ${!X} stands for the text ${X}.
                text.push_str("${");
                text.push_str(literal);
                text.push('}');
            } else if let Some(value) = own.get(id) {
                text.push_str(&self.resolve_text(value, names)?);
            } else {
                let id = id.split('.').next().unwrap_or(id);
                let value = self.reference(id, names)?;
                text.push_str(&self.resolve_text(&value, names)?);
            }
            rest = after;
        }
        text.push_str(rest);
        Ok(text)
    }

    fn condition(&self, name: &str, names: &Names) -> Result<bool> {
        let condition = &self.document["Conditions"][name];
        self.holds(condition, names).with_context(|| format!("condition {name} cannot be decided"))
    }

    fn holds(&self, condition: &Value, names: &Names) -> Result<bool> {
        let (function, argument) =
            condition.as_object().and_then(intrinsic).context("it is not an intrinsic function")?;
        let parts = argument.as_array().map(Vec::as_slice).unwrap_or_default();
        match (function, parts) {
            ("Condition", _) => self.condition(argument.as_str().unwrap_or_default(), names),
            ("Fn::Equals", [left, right]) => {
                Ok(self.resolve_text(left, names)? == self.resolve_text(right, names)?)
            }
            ("Fn::Not", [one]) => Ok(!self.holds(one, names)?),
            ("Fn::And", all) => {
                all.iter().try_fold(true, |so_far, one| Ok(so_far && self.holds(one, names)?))
            }
            ("Fn::Or", any) => {
                any.iter().try_fold(false, |so_far, one| Ok(so_far || self.holds(one, names)?))
            }
            _ => bail!("{function} is not a condition"),
        }
    }
}

/// A mapping of one key that names an intrinsic function.
fn intrinsic(object: &Map<String, Value>) -> Option<(&str, &Value)> {
    let (key, argument) = object.iter().next().filter(|_| object.len() == 1)?;
    let is_intrinsic = key == "Ref" || key == "Condition" || key.starts_with("Fn::");
    is_intrinsic.then_some((key.as_str(), argument))
}

/// AWS's facts about a deployment, for one that does not exist. The account is the one stand-ins agree on.
fn pseudo_parameter(id: &str) -> Option<Value> {
    Some(match id {
        "AWS::Region" => Value::from("us-east-1"),
        "AWS::AccountId" => Value::from("000000000000"),
        "AWS::Partition" => Value::from("aws"),
        "AWS::StackName" => Value::from("falconer-local"),
        "AWS::URLSuffix" => Value::from("amazonaws.com"),
        "AWS::NoValue" => Value::Null,
        _ => return None,
    })
}
