//! The only file that names `azure_identity`: it builds its credentials, and lends them our HTTP transport and our
//! way to run a tool.

use std::{ffi::OsStr, io, process::Output, sync::Arc};

use async_trait::async_trait;
use azure_core::{
    credentials::TokenCredential,
    http::{ClientOptions, ExponentialRetryOptions, RetryOptions},
};
use azure_identity::{
    AzureCliCredential, AzureCliCredentialOptions, AzureDeveloperCliCredential,
    AzureDeveloperCliCredentialOptions, ClientAssertionCredentialOptions, ClientSecretCredential,
    ClientSecretCredentialOptions, Executor, ManagedIdentityCredential,
    ManagedIdentityCredentialOptions, UserAssignedId, WorkloadIdentityCredential,
    WorkloadIdentityCredentialOptions,
};

use super::{
    selection::{ManagedIdentity, Selection},
    tool,
    transport::{Transport, Via},
};
use crate::{Error, ErrorKind, connect::chain};

/// A [`Selection`] that can be built again and again.
pub(super) struct Azure {
    selection: Selection,
    transport: Transport,
}

impl Azure {
    /// Builds the credential once, so that what is wrong with its settings is said now.
    pub(super) fn new(selection: Selection) -> Result<Self, Error> {
        let via = match selection {
            Selection::ManagedIdentity(_) => Via::Direct,
            _ => Via::SystemProxy,
        };
        let azure = Self {
            transport: Transport::new(via)?,
            selection,
        };
        azure.build().map_err(|error| {
            Error::new(
                ErrorKind::NoCredential,
                format!("{} cannot be used: {}", azure.selection, chain(&error)),
            )
            .with_hint("correct the variable that the message names")
        })?;
        Ok(azure)
    }

    pub(super) fn selection(&self) -> &Selection {
        &self.selection
    }

    pub(super) fn last_answer(&self) -> Option<String> {
        self.transport.last_answer()
    }

    pub(super) fn build(&self) -> azure_core::Result<Arc<dyn TokenCredential>> {
        self.transport.forget();
        Ok(match &self.selection {
            Selection::WorkloadIdentity {
                tenant_id,
                client_id,
                token_file,
            } => WorkloadIdentityCredential::new(Some(WorkloadIdentityCredentialOptions {
                credential_options: ClientAssertionCredentialOptions {
                    client_options: self.client_options(),
                },
                tenant_id: Some(tenant_id.clone()),
                client_id: Some(client_id.clone()),
                token_file_path: Some(token_file.clone()),
            }))?,
            Selection::ClientSecret {
                tenant_id,
                client_id,
            } => ClientSecretCredential::new(
                tenant_id,
                client_id.clone(),
                std::env::var("AZURE_CLIENT_SECRET")
                    .unwrap_or_default()
                    .into(),
                Some(ClientSecretCredentialOptions {
                    client_options: self.client_options(),
                }),
            )?,
            Selection::ManagedIdentity(identity) => {
                ManagedIdentityCredential::new(Some(ManagedIdentityCredentialOptions {
                    user_assigned_id: user_assigned(identity),
                    client_options: self.client_options(),
                }))?
            }
            Selection::AzureCli => AzureCliCredential::new(Some(AzureCliCredentialOptions {
                executor: Some(Arc::new(Tool)),
                ..AzureCliCredentialOptions::default()
            }))?,
            Selection::AzureDeveloperCli => {
                AzureDeveloperCliCredential::new(Some(AzureDeveloperCliCredentialOptions {
                    executor: Some(Arc::new(Tool)),
                    ..AzureDeveloperCliCredentialOptions::default()
                }))?
            }
        })
    }

    /// Few retries within one request: the cache spaces the requests, and must be able to say soon what went wrong.
    /// (The credential for virtual machines overrides this with its own, up to 72 s.)
    fn client_options(&self) -> ClientOptions {
        ClientOptions {
            transport: Some(self.transport.lend()),
            retry: RetryOptions::exponential(ExponentialRetryOptions {
                max_retries: 2,
                max_total_elapsed: azure_core::time::Duration::seconds(5),
                ..ExponentialRetryOptions::default()
            }),
            ..ClientOptions::default()
        }
    }
}

#[derive(Debug)]
struct Tool;

#[async_trait]
impl Executor for Tool {
    async fn run(&self, program: &OsStr, arguments: &[&OsStr]) -> io::Result<Output> {
        tool::run(program, arguments).await
    }
}

fn user_assigned(identity: &ManagedIdentity) -> Option<UserAssignedId> {
    match identity {
        ManagedIdentity::SystemAssigned => None,
        ManagedIdentity::ClientId(id) => Some(UserAssignedId::ClientId(id.clone())),
        ManagedIdentity::ObjectId(id) => Some(UserAssignedId::ObjectId(id.clone())),
        ManagedIdentity::ResourceId(id) => Some(UserAssignedId::ResourceId(id.clone())),
    }
}
