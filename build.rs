//! Compiles `proto/fulcio.proto` to Rust, and all of `proto` to the descriptors that reflection serves. Needs no protoc.

use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler.include_source_info(true).include_imports(true).open_file("fulcio.proto")?;
    let service = compiler.file_descriptor_set();
    // For reflection alone: the code has its own message of it.
    compiler.open_file("google/rpc/error_details.proto")?;
    let descriptors = Path::new(&std::env::var("OUT_DIR")?).join("fulcio.bin");
    std::fs::write(descriptors, compiler.encode_file_descriptor_set())?;
    tonic_prost_build::configure().build_client(false).build_transport(false).compile_fds(service)?;
    Ok(())
}
