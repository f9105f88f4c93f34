//! What to do about a refusal that names its reason: Entra's numbers, and what `az` and `azd` say. The cure fits where the
//! program runs: a person can log in again, a pipeline's job cannot answer a question.
//!
//! The numbers: <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>

use super::{token_response, tool_output};
use crate::environment::Environment;

/// Who gets the cure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// An application that requests its tokens itself.
    Application,
    /// `az` or `azd`, where a person can use it.
    Person,
    /// `az` or `azd` in the job of a pipeline.
    Pipeline,
}

impl Place {
    pub(super) fn of_tool(environment: &Environment) -> Self {
        let pipelines = [
            "CI",
            "GITHUB_ACTIONS",
            "TF_BUILD",
            "GITLAB_CI",
            "JENKINS_URL",
        ];
        match environment.first(&pipelines) {
            Some(value) if !value.eq_ignore_ascii_case("false") => Self::Pipeline,
            _ => Self::Person,
        }
    }
}

/// For an application, a person, a pipeline. The empty text means the credential's own hint.
type Cures = [&'static str; 3];

const SECOND_FACTOR: Cures = [
    "a policy of the tenant applies to this application: ask the tenant's administrator",
    "Entra requires another proof, such as a second factor: run LOGIN again, for the tenant in AZURE_TENANT_ID",
    "a pipeline cannot answer for a person: log in as a service principal or by a federated identity",
];
const BLOCKED: Cures = [
    "a Conditional Access policy blocks this login, often by network or device: ask the tenant's administrator",
    "a Conditional Access policy blocks this login, often by network or device: use a network and device that it allows",
    "a Conditional Access policy blocks this login, often by network: ask the tenant's administrator, or use a runner that it allows",
];
const LOGIN_EXPIRED: Cures = [
    "",
    "the login has expired or was revoked: run LOGIN again",
    "the login has expired or was revoked: log in again in this job, as a service principal or by a federated identity",
];
const PROOF_EXPIRED: Cures = [
    "the proof of identity is out of its dates: set this machine's clock; the platform must renew the file in \
     AZURE_FEDERATED_TOKEN_FILE",
    "the proof that TOOL logged in with has expired: run LOGIN again",
    "the proof that TOOL logged in with lives for minutes: log in again right before this step, or let entra-pg fetch one for each \
     request (GitHub: AZURE_TENANT_ID, AZURE_CLIENT_ID and id-token: write; Azure Pipelines: SYSTEM_ACCESSTOKEN)",
];
const TENANT: Cures = [
    "check AZURE_TENANT_ID, and AZURE_AUTHORITY_HOST if the tenant is in another cloud than the server",
    "set AZURE_TENANT_ID to the server's tenant and run LOGIN for it; the tool's cloud must be the server's (az cloud set)",
    "set AZURE_TENANT_ID to the server's tenant and log in to it; the tool's cloud must be the server's (az cloud set)",
];
const APPLICATION: Cures = [
    "check AZURE_CLIENT_ID, which is the application's (client) id and not its object id, and AZURE_TENANT_ID",
    TENANT[1],
    TENANT[2],
];
const SECRET: Cures = [
    "AZURE_CLIENT_SECRET must be the value of a secret of this application, not the secret's id",
    "run LOGIN again, with a valid secret",
    "log in again in this job, with a valid secret",
];
const SECRET_EXPIRED: Cures = [
    "the secret has expired: make another (az ad app credential reset --append --id CLIENT_ID) and set AZURE_CLIENT_SECRET",
    "the secret that TOOL logged in with has expired: make another, and run LOGIN again",
    "the secret that TOOL logged in with has expired: make another for this pipeline, or use a federated identity",
];
const FEDERATION: Cures = [
    "give the application a federated credential with exactly the issuer, subject and audience that the message names: \
     az ad app federated-credential list --id CLIENT_ID; a new one works after a minute",
    "give the application a federated credential with exactly the issuer, subject and audience that the message names",
    "give the application a federated credential with exactly the issuer, subject and audience that the message names",
];
const CERTIFICATE: Cures = [
    "the application does not know this certificate: az ad app credential reset --id CLIENT_ID --cert @CERTIFICATE.pem --append",
    "the application does not know the certificate that TOOL logged in with: run LOGIN again with one that it knows",
    "the application does not know the certificate that TOOL logged in with: log in again with one that it knows",
];
const DISABLED: Cures =
    ["the account or application is disabled or locked: ask the tenant's administrator"; 3];
const NOT_LOGGED_IN: Cures = [
    "",
    "run LOGIN",
    "log in in this job first (azure/login, or the task AzureCLI with a service connection), or let entra-pg log in: set the variables \
     of a credential",
];
const NO_TENANT_OPTION: Cures = [
    "",
    "TOOL is logged in as a managed identity, which has one tenant: unset AZURE_TENANT_ID",
    "TOOL is logged in as a managed identity, which has one tenant: unset AZURE_TENANT_ID",
];
const NOT_INSTALLED: Cures = [
    "",
    "install TOOL, or add its folder to PATH",
    "install TOOL in this job's image",
];
const FOLDER: Cures = [
    "",
    "TOOL cannot write its folder: set AZURE_CONFIG_DIR (AZD_CONFIG_DIR of azd) to a folder that this user can write",
    "TOOL cannot write its folder: set AZURE_CONFIG_DIR (AZD_CONFIG_DIR of azd) to a folder that this user can write",
];
const ODD_OUTPUT: Cures = [
    "",
    "run TOOL by hand, look at what it prints, and update it: az account get-access-token, or azd auth token, with --output json",
    "run TOOL in a separate step, look at what it prints, and update it; never print a token to a log",
];
const ODD_RESPONSE: Cures =
    ["the endpoint must give expires_on or expires_in with a token: ask its operator"; 3];

/// By the number after `AADSTS`.
const NUMBERS: [(&[u32], Cures); 12] = [
    (
        &[
            16000, 50005, 50072, 50074, 50076, 50079, 50097, 50158, 53000, 53001, 53004, 65001,
            500_121,
        ],
        SECOND_FACTOR,
    ),
    (
        &[53002, 53003, 53011, 530_032, 530_033, 530_034, 530_035],
        BLOCKED,
    ),
    (
        &[
            50078, 50089, 50132, 50133, 50173, 54005, 70008, 70043, 70044, 700_003, 700_081,
            700_082, 700_084,
        ],
        LOGIN_EXPIRED,
    ),
    (&[700_024], PROOF_EXPIRED),
    (
        &[
            50020, 50034, 51004, 90002, 90038, 90051, 90072, 500_011, 500_014, 650_052, 650_057,
            900_021, 900_023, 900_382, 900_432, 900_439,
        ],
        TENANT,
    ),
    (&[70001, 700_016, 7_000_229], APPLICATION),
    (&[7_000_215, 7_000_218], SECRET),
    (&[7_000_222], SECRET_EXPIRED),
    (
        &[70021, 70025, 700_211, 700_212, 700_213, 700_223, 700_238],
        FEDERATION,
    ),
    (&[50012, 700_023, 700_027, 700_030, 7_000_214], CERTIFICATE),
    (&[50053, 50055, 50057, 50105, 7_000_112], DISABLED),
    (&[50126], LOGIN_EXPIRED),
];

/// By words that are not Entra's. What the message of a tool says about another tool's login comes last.
const WORDS: [(&str, Cures); 14] = [
    (token_response::WITHOUT_EXPIRY, ODD_RESPONSE),
    (tool_output::NO_TOKEN, ODD_OUTPUT),
    (tool_output::WITHOUT_EXPIRY, ODD_OUTPUT),
    (tool_output::TOO_MUCH, ODD_OUTPUT),
    ("Tenant shouldn't be specified", NO_TENANT_OPTION),
    ("not found on PATH", NOT_INSTALLED),
    ("Errno 13", FOLDER),
    ("Errno 30", FOLDER),
    ("interaction_required", SECOND_FACTOR),
    ("Interactive authentication is needed", SECOND_FACTOR),
    ("az login", NOT_LOGGED_IN),
    ("azd auth login", NOT_LOGGED_IN),
    ("not logged in", NOT_LOGGED_IN),
    ("No subscription found", NOT_LOGGED_IN),
];

/// The cure for what a message says; `None` if it says nothing that is known. `tool` is the one that requests the tokens.
pub(super) fn find(message: &str, place: Place, tool: &str) -> Option<String> {
    let by_number = |number: u32| {
        NUMBERS
            .iter()
            .find(|(numbers, _)| numbers.contains(&number))
    };
    let cures = numbers(message)
        .find_map(by_number)
        .map(|(_, cures)| cures)
        .or_else(|| Some(&WORDS.iter().find(|(words, _)| message.contains(words))?.1))?;
    let cure = match place {
        Place::Application => cures[0],
        Place::Person => cures[1],
        Place::Pipeline => cures[2],
    };
    let login = if tool == "azd" {
        "azd auth login"
    } else {
        "az login"
    };
    let cure = cure.replace("LOGIN", login).replace("TOOL", tool);
    (!cure.is_empty()).then_some(cure)
}

/// `AADSTS700024` and the like, in the order of the message.
fn numbers(message: &str) -> impl Iterator<Item = u32> {
    message.split("AADSTS").skip(1).filter_map(|rest| {
        let end = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        rest[..end].parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(
        "AADSTS50076: Due to a configuration change",
        "administrator",
        "second factor: run az login again",
        "cannot answer for a person"
    )]
    #[case(
        "AADSTS70043: The refresh token has expired",
        "",
        "run az login again",
        "log in again in this job"
    )]
    #[case(
        "AADSTS50173: The provided grant has expired",
        "",
        "run az login again",
        "log in again in this job"
    )]
    #[case(
        "AADSTS700024: Client assertion is not within",
        "AZURE_FEDERATED_TOKEN_FILE",
        "run az login again",
        "id-token: write"
    )]
    #[case(
        "AADSTS90002: Tenant 'x' not found",
        "AZURE_TENANT_ID",
        "az cloud set",
        "az cloud set"
    )]
    #[case(
        "AADSTS700016: Application with identifier",
        "AZURE_CLIENT_ID",
        "run az login for it",
        "log in to it"
    )]
    #[case(
        "AADSTS7000215: Invalid client secret",
        "not the secret's id",
        "valid secret",
        "valid secret"
    )]
    #[case(
        "AADSTS7000222: The provided client secret keys",
        "has expired",
        "has expired",
        "federated identity"
    )]
    #[case(
        "AADSTS70021: No matching federated",
        "federated credential",
        "federated credential",
        "federated credential"
    )]
    #[case("AADSTS700213: No matching federated", "subject", "subject", "subject")]
    #[case(
        "AADSTS700027: The certificate",
        "--cert @CERTIFICATE.pem",
        "run az login again",
        "log in again"
    )]
    #[case(
        "AADSTS53003: Access has been blocked",
        "Conditional Access",
        "device that it allows",
        "runner that it allows"
    )]
    #[case(
        "AADSTS500011: The resource principal",
        "AZURE_AUTHORITY_HOST",
        "az cloud set",
        "az cloud set"
    )]
    #[case(
        "ERROR: Please run 'az login' to setup account.",
        "",
        "run az login",
        "azure/login"
    )]
    #[case(
        "ERROR: Tenant shouldn't be specified for managed identity account",
        "",
        "unset AZURE_TENANT_ID",
        "unset AZURE_TENANT_ID"
    )]
    #[case(
        "the response holds a token, but not when it expires",
        "expires_on",
        "expires_on",
        "expires_on"
    )]
    #[case("az printed no token", "", "run az by hand", "never print a token")]
    #[case(
        "AADSTS123456: Something new. Run az login",
        "",
        "run az login",
        "azure/login"
    )]
    #[case("something new", "", "", "")]
    fn a_cure_fits_where_the_program_runs(
        #[case] message: &str,
        #[case] application: &str,
        #[case] person: &str,
        #[case] pipeline: &str,
    ) {
        for (place, expected) in [
            (Place::Application, application),
            (Place::Person, person),
            (Place::Pipeline, pipeline),
        ] {
            let cure = find(message, place, "az");
            match expected {
                "" => assert_eq!(cure, None, "{place:?}"),
                expected => {
                    let cure = cure.expect("a cure");
                    assert!(cure.contains(expected), "{place:?}: {cure}");
                    assert!(!cure.contains("TOOL") && !cure.contains("LOGIN"), "{cure}");
                    assert!(!cure.contains("another service"), "{cure}");
                }
            }
        }
    }

    #[test]
    fn azd_has_a_login_of_its_own() {
        let cure = find("AADSTS70043: expired", Place::Person, "azd").expect("a cure");
        assert!(cure.ends_with("run azd auth login again"), "{cure}");
    }

    #[test]
    fn no_number_has_two_cures() {
        let mut all: Vec<_> = NUMBERS.iter().flat_map(|(numbers, _)| *numbers).collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[rstest]
    #[case(&[], Place::Person)]
    #[case(&[("CI", "true")], Place::Pipeline)]
    #[case(&[("CI", "false")], Place::Person)]
    #[case(&[("TF_BUILD", "True")], Place::Pipeline)]
    fn a_pipeline_is_known_by_its_variables(
        #[case] variables: &[(&str, &str)],
        #[case] expected: Place,
    ) {
        let environment = Environment::from_pairs(variables.iter().copied());
        assert_eq!(Place::of_tool(&environment), expected);
    }
}
