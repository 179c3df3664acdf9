#[cfg(feature = "aws-kms")]
mod aws_kms;
#[cfg(feature = "azure")]
mod azure;
#[cfg(feature = "gcp")]
mod gcp_kms;
mod openbao;
mod pkcs11;
mod remote;
mod tink;
mod vault;
