use super::AzureCredential;

fn found(set: &[(&str, &str)]) -> AzureCredential {
    let set: Vec<(String, String)> = set.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    AzureCredential::from_environment(move |name| {
        set.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone())
    })
}

const TENANT: (&str, &str) = ("AZURE_TENANT_ID", "t");
const CLIENT: (&str, &str) = ("AZURE_CLIENT_ID", "c");
const SECRET: (&str, &str) = ("AZURE_CLIENT_SECRET", "s3cret");
const FILE: (&str, &str) = ("AZURE_FEDERATED_TOKEN_FILE", "/f");

#[test]
fn the_usual_variables_mean_what_they_mean_to_the_official_libraries() {
    assert!(matches!(found(&[TENANT, CLIENT, SECRET, FILE]), AzureCredential::ClientSecret { .. }));
    assert!(matches!(found(&[TENANT, CLIENT, FILE]), AzureCredential::WorkloadIdentity { .. }));
    assert!(matches!(found(&[CLIENT]), AzureCredential::Machine { client: Some(_) }));
    assert!(matches!(found(&[("AZURE_CLIENT_SECRET", "")]), AzureCredential::Machine { client: None }));
    assert!(!format!("{:?}", found(&[TENANT, CLIENT, SECRET])).contains("s3cret"));
}

#[test]
fn half_of_a_credential_is_no_reason_to_take_another() {
    for set in [&[SECRET][..], &[FILE, CLIENT], &[("AZURE_CLIENT_CERTIFICATE_PATH", "/c.pem"), TENANT, CLIENT]] {
        let credential = found(set);
        assert!(matches!(credential, AzureCredential::Unusable(_)), "{credential:?}");
    }
}
