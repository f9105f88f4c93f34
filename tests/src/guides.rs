//! Compiles the guides' snippets: each page is the documentation of something here, so that rustdoc takes its code for
//! doctests.

macro_rules! pages {
    ($($name:ident: $file:literal,)*) => {
        $(#[cfg(doctest)]
        #[doc = include_str!(concat!("../../docs/guide/", $file))]
        mod $name {})*
    };
}

pages! {
    alternatives: "alternatives.md",
    adapters: "adapters.md",
    app_service: "app-service.md",
    azure_services: "azure-services.md",
    compatibility: "compatibility.md",
    connection_strings: "connection-strings.md",
    container_apps: "container-apps.md",
    credentials: "credentials.md",
    deploying: "deploying.md",
    failover: "failover.md",
    kubernetes: "kubernetes.md",
    contributing: "../../CONTRIBUTING.md",
    local_development: "local-development.md",
    migrations: "migrations.md",
    moving: "moving.md",
    moving_deadpool_postgres: "moving-deadpool-postgres.md",
    moving_diesel: "moving-diesel.md",
    moving_sea_orm: "moving-sea-orm.md",
    other_stacks: "other-stacks.md",
    sea_orm_11: "../../crates/entra-pg-sea-orm-11/README.md",
    sqlx_08: "../../crates/entra-pg-sqlx-08/README.md",
    pgbouncer: "pgbouncer.md",
    pipelines: "pipelines.md",
    roles: "roles.md",
    service_connector: "service-connector.md",
    silent_connections: "silent-connections.md",
    strategies: "strategies.md",
    tls: "tls.md",
    tokens: "tokens.md",
    tools: "tools.md",
    virtual_machines: "virtual-machines.md",
}
