//! What the variables of the `vault` command mean here.

use super::*;
use crate::config::{Config, Sources, layers::Layer, resolve, show, table::VAULT};
use std::{fs::Permissions, os::unix::fs::PermissionsExt};

fn sources<const N: usize>(variables: [(&str, &str); N]) -> Sources {
    Sources {
        flags: Layer::new(),
        environment: variables.into(),
        default_file: "/nonexistent/config.toml".into(),
    }
}

fn config<const N: usize>(variables: [(&str, &str); N]) -> Result<VaultConfig> {
    let sources = sources(variables);
    VaultConfig::from_settings(&resolve(VAULT, &sources)?, &sources.environment)
}

#[test]
fn without_any_variable_it_is_the_address_of_the_vault_command_and_the_documented_store() {
    let vault = config([]).unwrap();
    assert_eq!(
        (vault.addr.as_str(), vault.auth),
        ("https://127.0.0.1:8200", Auth::Token(None))
    );
    assert!(!vault.skip_verify && vault.findings.is_empty());
    let common = Config::from_settings(&resolve(VAULT, &sources([])).unwrap()).unwrap();
    assert_eq!(common.store.as_deref(), Some("s3://platform-vault-backups/raft"));
    let keep = common.keep;
    assert_eq!((keep.last, keep.hourly), (Some(6), Some(48)));
    assert_eq!((keep.daily, keep.monthly), (Some(30), Some(12)));
    assert_eq!((keep.days, keep.weekly), (None, None));
}

#[test]
fn one_keep_rule_that_is_given_replaces_all_defaults() {
    let settings = resolve(VAULT, &sources([("BACKUP_KEEP_LAST", "5")])).unwrap();
    let keep = Config::from_settings(&settings).unwrap().keep;
    assert_eq!(
        (keep.last, keep.hourly, keep.daily, keep.monthly),
        (Some(5), None, None, None)
    );
}

#[test]
fn a_token_may_stand_in_a_file_and_its_line_end_is_not_part_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    for ends in ["", "\n", "\r\n", "\n\n", "\r\n\r\n"] {
        std::fs::write(&file, format!("hvs.geheim{ends}")).unwrap();
        std::fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        let vault = config([("VAULT_TOKEN_FILE", file.to_str().unwrap())]).unwrap();
        let Auth::Token(Some(token)) = vault.auth else {
            panic!("no token")
        };
        assert_eq!(token.expose(), "hvs.geheim");
    }
    let error = config([("VAULT_TOKEN", "hvs.geheim"), ("VAULT_TOKEN_FILE", "/x")]).unwrap_err();
    assert_eq!(error.chain(), "VAULT_TOKEN and VAULT_TOKEN_FILE are both set");
}

#[test]
fn what_cannot_be_a_token_is_refused_without_showing_it() {
    for wrong in [
        "hvs.geheim\n",
        "hvs.geheim\r",
        " hvs.geheim",
        "Token: geheim",
        "\u{feff}hvs.geheim",
        "geheim\u{7f}",
        "geh\u{e9}im",
    ] {
        let error = config([("VAULT_TOKEN", wrong)]).unwrap_err();
        assert_eq!((error.kind(), error.hints().len()), (ErrorKind::Config, 1), "{wrong:?}");
        assert!(!format!("{error:?}").contains("geh"), "{error:?}");
    }
}

#[test]
fn no_form_of_the_configuration_shows_the_token() {
    let sources = sources([("VAULT_TOKEN", "hvs.geheim")]);
    let settings = resolve(VAULT, &sources).unwrap();
    let vault = VaultConfig::from_settings(&settings, &sources.environment).unwrap();
    let shown = format!(
        "{}{}{settings:?}{vault:?}{sources:?}",
        show::text(&settings),
        show::json(&settings)
    );
    assert!(!shown.contains("geheim"), "{shown}");
    assert_eq!(show::json(&settings)["vault.token"]["from"], "environment VAULT_TOKEN");
}

