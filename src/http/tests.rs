use super::*;

#[test]
fn only_this_machine_and_its_identity_service_are_near() {
    for (url, near) in [
        ("http://169.254.169.254/metadata", true),
        ("http://[fd00:ec2::254]/latest", true),
        ("http://127.0.0.1:41291/msi/token", true),
        ("http://localhost:12356/msi/token", true),
        ("http://[fe80::1]/", true),
        ("http://[fd00:ec2::253]/", false),
        ("http://169.254.169.254.example.com/", false),
        ("http://10.0.0.1/", false),
        ("http://v1.vault.azure.net/", false),
    ] {
        assert_eq!(is_near(&Url::parse(url).unwrap()), near, "{url}");
    }
}

#[test]
fn loopback_in_every_form_and_nothing_else() {
    for (url, expected) in [
        ("http://127.0.0.1:80/", true),
        ("http://127.9.9.9/", true),
        ("http://[::1]/", true),
        ("http://localhost/", true),
        ("http://localhost.example.com/", false),
        ("http://10.0.0.1/", false),
        ("http://127.0.0.1.example.com/", false),
    ] {
        assert_eq!(is_loopback(&Url::parse(url).unwrap()), expected, "{url}");
    }
}
