//! Compiles `proto/fulcio.proto` to Rust, and all of `proto` to the descriptors that reflection serves. Needs no protoc.

use std::error::Error;
use std::path::Path;

const ANSWERS: [&str; 7] = [
    "SigningCertificate",
    "SigningCertificateDetachedSCT",
    "SigningCertificateEmbeddedSCT",
    "TrustBundle",
    "CertificateChain",
    "Configuration",
    "OIDCIssuer",
];

/// The JSON mapping of a message.
const JSON: &str = "#[derive(serde::Serialize)] #[serde(rename_all = \"camelCase\")]";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler.include_source_info(true).include_imports(true).open_file("fulcio.proto")?;
    let service = compiler.file_descriptor_set();
    // For reflection alone: the code has its own message of it.
    compiler.open_file("google/rpc/error_details.proto")?;
    let descriptors = Path::new(&std::env::var("OUT_DIR")?).join("fulcio.bin");
    std::fs::write(descriptors, compiler.encode_file_descriptor_set())?;
    // The answers are the messages of REST v2, too, in their JSON mapping.
    let mut builder = tonic_prost_build::configure().build_client(false).build_transport(false);
    for answer in ANSWERS {
        builder = builder.type_attribute(answer, JSON);
    }
    for oneof in ["SigningCertificate.certificate", "OIDCIssuer.issuer"] {
        builder = builder.type_attribute(oneof, JSON).field_attribute(oneof, "#[serde(flatten)]");
    }
    let base64 = "#[serde(serialize_with = \"crate::api::proto_json::serialize_bytes\")]";
    builder = builder.field_attribute("SigningCertificateDetachedSCT.signed_certificate_timestamp", base64);
    builder.compile_fds(service)?;
    Ok(())
}