#[test]
fn a_login_and_its_role_go_together() {
    let Auth::Kubernetes { mount, role, jwt_file } =
        config([("BACKUP_VAULT_AUTH", "kubernetes"), ("BACKUP_VAULT_ROLE", "snapshots")])
            .unwrap()
            .auth
    else {
        panic!("no login")
    };
    assert_eq!((mount.as_str(), role.as_str()), ("kubernetes", "snapshots"));
    assert_eq!(
        jwt_file.to_str(),
        Some("/var/run/secrets/kubernetes.io/serviceaccount/token")
    );
    for half in [("BACKUP_VAULT_AUTH", "kubernetes"), ("BACKUP_VAULT_ROLE", "snapshots")] {
        let error = config([half]).unwrap_err();
        assert_eq!((error.kind(), error.hints().len()), (ErrorKind::Config, 1), "{half:?}");
    }
}

#[test]
fn the_claim_is_read_without_its_line_end_and_a_missing_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jwt");
    std::fs::write(&file, "eyJ.geheim\n").unwrap();
    assert_eq!(claim(&file).unwrap().expose(), "eyJ.geheim");
    let error = claim(&folder.path().join("none")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("none does not exist"), "{error}");
}

/// The files and the name for TLS, and whether any certificate will do.
type Tls = [Option<String>; 4];

fn tls<const N: usize>(variables: [(&str, &str); N]) -> (Tls, bool) {
    let vault = config(variables).unwrap();
    let text = |path: Option<PathBuf>| path.map(|path| path.to_str().unwrap().to_owned());
    let files = [vault.cacert, vault.client_cert, vault.client_key].map(text);
    let [cacert, cert, key] = files;
    ([cacert, cert, key, vault.tls_server_name], vault.skip_verify)
}

#[test]
fn each_variable_for_tls_arrives_in_its_own_field_and_in_no_other() {
    let variables = [
        ("VAULT_CACERT", "/tls/ca.pem"),
        ("VAULT_CLIENT_CERT", "/tls/client.pem"),
        ("VAULT_CLIENT_KEY", "/tls/client.key"),
        ("VAULT_TLS_SERVER_NAME", "vault.example.org"),
    ];
    assert_eq!(tls([]), (Tls::default(), false));
    for (place, variable) in variables.into_iter().enumerate() {
        let mut alone = Tls::default();
        alone[place] = Some(variable.1.to_owned());
        assert_eq!(tls([variable]), (alone, false), "{}", variable.0);
    }
    assert_eq!(tls([("VAULT_SKIP_VERIFY", "true")]), (Tls::default(), true));
    let [cacert, cert, key, name] = variables;
    let all = variables.map(|(_, value)| Some(value.to_owned()));
    assert_eq!(tls([cacert, cert, key, name, ("VAULT_SKIP_VERIFY", "1")]), (all, true));
}

#[test]
fn trust_in_any_server_is_a_warning_and_a_namespace_is_said_not_to_be_sent() {
    let vault = config([("VAULT_SKIP_VERIFY", "1"), ("VAULT_NAMESPACE", "team")]).unwrap();
    assert!(vault.skip_verify);
    let told: Vec<_> = vault
        .findings
        .iter()
        .map(|finding| (finding.severity, finding.subject.as_str()))
        .collect();
    assert_eq!(told, [(Severity::Warning, "TLS"), (Severity::Note, "VAULT_NAMESPACE")]);
}

#[test]
fn variables_that_lead_the_vault_command_elsewhere_are_refused_by_name() {
    for refused in REFUSED_VAULT {
        let name = refused.name;
        let error = config([(name, "x")]).unwrap_err();
        assert_eq!((error.kind(), error.hints().len()), (ErrorKind::Config, 1), "{name}");
        assert!(error.to_string().contains(name), "{error:?}");
        for harmless in refused.harmless {
            config([(name, harmless)]).unwrap();
        }
    }
    for name in [
        "VAULT_CAPATH",
        "VAULT_AGENT_ADDR",
        "VAULT_PROXY_ADDR",
        "VAULT_HTTP_PROXY",
        "VAULT_WRAP_TTL",
    ] {
        assert!(REFUSED_VAULT.iter().any(|refused| refused.name == name), "{name}");
    }
}
