//! The keys of a repository, from where a CA's key may be.

use std::path::PathBuf;

use crate::cli::ca::keys::{KeyPlace, Password, find};
use crate::cli::error::CommandError;
use crate::trust::tuf::{TufKey, TufSigner};

/// The password of key files: keys are never made here.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct PasswordArgs {
    /// The file with the password of key files, without its last line break; or set SIGMINT_CA_PASSWORD
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

/// Opens each key once.
pub(super) async fn open_all(names: &[String], password: &PasswordArgs) -> Result<Vec<TufSigner>, CommandError> {
    let password = Password::of_file_or_variable(password.password_file.as_deref())?;
    let mut opened: Vec<TufSigner> = Vec::new();
    for name in names {
        let found = find(KeyPlace::parse(name)?, &password).await?;
        let key = TufKey::from_spki_der(&found.key.spki_der).map_err(|problem| {
            CommandError::usage(format!("{}: {problem}", found.place))
                .hint("make one: openssl genpkey -algorithm ed25519 -out tuf.key")
        })?;
        opened.push(TufSigner { key, signer: found.key.signer });
    }
    Ok(opened)
}
