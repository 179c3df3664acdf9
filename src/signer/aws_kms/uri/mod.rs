//! Owns how a key in AWS KMS is named: by sigstore (`awskms://[ENDPOINT]/KEY`) and by Tink (`aws-kms://ARN`).
//!
//! Refuses to know whether there is such a key.

use url::Url;

use crate::http::is_plain;
use crate::signer::backend::KeyUri;

const FORMS: &str = "awskms:///arn:aws:kms:REGION:ACCOUNT:key/ID, awskms:///ID, awskms:///alias/NAME, or awskms://HOST[:PORT]/ and one of these";
/// The longest id that KMS takes (`KeyIdType`), in bytes.
const LONGEST_ID: usize = 2048;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeyName {
    /// Where KMS is, if the name says so. Always https.
    pub(super) endpoint: Option<Url>,
    /// What KMS calls the key: an ARN, an id or an alias.
    pub(super) id: String,
    /// The region that an ARN names.
    pub(super) region: Option<String>,
}

impl KeyUri for KeyName {
    const FORM: &'static str = FORMS;

    fn parse(name: &str) -> Result<Self, &'static str> {
        let (host, id) = if let Some(arn) = name.strip_prefix("aws-kms://") {
            ("", arn)
        } else {
            let rest = name.strip_prefix("awskms://").ok_or("it does not begin with awskms://")?;
            rest.split_once('/').ok_or("there is no slash before the key")?
        };
        let endpoint = match host {
            "" => None,
            host => Some(endpoint(host).ok_or("what stands before the key is not a host")?),
        };
        let region = if id.starts_with("arn:") {
            Some(region_of(id).ok_or("its ARN is not one of a KMS key or alias")?)
        } else if is_key_id(id) || is_alias(id) {
            None
        } else {
            return Err("it has neither an ARN, nor a key's id, nor alias/ and a name");
        };
        if id.len() > LONGEST_ID {
            return Err("it is too long");
        }
        Ok(Self { endpoint, id: id.to_owned(), region })
    }
}

/// `HOST[:PORT]` and nothing else: user names, queries and fragments would go unnoticed into the URL.
fn endpoint(host: &str) -> Option<Url> {
    let url = Url::parse(&format!("https://{host}")).ok()?;
    (is_plain(&url) && url.path() == "/" && url.host().is_some()).then_some(url)
}

/// `arn:PARTITION:kms:REGION:ACCOUNT:key/ID` or `..:alias/NAME`.
fn region_of(arn: &str) -> Option<String> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let &["arn", partition, "kms", region, account, resource] = parts.as_slice() else { return None };
    let word = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    let fits = partition.starts_with("aws")
        && word(partition)
        && word(region)
        && account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && (resource.strip_prefix("key/").is_some_and(is_key_id) || is_alias(resource));
    fits.then(|| region.to_owned())
}

/// A UUID, or `mrk-` and 32 hexadecimal digits for a key of several regions.
fn is_key_id(id: &str) -> bool {
    let digits = id.strip_prefix("mrk-").unwrap_or(id);
    let hexadecimal = digits.bytes().filter(|byte| *byte != b'-').all(|byte| byte.is_ascii_hexdigit());
    hexadecimal && digits.bytes().filter(|byte| *byte != b'-').count() == 32
}

fn is_alias(id: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-');
    id.strip_prefix("alias/").is_some_and(|name| !name.is_empty() && name.bytes().all(allowed))
}

#[cfg(test)]
mod tests;
