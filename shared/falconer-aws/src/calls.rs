//! The SDK's work for each call to DynamoDB, less what comes out the same every time. A verification makes three calls, so
//! this is a tenth of its instructions (`docs/performance.md`).

use std::sync::{Mutex, PoisonError};

use aws_runtime::request_info::RequestInfoInterceptor;
use aws_runtime::user_agent::UserAgentInterceptor;
use aws_sdk_dynamodb::config::endpoint::{
    DefaultResolver, Endpoint, EndpointFuture, Params, ResolveEndpoint,
};
use aws_sdk_dynamodb::config::{Builder, ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
};
use aws_smithy_runtime_api::client::interceptors::{disable_interceptor, dyn_dispatch_hint};

/// The caller's name in AWS's own logs. It is the same for every call, and the SDK puts its own together anew for each.
const USER_AGENT: &str = concat!("falconer/", env!("CARGO_PKG_VERSION"), " aws-sdk-rust");
/// Endpoints kept: one for each table, since the SDK asks by table.
const MAX_ENDPOINTS: usize = 8;

/// Puts both savings into a client's configuration.
pub(crate) fn spared(config: Builder) -> Builder {
    config.interceptor(SparedHeaders).endpoint_resolver(KnownEndpoints::default())
}

/// Headers that DynamoDB does not read: the SDK's long name, and the number of the attempt with its time to live.
#[derive(Debug)]
struct SparedHeaders;

#[dyn_dispatch_hint]
impl Intercept for SparedHeaders {
    fn name(&self) -> &'static str {
        "SparedHeaders"
    }

    fn read_before_execution(
        &self,
        _context: &BeforeSerializationInterceptorContextRef<'_>,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let why = "the header is the same for every call, or nobody reads it";
        config.interceptor_state().store_put(disable_interceptor::<UserAgentInterceptor>(why));
        config.interceptor_state().store_put(disable_interceptor::<RequestInfoInterceptor>(why));
        Ok(())
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        context.request_mut().headers_mut().insert("user-agent", USER_AGENT);
        Ok(())
    }
}

/// Endpoints that the SDK's rules have found. The SDK keeps the last one alone, and the tables of a verification take turns.
#[derive(Debug, Default)]
struct KnownEndpoints {
    rules: DefaultResolver,
    known: Mutex<Vec<(Params, Endpoint)>>,
}

impl ResolveEndpoint for KnownEndpoints {
    fn resolve_endpoint<'a>(&'a self, asked: &'a Params) -> EndpointFuture<'a> {
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, endpoint)) = known().iter().find(|(params, _)| params == asked) {
            return EndpointFuture::ready(Ok(endpoint.clone()));
        }
        EndpointFuture::new(async move {
            let endpoint = ResolveEndpoint::resolve_endpoint(&self.rules, asked).await?;
            let mut known = known();
            if known.len() < MAX_ENDPOINTS {
                known.push((asked.clone(), endpoint.clone()));
            }
            Ok(endpoint)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_table(name: &str, endpoint: Option<&str>) -> Params {
        let params = Params::builder().region("eu-central-1".to_owned()).resource_arn(name.to_owned());
        params.set_endpoint(endpoint.map(str::to_owned)).build().unwrap()
    }

    #[tokio::test]
    async fn endpoints_are_those_of_the_rules() {
        let (known, rules) = (KnownEndpoints::default(), DefaultResolver::new());
        // Twice as many tables as are kept, and each asked for twice.
        for table in (0..2 * MAX_ENDPOINTS).flat_map(|table| [table, table]) {
            let endpoint = (table % 2 == 0).then_some("http://127.0.0.1:8000");
            let params = of_table(&format!("table-{table}"), endpoint);
            let expected = ResolveEndpoint::resolve_endpoint(&rules, &params).await.unwrap();
            assert_eq!(known.resolve_endpoint(&params).await.unwrap(), expected);
        }
        assert_eq!(known.known.lock().unwrap().len(), MAX_ENDPOINTS);
    }

    #[tokio::test]
    async fn refused_parameters_stay_refused() {
        let known = KnownEndpoints::default();
        let nowhere = Params::builder().build().unwrap();
        for _ in 0..2 {
            assert!(known.resolve_endpoint(&nowhere).await.is_err());
        }
    }
}
